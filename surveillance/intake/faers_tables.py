"""The tables of a FAERS quarter, row by row, in the order of their reports.

Three layouts are read by their headers: legacy AERS (2004 to 2012Q3, keyed by ISR, with a
``$`` at the end of each row), 2012Q4 to 2014Q2, and 2014Q3 onwards. The FDA sorts its tables
by report as text; one that is not is sorted here, on disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.spool import stable_sort
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from typing import BinaryIO

    from surveillance.intake.faers_files import FaersFile
    from surveillance.intake.row_counts import FileTally

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ID = re.compile(rb"([1-9][0-9]{0,15})\$")
_NOTHING = b""
_N_BLOCK = 1_048_576
_N_LINES_MAX = 50  # that one row may be broken into

# By layout: every name that a column has had. A question mark: not in every layout.
COLUMNS: dict[str, tuple[str, ...]] = {
    "DEMO": (
        "primaryid|isr", "caseid|case", "caseversion?", "i_f_code|i_f_cod", "event_dt",
        "init_fda_dt|init_fda_date?", "fda_dt", "rept_cod", "auth_num?", "mfr_num", "mfr_sndr",
        "lit_ref?", "age", "age_cod", "age_grp?", "sex|gndr_cod", "wt", "wt_cod", "occp_cod",
        "reporter_country?", "occr_country?",
    ),
    "DRUG": (
        "drug_seq", "role_cod", "drugname", "prod_ai?", "route", "dose_vbm", "dechal", "rechal",
        "lot_num|lot_nbr", "nda_num", "dose_amt?", "dose_unit?", "dose_form?",
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


class Row(NamedTuple):
    """One row that names its report."""

    id: bytes  # PRIMARYID or ISR, as digits
    line: FileLine


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
    select: Callable[[list[str]], tuple[str, ...]]  # the columns that are used

    @property
    def is_legacy(self) -> bool:
        """Whether it is in the layout of legacy AERS."""
        return self.columns[0] == "isr"

    def place(self, line: FileLine) -> str:
        """Return file and line."""
        return f"{self.file.shown}:{line.number}"

    def split(self, content: bytes) -> tuple[str, ...]:
        """Split a row into the columns that are used; one that a layout lacks is empty.

        Raises
        ------
        RowError
            If it has not the width of the header.
        """
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = content.decode("latin-1")  # as older quarters are
        fields = text.split("$")
        n_columns = len(self.columns)
        if len(fields) != n_columns and not (len(fields) == n_columns + 1 and not fields[-1]):
            fields = self._mended(fields)
        fields.append("")  # at index -1: columns that this layout lacks
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
) -> tuple[Table, Iterator[Row]]:
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
    iterator of Row
        By report as text, and within a report in the order of the file. First, with an empty
        `Row.id`, those that name none if it had to be sorted; else in their place.

    Raises
    ------
    Misused
        If it is damaged, empty, or its header is not of this table.
    """
    with file.open() as stream:
        is_sorted = _is_sorted(stream)
    lines = bounded_lines(closing.enter_context(file.open()))
    table = _read_header(name, file, lines, counts)
    rows = _rows(lines, table)
    return table, rows if is_sorted else _in_order(rows, bytes_in_memory)


def _is_sorted(stream: BinaryIO) -> bool:
    carried, last = b"", b""
    stream.readline(N_BYTES_MAX)
    while block := stream.read(_N_BLOCK):
        lines = (carried + block).split(b"\n")
        carried = lines.pop()[:N_BYTES_MAX]
        ids = [line[: line.find(b"$")] for line in lines if line]
        if ids:
            ids.insert(0, last)
            if ids != sorted(ids):
                return False
            last = ids[-1]
    return True


def _read_header(name: str, file: FaersFile, lines: Iterator[FileLine], counts: FileTally) -> Table:
    line = next(lines, None)
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
    return Table(name, file, counts, columns, _selecting(places))


def _selecting(places: list[int]) -> Callable[[list[str]], tuple[str, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    (only,) = places
    return lambda fields: (fields[only],)


def _place_of(wanted: str, columns: list[str]) -> int:
    for name in wanted.removesuffix("?").split("|"):
        if name in columns:
            return columns.index(name)
    return -1


def _rows(lines: Iterator[FileLine], table: Table) -> Iterator[Row]:
    """Join lines to rows: what does not begin with a report continues the row before."""
    counts, match = table.counts, _ID.match
    waiting: Row | None = None
    n_joined = 0
    for line in lines:
        content = line.content
        found = match(content)
        if found is None:
            if not content.strip():
                counts.n_blank += 1
                continue
            if waiting is not None and n_joined < _N_LINES_MAX and _is_short(waiting, table, line):
                waiting = _joined(waiting, line)
                n_joined += 1
                continue
        if waiting is not None:
            counts.n_read += 1
            yield waiting
        n_joined = 0
        waiting = Row(found[1] if found and line.n_bytes <= N_BYTES_MAX else _NOTHING, line)
    if waiting is not None:
        counts.n_read += 1
        yield waiting


def _is_short(row: Row, table: Table, line: FileLine) -> bool:
    """Return whether a row lacks columns, and a line would not give it too many."""
    n_wanted = len(table.columns) - 1
    n_here = row.line.content.count(b"$")
    return bool(row.id) and n_here < n_wanted and n_here + line.content.count(b"$") <= n_wanted + 1


def _joined(row: Row, line: FileLine) -> Row:
    whole = row.line.content + b" " + line.content
    n_bytes = row.line.n_bytes + 1 + line.n_bytes
    return Row(row.id, FileLine(row.line.number, whole, n_bytes))


def _in_order(rows: Iterator[Row], bytes_in_memory: int) -> Iterator[Row]:
    items = ((_sort_key(row.id), _pack(_Packed(row.id, *row.line))) for row in rows)
    for _, payload in stable_sort(items, directory=None, bytes_in_memory=bytes_in_memory):
        packed = _unpack(payload)
        yield Row(packed.id, FileLine(packed.number, packed.content, packed.n_bytes))


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
