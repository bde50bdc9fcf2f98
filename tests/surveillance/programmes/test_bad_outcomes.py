"""Outcomes that cannot be right are refused, or what is assumed of them is on every look."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from strategies import AT, DAY, a_configuration, a_stratum, an_excess, encode, programmes, record
from treated import dose, end, enrolment, event, on, value, visit

from surveillance.configuration.programmes import (
    Biomarker,
    Level,
    LostEffect,
    Programmes,
    Sentinel,
)
from surveillance.configuration.types import Topics
from surveillance.domain.finding import Look
from surveillance.domain.outcome import OutcomeRecord
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output
from surveillance.programmes.watch import WatchOutcomes

EFFECT = LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.5)
LIVER = Sentinel(
    events=("hepatic failure",), name="liver", background_per_patient_year=3e-6, source="a source"
)


def closed(of: Programmes, *lines: bytes, day: int = 100) -> Output:
    configuration = a_configuration(topics=Topics(outcomes=1), programmes=of)
    stage = WatchOutcomes(configuration, 0)
    state = stage.init(Cells(nothing_stored))
    at = AT + ((on(0) - DAY).days + day) * 86_400
    stage.apply(state, record(*lines, at=at))
    return stage.close(state, 0, at)


def looks(*records: OutcomeRecord, of: Programmes | None = None) -> list[Look]:
    made = of or programmes(effect=EFFECT, hepatic=an_excess(level="programme"))
    output = closed(made, *map(encode, records))
    assert output.facts == []
    return [row for row in output.rows if isinstance(row, Look) and row.product != "construct:K1"]


def notes(*records: OutcomeRecord, of: Programmes | None = None) -> set[str]:
    found = looks(*records, of=of)
    assert found
    return {note for look in found for note in look.notes}


def refused(line: bytes, of: Programmes | None = None) -> RefusedRecord:
    (fact,) = closed(of or programmes(), line).facts
    found = RefusedRecord(**json.loads(fact.value))
    assert found.remedy
    return found


def test_an_outcome_before_treatment_is_not_counted_and_that_is_stated() -> None:
    found = looks(dose(10), event(4))

    assert {look.n_events for look in found} == {0}
    assert {note for look in found for note in look.notes} == {
        "not counted: 1 event before the first dose"
    }


def test_an_outcome_of_a_patient_without_a_dose_is_stated_in_the_programme() -> None:
    untreated = event(4, record_id="e2", patient_id="two")

    assert notes(dose(0), untreated) == {"not counted: 1 event of patients without a dose"}
    liver = programmes(liver=LIVER)
    output = closed(liver, *map(encode, (dose(0), untreated)))
    assert [row.notes for row in output.rows] == [
        ("not counted: 1 event of patients without a dose",)
    ]


def test_of_two_deaths_the_first_is_used_and_that_is_stated() -> None:
    found = looks(dose(0), end(20, "death"), end(40, "death", record_id="again"))

    assert {look.person_days for look in found} == {21}
    assert {note for look in found for note in look.notes} == {
        "1 patient with two deaths: the first is used"
    }


@pytest.mark.parametrize("late", [visit(30), value(30, 5.0), dose(30)])
def test_what_is_recorded_after_a_death_adds_no_time_and_is_stated(late: OutcomeRecord) -> None:
    for death in (end(20, "death"), event(20, "other", is_fatal=True)):
        found = looks(dose(0), death, late)

        assert {look.person_days for look in found} == {21}
        assert {note for look in found for note in look.notes} == {
            "1 patient with a dose, visit or value after death: no time is counted after it"
        }


def test_an_event_after_the_end_of_follow_up_is_not_counted_and_that_is_stated() -> None:
    assert notes(dose(0), end(20, "lost"), event(30)) == {
        "not counted: 1 event after the end of follow-up"
    }


def test_an_unknown_construct_is_refused_and_a_lot_is_taken_as_it_is() -> None:
    found = refused(encode(dose(0, construct="K9")))

    assert found.code == "unknown_construct"
    assert "'K9'" in found.reason
    assert closed(programmes(), encode(dose(0, lot="never seen"))).facts == []


AMMONIA = {"ammonia": Biomarker(unit="umol/L", worse="rise", factors={"ug/dL": 0.5872})}
LEVEL = Level(code="ammonia", n_baseline=3, from_days=0)


def test_a_unit_that_does_not_convert_is_refused_with_those_that_do() -> None:
    of = programmes(biomarkers=AMMONIA, level=LEVEL)

    found = refused(encode(value(3, 5.0, unit="mg/mL")), of)

    assert found.code == "unknown_unit"
    assert "umol/L, ug/dL" in found.reason


def test_a_value_below_the_limit_counts_as_the_limit_and_that_is_stated() -> None:
    of = programmes(biomarkers=AMMONIA, level=LEVEL)
    values = [value(day, 20.0 + day % 3) for day in (1, 2, 3)]
    censored = value(50, 5.0, is_below_limit=True)

    rows = closed(of, *map(encode, [dose(0), *values, censored])).rows

    (look,) = rows
    assert "1 values below the limit of quantification" in look.notes


@pytest.mark.parametrize(
    "given", ["2024-01-02T23:30:00-05:00", "2024-01-02T00:00:00Z", "2024-01", "2024", "02.01.2024"]
)
def test_a_time_zone_or_a_date_of_less_precision_is_refused_with_its_place(given: str) -> None:
    record_ = json.loads(encode(dose(0))) | {"given_on": given}

    found = refused(json.dumps(record_).encode())

    assert found.code == "wrong_shape"
    assert (
        "no day as 2024-01-31, without a time or a part left out - at '$.given_on'" in found.reason
    )


def test_a_patient_without_a_stratum_of_natural_history_is_not_compared_and_that_is_stated() -> (
    None
):
    of = programmes(strata=(a_stratum(age_until=2.0),), effect=EFFECT)

    assert notes(enrolment(age_years=5.0), dose(0), of=of) == {
        "not compared: 1 patients fit no stratum of natural history"
    }


def test_two_programmes_that_claim_one_patient_are_stated_where_they_are_pooled() -> None:
    of = programmes("P1", "P2", hepatic=an_excess(level="platform"))
    twice: dict[str, Any] = {"programme": "P2"}

    assert notes(dose(0), dose(0, record_id="d2", **twice), of=of) == {
        "1 patient named by two programmes or more: counted in each"
    }
    apart = dose(0, record_id="d2", patient_id="two", **twice)
    assert notes(dose(0), replace(apart), of=of) == set()
