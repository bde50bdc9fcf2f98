"""Sections D, E and F of an E2B(R3) message: patient, reactions, tests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from surveillance.domain.case import N_EVENTS_MAX, Event, Patient, Seriousness, TestResult
from surveillance.domain.case_detail import AgeGroup, Condition, Death, Parent, PastDrug
from surveillance.domain.values import Coded
from surveillance.intake.e2b_r3_nodes import (
    MEDDRA,
    child,
    children,
    descendants,
    observations,
    observed,
    root_of,
    span,
    values,
)
from surveillance.intake.hl7 import Part, years
from surveillance.intake.ich_codes import SEXES

if TYPE_CHECKING:
    from datetime import date

    from surveillance.domain.case import Outcome, Qualifier, TestCode
    from surveillance.domain.values import Quantity, Sex
    from surveillance.intake.e2b_r3_nodes import Observed
    from surveillance.intake.xml_parts import Element

N_TESTS_MAX = 1_000
N_HISTORY_MAX = 200
N_CAUSES_MAX = 50
_N_NAME = 250
_AGE_GROUPS: dict[str, AgeGroup] = {
    "0": "foetus",
    "1": "neonate",
    "2": "infant",
    "3": "child",
    "4": "adolescent",
    "5": "adult",
    "6": "elderly",
}
_OUTCOMES: dict[str, Outcome] = {
    "1": "recovered",
    "2": "recovering",
    "3": "not_recovered",
    "4": "sequelae",
    "5": "fatal",
    "0": "unknown",
}
_CRITERIA = {  # E.i.3.2 by observation code
    "34": ("death", "E.i.3.2a"),
    "21": ("life_threatening", "E.i.3.2b"),
    "33": ("hospitalisation", "E.i.3.2c"),
    "35": ("disabling", "E.i.3.2d"),
    "12": ("congenital_anomaly", "E.i.3.2e"),
    "26": ("other", "E.i.3.2f"),
    "7": ("intervention", "FDA.E.i.3.2h"),
}
_RESULTS: dict[str, TestCode] = {
    "1": "positive",
    "2": "negative",
    "3": "borderline",
    "4": "inconclusive",
}


class Section(NamedTuple):
    """What the observations of a patient are, sorted by what they state."""

    observations: dict[str, list[Observed]]  # by code
    organizers: dict[str, list[Element]]  # by code: 1 history, 2 past drugs, 3 tests, 4 drugs

    def organized(self, code: str, name: str) -> list[Element]:
        """Return what the organizers of a code hold under a name."""
        organizers = self.organizers.get(code, ())
        return [node for each in organizers for node in descendants(each, "component", name)]


def section(holder: Element) -> Section:
    """Sort what stands below a patient or parent."""
    found: dict[str, list[Observed]] = {}
    organizers: dict[str, list[Element]] = {}
    for relation in holder.iterchildren("subjectOf2"):
        one = observed(relation)
        if one is None:
            continue
        if one.node.tag == "organizer":
            organizers.setdefault(one.code, []).append(one.node)
        else:
            found.setdefault(one.code, []).append(one)
    return Section(found, organizers)


def _first(found: Section, code: str) -> Element | None:
    return next((one.value for one in found.observations.get(code, ())), None)


def patient(role: Element, found: Section, notes: list[str]) -> Patient:
    """Build the patient from D; names, record numbers and the date of birth are left behind."""
    part = Part(notes)
    player = child(role, "player1")
    for element, node in _identifying(player):
        part.null(element, node)
    age = part.quantity("D.2.2a", _first(found, "3"))
    fields = _body(found, part, "D.3", "D.4", "D.6")
    return Patient(
        sex=_sex(child(player, "administrativeGenderCode"), "D.5", part),
        age=age,
        age_years=_age_years(age, part),
        gestation=part.quantity("D.2.2.1a", _first(found, "16")),
        age_group=_age_group(_first(found, "4"), part),
        history=_history(found, "D.7.1", notes),
        history_sha256=_history_text(found, "D.7.2", part),
        has_other_therapies=_in_organizer(found, "1", "11", "D.7.3", part),
        past_drugs=_past_drugs(found, "D.8", notes),
        death=_death(child(player, "deceasedTime"), found, notes),
        parent=_parent(child(player, "role"), notes),
        races=tuple(
            code
            for one in found.observations.get("C17049", ())[:10]
            if (code := part.code("FDA.D.11.r", one.value))
        ),
        ethnicity=part.code("FDA.D.12", _first(found, "C16564")),
        weight_kg=fields.weight_kg,
        height_cm=fields.height_cm,
        last_period_on=fields.last_period_on,
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


def _identifying(player: Element | None) -> list[tuple[str, Element]]:
    """Return the nodes whose null flavours are kept, and nothing else of them."""
    found = [("D.1", child(player, "name")), ("D.2.1", child(player, "birthTime"))]
    for entity in children(player, "asIdentifiedEntity"):
        code = child(entity, "code")
        number = code.get("code") if code is not None else None
        if number in {"1", "2", "3", "4"}:
            found.append((f"D.1.1.{number}", child(entity, "id")))
    return [(element, node) for element, node in found if node is not None]


class _Body(NamedTuple):
    """Weight, height and last period."""

    weight_kg: float | None
    height_cm: float | None
    last_period_on: date | None


def _body(found: Section, part: Part, *elements: str) -> _Body:
    weight, height, period = elements
    kilograms = part.quantity(weight, _first(found, "7"))
    centimetres = part.quantity(height, _first(found, "17"))
    return _Body(
        _in_unit(kilograms, weight, "kg", 700, part),
        _in_unit(centimetres, height, "cm", 300, part),
        part.day(period, _first(found, "22")),
    )


def _in_unit(
    quantity: Quantity | None, element: str, unit: str, most: float, part: Part
) -> float | None:
    if quantity is None:
        return None
    if quantity.unit != unit:
        part.note(element, f"not in {unit}", f"{quantity.value:g} {quantity.unit}")
        return None
    return part.within(element, quantity.value, 0, most)


def _age_years(age: Quantity | None, part: Part) -> float | None:
    if age is None:
        return None
    found = years(age)
    if found is None:
        part.note("D.2.2", "no age in years", f"{age.value:g} {age.unit}")
    return found


def _sex(node: Element | None, element: str, part: Part) -> Sex | None:
    code = part.code(element, node)
    if code is None:
        return None
    sex = SEXES.get(code)
    if sex is None:
        part.note(element, "neither 1 nor 2", code)
    return sex


def _age_group(node: Element | None, part: Part) -> AgeGroup | None:
    code = part.code("D.2.3", node)
    if code is not None and code not in _AGE_GROUPS:
        part.note("D.2.3", "no such age group", code)
    return _AGE_GROUPS.get(code or "")


def _conditions(found: Section) -> list[Element]:
    return found.organized("1", "observation")


def _history(found: Section, element: str, notes: list[str]) -> tuple[Condition, ...]:
    nodes = [
        node
        for node in _conditions(found)
        if (code := child(node, "code")) is not None and code.get("codeSystem") == MEDDRA
    ]
    if len(nodes) > N_HISTORY_MAX:
        notes.append(f"{element}: more than {N_HISTORY_MAX} ({len(nodes)})")
    return tuple(_condition(node, f"{element}.r", notes) for node in nodes[:N_HISTORY_MAX])


def _condition(node: Element, element: str, notes: list[str]) -> Condition:
    part = Part(notes)
    code: Element = child(node, "code")
    times = span(child(node, "effectiveTime"))
    within = values(node, "inboundRelationship")
    outside = values(node, "outboundRelationship2")
    comment = outside.get("10")
    return Condition(
        llt=part.code(f"{element}.1b", code),
        meddra_version=part.name(f"{element}.1a", code.get("codeSystemVersion"), 10),
        start_on=part.day(f"{element}.2", times.get("low")),
        is_continuing=part.flag(f"{element}.3", within.get("13")),
        end_on=part.day(f"{element}.4", times.get("high")),
        comment=None if comment is None else part.prose(f"{element}.5", comment.text, 2_000),
        is_family_history=part.flag(f"{element}.6", outside.get("38")),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


def _history_text(found: Section, element: str, part: Part) -> str | None:
    for node in _conditions(found):
        code, value = child(node, "code"), child(node, "value")
        if code is not None and code.get("code") == "18" and value is not None:
            return None if part.null(element, value) else digest(value.text)
    return None


def _in_organizer(
    found: Section, organizer: str, code: str, element: str, part: Part
) -> bool | None:
    for node in found.organizers.get(organizer, ()):
        for one in observations(node, "component"):
            if one.code == code:
                return part.flag(element, one.value)
    return None


def digest(text: str | None) -> str | None:
    """Digest a free text in UTF-8; None for a blank one."""
    return hashlib.sha256(text.encode()).hexdigest() if text and text.strip() else None


def _past_drugs(found: Section, element: str, notes: list[str]) -> tuple[PastDrug, ...]:
    nodes = found.organized("2", "substanceAdministration")
    if len(nodes) > N_HISTORY_MAX:
        notes.append(f"{element}: more than {N_HISTORY_MAX} ({len(nodes)})")
    return tuple(_past_drug(node, f"{element}.r", notes) for node in nodes[:N_HISTORY_MAX])


def _past_drug(node: Element, element: str, notes: list[str]) -> PastDrug:
    part = Part(notes)
    kind = child(node, "consumable", "instanceOfKind", "kindOfProduct")
    times = span(child(node, "effectiveTime"))
    coded = values(node, "outboundRelationship2")
    indication, reaction = coded.get("19"), coded.get("29")
    first = indication if indication is not None else reaction
    version = None if first is None else first.get("codeSystemVersion")
    return PastDrug(
        name=part.text(f"{element}.1", child(kind, "name"), _N_NAME),
        product_id=part.code(f"{element}.2b", child(kind, "code"), 120),
        start_on=part.day(f"{element}.4", times.get("low")),
        end_on=part.day(f"{element}.5", times.get("high")),
        indication_llt=part.code(f"{element}.6b", indication),
        reaction_llt=part.code(f"{element}.7b", reaction),
        meddra_version=part.name(f"{element}.6a", version, 10),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


def _death(node: Element | None, found: Section, notes: list[str]) -> Death | None:
    part = Part(notes)
    died_on = part.day("D.9.1", node)
    autopsy = next(iter(found.observations.get("5", ())), None)
    causes = [one.value for one in found.observations.get("32", ()) if one.value is not None]
    found_causes: list[Element] = []
    if autopsy is not None:
        relations = observations(autopsy.node, "outboundRelationship2")
        found_causes = [one.value for one in relations if one.code == "8" and one.value is not None]
    death = Death(
        died_on=died_on,
        causes=_causes(causes, "D.9.2.r", part),
        is_autopsied=part.flag("D.9.3", autopsy.value if autopsy else None),
        autopsy_causes=_causes(found_causes, "D.9.4.r", part),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )
    return None if death == Death() else death


def _causes(nodes: list[Element], element: str, part: Part) -> tuple[Coded, ...]:
    if len(nodes) > N_CAUSES_MAX:
        part.note(element, f"more than {N_CAUSES_MAX}", str(len(nodes)))
    return tuple(coded(node, element, part) for node in nodes[:N_CAUSES_MAX])


def coded(node: Element, element: str, part: Part) -> Coded:
    """Return a term: code, version, and the words of the reporter."""
    return Coded(
        llt=part.code(f"{element}.1b", node),
        meddra_version=part.name(f"{element}.1a", node.get("codeSystemVersion"), 10),
        name=part.text(f"{element}.2", child(node, "originalText"), _N_NAME),
    )


def _parent(role: Element | None, notes: list[str]) -> Parent | None:
    if role is None:
        return None
    part, found = Part(notes), section(role)
    person = child(role, "associatedPerson")
    for element, name in (("D.10.1", "name"), ("D.10.2.1", "birthTime")):
        node = child(person, name)
        if node is not None:
            part.null(element, node)
    body = _body(found, part, "D.10.4", "D.10.5", "D.10.3")
    return Parent(
        sex=_sex(child(person, "administrativeGenderCode"), "D.10.6", part),
        age=part.quantity("D.10.2.2a", _first(found, "3")),
        weight_kg=body.weight_kg,
        height_cm=body.height_cm,
        last_period_on=body.last_period_on,
        history=_history(found, "D.10.7.1", notes),
        history_sha256=_history_text(found, "D.10.7.2", part),
        past_drugs=_past_drugs(found, "D.10.8", notes),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


class Reactions(NamedTuple):
    """The events, and the place of each by the id that the message gives it."""

    events: tuple[Event, ...]
    places: dict[str, int]


def reactions(found: Section, received_on: date, notes: list[str]) -> Reactions:
    """Build the events from E; one that names no term is left out and noted."""
    events: list[Event] = []
    places: dict[str, int] = {}
    for number, one in enumerate(found.observations.get("29", ()), start=1):
        if len(events) == N_EVENTS_MAX:
            notes.append(f"E: more than {N_EVENTS_MAX} events; the others are left out")
            break
        event = _event(one, received_on, notes)
        if event is None:
            notes.append(f"E.i.2.1b: event {number} names no term; left out")
            continue
        places[root_of(child(one.node, "id"))] = len(events)
        events.append(event)
    return Reactions(tuple(events), places)


def _event(one: Observed, received_on: date, notes: list[str]) -> Event | None:
    part = Part(notes)
    node, value = one.node, one.value
    times = span(time := child(node, "effectiveTime"))
    if time is not None:
        part.null("E.i.4", time)
    related = values(node, "outboundRelationship2")
    words = child(value, "originalText")
    llt = part.code("E.i.2.1b", value)
    verbatim = part.prose("E.i.1.1a", words.text if words is not None else None, 20_000)
    translation = _translation(related.get("30"), part)
    pt = llt or _as_term(verbatim) or _as_term(translation)
    if pt is None:
        return None
    version = None if value is None else value.get("codeSystemVersion")
    return Event(
        pt=pt,
        event_id=root_of(child(node, "id"))[:120] or None,
        verbatim=verbatim,
        verbatim_language=_language(words, part),
        translation=translation,
        llt=llt,
        meddra_version=part.name("E.i.2.1a", version, 10),
        is_highlighted=_highlighted(related.get("37"), part),
        seriousness=_seriousness(related, part),
        onset_on=not_ahead("E.i.4", part.day("E.i.4", times.get("low")), received_on, part),
        end_on=part.day("E.i.5", times.get("high")),
        duration=part.quantity("E.i.6a", times.get("width")),
        outcome=_outcome(related.get("27"), part),
        is_confirmed=part.flag("E.i.8", related.get("24")),
        country=part.country("E.i.9", _place(node)),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


def _place(node: Element) -> Element | None:
    return child(node, "location", "locatedEntity", "locatedPlace", "code")


def _as_term(text: str | None) -> str | None:
    return text[:_N_NAME] if text else None


def _translation(node: Element | None, part: Part) -> str | None:
    if node is None or part.null("E.i.1.2", node):
        return None
    return part.prose("E.i.1.2", node.text, 20_000)


def _language(words: Element | None, part: Part) -> str | None:
    return None if words is None else part.name("E.i.1.1b", words.get("language"), 3)


def not_ahead(element: str, day: date | None, received_on: date, part: Part) -> date | None:
    """Return a day that is not after receipt; another one is kept as it was stated."""
    if day is None or day <= received_on:
        return day
    part.note(element, "after receipt", day.isoformat())
    part.dates.setdefault(element, day.isoformat())
    return None


def _highlighted(node: Element | None, part: Part) -> bool | None:
    code = part.code("E.i.3.1", node)
    if code is not None and code not in {"1", "2", "3", "4"}:
        part.note("E.i.3.1", "no code of 1 to 4", code)
        return None
    return None if code is None else code in {"1", "3"}


def _seriousness(related: dict[str, Element | None], part: Part) -> Seriousness:
    stated: dict[str, Any] = {
        name: part.flag(element, related[code])
        for code, (name, element) in _CRITERIA.items()
        if code in related
    }
    return Seriousness(**stated)


def _outcome(node: Element | None, part: Part) -> Outcome | None:
    code = part.code("E.i.7", node)
    if code is not None and code not in _OUTCOMES:
        part.note("E.i.7", "no such outcome", code)
    return _OUTCOMES.get(code or "")


def tests(found: Section, notes: list[str]) -> tuple[TestResult, ...]:
    """Build the tests from F; one that names none is left out and noted."""
    results: list[TestResult] = []
    nodes = found.organized("3", "observation")
    for number, node in enumerate(nodes, start=1):
        if len(results) == N_TESTS_MAX:
            notes.append(f"F: more than {N_TESTS_MAX} tests ({len(nodes)})")
            break
        result = _test(node, notes)
        if result is None:
            notes.append(f"F.r.2: test {number} names none; left out")
        else:
            results.append(result)
    return tuple(results)


def _test(node: Element, notes: list[str]) -> TestResult | None:
    part, code = Part(notes), child(node, "code")
    llt = None if code is None else part.code("F.r.2.2b", code)
    name = part.text("F.r.2.1", child(code, "originalText"), _N_NAME) or llt
    if name is None or code is None:
        return None
    measured = _measured(node, part)
    related = values(node, "outboundRelationship2")
    comment = related.get("10")
    ranges = _ranges(node, part)
    return TestResult(
        name=name,
        llt=llt,
        meddra_version=part.name("F.r.2.2a", code.get("codeSystemVersion"), 10),
        taken_on=part.day("F.r.1", child(node, "effectiveTime")),
        result=_result(child(node, "interpretationCode"), part),
        value=measured.value,
        unit=measured.unit,
        qualifier=measured.qualifier,
        text=measured.text,
        low=ranges.get("L"),
        high=ranges.get("H"),
        comment=None if comment is None else part.prose("F.r.6", comment.text, 2_000),
        has_more=part.flag("F.r.7", related.get("25")),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


class _Measured(NamedTuple):
    """A result: a number with its unit, a limit, or a text."""

    value: float | None = None
    unit: str | None = None
    qualifier: Qualifier | None = None
    text: str | None = None


def _measured(node: Element, part: Part) -> _Measured:
    found = _Measured()
    for value in node.iterchildren("value"):
        if value.text and value.text.strip():
            found = found._replace(text=part.prose("F.r.3.4", value.text, 2_000))
        elif len(value):
            found = _limit(value, part)._replace(text=found.text)
        else:
            found = _number(value, None, part)._replace(text=found.text)
    return found


def _limit(value: Element, part: Part) -> _Measured:
    """Read an interval: its centre is a value; one that is open on a side is a limit."""
    parts = span(value)
    if "center" in parts:
        return _number(parts["center"], None, part)
    low, high = parts.get("low"), parts.get("high")
    if low is not None and low.get("value") is not None:
        return _number(low, ">=" if low.get("inclusive") == "true" else ">", part)
    if high is not None and high.get("value") is not None:
        return _number(high, "<=" if high.get("inclusive") == "true" else "<", part)
    for node in (low, high):
        if node is not None:
            part.null("F.r.3.2", node)
    return _Measured()


def _number(node: Element, qualifier: Qualifier | None, part: Part) -> _Measured:
    quantity = part.quantity("F.r.3.2", node)
    return _Measured() if quantity is None else _Measured(quantity.value, quantity.unit, qualifier)


def _ranges(node: Element, part: Part) -> dict[str, float | None]:
    found = {}
    for holder in node.iterchildren("referenceRange"):
        one = child(holder, "observationRange")
        side = child(one, "interpretationCode")
        value = child(one, "value")
        if side is not None and value is not None:
            element = "F.r.4" if side.get("code") == "L" else "F.r.5"
            found[side.get("code")] = part.number(element, value.get("value"))
    return found


def _result(node: Element | None, part: Part) -> TestCode | None:
    code = part.code("F.r.3.1", node)
    if code is not None and code not in _RESULTS:
        part.note("F.r.3.1", "no such result", code)
    return _RESULTS.get(code or "")
