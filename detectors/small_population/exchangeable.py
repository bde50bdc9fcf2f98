r"""Integrals over the rate ratios of constructs that share what they know.

Given the mean mu and the spread tau, constructs are independent, and with theta = mu + tau z each
likelihood is an integral over a standard normal z. On lattices of mu and z the trapezoid rule
converges faster than any power of the step, since every function is analytic; only tau, which
ends at 0, takes Gauss-Legendre nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.elementary import exp, log
from detectors.small_population.lattice import lay_out, sums_alone
from detectors.small_population.quadrature import gauss_legendre
from detectors.small_population.ranges import find_range, find_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.small_population.constructs import Constructs, OwnPriors, Prior
    from detectors.small_population.lattice import Lattice

_ROOT_2PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Integrals:
    """Posterior expectations, one for each distinct construct.

    Attributes
    ----------
    log_marginal : float
        Logarithm of the probability of the data.
    mu_mean, mu_sd, tau_mean, p_mu : float
        Mean and standard deviation of mu, mean of tau, P(mu > log threshold).
    rr_mean, p_above, log_rr_mean, log_rr_sd : ndarray of float64
        Mean rate ratio, P(rate ratio > threshold), mean and standard deviation of its logarithm.
    p_exchangeable : ndarray of float64
        Probability that the construct belongs with the others; 1 without own priors.
    """

    log_marginal: float
    mu_mean: float
    mu_sd: float
    tau_mean: float
    p_mu: float
    rr_mean: NDArray[np.float64]
    p_above: NDArray[np.float64]
    log_rr_mean: NDArray[np.float64]
    log_rr_sd: NDArray[np.float64]
    p_exchangeable: NDArray[np.float64]


def integrate(
    constructs: Constructs,
    prior: Prior,
    *,
    log_threshold: float,
    own: OwnPriors | None = None,
    refinement: float = 1.0,
) -> Integrals:
    """Integrate over the constructs' rate ratios, their mean and their spread.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts, distinct and in order.
    prior : Prior
        Scales of mu and tau.
    log_threshold : float
        Logarithm of the rate ratio to exceed.
    own : OwnPriors, optional
        Priors of constructs that may not belong with the others.
    refinement : float, default: 1.0
        Divides every step and multiplies the number of nodes, from 1 up: to see the error.

    Returns
    -------
    Integrals
        Posterior expectations.
    """
    is_mixed = own is not None
    spread = find_spread(constructs, prior, is_mixed=is_mixed)
    nodes = np.array(gauss_legendre(round((40 if is_mixed else 30) * refinement)))
    half = (spread.high - spread.low) / 2.0
    t = spread.low + half * (nodes[:, 0] + 1.0)
    tau = spread.scale * np.array([math.sinh(each) for each in t])
    density = np.array([math.cosh(each) for each in t]) * exp(-0.5 * (tau / prior.tau_scale) ** 2)
    weight = nodes[:, 1] * density * (half * spread.scale)
    belongs, alone = _apart(constructs, own, log_threshold, refinement)
    ranges = find_range(constructs, prior, tau, own=own, alone=alone)
    over_mu, over_theta = np.zeros(5), np.zeros((constructs.events.size, 5))
    for i in range(tau.size):
        lattice = lay_out(
            constructs,
            ranges,
            i,
            float(tau[i]),
            log_threshold=log_threshold,
            refinement=refinement,
        )
        likelihood = belongs * lattice.likelihood + (1.0 - belongs) * alone[:, :1]
        w, each = _weights(constructs, prior, lattice, likelihood, spread.log_top)
        over_mu += weight[i] * np.array([w.sum(), *_moments(w, lattice), tau[i] * w.sum()])
        over_theta += (weight[i] * belongs) * lattice.expect(each)
        by_itself = (1.0 - belongs) * alone[:, 1:] * each.sum(axis=1)[:, np.newaxis]
        over_theta[:, 1:] += weight[i] * by_itself
    log_scale = spread.log_top - math.log(prior.tau_scale) + 0.5 * math.log(2.0 / math.pi)
    return _normalised(over_mu, over_theta, log_scale + constructs.log_constant)


def _normalised(
    over_mu: NDArray[np.float64], over_theta: NDArray[np.float64], log_scale: float
) -> Integrals:
    total = float(over_mu[0])
    mean, square, above, tau = (float(each) / total for each in over_mu[1:])
    belongs, rr, p, theta, theta_square = (over_theta / total).T
    return Integrals(
        log_marginal=math.log(total) + log_scale,
        mu_mean=mean,
        mu_sd=math.sqrt(max(square - mean * mean, 0.0)),
        tau_mean=tau,
        p_mu=min(max(above, 0.0), 1.0),
        rr_mean=rr,
        p_above=np.clip(p, 0.0, 1.0),
        log_rr_mean=theta,
        log_rr_sd=np.sqrt(np.maximum(theta_square - theta * theta, 0.0)),
        p_exchangeable=np.clip(belongs, 0.0, 1.0),
    )


def _weights(
    constructs: Constructs,
    prior: Prior,
    lattice: Lattice,
    likelihood: NDArray[np.float64],
    log_top: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh each mu by the posterior, and by the posterior without one construct's likelihood."""
    likelihood = np.maximum(likelihood, np.finfo(np.float64).tiny)
    log_w = (constructs.count[:, np.newaxis] * log(likelihood)).sum(axis=0)
    w = exp(log_w - 0.5 * (lattice.mu / prior.mu_sd) ** 2 - log_top)
    w = w * (lattice.step / (prior.mu_sd * _ROOT_2PI))
    return w, w / likelihood


def _moments(w: NDArray[np.float64], lattice: Lattice) -> tuple[float, float, float]:
    mu = lattice.mu
    return float((w * mu).sum()), float((w * mu * mu).sum()), float((w * lattice.mu_above).sum())


def _apart(
    constructs: Constructs, own: OwnPriors | None, log_threshold: float, refinement: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find how far each construct belongs, as a column, and its sums if it does not."""
    if own is None:
        n_constructs = constructs.events.size
        return np.ones((n_constructs, 1)), np.zeros((n_constructs, 5))
    alone = sums_alone(constructs, own, log_threshold=log_threshold, refinement=refinement)
    return own.weight[:, np.newaxis], alone
