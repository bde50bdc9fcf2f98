"""When a count is high against a historical comparator that is itself a count.

The log-likelihood ratio rises only when an event arrives, so "it reaches c" is "event k arrives
before deadline k", and the chance of a signal is a recursion over the deadlines.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

from detectors.sequential.polya_paths import (
    MOST_EVENTS,
    History,
    count_masses,
    silent_given_count,
)
from detectors.validation import as_counts, as_reals, refuse_where

LEAST_ALPHA = 1e-9  # far above the rounding error of the null probability
LEAST_RATIO, GREATEST_RATIO = 1e-9, 1e9  # of person-time to historical person-time
LOWEST = 1e-9  # not 0: there the likelihood ratio is flat in the time
ROOT_ERROR = 1e-12
HISTORIES = ("stopped_at_event", "fixed_time", "exact")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides the boundary, times in units of the historical person-time.

    Attributes
    ----------
    n_historical : int
        Historical events, *c*; at least 1 where `history` is ``stopped_at_event``.
    n_max : int or None
        Event at which surveillance ends, *K*, at most 700; None where it ends by time.
    horizon : float or None
        Person-time at which it ends, *T*; None where it ends by events.
    alpha : float
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int
        Fewest events, *M*, at which a signal is allowed; at most `n_max`.
    min_person_time : float
        Person-time, *D*, before which no look is taken; below `horizon`, 0 with `n_max`.
    history : {"stopped_at_event", "fixed_time", "exact"}
        How the historical period was ended.

    Raises
    ------
    ValueError
        If an argument is out of range, or not exactly one of `n_max` and `horizon` is given.
    """

    n_historical: int
    n_max: int | None
    horizon: float | None
    alpha: float
    min_events: int
    min_person_time: float
    history: History

    def __post_init__(self) -> None:
        _require_counts(self)
        _require_times(self)


@dataclass(frozen=True, kw_only=True)
class CriticalValue:
    """The least LLR at which to signal or, where none spends alpha, the least count.

    Attributes
    ----------
    value : float
        Signal once the log-likelihood ratio reaches it; 0 where the count decides.
    attained_size : float
        Type I error with continuous looks; at most alpha, but for rounding (1e-14).
    decided_by : {"llr", "count"}
        Whether the LLR decides, or the count alone.
    min_events : int
        Least count that signals.
    detectable_rate_ratio : float or None
        Where the count decides, the rate ratio found with 80 % power by the horizon; infinite if
        none below 1e6 is. None where the LLR does (ask `detectable_rate_ratio`), or where `alpha`
        is so loose that the attained size is 80 % already.
    """

    value: float
    attained_size: float
    decided_by: Literal["llr", "count"]
    min_events: int
    detectable_rate_ratio: float | None


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a watch signals, and how often it would do so under the null.

    Attributes
    ----------
    decided_by : {"llr", "count"}
        Whether the LLR has to reach `critical_value`, or the count alone decides.
    critical_value : float
        Least LLR that signals; 0 where the count decides.
    min_events : int
        Least count that signals.
    attained_size : float
        Type I error with continuous looks; at most alpha, but for rounding (1e-14).
    """

    decided_by: Literal["llr", "count"]
    critical_value: float
    min_events: int
    attained_size: float


def log_likelihood_ratio(
    events: ArrayLike, person_time_ratio: ArrayLike, *, n_historical: int
) -> NDArray[np.float64]:
    r"""Compute the log-likelihood ratio of an excess over a historical rate.

    Parameters
    ----------
    events : array_like of whole numbers
        Events observed to date, *k*.
    person_time_ratio : array_like, of a shape that broadcasts with `events`
        Person-time to date over historical person-time, :math:`\tau`, not negative.
    n_historical : int
        Historical events, *c*, not negative.

    Returns
    -------
    ndarray, of the broadcast shape
        :math:`c \log\frac{c (1 + \tau)}{c + k} + k \log\frac{k (1 + \tau)}{\tau (c + k)}` where
        :math:`k > c \tau`, and 0 elsewhere. With :math:`c = 0` the first term is 0.

    Raises
    ------
    ValueError
        If a count is not one, if a time is negative, infinite or NaN, or if an event was observed
        in no time: the ratio would be infinite.

    Notes
    -----
    It is the binomial log-likelihood ratio of *k* out of *c* + *k* with the null chance
    :math:`\tau / (1 + \tau)`, and computed as such, without cancellation.

    References
    ----------
    .. [1] Li L, Kulldorff M (2010). A conditional maximized sequential probability ratio test for
       pharmacovigilance. Statistics in Medicine, 29(2), 284-295.

    Examples
    --------
    Six events in a tenth of the time in which twenty had been seen:

    >>> float(log_likelihood_ratio(6, 0.1, n_historical=20).round(6))
    2.248268
    """
    ratio = as_reals("person_time_ratio", person_time_ratio)
    k, tau = np.broadcast_arrays(as_counts("events", events), ratio)
    c = as_counts("n_historical", n_historical)
    refuse_where(np.isnan(tau), "person_time_ratio", tau, "must not be missing")
    refuse_where((tau == 0) & (k > 0), "events", k, "must be 0 where no time has passed")
    expected = (c + k) * (tau / (1 + tau))
    llr = special.kl_div(k, expected) + special.kl_div(c, (c + k) / (1 + tau))
    return np.asarray(np.where(k > expected, llr, 0.0))


def deadline(events: int, critical_value: float, *, n_historical: int) -> float:
    r"""Find the latest time at which so many events have so high a log-likelihood ratio.

    Parameters
    ----------
    events : int
        Events, *k*, at least 1.
    critical_value : float
        Log-likelihood ratio, positive.
    n_historical : int
        Historical events, *c*, not negative.

    Returns
    -------
    float
        Person-time as a share of the historical.

    Notes
    -----
    In the logarithm of time the ratio is convex and, up to its zero, falls; Newton's steps from
    the left never pass the root.

    Examples
    --------
    >>> round(deadline(6, 2.248268, n_historical=20), 5)
    0.1
    """
    k, c = events, n_historical
    total = c + k
    constant = k * math.log(k / total) + (c * math.log(c / total) if c else 0.0) - critical_value
    y = constant / k
    while True:
        size = math.exp(y)
        slope = total * (size / (1 + size)) - k
        following = y - (total * math.log1p(size) - k * y + constant) / slope
        if not following > y:
            return size
        y = following


def stairs(plan: Plan, limit: Boundary) -> tuple[list[float], list[int]]:
    """List the deadlines of a boundary, with the count that reaches it until each.

    Parameters
    ----------
    plan : Plan
        The plan.
    limit : Boundary
        Its boundary.

    Returns
    -------
    list of float
        Times, the last one the end of all chances to signal.
    list of int
        For each time, the least count that crosses from the time before until then.

    Raises
    ------
    ValueError
        If the counts that matter exceed 700.
    """
    if limit.decided_by == "count":
        return [float(plan.horizon or 0.0)], [limit.min_events]
    value = limit.critical_value
    return _stairs(plan, value, _first_event(plan, value))


def boundary(plan: Plan) -> Boundary:
    """Find when to signal.

    Parameters
    ----------
    plan : Plan
        The plan.

    Returns
    -------
    Boundary
        The smallest critical value whose exact size is at most alpha or, where so little time is
        planned that none spends alpha, the smallest count.

    Raises
    ------
    ValueError
        If the plan ends by events, and `alpha` is so loose that no critical value spends it; if
        the horizon is so long against the history that counts above 700 matter.

    Notes
    -----
    Without `min_person_time` the size is continuous in the critical value, and is alpha. With it
    the size jumps where a count stops to signal at the first look, and may be less.

    Examples
    --------
    No event was seen in 25 times the time that is planned: the first is a signal.

    >>> few = Plan(n_historical=0, n_max=None, horizon=0.04, alpha=0.05, min_events=1,
    ...            min_person_time=0.0, history="fixed_time")
    >>> found = boundary(few)
    >>> found.decided_by, found.min_events, round(found.attained_size, 6)
    ('count', 1, 0.038462)
    """
    return _boundary(plan)


@lru_cache(maxsize=4096)
def _boundary(plan: Plan) -> Boundary:
    if _size(plan, LOWEST) <= plan.alpha:
        if plan.horizon is None:
            raise ValueError(f"alpha is {plan.alpha}: no critical value spends so much")
        return _count_boundary(plan, plan.horizon)
    value = _smallest_value(plan)
    return Boundary(
        decided_by="llr",
        critical_value=value,
        min_events=plan.min_events,
        attained_size=_size(plan, value),
    )


def _smallest_value(plan: Plan) -> float:
    low, first = LOWEST, plan.min_events
    while True:
        high = _value_at_first_look(plan, first)
        if high > low:
            overspent = partial(_overspent, plan=plan, first=first)
            top = _enough(plan, first, low, high)
            if overspent(top) <= 0:
                if overspent(low) <= 0:  # the size jumps over alpha here
                    return low + 2 * ROOT_ERROR
                root = float(brentq(overspent, low, top, xtol=ROOT_ERROR))
                return min(root + 2 * ROOT_ERROR, top)  # the root's error must not cost alpha
            low = high
        first += 1


def _enough(plan: Plan, first: int, low: float, high: float) -> float:
    """Double a value until it spends at most alpha, so that none far too high is tried."""
    value = max(1.0, 2 * low)
    while value < high and _overspent(value, plan=plan, first=first) > 0:
        value *= 2
    return min(value, high)


def _value_at_first_look(plan: Plan, events: int) -> float:
    if plan.min_person_time == 0:
        return math.inf
    at = log_likelihood_ratio(events, plan.min_person_time, n_historical=plan.n_historical)
    return float(at)


def _overspent(value: float, *, plan: Plan, first: int) -> float:
    return _spent(plan, *_stairs(plan, value, first)) - plan.alpha


def _size(plan: Plan, value: float) -> float:
    return _spent(plan, *_stairs(plan, value, _first_event(plan, value)))


def _spent(plan: Plan, times: list[float], rooms: list[int]) -> float:
    silent = silent_given_count(times, rooms)[-1]
    masses = count_masses(
        times[-1], rooms[-1], n_historical=plan.n_historical, history=plan.history
    )
    return max(0.0, 1.0 - math.fsum(silent * masses))


def _first_event(plan: Plan, value: float) -> int:
    events = plan.min_events
    while _value_at_first_look(plan, events) < value:
        events += 1
    return events


def _stairs(plan: Plan, value: float, first: int) -> tuple[list[float], list[int]]:
    end = math.inf if plan.horizon is None else plan.horizon
    times: list[float] = []
    count = first
    while not times or (times[-1] < end and count <= (plan.n_max or MOST_EVENTS)):
        times.append(min(end, deadline(count, value, n_historical=plan.n_historical)))
        count += 1
    if plan.horizon is not None and times[-1] < end:
        raise ValueError(
            f"horizon is {end}: with n_historical={plan.n_historical} counts above {MOST_EVENTS} "
            "matter; end by n_max, or earlier"
        )
    return times, list(range(first, count))


def _count_boundary(plan: Plan, horizon: float) -> Boundary:
    count = plan.min_events
    while _spent(plan, [horizon], [count]) > plan.alpha:
        count += 1
    return Boundary(
        decided_by="count",
        critical_value=0.0,
        min_events=count,
        attained_size=_spent(plan, [horizon], [count]),
    )


def _require_counts(plan: Plan) -> None:
    if plan.history not in HISTORIES:
        raise ValueError(f"history is {plan.history!r}: must be one of {', '.join(HISTORIES)}")
    if not (plan.n_historical >= 0 and plan.n_historical % 1 == 0):
        raise ValueError(f"n_historical is {plan.n_historical}: must be a count")
    if plan.n_historical == 0 and plan.history == "stopped_at_event":
        raise ValueError(
            "n_historical is 0: a history that stopped at its event has one; take "
            "history='fixed_time' or 'exact'"
        )
    if not (1 <= plan.min_events <= MOST_EVENTS and plan.min_events % 1 == 0):
        raise ValueError(f"min_events is {plan.min_events}: must be a count from 1 to 700")
    if plan.n_max is not None and not (
        plan.min_events <= plan.n_max <= MOST_EVENTS and plan.n_max % 1 == 0
    ):
        raise ValueError(f"n_max is {plan.n_max}: must be a count from min_events to 700")


def _require_times(plan: Plan) -> None:
    if not LEAST_ALPHA <= plan.alpha < 1:
        raise ValueError(f"alpha is {plan.alpha}: must be at least {LEAST_ALPHA} and below 1")
    if (plan.n_max is None) == (plan.horizon is None):
        raise ValueError("n_max or horizon: exactly one of the two must be given")
    if plan.horizon is None:
        if plan.min_person_time != 0:
            raise ValueError(f"min_person_time is {plan.min_person_time}: must be 0 with n_max")
        return
    if not LEAST_RATIO <= plan.horizon <= GREATEST_RATIO:
        raise ValueError(f"horizon is {plan.horizon}: must be from 1e-9 to 1e9 historical times")
    if not 0 <= plan.min_person_time < plan.horizon:
        raise ValueError(
            f"min_person_time is {plan.min_person_time}: must not be negative, and below horizon"
        )
