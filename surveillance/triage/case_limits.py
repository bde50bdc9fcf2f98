"""Time limits of single cases: by when a report of a version is to be with an authority.

Pure. Whether the report was sent is not known here: a limit is a day, and not a breach.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from math import isnan
from typing import Literal

from msgspec import Struct

from surveillance.configuration.life_cycle import CaseClock
from surveillance.configuration.types import Configuration
from surveillance.domain.case import CaseVersion, Event, Seriousness
from surveillance.domain.names import upper
from surveillance.domain.product import key
from surveillance.triage.labels import Labels

Expectedness = Literal["unlisted", "listed", "unknown"]
SUSPECT = ("suspect", "interacting")
_NEWS = ("initial", "follow_up", "reinstatement")  # what brings information that starts a clock


class CaseLimit(Struct, frozen=True, kw_only=True):
    """A time limit of one version of a case, with what it rests on."""

    code: str
    jurisdiction: str
    citation: str
    day_0: date
    due_on: date  # the last day
    seriousness: Literal["serious", "not_stated", "non_serious"]
    expectedness: Expectedness  # as the sender states or by labels.csv, of the serious events


class CaseLimits:
    """Finds the time limits of versions of cases.

    Parameters
    ----------
    configuration : Configuration
        With the clocks, and the labels by which an event is listed.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._clocks = configuration.lifecycle.case_clocks
        self._labels = Labels(configuration)
        self._spelling = configuration.names.spelling

    def of(self, case: CaseVersion) -> tuple[CaseLimit, ...]:
        """Return the limits of a version, the first one first.

        Parameters
        ----------
        case : CaseVersion
            As it was received. A nullification and an amendment bring no new information. Where
            nothing is stated of seriousness, limits of serious cases apply; where no label is
            known, those of unlisted events.
        """
        if case.kind not in _NEWS:
            return ()
        found = [one for clock in self._clocks if (one := self._limit(clock, case)) is not None]
        return tuple(sorted(found, key=lambda one: (one.due_on, one.code)))

    def _limit(self, clock: CaseClock, case: CaseVersion) -> CaseLimit | None:
        day_0 = case.received_on
        seriousness = _seriousness(case.events)
        is_serious = seriousness != "non_serious"
        expectedness = self._expectedness(case, _urgent(case.events))
        if (
            is_serious != (clock.seriousness == "serious")
            or (clock.countries and case.country not in clock.countries)
            or (clock.unlisted_alone and expectedness == "listed")
            or day_0 < clock.applies_from
            or (clock.applies_until is not None and day_0 > clock.applies_until)
        ):
            return None
        return CaseLimit(
            code=clock.code,
            jurisdiction=clock.jurisdiction,
            citation=clock.citation,
            day_0=day_0,
            due_on=day_0 + timedelta(days=clock.limit),
            seriousness=seriousness,
            expectedness=expectedness,
        )

    def _expectedness(self, case: CaseVersion, events: Iterable[Event]) -> Expectedness:
        """Return the least expected of what suspect products and events make of each other."""
        products = [one.product for one in case.products if one.role in SUSPECT]
        flags = {self._flag(case, product, event) for event in events for product in products}
        if False in flags:
            return "unlisted"
        return "listed" if flags == {True} else "unknown"

    def _flag(self, case: CaseVersion, product: str, event: Event) -> bool | None:
        """Tell whether an event is listed: as the sender states, else by the label."""
        if event.is_expected is not None:
            return event.is_expected
        keys = key("product", upper(product)), key("pt", self._spelling.term(event.pt))
        found = self._labels.of(*keys, case.received_on).is_listed
        return None if isnan(found) else bool(found)


def _seriousness(events: Iterable[Event]) -> Literal["serious", "not_stated", "non_serious"]:
    held = list(events)
    if any(map(_is_serious, held)):
        return "serious"
    return "non_serious" if any(_is_stated(one.seriousness) for one in held) else "not_stated"


def _is_serious(one: Event) -> bool:
    return one.is_fatal or one.seriousness.is_serious


def _is_stated(one: Seriousness) -> bool:
    return any(
        value is not None
        for value in (
            one.death, one.life_threatening, one.hospitalisation, one.disabling,
            one.congenital_anomaly, one.other, one.intervention,
        )
    )  # fmt: skip


def _urgent(events: Iterable[Event]) -> list[Event]:
    """Return the serious events, or all where none is serious."""
    held = list(events)
    return [one for one in held if _is_serious(one)] or held
