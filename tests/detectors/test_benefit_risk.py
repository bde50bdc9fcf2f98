"""Benefit and risk together: closed forms, draws from the posterior, and bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import beta, gamma

from detectors.benefit_risk import (
    Beta,
    Gamma,
    Harm,
    PreventedEvents,
    Prior,
    Responders,
    joint,
    sensitivity,
)

HARM = Harm(events=1, patient_years=12.0, acceptable_rate=0.25)
RESPONDERS = Responders(n_responding=4, n_patients=5, required_share=0.5)
PREVENTED = PreventedEvents(events=6, patient_years=12.0, natural_rate=2.4, required_effect=0.5)
FLAT = Prior(Gamma(0.5, 1e-9), Beta(1.0, 1.0))


def test_the_chances_are_those_of_the_conjugate_laws() -> None:
    prior = Prior(Gamma(0.5, 2.0), Beta(0.5, 1.5))

    found = joint(HARM, RESPONDERS, prior=prior)

    safe = gamma.cdf(0.25, 1.5, scale=1 / 14.0)
    kept = beta.sf(0.5, 4.5, 2.5)
    assert_allclose(found.p_harm_acceptable, safe, rtol=1e-12)
    assert_allclose(found.p_benefit_kept, kept, rtol=1e-12)
    assert_allclose(found.p_both, safe * kept, rtol=1e-12)
    assert_allclose([found.harm_rate, found.benefit], [1.5 / 14, 4.5 / 7], rtol=1e-12)


def test_prevented_events_are_judged_against_the_natural_rate() -> None:
    prior = Prior(Gamma(0.5, 2.0), Gamma(1.0, 1.0))
    rng = np.random.default_rng(1)
    effect = 1 - rng.gamma(7.0, 1 / 13.0, 100_000) / 2.4

    found = joint(HARM, PREVENTED, prior=prior)

    share = (effect >= 0.5).mean()
    assert abs(found.p_benefit_kept - share) < 3 * math.sqrt(share * (1 - share) / 1e5) + 1e-4
    assert_allclose(found.benefit, 1 - 7 / 13 / 2.4, rtol=1e-12)


@given(events=st.integers(0, 50), responding=st.integers(0, 30), years=st.floats(0.0, 1e3))
def test_the_product_lies_between_the_bounds(events: int, responding: int, years: float) -> None:
    harm = Harm(events=events, patient_years=years, acceptable_rate=0.1)
    benefit = Responders(n_responding=responding, n_patients=30, required_share=0.6)

    found = joint(harm, benefit, prior=Prior(Gamma(1.0, 1.0), Beta(1.0, 1.0)))

    assert 0 <= found.least <= found.p_both + 1e-15 <= found.most + 2e-15 <= 1 + 3e-15
    more = joint(
        Harm(events=events + 1, patient_years=years, acceptable_rate=0.1),
        benefit,
        prior=Prior(Gamma(1.0, 1.0), Beta(1.0, 1.0)),
    )
    assert more.p_harm_acceptable <= found.p_harm_acceptable


def test_the_bounds_are_reached_by_full_dependence() -> None:
    found = joint(HARM, RESPONDERS, prior=FLAT)
    uniform = (np.arange(100_000) + 0.5) / 100_000

    together = ((uniform < found.p_harm_acceptable) & (uniform < found.p_benefit_kept)).mean()
    against = ((uniform < found.p_harm_acceptable) & (1 - uniform < found.p_benefit_kept)).mean()

    assert_allclose([together, against], [found.most, found.least], atol=2e-5)  # of the grid


def test_without_data_the_prior_answers() -> None:
    found = joint(
        Harm(events=0, patient_years=0.0, acceptable_rate=1.0),
        Responders(n_responding=0, n_patients=0, required_share=0.25),
        prior=Prior(Gamma(1.0, 1.0), Beta(1.0, 1.0)),
    )

    assert_allclose(found.p_both, (1 - math.exp(-1)) * 0.75, rtol=1e-12)


def test_a_conclusion_that_the_prior_decides_is_marked() -> None:
    priors = {
        "neutral": Prior(Gamma(0.5, 0.5), Beta(1.0, 1.0)),
        "sceptical": Prior(Gamma(4.0, 8.0), Beta(1.0, 3.0)),
        "trial": Prior(Gamma(1.0, 20.0), Beta(9.0, 1.0)),
    }

    wide = sensitivity(HARM, RESPONDERS, priors=priors, required=0.75)
    strict = sensitivity(HARM, RESPONDERS, priors=priors, required=0.999)

    assert [name for name, _ in wide.rows] == ["neutral", "sceptical", "trial"]
    assert wide.is_decided_by_prior
    assert not strict.is_decided_by_prior
    assert (wide.least, wide.most) == (wide.rows[1][1].p_both, wide.rows[2][1].p_both)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_improper_priors_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"shape is .*proper prior"):
        Gamma(value, 1.0)
    with pytest.raises(ValueError, match=r"rate is .*proper prior"):
        Gamma(1.0, value)
    with pytest.raises(ValueError, match=r"successes is .*proper prior"):
        Beta(value, 1.0)
    with pytest.raises(ValueError, match=r"failures is .*proper prior"):
        Beta(1.0, value)


def test_bad_data_are_refused() -> None:
    with pytest.raises(ValueError, match=r"harm.events is -1"):
        joint(Harm(events=-1, patient_years=1.0, acceptable_rate=1.0), RESPONDERS, prior=FLAT)
    with pytest.raises(ValueError, match=r"harm.patient_years is -1"):
        joint(Harm(events=1, patient_years=-1.0, acceptable_rate=1.0), RESPONDERS, prior=FLAT)
    with pytest.raises(ValueError, match=r"harm.acceptable_rate is 0"):
        joint(Harm(events=1, patient_years=1.0, acceptable_rate=0.0), RESPONDERS, prior=FLAT)
    with pytest.raises(ValueError, match="must not exceed n_patients"):
        joint(HARM, Responders(n_responding=6, n_patients=5, required_share=0.5), prior=FLAT)
    with pytest.raises(ValueError, match=r"required_share is 1.0"):
        joint(HARM, Responders(n_responding=4, n_patients=5, required_share=1.0), prior=FLAT)
    with pytest.raises(ValueError, match="must be a Gamma"):
        joint(HARM, PREVENTED, prior=FLAT)
    with pytest.raises(ValueError, match="must be a Beta"):
        joint(HARM, RESPONDERS, prior=Prior(Gamma(1, 1), Gamma(1, 1)))
    with pytest.raises(ValueError, match="priors is empty"):
        sensitivity(HARM, RESPONDERS, priors={})
    with pytest.raises(ValueError, match="required is 1"):
        sensitivity(HARM, RESPONDERS, priors={"flat": FLAT}, required=1.0)
