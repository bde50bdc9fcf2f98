"""Odds ratios of strata, and the one that they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.counts import Table
from detectors.disproportionality.ror import ror
from detectors.estimate import Estimate, first_reason
from detectors.wald import ratio_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Strata:
    """Odds ratios, stratum by stratum and pooled.

    Attributes
    ----------
    each : Estimate, shape (n_strata, n_pairs)
        Reporting odds ratio of each stratum with Woolf limits, with the states of `ror`.
    pooled : Estimate, shape (n_pairs,)
        Mantel-Haenszel odds ratio. States: ``empty``, ``no_report``, ``no_informative_stratum``,
        ``zero_odds_ratio``, ``infinite_odds_ratio``.
    n_informative : ndarray of int64, shape (n_pairs,)
        Strata that have reports with and without the product, and with and without the event.
    """

    each: Estimate
    pooled: Estimate
    n_informative: NDArray[np.int64]


def strata(tables: Table | Sequence[Table], *, confidence_level: float = 0.95) -> Strata:
    r"""Estimate the odds ratio of each stratum and the Mantel-Haenszel pooled one.

    Parameters
    ----------
    tables : Table of shape (n_strata, n_pairs), or sequence of n_strata Tables of one shape
        Counts of reports in each stratum.
    confidence_level : float, default: 0.95
        Coverage of the two-sided intervals, in (0, 1).

    Returns
    -------
    Strata
        Estimates.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range, there is no stratum, or shapes differ.

    Notes
    -----
    With cells *a*, *b*, *c*, *d* and total *N* of each stratum, the pooled estimate is
    :math:`\sum R / \sum S`, with :math:`R = ad/N` and :math:`S = bc/N`. The variance of its
    logarithm is that of Robins, Breslow and Greenland [1]_, which holds both for few large strata
    and for many small ones: with :math:`P = (a+d)/N` and :math:`Q = (b+c)/N`,

    .. math:: \frac{\sum PR}{2 (\sum R)^2} + \frac{\sum (PS + QR)}{2 \sum R \sum S}
              + \frac{\sum QS}{2 (\sum S)^2}.

    A stratum with an empty cell still counts; one with an empty margin adds nothing. Terms are
    added in the order of their size, so the order of strata changes no bit.

    References
    ----------
    .. [1] Robins J, Breslow N, Greenland S (1986). Estimators of the Mantel-Haenszel variance
       consistent in both sparse data and large-strata limiting models. Biometrics, 42(2), 311-323.

    Examples
    --------
    Admissions to six departments at Berkeley in 1973: men against women.

    >>> from detectors.counts import Table
    >>> admitted, men, all_admitted, total = np.array(
    ...     [[512, 825, 601, 933], [353, 560, 370, 585], [120, 325, 322, 918],
    ...      [138, 417, 269, 792], [53, 191, 147, 584], [22, 373, 46, 714]]).T
    >>> pooled = strata(Table(admitted, men, all_admitted, total)).pooled
    >>> [round(float(x), 7) for x in (pooled.point, pooled.lower, pooled.upper)]
    [0.9046968, 0.7719074, 1.0603298]
    """
    stack = stacked(tables)
    a, b, c, d = cells(stack)
    n = np.maximum(a + b + c + d, 1.0)  # an empty stratum adds nothing
    r, s = a * d / n, b * c / n
    p, q = (a + d) / n, (b + c) / n
    sum_r, sum_s = ordered_sum(r), ordered_sum(s)
    state = first_reason(
        ("empty", ordered_sum(a + b + c + d) == 0),
        ("no_report", ordered_sum(a) == 0),
        ("no_informative_stratum", (sum_r == 0) & (sum_s == 0)),
        ("zero_odds_ratio", sum_r == 0),
        ("infinite_odds_ratio", sum_s == 0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        point = sum_r / sum_s
        variance = (
            ordered_sum(p * r) / sum_r**2
            + ordered_sum(p * s + q * r) / (sum_r * sum_s)
            + ordered_sum(q * s) / sum_s**2
        ) / 2
    return Strata(
        each=ror(stack, confidence_level=confidence_level),
        pooled=ratio_estimate(point, variance, state, confidence_level=confidence_level),
        n_informative=np.sum(is_informative(stack), axis=0, dtype=np.int64),
    )


def stacked(tables: Table | Sequence[Table]) -> Table:
    """Put the tables of strata into one.

    Parameters
    ----------
    tables : Table of shape (n_strata, ...), or sequence of Tables of one shape
        Counts of reports in each stratum.

    Returns
    -------
    Table
        The strata along the first axis.

    Raises
    ------
    ValueError
        If there is no stratum, or shapes differ.
    """
    if isinstance(tables, Table):
        stack = tables
    else:
        if len({table.n_pair.shape for table in tables}) > 1:
            raise ValueError("tables differ in shape: every stratum must have the same pairs")
        names = ("n_pair", "n_product", "n_event", "n_total")
        stack = Table(*(np.array([getattr(t, name) for t in tables]) for name in names))
    if stack.n_pair.ndim == 0 or stack.n_pair.shape[0] == 0:
        raise ValueError(f"tables has shape {stack.n_pair.shape}: must have a stratum")
    return stack


def cells(stack: Table) -> tuple[NDArray[np.float64], ...]:
    """Give the four cells of every stratum, in a layout of their own.

    Parameters
    ----------
    stack : Table
        Counts of reports.

    Returns
    -------
    tuple of four ndarray of float64
        *a*, *b*, *c*, *d*.
    """
    return tuple(np.ascontiguousarray(cell) for cell in stack.cells())


def is_informative(stack: Table) -> NDArray[np.bool_]:
    """Find the strata that say anything of the odds ratio.

    Parameters
    ----------
    stack : Table
        Counts of reports.

    Returns
    -------
    ndarray of bool
        Where no margin is 0.
    """
    margins = [(stack.n_product, stack.n_total), (stack.n_event, stack.n_total)]
    known = [(part > 0) & (part < whole) for part, whole in margins]
    return known[0] & known[1]


def ordered_sum(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add along the first axis, in the order of the terms' size.

    Parameters
    ----------
    terms : ndarray of float64, shape (n_strata, ...)
        Numbers.

    Returns
    -------
    ndarray of float64, shape (...)
        Sums that do not depend on the order of the strata in any bit.
    """
    total = np.zeros(terms.shape[1:])
    for term in np.sort(terms, axis=0):
        total = total + term
    return total
