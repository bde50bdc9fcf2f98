"""Weighted pairs of a count and an expectation, equal ones put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.validation import GREATEST_COUNT, as_counts, as_reals, refuse_where

LEAST_EXPECTED = 1e-100  # below it the product with a small shape leaves the normal doubles


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct pairs in the order of their count and expectation.

    The order makes every sum over them independent of the order of the rows they came from, and
    lets what depends on the count alone be computed once a count.

    Attributes
    ----------
    n : ndarray of int64, shape (n_points,)
        Reports observed, ascending.
    expected : ndarray of float64, shape (n_points,)
        Reports expected, ascending for equal counts.
    weights : ndarray of float64, shape (n_points,)
        How many pairs each point stands for; whole numbers.
    counts : ndarray of int64, shape (n_counts,)
        The distinct values of `n`.
    lengths : ndarray of int64, shape (n_counts,)
        How many points have each.
    """

    n: NDArray[np.int64]
    expected: NDArray[np.float64]
    weights: NDArray[np.float64]
    counts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def total(self) -> float:
        """Count the pairs.

        Returns
        -------
        float
            Sum of the weights.
        """
        return float(self.weights.sum())

    def spread(self, per_count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give every point what belongs to its count.

        Parameters
        ----------
        per_count : ndarray of float64, shape (n_counts,)
            A number for each of `counts`.

        Returns
        -------
        ndarray of float64, shape (n_points,)
            That number at each point.
        """
        return np.repeat(per_count, self.lengths)


def checked(
    n: ArrayLike, expected: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Check counts, expectations and weights that a likelihood is to be computed from.

    Parameters
    ----------
    n : array_like of whole numbers
        Reports observed.
    expected : array_like
        Reports expected, known and positive.
    weights : array_like of whole numbers or None
        How many pairs each stands for, at least 1; None for 1 each.

    Returns
    -------
    tuple of three ndarray, shape (n_pairs,)
        The three, flat.

    Raises
    ------
    ValueError
        If a value is out of range, the shapes differ, or there is nothing.
    """
    counts, real = as_counts("n", n), as_reals("expected", expected)
    given = np.ones(counts.shape, dtype=np.int64) if weights is None else weights
    mass = as_counts("weights", given)
    for name, values in (("expected", real), ("weights", mass)):
        if values.shape != counts.shape:
            rule = f"must have that of n, {counts.shape}"
            raise ValueError(f"{name} has shape {values.shape}: {rule}")
    if counts.size == 0:
        raise ValueError("n is empty: a fit needs pairs")
    refuse_where(np.isnan(real), "expected", real, "must be known")
    refuse_where(real < LEAST_EXPECTED, "expected", real, f"must be at least {LEAST_EXPECTED}")
    refuse_where(mass < 1, "weights", mass, "must be at least 1")
    if mass.astype(np.float64).sum() > GREATEST_COUNT:
        raise ValueError("weights sum to more than 2**53: must stand for at most that many pairs")
    return counts.ravel(), real.ravel(), mass.ravel()


def collapse(
    n: NDArray[np.int64], expected: NDArray[np.float64], weights: NDArray[np.int64]
) -> Pairs:
    """Put equal pairs together.

    Parameters
    ----------
    n : ndarray of int64, shape (n_pairs,)
        Reports observed; not empty.
    expected : ndarray of float64, shape (n_pairs,)
        Reports expected.
    weights : ndarray of int64, shape (n_pairs,)
        How many pairs each stands for.

    Returns
    -------
    Pairs
        The distinct ones with the sums of their weights, which are exact.
    """
    order = np.lexsort((expected, n))
    n, expected, weights = n[order], expected[order], weights[order]
    is_new = np.concatenate([[True], (n[1:] != n[:-1]) | (expected[1:] != expected[:-1])])
    first = np.flatnonzero(is_new)
    n, expected = n[first], expected[first]
    counts, lengths = np.unique(n, return_counts=True)
    mass = np.add.reduceat(weights, first).astype(np.float64)
    return Pairs(n, expected, mass, counts, lengths)
