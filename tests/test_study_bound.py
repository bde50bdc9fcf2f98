"""The least patient-time in which any test can find a lost effect."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy import stats

from bench.study.bound import KEPT, Setting, least_patient_years, most_found


def most_powerful(kept: Any, lost: Any, alpha: float) -> float:  # noqa: ANN401 - laws of SciPy
    """Return the power of the most powerful test of one count, ties decided by chance."""
    limit = int(kept.isf(alpha))
    share = (alpha - kept.sf(limit)) / kept.pmf(limit)
    return float(lost.sf(limit) + share * lost.pmf(limit))


@pytest.mark.parametrize("years", [1.0, 2.0, 4.0])
def test_of_patients_alike_it_is_the_exact_test_of_a_poisson_count(years: float) -> None:
    of = Setting(shape=math.inf)
    exact = most_powerful(
        stats.poisson(of.rate * KEPT * years), stats.poisson(of.rate * years), of.alpha
    )
    assert most_found(of, years, n=100_000) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("years", [2.0, 6.0])
def test_of_one_patient_without_a_past_it_is_that_of_a_negative_binomial_count(
    years: float,
) -> None:
    of = Setting(n_patients=1, years_before=0.0)
    kept, lost = (
        stats.nbinom(of.shape, of.shape / (of.shape + of.rate * ratio * years))
        for ratio in (KEPT, 1.0)
    )
    exact = most_powerful(kept, lost, of.alpha)
    assert most_found(of, years, n=100_000) == pytest.approx(exact, abs=0.01)


def test_half_is_found_at_the_least_time_and_not_before() -> None:
    of = Setting(shape=math.inf)
    least = least_patient_years(of)
    assert most_found(of, least) >= 0.5 > most_found(of, least - 0.1)


def test_a_loss_that_no_test_finds_has_no_time() -> None:
    assert least_patient_years(Setting(rate=1e-4)) == math.inf
