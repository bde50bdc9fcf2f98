"""The courses of a platform's patients: infusions, visits, events, deaths, losses.

Time at risk begins with the first infusion and is known up to the last contact. Every endpoint
event is a contact; so is every infusion. After a death or a loss nothing more is seen.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from surveillance.simulate.natural_history import DAYS_PER_YEAR, NaturalHistory
from surveillance.simulate.scenario import Construct, LostEffect, Platform, Programme, Scenario

YEARS_BEFORE_MAX = (
    1.5  # in which events before the first dose are known: that of the published figure
)
LEAST_FACTOR = 1e-3  # of a patient's own rate, where time to loss is divided by it
SENTINEL_LEAD_DAYS = 60  # the sentinel patient is treated so soon after the scenario begins


class Infusion(NamedTuple):
    """One dose given."""

    day: int  # after the scenario begins
    number: int
    mg_per_kg: float
    lot: str


class Course(NamedTuple):
    """One patient's true course, from first infusion to the end, and how far it was seen."""

    patient_id: str
    programme: Programme
    construct: Construct
    is_male: bool
    age_years: float
    infusions: tuple[Infusion, ...]
    visits: tuple[int, ...]  # days
    events: tuple[int, ...]  # days of hyperammonaemic events
    died: int | None
    lost: int | None  # last contact before the patient was lost
    sentinel: int | None  # day of onset
    n_before: int  # events counted before the first dose
    days_before: int  # in so many days
    coincident: tuple[int, ...] = ()  # days of events that come to anybody
    values: tuple[tuple[int, float], ...] = ()  # of what is measured: day and value
    effect: tuple[float, ...] = ()  # what is left of the untreated rate, by day from first dose

    @property
    def last_seen(self) -> int:
        """The day up to which time at risk is known."""
        contacts = [*self.visits, *self.events, *(given.day for given in self.infusions)]
        return max(contacts) if self.died is None else self.died


def own_factor(rng: Generator, history: NaturalHistory) -> float:
    """Draw the ratio of a patient's own event rate to the mean: gamma with mean 1."""
    return float(rng.gamma(history.dispersion, 1 / history.dispersion))


def events_by_day(
    rng: Generator,
    history: NaturalHistory,
    remaining: np.ndarray[tuple[int], np.dtype[np.float64]],
    own: float | None = None,
) -> list[int]:
    """Draw the days of one patient's hyperammonaemic events.

    Parameters
    ----------
    rng : Generator
    history : NaturalHistory
    remaining : ndarray, shape (n_days,)
        What the therapy leaves of the untreated rate on each day, in [0, 1].
    own : float, optional
        The patient's own factor; drawn if absent.

    Returns
    -------
    list of int
        Places in `remaining`, one for each event. Given the patient's own rate the count is
        Poisson; over patients it is negative binomial.
    """
    own = own_factor(rng, history) if own is None else own
    per_day = own * history.rate_per_patient_year / DAYS_PER_YEAR * remaining
    days: list[int] = np.repeat(np.arange(len(remaining)), rng.poisson(per_day)).tolist()
    return days


def remaining_rate(
    reduction: float, n_days: int, lost: LostEffect | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return what is left of the untreated rate on each day after the first infusion.

    Parameters
    ----------
    reduction : float
        In [0, 1]; holds from the first day.
    n_days : int
    lost : LostEffect or None
        Where the effect is lost: when, and how fast.

    Returns
    -------
    ndarray, shape (n_days,)

    Examples
    --------
    >>> remaining_rate(0.75, 2, None).tolist()
    [0.25, 0.25]
    """
    kept = np.ones(n_days)
    if lost is not None:
        since = np.arange(n_days) - lost.after_days
        kept = np.clip(1 - since / lost.over_days, 0, 1)
    return 1 - reduction * kept


def courses(rng: Generator, scenario: Scenario, platform: Platform) -> list[Course]:
    """Draw every patient of the platform.

    Parameters
    ----------
    rng : Generator
    scenario : Scenario
    platform : Platform

    Returns
    -------
    list of Course
        In the order of programmes and constructs.
    """
    drawn: list[Course] = []
    for programme in platform.programmes:
        for construct in programme.constructs:
            for place in range(construct.n_patients):
                patient_id = f"SIM-PAT-{len(drawn) + 1:03d}"
                drawn.append(
                    _Patient(rng, scenario, platform, programme, construct).course(
                        patient_id, place
                    )
                )
    return drawn


class _Patient:
    """Draws one course; the order of the draws is part of the seed."""

    def __init__(
        self,
        rng: Generator,
        scenario: Scenario,
        platform: Platform,
        programme: Programme,
        construct: Construct,
    ) -> None:
        self._rng, self._days, self._platform = rng, scenario.days, platform
        self._programme, self._construct = programme, construct
        lost, sentinel = scenario.lost_effect, scenario.sentinel
        self._lost = lost if lost and lost.where in {construct.name, platform.name} else None
        self._bad_lot = lost if lost and lost.where.startswith(f"{construct.name}-L") else None
        self._sentinel = sentinel if sentinel and sentinel.construct == construct.name else None

    def course(self, patient_id: str, place: int) -> Course:
        is_sentinel = self._sentinel is not None and place == 0
        first = self._first_dose(is_sentinel=is_sentinel)
        age = round(float(self._rng.uniform(*self._platform.age_at_first_dose)), 1)
        # OTC deficiency is X-linked: with neonatal onset the patients are boys
        is_male = bool(self._rng.random() < 0.5) or self._programme.gene == "OTC"  # noqa: PLR2004 - a half
        planned = self._planned(first)
        died, gone = self._ends(first, is_sentinel=is_sentinel)
        until = min(self._days - 1, died, gone)
        lost = self._lost_with(planned)
        remaining = remaining_rate(self._platform.reduction, until - first + 1, lost)
        history = self._platform.natural_history
        n_before = days_before = 0
        events: list[int] = []
        if history is not None:
            own = own_factor(self._rng, history)
            days_before = int(min(age, YEARS_BEFORE_MAX) * DAYS_PER_YEAR)
            before = own * history.rate_per_patient_year * days_before / DAYS_PER_YEAR
            n_before = int(self._rng.poisson(before))
            if self._platform.loss_follows_events:
                gone = first + 1 + int((gone - first - 1) / max(own, LEAST_FACTOR))
                until = min(until, gone)
            remaining = self._under_care(first, remaining[: until - first + 1])
            events = [first + day for day in events_by_day(self._rng, history, remaining, own)]
        infusions = tuple(given for given in planned if given.day <= until)
        visits = self._visits(first, until)
        seen = max(*events, *visits, *(given.day for given in infusions), first)
        coincident = self._coincident(first, until)
        return Course(
            patient_id=patient_id,
            programme=self._programme,
            construct=self._construct,
            is_male=is_male,
            age_years=age,
            infusions=infusions,
            visits=visits,
            events=tuple(events),
            died=died if died == until else None,
            lost=seen if gone == until and gone != died else None,
            sentinel=first + self._sentinel.after_days if self._sentinel and is_sentinel else None,
            n_before=n_before,
            days_before=days_before,
            coincident=coincident,
            values=self._values(first, visits, lost),
            effect=tuple(remaining.tolist()),
        )

    def _lost_with(self, planned: list[Infusion]) -> LostEffect | None:
        bad = self._bad_lot
        return bad if bad and planned[0].lot == bad.where else self._lost

    def _under_care(
        self, first: int, remaining: np.ndarray[tuple[int], np.dtype[np.float64]]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        ratio = self._platform.care_ratio_a_year
        years = (first + np.arange(len(remaining))) / DAYS_PER_YEAR
        return remaining if ratio == 1 else remaining * ratio**years

    def _coincident(self, first: int, until: int) -> tuple[int, ...]:
        of = self._platform.coincident
        if of is None:
            return ()
        n = self._rng.poisson(of.per_patient_year * (until - first + 1) / DAYS_PER_YEAR)
        return tuple(sorted(self._rng.integers(first, until + 1, n).tolist()))

    def _values(
        self, first: int, visits: tuple[int, ...], lost: LostEffect | None
    ) -> tuple[tuple[int, float], ...]:
        """Measure at every visit: the logarithm moves with the effect, unless it holds."""
        of = self._platform.measured
        if of is None or not visits:
            return ()
        moving = None if lost and lost.biomarker_holds else lost
        left = remaining_rate(1.0, max(visits) - first + 1, moving)  # 0 under the full effect
        span = np.log(of.untreated / of.treated)
        own = self._rng.normal(np.log(of.treated), of.between_sd)
        chance = self._rng.normal(0.0, of.within_sd, len(visits))
        return tuple(
            (day, round(float(np.exp(own + span * left[max(day - first, 0)] + error)), 1))
            for day, error in zip(visits, chance, strict=True)
        )

    def _first_dose(self, *, is_sentinel: bool) -> int:
        enrolment = (self._lost and self._lost.enrolment_days) or self._platform.enrolment_days
        day = int(self._rng.integers(0, enrolment))
        return SENTINEL_LEAD_DAYS if is_sentinel else day

    def _planned(self, first: int) -> list[Infusion]:
        doses = self._platform.doses_mg_per_kg
        days = [first + number * self._platform.dose_gap_days for number in range(len(doses))]
        has_later, later = self._rng.random(), int(self._rng.integers(182, 366))
        if has_later < self._platform.later_dose:
            days.append(first + later)
            doses = (*doses, doses[-1])
        return [
            Infusion(day, number, dose, self._lot(day))
            for number, (day, dose) in enumerate(zip(days, doses, strict=True), 1)
        ]

    def _lot(self, day: int) -> str:
        return f"{self._construct.name}-L{day // self._platform.lot_days + 1}"

    def _ends(self, first: int, *, is_sentinel: bool) -> tuple[int, int]:
        """Return the days of death and of loss; both may lie after the scenario."""
        history = self._platform.natural_history
        deaths = history.deaths_per_patient_year if history else 0.0
        rates = (deaths, self._platform.lost_per_patient_year)
        died, gone = (
            first + 1 + int(self._rng.exponential(DAYS_PER_YEAR / rate)) if rate else self._days
            for rate in rates
        )
        if self._sentinel and is_sentinel:
            return first + self._sentinel.after_days + self._sentinel.fatal_after_days, self._days
        return died, gone

    def _visits(self, first: int, until: int) -> tuple[int, ...]:
        planned = range(
            first + self._platform.visit_gap_days, self._days, self._platform.visit_gap_days
        )
        jitter = self._rng.integers(-10, 11, len(planned)).tolist()
        is_kept = (self._rng.random(len(planned)) >= self._platform.missed_visits).tolist()
        days = [day + off for day, off, kept in zip(planned, jitter, is_kept, strict=True) if kept]
        return tuple(day for day in days if day <= until)
