"""Look-by-look analyses of Sequential 4.5.1: what a look may spend, and the intervals printed."""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bench.sequential_peers.drawn import N_DRAWS
from bench.sequential_peers.sides import ALPHA, SEED, Numbers, Simulated
from bench.sequential_peers.vigipy import Judged
from detectors.sequential.alpha_spending import Design, Observation, recompute
from detectors.sequential.alpha_spending.paths import START, Paths, advanced, next_boundary
from detectors.sequential.poisson_maxsprt import critical_value
from detectors.sequential.poisson_paths import crossing_probability

HORIZON = 10.0
TAIL = ALPHA / 2  # of an interval
INCREMENTS = (0.05, 0.1, 0.35, 0.5, 1.0, 1.0, 1.0)  # of the table in analyze_examples.json
MEANS = (0.5, 2.0, 5.0)
TRIALS = (4, 27, 73)
MOST = 40  # events: more have a chance below 1e-25
Path = tuple[tuple[int, float], ...]  # what each look that was taken could spend
History = tuple[tuple[float, float], ...]  # with what was expected since the look before


def wald_levels() -> list[Judged]:
    """Follow the peer's rule over the looks of its example."""
    levels, simulated = _exact_levels(), _simulated_levels()
    times = np.cumsum(INCREMENTS).tolist()
    _, looks = recompute(Design(HORIZON), [Observation(events=0, expected=t) for t in times])
    return [
        (time, level, seen, look.alpha_spent)
        for time, level, seen, look in zip(times, levels, simulated, looks, strict=True)
    ]


@lru_cache
def targets() -> tuple[float, ...]:
    """Compute what the flat boundary has spent once so many events signal; all at the end."""
    value, found = critical_value(HORIZON, alpha=ALPHA).value, [0.0]

    def deadline(n: int) -> float:
        return float(-n * special.lambertw(-math.exp(-1 - value / n)).real)

    while (end := deadline(len(found))) < HORIZON:
        found.append(crossing_probability(deadline, first_event=1, horizon=end))
    return (*found[:-1], ALPHA)


def target_of(count: int) -> float:
    """Give what a look at so many events may spend, by the peer's rule."""
    return targets()[count] if count < len(targets()) else ALPHA


def _exact_levels() -> list[float]:
    """Follow every count and every history of targets, by the recursion of the package."""
    open_paths: dict[tuple[int, Path], float] = {(0, ()): 1.0}
    level, found = 0.0, list[float]()
    for look, mean in enumerate(INCREMENTS):
        following: dict[tuple[int, Path], float] = {}
        for (count, path), chance in open_paths.items():
            for more, mass in enumerate(stats.poisson.pmf(np.arange(MOST), mean).tolist()):
                after, weight = count + more, chance * mass
                if after and after >= _least(path, look, target_of(after)):
                    level += weight
                elif weight > 1e-13:  # noqa: PLR2004 - together less than is shown
                    key = (after, (*path, (look, target_of(after))) if after else path)
                    following[key] = following.get(key, 0.0) + weight
        open_paths = following
        found.append(level)
    return found


@cache
def _after(path: Path) -> Paths:
    if not path:
        return START
    before, (look, target) = _after(path[:-1]), path[-1]
    return advanced(before, _passed(before, look), _least(path[:-1], look, target))


@cache
def _least(path: Path, look: int, target: float) -> int:
    before = _after(path)
    return next_boundary(before, _passed(before, look), target, min_events=1)[0]


def _passed(before: Paths, look: int) -> float:
    return math.fsum(INCREMENTS[: look + 1]) - before.expected


def _simulated_levels() -> list[Simulated]:
    """Draw counts, and give each its boundary by plain convolution."""
    rng = np.random.default_rng([SEED, 9])
    counts = rng.poisson(INCREMENTS, size=(N_DRAWS, len(INCREMENTS))).cumsum(axis=1)
    distinct, place = np.unique(counts, axis=0, return_inverse=True)
    first = np.array([_first_signal(tuple(row)) for row in distinct.tolist()])[place.ravel()]
    return [Simulated.of((first <= look).astype(float)) for look in range(len(INCREMENTS))]


def _first_signal(counts: tuple[int, ...]) -> int:
    mean = 0.0
    kept: History = ()
    for look, (count, more) in enumerate(zip(counts, INCREMENTS, strict=True)):
        mean += more
        if not count:  # the peer does not look before the first event
            continue
        silent, _, kept = _convolved(kept, mean, target_of(count))
        mean = 0.0
        if count >= len(silent):
            return look
    return len(counts)


@cache
def _convolved(
    before: History, mean: float, target: float
) -> tuple[NDArray[np.float64], float, History]:
    """Give what is silent after a look, what is spent, and the history that says so."""
    silent, spent = np.ones(1), 0.0
    if before:
        silent, spent, _ = _convolved(before[:-1], *before[-1])
    masses = np.convolve(silent, stats.poisson.pmf(np.arange(MOST + 20), mean))
    beyond = masses[::-1].cumsum()[::-1]
    least = int(np.count_nonzero(spent + beyond > target))
    return masses[:least], spent + float(beyond[least]), (*before, (mean, target))


def poisson_intervals() -> list[Judged]:
    """Find how often the peer's interval of a Poisson rate ratio excludes the true one, 1."""
    rng, n = np.random.default_rng([SEED, 10]), np.arange(200)
    low, high = (special.gammaincinv(n + 1, q) for q in (TAIL, 1 - TAIL))
    proper = np.where(n > 0, special.gammaincinv(np.maximum(n, 1), TAIL), 0.0)
    return [
        _missed(at, stats.poisson.pmf(n, at), rng.poisson(at, N_DRAWS), (low > at) | (high < at),
                (proper > at) | (high < at))
        for at in MEANS
    ]  # fmt: skip


def binomial_intervals() -> list[Judged]:
    """Find how often its interval excludes the true ratio, 2, with one control to a case."""
    rng, found = np.random.default_rng([SEED, 11]), []
    for trials in TRIALS:
        c = np.arange(trials + 1)
        as_many, as_few = stats.binom.sf(c - 1, trials, 2 / 3), stats.binom.cdf(c, trials, 2 / 3)
        is_below = as_many < TAIL  # the true ratio is below the lower limit
        is_above = as_few < TAIL
        # The upper limit of the peer has 1 - TAIL of as many; without a case it is a Poisson one.
        peers = np.where(c > 0, as_many > 1 - TAIL, is_above)
        found.append(
            _missed(
                trials,
                stats.binom.pmf(c, trials, 2 / 3),
                rng.binomial(trials, 2 / 3, N_DRAWS),
                is_below | peers,
                is_below | is_above,
            )
        )
    return found


def _missed(
    at: float, masses: Numbers, drawn: NDArray[np.int64], peer: NDArray[np.bool_],
    proper: NDArray[np.bool_],
) -> Judged:  # fmt: skip
    missed = Simulated.of(peer[drawn].astype(float))
    return at, float(masses[peer].sum()), missed, float(masses[proper].sum())
