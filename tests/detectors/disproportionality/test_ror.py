"""The ROR against reference values and its definition."""

from fractions import Fraction

import numpy as np
import pytest
from data import reference_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.ror import ror, ror_haldane

positive_cells = st.tuples(*[st.integers(1, 10**6)] * 4)


def table_of(a: int, b: int, c: int, d: int) -> Table:
    return Table(a, a + b, a + c, a + b + c + d)


def test_ror_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    rows = rows[(rows["b"] > 0) & (rows["c"] > 0)]  # elsewhere the file holds an infinity

    ratio = ror(Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d))

    assert len(rows) == 6_766
    assert_allclose(ratio.point, rows["ROR"], rtol=1e-9)  # ten digits
    assert_allclose(ratio.lower, rows["ROR_lo"], rtol=1e-9)
    assert_allclose(ratio.upper, rows["ROR_hi"], rtol=1e-9)


def test_ror_matches_pvda() -> None:
    rows = reference_table("disproportionality/caers_pvda.csv.xz")
    rows = rows[(rows["n_event"] > rows["obs"]) & (rows["n_drug"] > rows["obs"])]

    ratio = ror(Table(rows.obs, rows.n_drug, rows.n_event, rows.n_tot))

    assert_allclose(ratio.point, rows["ror"], rtol=1e-8)  # nine digits
    assert_allclose(ratio.lower, rows["ror2.5"], rtol=1e-8)


@given(positive_cells)
def test_ror_is_the_quotient_of_two_odds(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells

    exact = Fraction(a, b) / Fraction(c, d)

    assert_allclose(float(ror(table_of(*cells)).point), float(exact), rtol=4e-16)


@given(positive_cells)
def test_product_and_event_may_change_places(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells
    one, other = ror(table_of(a, b, c, d)), ror(table_of(a, c, b, d))

    assert_allclose(one.point, other.point, rtol=1e-15)
    assert_allclose(one.lower, other.lower, rtol=1e-14)


@given(positive_cells)
def test_the_odds_of_not_having_the_event_are_the_inverse(
    cells: tuple[int, int, int, int],
) -> None:
    a, b, c, d = cells
    with_event, without = ror(table_of(a, b, c, d)), ror(table_of(b, a, d, c))

    assert_allclose(with_event.point * without.point, 1.0, rtol=1e-14)
    assert_allclose(with_event.lower * without.upper, 1.0, rtol=1e-13)


def test_ror_refuses_a_confidence_level_out_of_range() -> None:
    with pytest.raises(ValueError, match="confidence_level is 95: must lie between"):
        ror(table_of(1, 2, 3, 4), confidence_level=95)


def test_haldane_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")

    ratio = ror_haldane(
        Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)
    )

    assert_allclose(ratio.point, rows["ROR_haldane"], rtol=1e-9)  # ten digits
    assert_allclose(ratio.lower, rows["ROR_haldane_lo"], rtol=1e-9)


@given(st.tuples(*[st.integers(0, 10**6)] * 4).filter(any))
def test_haldane_is_the_plain_ratio_of_cells_with_a_half_more(
    cells: tuple[int, int, int, int],
) -> None:
    a, b, c, d = (2 * cell + 1 for cell in cells)
    twice = ror(table_of(a, b, c, d))

    ratio = ror_haldane(table_of(*cells))

    assert_allclose(ratio.point, twice.point, rtol=1e-15)
    # Halving all cells doubles the variance.
    assert_allclose(
        np.log(ratio.upper / ratio.lower), np.sqrt(2) * np.log(twice.upper / twice.lower), rtol=1e-9
    )


def test_haldane_does_not_jump_when_a_cell_fills() -> None:
    points = [float(ror_haldane(table_of(a, 10, 20, 3_000)).point) for a in range(6)]

    steps = np.diff(points)
    assert_allclose(steps, steps[0], rtol=1e-12)


def test_haldane_needs_a_report() -> None:
    nothing = ror_haldane(table_of(0, 0, 0, 0))

    assert nothing.state.item() == "empty"
    assert np.isnan([nothing.point, nothing.lower, nothing.upper]).all()


def test_haldane_can_exceed_one_without_a_report_of_the_pair() -> None:
    ratio = ror_haldane(table_of(0, 5, 3, 1_000))

    assert (round(float(ratio.point)), round(float(ratio.lower), 1)) == (26, 1.2)


def test_the_simulated_logarithm_of_haldane_is_nearly_unbiased() -> None:
    rng = np.random.default_rng(seed=19560401)
    n_tables, n_product, n_others = 100_000, 200, 2_000
    with_product = rng.binomial(n_product, 0.1, n_tables)
    with_others = rng.binomial(n_others, 0.04, n_tables)
    truth = np.log(0.1 * 0.96 / (0.9 * 0.04))

    ratio = ror_haldane(
        Table(with_product, n_product, with_product + with_others, n_product + n_others)
    )

    error = np.log(ratio.point) - truth
    # Four standard errors, and 0.001 because what is left is of the order of 1 / 20 squared.
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(n_tables) + 0.001
    covered = ((np.log(ratio.lower) <= truth) & (np.log(ratio.upper) >= truth)).mean()
    # Four standard errors, and 0.01 because the interval itself is an approximation.
    assert_allclose(covered, 0.95, atol=4 * np.sqrt(0.95 * 0.05 / n_tables) + 0.01)


def test_haldane_refuses_a_confidence_level_out_of_range() -> None:
    with pytest.raises(ValueError, match="confidence_level is 0: must lie between"):
        ror_haldane(table_of(1, 2, 3, 4), confidence_level=0)
