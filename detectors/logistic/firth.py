"""Odds ratios of a few products by Firth's penalised likelihood, which always has a maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.elementary import exp, log
from detectors.estimate import Estimate, Statistic, first_reason, where_defined
from detectors.logistic.likelihood import log_likelihood, residual
from detectors.logistic.patterns import Patterns, collapse
from detectors.logistic.refit import plain_reasons
from detectors.logistic.reports import as_columns, as_incidence
from detectors.logistic.separation import identified, part_of
from detectors.logistic.symmetric import factor, solve
from detectors.validation import require_between, require_one_index

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

_TOLERANCE = 1e-11  # log odds that the next step would move
_MAX_STEPS = 500
_MAX_HALVINGS = 40
_MAX_WIDTHS = 100  # Wald half-widths to a limit; few reports need three or four
_LONGEST_STEP = 5.0  # log odds; the information says little that far away
_ROUNDING = 1e-12  # of the log-likelihood: a decrease below it is not seen


@dataclass(frozen=True, eq=False)
class Firth:
    """Penalised likelihood estimates for chosen products.

    Attributes
    ----------
    products : ndarray of intp, shape (n_chosen,)
        Their columns, as given.
    odds_ratio : Estimate, shape (n_chosen,)
        Odds ratios with profile penalised likelihood limits. States: ``no_event``,
        ``no_variation``, ``no_product``, ``no_comparator``, ``not_identified``.
    coefficient : Statistic, shape (n_chosen,)
        Their logarithms.
    penalised_log_likelihood : float
        At the maximum; NaN without an event.
    """

    products: NDArray[np.intp]
    odds_ratio: Estimate
    coefficient: Statistic
    penalised_log_likelihood: float


def firth(
    reports: sparse.sparray | sparse.spmatrix | ArrayLike,
    event: ArrayLike,
    *,
    products: ArrayLike,
    strata: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Firth:
    r"""Estimate adjusted odds ratios that exist even where a cell is empty.

    Parameters
    ----------
    reports : sparse array or array_like, shape (n_reports, n_products)
        1 where the report lists the product, else 0.
    event : array_like, shape (n_reports,)
        1 where the report has the event, else 0.
    products : array_like of whole numbers, shape (n_chosen,)
        Columns to fit together. Others belong to the background and are not adjusted for.
    strata : array_like, shape (n_reports,) or (n_reports, n_factors), optional
        Levels of factors to adjust for.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Firth
        Odds ratios with limits, or why there is none.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.
    ArithmeticError
        If the maximum was not reached.

    Notes
    -----
    Maximises :math:`\ell(\beta) + \frac12 \log |I(\beta)|`, Jeffreys' prior, which removes the
    first-order bias of the estimate [1]_ and makes it finite under separation [2]_. The limits are
    where twice the fall of the profile of that function reaches the chi-square quantile; the
    profile keeps the whole information matrix, that of the fixed coefficient included. It is
    another quantity than the odds ratio of `adjusted`: do not mix the two in one column.

    The intercept is estimated with the same penalty, so predicted probabilities lean towards a
    half; the odds ratios do not.

    References
    ----------
    .. [1] Firth D (1993). Bias reduction of maximum likelihood estimates. Biometrika, 80(1), 27-38.
    .. [2] Heinze G, Schemper M (2002). A solution to the problem of separation in logistic
       regression. Statistics in Medicine, 21(16), 2409-2419.

    Examples
    --------
    With one product the estimate is the odds ratio with a half added to each cell.

    >>> reports = np.repeat([[1], [1], [0], [0]], [4, 0, 10, 190], axis=0)
    >>> event = np.repeat([1, 0, 1, 0], [4, 0, 10, 190])
    >>> firth(reports, event, products=[0]).odds_ratio.point.round(6)
    array([163.285714])
    """
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    require_one_index(reports=reports, event=event, strata=strata)
    matrix = as_incidence(reports)
    chosen = as_columns("products", products, matrix.shape[1])
    patterns = collapse(matrix, event, strata=strata, products=chosen)
    is_known, columns = identified(patterns)
    n_free = patterns.n_covariates
    state = first_reason(*plain_reasons(patterns), ("not_identified", ~is_known[n_free:]))
    point, lower, upper = (np.full(is_known.size, np.nan) for _ in range(3))
    value = np.nan
    if patterns.n_events.sum() not in {0, patterns.n_reports.sum()}:
        everything = np.ones(patterns.n_reports.size, dtype=bool)
        part = part_of(patterns, where=everything, columns=columns)
        free = np.ones(columns.size, dtype=bool)
        point[columns], value = _maximise(part, np.zeros(columns.size), free)
        quantile = 2 * float(special.gammaincinv(0.5, confidence_level))
        for place, column in enumerate(columns):
            if column >= n_free and is_known[column]:
                ends = _profile_limits(part, point[columns], value, place, quantile)
                lower[column], upper[column] = ends
    beta, low, high = (where_defined(x[n_free:], state) for x in (point, lower, upper))
    return Firth(
        products=chosen,
        odds_ratio=Estimate(exp(beta), exp(low), exp(high), state),
        coefficient=Statistic(beta, state),
        penalised_log_likelihood=value,
    )


def _information(
    dense: NDArray[np.float64], patterns: Patterns, predictor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the information by columns: for few of them faster than sparse, and no BLAS."""
    weight = patterns.n_reports * special.expit(predictor) * special.expit(-predictor)
    weighted = dense * weight[:, np.newaxis]
    return np.array([np.sum(weighted * column[:, np.newaxis], axis=0) for column in dense.T])


def _value(dense: NDArray[np.float64], patterns: Patterns, x: NDArray[np.float64]) -> float:
    predictor = np.sum(dense * x, axis=1)
    found = factor(_information(dense, patterns, predictor))
    if found is None:
        return -np.inf
    return log_likelihood(patterns, predictor) + 0.5 * float(np.sum(log(found[1])))


def _score(
    dense: NDArray[np.float64], patterns: Patterns, x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give Firth's modified score and the information."""
    predictor = np.sum(dense * x, axis=1)
    matrix = _information(dense, patterns, predictor)
    inverse = solve(matrix, np.eye(x.size))
    if inverse is None:
        raise ArithmeticError("the information matrix is singular")
    p = special.expit(predictor)
    spread = np.zeros(len(dense))
    for column, row in zip(dense.T, inverse, strict=True):
        spread += column * np.sum(dense * row, axis=1)
    leverage = patterns.n_reports * p * special.expit(-predictor) * spread
    modified = leverage * (0.5 - p) - residual(patterns, predictor)
    return np.sum(dense * modified[:, np.newaxis], axis=0), matrix


def _maximise(
    patterns: Patterns, start: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Maximise over the free coefficients, the others staying where they are."""
    dense = patterns.matrix.toarray()
    x, value = start.copy(), _value(dense, patterns, start)
    for _ in range(_MAX_STEPS):
        score, matrix = _score(dense, patterns, x)
        change = np.zeros(x.size)
        newton = solve(matrix[np.ix_(free, free)], score[free])
        if newton is None:
            break
        change[free] = newton
        longest = float(np.abs(change).max())
        if longest <= _TOLERANCE:
            return x + change, value
        x, value = _climb(dense, patterns, x, change * min(1.0, _LONGEST_STEP / longest), value)
    raise ArithmeticError("the maximum of the penalised likelihood was not reached")


def _climb(
    dense: NDArray[np.float64],
    patterns: Patterns,
    x: NDArray[np.float64],
    change: NDArray[np.float64],
    value: float,
) -> tuple[NDArray[np.float64], float]:
    for halving in range(_MAX_HALVINGS):
        trial = x + 0.5**halving * change
        reached = _value(dense, patterns, trial)
        if reached >= value - _ROUNDING * abs(value):
            return trial, reached
    raise ArithmeticError("no step raises the penalised likelihood")


def _profile_limits(
    patterns: Patterns, x: NDArray[np.float64], value: float, place: int, quantile: float
) -> tuple[float, float]:
    dense = patterns.matrix.toarray()
    free = np.arange(x.size) != place
    inverse = solve(_score(dense, patterns, x)[1], np.eye(x.size))
    if inverse is None:
        raise ArithmeticError("the information matrix is singular")
    width = float(np.sqrt(quantile * inverse[place, place]))

    def excess(at: float, near: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        start = near.copy()
        start[place] = at
        found, reached = _maximise(patterns, start, free)
        # On the scale of the root the profile is nearly straight, and its root soon found.
        return max(2 * (value - reached), 0.0) ** 0.5 - quantile**0.5, found

    ends = []
    for side in (-1.0, 1.0):
        inner, outer, near = float(x[place]), float(x[place]) + side * width, x
        for _ in range(_MAX_WIDTHS):
            above, near = excess(outer, near)
            if above > 0:
                break
            inner, outer = outer, outer + side * width
        else:
            raise ArithmeticError("a limit of the profile was not found")
        root = scipy.optimize.brentq(
            lambda at, near=near: excess(at, near)[0], inner, outer, xtol=1e-11
        )
        ends.append(float(root))
    return ends[0], ends[1]
