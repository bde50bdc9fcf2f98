"""Files that pages offer: every row of a list, in its order, for programs and spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.console import cases, desk_page, inbox, log_pages
from surveillance.console.form_page import form_of
from surveillance.console.matter import page_of
from surveillance.console.palette import palette
from surveillance.console.sheets import workbook
from surveillance.views.listing_rows import FILE_COLUMNS, file_row, unformula
from surveillance.views.plain import plain
from surveillance.views.validation_form import as_markdown
from surveillance.views.written import safe_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_encode = msgspec.json.Encoder().encode


class File(NamedTuple):
    """A file that is made for somebody, and how many rows it has."""

    content: bytes
    media_type: str
    name: str
    n_rows: int


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> File:
    """Make a CSV file; a text that a spreadsheet would take for a formula is quoted."""
    text = io.StringIO(newline="")
    writer, n = csv.writer(text), 0
    writer.writerow(columns)
    for n, row in enumerate(rows, 1):  # noqa: B007 - counts them
        writer.writerow([unformula(value) for value in row])
    return File(text.getvalue().encode(), "text/csv", name, n)


def _json(name: str, value: Any, n: int) -> File:  # noqa: ANN401 - whatever `plain` takes
    """Make a JSON file with the bytes of a command's ``--json``."""
    content = safe_json(msgspec.json.format(_encode(plain(value)), indent=2)) + b"\n"
    return File(content, "application/json", name, n)


def _xlsx(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> File:
    content = workbook(name.partition(".")[0], columns, rows)
    return File(content, XLSX, name, len(rows))


def _inbox_xlsx(known: Known, asked: Asked) -> File:
    rows = [inbox.csv_row(one) for one in inbox.inbox_rows(known, asked)]
    return _xlsx("matters.xlsx", inbox.CSV_COLUMNS, rows)


def _cases_xlsx(known: Known, asked: Asked) -> File:
    found = cases.listing_of(known, asked)
    rows = [file_row(one) for one in (*found.cases, *found.not_counted)]
    return _xlsx("cases.xlsx", FILE_COLUMNS, rows)


def _inbox_csv(known: Known, asked: Asked) -> File:
    rows = inbox.inbox_rows(known, asked)
    return csv_file("matters.csv", inbox.CSV_COLUMNS, map(inbox.csv_row, rows))


def _inbox_json(known: Known, asked: Asked) -> File:
    rows = inbox.inbox_rows(known, asked)
    return _json("matters.json", rows, len(rows))


def _desk_csv(known: Known, asked: Asked) -> File:
    return csv_file("waiting.csv", desk_page.COLUMNS, desk_page.file_rows(known, asked))


def _desk_xlsx(known: Known, asked: Asked) -> File:
    return _xlsx("waiting.xlsx", desk_page.COLUMNS, desk_page.file_rows(known, asked))


def _desk_json(known: Known, asked: Asked) -> File:
    rows = desk_page.chosen_rows(known, asked)
    return _json("waiting.json", rows, len(rows))


def _matter_json(known: Known, asked: Asked) -> File:
    return _json("matter.json", page_of(known, asked.name, known.day(asked.at)), 1)


def _form_json(known: Known, asked: Asked) -> File:
    found = form_of(known, asked)
    return _json("validation.json", found, len(found.fields))


def _form_markdown(known: Known, asked: Asked) -> File:
    found = form_of(known, asked)
    content = as_markdown(found).encode()
    return File(content, "text/markdown", "validation.md", len(found.fields))


def _cases_csv(known: Known, asked: Asked) -> File:
    found = cases.listing_of(known, asked)
    rows = [*found.cases, *found.not_counted]
    return csv_file("cases.csv", FILE_COLUMNS, map(file_row, rows))


def _cases_json(known: Known, asked: Asked) -> File:
    found = cases.listing_of(known, asked)
    return _json("cases.json", found, len(found.cases) + len(found.not_counted))


def _case_json(known: Known, asked: Asked) -> File:
    return _json("case.json", cases.history_of(known, asked), 1)


def _search_json(known: Known, asked: Asked) -> File:
    found = palette(known, asked)
    return _json("search.json", found, len(found))


def _feed_lines(known: Known, asked: Asked) -> File:
    found = log_pages.published(known, asked.at)
    content = b"".join(one.line + b"\n" for one in found)
    return File(content, "application/x-ndjson", "feed.ndjson", len(found))


FILES: dict[str, Callable[[Known, Asked], File]] = {
    "/inbox.csv": _inbox_csv,
    "/inbox.xlsx": _inbox_xlsx,
    "/inbox.json": _inbox_json,
    "/desk.csv": _desk_csv,
    "/desk.xlsx": _desk_xlsx,
    "/desk.json": _desk_json,
    "/m/{name:str}/matter.json": _matter_json,
    "/s/{name:str}/form.json": _form_json,
    "/s/{name:str}/form.md": _form_markdown,
    "/cases.csv": _cases_csv,
    "/cases.xlsx": _cases_xlsx,
    "/cases.json": _cases_json,
    "/case.json": _case_json,
    "/search.json": _search_json,
    "/feed.ndjson": _feed_lines,
}
