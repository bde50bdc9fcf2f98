"""Ticks cut the log into epochs; a timeline is the ticks that follow each other.

A tick is one message on a topic of its own: the time, the configuration in force, and
for each raw topic the end offset of each partition at that time. The tick's own offset
is the epoch. A record of a raw topic belongs to the first epoch whose cut lies above
its offset, so producers know nothing of epochs and cannot forge one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

Place = tuple[str, int]  # topic and partition
SECONDS_A_DAY = 86_400
LAST_INSTANT = 253_402_300_799  # the end of the year 9999: dates go no further


class Tick(msgspec.Struct, frozen=True):
    """Where every raw partition ended at an instant, and what configuration held."""

    # Seconds since 1970 (UTC): the only clock a stage sees.
    at: Annotated[int, Meta(ge=0, le=LAST_INSTANT)]
    configuration: str  # SHA-256 of the configuration directory
    cut: dict[str, list[Annotated[int, Meta(ge=0)]]]  # by topic, one end offset a partition

    def fits(self, partitions: Mapping[str, int]) -> bool:
        """Return whether the cut has the topics and partitions that there are."""
        return {topic: len(ends) for topic, ends in self.cut.items()} == dict(partitions)

    def follows(self, other: Tick) -> bool:
        """Return whether this tick may come after `other`; two tickers at once may disagree."""
        return self.at >= other.at and all(
            new >= old
            for topic, ends in other.cut.items()
            for new, old in zip(self.cut[topic], ends, strict=True)
        )

    def begins_a_day(self, other: Tick | None) -> bool:
        """Return whether a UTC day began since `other`."""
        return other is None or self.at // SECONDS_A_DAY > other.at // SECONDS_A_DAY

    def moved(self, other: Tick | None, place: Place) -> bool:
        """Return whether `place` must emit: it has new records, or a UTC day began."""
        topic, partition = place
        if other is None or self.begins_a_day(other):
            return True
        return self.cut[topic][partition] > other.cut[topic][partition]


class Timeline:
    """The ticks so far that follow each other, by epoch.

    Parameters
    ----------
    partitions : mapping of str to int
        Partitions of each raw topic; a tick with others is passed over.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self._partitions = dict(partitions)
        self._epochs: list[int] = []
        self._ticks: list[Tick] = []
        self._has_forgotten = False

    @property
    def latest(self) -> int:
        """The last epoch cut so far; -1 before the first."""
        return self._epochs[-1] if self._epochs else -1

    def feed(self, offset: int, value: bytes) -> bool:
        """Take the tick at `offset`; return whether it counts.

        A tick that cannot be read, or does not follow the last one, is as if it had
        never been written.
        """
        try:
            tick = _decode_tick(value)
        except (ValueError, RecursionError):  # msgspec's errors, and UnicodeDecodeError
            return False
        if offset <= self.latest or not tick.fits(self._partitions):
            return False
        if self._ticks and not tick.follows(self._ticks[-1]):
            return False
        self._epochs.append(offset)
        self._ticks.append(tick)
        return True

    def tick(self, epoch: int) -> Tick:
        """Return the tick that closed `epoch`."""
        return self._ticks[bisect_right(self._epochs, epoch) - 1]

    def steps(self, epoch: int) -> Iterator[tuple[int, Tick, Tick | None]]:
        """Yield epoch, tick and the tick before it, for every epoch after `epoch`."""
        while (index := bisect_right(self._epochs, epoch)) < len(self._epochs):
            epoch = self._epochs[index]  # ticks may come, and be forgotten, meanwhile
            yield epoch, self._ticks[index], self._ticks[index - 1] if index else None

    def forget(self, epoch: int) -> None:
        """Drop the ticks before the one that closed `epoch`: nobody will ask for them."""
        index = bisect_right(self._epochs, epoch) - 1
        if index > 0:
            del self._epochs[:index], self._ticks[:index]
            self._has_forgotten = True

    def reaches(self, epoch: int) -> bool:
        """Return whether the steps after `epoch` can be given, none of them forgotten."""
        return not self._has_forgotten or (bool(self._epochs) and self._epochs[0] <= epoch)

    def begin_at(self, epoch: int) -> None:
        """Forget everything; the next tick fed must be that of `epoch`, or the first for -1."""
        self._epochs, self._ticks = [], []
        self._has_forgotten = epoch >= 0


_encode_tick = msgspec.json.Encoder(order="deterministic").encode
_decode_tick = msgspec.json.Decoder(Tick).decode


def encode_tick(tick: Tick) -> bytes:
    """Return the bytes of a tick."""
    return _encode_tick(tick)
