"""Reports that are alike, counted: the likelihood of all reports from far fewer rows.

Two reports with the same products and strata have the same probability of the event, so the
likelihood needs only how many there are and how many of them have it. Patterns are sorted by what
they hold. So no result depends on the order of the reports, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from detectors.logistic.reports import as_flags, as_incidence
from detectors.validation import require_one_index

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Patterns:
    """Distinct sets of products and strata, with their counts.

    Attributes
    ----------
    matrix : scipy.sparse.csc_array of float64, shape (n_patterns, n_covariates + n_products)
        A column of ones, an indicator for every level of a stratum but its first, and the
        products; indices sorted.
    n_covariates : int
        How many columns stand before the products.
    n_reports, n_events : ndarray of float64, shape (n_patterns,)
        Reports of each pattern, and those of them that have the event.
    """

    matrix: sparse.csc_array
    n_covariates: int
    n_reports: NDArray[np.float64]
    n_events: NDArray[np.float64]


def collapse(
    reports: sparse.sparray | sparse.spmatrix | ArrayLike,
    event: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    products: NDArray[np.intp] | None = None,
) -> Patterns:
    """Count the reports that are alike.

    Parameters
    ----------
    reports : sparse array or array_like, shape (n_reports, n_products)
        1 where the report lists the product, else 0.
    event : array_like, shape (n_reports,)
        1 where the report has the event, else 0.
    strata : array_like, shape (n_reports,) or (n_reports, n_factors), optional
        Levels of one or more factors, as whole numbers or text.
    products : ndarray of intp, optional
        Columns to keep; all if not given.

    Returns
    -------
    Patterns
        Sorted by what they hold.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is neither 0 nor 1, a level is missing, or the factors
        determine each other.
    """
    require_one_index(reports=reports, event=event, strata=strata)
    matrix = as_incidence(reports)
    n_rows = matrix.shape[0]
    flags = as_flags("event", event, n_rows)
    if products is not None:
        matrix = sparse.csr_array(matrix[:, products])
        matrix.sort_indices()
    covariates = np.column_stack([np.ones(n_rows), *_indicators(strata, n_rows)])
    place, first = _alike(matrix, covariates)
    kept = covariates[first]
    _refuse_dependence(kept)
    both = sparse.hstack([sparse.csr_array(kept), matrix[first]], format="csc")
    return Patterns(
        matrix=sparse.csc_array(both),
        n_covariates=covariates.shape[1],
        n_reports=np.bincount(place, minlength=first.size).astype(np.float64),
        n_events=np.bincount(place[flags], minlength=first.size).astype(np.float64),
    )


def _alike(
    matrix: sparse.csr_array, covariates: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    columns = matrix.indices.astype(">i4")  # big-endian bytes sort as the numbers do
    heads = covariates.astype(np.uint8)
    bounds = matrix.indptr.tolist()
    keys = [
        head.tobytes() + columns[start:end].tobytes()
        for head, (start, end) in zip(heads, pairwise(bounds), strict=True)
    ]
    rank = {key: i for i, key in enumerate(sorted(set(keys)))}
    place = np.array([rank[key] for key in keys], dtype=np.intp)
    _, first = np.unique(place, return_index=True)
    return place, first.astype(np.intp)


def _indicators(strata: ArrayLike | None, n_rows: int) -> list[NDArray[np.float64]]:
    if strata is None:
        return []
    given = np.asarray(strata)
    if given.ndim not in {1, 2} or given.shape[0] != n_rows:
        raise ValueError(f"strata has shape {given.shape}: must have a row for each report")
    if given.dtype.kind not in "biuUSO":
        raise ValueError(f"strata holds {given.dtype}: levels must be whole numbers or text")
    columns = []
    for factor in given.reshape(n_rows, -1).T:
        if any(not isinstance(level, int | str | bytes | np.generic) for level in set(factor)):
            raise ValueError("strata has a level that is missing: name it first")
        levels = sorted(set(factor.tolist()))
        columns += [(factor == level).astype(np.float64) for level in levels[1:]]
    return columns


def _refuse_dependence(covariates: NDArray[np.float64]) -> None:
    if np.linalg.matrix_rank(covariates) < covariates.shape[1]:
        raise ValueError("strata has a level that the other factors determine: merge the factors")
