"""The 2x2 table of a product and an event, as a cell and its margins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.reports import count_reports
from detectors.validation import (
    GREATEST_COUNT,
    as_counts,
    as_reals,
    refuse_where,
    require_one_index,
    require_shapes_that_fit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


class TableCells(NamedTuple):
    """Cells of 2x2 tables, as formulas take them; nothing is checked.

    Attributes
    ----------
    a, b, c, d : ndarray of float64, all of one shape
        Reports of both, of the product alone, of the event alone, and of neither.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    d: NDArray[np.float64]

    @classmethod
    def from_margins(
        cls,
        n_pair: NDArray[np.int64],
        n_product: NDArray[np.int64],
        n_event: NDArray[np.int64],
        n_total: NDArray[np.int64] | int,
    ) -> TableCells:
        """Compute the cells from one of them and the margins.

        Parameters
        ----------
        n_pair, n_product, n_event : ndarray of int64, all of one shape
            Reports of the pair, of its product, and of its event.
        n_total : ndarray of int64 or int
            All reports.

        Returns
        -------
        TableCells
            The four cells.
        """
        b, c = n_product - n_pair, n_event - n_pair
        d = n_total - n_event - b
        return cls(*(cell.astype(np.float64) for cell in (n_pair, b, c, d)))

    @property
    def expected(self) -> NDArray[np.float64]:
        """Number expected if product and event were independent; NaN where there is no report.

        Returns
        -------
        ndarray of float64
            Product of the two margins, divided by the total.
        """
        a, b, c, d = self
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, as it should be
            return np.asarray((a + b) * (a + c) / (a + b + c + d))


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
    expected : array_like, of the shape of the table, optional
        Number expected if product and event were independent, finite and not negative, in place
        of the crude ``n_product * n_event / n_total``; for instance summed over strata.

    Raises
    ------
    ValueError
        If a count is negative, fractional, NaN or above 2**53; if the cell exceeds a margin, a
        margin the total, or both margins without the cell the total; if shapes do not broadcast;
        if `expected` has another shape, or a value that is negative, infinite or NaN.
        The message names the argument, the index and the rule.

    Notes
    -----
    Only `expected` is adjusted for strata. The cells and margins stay those of all reports, and so
    do measures that take them, as the PRR and the ROR.

    Examples
    --------
    >>> Table(n_pair=[25], n_product=[10025], n_event=[10025], n_total=10020025).expected
    array([10.02997747])
    """

    n_pair: NDArray[np.int64]
    n_product: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_total: NDArray[np.int64]
    labels: pd.MultiIndex | None
    _expected: NDArray[np.float64] | None = field(repr=False)

    def __init__(
        self,
        n_pair: ArrayLike,
        n_product: ArrayLike,
        n_event: ArrayLike,
        n_total: ArrayLike,
        *,
        labels: pd.MultiIndex | None = None,
        expected: ArrayLike | None = None,
    ) -> None:
        require_one_index(
            n_pair=n_pair, n_product=n_product, n_event=n_event, n_total=n_total, expected=expected
        )
        given = {"n_pair": n_pair, "n_product": n_product, "n_event": n_event, "n_total": n_total}
        counts = [as_counts(name, values) for name, values in given.items()]
        require_shapes_that_fit(**dict(zip(given, counts, strict=True)))
        for name, values in zip(given, np.broadcast_arrays(*counts), strict=True):
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        object.__setattr__(self, "labels", labels)
        self._refuse_what_cannot_be()
        object.__setattr__(self, "_expected", self._as_expected(expected))

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

    def _as_expected(self, given: ArrayLike | None) -> NDArray[np.float64] | None:
        if given is None:
            return None
        expected = as_reals("expected", given)
        if expected.shape != self.n_pair.shape:
            raise ValueError(f"expected has shape {expected.shape}: must be {self.n_pair.shape}")
        refuse_where(np.isnan(expected), "expected", expected, "must not be missing")
        expected = np.where(self.n_total == 0, np.nan, expected)
        expected.flags.writeable = False
        return expected

    @property
    def expected(self) -> NDArray[np.float64]:
        """Number expected if product and event were independent; NaN where there is no report.

        Returns
        -------
        ndarray of float64
            The number that was given, or ``n_product * n_event / n_total``.
        """
        if self._expected is not None:
            return self._expected
        return self.cells().expected

    def cells(self) -> TableCells:
        """Compute the four cells.

        Returns
        -------
        TableCells
            *a* (both), *b* (product alone), *c* (event alone), *d* (neither).
        """
        return TableCells.from_margins(self.n_pair, self.n_product, self.n_event, self.n_total)

    @classmethod
    def from_reports(
        cls,
        frame: pd.DataFrame,
        *,
        report: str,
        product: str,
        event: str,
        strata: str | Sequence[str] = (),
    ) -> Table:
        r"""Count distinct reports for every pair of a product and an event that share one.

        Parameters
        ----------
        frame : pandas.DataFrame
            The products and events of each report; rows may repeat and stand in any order.
        report, product, event : str
            Names of the columns.
        strata : str or sequence of str, default: ()
            Names of the columns whose values, taken together, are a report's stratum.

        Returns
        -------
        Table
            An element for each pair that was reported, sorted by product and event, with `labels`
            and, where there are strata, with `expected` summed over them.

        Raises
        ------
        ValueError
            If `frame` lacks a column; if a report, product or event is missing; if a column holds
            values of several kinds or without an order; if a report lies in more than one stratum.

        Notes
        -----
        A report that lists a product and an event is a report of the pair, whether or not a row
        joins them: else the four cells would not add up to the total. The total is the number of
        distinct reports in `frame`, not the sum over pairs. A report without a product or without
        an event still belongs to the total: give it a named value.

        A column is all text or all numbers. Mixed, 1 and "1" could be one report or two, and only
        the caller can know: such a column is refused.

        With strata, :math:`E = \sum_s n_{\mathrm{product}, s} n_{\mathrm{event}, s} / N_s` [1]_. A
        stratum of a single report counts like any other. A missing stratum value is a value of its
        own: those reports are compared with one another, neither dropped nor spread over the rest.

        References
        ----------
        .. [1] DuMouchel W (1999). Bayesian data mining in large frequency tables, with an
           application to the FDA spontaneous reporting system. The American Statistician, 53(3),
           177-190.
        """
        columns = (strata,) if isinstance(strata, str) else tuple(strata)
        found = count_reports(frame, report=report, product=product, event=event, strata=columns)
        return cls(
            found.n_pair,
            found.n_product,
            found.n_event,
            found.n_total,
            labels=found.labels,
            expected=found.expected,
        )

    @classmethod
    def from_strata(cls, tables: Sequence[Table]) -> Table:
        """Add up tables of the same pairs, one for each stratum.

        Parameters
        ----------
        tables : sequence of Table
            Tables of one shape, no report in more than one of them.

        Returns
        -------
        Table
            Sums of the counts, and of the numbers expected: not the number expected from the sums.

        Raises
        ------
        ValueError
            If there is no table; if shapes or labels differ; if a sum exceeds 2**53.

        Notes
        -----
        A stratum without reports adds nothing. The sums do not depend on the order of the tables,
        to the last bit.

        Examples
        --------
        In each stratum the event is as frequent with the product as without it.

        >>> women, men = Table(4, 8, 50, 100), Table(1, 10, 10, 100)
        >>> both = Table.from_strata([women, men])
        >>> float(both.expected), float(Table(5, 18, 60, 200).expected)
        (5.0, 5.4)
        """
        if not tables:
            raise ValueError("tables is empty: must hold at least one table")
        first = tables[0]
        for i, table in enumerate(tables):
            shape = table.n_pair.shape
            if shape != first.n_pair.shape:
                raise ValueError(f"tables[{i}] has shape {shape}: must be {first.n_pair.shape}")
            if not _are_same(table.labels, first.labels):
                raise ValueError(f"tables[{i}] has other labels: must be those of tables[0]")
        names = ("n_pair", "n_product", "n_event", "n_total")
        counts = (_sum_of_counts([getattr(table, name) for table in tables]) for name in names)
        expected = _sum_of_expected([table.expected for table in tables])
        return cls(*counts, labels=first.labels, expected=expected)


def _are_same(one: pd.MultiIndex | None, other: pd.MultiIndex | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.equals(other)


def _sum_of_counts(counts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    total = np.zeros_like(counts[0])
    for values in counts:
        total = np.minimum(total + values, GREATEST_COUNT + 1)  # too large is refused, not wrapped
    return total


def _sum_of_expected(expected: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    in_order = np.sort(np.stack([np.nan_to_num(values, nan=0.0) for values in expected]), axis=0)
    total = np.zeros(in_order.shape[1:])
    for values in in_order:
        total = total + values
    return total
