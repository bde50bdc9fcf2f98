"""Charts whose events weigh differently, against brute force, the other engines, simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from detectors.sequential.count_law import CountLaw, weights
from detectors.sequential.cusum import run_length, uneven_chart, uneven_signal
from detectors.sequential.cusum.first_signal import first_signal
from detectors.sequential.cusum.uneven_run_length import least_run_length, run_length_between
from detectors.sequential.cusum.uneven_signal import first_signal_between, greatest_chance

UNEQUAL = [0.05, 0.4, 0.001, 1.2, 0.3]


def brute_force(
    plan: list[CountLaw], ratio: float, value: float, true_ratio: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Follow every path of counts up to `most` a look, by differences of logarithms."""
    counts = np.arange(most + 1)
    chances, gains = [], []
    for law in plan:
        r, mu = law.dispersion, law.mean
        chances.append(stats.nbinom.pmf(counts, r, r / (r + true_ratio * mu)))
        under = stats.nbinom.logpmf(counts, r, r / (r + mu))
        gains.append(stats.nbinom.logpmf(counts, r, r / (r + ratio * mu)) - under)
    chance, events = np.zeros(len(plan)), np.zeros(len(plan))
    for path in itertools.product(range(most + 1), repeat=len(plan)):
        now, weight, so_far = 0.0, 1.0, 0
        for look, count in enumerate(path):
            now = max(0.0, now + gains[look][count])
            weight, so_far = weight * chances[look][count], so_far + count
            if now >= value:
                if not any(path[look + 1 :]):  # each beginning once
                    chance[look] += weight
                    events[look] += weight * so_far
                break
    return chance, events


@pytest.mark.parametrize("true_ratio", [1.0, 2.5])
@pytest.mark.parametrize(("ratio", "value"), [(2.0, 0.5), (3.0, 1.4), (0.5, 0.25), (0.3, 0.5)])
@pytest.mark.parametrize("size", [0.8, 20.0])
def test_chances_are_those_of_paths_one_by_one(
    ratio: float, value: float, true_ratio: float, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, most = [CountLaw(mean, dispersion=size) for mean in UNEQUAL], 7

    found = first_signal_between(plan, ratio, value, true_ratio=true_ratio)
    monkeypatch.setattr(uneven_chart, "MOST_VALUES", 0)
    rounded = first_signal_between(plan, ratio, value, true_ratio=true_ratio)

    chance, events = brute_force(plan, ratio, value, true_ratio, most)
    left_out = sum(
        float(stats.nbinom.sf(most, size, size / (size + true_ratio * mean))) for mean in UNEQUAL
    )
    assert found.is_exact
    assert not rounded.is_exact
    assert 1e-3 < chance.sum() < 1
    assert_allclose(found.upper.chance, chance, atol=left_out + 1e-12)  # paths with greater counts
    assert_allclose(found.upper.events, events, atol=60 * left_out + 1e-12)  # times their events
    below, exact, above = (
        np.cumsum(each.chance) for each in (rounded.lower, found.upper, rounded.upper)
    )
    assert np.all(below <= exact + 1e-14)  # rounding, here and below
    assert np.all(exact <= above + 1e-14)
    assert above[-1] - below[-1] < 0.01 * exact[-1]
    middle = 0.5 * (rounded.lower.events.sum() + rounded.upper.events.sum())
    assert_allclose(middle, found.upper.events.sum(), rtol=0.01)  # as near as the chances


LAWS = [
    (CountLaw(0.8), 2.0, 2.5),
    (CountLaw(2.0, dispersion=0.3), 3.0, 1.0),
    (CountLaw(2.0, dispersion=5.0), 0.4, 2.0),
    (CountLaw(1.5), 0.5, 2.0),
    (CountLaw(0.3, trials=1), 2.5, 2.0),
]


@pytest.mark.parametrize(("law", "ratio", "value"), LAWS)
def test_equal_looks_are_those_of_the_engines_for_equal_looks(
    law: CountLaw, ratio: float, value: float
) -> None:
    moves = uneven_chart.moves_of((law,) * 40, ratio, value, 1.3)
    sides: tuple[uneven_chart.Side, ...] = ("below", "above")

    listed = uneven_signal._followed(moves, uneven_chart.listed(value))
    bounds = (uneven_chart.rounded(value, 2**12, side) for side in sides)
    low, high = (uneven_signal._followed(moves, start) for start in bounds)

    twin = first_signal([law] * 40, ratio, value, true_ratio=1.3)
    assert_allclose(listed.chance, twin.chance, atol=2e-13)  # two engines; each states 1e-13
    assert_allclose(listed.events, twin.events, atol=1e-11)  # times the events, some tens
    sums = [float(each.chance.sum()) for each in (low, twin, high)]
    assert sums[0] <= sums[1] + 1e-13
    assert sums[1] <= sums[2] + 1e-13
    assert sums[2] - sums[0] < 0.03  # a lattice that holds the critical value itself
    null = first_signal_between([law] * 40, ratio, value)
    size = run_length.chance_of_signal(law, ratio, value, looks=40)
    assert_allclose(math.fsum(null.upper.chance), size, atol=2e-13)  # two engines
    assert null.is_exact


@pytest.mark.parametrize(("law", "ratio", "value"), LAWS)
def test_a_cycle_of_equal_looks_has_their_run_length(
    law: CountLaw, ratio: float, value: float
) -> None:
    for true_ratio in (1.0, 0.7):
        twin = run_length.average_run_length(law, ratio, value, true_ratio=true_ratio)

        lower, upper = run_length_between([law] * 3, ratio, value, true_ratio=true_ratio)

        assert lower == upper
        assert_allclose(lower, twin, rtol=2e-9)  # two engines; each states 1e-9


@pytest.mark.parametrize(
    ("cycle", "ratio", "value"),
    [
        ([CountLaw(mean) for mean in (0.1, 0.9, 2.0, 0.3)], 2.0, 1.2),
        ([CountLaw(mean) for mean in (0.4, 1.0, 1.9)], 0.5, 0.9),
        ([CountLaw(mean, dispersion=1.0) for mean in (2.0, 0.5)], 3.0, 0.9),
    ],
)
def test_a_run_length_is_the_sum_of_the_chances_to_last_so_long(
    cycle: list[CountLaw], ratio: float, value: float
) -> None:
    lower, upper = run_length_between(cycle, ratio, value)

    found = first_signal_between(cycle * 300, ratio, value)

    silent = 1.0 - np.cumsum(found.upper.chance)
    assert silent[-1] < 1e-11
    assert found.is_exact
    assert lower == upper == least_run_length(cycle, ratio, value)
    assert_allclose(lower, 1.0 + silent[:-1].sum(), rtol=2e-9)  # what it states, and the tail


def test_a_cycle_begins_with_its_first_look() -> None:
    few, many = CountLaw(0.01, dispersion=2.0), CountLaw(3.0, dispersion=2.0)
    # Evidence of 1 event at the first, and of 5 at the second, is the least above zero.
    chance = [
        float(stats.nbinom.sf(least - 1, 2, 2 / (2 + law.mean)))
        for least, law in ((1, few), (5, many))
    ]

    first, _ = run_length_between([few, many], 2.0, 1e-6)
    turned, _ = run_length_between([many, few], 2.0, 1e-6)

    # Any evidence signals, so the looks to it are a sum over cycles without a signal.
    silent = [1.0 - each for each in chance]
    for found, here in ((first, silent[0]), (turned, silent[1])):
        assert_allclose(found, (1.0 + here) / (1.0 - silent[0] * silent[1]), rtol=1e-12)


@pytest.mark.campaign
def test_bounds_of_a_run_length_hold_simulated_charts_between_them() -> None:
    means, size, n_paths = np.array([0.4, 1.0, 1.9, 0.7, 1.3]), 0.7, 20_000
    cycle = [CountLaw(mean, dispersion=size) for mean in means.tolist()]
    rng = np.random.default_rng(seed=19540601)
    value, length = np.zeros(n_paths), np.zeros(n_paths)
    lines = [weights(law, 2.0) for law in cycle]
    alive = np.ones(n_paths, dtype=bool)
    for look in range(2_000):
        per_event, per_look = lines[look % 5]
        rates = rng.gamma(size, means[look % 5] / size, n_paths)
        value = np.maximum(0.0, value + per_event * rng.poisson(rates) - per_look)
        length += alive
        alive &= value < 1.5
        if not alive.any():
            break

    lower, upper = run_length_between(cycle, 2.0, 1.5)

    error = length.std() / math.sqrt(n_paths)
    assert not alive.any()
    assert lower < upper < 1.02 * lower
    assert lower - 3 * error < length.mean() < upper + 3 * error  # standard errors
    assert least_run_length(cycle, 2.0, 1.5) == lower


@given(
    means=st.lists(st.floats(0.01, 3.0), min_size=2, max_size=7),
    size=st.floats(0.2, 30.0),
    ratio=st.one_of(st.floats(1.25, 10.0), st.floats(0.1, 0.8)),
    value=st.floats(0.05, 3.0),
)
@settings(max_examples=60, deadline=None)
def test_bounds_lie_on_either_side_of_exact_chances(
    means: list[float], size: float, ratio: float, value: float
) -> None:
    plan = [CountLaw(mean, dispersion=size) for mean in means]
    moves = uneven_chart.moves_of(tuple(plan), ratio, value, 1.0)
    sides: tuple[uneven_chart.Side, ...] = ("below", "above")
    found = first_signal_between(plan, ratio, value)

    low, high = (
        np.cumsum(uneven_signal._followed(moves, uneven_chart.rounded(value, 256, side)).chance)
        for side in sides
    )

    assert greatest_chance(plan, ratio, value) == math.fsum(found.upper.chance)
    assert np.all(low <= np.cumsum(found.lower.chance) + 1e-13)  # rounding, here and below
    assert np.all(np.cumsum(found.upper.chance) <= high + 1e-13)


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="plan must not be empty"):
        first_signal_between([], 2.0, 1.0)
    with pytest.raises(ValueError, match="plan must not be empty"):
        run_length_between([], 2.0, 1.0)
    with pytest.raises(ValueError, match="more than 20000 looks from zero"):
        run_length_between([CountLaw(1e-6), CountLaw(2e-6)], 2.0, 3.0)
    with pytest.raises(ValueError, match="rate_ratio is 0"):
        first_signal_between([CountLaw(1.0)], 2.0, 1.0, true_ratio=0.0)
