"""How many reports may be expected while a lower limit of the ratio still reaches a threshold.

The posterior distribution moves down as more is expected, so that "EB05 is at least 2" is "no more
than so many are expected": one comparison with a number that depends on the count alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.disproportionality.ebgm.posterior import Counts, of_counts, of_pairs
from detectors.disproportionality.ebgm.prior import Prior
from detectors.validation import as_counts, require_between

MOST_DOUBLINGS = 1_100  # more than there are between the smallest and the largest double
CLOSE = 4e-16  # as near as doubles lie

Floats = NDArray[np.float64]
Excess = Callable[[Floats, NDArray[np.int64]], Floats]


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
    The limit is the expected count at which the posterior probability of a ratio below `at_least`
    is `probability`, to the rounding error of that probability.

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
    known = of_counts(flat, prior)
    places = np.arange(flat.size)

    def excess(expected: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
        return _below(known, place, expected, prior, at_least) - probability

    from scipy.optimize.elementwise import find_root  # noqa: PLC0415 - slow to load, seldom used

    limit = np.zeros(flat.size)
    places = places[excess(limit, places) <= 0]
    if places.size:
        top = _top(excess, places, np.maximum(flat[places], 1.0) / at_least)
        bracket = np.zeros(places.size), top
        found = find_root(
            excess, bracket, args=(places,), tolerances={"xatol": 0.0, "xrtol": CLOSE}
        )
        limit[places] = found.x
    return limit.reshape(counts.shape)


def _top(excess: Excess, places: NDArray[np.int64], start: NDArray[np.float64]) -> Floats:
    """Find an expected count that is too large, for each count."""
    top = start
    for _ in range(MOST_DOUBLINGS):
        holds = excess(top, places) <= 0
        if not holds.any():
            break
        top = np.where(holds, 2.0 * top, top)
    return top


def _below(
    known: Counts, place: NDArray[np.int64], expected: Floats, prior: Prior, ratio: float
) -> Floats:
    """Compute the posterior probability of a ratio below a value."""
    n = known.n[place].astype(np.float64)
    posterior = of_pairs(n, expected, known.log_odds[place], prior)
    first, second = (
        weight * special.gammainc(shapes[place], rate * ratio)
        for weight, shapes, rate in zip(
            posterior.weights, known.shapes, posterior.rates, strict=True
        )
    )
    return np.asarray(first + second)
