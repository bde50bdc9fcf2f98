"""A record that cannot be used: kept, with reason and coordinates."""

from __future__ import annotations

import base64
from datetime import datetime

import msgspec


class RefusedRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    n_bytes: int | None = None  # of the whole, where `content` is only its beginning
    read_at: str | None = None  # file and line that it came from, in a run that was made of files

    @property
    def content_bytes(self) -> bytes:
        """The bytes as they were received, as far as they were kept."""
        return base64.b64decode(self.content)

    @property
    def place(self) -> str:
        """Topic, partition, offset and line in one word; file and row at intake."""
        if self.topic.startswith("file:"):
            return self.topic.removeprefix("file:")
        return f"{self.topic}/{self.partition}@{self.offset}:{self.line}"

    @property
    def is_cut(self) -> bool:
        """Whether only the beginning of the record was kept."""
        return self.n_bytes is not None
