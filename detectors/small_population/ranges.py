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

    from detectors.small_population.constructs import Constructs, OwnPriors, Prior

_DROP = 34.0  # natural logarithms below the greatest: 2e-15 of it
_DROP_TAU = 28.0
_N_TRIED = 36
_REACH = 7.4  # standard normal density beyond: 1e-13 of the whole
_GREATEST_Z = 9.0 + _REACH  # beyond, the own prior holds all
_DROP_Z = 27.0  # natural logarithms below what the own prior holds: with the tail, 1e-13 of it


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
        Ends of mu and z.
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
    constructs: Constructs,
    prior: Prior,
    tau: NDArray[np.float64],
    *,
    own: OwnPriors | None,
    alone: NDArray[np.float64],
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
    own : OwnPriors or None
        Priors of constructs that may not belong with the others; then mu may be anywhere in its
        prior.
    alone : ndarray of float64, shape (n_constructs, 5)
        Sums by these priors, the likelihood and the ratio first; not used without them.

    Returns
    -------
    Range
        Ends that leave out 1e-13 or less.
    """
    mode = _mode(constructs, prior, tau)
    top, _, precision = _log_posterior(constructs, prior, mode, tau)
    reach = math.sqrt(2.0 * _DROP) * prior.mu_sd
    if own is not None:
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
    z_low = np.minimum(((_place(constructs, high, tau)[0] - high) / tau).min(axis=0), 0.0) - _REACH
    z_high = np.maximum(((_place(more, low, tau)[0] - low) / tau).max(axis=0), 0.0) + _REACH
    curvature = _place(more, high, tau)[1].max(axis=0)
    if own is not None:
        least = _least_z(constructs, own, alone, float(high[0]))
        z_low, z_high = np.maximum(z_low, least), np.minimum(z_high, _GREATEST_Z + tau)
        curvature = np.minimum(curvature, _greatest_curvature(more, tau, least))
    return Range(
        mu_low=low,
        mu_high=high,
        z_low=z_low,
        z_high=z_high,
        curvature=curvature,
        precision=precision,
    )


def reach_alone(
    constructs: Constructs, own: OwnPriors
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find where z has its mass for constructs with normal priors of their own.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    own : OwnPriors
        Their priors.

    Returns
    -------
    z_low, z_high, curvature : ndarray of float64
        Ends of z, and the greatest curvature of the log likelihood, for each construct.
    """
    mean, sd = own.mean[:, np.newaxis], own.sd[:, np.newaxis]
    more = replace(constructs, events=constructs.events + 1.0)
    z_low = np.minimum((_place(constructs, mean, sd)[0] - mean) / sd, 0.0) - _REACH
    theta, curvature = _place(more, mean, sd)
    z_high = np.maximum((theta - mean) / sd, 0.0) + _REACH
    return z_low[:, 0], z_high[:, 0], curvature[:, 0]


def _least_z(
    constructs: Constructs, own: OwnPriors, alone: NDArray[np.float64], mu_high: float
) -> float:
    """Find below which z the likelihood and the ratio add nothing to what the own prior holds.

    No likelihood is over 1. Its product with the ratio is not over exp(mu) there, nor over the
    ratio where that product is greatest, if it is so anywhere.
    """
    k, ratio = constructs.dispersion, np.full(own.mean.size, math.exp(mu_high))
    if k > 1.0:
        ratio = np.minimum(ratio, (constructs.events + 1.0) / constructs.expected / (1.0 - 1.0 / k))
    held = np.minimum(alone[:, 0], alone[:, 1] / ratio) * ((1.0 - own.weight) / own.weight)
    least = max(float(held.min()), np.finfo(np.float64).tiny)
    return -min(math.sqrt(2.0 * (_DROP_Z - math.log(least))), _GREATEST_Z)


def _greatest_curvature(
    constructs: Constructs, tau: NDArray[np.float64], least_z: float
) -> NDArray[np.float64]:
    """Bound the curvature of the log likelihoods in z where their place is above a z.

    With m the mean at theta, z = tau (y - m) / (1 + m / k) at the place, and the curvature is
    tau**2 (1 + y / k) m / (1 + m / k)**2.
    """
    y = constructs.events[:, np.newaxis]
    bound = tau * (1.0 + y / constructs.dispersion) * (tau * y - least_z)
    return np.asarray(bound.max(axis=0))


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
