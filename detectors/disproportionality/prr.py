"""Proportional reporting ratio."""

import numpy as np

from detectors.counts import Table
from detectors.estimate import Estimate, first_reason
from detectors.wald import ratio_estimate


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
    a, b, c, d = table.cells()
    state = first_reason(
        ("no_report", a == 0),
        ("no_comparator", c + d == 0),
        ("no_other_report", c == 0),
        ("no_variation", b + d == 0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        point = a * (c + d) / ((a + b) * c)
        variance = b / (a * (a + b)) + d / (c * (c + d))
    return ratio_estimate(point, variance, state, confidence_level=confidence_level)
