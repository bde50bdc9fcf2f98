"""Logistic regression on all products at once, with an absolute (L1) penalty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse

from detectors.estimate import Statistic, first_reason, where_defined
from detectors.logistic.likelihood import residual
from detectors.logistic.patterns import Patterns, collapse
from detectors.logistic.separation import overlapping
from detectors.logistic.solver import Minimum, minimise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_N_PENALTIES = 90
_LEAST_RATIO = 0.001  # smallest penalty of the path, in units of the greatest
_PATIENCE = 10  # penalties in a row at which the criterion may fail to improve


@dataclass(frozen=True, eq=False)
class Path:
    """What was fitted on the way to a penalty.

    Attributes
    ----------
    penalty : ndarray of float64, shape (n_fits,)
        Falling from the smallest penalty at which no product is selected, or from 1 if it is less.
    log_likelihood : ndarray of float64, shape (n_fits,)
        Without the penalty.
    n_selected : ndarray of int64, shape (n_fits,)
        Products whose coefficient is not 0.
    bic : ndarray of float64, shape (n_fits,)
        Bayesian information criterion.
    """

    penalty: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    n_selected: NDArray[np.int64]
    bic: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lasso:
    """A penalised fit that has converged.

    Attributes
    ----------
    coefficient : Statistic, shape (n_products,)
        Adjusted log odds ratio of each product, shrunk towards 0; exactly 0 where the product is
        not selected. States: ``no_product``, ``no_comparator``, ``same_reports``.
    joint : ndarray of float64, shape (n_products,)
        The same, and for products that stand on exactly the same reports the coefficient of all
        of them together.
    intercept : float
        Log odds of a report without any product, in the first level of every stratum.
    strata : ndarray of float64, shape (n_levels,)
        Coefficients of the other levels, factor by factor, in sorted order.
    penalty : float
        On the absolute value of each coefficient, in units of the log-likelihood.
    kkt_violation : float
        Largest violation of the optimality conditions, as a part of the penalty.
    log_likelihood, bic : float
        Of this fit.
    path : Path or None
        The fits among which the penalty was chosen; None if it was given.
    n_reports, n_events, n_patterns : int
        Reports, those with the event, and distinct rows of the design.
    """

    coefficient: Statistic
    joint: NDArray[np.float64]
    intercept: float
    strata: NDArray[np.float64]
    penalty: float
    kkt_violation: float
    log_likelihood: float
    bic: float
    path: Path | None
    n_reports: int
    n_events: int
    n_patterns: int


def lasso(
    reports: sparse.sparray | sparse.spmatrix | ArrayLike,
    event: ArrayLike,
    *,
    penalty: float | Literal["bic"] = "bic",
    strata: ArrayLike | None = None,
    tolerance: float = 1e-8,
) -> Lasso:
    r"""Estimate the association of every product with an event, given all the others.

    A product that is often reported with a culprit shares its reports and so its crude ratio. Here
    the culprit takes them. It also takes the event's reports out of the background of the others,
    which it would mask.

    Parameters
    ----------
    reports : sparse array or array_like, shape (n_reports, n_products)
        1 where the report lists the product, else 0.
    event : array_like, shape (n_reports,)
        1 where the report has the event, else 0.
    penalty : float or "bic", default: "bic"
        Penalty on the absolute value of each coefficient, above 0; or choose it on a path.
    strata : array_like, shape (n_reports,) or (n_reports, n_factors), optional
        Levels of factors that are adjusted for without penalty (age group, sex).
    tolerance : float, default: 1e-8
        Violation of the optimality conditions to stop at, as a part of the penalty, in (0, 1).

    Returns
    -------
    Lasso
        Coefficients, and how they were reached.

    Raises
    ------
    ValueError
        If an argument is out of range, shapes do not fit, no report or every report has the event
        (there is nothing to regress), or the same is true of a level of a stratum, or of reports
        that a combination of levels tells.
    ArithmeticError
        If the optimality conditions are not met to the tolerance: there is then no result.

    Notes
    -----
    The minimum over the intercept :math:`\alpha`, the strata and :math:`\beta` of

    .. math:: -\ell(\alpha, \gamma, \beta) + \lambda \sum_j |\beta_j|

    with :math:`\ell` the log-likelihood of all reports: their sum, not their mean. So
    :math:`\lambda` is the rate of a Laplace prior, of standard deviation :math:`\sqrt 2 / \lambda`,
    of which the fit is the mode [1]_. All products have the same prior.

    The papers leave the penalty open. ``"bic"`` fits 90 penalties that fall evenly on the log scale
    from the smallest that selects nothing, but at least 1, to a thousandth of it, and keeps the
    least :math:`-2\ell + k \log n` with *k* coefficients that are not 0, intercept and strata
    included [2]_, and *n* reports; the path ends after ten penalties without an improvement, which
    the criterion could in principle still make good. Cross-validation would select more products
    and needs random folds; a penalty that is fixed for all events makes coefficients comparable
    between events: give it as a number.

    Coefficients are biased towards 0, and have no interval: refit the few that matter by `adjusted`
    or `firth`, knowing that limits after selection are too narrow. Of two products that are nearly
    always together the fit may keep either one. Products on exactly the same reports cannot be
    told apart and are not: they have a state, and one `joint` coefficient.

    Results do not depend on the order of reports in any bit, and on that of products within the
    tolerance. Sums and products avoid BLAS, so they do not depend on the processor either.

    References
    ----------
    .. [1] Caster O, Noren GN, Madigan D, Bate A (2010). Large-scale regression-based pattern
       discovery: the example of screening the WHO global drug safety database. Statistical
       Analysis and Data Mining, 3(4), 197-208.
    .. [2] Zou H, Hastie T, Tibshirani R (2007). On the "degrees of freedom" of the lasso. Annals of
       Statistics, 35(5), 2173-2192.

    Examples
    --------
    The second product is only ever bad in company of the first.

    >>> reports = np.repeat([[1, 0], [1, 1], [0, 1], [0, 0]], 100, axis=0)
    >>> event = np.concatenate([np.arange(100) < n for n in (50, 50, 10, 10)])
    >>> found = lasso(reports, event, penalty=2.0)
    >>> found.coefficient.value.round(3)
    array([2.051, 0.   ])
    """
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tolerance is {tolerance}: must lie between 0 and 1")
    is_wrong = penalty != "bic" if isinstance(penalty, str) else not 0 < penalty < math.inf
    if is_wrong:
        raise ValueError(f"penalty is {penalty!r}: must be above 0 and finite, or 'bic'")
    patterns = collapse(reports, event, strata=strata)
    require_variation(patterns)
    group, state = _groups(patterns)
    kept = np.flatnonzero((group == np.arange(group.size)) & np.isin(state, _FITTED))
    fitted = _only(patterns, kept)
    fit, chosen, path = _fit(fitted, penalty, tolerance)
    n_free = patterns.n_covariates
    joint = np.zeros(group.size)
    joint[kept] = fit.coefficients[n_free:]
    state_of = first_reason(*((name, state == name) for name in set(state.tolist())))
    return Lasso(
        coefficient=Statistic(where_defined(joint[group], state_of), state_of),
        joint=np.where(np.isin(state, _FITTED), joint[group], np.nan),
        intercept=float(fit.coefficients[0]),
        strata=fit.coefficients[1:n_free],
        penalty=chosen,
        kkt_violation=fit.violation / chosen,
        log_likelihood=fit.log_likelihood,
        bic=_bic(fitted, fit),
        path=path,
        n_reports=int(patterns.n_reports.sum()),
        n_events=int(patterns.n_events.sum()),
        n_patterns=patterns.n_reports.size,
    )


_FITTED = ("defined", "same_reports")


def require_variation(patterns: Patterns) -> None:
    """Raise unless intercept and strata, which have no penalty, have a finite estimate.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.

    Raises
    ------
    ValueError
        If all or none of the reports have the event, or of those of a level, or of those that a
        combination of levels tells.
    """
    free = patterns.matrix[:, : patterns.n_covariates].toarray().astype(bool)
    levels = [("event", free[:, 0])] + [("a level of strata", f) for f in free[:, 1:].T]
    for name, where in levels:
        n_events, n_reports = patterns.n_events[where].sum(), patterns.n_reports[where].sum()
        if n_events in {0, n_reports}:
            some = "no report" if n_events == 0 else "only reports"
            raise ValueError(f"{name} has {some} with the event: nothing can be estimated")
    if not overlapping(_by_strata(patterns)).all():
        raise ValueError(
            "strata tell on some reports without exception if they have the event: merge levels"
        )


def _by_strata(patterns: Patterns) -> Patterns:
    """Count the reports that are alike in their strata."""
    n_free = patterns.n_covariates
    rows, place = np.unique(patterns.matrix[:, :n_free].toarray(), axis=0, return_inverse=True)
    n_reports, n_events = (
        np.bincount(place, weights=n).astype(np.float64)  # the stubs know no weights
        for n in (patterns.n_reports, patterns.n_events)
    )
    return Patterns(sparse.csc_array(rows), n_free, n_reports, n_events)


def _groups(patterns: Patterns) -> tuple[NDArray[np.intp], NDArray[np.str_]]:
    """Give for each product the first that stands on the same reports, and its state."""
    matrix, n_free = patterns.matrix, patterns.n_covariates
    bounds = matrix.indptr[n_free:].tolist()
    keys = [matrix.indices[a:b].tobytes() for a, b in pairwise(bounds)]
    first: dict[bytes, int] = {}
    group = np.array([first.setdefault(key, j) for j, key in enumerate(keys)], dtype=np.intp)
    size = np.bincount(group)[group]
    on = np.diff(matrix.indptr)[n_free:]
    state = first_reason(
        ("no_product", on == 0),
        ("no_comparator", on == matrix.shape[0]),
        ("same_reports", size > 1),
    )
    return group, state


def _only(patterns: Patterns, products: NDArray[np.intp]) -> Patterns:
    n_free = patterns.n_covariates
    columns = np.concatenate([np.arange(n_free), n_free + products])
    matrix = sparse.csc_array(patterns.matrix[:, columns])
    return Patterns(matrix, n_free, patterns.n_reports, patterns.n_events)


def _fit(
    patterns: Patterns, penalty: float | Literal["bic"], tolerance: float
) -> tuple[Minimum, float, Path | None]:
    greatest, start = _null_fit(patterns, tolerance)
    if penalty != "bic":
        return _converged(patterns, float(penalty), start, tolerance), float(penalty), None
    fits: list[Minimum] = []
    # Powers of single numbers: those of an array change with the processor.
    penalties = [greatest * _LEAST_RATIO ** (k / (_N_PENALTIES - 1)) for k in range(_N_PENALTIES)]
    criteria: list[float] = []
    for value in penalties:
        fits.append(_converged(patterns, value, start, tolerance))
        criteria.append(_bic(patterns, fits[-1]))
        start = fits[-1].coefficients
        if len(fits) - int(np.argmin(criteria)) > _PATIENCE:
            break
    best = int(np.argmin(criteria))
    path = Path(
        penalty=np.array(penalties[: len(fits)]),
        log_likelihood=np.array([fit.log_likelihood for fit in fits]),
        n_selected=np.array([_n_nonzero(patterns, fit) for fit in fits]),
        bic=np.array(criteria),
    )
    return fits[best], penalties[best], path


def _null_fit(patterns: Patterns, tolerance: float) -> tuple[float, NDArray[np.float64]]:
    """Fit intercept and strata alone; the greatest gradient is where the first product enters.

    At least 1 is given, as without a product, or where all gradients vanish, a path starts nowhere.
    """
    n_free, n_columns = patterns.n_covariates, patterns.matrix.shape[1]
    free = _only(patterns, np.array([], dtype=np.intp))
    rate = float(patterns.n_events.sum() / patterns.n_reports.sum())
    start = np.zeros(n_free)
    start[0] = math.log(rate / (1 - rate))
    # The gradient of a report is below 1, so this is small against any penalty of use.
    fit = minimise(free, penalty=np.zeros(n_free), start=start, tolerance=tolerance)
    gradient = patterns.matrix.T @ residual(patterns, free.matrix @ fit.coefficients)
    greatest = float(np.abs(gradient[n_free:]).max(initial=1.0))
    x = np.zeros(n_columns)
    x[:n_free] = fit.coefficients
    return greatest, x


def _converged(
    patterns: Patterns, penalty: float, start: NDArray[np.float64], tolerance: float
) -> Minimum:
    each = np.full(start.size, penalty)
    each[: patterns.n_covariates] = 0.0
    fit = minimise(patterns, penalty=each, start=start, tolerance=tolerance * penalty)
    if not fit.violation <= tolerance * penalty:
        raise ArithmeticError(
            f"at penalty {penalty} the optimality conditions are violated by "
            f"{fit.violation / penalty} of it: more than {tolerance}"
        )
    return fit


def _n_nonzero(patterns: Patterns, fit: Minimum) -> int:
    return int(np.count_nonzero(fit.coefficients[patterns.n_covariates :]))


def _bic(patterns: Patterns, fit: Minimum) -> float:
    n_coefficients = patterns.n_covariates + _n_nonzero(patterns, fit)
    return n_coefficients * math.log(float(patterns.n_reports.sum())) - 2 * fit.log_likelihood
