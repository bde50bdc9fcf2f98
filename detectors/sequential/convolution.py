"""Sums of independent counts, in products and sums of a fixed order.

A library's convolution adds up as suits the processor; here every processor gives the same bits.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def convolved(
    one: NDArray[np.float64], other: NDArray[np.float64], room: int
) -> NDArray[np.float64]:
    """Compute the distribution of a sum of two counts, up to a count.

    Parameters
    ----------
    one : ndarray, shape (n,), n at most `room`
        Chances of 0, 1, ... of the first.
    other : ndarray, shape (room,)
        Chances of 0, 1, ... of the second.
    room : int
        How many counts of the sum, from 0 on.

    Returns
    -------
    ndarray, shape (room,)
        Chances of the sum.

    Examples
    --------
    >>> convolved(np.array([0.5, 0.5]), np.array([0.5, 0.5, 0.0]), 3)
    array([0.25, 0.5 , 0.25])
    """
    padded = np.concatenate([np.zeros(one.size - 1), other])
    shifted = sliding_window_view(padded, room)[::-1]  # row i: `other`, i places to the right
    product: NDArray[np.float64] = one[:, None] * shifted
    return np.asarray(product.sum(axis=0), dtype=np.float64)  # adds whole rows, one by one


def poisson_masses(mean: float, room: int) -> NDArray[np.float64]:
    """Compute the Poisson distribution, up to a count.

    Parameters
    ----------
    mean : float
        Mean, from 0 to 700: beyond, the chance of no event underflows.
    room : int
        How many counts, from 0 on.

    Returns
    -------
    ndarray, shape (room,)
        Chances of 0, 1, ... events.

    Examples
    --------
    >>> poisson_masses(1.0, 3).round(4)
    array([0.3679, 0.3679, 0.1839])
    """
    return multiplied(math.exp(-mean), mean / np.arange(1, room))


def multiplied(first: float, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply out a series from the ratios of its neighbours.

    Parameters
    ----------
    first : float
        First term.
    factors : ndarray, shape (n,)
        Each further term over the one before.

    Returns
    -------
    ndarray, shape (n + 1,)
        The terms.

    Examples
    --------
    >>> multiplied(1.0, np.array([0.5, 0.5]))
    array([1.  , 0.5 , 0.25])
    """
    return np.asarray(np.multiply.accumulate(np.concatenate([[first], factors])))
