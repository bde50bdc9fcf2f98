"""Where a convex function of one parameter is below a level."""

import math
from collections.abc import Callable
from typing import Final

_HALVINGS: Final = 200  # enough for any interval of doubles


def outermost_below(is_below: Callable[[float], bool], inside: float, outside: float) -> float:
    """Find where a condition that holds at one point ceases to hold towards another.

    Parameters
    ----------
    is_below : callable, float to bool
        Holds at `inside`, fails at `outside`, and changes once between them.
    inside, outside : float
        The two points, finite.

    Returns
    -------
    float
        The nearest double to the change on the side of `outside`, so that a limit is never short.
    """
    for _ in range(_HALVINGS):
        middle = inside + 0.5 * (outside - inside)
        if middle in (inside, outside):
            break
        if is_below(middle):
            inside = middle
        else:
            outside = middle
    return outside


def reach(is_below: Callable[[float], bool], start: float) -> float:
    """Find a point above at which a condition fails.

    Parameters
    ----------
    is_below : callable, float to bool
        Holds at and above some point up to another.
    start : float
        Positive, where the search begins.

    Returns
    -------
    float
        `start`, doubled until the condition fails; infinite if it does nowhere.
    """
    point = start
    while is_below(point):
        point *= 2.0
        if math.isinf(point):
            break
    return point
