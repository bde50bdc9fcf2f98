"""Chance that a Poisson process of known mean reaches one of a series of deadlines.

Event *n* that comes before deadline *n* crosses. Between two deadlines the count of a path that
has not crossed is bounded, so the chance that none does is a finite recursion, and it is exact.
"""

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from detectors.sequential.convolution import NEGLIGIBLE, walk


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
    `horizon`: 0.2 ms at 20, 10 ms at 1,000.

    Examples
    --------
    One event at any time before 0.05 expected events:

    >>> round(crossing_probability(lambda n: 0.05, first_event=1, horizon=0.05), 6)
    0.048771
    """
    times, n = [0.0], first_event
    while times[-1] < horizon:
        times.append(max(times[-1], min(horizon, deadline(n))))
        n += 1
    silent = deque([np.ones(1)], maxlen=1)  # of each count of events, none of which has crossed
    silent.extend(walk(np.diff(times), range(first_event, n), least=NEGLIGIBLE))
    return max(0.0, 1.0 - math.fsum(silent.pop()))
