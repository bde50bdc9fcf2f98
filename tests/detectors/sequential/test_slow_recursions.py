"""Critical values against recursions that are slow, plain, and not those of the detectors.

The Poisson count is followed over every look with SciPy's masses and a plain convolution. The count
of an uncertain rate is taken apart by the last time that it touches its boundary: events before a
time are then a binomial share, so the law of the rate enters at the end alone.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom, nbinom, poisson

from detectors.sequential import conditional_maxsprt, poisson_maxsprt
from detectors.sequential.convolution import walk
from detectors.sequential.polya_paths import (
    History,
    chance_to_reach,
    count_masses,
    silent_at_end,
    silent_given_count,
)

HISTORIES: tuple[History, ...] = ("stopped_at_event", "fixed_time", "exact")
ROUNDING = 3e-14  # of the slow recursions
SHIFT = 1e-11  # a lower critical value by so much must spend more than alpha


def llr(n: int, mu: float) -> float:
    return mu - n + (n * math.log(n / mu) if n else 0.0)


def time_of(n: int, c: float, side: str) -> float:
    """Find when the ratio of a count has fallen, or risen, to the critical value."""
    if n == 0:
        return c
    low, high = (n * 1e-30, n) if side == "upper" else (n, n + 20 * (c + n) ** 0.5 + 20 * c)
    return float(brentq(lambda mu: llr(n, mu) - c, low, high, xtol=1e-300, rtol=1e-15))


class PoissonDesign(NamedTuple):
    horizon: float
    least: int
    start: float
    looks: list[float] | None
    tail: str


Limit = tuple[float, float, float]  # a time with the fewest and the most events that go on


def limits_at_looks(design: PoissonDesign, c: float) -> Iterator[Limit]:
    times = design.looks or ([design.start] if design.start else [])
    for mu in [mu for mu in times if mu >= design.start]:
        counts = range(int(mu + 12 * mu**0.5 + 12 * c) + 2)
        high = [n for n in counts if n > mu and n >= design.least and llr(n, mu) >= c]
        low = [n for n in counts if n < mu and llr(n, mu) >= c]
        most = high[0] - 1 if high and design.tail != "lower" else math.inf
        yield mu, low[-1] + 1 if low and design.tail != "upper" else 0, most


def limits_between(design: PoissonDesign, c: float) -> Iterator[Limit]:
    counts = range(int(design.horizon + 12 * design.horizon**0.5 + 12 * c) + 2)
    for n in counts:
        if n >= design.least and design.tail != "lower":
            latest = time_of(n, c, "upper")
            if latest > design.start:  # else it signals only as the first look says
                yield min(design.horizon, latest), 0, n - 1
        if design.tail != "upper" and time_of(n, c, "lower") <= design.horizon:
            yield max(design.start, time_of(n, c, "lower")), n + 1, math.inf


def poisson_size(design: PoissonDesign, c: float) -> float:
    limits = list(limits_at_looks(design, c))
    if design.looks is None:
        limits += limits_between(design, c)
    counts, before = np.arange(int(design.horizon + 13 * design.horizon**0.5 + 60)), 0.0
    silent = (counts == 0).astype(float)
    for time, low, high in sorted(limits):
        silent = np.convolve(silent, poisson.pmf(counts, time - before))[: counts.size]
        silent = np.where((counts >= low) & (counts <= high), silent, 0.0)
        before = time
    return 1.0 - math.fsum(silent)


def random_poisson(rng: np.random.Generator) -> tuple[float, dict[str, Any]]:
    horizon = float(10 ** rng.uniform(-1.3, 1.7))
    tail = str(rng.choice(["upper", "lower", "two_sided"]))
    chosen: dict[str, Any] = {"tail": tail, "alpha": float(rng.choice([0.05, 0.01, 0.2]))}
    if tail == "lower":
        horizon = max(horizon, -1.01 * math.log(chosen["alpha"]))
    elif rng.random() < 0.5:
        chosen["min_events"] = int(rng.integers(1, 6))
    if rng.random() < 0.4:
        chosen["min_expected"] = float(rng.uniform(0.0, 0.8) * horizon)
    kind = rng.integers(0, 3)
    if kind == 1:
        chosen["looks"] = int(rng.choice([1, 7, 50]))
    if kind == 2:
        chosen["looks"] = [*np.sort(rng.uniform(0.0, horizon, 9)).tolist(), horizon]
    return horizon, chosen


@pytest.mark.parametrize("seed", range(150))
def test_a_poisson_critical_value_is_that_of_a_plain_convolution(seed: int) -> None:
    horizon, chosen = random_poisson(np.random.default_rng(seed))
    looks = chosen.get("looks")
    if isinstance(looks, int):
        looks = [*(horizon * i / looks for i in range(1, looks)), horizon]

    start, least = chosen.get("min_expected", 0.0), chosen.get("min_events", 1)
    design = PoissonDesign(horizon, least, start, looks, chosen["tail"])

    found = poisson_maxsprt.critical_value(horizon, **chosen)

    if found.decided_by == "count":
        assert poisson_size(design, 1e-6) < chosen["alpha"]
        return
    assert_allclose(poisson_size(design, found.value), found.attained_size, rtol=0, atol=ROUNDING)
    assert poisson_size(design, found.value - SHIFT) > chosen["alpha"] - ROUNDING


def size_by_last_touch(
    times: list[float], rooms: list[int], masses: NDArray[np.float64], reached: float
) -> float:
    """Add up where a path was last on the boundary, *k* events by deadline *k*.

    Whoever crosses comes back to the boundary, as it rises with time and the count waits for an
    event, or has crossed at the end.
    """
    room, end = rooms[-1], times[-1]
    touched = np.zeros(len(rooms))
    for i in range(len(rooms) - 2, -1, -1):
        k = rooms[i]
        later = np.arange(k, room)
        chance = math.fsum(masses[k:] * binom.pmf(k, later, min(1.0, times[i] / end)))
        shares = times[i] / np.array(times[i + 1 : -1])
        again = binom.pmf(k, np.array(rooms[i + 1 : -1], dtype=int), shares)
        touched[i] = chance - math.fsum(again * touched[i + 1 : -1])
    return reached + math.fsum(touched)


def law(time: float, room: int, c: int, history: History) -> tuple[NDArray[np.float64], float]:
    """Give the chances of few events, and that of more, by SciPy and by quadrature."""
    counts = np.arange(room)
    if history != "exact":
        shape, share = c + (history == "fixed_time"), 1 / (1 + time)
        return nbinom.pmf(counts, shape, share), float(nbinom.sf(room - 1, shape, share))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    means = (1 + nodes) / 2 * time
    since = nbinom.pmf(counts, 1, 1 / (1 + means[:, None])) * (weights / 2)[:, None]
    earlier = nbinom.pmf(counts, c, 1 / (1 + time)) if c else 1.0 * (counts == 0)
    masses = np.convolve(since.sum(axis=0), earlier)[:room]
    return masses, 1.0 - math.fsum(masses)


def conditional_size(chosen: dict[str, Any], value: float) -> float:
    c, least = chosen["n_historical"], chosen.get("min_events", 1)
    end, start = chosen.get("horizon"), chosen.get("min_person_time", 0.0)

    def ratio(k: int, time: float) -> float:
        total, expected = c + k, (c + k) * time / (1 + time)
        above = c * math.log(c * (1 + time) / total) if c else 0.0
        return above + k * math.log(k / expected) if k > expected else 0.0

    times, rooms, k = list[float](), list[int](), least
    while (end is None and k <= chosen["n_max"]) or (end and not (times and times[-1] == end)):
        latest = float(
            brentq(
                lambda log_time, k=k: ratio(k, math.exp(log_time)) - value,
                -value / k - 40, math.log(k / max(c, 1e-300)) if c else 200.0,
                xtol=1e-15, rtol=1e-15,
            )
        )  # fmt: skip
        if start == 0 or ratio(k, start) >= value:
            times.append(math.exp(latest) if end is None else min(end, math.exp(latest)))
            rooms.append(k)
        k += 1
    masses, reached = law(times[-1], rooms[-1], c, chosen["history"])
    return size_by_last_touch(times, rooms, masses, reached)


def random_conditional(rng: np.random.Generator) -> dict[str, Any]:
    history = HISTORIES[int(rng.integers(0, 3))]
    chosen: dict[str, Any] = {
        "history": history,
        "n_historical": int(rng.choice([0, 1, 3, 10, 50])) or int(history == "stopped_at_event"),
        "alpha": float(rng.choice([0.05, 0.01, 0.2])),
    }
    if rng.random() < 0.5:
        chosen["min_events"] = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        return chosen | {"n_max": int(rng.integers(chosen.get("min_events", 1), 60))}
    expected = float(10 ** rng.uniform(-1, 1.7))
    chosen["horizon"] = expected / max(1, chosen["n_historical"])
    if rng.random() < 0.4:
        chosen["min_person_time"] = float(rng.uniform(0.1, 0.9) * chosen["horizon"])
    return chosen


@pytest.mark.parametrize("seed", [*range(150), 1000])
def test_a_conditional_critical_value_is_that_of_last_touches(seed: int) -> None:
    chosen = random_conditional(np.random.default_rng(seed))
    if seed == 1000:
        chosen = {"history": "fixed_time", "n_historical": 30, "alpha": 0.01, "horizon": 10.0}

    if conditional_size(chosen, 1e-6) < chosen["alpha"]:
        if "n_max" in chosen:
            with pytest.raises(ValueError, match="no critical value spends so much"):
                conditional_maxsprt.critical_value(**chosen)
        else:
            assert conditional_maxsprt.critical_value(**chosen).decided_by == "count"
        return

    found = conditional_maxsprt.critical_value(**chosen)

    size = conditional_size(chosen, found.value)
    assert_allclose(size, found.attained_size, rtol=0, atol=ROUNDING)
    assert conditional_size(chosen, found.value - SHIFT) > chosen["alpha"] - ROUNDING


def test_a_walk_agrees_with_plain_convolution_whatever_its_periods() -> None:
    rng = np.random.default_rng(seed=7)
    means = rng.choice(
        [0.0, 1e-9, 0.3, 1.0, 5.0, 40.0], size=200, p=[0.1, 0.1, 0.4, 0.3, 0.08, 0.02]
    )
    centre = np.cumsum(means)
    floors = np.maximum(0, centre - 6 * centre**0.5).astype(int).tolist()
    rooms = (centre + 5 * centre**0.5 + 3).astype(int).tolist()
    rooms[100] = rooms[99] - 3  # a room may be lower than the one before

    found = list(walk(means, rooms, floors=floors, least=1e-100))

    silent = np.ones(1)
    for mean, floor, room, at in zip(means, floors, rooms, found, strict=True):
        silent = np.convolve(silent, poisson.pmf(np.arange(rooms[-1] + 1), mean))[:room]
        assert len(at) <= room
        assert_allclose(np.pad(at, (0, len(silent) - len(at))), silent, rtol=1e-12, atol=1e-25)
        silent[:floor] = 0.0


@pytest.mark.parametrize("shift", [1, 4])
def test_rare_counts_are_as_exact_as_the_others_given_the_count(shift: int) -> None:
    times = [*(np.arange(1, 60) / 60.0).tolist(), 1.0]
    rooms = list(range(shift, 60 + shift))
    counts = np.arange(60 + shift)

    found = silent_given_count(times, rooms)

    silent, before = (counts == 0).astype(float), 0.0
    for time, room, given in zip(times, rooms, found, strict=True):
        silent = binom.pmf(counts, counts[:, None], before / time) @ silent
        silent = np.where(counts < room, silent, 0.0)
        before = time
        assert_allclose(given, silent[:room], rtol=1e-12)  # rounding over sixty stairs
    assert_allclose(silent_at_end(times, rooms), silent[: rooms[-1]], rtol=1e-12)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("time", [1e-6, 0.02, 0.7, 1.1, 9.0])
@pytest.mark.parametrize(("c", "count"), [(0, 1), (0, 3), (1, 1), (4, 2), (30, 25)])
def test_the_chance_to_reach_a_count_is_the_sum_of_the_others(
    c: int, count: int, time: float, history: History
) -> None:
    c = c or int(history == "stopped_at_event")

    found = chance_to_reach(time, count, n_historical=c, history=history)

    masses = count_masses(time, count + 3_000, n_historical=c, history=history)
    assert_allclose(found, math.fsum(masses[count:]), rtol=1e-11, atol=1e-300)
    assert_allclose(found + math.fsum(masses[:count]), 1.0, rtol=0, atol=1e-13)


def test_the_chance_to_reach_a_count_with_an_exact_history_is_a_mixture() -> None:
    def given_share(share: float) -> float:
        earlier = nbinom.pmf(np.arange(5), 3, 1 / 1.4)
        since = (share * 0.4 / (1 + share * 0.4)) ** np.arange(5, 0, -1)
        return float(nbinom.sf(4, 3, 1 / 1.4) + (earlier * since).sum())

    found = chance_to_reach(0.4, 5, n_historical=3, history="exact")

    assert_allclose(found, quad(given_share, 0, 1, epsabs=1e-15, epsrel=1e-13)[0], rtol=1e-12)
