"""How often and how soon a chart signals."""

import math
from collections.abc import Sequence

import numpy as np

from detectors.sequential.count_law import CountLaw
from detectors.sequential.cusum import run_length
from detectors.sequential.cusum.boundary import planned
from detectors.sequential.cusum.design import Design, cycle_of, require_recurrence
from detectors.sequential.cusum.uneven_run_length import run_length_between
from detectors.sequential.cusum.uneven_signal import first_signal_between
from detectors.sequential.operating import OperatingCharacteristics, mean_events


def average_run_length(design: Design, rate_ratio: float = 1.0) -> float:
    """Compute the mean number of looks to the first signal, if planned looks went on for ever.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float, default: 1.0
        True ratio, from the first look on. 1 gives the time to a false signal, another the delay.

    Returns
    -------
    float
        Looks, with a relative error below 1e-9; where negative binomials of several means recur the
        middle of two bounds, mostly within a hundredth of each other (`run_length_between`).

    Raises
    ------
    ValueError
        If the ratio is out of range, a signal is too unlikely for double precision, or what is
        expected at a look neither stays the same nor recurs within the planned looks: nothing then
        says how it would go on.
    """
    cycle = cycle_of(design)
    require_recurrence(design, cycle)
    value = design.boundary.critical_value
    if len(cycle) == 1:
        return run_length.average_run_length(
            cycle[0], design.rate_ratio, value, true_ratio=rate_ratio
        )
    lower, upper = run_length_between(cycle, design.rate_ratio, value, true_ratio=rate_ratio)
    return lower + (upper - lower) / 2


def operating_characteristics(
    design: Design, rate_ratio: float, *, plan: Sequence[CountLaw] | None = None
) -> OperatingCharacteristics:
    """Compute how often and how soon a chart signals within its planned looks.

    Parameters
    ----------
    design : Design
        What is fixed.
    rate_ratio : float
        True ratio, from the first look on, above 0; 1 is the null.
    plan : sequence of CountLaw or None, default: None
        Law of each look under the null, where looks are not those of the design.

    Returns
    -------
    OperatingCharacteristics
        Chance of a signal, and means of time, in looks, and events at the first one. Where an event
        weighs differently from look to look they may be bounded: `method` says so, and
        `power_error` how far the power can be off.

    Raises
    ------
    ValueError
        If the ratio is out of range, or the plan is empty.

    Examples
    --------
    >>> chart = Design(2.0, expected_per_look=1.0, looks=24, alpha=0.05)
    >>> found = operating_characteristics(chart, 2.0)
    >>> round(found.power, 3), round(found.expected_time_to_signal, 1)
    (0.962, 9.4)
    """
    laws = planned(cycle_of(design), design.looks) if plan is None else plan
    value = design.boundary.critical_value
    found = first_signal_between(laws, design.rate_ratio, value, true_ratio=rate_ratio)
    middle = found.middle
    power = min(1.0, math.fsum(middle.chance))  # rounding may add some bits
    time = math.fsum(middle.chance * np.arange(1, len(laws) + 1))
    gap = math.fsum(found.upper.chance) - math.fsum(found.lower.chance)
    return OperatingCharacteristics(
        rate_ratio=rate_ratio,
        power=power,
        expected_time_to_signal=time / power if power > 0 else math.nan,
        expected_length=min(len(laws), time + len(laws) * (1.0 - power)),
        expected_events_at_signal=mean_events(middle) if power > 0 else math.nan,
        method="exact" if found.is_exact else "bounded",
        power_error=0.5 * gap,
    )
