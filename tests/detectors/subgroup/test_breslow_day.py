"""The test of Breslow, Day and Tarone against another program, its definition, and simulation."""

from collections.abc import Sequence

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import optimize

from detectors.counts import Table
from detectors.subgroup import heterogeneity, strata

# statsmodels 0.15.0, StratifiedTable(...).test_equal_odds(adjust=True) for the Berkeley admissions.
STATSMODELS = (18.825_501_252_053_23, 0.002_071_401_397_880_867_6)
BERKELEY = np.array(
    [
        [512, 313, 89, 19],
        [353, 207, 17, 8],
        [120, 205, 202, 391],
        [138, 279, 131, 244],
        [53, 138, 94, 299],
        [22, 351, 24, 317],
    ]
)


def table_of(cells: object) -> Table:
    a, b, c, d = np.moveaxis(np.asarray(cells), -1, 0)
    return Table(a, a + b, a + c, a + b + c + d)


cell = st.integers(0, 40)
tables = st.lists(st.tuples(cell, cell, cell, cell), min_size=2, max_size=5)


def test_the_statistic_of_berkeley_is_that_of_statsmodels() -> None:
    found = heterogeneity(table_of(BERKELEY))

    assert_allclose((found.statistic.value, found.p_value.p), STATSMODELS, rtol=1e-12)  # rounding
    assert found.degrees == 5


@given(tables)
@settings(max_examples=80)
def test_the_statistic_is_its_definition(cells: list[tuple[int, ...]]) -> None:
    table = table_of(cells)

    found = heterogeneity(table)

    pooled = strata(table).pooled
    full = [x for x in cells if min(x[0] + x[1], x[2] + x[3], x[0] + x[2], x[1] + x[3]) > 0]
    if pooled.state == "defined" and len(full) > 1:
        square = deviation = variance = 0.0
        for a, b, c, d in full:
            n1, n0, m = a + b, c + d, a + c
            ratio = float(pooled.point)

            def excess(x: float, n1: int = n1, n0: int = n0, m: int = m, r: float = ratio) -> float:
                return x * (n0 - m + x) - r * (n1 - x) * (m - x)

            low, high = float(max(0, m - n0)), float(min(n1, m))
            x = optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-15)
            v = 1 / (1 / x + 1 / (n1 - x) + 1 / (m - x) + 1 / (n0 - m + x))
            square += (a - x) ** 2 / v
            deviation += a - x
            variance += v
        expected = max(square - deviation**2 / variance, 0.0)
        # A root is found to 1e-14 of counts, and divided by variances that may be small.
        assert_allclose(found.statistic.value, expected, rtol=1e-8, atol=1e-9)
        assert found.degrees == len(full) - 1
        with mpmath.workdps(30):
            half, x = mpmath.mpf(int(found.degrees)) / 2, mpmath.mpf(float(found.statistic.value))
            tail = mpmath.gammainc(half, x / 2, regularized=True)
            assert_allclose(float(found.p_value.p), float(tail), rtol=1e-12)
            assert_allclose(
                float(found.p_value.log_p), float(mpmath.log(tail)), rtol=1e-11, atol=1e-14
            )
    else:
        assert found.statistic.state != "defined"
        assert np.isnan([found.statistic.value, found.p_value.p, found.p_value.log_p]).all()
        assert found.degrees == 0


@pytest.mark.parametrize("scale", [20, 60, 1_000])
def test_a_tail_that_underflows_has_a_logarithm(scale: int) -> None:
    cells = np.array([[9, 1, 1, 9], [1, 9, 9, 1], [5, 5, 5, 5], [4, 6, 5, 5]]) * scale

    found = heterogeneity(table_of(cells))

    with mpmath.workdps(40):
        half, x = mpmath.mpf(3) / 2, mpmath.mpf(float(found.statistic.value)) / 2
        exact = float(mpmath.log(mpmath.gammainc(half, x, regularized=True)))
    assert_allclose(float(found.p_value.log_p), exact, rtol=1e-13)
    assert (found.p_value.p == 0) == (scale > 20)


def test_the_logarithm_keeps_its_digits_with_many_strata() -> None:
    opposite = np.array([[2025, 225, 225, 2025], [225, 2025, 2025, 225]])
    cells = np.vstack([opposite, np.full((2_000, 4), 5)])

    found = heterogeneity(table_of(cells))

    with mpmath.workdps(60):
        half, x = mpmath.mpf(2_001) / 2, mpmath.mpf(float(found.statistic.value)) / 2
        exact = float(mpmath.log(mpmath.gammainc(half, x, regularized=True)))
    assert exact < -650
    assert_allclose(float(found.p_value.log_p), exact, rtol=1e-13)


def statistic_in_fifty_digits(cells: Sequence[tuple[int, ...]]) -> mpmath.mpf:
    with mpmath.workdps(50):
        full = [[mpmath.mpf(x) for x in each] for each in cells]
        ratio = sum(a * d / (a + b + c + d) for a, b, c, d in full)
        ratio /= sum(b * c / (a + b + c + d) for a, b, c, d in full)
        square = deviation = variance = mpmath.mpf(0)
        for a, b, c, d in full:
            n1, n0, m = a + b, c + d, a + c
            half = ratio * (n1 + m) + n0 - m
            root = mpmath.sqrt(half**2 - 4 * (ratio - 1) * ratio * n1 * m)
            x = (half - root) / (2 * (ratio - 1))
            v = 1 / (1 / x + 1 / (n1 - x) + 1 / (m - x) + 1 / (n0 - m + x))
            square, deviation, variance = square + (a - x) ** 2 / v, deviation + a - x, variance + v
        return square - deviation**2 / variance


@pytest.mark.parametrize("n", [10**4, 10**6, 10**8, 10**10])
def test_the_statistic_keeps_its_digits_where_the_odds_ratio_is_huge(n: int) -> None:
    cells = [(n, 1, 2, n), (2 * n, 5, 1, n)]

    found = heterogeneity(table_of(cells))

    # An expected cell of 2 n is rounded some four times, and deviates by about half a variance.
    exact = float(statistic_in_fifty_digits(cells))
    assert_allclose(found.statistic.value, exact, rtol=0, atol=4 * 2 * n * 2.0**-53 * 2)


def test_the_statistic_keeps_its_digits_where_a_stratum_of_two_is_nearly_impossible() -> None:
    cells = [(0, 1, 1, 0), (1, 10**4, 10**4, 1), (1, 2 * 10**4, 10**4, 1)]

    found = heterogeneity(table_of(cells))

    exact = float(statistic_in_fifty_digits(cells))
    assert_allclose(found.statistic.value, exact, rtol=1e-9)


def test_the_statistic_is_never_negative() -> None:
    rng = np.random.default_rng(1959)
    cells = rng.integers(1, 8, size=(5_000, 4)) * rng.integers(1, 30, size=(3, 5_000, 1))

    found = heterogeneity(table_of(cells))

    assert (found.statistic.value >= 0).all()
    assert (found.statistic.value < 1e-12).all()  # each pair has one odds ratio
    assert (found.p_value.p > 1 - 1e-6).all()


def test_strata_with_one_odds_ratio_have_no_heterogeneity() -> None:
    found = heterogeneity(table_of([[10, 20, 30, 60], [4, 8, 5, 10], [7, 7, 9, 9]]))

    assert found.statistic.value < 1e-12
    assert_allclose(found.p_value.p, 1.0, atol=1e-12)


def test_the_expected_cell_keeps_its_digits_where_the_odds_ratio_is_tiny() -> None:
    cells = [[10**6, 10**9, 10**9, 1], [2 * 10**6, 10**9, 2 * 10**9, 1]]

    found = heterogeneity(table_of(cells))

    assert found.statistic.value < 1e-12  # 1e-8 if the root of the quadratic cancels


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([[1, 2, 3, 4]], "too_few_strata"),
        ([[1, 2, 3, 4], [0, 0, 3, 4]], "too_few_strata"),
        ([[0, 2, 3, 4], [0, 1, 3, 4]], "no_report"),
        ([[1, 2, 3, 0], [0, 1, 3, 4]], "zero_odds_ratio"),
        ([[1, 0, 3, 4], [2, 0, 3, 4]], "infinite_odds_ratio"),
    ],
)
def test_each_reason_has_its_state(cells: list[list[int]], state: str) -> None:
    found = heterogeneity(table_of(cells))

    assert found.statistic.state == state
    assert found.p_value.state == state
    assert np.isnan(found.p_value.p)


def test_the_order_of_strata_and_of_pairs_changes_no_bit() -> None:
    cells = np.random.default_rng(8).integers(0, 60, size=(6, 83, 4))
    whole = heterogeneity(table_of(cells)).statistic.value

    assert heterogeneity(table_of(cells[::-1])).statistic.value.tobytes() == whole.tobytes()
    turned = heterogeneity(table_of(cells[:, ::-1])).statistic.value
    assert turned[::-1].tobytes() == whole.tobytes()
    alone = heterogeneity(table_of(cells[:, 7])).statistic.value
    assert np.asarray(alone).tobytes() == whole[7].tobytes()


def test_the_size_is_nominal_where_counts_are_not_small() -> None:
    rng = np.random.default_rng(1985)
    n1, n0 = np.array([[120], [80], [60], [200]]), np.array([[300], [500], [90], [150]])
    background = np.array([[0.2], [0.1], [0.4], [0.15]])
    odds = background / (1 - background) * 2.0
    a = rng.binomial(n1, odds / (1 + odds), size=(4, 20_000))
    c = rng.binomial(n0, background, size=(4, 20_000))

    found = heterogeneity(table_of(np.stack([a, n1 - a, c, n0 - c], axis=-1)))

    is_rejected = found.p_value.p < 0.05
    assert abs(is_rejected.mean() - 0.05) < 3 * 0.00154 + 0.002  # three standard errors; chi-square
