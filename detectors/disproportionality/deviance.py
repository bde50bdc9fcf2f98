"""Poisson deviance without the loss of digits near its zero."""

import numpy as np
from numpy.typing import NDArray

from detectors.elementary import log

_NEAR = 0.1  # of the sum; closer than that the difference of two terms would lose digits
_COEFFICIENTS = tuple(2.0 / (2 * j + 1) for j in range(9, 0, -1))  # next term: below 1e-19


def half_deviance(n: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Measure by how much counts are likelier at their own rate than at the expected one.

    Parameters
    ----------
    n : ndarray of float64
        Counts, not negative.
    expected : ndarray of float64, of the same shape
        Expected counts, not negative; positive wherever `n` is.

    Returns
    -------
    ndarray of float64, of the same shape
        Half deviances, from 0 up, to 14 digits.

    Notes
    -----
    :math:`n \ln(n / E) - (n - E)`. With :math:`v = (n - E) / (n + E)`, small if *n* is near *E*,
    this equals :math:`(n - E) v + 2 n v \sum_{j \ge 1} v^{2j} / (2j + 1)` [1]_.

    References
    ----------
    .. [1] Loader C (2000). Fast and accurate computation of binomial probabilities. Bell
       Laboratories, Murray Hill.

    Examples
    --------
    >>> half_deviance(np.array([3.0, 0.0]), np.array([1.0, 2.5])).round(6)
    array([1.295837, 2.5     ])
    """
    difference, total = n - expected, n + expected
    v = difference / np.where(total > 0.0, total, 1.0)
    square = v * v
    series = np.zeros_like(square)
    for coefficient in _COEFFICIENTS:
        series = (series + coefficient) * square
    near = difference * v + n * v * series
    ratio = np.divide(n, expected, out=np.ones_like(n), where=n > 0.0)
    return np.asarray(np.where(np.abs(v) < _NEAR, near, n * log(ratio) - difference))
