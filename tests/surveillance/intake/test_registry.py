from pathlib import Path

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.registry import FORMATS, paths


def test_every_format_is_under_its_own_name() -> None:
    assert all(name == each.name for name, each in FORMATS.items())
    assert {"cases", "outcomes", "decisions", "vaers", "faers", "e2b"} <= FORMATS.keys()


def test_a_folder_stands_for_the_files_that_the_format_reads_sorted(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.jsonl.gz", "notes.txt", "c.ZIP"):
        (tmp_path / name).touch()

    found = paths([tmp_path], FORMATS["cases"])

    assert [path.name for path in found] == ["a.jsonl.gz", "b.ndjson", "c.ZIP"]


def test_files_keep_the_order_they_were_named_in_and_come_once(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.ndjson"):
        (tmp_path / name).touch()

    spelled_otherwise = tmp_path / ".." / tmp_path.name / "a.ndjson"
    found = paths([tmp_path / "b.ndjson", tmp_path, spelled_otherwise], FORMATS["cases"])

    assert [path.name for path in found] == ["b.ndjson", "a.ndjson"]


def test_a_folder_of_vaers_parts_is_read_as_a_whole_beside_its_zip_files(tmp_path: Path) -> None:
    for name in ("1999VAERSDATA.csv", "1999VAERSVAX.csv", "1998VAERSData.zip"):
        (tmp_path / name).touch()

    assert paths([tmp_path], FORMATS["vaers"]) == [tmp_path / "1998VAERSData.zip", tmp_path]


def test_nothing_named_nothing_there_and_nothing_inside_are_misuses(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    for names in ([], [tmp_path / "absent"], [tmp_path]):
        with pytest.raises(Misused):
            paths(names, FORMATS["vaers"])
