"""When a count is high against a historical comparator that is itself a count.

The log-likelihood ratio rises only when an event arrives, so "it reaches c" is "event k arrives
before deadline k", and the chance of a signal is a recursion over the deadlines.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from detectors.sequential.conditional_likelihood import deadlines, log_likelihood_ratio
from detectors.sequential.least_value import HIGHEST, LOWEST, smallest_within
from detectors.sequential.polya_paths import (
    MOST_EVENTS,
    History,
    chance_to_reach,
    count_masses,
    silent_at_end,
)

LEAST_ALPHA = 1e-9  # far above the rounding error of the null probability
LEAST_RATIO, GREATEST_RATIO = 1e-9, 1e9  # of person-time to historical person-time
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
    staircase = _Staircase(plan)
    if limit.critical_value > staircase.highest:
        raise _too_long(plan)
    return staircase.at(limit.critical_value)


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
    staircase = _Staircase(plan)
    if not staircase.highest > LOWEST:
        raise _too_long(plan)
    try:
        found = smallest_within(
            lambda value: _spent(plan, *staircase.at(value)),
            plan.alpha,
            jumps=staircase.jumps,
            highest=min(HIGHEST, staircase.highest),
        )
    except ValueError as error:
        raise _too_long(plan) from error
    if found is not None and found.value > LOWEST:
        return Boundary(
            decided_by="llr",
            critical_value=found.value,
            min_events=plan.min_events,
            attained_size=found.size,
        )
    if plan.horizon is None:
        raise ValueError(f"alpha is {plan.alpha}: no critical value spends so much")
    return _count_boundary(plan, plan.horizon)


class _Staircase:
    """The stairs of every critical value of a plan, and the greatest that at most 700 events tell.

    A count signals at the first look, or at the horizon, where its ratio is the critical value at
    least; the ratios there are computed once.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts = np.arange(plan.min_events, MOST_EVENTS + 1)
        self._at_start = self._ratios(plan.min_person_time) if plan.min_person_time > 0 else []
        self._at_end = [] if plan.horizon is None else self._ratios(plan.horizon)
        self.jumps = [ratio for ratio in self._at_start if ratio > 0]
        self.highest = self._at_end[-1] if self._at_end else math.inf

    def _ratios(self, time: float) -> list[float]:
        c = self._plan.n_historical
        ratios: list[float] = log_likelihood_ratio(self._counts, time, n_historical=c).tolist()
        return ratios

    def at(self, value: float) -> tuple[list[float], list[int]]:
        """List the deadlines of a critical value, with the count that reaches it until each."""
        plan = self._plan
        first = plan.min_events + bisect_left(self._at_start, value)
        if plan.horizon is None:
            last = int(plan.n_max or first)
        else:
            last = max(first, plan.min_events + bisect_left(self._at_end, value))
        counts = np.arange(first, last + 1)
        times = deadlines(counts, value, n_historical=plan.n_historical).tolist()
        if plan.horizon is not None:
            times = [*(min(plan.horizon, time) for time in times[:-1]), plan.horizon]
        return times, counts.tolist()


def _too_long(plan: Plan) -> ValueError:
    return ValueError(
        f"horizon is {plan.horizon}: with n_historical={plan.n_historical} counts above "
        f"{MOST_EVENTS} matter; end by n_max, or earlier"
    )


def _spent(plan: Plan, times: list[float], rooms: list[int]) -> float:
    """Add up what crosses by its count at the end, since one minus the rest would lose digits."""
    end, room = times[-1], rooms[-1]
    masses = count_masses(end, room, n_historical=plan.n_historical, history=plan.history)
    return _reach(plan, end, room) + math.fsum(masses * (1.0 - silent_at_end(times, rooms)))


def _reach(plan: Plan, time: float, count: int) -> float:
    return chance_to_reach(time, count, n_historical=plan.n_historical, history=plan.history)


def _count_boundary(plan: Plan, horizon: float) -> Boundary:
    count = plan.min_events
    while _reach(plan, horizon, count) > plan.alpha:
        count += 1
    return Boundary(
        decided_by="count",
        critical_value=0.0,
        min_events=count,
        attained_size=_reach(plan, horizon, count),
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
