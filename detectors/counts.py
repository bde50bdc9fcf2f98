"""The 2x2 table of a product and an event, as a cell and its margins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from detectors.validation import as_counts, refuse_where

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Table:
    """Counts of reports for many product-event pairs, each report counted once per pair.

    Four counts in place of the cells *a*, *b*, *c*, *d*, because the margins are what is kept and
    added up. The arguments are copied, checked and broadcast to one shape, and cannot be written.

    Parameters
    ----------
    n_pair : array_like of whole numbers
        Reports of the product with the event, *a*.
    n_product : array_like of whole numbers
        Reports of the product, *a + b*.
    n_event : array_like of whole numbers
        Reports of the event, *a + c*.
    n_total : array_like of whole numbers
        All reports, *a + b + c + d*.
    labels : pandas.MultiIndex, optional
        Product and event of each element, where a table was counted from reports.

    Raises
    ------
    ValueError
        If a count is negative, fractional, NaN or above 2**53; if the cell exceeds a margin, a
        margin the total, or both margins without the cell the total; if shapes do not broadcast.
        The message names the argument, the index and the rule.

    Examples
    --------
    >>> Table(n_pair=[25], n_product=[10025], n_event=[10025], n_total=10020025).expected
    array([10.02997747])
    """

    n_pair: NDArray[np.int64]
    n_product: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_total: NDArray[np.int64]
    labels: pd.MultiIndex | None = field(default=None, kw_only=True)

    def __init__(
        self,
        n_pair: ArrayLike,
        n_product: ArrayLike,
        n_event: ArrayLike,
        n_total: ArrayLike,
        *,
        labels: pd.MultiIndex | None = None,
    ) -> None:
        given = {"n_pair": n_pair, "n_product": n_product, "n_event": n_event, "n_total": n_total}
        counts = [as_counts(name, values) for name, values in given.items()]
        for name, values in zip(given, np.broadcast_arrays(*counts), strict=True):
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        object.__setattr__(self, "labels", labels)
        self._refuse_what_cannot_be()

    def _refuse_what_cannot_be(self) -> None:
        n_pair, n_product, n_event, n_total = (
            self.n_pair,
            self.n_product,
            self.n_event,
            self.n_total,
        )
        refuse_where(n_pair > n_product, "n_pair", n_pair, "must not exceed n_product")
        refuse_where(n_pair > n_event, "n_pair", n_pair, "must not exceed n_event")
        refuse_where(n_product > n_total, "n_product", n_product, "must not exceed n_total")
        refuse_where(n_event > n_total, "n_event", n_event, "must not exceed n_total")
        either = n_product + n_event - n_pair
        rule = "must be at least n_product + n_event - n_pair"
        refuse_where(either > n_total, "n_total", n_total, rule)

    @property
    def expected(self) -> NDArray[np.float64]:
        """Number expected if product and event were independent; NaN where there is no report.

        Returns
        -------
        ndarray of float64
            ``n_product * n_event / n_total``.
        """
        product, event, total = (
            x.astype(np.float64) for x in (self.n_product, self.n_event, self.n_total)
        )
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, as it should be
            return np.asarray(product * event / total)

    def cells(self) -> tuple[NDArray[np.float64], ...]:
        """Give the four cells, as formulas want them.

        Returns
        -------
        tuple of four ndarray of float64
            *a* (both), *b* (product alone), *c* (event alone), *d* (neither).
        """
        b = self.n_product - self.n_pair
        c = self.n_event - self.n_pair
        d = self.n_total - self.n_event - b
        return tuple(cell.astype(np.float64) for cell in (self.n_pair, b, c, d))

    @classmethod
    def from_reports(cls, frame: pd.DataFrame, *, report: str, product: str, event: str) -> Table:
        """Count distinct reports for every pair of a product and an event that share one.

        Parameters
        ----------
        frame : pandas.DataFrame
            The products and events of each report; rows may repeat.
        report, product, event : str
            Names of the columns.

        Returns
        -------
        Table
            An element for each pair that was reported, sorted by product and event, with `labels`.

        Raises
        ------
        ValueError
            If a value in one of the three columns is missing.

        Notes
        -----
        A report that lists a product and an event is a report of the pair, whether or not a row
        joins them: else the four cells would not add up to the total. The total is the number of
        distinct reports in `frame`, not the sum over pairs. A report without a product or without
        an event still belongs to the total: give it a named value.
        """
        for column in (report, product, event):
            if frame[column].isna().any():
                raise ValueError(f"column {column!r} has missing values: name them first")
        lists = [frame[[report, name]].drop_duplicates() for name in (product, event)]
        pairs = lists[0].merge(lists[1], on=report).groupby([product, event], observed=True).size()
        labels = cast("pd.MultiIndex", pairs.index)
        n_product, n_event = (
            one.groupby(name, observed=True).size().loc[labels.get_level_values(name)].to_numpy()
            for one, name in zip(lists, (product, event), strict=True)
        )
        n_total = frame[report].nunique()
        return cls(pairs.to_numpy(), n_product, n_event, n_total, labels=labels)
