"""Values of Sequential 4.5.1 for exposed among all events, and their level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.sequential_peers.drawn import N_DRAWS
from bench.sequential_peers.sides import SEED, Compared, Numbers, Side, Simulated, rows_of
from detectors.sequential.binomial_maxsprt.boundary import critical_value as binomial_value
from detectors.sequential.binomial_maxsprt.boundary import least_exposed
from detectors.sequential.binomial_paths import signal_chances


def binomial() -> list[Compared]:
    """Judge the peer's rounded values."""
    rng = np.random.default_rng([SEED, 7])
    rows = rows_of("cv_binomial.csv", "R_ok_when_used_as_LLR_ge_cv == 0 and cv_R_Sequential > 0")
    found = []
    for row in rows:
        n, z, least = int(row.N), float(row.z), int(row.M)
        own = binomial_value(n, ratio=z, alpha=row.alpha, min_events=least)
        exposed = (rng.uniform(size=(N_DRAWS, n)) < 1 / (1 + z)).cumsum(axis=1)
        greatest = binomial_llr(np.arange(1, n + 1), exposed, z, least).max(axis=1)
        needed = least_exposed((z,) * n, row.cv_R_Sequential, least)
        level = math.fsum(signal_chances([1 / (1 + z)] * n, needed))
        found.append(
            Compared(
                f"N = {n}, z = {z:g}, M = {least}",
                row.alpha,
                Side(row.cv_R_Sequential, level, Simulated.of(greatest >= row.cv_R_Sequential)),
                Side(own.value, own.attained_size, Simulated.of(greatest >= own.value)),
            )
        )
    return found


def binomial_llr(n: NDArray[np.int64], c: NDArray[np.int64], z: float, least: int) -> Numbers:
    p = 1 / (1 + z)
    llr = special.xlogy(c, c / (n * p)) + special.xlogy(n - c, (n - c) / (n * (1 - p)))
    return np.where((c >= least) & (c > n * p), llr, 0.0)
