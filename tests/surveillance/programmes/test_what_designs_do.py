"""What a committee is shown of a design is what its tests do."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from calling import longwatch
from strategies import a_stratum, an_excess, programmes

from detectors.anytime import uncertain_comparator
from detectors.sequential import poisson_maxsprt
from surveillance.configuration.programmes import (
    Biomarker,
    Level,
    LostEffect,
    Sentinel,
    Shares,
    Visits,
)
from surveillance.configuration.reader import SHIPPED
from surveillance.domain.errors import Misconfigured
from surveillance.programmes import operating
from surveillance.programmes.natural_history import upper_rate
from surveillance.programmes.operating import Chance, Characteristics, characteristics

UCD = a_stratum(rate_per_patient_year=2.4, n_patients=63, patient_years=94.5, dispersion=0.65)
EFFECT = LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.2)
ONLY = LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.2, shares=Shares(construct=0))


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(operating, "N_SIMULATED", 200)
    operating._log_evidence.cache_clear()
    yield
    operating._log_evidence.cache_clear()


def chances(one: Characteristics, situation: str) -> list[Chance]:
    return [chance for chance in one.chances if chance.situation == situation]


def test_an_excess_is_shown_with_the_exact_numbers_of_its_detector() -> None:
    design = an_excess(horizon=5.0, alpha=0.02, background_per_patient_year=0.5)
    plan = poisson_maxsprt.Design(5.0, alpha=0.01, min_events=design.min_events)

    (found,) = characteristics(programmes("P1", "P2", hepatic=design))

    assert (found.programmes, found.method, found.alpha) == (("P1", "P2"), "exact", 0.02)
    (null,) = chances(found, "no excess")
    assert null.is_null
    assert null.chance == pytest.approx(plan.boundary.attained_size)
    (twice,) = chances(found, "2 times the background")
    exact = poisson_maxsprt.operating_characteristics(plan, 2.0)
    assert twice.chance == exact.power
    assert twice.patient_years == exact.expected_time_to_signal / 0.5


def test_false_alarms_of_a_lost_effect_stay_within_alpha_and_power_grows_with_patients() -> None:
    (found,) = characteristics(programmes(strata=(UCD,), effect=EFFECT))

    assert found.method == "simulated"
    nulls = [chance for chance in found.chances if chance.is_null]
    assert nulls == chances(found, "effect kept")
    assert all(chance.chance <= 0.01 + chance.error for chance in nulls)
    for before in (None, operating.YEARS_BEFORE):
        lost = [c.chance for c in chances(found, "all of it lost") if c.known_before == before]
        assert lost == sorted(lost)
        assert lost[-1] > 0.7
    five = next(c for c in chances(found, "all of it lost") if c.n_patients == 5 and c.known_before)
    assert five.chance == pytest.approx(0.94, abs=0.07)  # decision 13 has 96 % with weekly looks
    assert five.patient_years == pytest.approx(5.0, abs=2.5)


def test_one_patient_is_found_as_often_as_the_exact_value_allows() -> None:
    (found,) = characteristics(programmes(constructs=("K1",), strata=(UCD,), effect=ONLY))
    law = uncertain_comparator.Design(
        0, 0.65 / upper_rate(UCD, ONLY.for_history) / 0.2, prior_events=0.65,
        alpha=(ONLY.alpha - ONLY.for_history) / 2, prior_shape=4.0, prior_rate=0.8,
    )  # fmt: skip
    ratio = 5.0 * 2.4 / upper_rate(UCD, ONLY.for_history)

    exact = uncertain_comparator.operating_characteristics(law, ratio, horizon=10.0).power

    one = next(c for c in chances(found, "all of it lost") if c.n_patients == 1)
    assert one.chance <= exact + 2 * one.error  # looks at every moment find no less
    assert one.chance >= exact / 3


def test_patients_who_are_alike_are_simulated_too() -> None:
    alike = msgspec.structs.replace(UCD, dispersion=None)

    (found,) = characteristics(programmes(strata=(alike,), effect=EFFECT))

    five = next(c for c in chances(found, "all of it lost") if c.n_patients == 5)
    assert five.chance > 0.95
    assert five.patient_years is not None
    assert five.patient_years <= 5.0  # the looks are a quarter apart: 1.25 patient-years


def test_designs_without_a_test_state_that_and_the_background() -> None:
    rare = Sentinel(events=("x",), name="x", background_per_patient_year=3e-6, source="a source",
                    window_days=90)  # fmt: skip
    found = {
        one.design: one
        for one in characteristics(programmes(liver=rare, visits=Visits(days=(30,))))
    }

    assert found["visits"].notes == ("no test: every overdue visit is shown",)
    last = found["liver"].chances[-1]
    assert (last.n_patients, last.is_null) == (900, True)
    assert last.chance == pytest.approx(3e-6 * 900 * 90 / 365.25, rel=1e-3)


def test_a_test_of_each_patient_is_shown_beside_the_budget() -> None:
    level = Level(code="ammonia", n_baseline=10, alpha=0.01)
    markers = {"ammonia": Biomarker(unit="umol/L", worse="rise")}

    (found,) = characteristics(programmes(biomarkers=markers, level=level))

    assert found.is_of_patient
    powers = [chance.chance for chance in found.chances]
    assert powers == sorted(powers)
    assert powers[0] <= 0.01
    assert powers[-1] > 0.9


def test_a_design_that_cannot_be_run_is_refused_by_its_name() -> None:
    impossible = an_excess(alpha=1e-12)

    with pytest.raises(Misconfigured, match="design 'hepatic' cannot be run"):
        characteristics(programmes(hepatic=impossible))


def test_the_same_simulation_gives_the_same_numbers() -> None:
    of = programmes(strata=(UCD,), effect=EFFECT)
    first = characteristics(of)
    operating._log_evidence.cache_clear()

    assert characteristics(of) == first


def test_the_half_width_is_that_of_wilsons_interval() -> None:
    assert operating._half_width(0.0) == pytest.approx(1.96**2 / (2 * 200 + 2 * 1.96**2), rel=1e-3)
    assert np.all(np.diff([operating._half_width(x / 10) for x in range(6)]) > 0)


def test_check_config_prints_budgets_and_what_each_design_does() -> None:
    answer = longwatch("check-config", SHIPPED / "ucd")

    assert answer.code == 0, answer.err
    expected = (
        "error budgets",
        "allotted",
        "effect v1 (lost_effect)",
        "if all of it lost",
        "events known before",
        "natural history neonatal v1",
        "patient-years",
    )
    for words in expected:
        assert words in answer.out


def test_check_config_gives_machines_the_same() -> None:
    found = longwatch("check-config", SHIPPED / "ucd", "--json").json()

    by_design = {one["design"]: one for one in found["operating_characteristics"]}
    assert by_design["effect"]["method"] == "simulated"
    assert found["programmes"]["design"].keys() >= by_design.keys()
