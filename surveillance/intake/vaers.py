"""VAERS year files: DATA, VAX and SYMPTOMS, joined by report.

The three parts are read once and put into one stable sort by VAERS_ID, so that the rows
of a report come out together: its row of DATA, then VAX, then SYMPTOMS. The year
files list DATA by day of receipt and the other two by report; a year of a million
reports joins in the same memory as one of ten thousand.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.csv_rows import RowError, join_rows, split_fields
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.spool import stable_sort
from surveillance.intake.vaers_case import (
    N_TERM_ROWS_MAX,
    N_VACCINES_MAX,
    Origin,
    Report,
    Terms,
    Vaccine,
    build_case,
    refuse,
)
from surveillance.intake.vaers_files import PARTS, READS, VaersFile, Year, opened_years, within
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from pathlib import Path

BYTES_IN_MEMORY = 25_165_824  # a year of the 1990s whole; more goes to disk
_COLUMNS: tuple[type[Report | Vaccine | Terms], ...] = (Report, Vaccine, Terms)
_DATA, _VAX, _SYMPTOMS = range(3)
_N_ROWS_MAX = {_VAX: N_VACCINES_MAX, _SYMPTOMS: N_TERM_ROWS_MAX}
_ID = re.compile(rb'"?\s*0*([1-9][0-9]{0,17})\s*"?(?:,|$)')
_NO_ID = 0  # sort key of rows without a report: before every report
_encode = msgspec.json.Encoder().encode


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """One row on its way through the sort."""

    part: int
    number: int
    content: bytes
    n_bytes: int


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Row).decode


@dataclass
class _Part:
    """One part, once its header is known."""

    source: VaersFile
    counts: FileTally
    n_columns: int
    select: Callable[[list[str]], tuple[str, ...]]  # the columns that are used
    make: type[Report | Vaccine | Terms]

    def parse(self, content: bytes) -> Report | Vaccine | Terms:
        fields = split_fields(content, self.n_columns)
        fields.append("")  # at index -1: columns that this year's files lack
        return self.make._make(self.select(fields))

    def place(self, row: _Row) -> str:
        return f"{self.source.shown}:{row.number}"

    def refuse(self, row: _Row, error: Refused) -> Unusable:
        self.counts.refused[error.code] += 1
        return unusable(
            self.place(row), (error.code, error.reason, error.remedy), row.content, row.n_bytes
        )


class _Parts(NamedTuple):
    """The three parts of a year."""

    opened: list[_Part]
    is_domestic: bool
    today: date | None


@dataclass
class _Rows:
    """The rows of one report, as they arrive."""

    data: tuple[_Row, Report] | None = None
    joined: dict[int, list[tuple[_Row, Report | Vaccine | Terms]]] = field(
        default_factory=lambda: {_VAX: [], _SYMPTOMS: []}
    )


@dataclass(frozen=True)
class Vaers:
    """A reader of the yearly files of the Vaccine Adverse Event Reporting System.

    Parameters
    ----------
    bytes_in_memory : int
        Most rows held at once, in bytes; the rest waits on disk.
    """

    bytes_in_memory: int = BYTES_IN_MEMORY
    name: str = "vaers"
    topic: Topic = "cases"

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
            One case version a report, by VAERS_ID within a year; and every row that is
            in none.

        Raises
        ------
        Misused
            If a part is missing, damaged, not of its named type, or holds no row.
        """
        tally = RowCounts() if tally is None else tally
        with opened_years(path) as years:
            for name, year in years.items():
                yield from self._read_year(year, _Parts([], name.isdigit(), today), tally)

    def _read_year(self, year: Year, parts: _Parts, tally: RowCounts) -> Iterator[Read | Unusable]:
        items = _items(year, parts.opened, tally)
        ordered = stable_sort(items, directory=None, bytes_in_memory=self.bytes_in_memory)
        for vaers_id, group in groupby(ordered, key=itemgetter(0)):
            rows = (_unpack(payload) for _, payload in group)
            if vaers_id == _NO_ID:
                yield from (_refuse_unplaced(parts.opened[row.part], row) for row in rows)
            else:
                yield from _join(vaers_id, rows, parts)


def _items(year: Year, parts: list[_Part], tally: RowCounts) -> Iterator[tuple[int, bytes]]:
    """Yield every row of a year under its report, and leave its parts, opened, in `parts`."""
    for number, name in enumerate(PARTS):
        source = year[name]
        with source.open() as stream:
            lines = bounded_lines(stream)
            part = _read_header(source, lines, _COLUMNS[number], tally)
            parts.append(part)
            for row in join_rows(lines, part.n_columns):
                if not row.content.strip():
                    part.counts.n_blank += 1
                    continue
                part.counts.n_read += 1
                yield _id_of(row.content, row.n_bytes), _pack(_Row(number, *row))
        if part.counts.n_read == 0:
            raise Misused(source.named, "holds no row", "fetch it again, or leave the year out")


def _read_header(
    source: VaersFile,
    lines: Iterator[FileLine],
    make: type[Report | Vaccine | Terms],
    tally: RowCounts,
) -> _Part:
    line = next(lines, None)
    if line is None:
        raise Misused(source.named, "is empty", "fetch it again")
    text = line.content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    header = [name.strip().strip('"').upper() for name in text.split(",")]
    wanted = [name.upper() for name in make._fields]
    optional = {name.upper() for name in make._field_defaults}
    missing = [name for name in wanted if name not in header and name not in optional]
    if header[0] != "VAERS_ID" or missing:
        lacks = ", ".join(missing) or "VAERS_ID in the first place"
        raise Misused(source.named, f"its header lacks {lacks}", "send the file as VAERS makes it")
    select = itemgetter(*(header.index(name) if name in header else -1 for name in wanted))
    return _Part(source, tally.of(source.named), len(header), select, make)


def _id_of(content: bytes, n_bytes: int) -> int:
    match = _ID.match(content)
    return int(match[1]) if match and n_bytes <= N_BYTES_MAX else _NO_ID


def _refuse_unplaced(part: _Part, row: _Row) -> Unusable:
    if row.n_bytes > N_BYTES_MAX:
        return part.refuse(row, refuse("too_long", f"the row has {row.n_bytes:,} bytes"))
    found = row.content.partition(b",")[0][:40].decode("latin-1")
    return part.refuse(row, refuse("bad_id", f"VAERS_ID is {found!r}"))


def _join(vaers_id: int, rows: Iterator[_Row], parts: _Parts) -> Iterator[Read | Unusable]:
    found = _Rows()
    for row in rows:
        part = parts.opened[row.part]
        try:
            _take(vaers_id, row, part, found)
        except Refused as error:
            yield part.refuse(row, error)
    if found.data is None:
        return
    try:
        read = _emit(vaers_id, *found.data, found, parts)
    except Refused as error:
        yield from _refuse_report(vaers_id, found, parts, error)
        return
    _count_used(found, parts)
    yield read


def _count_used(found: _Rows, parts: _Parts) -> None:
    counts = parts.opened[_DATA].counts
    counts.n_used += 1
    counts.n_emitted += 1
    for number, joined in found.joined.items():
        parts.opened[number].counts.n_used += len(joined)


def _refuse_report(
    vaers_id: int, found: _Rows, parts: _Parts, error: Refused
) -> Iterator[Unusable]:
    if found.data is not None:
        yield parts.opened[_DATA].refuse(found.data[0], error)
    orphan = refuse("orphan_row", f"the DATA row of {vaers_id} was refused: {error.code}")
    for number, joined in found.joined.items():
        yield from (parts.opened[number].refuse(row, orphan) for row, _ in joined)


def _take(vaers_id: int, row: _Row, part: _Part, found: _Rows) -> None:
    """Add a row to its report, or refuse it."""
    if row.part == _DATA:
        _take_data(vaers_id, row, part, found)
        return
    fields = _parse(row, part)
    if found.data is None:
        raise refuse("orphan_row", f"no DATA row of {vaers_id} can be used")
    joined, n_max = found.joined[row.part], _N_ROWS_MAX[row.part]
    if len(joined) == n_max:
        raise refuse("too_many_rows", f"{vaers_id} has more than {n_max} rows here")
    joined.append((row, fields))


def _take_data(vaers_id: int, row: _Row, part: _Part, found: _Rows) -> None:
    if found.data is None:
        fields = _parse(row, part)
        if isinstance(fields, Report):
            found.data = row, fields
        return
    first, _ = found.data
    if row.content != first.content:
        raise refuse("repeated_id", f"{vaers_id} stands at {part.place(first)} otherwise")
    part.counts.n_repeated += 1


def _parse(row: _Row, part: _Part) -> Report | Vaccine | Terms:
    try:
        return part.parse(row.content)
    except RowError as error:
        raise refuse(error.code, error.reason) from None


def _emit(vaers_id: int, data: _Row, report: Report, found: _Rows, parts: _Parts) -> Read:
    vaccines = [fields for _, fields in found.joined[_VAX] if isinstance(fields, Vaccine)]
    terms = [fields for _, fields in found.joined[_SYMPTOMS] if isinstance(fields, Terms)]
    place = parts.opened[_DATA].place(data)
    origin = Origin(place, _sha256(data, found), parts.is_domestic)
    case = build_case(vaers_id, report, vaccines, terms, origin)
    refuse_ahead(case.received_on, parts.today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        raise refuse("too_long", f"the report makes a line of {len(line):,} bytes")
    return Read(case.received_on, case.case_id, line)


def _sha256(data: _Row, found: _Rows) -> str:
    """Digest all rows of a report: DATA, VAX, SYMPTOMS, each followed by LF."""
    rows = [data, *(row for joined in found.joined.values() for row, _ in joined)]
    return hashlib.sha256(b"".join(row.content + b"\n" for row in rows)).hexdigest()


VAERS = Vaers()
