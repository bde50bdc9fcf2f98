"""Looks at every moment: until when each count crosses, and the mean times until one does."""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.sequential.alpha_spending.design import Design, allowed_by
from detectors.sequential.alpha_spending.paths import START, Paths, advanced, chance_to_reach

ROUNDING = 1e-13  # of the target: by less than that a stair that has just ended may exceed it
HALVINGS = 60  # a stair shorter than 2**-60 of what is left to the horizon is none


def continuous_deadlines(design: Design) -> tuple[tuple[int, float], ...]:
    """Find, for looks at every moment, until when each count crosses.

    Parameters
    ----------
    design : Design
        What is fixed before the first look.

    Returns
    -------
    tuple of tuple of int and float
        A count, and the events expected until which it crosses. A count that is not listed has no
        time of its own; the last one ends at the horizon.

    Examples
    --------
    >>> [(n, round(time, 3)) for n, time in continuous_deadlines(Design(5.0, parameter=1.0))[:3]]
    [(2, 0.02), (3, 0.262), (4, 0.676)]
    """
    times, counts = deadlines_of(design)
    return tuple(zip(counts, times, strict=True))


@lru_cache(maxsize=4096)
def deadlines_of(design: Design) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Find the deadlines of a design, once.

    Parameters
    ----------
    design : Design
        What is fixed.

    Returns
    -------
    times : tuple of float
        As `deadlines` finds them.
    counts : tuple of int
        The count that crosses until then.
    """

    def allowed(expected: float) -> float:
        return allowed_by(design, expected)

    times, counts = deadlines(allowed, horizon=design.horizon, min_events=design.min_events)
    return tuple(times), tuple(counts)


def deadlines(
    target: Callable[[float], float], *, horizon: float, min_events: int
) -> tuple[list[float], list[int]]:
    """Find the latest times at which each event crosses, with continuous looks.

    Parameters
    ----------
    target : callable, float to float
        Type I error that may be spent by each time, in expected events; never falls.
    horizon : float
        End, in expected events.
    min_events : int
        Fewest events that may cross.

    Returns
    -------
    list of float
        Times, each later than the one before; the last is the horizon.
    list of int
        For each time, the count that crosses from the time before until then. A count that could
        never cross before the next does is left out.

    Notes
    -----
    Event *n* crosses until the chance of a crossing has grown to the target. Where a function
    spends so little at first that even the first moments of event *n* would exceed it, event *n*
    has no time of its own.
    """
    paths, count = START, min_events
    times: list[float] = []
    counts: list[int] = []
    while paths.expected < horizon:
        until = _deadline(paths, count, target, horizon)
        if until > paths.expected:
            mean = until - paths.expected
            following = advanced(paths, mean, count)
            paths = Paths(expected=until, silent=following.silent, spent=following.spent)
            times.append(until)
            counts.append(count)
        count += 1
    return times, counts


def _deadline(paths: Paths, count: int, target: Callable[[float], float], horizon: float) -> float:
    left = horizon - paths.expected
    over = max(0.0, paths.spent - target(paths.expected))  # a rounding; it must not end all stairs

    def excess(mean: float) -> float:
        time = min(horizon, paths.expected + mean)
        return paths.spent + chance_to_reach(paths, mean, count) - target(time)

    def is_over(mean: float) -> bool:
        allowed = ROUNDING * target(min(horizon, paths.expected + mean))
        return excess(mean) > over + allowed

    steps = [math.ldexp(left, -halvings) for halvings in range(HALVINGS, -1, -1)]
    if is_over(steps[0]):
        return paths.expected
    for before, after in pairwise(steps):
        if is_over(after):
            if excess(before) >= 0:
                return paths.expected + before
            # A stair may be far shorter than the horizon: its own length sets the tolerance.
            root = float(
                scipy.optimize.brentq(excess, before, after, xtol=1e-15 * before, rtol=1e-14)
            )
            return paths.expected + root
    return horizon


def mean_silence(paths: Paths, mean: float, count: int) -> float:
    """Compute the mean time without a crossing until the count or the end, in expected events.

    Parameters
    ----------
    paths : Paths
        Counts that have not crossed.
    mean : float
        Events expected in the time to come.
    count : int
        Count that crosses, at any moment of that time.

    Returns
    -------
    float
        Integral of the chance not to have crossed.

    Examples
    --------
    Until the first event or one expected event, whichever is sooner:

    >>> round(mean_silence(START, 1.0, 1), 6)
    0.632121
    """
    waits = np.add.accumulate(special.gammainc(np.arange(1, count + 1), mean))
    lacking = count - np.arange(paths.silent.size)
    return math.fsum(paths.silent * waits[lacking - 1])


def mean_wait(paths: Paths, mean: float, count: int) -> float:
    r"""Compute the mean time to the count where it comes before the end, in expected events.

    Parameters
    ----------
    paths : Paths
        Counts that have not crossed.
    mean : float
        Events expected in the time to come.
    count : int
        Count that crosses, at any moment of that time.

    Returns
    -------
    float
        Mean of the time to the count, which counts as 0 where it does not come.

    Notes
    -----
    Where :math:`\ell` events are lacking their time is gamma distributed, and its mean up to *m* is
    :math:`\ell P(\ell + 1, m)`. Nothing is subtracted, so that it is exact for the rarest crossing.

    Examples
    --------
    The first event, if it comes before one is expected:

    >>> round(mean_wait(START, 1.0, 1), 6)
    0.264241
    """
    lacking = count - np.arange(paths.silent.size)
    return math.fsum(paths.silent * lacking * special.gammainc(lacking + 1, mean))
