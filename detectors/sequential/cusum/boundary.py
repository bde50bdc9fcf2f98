"""When a chart signals: the least critical value that holds a size or a run length."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from detectors.sequential.chart_rules import LEAST_ALPHA, require_alpha
from detectors.sequential.chart_value import (
    ROOT_ERROR,
    least_critical_value,
    log_over,
)
from detectors.sequential.count_law import CountLaw
from detectors.sequential.cusum.run_length import average_run_length, chance_of_signal
from detectors.sequential.cusum.uneven_run_length import least_run_length
from detectors.sequential.cusum.uneven_signal import greatest_chance

NEAREST, FARTHEST = 1.25, 100.0  # of the ratio, or of its reciprocal


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a chart signals, and how often it would do so under the null.

    Attributes
    ----------
    critical_value : float
        Least value of the chart that signals.
    attained_size : float
        Chance of a false signal within the planned looks, or an upper bound near it where an event
        weighs differently from look to look (`first_signal_between`).
    attained_run_length : float or None
        Mean number of looks to a false signal, if the planned looks went on for ever, or in the
        same case a lower bound; None where the design sets none (`average_run_length` computes it).
    """

    critical_value: float
    attained_size: float
    attained_run_length: float | None


def critical_value_for_plan(plan: Sequence[CountLaw], rate_ratio: float, *, alpha: float) -> float:
    """Find the value at which to signal so that planned looks, equal or not, hold `alpha`.

    Parameters
    ----------
    plan : sequence of CountLaw
        Law of each look under the null.
    rate_ratio : float
        Ratio to detect, as in `Design`.
    alpha : float
        Chance of a false signal within the plan, in [1e-9, 1).

    Returns
    -------
    float
        Critical value, above the least one by at most 1.5e-6 where the chance of a signal is
        Where that is bounded, the value is the least for the upper bound.

    Raises
    ------
    ValueError
        If an argument is out of range, or the boundary is out of reach.

    Notes
    -----
    The size is a step function of the critical value. The value is put a little above its step, so
    that the rounding of a chart cannot reach over it, and the size never exceeds `alpha`.

    The chance of a signal is exact where an event weighs the same at every look (Poisson, binomial,
    or negative binomials of one mean), and otherwise where charts have few values; else it lies
    between bounds that are mostly within a hundredth of it (`first_signal_between`).

    Examples
    --------
    Twelve months, in which more and more patients are treated, whose rates do not vary, or do:

    >>> plan = [CountLaw(0.05 * month) for month in range(1, 13)]
    >>> round(critical_value_for_plan(plan, 2.0, alpha=0.05), 3)
    2.352
    >>> plan = [CountLaw(0.05 * month, dispersion=0.65) for month in range(1, 13)]
    >>> round(critical_value_for_plan(plan, 2.0, alpha=0.05), 3)
    1.878
    """
    require_ratio(rate_ratio)
    require_alpha(alpha)

    def excess(value: float) -> float:
        return log_over(greatest_chance(plan, rate_ratio, value), alpha)

    return _surely(excess, least_critical_value(excess))


def require_ratio(rate_ratio: float) -> None:
    """Refuse a ratio to detect that is too near to 1, or too far.

    Parameters
    ----------
    rate_ratio : float
        Ratio to detect.

    Raises
    ------
    ValueError
        If it is out of range.
    """
    size = max(rate_ratio, 1 / rate_ratio) if rate_ratio > 0 else math.nan
    if not NEAREST <= size <= FARTHEST:
        raise ValueError(
            f"rate_ratio is {rate_ratio}: must be from {NEAREST} to {FARTHEST:g}, "
            f"or from {1 / FARTHEST} to {1 / NEAREST}"
        )


def planned(cycle: Sequence[CountLaw], looks: int) -> list[CountLaw]:
    """List the law of each planned look.

    Parameters
    ----------
    cycle : sequence of CountLaw
        Laws of the first looks, after which they recur.
    looks : int
        Planned looks.

    Returns
    -------
    list of CountLaw
        One for each look.
    """
    return [cycle[look % len(cycle)] for look in range(looks)]


@lru_cache(maxsize=4096)
def boundary_of(
    cycle: tuple[CountLaw, ...],
    rate_ratio: float,
    looks: int,
    *,
    alpha: float | None,
    run_length: float | None,
    critical_value: float | None,
) -> Boundary:
    """Find the boundary that a design sets.

    Parameters
    ----------
    cycle : tuple of CountLaw
        Laws under the null of the first looks, after which they recur.
    rate_ratio : float
        Ratio to detect.
    looks : int
        Planned looks.
    alpha, run_length, critical_value : float or None
        What sets the boundary, as in `Design`: one of the three.

    Returns
    -------
    Boundary
        Critical value, and what it attains.

    Raises
    ------
    ValueError
        If the boundary is out of reach.
    """
    plan = planned(cycle, looks)

    def size(value: float) -> float:
        if len(cycle) == 1:
            return chance_of_signal(cycle[0], rate_ratio, value, looks=looks)
        return greatest_chance(plan, rate_ratio, value)

    def mean(value: float) -> float:
        if len(cycle) == 1:
            return average_run_length(cycle[0], rate_ratio, value)
        return least_run_length(cycle, rate_ratio, value)

    def excess(tried: float) -> float:
        if run_length is None:
            return log_over(size(tried), alpha or LEAST_ALPHA)
        return log_over(run_length, mean(tried))

    if critical_value is not None:
        value = float(critical_value)
    else:
        value = least_critical_value(excess)
        if len(cycle) > 1:
            value = _surely(excess, value)
    attained = None if run_length is None else mean(value)
    return Boundary(critical_value=value, attained_size=size(value), attained_run_length=attained)


def _surely(excess: Callable[[float], float], value: float) -> float:
    """Raise a value until it will do: an upper bound need not fall all the way."""
    step = ROOT_ERROR
    while excess(value) > 0:
        value, step = value + step, 2.0 * step
    return value
