"""What vigipy 3.5.1 computes, and its level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bench.sequential_peers.drawn import N_DRAWS, arrivals
from bench.sequential_peers.of_poisson import poisson_sides
from bench.sequential_peers.sides import ALPHA, SEED, Compared, Numbers, Simulated
from detectors.anytime import poisson as anytime
from detectors.sequential.poisson_paths import crossing_probability

Z = float(special.ndtri(1 - ALPHA))
AEGIS_RATIOS = np.array([1.3, 1.6, 2.0, 2.8, 4.5, 10.0, 25.0])  # vigipy 3.5.1, AEGIS.py
AEGIS_WEIGHTS = np.array([0.19, 0.23, 0.22, 0.15, 0.09, 0.07, 0.05])
Judged = tuple[float, float, "Simulated", float]  # where, a peer's number, simulated, ours


def vigipy_value(horizon: float, alpha: float = ALPHA) -> float:
    """Compute what vigipy takes for the critical value."""
    penalty = 0.62 * math.log(1 + 1.8 * math.log(max(horizon, 1.0) + 1)) + 0.35
    return penalty - math.log(alpha)


def vigipy_maxsprt() -> list[Compared]:
    """Judge vigipy's curve."""
    rng = np.random.default_rng([SEED, 1])
    settings = [(0.5, 1), (1.0, 1), (1.0, 3), (5.0, 1), (10.0, 1), (50.0, 1)]
    return [
        Compared(
            f"T = {horizon:g}, M = {least}",
            ALPHA,
            *poisson_sides(rng, vigipy_value(horizon), (horizon, ALPHA, least, 0.0, "upper")),
        )
        for horizon, least in settings
    ]


def vigipy_bound() -> list[Judged]:
    """Find how often vigipy's bound excludes no effect by some horizon, and our evidence."""
    rng = np.random.default_rng([SEED, 2])
    found = []
    for horizon in (1.0, 5.0, 10.0, 50.0):
        level = crossing_probability(
            lambda n: n * math.exp(-Z / math.sqrt(n)), first_event=1, horizon=horizon
        )
        parts = []
        for times in arrivals(rng, horizon):
            n = np.arange(1, times.shape[1] + 1)
            lower = np.log(n / times) - Z / np.sqrt(n)
            parts.append(((lower > 0) & (times <= horizon)).any(axis=1))
        own = anytime.operating_characteristics(anytime.Design(), 1.0, horizon=horizon).power
        found.append((horizon, level, Simulated.of(np.concatenate(parts)), own))
    return found


def log_aegis(counts: NDArray[np.int64], background: float) -> Numbers:
    """Compute the logarithm of vigipy's e-value of a count, without its neighbours."""
    logs = counts[:, None] * np.log(AEGIS_RATIOS) - background * (AEGIS_RATIOS - 1)
    mixture = special.logsumexp(logs, axis=1, b=AEGIS_WEIGHTS / AEGIS_WEIGHTS.sum())
    return np.where(counts > background, mixture, 0.0)


def vigipy_e() -> list[Judged]:
    """Find the mean of vigipy's e-value under the null, and of ours."""
    rng = np.random.default_rng([SEED, 3])
    found = []
    for background in (0.05, 1.0, 10.0):
        greatest = background * AEGIS_RATIOS[-1]  # with that ratio the sum is around this count
        counts = np.arange(int(greatest + 40 * math.sqrt(greatest) + 60))
        chances = stats.poisson.logpmf(counts, background)
        own = anytime.log_e(anytime.Design(), counts, background)
        means = [math.fsum(np.exp(chances + each)) for each in (log_aegis(counts, background), own)]
        found.append((background, means[0], tilted(rng, background), means[1]))
    return found


def tilted(rng: np.random.Generator, background: float) -> Simulated:
    """Draw vigipy's mean with a change of measure: most of it comes from counts too rare to draw.

    The mean of ``r**n * exp(-(r - 1) * B)`` over counts above B with mean B is the chance of such
    a count with mean r B.
    """
    ratio = rng.choice(AEGIS_RATIOS, size=N_DRAWS, p=AEGIS_WEIGHTS / AEGIS_WEIGHTS.sum())
    is_above = rng.poisson(ratio * background) > background
    is_set = rng.poisson(background, size=N_DRAWS) <= background
    return Simulated.of(is_above.astype(float) + is_set)
