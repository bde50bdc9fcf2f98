"""From drafts of the background to cases with names."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from numpy.random import Generator

from surveillance.domain.case import Assessment, Dose, Event, Outcome, Patient, Product
from surveillance.simulate import vocabulary
from surveillance.simulate.background import REPORTERS, ROLES, SEXES, Draft, drafts, tables
from surveillance.simulate.content import (
    FATAL,
    OUTCOMES,
    SERIOUSNESS,
    Calendar,
    Case,
    SimulatedLine,
    lines,
    narrative_hash,
)
from surveillance.simulate.scenario import Scenario
from surveillance.simulate.truth import MixCounts
from surveillance.simulate.versions import VersionStep, draw

ID_PREFIX = "SIM-B-"


class National:
    """The background stream of a scenario, one day at a time.

    Parameters
    ----------
    rng : Generator
    scenario : Scenario
    calendar : Calendar
    counts : MixCounts
        Added to.
    """

    def __init__(
        self, rng: Generator, scenario: Scenario, calendar: Calendar, counts: MixCounts
    ) -> None:
        self._rng, self._background, self._mix = rng, scenario.background, scenario.mix
        self._calendar, self._counts = calendar, counts
        self._tables = tables(rng, scenario.background)
        self._products = vocabulary.products(scenario.background.n_products)
        self._terms = vocabulary.terms(scenario.background.n_terms)
        self._ids = count(1)

    @property
    def nulls(self) -> tuple[str, ...]:
        """Names of the products that no event is associated with."""
        return tuple(
            name
            for name, is_null in zip(self._products, self._tables.is_null.tolist(), strict=True)
            if is_null
        )

    def day(self, day: int, n: int) -> Iterator[SimulatedLine]:
        """Make the `n` cases first received on a day, with all their later versions."""
        mix = self._mix
        plans = draw(self._rng, n, mix, nullified=mix.nullified, reinstated=mix.reinstated)
        drawn = drafts(self._rng, n, self._background, self._tables, mix.duplicate_links)
        another: Case | None = None  # a standing case of the day, to be reported twice
        # `plans` draws all its numbers before `drawn` does: the order is part of the seed
        for steps, draft in zip(list(plans), drawn, strict=True):
            case = self._case(day, draft, another)
            if case.duplicate_of is None and _is_standing(steps):
                another = case
            yield from lines(case, steps, self._calendar, self._counts)

    def _case(self, day: int, draft: Draft, another: Case | None) -> Case:
        case_id = f"{ID_PREFIX}{next(self._ids):08d}"
        reporter = REPORTERS[draft.reporter]
        if draft.is_second_report and another is not None:
            return another._replace(
                case_id=case_id, reporter=reporter, duplicate_of=another.case_id
            )
        is_full = self._background.is_full
        events, products = self._full(day, draft) if is_full else self._plain(day, draft)
        return Case(
            case_id=case_id,
            first_day=day,
            country=vocabulary.COUNTRIES[draft.country],
            reporter=reporter,
            patient=_patient(draft.sex, draft.age_years),
            events=events,
            products=products,
            assessments=_assessment(draft.onset_days) if is_full else (),
            other_ids=(f"{case_id}-LOCAL",) if is_full else (),
            narrative_sha256=narrative_hash(case_id) if is_full else None,
        )

    def _plain(self, day: int, draft: Draft) -> tuple[tuple[Event, ...], tuple[Product, ...]]:
        first, *others = draft.events
        leading = Event(
            pt=self._terms[first],
            onset_on=self._calendar[day - draft.onset_days],
            seriousness=SERIOUSNESS[draft.seriousness],
            outcome=_outcome(draft),
        )
        events = (leading, *[_event(self._terms[term]) for term in others])
        names = zip(draft.products, draft.roles, strict=False)  # more roles than products
        return events, tuple([_product(self._products[item], role) for item, role in names])

    def _full(self, day: int, draft: Draft) -> tuple[tuple[Event, ...], tuple[Product, ...]]:
        onset_on = self._calendar[day - draft.onset_days]
        events = tuple(
            Event(
                pt=self._terms[term],
                event_id=f"e{place}",
                verbatim=self._terms[term].lower(),
                llt=self._terms[term],
                onset_on=onset_on,
                seriousness=SERIOUSNESS[draft.seriousness],
                outcome=_outcome(draft),
            )
            for place, term in enumerate(draft.events, 1)
        )
        started_on = self._calendar[day - 2 * draft.onset_days]
        products = tuple(
            Product(
                role=ROLES[role],
                product=self._products[item],
                substances=(f"simulated substance {item + 1:04d}",),
                doses=(
                    Dose(
                        start_on=started_on,
                        end_on=onset_on,
                        dose_number=1,
                        amount=10.0 + item % 90,
                        unit="mg",
                        lot=f"L{item:04d}-{draft.onset_days % 8}",
                        route="oral",
                    ),
                ),
                action_taken="withdrawn" if role == 0 else "unchanged",
            )
            for item, role in zip(draft.products, draft.roles, strict=False)
        )
        return events, products


def _is_standing(steps: tuple[VersionStep, ...]) -> bool:
    return steps[-1].kind != "nullification"


def _outcome(draft: Draft) -> Outcome:
    if draft.seriousness == FATAL:
        return "fatal"
    return OUTCOMES[int(draft.outcome * len(OUTCOMES))]


@lru_cache(maxsize=4_096)
def _event(pt: str) -> Event:
    return Event(pt=pt)


@lru_cache(maxsize=16_384)
def _product(name: str, role: int) -> Product:
    return Product(role=ROLES[role], product=name)


@lru_cache(maxsize=1_024)
def _patient(sex: int, age_years: float) -> Patient:
    return Patient(sex=SEXES[sex], age_years=age_years)


@lru_cache(maxsize=1_024)
def _assessment(onset_days: int) -> tuple[Assessment, ...]:
    return (
        Assessment(
            product=0,
            event=0,
            onset_days=onset_days,
            dechallenge="unknown",
            rechallenge="not_done",
            causality="possible",
        ),
    )
