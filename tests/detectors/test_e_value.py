"""P-values as e-values: calibrators, and their mean over kappa."""

import math
from typing import Literal

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.e_value import p_to_e

Kappa = float | Literal["mixture"]


@pytest.mark.parametrize("kappa", [0.1, 0.5, 0.9])
def test_a_calibrated_p_is_the_power_of_the_paper(kappa: float) -> None:
    p = np.array([1e-300, 1e-5, 0.3, 1.0])

    found = p_to_e(p, kappa=kappa)

    exact = [float(kappa * mpmath.mpf(x) ** (kappa - 1)) for x in p]
    assert_allclose(found.e, exact, rtol=1e-13)  # the logarithm is up to 620
    assert_allclose(found.log_e, np.log(exact), rtol=1e-14)


@pytest.mark.parametrize(
    "depth", [1e-300, 1e-12, 9.9e-10, 1.01e-9, 1e-5, 0.3, 0.999, 1.001, 30.0, 690.0, 1e5, 1e300]
)
def test_the_mixture_matches_fifty_digits(depth: float) -> None:
    found = p_to_e(-depth, kappa="mixture", is_log=True)

    with mpmath.workdps(700):
        x = mpmath.mpf(depth)
        # beyond 1e5 the rest of the numerator is 0 to more than 40,000 digits
        numerator = mpmath.expm1(x) - x if depth < 1e5 else None
        exact = x - 2 * mpmath.log(x) if numerator is None else mpmath.log(numerator / x**2)
    # near p = 1/e**2.5 the logarithm is near 0, and the absolute error counts
    assert_allclose(found.log_e, float(exact), rtol=1e-14, atol=1e-15)


def test_the_mixture_is_the_mean_over_kappa() -> None:
    p = 0.003

    found = p_to_e(p, kappa="mixture")

    by_definition = mpmath.quad(lambda kappa: kappa * mpmath.mpf(p) ** (kappa - 1), [0, 1])
    assert found.e == pytest.approx(float(by_definition), rel=1e-13)  # quadrature, exp and log


@pytest.mark.parametrize("kappa", [0.2, 0.5, 0.8, "mixture"])
def test_a_uniform_p_gives_an_e_of_mean_one(kappa: Kappa) -> None:
    def e_of(log_p: mpmath.mpf) -> float:
        return float(p_to_e(float(log_p), kappa=kappa, is_log=True).log_e)

    # over depth, where the integrand falls off; the mixture falls as one over its square
    if kappa == "mixture":
        mean = mpmath.quad(lambda x: mpmath.exp(e_of(-x) - x), [0, 1, 10, 100, 1e4]) + 1e-4
    else:
        mean = mpmath.quad(lambda x: mpmath.exp(e_of(-x) - x), [0, 1, 10, 100, 400])

    assert mean == pytest.approx(1.0, abs=2e-8)  # quadrature to double precision, and the ends


@pytest.mark.parametrize("kappa", [0.5, "mixture"])
def test_the_ends_of_p_have_an_e(kappa: Kappa) -> None:
    found = p_to_e([0.0, 1.0, math.nan], kappa=kappa)

    assert found.e.tolist()[:2] == [math.inf, 0.5]
    assert found.log_e.tolist()[:2] == [math.inf, -math.log(2)]
    assert np.isnan(found.e[2])
    assert np.isnan(found.log_e[2])


@pytest.mark.parametrize("kappa", [0.5, "mixture"])
@given(depths=st.lists(st.floats(0.0, 1e6), min_size=2, max_size=2, unique=True))
def test_less_p_never_is_less_evidence(kappa: Kappa, depths: list[float]) -> None:
    weak, strong = sorted(depths)

    found = p_to_e([-weak, -strong], kappa=kappa, is_log=True)

    assert found.log_e[0] <= found.log_e[1] + 1e-15  # near p = 1 the slope is flat


@pytest.mark.parametrize(
    ("kappa", "message"),
    [
        (0.0, r"kappa is 0\.0: must lie between"),
        (1.0, r"kappa is 1\.0: must lie between"),
        ("average", r"kappa is 'average': must be a number or 'mixture'"),
    ],
)
def test_p_to_e_refuses_a_kappa_out_of_range(kappa: Kappa, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        p_to_e(0.1, kappa=kappa)


def test_p_to_e_refuses_what_is_no_p() -> None:
    with pytest.raises(ValueError, match=r"p\[0\] is 1\.5: must be at most 1"):
        p_to_e([1.5])
    with pytest.raises(ValueError, match=r"p\[1\] is -0\.1: must be at least 0"):
        p_to_e([0.1, -0.1])
    with pytest.raises(ValueError, match=r"p is 0\.1: must be at most 0"):
        p_to_e(0.1, is_log=True)
