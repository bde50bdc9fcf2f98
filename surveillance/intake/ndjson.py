"""Our own format: one canonical record a line, plain, gzip, or in a zip file.

The decoder refuses what every stage would refuse: the rules are in
`surveillance.log.decode` and nowhere else. A valid line is passed on unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from typing import TYPE_CHECKING, BinaryIO, Generic, NamedTuple, TypeVar

from surveillance.domain.case import CaseVersion
from surveillance.domain.decision import PersonRecord
from surveillance.domain.errors import Misused, Refused
from surveillance.domain.outcome import OutcomeRecord
from surveillance.intake.archive import Bounds, files_ending, open_file, open_member, open_zip
from surveillance.intake.file_lines import FileLine, bounded_lines
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.text import opened_text
from surveillance.log.decode import (
    N_BYTES_MAX,
    decode_case,
    decode_decision,
    decode_outcome,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T", CaseVersion, OutcomeRecord, PersonRecord)

_ENDINGS = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".zip")
_INNER_ENDINGS = (".ndjson", ".jsonl")
# Lines are read in a stream, so a large file costs time alone. Repeated keys pack well:
# 10 to 40 times is usual; a bomb of zeros packs 1,000 times.
_BOUNDS = Bounds(n_bytes_max=2**40, ratio_max=200)


class _File(NamedTuple):
    """One stream of lines and its names."""

    shown: str  # in a place: without folders, the same on every machine
    named: str  # in a tally and a message: as the command named it
    stream: BinaryIO


@dataclass(frozen=True)
class Ndjson(Generic[T]):
    """A reader of canonical records of one kind.

    Parameters
    ----------
    name : str
        What a command calls the format.
    topic : {"cases", "outcomes", "decisions"}
        Where its records belong.
    decode : callable
        FileLine to record; raises `Refused`.
    key_of : callable
        Record to the key that chooses its partition.
    day_of : callable
        Record to the UTC day on which it was received, or made.
    """

    name: str
    topic: Topic
    decode: Callable[[bytes], T]
    key_of: Callable[[T], str]
    day_of: Callable[[T], date]

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return f"files named *{', *'.join(_ENDINGS)}"

    def within(self, directory: Path) -> list[Path]:
        """Return the files of a folder whose names end as the format's do, sorted."""
        return files_ending(directory, _ENDINGS)

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file, or every NDJSON member of a zip file.

        Parameters
        ----------
        path : Path
            The file, whatever its name; gzip and zip are known by theirs.
        tally : RowCounts, optional
            Counts lines in and records out.
        today : date, optional
            Records of later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One for each line that is not blank, in the order of the file.

        Raises
        ------
        Misused
            If a file cannot be read as a whole, or holds no record at all.
        """
        tally = RowCounts() if tally is None else tally
        for file in _files(path):
            with file.stream:
                counts = tally.of(file.named)
                yield from self._read_lines(file, counts, today, tally.sources)
            if counts.n_read == 0:
                raise Misused(file.named, "holds no record", "leave it out if none was received")

    def _read_lines(
        self, file: _File, counts: FileTally, today: date | None, sources: set[str]
    ) -> Iterator[Read | Unusable]:
        stream, _ = opened_text(file.stream, file.named)
        for line in bounded_lines(stream):
            content = line.content
            if not content.strip():
                counts.n_blank += 1
                continue
            counts.n_read += 1
            try:
                record = self._decode_line(content, line.n_bytes)
                refuse_ahead(self.day_of(record), today)
            except Refused as error:
                counts.refused[error.code] += 1
                yield _refused(f"{file.shown}:{line.number}", error, line)
                continue
            counts.n_used += 1
            counts.n_emitted += 1
            if isinstance(record, CaseVersion):
                sources.add(record.source)
            place = f"{file.shown}:{line.number}"
            yield Read(self.day_of(record), self.key_of(record), content, place)

    def _decode_line(self, content: bytes, n_bytes: int) -> T:
        if n_bytes > N_BYTES_MAX:
            raise refuse("too_long", f"the line has {n_bytes:,} bytes")
        return self.decode(content)


def _refused(place: str, error: Refused, line: FileLine) -> Unusable:
    return unusable(place, (error.code, error.reason, error.remedy), line.content, line.n_bytes)


def _files(path: Path) -> Iterator[_File]:
    if path.suffix.lower() != ".zip":
        yield _File(path.name, str(path), open_file(path, bounds=_BOUNDS))
        return
    with open_zip(path) as archive:
        members = sorted(
            (info for info in archive.infolist() if info.filename.lower().endswith(_INNER_ENDINGS)),
            key=lambda info: info.filename,
        )
        if not members:
            raise Misused(str(path), "holds no NDJSON file", "pack files named *.ndjson")
        for info in members:
            shown = f"{path.name}/{info.filename}"
            stream = open_member(archive, info, bounds=_BOUNDS)
            yield _File(shown, f"{path}/{info.filename}", stream)


def _received(record: CaseVersion | OutcomeRecord) -> date:
    return record.received_on


def _subject(record: PersonRecord) -> str:
    about = (getattr(record, name, None) for name in ("signal_id", "matter_id", "person"))
    return next((one for one in about if one), record.decision_id)


def _decided(decision: PersonRecord) -> date:
    return decision.decided_at.astimezone(UTC).date()


CASES = Ndjson("cases", "cases", decode_case, lambda record: record.case_id, _received)
OUTCOMES = Ndjson(
    "outcomes", "outcomes", decode_outcome, lambda record: record.programme_key, _received
)
DECISIONS = Ndjson("decisions", "decisions", decode_decision, _subject, _decided)
