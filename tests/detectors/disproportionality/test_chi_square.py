"""The chi-square statistic against reference values and its definition."""

import numpy as np
import pytest
from data import reference_table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency

from detectors.counts import Table
from detectors.disproportionality.chi_square import chi_square

positive_cells = st.tuples(*[st.integers(1, 10**5)] * 4)


def table_of(a: int, b: int, c: int, d: int) -> Table:
    return Table(a, a + b, a + c, a + b + c + d)


def test_both_statistics_match_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    table = Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)

    assert_allclose(chi_square(table).value, rows["chi2_yates"], rtol=1e-9)  # ten digits
    assert_allclose(chi_square(table, correction=None).value, rows["chi2"], rtol=1e-9)


@given(positive_cells)
def test_the_statistic_sums_squared_deviations_over_the_cells(
    cells: tuple[int, int, int, int],
) -> None:
    by_definition = chi2_contingency(np.reshape(cells, (2, 2)), correction=False).statistic

    value = chi_square(table_of(*cells), correction=None).value

    # The definition subtracts expected from observed and loses what they share.
    assert_allclose(value, by_definition, rtol=1e-6, atol=1e-9)


@given(positive_cells)
def test_the_correction_never_raises_the_statistic_and_never_passes_zero(
    cells: tuple[int, int, int, int],
) -> None:
    table = table_of(*cells)

    assert 0 <= chi_square(table).value <= chi_square(table, correction=None).value


@given(positive_cells)
def test_product_and_event_may_change_places(cells: tuple[int, int, int, int]) -> None:
    a, b, c, d = cells

    assert chi_square(table_of(a, b, c, d)).value == chi_square(table_of(a, c, b, d)).value


@given(st.integers(1, 10**4), st.integers(1, 10**4), st.integers(1, 50))
def test_independence_gives_zero(b: int, c: int, times: int) -> None:
    table = table_of(b * times, b, c * times, c)

    assert chi_square(table, correction=None).value == 0.0


def test_chi_square_refuses_an_unknown_correction() -> None:
    with pytest.raises(ValueError, match="correction is 'haldane': must be 'yates' or None"):
        chi_square(table_of(1, 2, 3, 4), correction="haldane")  # type: ignore[arg-type]
