import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.format import Read, Unusable
from surveillance.intake.ndjson import CASES, OUTCOMES
from surveillance.intake.registry import FORMATS
from surveillance.intake.row_counts import RowCounts
from surveillance.log.decode import decode_case

ROOT = Path(__file__).parents[3]
GOOD = (
    b'{"case_id":"A","source":"simulated","version":1,"kind":"initial",'
    b'"received_on":"2020-01-05","events":[{"pt":"Rash"}],'
    b'"products":[{"role":"suspect","product":"P"}]}'
)
OUTCOME = (
    b'{"type":"follow_up","record_id":"r","programme":"CPS1","patient_id":"p",'
    b'"received_on":"2020-01-05","seen_on":"2020-01-04"}'
)

BAD_LINES = {
    "too_long": b'{"case_id":"' + b"x" * 10_000_000 + b'"}',
    "deep": b"[" * 200_000,
    "deep inside": GOOD.replace(b'"A"', b"[" * 100_000 + b"]" * 100_000),
    "NaN": GOOD.replace(b'"version":1', b'"version":NaN'),
    "duplicate_key": GOOD.replace(b'"version":1', b'"version":1,"version":2'),
    "bad_encoding": GOOD.replace(b"Rash", b"R\xff"),
    "raw NUL": GOOD.replace(b"Rash", b"R\x00"),
    "control_character": GOOD.replace(b"Rash", b"R\\u0000"),
    "no such day": GOOD.replace(b"2020-01-05", b"2020-02-30"),
    "unknown field": GOOD.replace(b'"version":1', b'"version":1,"extra":1'),
    "not JSON": b"received_on,pt",
}
CODES = {
    "deep": "wrong_shape",
    "deep inside": "wrong_shape",
    "NaN": "not_json",
    "raw NUL": "not_json",
    "no such day": "wrong_shape",
    "unknown field": "wrong_shape",
    "not JSON": "not_json",
}


def written(folder: Path, content: bytes, name: str = "in.ndjson") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_line_is_passed_on_as_it_came(tmp_path: Path) -> None:
    spaced = GOOD.replace(b":1,", b": 1,")

    reads = list(CASES.read(written(tmp_path, GOOD + b"\r\n" + spaced)))

    day = date(2020, 1, 5)
    places = [f"{written(tmp_path, GOOD).name}:{line}" for line in (1, 2)]
    assert reads == [Read(day, "A", GOOD, places[0]), Read(day, "A", spaced, places[1])]


def test_outcomes_are_keyed_by_programme(tmp_path: Path) -> None:
    spaced = OUTCOME.replace(b'"CPS1"', b'" cps1 "')

    found = list(OUTCOMES.read(written(tmp_path, OUTCOME + b"\n" + spaced)))

    assert [item.key for item in found if isinstance(item, Read)] == ["CPS1", "CPS1"]


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_unusable_with_its_place_and_the_next_is_read(
    name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, BAD_LINES[name] + b"\n" + GOOD + b"\n")
    tally = RowCounts()

    bad, good = list(CASES.read(path, tally=tally))

    assert isinstance(bad, Unusable)
    assert isinstance(good, Read)
    assert bad.place == "in.ndjson:1"
    assert bad.code == CODES.get(name, name)
    assert BAD_LINES[name].startswith(bad.content)
    assert len(bad.content) == min(len(BAD_LINES[name]), 262_144)
    assert ("262,144 bytes are kept" in bad.reason) == (len(BAD_LINES[name]) > 262_144)
    counts = tally.of(str(path))
    assert (counts.n_read, counts.n_emitted, counts.n_refused) == (2, 1, 1)


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, b"\n" + GOOD + b"\n  \r\n\n")
    tally = RowCounts()

    assert len(list(CASES.read(path, tally=tally))) == 1
    assert tally.of(str(path)).n_blank == 3
    assert tally.of(str(path)).n_read == 1


def test_a_byte_order_mark_does_not_cost_the_first_record(tmp_path: Path) -> None:
    (read,) = CASES.read(written(tmp_path, b"\xef\xbb\xbf" + GOOD))

    assert isinstance(read, Read)
    assert read.line == GOOD


def test_a_record_from_ahead_of_any_clock_is_left_to_the_log_to_judge(tmp_path: Path) -> None:
    ahead = GOOD.replace(b"2020-01-05", b"9999-12-31")

    (read,) = CASES.read(written(tmp_path, ahead))

    assert isinstance(read, Read)


def pack_gzip(folder: Path, content: bytes) -> Path:
    return written(folder, gzip.compress(content), "in.ndjson.gz")


def pack_zip(folder: Path, content: bytes) -> Path:
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../in.ndjson", content)
        archive.writestr("readme.txt", b"not read")
    return path


@pytest.mark.parametrize("pack", [written, pack_gzip, pack_zip])
def test_packing_changes_nothing_but_the_place(
    pack: Callable[[Path, bytes], Path], tmp_path: Path
) -> None:
    path = pack(tmp_path, GOOD + b"\nbad\n")

    good, bad = list(CASES.read(path))

    assert isinstance(good, Read)
    assert isinstance(bad, Unusable)
    assert good.line == GOOD
    assert bad.place.endswith(":2")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format_name", ["cases", "outcomes"])
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_is_a_misuse_that_names_it(
    content: bytes, format_name: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)

    with pytest.raises(Misused) as caught:
        list(FORMATS[format_name].read(path))

    assert caught.value.place == str(path)


def test_a_gzip_file_that_is_cut_off_or_is_none_is_a_misuse(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(GOOD + b"%d\n" % index for index in range(1_000)))

    for content in (whole[:-20], b"not gzip at all", whole[:20] + bytes(20) + whole[40:]):
        with pytest.raises(Misused, match="is cut off or damaged"):
            list(CASES.read(written(tmp_path, content, "in.ndjson.gz")))


def test_a_gzip_bomb_is_stopped(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(bytes(100_000_000)), "in.ndjson.gz")

    with pytest.raises(Misused, match="inflates to more than"):
        list(CASES.read(path))


MEASURE = """
import json, sys
from pathlib import Path
from surveillance.intake.ndjson import CASES
found = [item.code for item in CASES.read(Path(sys.argv[1])) if not hasattr(item, "line")]
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(json.dumps([found, int(peak) // 1024]))
"""


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "in.ndjson"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)  # sparse: a line of NULs
        file.seek(0, 2)
        file.write(b"\n" + GOOD + b"\n")

    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, cwd=ROOT
    )

    codes, n_mib = json.loads(measured.stdout)
    assert codes == ["too_long"]
    assert n_mib < 100


def test_the_lines_that_the_docs_show_are_records_of_the_format() -> None:
    page = (Path(__file__).parents[3] / "docs" / "intake.md").read_text("utf-8")
    lines = page.split("```json\n")[1].split("```")[0].encode().splitlines()

    cases = [decode_case(line) for line in lines]

    assert [case.version for case in cases] == [1, 2]
    assert {case.case_id for case in cases} == {"CLINIC-0001"}


def test_a_file_in_utf_16_is_a_misuse_with_the_true_reason(tmp_path: Path) -> None:
    path = tmp_path / "cases.ndjson"
    path.write_bytes('{"case_id": "A"}\n'.encode("utf-16"))

    with pytest.raises(Misused, match="is UTF-16 or UTF-32, not UTF-8"):
        list(CASES.read(path))
