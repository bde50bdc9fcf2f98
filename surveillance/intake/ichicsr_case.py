"""One report in the terms of E2B(R2) → one case version.

FAERS publishes its XML so, and openFDA its JSON: the same names, as a tree of texts. What R2
states for the whole report (seriousness) is given to every event, and marked as inherited.

A field that cannot be used is left out and noted; it never costs the report. Narratives and
comments are digested and left behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from surveillance.domain.case import (
    N_EVENTS_MAX,
    N_PRODUCTS_MAX,
    N_SUBSTANCES_MAX,
    YEAR_MIN,
    Assessment,
    CaseVersion,
    Dose,
    Event,
    Patient,
    Product,
    Provenance,
    Seriousness,
    TestResult,
)
from surveillance.domain.case_detail import Condition, Death, Opinion, PastDrug, Study
from surveillance.domain.errors import Refused
from surveillance.domain.values import Coded
from surveillance.intake import ich_codes
from surveillance.intake import ichicsr_codes as codes
from surveillance.intake.e2b_r3_patient import digest, not_ahead
from surveillance.intake.hl7 import minutes_of, whole_days, years
from surveillance.intake.ichicsr_fields import N_NAME, Fields, Tree
from surveillance.intake.notes import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from surveillance.domain.case import Kind


_N_MANY = 100
_N_FEW = 50
_N_TESTS_MAX = 1_000
_N_ASSESSMENTS_MAX = 2_000
_VERSION_MAX = 2_147_483_647
_FAERS_NUMBER = re.compile(r"[1-9]\d{0,11}", re.ASCII)
_LEGACY_NUMBER = re.compile(r"\d{6,9}-[\dX]", re.ASCII)  # with a check digit
_CRITERIA = {
    "death": "seriousnessdeath",
    "life_threatening": "seriousnesslifethreatening",
    "hospitalisation": "seriousnesshospitalization",
    "disabling": "seriousnessdisabling",
    "congenital_anomaly": "seriousnesscongenitalanomali",
    "other": "seriousnessother",
}
_REMEDIES = {
    "no_id": "send the safety report id",
    "bad_date": "send the date of receipt of the most recent information, to the day",
    "no_event": "name at least one reaction or drug",
    "no_role": "send the characterisation of every drug",
}


class Origin(NamedTuple):
    """Where a report was read, and by what."""

    parser: str
    place: str
    message_sha256: str


def _refuse(code: str, reason: str) -> Refused:
    return Refused(code, reason, _REMEDIES[code])


def build_case(tree: Tree, origin: Origin) -> CaseVersion:
    """Build a case version from a report.

    Parameters
    ----------
    tree : dict
        The report: the content of ``safetyreport``.
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
    notes: list[str] = []
    report = Fields(tree, notes)
    received_on = report.when("receiptdate") or report.when("receivedate")
    if received_on is None or received_on.year < YEAR_MIN:
        raise _refuse("bad_date", f"receiptdate is {report.string('receiptdate')[:40]!r}")
    identity = _identity(report)
    patient, source = report.part("patient"), report.part("primarysource")
    events = _events(report, patient, received_on)
    products = _products(patient, len(events), notes)
    first = not_ahead("C.1.4", report.when("receivedate"), received_on, report)
    kind = _kind(report, identity.version, first == received_on)
    if not events and not products.products and kind != "nullification":
        raise _refuse("no_event", "the report names neither a reaction nor a drug")
    others = _others(report)
    summary = patient.part("summary")
    return CaseVersion(
        case_id=identity.case_id,
        source=identity.source,
        version=identity.version,
        kind=kind,
        received_on=received_on,
        first_received_on=first,
        sender_report_id=report.short("safetyreportid", 120),
        report_type=report.of("reporttype", ich_codes.TYPES) or "unknown",
        reporter=source.of("qualification", ich_codes.REPORTERS) or "unknown",
        country=_country(source, report),
        linked_case_ids=_linked(report),
        other_ids=tuple(other for other, _ in others),
        other_id_sources=tuple(each for _, each in others),
        literature_ref=source.prose(
            "literaturereference", source.string("literaturereference"), 500
        ),
        patient=_patient(patient),
        events=events,
        products=products.products,
        assessments=products.assessments,
        tests=_tests(patient),
        narrative_sha256=digest(summary.string("narrativeincludeclinical")),
        reporter_comments_sha256=digest(summary.string("reportercomment")),
        sender_comments_sha256=digest(summary.string("sendercomment")),
        is_expedited=report.of("fulfillexpeditecriteria", codes.FLAGS),
        reason=report.prose("nullificationreason", report.string("nullificationreason"), 2_000),
        sender_type=report.part("sender").short("sendertype", 60),
        sender=report.part("sender").short("senderorganization", 120),
        study=_study(source),
        dates_as_stated=report.dates or None,
        provenance=Provenance(
            parser=origin.parser,
            place=origin.place,
            message_sha256=origin.message_sha256,
            notes=bounded(notes),
        ),
    )


class _Identity(NamedTuple):
    """Whose numbering a report is under."""

    case_id: str
    source: str
    version: int


def _identity(report: Fields) -> _Identity:
    """Return FAERS's own numbers where the report has one, else the worldwide id."""
    own = report.short("safetyreportid", 120)
    stated = report.string("safetyreportversion")
    version = int(stated) if stated.isdecimal() and 1 <= int(stated) <= _VERSION_MAX else None
    number = report.string("@case_number") or own or ""
    if _FAERS_NUMBER.fullmatch(number):
        return _Identity(f"FAERS-{number}", "faers", version or 1)
    if _LEGACY_NUMBER.fullmatch(number):  # a report before 2012, whose case is not stated
        return _Identity(f"AERS-{number}", "faers", version or 1)
    case_id = report.short("authoritynumb", 120) or report.short("companynumb", 120) or own
    if case_id is None:
        raise _refuse("no_id", "the report has no id")
    if version is None:
        minutes = minutes_of(report.string("transmissiondate") or "1970")
        version = min(max(minutes or 1, 1), _VERSION_MAX)
    return _Identity(case_id, "e2b", version)


def _kind(report: Fields, version: int, is_first: bool) -> Kind:  # noqa: FBT001 - one of two kinds
    if report.of("casenullification", codes.FLAGS):
        return "nullification"
    return "initial" if version == 1 or is_first else "follow_up"


def _country(source: Fields, report: Fields) -> str | None:
    stated = source.string("reportercountry") or report.string("primarysourcecountry")
    return source.two_letters("reportercountry", stated)


def _linked(report: Fields) -> tuple[str, ...]:
    found = [each.short("linkreportnumb", 120) for each in report.parts("linkedreport")]
    return tuple(dict.fromkeys(each for each in found if each))[:_N_MANY]


def _others(report: Fields) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name in ("companynumb", "authoritynumb"):
        if number := report.short(name, 120):
            found[number] = name.removesuffix("numb")
    for each in report.parts("reportduplicate"):
        if number := each.short("duplicatenumb", 120):
            found[number] = each.short("duplicatesource", 120) or "unknown"
    return tuple(found.items())[:_N_MANY]


def _study(source: Fields) -> Study | None:
    study = Study(
        name=source.prose("studyname", source.string("studyname"), 2_000),
        sponsor_number=source.short("sponsorstudynumb", 120),
        type=source.of("observestudytype", ich_codes.STUDY_TYPES),
    )
    return None if study == Study() else study


def _patient(fields: Fields) -> Patient:
    age = fields.measured("patientonsetage", "patientonsetageunit", codes.TIME_UNITS)
    age_years = None if age is None else years(age)
    if age_years is None and fields.string("patientonsetage"):
        shown = f"{fields.string('patientonsetage')} {fields.string('patientonsetageunit')}"
        fields.note("patientonsetage", "no age in years", shown)
    weight = fields.number("patientweight", fields.string("patientweight"))
    height = fields.number("patientheight", fields.string("patientheight"))
    return Patient(
        sex=fields.of("patientsex", ich_codes.SEXES),
        age=age,
        age_years=age_years,
        gestation=fields.measured("gestationperiod", "gestationperiodunit", codes.TIME_UNITS),
        age_group=fields.of("patientagegroup", codes.AGE_GROUPS),
        weight_kg=fields.within("patientweight", weight, 0, 700),
        height_cm=fields.within("patientheight", height, 0, 300),
        last_period_on=fields.when("lastmenstrualdate"),
        history=tuple(_condition(each) for each in fields.parts("medicalhistoryepisode"))[:200],
        history_sha256=digest(fields.string("patientmedicalhistorytext")),
        past_drugs=tuple(_past_drug(each) for each in fields.parts("patientpastdrugtherapy"))[:200],
        death=_death(fields.part("patientdeath")),
        dates_as_stated=fields.dates or None,
    )


def _condition(fields: Fields) -> Condition:
    continuing = fields.string("patientmedicalcontinue")
    return Condition(
        llt=fields.short("patientepisodename", 60),
        meddra_version=fields.short("patientepisodenamemeddraversion", 10),
        start_on=fields.when("patientmedicalstartdate"),
        end_on=fields.when("patientmedicalenddate"),
        is_continuing=codes.FLAGS.get(continuing),
        comment=fields.prose(
            "patientmedicalcomment", fields.string("patientmedicalcomment"), 2_000
        ),
        dates_as_stated=fields.dates or None,
    )


def _past_drug(fields: Fields) -> PastDrug:
    return PastDrug(
        name=fields.short("patientdrugname"),
        start_on=fields.when("patientdrugstartdate"),
        end_on=fields.when("patientdrugenddate"),
        indication_llt=fields.short("patientdrugindication", 60),
        reaction_llt=fields.short("patientdrugreaction", 60),
        meddra_version=fields.short("patientindicationmeddraversion", 10),
        dates_as_stated=fields.dates or None,
    )


def _death(fields: Fields) -> Death | None:
    causes = [
        Coded(
            name=each.short("patientdeathreport"),
            meddra_version=each.short("patientdeathreportmeddraversion", 10),
        )
        for each in fields.parts("patientdeathreport")
    ]
    autopsies = [
        Coded(
            name=each.short("patientdetermineautopsy"),
            meddra_version=each.short("patientdetermautopsmeddraversion", 10),
        )
        for each in fields.parts("patientautopsy")
    ]
    death = Death(
        died_on=fields.when("patientdeathdate"),
        causes=tuple(each for each in causes if each.name)[:_N_FEW],
        is_autopsied=codes.FLAGS.get(fields.string("patientautopsyyesno")),
        autopsy_causes=tuple(each for each in autopsies if each.name)[:_N_FEW],
        dates_as_stated=fields.dates or None,
    )
    return None if death == Death() else death


def _seriousness(report: Fields) -> Seriousness:
    """Return what is stated of the report; where it is not serious, no criterion is met."""
    stated: dict[str, Any] = {
        name: report.of(field, codes.FLAGS) for name, field in _CRITERIA.items()
    }
    if report.of("serious", codes.FLAGS) is False:
        stated = {name: bool(value) for name, value in stated.items()}
    return Seriousness(**stated, is_inherited=True)


def _events(report: Fields, patient: Fields, received_on: date) -> tuple[Event, ...]:
    seriousness = _seriousness(report)
    country = report.two_letters("occurcountry", report.string("occurcountry"))
    events: list[Event] = []
    for number, fields in enumerate(patient.parts("reaction"), start=1):
        if len(events) == N_EVENTS_MAX:
            report.notes.append(f"reaction: more than {N_EVENTS_MAX}; the others are left out")
            break
        event = _event(fields, seriousness, country, received_on)
        if event is None:
            report.notes.append(f"reaction: number {number} names no term; left out")
        else:
            events.append(event)
    return tuple(events)


def _event(
    fields: Fields, seriousness: Seriousness, country: str | None, received_on: date
) -> Event | None:
    llt, verbatim = fields.short("reactionmeddrallt", 60), fields.string("primarysourcereaction")
    pt = fields.short("reactionmeddrapt") or llt or fields.name("reaction", verbatim, N_NAME)
    if pt is None:
        return None
    version = "reactionmeddraversionpt"
    if not fields.string(version):
        version = "reactionmeddraversionllt"
    return Event(
        pt=pt,
        llt=llt,
        verbatim=fields.prose("primarysourcereaction", verbatim, 20_000),
        meddra_version=fields.short(version, 10),
        onset_on=not_ahead("E.i.4", fields.when("reactionstartdate"), received_on, fields),
        end_on=fields.when("reactionenddate"),
        duration=fields.measured("reactionduration", "reactiondurationunit", codes.TIME_UNITS),
        outcome=fields.of("reactionoutcome", codes.OUTCOMES),
        country=country,
        seriousness=seriousness,
        dates_as_stated=fields.dates or None,
    )


class _Products(NamedTuple):
    """The products, and what is stated of each with each event."""

    products: tuple[Product, ...]
    assessments: tuple[Assessment, ...]


def _products(patient: Fields, n_events: int, notes: list[str]) -> _Products:
    products: list[Product] = []
    assessments: list[Assessment] = []
    for number, fields in enumerate(patient.parts("drug"), start=1):
        if len(products) == N_PRODUCTS_MAX:
            notes.append(f"drug: more than {N_PRODUCTS_MAX}; the others are left out")
            break
        product = _product(fields, number)
        if product is None:
            notes.append(f"drug: number {number} has no name; left out")
            continue
        assessments.extend(_assessments(fields, len(products), n_events, patient))
        products.append(product)
    return _Products(tuple(products), tuple(assessments)[:_N_ASSESSMENTS_MAX])


def _product(fields: Fields, number: int) -> Product | None:
    substances = _substances(fields)
    name = fields.short("medicinalproduct")
    name = name or (" \\ ".join(substances)[:N_NAME] if substances else None)
    if name is None:
        return None
    role = fields.of("drugcharacterization", codes.ROLES)
    if role is None:
        raise _refuse("no_role", f"drug {number} has no characterisation")
    indication = fields.short("drugindication")
    dose = _dose(fields)
    return Product(
        role=role,
        product=name,
        substances=substances,
        lot=fields.short("drugbatchnumb", 120),
        doses=() if dose == Dose() else (dose,),
        indications=() if indication is None else (indication,),
        action_taken=fields.of("actiondrug", codes.ACTIONS),
        rechallenge=fields.of("drugrecurreadministration", codes.RECHALLENGES),
        country_obtained=fields.two_letters(
            "obtaindrugcountry", fields.string("obtaindrugcountry")
        ),
        authorisation=fields.short("drugauthorizationnumb", 120),
        authorisation_country=fields.two_letters(
            "drugauthorizationcountry", fields.string("drugauthorizationcountry")
        ),
        holder=fields.short("drugauthorizationholder"),
        cumulative_dose=fields.measured(
            "drugcumulativedosagenumb", "drugcumulativedosageunit", codes.DOSE_UNITS
        ),
        gestation=fields.measured(
            "reactiongestationperiod", "reactiongestationperiodunit", codes.TIME_UNITS
        ),
        additional_text=fields.prose("drugadditional", fields.string("drugadditional"), 2_000),
    )


def _substances(fields: Fields) -> tuple[str, ...]:
    """Return the active substances; openFDA's harmonised names where the report has none."""
    found = [each.string("activesubstancename") for each in fields.parts("activesubstance")]
    names = [part for each in found for part in each.split("\\")]
    if not any(name.strip() for name in names):
        harmonised = fields.part("openfda").tree.get("substance_name")
        names = [each for each in harmonised if isinstance(each, str)] if isinstance(
            harmonised, list
        ) else []  # fmt: skip
    kept = [fields.name("activesubstance", name.strip(), N_NAME) for name in names]
    return tuple(dict.fromkeys(name for name in kept if name))[:N_SUBSTANCES_MAX]


def _dose(fields: Fields) -> Dose:
    amount = fields.measured("drugstructuredosagenumb", "drugstructuredosageunit", codes.DOSE_UNITS)
    route = fields.string("drugadministrationroute")
    parent = fields.string("drugparadministration")
    is_usable = amount is not None and amount.value >= 0
    return Dose(
        start_on=fields.when("drugstartdate"),
        end_on=fields.when("drugenddate"),
        amount=amount.value if amount is not None and is_usable else None,
        unit=amount.unit if amount is not None and is_usable else None,
        interval=fields.measured(
            "drugintervaldosageunitnumb", "drugintervaldosagedefinition", codes.TIME_UNITS
        ),
        duration=fields.measured(
            "drugtreatmentduration", "drugtreatmentdurationunit", codes.TIME_UNITS
        ),
        text=fields.prose("drugdosagetext", fields.string("drugdosagetext"), 2_000),
        form=fields.short("drugdosageform", 60),
        route=codes.ROUTES.get(route) or (route[:60] or None),
        route_code=route if route in codes.ROUTES else None,
        parent_route=codes.ROUTES.get(parent) or (parent[:60] or None),
        dates_as_stated=fields.dates or None,
    )


def _assessments(
    fields: Fields, product: int, n_events: int, patient: Fields
) -> Iterator[Assessment]:
    """Yield what is stated of a drug and each reaction it names.

    The intervals of R2 are stated for the drug and whichever reaction: they are given to the
    reaction where there is one, and to none where there are more.
    """
    first = fields.measured("drugstartperiod", "drugstartperiodunit", codes.TIME_UNITS)
    last = fields.measured("druglastperiod", "druglastperiodunit", codes.TIME_UNITS)
    opinions = _opinions(fields, patient)
    if n_events != 1:
        if first is not None or last is not None:
            fields.note("drugstartperiod", "stated for several reactions at once")
        first = last = None
    for event in range(n_events):
        given = opinions.get(event, ())
        if first is None and last is None and not given:
            continue
        results = {each.result for each in given if each.result}
        yield Assessment(
            product=product,
            event=event,
            onset_days=None if first is None else whole_days(first),
            from_first_dose=first,
            from_last_dose=last,
            causality=results.pop() if len(results) == 1 else None,
            opinions=given,
        )


def _opinions(fields: Fields, patient: Fields) -> dict[int, tuple[Opinion, ...]]:
    """Return the opinions on a drug by the place of the reaction they name."""
    terms = [
        {each.string(name) for name in ("reactionmeddrapt", "reactionmeddrallt")}
        for each in patient.parts("reaction")
    ]
    found: dict[int, tuple[Opinion, ...]] = {}
    for each in fields.parts("drugreactionrelatedness"):
        named = each.string("drugreactionasses")
        opinion = Opinion(
            source=each.short("drugassessmentsource", 60),
            method=each.short("drugassessmentmethod", 60),
            result=each.short("drugresult", 200),
        )
        for place, names in enumerate(terms):
            if named in names:
                found[place] = (*found.get(place, ()), opinion)[:_N_FEW]
    return found


def _tests(patient: Fields) -> tuple[TestResult, ...]:
    results: list[TestResult] = []
    for fields in patient.parts("test"):
        name = fields.short("testname")
        if name is None or len(results) == _N_TESTS_MAX:
            patient.note("test", "names none, or is one too many")
            continue
        stated = fields.string("testresult")
        is_number = re.fullmatch(r"[+-]?\d{1,15}(\.\d{0,15})?", stated) is not None
        results.append(
            TestResult(
                name=name,
                taken_on=fields.when("testdate"),
                value=float(stated) if is_number else None,
                text=None if is_number else fields.prose("testresult", stated, 2_000),
                unit=fields.short("testunit", 50),
                low=fields.number("lowtestrange", fields.string("lowtestrange")),
                high=fields.number("hightestrange", fields.string("hightestrange")),
                has_more=codes.FLAGS.get(fields.string("moreinformation")),
                dates_as_stated=fields.dates or None,
            )
        )
    return tuple(results)
