"""Counts along one axis: days, periods or sources of a pair's reports."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.validation import GREATEST_COUNT, as_counts, refuse_where


def as_rows(name: str, values: ArrayLike, *, least: int = 1) -> NDArray[np.int64]:
    """Convert to counts whose last axis holds one pair's reports.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like of whole numbers
        Counts.
    least : int, default: 1
        Fewest elements of the last axis.

    Returns
    -------
    ndarray of int64, of the shape of `values`
        A copy.

    Raises
    ------
    ValueError
        If a value is no count, the last axis is shorter than `least`, or its sum is above 2**53.
    """
    counts = as_counts(name, values)
    if counts.ndim == 0 or counts.shape[-1] < least:
        rule = f"its last axis must have {least} or more"
        raise ValueError(f"{name} has shape {counts.shape}: {rule}")
    total = np.asarray(counts.astype(np.float64).sum(axis=-1))
    refuse_where(total > GREATEST_COUNT, f"the sum of {name}", total, "must be at most 2**53")
    return counts


def as_weights(name: str, values: ArrayLike, n_elements: int) -> NDArray[np.int64]:
    """Convert to one row of counts that stand for shares.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like of whole numbers, shape (n_elements,)
        Counts, not all zero.
    n_elements : int
        Days, periods or sources.

    Returns
    -------
    ndarray of int64, shape (n_elements,)
        A copy.

    Raises
    ------
    ValueError
        If a value is no count, the shape differs, or all are zero.
    """
    weights = as_rows(name, values)
    if weights.shape != (n_elements,):
        raise ValueError(f"{name} has shape {weights.shape}: must be ({n_elements},)")
    if not weights.any():
        raise ValueError(f"{name} is all zero: must have a positive element")
    return weights


def refuse_without_weight(
    name: str, counts: NDArray[np.int64], weights_name: str, weights: NDArray[np.int64]
) -> None:
    """Raise for the first count that stands where nothing can.

    Parameters
    ----------
    name, weights_name : str
        The arguments, as their caller knows them.
    counts : ndarray of int64, shape (..., n_elements)
        Counts of pairs.
    weights : ndarray of int64, shape (n_elements,)
        Counts that stand for shares.

    Raises
    ------
    ValueError
        If a count is positive where the weight is 0.
    """
    refuse_where((counts > 0) & (weights == 0), name, counts, f"must be 0 where {weights_name} is")


def places(where: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """List the indices at which something holds, also for a single element without axes.

    Parameters
    ----------
    where : ndarray of bool
        What holds, and where.

    Returns
    -------
    list of tuple of int
        An index for each element that is True.
    """
    return [tuple(place) for place in np.argwhere(where).tolist()]


def require_work(value: int) -> None:
    """Raise unless a limit of work is one.

    Parameters
    ----------
    value : int
        Additions allowed.

    Raises
    ------
    ValueError
        If `value` is negative or NaN.
    """
    if not value >= 0:
        raise ValueError(f"most_work is {value}: must not be negative")
