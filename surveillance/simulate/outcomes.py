"""Outcome records of the patients of a platform, as a registry would receive them.

Only what is received within the scenario is written. Corrections are versions: some endpoint
events have their day amended, and some were never events and are taken back.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import msgspec
from numpy.random import Generator

from surveillance.domain.outcome import (
    Baseline,
    EndpointEvent,
    Enrolled,
    FollowUp,
    Measurement,
    OutcomeRecord,
    TreatmentGiven,
)
from surveillance.simulate.content import Calendar, SimulatedLine
from surveillance.simulate.natural_history import DAYS_PER_YEAR
from surveillance.simulate.patients import Course
from surveillance.simulate.scenario import Platform, SentinelEvent, VersionMix
from surveillance.simulate.truth import ConstructTruth

ENDPOINT = "Hyperammonaemic event"
DEATH = "Death"

_encode = msgspec.json.Encoder().encode


class ReportedOutcome(NamedTuple):
    """One outcome record, and the day it is received."""

    day: int
    record: OutcomeRecord


class Registry:
    """Reports the course of each patient as outcome records.

    Parameters
    ----------
    rng : Generator
    platform : Platform
    calendar : Calendar
    n_days : int
        Nothing is received after these.
    sentinel : SentinelEvent, optional
        Recorded as an event of its own where it is to be.
    """

    def __init__(
        self,
        rng: Generator,
        platform: Platform,
        calendar: Calendar,
        n_days: int,
        sentinel: SentinelEvent | None = None,
    ) -> None:
        self._rng, self._platform, self._calendar, self._n_days = rng, platform, calendar, n_days
        self._sentinel = sentinel if sentinel and sentinel.is_outcome else None

    def report(self, course: Course) -> list[ReportedOutcome]:
        """Return every record of a patient that is received in time."""
        reported = [
            self._enrolled(course),
            *self._treatments(course),
            *self._visits(course),
            *self._events(course),
            *self._taken_back(course),
            *self._others(course),
            *self._values(course),
            *self._end(course),
        ]
        return [item for item in reported if item.day < self._n_days]

    def _received(self, day: int) -> int:
        return day + int(self._rng.poisson(self._platform.lag_days_mean))

    def _enrolled(self, course: Course) -> ReportedOutcome:
        first = course.infusions[0].day
        counted: tuple[Baseline, ...] = ()
        if course.days_before:
            one = Baseline(endpoint=ENDPOINT, n_events=course.n_before, days=course.days_before)
            counted = (one,)
        record = Enrolled(
            record_id=f"{course.patient_id}-EN",
            programme=course.programme.name,
            patient_id=course.patient_id,
            received_on=self._calendar[first],
            enrolled_on=self._calendar[first],
            age_years=course.age_years,
            baseline=counted,
        )
        return ReportedOutcome(first, record)

    def _treatments(self, course: Course) -> Iterator[ReportedOutcome]:
        for given in course.infusions:
            day = self._received(given.day)
            record = TreatmentGiven(
                record_id=f"{course.patient_id}-T{given.number}",
                programme=course.programme.name,
                patient_id=course.patient_id,
                received_on=self._calendar[day],
                platform=self._platform.name,
                product=course.programme.product,
                construct=course.construct.name,
                lot=given.lot,
                dose_number=given.number,
                dose_mg_per_kg=given.mg_per_kg,
                given_on=self._calendar[given.day],
            )
            yield ReportedOutcome(day, record)
            yield self._contact(course, f"I{given.number}", given.day, day)

    def _visits(self, course: Course) -> Iterator[ReportedOutcome]:
        for number, seen in enumerate(course.visits, 1):
            yield self._contact(course, f"V{number}", seen, self._received(seen))

    def _contact(
        self, course: Course, name: str, seen: int, day: int, *, is_last: bool = False
    ) -> ReportedOutcome:
        record = FollowUp(
            record_id=f"{course.patient_id}-{name}",
            programme=course.programme.name,
            patient_id=course.patient_id,
            received_on=self._calendar[day],
            seen_on=self._calendar[seen],
            is_last=is_last,
        )
        return ReportedOutcome(day, record)

    def _event(
        self,
        course: Course,
        name: str,
        occurred: int,
        day: int,
        *,
        version: int = 1,
        is_nullified: bool = False,
        endpoint: str = ENDPOINT,
    ) -> ReportedOutcome:
        record = EndpointEvent(
            record_id=f"{course.patient_id}-{name}",
            version=version,
            is_nullified=is_nullified,
            programme=course.programme.name,
            patient_id=course.patient_id,
            received_on=self._calendar[day],
            endpoint=endpoint,
            occurred_on=self._calendar[occurred],
            is_fatal=endpoint == DEATH,
        )
        return ReportedOutcome(day, record)

    def _events(self, course: Course) -> Iterator[ReportedOutcome]:
        first = course.infusions[0].day
        for number, occurred in enumerate(course.events, 1):
            day = self._received(occurred)
            yield self._event(course, f"E{number}", occurred, day)
            yield self._contact(course, f"C{number}", occurred, day)
            if self._rng.random() < self._platform.corrected_events:
                amended = max(occurred - 1, first)
                yield self._event(course, f"E{number}", amended, self._later(day), version=2)

    def _taken_back(self, course: Course) -> Iterator[ReportedOutcome]:
        """Report days that were first taken for events and later retracted."""
        mean = self._platform.events_taken_back * len(course.events)
        for number in range(1, int(self._rng.poisson(mean)) + 1):
            occurred = int(self._rng.integers(course.infusions[0].day, course.last_seen + 1))
            day = self._received(occurred)
            yield self._event(course, f"N{number}", occurred, day)
            again = self._later(day)
            yield self._event(course, f"N{number}", occurred, again, version=2, is_nullified=True)

    def _others(self, course: Course) -> Iterator[ReportedOutcome]:
        """Report events that no natural history has a rate for."""
        of = self._platform.coincident
        named = [(day, of.pt) for day in course.coincident] if of else []
        if course.sentinel is not None and self._sentinel is not None:
            named.append((course.sentinel, self._sentinel.pt))
        for number, (occurred, pt) in enumerate(named, 1):
            day = self._received(occurred)
            yield self._event(course, f"S{number}", occurred, day, endpoint=pt)

    def _values(self, course: Course) -> Iterator[ReportedOutcome]:
        of = self._platform.measured
        for number, (taken, value) in enumerate(course.values if of else (), 1):
            day = self._received(taken)
            record = Measurement(
                record_id=f"{course.patient_id}-M{number}",
                programme=course.programme.name,
                patient_id=course.patient_id,
                received_on=self._calendar[day],
                code=of.code if of else "",
                value=value,
                unit=of.unit if of else "",
                taken_on=self._calendar[taken],
            )
            yield ReportedOutcome(day, record)

    def _later(self, day: int) -> int:
        return day + 1 + int(self._rng.poisson(14))

    def _end(self, course: Course) -> Iterator[ReportedOutcome]:
        if course.died is not None:
            day = self._received(course.died)
            yield self._event(course, "D1", course.died, day, endpoint=DEATH)
            yield self._contact(course, "END", course.died, day, is_last=True)
        elif course.lost is not None:
            declared = course.lost + self._platform.lost_declared_after_days
            yield self._contact(course, "END", course.lost, self._received(declared), is_last=True)


def outcome_lines(
    rng: Generator, reported: Sequence[ReportedOutcome], mix: VersionMix
) -> Iterator[SimulatedLine]:
    """Write records, and the exact duplicates of some.

    Parameters
    ----------
    rng : Generator
    reported : sequence of ReportedOutcome
    mix : VersionMix
        Its share of exact duplicates, and how late they may be.

    Yields
    ------
    SimulatedLine
        In the order of `reported`; the caller sorts by arrival.
    """
    for day, record in reported:
        line, place = _encode(record), float(rng.random())
        yield SimulatedLine(day, place, line)
        if rng.random() < mix.exact_duplicates:
            yield SimulatedLine(day + int(rng.integers(0, mix.delay_days_max + 1)), place, line)


def standing(reported: Sequence[ReportedOutcome]) -> list[OutcomeRecord]:
    """Return the records that count: of each, the greatest version, if it is not nullified."""
    greatest: dict[str, OutcomeRecord] = {}
    for _, record in reported:
        known = greatest.get(record.record_id)
        if known is None or record.version > known.version:
            greatest[record.record_id] = record
    return [record for record in greatest.values() if not record.is_nullified]


def construct_truth(
    platform: Platform, of: Sequence[Course], reported: Sequence[ReportedOutcome]
) -> ConstructTruth:
    """Count events and time at risk in the records of one construct.

    Parameters
    ----------
    platform : Platform
    of : sequence of Course
        Patients of one construct.
    reported : sequence of ReportedOutcome
        Their records.

    Returns
    -------
    ConstructTruth
    """
    records = standing(reported)
    first, last = spans(records)
    days = sum((last[patient] - first[patient]).days for patient in first)
    rate = rate_kept(platform)
    events = [record for record in records if isinstance(record, EndpointEvent)]
    n_deaths = sum(event.endpoint == DEATH for event in events)
    return ConstructTruth(
        construct=of[0].construct.name,
        programme=of[0].programme.name,
        n_patients=len(first),
        person_days=days,
        n_events=sum(event.endpoint == ENDPOINT for event in events),
        n_deaths=n_deaths,
        n_lost=sum(isinstance(record, FollowUp) and record.is_last for record in records)
        - n_deaths,
        expected_events=round(rate * days / DAYS_PER_YEAR, 3),
    )


def rate_kept(platform: Platform) -> float:
    """Return the endpoint's events a patient-year under the approved effect.

    Parameters
    ----------
    platform : Platform
        With or without a natural history.
    """
    history = platform.natural_history
    return history.rate_per_patient_year * (1 - platform.reduction) if history else 0.0


def spans(records: Sequence[OutcomeRecord]) -> tuple[dict[str, date], dict[str, date]]:
    """Return, for each treated patient, the day of the first infusion and the last day seen."""
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    for record in records:
        match record:
            case TreatmentGiven(patient_id=patient, given_on=day):
                first[patient] = min(first.get(patient, day), day)
            case FollowUp(patient_id=patient, seen_on=day):
                pass
            case _:
                continue
        last[patient] = max(last.get(patient, day), day)
    return first, last
