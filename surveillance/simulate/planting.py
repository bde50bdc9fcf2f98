"""What was planted, in a form that lets a program decide whether it was found."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from surveillance.domain.outcome import EndpointEvent
from surveillance.domain.product import key
from surveillance.simulate.content import Calendar, Case
from surveillance.simulate.natural_history import DAYS_PER_YEAR
from surveillance.simulate.outcomes import (
    ENDPOINT,
    ReportedOutcome,
    rate_kept,
    spans,
    standing,
)
from surveillance.simulate.patients import Course
from surveillance.simulate.reactions import ENDPOINT_PT, ReportedReaction
from surveillance.simulate.scenario import Platform, Programme, Scenario, construct_of
from surveillance.simulate.truth import Association, Nulls, Planted

DISPROPORTIONALITY = ("evans", "ror", "ic")  # names in the shipped configuration `ucd`
SENTINEL = "sentinel_hepatic"
LIVER_FAILURE = "liver_failure_construct"  # of programmes.toml, in `aav`


LOST_EFFECT = ("effect_construct", "effect_programme")  # the same, of programmes.toml


def excess(
    scenario: Scenario, platform: Platform, cases: Sequence[ReportedReaction], expected: float
) -> Iterator[Planted]:
    """Describe what counts as finding the excess, if one was planted."""
    if scenario.excess is None:
        return
    planted = scenario.excess
    programme = next(p for p in platform.programmes if p.name == planted.programme)
    yield Planted(
        kind="excess",
        products=(
            key("programme", programme.name),
            key("product", programme.product),
            key("platform", platform.name),
        ),
        events=(key("pt", planted.pt),),
        criteria=DISPROPORTIONALITY,
        from_on=planted.from_on,
        size=planted.size,
        n_planted=sum(planted.pt in reported.planted for reported in cases),
        n_expected=round(expected, 3),
        found_when="a criterion is met for the programme, its product or the platform",
    )


def sentinel(
    scenario: Scenario, platform: Platform, cases: Sequence[ReportedReaction], calendar: Calendar
) -> Iterator[Planted]:
    """Describe what counts as finding the sentinel event, if one was planted."""
    if scenario.sentinel is None:
        return
    planted = scenario.sentinel
    programme = _programme_of(platform, planted.construct)
    reports = [reported.case for reported in cases if planted.pt in reported.planted]
    days = [case.first_day for case in reports]
    if planted.is_outcome:  # the registry may hear of it before the first report
        days = [(onset - calendar[0]).days for case in reports for onset in _onsets(case)]
    yield Planted(
        kind="sentinel",
        products=(
            key("construct", planted.construct),
            key("programme", programme.name),
            key("platform", platform.name),
        ),
        events=(key("group", "acute_hepatic_failure"), key("pt", planted.pt)),
        criteria=(SENTINEL, LIVER_FAILURE) if planted.is_outcome else (SENTINEL,),
        from_on=calendar[min(days)],
        size=1.0,
        n_planted=len(days),
        n_expected=0.0,
        found_when="the first case of the event in a treated patient is shown",
    )


def lost_effect(
    scenario: Scenario,
    platform: Platform,
    patients: Sequence[Course],
    records: Mapping[str, Sequence[ReportedOutcome]],
    calendar: Calendar,
) -> Iterator[Planted]:
    """Describe what counts as finding the lost effect, if one was planted."""
    if scenario.lost_effect is None:
        return
    planted = scenario.lost_effect
    level, products = _where(platform, planted.where)
    treated = [course for course in patients if is_treated_with(course, platform, planted.where)]
    if not treated:
        return
    first = min(course.infusions[0].day for course in treated)
    from_on = calendar[first + planted.after_days]
    stood = standing([reported for course in treated for reported in records[course.patient_id]])
    begun, seen = spans(stood)
    at_risk = sum(max((seen[who] - max(from_on, begun[who])), timedelta()).days for who in begun)
    rate = rate_kept(platform)
    yield Planted(
        kind="lost_effect",
        level=level,
        products=products,
        events=(key("pt", ENDPOINT),),  # the key in a watch's findings
        criteria=LOST_EFFECT,
        from_on=from_on,
        size=round(1 / (1 - platform.reduction), 3),
        n_planted=sum(
            isinstance(record, EndpointEvent)
            and record.endpoint == ENDPOINT
            and record.occurred_on >= from_on
            for record in stood
        ),
        n_expected=round(rate * at_risk / DAYS_PER_YEAR, 3),
        found_when="a watch of the construct or its programme crosses its boundary",
    )


def _onsets(case: Case) -> list[date]:
    return [event.onset_on for event in case.events if isinstance(event.onset_on, date)]


def _where(platform: Platform, where: str) -> tuple[str, tuple[str, ...]]:
    """Return the level of what carries a planted effect, and keys of what holds it."""
    if where == platform.name:
        return "platform", tuple(
            name
            for programme in platform.programmes
            for name in (
                *(key("construct", one.name) for one in programme.constructs),
                key("programme", programme.name),
            )
        )
    constructs = _constructs(platform)
    construct = construct_of(where, constructs)
    programme = _programme_of(platform, construct)
    level = "construct" if where in constructs else "lot"
    return level, (key("construct", construct), key("programme", programme.name))


def is_treated_with(course: Course, platform: Platform, where: str) -> bool:
    """Return whether a patient had the construct, the platform, or the lot at first.

    Parameters
    ----------
    course : Course
        The patient.
    platform : Platform
        The patient's.
    where : str
        Name of a construct, a lot, or the platform.
    """
    return where in {platform.name, course.construct.name, course.infusions[0].lot}


def nulls(scenario: Scenario, products: Sequence[str]) -> Nulls:
    """Return the products and constructs for which any finding is false."""
    constructs = [] if scenario.platform is None else _constructs(scenario.platform)
    planted: set[str] = set()
    if scenario.lost_effect and scenario.platform:
        planted = {*_where(scenario.platform, scenario.lost_effect.where)[1]}
    if scenario.sentinel and scenario.sentinel.is_outcome:  # a watch finds it there
        planted.add(key("construct", scenario.sentinel.construct))
    keys = (key("construct", name) for name in constructs)
    return Nulls(
        products=tuple(key("product", name) for name in products),
        constructs=tuple(name for name in keys if name not in planted),
        note=(
            "products: independent of every event by construction; "
            "constructs: the endpoint's mean rate is the approved one, and differs by patient"
        ),
    )


def associations(scenario: Scenario) -> Iterator[Association]:
    """Name the pairs of the platform that are neither planted nor null."""
    platform = scenario.platform
    if platform is None:
        return
    name = key("platform", platform.name)
    for reaction in platform.reactions:
        if scenario.excess is None or reaction.pt != scenario.excess.pt:
            yield Association(
                product=name, event=key("pt", reaction.pt), reason="reaction of the platform"
            )
    if platform.natural_history is not None:
        yield Association(product=name, event=key("pt", ENDPOINT_PT), reason="indication")
    if platform.coincident is not None:
        event = key("pt", platform.coincident.pt)
        yield Association(product=name, event=event, reason="stimulated reporting")


def _constructs(platform: Platform) -> list[str]:
    return [c.name for programme in platform.programmes for c in programme.constructs]


def _programme_of(platform: Platform, construct: str) -> Programme:
    return next(
        programme
        for programme in platform.programmes
        if construct in {c.name for c in programme.constructs}
    )
