"""What each scenario of the study changes is in its records, and what it leaves alone is not."""

from collections import Counter
from functools import cache
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from surveillance.domain.case import CaseVersion
from surveillance.domain.outcome import EndpointEvent, FollowUp, Measurement, TreatmentGiven
from surveillance.log.decode import decode_case, decode_outcome
from surveillance.simulate import SCENARIOS, Truth, simulate
from surveillance.simulate.outcomes import ENDPOINT
from surveillance.simulate.variations import VARIATIONS

SEED = 5


@cache
def simulated(name: str) -> tuple[Truth, list[object], list[CaseVersion]]:
    """Return the truth, the standing outcomes, and the case versions."""
    with TemporaryDirectory() as place:
        out = Path(place)
        truth = simulate(SCENARIOS[name], SEED, out)
        lines = (out / "outcomes.ndjson").read_bytes().splitlines()
        cases = [decode_case(line) for line in (out / "cases.ndjson").read_bytes().splitlines()]
    ordered = sorted(map(decode_outcome, lines), key=lambda record: record.version)
    greatest = {record.record_id: record for record in ordered}
    return truth, [one for one in greatest.values() if not one.is_nullified], cases


def events(name: str, endpoint: str = ENDPOINT) -> list[EndpointEvent]:
    records = simulated(name)[1]
    return [r for r in records if isinstance(r, EndpointEvent) and r.endpoint == endpoint]


@pytest.mark.parametrize("name", [one.name for one in VARIATIONS])
def test_the_truth_states_what_was_planted_and_where(name: str) -> None:
    scenario, truth = SCENARIOS[name], simulated(name)[0]

    kinds = {item.kind: item for item in truth.planted}
    assert set(kinds) == {
        kind for kind in ("excess", "sentinel", "lost_effect") if getattr(scenario, kind)
    }
    if scenario.lost_effect:
        assert kinds["lost_effect"].level in {"lot", "construct", "platform"}
        assert kinds["lost_effect"].n_planted > kinds["lost_effect"].n_expected
    assert not {key for one in truth.planted for key in one.products} & set(truth.nulls.constructs)


def test_only_patients_of_the_bad_lot_lose_the_effect() -> None:
    records = simulated("lot-effect")[1]
    lots: dict[str, str | None] = {}
    for record in records:
        if isinstance(record, TreatmentGiven) and record.dose_number == 1:
            lots[record.patient_id] = record.lot
    patients = Counter(lots.values())
    by_lot = Counter(lots[one.patient_id] for one in events("lot-effect"))
    (planted,) = simulated("lot-effect")[0].planted

    bad = by_lot["SIM-CPS1-01-L2"] / patients["SIM-CPS1-01-L2"]
    others = sum(by_lot.values()) - by_lot["SIM-CPS1-01-L2"]
    assert planted.level == "lot"
    assert bad > 2 * others / (sum(patients.values()) - patients["SIM-CPS1-01-L2"])


def test_what_is_measured_stays_low_while_the_events_come_back() -> None:
    truth, records, _ = simulated("biomarker-holds")
    from_on = truth.planted[0].from_on
    values = [r for r in records if isinstance(r, Measurement)]
    before = [log(v.value) for v in values if v.taken_on < from_on]
    after = [log(v.value) for v in values if v.taken_on >= from_on]

    assert {(v.code, v.unit) for v in values} == {("Ammonia", "umol/L")}
    assert abs(sum(after) / len(after) - sum(before) / len(before)) < 0.1
    assert sum(one.occurred_on >= from_on for one in events("biomarker-holds")) > 20


def test_more_is_reported_of_a_class_successor_and_no_more_happens() -> None:
    _, records, cases = simulated("class-successor")
    platform = SCENARIOS["class-successor"].platform
    assert platform is not None
    assert platform.coincident is not None
    publicity_on = platform.coincident.publicity_on
    assert publicity_on is not None
    happened = Counter(e.occurred_on >= publicity_on for e in events("class-successor", "Seizure"))
    reported = Counter(
        (case.events[0].onset_on or publicity_on) >= publicity_on
        for case in {case.case_id: case for case in cases}.values()
        if case.events and case.events[0].pt == "Seizure" and case.case_id.startswith("SIM-P-")
    )

    assert records
    assert reported[True] / happened[True] > 3 * reported[False] / max(happened[False], 1)


def test_many_are_lost_and_sooner_the_more_events_they_have() -> None:
    _, records, _ = simulated("heavy-loss")
    ends = [r for r in records if isinstance(r, FollowUp) and r.is_last]

    assert len(ends) > 20
    assert len(events("heavy-loss")) < len(events("quiet-platform"))


def test_the_liver_failure_is_recorded_once_and_is_fatal_within_90_days() -> None:
    (failure,) = events("liver-failure", "Acute hepatic failure")
    (given,) = (
        r
        for r in simulated("liver-failure")[1]
        if isinstance(r, TreatmentGiven) and r.patient_id == failure.patient_id
    )

    assert (failure.occurred_on - given.given_on).days == 38
    assert len({one.patient_id for one in events("liver-failure", "Death")}) == 1


def test_one_infant_has_three_doses_at_seven_months() -> None:
    _, records, _ = simulated("one-patient")
    doses = [r for r in records if isinstance(r, TreatmentGiven)]

    assert [dose.dose_mg_per_kg for dose in doses] == [0.1, 0.3, 0.3]
    assert len({dose.patient_id for dose in doses}) == 1
