"""Fits of stretches against a search over ratios, and counts that signal against the definition."""

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]  # it has no stubs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import optimize, stats

from detectors.sequential.count_law import CountLaw
from detectors.sequential.glr import stretch
from detectors.sequential.glr.stretch import Direction, evidence, farthest_count, scan

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


def gain_to_thirty_digits(looks: list[tuple[int, float]], ratio: float, size: float) -> float:
    with mpmath.workdps(30):
        r, rate = mpmath.mpf(size), mpmath.mpf(ratio)
        terms = [
            x * mpmath.log(rate or 1) - (x + r) * mpmath.log((r + rate * mu) / (r + mu))
            for x, mu in looks
        ]
        return float(mpmath.fsum(terms))


def fitted_by_bisection(
    looks: list[tuple[int, float]], direction: Direction, size: float
) -> tuple[float, int]:
    """Fit every stretch, each by a bracketed root of its score."""
    best = (0.0, 0)
    for first in reversed(range(len(looks))):
        x, mu = np.array([look for look in looks[first:] if look[1] > 0]).reshape(-1, 2).T

        def score(
            log_ratio: float, x: NDArray[np.float64] = x, mu: NDArray[np.float64] = mu
        ) -> float:
            ratio = math.exp(log_ratio)
            return float(((x - ratio * mu) / (1 + ratio * mu / size)).sum())

        if score(0.0) == 0 or (score(0.0) > 0) != (direction == "increase"):
            continue
        if x.any():
            ends = (0.0, 40.0) if direction == "increase" else (-40.0, 0.0)
            ratio = math.exp(optimize.brentq(score, *ends, xtol=1e-13))
        else:
            ratio = 0.0
        gain = gain_to_thirty_digits(looks[first:], ratio, size)
        best = max(best, (gain, len(looks) - first), key=lambda one: one[0])
    return best


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", [0.01, 0.3, 2.0, 50.0, 1e4])
def test_no_stretch_that_is_left_out_would_have_won(size: float, direction: Direction) -> None:
    rng = np.random.default_rng(seed=20080515)
    for _ in range(40):
        spread, base = rng.choice([0.3, 2.0, 5.0]), rng.choice([1e-3, 0.3, 30.0])
        mu = base * np.exp(spread * rng.normal(size=15)) * (rng.random(15) < 0.9)
        rate = np.where(np.arange(15) < rng.integers(15), 1.0, rng.choice([0.1, 1.0, 4.0]))
        x = rng.poisson(rate * mu * rng.gamma(size, 1 / size, size=15))
        looks = [(int(count), float(mean)) for count, mean in zip(x, mu, strict=True)]

        found, length, _ = scan(looks, direction=direction, dispersion=size)

        statistic, twins_length = fitted_by_bisection(looks, direction, size)
        # 1e-12: the error that is stated, and twice the square of the error of the twin's root
        assert_allclose(found, statistic, rtol=1e-12, atol=1e-12)
        assert length == twins_length or found < 1e-9


def test_few_stretches_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[int] = []
    fit = stretch._fit

    def counted(looks: list[tuple[int, float]], *rest: Any) -> tuple[float, float]:  # noqa: ANN401 - passed on
        fitted.append(len(looks))
        return fit(looks, *rest)

    monkeypatch.setattr(stretch, "_fit", counted)
    rng = np.random.default_rng(seed=1)
    mu = rng.uniform(0.5, 1.5, 250)
    x = rng.poisson(rng.gamma(2.0, mu / 2.0))
    looks = [(int(count), float(mean)) for count, mean in zip(x, mu, strict=True)]

    for end in range(50, 250):
        scan(looks[end - 50 : end], dispersion=2.0)

    assert 100 < len(fitted) < 200 * 5  # of 50 stretches a look

    fitted.clear()
    scan([(0, float(mean)) for mean in mu[:50]], direction="decrease", dispersion=2.0)
    assert fitted == [50]  # of empty stretches the longest


def test_a_size_beyond_all_others_is_poisson() -> None:
    looks = [(0, 0.3), (4, 1.1), (3, 0.8)]

    for direction in DIRECTIONS:
        for size in (1e14, 1e200, 1e308):
            found = scan(looks, direction=direction, dispersion=size)
            # 1e-12: the size itself differs by 1e-14
            assert_allclose(found, scan(looks, direction=direction), rtol=1e-12)


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
