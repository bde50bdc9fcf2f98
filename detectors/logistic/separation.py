"""Whether the logistic likelihood has a maximum, and for which coefficients.

If some combination of products tells the event without exception on some reports, the likelihood
rises for ever along it. Those reports are then fitted perfectly in the limit, and the others alone
decide the coefficients that stay finite.
"""

from typing import Any, cast

import numpy as np
import scipy  # its parts are loaded when they are used
from numpy.typing import NDArray
from scipy import linalg, sparse

from detectors.logistic.patterns import Patterns

_NOTHING = 1e-8  # of a unit vector: designs of zeros and ones are far from it, or at it


def overlapping(patterns: Patterns) -> NDArray[np.bool_]:
    """Find the patterns that no combination of columns tells without exception.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.

    Returns
    -------
    ndarray of bool, shape (n_patterns,)
        Where the fitted probability of the likelihood's supremum lies between 0 and 1.

    Raises
    ------
    ArithmeticError
        If the linear programme is not solved.

    Notes
    -----
    Maximises the sum of margins, each between 0 and 1, such that the predictor of every pattern is
    at least its margin on the side of its events, and 0 for a pattern with and without. As the
    directions form a cone, every pattern that can have a margin gets 1 in one solution [1]_.

    References
    ----------
    .. [1] Konis K (2007). Linear programming algorithms for detecting separated data in binary
       logistic regression models. DPhil thesis, University of Oxford.
    """
    matrix = sparse.csr_array(patterns.matrix)
    n_patterns, n_columns = matrix.shape
    side = np.sign(2 * patterns.n_events - patterns.n_reports)
    is_mixed = (patterns.n_events > 0) & (patterns.n_events < patterns.n_reports)
    pure = np.flatnonzero(~is_mixed)
    if not pure.size:
        return is_mixed
    margin = sparse.csr_array(
        (np.ones(pure.size), (np.arange(pure.size), np.arange(pure.size))),
        shape=(pure.size, pure.size),
    )
    signed = sparse.csr_array(matrix[pure].multiply(-side[pure][:, np.newaxis]))
    mixed = sparse.csr_array(matrix[np.flatnonzero(is_mixed)])
    none = sparse.csr_array((mixed.shape[0], pure.size))
    signed_and_margin, mixed_and_none = (
        cast("Any", sparse.hstack(blocks))  # the stubs know dense matrices only
        for blocks in ([signed, margin], [mixed, none])
    )
    found = scipy.optimize.linprog(
        c=np.concatenate([np.zeros(n_columns), -np.ones(pure.size)]),
        A_ub=signed_and_margin,
        b_ub=np.zeros(pure.size),
        A_eq=mixed_and_none,
        b_eq=np.zeros(mixed.shape[0]),
        bounds=[(None, None)] * n_columns + [(0.0, 1.0)] * pure.size,
        method="highs",
    )
    if found.x is None:
        raise ArithmeticError(f"the linear programme for separation failed: {found.message}")
    is_told = np.zeros(n_patterns, dtype=bool)
    is_told[pure] = found.x[n_columns:] > 0.5  # noqa: PLR2004 - every margin is 0 or 1
    return ~is_told


def identified(patterns: Patterns) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Find the coefficients that the columns determine, and columns that determine all.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.

    Returns
    -------
    tuple of ndarray
        For each column whether it is no combination of the others; and places of columns, sorted,
        that are independent and span them all.
    """
    n_columns = patterns.matrix.shape[1]
    if not patterns.n_reports.size:
        return np.zeros(n_columns, dtype=bool), np.array([], dtype=np.intp)
    # Only decisions are taken from LAPACK, never digits.
    triangle, order = linalg.qr(patterns.matrix.toarray(), mode="r", pivoting=True)
    size = np.abs(triangle.diagonal())
    rank = int(np.count_nonzero(size > _NOTHING * size.max()))
    _, _, rows = linalg.svd(triangle[:rank], full_matrices=True)
    null = np.zeros((n_columns, n_columns - rank))
    null[order] = rows[rank:].T
    return np.abs(null).max(axis=1, initial=0.0) < _NOTHING, np.sort(order[:rank])


def part_of(patterns: Patterns, *, where: NDArray[np.bool_], columns: NDArray[np.intp]) -> Patterns:
    """Keep some patterns and columns.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.
    where : ndarray of bool, shape (n_patterns,)
        Patterns to keep.
    columns : ndarray of intp
        Columns to keep.

    Returns
    -------
    Patterns
        What is left.
    """
    matrix = sparse.csr_array(patterns.matrix)[np.flatnonzero(where)]
    return Patterns(
        matrix=sparse.csc_array(sparse.csc_array(matrix)[:, columns]),
        n_covariates=int(np.count_nonzero(columns < patterns.n_covariates)),
        n_reports=patterns.n_reports[where],
        n_events=patterns.n_events[where],
    )
