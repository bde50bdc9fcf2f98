r"""Sums over theta and mu on lattices, given the spread.

With theta = mu + tau z each likelihood is an integral over a standard normal z. Where the spread is
wide, mu and theta lie on one lattice: a likelihood is then worked out once at each theta, not once
at each pair of mu and z. Where it is narrow, theta takes its own few places around each mu.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.elementary import exp
from detectors.small_population.quadrature import smoothed_step
from detectors.small_population.ranges import reach_alone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.small_population.constructs import Constructs, OwnPriors
    from detectors.small_population.ranges import Range

_STEP = 0.5  # of a standard deviation: the cardinal series errs by exp(-2 pi**2)
_HIGHEST = 690.0  # exponents of this size do not overflow
_ROOT_2PI = math.sqrt(2.0 * math.pi)


class Lattice(Protocol):
    """Places of mu, and what each construct's theta adds up to.

    Attributes
    ----------
    mu : ndarray of float64, shape (n_mu,)
        Places of mu.
    step : float
        Distance between them.
    mu_above : ndarray of float64, of the same shape
        Weights that integrate over mu above the log threshold.
    likelihood : ndarray of float64, shape (n_constructs, n_mu)
        Likelihood of each construct given mu, theta summed out.
    """

    @property
    def mu(self) -> NDArray[np.float64]: ...  # noqa: D102 - described above

    @property
    def step(self) -> float: ...  # noqa: D102 - described above

    @property
    def mu_above(self) -> NDArray[np.float64]: ...  # noqa: D102 - described above

    @property
    def likelihood(self) -> NDArray[np.float64]: ...  # noqa: D102 - described above

    def expect(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up over mu and theta.

        Parameters
        ----------
        weight : ndarray of float64, shape (n_constructs, n_mu)
            Weight of each mu, for each construct.

        Returns
        -------
        ndarray of float64, shape (n_constructs, 5)
            Sums of the likelihood, and with the ratio, its excess, theta and theta squared.
        """
        ...


@dataclass(frozen=True, eq=False)
class _Shared:
    """Mu and theta on one lattice, mu at every few of its points."""

    mu: NDArray[np.float64]
    step: float
    mu_above: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    stride: int
    z_weight: NDArray[np.float64]
    at_theta: NDArray[np.float64]  # likelihoods of theta, construct by theta
    functions: tuple[NDArray[np.float64], ...]

    def expect(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        n_z, kept = self.z_weight.size, np.zeros_like(self.at_theta)
        for i in range(self.mu.size):
            start = i * self.stride
            kept[:, start : start + n_z] += weight[:, i, np.newaxis] * self.z_weight
        kept *= self.at_theta
        sums = [kept.sum(axis=1), *((kept * each).sum(axis=1) for each in self.functions)]
        return np.stack(sums, axis=1)


@dataclass(frozen=True, eq=False)
class _Apart:
    """Sums over theta for each mu, construct by sum by mu."""

    mu: NDArray[np.float64]
    step: float
    mu_above: NDArray[np.float64]
    sums: NDArray[np.float64]

    @property
    def likelihood(self) -> NDArray[np.float64]:
        return np.asarray(self.sums[:, 0])

    def expect(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((weight[:, np.newaxis] * self.sums).sum(axis=2))


def lay_out(
    constructs: Constructs,
    ranges: Range,
    i: int,
    tau: float,
    *,
    log_threshold: float,
    refinement: float,
) -> Lattice:
    """Lay out mu and theta so that theta crosses the threshold on a lattice that resolves it.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    ranges : Range
        Where mu and z have their mass.
    i : int
        Which of its spreads.
    tau : float
        The spread.
    log_threshold : float
        Logarithm of the rate ratio to exceed.
    refinement : float
        Divides every step.

    Returns
    -------
    Lattice
        The likelihoods, and their sums.
    """
    theta_step, mu_step, stride = _steps(constructs, ranges, i, tau)
    theta_step, mu_step = theta_step / refinement, mu_step / refinement
    places = _whole(float(ranges.mu_low[i]) / mu_step, float(ranges.mu_high[i]) / mu_step)
    mu, z_step = mu_step * places, theta_step / tau
    z_places = _whole(float(ranges.z_low[i]) / z_step, float(ranges.z_high[i]) / z_step)
    z_weight = _normal(z_step * z_places, z_step)
    above = smoothed_step((mu - log_threshold) / mu_step)
    if stride == 0:
        theta = theta_step * z_places[:, np.newaxis] + mu
        sums = _sums(constructs, theta, z_weight[:, np.newaxis], (log_threshold, mu_step))
        return _Apart(mu=mu, step=mu_step, mu_above=above, sums=sums)
    first, last = (stride * places[end] + z_places[end] for end in (0, -1))
    theta = np.minimum(theta_step * np.arange(first, last + 1.0), _HIGHEST)
    ratio = exp(theta)
    at_theta = exp(constructs.log_likelihoods(theta[np.newaxis], ratio[np.newaxis]))
    near = sliding_window_view(at_theta, z_weight.size, axis=1)[:, ::stride]
    return _Shared(
        mu=mu,
        step=mu_step,
        mu_above=above,
        likelihood=np.stack([(each * z_weight).sum(axis=1) for each in near]),
        stride=stride,
        z_weight=z_weight,
        at_theta=at_theta,
        functions=(ratio, smoothed_step((theta - log_threshold) / theta_step), theta, theta**2),
    )


def sums_alone(
    constructs: Constructs, own: OwnPriors, *, log_threshold: float, refinement: float
) -> NDArray[np.float64]:
    """Integrate each construct by its own prior, which is one of known mu and tau.

    Parameters
    ----------
    constructs : Constructs
        Counts and expected counts.
    own : OwnPriors
        Their priors.
    log_threshold : float
        Logarithm of the rate ratio to exceed.
    refinement : float
        Divides every step.

    Returns
    -------
    ndarray of float64, shape (n_constructs, 5)
        Sums of the likelihood, and with the ratio, its excess, theta and theta squared.
    """
    found = []
    for j, (low, high, curvature) in enumerate(zip(*reach_alone(constructs, own), strict=True)):
        mean, sd = float(own.mean[j]), float(own.sd[j])
        z_step = min(0.45 / math.sqrt(1.0 + curvature), 0.2 / sd) / refinement
        z = z_step * _whole(low / z_step, high / z_step)[:, np.newaxis]
        threshold = (log_threshold, sd * z_step)
        sums = _sums(constructs.only(j), mean + sd * z, _normal(z, z_step), threshold)
        found.append(sums[0, :, 0])
    return np.stack(found)


def _steps(constructs: Constructs, ranges: Range, i: int, tau: float) -> tuple[float, float, int]:
    """Find the steps of theta and mu, and how many of theta's make one of mu's: 0 if none do."""
    precision, sharp = float(ranges.precision[i]), math.sqrt(1.0 + float(ranges.curvature[i]))
    finest = math.sqrt(precision + float(constructs.events.max()) + 1.0)
    if tau * finest <= 1.0:  # then a lattice for both would be the dearer
        return min(0.9 * tau / sharp, 0.4), min(_STEP / finest, 0.2), 0
    mu_step = min(_STEP / math.sqrt(precision), 0.9 * tau)
    stride = math.ceil(mu_step / min(0.45 * tau / sharp, 0.2))
    return mu_step / stride, mu_step, stride


def _normal(z: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    return exp(-0.5 * z * z) * (step / _ROOT_2PI)


def _whole(low: float, high: float) -> NDArray[np.float64]:
    return np.arange(math.floor(low), math.ceil(high) + 1, dtype=np.float64)


def _sums(
    constructs: Constructs,
    theta: NDArray[np.float64],
    z_weight: NDArray[np.float64],
    threshold: tuple[float, float],
) -> NDArray[np.float64]:
    """Sum over z, down the columns of theta."""
    theta = np.minimum(theta, _HIGHEST)
    ratio, above = exp(theta), smoothed_step((theta - threshold[0]) / threshold[1])
    likelihood = exp(constructs.log_likelihoods(theta[np.newaxis], ratio[np.newaxis]))
    likelihood *= z_weight
    functions = (ratio, above, theta, theta * theta)
    sums = [likelihood.sum(axis=1), *((likelihood * each).sum(axis=1) for each in functions)]
    return np.stack(sums, axis=1)
