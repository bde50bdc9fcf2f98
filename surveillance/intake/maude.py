"""MAUDE's files: the master record, devices, patients and texts of reports, joined by report.

The parts are read once and put into one stable sort by MDR_REPORT_KEY, so that the rows of a
report come out together, whatever years the files are of. Fields are parted by ``|`` and never
quoted; a line that does not begin with a key goes on with the row before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.archive import Bounds, open_file, open_member, open_zip
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.maude_case import Report, build_case
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.sorted_rows import SortedRow, pack, unpack
from surveillance.intake.spool import stable_sort
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

PARSER = "maude/1"
READS = "MAUDE's files, such as mdrfoi.txt, foidev.txt, patient.txt and foitext.txt"
BYTES_IN_MEMORY = 25_165_824
N_ROWS_MAX = 1_000  # of a report
_PARTS = ("mdrfoi", "device", "patient", "foitext")
_MASTER, _DEVICE, _PATIENT, _TEXT = range(4)
_NAME = re.compile(
    r"(mdrfoi|foidev|device|patient|foitext)(?!.*problem)[a-z0-9_]*\.txt", re.IGNORECASE
)
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
            items = _rows(_sources(path, stack), files, tally)
            ordered = stable_sort(items, directory=None, bytes_in_memory=BYTES_IN_MEMORY)
            for key, group in groupby(ordered, key=itemgetter(0)):
                rows = [unpack(payload) for _, payload in group]
                yield from _report(key, rows, files, today)


def _part_of(name: str) -> int | None:
    found = _NAME.fullmatch(name.replace("\\", "/").rpartition("/")[2])
    if found is None:
        return None
    kind = found[1].lower()
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
            lines = bounded_lines(stream)
            header = next(lines, None)
            names = [] if header is None else header.content.decode("latin-1").lower().split("|")
            columns = tuple(name.strip().strip('"\ufeff') for name in names)
            if "mdr_report_key" not in columns[0:1]:
                reason = "does not begin with the column MDR_REPORT_KEY"
                raise Misused(source.named, reason, "send the file as FDA makes it")
            file = _File(source.part, source.shown, columns, tally.of(source.named))
            number = len(files)
            files.append(file)
            for row in _joined(lines, number, file.counts):
                yield _key_of(row), pack(row)


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


def _report(
    key: int, rows: list[SortedRow], files: list[_File], today: date | None
) -> Iterator[Read | Unusable]:
    try:
        read = _joined_case(key, rows, files, today)
    except Refused as error:
        yield from (files[row.file].refuse(row, error) for row in rows)
        return
    for row in rows:
        files[row.file].counts.n_used += 1
    files[rows[0].file].counts.n_emitted += 1
    yield read


def _joined_case(key: int, rows: list[SortedRow], files: list[_File], today: date | None) -> Read:
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
    report = Report(
        {"mdr_report_key": str(key)} | (masters[0] if masters else {}),
        tuple(by_part[_DEVICE]),
        tuple(by_part[_PATIENT]),
        tuple(each.get("text") or each.get("foi_text") or "" for each in by_part[_TEXT]),
    )
    place = f"{files[rows[0].file].shown}:{rows[0].number}"
    sha256 = hashlib.sha256(b"".join(row.content + b"\n" for row in rows)).hexdigest()
    case = build_case(report, PARSER, place[-300:], sha256)
    refuse_ahead(case.received_on, today)
    line = _encode(case)
    if len(line) > N_BYTES_MAX:
        reason = f"the report makes a line of {len(line):,} bytes"
        raise Refused("too_long", reason, "have FDA look into it")
    return Read(case.received_on, case.case_id, line)


MAUDE = Maude()
