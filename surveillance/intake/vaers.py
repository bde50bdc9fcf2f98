"""VAERS year files: DATA, VAX and SYMPTOMS, joined by report and, where there is one, by ORDER.

The three parts are read once and put into one stable sort by VAERS_ID, so that the rows
of a report come out together: its row of DATA, then VAX, then SYMPTOMS. The year
files list DATA by day of receipt and the other two by report; a year of a million
reports joins in the same memory as one of ten thousand.

A column ORDER numbers the versions of a report. A year read from an archive or a folder is an
extract: the day on which it was made goes into every version, since the later extract stands.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.domain.names import clean
from surveillance.intake.csv_rows import Layout, RowError, is_blank_row, join_rows, split_fields
from surveillance.intake.extracts import Extracts
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.sorted_rows import SortedRow, pack, unpack
from surveillance.intake.spool import stable_sort
from surveillance.intake.text import opened_text
from surveillance.intake.vaers_case import (
    N_TERM_ROWS_MAX,
    N_VACCINES_MAX,
    Origin,
    Terms,
    Vaccine,
    VaersData,
    build_case,
    build_withdrawal,
    parse_date,
    refuse,
)
from surveillance.intake.vaers_files import PARTS, READS, VaersFile, Year, opened_years, within
from surveillance.intake.withdrawals import Content
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from pathlib import Path

    from surveillance.intake.withdrawals import Absence

BYTES_IN_MEMORY = 25_165_824  # a year of the 1990s whole; more goes to disk
_COLUMNS: tuple[type[VaersData | Vaccine | Terms], ...] = (VaersData, Vaccine, Terms)
_DATA, _VAX, _SYMPTOMS = range(3)
_N_ROWS_MAX = {_VAX: N_VACCINES_MAX, _SYMPTOMS: N_TERM_ROWS_MAX}
_N_VERSIONS_MAX = 1_000  # of one report, with its rows, in memory at once
# Some exports write whole numbers as 100.0.
_NUMBER = rb"0*([1-9][0-9]{0,17})(?:\.0+)?"
_ID_FIRST = re.compile(rb'"?\s*' + _NUMBER + rb'\s*"?(?:[,;\t|]|$)')
_ID = re.compile(_NUMBER)
_ORDER = re.compile(r"0*([1-9][0-9]{0,8})(?:\.0+)?")
_DELIMITERS = (",", ";", "\t", "|")
_NO_ID = 0  # sort key of rows without a report: before every report
_LACKS = {_VAX: "no_vaccine", _SYMPTOMS: "no_event"}
_encode = msgspec.json.Encoder().encode


@dataclass
class _Part:
    """One part, once its header is known."""

    source: VaersFile
    counts: FileTally
    layout: Layout
    columns: list[str]
    select: Callable[[list[str]], tuple[str, ...]]  # the columns that are used
    make: type[VaersData | Vaccine | Terms]

    @property
    def has_order(self) -> bool:
        return "ORDER" in self.columns

    def parse(self, content: bytes) -> VaersData | Vaccine | Terms:
        fields = split_fields(content, self.layout)
        fields.append("")  # at index -1: columns that this year's files lack
        return self.make._make(self.select(fields))

    def id_of(self, content: bytes, n_bytes: int) -> int:
        if n_bytes > N_BYTES_MAX:
            return _NO_ID
        if self.columns[0] == "VAERS_ID":
            match = _ID_FIRST.match(content)
        else:
            match = _ID.fullmatch(self.id_text(content).strip().encode())
        return int(match[1]) if match else _NO_ID

    def id_text(self, content: bytes) -> str:
        try:
            return split_fields(content, self.layout)[self.columns.index("VAERS_ID")]
        except RowError:
            return ""

    def place(self, row: SortedRow) -> str:
        return f"{self.source.shown}:{row.number}"

    def refuse(self, row: SortedRow, error: Refused) -> Unusable:
        self.counts.refused[error.code] += 1
        return unusable(
            self.place(row), (error.code, error.reason, error.remedy), row.content, row.n_bytes
        )


class _Parts(NamedTuple):
    """The three parts of a year."""

    opened: list[_Part]
    is_domestic: bool
    today: date | None
    extracted_on: date | None = None


@dataclass
class _Version:
    """The rows of one version of a report, as they arrive."""

    data: tuple[SortedRow, VaersData]
    joined: dict[int, list[tuple[SortedRow, VaersData | Vaccine | Terms]]] = field(
        default_factory=lambda: {_VAX: [], _SYMPTOMS: []}
    )


@dataclass
class _Rows:
    """The rows of one report: versions by ORDER, and the rows that cannot be read."""

    versions: dict[int, _Version] = field(default_factory=dict)
    unread: dict[int, list[str]] = field(default_factory=dict)  # by part: place and code


@dataclass(frozen=True)
class Vaers:
    """A reader of the yearly files of the Vaccine Adverse Event Reporting System.

    Parameters
    ----------
    bytes_in_memory : int
        Most rows held at once, in bytes; the rest waits on disk.
    extracts : Extracts, optional
        When each extract that the command reads was made; without it each file is read as
        if alone.
    """

    bytes_in_memory: int = BYTES_IN_MEMORY
    extracts: Extracts | None = None
    name: str = "vaers"
    topic: Topic = "cases"

    def with_extracts(self, extracts: Extracts) -> Vaers:
        """Return the reader of one command, which knows the days of its extracts.

        Parameters
        ----------
        extracts : Extracts
            Shared by all files that the command reads.

        Returns
        -------
        Vaers
            Refuses two extracts of one year of which the later is not known.
        """
        return replace(self, extracts=extracts)

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return READS

    def within(self, directory: Path) -> list[Path]:
        """Return a folder's zip files, sorted, and then the folder itself if it holds csv."""
        return within(directory)

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read a zip file or folder of one or more years.

        Parameters
        ----------
        path : Path
            A zip file, or a folder of csv files.
        tally : RowCounts, optional
            Counts rows in and records out, for each part by itself.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One case version a report and ORDER, by VAERS_ID within a year; and every row
            that is in none.

        Raises
        ------
        Misused
            If a part is missing, damaged, not of its named type, or holds no row; or if the
            command reads two extracts of one year, and it is not known which is the later.
        """
        tally = RowCounts() if tally is None else tally
        with opened_years(path) as years:
            for name, year in years.items():
                yield from self._read_year(path, name, year, tally, today)

    def _read_year(
        self, path: Path, name: str, year: Year, tally: RowCounts, today: date | None
    ) -> Iterator[Read | Unusable]:
        opened: list[_Part] = []
        newest = _Newest()
        items = _items(year, opened, tally, newest)
        ordered = stable_sort(items, directory=None, bytes_in_memory=self.bytes_in_memory)
        first = next(ordered, None)  # once it is there, every row has been read
        archived = max((one.written_on for one in year.values() if one.written_on), default=None)
        extracts = self.extracts or Extracts()
        extract = extracts.of(path, archived=archived, newest=newest.day, year=name)
        extracts.enter(name, path, extract)
        content = Content(name, extract.on, newest.day, str(path))
        parts = _Parts(opened, name.isdigit(), today, extract.on)
        whole = ordered if first is None else chain((first,), ordered)
        for vaers_id, group in groupby(whole, key=itemgetter(0)):
            rows = (unpack(payload) for _, payload in group)
            if vaers_id == _NO_ID:
                for row in rows:
                    content.n_unplaced += 1
                    yield _refuse_unplaced(opened[row.file], row)
            else:
                content.ids.append(vaers_id)
                yield from _join(vaers_id, rows, parts)
        extracts.contents.append(content)

    def nullifications(self, absence: Absence, today: date | None) -> Iterator[Read]:
        """Nullify the reports that a later extract no longer shows.

        Parameters
        ----------
        absence : Absence
            The reports, and the extracts.
        today : date, optional
            As for `read`.

        Yields
        ------
        Read
            A nullification a report, received on the day of the later extract.

        Raises
        ------
        Misused
            If that day lies ahead of today.
        """
        on = absence.later.on
        if on is None or (today is not None and on > today):
            raise Misused(
                absence.later.place,
                f"is an extract of {on}, which lies ahead of today",
                "give the day on which it was made with --extracted-on",
            )
        for vaers_id in absence.ids:
            case = build_withdrawal(vaers_id, on, absence)
            yield Read(on, case.case_id, _encode(case))


class _Newest:
    """The newest day of receipt seen so far."""

    def __init__(self) -> None:
        self.day: date | None = None

    def see(self, text: str) -> None:
        day = parse_date(text)
        if day is not None and (self.day is None or day > self.day):
            self.day = day


def _items(
    year: Year, parts: list[_Part], tally: RowCounts, newest: _Newest
) -> Iterator[tuple[int, bytes]]:
    """Yield every row of a year under its report, and leave its parts, opened, in `parts`."""
    for number, name in enumerate(PARTS):
        source = year[name]
        with source.open() as raw:
            stream, is_utf8 = opened_text(raw, source.named)
            lines = bounded_lines(stream)
            part = _read_header(source, lines, _COLUMNS[number], tally, is_utf8=is_utf8)
            parts.append(part)
            for row in join_rows(lines, part.layout):
                if is_blank_row(row.content, part.layout.delimiter):
                    part.counts.n_blank += 1
                    continue
                part.counts.n_read += 1
                if number == _DATA:
                    newest.see(_received(row, part))
                yield part.id_of(row.content, row.n_bytes), pack(SortedRow(number, *row))
        if part.counts.n_read == 0:
            raise Misused(source.named, "holds no row", "fetch it again, or leave the year out")
    if len({part.has_order for part in parts}) > 1:
        lacking = next(part for part in parts if not part.has_order)
        raise Misused(
            lacking.source.named,
            "its header lacks ORDER, which other parts of the year have",
            "send all three parts of one extract",
        )


def _received(row: FileLine, part: _Part) -> str:
    """Cut RECVDATE from a row by its commas, which stand before any text in quotes."""
    at = part.columns.index("RECVDATE")
    fields = row.content.split(part.layout.delimiter.encode(), at + 1)
    return fields[at].strip(b'" ').decode("latin-1") if at < len(fields) else ""


def _read_header(
    source: VaersFile,
    lines: Iterator[FileLine],
    make: type[VaersData | Vaccine | Terms],
    tally: RowCounts,
    *,
    is_utf8: bool,
) -> _Part:
    line = next(lines, None)
    if line is None:
        raise Misused(source.named, "is empty", "fetch it again")
    text = line.content.decode("latin-1").upper()
    delimiter = next((mark for mark in _DELIMITERS if mark in text), ",")
    header = [clean(name.strip().strip('"')) for name in text.split(delimiter)]
    while header and not header[-1]:
        header.pop()
    wanted = [name.upper() for name in make._fields]
    optional = {name.upper() for name in make._field_defaults}
    missing = [
        name for name in ("VAERS_ID", *wanted) if name not in header and name not in optional
    ]
    if missing:
        reason = f"its header lacks {', '.join(missing)}"
        raise Misused(source.named, reason, "send the file as VAERS makes it")
    select = itemgetter(*(header.index(name) if name in header else -1 for name in wanted))
    layout = Layout(len(header), delimiter, is_utf8)
    return _Part(source, tally.of(source.named), layout, header, select, make)


def _refuse_unplaced(part: _Part, row: SortedRow) -> Unusable:
    if row.n_bytes > N_BYTES_MAX:
        return part.refuse(row, refuse("too_long", f"the row has {row.n_bytes:,} bytes"))
    if part.columns[0] == "VAERS_ID":
        mark = part.layout.delimiter.encode()
        found = row.content.partition(mark)[0][:40].decode("latin-1")
    else:
        try:
            part.parse(row.content)
        except RowError as error:
            return part.refuse(row, refuse(error.code, error.reason))
        found = part.id_text(row.content)[:40]
    return part.refuse(row, refuse("bad_id", f"VAERS_ID is {found!r}"))


def _join(vaers_id: int, rows: Iterator[SortedRow], parts: _Parts) -> Iterator[Read | Unusable]:
    found = _Rows()
    for row in rows:
        part = parts.opened[row.file]
        try:
            _take(vaers_id, row, part, found)
        except Refused as error:
            found.unread.setdefault(row.file, []).append(f"{part.place(row)} ({error.code})")
            yield part.refuse(row, error)
    days = [parse_date(version.data[1].recvdate) for version in found.versions.values()]
    first_on = min((day for day in days if day is not None), default=None)
    for order, version in sorted(found.versions.items()):
        try:
            read = _emit(vaers_id, order, first_on, version, found, parts)
        except Refused as error:
            yield from _refuse_version(vaers_id, version, parts, _explained(error, found))
            continue
        _count_used(version, parts)
        yield read


def _count_used(version: _Version, parts: _Parts) -> None:
    counts = parts.opened[_DATA].counts
    counts.n_used += 1
    counts.n_emitted += 1
    for number, joined in version.joined.items():
        parts.opened[number].counts.n_used += len(joined)


def _explained(error: Refused, found: _Rows) -> Refused:
    """Say of a report that lacks a part whether its rows were refused or never sent."""
    part = next((part for part, code in _LACKS.items() if code == error.code), None)
    unread = found.unread.get(part, []) if part is not None else []
    if not unread:
        return error
    reason = f"no row of {PARTS[part or 0]} of the report can be read: {', '.join(unread[:3])}"
    return Refused(error.code, reason, "mend those rows")


def _refuse_version(
    vaers_id: int, version: _Version, parts: _Parts, error: Refused
) -> Iterator[Unusable]:
    yield parts.opened[_DATA].refuse(version.data[0], error)
    reason = f"the DATA row of {vaers_id} was refused: {error.code}"
    orphan = Refused("orphan_row", reason, "mend what that row was refused for")
    for number, joined in version.joined.items():
        yield from (parts.opened[number].refuse(row, orphan) for row, _ in joined)


def _take(vaers_id: int, row: SortedRow, part: _Part, found: _Rows) -> None:
    """Add a row to its version of the report, or refuse it."""
    fields = _parse(row, part)
    order = _order_of(fields)
    version = found.versions.get(order)
    if isinstance(fields, VaersData):
        _take_data(vaers_id, (row, fields), order, part, found)
        return
    if version is None:
        raise _orphan(f"{vaers_id}, ORDER {order}," if part.has_order else f"{vaers_id}", found)
    joined, n_max = version.joined[row.file], _N_ROWS_MAX[row.file]
    if len(joined) == n_max:
        raise refuse("too_many_rows", f"{vaers_id} has more than {n_max} rows here")
    joined.append((row, fields))


def _orphan(which: str, found: _Rows) -> Refused:
    unread = found.unread.get(_DATA)
    if unread is None:
        return refuse("orphan_row", f"DATA has no row of {which}")
    reason = f"the DATA row of {which} was refused: {unread[0]}"
    return Refused("orphan_row", reason, "mend what that row was refused for")


def _order_of(fields: VaersData | Vaccine | Terms) -> int:
    text = fields.order.strip()
    if not text:
        return 1
    match = _ORDER.fullmatch(text)
    if match is None:
        raise refuse("bad_order", f"ORDER is {text[:40]!r}")
    return int(match[1])


def _take_data(
    vaers_id: int, data: tuple[SortedRow, VaersData], order: int, part: _Part, found: _Rows
) -> None:
    version = found.versions.get(order)
    if version is None:
        if len(found.versions) == _N_VERSIONS_MAX:
            raise refuse("too_many_rows", f"{vaers_id} has more than {_N_VERSIONS_MAX} versions")
        found.versions[order] = _Version(data)
        return
    first, _ = version.data
    if data[0].content != first.content:
        raise refuse("repeated_id", f"{vaers_id} stands at {part.place(first)} otherwise")
    part.counts.n_repeated += 1


def _parse(row: SortedRow, part: _Part) -> VaersData | Vaccine | Terms:
    try:
        return part.parse(row.content)
    except RowError as error:
        raise refuse(error.code, error.reason) from None


def _emit(
    vaers_id: int,
    order: int,
    first_on: date | None,
    version: _Version,
    found: _Rows,
    parts: _Parts,
) -> Read:
    data, report = version.data
    vaccines = [fields for _, fields in version.joined[_VAX] if isinstance(fields, Vaccine)]
    terms = [fields for _, fields in version.joined[_SYMPTOMS] if isinstance(fields, Terms)]
    origin = Origin(
        place=parts.opened[_DATA].place(data),
        message_sha256=_sha256(version),
        is_domestic=parts.is_domestic,
        version=order,
        first_received_on=first_on,
        extracted_on=parts.extracted_on,
        unread=tuple(place for part in (_VAX, _SYMPTOMS) for place in found.unread.get(part, [])),
    )
    case = build_case(vaers_id, report, vaccines, terms, origin)
    refuse_ahead(case.received_on, parts.today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        raise refuse("too_long", f"the report makes a line of {len(line):,} bytes")
    return Read(case.received_on, case.case_id, line)


def _sha256(version: _Version) -> str:
    """Digest all rows of a version: DATA, VAX, SYMPTOMS, each followed by LF."""
    rows = [version.data[0], *(row for joined in version.joined.values() for row, _ in joined)]
    return hashlib.sha256(b"".join(row.content + b"\n" for row in rows)).hexdigest()


VAERS = Vaers()
