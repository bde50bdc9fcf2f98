"""Pooled odds ratios against published numbers, their definition, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from detectors.counts import Table
from detectors.disproportionality.ror import ror
from detectors.subgroup import strata

# Admitted and rejected men, admitted and rejected women, department by department, 1973.
BERKELEY = np.array(
    [
        [512, 313, 89, 19],
        [353, 207, 17, 8],
        [120, 205, 202, 391],
        [138, 279, 131, 244],
        [53, 138, 94, 299],
        [22, 351, 24, 317],
    ]
)
R_MANTELHAEN_TEST = (0.9046968, 0.7719074, 1.0603298)  # R, mantelhaen.test(UCBAdmissions)


def table_of(cells: NDArray[np.int64]) -> Table:
    a, b, c, d = np.moveaxis(np.asarray(cells), -1, 0)
    return Table(a, a + b, a + c, a + b + c + d)


cell = st.integers(0, 30)
tables = st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=6)


def test_the_odds_ratio_of_berkeley_is_that_of_r() -> None:
    pooled = strata(table_of(BERKELEY)).pooled

    found = (float(pooled.point), float(pooled.lower), float(pooled.upper))
    assert_allclose(found, R_MANTELHAEN_TEST, atol=5e-8)  # seven digits are printed


@given(tables)
def test_the_estimate_is_its_definition(cells: list[tuple[int, ...]]) -> None:
    found = strata(table_of(np.array(cells))).pooled

    full = [each for each in cells if sum(each) > 0]
    r = [a * d / (a + b + c + d) for a, b, c, d in full]
    s = [b * c / (a + b + c + d) for a, b, c, d in full]
    p = [(a + d) / (a + b + c + d) for a, b, c, d in full]
    if sum(r) > 0 and sum(s) > 0:
        point = sum(r) / sum(s)
        variance = 0.0
        for pi, ri, si in zip(p, r, s, strict=True):
            qi = 1 - pi
            variance += pi * ri / (2 * sum(r) ** 2) + qi * si / (2 * sum(s) ** 2)
            variance += (pi * si + qi * ri) / (2 * sum(r) * sum(s))
        half = 1.959963984540054 * np.sqrt(variance)
        assert_allclose(found.point, point, rtol=1e-12)  # sums in another order
        assert_allclose(np.log(found.upper / found.point), half, rtol=1e-9)  # a difference
        assert_allclose(np.log(found.point / found.lower), half, rtol=1e-9)  # as above
    else:
        assert found.state != "defined"
        assert np.isnan(found.point)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_strata_changes_no_bit(
    cells: list[tuple[int, ...]], random: "np.random.Generator"
) -> None:
    shuffled = list(cells)
    random.shuffle(shuffled)

    one, other = (strata(table_of(np.array(each))).pooled for each in (cells, shuffled))

    assert one.state == other.state
    assert np.asarray(one.upper).tobytes() == np.asarray(other.upper).tobytes()


@given(cell, cell, cell, cell)
def test_one_stratum_has_its_own_odds_ratio(a: int, b: int, c: int, d: int) -> None:
    table = table_of(np.array([[a, b, c, d]]))

    found, crude = strata(table), ror(table)

    assert found.each.point.tobytes() == crude.point.tobytes()
    if crude.state[0] == "defined":
        assert_allclose(found.pooled.point, crude.point[0], rtol=1e-14)  # rounding
        assert_allclose(found.pooled.lower, crude.lower[0], rtol=1e-12)  # Woolf's, for one


def test_an_element_has_the_same_bits_alone_and_anywhere() -> None:
    rng = np.random.default_rng(3)
    cells = rng.integers(0, 50, size=(5, 101, 4))
    whole = strata(table_of(cells)).pooled

    for pair in (0, 17, 100):
        alone = strata(table_of(cells[:, pair])).pooled
        assert np.asarray(alone.upper).tobytes() == whole.upper[pair].tobytes()
    backwards = strata(table_of(cells[:, ::-1])).pooled
    assert backwards.upper[::-1].tobytes() == whole.upper.tobytes()


def test_a_list_of_tables_is_the_same_as_one_table() -> None:
    together = strata(table_of(BERKELEY[:, np.newaxis]))
    listed = strata([table_of(BERKELEY[k : k + 1]) for k in range(6)])

    assert together.pooled.upper.tobytes() == listed.pooled.upper.tobytes()
    assert listed.each.point.shape == (6, 1)
    assert listed.n_informative.tolist() == [6]


def test_a_stratum_with_an_empty_margin_adds_nothing() -> None:
    more = np.vstack([BERKELEY, [[0, 0, 5, 9], [0, 7, 0, 9], [0, 0, 0, 0], [3, 0, 8, 0]]])

    one, other = strata(table_of(BERKELEY)), strata(table_of(more))

    assert one.pooled.point == other.pooled.point
    assert_allclose(other.pooled.upper, one.pooled.upper, rtol=1e-14)  # zeros are added
    assert other.n_informative == 6


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([[0, 0, 0, 0], [0, 0, 0, 0]], "empty"),
        ([[0, 3, 4, 5], [0, 1, 2, 3]], "no_report"),
        ([[2, 3, 0, 0], [3, 0, 2, 0]], "no_informative_stratum"),  # 0 / 0, as in the next
        ([[2, 3, 4, 0], [0, 1, 2, 3]], "zero_odds_ratio"),
        ([[2, 3, 0, 5], [3, 0, 2, 3]], "infinite_odds_ratio"),
        ([[2, 0, 4, 0], [0, 3, 0, 3]], "no_informative_stratum"),
    ],
)
def test_each_reason_has_its_state(cells: list[list[int]], state: str) -> None:
    found = strata(table_of(np.array(cells))).pooled

    assert found.state == state
    assert np.isnan([found.point, found.lower, found.upper]).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="tables differ in shape"):
        strata([Table([1], [2], [2], [4]), Table([1, 1], [2], [2], [4])])
    with pytest.raises(ValueError, match="must have a stratum"):
        strata(Table(1, 2, 2, 4))
    with pytest.raises(ValueError, match="must have a stratum"):
        strata([])
    with pytest.raises(ValueError, match="must have a stratum"):
        strata(table_of(np.zeros((0, 3, 4), dtype=np.int64)))
    with pytest.raises(ValueError, match="confidence_level is 1"):
        strata(table_of(BERKELEY), confidence_level=1.0)


def test_strata_of_no_pairs_have_no_odds_ratio() -> None:
    assert strata(table_of(np.zeros((2, 0, 4), dtype=np.int64))).pooled.point.shape == (0,)


def test_huge_counts_give_finite_numbers() -> None:
    found = strata(table_of(np.full((3, 1, 4), 2**50))).pooled

    assert found.point == 1.0
    assert 1 < float(found.upper[0]) < 1.0000001


def test_pooling_undoes_what_a_stratum_confounds() -> None:
    rng = np.random.default_rng(1986)
    n_exposed, n_others = np.array([[200], [50], [400]]), np.array([[100], [900], [80]])
    background = np.array([[0.3], [0.02], [0.1]])
    odds = background / (1 - background) * 2.0
    a = rng.binomial(n_exposed, odds / (1 + odds), size=(3, 4_000))
    c = rng.binomial(n_others, background, size=(3, 4_000))
    table = table_of(np.stack([a, n_exposed - a, c, n_others - c], axis=-1))

    found = strata(table).pooled

    is_covered = (found.lower < 2.0) & (found.upper > 2.0)
    assert abs(is_covered.mean() - 0.95) < 3 * 0.0035 + 0.005  # three standard errors; few events
