"""Of two extracts of one year the later one stands, and it is known which one that is."""

from __future__ import annotations

import zipfile
from datetime import date
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.extracts import Extracts, stated_days
from surveillance.intake.format import Read
from surveillance.intake.vaers import Vaers
from surveillance.log.decode import decode_case

from .test_vaers_shapes import Files, one, plain

if TYPE_CHECKING:
    from pathlib import Path

JANUARY, JUNE = plain(), one("DATA", "text,", "text,Y")


def folder(path: Path, files: Files) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def archive(path: Path, files: Files, day: date) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0)), content)
    return path


def days(*paths: Path, stated: tuple[str, ...] = ()) -> list[date | None]:
    """Read extracts as one command does; return the day that each was found to be of."""
    reader = Vaers().with_extracts(Extracts(stated_days(stated)))
    found = []
    for path in paths:
        reads = [item for item in reader.read(path) if isinstance(item, Read)]
        (day,) = {decode_case(item.line).extracted_on for item in reads}
        found.append(day)
    return found


def test_the_day_is_what_is_stated_else_the_name_else_the_archive_else_the_newest_receipt(
    tmp_path: Path,
) -> None:
    day = date(2021, 6, 4)
    plainly = folder(tmp_path / "files", JANUARY)
    zipped = archive(tmp_path / "2021VAERSData.zip", JANUARY, day)
    named = archive(tmp_path / "vaers-2021-07-09.zip", JANUARY, day)

    assert days(plainly) == [date(2021, 1, 3)]
    assert days(zipped) == [day]
    assert days(named) == [date(2021, 7, 9)]
    assert days(named, stated=("2021-08-01",)) == [date(2021, 8, 1)]
    assert days(zipped, named, stated=(f"{zipped}=2021-08-02",)) == [
        date(2021, 8, 2), date(2021, 7, 9),
    ]  # fmt: skip


def test_an_archive_that_claims_to_be_older_than_its_reports_is_not_believed(
    tmp_path: Path,
) -> None:
    assert days(archive(tmp_path / "a.zip", JANUARY, date(2020, 1, 1))) == [date(2021, 1, 3)]
    assert days(archive(tmp_path / "b.zip", JANUARY, date(1980, 1, 1))) == [date(2021, 1, 3)]


def test_two_extracts_that_nothing_tells_apart_are_refused_with_the_way_out(
    tmp_path: Path,
) -> None:
    paths = folder(tmp_path / "a", JANUARY), folder(tmp_path / "b", JUNE)

    for pair in permutations(paths):
        with pytest.raises(Misused, match="are two extracts of 2021") as caught:
            days(*pair)
        assert f"--extracted-on {pair[1]}=YYYY-MM-DD" in str(caught.value)
    stated = f"{paths[0]}=2021-01-29", f"{paths[1]}=2021-06-04"
    assert days(*paths, stated=stated) == [date(2021, 1, 29), date(2021, 6, 4)]


def test_an_extract_of_a_whole_year_may_be_of_any_later_day(tmp_path: Path) -> None:
    whole = one("DATA", "01/03/2021", "12/31/2021")
    files = folder(tmp_path / "files", whole)
    later = archive(tmp_path / "2021VAERSData.zip", whole, date(2022, 3, 4))

    with pytest.raises(Misused, match="nothing shows which is the later"):
        days(later, files)
    assert days(folder(tmp_path / "part", JANUARY), files) == [date(2021, 1, 3), date(2021, 12, 31)]


def test_one_day_given_for_all_makes_them_parts_of_one_extract(tmp_path: Path) -> None:
    paths = folder(tmp_path / "a", JANUARY), folder(tmp_path / "b", JUNE)

    assert days(*paths, stated=("2021-06-04",)) == [date(2021, 6, 4)] * 2


@pytest.mark.parametrize("text", ["", "yesterday", "a=", "a=2021-13-01", "2021-02-30"])
def test_what_is_no_day_is_a_misuse(text: str) -> None:
    with pytest.raises(Misused, match="is not a day"):
        stated_days([text])
