"""Records that cannot be used: kept whole, with reason and coordinates."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from surveillance.domain.errors import Refused
from surveillance.log.messages import Fact
from surveillance.log.topics import REFUSED


class RefusedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line that was refused: where it lies, why, what to do, and its bytes."""

    topic: str
    partition: int
    offset: int
    line: int  # place in the message, from 0
    code: str
    reason: str
    remedy: str
    at: datetime | None  # of the epoch; None where the row never reached a log
    content: str  # base64

    @property
    def content_bytes(self) -> bytes:
        """The bytes as they were received."""
        return base64.b64decode(self.content)

    @property
    def place(self) -> str:
        """Topic, partition, offset and line in one word; file and row at intake."""
        if self.topic.startswith("file:"):
            return self.topic.removeprefix("file:")
        return f"{self.topic}/{self.partition}@{self.offset}:{self.line}"


N_CONTENT_MAX = 600_000  # 800,000 in base64: a broker takes a megabyte by default

_encode = msgspec.json.Encoder().encode


def refused_fact(
    place: tuple[str, int], offset: int, line: int, error: Refused, content: bytes, at: int
) -> Fact:
    """Make the message for the refused-records topic.

    A line too long for one message is cut; its place names where it lies whole.
    """
    is_cut = len(content) > N_CONTENT_MAX
    cut = f"; here are its first {N_CONTENT_MAX:,} bytes" if is_cut else ""
    record = RefusedRecord(
        topic=place[0],
        partition=place[1],
        offset=offset,
        line=line,
        code=error.code,
        reason=error.reason + cut,
        remedy=error.remedy,
        at=datetime.fromtimestamp(at, tz=UTC),
        content=base64.b64encode(content[:N_CONTENT_MAX]).decode(),
    )
    return Fact(REFUSED, record.place.encode(), _encode(record), error.code)
