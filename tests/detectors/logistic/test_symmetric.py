"""Systems of equations that are solved without LAPACK."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.logistic.symmetric import factor, solve


@given(st.integers(1, 12), st.integers(0, 10**6))
@settings(max_examples=60)
def test_a_solution_solves_the_system(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix = root @ root.T + np.eye(size)
    right = rng.normal(size=(size, 3))

    found = solve(matrix, right)

    assert found is not None
    assert_allclose(matrix @ found, right, atol=1e-9)  # conditions up to 1e3, many digits to spare
    one = solve(matrix, right[:, 0])
    assert one is not None
    assert one.tolist() == found[:, 0].tolist()


def test_the_determinant_is_the_product_of_the_diagonal() -> None:
    found = factor(np.array([[4.0, 2.0], [2.0, 3.0]]))

    assert found is not None
    assert found[1].tolist() == [4.0, 2.0]
    assert found[0].tolist() == [[1.0, 0.0], [0.5, 1.0]]


@pytest.mark.parametrize("matrix", [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]], [[0.0]]])
def test_a_matrix_that_is_not_positive_definite_is_not_solved(matrix: list[list[float]]) -> None:
    assert solve(np.array(matrix), np.ones(len(matrix))) is None
