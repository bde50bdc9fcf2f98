"""The least critical value of a chart that errs no more than allowed.

How often a chart signals falls with its critical value, mostly in steps. The value is put a little
above its step, so that the rounding of a chart cannot reach over it.
"""

import math
from collections.abc import Callable

import scipy  # its parts are loaded when they are used

LOWEST = 1e-6  # least critical value: any value above zero signals
ROOT_ERROR = 5e-7


def log_over(one: float, other: float) -> float:
    """Compute the logarithm of a ratio, whose upper part may have underflowed.

    Parameters
    ----------
    one, other : float
        Numerator, not negative, and denominator, positive.

    Returns
    -------
    float
        Logarithm of their ratio.
    """
    return math.log(max(one, 1e-300) / other)


def least_critical_value(excess: Callable[[float], float]) -> float:
    """Find the least critical value that errs no more than allowed.

    Parameters
    ----------
    excess : callable, float to float
        By how much a critical value errs too often. Falls, perhaps in steps; not positive where the
        value will do.

    Returns
    -------
    float
        At least 1e-6, and above the least value that will do by at most 1.5e-6: so far beyond the
        step that rounding in the statistic cannot reach over it.
    """
    if excess(LOWEST) <= 0:
        return LOWEST
    high = 1.0
    while excess(high) > 0:
        high *= 2.0
    root = float(
        scipy.optimize.brentq(excess, LOWEST if high == 1.0 else high / 2, high, xtol=ROOT_ERROR)
    )
    return root + 2 * ROOT_ERROR
