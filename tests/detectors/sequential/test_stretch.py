"""Fits of stretches against a search over ratios, and counts that signal against the definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize, stats

from detectors.sequential.count_law import CountLaw
from detectors.sequential.stretch import Direction, evidence, farthest_count, scan

looks_seen = st.lists(st.tuples(st.integers(0, 6), st.floats(0.05, 3.0)), min_size=1, max_size=6)
DIRECTIONS: list[Direction] = ["increase", "decrease"]


def log_likelihood(looks: list[tuple[int, float]], ratio: float, size: float | None) -> float:
    x, mu = np.array(looks).T
    if size is None:
        return float(stats.poisson.logpmf(x, ratio * mu).sum())
    return float(stats.nbinom.logpmf(x, size, size / (size + ratio * mu)).sum())


def searched(looks: list[tuple[int, float]], direction: Direction, size: float | None) -> float:
    """Search every stretch for the ratio that fits best, on a grid and then finely."""
    low, high = (0.0, 8.0) if direction == "increase" else (-30.0, 0.0)  # log ratio
    best = 0.0
    for first in range(len(looks)):
        stretch = looks[first:]
        null = log_likelihood(stretch, 1.0, size)

        def gain(
            log_ratio: float, stretch: list[tuple[int, float]] = stretch, null: float = null
        ) -> float:
            return null - log_likelihood(stretch, math.exp(log_ratio), size)

        found = optimize.minimize_scalar(
            gain, bounds=(low, high), method="bounded", options={"xatol": 1e-9}
        )
        best = max(best, -float(found.fun))
    return best


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", [None, 0.5, 8.0])
@given(looks=looks_seen)
@settings(max_examples=15, deadline=None)  # each example searches
def test_the_statistic_is_the_greatest_ratio_over_all_changes(
    looks: list[tuple[int, float]], size: float | None, direction: Direction
) -> None:
    found, length, ratio = scan(looks, direction=direction, dispersion=size)

    assert_allclose(found, searched(looks, direction, size), atol=1e-6)  # the search's own error
    if length:
        here = looks[-length:]
        at_ratio = max(ratio, 1e-300)
        gain = log_likelihood(here, at_ratio, size) - log_likelihood(here, 1.0, size)
        assert_allclose(found, gain, atol=1e-8)  # SciPy's difference of logarithms
        assert (ratio > 1) == (direction == "increase")
    else:
        assert (found, ratio) == (0.0, 1.0)


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=8), size=st.floats(0.3, 50.0))
def test_even_looks_fit_as_uneven_ones_do(
    counts: list[int], size: float, direction: Direction
) -> None:
    even = [(count, 1.5) for count in counts]
    uneven = [(count, 1.5 + 1e-7 * i) for i, count in enumerate(counts)]

    closed, fitted = (scan(seen, direction=direction, dispersion=size) for seen in (even, uneven))

    assert_allclose(closed[0], fitted[0], atol=1e-4)  # means that differ by 1e-7 a look


def test_the_shortest_of_equal_stretches_is_told() -> None:
    assert scan([(0, 0.0), (5, 1.0)])[1] == 1
    assert scan([(0, 0.0)]) == (0.0, 0, 1.0)
    assert scan([(0, 0.0)], dispersion=2.0) == (0.0, 0, 1.0)
    assert scan([(1, 1.0)]) == (0.0, 0, 1.0)
    assert scan([]) == scan([], dispersion=2.0) == (0.0, 0, 1.0)


@given(
    mean=st.floats(0.01, 5.0),
    size=st.one_of(st.just(math.inf), st.floats(0.3, 20.0)),
    looks=st.integers(1, 9),
    value=st.floats(0.01, 6.0),
)
def test_the_farthest_count_is_the_first_that_signals(
    mean: float, size: float, looks: int, value: float
) -> None:
    law = CountLaw(mean, dispersion=size)
    signals = [
        evidence(count, looks * mean, looks * size) >= value
        for count in range(int(looks * mean) + 1)
    ]

    above = farthest_count(law, looks, value, 0, is_upward=True)
    below = farthest_count(law, looks, value, 0, is_upward=False)

    assert above > looks * mean
    assert evidence(above, looks * mean, looks * size) >= value
    if above - 1 > looks * mean:
        assert evidence(above - 1, looks * mean, looks * size) < value
    assert below == sum(signals) - 1
