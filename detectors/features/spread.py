"""From how many sources a pair's reports came: reporters, senders, hospitals, or countries."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.elementary import exp
from detectors.estimate import PValue, Statistic, first_reason, where_defined
from detectors.features.axis import as_rows, as_weights, places, require_work
from detectors.features.tails import (
    LEAST_LOG,
    binomial_mass,
    binomial_p,
    binomial_tail,
    summed_p,
)
from detectors.validation import refuse_where, require_one_index

MOST_WORK = 30_000_000  # additions for one exact probability: under a second


@dataclass(frozen=True, eq=False)
class Spread:
    """How a pair's reports are spread over their sources.

    Attributes
    ----------
    n_sources : ndarray of int64
        Sources that sent a report of the pair.
    effective : Statistic, of the same shape
        Sources of equal size that would make two reports come from one source as often, two drawn
        with replacement: from 1 to `n_sources`. State: ``no_report``.
    effective_unbiased : Statistic, of the same shape
        The same for two different reports. States: ``no_report``, ``too_few``, ``no_repeat``.
    largest : ndarray of int64, of the same shape
        The source with the most reports, the first of equals; 0 where there is no report.
    largest_share : Statistic, of the same shape
        Its share of the reports, in (0, 1]. State: ``no_report``.
    """

    n_sources: NDArray[np.int64]
    effective: Statistic
    effective_unbiased: Statistic
    largest: NDArray[np.int64]
    largest_share: Statistic


@dataclass(frozen=True, eq=False)
class Dominance:
    """Whether one source sent more of a pair's reports than its size explains.

    Attributes
    ----------
    source : ndarray of int64
        The source with the smallest binomial probability, the first of equals.
    p : PValue, of the same shape
        Exact chance that some source would have one as small. States: ``no_report``, ``too_few``,
        ``one_source``, ``beyond_exact``.
    p_bound : PValue, of the same shape
        The smallest binomial probability times the number of sources, at most 1: never below `p`.
        States: ``no_report``, ``too_few``, ``one_source``.
    """

    source: NDArray[np.int64]
    p: PValue
    p_bound: PValue


def spread(by_source: ArrayLike) -> Spread:
    r"""Measure how evenly a pair's reports are spread over their sources.

    Parameters
    ----------
    by_source : array_like of whole numbers, shape (..., n_sources)
        Reports of each pair by source.

    Returns
    -------
    Spread
        Effective numbers of sources, and the share of the largest.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, or there is no source.

    Notes
    -----
    `effective` is :math:`n^2 / \sum x_j^2`. `effective_unbiased` is
    :math:`n (n-1) / \sum x_j (x_j - 1)`: the denominator over the numerator is Simpson's unbiased
    estimate [1]_ of the chance that two reports share a source; its inverse is not unbiased. If no
    source sent two reports it has no finite value, and its state is ``no_repeat``.

    References
    ----------
    .. [1] Simpson EH (1949). Measurement of diversity. Nature, 163, 688.

    Examples
    --------
    >>> found = spread([[4, 0, 0], [2, 1, 1]])
    >>> found.effective.value.round(4).tolist(), found.effective_unbiased.value.tolist()
    ([1.0, 2.6667], [1.0, 6.0])
    """
    counts = as_rows("by_source", by_source)
    n = np.asarray(counts.sum(axis=-1))
    real, total = counts.astype(np.float64), n.astype(np.float64)
    squares, pairs = (np.sort(real * (real - less)).sum(axis=-1) for less in (0.0, 1.0))
    some = first_reason(("no_report", n == 0))
    two = first_reason(("no_report", n == 0), ("too_few", n == 1), ("no_repeat", pairs == 0))
    largest = np.asarray(counts.max(axis=-1)) / np.maximum(n, 1)
    return Spread(
        n_sources=np.asarray(np.count_nonzero(counts, axis=-1)),
        effective=_quotient(total * total, squares, some),
        effective_unbiased=_quotient(total * (total - 1.0), pairs, two),
        largest=np.asarray(counts.argmax(axis=-1)),
        largest_share=Statistic(value=where_defined(largest, some), state=some),
    )


def _quotient(
    above: NDArray[np.float64], below: NDArray[np.float64], state: NDArray[np.str_]
) -> Statistic:
    safe = np.where(state == "defined", below, 1.0)
    return Statistic(value=where_defined(above / safe, state), state=state)


def dominance(
    by_source: ArrayLike, all_by_source: ArrayLike, *, most_work: int = MOST_WORK
) -> Dominance:
    r"""Test whether some source sent more of a pair's reports than its share of all reports.

    Parameters
    ----------
    by_source : array_like of whole numbers, shape (..., n_sources)
        Reports of each pair by source.
    all_by_source : array_like of whole numbers, shape (n_sources,)
        All reports of each source, those of the pairs among them.
    most_work : int, default: 30_000_000
        Additions that one exact probability may take.

    Returns
    -------
    Dominance
        The source that stands out most, with an exact *p* and a bound.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, shapes do not fit, or a source has more
        reports of a pair than reports.

    Notes
    -----
    Given the *n* reports of a pair, the null has each come from source *j* with probability
    :math:`\pi_j`, its share of all reports. For each source :math:`p_j = P(X \ge x_j)` is binomial;
    the statistic is the smallest. Its *p* is the chance that some source has a probability as
    small: one minus the chance that every source stays below the count at which it would, which is
    a product of truncated Poisson laws given their sum [1]_, here as a walk over the sources in
    which every term is positive. No source is tested twice, and a large country with its share of
    the reports does not stand out.

    The sources are taken to report independently. All reports of one source can also be the mark
    of a careful reporter; the feature says where to look. As in `trend`, the pair's own reports
    are part of the shares.

    References
    ----------
    .. [1] Levin B (1981). A representation for multinomial cumulative distribution functions.
       Annals of Statistics, 9(5), 1123-1126.

    Examples
    --------
    Three reports, all from one of two sources of one size; either might have sent them:

    >>> found = dominance([3, 0], [100, 100])
    >>> int(found.source), round(float(found.p.p), 12)
    (0, 0.25)
    """
    require_one_index(by_source=by_source, all_by_source=all_by_source)
    require_work(most_work)
    counts = as_rows("by_source", by_source)
    weights = as_weights("all_by_source", all_by_source, counts.shape[-1])
    refuse_where(counts > weights, "by_source", counts, "must not exceed all_by_source")
    n = np.asarray(counts.sum(axis=-1))
    one = np.full(n.shape, np.count_nonzero(weights) == 1)
    state = first_reason(("no_report", n == 0), ("too_few", n == 1), ("one_source", one))
    share = weights / weights.sum()
    draws, chances = (np.broadcast_to(x, counts.shape) for x in (n[..., np.newaxis], share))
    each = binomial_p(draws, counts, chances, _all_defined(counts))
    source = np.asarray(each.log_p.argmin(axis=-1))
    log_least = np.take_along_axis(each.log_p, source[..., np.newaxis], axis=-1)
    log_least = np.asarray(log_least[..., 0])
    p = np.full(n.shape, np.nan)
    for i in places((state == "defined") & (log_least > LEAST_LOG)):
        p[i] = _chance_of_as_small(int(n[i]), each.p[i].min(), weights, most_work)
    return Dominance(source=source, p=summed_p(p, state), p_bound=_bound(log_least, weights, state))


def _all_defined(counts: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.full(counts.shape, "defined")


def _bound(
    log_least: NDArray[np.float64], weights: NDArray[np.int64], state: NDArray[np.str_]
) -> PValue:
    """Add up over the sources (Bonferroni)."""
    n_sources = float(np.count_nonzero(weights))
    log_p = np.minimum(log_least + math.log(n_sources), 0.0)
    return PValue(
        p=where_defined(exp(log_p), state), log_p=where_defined(log_p, state), state=state
    )


def _chance_of_as_small(
    n_reports: int, least: float, weights: NDArray[np.int64], most_work: int
) -> float:
    """Walk over the sources, the smallest first, and leave where one has as small a chance."""
    ordered = np.sort(weights[weights > 0])  # else the last bits would depend on their order
    share = ordered / ordered.sum()
    enough = _enough(n_reports, least, share)
    if (n_reports + 1) * sum(enough) > most_work:
        return math.nan
    left = n_reports - np.arange(n_reports + 1)
    walk, taken = np.where(left == n_reports, 1.0, 0.0), []
    chances = (ordered / np.cumsum(ordered[::-1])[::-1]).tolist()
    for chance, needed in zip(chances, enough, strict=True):
        taken.extend((walk * binomial_tail(left, needed, chance)).tolist())
        later = np.zeros_like(walk)
        for new in range(needed):
            kept = slice(0, n_reports + 1 - new)
            later[new:] += walk[kept] * binomial_mass(left[kept], new, chance)
        walk = later
    return math.fsum(taken)


def _enough(n_reports: int, least: float, share: NDArray[np.float64]) -> list[int]:
    """Give for each source the fewest reports with a chance no greater, n + 1 if none is."""
    distinct, place = np.unique(share, return_inverse=True)
    tails = binomial_tail(n_reports, np.arange(n_reports + 1), distinct[:, np.newaxis])
    enough: list[int] = np.count_nonzero(tails > least, axis=1)[place].tolist()
    return enough
