"""Do the strata have one odds ratio: the test of Breslow and Day, as Tarone corrected it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.counts import Table
from detectors.elementary import log
from detectors.estimate import PValue, Statistic, first_reason, where_defined
from detectors.subgroup.mantel_haenszel import cells, is_informative, ordered_sum, stacked, strata

_FAR_TAIL = 1e-280  # below it the chi-square tail loses digits to underflow
_N_TERMS = 200


@dataclass(frozen=True, eq=False)
class Heterogeneity:
    """A test that the strata have one odds ratio.

    Attributes
    ----------
    statistic : Statistic, shape (n_pairs,)
        Breslow and Day's statistic with Tarone's correction. States: those of the pooled odds
        ratio, and ``too_few_strata``.
    degrees : ndarray of int64, shape (n_pairs,)
        Degrees of freedom: informative strata less one; 0 where there is no test.
    p_value : PValue, shape (n_pairs,)
        Upper tail of the chi-square distribution.
    """

    statistic: Statistic
    degrees: NDArray[np.int64]
    p_value: PValue


def heterogeneity(tables: Table | Sequence[Table]) -> Heterogeneity:
    r"""Test whether the strata have one odds ratio, where their counts are not small.

    Parameters
    ----------
    tables : Table of shape (n_strata, n_pairs), or sequence of n_strata Tables of one shape
        Counts of reports in each stratum.

    Returns
    -------
    Heterogeneity
        Statistics and p-values.

    Raises
    ------
    ValueError
        If there is no stratum, or shapes differ.

    Notes
    -----
    With :math:`A` the expected cell of a stratum if its odds ratio were the pooled one and its
    margins what they are, and :math:`V = 1/(1/A + 1/B + 1/C + 1/D)`,

    .. math:: \sum \frac{(a - A)^2}{V} - \frac{(\sum (a - A))^2}{\sum V},

    where the last term is Tarone's correction: the Mantel-Haenszel estimate is not efficient, and
    without the term the statistic is not quite chi-square [1]_. Strata with an empty margin are
    left out and take no degree of freedom. Expected cells should not be far below 5; for
    few reports use `exact_heterogeneity`.

    References
    ----------
    .. [1] Tarone RE (1985). On heterogeneity tests based on efficient scores. Biometrika, 72(1),
       91-95.
    .. [2] Breslow NE, Day NE (1980). Statistical Methods in Cancer Research I: The Analysis of
       Case-Control Studies. IARC Scientific Publications 32, Lyon.

    Examples
    --------
    The six departments of `strata`: one of them preferred women.

    >>> admitted, men, all_admitted, total = np.array(
    ...     [[512, 825, 601, 933], [353, 560, 370, 585], [120, 325, 322, 918],
    ...      [138, 417, 269, 792], [53, 191, 147, 584], [22, 373, 46, 714]]).T
    >>> found = heterogeneity(Table(admitted, men, all_admitted, total))
    >>> round(float(found.statistic.value), 3), int(found.degrees), round(float(found.p_value.p), 5)
    (18.826, 5, 0.00207)
    """
    stack = stacked(tables)
    found = strata(stack)
    pooled, n_informative = found.pooled, found.n_informative
    few = n_informative < 2  # noqa: PLR2004 - with one there is nothing to compare
    state = first_reason(
        *((name, pooled.state == name) for name in _POOLED_REASONS), ("too_few_strata", few)
    )
    ratio = np.where(np.isnan(pooled.point), 1.0, pooled.point)
    deviation, variance = _deviations(stack, ratio)
    corrected = ordered_sum(variance)
    with np.errstate(divide="ignore", invalid="ignore"):  # those elements have a state
        square = ordered_sum(np.where(variance > 0, deviation**2 / variance, 0.0))
        value = np.maximum(square - ordered_sum(deviation) ** 2 / corrected, 0.0)
    degrees = np.where(state == "defined", n_informative - 1, 0)
    value = where_defined(value, state)
    p, log_p = _chi_square_tail(value, degrees)
    return Heterogeneity(
        statistic=Statistic(value, state),
        degrees=degrees,
        p_value=PValue(p, log_p, state),
    )


_POOLED_REASONS = (
    "empty",
    "no_report",
    "no_informative_stratum",
    "zero_odds_ratio",
    "infinite_odds_ratio",
)


def _deviations(
    stack: Table, ratio: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give observed less expected cells and their variances; 0 in strata that say nothing."""
    a, b, c, d = cells(stack)
    n1, m, n0 = a + b, a + c, c + d
    # The smaller root of (ratio - 1) x^2 - half x + ratio n1 m, without cancellation. What is under
    # the square root is half^2 - 4 (ratio - 1) ratio n1 m, as a sum of two terms not negative.
    half = ratio * (n1 + m) + n0 - m
    root = np.sqrt((ratio * (n1 - m) + n0 - m) ** 2 + 4 * ratio * m * (n1 + n0 - m))
    where = is_informative(stack)
    with np.errstate(divide="ignore", invalid="ignore"):  # strata that say nothing are set to 0
        direct = 2 * ratio * n1 * m / (half + root)
        other = (half - root) / (2 * (ratio - 1))
        expected = np.where(half > 0, direct, other)
        inverse = 1 / expected + 1 / (n1 - expected) + 1 / (m - expected)
        variance = 1 / (inverse + 1 / (n0 - m + expected))
    return np.where(where, a - expected, 0.0), np.where(where, variance, 0.0)


def _chi_square_tail(
    x: NDArray[np.float64], degrees: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p = np.asarray(special.gammaincc(degrees / 2, x / 2))
    is_far = np.asarray(p <= _FAR_TAIL)
    log_p = np.array(log(np.where(is_far, 1.0, p)))
    for place in np.ndindex(p.shape):
        if is_far[place]:
            log_p[place] = _log_gamma_tail(float(degrees[place]) / 2, float(x[place]) / 2)
    return p, log_p


def _log_gamma_tail(shape: float, x: float) -> float:
    """Logarithm of the upper regularised gamma function far out, by its continued fraction."""
    fraction = 0.0
    for k in range(_N_TERMS, 0, -1):
        fraction = k * (k - shape) / (x + 2 * k + 1 - shape - fraction)
    return -x + shape * math.log(x) - math.lgamma(shape) - math.log(x + 1 - shape - fraction)
