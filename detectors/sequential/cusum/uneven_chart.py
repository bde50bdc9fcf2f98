"""Charts whose events weigh differently from look to look: the values they can have.

The weight of an event of a negative binomial depends on what is expected at its look, so a chart is
not told by a number of events. Kept are the values that charts can have, each with its chance. That
is exact while they are few. Where they are many, values are rounded to a lattice, up in one run and
down in another: a chart that is higher now is never lower later, so the two runs are bounds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import CountLaw, counted, masses, total
from detectors.sequential.cusum.run_length import corridor

MOST_VALUES = 4_000  # of exact charts; sums of more take longer than bounds
TIE = 1e-11  # values so near are one: sums of the same events in another order
LEAST_CHANCE = 1e-20  # of a value that is kept

Result = TypeVar("Result")
Side = Literal["above", "below"]
Pair = NDArray[np.float64]  # a chance, and that chance times the mean number of events to date


@dataclass(frozen=True, eq=False)
class Move:
    """What a look adds to a chart, and with what chance; the last count stands for all beyond.

    Attributes
    ----------
    added : ndarray of float64, shape (n,)
        What each count adds to the value of a chart.
    weight : ndarray of float64, shape (2, n)
        Chance of each count, and that chance times the count.
    """

    added: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Passed:
    """What a look made of charts.

    Attributes
    ----------
    alive : Charts
        Those that are above zero and have not signalled.
    at_zero, signal : ndarray of float64, shape (2,)
        Those at zero and those that signalled: their chance, and that chance times the mean number
        of events to date.
    """

    alive: "Charts"
    at_zero: Pair
    signal: Pair


class Charts(Protocol):
    """Charts that have not signalled."""

    def mass(self) -> float:
        """Compute the chance of all together.

        Returns
        -------
        float
            Its probability.
        """

    def joined(self, at_zero: Pair) -> "Charts":
        """Take in charts that are at zero.

        Parameters
        ----------
        at_zero : ndarray of float64, shape (2,)
            Their chance, and that chance times the mean number of events to date.

        Returns
        -------
        Charts
            All of them.
        """

    def moved(self, move: Move) -> Passed:
        """Let a look pass.

        Parameters
        ----------
        move : Move
            What it adds.

        Returns
        -------
        Passed
            Charts that go on, that are at zero, and that signalled.
        """


class _TooManyValuesError(Exception):
    """Charts have more values than are followed one by one."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """Charts by their values, which rise."""

    critical: float
    value: NDArray[np.float64]
    weight: NDArray[np.float64]  # shape (2, n)

    def mass(self) -> float:
        return total(self.weight[0])

    def joined(self, at_zero: Pair) -> "_Listed":
        value = np.concatenate(([0.0], self.value))
        weight = np.concatenate((at_zero[:, None], self.weight), axis=1)
        return _Listed(self.critical, value, weight)

    def moved(self, move: Move) -> Passed:
        value = (self.value + move.added[:, None]).ravel()
        chance, number = (row[:, None] for row in move.weight)
        before, events = self.weight
        weight = np.stack(((chance * before).ravel(), (chance * events + number * before).ravel()))
        is_low, is_high = value <= 0, value >= self.critical
        is_kept = ~is_low & ~is_high & (weight[0] > LEAST_CHANCE)
        alive = self._merged(value[is_kept], weight[:, is_kept])
        return Passed(alive, _sums(weight[:, is_low]), _sums(weight[:, is_high]))

    def _merged(self, value: NDArray[np.float64], weight: NDArray[np.float64]) -> "_Listed":
        order = np.argsort(value, kind="stable")
        value, weight = value[order], weight[:, order]
        is_first = np.diff(value, prepend=-math.inf) > TIE
        if np.count_nonzero(is_first) > MOST_VALUES:
            raise _TooManyValuesError
        group = np.add.accumulate(is_first) - 1
        rows = [np.bincount(group, weights=row) for row in weight]
        return _Listed(self.critical, value[is_first], np.array(rows))


@dataclass(frozen=True, eq=False)
class _Rounded:
    """Charts by their values on a lattice from zero to below the critical value."""

    width: float
    side: Side
    weight: NDArray[np.float64]  # shape (2, n)

    def mass(self) -> float:
        return total(self.weight[0])

    def joined(self, at_zero: Pair) -> "_Rounded":
        weight = self.weight.copy()
        weight[:, 0] += at_zero
        return _Rounded(self.width, self.side, weight)

    def moved(self, move: Move) -> Passed:
        n = self.weight.shape[1]
        rounded = np.ceil if self.side == "above" else np.floor
        added = np.clip(rounded(move.added / self.width), -n, n).astype(np.int64).tolist()
        after, at_zero, signal = np.zeros((2, n)), np.zeros(2), np.zeros(2)
        sums = np.add.accumulate(self.weight, axis=1)
        ends = np.add.accumulate(self.weight[:, ::-1], axis=1)[:, ::-1]
        for step, (chance, number) in zip(added, move.weight.T.tolist(), strict=True):
            moving = self.weight[:, max(0, 1 - step) : n - max(0, step)]
            place = after[:, max(0, 1 - step) + step :][:, : moving.shape[1]]
            place += chance * moving
            place[1] += number * moving[0]
            if step <= 0:
                gone = sums[:, min(-step, n - 1)]
                at_zero += chance * gone + number * np.array([0.0, gone[0]])
            if step > 0:
                gone = ends[:, n - min(step, n)]
                signal += chance * gone + number * np.array([0.0, gone[0]])
        return Passed(_Rounded(self.width, self.side, after), at_zero, signal)


def followed_exactly(
    follow: Callable[[Charts], Result], critical_value: float, *, parts: int, sides: Sequence[Side]
) -> list[Result]:
    """Follow charts by each value they can have, or, where these are too many, by rounded values.

    Parameters
    ----------
    follow : callable, Charts to a result
        What is to be done, from no chart on.
    critical_value : float
        Value at which a chart signals.
    parts : int
        Parts of it that a lattice tells apart.
    sides : sequence of {"below", "above"}
        Where values are rounded, which way: a chart rounded below is never higher than it should
        be, one rounded above never lower.

    Returns
    -------
    list
        One result where it is exact; else one for each side, in their order.
    """
    try:
        return [follow(listed(critical_value))]
    except _TooManyValuesError:
        return [follow(rounded(critical_value, parts, side)) for side in sides]


def listed(critical_value: float) -> Charts:
    """Begin to list the values of charts, exactly.

    Parameters
    ----------
    critical_value : float
        Value at which a chart signals.

    Returns
    -------
    Charts
        No chart yet.
    """
    return _Listed(critical_value, np.empty(0), np.empty((2, 0)))


def rounded(critical_value: float, parts: int, side: Side) -> Charts:
    """Begin to round the values of charts to a lattice.

    Parameters
    ----------
    critical_value : float
        Value at which a chart signals.
    parts : int
        Parts of it that the lattice tells apart.
    side : {"below", "above"}
        Which way values are rounded.

    Returns
    -------
    Charts
        No chart yet.
    """
    return _Rounded(critical_value / parts, side, np.zeros((2, parts)))


def moves_of(
    plan: tuple[CountLaw, ...], rate_ratio: float, critical_value: float, true_ratio: float
) -> list[Move]:
    """List what the looks of a plan add to a chart.

    Parameters
    ----------
    plan : tuple of CountLaw
        Law of each look under the null.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float
        Ratio at which the events arrive.

    Returns
    -------
    list of Move
        One for each look; one object where looks are equal.

    Raises
    ------
    ValueError
        If the plan is empty, or an argument is out of range.
    """
    if not plan:
        raise ValueError("plan must not be empty")
    made: Callable[[CountLaw], Move] = lru_cache(maxsize=None)(
        partial(_move, rate_ratio=rate_ratio, critical_value=critical_value, true_ratio=true_ratio)
    )
    return [made(law) for law in plan]


def _move(law: CountLaw, rate_ratio: float, critical_value: float, true_ratio: float) -> Move:
    way, arrivals = corridor(law, rate_ratio, critical_value), masses(law.changed(true_ratio))
    sign = 1.0 if rate_ratio > 1 else -1.0
    reach = math.ceil((critical_value + way.per_look) / way.per_event) + 1
    last = min(reach, len(arrivals.at) - 1)  # from here on all end at one edge
    counts = np.arange(last + 1, dtype=np.float64)
    number = counted(arrivals)
    weight = np.array([arrivals.at[: last + 1], number.at[: last + 1]])
    weight[:, last] = (arrivals.tail[last], number.tail[last])
    return Move(added=sign * (way.per_event * counts - way.per_look), weight=weight)


def _sums(weight: NDArray[np.float64]) -> Pair:
    return np.array([total(row) for row in weight])
