"""Firth's estimates against tables with a half added, another optimiser, and their own profile."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from detectors.logistic import adjusted, firth
from detectors.logistic.firth import _climb, _maximise, _profile_limits, _value
from detectors.logistic.patterns import Patterns

minimize: Any = optimize.minimize  # the stubs want a type for each method

cells = st.integers(0, 40)


def penalised(
    x: NDArray[np.float64], reports: NDArray[np.float64], event: NDArray[np.float64]
) -> float:
    """Firth's function from single reports, by dense algebra."""
    full = np.column_stack([np.ones(len(event)), reports])
    predictor = full @ x
    p = special.expit(predictor)
    fit = np.sum(special.log_expit(np.where(event == 1, predictor, -predictor)))
    _, log_determinant = np.linalg.slogdet((full.T * (p * (1 - p))) @ full)
    return float(fit + log_determinant / 2)


@given(cells, cells, cells, cells)
@settings(max_examples=25)
def test_with_one_product_a_half_is_added_to_each_cell(a: int, b: int, c: int, d: int) -> None:
    if 0 in {a + b, c + d, a + c, b + d}:
        return
    reports = np.repeat([[1], [1], [0], [0]], [a, b, c, d], axis=0)
    event = np.repeat([1, 0, 1, 0], [a, b, c, d])

    found = firth(reports, event, products=[0])

    haldane = (a + 0.5) * (d + 0.5) / ((b + 0.5) * (c + 0.5))
    assert_allclose(found.odds_ratio.point, [haldane], rtol=1e-9)  # steps end at 1e-11
    assert found.odds_ratio.lower < haldane < found.odds_ratio.upper


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_estimates_and_limits_agree_with_another_optimiser(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    reports = (rng.random((40, 2)) < 0.3).astype(np.float64)
    event = (rng.random(40) < special.expit(reports @ [1.5, 0.0] - 1)).astype(np.float64)

    found = firth(reports, event, products=[0, 1], confidence_level=level)

    def fall(x: NDArray[np.float64]) -> float:
        return -penalised(x, reports, event)

    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4_000, "maxfev": 4_000}
    twin = minimize(fall, np.zeros(3), method="Nelder-Mead", options=options)
    assert_allclose(found.coefficient.value, twin.x[1:], atol=1e-6)  # a flat top in doubles
    assert_allclose(found.penalised_log_likelihood, -twin.fun, rtol=1e-12)
    quantile = special.chdtri(1, 1 - level)
    for j in range(2):
        for limit in (found.odds_ratio.lower[j], found.odds_ratio.upper[j]):
            at = np.log(limit)
            others = minimize(
                lambda y, j=j, at=at: fall(np.insert(y, j + 1, at)),
                np.delete(twin.x, j + 1),
                method="Nelder-Mead",
                options=options,
            )
            assert_allclose(2 * (others.fun - twin.fun), quantile, rtol=1e-8)  # brentq's 1e-11


def test_reports_that_are_alike_are_counted_as_single_ones() -> None:
    rows = [[1, 0], [1, 1], [0, 1], [0, 0]]
    reports = np.repeat(rows, [5, 3, 7, 20], axis=0)
    event = np.concatenate([np.arange(n) < k for n, k in ((5, 4), (3, 3), (7, 2), (20, 1))])

    found = firth(reports, event, products=[0, 1])

    x = np.concatenate([[0.0], found.coefficient.value])
    best = max(
        penalised(x + np.array([intercept, 0, 0]), reports, event)
        for intercept in np.linspace(-6, 0, 6001)
    )
    assert_allclose(found.penalised_log_likelihood, best, atol=1e-5)  # a grid of 0.001


def test_an_empty_cell_has_an_estimate_and_both_limits() -> None:
    reports = np.repeat([[1], [0], [0]], [4, 10, 190], axis=0)
    event = np.repeat([1, 1, 0], [4, 10, 190])

    found = firth(reports, event, products=[0]).odds_ratio

    assert adjusted(reports, event, products=[0]).odds_ratio.state.tolist() == ["no_other_event"]
    assert np.isfinite([found.lower, found.point, found.upper]).all()
    assert found.lower > 1


def test_a_wider_interval_covers_more() -> None:
    reports = np.repeat([[1], [1], [0], [0]], [4, 3, 10, 90], axis=0)
    event = np.repeat([1, 0, 1, 0], [4, 3, 10, 90])

    narrow, wide = (
        firth(reports, event, products=[0], confidence_level=level).odds_ratio
        for level in (0.5, 0.99)
    )

    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_many_reports_leave_the_penalty_nothing_to_say() -> None:
    rng = np.random.default_rng(9)
    reports = (rng.random((20_000, 3)) < 0.4).astype(np.float64)
    event = rng.random(20_000) < special.expit(reports @ [0.5, 0.0, -0.5])

    shrunk, free = (f(reports, event, products=[0, 1, 2]) for f in (firth, adjusted))

    assert_allclose(shrunk.odds_ratio.lower, free.odds_ratio.lower, rtol=1e-3)
    assert_allclose(shrunk.odds_ratio.upper, free.odds_ratio.upper, rtol=1e-3)


def test_what_cannot_be_told_apart_has_a_state() -> None:
    rows = [[1, 1, 0, 0, 1], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1]]
    reports = np.repeat(rows, [6, 6, 12], axis=0)
    event = np.arange(24) % 3 == 0

    found = firth(reports, event, products=range(5))

    assert found.coefficient.state.tolist() == [
        "not_identified",
        "not_identified",
        "defined",
        "no_product",
        "no_comparator",
    ]


def of_two_patterns(n_reports: list[float], n_events: list[float]) -> Patterns:
    matrix = sparse.csc_array([[1.0, 0.0], [1.0, 1.0]])
    return Patterns(matrix, 1, np.array(n_reports), np.array(n_events))


def test_limits_of_very_many_reports_are_those_of_wald() -> None:
    patterns = of_two_patterns([1e8, 1e8], [1e7, 3e7])
    x, value = _maximise(patterns, np.zeros(2), np.ones(2, dtype=bool))
    quantile = float(special.chdtri(1, 0.05))

    lower, upper = _profile_limits(patterns, x, value, 1, quantile)

    half = np.sqrt(quantile * (1 / 1e7 + 1 / 9e7 + 1 / 3e7 + 1 / 7e7))
    assert_allclose([lower - x[1], upper - x[1]], [-half, half], rtol=1e-3)  # of order half


def test_a_step_too_long_is_halved_until_it_rises() -> None:
    """Of two reports, one with the event, the function is greatest at 0, and even."""
    patterns = Patterns(sparse.csc_array([[1.0]]), 1, np.array([2.0]), np.array([1.0]))
    dense, x = np.ones((1, 1)), np.array([1.0])
    value = _value(dense, patterns, x)

    assert _climb(dense, patterns, x, np.array([-3.0]), value)[0].tolist() == [-0.5]
    # At 1600 log odds nothing is left of the information, and its determinant is 0.
    assert _value(dense, patterns, np.array([1601.0])) == -np.inf
    assert _climb(dense, patterns, x, np.array([-1600.0]), value)[0].tolist() == [-0.5625]


def test_the_maximum_is_found_from_where_the_likelihood_is_all_but_straight() -> None:
    patterns = of_two_patterns([4.0, 6.0], [1.0, 3.0])

    found, _ = _maximise(patterns, np.array([30.0, 0.0]), np.ones(2, dtype=bool))

    assert_allclose(found, np.log([1.5 / 3.5, 3.5 / 3.5 * 3.5 / 1.5]), rtol=1e-9)  # a half added


@pytest.mark.campaign
@pytest.mark.slow
def test_limits_cover_the_truth_of_few_reports() -> None:
    rng = np.random.default_rng(seed=1993)
    reports = np.repeat([[1], [0]], [15, 60], axis=0)
    drawn = np.column_stack([rng.binomial(15, 0.4, 300), rng.binomial(60, 0.1, 300)])
    tables, n_times = np.unique(drawn, axis=0, return_counts=True)
    covered = 0

    for (a, c), times in zip(tables.tolist(), n_times.tolist(), strict=True):
        event = np.concatenate([np.arange(15) < a, np.arange(60) < c])
        limits = firth(reports, event, products=[0]).odds_ratio
        covered += times * int(limits.lower[0] <= 6.0 <= limits.upper[0])  # 0.4/0.6 over 0.1/0.9

    # Three standard errors of three hundred draws, and two per cent as counts are discrete.
    assert abs(covered / 300 - 0.95) < 0.038 + 0.02
