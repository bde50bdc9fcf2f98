"""FAERS quarters in the FDA's ASCII layouts: DEMO and its six tables, joined by report.

All seven tables are read side by side, in the order of their reports (which is that of the
files), so that a quarter of half a million reports joins in the memory of a few lines. The
deletion list that comes with a quarter nullifies its cases at the end of the quarter.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from surveillance.domain.case import CaseVersion, Provenance
from surveillance.domain.errors import Misused, Refused
from surveillance.intake.faers_case import (
    N_DRUGS_MAX,
    N_TERMS_MAX,
    PARSER,
    Origin,
    Rows,
    build_case,
    case_id,
)
from surveillance.intake.faers_files import (
    READS,
    TABLES,
    FaersFile,
    Quarter,
    opened_quarters,
    within,
)
from surveillance.intake.faers_tables import (
    Batch,
    Fields,
    Row,
    RowError,
    Table,
    read_table,
    refuse,
    together,
)
from surveillance.intake.file_lines import bounded_lines
from surveillance.intake.format import (
    Read,
    Topic,
    Unusable,
    refuse_ahead,
    unreadable,
    unusable,
)
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

BYTES_IN_MEMORY = 25_165_824  # of a table that has to be sorted; more goes to disk
_N_ROWS_MAX = {
    "DRUG": N_DRUGS_MAX, "REAC": N_TERMS_MAX, "OUTC": 100, "RPSR": 100, "THER": 2_000,
    "INDI": 2_000,
}  # fmt: skip
_N_ROWS_FREE = min(_N_ROWS_MAX.values())
_OF_A_DRUG = ("THER", "INDI")
_encode = msgspec.json.Encoder().encode
_NO_ROWS: list[Fields] = []


class _Child:
    """A table beside DEMO, read as far as DEMO is."""

    def __init__(self, table: Table, batches: Iterator[Batch]) -> None:
        self.table = table
        self._batches = batches
        self._at = 0
        self._batch = Batch([], [], [], [])
        self.next: str | None = ""  # the report of the next row; None at the end
        self._go_to(0)

    def _go_to(self, at: int) -> None:
        """Go to a row, which may be the first of the next batch."""
        while at == len(self._batch.ids):
            batch = next(self._batches, None)
            if batch is None:
                self.next = None
                return
            self._batch, at = batch, 0
        self._at, self.next = at, self._batch.ids[at]

    def before(self, identifier: str | None) -> Iterator[Row]:
        """Yield the rows of reports that DEMO does not have; all that are left for None."""
        while self.next is not None and (identifier is None or self.next < identifier):
            row = self._batch.row(self._at)
            self._go_to(self._at + 1)
            yield row

    def take(self, identifier: str) -> tuple[Batch, int, int]:
        """Return where the rows of the report that comes next begin and end."""
        found = self._take(identifier)
        if self.next != identifier:
            return found
        parts = [found]
        while self.next == identifier:  # it goes on in the next batch
            parts.append(self._take(identifier))
        return together(parts)

    def _take(self, identifier: str) -> tuple[Batch, int, int]:
        batch, start = self._batch, self._at
        ids = batch.ids
        end, n_ids = start + 1, len(ids)
        while end < n_ids and ids[end] == identifier:
            end += 1
        if end < n_ids:
            self._at, self.next = end, ids[end]
        else:
            self._go_to(end)
        return batch, start, end


class _Joined(NamedTuple):
    """The rows of a report in one table that can be used."""

    table: Table
    fields: list[Fields]
    lines: list[bytes]
    batch: Batch
    places: Sequence[int]  # in the batch

    def only(self, keep: Sequence[bool]) -> _Joined:
        """Return some of the rows."""
        fields, lines = list(compress(self.fields, keep)), list(compress(self.lines, keep))
        places = list(compress(self.places, keep))
        return _Joined(self.table, fields, lines, self.batch, places)

    def refused(self, place: int, error: Refused) -> Unusable:
        """Refuse one of the rows."""
        return _refuse_row(self.table, self.batch.row(self.places[place]), error)


class _Opened(NamedTuple):
    """A quarter, opened."""

    demo: Table
    batches: Iterator[Batch]
    children: list[_Child]
    today: date | None


@dataclass(frozen=True)
class Faers:
    """A reader of the quarters of the FDA's adverse event reporting system.

    Parameters
    ----------
    bytes_in_memory : int
        Most rows held at once where a table has to be sorted, in bytes.
    """

    bytes_in_memory: int = BYTES_IN_MEMORY
    name: str = "faers"
    topic: Topic = "cases"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return READS

    def within(self, directory: Path) -> list[Path]:
        """Return a folder's zip files, sorted, and then the folder itself if it holds tables."""
        return within(directory)

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read a zip file or folder of one or more quarters, or one deletion list.

        Parameters
        ----------
        path : Path
            A zip file, a folder, or a deletion list.
        tally : RowCounts, optional
            Counts rows in and records out, for each table by itself.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One case version a report, by PRIMARYID or ISR as text within a quarter; one
            nullification a deleted case; and every row that is in none. Where one of several
            quarters cannot be used as a whole, one `Unusable` stands for it.

        Raises
        ------
        Misused
            If nothing in it can be read.
        """
        tally = RowCounts() if tally is None else tally
        with opened_quarters(path) as quarters:
            for quarter in quarters:
                try:
                    yield from self._read_quarter(path, quarter, tally, today)
                except Misused as error:
                    if len(quarters) == 1:
                        raise
                    yield unreadable(error)

    def _read_quarter(
        self,
        path: Path,
        quarter: Quarter,
        tally: RowCounts,
        today: date | None,
    ) -> Iterator[Read | Unusable]:
        _require_whole(path, quarter)
        if quarter.tables:
            with ExitStack() as closing:
                opened = self._open(quarter, tally, today, closing)
                yield from _read_reports(opened)
        for file in quarter.deletions:
            yield from _read_deletions(file, quarter.name.last_day, tally.of(file.named), today)

    def _open(
        self, quarter: Quarter, tally: RowCounts, today: date | None, closing: ExitStack
    ) -> _Opened:
        opened = [
            read_table(
                table,
                quarter.tables[table],
                tally.of(quarter.tables[table].named),
                bytes_in_memory=self.bytes_in_memory,
                closing=closing,
            )
            for table in TABLES
        ]
        (demo, batches), *others = opened
        return _Opened(demo, batches, [_Child(*each) for each in others], today)


def _require_whole(path: Path, quarter: Quarter) -> None:
    if quarter.twice is not None:
        reason = f"holds {quarter.twice.shown} twice"
        raise Misused(str(path), reason, "keep the copy that holds, and move the other away")
    missing = [table for table in TABLES if table not in quarter.tables]
    if missing and quarter.tables:
        reason = f"has no {' and no '.join(missing)} table of {quarter.name}"
        raise Misused(str(path), reason, f"fetch it again: a quarter is {', '.join(TABLES)}")


def _read_reports(opened: _Opened) -> Iterator[Read | Unusable]:
    last: tuple[Batch, int] | None = None
    before = ""
    for batch in opened.batches:
        for at, identifier in enumerate(batch.ids):
            if not identifier:
                row = batch.row(at)
                yield _refuse_row(opened.demo, row, _fault_of_no_id(row))
            elif last is not None and identifier == before:
                yield from _repeated(opened.demo, batch.row(at), last[0].row(last[1]))
            else:
                last, before = (batch, at), identifier
                yield from _read_report(batch, at, opened)
    for child in opened.children:
        yield from _orphans(child, None)
    if last is None:
        raise Misused(opened.demo.file.named, "holds no row", "fetch the quarter again")


def _repeated(demo: Table, row: Row, first: Row) -> Iterator[Unusable]:
    if row.line.content == first.line.content:
        demo.counts.n_repeated += 1
    else:
        reason = f"{row.id.decode()} stands at {demo.place(first.line)} otherwise"
        yield _refuse_row(demo, row, refuse("repeated_id", reason))


def _read_report(batch: Batch, at: int, opened: _Opened) -> Iterator[Read | Unusable]:
    identifier = batch.ids[at]
    joined: list[_Joined | None] = []
    refused: list[Unusable] = []
    for child in opened.children:
        if child.next is not None and child.next < identifier:
            yield from _orphans(child, identifier)
        joined.append(_join(child, identifier, refused) if child.next == identifier else None)
    _take_out_of_no_drug(joined, refused)
    if refused:
        yield from refused
    try:
        read = _emit(batch, at, joined, opened)
    except Refused as error:
        yield _refuse_row(opened.demo, batch.row(at), error)
        yield from _orphaned(identifier, joined, error)
        return
    counts = opened.demo.counts
    counts.n_used += 1
    counts.n_emitted += 1
    for each in joined:
        if each is not None:
            each.table.counts.n_used += len(each.fields)
    yield read


def _orphaned(identifier: str, joined: list[_Joined | None], error: Refused) -> Iterator[Unusable]:
    """Refuse the rows of a report whose row of DEMO was refused."""
    orphan = refuse("orphan_row", f"the DEMO row of {identifier} was refused: {error.code}")
    for each in joined:
        if each is not None:
            for place in range(len(each.fields)):
                yield each.refused(place, orphan)


def _orphans(child: _Child, identifier: str | None) -> Iterator[Unusable]:
    for row in child.before(identifier):
        error = (
            refuse("orphan_row", f"no DEMO row of {row.id.decode()} in this quarter")
            if row.id
            else _fault_of_no_id(row)
        )
        yield _refuse_row(child.table, row, error)


def _join(child: _Child, identifier: str, refused: list[Unusable]) -> _Joined:
    """Return the rows that can be used; add the others to `refused`."""
    table = child.table
    batch, start, end = child.take(identifier)
    found = batch.fields[start:end]
    joined = _Joined(
        table, cast("list[Fields]", found), batch.lines[start:end], batch, range(start, end)
    )
    if None not in found and end - start <= _N_ROWS_FREE:
        return joined
    n_max, n_kept = _N_ROWS_MAX[table.name], 0
    keep: list[bool] = []
    for place, selected in enumerate(found):
        try:
            if n_kept == n_max:
                raise refuse("too_many_rows", f"{identifier} has more than {n_max} rows here")
            joined.fields[place] = _fields(table, joined.lines[place], selected)
            n_kept += 1
            keep.append(True)
        except Refused as error:
            refused.append(joined.refused(place, error))
            keep.append(False)
    return joined.only(keep)


def _fields(table: Table, line: bytes, selected: Fields | None) -> Fields:
    if selected is not None:
        return selected
    try:
        return table.split(line)
    except RowError as error:
        raise refuse("wrong_columns", str(error)) from None


def _take_out_of_no_drug(joined: list[_Joined | None], refused: list[Unusable]) -> None:
    """Refuse the rows of THER and INDI that belong to no row of DRUG."""
    drugs = {fields[-1] for fields in joined[0].fields} if joined[0] is not None else set()
    for number, each in enumerate(joined):
        if each is None or each.table.name not in _OF_A_DRUG:
            continue
        keep = [fields[0] in drugs for fields in each.fields]
        if all(keep):
            continue
        for place, fields in enumerate(each.fields):
            if not keep[place]:
                identifier = each.batch.ids[each.places[place]]
                reason = f"no DRUG row of {identifier} has DRUG_SEQ {fields[0][:20]!r}"
                refused.append(each.refused(place, refuse("orphan_row", reason)))
        joined[number] = each.only(keep)


def _emit(batch: Batch, at: int, joined: list[_Joined | None], opened: _Opened) -> Read:
    demo, line = opened.demo, batch.lines[at]
    fields = _fields(demo, line, batch.fields[at])
    rows = Rows(fields, *[_NO_ROWS if each is None else each.fields for each in joined])
    place = f"{demo.file.shown}:{batch.numbers[at]}"
    case = build_case(rows, Origin(place, _sha256(line, joined), demo.is_legacy))
    refuse_ahead(case.received_on, opened.today)
    if len(case.line) > N_BYTES_MAX:
        raise refuse("too_long", f"the report makes a line of {len(case.line):,} bytes")
    return Read(case.received_on, case.case_id, case.line)


def _sha256(line: bytes, joined: list[_Joined | None]) -> str:
    """Digest all rows of a report, in the order of `TABLES`, each followed by LF."""
    contents = [line]
    for each in joined:
        if each is not None:
            contents += each.lines
    contents.append(b"")
    return hashlib.sha256(b"\n".join(contents)).hexdigest()


def _fault_of_no_id(row: Row) -> Refused:
    if row.line.n_bytes > N_BYTES_MAX:
        return refuse("too_long", f"the row has {row.line.n_bytes:,} bytes")
    found = row.line.content.partition(b"$")[0][:40].decode("latin-1")
    return refuse("bad_id", f"PRIMARYID or ISR is {found!r}")


def _refuse_row(table: Table, row: Row, error: Refused) -> Unusable:
    table.counts.refused[error.code] += 1
    fault = (error.code, error.reason, error.remedy)
    return unusable(table.place(row.line), fault, row.line.content, row.line.n_bytes)


def _read_deletions(
    file: FaersFile, on: date, counts: FileTally, today: date | None
) -> Iterator[Read | Unusable]:
    """Read a list of cases, one a line, that the FDA has deleted."""
    seen: set[int] = set()
    with file.open() as stream:
        for line in bounded_lines(stream):
            content = line.content.removeprefix(b"\xef\xbb\xbf").strip()
            if not content:
                counts.n_blank += 1
                continue
            counts.n_read += 1
            place = f"{file.shown}:{line.number}"
            try:
                number = _number_of(content)
                refuse_ahead(on, today)
            except Refused as error:
                counts.refused[error.code] += 1
                fault = (error.code, error.reason, error.remedy)
                yield unusable(place, fault, line.content, line.n_bytes)
                continue
            if number in seen:
                counts.n_repeated += 1
                continue
            seen.add(number)
            counts.n_used += 1
            counts.n_emitted += 1
            yield _nullification(number, on, place, content)


def _number_of(content: bytes) -> int:
    if not content.isdigit() or len(content) > 18 or int(content) == 0:  # noqa: PLR2004 - digits
        found = content[:40].decode("latin-1")
        reason = f"the number of a deleted case is {found!r}"
        raise Refused("bad_id", reason, "give one CASEID a line, as the FDA does")
    return int(content)


def _nullification(number: int, on: date, place: str, content: bytes) -> Read:
    case = CaseVersion(
        case_id=case_id(str(number)),
        source="faers",
        version=1,
        kind="nullification",
        received_on=on,
        provenance=Provenance(
            parser=PARSER,
            place=place,
            message_sha256=hashlib.sha256(content + b"\n").hexdigest(),
        ),
    )
    return Read(on, case.case_id, _encode(case))


FAERS = Faers()
