"""A watch looks at what stands, and tells its first crossing."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from strategies import AT, DAY, DIGEST, a_configuration, a_watch, encode, record
from treated import dose, event, on, visit

from detectors.sequential import poisson_maxsprt as maxsprt
from surveillance.configuration.types import Configuration, Topics, Watch, Watches
from surveillance.domain.finding import WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output
from surveillance.log.partitioner import partition_of
from surveillance.programmes.watch import DAYS_A_YEAR, WatchOutcomes

LATER = AT + 400 * 86_400


def configured(*watches: Watch) -> Configuration:
    return a_configuration(topics=Topics(outcomes=1), watches=Watches(watch=watches))


class WatchedEpochs:
    """A watch that is stored and restored at every close."""

    def __init__(self, configuration: Configuration, partition: int = 0) -> None:
        self.stage = WatchOutcomes(configuration, partition)
        self.state = self.stage.init(Cells(nothing_stored))
        self.epoch = -1

    def close(self, *records: OutcomeRecord, at: int = LATER) -> Output:
        self.stage.apply(self.state, record(*map(encode, records), at=at))
        self.epoch += 1
        said = self.stage.close(self.state, self.epoch, at)
        data = self.stage.dump(self.state)
        self.state = self.stage.load(data, Cells(nothing_stored))
        assert self.stage.dump(self.state) == data
        return said

    def find(self, *records: OutcomeRecord) -> list[WatchFinding]:
        return self.close(*records).rows


def test_a_crossing_carries_the_whole_design() -> None:
    watch = a_watch(rate_ratio_under_null=0.5)
    desk = WatchedEpochs(configured(watch))
    design = maxsprt.Design(2.0, alpha=0.05)

    assert desk.find(dose(0), visit(9)) == []
    (finding,) = desk.find(event(5, is_fatal=True), event(9))

    expected = 0.5 * 10 / DAYS_A_YEAR
    assert finding == WatchFinding(
        criterion="hepatic",
        criterion_version=1,
        change="met",
        on=DAY + timedelta(days=400),
        epoch=1,
        watch="hepatic",
        family="safety",
        product="construct:K1",
        event="pt:Hepatic failure",
        n_events=2,
        n_patients=1,
        n_fatal=1,
        person_days=10,
        expected=expected,
        rate_ratio=2 / expected,
        llr=float(maxsprt.log_likelihood_ratio(2, expected)),
        critical_value=design.boundary.critical_value,
        alpha=0.05,
        alpha_attained=design.boundary.attained_size,
        horizon=2.0,
        looks=2,
        rate_per_patient_year=1.0,
        rate_source="made for a test",
        configuration=DIGEST,
    )


@pytest.mark.parametrize(
    "design", [{}, {"min_events": 3}, {"horizon": 0.02}, {"alpha": 0.001}, {"horizon": 30.0}]
)
def test_a_watch_crosses_where_the_detector_does(design: dict[str, Any]) -> None:
    watch = a_watch(rate_per_patient_year=3.0, **design)
    plan = maxsprt.Design(watch.horizon, alpha=watch.alpha, min_events=watch.min_events)
    desk, state, first = WatchedEpochs(configured(watch)), maxsprt.init(plan), None
    desk.close(dose(0))
    for day in (3, 40, 60, 61, 90, 200, 201, 202, 203, 300):
        rows = desk.find(event(day))
        n = desk.epoch
        expected = 3.0 * (day + 1) / DAYS_A_YEAR
        state, look = maxsprt.step(state, maxsprt.Observation(events=n, expected=expected))
        if look.is_crossing and first is None:
            first = n
            assert [(row.change, row.n_events) for row in rows] == [("met", n)]
            assert rows[0].llr == look.llr
            assert rows[0].expected == expected
        elif first is None:
            assert rows == []


def test_a_look_past_the_horizon_cannot_cross() -> None:
    desk = WatchedEpochs(configured(a_watch(horizon=0.5)))

    assert desk.find(dose(0), visit(190), *(event(day) for day in range(20))) == []


def test_an_event_on_the_day_of_the_dose_can_cross() -> None:
    (finding,) = WatchedEpochs(configured(a_watch())).find(dose(0), event(0))

    assert (finding.n_events, finding.person_days) == (1, 1)


def test_a_crossing_is_told_again_when_its_events_have_doubled() -> None:
    desk = WatchedEpochs(configured(a_watch()))
    changes = []
    desk.close(dose(0), visit(20))
    for day in range(8):
        changes += [(f.change, f.n_events) for f in desk.find(event(day))]

    assert changes == [("met", 2), ("grown", 4), ("grown", 8)]


def test_a_crossing_ceases_when_the_events_that_carried_it_are_taken_back() -> None:
    desk = WatchedEpochs(configured(a_watch()))
    events = [event(day) for day in range(4)]
    assert [f.change for f in desk.find(dose(0), visit(20), *events)] == ["met"]

    taken_back = [replace(one, version=2, is_nullified=True) for one in events]

    assert [f.change for f in desk.find(taken_back[0])] == []
    assert [(f.change, f.n_events) for f in desk.find(*taken_back[1:3])] == [("ceased", 1)]
    assert desk.find(taken_back[3]) == []
    assert [f.change for f in desk.find(*(event(day) for day in range(5, 9)))] == ["met"]


def test_a_crossing_stands_when_only_time_goes_by() -> None:
    desk = WatchedEpochs(configured(a_watch()))
    assert [f.change for f in desk.find(dose(0), event(0), event(1))] == ["met"]

    assert desk.find(visit(390)) == []


def test_nothing_new_to_look_at_is_no_look() -> None:
    desk = WatchedEpochs(configured(a_watch()))
    desk.close(dose(0), visit(300))
    desk.close(visit(2))  # person-time does not move
    desk.close()

    (finding,) = desk.find(event(5), event(6), event(7), event(8), event(9))

    assert finding.looks == 2


def test_a_programme_is_watched_across_its_constructs() -> None:
    watch = a_watch(name="whole", level="programme", min_events=2)
    records = (dose(0, "K1"), dose(10, "K2"), event(9), event(10))
    per_construct = a_watch(name="each", min_events=2)

    found = WatchedEpochs(configured(watch, per_construct)).find(*records)

    assert [(f.watch, f.product, f.n_events) for f in found] == [("whole", "programme:P1", 2)]


def test_patients_of_another_programme_are_not_looked_at() -> None:
    other = [
        msgspec.structs.replace(one, programme="P2", record_id=f"P2 {one.record_id}")
        for one in (dose(0), event(0))
    ]

    assert WatchedEpochs(configured(a_watch())).find(*other) == []


def test_a_record_that_moves_to_another_programme_leaves_the_first() -> None:
    watches = a_watch(name="one", horizon=9.0), a_watch(name="two", programme="P2", horizon=9.0)
    desk = WatchedEpochs(configured(*watches))
    desk.close(dose(0), dose(0, programme="P2", patient_id="two", record_id="d2"), visit(400))
    desk.close(visit(400, record_id="v2", programme="P2", patient_id="two"))

    late = {f"e{n}": event(n, record_id=f"e{n}") for n in range(9)}
    assert {f.watch for f in desk.find(*late.values())} == {"one"}
    moved = [
        msgspec.structs.replace(one, programme="P2", patient_id="two", version=2)
        for one in late.values()
    ]

    found = desk.find(*moved)

    assert {(f.watch, f.change, f.n_events) for f in found} == {
        ("one", "ceased", 0),
        ("two", "met", 9),
    }


def test_the_programme_that_a_record_leaves_is_looked_at_again() -> None:
    desk = WatchedEpochs(configured(a_watch()))
    assert desk.find(dose(0), visit(400), event(1), event(2)) == []

    (finding,) = desk.find(visit(400, version=2, programme="P2"))

    assert (finding.product, finding.n_events, finding.person_days) == ("construct:K1", 2, 3)


RECORDS = (
    dose(0),
    event(5),
    event(6),
    visit(9),
    visit(9, version=2, is_nullified=True),
    event(5, version=3, is_nullified=True),
)


def test_the_order_and_repetition_of_records_do_not_matter() -> None:
    ends = set()
    for order in permutations(RECORDS):
        stage = WatchOutcomes(configured(a_watch(alpha=0.2)), 0)
        state = stage.init(Cells(nothing_stored))
        stage.apply(state, record(*map(encode, (*order, *order[:3])), at=LATER))
        said = stage.close(state, 0, LATER)
        assert said.dispositions is not None
        assert said.dispositions.n_read == len(RECORDS) + 3
        ends.add(encode(said.rows))

    assert len(ends) == 1
    (finding,) = msgspec.json.decode(ends.pop(), type=list[WatchFinding])
    assert (finding.n_events, finding.person_days) == (1, 7)


def test_a_nullification_wins_a_tie_of_versions() -> None:
    for lot in ("L1", "L2", "L3", "L4"):
        for order in permutations([dose(0, lot=lot), dose(0, is_nullified=True)]):
            assert WatchedEpochs(configured(a_watch())).find(*order, event(0)) == []


# Refusals


def refusal(value: OutcomeRecord, *, configuration: Configuration, at: int = LATER) -> str:
    said = WatchedEpochs(configuration).close(value, at=at)
    (fact,) = said.facts
    assert said.dispositions is not None
    assert (said.dispositions.refused, said.dispositions.n_read) == (1, 1)
    assert msgspec.json.decode(fact.value, type=RefusedRecord).content_bytes == encode(value)
    return fact.code


def test_a_programme_in_the_wrong_partition_is_refused() -> None:
    wrong = next(f"P{n}" for n in range(9) if partition_of(f"P{n}", 2) == 1)

    assert refusal(dose(0, programme=wrong), configuration=a_configuration()) == "wrong_partition"


@pytest.mark.parametrize("value", [dose(402), visit(402), event(402), dose(0, received_on=on(900))])
def test_what_lies_ahead_is_refused(value: OutcomeRecord) -> None:
    at = AT + (on(400) - DAY).days * 86_400

    assert refusal(value, configuration=configured(), at=at) == "lies_ahead"
