"""Section G of an E2B(R3) message: products, doses, devices, and each with each event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.case import (
    N_PRODUCTS_MAX,
    N_SUBSTANCES_MAX,
    Assessment,
    Dose,
    Product,
)
from surveillance.domain.case_detail import Device, Opinion, Strength
from surveillance.domain.errors import Refused
from surveillance.domain.values import Coded
from surveillance.intake.e2b_r3_nodes import (
    CODES,
    child,
    children,
    descendants,
    observations,
    observed,
    root_of,
    span,
)
from surveillance.intake.hl7 import Part, whole_days

if TYPE_CHECKING:
    from surveillance.domain.case import Rechallenge, Role
    from surveillance.domain.values import Quantity
    from surveillance.intake.e2b_r3_nodes import Observed
    from surveillance.intake.e2b_r3_patient import Section
    from surveillance.intake.xml_parts import Element

N_DOSES_MAX = 200
N_DEVICES_MAX = 50
N_CODES_MAX = 50
N_INDICATIONS_MAX = 100
N_ASSESSMENTS_MAX = 2_000
N_OPINIONS_MAX = 50
_N_NAME = 250
_ROLES: dict[str, Role] = {
    "1": "suspect",
    "2": "concomitant",
    "3": "interacting",
    "4": "not_administered",
}
_ACTIONS = {
    "1": "withdrawn",
    "2": "dose_reduced",
    "3": "dose_increased",
    "4": "dose_not_changed",
    "0": "unknown",
    "9": "not_applicable",
}
_RECHALLENGES: dict[str, Rechallenge] = {
    "1": "positive",
    "2": "negative",
    "3": "unknown",
    "4": "not_done",
}
_SIMILAR_DEVICE = "FDA.G.k.1.a"


class Judged(NamedTuple):
    """What the assessments of a message state: roles of drugs, and opinions on pairs."""

    roles: dict[str, Role]
    similar_devices: frozenset[str]
    opinions: dict[tuple[str, str], list[Opinion]]  # by drug and reaction


class _Drug(NamedTuple):
    """A product of a message, before it is read."""

    node: Element
    id: str  # by which assessments name it
    related: list[Observed]  # what stands behind it: of the product, and of it with an event


class Drugs(NamedTuple):
    """The products, and each with each event."""

    products: tuple[Product, ...]
    assessments: tuple[Assessment, ...]


def judged(assessment: Element, notes: list[str]) -> Judged:
    """Read the causality assessments: G.k.1 and G.k.9.i.2.r."""
    roles: dict[str, Role] = {}
    similar: set[str] = set()
    opinions: dict[tuple[str, str], list[Opinion]] = {}
    for node in descendants(assessment, "component", "causalityAssessment"):
        drug = root_of(child(node, "subject2", "productUseReference", "id"))
        code = child(node, "code")
        kind = code.get("code") if code is not None else None
        if kind == "20":
            _role(node, drug, roles, similar, notes)
        elif kind == "39":
            reaction = root_of(child(node, "subject1", "adverseEffectReference", "id"))
            opinions.setdefault((drug, reaction), []).append(_opinion(node, notes))
    return Judged(roles, frozenset(similar), opinions)


def _role(
    node: Element, drug: str, roles: dict[str, Role], similar: set[str], notes: list[str]
) -> None:
    value = child(node, "value")
    code = value.get("code") if value is not None else None
    system = value.get("codeSystem") if value is not None else None
    if code in _ROLES and (system or "").startswith("2.16.840.1.113883.3.989.2."):
        roles[drug] = _ROLES[code]
    elif code == "1":  # FDA's own list has one code
        similar.add(drug)
    else:
        Part(notes).note("G.k.1", "no such role", code or "")


def _opinion(node: Element, notes: list[str]) -> Opinion:
    part = Part(notes)
    source = child(node, "author", "assignedEntity", "code", "originalText")
    return Opinion(
        source=part.text("G.k.9.i.2.r.1", source, 60),
        method=part.text("G.k.9.i.2.r.2", child(node, "methodCode", "originalText"), 60),
        result=part.text("G.k.9.i.2.r.3", child(node, "value"), 200),
    )


class _Pairs:
    """What is stated of a product and an event together, as it is found."""

    def __init__(self, places: dict[str, int], notes: list[str]) -> None:
        self._places, self._notes = places, notes
        self._stated: dict[tuple[int, int], dict[str, Quantity | Rechallenge]] = {}
        self._opinions: dict[tuple[int, int], list[Opinion]] = {}

    def state(self, product: int, reaction: str, field: str, value: Quantity | Rechallenge) -> None:
        """Keep a field of a pair."""
        if (pair := self._pair(product, reaction, field)) is not None:
            self._stated.setdefault(pair, {})[field] = value

    def opine(self, product: int, reaction: str, opinions: list[Opinion]) -> None:
        """Keep the opinions on a pair."""
        if (pair := self._pair(product, reaction, "causality")) is not None:
            self._opinions.setdefault(pair, []).extend(opinions)

    def _pair(self, product: int, reaction: str, field: str) -> tuple[int, int] | None:
        event = self._places.get(reaction)
        if event is None:
            self._notes.append(f"G.k.9.i: {field} names no event of the report")
            return None
        return product, event

    def assessments(self) -> tuple[Assessment, ...]:
        """Return them in the order of products, and of events."""
        pairs = sorted(self._stated.keys() | self._opinions.keys())
        if len(pairs) > N_ASSESSMENTS_MAX:
            self._notes.append(f"G.k.9.i: more than {N_ASSESSMENTS_MAX} pairs ({len(pairs)})")
        return tuple(self._assessment(*pair) for pair in pairs[:N_ASSESSMENTS_MAX])

    def _assessment(self, product: int, event: int) -> Assessment:
        stated = self._stated.get((product, event), {})
        opinions = self._opinions.get((product, event), [])[:N_OPINIONS_MAX]
        results = {each.result for each in opinions if each.result}
        first: Quantity | None = stated.get("from_first_dose")  # type: ignore[assignment] # by field
        return Assessment(
            product=product,
            event=event,
            onset_days=None if first is None else whole_days(first),
            causality=results.pop() if len(results) == 1 else None,  # where all agree
            opinions=tuple(opinions),
            **stated,  # type: ignore[arg-type] # by field
        )


def drugs(found: Section, judgements: Judged, places: dict[str, int], notes: list[str]) -> Drugs:
    """Build products and assessments.

    Parameters
    ----------
    found : Section
        Of the patient.
    judgements : Judged
        Roles and opinions.
    places : dict of str to int
        Places of the events by their ids.
    notes : list of str
        Takes what is left out.

    Raises
    ------
    Refused
        If a product has no role: counting it would invent one.
    """
    nodes = found.organized("4", "substanceAdministration")
    products: list[Product] = []
    pairs = _Pairs(places, notes)
    for number, node in enumerate(nodes, start=1):
        if len(products) == N_PRODUCTS_MAX:
            notes.append(f"G: more than {N_PRODUCTS_MAX} products ({len(nodes)})")
            break
        related = observations(node, "outboundRelationship2")
        drug = _Drug(node, root_of(child(node, "id")), related)
        product = _product(drug, number, judgements, notes)
        if product is None:
            notes.append(f"G.k.2.2: product {number} has no name; left out")
            continue
        _pair_up(drug, len(products), judgements, pairs, notes)
        products.append(product)
    return Drugs(tuple(products), pairs.assessments())


def _product(drug: _Drug, number: int, judgements: Judged, notes: list[str]) -> Product | None:
    part, node = Part(notes), drug.node
    instance = child(node, "consumable", "instanceOfKind")
    kind = child(instance, "kindOfProduct")
    strengths = tuple(_strength(each, notes) for each in children(kind, "ingredient"))
    substances = tuple(dict.fromkeys(each.substance for each in strengths if each.substance))
    product_id = part.code("G.k.2.1.1b", child(kind, "code"), 120)
    name = part.text("G.k.2.2", child(kind, "name"), _N_NAME)
    name = name or (substances[0] if len(substances) == 1 else None) or product_id
    if name is None:
        return None
    if len(substances) > N_SUBSTANCES_MAX:
        notes.append(f"G.k.2.3.r: more than {N_SUBSTANCES_MAX} substances ({len(substances)})")
    approval = child(kind, "asManufacturedProduct", "subjectOf", "approval")
    by_code = {one.code: one.value for one in drug.related}
    additional, indications = _additional(drug.related), _indications(node, notes)
    return Product(
        role=_role_of(drug.id, number, judgements),
        is_similar_device=True if drug.id in judgements.similar_devices else None,
        product=name,
        product_id=product_id,
        substances=substances[:N_SUBSTANCES_MAX],
        strengths=() if _say_no_more(strengths) else strengths[:N_SUBSTANCES_MAX],
        country_obtained=part.two_letters("G.k.2.4", _country_obtained(instance)),
        is_blinded=part.flag("G.k.2.5", by_code.get("6")),
        authorisation=_extension("G.k.3.1", child(approval, "id"), part),
        authorisation_country=part.country("G.k.3.2", _territory(approval)),
        holder=part.text("G.k.3.3", _holder(approval), _N_NAME),
        doses=_doses(node, notes),
        cumulative_dose=part.quantity("G.k.5a", by_code.get("14")),
        gestation=part.quantity("G.k.6a", by_code.get("16")),
        indications=_names(indications),
        coded_indications=indications if any(each.llt for each in indications) else (),
        action_taken=_action(node, part),
        additional_codes=_codes("G.k.10.r", additional.of_ich, part),
        fda_additional_codes=_codes("FDA.G.k.10a", additional.of_fda, part),
        additional_text=part.prose("G.k.11", _text_of(by_code.get("2")), 2_000),
        category=_category(kind, part),
        devices=_devices(kind, notes),
        nulls=part.nulls or None,
    )


def _role_of(drug: str, number: int, judgements: Judged) -> Role:
    role = judgements.roles.get(drug)
    if role is None:
        raise Refused(
            "no_role", f"G.k.1 of product {number} is missing", "send the role of every product"
        )
    return role


def _say_no_more(strengths: tuple[Strength, ...]) -> bool:
    """Whether the names of the substances are all that the strengths state."""
    return all(each == Strength(substance=each.substance) for each in strengths)


def _strength(node: Element, notes: list[str]) -> Strength:
    part = Part(notes)
    substance = child(node, "ingredientSubstance")
    code = child(substance, "code")
    version = code.get("codeSystemVersion") if code is not None else None
    return Strength(
        substance=part.text("G.k.2.3.r.1", child(substance, "name"), _N_NAME),
        term_id=part.code("G.k.2.3.r.2b", code, 100),
        term_version=part.name("G.k.2.3.r.2a", version, 20),
        strength=part.quantity("G.k.2.3.r.3a", child(node, "quantity", "numerator")),
    )


def _country_obtained(instance: Element | None) -> str | None:
    for relation in children(instance, "subjectOf"):
        performer = child(relation, "productEvent", "performer", "assignedEntity")
        country = child(performer, "representedOrganization", "addr", "country")
        if country is not None:
            text: str | None = country.text
            return text
    return None


def _extension(element: str, node: Element | None, part: Part) -> str | None:
    if node is None or part.null(element, node):
        return None
    return part.name(element, node.get("extension"), 120)


def _territory(approval: Element | None) -> Element | None:
    return child(approval, "author", "territorialAuthority", "territory", "code")


def _holder(approval: Element | None) -> Element | None:
    return child(approval, "holder", "role", "playingOrganization", "name")


def _text_of(node: Element | None) -> str | None:
    text: str | None = None if node is None else node.text
    return text


def _action(node: Element, part: Part) -> str | None:
    for relation in node.iterchildren("inboundRelationship"):
        code = part.code("G.k.8", child(relation, "act", "code"))
        if code is not None and code not in _ACTIONS:
            part.note("G.k.8", "no such action", code)
        if code is not None:
            return _ACTIONS.get(code)
    return None


def _codes(element: str, nodes: list[Element | None], part: Part) -> tuple[str, ...]:
    found = [part.code(element, node) for node in nodes]
    return tuple(code for code in found if code)[:N_CODES_MAX]


class _Additional(NamedTuple):
    """Further codes, by whose list they are of: 1 is a counterfeit here, a test product there."""

    of_ich: list[Element | None]
    of_fda: list[Element | None]


def _additional(related: list[Observed]) -> _Additional:
    found = _Additional([], [])
    for one in related:
        if one.code == "9" and one.value is not None:
            is_ich = one.value.get("codeSystem") == f"{CODES}17"
            (found.of_ich if is_ich else found.of_fda).append(one.value)
    return found


def _indications(node: Element, notes: list[str]) -> tuple[Coded, ...]:
    found = []
    for one in observations(node, "inboundRelationship"):
        if one.code != "19" or one.value is None:
            continue
        part = Part(notes)
        found.append(
            Coded(
                name=part.text("G.k.7.r.1", child(one.value, "originalText"), _N_NAME),
                llt=part.code("G.k.7.r.2b", one.value),
                meddra_version=part.name("G.k.7.r.2a", one.value.get("codeSystemVersion"), 10),
            )
        )
    return tuple(each for each in found if each.name or each.llt)[:N_INDICATIONS_MAX]


def _names(indications: tuple[Coded, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.name or each.llt or "" for each in indications))


def _doses(node: Element, notes: list[str]) -> tuple[Dose, ...]:
    nodes = descendants(node, "outboundRelationship2", "substanceAdministration")
    if len(nodes) > N_DOSES_MAX:
        notes.append(f"G.k.4.r: more than {N_DOSES_MAX} doses ({len(nodes)})")
    doses = tuple(_dose(each, notes) for each in nodes[:N_DOSES_MAX])
    return tuple(dose for dose in doses if dose != Dose())


def _dose(node: Element, notes: list[str]) -> Dose:
    part = Part(notes)
    time = child(node, "effectiveTime")
    if time is not None and part.null("G.k.4.r.4", time):
        part.null("G.k.4.r.5", time)
    times = span(time)
    instance = child(node, "consumable", "instanceOfKind")
    lot = child(instance, "productInstanceInstance", "lotNumberText")
    form, route = child(instance, "kindOfProduct", "formCode"), child(node, "routeCode")
    parent = next(
        (o.value for o in observations(node, "inboundRelationship") if o.code == "28"), None
    )
    quantity = part.quantity("G.k.4.r.1a", child(node, "doseQuantity"))
    amount = None if quantity is None else part.within("G.k.4.r.1a", quantity.value, -1e-9, 1e15)
    return Dose(
        amount=amount,
        unit=None if quantity is None or amount is None else quantity.unit,
        interval=part.quantity("G.k.4.r.2", times.get("period")),
        start_on=part.day("G.k.4.r.4", times.get("low")),
        end_on=part.day("G.k.4.r.5", times.get("high")),
        duration=part.quantity("G.k.4.r.6a", times.get("width")),
        lot=part.text("G.k.4.r.7", lot, 120),
        text=part.prose("G.k.4.r.8", _text_of(child(node, "text")), 2_000),
        form=part.text("G.k.4.r.9.1", child(form, "originalText"), 60),
        form_code=part.code("G.k.4.r.9.2b", form),
        route=part.text("G.k.4.r.10.1", child(route, "originalText"), 60),
        route_code=part.code("G.k.4.r.10.2b", route),
        parent_route=_parent_route(parent, part),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
    )


def _parent_route(node: Element | None, part: Part) -> str | None:
    if node is None:
        return None
    words = part.text("G.k.4.r.11.1", child(node, "originalText"), 60)
    return words or part.code("G.k.4.r.11.2b", node)


def _category(kind: Element | None, part: Part) -> str | None:
    for relation in children(child(kind, "asManufacturedProduct"), "subjectOf"):
        one = observed(relation)
        if one is not None and one.code == "C94031":
            return part.code("FDA.G.k.10.1", one.value)
    return None


def _devices(kind: Element | None, notes: list[str]) -> tuple[Device, ...]:
    nodes = [] if kind is None else descendants(kind, "part", "partProduct")
    if len(nodes) > N_DEVICES_MAX:
        notes.append(f"FDA.G.k.12.r: more than {N_DEVICES_MAX} devices ({len(nodes)})")
    return tuple(_device(each, notes) for each in nodes[:N_DEVICES_MAX])


def _device(node: Element, notes: list[str]) -> Device:
    part = Part(notes)
    made = child(node, "asManufacturedProduct")
    names = list(node.iterchildren("name"))
    maker = child(made, "manufacturerOrganization")
    found: dict[str, list[Element | None]] = {}
    operator = None
    for relation in children(made, "subjectOf"):
        one = observed(relation)
        if one is not None and one.value is not None:
            found.setdefault(one.code, []).append(one.value)
        elif one is not None:  # the operator is a code without a value
            operator = child(one.node, "code")
    return Device(
        is_malfunction=part.flag("FDA.G.k.12.r.1", next(iter(found.get("C54026", ())), None)),
        follow_up_types=_codes("FDA.G.k.12.r.2.r", found.get("C54592", []), part),
        problem_codes=_codes("FDA.G.k.12.r.3.r", found.get("C54451", []), part),
        brand=part.text("FDA.G.k.12.r.4", names[0] if names else None, _N_NAME),
        common_name=part.text("FDA.G.k.12.r.5", names[1] if len(names) > 1 else None, _N_NAME),
        product_code=part.code("FDA.G.k.12.r.6", child(node, "code")),
        manufacturer=part.text("FDA.G.k.12.r.7.1a", child(maker, "name"), _N_NAME),
        manufacturer_country=part.country("FDA.G.k.12.r.7.1e", child(maker, "addr", "country")),
        usage=part.code("FDA.G.k.12.r.8", next(iter(found.get("C54595", ())), None)),
        lot=part.text("FDA.G.k.12.r.9", _device_lot(node), 120),
        operator=part.code("FDA.G.k.12.r.10", operator),
        remedial_actions=_codes("FDA.G.k.12.r.11.r", found.get("C54594", []), part),
        nulls=part.nulls or None,
    )


def _device_lot(node: Element) -> Element | None:
    instance = child(node, "instanceOfKind")
    for name in ("productInstanceInstance", "deviceInstance"):
        lot = child(instance, name, "lotNumberText")
        if lot is not None:
            return lot
    return None


def _pair_up(
    drug: _Drug, product: int, judgements: Judged, pairs: _Pairs, notes: list[str]
) -> None:
    """Keep what is stated of this product and each event: intervals, rechallenge, opinions."""
    part = Part(notes)
    for relation in drug.node.iterchildren("outboundRelationship1"):
        reaction = root_of(child(relation, "actReference", "id"))
        is_last = relation.get("typeCode") == "SAE"  # from the end of the drug, not its start
        element = "G.k.9.i.3.2a" if is_last else "G.k.9.i.3.1a"
        interval = part.quantity(element, child(relation, "pauseQuantity"))
        if interval is not None:
            field = "from_last_dose" if is_last else "from_first_dose"
            pairs.state(product, reaction, field, interval)
    for one in drug.related:
        if one.code == "31":
            _rechallenge(one.node, one.value, product, pairs, part)
    for (of_drug, reaction), opinions in judgements.opinions.items():
        if of_drug == drug.id:
            pairs.opine(product, reaction, opinions)


def _rechallenge(
    node: Element, value: Element | None, product: int, pairs: _Pairs, part: Part
) -> None:
    code = part.code("G.k.9.i.4", value)
    if code is None:
        return
    if code not in _RECHALLENGES:
        part.note("G.k.9.i.4", "no such rechallenge", code)
        return
    for relation in node.iterchildren("outboundRelationship1"):
        reaction = root_of(child(relation, "actReference", "id"))
        pairs.state(product, reaction, "rechallenge", _RECHALLENGES[code])
