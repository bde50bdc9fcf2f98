"""Two normal numbers at once, by Owen's function."""

import math

from scipy import special

LEAST = 1e-100  # the product of two smaller means would be 0, and its sign lost


def both_above(first: float, second: float, correlation: float) -> float:
    """Compute the chance that two normal numbers with variance 1 are both above 0.

    Parameters
    ----------
    first, second : float
        Their means.
    correlation : float
        Their correlation, in [-1, 1].

    Returns
    -------
    float
        Probability, to about 1e-15 absolute.

    References
    ----------
    .. [1] Owen DB (1956). Tables for computing bivariate normal probabilities. Annals of
       Mathematical Statistics, 27(4), 1075-1090.

    Examples
    --------
    >>> round(both_above(0.0, 0.0, 0.5), 12)
    0.333333333333
    """
    first, second = (0.0 if abs(mean) < LEAST else mean for mean in (first, second))
    below = float(special.ndtr(-first)), float(special.ndtr(-second))
    if correlation >= 1.0:
        return 1.0 - max(below)
    if correlation <= -1.0:
        return max(0.0, 1.0 - sum(below))
    if first == 0.0 and second == 0.0:
        return 0.25 + math.asin(correlation) / (2.0 * math.pi)
    root = math.sqrt((1.0 - correlation) * (1.0 + correlation))
    parts = _part(first, second, correlation, root) + _part(second, first, correlation, root)
    is_split = first * second < 0 or (first * second == 0 and first + second < 0)
    half = 0.5 if is_split else 0.0
    above = 0.5 * float(special.ndtr(first)) + 0.5 * float(special.ndtr(second))
    return min(1.0, max(0.0, above - parts - half))


def _part(one: float, other: float, correlation: float, root: float) -> float:
    if one == 0.0:
        return math.copysign(0.25, other)
    return float(special.owens_t(one, (other / one - correlation) / root))
