"""The grid of expectations, at its edges."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from detectors.disproportionality.ebgm import grid
from detectors.disproportionality.ebgm.grid import SIZE

HALFWAY = 2.0 ** (1 / 32)  # half of a step


@pytest.mark.parametrize(
    ("n", "power", "cell"),
    [
        (1, 0.0, 640),  # an expectation of 1 is in the middle
        (0, 3.0, 688),
        (16, 0.0, 640),
        (17, 0.0, -1),  # too large a count
        (1, -40.0, -1),  # there is no point before
        (1, -40.0 + 1 / 16, 1),
        (1, -40.0 + 2 / 16, 2),
        (1, 40.0 - 4 / 16, 1_276),
        (1, 40.0 - 3 / 16, 1_277),
        (1, 40.0 - 2 / 16, -1),  # there are no two points beyond
        (1, 50.0, -1),
        (1, -50.0, -1),
    ],
)
def test_a_pair_is_placed_where_four_points_of_a_sixteenth_of_an_octave_enclose_it(
    n: int, power: float, cell: int
) -> None:
    found, beyond = grid.places_of(np.array([n]), np.array([2.0**power * HALFWAY]))

    assert found.tolist() == [cell]
    assert_allclose(beyond, 0.5, atol=1e-11)


def test_nothing_expected_is_outside() -> None:
    cell, _ = grid.places_of(np.array([1]), np.array([0.0]))

    assert cell.tolist() == [-1]


@pytest.mark.parametrize(
    ("counts", "n_rows"), [([], 1), ([20, 30], 1), ([3], 1), ([1, 2, 16, 17], 3)]
)
def test_the_table_has_a_row_for_each_count_that_is_served_and_at_least_one(
    counts: list[int], n_rows: int
) -> None:
    table = grid.empty(np.array(counts, dtype=np.int64))

    assert table.shape == (n_rows, SIZE)
    assert not table.any()


def test_a_cubic_is_drawn_as_it_is_and_outside_there_is_none() -> None:
    at = np.arange(SIZE, dtype=np.float64) - 640.0
    table = np.stack([1.0 + 2.0 * at - 3.0 * at**2 + 0.5 * at**3, -at])
    which, cell = np.array([0, 1, 0, 1]), np.array([643, 643, -1, -1])

    found = grid.interpolated(table, which, cell, np.array([0.25, 0.25, 0.25, 0.25]))

    x = 3.25
    exact = [1.0 + 2.0 * x - 3.0 * x**2 + 0.5 * x**3, -x]
    assert_allclose(found, [*exact, np.nan, np.nan], rtol=1e-14)
