"""The ROR against reference values and its definition."""

from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.ror import ror

REFERENCE = Path(__file__).parents[3] / ".." / "shared/reference/disproportionality"

positive_cells = st.tuples(*[st.integers(1, 10**6)] * 4)


def table_of(a: int, b: int, c: int, d: int) -> Table:
    return Table(a, a + b, a + c, a + b + c + d)


def test_ror_matches_the_caers_reference() -> None:
    rows = pd.read_csv(REFERENCE / "caers_2x2_reference.csv")
    rows = rows[(rows["b"] > 0) & (rows["c"] > 0)]  # elsewhere the file holds an infinity

    ratio = ror(Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d))

    assert len(rows) == 6_766
    assert_allclose(ratio.point, rows["ROR"], rtol=1e-9)  # ten digits
    assert_allclose(ratio.lower, rows["ROR_lo"], rtol=1e-9)
    assert_allclose(ratio.upper, rows["ROR_hi"], rtol=1e-9)


def test_ror_matches_pvda() -> None:
    rows = pd.read_csv(REFERENCE / "caers_pvda.csv")
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
