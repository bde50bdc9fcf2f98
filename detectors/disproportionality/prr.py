"""Proportional reporting ratio."""

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table, TableCells
from detectors.estimate import Estimate, first_reason
from detectors.wald import log_lower_limit, ratio_estimate


def prr(table: Table, *, confidence_level: float = 0.95) -> Estimate:
    r"""Compare the share of an event among a product's reports with its share among all others.

    Parameters
    ----------
    table : Table
        Counts of reports.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Ratios with Wald limits. States: ``no_report``, ``no_comparator``, ``no_other_report``,
        ``no_variation``.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range.

    Notes
    -----
    With cells *a*, *b*, *c*, *d*: :math:`\frac{a}{a+b} \big/ \frac{c}{c+d}`, and the variance of
    its logarithm is :math:`\frac{b}{a(a+b)} + \frac{d}{c(c+d)}`, the usual
    :math:`\frac1a - \frac1{a+b} + \frac1c - \frac1{c+d}` without its cancellation.

    With *a* = 0 the ratio is 0 but has no interval on the log scale: the state is ``no_report``,
    and no number is given. With *c* = 0 the ratio has no finite value.

    The interval is too short where *b* = 0: one report of a product that is reported once can have
    a lower limit far above 1. Ask for at least 3 reports, and show an exact test beside it. The
    usual criterion is PRR >= 2, chi-square (Yates) >= 4 and *a* >= 3 [1]_.

    References
    ----------
    .. [1] Evans SJW, Waller PC, Davis S (2001). Use of proportional reporting ratios (PRRs) for
       signal generation from spontaneous adverse drug reaction reports. Pharmacoepidemiology and
       Drug Safety, 10(6), 483-486.

    Examples
    --------
    >>> ratio = prr(Table(n_pair=25, n_product=10025, n_event=10025, n_total=10020025))
    >>> round(float(ratio.point), 6), round(float(ratio.lower), 6)
    (2.496259, 1.686744)
    """
    cells = table.cells()
    a, b, c, d = cells
    state = first_reason(
        ("no_report", a == 0),
        ("no_comparator", c + d == 0),
        ("no_other_report", c == 0),
        ("no_variation", b + d == 0),
    )
    return ratio_estimate(*prr_moments(cells), state, confidence_level=confidence_level)


def prr_moments(cells: TableCells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the ratio and the variance of its logarithm.

    Parameters
    ----------
    cells : TableCells
        Cells of the tables.

    Returns
    -------
    point, variance : ndarray of float64, of the shape of the cells
        As `prr` defines them; infinite or NaN where a cell that divides is empty.
    """
    a, b, c, d = cells
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell
        point = a * (c + d) / ((a + b) * c)
        variance = b / (a * (a + b)) + d / (c * (c + d))
    return point, variance


def prr_log_lower(cells: TableCells, *, confidence_level: float = 0.95) -> NDArray[np.float64]:
    """Compute the logarithm of the lower limit, for a decision on many tables at once.

    Parameters
    ----------
    cells : TableCells
        Cells of the tables.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    ndarray of float64, of the shape of the cells
        Natural logarithms; NaN or minus infinity where there is no interval, so that no threshold
        is exceeded.

    Examples
    --------
    >>> cells = Table([25, 25], [10025, 10025], [10025, 25], 10020025).cells()
    >>> np.exp(prr_log_lower(cells)).round(6)
    array([1.686744,      nan])
    """
    point, variance = prr_moments(cells)
    with np.errstate(divide="ignore", invalid="ignore"):  # as above
        lower = log_lower_limit(point, variance, confidence_level=confidence_level)
    return np.where(cells.b + cells.d > 0, lower, np.nan)  # else the variance is 0, and wrong


def prr_reaches(cells: TableCells, threshold: float) -> NDArray[np.bool_]:
    """Decide whether the ratio is at least a threshold.

    Parameters
    ----------
    cells : TableCells
        Cells of the tables.
    threshold : float
        Ratio to reach.

    Returns
    -------
    ndarray of bool, of the shape of the cells
        Whether it is reached.

    Notes
    -----
    It holds for an event that was never reported without the product, whose ratio has no finite
    value, and not while no other product was reported. A ratio of counts that equals the threshold
    as it was written, as 11 to 10 equals 1.1, reaches it: the quotient of two whole numbers is the
    double next to their ratio.

    Examples
    --------
    >>> prr_reaches(Table([2, 2, 2], 10, [3, 4, 2], [50, 50, 10]).cells(), 8.0)
    array([ True, False, False])
    """
    a, b, c, d = cells
    with np.errstate(divide="ignore", invalid="ignore"):  # infinite, or 0 / 0, which is not above
        return np.asarray((a * (c + d) / ((a + b) * c) >= threshold) & (c + d > 0))
