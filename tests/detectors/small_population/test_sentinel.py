"""Sentinel events against definitions, published limits and simulation."""

import itertools
import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from data import reference_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special, stats

from detectors.small_population import sentinel


def test_the_background_probability_matches_the_single_look_rule() -> None:
    for row in reference_rows("small_population/poisson_min_events_rule.csv"):
        found = sentinel.background(rate=row.T, person_time=1.0, events=row.min_events_single_look)

        assert_allclose(found.probability, row.exact_size, atol=1e-8)  # README of the reference


def test_one_acute_liver_failure_among_nine_hundred() -> None:
    found = sentinel.background(rate=5.5e-6, person_time=900.0)

    assert_allclose(found.probability, -math.expm1(-900 * 5.5e-6), rtol=1e-12)
    assert "5.5e-06" in found.assumption
    assert "known without error" in found.assumption
    ratio = found.detectable_rate_ratio
    assert_allclose(-math.expm1(-ratio * found.expected), 0.8, rtol=1e-12)


@pytest.mark.parametrize(("k", "mean"), [(1, 1e-4), (2, 0.3), (60, 1e-5), (400, 30.0), (3, 500.0)])
def test_the_tail_agrees_with_forty_digits(k: int, mean: float) -> None:
    found = sentinel.background(rate=mean, person_time=1.0, events=k)

    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.gammainc(k, 0, mpmath.mpf(mean), regularized=True)))
    assert_allclose(found.log_probability, exact, rtol=1e-12, atol=1e-14)
    assert_allclose(found.probability, math.exp(exact), rtol=1e-11, atol=1e-300)


def test_an_uncertain_rate_comes_down_to_the_known_one_with_much_history() -> None:
    known = sentinel.background(rate=0.02, person_time=3.0, events=2)
    long = sentinel.uncertain_background(
        historical_events=200_000, historical_person_time=1e7, person_time=3.0, events=2
    )
    short = sentinel.uncertain_background(
        historical_events=1, historical_person_time=50.0, person_time=3.0, events=2
    )

    assert_allclose(long.probability, known.probability, rtol=1e-4)  # one over the events
    assert short.probability > 1.5 * known.probability
    assert "known only from 1 events" in short.assumption


@pytest.mark.slow
def test_simulated_backgrounds_agree() -> None:
    rng = np.random.default_rng(3)
    n = 400_000
    rate = rng.gamma(0.5, 1 / 10.0, n)
    seen = (rng.poisson(rate * 0.5) >= 1).mean()

    found = sentinel.uncertain_background(
        historical_events=0, historical_person_time=10.0, person_time=0.5
    ).probability

    assert_allclose(seen, found, atol=3 * math.sqrt(found / n))  # 3 standard errors


@pytest.mark.campaign
@pytest.mark.slow
@given(
    mean=st.floats(1e-6, 20.0),
    h=st.integers(0, 50),
    exposure=st.floats(0.05, 500.0),
    alpha=st.floats(1e-6, 0.5),
)
@settings(max_examples=1_000, deadline=None)
def test_the_least_count_of_a_random_rule_holds_alpha_and_one_fewer_would_not(
    mean: float, h: int, exposure: float, alpha: float
) -> None:
    def known(k: int) -> float:
        return sentinel.background(rate=mean / 2, person_time=2.0, events=k).probability

    def observed(k: int) -> float:
        return sentinel.uncertain_background(
            historical_events=h, historical_person_time=exposure, person_time=2.0, events=k
        ).probability

    laws: list[tuple[Any, Any, tuple[float, ...]]] = [
        (known, stats.poisson, (mean,)),
        (observed, stats.nbinom, (h + 0.5, exposure / (exposure + 2.0))),
    ]
    for rule, law, parameters in laws:
        least = int(law.isf(alpha, *parameters)) + 1  # P(N > isf) is at most alpha

        assert_allclose(rule(least), law.sf(least - 1, *parameters), rtol=1e-9)  # SciPy's digits
        assert rule(least) <= alpha * (1 + 1e-9)
        if least > 1:
            assert rule(least - 1) > alpha * (1 - 1e-9)


def test_a_family_adds_up_and_independence_lies_below() -> None:
    kinds = [sentinel.background(rate=r, person_time=100.0) for r in (1e-4, 1e-3, 2e-3)]

    found = sentinel.family(kinds)

    assert_allclose(found.bound, sum(each.probability for each in kinds), rtol=1e-14)
    assert_allclose(found.if_independent, -math.expm1(-0.31), rtol=1e-12)  # Poisson sum
    assert found.if_independent < found.bound
    sure = sentinel.background(rate=1e3, person_time=1.0)
    assert sentinel.family([sure, sure]).bound == 1.0
    assert sentinel.family([sure]).if_independent == 1.0


@pytest.mark.parametrize(("h", "limit"), [(0, 2.996), (1, 4.744), (2, 6.296), (10, 16.962)])
def test_the_upper_rate_is_that_of_the_tables(h: int, limit: float) -> None:
    found = sentinel.upper_rate(historical_events=h, historical_person_time=2.0)

    assert_allclose(found * 2.0, limit, atol=5e-4)  # three digits are printed
    assert_allclose(special.pdtr(h, found * 2.0), 0.05, rtol=1e-10)


def test_the_regimes_of_a_few_patients_give_numbers() -> None:
    for mean, k, h in itertools.product((0.0, 1e-4, 0.05, 5.0, 500.0), (1, 2, 30), (0, 5, 50)):
        known = sentinel.background(rate=mean, person_time=1.0, events=k)
        found = sentinel.uncertain_background(
            historical_events=h, historical_person_time=20.0, person_time=mean or 1.0, events=k
        )

        for each in (known, found):
            assert 0.0 <= each.probability <= 1.0
            assert not math.isnan(each.log_probability)
            assert each.detectable_rate_ratio > 0.0
            assert each.assumption.endswith(".")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sentinel.background(rate=-1.0, person_time=1.0), "rate is -1.0"),
        (lambda: sentinel.background(rate=math.nan, person_time=1.0), "rate is nan"),
        (lambda: sentinel.background(rate=1.0, person_time=0.0), "person_time is 0.0"),
        (lambda: sentinel.background(rate=1.0, person_time=1.0, events=0), "events is 0"),
        (lambda: sentinel.family([]), "sentinels is empty"),
        (
            lambda: sentinel.upper_rate(historical_events=0, historical_person_time=1.0, level=1.0),
            "level is 1.0",
        ),
        (
            lambda: sentinel.uncertain_background(
                historical_events=0, historical_person_time=0.0, person_time=1.0
            ),
            "historical_person_time is 0.0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    assert callable(make)

    with pytest.raises(ValueError, match=message):
        make()
