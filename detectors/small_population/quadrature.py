"""Nodes and weights of the integrals, with the same bits on every processor."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

_NEWTON_STEPS = 8  # from the first guess to the last bit in five, for every number of nodes used


@lru_cache(maxsize=8)
def gauss_legendre(n_nodes: int) -> tuple[tuple[float, float], ...]:
    """Compute the nodes of Gauss and Legendre on (-1, 1).

    Parameters
    ----------
    n_nodes : int
        Number of nodes, from 1 to 200.

    Returns
    -------
    tuple of (float, float)
        Nodes in rising order, each with its weight.

    Notes
    -----
    Newton's method on the three-term recurrence. NumPy's nodes come from an eigenvalue routine,
    which has other last bits on another processor.

    Examples
    --------
    >>> [(round(node, 6), round(weight, 6)) for node, weight in gauss_legendre(2)]
    [(-0.57735, 1.0), (0.57735, 1.0)]
    """
    return tuple(_node(n_nodes, i) for i in range(n_nodes, 0, -1))


def _node(n: int, i: int) -> tuple[float, float]:
    x = math.cos(math.pi * (i - 0.25) / (n + 0.5))
    slope = 1.0
    for _ in range(_NEWTON_STEPS):
        before, value = 1.0, x
        for k in range(2, n + 1):
            before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
        slope = n * (x * value - before) / (x * x - 1.0)
        x -= value / slope
    return x, 2.0 / ((1.0 - x * x) * slope * slope)


def smoothed_step(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Weigh lattice points so that their sum is the integral above 0.

    Parameters
    ----------
    distance : ndarray of float64
        Place of each point relative to where the integral begins, in lattice steps.

    Returns
    -------
    ndarray of float64, of the same shape
        Weights, near 0 far below and near 1 far above.

    Notes
    -----
    :math:`1/2 + \mathrm{Si}(\pi x) / \pi`, the integral of the cardinal series [1]_: exact to
    rounding for a function that the lattice resolves, where a cut at 0 would err by a lattice step.

    References
    ----------
    .. [1] Stenger F (1993). Numerical methods based on sinc and analytic functions. Springer, New
       York.

    Examples
    --------
    >>> smoothed_step(np.array([-1e9, 0.0, 1e9])).round(6)
    array([0. , 0.5, 1. ])
    """
    return np.asarray(0.5 + special.sici(np.pi * distance)[0] / np.pi, dtype=np.float64)
