"""When a watch signals: the least critical value whose false signals are bounded by alpha."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from detectors.sequential.between_edges import Alive, advance
from detectors.sequential.chart_value import LOWEST, least_critical_value, log_over
from detectors.sequential.count_law import CountLaw, masses, total
from detectors.sequential.glr.stretch import Direction, farthest_count

GREATEST_VALUE = 1_000.0  # whose chance is below exp(-1,000)


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """When a watch signals, and a bound for how often it would do so under the null.

    Attributes
    ----------
    critical_value : float
        Least statistic that signals.
    size_bound : float
        The chance of a false signal within the planned looks is no greater.
    """

    critical_value: float
    size_bound: float


def false_signal_bound(
    law: CountLaw, critical_value: float, *, looks: int, window: int, direction: Direction
) -> float:
    r"""Bound the chance that a GLR watch signals under the null.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null, the same for every look.
    critical_value : float
        Value that signals, above 0.
    looks : int
        Planned looks.
    window : int
        How many looks back a change may lie, at most `looks`.
    direction : {"increase", "decrease"}
        The change that is looked for.

    Returns
    -------
    float
        A number that the chance does not exceed, at most 1.

    Raises
    ------
    ValueError
        If the critical value, the looks or the window is out of range.

    Notes
    -----
    Sum over the first look of the stretch that signals. Of the stretch with the greatest ratio,
    every beginning must itself lie on the side that is looked for, else the stretch without it
    would have a greater one. So a first look counts only while its total has not come back to
    what is expected, and the chance of going from there to the boundary within the window is an
    exact recursion. Only the sum over first looks, which are not exclusive, makes it a bound.
    """
    if not 0 < critical_value <= GREATEST_VALUE:
        raise ValueError(f"critical_value is {critical_value}: must be above 0, and at most 1000")
    if not 1 <= window <= looks:
        raise ValueError(f"window is {window}: must be from 1 to looks, {looks}")
    alive, one, reached = Alive(np.ones(1), 0, 0.0, 0.0), masses(law), np.zeros(window)
    is_upward, far = direction == "increase", 0
    for look in range(1, window + 1):
        far = farthest_count(law, look, critical_value, far, is_upward=is_upward)
        mean = law.mean * look
        edges = (math.floor(mean), far) if is_upward else (far, math.ceil(mean))
        alive = advance(alive, one, *edges)
        reached[look - 1] = alive.high if is_upward else alive.low
    chance = np.add.accumulate(reached)
    return min(1.0, total(chance[:-1]) + (looks - window + 1) * float(chance[-1]))


@lru_cache(maxsize=4096)
def boundary_of(
    law: CountLaw,
    looks: int,
    window: int,
    direction: Direction,
    alpha: float | None,
    critical_value: float | None,
) -> Boundary:
    """Find the boundary that a design sets.

    Parameters
    ----------
    law : CountLaw
        Law of one look under the null, the same for every look.
    looks, window : int
        Planned looks, and how many of them back a change may lie.
    direction : {"increase", "decrease"}
        The change that is looked for.
    alpha, critical_value : float or None
        What sets the boundary, as in `Design`: one of the two.

    Returns
    -------
    Boundary
        Critical value, and the bound of its size.
    """

    def bound(value: float) -> float:
        return false_signal_bound(law, value, looks=looks, window=window, direction=direction)

    if alpha is not None:
        level = alpha
        value = least_critical_value(lambda tried: log_over(bound(tried), level))
    else:
        value = float(critical_value or LOWEST)
    return Boundary(critical_value=value, size_bound=bound(value))
