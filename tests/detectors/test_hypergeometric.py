"""Hypergeometric probabilities against forty digits, whole numbers, and their own recurrence."""

import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors import hypergeometric
from detectors.hypergeometric import (
    MOST_TERMS,
    Cells,
    _stirling,
    determinant,
    log_point,
    upper_sum,
)

DIGITS = 1e-12  # promised; 3e-14 is what was seen

any_cells = st.tuples(*[st.integers(0, 10**6) | st.integers(0, 2**51)] * 4)


def cells_of(*tables: tuple[int, ...]) -> Cells:
    return Cells(*np.array(tables, dtype=np.int64).reshape(-1, 4).T)


def exact_log_point(table: tuple[int, ...], shift: object = 0) -> mpmath.mpf:
    a, b, c, d = table
    margins = (a + b, c + d, a + c, b + d)
    cells = (a + shift, b - shift, c - shift, d + shift)  # type: ignore[operator]
    return (
        sum(mpmath.loggamma(n + 1) for n in margins)
        - mpmath.loggamma(sum(table) + 1)
        - sum(mpmath.loggamma(n + 1) for n in cells)
    )


@given(any_cells)
def test_the_determinant_is_rounded_once(table: tuple[int, ...]) -> None:
    a, b, c, d = table

    assert determinant(cells_of(table)).item() == float(a * d - b * c)


@given(st.integers(0, 2**51), st.integers(1, 2**51), st.integers(-2, 2))
def test_the_determinant_has_the_right_sign_where_the_products_nearly_cancel(
    x: int, y: int, difference: int
) -> None:
    assume(x + difference >= 0)

    assert determinant(cells_of((x + difference, x, y, y))).item() == difference * y
    assert determinant(cells_of((x, y, x + difference, y))).item() == -difference * y


@pytest.mark.parametrize("high", [255, 256, 257, 512, 600, 3_000, 2**20])
@pytest.mark.parametrize(
    "low",
    [0, 1, 2**53 + 2**9 + 1, 2**53 + 2**9 - 1, 2**53 + 2**10 + 2**9 - 1, 2**53 + 2**20, 2**54 - 1],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_determinant_is_rounded_once_beyond_whole_numbers_of_64_bits(
    high: int, low: int, sign: int
) -> None:
    # Its two parts, of 54 bits in the lower; 2**9 is half of the last place beyond 2**62.
    exact = sign * (high * 2**54 + low)
    a = math.isqrt(abs(exact)) + 1
    d = -(-abs(exact) // a)
    table = (a, a * d - abs(exact), 1, d) if sign > 0 else (1, d, a, a * d - abs(exact))

    assert determinant(cells_of(table)).item() == float(exact)


def test_the_determinant_of_the_greatest_cells_is_rounded_once() -> None:
    tables = np.random.default_rng(53).integers(0, 2**53, size=(200, 4), endpoint=True)

    found = determinant(Cells(*tables.T))

    assert found.tolist() == [float(a * d - b * c) for a, b, c, d in tables.tolist()]


def test_the_rest_of_a_factorial_has_sixteen_digits_tabled_and_as_a_series() -> None:
    n = np.arange(100)

    found = _stirling(n.astype(np.float64))

    with mpmath.workdps(40):
        exact = [mpmath.loggamma(k + 1) - k * mpmath.log(max(k, 1)) + k for k in n.tolist()]
    assert_allclose(found, [float(x) for x in exact], rtol=2.0**-52)


@given(any_cells)
def test_a_point_probability_has_twelve_digits(table: tuple[int, ...]) -> None:
    assume(sum(table) > 0)
    with mpmath.workdps(50):
        exact = exact_log_point(table)
        error = abs(log_point(cells_of(table)).item() - exact)

    assert (
        error <= 1e-15 * abs(exact) + 4e-14
    )  # the first is rounding, the second nine terms near 20


def test_the_point_probabilities_of_small_margins_sum_to_one() -> None:
    tables = [(k, 12 - k, 9 - k, 40 + k) for k in range(10)]

    assert_allclose(math.fsum(np.exp(log_point(cells_of(*tables)))), 1.0, rtol=1e-13)


@given(any_cells)
@settings(deadline=None)
def test_a_sum_is_one_term_more_than_the_sum_above_it(table: tuple[int, ...]) -> None:
    a, b, c, d = table
    assume(a * d >= b * c)
    assume(min(b, c) > 0)
    ratio = (b * c) / ((a + 1) * (d + 1))

    lower, upper = upper_sum(cells_of(table, (a + 1, b - 1, c - 1, d + 1)))

    assert_allclose(lower, 1 + ratio * upper, rtol=2e-13)  # of sums up to 1e8


@pytest.mark.parametrize("scale", [10**5, 4 * 10**6, 5 * 10**6, 10**7, 10**9])
@pytest.mark.parametrize("deviations", [0, 1, 8, 40])
def test_a_sum_has_twelve_digits_on_both_sides_of_the_longest_one(
    scale: int, deviations: int
) -> None:
    shift = int(deviations * math.sqrt(0.1 * scale))
    table = (scale + shift, 3 * scale - shift, scale - shift, 3 * scale + shift)
    a, b, c, d = (float(cell) for cell in table)
    steps = np.arange(min(400_000, table[2]), dtype=np.float64)

    found = upper_sum(cells_of(table)).item()

    log_terms = np.cumsum(np.log((b - steps) * (c - steps) / ((a + 1 + steps) * (d + 1 + steps))))
    # The sum over logarithms loses digits with its length; the recurrence above does not.
    assert_allclose(found, 1 + math.fsum(np.exp(log_terms)), rtol=1e-10)


@pytest.mark.parametrize(("scale", "shift"), [(400_000, 1_031), (1_600_000, 7_243)])
def test_the_steepest_integral_is_the_sum_of_its_terms(
    monkeypatch: pytest.MonkeyPatch, scale: int, shift: int
) -> None:
    steepest, steeper = (
        (scale + by, scale - by, scale - by, scale + by) for by in (shift, shift + 1)
    )

    integral, shorter = upper_sum(cells_of(steepest, steeper))
    monkeypatch.setattr(hypergeometric, "MOST_TERMS", 10**6)
    summed, shorter_summed = upper_sum(cells_of(steepest, steeper))

    assert shorter == shorter_summed  # one report on it is a sum in any case
    assert integral == pytest.approx(summed, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        (2**51, 2**51, 2**51, 2**51),
        (2**51 + 10**9, 2**51 - 10**9, 2**51 - 10**9, 2**51 + 10**9),
        (10**7 + 10**4, 10**12, 10**7, 10**12),
        (160_000, 159_000, 160_000, 160_000),
        (10**6 + 3_500, 10**6 - 3_500, 10**6 - 3_500, 10**6 + 3_500),
        # The steepest that is an integral, where the end corrections count most.
        (10**9 + 4_900_000, 10**9 - 4_900_000, 10**9 - 4_900_000, 10**9 + 4_900_000),
        (400_000, 10**7, 400_000, 10**7),
    ],
)
def test_a_long_sum_matches_an_integral_in_forty_digits(table: tuple[int, ...]) -> None:
    inverse = sum(1 / cell for cell in table)
    reach = 15 / math.sqrt(inverse)
    assert 9 * reach / 15 > MOST_TERMS / 4
    with mpmath.workdps(40):
        start = exact_log_point(table)
        slope = mpmath.diff(lambda t: exact_log_point(table, t), 0)
        far = min(reach, float(100 / -slope)) if slope < 0 else reach
        parts = mpmath.linspace(0, far, 13)
        area = mpmath.quad(lambda t: mpmath.exp(exact_log_point(table, t) - start), parts)
        third = slope**3 - 3 * slope * inverse  # Euler and Maclaurin, to the third derivative
        exact = area + mpmath.mpf(1) / 2 - slope / 12 + third / 720

    # The terms are exponentials of differences of logarithms, which are rounded as they are large.
    rounding = 2 * 2.0**-52 * abs(float(start))
    assert_allclose(upper_sum(cells_of(table)).item(), float(exact), rtol=max(DIGITS, rounding))


def test_no_table_is_no_number() -> None:
    assert log_point(cells_of()).shape == upper_sum(cells_of()).shape == (0,)
