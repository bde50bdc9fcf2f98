"""A clone stands alone: nothing is read on import, and every file from outside is documented."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import public as bench_public
from bench.public import DataMissing, public

ROOT = Path(__file__).parents[1]
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name.startswith("test_")]
BENCHES = [path for path in sorted((ROOT / "bench").rglob("*.py")) if path.name != "__main__.py"]
LITERAL = re.compile(r"\b(?:caers|faers|vaers|reference_sets|openfda|maude|e2b_r3)/[\w./-]+\.\w+\b")

# Imports every file as pytest does, and lists what was opened beside programs and their bytecode.
IMPORTS = """
import importlib.util, json, sys
root, *paths = json.loads(sys.stdin.read())
opened = []
def notice(event, args):
    if event == "open" and isinstance(args[0], str) and args[0].startswith((root, beside)):
        if args[0].startswith(root + "/surveillance/"):  # data of the program are the program
            return
        if not args[0].endswith((".py", ".pyc")) and "__pycache__" not in args[0]:
            opened.append(args[0])
beside = root.rsplit("/", 1)[0] + "/shared"
sys.path[:0] = [root, root + "/tests"]
from pathlib import Path
from _pytest.pathlib import ImportMode, import_path
sys.addaudithook(notice)
for path in paths:
    import_path(
        Path(path), mode=ImportMode.importlib, root=Path(root), consider_namespace_packages=False
    )
print(json.dumps(sorted({each for each in opened if "/.venv/" not in each})))
"""


@pytest.mark.slow
def test_no_test_and_no_bench_reads_a_file_on_import() -> None:
    paths = [str(ROOT), *map(str, TESTS + BENCHES)]

    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS],
        input=json.dumps(paths), capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "LONGWATCH_DATA": str(ROOT.parent / "shared/data")},
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout) == []


def test_every_public_file_that_is_named_in_a_test_or_a_bench_has_a_row_in_the_list() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in (*TESTS, *BENCHES, ROOT / "tests/data.py")
        if path != Path(__file__)
        for name in LITERAL.findall(path.read_text(encoding="utf-8"))
    }

    assert len(named) > 5
    assert {name for _, name in named} <= bench_public.listed().keys()
    assert set(bench_public.VAERS) <= bench_public.listed().keys()


def test_a_file_without_a_row_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError, match=r"faers/unheard\.zip has no row in docs/data\.md"):
        public("faers/unheard.zip")


def test_data_are_looked_for_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "vaers/1990VAERSData.zip"
    monkeypatch.setenv("LONGWATCH_DATA", str(tmp_path))

    with pytest.raises(DataMissing, match=r"no vaers/1990VAERSData\.zip"):
        public(name)

    (tmp_path / "vaers").mkdir()
    (tmp_path / name).write_bytes(b"another year")
    assert public(name) == tmp_path / name
    assert bench_public.state(name) == "differs"
    assert bench_public.state("vaers/1991VAERSData.zip") == "absent"


@pytest.mark.parametrize(("is_ci", "outcome"), [("", "skipped=1"), ("true", "failed=1")])
def test_a_test_without_its_data_is_left_out_by_name_and_fails_in_ci(
    tmp_path: Path, is_ci: str, outcome: str
) -> None:
    wanted = "tests/detectors/disproportionality/test_vigipy.py"
    name = "test_the_margins_count_a_report_once_for_each_of_its_pairs"

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"{wanted}::{name}"],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "LONGWATCH_DATA": str(tmp_path), "CI": is_ci},
    )  # fmt: skip

    what, n = outcome.split("=")
    assert f"{n} {what}" in ran.stdout
    assert f"{what.upper()} {wanted}::{name}" in ran.stdout
    assert "no caers/caers_reports.csv" in ran.stdout
    assert "docs/data.md" in ran.stdout


def test_every_folder_of_reference_numbers_names_what_made_it() -> None:
    folders = [path for path in sorted(bench_public.REFERENCE.iterdir()) if path.is_dir()]
    size = sum(path.stat().st_size for path in bench_public.REFERENCE.rglob("*") if path.is_file())

    assert len(folders) >= 12
    for each in folders:
        text = (each / "README.md").read_text(encoding="utf-8")
        assert len(text) > 150, each
    assert size < 4_000_000
