"""Time to onset: whether a pair's reports crowd into a few days, or come sooner than others'.

Days are whole numbers, so ties are the rule and not the exception: both tests are exact for them.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.elementary import exp
from detectors.estimate import PValue, Statistic, first_reason, where_defined
from detectors.features import clusters
from detectors.features.axis import as_rows, as_weights, places, refuse_without_weight, require_work
from detectors.features.tails import log_choose, summed_p
from detectors.validation import GREATEST_COUNT, require_between, require_one_index

MOST_WORK = 30_000_000  # additions for one exact probability: under a second

Alternative = Literal["earlier", "later", "two_sided"]


@dataclass(frozen=True, eq=False)
class Scan:
    """The fullest window of each pair, and how surprising it is.

    Attributes
    ----------
    n_reports : ndarray of int64
        Reports of each pair.
    most : ndarray of int64, of the same shape
        Reports in its fullest window.
    first_day : ndarray of int64, of the same shape
        First day of the earliest window that is as full.
    p : PValue, of the same shape
        Exact chance that some window would be as full. States: ``no_report``, ``too_few``,
        ``beyond_exact``.
    p_bound : PValue, of the same shape
        A probability that the exact one never exceeds, for pairs of any size. States:
        ``no_report``, ``too_few``.
    """

    n_reports: NDArray[np.int64]
    most: NDArray[np.int64]
    first_day: NDArray[np.int64]
    p: PValue
    p_bound: PValue


@dataclass(frozen=True, eq=False)
class Comparison:
    """Distance between the onsets of two groups of reports.

    Attributes
    ----------
    distance : Statistic
        Greatest difference of the two distribution functions, in [0, 1].
    p : PValue, of the same shape
        Its exact permutation probability.
    """

    distance: Statistic
    p: PValue


def scan(
    by_day: ArrayLike,
    *,
    width_days: int,
    background: ArrayLike | None = None,
    most_work: int = MOST_WORK,
) -> Scan:
    r"""Find the window of days with the most onsets, and the chance of one as full.

    Parameters
    ----------
    by_day : array_like of whole numbers, shape (..., n_days)
        Reports of each pair by whole days to onset, from day 0 to the end of the risk window.
        ``numpy.bincount(days, minlength=n_days)`` makes a row.
    width_days : int
        Days of a window, from 1 to ``n_days - 1``.
    background : array_like of whole numbers, shape (n_days,), optional
        Weight of each day under the null, such as other products' reports of the event; without
        it all days are alike.
    most_work : int, default: 30_000_000
        Additions that one exact probability may take; 5e7 take about a second.

    Returns
    -------
    Scan
        The fullest windows with an exact *p*, and a bound for all.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, an argument is out of range, shapes do not
        fit, or a report falls on a day without weight.

    Notes
    -----
    Given *n* reports, the null has each of them fall on a day of its own, day *d* with probability
    :math:`q_d`. The statistic is the largest sum over `width_days` days in a row, and *p* is the
    chance of at least this. It is the discrete scan statistic of Naus [1]_, with ties and unequal
    days, found by a walk over the days that remembers the reports of the last ``width_days - 1``
    of them. All its terms are positive, so that small probabilities keep their digits.

    The walk grows fast with the width and with the size of the fullest window. Where it takes more
    than `most_work`, the state of `p` is ``beyond_exact`` and no number stands there. `p_bound` is
    always there: the first window is full, or a later one is while the one before it is not, added
    up ([2]_, [3]_). It is never below the exact *p* but for rounding, so that a test on it keeps
    its level; it equals *p* if all reports lie in one window; elsewhere it exceeded a *p* below
    0.2 by 3 to 12 % in the settings tried, and it says little of a greater one.

    The width has to be chosen before the data are seen: the smallest *p* over several widths is no
    *p*. A background is taken as known; it should rest on many more reports than the pair has,
    else use `compare`. Onsets are reported late, rounded to weeks and months, and cut off by the
    day of the report: all three make clusters that no product caused.

    References
    ----------
    .. [1] Naus JI (1965). The distribution of the size of the maximum cluster of points on a line.
       Journal of the American Statistical Association, 60(310), 532-538.
    .. [2] Hunter D (1976). An upper bound for the probability of a union. Journal of Applied
       Probability, 13(3), 597-603.
    .. [3] Worsley KJ (1982). An improved Bonferroni inequality and applications. Biometrika,
       69(2), 297-302.

    Examples
    --------
    The birthday problem: among 23 people, two share a day with probability 0.5073.

    >>> found = scan(np.bincount([*range(1, 22), 40, 40], minlength=365), width_days=1)
    >>> int(found.most), int(found.first_day), round(float(found.p.p), 4)
    (2, 40, 0.5073)
    """
    require_one_index(by_day=by_day, background=background)
    counts = as_rows("by_day", by_day, least=2)
    n_days = counts.shape[-1]
    require_between("width_days", width_days, 0, n_days)
    if width_days != int(width_days):
        raise ValueError(f"width_days is {width_days}: must be a whole number")
    require_work(most_work)
    weight = np.ones(n_days, dtype=np.int64)
    if background is not None:
        weight = as_weights("background", background, n_days)
        refuse_without_weight("by_day", counts, "background", weight)
    running = np.cumsum(np.concatenate([np.zeros_like(counts[..., :1]), counts], axis=-1), axis=-1)
    windows = running[..., width_days:] - running[..., :-width_days]
    n_reports, most = np.asarray(running[..., -1]), np.asarray(windows.max(axis=-1))
    p, p_bound = _scan_p(n_reports, most, width_days, weight, most_work)
    first_day = np.asarray(windows.argmax(axis=-1))
    return Scan(n_reports=n_reports, most=most, first_day=first_day, p=p, p_bound=p_bound)


def _scan_p(
    n_reports: NDArray[np.int64],
    most: NDArray[np.int64],
    width_days: int,
    weight: NDArray[np.int64],
    most_work: int,
) -> tuple[PValue, PValue]:
    state = first_reason(("no_report", n_reports == 0), ("too_few", n_reports == 1))
    p, log_bound = np.full(state.shape, np.nan), np.full(state.shape, np.nan)
    many = state == "defined"
    for n, k in sorted(set(zip(n_reports[many].tolist(), most[many].tolist(), strict=True))):
        here = many & (n_reports == n) & (most == k)
        log_bound[here] = clusters.log_bound(n, k, width_days=width_days, weight=weight)
        if n == k:  # then the bound is no bound but the chance
            p[here] = exp(log_bound[here])
        elif clusters.work(n, k, width_days=width_days, n_days=len(weight)) <= most_work:
            p[here] = clusters.exact_chance(n, k, width_days=width_days, weight=weight)
    bound = PValue(p=exp(log_bound), log_p=log_bound, state=state)
    return summed_p(p, state), bound


def compare(
    by_day: ArrayLike,
    others_by_day: ArrayLike,
    *,
    alternative: Alternative = "earlier",
    most_work: int = MOST_WORK,
) -> Comparison:
    r"""Compare a pair's onsets with those of other products, by an exact test that allows ties.

    Parameters
    ----------
    by_day : array_like of whole numbers, shape (..., n_days)
        Reports of each pair by whole days to onset.
    others_by_day : array_like of whole numbers, of a shape that broadcasts
        Reports of the same event with other products, without those of the pair.
    alternative : {"earlier", "later", "two_sided"}, default: "earlier"
        What speaks against the null: more of the pair's onsets up to some day than of the
        others', fewer, or either.
    most_work : int, default: 30_000_000
        Steps that one probability may take.

    Returns
    -------
    Comparison
        Smirnov distances with exact *p*. States: ``no_report``, ``no_other_report``, and for *p*
        also ``beyond_exact``.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, shapes do not fit, the product of the two
        sample sizes exceeds 2**53, or `alternative` is unknown.

    Notes
    -----
    The distance is :math:`\max_d (F(d) - G(d))` for ``earlier``, with *F* of the pair and *G* of
    the others. Under the null the pair's reports are a random choice from all of them, so that,
    given how many fall on each day, the pair's share of a day is hypergeometric; *p* adds up, day
    by day, the choices that reach the observed distance. Distances are compared as whole numbers.
    SciPy's exact method assumes no ties, and is conservative with them; the two agree without [1]_.

    References
    ----------
    .. [1] Schroer G, Trenkler D (1995). Exact and randomization distributions of
       Kolmogorov-Smirnov tests two or three samples. Computational Statistics and Data Analysis,
       20(2), 185-202.

    Examples
    --------
    Three onsets before all of three others, of twenty ways to choose three:

    >>> found = compare([2, 1, 0, 0], [0, 0, 1, 2])
    >>> float(found.distance.value), round(float(found.p.p), 12)
    (1.0, 0.05)
    """
    require_one_index(by_day=by_day, others_by_day=others_by_day)
    if alternative not in get_args(Alternative):
        raise ValueError(f"alternative is {alternative!r}: must be one of {get_args(Alternative)}")
    require_work(most_work)
    pair, others = _fitting(as_rows("by_day", by_day), as_rows("others_by_day", others_by_day))
    n_pair, n_others = np.asarray(pair.sum(axis=-1)), np.asarray(others.sum(axis=-1))
    if (n_pair.astype(np.float64) * (n_pair + n_others) > GREATEST_COUNT).any():
        raise ValueError("by_day and others_by_day: their sums' product must be at most 2**53")
    state = first_reason(("no_report", n_pair == 0), ("no_other_report", n_others == 0))
    reached = _lead(pair, others, alternative)
    p = np.full(state.shape, np.nan)
    for i in places(state == "defined"):
        if _steps(pair[i], others[i]) <= most_work:
            p[i] = _chance_of_lead(pair[i], others[i], int(reached[i]), alternative)
    scale = np.maximum(n_pair * n_others, 1)
    distance = Statistic(value=where_defined(reached / scale, state), state=state)
    return Comparison(distance=distance, p=summed_p(p, state))


def _fitting(
    pair: NDArray[np.int64], others: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if pair.shape[-1] != others.shape[-1]:
        rule = f"must fit by_day's, {pair.shape}"
        raise ValueError(f"others_by_day has shape {others.shape}: {rule}")
    pair, others = np.broadcast_arrays(pair, others)
    return pair, others


def _lead(
    pair: NDArray[np.int64], others: NDArray[np.int64], alternative: Alternative
) -> NDArray[np.int64]:
    """Give the distance times both sample sizes, a whole number."""
    up_to, others_up_to = np.cumsum(pair, axis=-1), np.cumsum(others, axis=-1)
    difference = up_to * others_up_to[..., -1:] - others_up_to * up_to[..., -1:]
    return np.asarray(_against(difference, alternative).max(axis=-1))


def _against(difference: NDArray[np.int64], alternative: Alternative) -> NDArray[np.int64]:
    if alternative == "two_sided":
        return np.abs(difference)
    return difference if alternative == "earlier" else -difference


def _steps(pair: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    n_pair = int(pair.sum())
    return (n_pair + 1) * int(np.minimum(pair + others + 1, n_pair + 1).sum())


def _chance_of_lead(
    pair: NDArray[np.int64], others: NDArray[np.int64], reached: int, alternative: Alternative
) -> float:
    n_pair, n_all = int(pair.sum()), int(pair.sum() + others.sum())
    column = np.arange(n_pair + 1)  # the pair's reports up to a day
    walk, passed, taken = np.where(column == 0, 1.0, 0.0), 0, []
    for today in (pair + others)[pair + others > 0].tolist():
        later = np.zeros_like(walk)
        for new in range(min(today, n_pair) + 1):
            kept = slice(0, n_pair + 1 - new)
            share = _share(new, today, n_pair - column[kept], n_all - passed)
            later[new:] += walk[kept] * share
        passed += today
        lead = _against(column * n_all - passed * n_pair, alternative)
        taken.extend(later[lead >= reached].tolist())
        walk = np.where(lead >= reached, 0.0, later)
    return math.fsum(taken)


def _share(new: int, today: int, left: NDArray[np.int64], n_left: int) -> NDArray[np.float64]:
    """Give the hypergeometric chance that so many of a day's reports are the pair's."""
    possible = (new <= left) & (left - new <= n_left - today)
    left = np.where(possible, left, new)
    logs = log_choose(today, new) - log_choose(n_left, left)
    return np.where(possible, exp(logs + log_choose(n_left - today, left - new)), 0.0)
