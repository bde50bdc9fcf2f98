"""Reports that an earlier extract of a year shows and a later one does not."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pytest

from surveillance.domain.errors import Misused
from surveillance.intake.inputs import Progress, lines_of
from surveillance.intake.withdrawals import what_becomes
from surveillance.log.decode import decode_case

from .test_extracts import folder
from .test_vaers_shapes import ALL, Files, plain

if TYPE_CHECKING:
    from pathlib import Path

    from surveillance.domain.case import CaseVersion
    from surveillance.intake.withdrawals import Withdrawn

JANUARY, JUNE, JULY = date(2021, 1, 29), date(2021, 6, 4), date(2021, 7, 2)
FIRST, *_, LAST = ALL


def without(*case_ids: str, year: int = 2021) -> Files:
    """Return the year without some of its reports."""
    gone = tuple(case_id.removeprefix("VAERS-") for case_id in case_ids)
    return {
        name.replace("2021", str(year)): b"".join(
            row for row in content.splitlines(keepends=True) if not row.decode().startswith(gone)
        )
        if gone
        else content
        for name, content in plain().items()
    }


class Told(Progress):
    """Keeps what is reported of whole files."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def wrong(self, faults: list[str]) -> None:
        self.faults += faults


class Answer(NamedTuple):
    """What became of some extracts."""

    withdrawn: list[CaseVersion]
    told: list[str]
    n_lines: int


def read(path: Path, *extracts: tuple[date, Files], withdrawn: Withdrawn = "nullify") -> Answer:
    told = Told()
    days = {str(folder(path / f"{n}", files)): day for n, (day, files) in enumerate(extracts)}
    lines = list(
        lines_of(
            "vaers", [path / f"{n}" for n in range(len(extracts))],
            refuse=lambda _: None, spool=path / "spool", progress=told,
            today=JULY, extracted_on=days, withdrawn=withdrawn,
        )
    )  # fmt: skip
    cases = [decode_case(line.value) for line in lines]
    return Answer([one for one in cases if one.kind == "nullification"], told.faults, len(cases))


def test_a_report_that_the_later_extract_lacks_stands_and_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, (JANUARY, plain()), (JUNE, without(FIRST)), withdrawn="stand")

    assert not found.withdrawn
    (line,) = found.told
    assert "1 report(s) of the extract of 2021-01-29 of 2021, as VAERS-100, are not in" in line
    assert line.endswith("they stand; if it is whole, give --withdrawn nullify")


@pytest.mark.parametrize("is_later_first", [False, True])
def test_a_report_that_a_whole_later_extract_lacks_is_nullified_on_its_day(
    tmp_path: Path, *, is_later_first: bool
) -> None:
    extracts = (JANUARY, plain()), (JUNE, without(FIRST))
    found = read(tmp_path, *(reversed(extracts) if is_later_first else extracts))

    (case,) = found.withdrawn
    assert (case.case_id, case.received_on, case.extracted_on) == (FIRST, JUNE, JUNE)
    assert case.reason == (
        "withdrawn by the source: in its extract of 2021-01-29, not in that of 2021-06-04"
    )
    assert found.n_lines == 3 + 2 + 1
    assert found.told[0].endswith("nullified on 2021-06-04")


def test_a_report_that_comes_back_is_not_withdrawn(tmp_path: Path) -> None:
    found = read(tmp_path, (JANUARY, plain()), (JUNE, without(FIRST)), (JULY, plain()))

    assert not found.withdrawn
    assert not found.told


def test_a_report_that_moved_to_another_year_is_not_withdrawn(tmp_path: Path) -> None:
    of_2020 = without(*ALL[1:], year=2020)

    found = read(tmp_path, (JANUARY, plain()), (JUNE, without(FIRST)), (JUNE, of_2020))

    assert not found.withdrawn


def test_a_report_that_was_refused_is_not_withdrawn(tmp_path: Path) -> None:
    later = plain()
    later["2021VAERSDATA.csv"] = later["2021VAERSDATA.csv"].replace(b"01/01/2021", b"soon")

    assert not read(tmp_path, (JANUARY, plain()), (JUNE, later)).withdrawn


def test_an_extract_that_ends_earlier_than_the_one_before_it_nullifies_nothing(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, (JANUARY, plain()), (JUNE, without(LAST)))

    assert not found.withdrawn
    assert "which is not whole (its newest report came on 2021-01-02, before" in found.told[0]


def test_an_extract_with_rows_of_no_known_report_nullifies_nothing(tmp_path: Path) -> None:
    later = plain()
    later["2021VAERSDATA.csv"] = later["2021VAERSDATA.csv"].replace(b"100,", b"1OO,")
    for part in ("VAX", "SYMPTOMS"):
        later[f"2021VAERS{part}.csv"] = without(FIRST)[f"2021VAERS{part}.csv"]

    found = read(tmp_path, (JANUARY, plain()), (JUNE, later))

    assert not found.withdrawn
    assert "1 of its rows have no report number that can be read" in found.told[0]


def test_parts_of_one_extract_withdraw_nothing_from_each_other(tmp_path: Path) -> None:
    found = read(tmp_path, (JUNE, without(FIRST)), (JUNE, without(LAST)))

    assert not found.withdrawn
    assert not found.told


def test_extracts_of_different_years_are_not_compared(tmp_path: Path) -> None:
    of_2020 = without(FIRST, year=2020)

    assert not read(tmp_path, (JANUARY, plain()), (JUNE, of_2020)).told


def test_an_extract_of_a_day_ahead_nullifies_nothing(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="an extract of 2021-08-01, which lies ahead of today"):
        read(tmp_path, (JANUARY, plain()), (date(2021, 8, 1), without(FIRST)))


def test_what_becomes_of_them_is_one_of_two() -> None:
    assert [what_becomes(text) for text in ("stand", "nullify")] == ["stand", "nullify"]
    with pytest.raises(Misused, match="give stand or nullify"):
        what_becomes("drop")


def test_nullifying_where_nothing_is_an_extract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cases.ndjson"
    path.write_bytes(b"{}\n")

    with pytest.raises(Misused, match="belongs to extracts, and none is read"):
        lines_of(
            "cases", [path], refuse=lambda _: None, spool=tmp_path / "spool",
            progress=Progress(), withdrawn="nullify",
        )  # fmt: skip
