"""The message for a record that cannot be used."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec

from surveillance.domain.errors import Refused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.messages import Fact
from surveillance.log.topics import REFUSED

N_CONTENT_MAX = 600_000  # 800,000 in base64: a broker takes a megabyte by default
N_REASON_MAX = 1_000  # characters: it may name what was received

_encode = msgspec.json.Encoder().encode


def refused_fact(
    place: tuple[str, int], offset: int, line: int, error: Refused, content: bytes, at: int
) -> Fact:
    """Make the message for the refused-records topic.

    A line too long for one message is cut; its place names where it lies whole.
    """
    is_cut = len(content) > N_CONTENT_MAX
    reason = error.reason
    if len(reason) > N_REASON_MAX:
        reason = f"{reason[: N_REASON_MAX - 1]}…"
    cut = f"; here are its first {N_CONTENT_MAX:,} bytes" if is_cut else ""
    record = RefusedRecord(
        topic=place[0],
        partition=place[1],
        offset=offset,
        line=line,
        code=error.code,
        reason=reason + cut,
        remedy=error.remedy,
        at=datetime.fromtimestamp(at, tz=UTC),
        content=base64.b64encode(content[:N_CONTENT_MAX]).decode(),
        n_bytes=len(content) if is_cut else None,
    )
    return Fact(REFUSED, record.place.encode(), _encode(record), error.code)
