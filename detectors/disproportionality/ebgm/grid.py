"""Quantiles at fixed expectations, from which those in between start.

The grid is the same for every array: which of its points are computed depends on the pairs that are
scored, but not what they hold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.disproportionality.ebgm.posterior import Counts, of_pairs
from detectors.disproportionality.ebgm.prior import Prior
from detectors.disproportionality.ebgm.quantile import Tail, problem_of, solve
from detectors.elementary import LN2, exp, log

GREATEST_COUNT = 16  # larger counts have too few pairs for a grid to pay
PER_OCTAVE = 16
OCTAVES = 40  # expectations of 2**-40 to 2**40
STEP = LN2 / PER_OCTAVE
SIZE = 2 * OCTAVES * PER_OCTAVE


def places_of(
    n: NDArray[np.int64], expected: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find where pairs lie in the grid.

    Parameters
    ----------
    n : ndarray of int64, shape (n_pairs,)
        Reports observed.
    expected : ndarray of float64, shape (n_pairs,)
        Reports expected.

    Returns
    -------
    tuple of ndarray of int and ndarray of float64, shape (n_pairs,)
        The second of the four grid points around each pair, or -1 where the pair is outside; and
        how far it is beyond that point, from 0 to 1.
    """
    position = log(np.maximum(expected, 1e-300)) / STEP + OCTAVES * PER_OCTAVE
    cell = np.floor(position)
    is_outside = (n > GREATEST_COUNT) | (cell < 1) | (cell > SIZE - 3)
    return np.where(is_outside, -1, cell).astype(np.intp), position - cell


def empty(n: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Make the table of which grid points are next to a pair.

    Parameters
    ----------
    n : ndarray of int64, shape (n_counts,)
        Distinct counts, ascending.

    Returns
    -------
    ndarray of bool, shape (n_small, SIZE)
        False throughout; a row for each count that the grid serves, and at least one.
    """
    n_small = int((n <= GREATEST_COUNT).sum())
    return np.zeros((max(n_small, 1), SIZE), dtype=np.bool_)


def mark(is_used: NDArray[np.bool_], which: NDArray[np.intp], cell: NDArray[np.intp]) -> None:
    """Mark the grid points below pairs, in place.

    Parameters
    ----------
    is_used : ndarray of bool, shape (n_small, SIZE)
        From `empty`.
    which : ndarray of int, shape (n_pairs,)
        Index of each pair's count.
    cell : ndarray of int, shape (n_pairs,)
        From `places_of`.
    """
    is_inside = cell >= 0
    is_used[which[is_inside], cell[is_inside]] = True


def filled(
    counts: Counts, tail: Tail, prior: Prior, is_used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Compute the logarithms of quantiles at the grid points around pairs.

    Parameters
    ----------
    counts : Counts
        Of distinct counts.
    tail : Tail
        Which quantile.
    prior : Prior
        The prior.
    is_used : ndarray of bool, shape (n_small, SIZE)
        Which points have a pair next above.

    Returns
    -------
    ndarray of float64, shape (n_small, SIZE)
        Natural logarithms; NaN where no pair is near.
    """
    is_needed = np.zeros_like(is_used)
    for shift in (-1, 0, 1, 2):
        is_needed |= np.roll(is_used, shift, axis=1)  # no pair is so near an end as to go round
    which, cell = np.nonzero(is_needed)
    expected = exp((cell - OCTAVES * PER_OCTAVE).astype(np.float64) * STEP)
    posterior = of_pairs(
        counts.n[which].astype(np.float64), expected, counts.log_odds[which], prior
    )
    table = np.full(is_needed.shape, np.nan)
    table[which, cell] = solve(problem_of(posterior, counts, tail, which), tail)
    return table


def interpolated(
    table: NDArray[np.float64],
    which: NDArray[np.intp],
    cell: NDArray[np.intp],
    beyond: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Draw a cubic through four grid points.

    Parameters
    ----------
    table : ndarray of float64, shape (n_small, SIZE)
        From `filled`.
    which, cell : ndarray of int, shape (n_pairs,)
        Where the pairs lie.
    beyond : ndarray of float64, shape (n_pairs,)
        How far beyond.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        The cubic at each pair; NaN outside the grid.
    """
    flat, at = table.ravel(), np.where(cell < 0, 1, which * SIZE + cell)
    before, here, after, last = (flat[at + shift] for shift in (-1, 0, 1, 2))
    u, v, w = beyond, beyond + 1.0, beyond - 1.0
    outer = (last * v - before * (beyond - 2.0)) * u * w / 6.0
    inner = (here * w - after * u) * v * (beyond - 2.0) / 2.0
    return np.where(cell < 0, np.nan, outer + inner)
