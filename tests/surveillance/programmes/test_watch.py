"""The watch looks at what stands, emits its looks, and finds crossings once."""

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from strategies import AT, DAY, DIGEST, a_configuration, an_excess, encode, programmes, record
from treated import dose, end, event, on, value, visit

from detectors.sequential import poisson_maxsprt as maxsprt
from surveillance.configuration.programmes import (
    Biomarker,
    Level,
    LostEffect,
    Programmes,
    Sentinel,
    Visits,
)
from surveillance.configuration.types import Configuration, Topics
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import Look, WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.cells import Cells
from surveillance.log.messages import Output
from surveillance.log.partitioner import partition_of
from surveillance.programmes.histories import DAYS_A_YEAR
from surveillance.programmes.watch import WatchOutcomes

START = (on(0) - DAY).days  # in days after the instant AT


def instant(day: int) -> int:
    """A time on a day after the first dose."""
    return AT + (START + day) * 86_400


def configured(of: Programmes | None = None) -> Configuration:
    return a_configuration(topics=Topics(outcomes=1), programmes=of or programmes())


class WatchedEpochs:
    """A watch that is stored and restored at every close."""

    def __init__(self, configuration: Configuration, partition: int = 0) -> None:
        self.stored: dict[bytes, bytes] = {}
        self.stage = WatchOutcomes(configuration, partition)
        self.cells = Cells(self.stored.get)
        self.state = self.stage.init(self.cells)
        self.epoch = -1

    def close(self, *records: OutcomeRecord, day: int = 400) -> Output:
        at = instant(day)
        self.stage.apply(self.state, record(*map(encode, records), at=at))
        self.epoch += 1
        output = self.stage.close(self.state, self.epoch, at)
        data = self.stage.dump(self.state)
        self.stored |= self.cells.drain()
        self.state = self.stage.load(data, self.cells)
        assert self.stage.dump(self.state) == data
        return output

    def rows(self, *records: OutcomeRecord, day: int = 400) -> list[Look | WatchFinding]:
        return list(self.close(*records, day=day).rows)

    def find(self, *records: OutcomeRecord, day: int = 400) -> list[WatchFinding]:
        """Return crossings, and how they went on; that a test has ended is none."""
        rows = self.rows(*records, day=day)
        return [row for row in rows if isinstance(row, WatchFinding) and row.change != "ended"]


def test_a_crossing_carries_the_whole_design() -> None:
    watched = WatchedEpochs(configured(programmes(hepatic=an_excess(min_events=2))))
    plan = maxsprt.Design(2.0, alpha=0.025, min_events=2)

    assert watched.find(dose(0), event(5), day=9) == []
    (finding,) = watched.find(event(9, is_fatal=True), day=9)

    expected = 10 / DAYS_A_YEAR
    assert finding == WatchFinding(
        criterion="hepatic_construct",
        criterion_version=1,
        change="met",
        on=on(9),
        epoch=1,
        design="hepatic",
        family="safety",
        programme="P1",
        product="construct:K1",
        event="pt:Hepatic failure",
        n_events=2,
        n_patients=1,
        n_fatal=1,
        person_days=10,
        expected=expected,
        rate_ratio=2 / expected,
        statistic=float(maxsprt.log_likelihood_ratio(2, expected)),
        boundary=plan.boundary.critical_value,
        scale="log_likelihood_ratio",
        alpha=0.025,  # half of the budget: the programme has two constructs
        alpha_family=0.05,
        alpha_budget=0.05,
        alpha_spent=maxsprt.alpha_spent(plan, expected),
        horizon=2.0,
        background_probability=finding.background_probability,
        looks=2,
        source="made for a test",
        configuration=DIGEST,
    )
    assert finding.background_probability == pytest.approx(expected**2 / 2, rel=0.05)


@pytest.mark.parametrize(
    "design", [{}, {"min_events": 3}, {"horizon": 0.02}, {"alpha": 0.001}, {"horizon": 30.0}]
)
def test_the_watch_crosses_where_the_detector_does(design: dict[str, Any]) -> None:
    chosen = an_excess(background_per_patient_year=3.0, **design)
    plan = maxsprt.Design(chosen.horizon, alpha=chosen.alpha / 2, min_events=chosen.min_events)
    watched, state, first = (
        WatchedEpochs(configured(programmes(x=chosen))),
        maxsprt.init(plan),
        None,
    )
    for n, day in enumerate((3, 40, 60, 61, 90, 200, 201, 202, 203, 300), 1):
        records = [event(day)] if n > 1 else [dose(0), event(day)]
        found = watched.find(*records, day=day)
        expected = 3.0 * (day + 1) / DAYS_A_YEAR
        state, look = maxsprt.step(state, maxsprt.Observation(events=n, expected=expected))
        if look.is_crossing and first is None:
            first = n
            assert [(row.change, row.n_events) for row in found] == [("met", n)]
            assert found[0].statistic == look.llr
        elif first is None:
            assert found == []


def test_every_look_is_a_row_and_counts_the_looks() -> None:
    watched = WatchedEpochs(configured())
    news: list[OutcomeRecord] = [dose(0), event(1), event(2), visit(3)]
    looks = [
        row
        for day, new in enumerate(news)
        for row in watched.rows(new, day=day)
        if isinstance(row, Look)
    ]

    assert [(look.looks, look.n_events, look.person_days) for look in looks] == [
        (1, 0, 1),
        (2, 1, 2),
        (3, 2, 3),
        (4, 2, 4),
    ]
    assert [look.has_crossed for look in looks] == [False, True, True, True]


def test_a_look_past_the_horizon_cannot_cross_and_states_it() -> None:
    watched = WatchedEpochs(configured(programmes(hepatic=an_excess(horizon=0.5))))

    rows = watched.rows(dose(0), *(event(day) for day in range(1, 21)), day=190)

    look, ended = rows
    assert isinstance(look, Look)
    assert look.notes == ("past the horizon of 0.5 expected events",)
    assert isinstance(ended, WatchFinding)
    assert ended.change == "ended"


def test_a_crossing_is_emitted_again_when_its_events_have_doubled() -> None:
    watched = WatchedEpochs(configured())
    changes: list[tuple[str, int]] = []
    watched.close(dose(0), day=0)
    for day in range(1, 9):
        changes += [(f.change, f.n_events) for f in watched.find(event(day), day=day)]

    assert changes == [("met", 1), ("grown", 2), ("grown", 4), ("grown", 8)]


def test_a_crossing_ceases_when_the_events_that_carried_it_are_taken_back() -> None:
    watched = WatchedEpochs(configured(programmes(x=an_excess(min_events=2))))
    events = [event(day) for day in range(1, 5)]
    assert [f.change for f in watched.find(dose(0), *events, day=20)] == ["met"]

    taken_back = [replace(one, version=2, is_nullified=True) for one in events]

    assert watched.find(taken_back[0], day=20) == []
    assert [(f.change, f.n_events) for f in watched.find(*taken_back[1:3], day=20)] == [
        ("ceased", 1)
    ]
    assert watched.find(taken_back[3], day=20) == []
    again = [event(day) for day in range(5, 9)]
    assert [f.change for f in watched.find(*again, day=20)] == ["met"]


def test_a_crossing_stands_when_only_time_goes_by() -> None:
    watched = WatchedEpochs(configured())
    assert [f.change for f in watched.find(dose(0), event(0), event(1), day=1)] == ["met"]

    assert watched.find(visit(390), day=390) == []


def test_a_programme_without_news_is_not_looked_at() -> None:
    watched = WatchedEpochs(configured(programmes("P1", "P2")))
    watched.close(dose(0), dose(0, programme="P2", record_id="d2"), day=0)

    assert {row.programme for row in watched.rows(visit(3), day=3)} == {"P1"}
    assert watched.rows(day=4) == []


RECORDS: tuple[OutcomeRecord, ...] = (
    dose(0),
    event(5),
    event(6),
    visit(9, is_last=True),
    visit(9, version=2, is_nullified=True),
    event(5, version=3, is_nullified=True),
)


def test_the_order_and_repetition_of_records_do_not_matter() -> None:
    ends = set()
    for order in permutations(RECORDS):
        watched = WatchedEpochs(configured())
        output = watched.close(*order, *order[:3], day=20)
        assert output.dispositions is not None
        assert output.dispositions.n_read == len(RECORDS) + 3
        ends.add(encode(list(output.rows)))

    assert len(ends) == 1
    rows = msgspec.json.decode(ends.pop(), type=list[Look | WatchFinding])
    assert {(row.n_events, row.person_days) for row in rows} == {(1, 21)}


def test_a_nullification_wins_a_tie_of_versions() -> None:
    for lot in ("L1", "L2", "L3", "L4"):
        for order in permutations([dose(0, lot=lot), dose(0, is_nullified=True)]):
            assert WatchedEpochs(configured()).rows(*order, event(0)) == []


def test_a_retraction_and_a_new_entry_give_the_state_as_if_it_had_been_right_at_first() -> None:
    design = LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.5)
    ends = []
    for wrong in ([], [event(3), event(3, version=2, is_nullified=True)]):
        watched = WatchedEpochs(configured(programmes(x=design)))
        records: list[OutcomeRecord] = [dose(0), *wrong, event(4, record_id="right")]
        for one in records:
            watched.close(one, day=10)
        ends.append([replace(row, looks=0, epoch=0) for row in watched.rows(visit(11), day=11)])

    assert ends[0] == ends[1]


# Sentinels, biomarkers, visits


SENTINEL = Sentinel(
    events=("hepatic failure",),
    name="acute liver failure",
    background_per_patient_year=3e-6,
    source="made for a test",
    window_days=90,
)


def test_the_first_event_of_a_listed_kind_is_found_with_its_background_probability() -> None:
    watched = WatchedEpochs(configured(programmes(liver=SENTINEL)))
    assert watched.find(dose(0), day=38) == []

    (finding,) = watched.find(event(38, is_fatal=True), day=38)

    assert (finding.n_events, finding.n_fatal, finding.is_sentinel) == (1, 1, True)
    assert finding.event == "pt:Acute liver failure"
    assert finding.background_probability == pytest.approx(3e-6 * 39 / DAYS_A_YEAR, rel=1e-5)
    assert finding.alpha is None


def test_an_event_outside_the_window_is_no_sentinel() -> None:
    watched = WatchedEpochs(configured(programmes(liver=SENTINEL)))

    assert watched.find(dose(0), event(90), day=100) == []


AMMONIA = {"ammonia": Biomarker(unit="umol/L", worse="rise", factors={"ug/dL": 0.5872})}
LEVEL = Level(code="ammonia", from_days=10, n_baseline=6, alpha=0.01)


def test_a_biomarker_that_moves_from_its_own_baseline_is_found() -> None:
    watched = WatchedEpochs(configured(programmes(biomarkers=AMMONIA, level=LEVEL)))
    steady = [value(20 + 7 * n, 50.0 + n % 3) for n in range(7)]
    assert watched.find(dose(0), value(5, 400.0), *steady, day=80) == []

    risen = [value(90 + 7 * n, 90.0 + n % 3) for n in range(8)]
    found = [f for n, one in enumerate(risen) for f in watched.find(one, day=90 + 7 * n)]

    (finding,) = found
    assert (finding.change, finding.family, finding.patient_id) == ("met", "effectiveness", "one")
    assert finding.statistic >= finding.boundary


def test_a_biomarker_whose_values_are_taken_back_loses_its_finding() -> None:
    watched = WatchedEpochs(configured(programmes(biomarkers=AMMONIA, level=LEVEL)))
    values = [value(20 + n, 50.0 + n % 3) for n in range(6)]
    risen = [value(90 + n, 90.0 + n % 3) for n in range(8)]
    assert [f.change for f in watched.find(dose(0), *values, *risen, day=99)] == ["met"]

    taken_back = [replace(one, version=2, is_nullified=True) for one in risen]

    assert [f.change for f in watched.find(*taken_back, day=99)] == ["ceased"]


def test_a_crossing_ceases_when_every_dose_is_taken_back() -> None:
    watched = WatchedEpochs(configured())
    (finding,) = watched.find(dose(0), event(0), event(1), day=1)

    (ceased,) = watched.find(dose(0, version=2, is_nullified=True), day=2)

    assert (finding.change, ceased.change) == ("met", "ceased")
    assert (ceased.n_events, ceased.person_days) == (0, 0)
    assert watched.find(visit(3), day=3) == []


def test_a_value_in_another_unit_is_converted() -> None:
    rows = []
    for unit, factor in (("umol/L", 1.0), ("ug/dL", 0.5872)):
        watched = WatchedEpochs(configured(programmes(biomarkers=AMMONIA, level=LEVEL)))
        values = [value(20 + n, (50.0 + n) / factor, unit=unit) for n in range(9)]
        rows.append(watched.rows(dose(0), *values, day=60))

    assert [row.statistic for row in rows[0]] == pytest.approx([row.statistic for row in rows[1]])


VISITS = Visits(days=(30, 60), then_every_days=100, years=1.0, grace_days=10, lost_share=0.5)


def test_a_visit_is_missed_once_its_grace_has_passed() -> None:
    watched = WatchedEpochs(configured(programmes(visits=VISITS)))
    watched.close(dose(0), visit(33), day=33)

    missed = {day: watched.find(day=day) for day in range(60, 80)}

    assert {day: [f.n_events for f in found] for day, found in missed.items() if found} == {71: [1]}
    (finding,) = missed[71]
    assert finding.notes == ("one: 1 missed",)


def test_a_visit_that_is_reported_late_takes_the_finding_back() -> None:
    watched = WatchedEpochs(configured(programmes(visits=VISITS)))
    watched.close(dose(0), visit(33), day=33)
    assert [f.change for f in watched.find(day=75)] == ["met"]

    assert [f.change for f in watched.find(visit(61), day=76)] == ["ceased"]


def test_patients_lost_are_a_finding_from_a_share_on_and_the_dead_are_not_lost() -> None:
    watched = WatchedEpochs(configured(programmes(visits=VISITS)))
    two = {"patient_id": "two"}
    watched.close(dose(0), dose(0, record_id="d2", **two), day=0)

    assert watched.find(end(5, "death"), day=5) == []
    (finding,) = watched.find(end(6, "lost", record_id="e2", **two), day=6)

    assert (finding.criterion, finding.n_events, finding.statistic) == ("visits_lost", 1, 0.5)


# Refusals


def refusal(value: OutcomeRecord, *, configuration: Configuration, day: int = 400) -> str:
    output = WatchedEpochs(configuration).close(value, day=day)
    (fact,) = output.facts
    assert output.dispositions is not None
    assert (output.dispositions.refused, output.dispositions.n_read) == (1, 1)
    assert msgspec.json.decode(fact.value, type=RefusedRecord).content_bytes == encode(value)
    return fact.code


def test_a_programme_in_the_wrong_partition_is_refused() -> None:
    wrong = next(f"P{n}" for n in range(9) if partition_of(f"P{n}", 2) == 1)

    assert refusal(dose(0, programme=wrong), configuration=a_configuration()) == "wrong_partition"


@pytest.mark.parametrize("value", [dose(402), visit(402), event(402), dose(0, received_on=on(900))])
def test_what_lies_ahead_is_refused(value: OutcomeRecord) -> None:
    assert refusal(value, configuration=configured(), day=400) == "lies_ahead"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (dose(0, programme="P9"), "unknown_programme"),
        (dose(0, construct="K9"), "unknown_construct"),
        (value(0, 5.0, unit="mg/mL"), "unknown_unit"),
    ],
)
def test_what_the_programme_does_not_know_is_refused(value: OutcomeRecord, code: str) -> None:
    known = programmes(biomarkers=AMMONIA, level=LEVEL)

    assert refusal(value, configuration=configured(known)) == code


def test_a_platform_that_is_pooled_must_lie_in_one_partition() -> None:
    names = [f"P{n}" for n in range(6)]
    pooled = programmes(*names, hepatic=an_excess(level="platform"))

    with pytest.raises(Misconfigured, match=r"platform 'F', whose programmes lie in several of 2"):
        WatchOutcomes(a_configuration(topics=Topics(outcomes=2), programmes=pooled), 0)


def test_days_of_the_calendar_are_those_of_the_log() -> None:
    assert instant(0) - AT == (on(0) - DAY).days * 86_400
    assert on(0) == date(2024, 1, 1)
    assert on(9) - on(0) == timedelta(days=9)
