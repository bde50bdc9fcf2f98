"""Where the integrals over mu, tau and z have their mass, by Laplace's approximation.

Nothing here enters a result but through the ends and steps of the lattices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from detectors.elementary import exp
from detectors.small_population.constructs import log_expected

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detectors.small_population.constructs import Constructs, Prior

_DROP = 34.0  # natural logarithms below the greatest: 2e-15 of it
_DROP_TAU = 28.0
_N_TRIED = 36
_GREATEST_Z = 9.0  # beyond, the own prior holds all but 1e-17


@dataclass(frozen=True)
class Spread:
    """Where tau = scale * sinh(t) has its mass.

    Attributes
    ----------
    scale : float
        Where the substitution turns from a line to an exponential.
    low, high : float
        Ends of t.
    log_top : float
        Greatest approximate logarithm, to be taken off.
    """

    scale: float
    low: float
    high: float
    log_top: float


@dataclass(frozen=True, eq=False)
class Range:
    """Where mu and z have their mass, for each tau.

    Attributes
    ----------
    mu_low, mu_high, z_low, z_high : ndarray of float64
        Ends of mu, and of the place of the greatest integrand in z.
    curvature : ndarray of float64
        Greatest curvature of a log likelihood in z.
    precision : ndarray of float64
        Curvature of the logarithm of the posterior in mu.
    """

    mu_low: NDArray[np.float64]
    mu_high: NDArray[np.float64]
    z_low: NDArray[np.float64]
    z_high: NDArray[np.float64]
    curvature: NDArray[np.float64]
    precision: NDArray[np.float64]


def find_spread(constructs: Constructs, prior: Prior, *, is_mixed: bool) -> Spread:
    """Find where tau has its mass.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    prior : Prior
        Scales of mu and tau.
    is_mixed : bool
        Whether constructs may not belong with the others.

    Returns
    -------
    Spread
        A range of t that holds all but 1e-11, also of the mean rate ratios.
    """
    scale = 1.0 / math.sqrt(float(constructs.events.max()) + prior.tau_scale**-2)
    t = np.linspace(0.02, math.asinh(20.0 * prior.tau_scale / scale), _N_TRIED)
    tau = np.asarray(scale * np.sinh(t))
    mode = _mode(constructs, prior, tau)
    peak, _, precision = _log_posterior(constructs, prior, mode, tau)
    value = peak - 0.5 * np.log(precision) - 0.5 * (tau / prior.tau_scale) ** 2
    value = value + np.log(np.cosh(t))
    has_mass = value > value.max() - _DROP_TAU
    place = np.flatnonzero(has_mass)
    low = 0.0 if place[0] == 0 or is_mixed else float(t[place[0] - 1])
    high = float(t[min(place[-1] + 1, _N_TRIED - 1)])
    if is_mixed:
        high = max(high, math.asinh(9.0 * prior.tau_scale / scale))
    return Spread(scale=scale, low=low, high=high, log_top=float(peak.max()))


def find_range(
    constructs: Constructs, prior: Prior, tau: NDArray[np.float64], *, is_mixed: bool
) -> Range:
    """Find where mu and z have their mass.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    prior : Prior
        Scales of mu and tau.
    tau : ndarray of float64
        Spreads.
    is_mixed : bool
        Whether constructs may not belong with the others; then mu may be anywhere in its prior.

    Returns
    -------
    Range
        Ends that leave out 1e-13 or less.
    """
    mode = _mode(constructs, prior, tau)
    top, _, precision = _log_posterior(constructs, prior, mode, tau)
    reach = math.sqrt(2.0 * _DROP) * prior.mu_sd
    if is_mixed:
        low = np.full(tau.size, -reach)
        high = np.full(tau.size, reach + prior.mu_sd**2)
    else:
        low = _edge(lambda mu: _log_posterior(constructs, prior, mu, tau)[0] - top, mode, -reach)
        high = _edge(
            lambda mu: _log_posterior(constructs, prior, mu, tau)[0] + (mu - mode) - top,
            mode,
            reach + prior.mu_sd**2,
        )
    more = replace(constructs, events=constructs.events + 1.0)
    z_low = np.minimum(((_place(constructs, high, tau)[0] - high) / tau).min(axis=0), 0.0)
    z_high = np.maximum(((_place(more, low, tau)[0] - low) / tau).max(axis=0), 0.0)
    if is_mixed:
        z_low, z_high = np.maximum(z_low, -_GREATEST_Z), np.minimum(z_high, _GREATEST_Z + tau)
    return Range(
        mu_low=low,
        mu_high=high,
        z_low=z_low,
        z_high=z_high,
        curvature=_place(more, high, tau)[1].max(axis=0),
        precision=precision,
    )


def reach_alone(
    constructs: Constructs, j: int, mean: float, sd: float
) -> tuple[float, float, float]:
    """Find where z has its mass for a construct with a normal prior of its own.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    j : int
        Which construct.
    mean, sd : float
        Its prior.

    Returns
    -------
    z_low, z_high, curvature : float
        Ends of the place of the greatest integrand, and its greatest curvature.
    """
    mu, tau = np.array([mean]), np.array([sd])
    more = replace(constructs, events=constructs.events + 1.0)
    z_low = float((_place(constructs, mu, tau)[0][j, 0] - mean) / sd)
    theta, curvature = _place(more, mu, tau)
    return min(z_low, 0.0), max(float((theta[j, 0] - mean) / sd), 0.0), float(curvature[j, 0])


def _place(
    constructs: Constructs, mu: NDArray[np.float64], tau: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find each construct's likeliest theta, and the curvature there of its likelihood in z."""
    y, k = constructs.events[:, np.newaxis], constructs.dispersion
    square, log_e = tau * tau, log_expected(constructs)[:, np.newaxis]
    shifted = mu + square * y
    omega = np.asarray(special.wrightomega(log_e + 2.0 * np.log(tau) + shifted))
    theta = shifted - omega
    if math.isinf(k):
        return theta, omega
    inner, outer = np.broadcast_to(mu, theta.shape).copy(), theta  # it lies between
    for _ in range(16):  # halvings: to 1e-4 of a lattice that is tens of steps wide
        middle = 0.5 * (inner + outer)
        mean = exp(np.minimum(middle + log_e, 600.0))
        goes_on = ((mu - middle) / square + (y - mean) / (1.0 + mean / k)) * (outer - inner) > 0
        inner, outer = np.where(goes_on, middle, inner), np.where(goes_on, outer, middle)
    theta = 0.5 * (inner + outer)
    mean = exp(np.minimum(theta + log_e, 300.0))
    return theta, np.asarray(square * mean * (1.0 + y / k) / (1.0 + mean / k) ** 2)


def _log_posterior(
    constructs: Constructs, prior: Prior, mu: NDArray[np.float64], tau: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Approximate the logarithm of the posterior of mu given tau, its slope and its curvature."""
    theta, curvature = _place(constructs, mu, tau)
    count, z = constructs.count[:, np.newaxis], (theta - mu) / tau
    ratio = exp(np.minimum(theta, 600.0))
    each = constructs.log_likelihoods(theta, ratio) - 0.5 * z * z - 0.5 * special.log1p(curvature)
    value = (count * each).sum(axis=0) - 0.5 * (mu / prior.mu_sd) ** 2
    slope = (count * z).sum(axis=0) / tau - mu / prior.mu_sd**2
    precision = (count * (curvature / (1.0 + curvature))).sum(axis=0) / (tau * tau)
    return value, slope, precision + prior.mu_sd**-2


def _mode(constructs: Constructs, prior: Prior, tau: NDArray[np.float64]) -> NDArray[np.float64]:
    # The slope is at most the counts less mu / mu_sd**2, and any count is met by a theta below 40.
    low, high = np.full(tau.size, -30.0), np.full(tau.size, 40.0)
    for _ in range(18):  # halvings: to 3e-4
        middle = 0.5 * (low + high)
        rises = _log_posterior(constructs, prior, middle, tau)[1] > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.asarray(0.5 * (low + high))


def _edge(
    height: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    inside: NDArray[np.float64],
    reach: float,
) -> NDArray[np.float64]:
    outside = inside + reach
    for _ in range(9):  # halvings, the last from outside: too wide, never too narrow
        middle = 0.5 * (inside + outside)
        is_far = height(middle) < -_DROP
        inside, outside = np.where(is_far, inside, middle), np.where(is_far, middle, outside)
    return outside
