r"""Integrals over two layers: constructs within systems, and systems within a platform.

Messages up and down a tree, all on one lattice of log rate ratios: the likelihood of a construct,
smoothed by the spread of its system, is one of the system's mean; the product over constructs,
averaged over that spread and smoothed by the spread of systems, is one of the platform's mean. The
same way back gives each density. No sum runs over pairs of spreads.

Every function of a spread is even and analytic, so that the trapezoid rule from 0 on converges
faster than any power of the step. At 0 there is nothing to smooth, and the least spread above it is
as wide as a lattice step: no function is needed between two points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.elementary import exp, log
from detectors.small_population.quadrature import smoothed_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.small_population.constructs import Constructs

MAX_CELLS = 500_000  # lattice points times distinct constructs; some seconds
_NODE_STEP = 0.17  # of t, where the spread is scale * sinh(t)
_STEP = 0.9  # of a standard deviation: the trapezoid rule errs by exp(-2 pi**2 / 0.81)
_KEPT = 23.0  # natural logarithms below the whole: 1e-10 of it
_GUESS = 12.0
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Scales:
    """Scales of the two layers.

    Attributes
    ----------
    mu_sd : float
        Standard deviation of the platform's mean.
    omega_scale : float
        Scale of the half-normal spread of systems.
    tau_scale : float
        Scale of the half-normal spread of the constructs of each system.
    """

    mu_sd: float
    omega_scale: float
    tau_scale: float


@dataclass(frozen=True, eq=False)
class Moments:
    """What a density says.

    Attributes
    ----------
    mean, sd : ndarray of float64
        Mean and standard deviation of the log rate ratios.
    ratio : ndarray of float64
        Means of the rate ratios.
    above : ndarray of float64
        Probabilities to exceed the threshold.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    ratio: NDArray[np.float64]
    above: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layers:
    """Posterior expectations.

    Attributes
    ----------
    constructs : tuple of Moments
        Of the distinct constructs of each system.
    systems : Moments
        Of the systems' means.
    platform : Moments
        Of the platform's mean, arrays of one.
    tau_rms : tuple of float
        Root of the mean variance within each system.
    omega_rms : float
        Root of the mean variance of the systems.
    log_marginal : float
        Logarithm of the probability of the counts.
    """

    constructs: tuple[Moments, ...]
    systems: Moments
    platform: Moments
    tau_rms: tuple[float, ...]
    omega_rms: float
    log_marginal: float


@dataclass(frozen=True, eq=False)
class _Spread:
    at: NDArray[np.float64]
    weight: NDArray[np.float64]
    scale: float


@dataclass(frozen=True, eq=False)
class _Frame:
    theta: NDArray[np.float64]
    step: float
    drop: float
    precision: float
    refinement: float
    log_threshold: float


@dataclass(frozen=True, eq=False)
class _System:
    """One system's way up: of spread by construct by mean, of spread by mean, and their sum."""

    at_theta: NDArray[np.float64]
    log_each: NDArray[np.float64]
    log_joint: NDArray[np.float64]
    spread: _Spread
    log_top: float
    likelihood: NDArray[np.float64]


def integrate_layers(
    systems: list[Constructs], scales: Scales, *, log_threshold: float, refinement: float = 1.0
) -> Layers:
    """Integrate over rate ratios, the systems' means and spreads, and the platform's.

    Parameters
    ----------
    systems : list of Constructs
        Distinct constructs of each system, systems in an order that is their numbers' own.
    scales : Scales
        Scales of the priors.
    log_threshold : float
        Logarithm of the rate ratio to exceed.
    refinement : float, default: 1.0
        Divides every step, from 1 up: to see the error.

    Returns
    -------
    Layers
        Posterior expectations.

    Raises
    ------
    ValueError
        If the lattice would be too large.
    """
    # No likelihood is over 1, so that what a lattice leaves out is known from what it finds.
    tilt = max(0.0, math.log(40.0 / min(float(each.expected.min()) for each in systems)))
    penalty = _GUESS
    while True:
        frame = _frame(systems, scales, _KEPT + tilt + penalty, log_threshold, refinement)
        up = [_way_up(each, scales, frame) for each in systems]
        found, log_total = _top(up, scales, frame)
        if -log_total <= penalty:
            break
        penalty = 1.0 - log_total
    constants = math.fsum(each.log_constant for each in systems)
    omega_rms, platform, messages = found
    down = [_way_down(*each, frame) for each in zip(up, messages, strict=True)]
    densities = np.stack([a.likelihood * b for a, b in zip(up, messages, strict=True)])
    return Layers(
        constructs=tuple(each for each, _ in down),
        systems=_moments(densities, frame),
        platform=_moments(platform[np.newaxis], frame),
        tau_rms=tuple(each for _, each in down),
        omega_rms=omega_rms,
        log_marginal=log_total + constants,
    )


def _frame(
    systems: list[Constructs],
    scales: Scales,
    drop: float,
    log_threshold: float,
    refinement: float,
) -> _Frame:
    total = math.fsum(_total(each) for each in systems)
    within = max(_total(each) for each in systems)
    least = min(_unit(within, scales.tau_scale), _unit(total, scales.omega_scale))
    step = min(_STEP * least * math.sinh(_NODE_STEP / refinement), 0.2 / refinement)
    # The farthest theta whose prior, with the mean, the spreads and their normals, is exp(-drop).
    s, sd = max(scales.omega_scale, scales.tau_scale), scales.mu_sd
    turn = 0.5 * (sd / s) ** 2
    reach = s * (drop + turn) if drop > turn else math.sqrt(2.0 * drop) * sd
    half = math.ceil(reach / step)
    cells = (2 * half + 1) * sum(each.events.size for each in systems)
    if cells > MAX_CELLS * refinement**2:
        raise ValueError(
            f"the lattice has {cells} points times constructs: must be at most {MAX_CELLS}; events "
            "are too many, or too far from what the priors allow; see platform.posterior"
        )
    return _Frame(
        theta=step * np.arange(-half, half + 1.0),
        step=step,
        drop=drop,
        precision=total + sd**-2 + 1.0,
        refinement=refinement,
        log_threshold=log_threshold,
    )


def _total(constructs: Constructs) -> float:
    return float((constructs.events * constructs.count).sum())


def _unit(events: float, scale: float) -> float:
    """Find a spread over which the integrand hardly varies: what the counts could tell of it."""
    return 1.0 / math.sqrt(events + scale**-2)


def _spread(events: float, scale: float, frame: _Frame) -> _Spread:
    unit, step = _unit(events, scale), _NODE_STEP / frame.refinement
    last = math.ceil(math.asinh(math.sqrt(2.0 * frame.drop) * scale / unit) / step)
    at = np.array([unit * math.sinh(step * i) for i in range(last)])
    slope = np.array([unit * math.cosh(step * i) for i in range(last)])
    weight = slope * exp(-0.5 * (at / scale) ** 2) * (step * math.sqrt(2.0 / math.pi) / scale)
    weight[0] *= 0.5
    return _Spread(at=at, weight=weight, scale=scale)


def _smooth(
    values: NDArray[np.float64], spread: _Spread, i: int, frame: _Frame
) -> NDArray[np.float64]:
    """Take the mean over a normal around each point, by every few points of the lattice."""
    sd, n = float(spread.at[i]), frame.theta.size
    if sd == 0.0:
        return values
    reach = sd * math.sqrt(max(2.0 * frame.drop - (sd / spread.scale) ** 2, 0.0))
    finest = min(sd / math.sqrt(1.0 + sd * sd * frame.precision), 0.4)
    stride = max(1, math.floor(_STEP * finest / frame.refinement / frame.step))
    distance = frame.step * stride
    out = np.zeros_like(values)
    for k in range(-math.floor(reach / distance), math.floor(reach / distance) + 1):
        shift = k * stride
        if abs(shift) < n:
            weight = math.exp(-0.5 * (k * distance / sd) ** 2) * (distance / (sd * _ROOT_2PI))
            low, high = max(0, -shift), n - max(0, shift)
            out[:, low:high] += weight * values[:, low + shift : high + shift]
    return out


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return log(np.maximum(values, _TINY))


def _way_up(constructs: Constructs, scales: Scales, frame: _Frame) -> _System:
    spread = _spread(_total(constructs), scales.tau_scale, frame)
    theta = frame.theta[np.newaxis]
    ratio = exp(np.minimum(theta, 690.0))
    at_theta = exp(constructs.log_likelihoods(theta, ratio))
    each = np.stack([_log(_smooth(at_theta, spread, i, frame)) for i in range(spread.at.size)])
    joint = (constructs.count[:, np.newaxis] * each).sum(axis=1)
    top = float(joint.max())
    return _System(
        at_theta=at_theta,
        log_each=each,
        log_joint=joint,
        spread=spread,
        log_top=top,
        likelihood=(spread.weight[:, np.newaxis] * exp(joint - top)).sum(axis=0),
    )


def _top(
    up: list[_System], scales: Scales, frame: _Frame
) -> tuple[tuple[float, NDArray[np.float64], NDArray[np.float64]], float]:
    """Integrate over the platform's mean and the spread of systems; send back a message to each."""
    spread = _spread(frame.precision - scales.mu_sd**-2 - 1.0, scales.omega_scale, frame)
    values = np.stack([each.likelihood for each in up])
    each = np.stack([_log(_smooth(values, spread, i, frame)) for i in range(spread.at.size)])
    prior = -0.5 * (frame.theta / scales.mu_sd) ** 2
    joint = each.sum(axis=1) + prior
    top = float(joint.max())
    weight = spread.weight[:, np.newaxis] * (frame.step / (scales.mu_sd * _ROOT_2PI))
    density = weight * exp(joint - top)
    messages = np.zeros_like(values)
    for i in range(spread.at.size):
        without = weight[i] * exp(joint[i] - top - each[i])
        messages += _smooth(without, spread, i, frame)
    total = float(density.sum())
    omega_rms = _root_mean_square(spread, density.sum(axis=1))
    log_total = math.log(total) + top + math.fsum(system.log_top for system in up)
    return (omega_rms, density.sum(axis=0), messages), log_total


def _way_down(
    system: _System, message: NDArray[np.float64], frame: _Frame
) -> tuple[Moments, float]:
    spread, kept = system.spread, np.zeros_like(system.at_theta)
    mass = np.zeros(spread.at.size)
    for i in range(spread.at.size):
        given = spread.weight[i] * message
        log_joint = system.log_joint[i] - system.log_top
        mass[i] = (given * exp(log_joint)).sum()
        kept += _smooth(given * exp(log_joint - system.log_each[i]), spread, i, frame)
    return _moments(kept * system.at_theta, frame), _root_mean_square(spread, mass)


def _root_mean_square(spread: _Spread, mass: NDArray[np.float64]) -> float:
    # The mean itself is of an odd function, for which the trapezoid rule from 0 is poor.
    return math.sqrt(float((spread.at * spread.at * mass).sum() / mass.sum()))


def _moments(density: NDArray[np.float64], frame: _Frame) -> Moments:
    theta = frame.theta
    total = density.sum(axis=1)
    mean = (density * theta).sum(axis=1) / total
    from_mean = theta - mean[:, np.newaxis]
    above = smoothed_step((theta - frame.log_threshold) / frame.step)
    return Moments(
        mean=mean,
        sd=np.sqrt((density * from_mean * from_mean).sum(axis=1) / total),
        ratio=(density * exp(np.minimum(theta, 690.0))).sum(axis=1) / total,
        above=np.clip((density * above).sum(axis=1) / total, 0.0, 1.0),
    )
