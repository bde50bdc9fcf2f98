"""Logarithm and exponential with the same bits wherever an element stands.

NumPy chooses its `log` and `exp` by the vector instructions of the processor, and uses others for
an array that runs backwards; the last bit then differs. The scalar functions of SciPy do not vary.
Sums, products, quotients and square roots are correctly rounded everywhere and need no care.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

LN2 = math.log(2.0)


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the natural logarithm.

    Parameters
    ----------
    x : ndarray of float64
        Positive numbers.

    Returns
    -------
    ndarray of float64, of the shape of `x`
        Natural logarithm of each.
    """
    return np.asarray(special.xlogy(1.0, x), dtype=np.float64)


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the exponential.

    Parameters
    ----------
    x : ndarray of float64
        Any numbers.

    Returns
    -------
    ndarray of float64, of the shape of `x`
        *e* to the power of each.
    """
    return np.asarray(special.inv_boxcox(x, 0.0), dtype=np.float64)  # lambda = 0 is the exponential


def log_sum(logs: NDArray[np.float64], *, parts: int = 1) -> float:
    """Compute the logarithm of a sum from the logarithms of its terms.

    Parameters
    ----------
    logs : ndarray of float64
        Logarithms, at most one dimension; minus infinity is nothing.
    parts : int, default: 1
        The sum is divided by so many: for a mean, the size of `logs`.

    Returns
    -------
    float
        Natural logarithm; minus infinity of nothing.

    Examples
    --------
    >>> log_sum(np.array([-1000.0, -1000.0])), log_sum(np.array([-1000.0, -1000.0]), parts=2)
    (-999.3068528194401, -1000.0)
    """
    greatest = float(logs.max(initial=-math.inf))
    if greatest == -math.inf:
        return greatest
    return greatest + math.log(math.fsum(exp(logs - greatest).tolist()) / parts)
