"""The exact boundary: the smallest critical value whose type I error is at most alpha."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy import special

from detectors.sequential.least_value import smallest_within
from detectors.sequential.poisson_band import Band, signal_probability
from detectors.sequential.poisson_maxsprt.likelihood import Tail
from detectors.sequential.poisson_maxsprt.limits import Plan, band, count_band, jumps

LEAST_ALPHA = 1e-9  # far above the rounding error of the null probability
GREATEST_HORIZON = 5_000.0  # the work grows with its square
GREATEST_LOOKS = 10_000
USUAL_POWER = 0.8


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
        Least count that signals an excess.
    attained_size : float
        Type I error by the horizon, with all looks that the design allows; at most alpha, but for
        rounding (1e-15).
    """

    decided_by: Literal["llr", "count"]
    critical_value: float
    min_events: int
    attained_size: float


@dataclass(frozen=True, kw_only=True)
class CriticalValue:
    """The least LLR at which to signal or, where none spends alpha, the least count.

    Attributes
    ----------
    value : float
        Signal once ``llr >= value``; 0 where the count decides.
    attained_size : float
        Type I error by the horizon; at most alpha, but for rounding (1e-15).
    decided_by : {"llr", "count"}
        Whether the LLR decides, or the count alone.
    min_events : int
        Least count that signals an excess.
    detectable_rate_ratio : float or None
        Where the count decides, the rate ratio found with 80 % power by the horizon. None where
        the LLR does: ask `detectable_rate_ratio`.
    """

    value: float
    attained_size: float
    decided_by: Literal["llr", "count"]
    min_events: int
    detectable_rate_ratio: float | None


def critical_value(
    horizon: float,
    *,
    alpha: float = 0.05,
    min_events: int = 1,
    min_expected: float = 0.0,
    looks: int | Sequence[float] | None = None,
    tail: Tail = "upper",
) -> CriticalValue:
    r"""Find the LLR at which to signal so that the total type I error is at most `alpha`.

    Parameters
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null, in (0, 5000].
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal of an excess is allowed.
    min_expected : float, default: 0
        Expected events, *D*, before which no signal is allowed, in [0, `horizon`).
    looks : int or sequence of float, optional
        Expected events to date, from the start, at each look; the last is the horizon. A number is
        that many looks at equal steps. Left out, looks are continuous.
    tail : {"upper", "lower", "two_sided"}, default: "upper"
        Whether an excess, a deficit, or either signals, all by the one critical value.

    Returns
    -------
    CriticalValue
        Critical value *c* on the LLR scale, and the size that it attains.

    Raises
    ------
    ValueError
        If an argument is out of range, or if `tail` is "lower" and even no event at all by the
        horizon is likelier than `alpha`.

    Notes
    -----
    Exact: the smallest *c* with size at most `alpha`, to 2e-12 and never below it, but for the
    rounding of a size, near 4e-15, which an `alpha` below 0.002 makes the greater of the two. With
    continuous looks at an excess from the start the size is continuous in *c*, and all of `alpha`
    is spent. Where paths wait for a look (at *D*, at each group look, and for a deficit at the
    horizon) it steps down as *c* passes the LLR of a count at that time; what is then attained is
    stated.

    First-event regime: where *M* events by the horizon are rarer than `alpha`, the boundary is the
    smallest count *k*, not below *M*, with :math:`P(N(T) \ge k) \le \alpha`, whenever it is
    reached. With less than 0.0513 events expected, one event is a signal at 5 %.

    For a deficit, no event at all counts from :math:`\mu = c` on. With a two-sided test a horizon
    too short for a deficit leaves the test of an excess.

    References
    ----------
    .. [1] Kulldorff M et al. (2011). A maximized sequential probability ratio test for
       drug and vaccine safety surveillance. Sequential Analysis, 30(1), 58-78.
    .. [2] Kulldorff M, Silva IR (2015). Continuous post-market sequential safety surveillance with
       minimum events to signal. REVSTAT, 13(3), 373-394.

    Examples
    --------
    >>> round(critical_value(horizon=20.0).value, 6)
    3.628123
    >>> few = critical_value(0.01)
    >>> few.min_events, round(few.attained_size, 6), round(few.detectable_rate_ratio, 1)
    (1, 0.00995, 160.9)
    """
    plan = plan_of(
        horizon, alpha, min_events=min_events, min_expected=min_expected, looks=looks, tail=tail
    )
    found = boundary_of(plan, alpha)
    detectable = None
    if found.decided_by == "count":
        detectable = float(special.gammaincinv(found.min_events, USUAL_POWER)) / horizon
    return CriticalValue(
        value=found.critical_value,
        attained_size=found.attained_size,
        decided_by=found.decided_by,
        min_events=found.min_events,
        detectable_rate_ratio=detectable,
    )


def boundary(
    horizon: float,
    *,
    alpha: float = 0.05,
    min_events: int = 1,
    min_expected: float = 0.0,
    looks: int | Sequence[float] | None = None,
    tail: Tail = "upper",
) -> Boundary:
    r"""Find when to signal, for any horizon however short.

    Parameters
    ----------
    horizon : float
        End of surveillance, *T*, in expected events under the null, in (0, 5000].
    alpha : float, default: 0.05
        Type I error over the whole of surveillance, in [1e-9, 1).
    min_events : int, default: 1
        Fewest observed events, *M*, at which a signal of an excess is allowed.
    min_expected : float, default: 0
        Expected events, *D*, before which no signal is allowed, in [0, `horizon`).
    looks : int or sequence of float, optional
        As `critical_value`.
    tail : {"upper", "lower", "two_sided"}, default: "upper"
        Whether an excess, a deficit, or either signals.

    Returns
    -------
    Boundary
        The exact MaxSPRT boundary or, in the first-event regime, a count.

    Raises
    ------
    ValueError
        As `critical_value`.

    Examples
    --------
    >>> few = boundary(0.01)
    >>> few.decided_by, few.min_events, round(few.attained_size, 6)
    ('count', 1, 0.00995)
    """
    plan = plan_of(
        horizon, alpha, min_events=min_events, min_expected=min_expected, looks=looks, tail=tail
    )
    return boundary_of(plan, alpha)


def plan_of(
    horizon: float,
    alpha: float,
    *,
    min_events: int,
    min_expected: float,
    looks: int | Sequence[float] | None,
    tail: Tail,
) -> Plan:
    """Check the arguments of a design.

    Parameters
    ----------
    horizon, alpha, min_events, min_expected, looks, tail
        As `critical_value`.

    Returns
    -------
    Plan
        When the design looks; looks before `min_expected` left out.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if not 0 < horizon <= GREATEST_HORIZON:
        raise ValueError(f"out of range: {horizon=} must be at most {GREATEST_HORIZON}, above 0")
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"out of range: {alpha=} must be at least {LEAST_ALPHA} and below 1")
    if not (min_events >= 1 and min_events % 1 == 0):
        raise ValueError(f"out of range: {min_events=} must be a whole number from 1")
    if not 0 <= min_expected < horizon:
        raise ValueError(f"out of range: {min_expected=} must be in [0, horizon), {horizon=}")
    if tail not in {"upper", "lower", "two_sided"}:
        raise ValueError(f'out of range: {tail=} must be "upper", "lower" or "two_sided"')
    if tail == "lower" and min_events != 1:
        raise ValueError(f"out of range: {min_events=} says nothing of a deficit: leave it out")
    if tail == "lower" and math.exp(-horizon) > alpha:
        raise ValueError(
            f"out of range: {horizon=} is too short for a deficit at {alpha=}: "
            f"needs {-math.log(alpha)} at least"
        )
    times = None if looks is None else _times(looks, horizon)
    return Plan(
        horizon=float(horizon),
        min_events=int(min_events),
        min_expected=float(min_expected),
        looks=times and tuple(mu for mu in times if mu >= min_expected),
        tail=tail,
    )


def _times(looks: int | Sequence[float], horizon: float) -> tuple[float, ...]:
    if isinstance(looks, int):
        if not 1 <= looks <= GREATEST_LOOKS:
            raise ValueError(f"out of range: {looks=} must be from 1 to {GREATEST_LOOKS}")
        return (*(horizon * i / looks for i in range(1, looks)), float(horizon))
    times = tuple(float(mu) for mu in looks)
    if not 1 <= len(times) <= GREATEST_LOOKS:
        raise ValueError(f"out of range: looks must be from 1 to {GREATEST_LOOKS}")
    before = (0.0, *times)
    for i, mu in enumerate(times):
        if not before[i] < mu <= horizon:
            raise ValueError(f"looks[{i}] is {mu}: must rise from 0 to the horizon, {horizon}")
    if times[-1] != horizon:
        raise ValueError(f"looks[{len(times) - 1}] is {times[-1]}: must be {horizon=}")
    return times


@lru_cache(maxsize=4096)
def boundary_of(plan: Plan, alpha: float) -> Boundary:
    """Find the boundary of a design whose arguments were checked.

    Parameters
    ----------
    plan : Plan
        When it looks.
    alpha : float
        Type I error.

    Returns
    -------
    Boundary
        When it signals.
    """

    def size(c: float) -> float:
        return signal_probability(band(plan, c))

    found = smallest_within(size, alpha, jumps=jumps(plan), is_step=plan.looks is not None)
    if found is None:
        return _count_boundary(plan, alpha)
    return Boundary(
        decided_by="llr",
        critical_value=found.value,
        min_events=plan.min_events,
        attained_size=found.size,
    )


def silent_band(plan: Plan, found: Boundary) -> Band:
    """Find where a boundary does not signal.

    Parameters
    ----------
    plan : Plan
        When it looks.
    found : Boundary
        When it signals.

    Returns
    -------
    Band
        Counts that go on.
    """
    if found.decided_by == "count":
        return count_band(plan, found.min_events)
    return band(plan, found.critical_value)


def _count_boundary(plan: Plan, alpha: float) -> Boundary:
    count = plan.min_events
    while float(special.gammainc(count, plan.horizon)) > alpha:
        count += 1
    return Boundary(
        decided_by="count",
        critical_value=0.0,
        min_events=count,
        attained_size=float(special.gammainc(count, plan.horizon)),  # P(N(T) >= count)
    )
