"""Reports as rows and products as columns: a sparse matrix of zeros and ones, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from scipy import sparse

from detectors.reports import as_column
from detectors.validation import refuse_where

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Design:
    """Which product is on which report.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of float64, shape (n_reports, n_products)
        1 where the report lists the product.
    reports : pandas.Index, length n_reports
        Sorted names of the rows.
    products : pandas.Index, length n_products
        Sorted names of the columns.
    """

    matrix: sparse.csr_array
    reports: pd.Index
    products: pd.Index


def design(frame: pd.DataFrame, *, report: str, product: str) -> Design:
    """Mark which product is on which report.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row for each product of each report; rows may repeat and come in any order.
    report, product : str
        Names of the columns.

    Returns
    -------
    Design
        The matrix, with the names of its rows and columns.

    Raises
    ------
    ValueError
        If a value in one of the two columns is missing, or as `Table.from_reports` says.

    Notes
    -----
    The event of each row is what the functions of this package ask for beside the matrix:
    ``design.reports.isin(frame.loc[frame["event"] == "RASH", "report"])``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"report": [2, 1, 2, 2], "product": ["b", "a", "a", "b"]})
    >>> design(rows, report="report", product="product").matrix.toarray()
    array([[1., 0.],
           [1., 1.]])
    """
    for column in (report, product):
        if as_column(frame, column).isna().any():
            raise ValueError(f"column {column!r} has missing values: name them first")
    rows = frame[[report, product]].drop_duplicates()
    names = [pd.Index(rows[column].unique()).sort_values() for column in (report, product)]
    places = [
        index.get_indexer(pd.Index(rows[column]))
        for index, column in zip(names, (report, product), strict=True)
    ]
    shape = (len(names[0]), len(names[1]))
    matrix = sparse.csr_array((np.ones(len(rows)), (places[0], places[1])), shape=shape)
    return Design(matrix=as_incidence(matrix), reports=names[0], products=names[1])


def as_incidence(reports: sparse.sparray | sparse.spmatrix | ArrayLike) -> sparse.csr_array:
    """Convert a matrix of zeros and ones to compressed rows.

    Parameters
    ----------
    reports : sparse array or array_like, shape (n_reports, n_products)
        1 where the report lists the product, else 0; at least one row.

    Returns
    -------
    scipy.sparse.csr_array of float64
        A copy, indices sorted and zeros not stored.

    Raises
    ------
    ValueError
        If there is no row, or not two axes, or a value other than 0 and 1.
    """
    # The stubs know no sparse array of any type and shape.
    given: Any = reports if sparse.issparse(cast("object", reports)) else np.asarray(reports)
    if given.ndim != 2 or given.shape[0] == 0:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"reports has shape {given.shape}: must be reports by products")
    if given.dtype.kind not in "biuf":
        raise ValueError(f"reports holds {given.dtype}: must be 0 or 1")
    matrix: sparse.csr_array = sparse.csr_array(given).astype(np.float64)  # a copy
    matrix.sum_duplicates()
    broken = np.flatnonzero((matrix.data != 0) & (matrix.data != 1))
    if broken.size:
        place = int(broken[0])
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        column = int(matrix.indices[place])
        raise ValueError(f"reports[{row}, {column}] is {matrix.data[place]}: must be 0 or 1")
    matrix.eliminate_zeros()
    return matrix


def as_flags(name: str, values: ArrayLike, n_reports: int) -> NDArray[np.bool_]:
    """Convert a flag for each report to booleans.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like, shape (n_reports,)
        Booleans, or numbers that are 0 or 1.
    n_reports : int
        How many there have to be.

    Returns
    -------
    ndarray of bool, shape (n_reports,)
        The flags.

    Raises
    ------
    ValueError
        If there are more or fewer, or a value is neither 0 nor 1.
    """
    given = np.asarray(values)
    if given.shape != (n_reports,):
        raise ValueError(f"{name} has shape {given.shape}: must be one flag for each report")
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {given.dtype}: must be 0 or 1")
    refuse_where((given != 0) & (given != 1), name, given, "must be 0 or 1")
    return given.astype(np.bool_)


def as_columns(
    name: str, values: ArrayLike | None, n_products: int, *, unique: bool = True
) -> NDArray[np.intp]:
    """Convert places of columns to an array.

    Parameters
    ----------
    name : str
        The argument, as its caller knows it.
    values : array_like of whole numbers, shape (n_chosen,), or None
        Places from 0; None for all.
    n_products : int
        Columns that there are.
    unique : bool, default: True
        Whether a place may be given only once.

    Returns
    -------
    ndarray of intp, shape (n_chosen,)
        The places.

    Raises
    ------
    ValueError
        If a place is no whole number, out of range, or given twice where it may not.
    """
    if values is None:
        return np.arange(n_products)
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be a list of whole numbers")
    rule = f"must be a column from 0 to {n_products - 1}"
    refuse_where((given < 0) | (given >= n_products), name, given, rule)
    places = given.astype(np.intp)
    if unique and np.unique(places).size < places.size:
        raise ValueError(f"{name} names a column twice")
    return places
