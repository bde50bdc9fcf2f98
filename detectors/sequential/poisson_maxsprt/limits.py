"""Where a critical value puts the boundary: counts at a time, and times of a count."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp
from detectors.sequential.least_value import HIGHEST
from detectors.sequential.poisson_band import Band, Check
from detectors.sequential.poisson_maxsprt.likelihood import Tail


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When a design looks and what it looks for, all but its alpha.

    Attributes
    ----------
    horizon : float
        End, in expected events.
    min_events : int
        Fewest events that signal an excess.
    min_expected : float
        Before this no signal is allowed.
    looks : tuple of float or None
        Expected events at each look that may signal; None for continuous looks.
    tail : {"upper", "lower", "two_sided"}
        What counts.
    """

    horizon: float
    min_events: int
    min_expected: float
    looks: tuple[float, ...] | None
    tail: Tail

    @property
    def fixed_times(self) -> tuple[float, ...]:
        """Times at which some paths wait for the look."""
        if self.looks is not None:
            return self.looks
        return (self.min_expected,) if self.min_expected > 0 else ()


def band(plan: Plan, c: float) -> Band:
    """Find where a critical value does not signal.

    Parameters
    ----------
    plan : Plan
        When it looks.
    c : float
        Critical value, positive.

    Returns
    -------
    Band
        Counts that go on.
    """
    checks = _continuous(plan, c) if plan.looks is None else _at_looks(plan, plan.looks, c)
    return Band(checks=checks, is_signal_above=plan.tail != "lower")


def count_band(plan: Plan, count: int) -> Band:
    """Find where a least count does not signal.

    Parameters
    ----------
    plan : Plan
        When it looks.
    count : int
        Fewest events that signal.

    Returns
    -------
    Band
        Counts that go on.
    """
    checks = [Check(mu, 0, count - 1, is_watched=False) for mu in plan.fixed_times]
    if plan.looks is None:
        checks.append(Check(plan.horizon, 0, count - 1, is_watched=True))
    return Band(checks=checks)


def jumps(plan: Plan) -> list[float]:
    """Find the critical values at which the size steps down.

    Parameters
    ----------
    plan : Plan
        When it looks.

    Returns
    -------
    list of float
        The log-likelihood ratio of each count at each time at which paths wait, in order.
    """
    found = set[float]()
    for mu in plan.fixed_times:
        if plan.tail != "lower":
            found.update(_llrs_above(mu, plan.min_events))
        if plan.tail != "upper":
            found.update(_llrs_below(mu))
    if plan.looks is None and plan.tail != "upper":
        found.update(_llrs_below(plan.horizon))
    return sorted(found)


def least_high(mu: float, c: float, min_events: int) -> int:
    """Find the fewest events that signal an excess at a time.

    Parameters
    ----------
    mu : float
        Expected events.
    c : float
        Critical value.
    min_events : int
        Fewest events allowed.

    Returns
    -------
    int
        The count.
    """
    low = max(min_events, math.floor(mu) + 1)
    stride = 1
    while _llr(low + stride - 1, mu) < c:  # the answer is mostly near: a look adds few events
        low, stride = low + stride, 2 * stride
    return bisect_left(range(low + stride), c, lo=low, key=lambda n: _llr(n, mu))


def greatest_low(mu: float, c: float) -> int:
    """Find the most events that signal a deficit at a time.

    Parameters
    ----------
    mu : float
        Expected events.
    c : float
        Critical value.

    Returns
    -------
    int
        The count; -1 if none is few enough.
    """
    return bisect_left(range(math.ceil(mu)), x=True, key=lambda n: _llr(n, mu) < c) - 1


def _llr(n: int, mu: float) -> float:
    return float(special.kl_div(float(n), mu))


def _llrs_above(mu: float, min_events: int) -> list[float]:
    first = max(min_events, math.floor(mu) + 1)
    last = least_high(mu, HIGHEST, first)
    values = np.asarray(special.kl_div(np.arange(first, last + 1, dtype=np.float64), mu))
    return [x for x in values.tolist() if x < HIGHEST]


def _llrs_below(mu: float) -> list[float]:
    first = greatest_low(mu, HIGHEST) + 1
    counts = np.arange(first, math.ceil(mu), dtype=np.float64)
    return [float(x) for x in np.asarray(special.kl_div(counts, mu)).tolist() if x < HIGHEST]


def _at_looks(plan: Plan, times: Sequence[float], c: float) -> list[Check]:
    mu = np.array(times)
    floors, ceilings = [0] * len(times), [greatest_low(plan.horizon, c)] * len(times)
    if plan.tail != "upper":
        floors = (_greatest_lows(mu, c) + 1).tolist()
    if plan.tail != "lower":  # else, with more events no deficit can signal any more
        least = np.maximum(plan.min_events, _least_highs(mu, c))
        ceilings = (np.maximum.accumulate(least) - 1).tolist()
    return [
        Check(at, floor, most, is_watched=False)
        for at, floor, most in zip(times, floors, ceilings, strict=True)
    ]


def _least_highs(mu: NDArray[np.float64], c: float) -> NDArray[np.int64]:
    """Do `least_high` for many times at once, from one event on."""
    # n log(n / mu) - (n - mu) is at least (n - mu)^2 / (2 n), so that this is never too low.
    least = np.floor(mu) + 1.0
    high = np.ceil(mu + c + np.sqrt(c * (c + 2.0 * mu))) + 1.0
    return _first(lambda n: special.kl_div(n, mu) >= c, least, high)


def _greatest_lows(mu: NDArray[np.float64], c: float) -> NDArray[np.int64]:
    """Do `greatest_low` for many times at once."""
    return _first(lambda n: special.kl_div(n, mu) < c, np.zeros_like(mu), np.ceil(mu)) - 1


def _first(
    is_so: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Find the first whole number, from low to high, from which on something is so."""
    while (low < high).any():
        middle = np.floor((low + high) / 2.0)
        found = is_so(middle)
        low, high = np.where(found, low, middle + 1.0), np.where(found, middle, high)
        low = np.minimum(low, high)
    return high.astype(np.int64)


def _continuous(plan: Plan, c: float) -> list[Check]:
    start = plan.min_expected
    checks = _at_looks(plan, plan.fixed_times, c)
    floor = checks[0].floor if checks else 0
    lows = [] if plan.tail == "upper" else _low_times(plan, c, floor)
    if plan.tail == "lower":
        most = greatest_low(plan.horizon, c)
        checks += [Check(at, floor + i + 1, most, is_watched=True) for i, at in lows]
        return [*checks, Check(plan.horizon, floor + len(lows), most, is_watched=True)]
    n = checks[0].ceiling + 1 if checks else plan.min_events
    next_low = 0
    for count, until in enumerate(_deadlines(plan, n, c), n):
        while next_low < len(lows) and lows[next_low][1] <= until:
            i, at = lows[next_low]
            checks.append(Check(at, floor + i + 1, count - 1, is_watched=True))
            next_low += 1
        checks.append(Check(max(start, until), floor + next_low, count - 1, is_watched=True))
    return checks


def _deadlines(plan: Plan, first: int, c: float) -> list[float]:
    """List the deadlines of counts from the first on, until one is at the horizon."""
    last = least_high(plan.horizon, c, first)
    times = deadlines(np.arange(first, last), c).tolist()
    return [*(min(plan.horizon, time) for time in times), plan.horizon]


def _low_times(plan: Plan, c: float, first: int) -> list[tuple[int, float]]:
    counts = range(first, greatest_low(plan.horizon, c) + 1)
    return [(i, min(plan.horizon, low_time(n, c))) for i, n in enumerate(counts)]


def deadlines(n: NDArray[np.int64], c: float) -> NDArray[np.float64]:
    """Find the latest times at which counts signal an excess.

    Parameters
    ----------
    n : ndarray of int64
        Events, positive.
    c : float
        Critical value, positive.

    Returns
    -------
    ndarray of float64, of the shape of `n`
        Expected events at which the log-likelihood ratio of `n` falls to `c`.
    """
    # n log(n / tau) - (n - tau) = c, tau < n
    return -n * np.asarray(special.lambertw(-exp(-1.0 - c / n), 0)).real


def low_time(n: int, c: float) -> float:
    """Find the earliest time at which a count signals a deficit.

    Parameters
    ----------
    n : int
        Events, not negative.
    c : float
        Critical value, positive.

    Returns
    -------
    float
        Expected events at which the log-likelihood ratio of `n` has risen to `c`.
    """
    # n log(n / b) - (n - b) = c, b > n
    return c if n == 0 else -n * float(special.lambertw(-math.exp(-1 - c / n), -1).real)
