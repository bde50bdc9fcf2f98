"""How many reports may be expected while a lower limit of the ratio still reaches a threshold.

The posterior distribution moves down as more is expected, so that "EB05 is at least 2" is "no more
than so many are expected": one comparison with a number that depends on the count alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.disproportionality.ebgm.prior import Prior
from detectors.disproportionality.ebgm.scoring import score
from detectors.validation import as_counts, require_between

MOST_DOUBLINGS = 1_100  # more than there are between the smallest and the largest double
MOST_HALVINGS = 1_100


def expected_limit(
    n: ArrayLike, prior: Prior, *, probability: float = 0.05, at_least: float = 2.0
) -> NDArray[np.float64]:
    r"""Find how many reports may be expected while a quantile is at or above a threshold.

    Parameters
    ----------
    n : array_like of whole numbers
        Reports observed.
    prior : Prior
        Fitted, or given.
    probability : float, default: 0.05
        Of the quantile, in (0, 1); the default is EB05.
    at_least : float, default: 2.0
        The threshold, above 0 and finite.

    Returns
    -------
    ndarray of float64, of the shape of `n`
        The quantile of ``score(n, expected, prior)`` is at least `at_least` where, up to rounding,
        ``expected`` is at most this; 0 where no expected count would do.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The ratio's posterior density at a larger expected count is its density at the smaller one times
    a decreasing exponential, so that every quantile falls as more is expected, whatever the prior.
    The limit is the last double, found by halving, at which the posterior probability of a ratio
    below `at_least` does not exceed `probability`.

    Examples
    --------
    At a prior that is often used to begin a search, one report never reaches 2.

    >>> prior = Prior(alpha1=0.2, beta1=0.1, alpha2=2.0, beta2=4.0, p=1 / 3)
    >>> expected_limit([1, 2, 3, 10], prior).round(4)
    array([0.    , 0.0129, 0.203 , 2.4014])
    """
    require_between("probability", probability, 0.0, 1.0)
    require_between("at_least", at_least, 0.0, np.inf)
    counts = as_counts("n", n)
    flat = counts.ravel()
    low, high = np.zeros(flat.size), np.maximum(flat, 1.0) / at_least
    high[_below(flat, low, prior, at_least) > probability] = 0.0
    for _ in range(MOST_DOUBLINGS):
        holds = _below(flat, high, prior, at_least) <= probability
        holds &= high > 0
        if not holds.any():
            break
        high = np.where(holds, 2.0 * high, high)
    for _ in range(MOST_HALVINGS):
        middle = low + (high - low) / 2.0
        if not ((low < middle) & (middle < high)).any():
            break
        holds = _below(flat, middle, prior, at_least) <= probability
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return low.reshape(counts.shape)


def _below(
    n: NDArray[np.int64], expected: NDArray[np.float64], prior: Prior, ratio: float
) -> NDArray[np.float64]:
    """Compute the posterior probability of a ratio below a value."""
    qn = score(n, expected, prior, quantiles=()).qn
    first = special.gammainc(prior.alpha1 + n, (prior.beta1 + expected) * ratio)
    second = special.gammainc(prior.alpha2 + n, (prior.beta2 + expected) * ratio)
    return np.asarray(qn * first + (1.0 - qn) * second)
