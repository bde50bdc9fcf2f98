"""Likelihood of a normal bias, followed along its variance.

For a given variance the best mean is a weighted mean. So the likelihood is a function of one
number, and is searched over the whole range in which a maximum can lie.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray

N_GRID = 400  # points at which the sign of the slope is looked up


class Likelihood:
    """The likelihood of negative controls, given the variance of the bias, and the mean if given.

    NumPy's logarithm serves for heights, which are compared; the maximum is where a slope of sums
    and quotients is zero, and has the same bits everywhere.

    Parameters
    ----------
    y, s : ndarray of float64, shape (n_controls,)
        Estimates and standard errors, checked.
    """

    def __init__(self, y: NDArray[np.float64], s: NDArray[np.float64]) -> None:
        order = np.lexsort((s, y))  # else sums would depend on the order of the controls
        self._y, self._squares = y[order], s[order] * s[order]

    def best_mean(self, variance: float) -> float:
        """Average the controls, weighted by their precision.

        Parameters
        ----------
        variance : float
            Variance of the bias, not negative.

        Returns
        -------
        float
            The mean at which the likelihood is highest.
        """
        w = self._weights(variance)
        return float((w * self._y).sum() / w.sum())

    def standard_error(self, variance: float) -> float:
        """Compute how well the mean would be known if the variance were.

        Parameters
        ----------
        variance : float
            Variance of the bias, not negative.

        Returns
        -------
        float
            Standard error of the mean.
        """
        return math.sqrt(1 / self._weights(variance).sum())

    def height(self, variance: float, mean: float | None = None) -> float:
        """Compute the log-likelihood.

        Parameters
        ----------
        variance : float
            Variance of the bias, not negative.
        mean : float, optional
            Mean of the bias; the best for this variance if not given.

        Returns
        -------
        float
            Its natural logarithm.
        """
        w = self._weights(variance)
        rest = self._y - (self.best_mean(variance) if mean is None else mean)
        return float((np.log(w / (2 * math.pi)) - w * rest * rest).sum() / 2)

    def highest(self, mean: float | None = None) -> tuple[float, int]:
        """Find the highest maximum.

        Parameters
        ----------
        mean : float, optional
            Mean of the bias; the best for each variance if not given.

        Returns
        -------
        tuple of float and int
            Variance of the bias there, and how many local maxima were found.
        """
        reached = self._y if mean is None else np.append(self._y, mean)
        greatest = 1.01 * float(np.ptp(reached)) ** 2  # the slope is negative from the square on
        least = 1e-6 * float(self._squares.min())
        if greatest <= least:  # chance explains far more: the slope is negative everywhere
            return 0.0, 1
        grid = np.append(0.0, np.geomspace(least, greatest, N_GRID))
        is_rising = self._slopes(grid, mean) > 0
        tops = [] if is_rising[0] else [0.0]
        slope = partial(self._slope, mean=mean)
        turns = np.flatnonzero(is_rising[:-1] & ~is_rising[1:])
        tops += [zero(slope, float(grid[i]), float(grid[i + 1])) for i in turns]
        return max(tops, key=lambda variance: self.height(variance, mean)), len(tops)

    def gradient_norm(self, variance: float) -> float:
        """Compute the greatest slope at the best mean.

        Parameters
        ----------
        variance : float
            Variance of the bias, not negative.

        Returns
        -------
        float
            The greater of the slopes along the mean, in its standard errors, and along the
            logarithm of the spread.
        """
        w = self._weights(variance)
        along_mean = float((w * (self._y - self.best_mean(variance))).sum()) / math.sqrt(w.sum())
        return max(abs(along_mean), abs(2 * variance * self._slope(variance)))

    def _weights(self, variance: float) -> NDArray[np.float64]:
        return np.asarray(1 / (variance + self._squares))

    def _slope(self, variance: float, mean: float | None = None) -> float:
        return self._slopes(np.array([variance]), mean).item()

    def _slopes(
        self, variances: NDArray[np.float64], mean: float | None = None
    ) -> NDArray[np.float64]:
        w = 1 / (variances[:, np.newaxis] + self._squares)
        if mean is None:
            rest = self._y - ((w * self._y).sum(axis=1) / w.sum(axis=1))[:, np.newaxis]
        else:
            rest = self._y - mean
        return np.asarray((w * (w * rest * rest - 1)).sum(axis=1) / 2)


def maximum(y: NDArray[np.float64], s: NDArray[np.float64]) -> tuple[float, float]:
    """Find mean and spread of the highest likelihood, without evidence.

    Parameters
    ----------
    y, s : ndarray of float64, shape (n_controls,)
        Estimates and standard errors, checked.

    Returns
    -------
    tuple of two float
        Mean and spread.
    """
    likelihood = Likelihood(y, s)
    variance, _ = likelihood.highest()
    return likelihood.best_mean(variance), math.sqrt(variance)


def crossing(function: Callable[[float], float], step: float) -> float:
    """Find how far out a function that is positive at 0 becomes negative.

    Parameters
    ----------
    function : callable, float to float
        Positive at 0, negative far out.
    step : float
        Where to look first.

    Returns
    -------
    float
        Its first zero that doubled steps bracket.
    """
    near, far = 0.0, step
    while function(far) > 0:
        near, far = far, 2 * far
    return zero(function, near, far)


def zero(function: Callable[[float], float], low: float, high: float) -> float:
    """Find a zero to the last bits.

    Parameters
    ----------
    function : callable, float to float
        Of opposite signs at the two ends.
    low, high : float
        The ends.

    Returns
    -------
    float
        The zero.
    """
    return float(scipy.optimize.brentq(function, low, high, xtol=1e-300, rtol=8.9e-16, maxiter=500))
