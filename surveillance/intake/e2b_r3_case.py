"""One E2B(R3) message → one case version.

Sections C and H are read here, D to G in the modules beside. A field that cannot be used is
left out and noted; it never costs the report. Narratives, comments, free-text history and
documents are digested and left behind; names, addresses, initials, record numbers and dates of
birth are not read at all.

Elements and their places are in ICH's implementation guide and in FDA's core and regional data
elements. Choices they leave open stand beside the code and in docs/intake.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from surveillance.domain.case import YEAR_MIN, CaseVersion, Provenance
from surveillance.domain.case_detail import (
    Document,
    NativeSummary,
    OtherReporter,
    Registration,
    Study,
)
from surveillance.domain.errors import Refused
from surveillance.intake.e2b_r3_drugs import drugs, judged
from surveillance.intake.e2b_r3_nodes import child, descendants, observations
from surveillance.intake.e2b_r3_patient import coded, digest, patient, reactions, section, tests
from surveillance.intake.hl7 import Part, minutes_of
from surveillance.intake.ich_codes import REPORTERS, STUDY_TYPES, TYPES
from surveillance.intake.notes import bounded

if TYPE_CHECKING:
    from datetime import date

    from surveillance.domain.case import Kind, ReportType
    from surveillance.domain.values import Coded
    from surveillance.intake.e2b_r3_nodes import Observed
    from surveillance.intake.xml_parts import Element

PARSER = "e2b-r3/1"
_IDS = "2.16.840.1.113883.3.989.2.1.3."
_OWN_ID, _WORLDWIDE_ID, _OTHER_ID = f"{_IDS}1", f"{_IDS}2", f"{_IDS}3"
_STUDY_NUMBER, _REGISTRATION = f"{_IDS}5", f"{_IDS}6"
_FDA_STUDY = "2.16.840.1.113883.3.989.5.1.2.2.1.2."
_IND, _PRE_ANDA, _CROSS_IND = f"{_FDA_STUDY}1", f"{_FDA_STUDY}2", f"{_FDA_STUDY}3"
_N_MANY = 100  # ids and documents: the model's limit
_N_FEW = 50
_VERSION_MAX = 2_147_483_647

_REMEDIES = {
    "no_id": "send C.1.8.1, the worldwide unique case identification",
    "bad_date": "send C.1.5, the date of most recent information, to the day",
    "no_event": "name at least one reaction or drug",
    "no_report": "send the investigation event that a message is about",
}


class Origin(NamedTuple):
    """Where a message was read."""

    place: str
    message_sha256: str


class _Times(NamedTuple):
    """Days of receipt, and the version number."""

    received_on: date
    first_received_on: date | None
    version: int


class _Identity(NamedTuple):
    """Ids of the case and the report."""

    case_id: str
    sender_report_id: str | None


def _refuse(code: str, reason: str) -> Refused:
    return Refused(code, reason, _REMEDIES[code])


def build_case(message: Element, origin: Origin) -> CaseVersion:
    """Build a case version from a message.

    Parameters
    ----------
    message : Element
        PORR_IN049016UV, its names without a namespace.
    origin : Origin
        Where it was read.

    Returns
    -------
    CaseVersion
        With a note for every field left out.

    Raises
    ------
    Refused
        If it has no id, no day of receipt, neither reaction nor drug, or a drug without role.
    """
    process = child(message, "controlActProcess")
    event = child(process, "subject", "investigationEvent")
    if event is None:
        raise _refuse("no_report", "the message holds no investigationEvent")
    notes: list[str] = []
    part = Part(notes)
    identity = _identity(event, part)
    times = _times(process, event, part)
    stated = _characteristics(event)
    assessment = _assessment(event)
    role = child(assessment, "subject1", "primaryRole")
    found = section(role) if role is not None else section(event)
    happened = reactions(found, times.received_on, notes)
    if assessment is None or role is None:
        raise _refuse("no_event", "the message holds no patient, and so no reaction or drug")
    taken = drugs(found, judged(assessment, notes), happened.places, notes)
    kind = _kind(stated, times, part)
    part.flag("C.1.9.1", _value(stated, "characteristic 2"))  # for its null flavour
    if not happened.events and not taken.products and kind != "nullification":
        raise _refuse("no_event", "the message names neither a reaction nor a drug")
    related = _related(event)
    sources, others = _sources(related, notes), _others(event, part)
    literature, documents = _references(event, part)
    comments = _comments(assessment, part)
    sender = child(event, "subjectOf1", "controlActEvent", "author", "assignedEntity")
    return CaseVersion(
        case_id=identity.case_id,
        source="e2b",
        version=times.version,
        kind=kind,
        received_on=times.received_on,
        first_received_on=times.first_received_on,
        sender_report_id=identity.sender_report_id,
        report_type=_type(stated, part),
        reporter=sources[0].reporter if sources else "unknown",
        country=sources[0].country if sources else None,
        other_reporters=sources[1 : 1 + _N_FEW],
        linked_case_ids=_linked(related),
        other_ids=tuple(other for other, _ in others),
        other_id_sources=tuple(source for _, source in others),
        literature_ref=literature[0] if literature else None,
        other_literature=literature[1 : 1 + _N_FEW],
        patient=patient(role, found, notes),
        events=happened.events,
        products=taken.products,
        assessments=taken.assessments,
        tests=tests(found, notes),
        narrative_sha256=digest(_text(child(event, "text"))),
        is_expedited=part.flag("C.1.7", _value(stated, "23")),
        local_report_type=part.code("FDA.C.1.7.1", _value(stated, "C54588")),
        first_sender=_first_sender(related, part),
        reason=_reason(stated, part),
        is_combination_product=part.flag("FDA.C.1.12", _value(stated, "C156384")),
        sender_type=part.code("C.3.1", child(sender, "code")),
        sender=part.text("C.3.2", _organisation(sender), 120),
        study=_study(role, notes),
        has_documents=part.flag("C.1.6.1", _value(stated, "1")),
        documents=documents,
        reporter_comments_sha256=comments.reporter,
        sender_comments_sha256=comments.sender,
        diagnoses=comments.diagnoses,
        native_summaries=_summaries(event, part),
        nulls=part.nulls or None,
        dates_as_stated=part.dates or None,
        provenance=Provenance(
            parser=PARSER,
            place=origin.place,
            message_sha256=origin.message_sha256,
            notes=bounded(notes),
        ),
    )


def _identity(event: Element, part: Part) -> _Identity:
    """Return C.1.8.1 and C.1.1; the one stands for the other where it is missing."""
    found = {node.get("root"): node for node in event.iterchildren("id")}
    own = _extension("C.1.1", found.get(_OWN_ID), part)
    worldwide = _extension("C.1.8.1", found.get(_WORLDWIDE_ID), part)
    if worldwide is None and own is None:
        raise _refuse("no_id", "the report has neither C.1.8.1 nor C.1.1")
    if worldwide is None:
        part.note("C.1.8.1", "missing; C.1.1 stands for it")
    return _Identity(worldwide or own or "", own)


def _extension(element: str, node: Element | None, part: Part) -> str | None:
    if node is None or part.null(element, node):
        return None
    return part.name(element, node.get("extension"), 120)


def _times(process: Element, event: Element, part: Part) -> _Times:
    received_on = part.day("C.1.5", child(event, "availabilityTime"))
    if received_on is None or received_on.year < YEAR_MIN:
        stated = child(event, "availabilityTime")
        shown = "missing" if stated is None else repr((stated.get("value") or "")[:40])
        raise _refuse("bad_date", f"C.1.5 is {shown}, which is no day")
    first = part.day("C.1.4", child(event, "effectiveTime", "low"))
    if first is not None and first > received_on:
        part.note("C.1.4", "after C.1.5", first.isoformat())
        part.dates.setdefault("C.1.4", first.isoformat())
        first = None
    created = child(process, "effectiveTime")
    part.day("C.1.2", created)
    return _Times(received_on, first, _version(created, part))


def _version(created: Element | None, part: Part) -> int:
    """Return the minute of creation, C.1.2, as the number of a version: a message has none.

    The day of most recent information comes first where versions are compared; this decides
    between two versions of one day.
    """
    text = None if created is None else created.get("value")
    minutes = minutes_of(text) if text else None
    if minutes is None:
        part.note("C.1.2", "missing; it cannot order versions of one day")
        return 1
    return min(max(minutes, 1), _VERSION_MAX)


def _characteristics(event: Element) -> dict[str, list[Observed]]:
    """Return what is stated of the report itself, by code.

    FDA's own elements stand as observations in its samples, and as characteristics in its
    specification; both are read. Codes 1 and 2 mean one thing here and another there.
    """
    found: dict[str, list[Observed]] = {}
    for one in observations(event, "component", "subjectOf2"):
        is_characteristic = one.node.tag == "investigationCharacteristic"
        code = (
            f"characteristic {one.code}" if is_characteristic and len(one.code) == 1 else one.code
        )
        found.setdefault(code, []).append(one)
    return found


def _value(stated: dict[str, list[Observed]], code: str) -> Element | None:
    return stated[code][0].value if code in stated else None


def _type(stated: dict[str, list[Observed]], part: Part) -> ReportType:
    code = part.code("C.1.3", _value(stated, "characteristic 1"))
    if code is not None and code not in TYPES:
        part.note("C.1.3", "no such type of report", code)
    return TYPES.get(code or "", "unknown")


def _kind(stated: dict[str, list[Observed]], times: _Times, part: Part) -> Kind:
    code = part.code("C.1.11.1", _value(stated, "characteristic 3"))
    if code == "1":
        return "nullification"
    if code == "2":
        return "amendment"
    if code is not None:
        part.note("C.1.11.1", "neither 1 nor 2", code)
    return "initial" if times.first_received_on == times.received_on else "follow_up"


def _reason(stated: dict[str, list[Observed]], part: Part) -> str | None:
    value = _value(stated, "characteristic 4")
    if value is None or part.null("C.1.11.2", value):
        return None
    words = child(value, "originalText")
    return part.prose("C.1.11.2", (value if words is None else words).text, 2_000)


def _assessment(event: Element) -> Element | None:
    return next(iter(descendants(event, "component", "adverseEventAssessment")), None)


_Related = list[tuple[Any, Any, str]]  # the relation, the report, its code


def _related(event: Element) -> _Related:
    """Return related reports: the relation, the report, and its code or null flavour."""
    found = []
    for relation in event.iterchildren("outboundRelationship"):
        report = child(relation, "relatedInvestigation")
        code = child(report, "code")
        if report is not None and code is not None:
            stated = code.get("code") or code.get("nullFlavor") or ""
            found.append((relation, report, stated))
    return found


def _first_sender(related: _Related, part: Part) -> Literal["regulator", "other"] | None:
    for _, report, code in related:
        if code == "1":
            author = child(report, "subjectOf2", "controlActEvent", "author", "assignedEntity")
            found = part.code("C.1.8.2", child(author, "code"))
            if found not in {"1", "2", None}:
                part.note("C.1.8.2", "neither 1 nor 2", found or "")
            return "regulator" if found == "1" else "other" if found == "2" else None
    return None


def _linked(related: _Related) -> tuple[str, ...]:
    ids = [
        node.get("extension")
        for _, report, code in related
        if code == "NA"
        for holder in report.iterchildren("subjectOf2")
        if (node := child(holder, "controlActEvent", "id")) is not None
    ]
    return tuple(dict.fromkeys(each[:120] for each in ids if each))[:_N_MANY]


def _others(event: Element, part: Part) -> tuple[tuple[str, str], ...]:
    found = {}
    for holder in event.iterchildren("subjectOf1"):
        node = child(holder, "controlActEvent", "id")
        if node is not None and node.get("root") == _OTHER_ID:
            other = _extension("C.1.9.1.r.2", node, part)
            source = part.name("C.1.9.1.r.1", node.get("assigningAuthorityName"), 120)
            if other is not None:
                found[other] = source or "unknown"
    return tuple(found.items())[:_N_MANY]


def _sources(related: _Related, notes: list[str]) -> tuple[OtherReporter, ...]:
    """Return the primary sources, the one for regulatory purposes (C.2.r.5) first."""
    first: list[OtherReporter] = []
    found: list[OtherReporter] = []
    for relation, report, code in related:
        if code == "2":
            priority = child(relation, "priorityNumber")
            is_first = priority is not None and priority.get("value") == "1"
            (first if is_first else found).append(_source(report, notes))
    return (*first, *found)


def _source(report: Element, notes: list[str]) -> OtherReporter:
    part = Part(notes)
    author = child(report, "subjectOf2", "controlActEvent", "author", "assignedEntity")
    person = child(author, "assignedPerson")
    code = part.code("C.2.r.4", child(person, "asQualifiedEntity", "code"))
    if code is not None and code not in REPORTERS:
        part.note("C.2.r.4", "no such qualification", code)
    country = part.country("C.2.r.3", child(person, "asLocatedEntity", "location", "code"))
    return OtherReporter(
        reporter=REPORTERS.get(code or "", "unknown"), country=country, nulls=part.nulls or None
    )


def _organisation(sender: Element | None) -> Element | None:
    """Return the name of the organisation, which stands behind that of the department."""
    outer = child(sender, "representedOrganization")
    inner = child(outer, "assignedEntity", "representedOrganization", "name")
    return inner if inner is not None else child(outer, "name")


def _study(role: Element, notes: list[str]) -> Study | None:
    node = child(role, "subjectOf1", "researchStudy")
    if node is None:
        return None
    part, fda, registrations = Part(notes), _FdaStudy([], [], []), []
    for authorization in node.iterchildren("authorization"):
        registration = child(authorization, "studyRegistration")
        number = child(registration, "id")
        if not fda.take(number):
            registrations.append(_registration(registration, number, notes))
    code = part.code("C.5.4", child(node, "code"))
    if code is not None and code not in STUDY_TYPES:
        part.note("C.5.4", "no such type of study", code)
    title = child(node, "title")
    is_named = title is None or not part.null("C.5.2", title)
    return Study(
        registrations=tuple(registrations)[:_N_FEW],
        name=part.prose("C.5.2", _text(title), 2_000) if is_named else None,
        sponsor_number=_extension("C.5.3", child(node, "id"), part),
        type=STUDY_TYPES.get(code or ""),
        ind=next(iter(fda.inds), None),
        pre_anda=next(iter(fda.pre_andas), None),
        cross_reported_inds=tuple(fda.cross_reported)[:_N_FEW],
        nulls=part.nulls or None,
    )


class _FdaStudy(NamedTuple):
    """FDA's numbers of a study."""

    inds: list[str]
    pre_andas: list[str]
    cross_reported: list[str]

    def take(self, number: Element | None) -> bool:
        """Keep a number that is one of FDA's; whether it was."""
        if number is None:
            return False
        lists = {_IND: self.inds, _PRE_ANDA: self.pre_andas, _CROSS_IND: self.cross_reported}
        found = lists.get(number.get("root"))
        if found is None:
            return False
        if number.get("extension"):
            found.append(number.get("extension")[:120])
        return True


def _registration(node: Element | None, number: Element | None, notes: list[str]) -> Registration:
    part = Part(notes)
    place = child(node, "author", "territorialAuthority", "governingPlace", "code")
    return Registration(
        number=_extension("C.5.1.r.1", number, part),
        country=part.country("C.5.1.r.2", place),
        nulls=part.nulls or None,
    )


def _references(event: Element, part: Part) -> tuple[tuple[str, ...], tuple[Document, ...]]:
    """Return literature, and the documents that are named or included."""
    literature, documents = [], []
    for reference in event.iterchildren("reference"):
        document = child(reference, "document")
        code = child(document, "code")
        is_literature = code is not None and code.get("code") == "2"
        element = "C.4.r" if is_literature else "C.1.6.1.r"
        words = child(document, "bibliographicDesignationText")
        if words is not None and not part.null("C.4.r.1", words):
            cited = part.prose("C.4.r.1", words.text, 500)
            literature.extend([cited] if cited else [])
        if not is_literature or child(document, "text") is not None:
            documents.append(_document(document, element, part))
    if len(documents) > _N_MANY:
        part.note("C.1.6.1.r", f"more than {_N_MANY} documents", str(len(documents)))
    return tuple(literature), tuple(documents)[:_N_MANY]


def _document(node: Element | None, element: str, part: Part) -> Document:
    title, content = child(node, "title"), child(node, "text")
    named = part.prose(f"{element}.1", _text(title), 2_000)
    if content is None or not (content.text or "").strip():
        return Document(element=element, title=named)
    data = _bytes_of(content, element, part)
    return Document(
        element=element,
        title=named,
        media_type=part.name(f"{element}.2", content.get("mediaType"), 120),
        n_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _bytes_of(content: Element, element: str, part: Part) -> bytes:
    """Return a document as it was sent: out of base64, still compressed if it was."""
    text: str = content.text
    if content.get("representation") != "B64":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        part.note(f"{element}.2", "not base64; digested as written")
        return text.encode()


def _text(node: Element | None) -> str | None:
    text: str | None = None if node is None else node.text
    return text


class _Comments(NamedTuple):
    """Comments by whose they are, and the sender's diagnoses."""

    reporter: str | None
    sender: str | None
    diagnoses: tuple[Coded, ...]


def _comments(assessment: Element, part: Part) -> _Comments:
    by_author: dict[str | None, str | None] = {}
    diagnoses = []
    for one in observations(assessment, "component1"):
        author = child(one.node, "author", "assignedEntity", "code")
        whose = author.get("code") if author is not None else None
        if one.code == "10":
            by_author[whose] = digest(_text(one.value))
        elif one.code == "15" and one.value is not None:
            diagnoses.append(coded(one.value, "H.3.r", part))
    return _Comments(by_author.get("3"), by_author.get("1"), tuple(diagnoses)[:_N_FEW])


def _summaries(event: Element, part: Part) -> tuple[NativeSummary, ...]:
    found = []
    for one in observations(event, "component"):
        sha256 = digest(_text(one.value)) if one.code == "36" else None
        if sha256 is not None and one.value is not None:
            language = part.name("H.5.r.1b", one.value.get("language"), 3)
            found.append(NativeSummary(sha256=sha256, language=language))
    return tuple(found)[:_N_FEW]
