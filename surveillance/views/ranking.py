"""Where matters, and the signals in them, stood in a reviewer's list on a day.

A matter is on the list while one of its signals is: one that is open by the table of the life
cycle, and that has the cases and the lower limit that the configuration asks for, or is on a watch
list, or comes from a sequential test. A matter stands where the best of its signals stands, so that
one event of one product takes one place, at however many levels it is counted. Equal priorities
share the best rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from surveillance.domain.product import split
from surveillance.domain.signal import SignalOutline
from surveillance.views.as_of import is_screened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from surveillance.configuration.types import Triage
    from surveillance.domain.signal import AnySignal


class Rank(NamedTuple):
    """A place on a day."""

    on: date
    priority: float
    rank: int  # 1 is the greatest priority
    n_ranked: int
    n_tied: int  # with that priority, this one included


class RankedMatter(NamedTuple):
    """A matter on the list: its place, its signals, the best first."""

    rank: Rank
    signals: tuple[AnySignal, ...]

    @property
    def best(self) -> AnySignal:
        """The signal that the matter stands where it stands by."""
        return self.signals[0]


class RankedSignal(NamedTuple):
    """A signal on the list of all open signals, and its place among those of its level."""

    rank: Rank
    rank_in_level: int
    n_in_level: int
    signal: AnySignal


def is_listed(signal: AnySignal, triage: Triage) -> bool:
    """Tell whether a signal brings its matter on the list.

    Parameters
    ----------
    signal : Signal or SignalOutline
        With the numbers of the day.
    triage : Triage
        The fewest cases.
    """
    if not signal.is_open:
        return False
    if not is_screened(signal):
        return True
    if signal.is_sentinel:
        return signal.n > 0
    return signal.n >= triage.list_min_cases and _has_excess(signal)


def _has_excess(signal: AnySignal) -> bool:
    return signal.has_excess if isinstance(signal, SignalOutline) else signal.evidence > 0


def rank_matters(signals: Iterable[AnySignal], triage: Triage, on: date) -> list[RankedMatter]:
    """Rank the matters of signals.

    Parameters
    ----------
    signals : iterable of Signal or SignalOutline
        All that there were, with the numbers of the day.
    triage : Triage
        What brings a matter on the list.
    on : date
        The day.

    Returns
    -------
    list of RankedMatter
        From the greatest priority on; equal ones by the name of their best signal.
    """
    matters: dict[str, list[AnySignal]] = {}
    for signal in by_priority(one for one in signals if is_listed(one, triage)):
        matters.setdefault(signal.matter_id, []).append(signal)
    ranks = _ranks([held[0].priority for held in matters.values()], on)
    return [
        RankedMatter(rank, tuple(held)) for rank, held in zip(ranks, matters.values(), strict=True)
    ]


def rank_signals(signals: Iterable[AnySignal], on: date) -> list[RankedSignal]:
    """Rank open signals, each by itself.

    Parameters
    ----------
    signals : iterable of Signal or SignalOutline
        All that there were, with the numbers of the day.
    on : date
        The day.
    """
    listed = by_priority(one for one in signals if one.is_open)
    ranks = _ranks([one.priority for one in listed], on)
    inside: dict[str, list[float]] = {}
    for one in reversed(listed):
        inside.setdefault(split(one.product)[0], []).append(one.priority)
    in_level = {level: np.array(priorities) for level, priorities in inside.items()}
    return [
        RankedSignal(
            rank,
            1 + _n_above(in_level[split(one.product)[0]], one.priority),
            len(in_level[split(one.product)[0]]),
            one,
        )
        for rank, one in zip(ranks, listed, strict=True)
    ]


def by_priority(signals: Iterable[AnySignal]) -> Sequence[AnySignal]:
    """Order signals by priority, equal ones by name."""
    return sorted(signals, key=lambda one: (-one.priority, one.signal_id))


def _ranks(descending: Sequence[float], on: date) -> list[Rank]:
    """Return the place of each of some priorities, which must descend."""
    own = np.array(descending)
    ordered = own[::-1]
    last = np.searchsorted(ordered, own, side="right")
    n_tied = last - np.searchsorted(ordered, own, side="left")
    n = len(own)
    return [
        Rank(on, priority, rank, n, tied)
        for priority, rank, tied in zip(
            descending, (1 + n - last).tolist(), n_tied.tolist(), strict=True
        )
    ]


def rank_of(ordered: NDArray[np.float64], own: float, on: date) -> Rank:
    """Return the place of a priority among all, which must ascend."""
    n_not_above = int(np.searchsorted(ordered, own, side="right"))
    return Rank(
        on=on,
        priority=own,
        rank=1 + len(ordered) - n_not_above,
        n_ranked=len(ordered),
        n_tied=n_not_above - int(np.searchsorted(ordered, own, side="left")),
    )


def _n_above(ordered: NDArray[np.float64], own: float) -> int:
    return len(ordered) - int(np.searchsorted(ordered, own, side="right"))
