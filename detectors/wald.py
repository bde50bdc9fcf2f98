"""Limits of a ratio that is normal on the log scale."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp, log
from detectors.estimate import Estimate, where_defined
from detectors.validation import require_between


def two_sided_z(confidence_level: float) -> float:
    """Compute how many standard errors an interval reaches to either side.

    Parameters
    ----------
    confidence_level : float
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    float
        Quantile of the standard normal distribution.

    Examples
    --------
    >>> two_sided_z(0.95)
    1.959963984540054
    """
    return float(special.ndtri(0.5 + confidence_level / 2))


def log_lower_limit(
    point: NDArray[np.float64], variance: NDArray[np.float64], *, confidence_level: float
) -> NDArray[np.float64]:
    """Compute the logarithm of the lower Wald limit.

    Parameters
    ----------
    point : ndarray of float64
        Ratios.
    variance : ndarray of float64, of the same shape
        Variance of the logarithm of each.
    confidence_level : float
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    ndarray of float64, of the same shape
        Natural logarithms, to be compared with that of a threshold.
    """
    return np.asarray(log(point) - two_sided_z(confidence_level) * np.sqrt(variance))


def ratio_estimate(
    point: NDArray[np.float64],
    variance: NDArray[np.float64],
    state: NDArray[np.str_],
    *,
    confidence_level: float,
) -> Estimate:
    """Put a Wald interval, symmetric on the log scale, around ratios.

    Parameters
    ----------
    point : ndarray of float64
        Ratios.
    variance : ndarray of float64, of the same shape
        Variance of the logarithm of each.
    state : ndarray of str, of the same shape
        Where the ratio exists, and why not elsewhere.
    confidence_level : float
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        The ratios with their limits.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range.
    """
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    z = two_sided_z(confidence_level)
    factor = exp(z * np.sqrt(where_defined(variance, state)))
    point = where_defined(point, state)
    return Estimate(point=point, lower=point / factor, upper=point * factor, state=state)
