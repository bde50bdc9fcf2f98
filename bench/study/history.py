"""One simulated history of a cell: outcome records, looked at as `watch` looks, without a log.

Evidence of an event's excess rises when an event, or an end of follow-up, is received; so the
looks are on those days. The rate of natural history that the watches are given is drawn too: it
is what 63 other patients would have shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace
from numpy.random import PCG64, Generator, SeedSequence

from bench.study.cells import Cell
from surveillance.configuration.programmes import (
    Excess,
    Level,
    LostEffect,
    Programme,
    Programmes,
    Sentinel,
    Visits,
)
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.finding import Look
from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord
from surveillance.programmes import biomarkers, carriers, listed_events, lost_effect, visits
from surveillance.programmes.histories import DAYS_A_YEAR, History, histories_of
from surveillance.programmes.looking import Member, Occasion
from surveillance.simulate.content import Calendar
from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.outcomes import Registry, ReportedOutcome
from surveillance.simulate.patients import Course, courses
from surveillance.simulate.planting import is_treated_with
from surveillance.simulate.scenario import Platform


@cache
def shipped() -> Programmes:
    """Return the programmes of the configuration `ucd`."""
    return read_configuration(SHIPPED / "ucd").programmes


class Alarm(Struct):
    """The first crossing of one unit by one design."""

    criterion: str
    product: str
    programme: str
    day: int
    patient_years: float  # at risk until then
    lost_years: float  # of these, since the effect was lost
    is_true: bool  # the unit holds patients who had lost it
    level: str = ""  # that is named as the one that carries it
    background_probability: float | None = None


class Drawn(Struct):
    """What came of one history."""

    cell: str
    seed: int
    n_programmes: int
    alarms: list[Alarm]
    n_series: int = 0  # of a biomarker with a baseline
    lost_years: float = 0.0  # since the effect was lost, in all


def draw(cell: Cell, seed: int) -> Drawn:
    """Draw a history and look at it.

    Parameters
    ----------
    cell : Cell
    seed : int
        The same cell and seed give the same history.
    """
    return _Drawing(cell, seed).drawn()


class _Drawing:
    def __init__(self, cell: Cell, seed: int) -> None:
        platform = cell.scenario.platform
        if platform is None:
            raise ValueError(f"{cell.name}: has no platform")
        rng = Generator(PCG64(SeedSequence([seed, crc32(cell.name.encode())])))
        self.cell, self.seed, self.platform = cell, seed, platform
        self.has_named = False  # the level is named at the first crossing of a history
        self.programmes = with_a_drawn_history(rng, shipped())
        self.calendar = Calendar(cell.scenario.from_on)
        self.courses = courses(rng, cell.scenario, platform)
        of = cell.scenario
        registry = Registry(rng, platform, self.calendar, of.days, of.sentinel)
        self.reported: dict[str, list[ReportedOutcome]] = defaultdict(list)
        for course in self.courses:
            self.reported[course.programme.name] += registry.report(course)

    def drawn(self) -> Drawn:
        found = Drawn(self.cell.name, self.seed, len(self.platform.programmes), [])
        for name in self.reported:
            programme = self.programmes.of(name)
            if programme is None:
                raise ValueError(f"{name}: is not configured")
            found.alarms += _Walk(self, programme).alarms()
            last = self._histories(name, self.cell.scenario.days)
            found.n_series += sum(len(one.measurements) > N_BASELINE for one in last.values())
        found.lost_years = self.lost_years(None, self.cell.scenario.days)
        return found

    def _histories(self, programme: str, day: int) -> dict[str, History]:
        return histories_of(standing_by(self.reported[programme], day))

    def members(self, day: int) -> tuple[Member, ...]:
        """Return every programme of the platform as it was known on a day."""
        named = [(self.programmes.of(name), name) for name in self.reported]
        return tuple(Member(one, self._histories(name, day)) for one, name in named if one)

    def lost_years(self, product: str | None, day: int) -> float:
        """Return patient-time since the effect was lost, of a unit or of all."""
        lost = self.cell.scenario.lost_effect
        if lost is None:
            return 0.0
        days = 0
        for course in self.courses:
            if not is_treated_with(course, self.platform, lost.where):
                continue
            if product is None or product in _units(course, self.platform):
                until = min(day, course.died or day, course.lost or day)
                days += max(0, until - course.infusions[0].day - lost.after_days)
        return days / DAYS_A_YEAR


N_BASELINE = 3


def _units(course: Course, platform: Platform) -> set[str]:
    return {
        f"construct:{course.construct.name}",
        f"programme:{course.programme.name}",
        f"platform:{platform.name}",
    }


class _Walk:
    """The looks at one programme, day by day."""

    def __init__(self, drawing: _Drawing, programme: Programme) -> None:
        self.drawing, self.programme = drawing, programme
        # Every death is looked at, and deaths come to the untreated too: nothing to count here.
        self.designs = {
            name: drawing.programmes.design[name] for name in programme.designs if name != "death"
        }
        self.open = set(self.designs)
        self.found: dict[tuple[str, str], Alarm] = {}
        self.reported = drawing.reported[programme.name]

    def alarms(self) -> list[Alarm]:
        for day in sorted({day for day, record in self.reported if self._can_raise(record)}):
            if not self.open & {"effect", "liver_failure", "seizure"}:
                break
            self._look(day, (LostEffect, Excess, Sentinel))
        # A crossing of a series stays, and visits are counted: one look at the end shows all.
        self._look(self.drawing.cell.scenario.days, (Level, Visits))
        return list(self.found.values())

    def _look(self, day: int, kinds: tuple[type, ...]) -> None:
        records = standing_by(self.reported, day)
        patients = histories_of(records)
        for name, design in self.designs.items():
            if not isinstance(design, kinds) or name not in self.open:
                continue
            occasion = self._occasion(name, day, patients)
            looks = list(_looks(design, occasion, self.drawing.programmes))
            for look in looks:
                if look.is_crossing:
                    self._note(look, day, design, occasion)
            if self._have_all_crossed(looks):
                self.open.discard(name)

    def _level(self, design: LostEffect, occasion: Occasion, look: Look) -> str:
        """Return what is named as carrying a loss: a lot where lots are what differs."""
        named = lost_effect.attributed(design, occasion)
        if named is not None or self.drawing.cell.name != "lot-effect":
            return named[0] if named else ""
        said = next(carriers.of_doses(design, occasion, look), "lots: one")
        return said.split(" most")[0] if said.startswith("lot ") else "all lots"

    def _can_raise(self, record: OutcomeRecord) -> bool:
        """Return whether a record can raise evidence: an end takes time at risk back."""
        is_end = isinstance(record, FollowUp) and record.is_last and "effect" in self.designs
        return is_end or (isinstance(record, EndpointEvent) and not record.is_nullified)

    def _have_all_crossed(self, looks: list[Look]) -> bool:
        """Return whether every unit of a design that can ever be looked at has crossed."""
        n_treated = len({c.construct.name for c in self.drawing.courses
                         if c.programme.name == self.programme.name})  # fmt: skip
        units = {(look.criterion, look.product) for look in looks if not look.patient_id}
        n_constructs = sum(product.startswith("construct:") for _, product in units)
        return bool(units) and units <= set(self.found) and n_constructs in {0, n_treated}

    def _occasion(self, design: str, day: int, patients: dict[str, History]) -> Occasion:
        of = self.drawing
        schedule = (one for one in self.designs.values() if isinstance(one, Visits))
        return Occasion(
            on=of.calendar[day],
            epoch=day,
            name=design,
            own=Member(self.programme, patients),
            members=partial(of.members, day),
            history=of.programmes.natural_history[self.programme.natural_history],
            visits=next(schedule, None),
        )

    def _note(self, look: Look, day: int, design: object, occasion: Occasion) -> None:
        place = look.criterion, f"{look.product} {look.patient_id}".rstrip()
        if place in self.found:
            return
        level = ""
        if isinstance(design, LostEffect) and not self.drawing.has_named:
            level = self._level(design, occasion, look)
            self.drawing.has_named = True
        lost_years = self.drawing.lost_years(look.product, day)
        self.found[place] = Alarm(
            criterion=look.criterion,
            product=place[1],
            programme=self.programme.name,
            day=day,
            patient_years=look.person_days / DAYS_A_YEAR,
            lost_years=lost_years,
            is_true=lost_years > 0 and look.family == "effectiveness",
            level=level,
            background_probability=look.background_probability,
        )


def _looks(design: Any, occasion: Occasion, programmes: Programmes) -> Iterator[Look]:  # noqa: ANN401 - any design
    match design:
        case LostEffect():
            yield from lost_effect.looks(design, occasion)
        case Excess():
            yield from listed_events.excess_looks(design, occasion)
        case Sentinel():
            yield from listed_events.sentinel_looks(design, occasion)
        case Level():
            yield from biomarkers.looks(design, programmes.biomarker[design.code], occasion)
        case Visits():
            yield from visits.looks(design, occasion)


def standing_by(reported: Sequence[ReportedOutcome], day: int) -> list[OutcomeRecord]:
    """Return the records that stand on a day.

    Parameters
    ----------
    reported : sequence of ReportedOutcome
        Of one programme.
    day : int
        What is received later is not known.
    """
    greatest: dict[str, OutcomeRecord] = {}
    for received, record in reported:
        if received <= day:
            known = greatest.get(record.record_id)
            if known is None or record.version > known.version:
                greatest[record.record_id] = record
    return [record for record in greatest.values() if not record.is_nullified]


def with_a_drawn_history(rng: Generator, programmes: Programmes) -> Programmes:
    """Return programmes whose natural history is what 63 drawn patients showed.

    Parameters
    ----------
    rng : Generator
    programmes : Programmes
        As they ship.
    """
    n, years = UREA_CYCLE.events.n, UREA_CYCLE.events_years
    own = rng.gamma(UREA_CYCLE.dispersion, 1 / UREA_CYCLE.dispersion, n)
    events = int(rng.poisson(UREA_CYCLE.rate_per_patient_year * years * own).sum())
    rate = max(events, 0.5) / (n * years)
    histories = {
        name: replace(
            one,
            endpoint={
                endpoint: tuple(replace(s, rate_per_patient_year=rate) for s in strata)
                for endpoint, strata in one.endpoint.items()
            },
        )
        for name, one in programmes.natural_history.items()
    }
    return replace(programmes, natural_history=histories)
