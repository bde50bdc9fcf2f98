"""Chance that a Poisson process of known mean reaches one of a series of deadlines.

Event *n* that comes before deadline *n* crosses. Between two deadlines the count of a path that
has not crossed is bounded, so the chance that none does is a finite recursion, and it is exact.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

LONGEST_STEP = 16.0  # in expected events: exp(-16) times a power never underflows
NEGLIGIBLE = 1e-22  # mass of a count left out; a step leaves out less than 1e-21 in all
MANY_STEPS, HOPELESS = 8, 1e-60  # a chance below this is past counting


def crossing_probability(
    deadline: Callable[[int], float], *, first_event: int, horizon: float
) -> float:
    """Compute the chance that some event comes before its deadline and the horizon.

    Parameters
    ----------
    deadline : callable, int to float
        The latest time at which event *n* crosses, in expected events; grows with *n*.
    first_event : int
        The first event that can cross.
    horizon : float
        End, in expected events.

    Returns
    -------
    float
        Probability under the null, in [0, 1], with an absolute error near 1e-14.

    Notes
    -----
    The arithmetic is products and sums in a fixed order, so that every processor gives the same
    bits; a library's convolution adds up as suits the processor. Time grows with the square of
    `horizon`: 2 ms at 20, 0.1 s at 1,000.

    Examples
    --------
    One event at any time before 0.05 expected events:

    >>> round(crossing_probability(lambda n: 0.05, first_event=1, horizon=0.05), 6)
    0.048771
    """
    silent, reached, n = np.ones(1), 0.0, first_event  # silent[k]: k events, none has crossed
    while reached < horizon:
        until = min(horizon, deadline(n))
        silent = wait(silent, until - reached, room=n)
        reached, n = max(reached, until), n + 1
    return max(0.0, 1.0 - math.fsum(silent))


def wait(silent: NDArray[np.float64], duration: float, room: int) -> NDArray[np.float64]:
    """Let time pass for paths that may not reach a count.

    Parameters
    ----------
    silent : ndarray of float64
        Chance of each count from 0 among the paths that go on.
    duration : float
        Events expected in the period; none if negative.
    room : int
        The count at which a path is dropped.

    Returns
    -------
    ndarray of float64, shape (at most room,)
        Chance of each count afterwards.
    """
    steps = max(1, math.ceil(duration / LONGEST_STEP))
    masses = _poisson_masses(max(0.0, duration) / steps, room)
    for _ in range(steps):
        later = np.zeros(min(room, len(silent) + len(masses) - 1))
        for arrivals, mass in enumerate(masses):
            kept = silent[: max(0, room - arrivals)]
            later[arrivals : arrivals + len(kept)] += mass * kept
        silent = later
        if steps > MANY_STEPS and silent.max(initial=0.0) < HOPELESS:
            break  # at a high rate all paths are gone long before the end
    return silent


def _poisson_masses(mean: float, room: int) -> list[float]:
    masses = [math.exp(-mean)]
    while len(masses) < room and (masses[-1] > NEGLIGIBLE or len(masses) < mean):
        masses.append(masses[-1] * mean / len(masses))
    return masses
