"""Cases about the treated: reactions to infusions, the endpoint itself, and what is planted."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from numpy.random import Generator

from surveillance.domain.case import Dose, Event, Patient, Product, Reporter, Seriousness
from surveillance.simulate.content import Calendar, Case
from surveillance.simulate.patients import Course, Infusion
from surveillance.simulate.scenario import Platform, Reaction, Scenario

ID_PREFIX = "SIM-P-"
ENDPOINT_PT = "Hyperammonaemia"
REPORT_LAG_DAYS = 14.0  # mean, from onset to first receipt; assumed
_COUNTRIES = ("US", "GB", "DE", "FR")  # where the platform is given; assumed
_REPORTERS: tuple[Reporter, ...] = ("physician", "physician", "physician", "other_professional")
_FATAL = Seriousness(death=True, life_threatening=True, hospitalisation=True)
_HOSPITAL = Seriousness(hospitalisation=True)


class Happened(NamedTuple):
    """One event of one patient."""

    pt: str
    onset: int
    seriousness: Seriousness
    is_expected: bool
    is_planted: bool  # the sentinel event, or a reaction while it is in excess

    @property
    def is_fatal(self) -> bool:
        """Whether the patient died of it."""
        return bool(self.seriousness.death)


class ReportedReaction(NamedTuple):
    """One case of one patient, and what of it was planted."""

    case: Case
    planted: tuple[str, ...]  # preferred terms


class Reports:
    """Reports what happens to the treated as cases.

    Parameters
    ----------
    rng : Generator
    scenario : Scenario
        With a platform.
    platform : Platform
    calendar : Calendar
    """

    def __init__(
        self, rng: Generator, scenario: Scenario, platform: Platform, calendar: Calendar
    ) -> None:
        self._rng, self._scenario, self._platform = rng, scenario, platform
        self._calendar = calendar
        self._n_cases = 0

    def report(self, course: Course) -> list[ReportedReaction]:
        """Return every case of a patient that is first received within the scenario."""
        reported = [self._case(course, group) for group in self._groups(course)]
        return [item for item in reported if item.case.first_day < self._scenario.days]

    def chance(self, course: Course, reaction: Reaction, given: Infusion) -> float:
        """Return how likely a reaction is after one infusion."""
        excess = self._scenario.excess
        is_more = self._is_in_excess(course, reaction.pt, given)
        return reaction.per_infusion * (excess.size if excess and is_more else 1)

    def expected(self, course: Course) -> float:
        """Return how many of the planted reactions there would be without the excess."""
        return sum(
            reaction.per_infusion
            for given in course.infusions
            for reaction in self._platform.reactions
            if self._is_in_excess(course, reaction.pt, given)
        )

    def _is_in_excess(self, course: Course, pt: str, given: Infusion) -> bool:
        excess = self._scenario.excess
        return (
            excess is not None
            and excess.pt == pt
            and excess.programme == course.programme.name
            and self._calendar[given.day] >= excess.from_on
        )

    def _groups(self, course: Course) -> Iterator[list[Happened]]:
        """Return what is reported together: the reactions to one infusion, or one event alone."""
        for given in course.infusions:
            group = list(self._reactions(course, given))
            if group:
                # an earlier version lacks the last events, so what is planted comes first
                yield sorted(group, key=lambda one: (not one.is_planted, one.onset, one.pt))
        for day in course.events:
            if self._rng.random() < self._platform.reported_events:
                yield [Happened(ENDPOINT_PT, day, _HOSPITAL, is_expected=True, is_planted=False)]
        yield from self._coincident(course)
        if course.sentinel is not None and self._scenario.sentinel is not None:
            pt = self._scenario.sentinel.pt
            yield [Happened(pt, course.sentinel, _FATAL, is_expected=False, is_planted=True)]
        elif course.died is not None:
            yield [Happened(ENDPOINT_PT, course.died, _FATAL, is_expected=True, is_planted=False)]

    def _coincident(self, course: Course) -> Iterator[list[Happened]]:
        """Return the events that come to anybody and are reported, more of them in publicity."""
        of = self._platform.coincident
        if of is None:
            return
        for day in course.coincident:
            is_after = of.publicity_on is not None and self._calendar[day] >= of.publicity_on
            if self._rng.random() < (of.reported_after if is_after else of.reported):
                yield [Happened(of.pt, day, _HOSPITAL, is_expected=False, is_planted=False)]

    def _reactions(self, course: Course, given: Infusion) -> Iterator[Happened]:
        until = self._scenario.days - 1 if course.died is None else course.died
        for reaction in self._platform.reactions:
            onset = given.day + int(self._rng.integers(0, reaction.onset_days_max + 1))
            is_serious, happens = self._rng.random(2).tolist()
            if happens >= self.chance(course, reaction, given) or onset > until:
                continue
            yield Happened(
                reaction.pt,
                onset,
                _HOSPITAL if is_serious < reaction.serious else Seriousness(),
                is_expected=reaction.is_listed,
                is_planted=self._is_in_excess(course, reaction.pt, given),
            )

    def _case(self, course: Course, group: Sequence[Happened]) -> ReportedReaction:
        self._n_cases += 1
        known = max(one.onset for one in group)
        if any(one.is_fatal for one in group) and course.died is not None:
            known = course.died
        case = Case(
            case_id=f"{ID_PREFIX}{self._n_cases:05d}",
            first_day=known + int(self._rng.poisson(REPORT_LAG_DAYS)),
            country=_COUNTRIES[int(self._rng.integers(len(_COUNTRIES)))],
            reporter=_REPORTERS[int(self._rng.integers(len(_REPORTERS)))],
            patient=_patient(course),
            events=tuple(self._event(one) for one in group),
            products=(self._product(course, known),),
        )
        return ReportedReaction(case, tuple(one.pt for one in group if one.is_planted))

    def _event(self, one: Happened) -> Event:
        return Event(
            pt=one.pt,
            onset_on=self._calendar[one.onset],
            seriousness=one.seriousness,
            outcome="fatal" if one.is_fatal else "recovered",
            is_expected=one.is_expected,
        )

    def _product(self, course: Course, until: int) -> Product:
        return Product(
            role="suspect",
            product=course.programme.product,
            platform=self._platform.name,
            programme=course.programme.name,
            construct=course.construct.name,
            doses=tuple(
                Dose(
                    start_on=self._calendar[given.day],
                    dose_number=given.number,
                    amount=given.mg_per_kg,
                    unit="mg/kg",
                    lot=given.lot,
                    route="intravenous",
                )
                for given in course.infusions
                if given.day <= until
            ),
        )


def _patient(course: Course) -> Patient:
    return Patient(
        sex="male" if course.is_male else "female",
        age_years=course.age_years,
        gene=course.programme.gene,
        variant=f"{course.construct.name}-VARIANT",
    )
