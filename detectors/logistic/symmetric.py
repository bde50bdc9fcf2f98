"""Solutions of symmetric positive definite systems, with the same bits on every processor.

LAPACK is faster, but its last bits change with the processor and the library's version. Here every
step is a product, a quotient or a difference of two numbers, which are correctly rounded.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_PIVOT = 1e-11  # of the diagonal element: below it the column depends on those before


def factor(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Split a symmetric matrix into a unit triangle and a diagonal.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, n)
        A symmetric matrix.

    Returns
    -------
    tuple of ndarray, shapes (n, n) and (n,), or None
        *L* and *D* with ``L @ diag(D) @ L.T`` the matrix; None if it is not positive definite.
    """
    rest = matrix.copy()
    lower = np.eye(len(matrix))
    diagonal = np.zeros(len(matrix))
    for j in range(len(matrix)):
        diagonal[j] = rest[j, j]
        if not diagonal[j] > LEAST_PIVOT * abs(matrix[j, j]):
            return None
        lower[j + 1 :, j] = rest[j + 1 :, j] / diagonal[j]
        rest[j + 1 :, j + 1 :] -= lower[j + 1 :, j, None] * rest[None, j, j + 1 :]
    return lower, diagonal


def solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Solve a system of equations.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, n)
        A symmetric matrix.
    right : ndarray of float64, shape (n,) or (n, n_right)
        Right-hand sides.

    Returns
    -------
    ndarray of float64, of the shape of `right`, or None
        The solution; None if the matrix is not positive definite.
    """
    found = factor(matrix)
    if found is None:
        return None
    lower, diagonal = found
    x = right.astype(np.float64)  # a copy
    column = (slice(None),) + (None,) * (right.ndim - 1)
    for j in range(len(x)):
        x[j + 1 :] -= lower[j + 1 :, j][column] * x[j]
    x /= diagonal[column]
    for j in range(len(x) - 1, -1, -1):
        x[:j] -= lower[j, :j][column] * x[j]
    return x
