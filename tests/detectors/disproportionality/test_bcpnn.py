"""The normal BCPNN against its definition by simulation, and against the exact component."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.bcpnn import bcpnn_normal
from detectors.disproportionality.ic import ic

cells = st.tuples(*[st.integers(0, 10**6)] * 4).filter(any)


def table_of(a: int, b: int, c: int, d: int) -> Table:
    return Table(a, a + b, a + c, a + b + c + d)


@given(cells)
@settings(deadline=None)
def test_bcpnn_matches_its_formula_in_thirty_digits(table: tuple[int, ...]) -> None:
    a, b, c, d = table
    with mpmath.workdps(30):
        n, n1, m1, total = (mpmath.mpf(x) for x in (a, a + b, a + c, a + b + c + d))
        gamma = (total + 2) ** 2 / ((n1 + 1) * (m1 + 1))
        psi = mpmath.digamma
        mean = psi(1 + n) - psi(total + gamma) - psi(1 + n1) - psi(1 + m1) + 2 * psi(2 + total)
        at = {x: mpmath.zeta(2, x) for x in (1 + n, total + gamma, 1 + n1, 1 + m1, 2 + total)}
        variance = at[1 + n] - at[total + gamma] + at[1 + n1] + at[1 + m1] - 2 * at[2 + total]
        deviation = mpmath.sqrt(variance) / mpmath.log(2)
        point = mean / mpmath.log(2)
        z = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(19) / 20)

    found = bcpnn_normal(table_of(*table))

    # Differences of digammas near 15 lose a digit; the square root doubles what is lost near 0.
    assert_allclose(found.point, float(point), rtol=1e-12, atol=1e-13)
    assert_allclose(found.lower, float(point - z * deviation), rtol=1e-9, atol=1e-9)
    assert_allclose(found.upper, float(point + z * deviation), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_mean_and_deviation_are_those_of_simulated_posteriors() -> None:
    n, product, event, total = 6, 40, 300, 20_000
    rng = np.random.default_rng(seed=20030912)
    n_draws = 400_000
    gamma = (total + 2) ** 2 / ((1 + product) * (1 + event))
    pair = rng.beta(1 + n, gamma + total - n - 1, n_draws)
    margins = [rng.beta(1 + m, 1 + total - m, n_draws) for m in (product, event)]
    draws = np.log2(pair / (margins[0] * margins[1]))

    found = bcpnn_normal(Table(n, product, event, total))

    deviation = (found.upper - found.lower) / 2 / 1.959964
    # Four standard errors; that of a deviation is at most 0.9 here, the draws having kurtosis 3.3.
    assert_allclose(found.point, draws.mean(), atol=4 * deviation / np.sqrt(n_draws))
    assert_allclose(deviation, draws.std(), atol=4 * 0.9 * deviation / np.sqrt(n_draws))


def test_bcpnn_is_as_far_from_the_exact_component_as_its_notes_say() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    table = Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)

    normal, exact = bcpnn_normal(table).lower, ic(table.n_pair, table.expected).lower

    apart = np.abs(normal - exact)
    assert (round(np.median(apart), 2), round(apart.max(), 2)) == (0.08, 1.43)
    assert (int((normal > 0).sum()), int((exact > 0).sum())) == (149, 257)
    assert (exact[normal > 0] > 0).all()


def test_without_a_report_there_is_no_component() -> None:
    found = bcpnn_normal(table_of(0, 0, 0, 0))

    assert found.state.item() == "empty"
    assert np.isnan([found.point, found.lower, found.upper]).all()


def test_without_data_on_the_pair_the_component_is_near_nothing() -> None:
    found = bcpnn_normal(table_of(0, 0, 0, 1))

    assert found.lower < 0 < found.upper


def test_a_smaller_tail_gives_a_wider_interval() -> None:
    narrow, wide = (bcpnn_normal(table_of(5, 25, 10, 10_000), tail=tail) for tail in (0.1, 0.0005))

    assert wide.lower < narrow.lower < narrow.point < narrow.upper < wide.upper
    assert narrow.point == wide.point


@pytest.mark.parametrize("tail", [0.0, 0.5, 1.0, -0.1, np.nan])
def test_bcpnn_refuses_a_tail_out_of_range(tail: float) -> None:
    with pytest.raises(ValueError, match=r"tail is .*: must lie between 0.0 and 0.5"):
        bcpnn_normal(table_of(1, 2, 3, 4), tail=tail)
