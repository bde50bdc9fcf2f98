"""Which product hides a signal: measures of the others, with and without its reports.

A product with very many reports of an event raises the event's background, and so lowers the
measures of all others. Removing its reports shows what they would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from detectors.counts import Table
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.estimate import DEFINED, Estimate, Statistic, first_reason, where_defined
from detectors.logistic.reports import as_columns, as_flags, as_incidence
from detectors.validation import require_one_index

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Masking:
    """Measures of products for one event, before and after removing the reports of another.

    Attributes
    ----------
    maskers : ndarray of intp, shape (n_maskers,)
        Columns whose reports were removed, one at a time.
    targets : ndarray of intp, shape (n_targets,)
        Columns whose measures are given.
    before : Table, shape (n_targets,)
        Counts over all reports.
    after : Table, shape (n_maskers, n_targets)
        Counts over the reports without the masker.
    ratio : Statistic, shape (n_maskers, n_targets)
        Observed to expected after, divided by the same before: above 1 if the masker hides the
        target. States: ``no_report``, ``no_product`` (the target is never reported without the
        masker), ``no_event`` (neither is the event).
    ic_before, prr_before : Estimate, shape (n_targets,)
        Information component and proportional reporting ratio over all reports.
    ic_after, prr_after : Estimate, shape (n_maskers, n_targets)
        The same without the masker's reports.
    """

    maskers: NDArray[np.intp]
    targets: NDArray[np.intp]
    before: Table
    after: Table
    ratio: Statistic
    ic_before: Estimate
    ic_after: Estimate
    prr_before: Estimate
    prr_after: Estimate

    @property
    def is_unmasked(self) -> NDArray[np.bool_]:
        """Where the lower limit of the information component rises from at most 0 to above it.

        Returns
        -------
        ndarray of bool, shape (n_maskers, n_targets)
            False where a limit does not exist.
        """
        with np.errstate(invalid="ignore"):  # a limit that does not exist is NaN
            return np.asarray((self.ic_before.lower <= 0) & (self.ic_after.lower > 0))

    @property
    def strongest(self) -> NDArray[np.intp]:
        """Find for each target the masker with the greatest ratio.

        Returns
        -------
        ndarray of intp, shape (n_targets,)
            A column; the first of equals; -1 where no ratio exists.
        """
        is_defined = self.ratio.state == DEFINED
        value = np.where(is_defined, self.ratio.value, -np.inf)
        if not self.maskers.size:
            return np.full(self.targets.shape, -1, dtype=np.intp)
        return np.where(is_defined.any(axis=0), self.maskers[value.argmax(axis=0)], -1)


def masking(
    reports: sparse.sparray | sparse.spmatrix | ArrayLike,
    event: ArrayLike,
    *,
    maskers: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    tail: float = 0.025,
    confidence_level: float = 0.95,
) -> Masking:
    r"""Compare measures for an event with and without the reports of each masker.

    Parameters
    ----------
    reports : sparse array or array_like, shape (n_reports, n_products)
        1 where the report lists the product, else 0.
    event : array_like, shape (n_reports,)
        1 where the report has the event, else 0.
    maskers : array_like of whole numbers, shape (n_maskers,), optional
        Columns to remove, one at a time; all if not given.
    targets : array_like of whole numbers, shape (n_targets,), optional
        Columns to measure; all if not given.
    tail : float, default: 0.025
        Probability beyond each limit of the information component, in [1e-5, 0.5).
    confidence_level : float, default: 0.95
        Coverage of the interval of the proportional reporting ratio, in (0, 1).

    Returns
    -------
    Masking
        Counts and measures, before and after.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.

    Notes
    -----
    With :math:`n_x, n_{xe}, n_e, N` the reports of target, pair, event and all, and a prime for
    the same without the reports that list the masker,

    .. math:: \frac{n'_{xe} N' / (n'_x n'_e)}{n_{xe} N / (n_x n_e)}.

    A report that lists masker and target leaves every one of the counts, which margins alone cannot
    tell; see `margin_ratio` for what they can. A ratio of 0 is real: every report of the pair lists
    the masker as well.

    The result holds about 400 bytes for each masker and target: name the columns of interest where
    there are thousands of products.

    References
    ----------
    .. [1] Wang HW, Hochberg AM, Pearson RK, Hauben M (2010). An experimental investigation of
       masking in the US FDA adverse event reporting system database. Drug Safety, 33(12),
       1117-1133.
    .. [2] Juhlin K, Ye X, Star K, Noren GN (2013). Outlier removal to uncover patterns in adverse
       drug reaction surveillance - a simple unmasking strategy. Pharmacoepidemiology and Drug
       Safety, 22(10), 1119-1129.

    Examples
    --------
    Product 0 has 300 of the event's 320 reports. Without it, product 1 stands out.

    >>> reports = np.repeat([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0], [0, 0]],
    ...                     [300, 100, 10, 90, 10, 490], axis=0)
    >>> event = np.repeat([1, 0, 1, 0, 1, 0], [300, 100, 10, 90, 10, 490])
    >>> found = masking(reports, event, maskers=[0], targets=[1])
    >>> found.ratio.value.round(3), found.is_unmasked
    (array([[9.6]]), array([[ True]]))
    """
    require_one_index(reports=reports, event=event)
    matrix = as_incidence(reports)
    flags = as_flags("event", event, matrix.shape[0])
    removed = as_columns("maskers", maskers, matrix.shape[1])
    kept = as_columns("targets", targets, matrix.shape[1])
    before, after = _tables(matrix, flags, removed, kept)
    return Masking(
        maskers=removed,
        targets=kept,
        before=before,
        after=after,
        ratio=_ratio(before, after),
        ic_before=ic(before.n_pair, before.expected, tail=tail),
        ic_after=ic(after.n_pair, after.expected, tail=tail),
        prr_before=prr(before, confidence_level=confidence_level),
        prr_after=prr(after, confidence_level=confidence_level),
    )


def margin_ratio(masker: Table) -> Statistic:
    r"""Estimate how far a product hides all others for an event, from its margins alone.

    Parameters
    ----------
    masker : Table
        Counts of the products that may hide others, for their events.

    Returns
    -------
    Statistic, of the shape of `masker`
        Ratios: above 1 if the product hides others. States: ``no_event``, ``no_comparator``,
        ``no_other_report``.

    Notes
    -----
    .. math:: \frac{n_e (N - n_m)}{(n_e - n_{me}) N}

    with :math:`n_m, n_{me}` the reports of the masker and of its pair. It is what `masking` gives
    for every target that is never on a report with the masker; for the others it is wrong, and only
    report rows can tell by how much.

    References
    ----------
    .. [1] Juhlin K, Ye X, Star K, Noren GN (2013). Outlier removal to uncover patterns in adverse
       drug reaction surveillance - a simple unmasking strategy. Pharmacoepidemiology and Drug
       Safety, 22(10), 1119-1129.

    Examples
    --------
    >>> margin_ratio(Table(n_pair=300, n_product=400, n_event=320, n_total=1000)).value
    array(9.6)
    """
    state = first_reason(
        ("no_event", masker.n_event == 0),
        ("no_comparator", masker.n_total == masker.n_product),
        ("no_other_report", masker.n_event == masker.n_pair),
    )
    n_event, n_total = masker.n_event.astype(np.float64), masker.n_total.astype(np.float64)
    others = (masker.n_total - masker.n_product).astype(np.float64)
    others_with_event = (masker.n_event - masker.n_pair).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        value = n_event * others / (others_with_event * n_total)
    return Statistic(where_defined(value, state), state)


def _tables(
    matrix: sparse.csr_array,
    flags: NDArray[np.bool_],
    maskers: NDArray[np.intp],
    targets: NDArray[np.intp],
) -> tuple[Table, Table]:
    columns = sparse.csc_array(matrix.astype(np.int64))
    with_event = sparse.csc_array(matrix[np.flatnonzero(flags)].astype(np.int64))
    n_product, n_pair = (np.asarray(m.sum(axis=0)).ravel() for m in (columns, with_event))
    shared, shared_with_event = (
        (m[:, maskers].T @ m[:, targets]).toarray() for m in (columns, with_event)
    )
    n_event, n_total = int(flags.sum()), flags.size
    before = Table(n_pair[targets], n_product[targets], n_event, n_total)
    after = Table(
        n_pair[targets] - shared_with_event,
        n_product[targets] - shared,
        n_event - n_pair[maskers][:, np.newaxis],
        n_total - n_product[maskers][:, np.newaxis],
    )
    return before, after


def _ratio(before: Table, after: Table) -> Statistic:
    state = first_reason(
        ("no_report", np.broadcast_to(before.n_pair == 0, after.n_pair.shape)),
        ("no_product", after.n_product == 0),
        ("no_event", after.n_event == 0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        value = (after.n_pair / after.expected) / (before.n_pair / before.expected)
    return Statistic(where_defined(value, state), state)
