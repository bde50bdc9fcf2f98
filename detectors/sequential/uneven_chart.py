"""First signals and run lengths of a CUSUM whose events weigh differently from look to look.

The weight of an event of a negative binomial depends on what is expected at its look, so a chart is
not told by a number of events. Kept are the values that charts can have, each with its chance. That
is exact while they are few. Where they are many, values are rounded to a lattice, up in one run and
down in another: a chart that is higher now is never lower later, so the two runs are bounds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.sequential.count_law import CountLaw, masses, total
from detectors.sequential.first_signal import FirstSignal, first_signal
from detectors.sequential.run_length import NEGLIGIBLE, corridor

MOST_VALUES = 4_000  # of exact charts; sums of more take longer than bounds
TIE = 1e-11  # values so near are one: sums of the same events in another order
LEAST_CHANCE = 1e-20  # of a value that is kept
FINEST, COARSEST = 2**15, 2**11  # parts of the critical value, over a plan
MOST_MOVES = 2**21  # values times counts of a look on a lattice
PARTS = 2**12  # of the critical value, over the hundreds of looks of an excursion
LONGEST = 20_000  # looks of one excursion

Side = Literal["above", "below"]
Pair = NDArray[np.float64]  # a chance, and that chance times the mean number of events to date


@dataclass(frozen=True, eq=False)
class Between:
    """Two bounds of the chance of the first signal at each look.

    Attributes
    ----------
    lower, upper : FirstSignal
        The chance of a signal up to any look lies between their sums up to it. One object where the
        chances are exact.
    """

    lower: FirstSignal
    upper: FirstSignal

    @property
    def is_exact(self) -> bool:
        """Whether the two are one."""
        return self.lower is self.upper


@dataclass(frozen=True, eq=False)
class _Move:
    """What a look adds to a chart, and with what chance; the last count stands for all beyond."""

    added: NDArray[np.float64]  # shape (n,)
    weight: NDArray[np.float64]  # shape (2, n): chance, and chance times count


@dataclass(frozen=True, eq=False)
class _Passed:
    """What a look made of charts."""

    alive: "_Charts"
    at_zero: Pair
    signal: Pair


class _Charts(Protocol):
    """Charts that have not signalled."""

    def mass(self) -> float: ...

    def joined(self, at_zero: Pair) -> "_Charts": ...

    def moved(self, move: _Move) -> _Passed: ...


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

    def moved(self, move: _Move) -> _Passed:
        value = (self.value + move.added[:, None]).ravel()
        chance, number = (row[:, None] for row in move.weight)
        before, events = self.weight
        weight = np.stack(((chance * before).ravel(), (chance * events + number * before).ravel()))
        is_low, is_high = value <= 0, value >= self.critical
        is_kept = ~is_low & ~is_high & (weight[0] > LEAST_CHANCE)
        alive = self._merged(value[is_kept], weight[:, is_kept])
        return _Passed(alive, _sums(weight[:, is_low]), _sums(weight[:, is_high]))

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

    def moved(self, move: _Move) -> _Passed:
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
        return _Passed(_Rounded(self.width, self.side, after), at_zero, signal)


def first_signal_between(
    plan: Sequence[CountLaw], rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> Between:
    """Compute the chance of a first signal at each planned look, or bounds of it.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null; an event may weigh differently from look to look.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive, from the first look on.

    Returns
    -------
    Between
        Exact, with an absolute error below 1e-13, where an event weighs the same at every look or
        charts have at most 4,000 values. Else bounds, between which the chance lies.

    Raises
    ------
    ValueError
        If the plan is empty, or an argument is out of range.

    Notes
    -----
    Bounds round each look by at most a 32,768th of the critical value, or a 2,048th where an event
    weighs so little that hundreds lie below it. Their distance is mostly below a hundredth of the
    chance.

    Examples
    --------
    Events that vary between patients, who become more:

    >>> plan = [CountLaw(0.2 * month, dispersion=2.0) for month in range(1, 5)]
    >>> found = first_signal_between(plan, 2.0, 1.5)
    >>> found.is_exact, found.upper.chance.round(4).tolist()
    (True, [0.0028, 0.0067, 0.0172, 0.0214])
    """
    ways = [corridor(law, rate_ratio, critical_value) for law in plan]
    if len({way.per_event for way in ways}) <= 1:
        found = first_signal(plan, rate_ratio, critical_value, true_ratio=true_ratio)
        return Between(found, found)
    moves = _moves(tuple(plan), rate_ratio, critical_value, true_ratio)
    try:
        found = _followed(moves, _listed(critical_value))
    except _TooManyValuesError:
        lower, upper = (_followed(moves, start) for start in _both(critical_value, _parts(moves)))
        return Between(lower, upper)
    return Between(found, found)


def greatest_chance(plan: Sequence[CountLaw], rate_ratio: float, critical_value: float) -> float:
    """Compute the chance of a false signal within a plan, or an upper bound of it.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null, as in `first_signal_between`, in half of whose time this is
        found.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    float
        Sum of the upper chances.

    Raises
    ------
    ValueError
        If the plan is empty, or an argument is out of range.
    """
    ways = [corridor(law, rate_ratio, critical_value) for law in plan]
    if len({way.per_event for way in ways}) <= 1:
        return math.fsum(first_signal(plan, rate_ratio, critical_value).chance)
    moves = _moves(tuple(plan), rate_ratio, critical_value, 1.0)
    try:
        found = _followed(moves, _listed(critical_value))
    except _TooManyValuesError:
        found = _followed(moves, _both(critical_value, _parts(moves))[1])
    return math.fsum(found.chance)


def run_length_between(
    cycle: Sequence[CountLaw], rate_ratio: float, critical_value: float, *, true_ratio: float = 1.0
) -> tuple[float, float]:
    r"""Compute the mean number of looks to the first signal where looks recur, or bounds of it.

    Parameters
    ----------
    cycle : sequence of CountLaw
        Laws under the null of the looks that recur for ever in this order.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.
    true_ratio : float, default: 1.0
        Ratio at which the events arrive.

    Returns
    -------
    lower, upper : float
        The average run length of a chart at zero before the first look of the cycle; equal where it
        is exact, with a relative error below 1e-9.

    Raises
    ------
    ValueError
        If an argument is out of range, a signal is too unlikely for double precision, or a chart
        may take more than 20,000 looks from zero to zero.

    Notes
    -----
    An excursion from zero that begins with look *j* of the cycle takes :math:`N_j` looks in the
    mean, signals with chance :math:`s_j`, and is back at zero before look *k* with chance
    :math:`q_{jk}`. The run lengths solve :math:`A_j = N_j + \sum_k q_{jk} A_k`. The system is
    reduced without a difference, as Grassmann, Taksar and Heyman (1985) do [1]_: a diagonal is the
    sum of what leaves, so that rare signals are as exact as frequent ones.

    References
    ----------
    .. [1] Grassmann WK, Taksar MI, Heyman DP (1985). Regenerative analysis and steady state
       distributions for Markov chains. Operations Research, 33(5), 1107-1116.

    Examples
    --------
    Two equal looks in turn are one look, whose chart signals at an event:

    >>> found = run_length_between([CountLaw(0.1)] * 2, 2.0, 1e-6)
    >>> [round(each, 6) for each in found]
    [10.508332, 10.508332]
    """
    moves = _moves(tuple(cycle), rate_ratio, critical_value, true_ratio)
    try:
        exact = _mean_length(moves, _listed(critical_value))
    except _TooManyValuesError:
        below, above = _both(critical_value, PARTS)
        return _mean_length(moves, above), _mean_length(moves, below)
    return exact, exact


def least_run_length(cycle: Sequence[CountLaw], rate_ratio: float, critical_value: float) -> float:
    """Compute the mean number of looks to a false signal where looks recur, or a lower bound of it.

    Parameters
    ----------
    cycle : sequence of CountLaw
        Laws under the null of the looks that recur, as in `run_length_between`, in half of whose
        time this is found.
    rate_ratio : float
        Ratio to detect, not 1.
    critical_value : float
        Value at which the chart signals, above 0.

    Returns
    -------
    float
        The lower run length.

    Raises
    ------
    ValueError
        As `run_length_between`.
    """
    moves = _moves(tuple(cycle), rate_ratio, critical_value, 1.0)
    try:
        return _mean_length(moves, _listed(critical_value))
    except _TooManyValuesError:
        return _mean_length(moves, _both(critical_value, PARTS)[1])


def _listed(critical_value: float) -> _Listed:
    return _Listed(critical_value, np.empty(0), np.empty((2, 0)))


def _both(critical_value: float, parts: int) -> tuple[_Rounded, _Rounded]:
    width, none = critical_value / parts, np.zeros((2, parts))
    return _Rounded(width, "below", none), _Rounded(width, "above", none)


def _parts(moves: Sequence[_Move]) -> int:
    counts = max(len(move.added) for move in moves)
    return min(FINEST, max(COARSEST, MOST_MOVES // counts))


def _followed(moves: Sequence[_Move], start: _Charts) -> FirstSignal:
    charts, signals = start.joined(np.array([1.0, 0.0])), []
    for move in moves:
        passed = charts.moved(move)
        signals.append(passed.signal)
        charts = passed.alive.joined(passed.at_zero)
    chance, events = np.array(signals).T
    return FirstSignal(chance=chance, events=events)


def _mean_length(moves: Sequence[_Move], start: _Charts) -> float:
    n = len(moves)
    returns, signals, lengths = [], [], []
    for first in range(n):
        back, signal, length = _excursion([*moves[first:], *moves[:first]], start)
        returns.append(back[-first:] + back[:-first] if first else back)
        signals.append(signal)
        lengths.append(length)
    for last in range(n - 1, 0, -1):
        leaving = signals[last] + math.fsum(returns[last][:last])
        for one in range(last):
            share = returns[one][last] / leaving
            signals[one] += share * signals[last]
            lengths[one] += share * lengths[last]
            for other in range(last):
                returns[one][other] += share * returns[last][other]
    return lengths[0] / signals[0]


def _excursion(moves: Sequence[_Move], start: _Charts) -> tuple[list[float], float, float]:
    """Chance of a return before each look of the cycle, chance of a signal, and mean looks."""
    n = len(moves)
    charts, returns, signal, length = start.joined(np.array([1.0, 0.0])), [0.0] * n, 0.0, 0.0
    for look in range(LONGEST):
        mass = charts.mass()
        if mass <= NEGLIGIBLE * signal or mass == 0:
            break
        passed = charts.moved(moves[look % n])
        length += mass
        signal += float(passed.signal[0])
        returns[(look + 1) % n] += float(passed.at_zero[0])
        charts = passed.alive
    else:
        raise ValueError(f"a chart may take more than {LONGEST} looks from zero to zero")
    return returns, signal, length


def _moves(
    plan: tuple[CountLaw, ...], rate_ratio: float, critical_value: float, true_ratio: float
) -> list[_Move]:
    if not plan:
        raise ValueError("plan must not be empty")
    made: Callable[[CountLaw], _Move] = lru_cache(maxsize=None)(
        partial(_move, rate_ratio=rate_ratio, critical_value=critical_value, true_ratio=true_ratio)
    )
    return [made(law) for law in plan]


def _move(law: CountLaw, rate_ratio: float, critical_value: float, true_ratio: float) -> _Move:
    way, arrivals = corridor(law, rate_ratio, critical_value), masses(law.changed(true_ratio))
    sign = 1.0 if rate_ratio > 1 else -1.0
    reach = math.ceil((critical_value + way.per_look) / way.per_event) + 1
    last = min(reach, len(arrivals.at) - 1)  # from here on all end at one edge
    counts = np.arange(last + 1, dtype=np.float64)
    numbers = np.arange(len(arrivals.at)) * arrivals.at
    beyond = (float(arrivals.tail[last]), total(numbers[last:][::-1]))
    weight = np.array([arrivals.at[: last + 1], numbers[: last + 1]])
    weight[:, last] = beyond
    return _Move(added=sign * (way.per_event * counts - way.per_look), weight=weight)


def _sums(weight: NDArray[np.float64]) -> Pair:
    return np.array([total(row) for row in weight])
