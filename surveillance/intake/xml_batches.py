"""A format whose files are batches of XML messages, each of them one case version.

A batch whose end is damaged, and a member of a zip file that is no batch, are refused by
themselves; what could be read stays read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from surveillance.domain.case import CaseVersion
from surveillance.domain.errors import Misused, Refused
from surveillance.intake import xml_files
from surveillance.intake.format import Read, Topic, Unusable, refuse_ahead, unusable
from surveillance.intake.row_counts import FileTally, RowCounts
from surveillance.intake.xml_parts import (
    Broken,
    Element,
    Head,
    Kind,
    Message,
    Outside,
    parse,
    refuse,
    remedy,
    split,
)
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

_N_CHARACTERS_PLACE = 300
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class XmlBatches:
    """A reader of batches of XML messages.

    Parameters
    ----------
    name : str
        What a command calls the format.
    kind : Kind
        The elements that a file and a message begin with.
    build : callable
        Message, its bytes and its place to case version; raises `Refused`.
    """

    name: str
    kind: Kind
    build: Callable[[Element, bytes, str], CaseVersion]
    topic: Topic = "cases"

    @property
    def reads(self) -> str:
        """The files it can read, for a message to people."""
        return xml_files.READS

    def within(self, directory: Path) -> list[Path]:
        """Return the files of a folder whose names end as XML batches' do, sorted."""
        return xml_files.within(directory)

    def read(
        self, path: Path, *, tally: RowCounts | None = None, today: date | None = None
    ) -> Iterator[Read | Unusable]:
        """Read one file, or every XML member of a zip file.

        Parameters
        ----------
        path : Path
            The file; gzip and zip are known by their names.
        tally : RowCounts, optional
            Counts messages in and records out; a member that cannot be read is one.
        today : date, optional
            Reports received on later days are refused; None takes every day.

        Yields
        ------
        Read or Unusable
            One for each message, in the order of the file.

        Raises
        ------
        Misused
            If a file cannot be read as a whole, is of another type, or holds no message.
        """
        tally = RowCounts() if tally is None else tally
        for file in xml_files.files(path):
            reading = _Reading(self, file, tally.of(file.named), today)
            try:
                yield from reading.items()
            except Misused as error:
                if path.suffix.lower() != ".zip":
                    raise
                yield reading.refuse_file(error)


class _Reading:
    """One file while it is read."""

    def __init__(
        self,
        batches: XmlBatches,
        file: xml_files.XmlFile | xml_files.Unreadable,
        counts: FileTally,
        today: date | None,
    ) -> None:
        self._batches, self._file, self._counts, self._today = batches, file, counts, today
        self._shown = file.shown

    def items(self) -> Iterator[Read | Unusable]:
        """Yield what becomes of each message."""
        if isinstance(self._file, xml_files.Unreadable):
            raise self._file.fault
        try:
            yield from self._parts(self._file.stream)
        except Misused as error:  # from an archive that is damaged, or inflates without bounds
            if self._counts.n_read == 0:
                raise
            yield self.refuse_file(error)
        if self._counts.n_read == 0:
            reason = "holds no message"
            raise Misused(self._file.named, reason, remedy("no_message"))

    def _parts(self, stream: BinaryIO) -> Iterator[Read | Unusable]:
        head: Head | None = None
        for part in split(stream, self._batches.kind):
            if isinstance(part, Head):
                head = part
            elif isinstance(part, Broken):
                if head is None:  # the file is no batch
                    raise Misused(self._file.named, part.reason, remedy(part.code))
                yield self._refuse_part(part)
            elif head is not None:
                if isinstance(part, Message):
                    yield self._message(head, part)
                else:
                    yield from self._outside(head, part)

    def _outside(self, head: Head, part: Outside) -> Iterator[Unusable]:
        try:
            parse(head, part)
        except Refused as error:
            yield self._refuse(part.line, _of(error), part.content)

    def _message(self, head: Head, part: Message) -> Read | Unusable:
        try:
            read = self._read(head, part)
        except Refused as error:
            return self._refuse(part.line, _of(error), part.content)
        self._counts.n_read += 1
        self._counts.n_used += 1
        self._counts.n_emitted += 1
        return read

    def _read(self, head: Head, part: Message) -> Read:
        message = parse(head, part)[0]
        place = f"{self._shown}:{part.line}"[-_N_CHARACTERS_PLACE:]
        case = self._batches.build(message, part.content, place)
        refuse_ahead(case.received_on, self._today)
        line = _encode(case)
        if len(line) > N_BYTES_MAX:
            raise refuse("too_long", f"the report makes a line of {len(line):,} bytes")
        return Read(case.received_on, case.case_id, line)

    def refuse_file(self, error: Misused) -> Unusable:
        """Refuse a file that cannot be read at all."""
        return self._refuse(1, ("unreadable_file", error.reason, error.remedy), b"")

    def _refuse_part(self, part: Broken) -> Unusable:
        return self._refuse(part.line, _fault(part.code, part.reason), part.content, part.n_bytes)

    def _refuse(
        self, line: int, fault: tuple[str, str, str], content: bytes, n_bytes: int | None = None
    ) -> Unusable:
        self._counts.n_read += 1
        self._counts.refused[fault[0]] += 1
        return unusable(f"{self._shown}:{line}", fault, content, n_bytes)


def _fault(code: str, reason: str) -> tuple[str, str, str]:
    return code, reason, remedy(code)


def _of(error: Refused) -> tuple[str, str, str]:
    return error.code, error.reason, error.remedy
