"""Chi-square statistic of a 2x2 table."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table, TableCells
from detectors.estimate import Statistic, first_reason, where_defined


def chi_square(table: Table, *, correction: Literal["yates"] | None = "yates") -> Statistic:
    r"""Measure how far a table lies from independence, in either direction.

    Parameters
    ----------
    table : Table
        Counts of reports.
    correction : {"yates", None}, default: "yates"
        Yates' correction for continuity, or none.

    Returns
    -------
    Statistic
        Chi-square with one degree of freedom. States: ``no_product``, ``no_comparator``,
        ``no_event``, ``no_variation``.

    Raises
    ------
    ValueError
        If `correction` is something else.

    Notes
    -----
    With cells *a*, *b*, *c*, *d* that sum to *N*:
    :math:`N \max(|ad - bc| - N/2, 0)^2 / ((a+b)(c+d)(a+c)(b+d))`, and without the correction the
    same without :math:`N/2`. The maximum keeps a table nearer to independence than the correction
    from being given a statistic above zero. A deficit of reports counts like an excess: look at
    the ratio for the direction.

    References
    ----------
    .. [1] Yates F (1934). Contingency tables involving small numbers and the chi-square test.
       Supplement to the Journal of the Royal Statistical Society, 1(2), 217-235.

    Examples
    --------
    >>> round(float(chi_square(Table(25, 10025, 10025, 10020025)).value), 5)
    20.91741
    """
    if correction not in ("yates", None):
        raise ValueError(f"correction is {correction!r}: must be 'yates' or None")
    cells = table.cells()
    a, b, c, d = cells
    state = first_reason(
        ("no_product", a + b == 0),
        ("no_comparator", c + d == 0),
        ("no_event", a + c == 0),
        ("no_variation", b + d == 0),
    )
    value = chi_square_values(cells, correction=correction)
    return Statistic(value=where_defined(value, state), state=state)


def chi_square_values(
    cells: TableCells, *, correction: Literal["yates"] | None = "yates"
) -> NDArray[np.float64]:
    """Compute the statistic alone, for a decision on many tables at once.

    Parameters
    ----------
    cells : TableCells
        Cells of the tables.
    correction : {"yates", None}, default: "yates"
        Yates' correction for continuity, or none.

    Returns
    -------
    ndarray of float64, of the shape of the cells
        As `chi_square` defines it; NaN where a margin is 0, so that no threshold is reached.

    Examples
    --------
    >>> chi_square_values(Table([25, 0], [10025, 0], 10025, 10020025).cells())
    array([20.91741016,         nan])
    """
    a, b, c, d = cells
    total = a + b + c + d
    excess = np.abs(a * d - b * c)
    if correction == "yates":
        excess = np.maximum(excess - total / 2, 0.0)
    with np.errstate(invalid="ignore"):  # a margin of 0: 0 / 0
        return np.asarray(total * excess * excess / ((a + b) * (c + d) * (a + c) * (b + d)))
