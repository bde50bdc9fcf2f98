"""Area under the receiver operating characteristic, with DeLong's interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Z = float(special.ndtri(0.975))


class Area(NamedTuple):
    """The chance that a positive control scores above a negative one, ties counting a half.

    The limits are Wald's at 95 %, cut at 0 and 1.
    """

    value: float
    lower: float
    upper: float
    n_positive: int
    n_negative: int


class Placements(NamedTuple):
    """For each control the share of the other kind that it is on the right side of."""

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]


def placements(score: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> Placements:
    """Compare every positive with every negative control; NaN ranks below all else."""
    _, rank = np.unique(np.where(np.isnan(score), -np.inf, score), return_inverse=True)
    side = (1 + np.sign(rank[is_positive][:, np.newaxis] - rank[~is_positive])) / 2
    return Placements(side.mean(axis=1), side.mean(axis=0))


def area(score: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> Area:
    """Compute the area and its interval (DeLong, DeLong and Clarke-Pearson 1988)."""
    return _summary(placements(score, is_positive))


def gain(
    score: NDArray[np.float64], other: NDArray[np.float64], is_positive: NDArray[np.bool_]
) -> Area:
    """Compute by how much the area of `other` is greater on the same controls, with interval."""
    before, after = (placements(each, is_positive) for each in (score, other))
    differences = (b - a for a, b in zip(before, after, strict=True))
    return _summary(Placements(*differences), least=-1.0)


def _summary(found: Placements, least: float = 0.0) -> Area:
    sizes = [part.size for part in found]
    if min(sizes) < 2:  # noqa: PLR2004 - a variance needs two
        return Area(math.nan, math.nan, math.nan, *sizes)
    value = float(found.positive.mean())
    half = Z * math.sqrt(sum(float(part.var(ddof=1)) / part.size for part in found))
    return Area(value, max(least, value - half), min(1.0, value + half), *sizes)
