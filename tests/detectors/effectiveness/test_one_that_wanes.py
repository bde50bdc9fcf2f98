"""One construct of five wanes: what each function says of it, and of the other four.

The numbers are made up: five patients a construct, 0.48 crises per patient-year with the effect
kept, a biomarker that falls under the second construct only.
"""

import numpy as np

from detectors.benefit_risk import Gamma, Harm, PreventedEvents, Prior, joint
from detectors.effectiveness.agreement import agreement
from detectors.effectiveness.biomarker import Observation as Value
from detectors.effectiveness.biomarker import from_baseline
from detectors.effectiveness.biomarker import recompute as follow
from detectors.effectiveness.change_point import change_point
from detectors.effectiveness.durability import durability
from detectors.effectiveness.lines import Components
from detectors.effectiveness.response import Design, Observation, recompute

ALPHA = 0.05 / 5  # each construct, so that all five have 0.05
EXPECTED = [0.6, 1.2, 1.8, 2.4]
CRISES = ([0, 1, 1, 2], [1, 4, 8, 12], [1, 1, 2, 3], [0, 0, 1, 1], [1, 2, 2, 2])
WANING = [62.0, 60.0, 61.0, 63.0, 60.5, 62.5, 47.0, 44.0, 45.0, 42.0]
STEADY = [62.0, 60.0, 61.0, 63.0, 60.5, 62.5, 61.0, 63.0, 60.0, 61.0]


def test_the_events_of_the_one_that_wanes_cross_and_those_of_the_others_do_not() -> None:
    design = Design(3.0, alpha=ALPHA, dispersion=5 * 10.0)

    crossed = []
    for counts in CRISES:
        totals = zip(counts, EXPECTED, strict=True)
        state, _ = recompute(design, [Observation(events=n, expected=mu) for n, mu in totals])
        crossed.append(state.first_crossing)

    assert crossed == [0, 3, 0, 0, 0]


def test_its_biomarker_crosses_earlier_and_the_change_is_dated() -> None:
    crossed = []
    for series in (STEADY, WANING):
        design = from_baseline(series[:6], scale=3.0, alpha=ALPHA)
        state, _ = follow(design, [Value(value=x) for x in series[6:]])
        crossed.append(state.first_crossing)
    dated = change_point(WANING)

    assert crossed[0] == 0
    assert 0 < crossed[1] <= 4
    assert (dated.most_likely, dated.earliest, dated.latest) == (5, 5, 5)
    assert change_point(STEADY).p_change < 0.5


def test_its_patient_is_the_one_predicted_to_fall_under_the_threshold() -> None:
    patient, month = np.repeat([1, 2, 3, 4, 5], 4), np.tile([0.0, 3.0, 6.0, 9.0], 5)
    level = 60.0 + np.where(patient == 2, -2.0, -0.1) * month

    found = durability(
        patient, month, level, components=Components(25.0, 0.5, 0.0, 4.0), threshold=35.0,
        now=9.0, ahead=12.0,
    )  # fmt: skip

    assert found.p_below_within.value[1] > 0.8
    assert np.delete(found.p_below_within.value, 1).max() < 1e-3


def test_biomarker_and_crises_agree_over_the_constructs() -> None:
    found = agreement([-1.0, -17.0, -1.5, 0.5, -2.0], [2, 12, 3, 1, 2])

    assert found.concordance > 0.8
    assert found.p < 0.1
    assert found.p >= found.least_p > 0.008  # no more can be shown with five


def test_its_benefit_is_the_only_one_in_doubt() -> None:
    harm = Harm(events=0, patient_years=5.0, acceptable_rate=0.5)
    prior = Prior(Gamma(0.5, 1.0), Gamma(0.5, 1.0))

    both = [
        joint(
            harm,
            PreventedEvents(
                events=counts[-1], patient_years=5.0, natural_rate=2.4, required_effect=0.5
            ),
            prior=prior,
        ).p_both
        for counts in CRISES
    ]

    assert both[1] < 0.1
    assert min(both[:1] + both[2:]) > 0.8
