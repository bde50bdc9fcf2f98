"""Newton's method, damped, in a box: from one starting point to the top of its hill.

Written out instead of taken from SciPy, because the linear algebra below SciPy chooses its kernels
by the processor, and the last bit of a published prior would follow. Five unknowns need no library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.disproportionality.ebgm.likelihood import Parameters, Surface, surface
from detectors.disproportionality.ebgm.pairs import Pairs
from detectors.disproportionality.ebgm.prior import Likelihood

BOUNDS = {
    "alpha1": (1e-4, 1e4),
    "beta1": (1e-4, 1e4),
    "alpha2": (1e-4, 1e4),
    "beta2": (1e-4, 1e4),
    "p": (1e-7, 1.0 - 1e-7),
}
LONGEST_STEP = 2.0  # in a logarithm: beyond it the quadratic model is not to be believed
MOST_DAMPING = 1e12
ROUNDING = 1e-12  # of a mean log-likelihood; within it the gradient is the better judge


def to_transformed(parameters: Parameters) -> NDArray[np.float64]:
    """Take logarithms of the gamma parameters and the logit of the weight.

    Parameters
    ----------
    parameters : tuple of five float
        ``alpha1, beta1, alpha2, beta2, p``, inside their ranges.

    Returns
    -------
    ndarray of float64, shape (5,)
        Unbounded numbers.
    """
    *gammas, p = parameters
    return np.array([*(math.log(value) for value in gammas), math.log(p / (1.0 - p))])


def from_transformed(x: NDArray[np.float64]) -> Parameters:
    """Undo `to_transformed`.

    Parameters
    ----------
    x : ndarray of float64, shape (5,)
        Transformed parameters.

    Returns
    -------
    tuple of five float
        ``alpha1, beta1, alpha2, beta2, p``.
    """
    alpha1, beta1, alpha2, beta2 = (math.exp(float(value)) for value in x[:4])
    return alpha1, beta1, alpha2, beta2, 1.0 / (1.0 + math.exp(-float(x[4])))


LOW, HIGH = (
    to_transformed(tuple(ends[side] for ends in BOUNDS.values()))  # type: ignore[arg-type] # five
    for side in (0, 1)
)


@dataclass(frozen=True, eq=False)
class Summit:
    """Where a climb ended.

    Attributes
    ----------
    x : ndarray of float64, shape (5,)
        Transformed parameters.
    value : float
        Mean log-likelihood of a pair.
    gradient_norm : float
        Largest absolute derivative of `value` by a parameter that is not held at its bound.
    is_held : ndarray of bool, shape (5,)
        Which parameters the bounds hold.
    is_peak : bool
        Whether the likelihood bends down in every direction that is not held.
    """

    x: NDArray[np.float64]
    value: float
    gradient_norm: float
    is_held: NDArray[np.bool_]
    is_peak: bool


def climb(
    pairs: Pairs,
    start: NDArray[np.float64],
    *,
    likelihood: Likelihood,
    tolerance: float,
    most_steps: int = 200,
) -> Summit:
    """Climb from a point until the gradient vanishes.

    Parameters
    ----------
    pairs : Pairs
        Weighted pairs.
    start : ndarray of float64, shape (5,)
        Transformed parameters; put inside the bounds first.
    likelihood : {"truncated_mixture", "full", "openebgm"}
        What to climb.
    tolerance : float
        Gradient norm at which to stop.
    most_steps : int
        Evaluations after which to stop in any case.

    Returns
    -------
    Summit
        The last point; a summit only if its gradient norm is within the tolerance.
    """
    x = np.clip(start, LOW, HIGH)
    here = surface(pairs, from_transformed(x), likelihood)
    damping = 1e-3
    for _ in range(most_steps):
        held = _held(x, here.gradient)
        if _norm(here.gradient, held) <= tolerance or damping > MOST_DAMPING:
            break
        step = _step(here, ~held, damping)
        if step is None:
            damping = max(10.0 * damping, 1e-3)
            continue
        there = np.clip(x + step, LOW, HIGH)
        ahead = surface(pairs, from_transformed(there), likelihood)
        if _is_better(ahead, here, there, x):
            x, here, damping = there, ahead, damping / 10.0
        else:
            damping = max(10.0 * damping, 1e-6)
    held = _held(x, here.gradient)
    return Summit(
        x=x,
        value=here.value,
        gradient_norm=_norm(here.gradient, held),
        is_held=held,
        is_peak=_factor(_damped(here, ~held, 0.0)) is not None,
    )


def _is_better(
    ahead: Surface, here: Surface, there: NDArray[np.float64], x: NDArray[np.float64]
) -> bool:
    if ahead.value > here.value:
        return True
    if ahead.value < here.value - ROUNDING * abs(here.value):
        return False
    now, before = _held(there, ahead.gradient), _held(x, here.gradient)
    return _norm(ahead.gradient, now) < _norm(here.gradient, before)


def _held(x: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ((x <= LOW) & (gradient < 0)) | ((x >= HIGH) & (gradient > 0))


def _norm(gradient: NDArray[np.float64], held: NDArray[np.bool_]) -> float:
    return float(np.abs(np.where(held, 0.0, gradient)).max())


def _damped(here: Surface, free: NDArray[np.bool_], damping: float) -> list[list[float]]:
    bend = -here.hessian[np.ix_(free, free)]
    scale = np.maximum(np.abs(bend.diagonal()), 1e-12)  # a flat direction is damped too
    return (bend + np.diag(damping * scale)).tolist()  # type: ignore[no-any-return]


def _step(here: Surface, free: NDArray[np.bool_], damping: float) -> NDArray[np.float64] | None:
    factor = _factor(_damped(here, free, damping))
    if factor is None:
        return None
    step = np.zeros(free.size)
    step[free] = _solve(factor, here.gradient[free].tolist())
    return step * min(1.0, LONGEST_STEP / float(np.abs(step).max()))


def _factor(matrix: list[list[float]]) -> list[list[float]] | None:
    # Cholesky; None unless clearly positive definite.
    factor: list[list[float]] = []
    for i, row in enumerate(matrix):
        new: list[float] = []
        for j in range(i):
            done = sum(new[k] * factor[j][k] for k in range(j))
            new.append((row[j] - done) / factor[j][j])
        pivot = row[i] - sum(value * value for value in new)
        if pivot <= 1e-13 * abs(row[i]):  # what rounding leaves of a zero
            return None
        factor.append([*new, math.sqrt(pivot)])
    return factor


def _solve(factor: list[list[float]], right: list[float]) -> list[float]:
    size = len(factor)
    forward: list[float] = []
    for i in range(size):
        done = sum(factor[i][k] * forward[k] for k in range(i))
        forward.append((right[i] - done) / factor[i][i])
    backward = [0.0] * size
    for i in reversed(range(size)):
        done = sum(factor[k][i] * backward[k] for k in range(i + 1, size))
        backward[i] = (forward[i] - done) / factor[i][i]
    return backward
