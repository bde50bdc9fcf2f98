"""Spread over sources against its definition, all outcomes, and simulation."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from detectors.features.spread import dominance, spread

DIGITS = 1e-12  # some dozens of roundings

rows = st.lists(st.integers(0, 9), min_size=1, max_size=8)


@given(rows)
def test_effective_numbers_are_inverse_chances_of_a_common_source(row: list[int]) -> None:
    n = sum(row)
    if n < 2:
        return
    reports = [source for source, k in enumerate(row) for _ in range(k)]
    with_replacement = sum(a == b for a in reports for b in reports)
    without = sum(a == b for a, b in itertools.permutations(reports, 2))

    found = spread(row)

    assert_allclose(found.effective.value, n * n / with_replacement, rtol=DIGITS)
    if without:
        assert_allclose(found.effective_unbiased.value, n * (n - 1) / without, rtol=DIGITS)
    else:
        assert found.effective_unbiased.state.item() == "no_repeat"
    assert int(found.n_sources) == len(set(reports))
    assert float(found.largest_share.value) == max(row) / n
    assert int(found.largest) == row.index(max(row))


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_sources_does_not_matter(row: list[int], random: object) -> None:
    totals = [17 + x for x in row]
    order = list(range(len(row)))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved, moved_totals = [row[i] for i in order], [totals[i] for i in order]

    one, other = spread(row), spread(moved)
    chance, other_chance = dominance(row, totals), dominance(moved, moved_totals)

    assert one.effective.value.tobytes() == other.effective.value.tobytes()
    assert one.effective_unbiased.value.tobytes() == other.effective_unbiased.value.tobytes()
    assert chance.p.p.tobytes() == other_chance.p.p.tobytes()
    assert chance.p_bound.p.tobytes() == other_chance.p_bound.p.tobytes()


def test_simpsons_estimate_is_unbiased() -> None:
    share = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]

    mean = Fraction(0)
    for sources in itertools.product(range(3), repeat=5):
        found = spread(np.bincount(sources, minlength=3)).effective_unbiased
        agreement = 0.0 if found.state == "no_repeat" else 1 / float(found.value)
        mean += math.prod(share[j] for j in sources) * Fraction(agreement)

    assert_allclose(float(mean), float(sum(p * p for p in share)), rtol=DIGITS)


def test_too_few_reports_have_a_reason() -> None:
    counts = [[0, 0], [1, 0], [1, 1], [2, 0]]

    found, test = spread(counts), dominance(counts, [9, 9])

    assert found.effective.state.tolist() == ["no_report"] + ["defined"] * 3
    assert found.effective_unbiased.state.tolist() == [
        "no_report",
        "too_few",
        "no_repeat",
        "defined",
    ]
    assert found.largest_share.state.tolist() == ["no_report"] + ["defined"] * 3
    assert found.largest_share.value[1:].tolist() == [1.0, 0.5, 1.0]
    for part in (found.effective, found.effective_unbiased, found.largest_share):
        assert_array_equal(np.isnan(part.value), part.state != "defined")
    for p in (test.p, test.p_bound):
        assert p.state.tolist() == ["no_report", "too_few", "defined", "defined"]
        assert_array_equal(np.isnan(p.p), p.state != "defined")
        assert_array_equal(np.isnan(p.log_p), p.state != "defined")


def chance_by_enumeration(row: list[int], totals: list[int]) -> Fraction:
    n, whole = sum(row), sum(totals)

    def smallest(counts: tuple[int, ...]) -> Fraction:
        tails = []
        for x, total in zip(counts, totals, strict=True):
            p = Fraction(total, whole)
            tails.append(sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x, n + 1)))
        return min(Fraction(tail) for tail in tails)

    observed, chance = smallest(tuple(row)), Fraction(0)
    for counts in itertools.product(range(n + 1), repeat=len(row)):
        if sum(counts) == n and smallest(counts) <= observed:
            ways = math.factorial(n) // math.prod(map(math.factorial, counts))
            weight = math.prod(t**x for t, x in zip(totals, counts, strict=True))
            chance += Fraction(ways * weight, whole**n)
    return chance


@given(st.lists(st.integers(0, 3), min_size=2, max_size=4), st.data())
@settings(max_examples=40)
def test_the_exact_p_is_that_of_all_outcomes(row: list[int], data: st.DataObject) -> None:
    totals = [data.draw(st.integers(max(x, 1), 12)) for x in row]
    if not 2 <= sum(row) <= 6:
        return

    found = dominance(row, totals)

    exact = float(chance_by_enumeration(row, totals))
    assert_allclose(found.p.p, exact, rtol=1e-11)
    assert found.p_bound.p >= exact * (1 - DIGITS)


def test_one_reporter_of_all_stands_out_and_a_large_country_does_not() -> None:
    totals = [600, 200, 100, 50, 50]

    found = dominance([[6, 2, 1, 1, 0], [0, 0, 0, 6, 0]], totals)

    assert found.source.tolist() == [3, 3]
    assert found.p.p[0] > 0.5
    assert_allclose(found.p.p[1], 2 * 0.05**6, rtol=1e-3)  # either small one; others are rarer yet
    assert_allclose(found.p_bound.p[1], 5 * 0.05**6, rtol=DIGITS)


def test_sources_that_send_nothing_change_nothing() -> None:
    found = dominance([3, 0, 1], [10, 20, 30])
    padded = dominance([3, 0, 0, 1, 0], [10, 0, 20, 30, 0])

    assert padded.p.p == found.p.p
    assert padded.p_bound.p == found.p_bound.p
    # Nor do they take any of the work allowed.
    assert dominance([3, 0, 0], [9, 9, 0], most_work=24).p.state.item() == "defined"


def test_a_bound_of_a_probability_is_at_most_one() -> None:
    found = dominance([2, 2], [9, 9])  # either has two or more with a chance of 11/16

    assert found.p_bound.p == 1.0
    assert found.p_bound.log_p == 0.0
    assert_allclose(found.p.p, 1.0, rtol=DIGITS)


def test_one_source_of_all_reports_is_a_state() -> None:
    found = dominance([[4, 0]], [9, 0])

    assert found.p.state.tolist() == found.p_bound.state.tolist() == ["one_source"]


def test_beyond_the_work_allowed_there_is_a_bound_and_no_exact_number() -> None:
    # Three reports, half a chance each: it takes 3 of one source to be as rare, so 4 * (3 + 3).
    within = dominance([3, 0], [9, 9], most_work=24)
    beyond = dominance([3, 0], [9, 9], most_work=23)

    assert within.p.state.item() == "defined"
    assert beyond.p.state.item() == "beyond_exact"
    assert np.isnan(beyond.p.p)
    assert_allclose(beyond.p_bound.p, 0.25, rtol=DIGITS)


def test_a_chance_below_the_smallest_double_keeps_the_logarithm_of_its_bound() -> None:
    found = dominance([300, 0], [1_000, 99_000])

    assert found.p.state.item() == "beyond_exact"
    assert found.p_bound.p == 0.0
    assert_allclose(found.p_bound.log_p, math.log(2) + 300 * math.log(0.01), rtol=DIGITS)


@pytest.mark.campaign
@pytest.mark.slow
def test_the_simulated_level_is_the_stated_one() -> None:
    rng = np.random.default_rng(seed=1981)
    totals = np.array([4_000, 1_000, 800, 300, 300, 150])
    counts = rng.multinomial(9, totals / totals.sum(), size=800)

    p = dominance(counts, totals).p.p

    for value in np.unique(p)[::7]:
        error = math.sqrt(value * (1 - value) / 800)
        assert_allclose((p <= value * (1 + DIGITS)).mean(), value, atol=4.5 * error + 1e-3)


def test_an_element_has_the_same_bits_alone_and_in_an_array() -> None:
    counts = np.random.default_rng(seed=5).poisson(1.0, size=(2, 6, 7))
    totals = np.arange(20, 27)
    whole, measured = dominance(counts, totals), spread(counts)

    for i in np.ndindex(2, 6):
        alone, part = dominance(counts[i], totals), spread(counts[i])
        assert alone.p.p.tobytes() == whole.p.p[i].tobytes()
        assert alone.p_bound.log_p.tobytes() == whole.p_bound.log_p[i].tobytes()
        assert int(alone.source) == int(whole.source[i])
        assert part.effective.value.tobytes() == measured.effective.value[i].tobytes()
        assert part.largest_share.value.tobytes() == measured.largest_share.value[i].tobytes()
        assert int(part.n_sources) == int(measured.n_sources[i])
        assert int(part.largest) == int(measured.largest[i])


@pytest.mark.parametrize(
    ("by_source", "totals", "message"),
    [
        ([1, -1], [5, 5], r"by_source\[1\] is -1: must not be negative"),
        ([[1, 0.5]], [5, 5], r"by_source\[0, 1\] is 0\.5: must be whole"),
        ([1, 1], [5, 5, 5], r"all_by_source has shape \(3,\): must be \(2,\)"),
        ([1, 1], [0, 0], r"all_by_source is all zero: must have a positive element"),
        ([1, 6], [5, 5], r"by_source\[1\] is 6: must not exceed all_by_source"),
        ([], [], r"by_source has shape \(0,\): its last axis must have 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(
    by_source: list[float], totals: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dominance(by_source, totals)


def test_a_limit_of_work_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"most_work is -1: must not be negative"):
        dominance([1, 1], [5, 5], most_work=-1)


def test_spread_refuses_what_is_no_count() -> None:
    with pytest.raises(ValueError, match=r"by_source\[0\] is nan: must not be missing"):
        spread([np.nan, 1])
