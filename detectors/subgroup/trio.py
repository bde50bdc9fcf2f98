"""Counts of reports for two products and an event."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from detectors.logistic.reports import as_columns, as_flags, as_incidence
from detectors.validation import as_counts, refuse_where, require_one_index


@dataclass(frozen=True, eq=False)
class Trio:
    """Counts of reports for two products and an event, each report in exactly one group.

    Parameters
    ----------
    n_both, n_first, n_second, n_neither : array_like of whole numbers, of shapes that broadcast
        Reports of both products, of the first without the second, of the second without the first,
        and of neither.
    event_both, event_first, event_second, event_neither : array_like of whole numbers
        Those of each group that have the event.

    Raises
    ------
    ValueError
        If a count is negative, fractional, NaN or above 2**53, the event has more reports than its
        group, or shapes do not broadcast. The message names the argument, the index and the rule.
    """

    n_both: NDArray[np.int64]
    n_first: NDArray[np.int64]
    n_second: NDArray[np.int64]
    n_neither: NDArray[np.int64]
    event_both: NDArray[np.int64]
    event_first: NDArray[np.int64]
    event_second: NDArray[np.int64]
    event_neither: NDArray[np.int64]

    def __init__(
        self,
        *,
        n_both: ArrayLike,
        n_first: ArrayLike,
        n_second: ArrayLike,
        n_neither: ArrayLike,
        event_both: ArrayLike,
        event_first: ArrayLike,
        event_second: ArrayLike,
        event_neither: ArrayLike,
    ) -> None:
        require_one_index(
            n_both=n_both,
            n_first=n_first,
            n_second=n_second,
            n_neither=n_neither,
            event_both=event_both,
            event_first=event_first,
            event_second=event_second,
            event_neither=event_neither,
        )
        groups = (n_both, n_first, n_second, n_neither)
        events_of = (event_both, event_first, event_second, event_neither)
        given = (*groups, *events_of)
        names = [each.name for each in fields(Trio)]
        counts = [as_counts(name, values) for name, values in zip(names, given, strict=True)]
        for name, values in zip(names, np.broadcast_arrays(*counts), strict=True):
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        for group in ("both", "first", "second", "neither"):
            events, reports = getattr(self, f"event_{group}"), getattr(self, f"n_{group}")
            name, rule = f"event_{group}", f"must not exceed n_{group}"
            refuse_where(events > reports, name, events, rule)

    @classmethod
    def from_reports(
        cls,
        reports: sparse.sparray | sparse.spmatrix | ArrayLike,
        event: ArrayLike,
        *,
        first: ArrayLike,
        second: ArrayLike,
    ) -> Trio:
        """Count the reports of pairs of products.

        Parameters
        ----------
        reports : sparse array or array_like, shape (n_reports, n_products)
            1 where the report lists the product, else 0.
        event : array_like, shape (n_reports,)
            1 where the report has the event, else 0.
        first, second : array_like of whole numbers, shape (n_pairs,)
            Columns of the two products of each pair.

        Returns
        -------
        Trio
            An element for each pair.

        Raises
        ------
        ValueError
            If shapes do not fit, a column does not exist, or a product is paired with itself.
        """
        require_one_index(reports=reports, event=event, first=first, second=second)
        matrix = as_incidence(reports)
        flags = as_flags("event", event, matrix.shape[0])
        one = as_columns("first", first, matrix.shape[1], unique=False)
        two = as_columns("second", second, matrix.shape[1], unique=False)
        if one.shape != two.shape:
            raise ValueError(f"first has shape {one.shape}, second {two.shape}: must be pairs")
        refuse_where(one == two, "first", one, "must not be the same product as second")
        columns = sparse.csc_array(matrix)
        with_event = sparse.csc_array(matrix[np.flatnonzero(flags)])
        counts = [_quarters(m, one, two) for m in (columns, with_event)]
        names = [each.name for each in fields(Trio)]
        return cls(**dict(zip(names, counts[0] + counts[1], strict=True)))


def _quarters(
    matrix: sparse.csc_array, one: NDArray[np.intp], two: NDArray[np.intp]
) -> list[NDArray[np.int64]]:
    on = np.asarray(matrix.sum(axis=0)).ravel().astype(np.int64)
    both = np.asarray(matrix[:, one].multiply(matrix[:, two]).sum(axis=0))
    both = both.ravel().astype(np.int64)
    first, second = on[one] - both, on[two] - both
    return [both, first, second, matrix.shape[0] - both - first - second]
