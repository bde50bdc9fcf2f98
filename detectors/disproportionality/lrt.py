"""Likelihood ratio test of many events at once, with the null distribution of the greatest ratio.

A log likelihood ratio is high by chance where many are looked at. The test asks how often the
greatest of them would be as high if every product had the same mix of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from detectors.disproportionality.deviance import half_deviance
from detectors.disproportionality.maxima import Maxima
from detectors.disproportionality.null_tables import (
    GREATEST_TOTAL,
    NULLS,
    Null,
    expected_counts,
    null_tables,
)
from detectors.disproportionality.zero_inflation import fit_zero_inflation
from detectors.estimate import DEFINED, Statistic, first_reason, where_defined
from detectors.validation import GREATEST_COUNT, as_counts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from detectors.counts import Table

Margin = Literal["event", "product"]
Model = Literal["poisson", "zip"]
Family = Literal["product", "table"]


@dataclass(frozen=True, eq=False)
class LikelihoodRatioTest:
    """Log likelihood ratios and their p-values by simulation.

    Attributes
    ----------
    log_lr : ndarray of float64, shape (n_events, n_products)
        Log likelihood ratios, 0 where no more was reported than expected.
    p : ndarray of float64, of the same shape
        Probability that the greatest ratio of the family would be as high; the p of a product is
        that of its highest ratio.
    p_standard_error : ndarray of float64, of the same shape
        Monte Carlo standard errors of `p`.
    p_step_down : ndarray of float64, of the same shape
        Adjusted p-values: of the greatest ratio among those not higher, and no less than that of
        any higher ratio.
    state : ndarray of str, of the same shape
        A key of `STATES`; where it is not ``defined``, the numbers above are NaN.
    zero_inflation : ndarray of float64, shape (n_products,)
        Fraction of structural zeros of each product, 0 under the Poisson model; NaN for a product
        without a report.
    n_draws : int
        Number of tables drawn.
    """

    log_lr: NDArray[np.float64]
    p: NDArray[np.float64]
    p_standard_error: NDArray[np.float64]
    p_step_down: NDArray[np.float64]
    state: NDArray[np.str_]
    zero_inflation: NDArray[np.float64]
    n_draws: int


def log_likelihood_ratio(table: Table, *, margin: Margin | None = "product") -> Statistic:
    r"""Compute the log likelihood ratio of every pair against no association.

    Parameters
    ----------
    table : Table
        Counts of reports.
    margin : {"product", "event"} or None, default: "product"
        The total, of the product or of the event, whose other reports enter as well; None for the
        reports of the pair alone.

    Returns
    -------
    Statistic
        Log likelihood ratios, 0 where no more was reported than expected. States: ``no_product``,
        ``no_comparator``, ``no_event``, ``no_variation``.

    Raises
    ------
    ValueError
        If `margin` is something else.

    Notes
    -----
    With *n* reports of the pair, *E* expected, and *m* the margin, for :math:`n > E`,

    .. math:: n \ln\frac{n}{E} + (m - n) \ln\frac{m - n}{m - E},

    which with the product's total is the statistic of [1]_, and with None

    .. math:: n \ln\frac{n}{E} - (n - E),

    that of [2]_, its limit for a great margin. Both are sums of half deviances, which loses no
    digits near 0.

    The value alone says nothing of chance: see `lrt`.

    References
    ----------
    .. [1] Huang L, Zalkikar J, Tiwari RC (2011). A likelihood ratio test based method for signal
       detection with application to FDA's drug safety data. Journal of the American Statistical
       Association, 106(496), 1230-1241.
    .. [2] Chakraborty S, Liu A, Ball R, Markatou M (2022). On the use of the likelihood ratio test
       methodology in pharmacovigilance. Statistics in Medicine, 41(27), 5395-5420.

    Examples
    --------
    Acute kidney injury with atorvastatin, for which the R package pvLRT gives 25.5580670183877.

    >>> from detectors.counts import Table
    >>> table = Table(1353, 197390, 358719, 63976610)
    >>> round(float(log_likelihood_ratio(table, margin=None).value), 10)
    25.5580670184
    """
    _require_one_of("margin", margin, (*get_args(Margin), None))
    n, n_product, n_event, n_total = (
        counts.astype(np.float64)
        for counts in (table.n_pair, table.n_product, table.n_event, table.n_total)
    )
    state = _reasons(n_product, n_event, n_total)
    ratio = _log_lr(n, n_product, n_event, n_total, margin)
    return Statistic(value=where_defined(ratio, state), state=state)


def lrt(
    counts: ArrayLike,
    *,
    margin: Margin | None = "product",
    model: Model = "poisson",
    null: Null | None = None,
    family: Family = "product",
    tested: ArrayLike | None = None,
    n_draws: int,
    rng: np.random.Generator,
) -> LikelihoodRatioTest:
    r"""Test every pair of a table by its log likelihood ratio and the greatest one drawn.

    Parameters
    ----------
    counts : array_like of whole numbers, shape (n_events, n_products)
        Reports of each pair, an array or a frame. The events and products have to be all there
        are: their sums are the margins. A column for all other products is needed.
    margin : {"product", "event"} or None, default: "product"
        The total that enters the ratio, as for `log_likelihood_ratio`.
    model : {"poisson", "zip"}, default: "poisson"
        Whether some pairs cannot be reported at all, which shows as more zeros.
    null : {"multinomial", "permutation", "poisson"}, optional
        How tables are drawn, see `null_tables`. ``"multinomial"`` if not given, and ``"poisson"``,
        the only one possible, under zero inflation.
    family : {"product", "table"}, default: "product"
        Over which pairs the greatest ratio is taken: those of each product by itself, or of all
        products that are tested.
    tested : array_like of bool, shape (n_products,), optional
        Products to test, if not all; the others belong to the margins alone.
    n_draws : int
        Number of tables, positive. The least p possible is ``1 / (n_draws + 1)``.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same bits.

    Returns
    -------
    LikelihoodRatioTest
        Ratios and p-values. States: those of `log_likelihood_ratio`, and ``not_tested``.

    Raises
    ------
    ValueError
        If `counts` is not a table of counts with at least one report and a total up to 2**53 (to
        permute, up to 1e9), or another argument is out of range.

    Notes
    -----
    :math:`p = (1 + \#\{\text{drawn maximum} \ge \text{ratio}\}) / (1 + B)` with *B* draws, never 0;
    its standard error is taken as :math:`\sqrt{p (1 - p) / (B + 1)}`. In each draw the margins and
    expected counts are taken anew, as they were from the table.

    Rejecting where `p` is at most alpha errs anywhere in the family with a chance of at most alpha
    if all its hypotheses are true [1]_: exactly so, for each *B*, with ``null="permutation"``, and
    with the others as the counts grow. With few reports ``"poisson"`` errs too often: for 60
    reports of 30 events and three products, one of 1.2 reports in the mean, 17 % of true tables
    had a p of at most 10 %, against 8 % with ``"multinomial"``, and 4 % with ``"permutation"``
    (1,500 tables, standard error 0.8 %). `p_step_down` is never more than `p`: it compares a ratio
    with the maximum over those pairs of its family alone whose ratio is not higher [3]_. Its
    control beside true signals is approximate, since a signal is part of the margins that the
    other pairs' expected counts are made of. With ``family="product"`` the promise is for each
    product by itself: adjust over products.

    Under zero inflation the statistic is the same, since for a pair with reports the fraction
    :math:`\omega` cancels; the draws have more zeros [2]_.

    The R package pvLRT is ``margin=None, null="poisson", family="table"`` with all products tested
    but the last.

    The order of the events changes no bit: draws are made in an order of the counts' own.

    References
    ----------
    .. [1] Huang L, Zalkikar J, Tiwari RC (2011). A likelihood ratio test based method for signal
       detection with application to FDA's drug safety data. Journal of the American Statistical
       Association, 106(496), 1230-1241.
    .. [2] Chakraborty S, Liu A, Ball R, Markatou M (2022). On the use of the likelihood ratio test
       methodology in pharmacovigilance. Statistics in Medicine, 41(27), 5395-5420.
    .. [3] Westfall PH, Young SS (1993). Resampling-based multiple testing. Wiley, New York.

    Examples
    --------
    >>> found = lrt([[20, 30], [5, 60], [9, 90]], n_draws=999, rng=np.random.default_rng(1))
    >>> found.p_step_down[:, 0]
    array([0.001, 1.   , 1.   ])
    """
    null = _require_options(margin, model, null, family)
    table = _as_table(counts, null)
    is_tested = _as_tested(tested, table.shape[1])
    _require_draws(n_draws)
    order = np.lexsort(table.T)
    table = table[order]
    sums = (table.sum(axis=0), table.sum(axis=1)[:, np.newaxis], table.sum())
    n_product, n_event, n_total = (np.asarray(each, dtype=np.float64) for each in sums)
    state = _reasons(n_product, n_event, n_total, is_tested)
    log_lr = _log_lr(table.astype(np.float64), n_product, n_event, n_total, margin)
    omega = np.zeros(table.shape[1])
    if model == "zip":
        omega = fit_zero_inflation(table, expected_counts(n_event, n_product, n_total))
    tables = null_tables(
        table,
        null=null,
        zero_inflation=omega if model == "zip" else None,
        n_draws=n_draws,
        rng=rng,
    )
    families = [Maxima(log_lr, part) for part in _families(state, log_lr.shape, family)]
    for drawn in tables:
        ratios = _drawn_log_lr(drawn, margin)
        for each in families:
            each.count(ratios)
    p, step_down = np.full((2, *table.shape), np.nan)
    for each in families:
        each.write_p(p, step_down)
    back = np.argsort(order)
    return LikelihoodRatioTest(
        log_lr=where_defined(log_lr, state)[back],
        p=p[back],
        p_standard_error=np.sqrt(p * (1.0 - p) / (n_draws + 1))[back],
        p_step_down=step_down[back],
        state=state[back],
        zero_inflation=np.where(n_product > 0, omega, np.nan),
        n_draws=n_draws,
    )


def _log_lr(
    n: NDArray[np.float64],
    n_product: NDArray[np.float64],
    n_event: NDArray[np.float64],
    n_total: NDArray[np.float64],
    margin: Margin | None,
) -> NDArray[np.float64]:
    expected = expected_counts(n_event, n_product, n_total)
    n, expected, n_product, n_event, n_total = np.broadcast_arrays(
        n, expected, n_product, n_event, n_total
    )
    ratio = np.zeros(expected.shape)
    is_more = n > expected
    n, expected = n[is_more], expected[is_more]
    more = half_deviance(n, expected)
    if margin is not None:
        own, other = (n_product, n_event) if margin == "product" else (n_event, n_product)
        m, total = own[is_more], n_total[is_more]
        more = more + half_deviance(m - n, m * (total - other[is_more]) / total)
    ratio[is_more] = more
    return ratio


def _drawn_log_lr(drawn: NDArray[np.int64], margin: Margin | None) -> NDArray[np.float64]:
    real = drawn.astype(np.float64)
    n_product = real.sum(axis=1, keepdims=True)
    n_event = real.sum(axis=2, keepdims=True)
    n_total = n_product.sum(axis=2, keepdims=True)
    return _log_lr(real, n_product, n_event, n_total, margin)


def _reasons(
    n_product: NDArray[np.float64],
    n_event: NDArray[np.float64],
    n_total: NDArray[np.float64],
    is_tested: NDArray[np.bool_] | None = None,
) -> NDArray[np.str_]:
    left_out = np.asarray(False) if is_tested is None else ~is_tested
    return first_reason(
        ("not_tested", left_out),
        ("no_product", n_product == 0),
        ("no_comparator", n_product == n_total),
        ("no_event", n_event == 0),
        ("no_variation", n_event == n_total),
    )


def _families(
    state: NDArray[np.str_], shape: tuple[int, ...], family: Family
) -> list[NDArray[np.bool_]]:
    is_in = np.broadcast_to(state == DEFINED, shape)
    if family == "table":
        parts = [is_in]
    else:
        parts = [is_in & (np.arange(shape[1]) == j) for j in range(shape[1])]
    return [part for part in parts if part.any()]


def _require_one_of(name: str, value: str | None, allowed: tuple[str | None, ...]) -> None:
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} is {value!r}: must be one of {listed}")


def _require_options(
    margin: Margin | None, model: Model, null: Null | None, family: Family
) -> Null:
    _require_one_of("margin", margin, (*get_args(Margin), None))
    _require_one_of("model", model, get_args(Model))
    _require_one_of("null", null, (*NULLS, None))
    _require_one_of("family", family, get_args(Family))
    if model == "zip" and null not in ("poisson", None):
        raise ValueError(f"null is {null!r}: must be 'poisson' if model is 'zip'")
    return null or ("poisson" if model == "zip" else "multinomial")


def _require_draws(n_draws: int) -> None:
    if as_counts("n_draws", n_draws).ndim or n_draws < 1:
        raise ValueError(f"n_draws is {n_draws}: must be a whole number from 1 up")


def _as_table(counts: ArrayLike, null: Null) -> NDArray[np.int64]:
    table = as_counts("counts", counts)
    if table.ndim != 2 or table.size == 0:  # noqa: PLR2004 - events and products
        raise ValueError(f"counts has shape {table.shape}: must be (n_events, n_products)")
    total = int(table.sum(dtype=np.float64))  # would overflow in whole numbers
    if total == 0:
        raise ValueError("counts holds no report: must have at least one")
    greatest = GREATEST_TOTAL if null == "permutation" else GREATEST_COUNT
    if total > greatest:
        raise ValueError(f"counts has {total} reports: must be at most {greatest} to draw from")
    return table


def _as_tested(tested: ArrayLike | None, n_products: int) -> NDArray[np.bool_] | None:
    if tested is None:
        return None
    given = np.array(tested)
    if given.dtype != np.bool_ or given.shape != (n_products,):
        raise ValueError(
            f"tested holds {given.dtype} of shape {given.shape}: "
            f"must be one bool for each of {n_products} products"
        )
    return given
