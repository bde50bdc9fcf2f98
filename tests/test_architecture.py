"""docs/architecture.md names what is there, and nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| `([\w./]+)/` \| (.+) \|$", re.MULTILINE)
MOST_LINES = 110  # one page, with its picture


def _page() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    """Return the text under the heading that begins with a title."""
    sections = [part for part in _page().split("\n## ") if part.startswith(title)]
    assert len(sections) == 1, title
    return sections[0]


def _named(title: str) -> list[str]:
    return [match[1] for match in ROW.finditer(_section(title))]


def _packages(folder: str) -> list[str]:
    return sorted(path.parent.name for path in (ROOT / folder).glob("*/__init__.py"))


def _top_folders() -> list[str]:
    """Return the folders that belong to the repository: a working copy holds others beside them."""
    if not (ROOT / ".git").exists():  # a source archive
        return sorted(path.name for path in ROOT.iterdir() if path.is_dir())
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return sorted({name.split("/")[0] for name in tracked.stdout.split("\0") if "/" in name})


@pytest.mark.parametrize("folder", ["surveillance", "detectors"])
def test_the_page_names_every_package_once(folder: str) -> None:
    assert sorted(_named(f"`{folder}/`")) == _packages(folder)


def test_the_page_names_every_top_folder_of_the_repository_once() -> None:
    assert sorted(_named("The repository")) == _top_folders()


def test_every_folder_has_one_sentence() -> None:
    sentences = {match[1]: match[2] for match in ROW.finditer(_page())}

    assert sentences
    for folder, sentence in sentences.items():
        assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", sentence), folder


def test_the_packages_that_the_imports_pass_are_those_that_there_are() -> None:
    order = _section("`surveillance/`").split("Imports point downwards: ")[1].split(". From")[0]

    assert sorted(re.findall(r"`(\w+)`", order)) == _packages("surveillance")
    assert "`pipeline.py`" in order


def test_the_picture_shows_every_stage() -> None:
    picture = _page().split("```")[1]

    for stage in ("revise", "expose", "watch", "admit", "screen", "triage", "publish"):
        assert stage in picture


def test_the_page_stays_one_page() -> None:
    assert len(_page().splitlines()) <= MOST_LINES
