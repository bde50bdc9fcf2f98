"""EB05 and EB95 miss 5 % of true ratios each, in every group of pairs that the data define."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.stats import nbinom

from bench.ebgm_coverage import GROUPS, NOMINAL, Missed, Pairs, coverage, drawn, faers, vaers
from detectors.disproportionality.ebgm import Prior, fit, score

if TYPE_CHECKING:
    from collections.abc import Callable

OF_FAERS = Prior(0.7084, 0.8382, 0.0001, 0.01739, 0.0102)  # the fit to a quarter of FAERS
OF_VAERS = Prior(1.6, 1.685, 0.04904, 0.05919, 0.7702)  # and to eleven years of VAERS
BY_OPENEBGM = [  # what its likelihood gives on the same two
    Prior(0.7671, 0.8889, 0.0001, 0.01852, 0.8676),
    Prior(1.706, 1.775, 0.0001, 0.06826, 0.9031),
]
CLOSE = 4.0  # standard errors


def expectations(n_pairs: int, seed: int) -> NDArray[np.float64]:
    """Spread over as many orders of magnitude as those of the pairs of a database."""
    return np.exp(np.random.default_rng(seed).normal(-1.0, 2.5, n_pairs))


def far(found: dict[str, Missed]) -> dict[str, Missed]:
    """Return the groups that miss another share than 5 %, by more than chance does."""
    return {
        name: one
        for name, one in found.items()
        for missed in (one.below, one.above)
        if one.n and abs(missed / one.n - NOMINAL) > CLOSE * one.error
    }


@pytest.mark.parametrize("prior", [OF_FAERS, OF_VAERS], ids=["faers", "vaers"])
def test_limits_under_a_prior_fitted_to_the_same_data_miss_as_often_as_they_promise(
    prior: Prior,
) -> None:
    found = coverage(prior, expectations(8_000, 5), n_repeats=5)

    assert far(found) == {}
    assert all(found[name].n > 100 for name in GROUPS)


@pytest.mark.parametrize("prior", BY_OPENEBGM, ids=["faers", "vaers"])
def test_the_way_of_openebgm_misses_more_often_on_data_drawn_by_its_own_law(prior: Prior) -> None:
    found = coverage(prior, expectations(8_000, 5), n_repeats=2, likelihood="openebgm")

    high = found["EB05 >= 2"]
    assert high.above / high.n > NOMINAL + CLOSE * high.error


@pytest.mark.slow
@pytest.mark.parametrize("database", [pytest.param(faers, marks=pytest.mark.campaign), vaers])
def test_limits_miss_as_often_as_they_promise_on_the_pairs_of_a_database(
    database: Callable[[], Pairs],
) -> None:
    pairs = database()
    prior = fit(*pairs)

    found = coverage(prior, pairs.expected, n_repeats=10, seed=3)

    assert far(found) == {}
    assert found["EB05 >= 2"].n > 4_000


def test_six_cases_against_a_fifth_of_one_are_far_above_two_at_a_prior_of_faers() -> None:
    limits = score(6, 0.178, OF_FAERS).quantiles

    assert 9 < limits[0] < 13  # 3.0 at the prior that openEBGM's likelihood gives


@pytest.mark.parametrize("prior", [OF_FAERS, Prior(2.0, 0.5, 3.0, 4.0, 0.2)])
def test_what_is_drawn_has_the_law_of_the_truncated_mixture(prior: Prior) -> None:
    expected = np.full(200_000, 0.7)

    n, ratio = drawn(prior, expected, np.random.default_rng(2))

    counts = range(1, 6)
    chances = [_probability(prior, k, 0.7) / (1 - _probability(prior, 0, 0.7)) for k in counts]
    shares = [(n == k).mean() for k in counts]
    errors = np.sqrt(np.array(chances) / expected.size)
    assert_allclose(shares, chances, atol=float(CLOSE * errors.max()))
    for k in (1, 2):
        given = ratio[n == k]
        median = score(k, 0.7, prior, quantiles=(0.5,)).quantiles[0]
        assert abs((given < median).mean() - 0.5) < CLOSE * 0.5 / np.sqrt(given.size)


def _probability(prior: Prior, n: int, expected: float) -> float:
    gammas = ((prior.p, prior.alpha1, prior.beta1), (1 - prior.p, prior.alpha2, prior.beta2))
    return float(sum(p * nbinom.pmf(n, a, b / (b + expected)) for p, a, b in gammas))
