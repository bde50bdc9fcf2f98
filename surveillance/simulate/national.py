"""From drafts of the background to cases with names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import NamedTuple

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
    Line,
    lines,
    narrative_hash,
)
from surveillance.simulate.scenario import Scenario
from surveillance.simulate.truth import MixCounts
from surveillance.simulate.versions import Step, draw

ID_PREFIX = "SIM-B-"


class _Standing(NamedTuple):
    """The last case that another may be a second report of."""

    case: Case


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

    def day(self, day: int, n: int) -> Iterator[Line]:
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
        onset_on = self._calendar[day - draft.onset_days]
        make = self._full if self._background.is_full else self._plain
        events, products = make(day, draft)
        return Case(
            case_id=case_id,
            first_day=day,
            country=vocabulary.COUNTRIES[draft.country],
            reporter=reporter,
            patient=_patient(draft.sex, draft.age_years),
            events=(_with_onset(events[0], onset_on), *events[1:]),
            products=products,
            assessments=(_assessment(draft.onset_days),) if self._background.is_full else (),
            other_ids=(f"{case_id}-LOCAL",) if self._background.is_full else (),
            narrative_sha256=narrative_hash(case_id) if self._background.is_full else None,
        )
