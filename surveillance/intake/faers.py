"""FAERS quarters in the FDA's ASCII layouts: DEMO and its six tables, joined by report.

All seven tables are read side by side, in the order of their reports (which is that of the
files), so that a quarter of half a million reports joins in the memory of a few lines. The
deletion list that comes with a quarter nullifies its cases at the end of the quarter.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
from surveillance.intake.faers_tables import Row, RowError, Table, read_table, refuse
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
_OF_A_DRUG = ("THER", "INDI")
_encode = msgspec.json.Encoder().encode
_Split = tuple[Row, tuple[str, ...]]


class _Child:
    """A table beside DEMO, read as far as DEMO is."""

    def __init__(self, table: Table, rows: Iterator[Row]) -> None:
        self.table = table
        self._rows = rows
        self._next = next(rows, None)

    def before(self, identifier: bytes | None) -> Iterator[Row]:
        """Yield the rows of reports that DEMO does not have; all that are left for None."""
        while (row := self._next) is not None and (identifier is None or row.id < identifier):
            yield row
            self._next = next(self._rows, None)

    def is_behind(self, identifier: bytes) -> bool:
        """Return whether rows come before those of a report."""
        return self._next is not None and self._next.id < identifier

    def of(self, identifier: bytes) -> Sequence[Row]:
        """Return the rows of a report."""
        row = self._next
        if row is None or row.id != identifier:
            return ()
        found = [row]
        for row in self._rows:
            if row.id != identifier:
                self._next = row
                return found
            found.append(row)
        self._next = None
        return found


class _Opened(NamedTuple):
    """A quarter, opened."""

    demo: Table
    rows: Iterator[Row]
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
        (demo, rows), *others = opened
        return _Opened(demo, rows, [_Child(*each) for each in others], today)


def _require_whole(path: Path, quarter: Quarter) -> None:
    if quarter.twice is not None:
        reason = f"holds {quarter.twice.shown} twice"
        raise Misused(str(path), reason, "keep the copy that holds, and move the other away")
    missing = [table for table in TABLES if table not in quarter.tables]
    if missing and quarter.tables:
        reason = f"has no {' and no '.join(missing)} table of {quarter.name}"
        raise Misused(str(path), reason, f"fetch it again: a quarter is {', '.join(TABLES)}")


def _read_reports(opened: _Opened) -> Iterator[Read | Unusable]:
    last: Row | None = None
    for row in opened.rows:
        if not row.id:
            yield _refuse_row(opened.demo, row, _fault_of_no_id(row))
        elif last is not None and row.id == last.id:
            yield from _repeated(opened.demo, row, last)
        else:
            last = row
            yield from _read_report(row, opened)
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


def _read_report(row: Row, opened: _Opened) -> Iterator[Read | Unusable]:
    joined: list[Sequence[_Split]] = []
    refused: list[Unusable] = []
    for child in opened.children:
        if child.is_behind(row.id):
            yield from _orphans(child, row.id)
        rows = child.of(row.id)
        joined.append(_split_rows(child.table, rows, refused) if rows else ())
    _take_out_of_no_drug(joined, opened.children, refused)
    if refused:
        yield from refused
    try:
        read = _emit(row, joined, opened)
    except Refused as error:
        yield _refuse_row(opened.demo, row, error)
        reason = f"the DEMO row of {row.id.decode()} was refused: {error.code}"
        orphan = refuse("orphan_row", reason)
        for child, used in zip(opened.children, joined, strict=True):
            yield from (_refuse_row(child.table, each, orphan) for each, _ in used)
        return
    opened.demo.counts.n_used += 1
    opened.demo.counts.n_emitted += 1
    for child, used in zip(opened.children, joined, strict=True):
        child.table.counts.n_used += len(used)
    yield read


def _orphans(child: _Child, identifier: bytes | None) -> Iterator[Unusable]:
    for row in child.before(identifier):
        error = (
            refuse("orphan_row", f"no DEMO row of {row.id.decode()} in this quarter")
            if row.id
            else _fault_of_no_id(row)
        )
        yield _refuse_row(child.table, row, error)


def _split_rows(table: Table, rows: Sequence[Row], refused: list[Unusable]) -> list[_Split]:
    """Return the rows that can be used; add the others to `refused`."""
    found: list[_Split] = []
    n_max = _N_ROWS_MAX[table.name]
    for row in rows:
        try:
            if len(found) == n_max:
                reason = f"{row.id.decode()} has more than {n_max} rows here"
                raise refuse("too_many_rows", reason)
            found.append((row, _split(table, row)))
        except Refused as error:
            refused.append(_refuse_row(table, row, error))
    return found


def _split(table: Table, row: Row) -> tuple[str, ...]:
    try:
        return table.split(row.line.content)
    except RowError as error:
        raise refuse("wrong_columns", str(error)) from None


def _take_out_of_no_drug(
    joined: list[Sequence[_Split]], children: list[_Child], refused: list[Unusable]
) -> None:
    """Refuse the rows of THER and INDI that belong to no row of DRUG."""
    drugs = {fields[0] for _, fields in joined[0]}
    for place, child in enumerate(children):
        table, rows = child.table, joined[place]
        if table.name not in _OF_A_DRUG or all(fields[0] in drugs for _, fields in rows):
            continue
        joined[place] = [each for each in rows if each[1][0] in drugs]
        for row, fields in rows:
            if fields[0] not in drugs:
                reason = f"no DRUG row of {row.id.decode()} has DRUG_SEQ {fields[0][:20]!r}"
                refused.append(_refuse_row(table, row, refuse("orphan_row", reason)))


def _emit(row: Row, joined: list[Sequence[_Split]], opened: _Opened) -> Read:
    demo = _split(opened.demo, row)
    rows = Rows(demo, *([fields for _, fields in each] for each in joined))
    origin = Origin(opened.demo.place(row.line), _sha256(row, joined), opened.demo.is_legacy)
    case = build_case(rows, origin)
    refuse_ahead(case.received_on, opened.today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        raise refuse("too_long", f"the report makes a line of {len(line):,} bytes")
    return Read(case.received_on, case.case_id, line)


def _sha256(row: Row, joined: list[Sequence[_Split]]) -> str:
    """Digest all rows of a report, in the order of `TABLES`, each followed by LF."""
    contents = [row.line.content]
    for rows in joined:
        contents += [each.line.content for each, _ in rows]
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
