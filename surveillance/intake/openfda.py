"""openFDA's events, bulk files and pages of its API: reports on drugs and on devices.

A report on a drug has the names of E2B(R2). openFDA keeps the latest version of each case alone,
and tells of no deletion.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from surveillance.domain.errors import Misused, Refused
from surveillance.intake.archive import (
    Bounds,
    files_ending,
    members_ending,
    open_file,
    open_member,
    open_zip,
)
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.ichicsr_case import Origin, build_case
from surveillance.intake.json_records import Record, Scanner
from surveillance.intake.maude_case import build_case as build_device_case
from surveillance.intake.maude_case import of_json
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import date
    from pathlib import Path

    from surveillance.domain.case import CaseVersion

PARSER = "openfda/1"
READS = "files named *.json, *.json.gz, or *.json.zip"
_ENDINGS = (".json", ".json.gz", ".zip")
# A report repeats its keys and the names of its products: bulk files pack 10 to 30 times.
_BOUNDS = Bounds(n_bytes_max=2**40, ratio_max=200)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict).decode


@dataclass(frozen=True)
class OpenFda:
    """A reader of openFDA's drug and device events."""

    name: str = "openfda"
    topic: Topic = "cases"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return READS

    def within(self, directory: Path) -> list[Path]:
        """Return the files of a folder whose names end as openFDA's do, sorted."""
        return files_ending(directory, _ENDINGS)

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file, or every JSON member of a zip file.

        Parameters
        ----------
        path : Path
            The file; gzip and zip are known by their names.
        tally : RowCounts, optional
            Counts reports in and records out.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One for each report, in the order of the file.

        Raises
        ------
        Misused
            If a file cannot be read as a whole, or holds no report.
        """
        tally = RowCounts() if tally is None else tally
        if path.suffix.lower() != ".zip":
            with open_file(path, bounds=_BOUNDS) as stream:
                reading = _Reading(path.name, str(path), tally.of(str(path)), today)
                yield from reading.items(stream)
            return
        with open_zip(path) as archive:
            for info in members_ending(archive, path, ".json"):
                named = f"{path}/{info.filename}"
                shown = f"{path.name}/{info.filename}"
                opened: AbstractContextManager[BinaryIO] = open_member(
                    archive, info, bounds=_BOUNDS
                )
                with opened as stream:
                    yield from _Reading(shown, named, tally.of(named), today).items(stream)


class _Reading:
    """One file while it is read."""

    def __init__(self, shown: str, named: str, counts: FileTally, today: date | None) -> None:
        self._shown, self._named, self._counts, self._today = shown, named, counts, today

    def items(self, stream: BinaryIO) -> Iterator[Read | Unusable]:
        """Yield what becomes of each report."""
        scanner = Scanner(stream)
        try:
            for record in scanner.records():
                yield self._of(record)
        except Refused as error:  # the document ends in the middle, or is none
            if self._counts.n_read == 0:
                raise Misused(self._named, error.reason, error.remedy) from None
            yield self._refuse(scanner.line, error, b"")
        except Misused as error:  # from an archive that is damaged, or inflates without bounds
            if self._counts.n_read == 0:
                raise
            fault = Refused("unreadable_file", error.reason, error.remedy)
            yield self._refuse(scanner.line, fault, b"")
        if self._counts.n_read == 0:
            raise Misused(self._named, "holds no report", "leave it out if none was found")

    def _of(self, record: Record) -> Read | Unusable:
        try:
            read = self._read(record)
        except Refused as error:
            return self._refuse(record.line, error, record.content)
        self._counts.n_read += 1
        self._counts.n_used += 1
        self._counts.n_emitted += 1
        return read

    def _read(self, record: Record) -> Read:
        try:
            tree = _decode(record.content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            reason = f"line {record.line}: {str(error)[:200]}"
            raise Refused("not_json", reason, "send JSON as openFDA makes it") from None
        place = f"{self._shown}:{record.line}"[-300:]
        case = _case(tree, place, hashlib.sha256(record.content).hexdigest())
        refuse_ahead(case.received_on, self._today)
        line = _encode(case)
        if len(line) > N_BYTES_MAX:
            reason = f"the report makes a line of {len(line):,} bytes"
            raise Refused("too_long", reason, "have the sender look into it")
        return Read(case.received_on, case.case_id, line)

    def _refuse(self, line: int, error: Refused, content: bytes) -> Unusable:
        self._counts.n_read += 1
        self._counts.refused[error.code] += 1
        fault = (error.code, error.reason, error.remedy)
        return unusable(f"{self._shown}:{line}", fault, content)


def _case(tree: dict[str, object], place: str, sha256: str) -> CaseVersion:
    if "mdr_report_key" in tree:
        return build_device_case(of_json(tree), PARSER, place, sha256)
    if "safetyreportid" not in tree:
        raise Refused(
            "wrong_shape",
            "the record is neither a drug event nor a device event",
            "send what openFDA's drug/event or device/event has",
        )
    return build_case(tree, Origin(PARSER, place, sha256))


OPENFDA = OpenFda()
