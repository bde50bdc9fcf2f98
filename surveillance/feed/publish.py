"""Signals → the feed for regulators and the public.

Open, not validated and closed signals are published alike, whenever their status changes.
Counts below the smallest cell are not shown, and signals at a level that could name a
person (a construct given to five, a lot) are not published at all.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.finding import Family
from surveillance.domain.product import split
from surveillance.domain.signal import Signal, Status, Step
from surveillance.log.cells import Cells
from surveillance.log.cloudevents import outward
from surveillance.log.messages import Fact, Output
from surveillance.log.topics import FEED, SignalsRow


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the feed; `sequence` has no gaps."""

    sequence: int
    signal_id: str
    family: Family
    product: str
    event: str
    status: Status
    is_open: bool
    first_on: date
    on: date
    evaluated_on: date  # n is that of the end of this day
    n: int | None  # None: below the smallest cell
    n_fewer_than: int | None
    criteria: tuple[str, ...]
    reason: str  # the public one of the latest step; empty without one
    review: str | None  # "open", "upheld", "not_upheld"
    ladder_step: str | None  # that people chose when they answered it
    is_signed: bool | None  # by everybody who decided the latest step; None: nobody did
    configuration: str
    review_is_signed: bool | None = None  # its answer; None: it is open, or there is none


class PublishState(msgspec.Struct):
    """State: the number of entries, and what was last published about each signal."""

    n_entries: int = 0
    published: dict[str, tuple[str, str | None]] = msgspec.field(default_factory=dict)
    waiting: list[Signal] = []


class Publish:
    """The stage that writes the feed.

    Parameters
    ----------
    configuration : Configuration
        Levels that are published, and the smallest cell.
    """

    name = "publish"
    version = 2

    def __init__(self, configuration: Configuration) -> None:
        self._feed = configuration.feed

    def init(self, cells: Cells) -> PublishState:  # noqa: ARG002 - the protocol
        """Return the state before the first signal."""
        return PublishState()

    def apply(self, state: PublishState, item: SignalsRow) -> None:
        """Hold one signal until the close."""
        if isinstance(item, Signal) and self._is_published(item):
            state.waiting.append(item)

    def close(self, state: PublishState, epoch: int, at: int) -> Output:  # noqa: ARG002 - the protocol
        """Publish every signal whose status or review differs from what was last published."""
        facts: list[Fact] = []
        for signal in state.waiting:
            standing = signal.status, _review(signal)
            if state.published.get(signal.signal_id) != standing:
                state.published[signal.signal_id] = standing
                facts.append(self._fact(state.n_entries, signal, at))
                state.n_entries += 1
        state.waiting = []
        return Output([], facts)

    def dump(self, state: PublishState) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes, cells: Cells) -> PublishState:  # noqa: ARG002 - the protocol
        """Restore the state."""
        return msgspec.msgpack.decode(data, type=PublishState)

    def _is_published(self, signal: Signal) -> bool:
        product, event = split(signal.product)[0], split(signal.event)[0]
        return product in self._feed.levels and event in self._feed.event_levels

    def _fact(self, sequence: int, signal: Signal, at: int) -> Fact:
        is_small = signal.n < self._feed.smallest_cell
        entry: Any = FeedEntry(
            sequence=sequence,
            signal_id=signal.signal_id,
            family=signal.family,
            product=signal.product,
            event=signal.event,
            status=signal.status,
            is_open=signal.is_open,
            first_on=signal.first_on,
            on=signal.on,
            evaluated_on=signal.evaluated_on,
            n=None if is_small else signal.n,
            n_fewer_than=self._feed.smallest_cell if is_small else None,
            criteria=tuple(item.criterion for item in signal.support if item.is_standing),
            reason=signal.history[-1].public_reason,
            review=_review(signal),
            ladder_step=signal.reviews[-1].ladder_step if signal.reviews else None,
            is_signed=_is_signed(signal.history[-1]),
            review_is_signed=signal.reviews[-1].is_signed if signal.reviews else None,
            configuration=signal.configuration,
        )
        return outward(
            FEED,
            kind=f"signal.{signal.status}",
            code=signal.status,
            source=self._feed.name,
            subject=signal.signal_id,
            at=at,
            data=entry,
        )


def _is_signed(step: Step) -> bool | None:
    return None if step.decided_by is None else step.is_signed


def _review(signal: Signal) -> str | None:
    """Return the state of the latest request for review; None if there is none."""
    return (signal.reviews[-1].answer or "open") if signal.reviews else None
