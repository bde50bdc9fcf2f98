"""Rising factorials and their derivatives against forty digits."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.testing import assert_allclose

from detectors.disproportionality.ebgm.rising import SMALL, harmonic, log_rising, log_stirling

COUNTS = [0, 1, 2, 7, SMALL - 1, SMALL, SMALL + 1, 1_000, 10**7, 2**53]
SHAPES = [1e-4, 0.03, 1.0, 3.7, 63.9, 64.1, 1e4, 1e9]


@pytest.mark.parametrize("shape", SHAPES)
def test_log_rising_has_thirteen_digits(shape: float) -> None:
    found = log_rising(shape, np.array(COUNTS))

    with mpmath.workdps(60):
        a = mpmath.mpf(shape)
        exact = [
            float(mpmath.loggamma(a + n) - mpmath.loggamma(a) - mpmath.loggamma(n + 1))
            for n in COUNTS
        ]
    assert_allclose(found, exact, rtol=1e-13, atol=1e-14)  # rounding; an exact 0 has no relative


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_harmonic_is_the_derivative_of_log_rising(shape: float, order: int) -> None:
    found = harmonic(order, shape, np.array(COUNTS))

    with mpmath.workdps(60):
        a = mpmath.mpf(shape)
        exact = [float(mpmath.psi(order - 1, a + n) - mpmath.psi(order - 1, a)) for n in COUNTS]
    # Above SMALL two digammas are subtracted: at a shape of 1e9 seven of their digits cancel.
    assert_allclose(found, exact, rtol=1e-8 if shape > 1e6 else 1e-12)


def test_log_stirling_is_the_remainder_of_stirlings_formula() -> None:
    x = np.array([1e-3, 0.5, 1.0, 10.0, 63.99, 64.0, 100.0, 1e6])

    found = log_stirling(x)

    with mpmath.workdps(60):
        exact = [
            float(
                mpmath.loggamma(y) - (y - 0.5) * mpmath.log(y) + y - mpmath.log(2 * mpmath.pi) / 2
            )
            for y in map(mpmath.mpf, x.tolist())
        ]
    assert_allclose(found, exact, rtol=1e-12, atol=5e-14)  # terms up to 250 cancel below 64


def test_the_series_of_stirlings_remainder_has_fifteen_digits() -> None:
    x = np.array([64.0, 65.0, 80.0, 1e3, 1e8])

    found = log_stirling(x)

    with mpmath.workdps(60):
        half_log = mpmath.log(2 * mpmath.pi) / 2
        exact = [
            float(mpmath.loggamma(y) - (y - 0.5) * mpmath.log(y) + y - half_log)
            for y in map(mpmath.mpf, x.tolist())
        ]
    assert_allclose(found, exact, rtol=1e-15)  # rounding; from 64 on nothing cancels
