"""The commands on cases: tables for people, JSON and CSV for machines."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from small_run import ROTASHIELD

from surveillance.cli.cases import _write_xlsx
from surveillance.domain.errors import Misused
from surveillance.views.line_listing import LineListing, ListedCase
from surveillance.views.listing_rows import unformula

if TYPE_CHECKING:
    from pathlib import Path

    from answers import Look

DAY = date(1999, 2, 12)
NAMES = ("--product", "rotashield", "--event", "intussusception")


def a_line(**changes: Any) -> ListedCase:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "case_id": "A", "source": "vaers", "version": 1, "kind": "initial",
        "first_received_on": None, "received_on": DAY, "in_force_since": DAY, "country": None,
        "report_type": "spontaneous", "reporter": "unknown", "sex": None, "age_years": None,
        "products": (), "events": (), "onset_days": None, "is_serious": False,
        "is_fatal": False, "duplicates": (), "duplicate_of": None,
    }  # fmt: skip
    return ListedCase(**values | changes)


def test_names_are_resolved_and_the_day_is_a_filter(run: Path, look: Look) -> None:
    found = look("cases", "--from-run", run, *NAMES, "--json").json
    early = look("cases", "--from-run", run, *NAMES, "--as-of", "1999-02-05", "--json").json

    assert (found["product"], found["event"]) == ("group:rotashield", "group:intussusception")
    assert found["n_cases"] == len(found["cases"]) == 9
    assert [(one["case_id"], one["reason"]) for one in found["not_counted"]] == [
        ("R-5", "nullified")
    ]
    assert [one["case_id"] for one in early["cases"]] == [f"R-{n}" for n in range(6)]
    assert early["not_counted"] == []


def test_a_register_gives_the_same_cases_as_the_run(run: Path, look: Look) -> None:
    url = f"sqlite:///{run / 'register.db'}"
    names = ("--product", f"product:{ROTASHIELD}", "--event", "pt:Intussusception", "--json")
    from_run = look("cases", "--from-run", run, *names).json
    from_register = look("cases", "--register", url, *names).json

    assert [one["case_id"] for one in from_register["cases"]] == [
        one["case_id"] for one in from_run["cases"]
    ]


def test_people_get_a_table_and_both_numbers(run: Path, look: Look) -> None:
    shown = look("cases", "--from-run", run, *NAMES, "--limit", 3).output

    assert "R-0" in shown
    assert "R-9" not in shown
    assert "3 of 9 cases shown; --limit N shows more" in shown
    assert "1 more name the pair, or did, and do not count" in shown


def test_a_csv_holds_all_lines_and_says_which_count(run: Path, look: Look, tmp_path: Path) -> None:
    file = tmp_path / "listing.csv"
    answer = look("cases", "--from-run", run, *NAMES, "--csv", file)
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))

    assert answer.exit_code == 0
    assert {row["case_id"]: row["counts"] for row in rows} == {
        f"R-{n}": "no" if n == 5 else "yes" for n in range(10)
    }
    assert {row["is_fatal"] for row in rows if row["case_id"] == "R-4"} == {"yes"}


def test_a_workbook_holds_the_same_lines_with_dates_and_numbers(
    run: Path, look: Look, tmp_path: Path
) -> None:
    book, table = tmp_path / "listing.xlsx", tmp_path / "listing.csv"
    answer = look("cases", "--from-run", run, *NAMES, "--xlsx", book, "--csv", table)
    header, *rows = load_workbook(book)["cases"].iter_rows(values_only=True)
    with table.open(encoding="utf-8", newline="") as opened:
        expected = list(csv.reader(opened))

    assert answer.exit_code == 0
    assert list(header) == expected[0]
    assert [row[0] for row in rows] == [row[0] for row in expected[1:]]
    assert rows[0][header.index("received_on")] == datetime(1999, 1, 7)  # noqa: DTZ001 - as Excel has it
    assert rows[0][header.index("version")] == 1


def test_no_text_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    file = tmp_path / "listing.xlsx"
    listed = LineListing(
        product="p", event="e", as_of=None, epoch=None, n_cases=1, not_counted=[],
        cases=[a_line(case_id="=1+1", country="@A1", duplicate_of="-1")],
    )  # fmt: skip
    _write_xlsx(listed, file)
    cells = [cell for row in load_workbook(file)["cases"].iter_rows() for cell in row]

    assert "=1+1" in [cell.value for cell in cells]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"])
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    assert unformula(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Rash", "a=b", "", -3, None])
def test_other_values_of_a_csv_stay_as_they_are(value: object) -> None:
    assert unformula(value) == value


def test_a_case_is_shown_with_all_its_versions(run: Path, look: Look) -> None:
    found = look("case", "R-5", "--from-run", run, "--json").json
    early = look("case", "R-5", "--from-run", run, "--as-of", "1999-03-01", "--json").json

    assert [(one["kind"], one["standing"], one["is_counted"]) for one in found["versions"]] == [
        ("initial", "stood", True),
        ("nullification", "stands", False),
    ]
    assert found["versions"][0]["stood_until"] == "1999-03-02"
    assert found["standing_version"] == 2
    assert early["standing_version"] == 1
    table = look("case", "R-5", "--from-run", run).output
    assert "nullification" in table
    assert "whether a report was sent is not known here" in table
    first, second = (one["limits"] for one in found["versions"])
    received = date.fromisoformat(found["versions"][0]["received_on"])
    assert [one["code"] for one in first] == ["us_15_day"]  # the others apply from 2012 on
    assert first[0]["due_on"] == str(received + timedelta(days=15))
    assert second == []
    assert all("causality" in one for one in found["versions"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("case", "R-99"), "near it are R-9"),
        (("cases", "--product", "rotashield", "--event", "Pyrexi"), "near it are 'pt:Pyrexia'"),
        (("cases", "--product", "nothing", "--event", "Rash"), "is not known here"),
        (("cases", *NAMES, "--as-of", "1999-13-01"), "is not a date"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(
    run: Path, look: Look, arguments: tuple[str, ...], reason: str
) -> None:
    answer = look(*arguments, "--from-run", run)

    assert isinstance(answer.error, Misused)
    assert reason in str(answer.error)


def test_a_register_without_cases_says_so(run: Path, look: Look, tmp_path: Path) -> None:
    shutil.copy(run / "register.db", copy := tmp_path / "register.db")
    with sqlite3.connect(copy) as connection:
        connection.execute("DELETE FROM case_versions")
    connection.close()
    answer = look("cases", "--register", f"sqlite:///{copy}", *NAMES)

    assert isinstance(answer.error, Misused)
    assert "holds no cases" in str(answer.error)


def test_the_listing_of_a_pair_without_cases_is_empty(run: Path, look: Look) -> None:
    answer = look("cases", "--from-run", run, "--product", "rotashield", "--event", "Rash")

    assert answer.exit_code == 0
    assert "0 cases" in answer.output
