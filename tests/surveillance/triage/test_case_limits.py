"""Time limits of single cases: which run, from which day 0, to which last day."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from strategies import a_case, a_configuration

from surveillance.configuration.life_cycle import (
    CaseClock,
    LifeCycle,
    shipped,
    shipped_case_clocks,
)
from surveillance.configuration.types import KnownPair
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness
from surveillance.triage.case_limits import CaseLimits

DAY = date(2024, 2, 20)  # before a leap day
HOSPITAL, NOT_SERIOUS = Seriousness(hospitalisation=True), Seriousness(death=False)
LISTED = (KnownPair(product="P", event="Rash"),)
US, EU, EU_LATE = "us_15_day", "eu_15_day", "eu_90_day"


def version(seriousness: Seriousness = HOSPITAL, **changes: Any) -> CaseVersion:  # noqa: ANN401 - its fields
    event = Event(pt=changes.pop("pt", "Rash"), seriousness=seriousness, **changes.pop("event", {}))
    return a_case(**{"received_on": DAY, "events": (event,), **changes})


def limits(case: CaseVersion, **configured: Any) -> dict[str, date]:  # noqa: ANN401 - its fields
    found = CaseLimits(a_configuration(**configured)).of(case)
    return {one.code: one.due_on for one in found}


@pytest.mark.parametrize(
    ("case", "labels", "codes"),
    [
        (version(), (), {US, EU}),  # no label is known
        (version(pt="Fever"), LISTED, {US, EU}),
        (version(), LISTED, {EU}),
        (version(event={"is_expected": True}), (), {EU}),
        (version(event={"is_expected": False}), LISTED, {US, EU}),  # the sender knows better
        (version(NOT_SERIOUS, country="DE"), (), {EU_LATE}),
        (version(NOT_SERIOUS, country="US"), (), set()),
        (version(NOT_SERIOUS), (), set()),  # where it came from is not known
        (version(NOT_SERIOUS, event={"outcome": "fatal"}), (), {US, EU}),
        (version(Seriousness()), (), {US, EU}),  # nothing is stated
        (version(country="JP"), (), {US, EU}),
        (version(kind="follow_up", version=2), (), {US, EU}),
        (version(kind="amendment", version=2, reason="r"), (), set()),
        (version(received_on=date(2012, 7, 20)), (), {US}),
        (version(received_on=date(1998, 4, 5)), (), set()),
    ],
)
def test_a_version_has_the_limits_of_its_seriousness_expectedness_country_and_day(
    case: CaseVersion, labels: tuple[KnownPair, ...], codes: set[str]
) -> None:
    assert limits(case, labels=labels).keys() == codes


def test_a_nullification_starts_no_clock() -> None:
    case = a_case(version=2, kind="nullification", events=(), products=(), reason="a duplicate")

    assert limits(case) == {}


def test_day_0_is_that_of_the_latest_information_and_does_not_count() -> None:
    assert limits(version()) == {US: date(2024, 3, 6), EU: date(2024, 3, 6)}
    follow_up = version(kind="follow_up", version=2, first_received_on=date(2024, 1, 1))
    assert limits(follow_up)[EU] == date(2024, 3, 6)
    late = version(NOT_SERIOUS, country="FR")
    assert limits(late) == {EU_LATE: date(2024, 5, 20)}


def test_one_serious_event_that_is_not_listed_is_enough() -> None:
    events = (Event(pt="Rash", seriousness=HOSPITAL), Event(pt="Fever", seriousness=HOSPITAL))
    case = a_case(received_on=DAY, events=events)

    (us,) = (one for one in CaseLimits(a_configuration(labels=LISTED)).of(case) if one.code == US)

    assert (us.seriousness, us.expectedness) == ("serious", "unlisted")


def test_an_event_that_is_not_serious_makes_a_listed_serious_one_no_more_urgent() -> None:
    events = (Event(pt="Rash", seriousness=HOSPITAL), Event(pt="Fever", seriousness=NOT_SERIOUS))

    assert US not in limits(a_case(received_on=DAY, events=events), labels=LISTED)


def test_concomitant_products_are_not_what_an_event_is_listed_for() -> None:
    products = (
        Product(role="suspect", product="Q"), Product(role="concomitant", product="P"),
    )  # fmt: skip

    (us, _) = CaseLimits(a_configuration(labels=LISTED)).of(version(products=products))

    assert us.expectedness == "unknown"


def test_a_table_of_ones_own_replaces_the_clocks_that_ship() -> None:
    table = msgspec.structs.replace(shipped(), case_clock=())
    own = CaseClock(
        code="own", jurisdiction="JP", citation="a source", applies_from=date(2000, 1, 1),
        seriousness="serious", limit=7,
    )  # fmt: skip

    assert limits(version(), lifecycle=table) == {}
    table = msgspec.structs.replace(shipped(), case_clock=(own,))
    assert limits(version(), lifecycle=table) == {"own": date(2024, 2, 27)}


def test_every_clock_that_ships_states_its_source_and_the_day_it_applies_from() -> None:
    assert [one.code for one in shipped_case_clocks()] == [US, EU, EU_LATE]
    for one in shipped_case_clocks():
        assert any(law in one.citation for law in ("21 CFR", "Directive 2001/83/EC"))
        assert one.applies_from > date(1990, 1, 1)


def test_a_clock_that_is_given_twice_is_refused() -> None:
    one = (
        '[[case_clock]]\ncode = "c"\njurisdiction = "EU"\ncitation = "a source"\n'
        'applies_from = 2000-01-01\nseriousness = "serious"\nlimit = 15\n'
    )

    with pytest.raises(msgspec.ValidationError, match="case_clock"):
        msgspec.toml.decode(one * 2, type=LifeCycle)
