"""Where the climbs begin, and the coarse data they begin on."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from detectors.disproportionality.ebgm.climbing import to_transformed
from detectors.disproportionality.ebgm.pairs import Pairs
from detectors.elementary import LN2, log

DUMOUCHEL = (0.2041, 0.05816, 1.415, 1.838, 0.0969)  # where the R package PhViD begins
PER_OCTAVE = 8


def starting_points(n_starts: int) -> list[NDArray[np.float64]]:
    """Choose points to climb from; always the same ones.

    Parameters
    ----------
    n_starts : int
        How many.

    Returns
    -------
    list of ndarray of float64, shape (5,)
        Transformed parameters.

    Notes
    -----
    First those of DuMouchel. Then the eight ways of a first component with few pairs or many,
    narrow or broad, above a second one that is narrow or broad: the optima met on real data differ
    in this, and climbs seldom pass from one to another. Any more fill a box around these evenly.
    """
    corners = [
        _point(alpha1, 20.0, alpha2, 0.7, p)
        for alpha1, alpha2, p in product((1.0, 30.0), (0.3, 3.0), (0.001, 0.1))
    ]
    points = [to_transformed(DUMOUCHEL), *reversed(corners), *_spread(n_starts)]
    return points[:n_starts]


def _point(
    alpha1: float, mean1: float, alpha2: float, mean2: float, p: float
) -> NDArray[np.float64]:
    return to_transformed((alpha1, alpha1 / mean1, alpha2, alpha2 / mean2, p))


def _spread(n_points: int) -> list[NDArray[np.float64]]:
    # An additive recurrence with the powers of the root of x^6 = x + 1 fills the box evenly.
    root = 1.1347241384015194
    low, high = (0.1, 1.5, 0.3, 0.3, 0.0005), (50.0, 50.0, 10.0, 1.5, 0.4)
    points = []
    for i in range(1, n_points + 1):
        shares = [(i / root**k) % 1.0 for k in range(1, 6)]
        values = [a * (b / a) ** share for a, b, share in zip(low, high, shares, strict=True)]
        points.append(_point(*values))
    return points


def explored(pairs: Pairs) -> Pairs:
    """Put pairs of one count and near expectations together, for a first look at the likelihood.

    Parameters
    ----------
    pairs : Pairs
        Weighted pairs.

    Returns
    -------
    Pairs
        Fewer: at most 8 an octave of the expectation for each count.
    """
    octave = np.floor(log(pairs.expected) * (PER_OCTAVE / LN2))
    is_new = np.concatenate([[True], (np.diff(octave) != 0) | (np.diff(pairs.n) != 0)])
    first = np.flatnonzero(is_new)
    weights = np.add.reduceat(pairs.weights, first)
    mean = np.add.reduceat(pairs.weights * pairs.expected, first) / weights
    counts, lengths = np.unique(pairs.n[first], return_counts=True)
    return Pairs(pairs.n[first], mean, weights, counts, lengths)
