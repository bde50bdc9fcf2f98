"""Fisher's exact test against forty digits, whole numbers, and simulation."""

import math
from fractions import Fraction

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from data import reference_json, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import ArrayLike
from scipy.stats import fisher_exact

from detectors.counts import Table
from detectors.disproportionality.exact import Alternative, fisher

ALTERNATIVES: tuple[Alternative, ...] = ("greater", "less", "two-sided")
EXACT = 1e-12  # promised; 4e-14 is what was seen

every_alternative = pytest.mark.parametrize("alternative", ALTERNATIVES)
small_cells = st.tuples(*[st.integers(0, 8) | st.integers(0, 90)] * 4).filter(any)


def golden() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = reference_json("disproportionality/golden_mpmath.json")
    return rows


def table_of(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Table:
    a, b, c, d = (np.asarray(cell, dtype=np.int64) for cell in (a, b, c, d))
    return Table(a, a + b, a + c, a + b + c + d)


def tables_of(rows: pd.DataFrame) -> Table:
    return Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)


def in_whole_numbers(cells: tuple[int, ...], alternative: Alternative, *, mid_p: bool) -> Fraction:
    a, b, c, d = cells
    ways = {
        k: math.comb(a + c, k) * math.comb(b + d, a + b - k)
        for k in range(max(0, a - d), min(a + b, a + c) + 1)
    }
    as_extreme = {
        "greater": [k for k in ways if k >= a],
        "less": [k for k in ways if k <= a],
        "two-sided": [k for k in ways if ways[k] <= ways[a]],
    }[alternative]
    tied = [k for k in ways if ways[k] == ways[a]] if alternative == "two-sided" else [a]
    twice = 2 * sum(ways[k] for k in as_extreme) - mid_p * sum(ways[k] for k in tied)
    return Fraction(twice, 2 * sum(ways.values()))


@pytest.mark.each_of("row", golden, ids=lambda row: f"{row['a']}-{row['b']}-{row['c']}")
def test_fisher_matches_forty_digits(row: dict[str, str]) -> None:
    table = table_of(*(int(row[cell]) for cell in "abcd"))

    found = [fisher(table, mid_p=mid_p).p for mid_p in (False, True)]

    exact = [float(row[name]) for name in ("fisher_greater", "fisher_midp_greater")]
    assert_allclose(found, exact, rtol=EXACT)


def test_fisher_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    table = tables_of(rows)

    assert_allclose(fisher(table).p, rows["fisher_greater"], rtol=1e-9)  # ten digits
    assert_allclose(fisher(table, mid_p=True).p, rows["fisher_midp_greater"], rtol=1e-9)


@every_alternative
@pytest.mark.parametrize("mid_p", [False, True])
@given(cells=small_cells)
@settings(deadline=None)
def test_fisher_is_a_quotient_of_whole_numbers(
    alternative: Alternative, *, mid_p: bool, cells: tuple[int, ...]
) -> None:
    exact = in_whole_numbers(cells, alternative, mid_p=mid_p)

    found = fisher(table_of(*cells), alternative=alternative, mid_p=mid_p)

    assert_allclose(found.p, float(exact), rtol=EXACT)
    with mpmath.workdps(40):
        log_p = float(mpmath.log(mpmath.mpf(exact.numerator) / exact.denominator))
    assert_allclose(found.log_p, log_p, rtol=EXACT, atol=1e-14)  # near 1 it is absolute


def test_every_small_table_matches_whole_numbers_on_both_sides() -> None:
    small = np.arange(6)
    cells = np.stack([x.ravel() for x in np.meshgrid(small, small, small, small)])[:, 1:]

    for mid_p in (False, True):
        found = fisher(table_of(*cells), alternative="two-sided", mid_p=mid_p)
        exact = [
            float(in_whole_numbers(tuple(map(int, column)), "two-sided", mid_p=mid_p))
            for column in cells.T
        ]
        assert_allclose(found.p, exact, rtol=EXACT)


# Large, far out, and on both sides of the longest sum; the first has a probability near 1e-2000.
FAR_OUT = [
    (1_500, 1_000, 1_600, 60_000),
    (3_321, 1, 2, 3_321),
    (700, 300, 90_000, 40_000_000),
    (12_000, 11_000, 50_000, 52_000),
    (90_000, 85_000, 85_000, 90_000),
    (40, 2**26, 2**16, 2**52),
]


@pytest.mark.parametrize("cells", FAR_OUT)
@pytest.mark.parametrize("turn", [False, True])
def test_a_far_tail_keeps_its_digits_where_the_probability_underflows(
    cells: tuple[int, ...], *, turn: bool
) -> None:
    a, b, c, d = cells
    table = table_of(b, a, d, c) if turn else table_of(a, b, c, d)
    with mpmath.workdps(60):
        log_point = sum(mpmath.loggamma(m + 1) for m in (a + b, c + d, a + c, b + d))
        log_point -= sum(mpmath.loggamma(m + 1) for m in (*cells, sum(cells)))
        term = total = mpmath.mpf(1)
        while term > total * mpmath.mpf(10) ** -30 and min(b, c) > 0:
            term *= mpmath.mpf(b * c) / ((a + 1) * (d + 1))
            a, b, c, d = a + 1, b - 1, c - 1, d + 1
            total += term
        log_p = log_point + mpmath.log(total)
        log_mid_p = log_point + mpmath.log(total - 0.5)
        exact, exact_mid = mpmath.exp(log_p), mpmath.exp(log_mid_p)

    alternative: Alternative = "less" if turn else "greater"
    found = fisher(table, alternative=alternative)
    mid = fisher(table, alternative=alternative, mid_p=True)

    assert_allclose([found.log_p, mid.log_p], [float(log_p), float(log_mid_p)], rtol=EXACT)
    if exact > 1e-300:
        assert_allclose([found.p, mid.p], [float(exact), float(exact_mid)], rtol=EXACT)
    else:
        assert found.p == float(exact) == 0


def test_the_far_tails_that_are_tested_reach_ten_to_the_minus_two_thousand() -> None:
    found = fisher(table_of(*np.array(FAR_OUT).T))

    assert (found.log_p / np.log(10)).min() < -1_950
    assert found.p.max() > 0


@given(st.tuples(*[st.integers(0, 10**6) | st.integers(0, 2**51)] * 4).filter(any))
@settings(deadline=None)
def test_the_two_sides_overlap_in_the_table_itself(cells: tuple[int, ...]) -> None:
    table = table_of(*cells)
    up, down = (fisher(table, alternative=alternative) for alternative in ("greater", "less"))
    mid_up, mid_down = (
        fisher(table, alternative=alternative, mid_p=True) for alternative in ("greater", "less")
    )

    assert_allclose(mid_up.p + mid_down.p, 1.0, rtol=1e-13)
    assert_allclose(up.p + down.p - 1, 2 * (up.p - mid_up.p), atol=1e-13)


@every_alternative
@given(cells=st.tuples(*[st.integers(0, 10**4)] * 4).filter(any))
@settings(deadline=None)
def test_product_and_event_may_change_places(
    alternative: Alternative, cells: tuple[int, ...]
) -> None:
    a, b, c, d = cells
    one, other = (
        fisher(table_of(*x), alternative=alternative) for x in ((a, b, c, d), (a, c, b, d))
    )

    assert_allclose(one.log_p, other.log_p, rtol=1e-13, atol=1e-14)  # sums in another order


@given(
    st.tuples(st.integers(0, 300), *[st.integers(1, 300)] * 2, st.integers(1, 10**5)),
)
@settings(deadline=None)
def test_one_more_report_of_the_pair_never_raises_the_probability(cells: tuple[int, ...]) -> None:
    a, b, c, d = cells

    fewer, more = fisher(table_of(np.array([a, a + 1]), np.array([b, b - 1]), c, d)).log_p

    assert more <= fewer


@given(st.tuples(*[st.integers(1, 2_000)] * 4))
@settings(deadline=None)
def test_both_sides_agree_with_scipy(cells: tuple[int, ...]) -> None:
    a, b, c, d = cells

    found = fisher(table_of(*cells), alternative="two-sided").p

    # SciPy's logarithms of gamma functions leave 1e-11 at these counts. Where a probability has few
    # bits left, those are what there is to compare.
    expected = fisher_exact(np.array([[a, b], [c, d]])).pvalue
    assert_allclose(found, expected, rtol=1e-9, atol=2 * np.nextafter(0.0, 1.0))


def test_values_that_are_exactly_as_probable_are_counted_on_both_sides() -> None:
    n = np.array([10, 1_001, 10**5, 10**7])
    k = n // 2 + np.array([2, 20, 500, 7_000])

    one, both = (
        fisher(Table(k, n, n, 2 * n), alternative=alternative)
        for alternative in ("greater", "two-sided")
    )
    assert_allclose(both.p, 2 * one.p, rtol=EXACT)
    halves = (
        fisher(Table(k, n, n, 2 * n), alternative=alternative, mid_p=True)
        for alternative in ("greater", "two-sided")
    )
    one_half, both_halves = (half.p for half in halves)
    assert_allclose(both_halves, 2 * one_half, rtol=EXACT)


def test_a_near_tie_is_no_tie() -> None:
    cells = (39, 119, 82, 477)
    a, b, c, d = cells
    here, far = (
        math.comb(a + c, k) * math.comb(b + d, a + b - k) for k in (a, 15)
    )  # R joins what is closer than 1e-7
    assert 1 < Fraction(far, here) < 1 + Fraction(1, 10**7)
    exact = in_whole_numbers(cells, "two-sided", mid_p=False)

    found = fisher(table_of(*cells), alternative="two-sided").p

    assert_allclose(found, float(exact), rtol=EXACT)


def test_the_most_probable_value_is_certain_on_both_sides_however_large_the_counts() -> None:
    cell = 2**51
    tables = Table([cell, cell + 1], 2 * cell, 2 * cell, 4 * cell)

    p = fisher(tables, alternative="two-sided").p

    assert p[0] == 1
    assert 1 - 2e-7 < p[1] < 1


def test_small_counts_of_huge_margins_are_poisson() -> None:
    n_total, expected = 2**52, 2.0
    margin = int(math.sqrt(expected * n_total))
    counts = np.arange(1, 40)

    p = fisher(Table(counts, margin, margin, n_total)).p

    with mpmath.workdps(30):
        mean = mpmath.mpf(margin) ** 2 / n_total
        exact = [float(mpmath.gammainc(int(n), 0, mean, regularized=True)) for n in counts]
    assert_allclose(p, exact, rtol=1e-4)  # the margins are 1e8; the approximation errs by n^2 / 1e8


@every_alternative
@pytest.mark.parametrize("cells", [(0, 0, 2, 3), (2, 3, 0, 0), (0, 2, 0, 3), (2, 0, 3, 0)])
def test_margins_that_leave_one_table_make_it_certain(
    alternative: Alternative, cells: tuple[int, ...]
) -> None:
    whole, half = (
        fisher(table_of(*cells), alternative=alternative, mid_p=mid_p) for mid_p in (False, True)
    )

    assert [whole.p.item(), whole.log_p.item(), whole.state.item()] == [1, 0, "defined"]
    assert_allclose(half.p, 0.5, rtol=1e-15)


def test_nothing_more_probable_is_certainty_without_rounding() -> None:
    b, c = (x.ravel() for x in np.meshgrid(np.arange(1, 40), np.arange(1, 40)))

    found = fisher(table_of(0, b, c, 40 * 40), alternative="two-sided")

    assert (found.p == 1).all()
    assert (found.log_p == 0).all()


@every_alternative
def test_what_is_all_but_certain_does_not_pass_one(alternative: Alternative) -> None:
    # The pair has its only report, of n + 1 with the event among n + 2: 1 - 1 / (n + 2).
    n = np.array([530_647_596_574_754, 616_484_952_577_991, 629_832_121_898_832])
    table = table_of(0, 1, 1, n) if alternative == "less" else table_of(1, 0, n, 1)

    found = fisher(table, alternative=alternative)

    assert (found.p <= 1).all()
    assert (found.log_p <= 0).all()
    assert_allclose(found.p, 1.0, rtol=EXACT)


@every_alternative
def test_without_a_report_there_is_no_probability(alternative: Alternative) -> None:
    found = fisher(Table([0, 1], [0, 2], [0, 3], [0, 6]), alternative=alternative)

    assert found.state.tolist() == ["empty", "defined"]
    assert np.isnan(found.p).tolist() == np.isnan(found.log_p).tolist() == [True, False]


@every_alternative
@pytest.mark.parametrize("mid_p", [False, True])
def test_an_element_has_the_same_bits_alone_and_anywhere_in_an_array(
    alternative: Alternative, *, mid_p: bool
) -> None:
    rng = np.random.default_rng(seed=19350101)
    a, b, c, d = (rng.random((4, 400)) * 10.0 ** rng.integers(0, 9, (4, 400))).astype(np.int64)
    table = table_of(a, b, c, d)
    whole = fisher(table, alternative=alternative, mid_p=mid_p)

    for i in range(0, 400, 3):
        alone = fisher(
            table_of(int(a[i]), int(b[i]), int(c[i]), int(d[i])),
            alternative=alternative,
            mid_p=mid_p,
        )
        assert alone.p.tobytes() == whole.p[i].tobytes()
        assert alone.log_p.tobytes() == whole.log_p[i].tobytes()
    backwards = fisher(
        table_of(*(x[::-1] for x in (a, b, c, d))), alternative=alternative, mid_p=mid_p
    )
    assert backwards.log_p[::-1].tobytes() == whole.log_p.tobytes()


def test_shapes_come_back_and_no_table_is_no_number() -> None:
    assert fisher(Table([[1], [2]], [5, 6, 7], 5, 100)).log_p.shape == (2, 3)
    assert fisher(Table([], [], [], []), alternative="two-sided").p.shape == (0,)


def test_fisher_refuses_an_unknown_alternative() -> None:
    with pytest.raises(ValueError, match="alternative is 'both': must be 'greater', 'less' or"):
        fisher(table_of(1, 2, 3, 4), alternative="both")  # type: ignore[arg-type]


@pytest.mark.slow
@every_alternative
def test_the_simulated_test_holds_its_level_and_the_mid_p_value_is_level_on_average(
    alternative: Alternative,
) -> None:
    rng = np.random.default_rng(seed=19610301)
    n_tables, margins = 40_000, (60, 90, 400)
    n_product, n_event, n_total = margins
    n = rng.hypergeometric(n_event, n_total - n_event, n_product, n_tables)
    table = Table(n, n_product, n_event, n_total)

    p = fisher(table, alternative=alternative).p
    mid_p = fisher(table, alternative=alternative, mid_p=True).p

    for level in (0.01, 0.05, 0.2):
        # Four standard errors above the level, which the exact test never exceeds.
        assert (p <= level).mean() <= level + 4 * math.sqrt(level * (1 - level) / n_tables)
    # The mid-p value has mean 1/2 under the null; its deviation is below that of a uniform, 0.29.
    assert_allclose(mid_p.mean(), 0.5, atol=4 * 0.29 / math.sqrt(n_tables))


def test_every_one_of_a_hundred_thousand_pairs_is_tested() -> None:
    rng = np.random.default_rng(seed=20240101)
    n_pairs, n_total = 102_483, 1_196_487
    n_product, n_event = (
        (1 + 20 * rng.pareto(0.6, n_pairs)).clip(max=65_000).astype(np.int64) for _ in range(2)
    )
    mean = n_product * n_event / n_total * rng.gamma(1.5, 1.0, n_pairs)
    n_pair = np.minimum(1 + rng.poisson(mean), np.minimum(n_product, n_event))
    table = Table(n_pair, n_product, n_event, n_total)

    p = fisher(table).p

    assert n_pair.max() > 2_000
    for i in [int(n_pair.argmax()), *rng.choice(n_pairs, 50, replace=False).tolist()]:
        a, b, c, d = (int(cell[i]) for cell in table.cells())
        peer = fisher_exact(np.array([[a, b], [c, d]]), alternative="greater").pvalue
        assert_allclose(p[i], peer, rtol=1e-9, atol=1e-300)
