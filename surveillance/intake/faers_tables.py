"""The tables of a FAERS quarter, row by row, in the order of their reports.

Three layouts are read by their headers: legacy AERS (2004 to 2012Q3, keyed by ISR, with a
``$`` at the end of each row), 2012Q4 to 2014Q2, and 2014Q3 onwards. The FDA sorts its tables
by report as text; one that is not is sorted here, on disk.

Rows are cut from the file some hundreds at a time where each is one line that begins with its
report, as nearly all are; else line by line, to join what belongs together.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.file_lines import (
    N_BLANK_MAX,
    FileLine,
    bounded_lines,
    skip_line,
    too_blank,
)
from surveillance.intake.spool import stable_sort
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import ExitStack
    from typing import BinaryIO

    from surveillance.intake.faers_files import FaersFile
    from surveillance.intake.row_counts import FileTally

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ID = re.compile(rb"([1-9][0-9]{0,15})\$")
_BEGINS = re.compile(rb"\n([1-9][0-9]*)\$")
_OF_ONE_LINE_EACH = re.compile(rb"(?:[1-9][0-9]{0,15}\$[^\n]*\n)++")
_NOTHING = b""
_N_BLOCK = 1_048_576
_N_BYTES_CUT = 16_384  # from a file at a time: what is made of it stays in the cache
_N_ROWS_CUT = 500  # from a sort at a time
_N_LINES_MAX = 50  # that one row may be broken into

# By layout: every name that a column has had. A question mark: not in every layout.
# The first of DEMO and of DRUG are in the order of `faers_columns.DEMO` and `DRUG`.
COLUMNS: dict[str, tuple[str, ...]] = {
    "DEMO": (
        "occr_country?", "occp_cod", "reporter_country?", "mfr_num", "auth_num?", "mfr_sndr",
        "lit_ref?", "sex|gndr_cod", "age_grp?", "primaryid|isr", "caseid|case", "caseversion?",
        "i_f_code|i_f_cod", "event_dt", "init_fda_dt|init_fda_date?", "fda_dt", "rept_cod", "age",
        "age_cod", "wt", "wt_cod",
    ),
    "DRUG": (
        "drugname", "role_cod", "prod_ai?", "lot_num|lot_nbr", "dose_amt?", "dose_unit?", "route",
        "dose_vbm", "dose_form?", "dechal", "rechal", "nda_num", "drug_seq",
    ),
    "REAC": ("pt", "drug_rec_act?"),
    "OUTC": ("outc_cod",),
    "RPSR": ("rpsr_cod",),
    "THER": ("dsg_drug_seq|drug_seq", "start_dt", "end_dt"),
    "INDI": ("indi_drug_seq|drug_seq", "indi_pt"),
}  # fmt: skip

# A separator can stand inside these columns; where the other columns then hold what they may,
# the pieces are put together again.
_MAY_HOLD_SEPARATOR = {
    "DEMO": ("mfr_num", "auth_num", "lit_ref", "mfr_sndr"),
    "DRUG": ("drugname", "dose_vbm", "lot_num", "lot_nbr"),
}
_DAY, _NUMBER = r"(\d{4}(\d\d)?(\d\d)?)?", r"(-?\d*\.?\d*)?"
_MAY_HOLD = {
    name: re.compile(pattern)
    for name, pattern in {
        **dict.fromkeys(("event_dt", "mfr_dt", "init_fda_dt", "rept_dt"), _DAY),
        **dict.fromkeys(("age", "wt", "cum_dose_chr"), _NUMBER),
        **dict.fromkeys(("drug_seq", "caseversion", "caseid", "case"), r"\d+"),
        "fda_dt": r"\d{8}",
        "val_vbm": r"[12]",
        **dict.fromkeys(("dechal", "rechal", "e_sub", "sex", "gndr_cod"), r"[A-Z]{0,3}"),
        **dict.fromkeys(("age_cod", "wt_cod", "occp_cod"), r"[A-Z]{0,3}"),
        "role_cod": r"[A-Z]{1,2}",
        "rept_cod": r"[A-Z0-9]{0,5}",
        "to_mfr": r"[A-Z]?",
    }.items()
}


Fields = tuple[str, ...]  # the columns of a row that are used


class Row(NamedTuple):
    """One row."""

    id: bytes  # PRIMARYID or ISR, as digits; empty if it names none
    line: FileLine


class Batch(NamedTuple):
    """Some rows of a table, one after the other."""

    ids: list[str]  # PRIMARYID or ISR, as digits; empty where a row names none
    lines: list[bytes]
    fields: list[Fields | None]  # None where a row has not the width of the header
    numbers: Sequence[int]  # of their first lines
    n_bytes: Sequence[int] | None = None  # of each row before it was cut; None: none was

    def row(self, at: int) -> Row:
        """Return one row, for a message."""
        n_bytes = len(self.lines[at]) if self.n_bytes is None else self.n_bytes[at]
        return Row(self.ids[at].encode(), FileLine(self.numbers[at], self.lines[at], n_bytes))


def together(parts: list[tuple[Batch, int, int]]) -> tuple[Batch, int, int]:
    """Return rows of several batches as one batch; where they begin and end in it."""
    rows = [(batch, at) for batch, start, end in parts for at in range(start, end)]
    whole = Batch(
        [batch.ids[at] for batch, at in rows],
        [batch.lines[at] for batch, at in rows],
        [batch.fields[at] for batch, at in rows],
        [batch.numbers[at] for batch, at in rows],
        [batch.row(at).line.n_bytes for batch, at in rows],
    )
    return whole, 0, len(rows)


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """A row on its way through the sort."""

    id: bytes
    number: int
    content: bytes
    n_bytes: int


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Packed).decode


class RowError(ValueError):
    """A row of the wrong width."""


@dataclass
class Table:
    """One table, once its header is known."""

    name: str
    file: FaersFile
    counts: FileTally
    columns: list[str]
    select: Callable[[list[str]], Fields]  # the columns that are used
    is_lacking: bool  # some of them

    @property
    def is_legacy(self) -> bool:
        """Whether it is in the layout of legacy AERS."""
        return self.columns[0] == "isr"

    def place(self, line: FileLine) -> str:
        """Return file and line."""
        return f"{self.file.shown}:{line.number}"

    def select_all(self, rows: list[list[str]]) -> list[Fields | None]:
        """Return the columns that are used of each row; None for one of another width."""
        n_columns = len(self.columns)
        if not self.is_lacking and set(map(len, rows)) == {n_columns}:
            return list(map(self.select, rows))
        found: list[Fields | None] = []
        for fields in rows:
            n_fields = len(fields)
            if n_fields == n_columns:
                fields.append("")  # at index -1: columns that this layout lacks
            elif n_fields != n_columns + 1 or fields[-1]:
                found.append(None)
                continue
            found.append(self.select(fields))
        return found

    def split(self, content: bytes) -> Fields:
        """Split a row of another width than the header, into the columns that are used.

        Raises
        ------
        RowError
            If it cannot be mended.
        """
        fields = self._mended(_text_of(content).split("$"))
        fields.append("")
        return self.select(fields)

    def _mended(self, fields: list[str]) -> list[str]:
        n_more = len(fields) - len(self.columns)
        if n_more > 1 and not fields[-1] and self.is_legacy:
            fields, n_more = fields[:-1], n_more - 1
        for name in _MAY_HOLD_SEPARATOR.get(self.name, ()) if n_more > 0 else ():
            if name not in self.columns:
                continue
            at = self.columns.index(name)
            whole = "$".join(fields[at : at + n_more + 1])
            mended = [*fields[:at], whole, *fields[at + n_more + 1 :]]
            if self._may_be(mended):
                return mended
        n_columns = len(self.columns)
        raise RowError(f"the row has {len(fields)} columns, the header {n_columns}")

    def _may_be(self, fields: list[str]) -> bool:
        return all(
            name not in _MAY_HOLD or _MAY_HOLD[name].fullmatch(text)
            for name, text in zip(self.columns, fields, strict=True)
        )


def read_table(
    name: str,
    file: FaersFile,
    counts: FileTally,
    *,
    bytes_in_memory: int,
    closing: ExitStack,
) -> tuple[Table, Iterator[Batch]]:
    """Open a table.

    Parameters
    ----------
    name : str
        One of `COLUMNS`.
    file : FaersFile
        Opened twice: once to see whether it is sorted.
    counts : FileTally
        Counts blank rows and rows read.
    bytes_in_memory : int
        Most rows held at once if it has to be sorted, in bytes.
    closing : ExitStack
        Closes the file.

    Returns
    -------
    Table
        Its columns.
    iterator of Batch
        By report as text, and within a report in the order of the file. First, with an empty
        id, those that name none if it had to be sorted; else in their place.

    Raises
    ------
    Misused
        If it is damaged, empty, or its header is not of this table.
    """
    with file.open() as stream:
        is_sorted = _is_sorted(stream)
    stream = closing.enter_context(file.open())
    table = _read_header(name, file, next(bounded_lines(stream), None), counts)
    batches = _cut(stream, table)
    return table, batches if is_sorted else _in_order(batches, table, bytes_in_memory)


def _is_sorted(stream: BinaryIO) -> bool:
    carried, last = b"", b""
    stream.readline(N_BYTES_MAX)
    while block := stream.read(_N_BLOCK):
        lines, _, carried = (carried + block).rpartition(b"\n")
        carried = carried[:N_BYTES_MAX]
        ids = _BEGINS.findall(b"\n" + lines)
        if len(ids) <= lines.count(b"\n"):  # not each line begins with a report
            ids = [line[: line.find(b"$")] for line in lines.split(b"\n") if line]
        if ids:
            ids.insert(0, last)
            if ids != sorted(ids):
                return False
            last = ids[-1]
    return True


def _read_header(name: str, file: FaersFile, line: FileLine | None, counts: FileTally) -> Table:
    if line is None:
        raise Misused(file.named, "is empty", "fetch the quarter again")
    text = line.content.removeprefix(_BYTE_ORDER_MARK).decode("latin-1")
    columns = [column.strip().lower() for column in text.split("$")]
    if columns[0] not in ("primaryid", "isr"):
        reason = f"its first column is {columns[0][:40]!r}, not PRIMARYID or ISR"
        raise Misused(file.named, reason, "send the file as the FDA makes it, with its header")
    places = [_place_of(wanted, columns) for wanted in COLUMNS[name]]
    lacking = [
        wanted.upper().replace("|", " or ")
        for wanted, place in zip(COLUMNS[name], places, strict=True)
        if place < 0 and not wanted.endswith("?")
    ]
    if lacking:
        reason = f"its header lacks {', '.join(lacking)}"
        raise Misused(file.named, reason, "send the file as the FDA makes it")
    if columns[-1] == "":  # a header that ends as its rows do
        columns.pop()
    return Table(name, file, counts, columns, _selecting(places), min(places) < 0)


def _selecting(places: list[int]) -> Callable[[list[str]], Fields]:
    if len(places) > 1:
        return itemgetter(*places)
    (only,) = places
    return lambda fields: (fields[only],)


def _place_of(wanted: str, columns: list[str]) -> int:
    for name in wanted.removesuffix("?").split("|"):
        if name in columns:
            return columns.index(name)
    return -1


def _text_of(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")  # as older quarters are


def _cut(stream: BinaryIO, table: Table) -> Iterator[Batch]:
    """Cut a table, after its header, into rows, and count them."""
    for batch in _batches(stream, table):
        table.counts.n_read += len(batch.ids)
        yield batch


def _batches(stream: BinaryIO, table: Table) -> Iterator[Batch]:
    joining = _Joining(table)
    number, n_blank, carried = 2, 0, b""
    while piece := stream.read(_N_BYTES_CUT):
        if not piece.endswith(b"\n"):
            piece += stream.readline(N_BYTES_MAX + 2)
        block = carried + piece
        if len(block) <= N_BYTES_MAX and _OF_ONE_LINE_EACH.fullmatch(block):
            yield from joining.last()
            start = block.rfind(b"\n", 0, -1) + 1
            carried = block[start:]  # the next block may continue it
            if start:
                yield _of_lines(block[:start], table, number)
            number += block.count(b"\n", 0, start)
            n_blank = 0
            continue
        carried = b""
        n_more = 0 if block.endswith(b"\n") else skip_line(stream)
        lines = _lines_of(block, number, n_more)
        number += len(lines)
        n_blank = 0 if block.strip() else n_blank + len(lines)
        if n_blank > N_BLANK_MAX:
            raise too_blank(stream)
        yield from joining.rows(lines)
    yield from joining.last()
    if carried:
        yield _of_lines(carried, table, number)


def _lines_of(block: bytes, number: int, n_more: int) -> list[FileLine]:
    """Return the lines of a block, the last of which has more bytes than are in it."""
    lines = [
        FileLine(number + line.number - 1, line.content, line.n_bytes)
        for line in bounded_lines(io.BytesIO(block))
    ]
    if n_more:
        lines[-1] = lines[-1]._replace(n_bytes=lines[-1].n_bytes + n_more)
    return lines


def _of_lines(block: bytes, table: Table, number: int) -> Batch:
    """Return the rows of a block in which each is one line."""
    block = block[:-1].removesuffix(b"\r").replace(b"\r\n", b"\n")
    lines = block.split(b"\n")
    try:
        texts = block.decode().split("\n")
    except UnicodeDecodeError:
        texts = [_text_of(line) for line in lines]
    rows = [text.split("$") for text in texts]
    ids = [fields[0] for fields in rows]
    return Batch(ids, lines, table.select_all(rows), range(number, number + len(lines)))


def _of_rows(rows: list[Row], table: Table) -> Batch:
    return Batch(
        [row.id.decode() for row in rows],
        [row.line.content for row in rows],
        table.select_all([_text_of(row.line.content).split("$") for row in rows]),
        [row.line.number for row in rows],
        [row.line.n_bytes for row in rows],
    )


class _Joining:
    """Joins lines to rows: what does not begin with a report continues the row before."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._waiting: Row | None = None
        self._n_joined = 0

    def rows(self, lines: Iterable[FileLine]) -> Iterator[Batch]:
        """Yield the rows that are whole."""
        found = [row for line in lines if (row := self._row_before(line)) is not None]
        if found:
            yield _of_rows(found, self._table)

    def last(self) -> Iterator[Batch]:
        """Yield the row that nothing continues."""
        if self._waiting is not None:
            yield _of_rows([self._waiting], self._table)
            self._waiting = None

    def _row_before(self, line: FileLine) -> Row | None:
        """Take a line; return the row before it if it does not continue that."""
        found = _ID.match(line.content)
        before = self._waiting
        if found is None:
            if not line.content.strip():
                self._table.counts.n_blank += 1
                return None
            if (
                before is not None
                and self._n_joined < _N_LINES_MAX
                and _is_short(before, self._table, line)
            ):
                self._waiting = _joined(before, line)
                self._n_joined += 1
                return None
        self._n_joined = 0
        is_whole = found is not None and line.n_bytes <= N_BYTES_MAX
        self._waiting = Row(found[1] if found and is_whole else _NOTHING, line)
        return before


def _is_short(row: Row, table: Table, line: FileLine) -> bool:
    """Return whether a row lacks columns, and a line would not give it too many."""
    n_wanted = len(table.columns) - 1
    n_here = row.line.content.count(b"$")
    return bool(row.id) and n_here < n_wanted and n_here + line.content.count(b"$") <= n_wanted + 1


def _joined(row: Row, line: FileLine) -> Row:
    whole = row.line.content + b" " + line.content
    n_bytes = row.line.n_bytes + 1 + line.n_bytes
    return Row(row.id, FileLine(row.line.number, whole, n_bytes))


def _in_order(batches: Iterator[Batch], table: Table, bytes_in_memory: int) -> Iterator[Batch]:
    rows = (batch.row(at) for batch in batches for at in range(len(batch.ids)))
    items = ((_sort_key(row.id), _pack(_Packed(row.id, *row.line))) for row in rows)
    packed = stable_sort(items, directory=None, bytes_in_memory=bytes_in_memory)
    unpacked = (_unpack(payload) for _, payload in packed)
    while some := [
        Row(each.id, FileLine(each.number, each.content, each.n_bytes))
        for each in islice(unpacked, _N_ROWS_CUT)
    ]:
        yield _of_rows(some, table)


def _sort_key(identifier: bytes) -> int:
    """Return a number that sorts as the text of up to 16 digits does."""
    n_digits = len(identifier)
    return int(identifier.ljust(16, b"0")) * 17 + n_digits if n_digits else 0


def refuse(code: str, reason: str) -> Refused:
    """Make a refusal of a row with the remedy that goes with its code."""
    return Refused(code, reason, _REMEDIES[code])


_REMEDIES = {
    "too_long": "look for a missing line end before it",
    "wrong_columns": "look for a $ inside a field, or a row that was cut off",
    "bad_id": "give PRIMARYID or ISR as a whole number above 0",
    "bad_case": "give CASEID, and CASEVERSION where the layout has it, as whole numbers above 0",
    "bad_date": "give FDA_DT as YYYYMMDD",
    "no_drug": "send its DRUG rows in the same quarter",
    "no_event": "send its REAC rows in the same quarter",
    "orphan_row": "send its DEMO row, or that of its drug, in the same quarter",
    "repeated_id": "say which of the rows holds; the first was used",
    "too_many_rows": "look whether two reports share one PRIMARYID",
    "blank_field": "leave the row out, or fill it in",
}
