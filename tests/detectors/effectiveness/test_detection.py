"""How long it takes to see a loss: the documented case, its definition, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.effectiveness.detection import TimeToDetect, time_to_detect
from detectors.effectiveness.response import Design, operating_characteristics

NATURAL_RATE = 3.6 / 1.5  # hyperammonaemic events per patient-year


def lost(dispersion: float = math.inf, n_patients: int = 5) -> TimeToDetect:
    return time_to_detect(
        n_patients=n_patients, natural_rate=NATURAL_RATE, effect=0.8, dispersion=dispersion
    )


def test_a_lost_effect_in_five_patients_is_seen_in_half_a_year_on_average() -> None:
    found = lost()

    assert_allclose(found.expected, 2.389, atol=5e-4)  # digits written; the design says about 2.3
    assert_allclose(found.expected_given_signal, 2.076, atol=5e-4)  # digits written
    assert_allclose(found.horizon, 5.209, atol=5e-4)  # digits written: to plan for, power 0.9
    assert found.expected / 5 < 0.5  # years of calendar time, five patients at once


def test_patients_who_differ_take_longer_and_may_never_tell() -> None:
    results = [lost(k) for k in (math.inf, 10.0, 3.0, 2.0)]

    assert all(np.diff([found.horizon for found in results]) > 0)
    assert all(np.diff([found.expected for found in results]) > 0)
    assert all(np.diff([found.limiting_power for found in results]) < 0)
    assert lost(0.5).state == "not_reached"
    assert math.isnan(lost(0.5).horizon)
    assert lost(0.5).limiting_power < 0.9
    assert lost(1.0).state == "beyond_exact"
    assert lost(1.0, n_patients=30).state == "defined"


@pytest.mark.campaign
@given(
    n_patients=st.integers(1, 30),
    dispersion=st.one_of(st.just(math.inf), st.floats(1.0, 100.0)),
    effect=st.floats(0.5, 0.95),
    alpha=st.sampled_from([0.01, 0.05]),
)
@settings(max_examples=15, deadline=None)
def test_the_horizon_is_the_one_at_which_the_watch_has_the_power(
    n_patients: int, dispersion: float, effect: float, alpha: float
) -> None:
    found = time_to_detect(
        n_patients=n_patients, natural_rate=2.0, effect=effect, dispersion=dispersion, alpha=alpha
    )

    if found.state != "defined":
        assert found.limiting_power < 0.9 or not math.isinf(dispersion)
        return
    assert found.attained_size <= alpha
    design = Design(
        found.horizon * 2.0 * (1 - effect), alpha=alpha, dispersion=dispersion * n_patients
    )
    watch = operating_characteristics(design, 1 / (1 - effect))
    if design.limit.decided_by == "llr":
        assert_allclose(found.critical_value, design.limit.critical_value, atol=1e-7)  # two roots
    assert_allclose(watch.power, 0.9, atol=1e-7)  # two roots
    assert_allclose(watch.expected_length, found.expected * 2.0 * (1 - effect), rtol=1e-7)  # same
    assert_allclose(
        watch.expected_time_to_signal, found.expected_given_signal * 2.0 * (1 - effect), rtol=1e-7
    )


def test_an_effect_that_is_all_but_complete_is_lost_with_one_event() -> None:
    found = time_to_detect(n_patients=1, natural_rate=2.4, effect=0.999)

    assert found.critical_value == 0.0
    assert_allclose(found.horizon, math.log(10) / 2.4, rtol=1e-9)  # no event with chance 0.1
    assert_allclose(found.attained_size, -math.expm1(-0.001 * math.log(10)), rtol=1e-9)
    assert_allclose(found.expected, 0.9 / 2.4, rtol=1e-9)  # of an exponential law, cut


def test_a_partial_loss_takes_longer() -> None:
    whole, part = (
        time_to_detect(n_patients=5, natural_rate=2.4, effect=0.8, remaining_effect=share)
        for share in (0.0, 0.4)
    )

    assert part.expected > 2 * whole.expected


def test_no_test_has_more_power_than_the_limit() -> None:
    found = lost(2.0)
    rng = np.random.default_rng(3)
    rates = rng.gamma(10.0, 1 / 10.0, 200_000)  # five patients of shape 2

    threshold = np.quantile(rates, 0.99)

    share = (5.0 * rates > threshold).mean()
    assert abs(share - found.limiting_power) < 0.003  # three standard errors, of the quantile too


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_patients": 0}, "n_patients is 0"),
        ({"n_patients": 1.5}, "n_patients is 1.5"),
        ({"natural_rate": 0.0}, "natural_rate is 0.0"),
        ({"effect": 1.0}, "effect is 1.0"),
        ({"effect": 0.0}, "effect is 0.0"),
        ({"remaining_effect": 0.8}, "remaining_effect is 0.8"),
        ({"remaining_effect": -0.1}, "remaining_effect is -0.1"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"power": 0.01}, "power is 0.01"),
        ({"power": 1.0}, "power is 1.0"),
        ({"dispersion": 0.0}, "dispersion is 0.0"),
        ({"natural_rate": math.nan}, "natural_rate is nan"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        time_to_detect(**{"n_patients": 5, "natural_rate": 2.4, "effect": 0.8, **arguments})  # type: ignore[arg-type]
