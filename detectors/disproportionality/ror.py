"""Reporting odds ratio."""

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table, TableCells
from detectors.estimate import Estimate, first_reason
from detectors.wald import log_lower_limit, ratio_estimate


def ror(table: Table, *, confidence_level: float = 0.95) -> Estimate:
    r"""Compare the odds of an event among a product's reports with its odds among all others.

    Parameters
    ----------
    table : Table
        Counts of reports.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Odds ratios with Woolf limits. States: ``no_report``, ``no_comparator``,
        ``no_other_report``, ``no_other_event``, ``no_background``.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range.

    Notes
    -----
    With cells *a*, *b*, *c*, *d*: :math:`ad / bc`, and the variance of its logarithm is
    :math:`1/a + 1/b + 1/c + 1/d`. With an empty cell there is no such estimate; adding a half to
    the cells of those tables alone would make the estimate jump, so it is not done here. See
    `ror_haldane` for the estimate that adds it to all tables.

    References
    ----------
    .. [1] van Puijenbroek EP et al. (2002). A comparison of measures of disproportionality for
       signal detection in spontaneous reporting systems for adverse drug reactions.
       Pharmacoepidemiology and Drug Safety, 11(1), 3-10.

    Examples
    --------
    >>> ratio = ror(Table(n_pair=25, n_product=10025, n_event=10025, n_total=10020025))
    >>> round(float(ratio.point), 6), round(float(ratio.lower), 6)
    (2.5, 1.687619)
    """
    cells = table.cells()
    a, b, c, d = cells
    state = first_reason(
        ("no_report", a == 0),
        ("no_comparator", c + d == 0),
        ("no_other_report", c == 0),
        ("no_other_event", b == 0),
        ("no_background", d == 0),
    )
    return ratio_estimate(*ror_moments(cells), state, confidence_level=confidence_level)


def ror_haldane(table: Table, *, confidence_level: float = 0.95) -> Estimate:
    r"""Compare the odds of an event with a half added to each of the four cells.

    Parameters
    ----------
    table : Table
        Counts of reports.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Odds ratios with Wald limits. State: ``empty``, where there is no report at all.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range.

    Notes
    -----
    With cells *a*, *b*, *c*, *d*:
    :math:`(a + \frac12)(d + \frac12) / (b + \frac12)(c + \frac12)`, and the variance of its
    logarithm is the sum of the four reciprocals. The half goes to every table, not only to those
    with an empty cell: so the estimate does not jump when a cell fills. It removes most of the bias
    of the logarithm [1]_ [2]_.

    It exists for every table, which does not make it evidence. With *a* = 0, five other reports of
    the product, and 3 reports of the event among 1,003 others, it is 26 with a lower limit of 1.2,
    without a single report of the pair. Ask for at least 3 reports, and show an exact test beside
    it.

    References
    ----------
    .. [1] Haldane JBS (1956). The estimation and significance of the logarithm of a ratio of
       frequencies. Annals of Human Genetics, 20(4), 309-311.
    .. [2] Anscombe FJ (1956). On estimating binomial response relations. Biometrika, 43(3-4),
       461-464.

    Examples
    --------
    >>> ratio = ror_haldane(Table(n_pair=5, n_product=30, n_event=15, n_total=10040))
    >>> round(float(ratio.point), 6), round(float(ratio.lower), 6)
    (205.42577, 68.215019)
    """
    cells = TableCells(*(cell + 0.5 for cell in table.cells()))
    state = first_reason(("empty", table.n_total == 0))
    return ratio_estimate(*ror_moments(cells), state, confidence_level=confidence_level)


def ror_moments(cells: TableCells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the ratio and the variance of its logarithm.

    Parameters
    ----------
    cells : TableCells
        Cells of the tables.

    Returns
    -------
    point, variance : ndarray of float64, of the shape of the cells
        As `ror` defines them; infinite or NaN where a cell is empty.
    """
    a, b, c, d = cells
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell
        point = a * d / (b * c)
        variance = 1 / a + 1 / b + 1 / c + 1 / d
    return point, variance


def ror_log_lower(cells: TableCells, *, confidence_level: float = 0.95) -> NDArray[np.float64]:
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
    >>> np.exp(ror_log_lower(cells)).round(6)
    array([1.687619,      nan])
    """
    point, variance = ror_moments(cells)
    with np.errstate(divide="ignore", invalid="ignore"):  # as above
        return log_lower_limit(point, variance, confidence_level=confidence_level)
