"""Distinct reports of every pair of a product and an event, counted from rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Counted:
    """Counts of the pairs that were reported, sorted by product and event.

    Attributes
    ----------
    n_pair, n_product, n_event : ndarray of int64, shape (n_pairs,)
        Distinct reports of the pair, the product and the event.
    n_total : int
        Distinct reports.
    labels : pandas.MultiIndex
        Product and event of each pair.
    expected : ndarray of float64, shape (n_pairs,), or None
        Number expected from the strata, where there are any.
    """

    n_pair: Codes
    n_product: Codes
    n_event: Codes
    n_total: int
    labels: pd.MultiIndex
    expected: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class _Named:
    """What the reports list in one column, each thing once, sorted by report."""

    report: Codes
    code: Codes
    names: pd.Index

    @property
    def n_reports(self) -> Codes:
        return np.bincount(self.code, minlength=len(self.names))


def count_reports(
    frame: pd.DataFrame, *, report: str, product: str, event: str, strata: tuple[str, ...]
) -> Counted:
    """Count distinct reports; see `detectors.counts.Table.from_reports`.

    Parameters
    ----------
    frame : pandas.DataFrame
        The products and events of each report.
    report, product, event : str
        Names of the columns.
    strata : tuple of str
        Names of the columns that define a report's stratum; none for no strata.

    Returns
    -------
    Counted
        The counts.

    Raises
    ------
    ValueError
        As `Table.from_reports` says.
    """
    for column in (report, product, event):
        if as_column(frame, column).isna().any():
            raise ValueError(f"column {column!r} has missing values: name them first")
    for column in strata:
        as_column(frame, column)
    reports, ids = _codes(frame[report])
    products, events = (_named(reports, frame[column]) for column in (product, event))
    i, j, n_pair = _pairs(products, events, len(ids))
    expected = None
    if strata:
        stratum = _stratum_of(reports, ids, frame[list(strata)])
        expected = _expected(stratum, products, events, i, j)
    return Counted(
        n_pair=n_pair,
        n_product=products.n_reports[i],
        n_event=events.n_reports[j],
        n_total=len(ids),
        labels=_labels(products, events, i, j, names=(product, event)),
        expected=expected,
    )


def as_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Take a column whose values can be told apart and sorted, or refuse it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows.
    name : str
        Name of the column.

    Returns
    -------
    pandas.Series
        The column.

    Raises
    ------
    ValueError
        If `frame` is no frame or has no such column, or two; or if the column holds values of
        several kinds, as 1 and "1", or of a kind that has no order.
    """
    if not hasattr(frame, "columns"):
        raise ValueError(f"frame is a {type(frame).__name__}: must be a pandas.DataFrame")
    n_named = sum(each == name for each in frame.columns)
    if n_named != 1:
        there = ", ".join(map(repr, frame.columns))
        found = f"{n_named} columns" if n_named else "no column"
        raise ValueError(f"frame has {found} {name!r}: must have one; its columns are {there}")
    column: pd.Series = frame[name]
    _require_one_kind(name, column)
    return column


def _require_one_kind(name: str, column: pd.Series) -> None:
    # Else 1 and "1" would be two reports, which file formats and people do not tell apart.
    categorical = getattr(column, "cat", None)
    values = column if categorical is None else categorical.categories
    if values.dtype != object:
        return
    types = dict.fromkeys(map(type, values.dropna()))
    kinds = {_kind_of(each): each for each in types}
    if len(kinds) > 1:
        one, other = (next(v for v in values if type(v) is kind) for kind in [*kinds.values()][:2])
        rule = "must be of one kind, all text or all numbers"
        raise ValueError(f"column {name!r} holds {one!r} and {other!r}: {rule}")
    if not all(map(_has_order, types)):
        rule = "must hold values that have an order, as text or numbers"
        raise ValueError(f"column {name!r} holds {next(iter(types)).__name__}: {rule}")


def _has_order(kind: Any) -> bool:  # noqa: ANN401 - what `type` gives, and no more is known of it
    is_inherited = kind.__lt__ is object.__lt__  # type: ignore[operator] # every class has one
    return kind.__hash__ is not None and kind is not complex and not is_inherited


def _kind_of(kind: type) -> str:
    if issubclass(kind, bool | np.bool_):
        return "truth value"
    if issubclass(kind, str):
        return "text"
    return "number" if issubclass(kind, int | float | np.number) else kind.__name__


def _codes(column: pd.Series) -> tuple[Codes, pd.Index]:
    codes, names = column.factorize(sort=True)
    return codes.astype(np.int64), cast("pd.Index", names)


def _named(reports: Codes, column: pd.Series) -> _Named:
    codes, names = _codes(column)
    distinct = np.unique(reports * len(names) + codes)
    return _Named(*np.divmod(distinct, len(names)), names=names)


def _pairs(products: _Named, events: _Named, n_reports: int) -> tuple[Codes, Codes, Codes]:
    """Join what stands in one report; give product, event and number of reports of each pair."""
    n_products = np.bincount(products.report, minlength=n_reports)
    begin = np.cumsum(n_products) - n_products
    repeats = n_products[events.report]  # each event of a report meets each of its products
    row = np.repeat(np.arange(events.report.size), repeats)
    nth = np.arange(row.size) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    joined = products.code[begin[events.report[row]] + nth] * len(events.names)
    keys, n_pair = np.unique(joined + events.code[row], return_counts=True)
    i, j = np.divmod(keys, len(events.names))
    return i, j, n_pair


def _stratum_of(reports: Codes, ids: pd.Index, columns: pd.DataFrame) -> Codes:
    """Give the number of each report's stratum; the strata are in the order of their values."""
    numbers = columns.groupby(list(columns), dropna=False).ngroup().to_numpy()
    stratum = np.zeros(len(ids), dtype=np.int64)
    stratum[reports] = numbers
    is_torn = stratum[reports] != numbers
    if is_torn.any():
        torn = ids[reports[int(np.argmax(is_torn))]]
        raise ValueError(f"report {str(torn)!r} lies in more than one stratum: must lie in one")
    return stratum


def _expected(
    stratum: Codes, products: _Named, events: _Named, i: Codes, j: Codes
) -> NDArray[np.float64]:
    n_total = np.bincount(stratum)
    with_product, with_event = (
        _by_stratum(one, stratum, n_total.size) for one in (products, events)
    )
    expected = np.zeros(i.size)
    for p, e, n in zip(with_product, with_event, n_total, strict=True):
        n_product = np.bincount(p, minlength=len(products.names)).astype(np.float64)
        n_event = np.bincount(e, minlength=len(events.names)).astype(np.float64)
        expected += n_product[i] * n_event[j] / n
    return expected


def _by_stratum(named: _Named, stratum: Codes, n_strata: int) -> list[Codes]:
    of_row = stratum[named.report]
    in_order = named.code[np.argsort(of_row, kind="stable")]
    ends = np.cumsum(np.bincount(of_row, minlength=n_strata))
    return [in_order[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _labels(
    products: _Named, events: _Named, i: Codes, j: Codes, *, names: tuple[str, str]
) -> pd.MultiIndex:
    product, event = names
    pairs = products.names.take(i).to_frame(name=product)
    pairs[event] = events.names.take(j)
    return cast("pd.MultiIndex", pairs.set_index([product, event]).index)
