"""Clusters and leads of onsets against brute force, published values and simulation."""

import itertools
import math
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

from detectors.features import clusters
from detectors.features.onset import Alternative, compare, scan

DIGITS = 1e-12  # some dozens of roundings


def chance_by_enumeration(n: int, most: int, width: int, weight: list[int]) -> Fraction:
    total = Fraction(0)
    for days in itertools.product(range(len(weight)), repeat=n):
        held = [sum(first <= d < first + width for d in days) for first in range(len(weight))]
        if max(held) >= most:
            total += math.prod(Fraction(weight[d], sum(weight)) for d in days)
    return total


@pytest.mark.parametrize("weight", [[1] * 6, [1, 2, 3, 0, 1, 2], [5, 1, 1, 1, 1, 7]])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_exact_chance_is_that_of_all_outcomes(n: int, width: int, weight: list[int]) -> None:
    for most in range(1, n + 1):
        chance = clusters.exact_chance(n, most, width_days=width, weight=np.array(weight))
        bound = clusters.log_bound(n, most, width_days=width, weight=np.array(weight))

        exact = float(chance_by_enumeration(n, most, width, weight))
        assert_allclose(chance, exact, rtol=DIGITS)
        assert math.exp(bound) >= exact * (1 - DIGITS)
        if most == n:
            assert_allclose(math.exp(bound), exact, rtol=DIGITS)


@pytest.mark.parametrize(
    "weight",
    [
        [0, 1, 1],
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 1],
        [1, 1, 1],
        [0, 2, 1, 0],
        [1, 0, 0, 3],
        [4, 1, 2, 1],
    ],
)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_of_few_days_with_and_without_weight_the_chance_is_that_of_all_outcomes(
    n: int, weight: list[int]
) -> None:
    for width, most in itertools.product(range(1, len(weight)), range(1, n + 1)):
        chance = clusters.exact_chance(n, most, width_days=width, weight=np.array(weight))
        bound = clusters.log_bound(n, most, width_days=width, weight=np.array(weight))

        exact = float(chance_by_enumeration(n, most, width, weight))
        assert_allclose(chance, exact, rtol=DIGITS)
        assert exact * (1 - DIGITS) <= math.exp(bound) <= 1
        if most == n or width == len(weight) - 1:  # of two windows the union is exact
            assert_allclose(math.exp(bound), exact, rtol=DIGITS)


def test_a_report_on_some_day_is_certain_and_no_bound_is_above_that() -> None:
    found = scan([1, 1, 1, 1], width_days=1)

    assert found.p_bound.log_p == 0.0
    assert_allclose(found.p.p, 1.0, rtol=DIGITS)


@pytest.mark.parametrize(
    ("n", "width", "most"), [(20, 7, 8), (12, 14, 6), (6, 30, 5), (30, 3, 6), (9, 5, 5)]
)
def test_the_bound_is_no_lower_than_the_chance_and_close_to_it(
    n: int, width: int, most: int
) -> None:
    weight = np.ones(91, dtype=np.int64)

    chance = clusters.exact_chance(n, most, width_days=width, weight=weight)
    bound = math.exp(clusters.log_bound(n, most, width_days=width, weight=weight))

    assert chance < 0.2
    assert chance <= bound <= 1.15 * chance  # as the notes of `scan` say


@pytest.mark.parametrize(
    ("n_people", "published"), [(22, 0.475695), (23, 0.507297), (30, 0.706316), (50, 0.970374)]
)
def test_one_day_is_the_birthday_problem(n_people: int, published: float) -> None:
    chance = clusters.exact_chance(n_people, 2, width_days=1, weight=np.ones(365, dtype=np.int64))

    assert_allclose(chance, published, atol=5e-7)  # six digits printed


def test_three_on_a_day_is_likelier_than_not_from_88_people() -> None:
    weight = np.ones(365, dtype=np.int64)

    chance = [clusters.exact_chance(n, 3, width_days=1, weight=weight) for n in (87, 88)]

    assert chance[0] < 0.5 < chance[1]  # McKinney (1966), Am Math Monthly 73:385


def test_narrow_days_approach_the_continuous_scan() -> None:
    # Naus (1965): all n points of [0, 1] within w have probability n w^(n-1) - (n-1) w^n.
    n, w, n_days = 4, 0.1, 20_000
    found = scan(np.bincount([5, 6, 7, 8], minlength=n_days), width_days=int(w * n_days))

    assert_allclose(found.p.p, n * w ** (n - 1) - (n - 1) * w**n, rtol=1e-3)  # days are 1/2000 w


@pytest.mark.slow
def test_a_simulated_level_is_the_stated_one() -> None:
    rng = np.random.default_rng(seed=19650601)
    weight = np.array([9, 5, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1])
    by_day = rng.multinomial(10, weight / weight.sum(), size=40_000)

    found = scan(by_day, width_days=3, background=weight)

    for p in np.unique(found.p.p):
        share = (found.p.p <= p).mean()
        assert_allclose(share, p, atol=4 * math.sqrt(p * (1 - p) / 40_000) + 1e-12)  # 4 errors
    assert (found.p_bound.p >= found.p.p * (1 - DIGITS)).all()


def test_a_scan_finds_the_first_of_the_fullest_windows() -> None:
    found = scan([[0, 2, 0, 1, 0, 2, 1], [0, 0, 0, 0, 0, 1, 3]], width_days=3)

    assert_array_equal(found.most, [3, 4])
    assert_array_equal(found.first_day, [1, 4])
    assert_array_equal(found.n_reports, [6, 4])


rows_of_days = st.lists(st.integers(0, 3), min_size=5, max_size=9)


@given(rows_of_days, st.integers(1, 4))
def test_the_fullest_window_is_the_greatest_sum(row: list[int], width: int) -> None:
    found = scan(row, width_days=width)

    sums = [sum(row[i : i + width]) for i in range(len(row) - width + 1)]
    assert int(found.most) == max(sums)
    assert int(found.first_day) == sums.index(max(sums))


@given(rows_of_days, st.integers(1, 4))
def test_turning_time_around_leaves_the_chance(row: list[int], width: int) -> None:
    background = list(range(2, len(row) + 2))

    found = scan(row, width_days=width, background=background)
    turned = scan(row[::-1], width_days=width, background=background[::-1])

    assert_allclose(turned.p.p, found.p.p, rtol=DIGITS)
    assert_allclose(turned.p_bound.p, found.p_bound.p, rtol=DIGITS)


@given(rows_of_days, st.integers(1, 4), st.integers(2, 9))
def test_only_the_proportions_of_the_background_matter(
    row: list[int], width: int, times: int
) -> None:
    background = np.arange(2, len(row) + 2)

    found = scan(row, width_days=width, background=background)
    scaled = scan(row, width_days=width, background=background * times)

    assert_allclose(scaled.p.p, found.p.p, rtol=DIGITS)
    assert_allclose(scaled.p_bound.p, found.p_bound.p, rtol=DIGITS)


def test_without_a_background_all_days_are_alike() -> None:
    row = [0, 3, 0, 1, 1]

    assert scan(row, width_days=2).p.p == scan(row, width_days=2, background=[7] * 5).p.p


def test_few_reports_have_a_reason_and_no_number() -> None:
    found = scan([[0, 0, 0], [0, 1, 0], [0, 2, 0]], width_days=1)

    for p in (found.p, found.p_bound):
        assert p.state.tolist() == ["no_report", "too_few", "defined"]
        assert np.isnan(p.p).tolist() == np.isnan(p.log_p).tolist() == [True, True, False]


def test_beyond_the_work_allowed_there_is_a_bound_and_no_exact_number() -> None:
    row = [4, 3, 2, 1, 0, 0, 1, 0, 0, 0]
    work = clusters.work(11, 9, width_days=3, n_days=10)

    within = scan(row, width_days=3, most_work=work)
    beyond = scan(row, width_days=3, most_work=work - 1)

    assert within.p.state.item() == "defined"
    assert beyond.p.state.item() == "beyond_exact"
    assert np.isnan(beyond.p.p)
    assert beyond.p_bound.p == within.p_bound.p >= within.p.p


def test_the_work_is_that_of_the_widest_array_times_days() -> None:
    assert clusters.work(5, 3, width_days=4, n_days=10) == 10 * 6 * math.comb(6, 2)
    assert clusters.work(7, 3, width_days=2, n_days=9) == 9 * 8 * 6  # two days with 2 or fewer: 6


def test_a_chance_below_the_smallest_double_keeps_its_logarithm() -> None:
    row = np.zeros(365, dtype=np.int64)
    row[40] = 200

    found = scan(row, width_days=7)

    # All in one window of 7 days, counted by its first day: 359 7^200 - 358 6^200 of 365^200.
    exact = 200 * math.log(7 / 365) + math.log(359 - 358 * (6 / 7) ** 200)
    assert_allclose(found.p_bound.log_p, exact, rtol=DIGITS)
    assert found.p.state.item() == "beyond_exact"


def test_an_element_has_the_same_bits_alone_and_in_an_array() -> None:
    rng = np.random.default_rng(seed=7)
    rows = rng.poisson(0.4, size=(4, 5, 20))

    whole = scan(rows, width_days=3)

    for i in np.ndindex(4, 5):
        alone = scan(rows[i], width_days=3)
        for name in ("p", "p_bound"):
            assert getattr(whole, name).p[i].tobytes() == getattr(alone, name).p.tobytes()
            assert getattr(whole, name).log_p[i].tobytes() == getattr(alone, name).log_p.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by_day": [1, -1, 0]}, r"by_day\[1\] is -1: must not be negative"),
        ({"by_day": [[1, 0.5, 0]]}, r"by_day\[0, 1\] is 0\.5: must be whole"),
        ({"by_day": [np.nan, 1, 0]}, r"by_day\[0\] is nan: must not be missing"),
        ({"by_day": 3}, r"by_day has shape \(\): its last axis must have 2 or more"),
        ({"by_day": [3]}, r"by_day has shape \(1,\): its last axis must have 2 or more"),
        ({"by_day": [2**53, 2**53, 0]}, r"the sum of by_day is .*: must be at most 2\*\*53"),
        ({"width_days": 0}, r"width_days is 0: must lie between 0 and 3"),
        ({"width_days": 3}, r"width_days is 3: must lie between 0 and 3"),
        ({"width_days": 1.5}, r"width_days is 1\.5: must be a whole number"),
        ({"background": [1, 1]}, r"background has shape \(2,\): must be \(3,\)"),
        ({"background": [0, 0, 0]}, r"background is all zero: must have a positive element"),
        ({"background": [0, 1, 1]}, r"by_day\[0\] is 1: must be 0 where background is"),
        ({"most_work": -1}, r"most_work is -1: must not be negative"),
    ],
)
def test_scan_refuses_what_cannot_be(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scan(**({"by_day": [1, 1, 0], "width_days": 1} | arguments))  # type: ignore[arg-type]


def test_scan_changes_no_argument() -> None:
    by_day, background = np.array([1, 2, 0]), np.array([1, 1, 2])

    scan(by_day, width_days=1, background=background)

    assert_array_equal(by_day, [1, 2, 0])
    assert_array_equal(background, [1, 1, 2])
    background[0] = 5


def lead_by_enumeration(pair: list[int], others: list[int], alternative: str) -> Fraction:
    days = [day for day, n in enumerate(np.add(pair, others)) for _ in range(n)]
    n, m = sum(pair), sum(others)

    def lead(chosen: tuple[int, ...]) -> int:
        mine = [days[i] for i in chosen]
        steps = []
        for day in range(len(pair)):
            of_mine, of_all = sum(d <= day for d in mine), sum(d <= day for d in days)
            difference = of_mine * m - (of_all - of_mine) * n
            steps.append({"earlier": difference, "later": -difference}.get(alternative, 0))
            if alternative == "two_sided":
                steps[-1] = abs(difference)
        return max(steps)

    starts = np.concatenate([[0], np.cumsum(np.add(pair, others))])
    observed = lead(tuple(s + i for s, k in zip(starts, pair, strict=False) for i in range(k)))
    choices = list(itertools.combinations(range(n + m), n))
    return Fraction(sum(lead(c) >= observed for c in choices), len(choices))


@pytest.mark.parametrize("alternative", ["earlier", "later", "two_sided"])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=4))
@settings(max_examples=60)
def test_the_exact_comparison_is_that_of_all_choices(
    alternative: Alternative, days: list[tuple[int, int]]
) -> None:
    pair, others = (list(x) for x in zip(*days, strict=True))
    if 0 in (sum(pair), sum(others)):
        return

    found = compare(pair, others, alternative=alternative)

    assert_allclose(found.p.p, float(lead_by_enumeration(pair, others, alternative)), rtol=DIGITS)


SCIPY_NAMES: dict[Alternative, Literal["greater", "less", "two-sided"]] = {
    "earlier": "greater",
    "later": "less",
    "two_sided": "two-sided",
}


@pytest.mark.parametrize("alternative", list(SCIPY_NAMES))
@pytest.mark.parametrize("seed", range(5))
def test_without_ties_it_is_the_exact_test_of_scipy(seed: int, alternative: Alternative) -> None:
    is_pair = np.random.default_rng(seed).permutation(90) < 25

    found = compare(is_pair.astype(int), 1 - is_pair, alternative=alternative)

    expected = stats.ks_2samp(
        np.flatnonzero(is_pair),
        np.flatnonzero(~is_pair),
        alternative=SCIPY_NAMES[alternative],
        method="exact",
    )
    assert_allclose(found.distance.value, expected.statistic, rtol=DIGITS)
    assert_allclose(found.p.p, expected.pvalue, rtol=1e-10)  # SciPy's recursion rounds more


def test_a_far_tail_keeps_its_digits() -> None:
    found = compare([30, 0], [0, 200])

    assert_allclose(found.p.p, 1 / special.comb(230, 30, exact=True), rtol=DIGITS)
    assert_allclose(found.p.log_p, -math.log(special.comb(230, 30, exact=True)), rtol=DIGITS)


def test_a_pair_or_others_without_reports_have_a_reason() -> None:
    found = compare([[0, 0], [1, 0], [1, 0]], [[1, 1], [0, 0], [0, 1]])

    for state in (found.distance.state, found.p.state):
        assert state.tolist() == ["no_report", "no_other_report", "defined"]
    assert np.isnan(found.p.p).tolist() == [True, True, False]
    assert np.isnan(found.distance.value).tolist() == [True, True, False]


def test_a_comparison_beyond_the_work_allowed_has_a_distance_and_no_p() -> None:
    found = compare([5, 0], [1, 9], most_work=10)

    assert_allclose(found.distance.value, 0.9, rtol=DIGITS)
    assert found.p.state.item() == "beyond_exact"


def test_the_work_of_a_comparison_is_a_row_for_each_share_that_a_day_can_have() -> None:
    """Of 2, 2 and 6 reports the pair's three can have none to 2, 2 and 3."""
    pair, others = [2, 1, 0], [0, 1, 6]

    within = compare(pair, others, most_work=4 * (3 + 3 + 4))
    beyond = compare(pair, others, most_work=4 * (3 + 3 + 4) - 1)

    assert within.p.state.item() == "defined"
    assert beyond.p.state.item() == "beyond_exact"


def test_the_greatest_samples_that_are_counted_exactly_have_a_distance() -> None:
    found = compare([2**26, 0], [0, 2**26])  # their product with the sum of both is 2^53

    assert found.distance.value == 1.0
    assert found.p.state.item() == "beyond_exact"


def test_one_report_before_another_leads_by_the_whole_distance() -> None:
    found = compare([1, 0], [0, 1])

    assert found.distance.value == 1.0
    assert_allclose(found.p.p, 0.5, rtol=DIGITS)


def test_a_comparison_has_the_same_bits_alone_and_in_an_array() -> None:
    rng = np.random.default_rng(seed=8)
    pair, others = rng.poisson(0.8, size=(2, 4, 6)), rng.poisson(1.5, size=(2, 4, 6))

    whole = compare(pair, others)

    for i in np.ndindex(2, 4):
        alone = compare(pair[i], others[i])
        assert alone.distance.value.tobytes() == whole.distance.value[i].tobytes()
        assert alone.p.p.tobytes() == whole.p.p[i].tobytes()


def test_equal_onsets_have_no_lead() -> None:
    found = compare([3, 2, 1], [6, 4, 2])

    assert found.distance.value == 0
    assert_allclose(found.p.p, 1.0, rtol=DIGITS)
    assert found.p.p <= 1


@pytest.mark.slow
def test_a_simulated_comparison_keeps_its_level() -> None:
    rng = np.random.default_rng(seed=1958)
    pair, others = (rng.multinomial(n, [0.4, 0.3, 0.2, 0.1], size=600) for n in (8, 30))

    p = compare(pair, others).p.p

    for level in (0.05, 0.2):
        share = (p <= level).mean()
        assert share <= level + 3 * math.sqrt(level * (1 - level) / 600)  # 3 errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alternative": "sooner"}, r"alternative is 'sooner': must be one of"),
        ({"by_day": [1, -1]}, r"by_day\[1\] is -1: must not be negative"),
        ({"others_by_day": [1.5, 1]}, r"others_by_day\[0\] is 1\.5: must be whole"),
        ({"others_by_day": [2**40, 1], "by_day": [2**14, 0]}, r"product must be at most 2\*\*53"),
        ({"others_by_day": [1, 1, 1]}, r"others_by_day has shape \(3,\): must fit .* \(2,\)"),
        ({"most_work": -1}, r"most_work is -1: must not be negative"),
    ],
)
def test_compare_refuses_what_cannot_be(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(**({"by_day": [1, 0], "others_by_day": [0, 1]} | arguments))  # type: ignore[arg-type]
