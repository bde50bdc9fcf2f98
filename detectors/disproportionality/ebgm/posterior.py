"""The posterior of a pair's ratio: what depends on the count alone, and the rest.

Most pairs of a database have one of a few counts. Everything that needs a special function of the
count is therefore computed once for each count, and looked up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.disproportionality.ebgm.prior import Prior
from detectors.disproportionality.ebgm.rising import log_rising, log_stirling
from detectors.elementary import exp, log

Two = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Counts:
    """What the posteriors of some counts have in common, for both components.

    Attributes
    ----------
    n : ndarray of int64, shape (n_counts,)
        Distinct counts.
    shapes : two ndarray of float64, shape (n_counts,)
        Posterior shapes.
    log_means : two ndarray of float64, shape (n_counts,)
        Mean logarithms of gamma variables with these shapes and rate 1.
    modes : two ndarray of float64, shape (n_counts,)
        Densities of the logarithms of these variables where the variable equals its shape, which is
        where they are highest.
    log_odds : ndarray of float64, shape (n_counts,)
        The part of the log-odds of the first component that depends on the count alone.
    """

    n: NDArray[np.int64]
    shapes: Two
    log_means: Two
    modes: Two
    log_odds: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Mixtures of two gamma distributions, one for each pair.

    Attributes
    ----------
    weights : two ndarray of float64, shape (n_pairs,)
        Of the components; they add up to 1, and the smaller has no rounding error of the larger.
    rates : two ndarray of float64, shape (n_pairs,)
        Of the components.
    log_rates : two ndarray of float64, shape (n_pairs,)
        Their logarithms.
    """

    weights: Two
    rates: Two
    log_rates: Two


def of_counts(n: NDArray[np.int64], prior: Prior) -> Counts:
    """Compute what depends on the count alone.

    Parameters
    ----------
    n : ndarray of int64, shape (n_counts,)
        Distinct counts.
    prior : Prior
        The prior.

    Returns
    -------
    Counts
        For each count.
    """
    count = n.astype(np.float64)
    shapes = (prior.alpha1 + count, prior.alpha2 + count)
    return Counts(
        n=n,
        shapes=shapes,
        log_means=(special.psi(shapes[0]), special.psi(shapes[1])),
        modes=(_mode(shapes[0]), _mode(shapes[1])),
        log_odds=log_rising(prior.alpha1, n) - log_rising(prior.alpha2, n) + _logit(prior.p),
    )


def of_pairs(
    n: NDArray[np.float64],
    expected: NDArray[np.float64],
    log_odds: NDArray[np.float64],
    prior: Prior,
) -> Posterior:
    """Compute the posteriors of pairs.

    Parameters
    ----------
    n, expected : ndarray of float64, shape (n_pairs,)
        Reports observed and expected.
    log_odds : ndarray of float64, shape (n_pairs,)
        `Counts.log_odds` of each.
    prior : Prior
        The prior.

    Returns
    -------
    Posterior
        For each pair.
    """
    none1, none2 = (special.log1p(expected / beta) for beta in (prior.beta1, prior.beta2))
    # DuMouchel (1999): the ratio of two negative binomial probabilities, times p / (1 - p).
    odds = log_odds - prior.alpha1 * none1 + prior.alpha2 * none2
    odds = odds - n * _log_ratio_of_rates(expected, prior)
    return Posterior(
        weights=(special.expit(odds), special.expit(-odds)),
        rates=(prior.beta1 + expected, prior.beta2 + expected),
        log_rates=(math.log(prior.beta1) + none1, math.log(prior.beta2) + none2),
    )


def _mode(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(shape / (2.0 * math.pi)) * exp(-log_stirling(shape)))


def _logit(p: float) -> float:
    if p in {0.0, 1.0}:
        return math.inf if p else -math.inf
    return math.log(p) - math.log1p(-p)


def _log_ratio_of_rates(expected: NDArray[np.float64], prior: Prior) -> NDArray[np.float64]:
    # Not the difference of two logarithms: a large count multiplies its rounding error.
    excess = (prior.beta1 - prior.beta2) / (prior.beta2 + expected)
    is_near = np.abs(excess) < 0.5  # noqa: PLR2004 - any bound would do
    ratio = (prior.beta1 + expected) / (prior.beta2 + expected)
    return np.where(is_near, special.log1p(excess), log(ratio))
