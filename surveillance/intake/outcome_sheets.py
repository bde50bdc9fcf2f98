"""Outcomes from spreadsheets: CSV as spreadsheets write it, and XLSX.

A row is a record; the columns are those of `surveillance.intake.outcome_columns`. Nothing is
guessed that could be wrong for a patient: a local date, a number whose comma may mean two
things, a cell that belongs to another kind of record are refused with their place.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from datetime import datetime, time
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.archive import Bounds, open_file, open_zip
from surveillance.intake.csv_rows import Layout, RowError, is_blank_row, join_rows, split_fields
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.ndjson import OUTCOMES
from surveillance.intake.outcome_columns import SheetRow, fields_of, is_known, names
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.text import opened_text
from surveillance.log.decode import N_BYTES_MAX, decode_outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

DICTIONARY = "dictionary"  # ends the names of files and sheets that describe the columns
_CSV, _XLSX = (".csv", ".csv.gz"), (".xlsx",)
_BOUNDS = Bounds(n_bytes_max=8 * 2**30, ratio_max=200)
_XLSX_BOUNDS = Bounds(n_bytes_max=2**29, ratio_max=200)  # its texts are held in memory
_REQUIRED = ("type", "record_id", "programme", "patient_id", "received_on")
_SEPARATOR = re.compile(rb'"?sep=(.)"?', re.IGNORECASE)
_PATH = re.compile(r" at '\$\.([a-z_]+)[^']*'")
_encode = msgspec.json.Encoder().encode


class _Header(NamedTuple):
    """The columns of a table, in order; None for one that is passed over."""

    columns: tuple[str | None, ...]
    layout: Layout
    first_line: int = 1  # on which the header stands


class _Row(NamedTuple):
    """One row of a table, as text."""

    place: str
    line: FileLine
    cells: Sequence[str]


@dataclass(frozen=True)
class Outcomes:
    """A reader of outcomes: NDJSON, CSV with the columns of the template, or XLSX."""

    name: str = "outcomes"
    topic: Topic = "outcomes"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return f"{OUTCOMES.reads}, *{', *'.join((*_CSV, *_XLSX))}"

    def within(self, directory: Path) -> list[Path]:
        """Return what can be read in a folder, sorted; data dictionaries are left out."""
        tables = (
            path
            for path in directory.iterdir()
            if path.is_file() and path.name.lower().endswith((*_CSV, *_XLSX))
            and not path.name.lower().split(".")[0].endswith(DICTIONARY)
            and not path.name.startswith("~$")  # what Excel leaves beside an open workbook
        )  # fmt: skip
        return sorted([*OUTCOMES.within(directory), *tables])

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file.

        Parameters
        ----------
        path : Path
            A table by its name (CSV, with gzip or without, or XLSX); else NDJSON.
        tally : RowCounts, optional
            Counts rows in and records out.
        today : date, optional
            Records received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One for each row that is not blank.

        Raises
        ------
        Misused
            If the file cannot be read as a whole, lacks a column, has one that is not known,
            or holds no row.
        """
        tally = RowCounts() if tally is None else tally
        ending = path.name.lower()
        if not ending.endswith((*_CSV, *_XLSX)):
            yield from OUTCOMES.read(path, tally=tally, today=today)
            return
        counts = tally.of(str(path))
        tables = _sheets(path, counts) if ending.endswith(_XLSX) else _csv(path, counts)
        for header, row in tables:
            counts.n_read += 1
            yield _outcome(header, row, counts, today)
        if counts.n_read == 0:
            raise Misused(str(path), "holds no row", "leave it out if nothing was recorded")


def _outcome(header: _Header, row: _Row, counts: FileTally, today: date | None) -> Read | Unusable:
    try:
        record = decode_outcome(_encode(fields_of(_cells(header, row))))
        refuse_ahead(record.received_on, today)
    except Refused as error:
        counts.refused[error.code] += 1
        fault = (error.code, _with_column(error.reason), error.remedy)
        return unusable(row.place, fault, row.line.content, row.line.n_bytes)
    counts.n_used += 1
    counts.n_emitted += 1
    return Read(record.received_on, record.programme_key, _encode(record), row.place)


def _with_column(reason: str) -> str:
    """Name the column where the decoder names a place in a record."""
    found = _PATH.search(reason)
    return f"column {found[1]}: {_PATH.sub('', reason)}" if found else reason


def _cells(header: _Header, row: _Row) -> SheetRow:
    cells = row.cells or _split(header, row.line)
    if any(cell.strip() for cell in cells[len(header.columns) :]):
        reason = f"the row has {len(cells)} columns, the header {len(header.columns)}"
        raise Refused("wrong_columns", reason, _QUOTING)
    values = {
        name: cell.strip()
        for name, cell in zip(header.columns, cells, strict=False)
        if name is not None and cell.strip()
    }
    return SheetRow(values, has_decimal_comma=header.layout.delimiter == ";")


_QUOTING = "quote cells that hold the delimiter, or save the sheet as CSV (UTF-8) again"


def _split(header: _Header, line: FileLine) -> list[str]:
    if line.n_bytes > N_BYTES_MAX:
        remedy = f"send a row of at most {N_BYTES_MAX:,} bytes"
        raise Refused("too_long", f"the row has {line.n_bytes:,} bytes", remedy)
    padded = line.content + header.layout.delimiter.encode() * header.layout.n_columns
    try:  # spreadsheets leave out empty cells at the end of a row
        return split_fields(padded, header.layout)
    except RowError as error:
        n = len(line.content.split(header.layout.delimiter.encode()))
        reason = error.reason
        if error.code == "wrong_columns":
            reason = f"the row has {n} columns, the header {header.layout.n_columns}"
        raise Refused(error.code, reason, _QUOTING) from None


# CSV


def _csv(path: Path, counts: FileTally) -> Iterator[tuple[_Header, _Row]]:
    with open_file(path, bounds=_BOUNDS) as file:
        stream, is_utf8 = opened_text(file, str(path))
        lines = bounded_lines(stream)
        header = _csv_header(path, lines, is_utf8=is_utf8)
        for line in join_rows(lines, header.layout):
            if is_blank_row(line.content, header.layout.delimiter):
                counts.n_blank += 1
                continue
            yield header, _Row(f"{path.name}:{line.number}", line, ())


def _csv_header(path: Path, lines: Iterator[FileLine], *, is_utf8: bool) -> _Header:
    line = next(lines, FileLine(1, b"", 0))
    stated = _SEPARATOR.fullmatch(line.content.strip())
    if stated:
        line = next(lines, FileLine(2, b"", 0))
    delimiters = (stated[1].decode("latin-1"),) if stated else (",", ";", "\t", "|")
    text = line.content.decode("utf-8", "replace")
    found = [next(csv.reader((text,), delimiter=one), []) for one in delimiters]
    cells = max(found, key=lambda cells: sum(is_known(_column_name(cell)) for cell in cells))
    columns = _columns(str(path), cells)
    layout = Layout(len(columns), delimiters[found.index(cells)], is_utf8)
    return _Header(columns, layout, line.number)


def _column_name(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def _columns(place: str, cells: Sequence[str]) -> tuple[str | None, ...]:
    """Return the columns of a header; what is not known must be marked as such."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    found = tuple(None if cell.strip().startswith("#") else _column_name(cell) for cell in cells)
    missing = [name for name in _REQUIRED if name not in found]
    if missing:
        reason = f"its header has no column {', '.join(missing)}"
        raise Misused(place, reason, "take the columns of `longwatch outcomes template`")
    for name in found:
        if name is not None and not is_known(name):
            near = get_close_matches(name, names(), 1)
            meant = f"; {near[0]} may be meant" if near else ""
            raise Misused(
                place, f"its column {name!r} is none of the template's{meant}",
                "mend the name, or begin it with # to have it passed over",
            )  # fmt: skip
        if name is not None and found.count(name) > 1:
            raise Misused(place, f"its column {name!r} is there twice", "leave one of them out")
    return found


# XLSX


def _sheets(path: Path, counts: FileTally) -> Iterator[tuple[_Header, _Row]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - half a second that CSV need not wait

    _require_small(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 - whatever a damaged workbook makes of the library
        reason = f"is not a workbook that can be read ({type(error).__name__})"
        raise Misused(str(path), reason, "save it as .xlsx again, or as CSV (UTF-8)") from None
    try:
        for sheet in book.worksheets:
            if not sheet.title.lower().endswith(DICTIONARY):
                yield from _sheet(path, sheet, counts)
    finally:
        book.close()


def _require_small(path: Path) -> None:
    with open_zip(path) as archive:
        members: list[zipfile.ZipInfo] = archive.infolist()
    n_bytes = sum(one.file_size for one in members)
    n_packed = sum(one.compress_size for one in members)
    if n_bytes > _XLSX_BOUNDS.n_bytes_free and (
        n_bytes > _XLSX_BOUNDS.n_bytes_max or n_bytes > _XLSX_BOUNDS.ratio_max * n_packed
    ):
        reason = f"would inflate from {n_packed:,} to {n_bytes:,} bytes"
        raise Misused(str(path), reason, "save it as CSV (UTF-8)")


def _sheet(path: Path, sheet: Any, counts: FileTally) -> Iterator[tuple[_Header, _Row]]:  # noqa: ANN401 - of openpyxl
    header: _Header | None = None
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        cells = [_as_text(value) for value in values]
        if not any(cell.strip() for cell in cells):
            counts.n_blank += header is not None
        elif header is None:
            columns = _columns(f"{path}/{sheet.title}", cells)
            header = _Header(columns, Layout(len(columns), is_utf8=True), number)
        else:
            written = io.StringIO()
            csv.writer(written, lineterminator="").writerow(cells)
            content = written.getvalue().encode()
            line = FileLine(number, content, len(content))
            yield header, _Row(f"{path.name}/{sheet.title}:{number}", line, cells)


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case float() if value.is_integer():
            return f"{value:.0f}" if abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact
        case _:
            return str(value)
