"""Chance that a normal score crosses a boundary first at each of several looks.

The score that has not crossed is carried from look to look as its density at Gauss-Legendre nodes;
the information between two looks adds an independent normal increment.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp

REACH = 9.0  # standard deviations: beyond lies less than 1e-18
PANEL = 1.5  # width of a panel in standard deviations of the smaller increment beside it
NODES, WEIGHTS = special.roots_legendre(14)  # on each panel; 28 move no boundary by 1e-10
AT_ONCE = 4  # panels: more reach further back, fewer are more calls


@dataclass(frozen=True, eq=False)
class Density:
    """Scores that have not crossed.

    Attributes
    ----------
    information : float
        Information to date; the score has this variance.
    at : ndarray of float64, shape (n_nodes,)
        Scores, rising.
    mass : ndarray of float64, shape (n_nodes,)
        Density there, times the weight of the node.
    """

    information: float
    at: NDArray[np.float64]
    mass: NDArray[np.float64]


START = Density(information=0.0, at=np.zeros(1), mass=np.ones(1))


def chance_above(density: Density, information: float, limit: float, *, drift: float) -> float:
    """Compute the chance not to have crossed before, and to lie above a limit at a look.

    Parameters
    ----------
    density : Density
        Scores that have not crossed.
    information : float
        Information at the look, more than before.
    limit : float
        Limit of the score.
    drift : float
        Mean of the score per unit of information.

    Returns
    -------
    float
        Its probability.

    Examples
    --------
    >>> round(chance_above(START, 1.0, 1.959964, drift=0.0), 6)
    0.025
    """
    step = information - density.information
    beyond = special.ndtr((density.at + drift * step - limit) / math.sqrt(step))
    return math.fsum((density.mass * beyond).tolist())


def advanced(
    density: Density, information: float, *, low: float, high: float, drift: float, finest: float
) -> Density:
    """Carry the density to a look, and keep what lies between two limits.

    Parameters
    ----------
    density : Density
        Scores that have not crossed.
    information : float
        Information at the look, more than before.
    low, high : float
        Limits of the score; what lies more than 9 standard deviations off is left out.
    drift : float
        Mean of the score per unit of information.
    finest : float
        The smaller of the increments of information before and after the look.

    Returns
    -------
    Density
        Scores that have still not crossed.
    """
    step = information - density.information
    spread = REACH * math.sqrt(information)
    low, high = (min(max(x, drift * information - spread), drift * information + spread)
                 for x in (low, high))  # fmt: skip
    n_panels = max(1, math.ceil((high - low) / (PANEL * math.sqrt(finest))))
    half = (high - low) / n_panels / 2
    middles = low + half * (2 * np.arange(n_panels) + 1)
    at = (middles[:, None] + half * NODES).ravel()
    weights = np.tile(half * WEIGHTS, n_panels)
    size = AT_ONCE * len(NODES)
    carried = [
        _carried(density, at[start : start + size], step, drift)
        for start in range(0, len(at), size)
    ]
    return Density(information=information, at=at, mass=np.concatenate(carried) * weights)


def _carried(
    density: Density, at: NDArray[np.float64], step: float, drift: float
) -> NDArray[np.float64]:
    """Density at some scores; what comes from more than 9 standard deviations off is left out."""
    sd, shift = math.sqrt(step), drift * step
    first = int(np.searchsorted(density.at, at[0] - shift - REACH * sd))
    last = int(np.searchsorted(density.at, at[-1] - shift + REACH * sd))
    off = (at[None, :] - shift - density.at[first:last, None]) / sd
    kernel = exp(-off * off / 2) / (sd * math.sqrt(2 * math.pi))
    product: NDArray[np.float64] = density.mass[first:last, None] * kernel
    return np.asarray(product.sum(axis=0), dtype=np.float64)  # adds whole rows, one by one
