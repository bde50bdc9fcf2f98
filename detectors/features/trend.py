"""Reports of a pair over calendar periods, against all reports of the same periods."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from detectors.estimate import Estimate, PValue, Statistic, first_reason, where_defined
from detectors.features.axis import as_rows, as_weights, require_work
from detectors.features.tails import binomial_p, summed_p
from detectors.validation import refuse_where, require_between, require_one_index

MOST_WORK = 300_000_000  # additions for the distributions of all counts together: about a second


@dataclass(frozen=True, eq=False)
class Trend:
    """Whether a pair's share of the reports grows.

    Attributes
    ----------
    z : Statistic
        Standardised score; positive if the share grows.
    p : PValue, of the same shape
        Exact chance of at least this score if the share does not change.
    """

    z: Statistic
    p: PValue


def trend(by_period: ArrayLike, totals: ArrayLike, *, most_work: int = MOST_WORK) -> Trend:
    r"""Test whether a pair's share of the reports grows from period to period.

    Parameters
    ----------
    by_period : array_like of whole numbers, shape (..., n_periods)
        Reports of each pair by period, the earliest first.
    totals : array_like of whole numbers, shape (n_periods,)
        All reports of each period, those of the pairs among them.
    most_work : int, default: 300_000_000
        Additions that the exact distributions may take in all.

    Returns
    -------
    Trend
        Scores with exact one-sided *p*. States: ``no_report``, ``one_period``, and for *p* also
        ``beyond_exact``.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, shapes do not fit, or a pair has more
        reports in a period than there are.

    Notes
    -----
    A database that grows gives every pair more reports; only a growing share is a trend. Given the
    *n* reports of a pair, the null has each fall in period *t* with probability
    :math:`\pi_t = T_t / \sum T`. The score is :math:`S = \sum_t t x_t` with *t* from 0, as in the
    test for trend of Cochran [1]_ and Armitage [2]_; *z* is
    :math:`(S - n \bar t) / \sqrt{n \operatorname{var} t}` under these probabilities, and *p* is
    :math:`P(S \ge s)` from the *n*-fold convolution, whose terms are positive and whose scores are
    whole numbers: nothing is approximated. For a falling share, turn both arguments around.

    A pair's reports are a part of the totals, without replacement; the multinomial law ignores
    this, which makes the variance too large by the pair's share of all reports. For a product that
    is new in the database the share grows by its arrival: then use the product's own reports as
    totals, and the test asks whether the event became more frequent among them.

    References
    ----------
    .. [1] Cochran WG (1954). Some methods for strengthening the common chi-square tests.
       Biometrics, 10(4), 417-451.
    .. [2] Armitage P (1955). Tests for linear trends in proportions and frequencies. Biometrics,
       11(3), 375-386.

    Examples
    --------
    Two reports, both in the last of three periods of one size:

    >>> found = trend([0, 0, 2], [100, 100, 100])
    >>> round(float(found.z.value), 6), round(float(found.p.p), 12)
    (1.732051, 0.111111111111)
    """
    require_one_index(by_period=by_period, totals=totals)
    require_work(most_work)
    counts, weights = _checked(by_period, totals)
    n = np.asarray(counts.sum(axis=-1))
    scores = np.arange(counts.shape[-1])
    score = np.asarray((counts.astype(np.float64) * scores).sum(axis=-1))
    state = _state(n, weights)
    share = weights / weights.sum()
    mean = math.fsum((share * scores).tolist())
    variance = math.fsum((share * (scores - mean) ** 2).tolist())
    deviation = np.sqrt(np.where(state == "defined", n * variance, 1.0))
    z = Statistic(value=where_defined((score - n * mean) / deviation, state), state=state)
    p = _upper_tails(n, score, state, share, most_work)
    return Trend(z=z, p=summed_p(p, state))


def _checked(
    by_period: ArrayLike, totals: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    counts = as_rows("by_period", by_period)
    weights = as_weights("totals", totals, counts.shape[-1])
    refuse_where(counts > weights, "by_period", counts, "must not exceed totals")
    return counts, weights


def _state(n: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.str_]:
    one = np.count_nonzero(weights) == 1
    return first_reason(("no_report", n == 0), ("one_period", np.full(n.shape, one)))


def _upper_tails(
    n: NDArray[np.int64],
    score: NDArray[np.float64],
    state: NDArray[np.str_],
    share: NDArray[np.float64],
    most_work: int,
) -> NDArray[np.float64]:
    """Walk from one report to the greatest number, and stop where an answer is wanted."""
    p = np.full(n.shape, np.nan)
    wanted = np.unique(n[state == "defined"]).tolist()
    reach = len(share) - 1
    masses, reports = np.ones(1), 0
    for n_reports in wanted:
        if n_reports**2 * len(share) ** 2 > 2 * most_work:
            break
        for _ in range(n_reports - reports):
            longer = np.zeros(len(masses) + reach)
            for t, chance in enumerate(share.tolist()):
                longer[t : t + len(masses)] += chance * masses
            masses = longer
        reports = n_reports
        tails = np.cumsum(masses[::-1])[::-1]
        here = (n == n_reports) & (state == "defined")
        p[here] = tails[score[here].astype(np.int64)]
    return p


def latest(by_period: ArrayLike, totals: ArrayLike) -> PValue:
    r"""Test whether the last period has more of a pair's reports than its share of all.

    Parameters
    ----------
    by_period : array_like of whole numbers, shape (..., n_periods)
        Reports of each pair by period, the earliest first.
    totals : array_like of whole numbers, shape (n_periods,)
        All reports of each period, those of the pairs among them.

    Returns
    -------
    PValue
        Exact one-sided *p*. States: ``no_report``, ``one_period``.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, shapes do not fit, or a pair has more
        reports in a period than there are.

    Notes
    -----
    Given the *n* reports of a pair, those of the last period are binomial under the null, with
    probability :math:`T_P / \sum T`: the comparison of two Poisson rates by conditioning [1]_.
    A test at every period's end is made many times; it is a feature for ranking, no sequential
    test.

    References
    ----------
    .. [1] Przyborowski J, Wilenski H (1940). Homogeneity of results in testing samples from Poisson
       series. Biometrika, 31(3-4), 313-323.

    Examples
    --------
    >>> round(float(latest([1, 0, 3], [100, 100, 100]).p), 12)
    0.111111111111
    """
    require_one_index(by_period=by_period, totals=totals)
    counts, weights = _checked(by_period, totals)
    n = np.asarray(counts.sum(axis=-1))
    state = _state(n, weights)
    share = np.full(n.shape, weights[-1] / weights.sum())
    return binomial_p(n, np.asarray(counts[..., -1]), share, state)


def rate_ratio(
    by_period: ArrayLike, totals: ArrayLike, *, confidence_level: float = 0.95
) -> Estimate:
    r"""Compare each period's rate of a pair's reports with that of all other periods.

    Parameters
    ----------
    by_period : array_like of whole numbers, shape (..., n_periods)
        Reports of each pair by period.
    totals : array_like of whole numbers, shape (n_periods,)
        All reports of each period, those of the pairs among them.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Ratios of shape (..., n_periods) with exact limits. States: ``no_report`` where the pair has
        none at all, ``no_period`` where all reports are missing, ``one_period`` where
        all reports of the database or of the pair fall in this period.

    Raises
    ------
    ValueError
        If a count is negative, fractional or missing, shapes do not fit, a pair has more reports in
        a period than there are, or `confidence_level` is out of range.

    Notes
    -----
    The ratio is :math:`\frac{x_t / T_t}{(n - x_t) / (\sum T - T_t)}`. Given *n*, :math:`x_t` is
    binomial with probability :math:`\theta = r T_t / (r T_t + \sum T - T_t)`; the limits are those
    of Clopper and Pearson [1]_ for :math:`\theta`, turned into *r*. They cover at least as often
    as they say. A period without the pair's reports has a ratio and a lower limit of 0, which here
    is a number, and an upper limit.

    References
    ----------
    .. [1] Clopper CJ, Pearson ES (1934). The use of confidence or fiducial limits illustrated in
       the case of the binomial. Biometrika, 26(4), 404-413.

    Examples
    --------
    >>> found = rate_ratio([5, 5], [100, 100])
    >>> found.point.tolist(), found.upper.round(4).tolist()
    ([1.0, 1.0], [4.3451, 4.3451])
    """
    require_one_index(by_period=by_period, totals=totals)
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    counts, weights = _checked(by_period, totals)
    rest = counts.sum(axis=-1, keepdims=True) - counts
    others = weights.sum() - weights
    state = first_reason(
        ("no_report", counts + rest == 0),
        ("no_period", np.broadcast_to(weights == 0, counts.shape)),
        ("one_period", rest == 0),
    )
    x, y = (np.where(state == "defined", v, 1).astype(np.float64) for v in (counts, rest))
    scale = others / np.maximum(weights, 1)
    tail = 0.5 - confidence_level / 2
    lower = _odds(special.betaincinv(np.maximum(x, 1.0), y + 1.0, tail)) * (x > 0)
    upper = _odds(special.betainccinv(x + 1.0, y, tail))
    point, lower, upper = (where_defined(v * scale, state) for v in (x / y, lower, upper))
    return Estimate(point=point, lower=lower, upper=upper, state=state)


def _odds(share: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(share / (1.0 - share), dtype=np.float64)
