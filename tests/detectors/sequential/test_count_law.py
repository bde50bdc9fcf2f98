"""Laws of counts against SciPy's, and their log-likelihood ratios against the definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from detectors.sequential.count_law import CountLaw, counted, masses, total, weights

LAWS = [
    (CountLaw(1e-6), stats.poisson(1e-6)),
    (CountLaw(0.3), stats.poisson(0.3)),
    (CountLaw(17.5), stats.poisson(17.5)),
    (CountLaw(800.0), stats.poisson(800.0)),
    (CountLaw(0.01, dispersion=0.3), stats.nbinom(0.3, 0.3 / 0.31)),
    (CountLaw(12.0, dispersion=0.3), stats.nbinom(0.3, 0.3 / 12.3)),
    (CountLaw(12.0, dispersion=40.0), stats.nbinom(40.0, 40.0 / 52.0)),
    (CountLaw(0.2, trials=1), stats.binom(1, 0.2)),
    (CountLaw(9.0, trials=10), stats.binom(10, 0.9)),
    (CountLaw(30.0, trials=1_000), stats.binom(1_000, 0.03)),
]


@pytest.mark.parametrize(("law", "known"), LAWS)
def test_chances_and_tails_are_those_of_the_known_law(
    law: CountLaw, known: stats.rv_discrete
) -> None:
    found = masses(law)
    k = np.arange(len(found.at))

    # SciPy's own masses hold 12 digits at these sizes; what is left out is below 1e-28.
    assert_allclose(found.at, known.pmf(k), rtol=1e-11, atol=1e-28)
    assert_allclose(found.tail[:-1], known.sf(k - 1), rtol=1e-11, atol=1e-28)
    assert_allclose(found.below, known.cdf(k), rtol=1e-11, atol=1e-28)


@given(
    mean=st.floats(1e-4, 5.0),
    ratio=st.floats(0.01, 100.0).filter(lambda r: abs(math.log(r)) > 0.1),
    size=st.floats(0.3, 100.0),
    count=st.integers(0, 20),
)
def test_a_line_is_the_logarithm_of_a_ratio_of_chances(
    mean: float, ratio: float, size: float, count: int
) -> None:
    trials = 30
    p, odds = mean / trials, ratio * (mean / trials) / (1 - mean / trials)
    pairs = [
        (CountLaw(mean), stats.poisson(ratio * mean), stats.poisson(mean)),
        (
            CountLaw(mean, dispersion=size),
            stats.nbinom(size, size / (size + ratio * mean)),
            stats.nbinom(size, size / (size + mean)),
        ),
        (
            CountLaw(mean, trials=trials),
            stats.binom(trials, odds / (1 + odds)),
            stats.binom(trials, p),
        ),
    ]

    for law, changed, null in pairs:
        per_event, per_look = weights(law, ratio)
        expected = changed.logpmf(count) - null.logpmf(count)
        # Differences of logarithms that reach 1e3 keep 10 digits.
        assert_allclose(per_event * count - per_look, expected, rtol=1e-8, atol=1e-8)
        assert (per_event > 0) == (per_look > 0) == (ratio > 1)
        # SciPy's mean of the negative binomial comes from one minus its chance.
        assert_allclose(law.changed(ratio).mean, changed.mean(), rtol=1e-8)


def test_looks_added_up_stay_in_the_family() -> None:
    for law in (CountLaw(0.4), CountLaw(0.4, dispersion=0.7), CountLaw(0.4, trials=2)):
        one = masses(law).at
        twice = [
            total(one[: k + 1] * one[: k + 1][::-1]) if k < len(one) else 0.0 for k in range(3)
        ]

        assert_allclose(masses(law.over(2)).at[:3], twice, rtol=1e-13)  # rounding


def test_the_negative_binomial_of_great_size_is_poisson() -> None:
    near, exact = masses(CountLaw(3.0, dispersion=1e12)), masses(CountLaw(3.0))

    assert_allclose(near.at[:20], exact.at[:20], rtol=1e-9)  # the size is 1e12
    assert_allclose(
        weights(CountLaw(3.0, dispersion=1e12), 2.0), weights(CountLaw(3.0), 2.0), rtol=1e-10
    )


@pytest.mark.parametrize(
    ("mean", "dispersion", "trials", "name"),
    [
        (0.0, math.inf, 0, "mean"),
        (-1.0, math.inf, 0, "mean"),
        (math.nan, math.inf, 0, "mean"),
        (math.inf, math.inf, 0, "mean"),
        (1.0, 0.0, 0, "dispersion"),
        (1.0, math.nan, 0, "dispersion"),
        (1.0, math.inf, -1, "trials"),
        (0.1, math.inf, 1.5, "trials"),
        (1.0, math.inf, 1, "mean"),
        (1.0, 2.0, 5, "dispersion"),
    ],
)
def test_a_law_out_of_range_is_refused(
    mean: float, dispersion: float, trials: int, name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} is"):
        CountLaw(mean, dispersion=dispersion, trials=trials)


def test_a_law_of_too_many_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="mean is 10001"):
        masses(CountLaw(10_001.0))
    with pytest.raises(ValueError, match="counts are likely"):
        masses(CountLaw(9_999.0, dispersion=0.01))
    with pytest.raises(ValueError, match="rate_ratio is 0"):
        CountLaw(1.0).changed(0.0)


def test_parts_of_a_mean_add_up_to_it_from_either_end() -> None:
    law = CountLaw(3.0, dispersion=2.0)

    found = counted(masses(law))

    assert_allclose([found.below[-1], found.tail[0]], law.mean, rtol=1e-13)
    # Negative binomial: of k or more, times k, is the mean times the tail of size r + 1 at k - 1.
    shifted = masses(CountLaw(4.5, dispersion=3.0))
    assert_allclose(found.tail[1:40], law.mean * shifted.tail[:39], rtol=1e-11)
    assert_allclose(found.below[1:40], law.mean * shifted.below[:39], rtol=1e-11)
