"""Reporting odds ratio."""

import numpy as np

from detectors.counts import Table
from detectors.estimate import Estimate, first_reason
from detectors.wald import ratio_estimate


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
    the cells of those tables alone would make the estimate jump, so it is not done here.

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
    a, b, c, d = table.cells()
    state = first_reason(
        ("no_report", a == 0),
        ("no_comparator", c + d == 0),
        ("no_other_report", c == 0),
        ("no_other_event", b == 0),
        ("no_background", d == 0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        point = a * d / (b * c)
        variance = 1 / a + 1 / b + 1 / c + 1 / d
    return ratio_estimate(point, variance, state, confidence_level=confidence_level)
