"""Many hypotheses at once: which to reject so that few of the rejections are false.

The family is what is passed in, and the caller says in words what it is. Every procedure here goes
up from the weakest value (step-up), and what it gives does not depend on the order of the values.

A value exactly on its limit is rejected. The numbers given are taken as the doubles they are, and
wherever rounding could decide, fractions without rounding do. Logarithms cannot be compared so:
those within their rounding of the limit count as on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from detectors.elementary import exp, log
from detectors.validation import as_counts, as_numbers_within, require_between

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

ROUNDING = 2.0**-49  # relative; more than a few products and quotients of doubles can be off
MOST_FRACTIONS = 1_000  # hypotheses whose harmonic sum is taken without rounding


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was rejected, and how far each value was from it.

    Attributes
    ----------
    rejected : ndarray of bool, of the shape of the values
        Whether each hypothesis is rejected; False where the value is NaN.
    adjusted : ndarray of float64, of the same shape
        Smallest `alpha` at which each would be rejected, in [0, 1]: the adjusted p, the q, or one
        over the adjusted e; a few roundings off where that is away from `alpha`. NaN where the
        value is NaN.
    log_adjusted : ndarray of float64, of the same shape
        Natural logarithms of `adjusted`, which exist where it underflows.
    threshold : float
        Critical value, on the scale of the values: each p at or below it is rejected, each e at or
        above; of logarithms up to a rounding, where `adjusted` decides. Where nothing is rejected,
        what the strongest value alone would have had to reach. NaN for a family of none.
    n_rejected : int
        Number of hypotheses rejected.
    n_hypotheses : int
        Size of the family.
    null_fraction : float
        Fraction of true null hypotheses that `adjusted` allows for; 1 but for `storey_q`.
    """

    rejected: NDArray[np.bool_]
    adjusted: NDArray[np.float64]
    log_adjusted: NDArray[np.float64]
    threshold: float
    n_rejected: int
    n_hypotheses: int
    null_fraction: float


def bh(
    p: ArrayLike, *, alpha: float, n_hypotheses: int | None = None, is_log: bool = False
) -> Decisions:
    r"""Control the false discovery rate by the procedure of Benjamini and Hochberg.

    Parameters
    ----------
    p : array_like, of any shape
        Valid p-values in [0, 1], or their natural logarithms. NaN means "not tested".
    alpha : float
        False discovery rate allowed, in (0, 1).
    n_hypotheses : int, optional
        Size of the family where `p` is only a part of it, at least the number of tested values.
        Every hypothesis left out counts as ``p = 1``.
    is_log : bool, default: False
        Whether `p` holds logarithms, which a far tail needs.

    Returns
    -------
    Decisions
        Adjusted p-values; `rejected` is ``adjusted <= alpha``, on the scale of `p`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    With the *m* p-values in rising order, the adjusted value of the *i*-th is
    :math:`\min_{j \ge i} \min(1, m p_{(j)} / j)` [1]_.

    Controls the expected fraction of false rejections at `alpha` times the fraction of true null
    hypotheses if the p-values of these are independent of each other and of the rest [1]_, and
    at most at `alpha` if they are positively dependent in the sense of PRDS [2]_; pairs that share
    a report, a product or an event need not be. Under other dependence use `by` or `e_bh`.

    Exact p-values of counts are discrete: they are valid, so that control holds, but the rate falls
    short of `alpha`, the more so the smaller the counts. A mid-p is not valid, and nothing is
    controlled with it.

    A NaN is outside the family and does not count in *m*. That is right only where untested
    hypotheses were chosen without a look at their result. Where they were left out because their p
    is large, give the size of the whole family: if every p left out exceeds `alpha`, then the
    rejections, and every adjusted value up to `alpha`, are the same as for the whole family; other
    adjusted values are no less. A screen may thus skip each pair reported no more often than
    expected: its one-sided exact p, hypergeometric, binomial or Poisson, exceeds a half, since the
    median of such a count is not below the whole number next under its mean [3]_.

    References
    ----------
    .. [1] Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and
       powerful approach to multiple testing. Journal of the Royal Statistical Society B, 57(1),
       289-300.
    .. [2] Benjamini Y, Yekutieli D (2001). The control of the false discovery rate in multiple
       testing under dependency. Annals of Statistics, 29(4), 1165-1188.
    .. [3] Jogdeo K, Samuels SM (1968). Monotone convergence of binomial probabilities and a
       generalization of Ramanujan's equation. Annals of Mathematical Statistics, 39(4), 1191-1195.

    Examples
    --------
    The fifteen p-values of the example in [1]_, of which four are rejected.

    >>> p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
    ...      0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    >>> bh(p, alpha=0.05).n_rejected
    4
    """
    _require_alpha(alpha)
    family = _family("p", p, n_hypotheses, is_log=is_log, top=1.0)
    return _from_p(family, alpha, price=Fraction(family.n_hypotheses))


def by(
    p: ArrayLike, *, alpha: float, n_hypotheses: int | None = None, is_log: bool = False
) -> Decisions:
    r"""Control the false discovery rate under any dependence, by Benjamini and Yekutieli.

    Parameters
    ----------
    p : array_like, of any shape
        Valid p-values in [0, 1], or their natural logarithms. NaN means "not tested".
    alpha : float
        False discovery rate allowed, in (0, 1).
    n_hypotheses : int, optional
        Size of the family where `p` is only a part of it, as for `bh`.
    is_log : bool, default: False
        Whether `p` holds logarithms.

    Returns
    -------
    Decisions
        Adjusted p-values; `rejected` is ``adjusted <= alpha``, on the scale of `p`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    `bh` with every adjusted value multiplied by :math:`c_m = \sum_{i=1}^m 1/i` [1]_. Controls the
    false discovery rate whatever the dependence of the p-values. The price grows with the family:
    :math:`c_m` is 12.1 for a hundred thousand hypotheses. What `bh` says on NaN, discrete p-values
    and `n_hypotheses` holds here as well.

    References
    ----------
    .. [1] Benjamini Y, Yekutieli D (2001). The control of the false discovery rate in multiple
       testing under dependency. Annals of Statistics, 29(4), 1165-1188.

    Examples
    --------
    >>> by([0.001, 0.02, 0.5], alpha=0.05).adjusted.round(6)
    array([0.0055  , 0.055   , 0.916667])
    """
    _require_alpha(alpha)
    family = _family("p", p, n_hypotheses, is_log=is_log, top=1.0)
    m = family.n_hypotheses
    return _from_p(family, alpha, price=m * _harmonic(m))


def storey_q(
    p: ArrayLike,
    *,
    alpha: float,
    lambda_: float = 0.5,
    n_hypotheses: int | None = None,
    is_log: bool = False,
) -> Decisions:
    r"""Control the false discovery rate with an estimate of how many nulls are true.

    Parameters
    ----------
    p : array_like, of any shape
        Valid p-values in [0, 1], or their natural logarithms. NaN means "not tested".
    alpha : float
        False discovery rate allowed, in (0, 1).
    lambda_ : float, default: 0.5
        p-values above this count as true nulls, in (0, 1). Fix it before looking at the data.
    n_hypotheses : int, optional
        Size of the family where `p` is only a part of it. Every p left out must exceed both
        `alpha` and `lambda_`; then all is as for the whole family.
    is_log : bool, default: False
        Whether `p` holds logarithms.

    Returns
    -------
    Decisions
        q-values; `rejected` is ``adjusted <= alpha``, on the scale of `p`. The estimate is in
        `null_fraction`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The conservative estimate [1]_ with one added to the count,
    :math:`\hat\pi_0 = (1 + \#\{p > \lambda\}) / (m (1 - \lambda))`, times the adjusted value of
    `bh`; the q-value of a p above :math:`\lambda` is 1, so that none of those is rejected. With
    both, the false discovery rate is controlled in finite families if the p-values of true nulls
    are uniform, and independent of each other and of the rest [1]_; larger ones, as those of exact
    tests are, raise the estimate and keep the control. Under dependence there is none, not even
    under a positive one.

    The estimate is not cut at 1, since the proof has no cut. It exceeds 1 where more p-values lie
    above :math:`\lambda` than uniform ones would, as discrete p-values of small counts do, and in
    very small families; q is then larger than the adjusted value of `bh`, which is the better
    choice there.

    References
    ----------
    .. [1] Storey JD, Taylor JE, Siegmund D (2004). Strong control, conservative point estimation
       and simultaneous conservative consistency of false discovery rates: a unified approach.
       Journal of the Royal Statistical Society B, 66(1), 187-205.

    Examples
    --------
    >>> found = storey_q([0.001, 0.01, 0.02, 0.03, 0.04, 0.8], alpha=0.05)
    >>> round(found.null_fraction, 6), found.n_rejected
    (0.666667, 5)
    """
    _require_alpha(alpha)
    require_between("lambda_", lambda_, 0.0, 1.0)
    family = _family("p", p, n_hypotheses, is_log=is_log, top=1.0)
    limit = math.log(lambda_) if is_log else lambda_
    n_small = int(np.count_nonzero(family.values <= limit))
    n_large = family.n_hypotheses - n_small
    price = (1 + n_large) / (1 - Fraction(lambda_))
    return _from_p(family, alpha, price=price, greatest=limit)


def e_bh(
    e: ArrayLike, *, alpha: float, n_hypotheses: int | None = None, is_log: bool = False
) -> Decisions:
    r"""Control the false discovery rate with e-values, whatever their dependence.

    Parameters
    ----------
    e : array_like, of any shape
        e-values, from 0 to infinity, or their natural logarithms. NaN means "not tested".
    alpha : float
        False discovery rate allowed, in (0, 1).
    n_hypotheses : int, optional
        Size of the family where `e` is only a part of it, at least the number of tested values.
        Every hypothesis left out counts as ``e = 0``.
    is_log : bool, default: False
        Whether `e` holds logarithms, which strong evidence needs.

    Returns
    -------
    Decisions
        `adjusted` is one over the adjusted e; `rejected` is ``adjusted <= alpha``, on the scale of
        `e`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    With the *m* e-values in falling order, `adjusted` of the *i*-th is
    :math:`\min_{j \ge i} \min(1, m / (j e_{[j]}))`; so the *k* strongest are rejected for the
    greatest *k* with :math:`e_{[k]} \ge m / (k \alpha)` [1]_.

    Controls the false discovery rate at `alpha` times the fraction of true null hypotheses, for
    any dependence whatever [1]_: between pairs that share reports, and between looks if each e is
    that of an e-process at the time of the look. It asks only that under its null each e-value has
    a mean of at most 1.

    If every e left out is below ``1 / alpha``, then the rejections, and every `adjusted` up to
    `alpha`, are the same as for the whole family; other values of `adjusted` are no less.

    References
    ----------
    .. [1] Wang R, Ramdas A (2022). False discovery rate control with e-values. Journal of the
       Royal Statistical Society B, 84(3), 822-852.

    Examples
    --------
    >>> e_bh([100.0, 45.0, 1.0], alpha=0.05).rejected
    array([ True,  True, False])
    """
    _require_alpha(alpha)
    family = _family("e", e, n_hypotheses, is_log=is_log, top=math.inf)
    m, order = Fraction(family.n_hypotheses), np.argsort(-family.values, kind="stable")
    ranks, strongest = np.arange(1.0, family.values.size + 1), family.values[order]
    if is_log:
        bounds = _settled_logs(strongest, log(float(m) / ranks), alpha, sign=-1.0)
    else:
        with np.errstate(divide="ignore", over="ignore"):  # e = 0 is cut to 1, the infinite to 0
            bounds = float(m) / (ranks * strongest)
        bounds = _settled(bounds, alpha, lambda at: m / (Fraction(strongest[at]) * (at + 1)))
    decisions = _step_up(family, order, bounds, alpha, null_fraction=1.0)
    if not m:
        return decisions
    critical = _up(m / (Fraction(alpha) * max(decisions.n_rejected, 1)))
    return _with_threshold(decisions, critical, is_log=is_log)


@dataclass(frozen=True, eq=False)
class _Family:
    """The tested values, in the order given, and where they stand."""

    values: NDArray[np.float64]
    is_tested: NDArray[np.bool_]
    n_hypotheses: int
    is_log: bool


@cache
def _harmonic(m: int) -> Fraction:
    """Sum 1 / i up to `m`, or give the double next to it where fractions grow too long."""
    if m <= MOST_FRACTIONS:
        return sum((Fraction(1, i) for i in range(1, m + 1)), Fraction(0))
    return Fraction(float(special.digamma(m + 1.0)) + np.euler_gamma)


def _require_alpha(alpha: float) -> None:
    require_between("alpha", alpha, 0.0, 1.0)


def _family(
    name: str, values: ArrayLike, n_hypotheses: int | None, *, is_log: bool, top: float
) -> _Family:
    if is_log:
        real = as_numbers_within(name, values, low=-math.inf, high=math.log(top))
    else:
        real = as_numbers_within(name, values, low=0.0, high=top)
    is_tested = ~np.isnan(real)
    n_tested = int(np.count_nonzero(is_tested))
    if n_hypotheses is None:
        n_hypotheses = n_tested
    elif int(as_counts("n_hypotheses", n_hypotheses)) < n_tested:
        raise ValueError(f"n_hypotheses is {n_hypotheses}: must be at least the {n_tested} tested")
    return _Family(real[is_tested], is_tested, int(n_hypotheses), is_log)


def _from_p(
    family: _Family, alpha: float, *, price: Fraction, greatest: float = math.inf
) -> Decisions:
    """Step up over ``p * price / rank``."""
    order = np.argsort(family.values, kind="stable")
    ranks, strongest = np.arange(1.0, family.values.size + 1), family.values[order]
    factors = float(price) / ranks
    if family.is_log:
        bounds = _settled_logs(strongest, log(factors), alpha, sign=1.0)
    else:
        bounds = _settled(
            strongest * factors, alpha, lambda at: Fraction(strongest[at]) * price / (at + 1)
        )
    bounds = np.where(strongest > greatest, math.inf, bounds)
    m = family.n_hypotheses
    null_fraction = float(price / m) if m and greatest < math.inf else 1.0
    decisions = _step_up(family, order, bounds, alpha, null_fraction=null_fraction)
    if not m:
        return decisions
    critical = _down(Fraction(alpha) * max(decisions.n_rejected, 1) / price)
    critical = min(critical, math.exp(greatest) if family.is_log else greatest)
    return _with_threshold(decisions, critical, is_log=family.is_log)


def _settled(
    bounds: NDArray[np.float64], alpha: float, exact: Callable[[int], Fraction]
) -> NDArray[np.float64]:
    """Compute anew, without rounding, the bounds that rounding could put beyond `alpha`."""
    settled = bounds.copy()
    for at in np.flatnonzero(np.abs(bounds - alpha) <= ROUNDING * alpha).tolist():
        settled[at] = _up(exact(at))
    return settled


def _settled_logs(
    values: NDArray[np.float64], factors: NDArray[np.float64], alpha: float, *, sign: float
) -> NDArray[np.float64]:
    """Add logarithms; what their rounding leaves within reach of that of `alpha` is equal to it."""
    level, bounds = math.log(alpha), sign * values + factors
    error = ROUNDING * (np.abs(factors) + abs(level))  # the values are then no larger than both
    is_equal = (np.abs(bounds - level) <= error) & (factors != 0)
    return np.where(is_equal, level, bounds)


def _up(exact: Fraction) -> float:
    near = float(exact)
    return math.nextafter(near, math.inf) if near < exact else near


def _down(exact: Fraction) -> float:
    return -_up(-exact)


def _step_up(
    family: _Family,
    order: NDArray[np.intp],
    bounds: NDArray[np.float64],
    alpha: float,
    *,
    null_fraction: float,
) -> Decisions:
    """Give each hypothesis the least bound of itself and all weaker ones, at most 1."""
    top, level = (0.0, math.log(alpha)) if family.is_log else (1.0, alpha)
    least = np.minimum.accumulate(np.minimum(bounds, top)[::-1])[::-1]
    in_place = np.empty_like(least)
    in_place[order] = least
    on_scale = np.full(family.is_tested.shape, math.nan)
    on_scale[family.is_tested] = in_place
    rejected = np.asarray(on_scale <= level)  # NaN is not
    return Decisions(
        rejected=rejected,
        adjusted=exp(on_scale) if family.is_log else on_scale,
        log_adjusted=on_scale if family.is_log else log(on_scale),
        threshold=math.nan,
        n_rejected=int(np.count_nonzero(rejected)),
        n_hypotheses=family.n_hypotheses,
        null_fraction=null_fraction,
    )


def _with_threshold(decisions: Decisions, critical: float, *, is_log: bool) -> Decisions:
    return replace(decisions, threshold=math.log(critical) if is_log else critical)
