"""Where the climbs begin, and the coarse data they begin on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, islice, product

import numpy as np
from numpy.typing import NDArray

from detectors.disproportionality.ebgm.climbing import to_transformed
from detectors.disproportionality.ebgm.pairs import Pairs
from detectors.elementary import LN2, log

DUMOUCHEL = (0.2041, 0.05816, 1.415, 1.838, 0.0969)  # where the R package PhViD begins
PER_OCTAVE = 8


def starting_points(n_starts: int) -> list[NDArray[np.float64]]:
    r"""Choose points to climb from; always the same ones.

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
    in this, and climbs seldom pass from one to another.

    Any more fill a box around these evenly, on logarithmic scales: the first component's shape from
    0.1 to 50 and its mean from 1.5 to 50, the second one's from 0.3 to 10 and from 0.3 to 1.5, and
    the weight from 0.0005 to 0.4. Point *i* is :math:`i r^{-k} \bmod 1` of the way along side *k*,
    with *r* the root above 1 of :math:`r^6 = r + 1`.
    """
    corners = [
        _point(alpha1, 20.0, alpha2, 0.7, p)
        for alpha1, alpha2, p in product((1.0, 30.0), (0.3, 3.0), (0.001, 0.1))
    ]
    points = chain([to_transformed(DUMOUCHEL)], reversed(corners), _spread())
    return list(islice(points, n_starts))


def _point(
    alpha1: float, mean1: float, alpha2: float, mean2: float, p: float
) -> NDArray[np.float64]:
    return to_transformed((alpha1, alpha1 / mean1, alpha2, alpha2 / mean2, p))


def _spread() -> Iterator[NDArray[np.float64]]:
    root = 1.1347241384015194
    box = ((0.1, 50.0), (1.5, 50.0), (0.3, 10.0), (0.3, 1.5), (0.0005, 0.4))
    for i in count(1):
        shares = [(i / root**k) % 1.0 for k in range(1, 6)]
        yield _point(*(a * (b / a) ** share for (a, b), share in zip(box, shares, strict=True)))


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
