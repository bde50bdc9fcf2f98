"""Zeros that are not by chance: how many of a product's events cannot be reported with it."""

import math

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import special

_GREATEST_EXPONENT = 700.0  # of e, near the greatest double


def fit_zero_inflation(
    counts: NDArray[np.int64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Estimate for each product the fraction of events that are zero by structure.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_events, n_products)
        Reports of each pair.
    expected : ndarray of float64, of the same shape
        Reports expected if product and event were independent.

    Returns
    -------
    ndarray of float64, shape (n_products,)
        Fractions in [0, 1); NaN for a product without a report.

    Notes
    -----
    Each cell of a product is a structural zero with probability :math:`\omega`, and else Poisson.
    A cell with a report has its own rate, so that its likelihood leaves :math:`1 - \omega`; a cell
    without has the least rate allowed, which is the expected one [1]_. What is maximised is

    .. math:: \sum_{n_i = 0} \ln(\omega + (1 - \omega) e^{-E_i}) + \#\{n_i > 0\} \ln(1 - \omega).

    It is concave, so that the root of its derivative is the one maximum, and 0 is the maximum if
    the derivative is not positive there: an exact 0, where a search on the logit scale ends
    somewhere near 1e-10. Sums are rounded once, so that the order of the events does not matter.

    References
    ----------
    .. [1] Chakraborty S, Liu A, Ball R, Markatou M (2022). On the use of the likelihood ratio test
       methodology in pharmacovigilance. Statistics in Medicine, 41(27), 5395-5420.

    Examples
    --------
    Of two cells where a report is nearly certain, one is empty.

    >>> fit_zero_inflation(np.array([[0], [30]]), np.array([[15.0], [15.0]])).round(6)
    array([0.5])
    """
    columns = zip(counts.T, expected.T, strict=True)
    return np.array([_fit_one(n, mean) for n, mean in columns], dtype=np.float64)


def _fit_one(n: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    n_reported = int(np.count_nonzero(n))
    if n_reported == 0:
        return math.nan
    empty = expected[(n == 0) & (expected > 0.0)]
    # Odds of some report against none.
    odds = np.asarray(special.expm1(np.minimum(empty, _GREATEST_EXPONENT)), dtype=np.float64)

    def derivative(omega: float) -> float:
        ratios = (odds / (1.0 + omega * odds)).tolist()
        return math.fsum(ratios) - n_reported / (1.0 - omega)

    if derivative(0.0) <= 0.0:
        return 0.0
    greatest = float(empty.size / (empty.size + n_reported))  # the estimate if no zero is by chance
    if derivative(greatest) >= 0.0:
        return greatest
    return float(scipy.optimize.brentq(derivative, 0.0, greatest, xtol=1e-16, rtol=1e-15))
