"""MAUDE's files: the master record, devices, patients and texts of reports, joined by report.

The parts are read once and put into one stable sort by MDR_REPORT_KEY, so that the rows of a
report come out together, whatever years the files are of. Fields are parted by ``|`` and never
quoted; a line that does not begin with a key goes on with the row before.

Problems of devices and patients are codes in files of their own, which may have no header. FDA's
tables of the codes (CSV) turn them into terms; a code that they do not list stays a code.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.domain.names import clean
from surveillance.intake.archive import Bounds, open_file, open_member, open_zip
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.maude_case import MaudeReport, build_case
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.sorted_rows import SortedRow, pack, unpack
from surveillance.intake.spool import stable_sort
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

PARSER = "maude/2"
READS = (
    "MAUDE's files, such as mdrfoi.txt, foidev.txt, patient.txt, foitext.txt, foidevproblem.txt, "
    "patientproblemcode.txt, deviceproblemcodes.csv"
)
BYTES_IN_MEMORY = 25_165_824
N_ROWS_MAX = 1_000  # of a report
_PARTS = ("mdrfoi", "device", "patient", "foitext", "foidevproblem", "patientproblemcode")
_MASTER, _DEVICE, _PATIENT, _TEXT, _DEVICE_PROBLEM, _PATIENT_PROBLEM = range(6)
_DEVICE_CODES, _PATIENT_CODES = 6, 7  # tables of what the codes of problems stand for
_UNLISTED = {_DEVICE_CODES: "code ", _PATIENT_CODES: "Patient problem: code "}
_WITHOUT_HEADER = {  # columns by their number
    2: ("mdr_report_key", "problem_code"),
    3: ("mdr_report_key", "sequence_number", "problem_code"),
    5: ("mdr_report_key", "sequence_number", "problem_code", "date_added", "date_changed"),
}
_NAME = re.compile(
    r"(foidevproblem|patientproblemcode)[a-z0-9_]*\.txt"
    r"|(mdrfoi|foidev|device|patient|foitext)(?!.*problem)[a-z0-9_]*\.txt",
    re.IGNORECASE,
)
_TABLE = re.compile(r"(device|patient)problem(?:codes?|data)[a-z0-9_]*\.csv", re.IGNORECASE)
_N_BYTES_TABLE = 4_194_304
_RENAMED = {"device_problem_code": "problem_code", "patient_problem_code": "problem_code"}
_KEY = re.compile(rb"\s*0*([1-9][0-9]{0,17})\s*\|")
_BOUNDS = Bounds(n_bytes_max=64 * 2**30, ratio_max=60)
_encode = msgspec.json.Encoder().encode


class _File(NamedTuple):
    """One file: its part, its columns, and its counts."""

    part: int
    shown: str
    columns: tuple[str, ...]
    counts: FileTally

    def values(self, row: SortedRow) -> dict[str, str]:
        fields = row.content.decode("utf-8", "replace").split("|")
        return dict(zip(self.columns, fields, strict=False))

    def refuse(self, row: SortedRow, error: Refused) -> Unusable:
        self.counts.refused[error.code] += 1
        fault = (error.code, error.reason, error.remedy)
        return unusable(f"{self.shown}:{row.number}", fault, row.content, row.n_bytes)


class _Source(NamedTuple):
    """One file, not yet opened."""

    part: int
    shown: str
    named: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Maude:
    """A reader of the files of the Manufacturer and User Facility Device Experience database."""

    name: str = "maude"
    topic: Topic = "cases"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return READS

    def within(self, directory: Path) -> list[Path]:
        """Return the folder itself if it holds MAUDE's files, in txt or zip."""
        found = [path for path in directory.iterdir() if path.is_file()]
        is_any = any(_part_of(path.name) is not None for path in found)
        return [directory] if is_any or any(p.suffix.lower() == ".zip" for p in found) else []

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read a folder, a zip file, or one file of devices.

        Parameters
        ----------
        path : Path
            Everything in it is joined by report.
        tally : RowCounts, optional
            Counts rows in and records out, for each file by itself.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One case version a report, by MDR_REPORT_KEY; and every row that is in none.

        Raises
        ------
        Misused
            If there is no file of devices or reports, or one cannot be read.
        """
        tally = RowCounts() if tally is None else tally
        files: list[_File] = []
        with ExitStack() as stack:
            sources = _sources(path, stack)
            terms = _Terms(sources)
            items = _rows([each for each in sources if each.part < _DEVICE_CODES], files, tally)
            ordered = stable_sort(items, directory=None, bytes_in_memory=BYTES_IN_MEMORY)
            for key, group in groupby(ordered, key=itemgetter(0)):
                rows = [unpack(payload) for _, payload in group]
                yield from _report(key, rows, _Known(files, terms, today))


def _part_of(name: str) -> int | None:
    plain = name.replace("\\", "/").rpartition("/")[2]
    table = _TABLE.fullmatch(plain)
    if table is not None:
        return _DEVICE_CODES if table[1].lower() == "device" else _PATIENT_CODES
    found = _NAME.fullmatch(plain)
    if found is None:
        return None
    kind = (found[1] or found[2]).lower()
    return _PARTS.index("device" if kind == "foidev" else kind)


def _sources(path: Path, stack: ExitStack) -> list[_Source]:
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.is_file())
    elif path.exists():
        paths = [path]
    else:
        raise Misused(str(path), "does not exist", f"name {READS}")
    sources: list[_Source] = []
    for each in paths:
        if each.suffix.lower() == ".zip":
            sources.extend(_members(each, stack))
        elif (part := _part_of(each.name)) is not None:
            sources.append(
                _Source(part, each.name, str(each), partial(open_file, each, bounds=_BOUNDS))
            )
    if not any(each.part in {_MASTER, _DEVICE} for each in sources):
        raise Misused(str(path), "holds no MAUDE file of reports or devices", f"name {READS}")
    return sources


def _members(path: Path, stack: ExitStack) -> Iterator[_Source]:
    archive = stack.enter_context(open_zip(path))
    for info in sorted(archive.infolist(), key=lambda each: each.filename):
        part = _part_of(info.filename)
        if part is not None:
            shown, named = f"{path.name}/{info.filename}", f"{path}/{info.filename}"
            yield _Source(part, shown, named, partial(open_member, archive, info, bounds=_BOUNDS))


def _rows(
    sources: list[_Source], files: list[_File], tally: RowCounts
) -> Iterator[tuple[int, bytes]]:
    """Yield every row under its report, and leave the files, opened, in `files`."""
    for source in sorted(sources, key=lambda each: each.part):
        with source.open() as stream:
            columns, lines = _headed(source, bounded_lines(stream))
            file = _File(source.part, source.shown, columns, tally.of(source.named))
            number = len(files)
            files.append(file)
            for row in _joined(lines, number, file.counts):
                yield _key_of(row), pack(row)


def _headed(
    source: _Source, lines: Iterator[FileLine]
) -> tuple[tuple[str, ...], Iterator[FileLine]]:
    """Return the columns of a file, and its rows; files of problems may have no header."""
    header = next(lines, None)
    names = [] if header is None else header.content.decode("latin-1").lower().split("|")
    columns = tuple(name.strip().strip('"\ufeff') for name in names)
    if "mdr_report_key" in columns[0:1]:
        return tuple(_RENAMED.get(name, name) for name in columns), lines
    is_of_problems = source.part in {_DEVICE_PROBLEM, _PATIENT_PROBLEM}
    if header is None or not is_of_problems or len(columns) not in _WITHOUT_HEADER:
        reason = "does not begin with the column MDR_REPORT_KEY"
        raise Misused(source.named, reason, "send the file as FDA makes it")
    return _WITHOUT_HEADER[len(columns)], chain([header], lines)


class _Terms:
    """What the codes of problems stand for, by FDA's tables, where they were sent."""

    def __init__(self, sources: list[_Source]) -> None:
        self._of: dict[int, dict[str, str]] = {_DEVICE_CODES: {}, _PATIENT_CODES: {}}
        for source in sources:
            if source.part in self._of:
                self._of[source.part] |= _table(source)

    def of(self, rows: list[dict[str, str]], table: int) -> tuple[str, ...]:
        """Return the terms of a report's problems; a code that is not listed stays one."""
        codes = [row.get("problem_code", "").strip() for row in rows]
        known = self._of[table]
        unlisted = _UNLISTED[table]
        return tuple(known.get(code.lstrip("0"), unlisted + code) for code in codes if code)


def _table(source: _Source) -> dict[str, str]:
    """Read code and term, the first two columns; a header has no number for a code."""
    with source.open() as stream:
        content = stream.read(_N_BYTES_TABLE + 1)
    text = content.decode("utf-8-sig", "replace")
    try:
        rows = list(csv.reader(text.splitlines(), strict=True))
    except csv.Error as error:
        raise Misused(source.named, f"is not CSV ({error})", "send FDA's own table") from None
    found = {row[0].strip().lstrip("0"): clean(row[1]) for row in rows if len(row) > 1}
    table = {code: term for code, term in found.items() if code.isdecimal() and term}
    if not table or len(content) > _N_BYTES_TABLE:
        reason = "is no table of codes and terms"
        raise Misused(source.named, reason, "send FDA's own table, or leave it out")
    return table


class _Known(NamedTuple):
    """What a report is read with."""

    files: list[_File]
    terms: _Terms
    today: date | None


def _joined(lines: Iterator[FileLine], number: int, counts: FileTally) -> Iterator[SortedRow]:
    """Put rows together that are broken over lines."""
    content, begins, n_bytes = bytearray(), 0, 0
    for line in lines:
        is_new = _KEY.match(line.content) is not None
        if is_new and begins:
            yield SortedRow(number, begins, bytes(content[:N_BYTES_MAX]), n_bytes)
        if is_new or (not begins and line.content.strip()):
            counts.n_read += 1
            content, begins, n_bytes = bytearray(line.content), line.number, line.n_bytes
        elif begins:
            n_bytes += 1 + line.n_bytes
            if len(content) <= N_BYTES_MAX:
                content += b" " + line.content
        else:
            counts.n_blank += 1
    if begins:
        yield SortedRow(number, begins, bytes(content[:N_BYTES_MAX]).rstrip(), n_bytes)


def _key_of(row: SortedRow) -> int:
    found = _KEY.match(row.content)
    return int(found[1]) if found and row.n_bytes <= N_BYTES_MAX else 0


def _report(key: int, rows: list[SortedRow], known: _Known) -> Iterator[Read | Unusable]:
    files = known.files
    try:
        read = _joined_case(key, rows, known)
    except Refused as error:
        yield from (files[row.file].refuse(row, error) for row in rows)
        return
    for row in rows:
        files[row.file].counts.n_used += 1
    files[rows[0].file].counts.n_emitted += 1
    yield read


def _joined_case(key: int, rows: list[SortedRow], known: _Known) -> Read:
    files = known.files
    if key == 0:
        reason = "the row begins with no MDR_REPORT_KEY, or is too long"
        raise Refused("bad_id", reason, "send the file as FDA makes it")
    if len(rows) > N_ROWS_MAX:
        raise Refused("too_many_rows", f"{key} has {len(rows)} rows", "have FDA look into it")
    by_part: dict[int, list[dict[str, str]]] = {part: [] for part in range(len(_PARTS))}
    for row in rows:
        by_part[files[row.file].part].append(files[row.file].values(row))
    if not by_part[_MASTER] and not by_part[_DEVICE]:
        raise Refused("orphan_row", f"no report or device has the key {key}", "send all parts")
    masters = by_part[_MASTER]
    report = MaudeReport(
        {"mdr_report_key": str(key)} | (masters[0] if masters else {}),
        tuple(by_part[_DEVICE]),
        tuple(by_part[_PATIENT]),
        tuple(each.get("text") or each.get("foi_text") or "" for each in by_part[_TEXT]),
        known.terms.of(by_part[_PATIENT_PROBLEM], _PATIENT_CODES),
        known.terms.of(by_part[_DEVICE_PROBLEM], _DEVICE_CODES),
    )
    place = f"{files[rows[0].file].shown}:{rows[0].number}"
    sha256 = hashlib.sha256(b"".join(row.content + b"\n" for row in rows)).hexdigest()
    case = build_case(report, PARSER, place[-300:], sha256)
    refuse_ahead(case.received_on, known.today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        reason = f"the report makes a line of {len(line):,} bytes"
        raise Refused("too_long", reason, "have FDA look into it")
    return Read(case.received_on, case.case_id, line)


MAUDE = Maude()
