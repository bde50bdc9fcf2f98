"""Trends over periods against all outcomes, exact fractions, SciPy, and simulation."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from detectors.features.trend import latest, rate_ratio, trend

DIGITS = 1e-12  # some dozens of roundings


def tail_by_enumeration(n: int, score: int, totals: list[int]) -> Fraction:
    weight = sum(
        math.prod(totals[t] for t in periods)
        for periods in itertools.product(range(len(totals)), repeat=n)
        if sum(periods) >= score
    )
    return Fraction(weight, sum(totals) ** n)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=4), st.data())
@settings(max_examples=60)
def test_the_exact_p_is_that_of_all_outcomes(row: list[int], data: st.DataObject) -> None:
    totals = [data.draw(st.integers(max(x, 1), 9)) for x in row]
    n, score = sum(row), sum(t * x for t, x in enumerate(row))
    if not 0 < n <= 6:
        return

    found = trend(row, totals)

    assert_allclose(found.p.p, float(tail_by_enumeration(n, score, totals)), rtol=DIGITS)
    assert_allclose(found.p.log_p, math.log(found.p.p), rtol=DIGITS, atol=1e-15)


def test_pairs_of_many_sizes_at_once_have_their_own_p() -> None:
    rows = np.array([[0, 0, 4], [1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1], [2, 1, 1]])
    totals = [5, 6, 9]

    found = trend(rows, totals)

    for row, p in zip(rows.tolist(), found.p.p.tolist(), strict=True):
        if sum(row):
            score = row[1] + 2 * row[2]
            assert_allclose(p, float(tail_by_enumeration(sum(row), score, totals)), rtol=DIGITS)
    assert found.p.state.tolist() == ["defined"] * 3 + ["no_report"] + ["defined"] * 2


def test_the_score_is_that_of_cochran_and_armitage() -> None:
    # For rare reports the trend test of a 2 x k table is the correlation's chi-square.
    row, totals = np.array([3, 5, 4, 9, 14]), np.array([100_000, 120_000, 90_000, 110_000, 130_000])
    t = np.arange(5)

    found = trend(row, totals)

    reports = np.repeat(np.concatenate([t, t]), np.concatenate([row, totals - row]))
    is_pair = np.repeat([1.0, 0.0], [row.sum(), (totals - row).sum()])
    correlation = np.corrcoef(reports, is_pair)[0, 1]
    usual = correlation * math.sqrt(totals.sum())
    assert_allclose(found.z.value, usual, rtol=1e-4)  # the share of the pair, 6e-5


def test_a_far_tail_keeps_its_digits() -> None:
    found = trend([0] * 9 + [40], [50] * 10)

    assert_allclose(found.p.p, 1e-40, rtol=DIGITS)
    assert_allclose(found.p.log_p, -40 * math.log(10), rtol=DIGITS)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6), st.integers(2, 50))
def test_a_database_that_grows_is_no_trend(row: list[int], times: int) -> None:
    totals = 10 * np.arange(1, len(row) + 1)
    found, grown = trend(totals, times * totals), trend(totals, times * 7 * totals)

    assert_allclose(found.z.value, 0.0, atol=1e-12)
    assert_allclose(grown.p.p, found.p.p, rtol=DIGITS)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_later_reports_raise_the_score_and_lower_p(row: list[int]) -> None:
    before, after = [*row, 1, 0], [*row, 0, 1]
    totals = [20] * len(before)

    found = trend([before, after], totals)

    assert found.z.value[1] > found.z.value[0]
    assert found.p.p[1] < found.p.p[0]


def test_turned_around_both_tails_meet_at_the_observed_score() -> None:
    row, totals = [2, 0, 1, 3], [10, 11, 12, 13]

    up, down = trend(row, totals), trend(row[::-1], totals[::-1])

    assert_allclose(down.z.value, -up.z.value, rtol=DIGITS)
    at_observed = float(tail_by_enumeration(6, 11, totals) - tail_by_enumeration(6, 12, totals))
    assert_allclose(up.p.p + down.p.p, 1 + at_observed, rtol=DIGITS)


def test_beyond_the_work_allowed_there_is_a_score_and_no_p() -> None:
    rows, totals = [[0, 1], [2, 8]], [100, 100]

    within = trend(rows, totals, most_work=200)  # 10 reports in 2 periods: 100 * 4 / 2
    beyond = trend(rows, totals, most_work=199)

    assert within.p.state.tolist() == ["defined", "defined"]
    assert beyond.p.state.tolist() == ["defined", "beyond_exact"]
    assert np.isnan(beyond.p.p).tolist() == [False, True]
    assert_array_equal(beyond.z.value, within.z.value)
    # Two reports in three periods: 4 * 9 / 2.
    for work, state in ((18, "defined"), (17, "beyond_exact")):
        assert trend([0, 1, 1], [9, 9, 9], most_work=work).p.state.item() == state


@pytest.mark.slow
def test_the_simulated_level_of_a_trend_is_the_stated_one() -> None:
    rng = np.random.default_rng(seed=1955)
    totals = np.array([5_000, 9_000, 7_000, 20_000, 14_000])
    rows = rng.multinomial(12, totals / totals.sum(), size=40_000)

    p = trend(rows, totals).p.p

    for value in np.unique(p)[::5]:
        error = math.sqrt(value * (1 - value) / 40_000)
        assert_allclose((p <= value).mean(), value, atol=4.5 * error + 1e-4)  # of 10 looks or so


def test_the_latest_period_is_a_binomial_tail() -> None:
    rows, totals = [[1, 2, 5], [3, 3, 0], [0, 0, 7], [4, 4, 8]], [100, 200, 150]

    found = latest(rows, totals)

    for row, p, log_p in zip(rows, found.p.tolist(), found.log_p.tolist(), strict=True):
        exact = sum(
            math.comb(sum(row), x) * Fraction(1, 3) ** x * Fraction(2, 3) ** (sum(row) - x)
            for x in range(row[-1], sum(row) + 1)
        )
        assert_allclose(p, float(exact), rtol=DIGITS)
        assert_allclose(log_p, math.log(exact), rtol=1e-11, atol=1e-15)


def test_a_latest_chance_below_the_smallest_double_keeps_its_logarithm() -> None:
    n, x, share = 900, 880, Fraction(1, 5)

    found = latest([n - x, x], [4_000, 1_000])

    exact = sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(x, n + 1))
    log_exact = math.log(exact.numerator) - math.log(exact.denominator)
    assert found.p == 0.0
    assert_allclose(found.log_p, log_exact, rtol=DIGITS)


@pytest.mark.parametrize(
    ("row", "totals"),
    [([4, 0, 10], [100, 50, 400]), ([1, 0, 3], [1, 9, 40]), ([1, 1, 1], [2, 1, 1])],
)
def test_a_rate_ratio_is_that_of_a_period_against_the_others(
    row: list[int], totals: list[int]
) -> None:
    n, whole = sum(row), sum(totals)

    found = rate_ratio(row, totals, confidence_level=0.9)

    for i, (x, total) in enumerate(zip(row, totals, strict=True)):
        assert_allclose(found.point[i], x / total / ((n - x) / (whole - total)), rtol=DIGITS)
        interval = stats.binomtest(x, n).proportion_ci(0.9, method="exact")
        odds = [p / (1 - p) * (whole - total) / total for p in (interval.low, interval.high)]
        assert_allclose([found.lower[i], found.upper[i]], odds, rtol=1e-9)  # SciPy's root
        assert x > 0 or found.lower[i] == 0.0


def test_periods_that_cannot_be_compared_have_a_reason() -> None:
    rows, totals = [[0, 0, 0], [0, 3, 0], [1, 2, 0]], [9, 9, 0]

    ratio, alone = rate_ratio(rows, totals), rate_ratio([[2, 0]], [5, 0])

    assert ratio.state.tolist() == [
        ["no_report"] * 3,
        ["defined", "one_period", "no_period"],
        ["defined", "defined", "no_period"],
    ]
    assert_array_equal(np.isnan(ratio.point), ratio.state != "defined")
    assert_array_equal(np.isnan(ratio.upper), ratio.state != "defined")
    assert alone.state.tolist() == [["one_period", "no_period"]]


def test_one_period_is_no_trend() -> None:
    rows, totals = [[0, 0], [0, 3]], [0, 9]

    found, last = trend(rows, totals), latest(rows, totals)

    for state in (found.z.state, found.p.state, last.state):
        assert state.tolist() == ["no_report", "one_period"]
    for numbers in (found.z.value, found.p.p, found.p.log_p, last.p, last.log_p):
        assert np.isnan(numbers).all()


@pytest.mark.slow
def test_simulated_limits_cover_the_ratio_at_least_as_often_as_they_say() -> None:
    rng = np.random.default_rng(seed=1934)
    rows = rng.poisson([6.0, 12.0], size=(20_000, 2))  # three times the rate, of 3 : 2 totals
    rows = rows[rows.min(axis=1) > 0]

    found = rate_ratio(rows, [3_000, 2_000], confidence_level=0.9)

    covered = ((found.lower[:, 1] <= 3.0) & (found.upper[:, 1] >= 3.0)).mean()
    assert 0.9 - 3 * math.sqrt(0.09 / 20_000) <= covered <= 0.96  # exact limits are wide


def test_an_element_has_the_same_bits_alone_and_in_an_array() -> None:
    rows = np.random.default_rng(seed=11).poisson(1.5, size=(3, 5, 8))
    totals = np.arange(20, 28)
    whole, last, ratio = trend(rows, totals), latest(rows, totals), rate_ratio(rows, totals)

    for i in np.ndindex(3, 5):
        assert trend(rows[i], totals).p.p.tobytes() == whole.p.p[i].tobytes()
        assert trend(rows[i], totals).z.value.tobytes() == whole.z.value[i].tobytes()
        assert latest(rows[i], totals).p.tobytes() == last.p[i].tobytes()
        assert rate_ratio(rows[i], totals).upper.tobytes() == ratio.upper[i].tobytes()


@pytest.mark.parametrize("call", [trend, latest, rate_ratio])
@pytest.mark.parametrize(
    ("by_period", "totals", "message"),
    [
        ([1, -1], [5, 5], r"by_period\[1\] is -1: must not be negative"),
        ([[1, 0.5]], [5, 5], r"by_period\[0, 1\] is 0\.5: must be whole"),
        ([1, 1], [5, 5, 5], r"totals has shape \(3,\): must be \(2,\)"),
        ([1, 1], [0, 0], r"totals is all zero: must have a positive element"),
        ([1, 6], [5, 5], r"by_period\[1\] is 6: must not exceed totals"),
        ([1, 1], [5, np.nan], r"totals\[1\] is nan: must not be missing"),
        ([1, 1], [2**53, 2], r"the sum of totals is .*: must be at most 2\*\*53"),
        ([], [], r"by_period has shape \(0,\): its last axis must have 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(
    call: object, by_period: list[float], totals: list[float], message: str
) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call(by_period, totals)


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"most_work is -1: must not be negative"):
        trend([1, 1], [5, 5], most_work=-1)
    for level in (0.0, 1.0):
        with pytest.raises(ValueError, match=rf"confidence_level is {level}: must lie between"):
            rate_ratio([1, 1], [5, 5], confidence_level=level)
