"""Odds ratios of a few products, adjusted for each other without a penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.elementary import exp
from detectors.estimate import Estimate, Statistic, first_reason, where_defined
from detectors.logistic.likelihood import information, log_likelihood, residual
from detectors.logistic.patterns import Patterns, collapse
from detectors.logistic.reports import as_columns, as_incidence
from detectors.logistic.separation import identified, overlapping, part_of
from detectors.logistic.solver import minimise
from detectors.logistic.symmetric import solve
from detectors.validation import require_one_index
from detectors.wald import ratio_estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

_TOLERANCE = 1e-9  # of the gradient, in events
_SURELY_FINITE = 12.0  # log odds; a separated report at it leaves 6e-6 in the gradient


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Maximum likelihood estimates for chosen products.

    Attributes
    ----------
    products : ndarray of intp, shape (n_chosen,)
        Their columns, as given.
    odds_ratio : Estimate, shape (n_chosen,)
        Adjusted odds ratios with Wald limits. States: ``no_event``, ``no_variation``,
        ``no_product``, ``no_comparator``, ``no_report``, ``no_other_event``, ``not_identified``,
        ``separated``.
    coefficient : Statistic, shape (n_chosen,)
        Their logarithms.
    standard_error : ndarray of float64, shape (n_chosen,)
        Of the logarithms.
    log_likelihood : float
        At the maximum, or at its supremum if there is none; NaN without an event.
    gradient : float
        Largest element of the score at the estimate, in events.
    """

    products: NDArray[np.intp]
    odds_ratio: Estimate
    coefficient: Statistic
    standard_error: NDArray[np.float64]
    log_likelihood: float
    gradient: float


def adjusted(
    reports: sparse.sparray | sparse.spmatrix | ArrayLike,
    event: ArrayLike,
    *,
    products: ArrayLike,
    strata: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Adjusted:
    """Estimate odds ratios of chosen products, each adjusted for the other chosen ones.

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
    Adjusted
        Odds ratios with Wald limits, or why there is none.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not fit.
    ArithmeticError
        If the maximum was not reached although it exists.

    Notes
    -----
    Where products tell the event without exception (an empty cell, or a combination of cells), the
    likelihood has no maximum and many programs print whatever the last step was. Here a linear
    programme finds the reports that are fitted perfectly in the limit; they are set aside, the
    coefficients that the others still determine are estimated from them (the limit of the
    likelihood [1]_), and the rest are ``separated``. See `firth` for an estimate of those.

    The limits take the products as chosen before the data were seen.

    References
    ----------
    .. [1] Geyer CJ (2009). Likelihood inference in exponential families and directions of
       recession. Electronic Journal of Statistics, 3, 259-289.

    Examples
    --------
    With one product this is the reporting odds ratio with Woolf limits.

    >>> reports = np.repeat([[1], [1], [0], [0]], [20, 80, 10, 190], axis=0)
    >>> event = np.repeat([1, 0, 1, 0], [20, 80, 10, 190])
    >>> adjusted(reports, event, products=[0]).odds_ratio.point.round(6)
    array([4.75])
    """
    require_one_index(reports=reports, event=event, strata=strata)
    matrix = as_incidence(reports)
    chosen = as_columns("products", products, matrix.shape[1])
    patterns = collapse(matrix, event, strata=strata, products=chosen)
    obvious, is_known = plain_reasons(patterns), identified(patterns)[0]
    coefficients, variance, is_finite, value, gradient = _fit(patterns)
    n_free = patterns.n_covariates
    state = first_reason(
        *obvious,
        ("no_report", cells_of(patterns)[0] == 0),
        ("no_other_event", cells_of(patterns)[1] == 0),
        ("not_identified", ~is_known[n_free:]),
        ("separated", ~is_finite[n_free:]),
    )
    beta = where_defined(coefficients[n_free:], state)
    return Adjusted(
        products=chosen,
        odds_ratio=ratio_estimate(
            exp(beta), variance[n_free:], state, confidence_level=confidence_level
        ),
        coefficient=Statistic(beta, state),
        standard_error=np.sqrt(where_defined(variance[n_free:], state)),
        log_likelihood=value,
        gradient=gradient,
    )


def cells_of(patterns: Patterns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the reports of each product with the event and without.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.

    Returns
    -------
    tuple of two ndarray of float64, shape (n_products,)
        Counts.
    """
    products = patterns.matrix[:, patterns.n_covariates :].T
    with_event = np.asarray(products @ patterns.n_events)
    return with_event, np.asarray(products @ (patterns.n_reports - patterns.n_events))


def plain_reasons(patterns: Patterns) -> list[tuple[str, NDArray[np.bool_]]]:
    """Give the reasons for which no likelihood has an estimate.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.

    Returns
    -------
    list of tuple
        Keys of the states, and where they hold, as `first_reason` takes them.
    """
    with_event, without = cells_of(patterns)
    n_events, n_reports = patterns.n_events.sum(), patterns.n_reports.sum()
    everywhere = np.ones(with_event.shape, dtype=bool)
    return [
        ("no_event", everywhere & bool(n_events == 0)),
        ("no_variation", everywhere & bool(n_events == n_reports)),
        ("no_product", with_event + without == 0),
        ("no_comparator", with_event + without == n_reports),
    ]


def _fit(
    patterns: Patterns,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], float, float]:
    """Give coefficients, variances, which of them are finite, log-likelihood and gradient."""
    n_columns = patterns.matrix.shape[1]
    coefficients, variance = (np.full(n_columns, np.nan) for _ in range(2))
    if patterns.n_events.sum() in {0, patterns.n_reports.sum()}:
        return coefficients, variance, np.zeros(n_columns, dtype=bool), np.nan, np.nan
    everything = np.ones(patterns.n_reports.size, dtype=bool)
    found = _maximise(patterns, everything, coefficients, variance, _SURELY_FINITE)
    if found is None:
        found = _maximise(patterns, overlapping(patterns), coefficients, variance, np.inf)
    if found is None:
        raise ArithmeticError("the maximum of the likelihood was not reached")
    return coefficients, variance, *found


def _maximise(
    patterns: Patterns,
    where: NDArray[np.bool_],
    coefficients: NDArray[np.float64],
    variance: NDArray[np.float64],
    greatest: float,
) -> tuple[NDArray[np.bool_], float, float] | None:
    """Fill in the estimates from some patterns; None if they run away."""
    is_finite, columns = identified(part_of(patterns, where=where, columns=_all(patterns)))
    part = part_of(patterns, where=where, columns=columns)
    if not columns.size:
        return is_finite, 0.0, 0.0
    nothing = np.zeros(columns.size)
    tolerance = _TOLERANCE * float(part.n_events.sum()) ** 0.5
    fit = minimise(part, penalty=nothing, start=nothing, tolerance=tolerance)
    predictor = part.matrix @ fit.coefficients
    inverse = solve(information(part.matrix, part, predictor), np.eye(columns.size))
    if fit.violation > tolerance or inverse is None or np.abs(predictor).max() > greatest:
        return None
    # One more Newton step: near the maximum it doubles the digits.
    gradient = part.matrix.T @ residual(part, predictor)
    coefficients[columns] = fit.coefficients - np.sum(inverse * gradient, axis=1)
    predictor = part.matrix @ coefficients[columns]
    inverse = solve(information(part.matrix, part, predictor), np.eye(columns.size))
    if inverse is None:
        return None
    variance[columns] = inverse.diagonal()
    left = float(np.abs(part.matrix.T @ residual(part, predictor)).max())
    return is_finite, log_likelihood(part, predictor), left


def _all(patterns: Patterns) -> NDArray[np.intp]:
    return np.arange(patterns.matrix.shape[1])
