"""Clocks: day 0, the last day, warnings and breaches, and what starts and stops them."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DAY, a_configuration, a_decision
from triaged import SIGNAL, TriagedEpochs, a_finding, kinds

from surveillance.configuration.life_cycle import Clock, shipped
from surveillance.configuration.types import Holiday
from surveillance.domain.signal import RunningClock
from surveillance.log.topics import ALERTS
from surveillance.triage import clocks
from surveillance.triage.clocks import due_on
from surveillance.triage.working_days import WorkingDays

TABLE = shipped()
WEEK = WorkingDays(("saturday", "sunday"), {date(2024, 3, 29), date(2024, 4, 1)})  # Easter


def a_clock(**changes: Any) -> Clock:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "code": "c", "jurisdiction": "EU", "citation": "a source", "limit": 30,
        "applies_from": date(2000, 1, 1), "starts": ("validate",), "stops": ("confirm",),
    }  # fmt: skip
    return Clock(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "start", "end"),
    [
        ({"limit": 15}, date(2024, 2, 20), date(2024, 3, 6)),  # a leap year has a 29 February
        ({"limit": 15}, date(2023, 2, 20), date(2023, 3, 7)),
        ({"limit": 180}, date(2023, 12, 1), date(2024, 5, 29)),
        ({"limit": 3, "unit": "working_days"}, date(2024, 3, 28), date(2024, 4, 4)),  # Easter
        ({"limit": 3, "unit": "working_days"}, date(2024, 3, 30), date(2024, 4, 4)),
        ({"limit": 3, "unit": "months"}, date(2023, 11, 30), date(2024, 2, 29)),
        ({"limit": 3, "unit": "months"}, date(2022, 11, 30), date(2023, 2, 28)),
        ({"limit": 12, "unit": "months"}, date(2024, 2, 29), date(2025, 2, 28)),
        ({"limit": 1, "day_off": "next_working_day"}, date(2024, 3, 28), date(2024, 4, 2)),
        ({"limit": 1}, date(2024, 3, 28), date(2024, 3, 29)),
    ],
)
def test_a_limit_ends_on_its_last_day(changes: dict[str, Any], start: date, end: date) -> None:
    assert due_on(a_clock(**changes), WEEK, start) == end


@given(
    st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.integers(1, 60),
    st.sampled_from(["calendar_days", "working_days", "months"]),
)  # fmt: skip
def test_a_limit_ends_later_the_later_it_starts_and_the_longer_it_is(
    start: date, limit: int, unit: str
) -> None:
    clock = a_clock(limit=limit, unit=unit)
    longer = a_clock(limit=limit + 1, unit=unit)

    end = due_on(clock, WEEK, start)

    assert start < end < due_on(longer, WEEK, start)
    assert end <= due_on(clock, WEEK, start + timedelta(days=1))


def validated(desk: TriagedEpochs) -> None:
    desk.close(a_finding())
    desk.close(a_decision(SIGNAL))
    desk.close(a_decision(SIGNAL, "validate"))


def days_pass(desk: TriagedEpochs, n: int) -> list[tuple[date, str]]:
    return [
        (desk.today, code)
        for _ in range(n)
        for topic, code in kinds(desk.close())
        if topic == ALERTS
    ]


def test_people_are_warned_before_a_limit_and_told_of_a_breach_once() -> None:
    desk = TriagedEpochs(a_configuration())
    validated(desk)
    start = desk.today

    heard = days_pass(desk, 60)

    assert heard == [
        (start + timedelta(days=23), "clock_warning:eu_confirmation"),
        (start + timedelta(days=31), "clock_breached:eu_confirmation"),
    ]


def test_a_clock_is_stopped_by_people_and_no_longer_heard_of() -> None:
    desk = TriagedEpochs(a_configuration())
    validated(desk)

    (clock,) = desk.signal(a_decision(SIGNAL, "confirm")).clocks

    assert (clock.stopped_on, clock.is_breached) == (desk.today, False)
    assert days_pass(desk, 60) == []


def test_an_answer_on_the_day_after_the_last_one_is_late_and_the_clock_shows_it() -> None:
    desk = TriagedEpochs(a_configuration())
    validated(desk)
    days_pass(desk, 30)

    found = desk.close(a_decision(SIGNAL, "confirm"))

    assert (ALERTS, "clock_breached:eu_confirmation") in kinds(found)
    (clock,) = desk.signal(a_finding(n_pair=9, change="grown")).clocks
    assert clock.is_breached
    assert clock.stopped_on == clock.due_on + timedelta(days=1)


def test_new_cases_and_the_same_act_again_do_not_move_day_0() -> None:
    desk = TriagedEpochs(a_configuration())
    desk.close(a_finding())
    first = desk.signal(a_decision(SIGNAL, "flag_emerging")).clocks
    desk.close()

    again = desk.signal(a_decision(SIGNAL, "flag_emerging", decision_id="D-2")).clocks
    after_cases = desk.signal(a_finding(n_pair=30, change="grown")).clocks

    assert [one.started_on for one in first] == [DAY + timedelta(days=1)]
    assert [one.started_on for one in again] == [one.started_on for one in after_cases]
    assert again[0].due_on == first[0].due_on


def test_a_clock_that_was_stopped_starts_anew_with_its_own_day_0() -> None:
    desk = TriagedEpochs(a_configuration())
    validated(desk)
    desk.close(a_decision(SIGNAL, "refute"))
    desk.close(a_decision(SIGNAL, "reopen"))

    (clock,) = desk.signal(a_decision(SIGNAL, "validate", decision_id="D-2")).clocks

    assert (clock.started_on, clock.stopped_on) == (desk.today, None)


def test_no_clock_starts_before_the_law_applies_or_by_another_step_of_the_ladder() -> None:
    def started(clock: Clock, on: date, **given: Any) -> tuple[RunningClock, ...]:  # noqa: ANN401 - fields
        table = shipped().__class__(
            role=TABLE.role, status=TABLE.status, transition=TABLE.transition, clock=(clock,)
        )
        return clocks.after(table, WEEK, (), a_decision(action="validate", **given), on)

    dated = a_clock(applies_from=date(2012, 7, 10), applies_until=date(2013, 1, 1))
    assert [len(started(dated, day)) for day in (
        date(2012, 7, 9), date(2012, 7, 10), date(2013, 1, 1), date(2013, 1, 2),
    )] == [0, 1, 1, 0]  # fmt: skip
    label = a_clock(ladder_steps=("label",))
    assert [len(started(label, DAY, ladder_step=step)) for step in (None, "watch", "label")] == [
        0, 0, 1,
    ]  # fmt: skip


def test_a_hold_has_the_day_that_people_name_and_ends_by_people_alone() -> None:
    desk = TriagedEpochs(a_configuration())
    desk.close(a_finding())
    until = DAY + timedelta(days=10)
    held = desk.signal(a_decision(SIGNAL, "hold", until=until))

    heard = days_pass(desk, 20)

    assert held.clocks[0].due_on == until
    assert heard == [
        (until - timedelta(days=2), "clock_warning:hold_ends"),
        (until + timedelta(days=1), "clock_breached:hold_ends"),
    ]
    assert desk.signal(a_decision(SIGNAL, "resume")).status == "detected"


def test_working_days_are_those_of_the_calendar_of_the_configuration() -> None:
    monday = DAY + timedelta(days=(7 - DAY.weekday()) % 7)
    holidays = tuple(Holiday(day=monday + timedelta(days=n), name="a holiday") for n in (1, 2))
    desk = TriagedEpochs(a_configuration(holidays=holidays))
    desk.close(a_finding())
    while desk.today + timedelta(days=1) < monday:
        desk.close()

    (clock,) = desk.signal(a_decision(SIGNAL, "flag_emerging")).clocks

    assert clock.started_on == monday
    assert clock.due_on == monday + timedelta(days=7)  # Thursday, Friday, Monday


def test_every_clock_names_its_source_and_the_day_from_which_it_applies() -> None:
    assert {one.code for one in TABLE.clock} >= {"eu_emerging_issue", "eu_confirmation"}
    for one in TABLE.clock:
        assert len(one.citation) > 20
        assert one.jurisdiction == "own" or one.applies_from > date(1960, 1, 1)
