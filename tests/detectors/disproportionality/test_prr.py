"""The PRR against reference values and its definition."""

from fractions import Fraction

import numpy as np
import pytest
from data import reference_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.prr import prr

DIGITS = 1e-9  # the files hold ten

positive_cells = st.tuples(*[st.integers(1, 10**6)] * 4)


def table_of(a: int, b: int, c: int, d: int) -> Table:
    return Table(a, a + b, a + c, a + b + c + d)


def test_prr_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    rows = rows[rows["c"] > 0]  # elsewhere the file holds an infinity

    ratio = prr(Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d))

    assert len(rows) == 16_030
    assert_allclose(ratio.point, rows["PRR"], rtol=DIGITS)
    assert_allclose(ratio.lower, rows["PRR_lo"], rtol=DIGITS)
    assert_allclose(ratio.upper, rows["PRR_hi"], rtol=DIGITS)


def test_prr_matches_pvda() -> None:
    rows = reference_table("disproportionality/caers_pvda.csv.xz")
    rows = rows[rows["n_event"] > rows["obs"]]

    ratio = prr(Table(rows.obs, rows.n_drug, rows.n_event, rows.n_tot))

    assert_allclose(ratio.point, rows["prr"], rtol=1e-8)  # nine digits
    assert_allclose(ratio.lower, rows["prr2.5"], rtol=1e-8)


@given(positive_cells)
def test_prr_is_the_quotient_of_two_shares(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells

    exact = Fraction(a, a + b) / Fraction(c, c + d)

    assert_allclose(float(prr(table_of(*cells)).point), float(exact), rtol=4e-16)


@given(positive_cells, st.integers(2, 9))
def test_more_of_the_same_reports_narrow_the_interval_by_a_square_root(
    cells: tuple[int, int, int, int], times: int
) -> None:
    once = prr(table_of(*cells))
    a, b, c, d = cells
    more = prr(table_of(a * times, b * times, c * times, d * times))

    width, narrower = (np.log(r.upper) - np.log(r.lower) for r in (once, more))
    assert_allclose(more.point, once.point, rtol=1e-14)
    assert_allclose(narrower, width / np.sqrt(times), rtol=1e-9, atol=1e-13)


@given(positive_cells)
def test_a_wider_confidence_contains_the_narrower(cells: tuple[int, int, int, int]) -> None:
    table = table_of(*cells)
    narrow, wide = (prr(table, confidence_level=level) for level in (0.9, 0.99))

    assert wide.lower <= narrow.lower <= narrow.point <= narrow.upper <= wide.upper


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, np.nan])
def test_prr_refuses_a_confidence_level_out_of_range(level: float) -> None:
    with pytest.raises(ValueError, match=r"confidence_level is .*: must lie between"):
        prr(table_of(1, 2, 3, 4), confidence_level=level)


@pytest.mark.slow
def test_the_simulated_interval_covers_the_ratio_as_often_as_it_says() -> None:
    rng = np.random.default_rng(seed=20010901)
    n_tables, n_product, n_others = 100_000, 2_000, 20_000
    with_product = rng.binomial(n_product, 0.09, n_tables)
    with_others = rng.binomial(n_others, 0.03, n_tables)

    ratio = prr(
        Table(with_product, n_product, with_product + with_others, n_product + n_others),
        confidence_level=0.9,
    )

    covered = ((ratio.lower <= 3.0) & (ratio.upper >= 3.0)).mean()
    # Four standard errors, and 0.002 because the interval itself is an approximation.
    assert_allclose(covered, 0.9, atol=4 * np.sqrt(0.9 * 0.1 / n_tables) + 0.002)
