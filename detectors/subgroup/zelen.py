"""Do the strata have one odds ratio: the exact test, for few reports.

Given every margin of every stratum and the total of the pair, the probability of the tables does
not depend on a common odds ratio. So all tables with that total are enumerated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table
from detectors.elementary import log, log_sum
from detectors.estimate import PValue, first_reason, where_defined
from detectors.subgroup.mantel_haenszel import is_informative, stacked

MOST_TABLES = 1_000_000  # that are enumerated for one pair
_TIE = 1e-7  # relative: tables this near in probability to the observed one count as it

Alternative = Literal["two-sided", "greater"]


def exact_heterogeneity(tables: Table | Sequence[Table]) -> PValue:
    r"""Test exactly whether the strata have one odds ratio.

    Parameters
    ----------
    tables : Table of shape (n_strata, n_pairs), or sequence of n_strata Tables of one shape
        Counts of reports in each stratum.

    Returns
    -------
    PValue, shape (n_pairs,)
        Probability of tables no more likely than those observed. States: ``no_report``,
        ``too_few_strata``, ``too_many_tables``.

    Raises
    ------
    ValueError
        If there is no stratum, or shapes differ.

    Notes
    -----
    Zelen's test [1]_. Given the margins of each stratum and the sum of its pair counts over strata,

    .. math:: P(a_1, \ldots, a_K) \propto \prod_k \binom{n_k}{a_k} \binom{N_k - n_k}{m_k - a_k}

    if the odds ratios are equal, whatever they are. The p-value adds the probabilities that are at
    most that of the observed tables, or above it by less than 1e-7 of it (rounding). It is
    conservative, as tests with discrete distributions are.

    Where more than a million tables would have to be enumerated the state is ``too_many_tables``:
    counts are then large, and `heterogeneity` approximates well.

    References
    ----------
    .. [1] Zelen M (1971). The analysis of several 2 x 2 contingency tables. Biometrika, 58(1),
       129-137.

    Examples
    --------
    All three of 3 in one stratum and none of 3 in the other: one of the two most extreme tables.

    >>> test = exact_heterogeneity(Table([[3], [0]], [[3], [3]], [[3], [3]], [[6], [6]]))
    >>> test.p.round(6)
    array([0.012195])
    """
    return conditional_test(stacked(tables), alternative="two-sided")


def conditional_test(stack: Table, *, alternative: Alternative) -> PValue:
    """Test the pair counts of strata against their distribution given all margins and their sum.

    Parameters
    ----------
    stack : Table, shape (n_strata, ...)
        Counts of reports in each stratum.
    alternative : "two-sided" or "greater"
        Tables no more likely than the observed, or a pair count of the first informative stratum
        that is no smaller.

    Returns
    -------
    PValue, shape (...)
        As `exact_heterogeneity`.
    """
    shape = stack.n_pair.shape[1:]
    informative = is_informative(stack)
    p, log_p = np.full(shape, np.nan), np.full(shape, np.nan)
    few = informative.sum(axis=0) < 2  # noqa: PLR2004 - with one there is nothing to compare
    no_report = stack.n_pair.sum(axis=0) == 0
    many = np.zeros(shape, dtype=bool)
    for pair in np.ndindex(shape):
        if few[pair] or no_report[pair]:
            continue
        where = np.flatnonzero(informative[(slice(None), *pair)])
        strata = [
            tuple(
                int(x[(i, *pair)])
                for x in (stack.n_pair, stack.n_product, stack.n_event, stack.n_total)
            )
            for i in where
        ]
        found = _log_p(strata, alternative)
        if found is None:
            many[pair] = True
        else:
            log_p[pair], p[pair] = found, math.exp(found)
    state = first_reason(
        ("no_report", no_report), ("too_few_strata", few), ("too_many_tables", many)
    )
    return PValue(where_defined(p, state), where_defined(log_p, state), state)


_Stratum = tuple[int, ...]  # pair, product, event, total


def _log_p(strata: list[_Stratum], alternative: Alternative) -> float | None:
    supports = _supports(strata)
    sizes = sorted(high - low + 1 for low, high in supports)
    if math.prod(sizes[:-1]) > MOST_TABLES:  # the widest has no more counts than these
        return None
    # The widest comes last, where its count follows from the others. Equals are told apart by their
    # counts, so the order of strata changes no bit.
    order = sorted(range(len(strata)), key=lambda k: (supports[k][1] - supports[k][0], strata[k]))
    total = sum(stratum[0] for stratum in strata)
    sums, weights, first = np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros(1, dtype=np.int64)
    for k in order[:-1]:
        low, high = supports[k]
        counts = np.arange(low, high + 1)
        own = _log_weights(strata[k], low, high)
        sums = (sums[:, np.newaxis] + counts).ravel()
        weights = (weights[:, np.newaxis] + own).ravel()
        first = (first[:, np.newaxis] + (counts if k == 0 else 0 * counts)).ravel()
    low, high = supports[order[-1]]
    rest = total - sums
    kept = (rest >= low) & (rest <= high)
    rest, first = rest[kept], first[kept] if order[-1] != 0 else rest[kept]
    last = _log_weights(strata[order[-1]], low, high)
    weights = weights[kept] + last[rest - low]
    if alternative == "greater":
        is_extreme = first >= strata[0][0]
    else:
        observed = _observed_weight(strata, supports, order)
        is_extreme = weights <= observed + _TIE
    return log_sum(weights[is_extreme]) - log_sum(weights)


def _supports(strata: list[_Stratum]) -> list[tuple[int, int]]:
    """Give the least and greatest pair count of each stratum, given margins and the sum."""
    alone = [(max(0, n1 + m - n), min(n1, m)) for _, n1, m, n in strata]
    total = sum(stratum[0] for stratum in strata)
    lows, highs = sum(low for low, _ in alone), sum(high for _, high in alone)
    return [
        (max(low, total - (highs - high)), min(high, total - (lows - low))) for low, high in alone
    ]


def _log_weights(stratum: _Stratum, low: int, high: int) -> NDArray[np.float64]:
    """Hypergeometric probabilities of a range of counts, relative to the first, as logarithms."""
    _, n1, m, n = stratum
    a = np.arange(low, high, dtype=np.float64)
    up = (n1 - a) * (m - a) / ((a + 1) * (n - n1 - m + a + 1))
    return np.concatenate([[0.0], np.cumsum(log(up))])


def _observed_weight(
    strata: list[_Stratum], supports: list[tuple[int, int]], order: list[int]
) -> float:
    weight = 0.0
    for k in order:
        low, high = supports[k]
        weight += float(_log_weights(strata[k], low, high)[strata[k][0] - low])
    return weight
