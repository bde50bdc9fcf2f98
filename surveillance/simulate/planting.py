"""What was planted, in a form that lets a program decide whether it was found."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from surveillance.domain.outcome import EndpointEvent
from surveillance.domain.product import key
from surveillance.simulate.content import Calendar
from surveillance.simulate.natural_history import DAYS_PER_YEAR
from surveillance.simulate.outcomes import ENDPOINT, ReportedOutcome, spans, standing
from surveillance.simulate.patients import Course
from surveillance.simulate.reactions import ENDPOINT_PT, ReportedReaction
from surveillance.simulate.scenario import Platform, Programme, Scenario
from surveillance.simulate.truth import Association, Nulls, Planted

DISPROPORTIONALITY = ("evans", "ror", "ic")  # names in the shipped configuration `ucd`
SENTINEL = "sentinel_hepatic"


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
    days = [reported.case.first_day for reported in cases if planted.pt in reported.planted]
    yield Planted(
        kind="sentinel",
        products=(
            key("construct", planted.construct),
            key("programme", programme.name),
            key("platform", platform.name),
        ),
        events=(key("group", "acute_hepatic_failure"), key("pt", planted.pt)),
        criteria=(SENTINEL,),
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
    programme = _programme_of(platform, planted.construct)
    treated = [course for course in patients if course.construct.name == planted.construct]
    first = min(course.infusions[0].day for course in treated)
    from_on = calendar[first + planted.after_days]
    stood = standing([reported for course in treated for reported in records[course.patient_id]])
    begun, seen = spans(stood)
    at_risk = sum(max((seen[who] - max(from_on, begun[who])), timedelta()).days for who in begun)
    rate = platform.natural_history.rate_per_patient_year * (1 - platform.reduction)
    yield Planted(
        kind="lost_effect",
        products=(key("construct", planted.construct), key("programme", programme.name)),
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


def nulls(scenario: Scenario, products: Sequence[str]) -> Nulls:
    """Return the products and constructs for which any finding is false."""
    lost = scenario.lost_effect.construct if scenario.lost_effect else None
    constructs = [] if scenario.platform is None else _constructs(scenario.platform)
    return Nulls(
        products=tuple(key("product", name) for name in products),
        constructs=tuple(key("construct", name) for name in constructs if name != lost),
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
    yield Association(product=name, event=key("pt", ENDPOINT_PT), reason="indication")


def _constructs(platform: Platform) -> list[str]:
    return [c.name for programme in platform.programmes for c in programme.constructs]


def _programme_of(platform: Platform, construct: str) -> Programme:
    return next(
        programme
        for programme in platform.programmes
        if construct in {c.name for c in programme.constructs}
    )
