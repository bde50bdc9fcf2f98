"""From records in the order of their receipt to the messages and ticks of a log.

Old data are written with the ticks of their own dates: one epoch a day of receipt, cut
at the last second of the day (UTC). Lines of one partition share a message, since a
stream carries full messages many times faster than single lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from surveillance.configuration.types import Topics
from surveillance.log.partitioner import partition_of
from surveillance.log.topics import raw_partitions

N_MESSAGE_BYTES_MAX = 700_000  # a broker takes a megabyte by default


class DatedLine(NamedTuple):
    """One record on its way to a raw topic."""

    on: date  # day of receipt
    topic: str
    key: str
    value: bytes
    place: str = ""  # file and line where it was read


class RawMessage(NamedTuple):
    """One message for a raw topic."""

    topic: str
    partition: int
    value: bytes
    places: tuple[str, ...] = ()  # where each of its lines was read


class EndOfDay(NamedTuple):
    """Time for a tick."""

    on: date
    at: int  # seconds since 1970 (UTC)


def end_of(day: date) -> int:
    """Return the last second of a UTC day.

    Examples
    --------
    >>> end_of(date(1970, 1, 1))
    86399
    """
    return int(datetime.combine(day, time(23, 59, 59), UTC).timestamp())


def messages_by_day(
    lines: Iterable[DatedLine], manifest: Topics
) -> Iterator[RawMessage | EndOfDay]:
    """Turn lines into messages, and end every day that has any.

    Parameters
    ----------
    lines : iterable of DatedLine
        In the order of their days.
    manifest : Topics
        Partitions, and lines a message.

    Yields
    ------
    RawMessage or EndOfDay
        All messages of a day, then its end.

    Raises
    ------
    ValueError
        If a day goes back.
    """
    day: date | None = None
    open_messages = _Open(manifest)
    for line in lines:
        if day is not None and line.on != day:
            if line.on < day:
                raise ValueError(f"lines are not in the order of their days: {line.on} after {day}")
            yield from open_messages.flush()
            yield EndOfDay(day, end_of(day))
        day = line.on
        full = open_messages.add(line)
        if full is not None:
            yield full
    if day is not None:
        yield from open_messages.flush()
        yield EndOfDay(day, end_of(day))


class _Open:
    """Messages that are being filled, one a partition."""

    def __init__(self, manifest: Topics) -> None:
        self._n_partitions = raw_partitions(manifest)
        self._n_lines = manifest.lines_per_message
        self._lines: dict[tuple[str, int], list[bytes]] = {}
        self._places: dict[tuple[str, int], list[str]] = {}
        self._n_bytes: dict[tuple[str, int], int] = {}

    def add(self, line: DatedLine) -> RawMessage | None:
        """Put a line into the message of its partition; return that message if it is full."""
        place = line.topic, partition_of(line.key, self._n_partitions[line.topic])
        lines = self._lines.setdefault(place, [])
        size = self._n_bytes.get(place, 0)
        full = None
        if lines and size + len(line.value) > N_MESSAGE_BYTES_MAX:
            full = self._close(place)
            lines, size = self._lines.setdefault(place, []), 0
        lines.append(line.value)
        self._places.setdefault(place, []).append(line.place)
        self._n_bytes[place] = size + len(line.value) + 1
        if full is None and len(lines) >= self._n_lines:
            full = self._close(place)
        return full

    def _close(self, place: tuple[str, int]) -> RawMessage:
        self._n_bytes.pop(place)
        value = b"\n".join(self._lines.pop(place))
        return RawMessage(*place, value, tuple(self._places.pop(place)))

    def flush(self) -> list[RawMessage]:
        """Close every message that holds anything, by topic and partition."""
        return [self._close(place) for place in sorted(self._lines) if self._lines[place]]
