"""Rising factorials: what the negative binomial needs of its count, and nothing else does.

The difference of two log-gamma functions loses every digit when one argument is large and the
other small. Small counts are therefore multiplied out, and large ones use Stirling's formula with
its large terms cancelled by hand.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import log

SMALL = 64  # counts up to it are multiplied out
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def log_rising(shape: float, n: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Compute the logarithm of a rising factorial over a factorial.

    Parameters
    ----------
    shape : float
        Positive.
    n : ndarray of int64
        Counts, not negative.

    Returns
    -------
    ndarray of float64, of the shape of `n`
        :math:`\log \frac{\Gamma(a + n)}{\Gamma(a)\,n!}`.
    """
    steps = np.arange(SMALL, dtype=np.float64)
    factors = log((shape + steps) / (steps + 1.0))
    products = np.concatenate([[0.0], np.cumsum(factors)])
    large = _by_stirling(shape, np.maximum(n, SMALL).astype(np.float64))
    return np.where(n <= SMALL, products[np.minimum(n, SMALL)], large)


def harmonic(order: int, shape: float, n: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Compute the first or second derivative of the logarithm by the shape.

    Parameters
    ----------
    order : int
        1 or 2.
    shape : float
        Positive.
    n : ndarray of int64
        Counts, not negative.

    Returns
    -------
    ndarray of float64, of the shape of `n`
        :math:`\sum_{i<n} (a + i)^{-1}` or :math:`-\sum_{i<n} (a + i)^{-2}`, which are differences
        of polygamma functions.
    """
    sign = 1.0 if order == 1 else -1.0
    terms = sign / (shape + np.arange(SMALL)) ** order
    sums = np.concatenate([[0.0], np.cumsum(terms)])
    above = shape + np.maximum(n, SMALL)
    if order == 1:
        rest = special.psi(above) - special.psi(shape + SMALL)
    else:
        rest = special.zeta(2.0, above) - special.zeta(2.0, shape + SMALL)
    return np.asarray(sums[np.minimum(n, SMALL)] + np.where(n > SMALL, rest, 0.0))


def log_stirling(x: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Compute the logarithm of the gamma function over Stirling's formula.

    Parameters
    ----------
    x : ndarray of float64
        Positive numbers.

    Returns
    -------
    ndarray of float64, of the shape of `x`
        :math:`\log \Gamma(x) - (x - 1/2) \log x + x - \frac{1}{2} \log 2 \pi`.
    """
    small = np.minimum(x, SMALL)
    direct = special.gammaln(small) - (small - 0.5) * log(small) + small - HALF_LOG_TWO_PI
    # Abramowitz and Stegun (1964), 6.1.41; the first term left out is below 1e-17 for x >= 64.
    square = 1.0 / np.maximum(x, SMALL) ** 2
    series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) * np.sqrt(square)
    return np.asarray(np.where(x < SMALL, direct, series))


def _by_stirling(shape: float, n: NDArray[np.float64]) -> NDArray[np.float64]:
    total = shape + n
    leading = n * special.log1p(shape / n) + shape * special.log1p(n / shape)
    middle = 0.5 * (math.log(shape) - log(n) - log(total)) - HALF_LOG_TWO_PI
    rest = log_stirling(total) - log_stirling(n) - log_stirling(np.asarray([shape]))
    return np.asarray(leading + middle + rest)
