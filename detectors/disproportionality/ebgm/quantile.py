"""Quantiles of mixtures of two gamma distributions, to the rounding error of their integrals.

The quantile of a mixture lies between those of its components, which depend on the count alone but
for a factor. Between them it is sought on the log scale by Halley's method, and by halves where a
step would leave the bracket. What is done for one pair depends on that pair alone.

A good start saves most of the steps. For the small counts, which most pairs have, the quantiles at
fixed expectations are computed first, and the others start from a cubic through four of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.disproportionality.ebgm.posterior import Counts, Posterior, Two
from detectors.elementary import exp, log

LEAST = 1e-300  # a quantile below it is 0
LOG_LEAST = math.log(LEAST)
MOST_STEPS = 400  # halving alone needs 60 from the widest bracket; reached by none
NEAR = 1e-5  # a step shorter than this part of the scale leaves less than its cube
LOW = 1e-3 - 1.0  # nearer to -1 an excess over the mode has lost more than three digits


@dataclass(frozen=True, eq=False)
class Tail:
    """One probability, and the quantiles of the components of each count.

    Attributes
    ----------
    mass : float
        The probability below the quantile or above it, whichever is less.
    is_upper : bool
        Whether it is the probability above.
    log_quantiles : two ndarray of float64, shape (n_counts,)
        Logarithms of the quantiles of gamma variables with the shapes of `Counts` and rate 1.
    """

    mass: float
    is_upper: bool
    log_quantiles: Two


def tail_of(probability: float, counts: Counts) -> Tail:
    """Compute the quantiles of the components.

    Parameters
    ----------
    probability : float
        Below the quantile; in (0, 1).
    counts : Counts
        Of distinct counts.

    Returns
    -------
    Tail
        For these counts.
    """
    is_upper = probability > 0.5  # noqa: PLR2004 - the smaller side has no cancellation
    mass = 1.0 - probability if is_upper else probability
    inverse = special.gammainccinv if is_upper else special.gammaincinv
    one, other = (log(np.maximum(inverse(shape, mass), LEAST)) for shape in counts.shapes)
    return Tail(mass=mass, is_upper=is_upper, log_quantiles=(one, other))


@dataclass(frozen=True, eq=False)
class Problem:
    """The equations of some pairs, one each, with brackets that shrink as they are solved.

    Attributes
    ----------
    weights, rates, shapes, modes : two ndarray of float64, shape (n_pairs,)
        Of the components' posteriors; see `Posterior` and `Counts`.
    low, high : ndarray of float64, shape (n_pairs,)
        Logarithms that enclose the quantile.
    """

    weights: Two
    rates: Two
    shapes: Two
    modes: Two
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def at(self, places: NDArray[np.intp]) -> Problem:
        """Take some of the pairs.

        Parameters
        ----------
        places : ndarray of int
            Which.

        Returns
        -------
        Problem
            Theirs.
        """
        both = (self.weights, self.rates, self.shapes, self.modes)
        weights, rates, shapes, modes = ((one[places], other[places]) for one, other in both)
        return Problem(weights, rates, shapes, modes, self.low[places], self.high[places])


def problem_of(
    posterior: Posterior, counts: Counts, tail: Tail, which: NDArray[np.intp]
) -> Problem:
    """Set up the equations of pairs.

    Parameters
    ----------
    posterior : Posterior
        Of the pairs.
    counts : Counts
        Of distinct counts.
    tail : Tail
        Of the same counts.
    which : ndarray of int, shape (n_pairs,)
        Index of each pair's count in `counts`.

    Returns
    -------
    Problem
        Of the pairs.
    """
    ends = [
        np.maximum(quantile[which] - log_rate, LOG_LEAST)
        for quantile, log_rate in zip(tail.log_quantiles, posterior.log_rates, strict=True)
    ]
    return Problem(
        weights=posterior.weights,
        rates=posterior.rates,
        shapes=(counts.shapes[0][which], counts.shapes[1][which]),
        modes=(counts.modes[0][which], counts.modes[1][which]),
        low=np.minimum(*ends),
        high=np.maximum(*ends),
    )


def solve(
    problem: Problem, tail: Tail, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Find the logarithms of the quantiles.

    Parameters
    ----------
    problem : Problem
        Of pairs.
    tail : Tail
        Which quantile.
    start : ndarray of float64, shape (n_pairs,), optional
        Where to begin; the middle of the bracket where it lies outside or is not given.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        Natural logarithms; at most that of `LEAST` where the quantile is below it.
    """
    middle = 0.5 * (problem.low + problem.high)
    x = middle if start is None else start
    x = np.where((x >= problem.low) & (x <= problem.high), x, middle)
    found = np.empty_like(x)
    places = np.arange(x.size)
    for _ in range(MOST_STEPS):
        x, problem, is_done = _stepped(x, problem, tail)
        found[places] = x
        left = np.flatnonzero(~is_done)
        if not left.size:
            break
        x, places, problem = x[left], places[left], problem.at(left)
    return found


def _stepped(
    x: NDArray[np.float64], problem: Problem, tail: Tail
) -> tuple[NDArray[np.float64], Problem, NDArray[np.bool_]]:
    excess, density, bend = _equation(x, problem, tail)
    low = np.where(excess > 0, problem.low, x)
    high = np.where(excess < 0, problem.high, x)
    newton = excess / np.maximum(density, LEAST)
    slope = bend / np.maximum(density, LEAST)
    halley = newton / (1.0 - np.clip(0.5 * newton * slope, -0.5, 0.5))
    ahead = x - halley
    is_inside = (ahead >= low) & (ahead <= high)
    scale = np.sqrt(np.maximum(*problem.shapes)) + np.abs(slope)
    is_done = is_inside & (np.abs(halley) * scale < NEAR)
    is_done |= high - low <= 4e-16 * np.maximum(np.abs(x), 1.0)  # as near as doubles are
    x = np.where(is_inside, ahead, 0.5 * (low + high))
    parts = problem.weights, problem.rates, problem.shapes, problem.modes
    return x, Problem(*parts, low, high), is_done


def _equation(
    x: NDArray[np.float64], problem: Problem, tail: Tail
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    # Mass below exp(x) less what it should be, its derivative by x, and the derivative of that.
    integral = special.gammaincc if tail.is_upper else special.gammainc
    ratio = exp(x)
    mass = density = bend = np.zeros_like(x)
    parts = (problem.weights, problem.rates, problem.shapes, problem.modes)
    for weight, rate, shape, mode in zip(*parts, strict=True):
        variable = rate * ratio
        mass = mass + weight * integral(shape, variable)
        excess = variable / shape - 1.0
        own = weight * mode * exp(shape * (_log1p(excess, variable, shape) - excess))
        density = density + own
        bend = bend - own * shape * excess
    error = tail.mass - mass if tail.is_upper else mass - tail.mass
    return error, density, bend


def _log1p(
    excess: NDArray[np.float64], variable: NDArray[np.float64], shape: NDArray[np.float64]
) -> NDArray[np.float64]:
    # Of the quotient's own digits, where most of them are lost in the excess.
    found = np.asarray(special.log1p(excess))
    is_low = excess < LOW
    if is_low.any():
        found[is_low] = log(np.maximum(variable[is_low] / shape[is_low], LEAST))
    return found
