"""The exact test against enumeration in whole numbers, and its size."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.subgroup import exact_heterogeneity, heterogeneity, zelen
from detectors.subgroup.zelen import conditional_test


def table_of(cells: object) -> Table:
    a, b, c, d = np.moveaxis(np.asarray(cells), -1, 0)
    return Table(a, a + b, a + c, a + b + c + d)


def enumerated(cells: Sequence[tuple[int, ...]], alternative: str = "two-sided") -> Fraction:
    """Add up tables as whole numbers: every table of every stratum, those with the total kept."""
    supports = []
    for a, b, c, d in cells:
        n1, n0, m = a + b, c + d, a + c
        support = range(max(0, m - n0), min(n1, m) + 1)
        supports.append([(x, math.comb(n1, x) * math.comb(n0, m - x)) for x in support])
    total = sum(a for a, *_ in cells)
    observed = math.prod(math.comb(a + b, a) * math.comb(c + d, c) for a, b, c, d in cells)
    every = extreme = 0
    for tables in itertools.product(*supports):
        if sum(x for x, _ in tables) == total:
            weight = math.prod(w for _, w in tables)
            every += weight
            is_greater = tables[0][0] >= cells[0][0]
            extreme += weight * (is_greater if alternative == "greater" else weight <= observed)
    return Fraction(extreme, every)


cell = st.integers(0, 6)
tables = st.lists(st.tuples(cell, cell, cell, cell), min_size=2, max_size=4)


@given(tables, st.sampled_from(["two-sided", "greater"]))
@settings(max_examples=150)
def test_the_p_value_is_the_share_of_tables(cells: list[tuple[int, ...]], alternative: str) -> None:
    found = conditional_test(table_of(cells), alternative=alternative)  # type: ignore[arg-type]

    full = [x for x in cells if min(x[0] + x[1], x[2] + x[3], x[0] + x[2], x[1] + x[3]) > 0]
    if found.state == "defined":
        exact = enumerated(full, alternative)
        assert_allclose(found.p, float(exact), rtol=1e-12)
        assert_allclose(found.log_p, math.log(exact), rtol=1e-11, atol=1e-13)
    else:
        assert len(full) < 2 or sum(x[0] for x in cells) == 0
        assert np.isnan(found.p)


@pytest.mark.parametrize("m", [4, 5, 7, 9])
def test_tables_as_likely_as_the_observed_count(m: int) -> None:
    """In a mirrored stratum other counts are exactly as likely, and their logarithms nearly so."""
    for a, x in itertools.product(range(max(0, m - 6), min(11, m) + 1), range(min(6, m) + 1)):
        cells = [(a, 11 - a, m - a, 6 - m + a), (x, 6 - x, m - x, 11 - m + x)]
        found = exact_heterogeneity(table_of(cells))

        if found.state == "defined":
            assert_allclose(found.p, float(enumerated(cells)), rtol=1e-12)


@pytest.mark.parametrize(
    "cells",
    [
        [(7, 3, 1, 9), (0, 12, 6, 6)],
        [(3, 12, 6, 9), (4, 3, 1, 6)],
        [(8, 7, 1, 14), (0, 9, 7, 2)],
        [(7, 13, 4, 16), (5, 35, 8, 32)],
    ],
)
def test_the_mirror_image_of_the_observed_counts(cells: list[tuple[int, ...]]) -> None:
    # Each stratum has as many reports with the product as without. So the pair counts and what they
    # leave of the event are equally likely; the sums of their logarithms differ in the last bit.
    found = exact_heterogeneity(table_of(cells))

    assert_allclose(found.p, float(enumerated(cells)), rtol=1e-12)


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("places", [(0, 1, 2, 3), (1, 0, 3, 2), (1, 3, 0, 2), (3, 1, 2, 0)])
def test_few_reports_in_one_of_the_cells_are_few_tables(k: int, places: tuple[int, ...]) -> None:
    counts, n, total = [0, 0, 0], 2_000, 10**6
    counts[k] = 3

    few = np.array([(a, n - a, n - a, total - 2 * n + a) for a in counts])
    found = exact_heterogeneity(table_of(few[:, places]))

    ways = [math.comb(n, a) * math.comb(total - n, n - a) for a in range(4)]
    both = [(x, y, 3 - x - y) for x in range(4) for y in range(4 - x)]
    weights = [math.prod(ways[a] for a in each) for each in both]
    observed = math.prod(ways[a] for a in counts)
    extreme = sum(weight for weight in weights if weight <= observed)
    assert found.state == "defined"
    assert_allclose(found.p, float(Fraction(extreme, sum(weights))), rtol=1e-11)


def test_as_many_tables_as_are_allowed_are_enumerated_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two, three and four counts; the widest follows from the others.
    cells = [(3, 1, 1, 0), (4, 2, 1, 1), (9, 4, 1, 2)]
    supports = [min(b, c) + min(a, d) + 1 for a, b, c, d in cells]
    assert supports == [2, 3, 4]

    for most, state in ((2 * 3, "defined"), (2 * 3 - 1, "too_many_tables")):
        monkeypatch.setattr(zelen, "MOST_TABLES", most)
        assert exact_heterogeneity(table_of(cells)).state == state


def test_larger_tables_agree_with_whole_numbers() -> None:
    cells = [(30, 70, 60, 900), (5, 95, 80, 420), (12, 8, 40, 60)]

    found = exact_heterogeneity(table_of(cells))

    assert_allclose(found.p, float(enumerated(cells)), rtol=1e-11)  # sums of many logarithms


def test_the_far_tail_has_a_logarithm() -> None:
    cells = [(900, 100, 100, 900), (100, 900, 900, 100)]

    found = exact_heterogeneity(table_of(cells))

    exact = enumerated(cells)
    expected = math.log(exact.numerator) - math.log(exact.denominator)
    assert found.p == 0
    assert_allclose(found.log_p, expected, rtol=1e-12)


def test_it_agrees_with_the_approximation_where_counts_are_large() -> None:
    cells = [[60, 140, 100, 400], [50, 100, 90, 360], [35, 90, 60, 200]]

    exact, approximate = exact_heterogeneity(table_of(cells)), heterogeneity(table_of(cells))

    assert_allclose(exact.p, approximate.p_value.p, atol=0.01)  # smooth in hundreds of reports


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_strata_changes_no_bit(
    cells: list[tuple[int, ...]], random: "np.random.Generator"
) -> None:
    shuffled = list(cells)
    random.shuffle(shuffled)

    one, other = (exact_heterogeneity(table_of(each)) for each in (cells, shuffled))

    assert one.log_p.tobytes() == other.log_p.tobytes()


@pytest.mark.parametrize(
    "cells",
    [
        [(6, 9, 0, 15), (3, 14, 3, 11), (2, 12, 4, 16)],
        [(1, 8, 5, 15), (4, 13, 2, 10), (4, 9, 2, 13)],
        [(0, 7, 6, 11), (4, 9, 2, 14), (6, 12, 0, 15)],
    ],
)
def test_the_order_of_strata_of_one_width_changes_no_bit(cells: list[tuple[int, ...]]) -> None:
    every = [exact_heterogeneity(table_of(each)) for each in itertools.permutations(cells)]

    assert len({found.log_p.tobytes() for found in every}) == 1


def test_an_element_has_the_same_bits_alone() -> None:
    cells = np.random.default_rng(2).integers(0, 9, size=(3, 40, 4))

    whole = exact_heterogeneity(table_of(cells))

    for pair in range(0, 40, 7):
        alone = exact_heterogeneity(table_of(cells[:, pair]))
        assert alone.p.tobytes() == whole.p[pair].tobytes()
        assert alone.state == whole.state[pair]


def test_too_many_tables_are_not_enumerated() -> None:
    many = table_of(np.full((3, 4), 2_000))
    huge = table_of(np.full((2, 4), 2**50))

    for table in (many, huge):
        found = exact_heterogeneity(table)
        assert found.state == "too_many_tables"
        assert np.isnan(found.p)


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([[1, 2, 3, 4]], "too_few_strata"),
        ([[1, 2, 3, 4], [0, 0, 3, 4]], "too_few_strata"),
        ([[0, 2, 3, 4], [0, 1, 3, 4]], "no_report"),
        ([[1, 2, 3, 0], [0, 1, 3, 4]], "defined"),
    ],
)
def test_each_reason_has_its_state(cells: list[list[int]], state: str) -> None:
    assert exact_heterogeneity(table_of(cells)).state == state


def test_the_size_is_at_most_nominal_by_exact_sums() -> None:
    (n1, n0, m), (k1, k0, j) = (5, 9, 6), (7, 6, 5)
    ratio, total = 3.0, 6

    weights, p_values = [], []
    for a in range(max(0, m - n0), min(n1, m) + 1):
        x = total - a
        if max(0, j - k0) <= x <= min(k1, j):
            tables = math.comb(n1, a) * math.comb(n0, m - a) * math.comb(k1, x)
            weights.append(tables * math.comb(k0, j - x) * ratio**total)
            cells = [(a, n1 - a, m - a, n0 - m + a), (x, k1 - x, j - x, k0 - j + x)]
            p_values.append(float(exact_heterogeneity(table_of(cells)).p))

    share = np.array(weights) / sum(weights)
    for alpha in (0.01, 0.05, 0.2, 0.5):
        assert share[np.array(p_values) <= alpha].sum() <= alpha + 1e-12
