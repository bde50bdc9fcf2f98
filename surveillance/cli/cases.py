"""The commands on cases: a line listing, and one case with its versions."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from surveillance.cli import screen
from surveillance.cli import tables as showing
from surveillance.cli.options import (
    AsJson,
    AsOf,
    FromRun,
    Limit,
    OneEvent,
    OneProduct,
    RegisterUrl,
    day_of,
    limit_of,
    text_of,
)
from surveillance.screening.keys import Naming
from surveillance.triage.case_limits import CaseLimits
from surveillance.views.case_assessments import CaseAssessments
from surveillance.views.case_history import case_history
from surveillance.views.line_listing import ListedEvent, ListedProduct, Pair, line_listing
from surveillance.views.listing_rows import FILE_COLUMNS, file_row, joined, unformula, unsigned
from surveillance.views.names import resolve
from surveillance.views.results import Results, open_results

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from surveillance.views.case_history import CaseHistory, VersionOfCase
    from surveillance.views.line_listing import LineListing, ListedCase

Listed = TypeVar("Listed", ListedProduct, ListedEvent)
N_ASSESSED_SHOWN = 20  # of the pairs of a version, in a table
_COLUMNS = {
    "case": "left", "version": "right", "received": "left", "country": "left", "reporter": "left",
    "age": "right", "sex": "left", "products": "left", "lots": "left", "first dose": "left",
    "events": "left", "onset": "left", "days": "right", "serious": "left", "outcome": "left",
    "duplicates": "left", "stated": "left", "assessed": "left", "why not": "left",
}  # fmt: skip
_DROP = (
    "stated", "assessed", "duplicates", "first dose", "onset", "lots", "outcome", "version",
    "reporter", "country", "age", "sex",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the commands.

    Parameters
    ----------
    app : typer.Typer
        What they are added to.
    """
    app.command("cases")(cases)
    app.command("case")(case)


def cases(
    *,
    product: OneProduct,
    event: OneEvent,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    limit: Limit = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the listing to a CSV file.")
    ] = None,
    xlsx_file: Annotated[
        Path | None, typer.Option("--xlsx", metavar="FILE", help="Write it to an Excel workbook.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the cases that count for a pair, as they stand or stood, and those that do not."""
    day = day_of(as_of)
    source = open_results(from_run, register)
    source.reader.cases.require_any()
    assessments = CaseAssessments(source.reader)
    found = line_listing(source.reader.cases, _pair(source, product, event), day, assessments)
    files = _write(found, csv_file, xlsx_file)
    if as_json:
        screen.print_json(found)
    elif files:
        n_lines = len(found.cases) + len(found.not_counted)
        names = " and ".join(map(str, files))
        screen.print_lines(f"{n_lines:,} lines, of which {found.n_cases:,} count, in {names}")
    else:
        _print(found, limit_of(limit, as_json=False))


def _write(found: LineListing, csv_file: Path | None, xlsx_file: Path | None) -> list[Path]:
    """Write the files that are asked for; return them."""
    if csv_file is not None:
        _write_csv(found, csv_file)
    if xlsx_file is not None:
        _write_xlsx(found, xlsx_file)
    return [file for file in (csv_file, xlsx_file) if file is not None]


def _pair(source: Results, product: str, event: str) -> Pair:
    reader = source.reader.cases
    configuration = source.configuration()
    return Pair(
        resolve(product, reader.keys("product"), option="--product"),
        resolve(event, reader.keys("event"), option="--event"),
        None if configuration is None else Naming(configuration),
    )


def _print(found: LineListing, n: int | None) -> None:
    title = f"{found.product} and {found.event}, as of {found.as_of}"
    columns = {name: side for name, side in _COLUMNS.items() if name != "why not"}
    showing.print_table(title, columns, [_row(one)[:-1] for one in found.cases[:n]], drop=_DROP)
    rows = [_row(one) for one in found.not_counted[:n]]
    drop = tuple(name for name in _DROP if name != "why not")
    showing.print_table("not counted", _COLUMNS, rows, drop=drop)
    if found.causality:
        named = ", ".join(f"{n:,} {category}" for category, n in found.causality.items())
        n_assessed = sum(found.causality.values())
        screen.print_lines(f"assessed by people: {n_assessed:,} of {found.n_cases:,} ({named})")
    screen.print_lines(
        showing.shown(len(found.cases[:n]), found.n_cases, "cases"),
        f"{len(found.not_counted):,} more name the pair, or did, and do not count",
    )


def _row(one: ListedCase) -> list[object]:
    products, events = _of_pair(one.products), _of_pair(one.events)
    doses = [day for item in products if (day := item.first_dose_on)]
    onsets = [day for item in events if (day := item.onset_on)]
    return [
        one.case_id, str(one.version), one.received_on, one.country, one.reporter, one.age_years,
        one.sex, joined(item.product for item in products),
        joined(lot for item in products for lot in item.lots), min(doses, default=None),
        joined(item.pt for item in events), min(onsets, default=None), one.onset_days,
        "fatal" if one.is_fatal else "serious" if one.is_serious else None,
        joined(dict.fromkeys(item.outcome for item in events if item.outcome)),
        joined(one.duplicates), joined(one.stated),
        joined(each.category + unsigned(each) for each in one.assessed), one.reason,
    ]  # fmt: skip


def _of_pair(items: Iterable[Listed]) -> list[Listed]:
    """Leave out what does not belong to the pair; without a configuration that is not known."""
    return [item for item in items if item.is_counted is not False]


def _write_csv(found: LineListing, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(FILE_COLUMNS)
        for one in [*found.cases, *found.not_counted]:
            writer.writerow([unformula(value) for value in file_row(one)])


def _write_xlsx(found: LineListing, file: Path) -> None:
    from openpyxl import Workbook  # noqa: PLC0415 - half a second that other commands need not wait

    with file.open("wb") as opened:  # first: half a workbook complains as it is collected
        book = Workbook(write_only=True)
        sheet = book.create_sheet("cases")
        sheet.freeze_panes = "B2"
        sheet.append(FILE_COLUMNS)
        for one in [*found.cases, *found.not_counted]:
            sheet.append([_sheet_cell(sheet, value) for value in file_row(one)])
        book.save(opened)


def _sheet_cell(sheet: WriteOnlyWorksheet, value: object) -> object:
    """Mark a text as a text: the library would write one that begins with ``=`` as a formula."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above

    cell = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell


def case(
    *,
    case_id: Annotated[
        str,
        typer.Argument(metavar="ID", callback=text_of, help="As it is written in the listing."),
    ],
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one case with all its versions, and what each of them changed."""
    day = day_of(as_of)
    source = open_results(from_run, register)
    source.reader.cases.require_any()
    configuration = source.configuration()
    limits = None if configuration is None else CaseLimits(configuration)
    assessments = CaseAssessments(
        source.reader, None if configuration is None else configuration.workup
    )
    found = case_history(source.reader.cases, case_id, day, limits, assessments)
    if as_json:
        screen.print_json(found)
        return
    _print_case(found)


def _print_limits(found: CaseHistory) -> None:
    columns = {
        "version": "left", "limit": "left", "day 0": "left", "last day": "left",
        "seriousness": "left", "listed": "left", "source": "left",
    }  # fmt: skip
    rows = [
        (
            str(one.version), limit.code, limit.day_0, limit.due_on,
            limit.seriousness.replace("_", " "), limit.expectedness, limit.citation,
        )
        for one in found.versions
        for limit in one.limits
    ]  # fmt: skip
    showing.print_table("time limits of reports to authorities", columns, rows, drop=("source",))
    if rows:
        screen.print_lines("whether a report was sent is not known here")


def _print_causality(found: CaseHistory) -> None:
    columns = {
        "product": "left", "event": "left", "stated": "left", "WHO-UMC": "left",
        "Naranjo": "right", "answered": "right", "may become": "left",
    }  # fmt: skip
    standing = [one for one in found.versions if one.standing == "stands"]
    assessed = [pair for one in standing for pair in one.causality]
    told = [one for one in assessed if one.stated is not None or one.naranjo.n_answered > 1]
    rows = [
        (
            one.product, one.event, one.stated, one.who_umc,
            f"{one.naranjo.score} ({one.naranjo.category})", f"{one.naranjo.n_answered} of 10",
            f"{one.naranjo.lowest} to {one.naranjo.highest}",
        )
        for one in told[:N_ASSESSED_SHOWN]
    ]  # fmt: skip
    title = f"causality, as far as version {found.standing_version} answers"
    showing.print_table(title, columns, rows, drop=("stated", "answered"))
    if rows:
        more = len(assessed) - len(rows)
        screen.print_lines(
            *([f"{more:,} more pair(s) in --json"] if more else []),
            "questions without an answer give no point; people answer them, and judge the case",
        )


def _print_assessed(found: CaseHistory) -> None:
    columns = {
        "on": "left", "by": "left", "role": "left", "product": "left", "event": "left",
        "category": "left", "version": "right", "signed": "left", "latest": "left",
        "reason": "left",
    }  # fmt: skip
    rows = [
        (
            one.on, one.by, one.role, one.product, one.event, one.category, one.case_version,
            "yes" if one.is_signed else "unsigned", "yes" if one.is_latest else "no", one.reason,
        )
        for one in found.assessed
    ]  # fmt: skip
    showing.print_table("causality, as people assessed it", columns, rows, drop=("reason", "role"))
    for one in found.assessed:
        items = [
            (each.item, (each.state or "not recorded").replace("_", " "), each.result or None)
            for each in one.work_up
            if one.is_latest
        ]
        title = f"work-up, as {one.by} recorded it for {one.product} and {one.event}"
        showing.print_table(title, {"item": "left", "state": "left", "result": "left"}, items)


def _print_case(found: CaseHistory) -> None:
    columns = {
        "version": "left", "kind": "left", "received": "left", "known": "left", "standing": "left",
        "from": "left", "until": "left", "counts": "left", "came again": "right",
    }  # fmt: skip
    rows = [
        (
            str(one.version), one.kind, one.received_on, one.known_on, one.standing,
            one.stood_from, one.stood_until, "yes" if one.is_counted else "no", one.n_repeats,
        )
        for one in found.versions
    ]  # fmt: skip
    showing.print_table(f"{found.case_id}, as of {found.as_of}", columns, rows)
    _print_limits(found)
    _print_causality(found)
    _print_assessed(found)
    for one in found.versions:
        if one.compared_with is not None:
            _print_changes(one)
    if found.duplicates:
        screen.print_lines(f"marked as its duplicates: {', '.join(found.duplicates)}")


def _print_changes(one: VersionOfCase) -> None:
    title = f"version {one.version} beside version {one.compared_with}"
    rows = [(change.field, _plain(change.before), _plain(change.after)) for change in one.changes]
    showing.print_table(title, {"field": "left", "before": "left", "after": "left"}, rows)
    if not rows:
        screen.print_lines(f"{title}: nothing differs but its number, kind or provenance")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, (bool, int, float)) else value
