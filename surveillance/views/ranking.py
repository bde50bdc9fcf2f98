"""Where a signal stood in a reviewer's list on a day.

Signals that people have closed or refuted are not on the list. Signals of equal priority
share the best rank.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from surveillance.register.reader import Change

OPEN = ("detected", "under_review", "confirmed")


class Rank(NamedTuple):
    """The place of one signal on a day."""

    on: date
    priority: float
    rank: int  # 1 is the greatest priority
    n_ranked: int
    n_tied: int  # signals of that priority, this one included
    rank_in_level: int  # among signals whose product is at the same level
    n_in_level: int


class Standings:
    """Every state of every signal, ready to rank on any day.

    Parameters
    ----------
    changes : sequence of Change
        In the order of the epochs.
    """

    def __init__(self, changes: Sequence[Change]) -> None:
        self.names = list(dict.fromkeys(change.signal_id for change in changes))
        numbers = {name: number for number, name in enumerate(self.names)}
        self._signal = np.array([numbers[change.signal_id] for change in changes], np.int64)
        self._day = np.array([change.changed_on.toordinal() for change in changes], np.int64)
        self._priority = np.array([change.priority for change in changes], np.float64)
        self._is_open = np.array([change.status in OPEN for change in changes], np.bool_)
        levels = {change.signal_id: change.level for change in changes}
        self._level = np.array([levels[name] for name in self.names], np.str_)

    def _priorities(self, on: date) -> NDArray[np.float64]:
        """Return the priority of every signal at the end of a day; NaN where it is not listed."""
        n_changes = int(np.searchsorted(self._day, on.toordinal(), side="right"))
        latest = np.full(len(self.names), -1)
        latest[self._signal[:n_changes]] = np.arange(n_changes)  # the last of each stays
        priorities = np.full(len(self.names), np.nan)
        listed = np.flatnonzero(latest >= 0)
        listed = listed[self._is_open[latest[listed]]]
        priorities[listed] = self._priority[latest[listed]]
        return priorities

    def board(self, on: date) -> Board:
        """Return the list at the end of a day."""
        return Board(on, self.names, self._level, self._priorities(on))


class Board:
    """The list of signals at the end of one day.

    Parameters
    ----------
    on : date
        The day.
    names : sequence of str
        All signals.
    levels : ndarray of str
        Level of the product of each.
    priorities : ndarray of float
        Priority of each; NaN where it is not on the list.
    """

    def __init__(
        self,
        on: date,
        names: Sequence[str],
        levels: NDArray[np.str_],
        priorities: NDArray[np.float64],
    ) -> None:
        self._on, self._names, self._levels, self._priorities = on, names, levels, priorities
        is_listed = ~np.isnan(priorities)
        self._ordered = np.sort(priorities[is_listed])
        self._ordered_in = {
            str(level): np.sort(priorities[is_listed & (levels == level)])
            for level in np.unique(levels)
        }

    def n(self, level: str | None = None) -> int:
        """Count the signals on the list, all or at a level."""
        return len(self._ordered if level is None else self._ordered_in.get(level, ()))

    def rank(self, signal_id: str) -> Rank | None:
        """Return the place of a signal; None if it is not on the list."""
        if signal_id not in self._names:
            return None
        number = self._names.index(signal_id)
        return None if np.isnan(self._priorities[number]) else self._rank(number)

    def top(self, *, level: str | None = None, n: int | None = None) -> dict[str, Rank]:
        """Return the places of the first signals.

        Parameters
        ----------
        level : str, optional
            Only signals whose product is at this level.
        n : int, optional
            At most so many.

        Returns
        -------
        dict
            By signal, from the greatest priority on; equal ones by name.
        """
        is_listed = ~np.isnan(self._priorities)
        if level is not None:
            is_listed &= self._levels == level
        listed = sorted(
            np.flatnonzero(is_listed).tolist(),
            key=lambda number: (-self._priorities[number], self._names[number]),
        )
        return {self._names[number]: self._rank(number) for number in listed[:n]}

    def _rank(self, number: int) -> Rank:
        return self.place(float(self._priorities[number]), str(self._levels[number]))

    def place(self, priority: float, level: str) -> Rank:
        """Return the place of a signal that is on the list, by its priority and level."""
        own, inside = np.float64(priority), self._ordered_in[level]
        return Rank(
            on=self._on,
            priority=priority,
            rank=1 + _n_above(self._ordered, own),
            n_ranked=len(self._ordered),
            n_tied=int(np.searchsorted(self._ordered, own, side="right"))
            - int(np.searchsorted(self._ordered, own, side="left")),
            rank_in_level=1 + _n_above(inside, own),
            n_in_level=len(inside),
        )


def board_of(on: date, listed: Iterable[tuple[str, float]]) -> Board:
    """Return the list at the end of a day, of signals without their names.

    Parameters
    ----------
    on : date
        The day.
    listed : iterable of (str, float)
        Level of the product, and priority, of each signal on the list.
    """
    levels, priorities = array("B"), array("d")
    numbers: dict[str, int] = {}
    for level, priority in listed:
        levels.append(numbers.setdefault(level, len(numbers)))
        priorities.append(priority)
    known = np.array(list(numbers), np.str_)
    of_each = known[np.array(levels, np.uint8)]
    return Board(on, (), of_each, np.array(priorities, np.float64))


def _n_above(ordered: NDArray[np.float64], own: np.float64) -> int:
    return len(ordered) - int(np.searchsorted(ordered, own, side="right"))
