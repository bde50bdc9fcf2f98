"""The minimum of a logistic loss with an absolute penalty: proximal Newton on a working set.

Only columns that are not zero, or whose gradient exceeds the penalty, are worked on. Each Newton
step minimises the quadratic model by coordinate descent, which finds the signs, and then by one
linear system, which gives all the digits. What is returned is judged by the optimality conditions
over all columns, not by how the last step looked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from detectors.logistic.likelihood import information, log_likelihood, residual
from detectors.logistic.patterns import Patterns
from detectors.logistic.symmetric import solve

_MAX_ROUNDS = 100  # times that the working set may grow
_MAX_STEPS = 50  # Newton steps on one working set
_MAX_SWEEPS = 500  # rounds of coordinate descent in one step
_MAX_HALVINGS = 30
_MAX_UNSEEN = 4  # steps that promise too little to be seen; each should double the digits
_SUFFICIENT = 1e-4  # of the decrease that the model promises (Armijo)
_ROUNDING = 1e-13  # of the objective: a promised decrease below it cannot be seen


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the solver stopped.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (n_columns,)
        One for each column of the pattern matrix.
    log_likelihood : float
        Without the penalty.
    violation : float
        Largest violation of the optimality conditions, in the unit of the gradient.
    """

    coefficients: NDArray[np.float64]
    log_likelihood: float
    violation: float


def violations(
    gradient: NDArray[np.float64], penalty: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure how far each coefficient is from optimal.

    Parameters
    ----------
    gradient : ndarray of float64, shape (n_columns,)
        Of the negative log-likelihood.
    penalty : ndarray of float64, shape (n_columns,)
        On the absolute value of each coefficient.
    x : ndarray of float64, shape (n_columns,)
        Coefficients.

    Returns
    -------
    ndarray of float64, shape (n_columns,)
        Distance of the gradient from minus the subdifferential of the penalty; 0 at the minimum.
    """
    at_zero = np.maximum(np.abs(gradient) - penalty, 0.0)
    elsewhere = np.abs(gradient + penalty * np.sign(x))
    return np.where(x == 0, at_zero, elsewhere)


def minimise(
    patterns: Patterns,
    *,
    penalty: NDArray[np.float64],
    start: NDArray[np.float64],
    tolerance: float,
) -> Minimum:
    """Find the coefficients of the penalised logistic likelihood.

    Parameters
    ----------
    patterns : Patterns
        Reports and events.
    penalty : ndarray of float64, shape (n_columns,)
        On the absolute value of each coefficient; 0 for one that is free.
    start : ndarray of float64, shape (n_columns,)
        Where to begin.
    tolerance : float
        Largest violation to stop at, in the unit of the gradient.

    Returns
    -------
    Minimum
        Whether or not it was reached: compare its `violation` with `tolerance`.
    """
    x = start.copy()
    working = (x != 0) | (penalty == 0)
    violation, previous = np.inf, np.inf
    predictor = patterns.matrix @ x
    for _ in range(_MAX_ROUNDS):
        gradient = patterns.matrix.T @ residual(patterns, predictor)
        excess = violations(gradient, penalty, x)
        violation = float(excess.max())
        is_new = (excess > tolerance) & ~working
        if violation <= tolerance or (violation > previous / 2 and not is_new.any()):
            break
        working |= is_new
        previous = violation
        part = np.flatnonzero(working)
        x[part] = _descend(patterns, part, penalty[part], x[part], tolerance / 2)
        predictor = patterns.matrix @ x
    return Minimum(x, log_likelihood(patterns, predictor), violation)


def _descend(
    patterns: Patterns,
    part: NDArray[np.intp],
    penalty: NDArray[np.float64],
    x: NDArray[np.float64],
    tolerance: float,
) -> NDArray[np.float64]:
    columns = sparse.csc_array(patterns.matrix[:, part])
    predictor = columns @ x
    value = _objective(patterns, predictor, penalty, x)
    n_unseen = 0
    for _ in range(_MAX_STEPS):
        gradient = columns.T @ residual(patterns, predictor)
        if violations(gradient, penalty, x).max() <= tolerance:
            break
        curvature = information(columns, patterns, predictor)
        target = _minimise_quadratic(curvature, gradient, penalty, x)
        change = target - x
        promised = float(np.sum(gradient * change) + np.sum(penalty * (np.abs(target) - np.abs(x))))
        n_unseen += promised > -_ROUNDING * abs(value)
        if n_unseen > _MAX_UNSEEN:
            break
        direction = columns @ change
        for halving in range(_MAX_HALVINGS):
            step = 0.5**halving
            moved = target if halving == 0 else x + step * change
            trial = predictor + step * direction
            reached = _objective(patterns, trial, penalty, moved)
            if reached <= value + _SUFFICIENT * step * promised + _ROUNDING * abs(value):
                break
        else:
            break
        x, predictor, value = moved, columns @ moved, reached
    return x


def _objective(
    patterns: Patterns,
    predictor: NDArray[np.float64],
    penalty: NDArray[np.float64],
    x: NDArray[np.float64],
) -> float:
    return float(np.sum(penalty * np.abs(x))) - log_likelihood(patterns, predictor)


def _minimise_quadratic(
    curvature: NDArray[np.float64],
    gradient: NDArray[np.float64],
    penalty: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise the quadratic model of the loss around `start`, with the penalty."""
    x, slope = start.copy(), gradient.copy()
    linear = gradient - np.sum(curvature * start, axis=1)
    signs = np.sign(x)
    tried = np.full(len(x), np.nan)
    for _ in range(_MAX_SWEEPS):
        before, signs = signs, np.sign(_sweep(curvature, slope, penalty, x))
        if np.array_equal(before, signs) and not np.array_equal(tried, signs):
            tried = signs
            exact = _solve_for_signs(curvature, linear, penalty, signs)
            if exact is not None:
                return exact
    return x


def _sweep(
    curvature: NDArray[np.float64],
    slope: NDArray[np.float64],
    penalty: NDArray[np.float64],
    x: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Move each coefficient in turn to its own minimum; `x` and `slope` are changed."""
    diagonal, bound = curvature.diagonal().tolist(), penalty.tolist()
    for j in range(len(x)):
        if diagonal[j] <= 0:  # every weight underflowed: the column says nothing here
            continue
        old = float(x[j])
        centre = diagonal[j] * old - float(slope[j])
        new = max(abs(centre) - bound[j], 0.0) / diagonal[j] * (1.0 if centre > 0 else -1.0)
        if new != old:
            x[j] = new
            slope += curvature[j] * (new - old)
    return x


def _solve_for_signs(
    curvature: NDArray[np.float64],
    linear: NDArray[np.float64],
    penalty: NDArray[np.float64],
    signs: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Minimise the quadratic model if the signs are these; None if they turn out not to be."""
    part = np.flatnonzero((signs != 0) | (penalty == 0))
    right = -(linear[part] + penalty[part] * signs[part])
    found = solve(curvature[np.ix_(part, part)], right)
    if found is None or np.any((np.sign(found) != signs[part]) & (penalty[part] > 0)):
        return None
    x = np.zeros(len(signs))
    x[part] = found
    slope = linear + np.sum(curvature * x, axis=1)
    outside = x == 0
    slack = 1e-9 * penalty[outside]  # a quadratic that is off by less is set right in the next step
    return None if np.any(np.abs(slope[outside]) > penalty[outside] + slack) else x
