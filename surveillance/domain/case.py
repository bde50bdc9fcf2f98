"""One version of one case: the canonical form that every format is read into.

The fields follow ICH E2B(R3); each names its element. A *case* is one patient's report
over time; a *version* is one submission about it. Types and ranges are checked when a value
is decoded; rules across fields are in ``__post_init__``, so they hold however it was built. Ids are
cleaned there too, so that two spellings of one id are one.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, NewType

from msgspec import Meta

from surveillance.domain.case_detail import (
    AgeGroup,
    Condition,
    Death,
    Device,
    Document,
    NativeSummary,
    Opinion,
    OtherReporter,
    Parent,
    PastDrug,
    Strength,
    Study,
)
from surveillance.domain.names import is_blank
from surveillance.domain.values import (
    Code,
    Coded,
    CodeVersion,
    Country,
    Identifier,
    Name,
    Nulls,
    Quantity,
    Record,
    Reporter,
    Sex,
    Sha256,
    StatedDates,
    Text,
    Unit,
    clean_ids,
)

__all__ = ["Country", "Identifier", "Name", "Reporter", "Sex", "Sha256"]  # also known from here

CaseId = NewType("CaseId", str)  # worldwide unique case identification, C.1.8.1

Kind = Literal["initial", "follow_up", "amendment", "nullification", "reinstatement"]
Role = Literal["suspect", "interacting", "concomitant", "not_administered"]  # G.k.1
ReportType = Literal["spontaneous", "study", "other", "unknown"]  # C.1.3
Outcome = Literal[
    "recovered", "recovering", "not_recovered", "sequelae", "fatal", "unknown"
]  # E.i.7

Dechallenge = Literal["positive", "negative", "unknown", "not_applicable"]
Rechallenge = Literal["positive", "negative", "unknown", "not_done"]
Qualifier = Literal["<", "<=", ">", ">="]  # F.r.3.2: the value is a limit
TestCode = Literal["positive", "negative", "borderline", "inconclusive"]  # F.r.3.1

YEAR_MIN = 1900  # of receipt: an earlier one is a mistake, and would be an epoch
N_PRODUCTS_MAX = 200
N_EVENTS_MAX = 500
N_SUBSTANCES_MAX = 100  # of one product: allergen extracts and multivitamins have dozens


class Seriousness(Record, frozen=True, kw_only=True):
    """Seriousness criteria of one event, E.i.3.2; None is "not stated", which is not "no"."""

    death: bool | None = None  # E.i.3.2a
    life_threatening: bool | None = None  # E.i.3.2b
    hospitalisation: bool | None = None  # E.i.3.2c
    disabling: bool | None = None  # E.i.3.2d
    congenital_anomaly: bool | None = None  # E.i.3.2e
    other: bool | None = None  # E.i.3.2f
    intervention: bool | None = None  # FDA.E.i.3.2h, required to prevent lasting damage
    is_inherited: bool = False  # the source states seriousness for the case, not the event

    @property
    def is_serious(self) -> bool:
        """Whether any criterion is met."""
        return bool(
            self.hospitalisation  # the commonest first
            or self.death
            or self.life_threatening
            or self.disabling
            or self.congenital_anomaly
            or self.other
            or self.intervention
        )


class Event(Record, frozen=True, kw_only=True):
    """An event or reaction, coded to a MedDRA preferred term, E.i."""

    pt: Name  # preferred term, by name
    event_id: Identifier | None = None
    verbatim: Text | None = None  # E.i.1.1a
    llt: Name | None = None  # E.i.2.1b, lowest level term
    meddra_version: CodeVersion | None = None  # E.i.2.1a
    onset_on: date | None = None  # E.i.4
    end_on: date | None = None  # E.i.5
    seriousness: Seriousness = Seriousness()
    outcome: Outcome | None = None  # E.i.7
    is_expected: bool | None = None  # against the reference safety information in force
    verbatim_language: Annotated[str, Meta(max_length=3)] | None = None  # E.i.1.1b
    translation: Text | None = None  # E.i.1.2, of the verbatim term
    is_highlighted: bool | None = None  # E.i.3.1, by the reporter
    duration: Quantity | None = None  # E.i.6
    is_confirmed: bool | None = None  # E.i.8, by a health professional
    country: Country | None = None  # E.i.9
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None

    def __post_init__(self) -> None:
        if is_blank(self.pt):
            raise ValueError("pt: holds nothing that can be seen")

    @property
    def is_fatal(self) -> bool:
        """Whether the event ended in death, or is reported to have caused it."""
        return self.outcome == "fatal" or bool(self.seriousness.death)


class Dose(Record, frozen=True, kw_only=True):
    """One dose or infusion, G.k.4.r."""

    start_on: date | None = None  # G.k.4.r.4
    end_on: date | None = None  # G.k.4.r.5
    dose_number: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    amount: Annotated[float, Meta(ge=0)] | None = None  # G.k.4.r.1a
    unit: Unit | None = None  # G.k.4.r.1b
    lot: Identifier | None = None  # G.k.4.r.7
    route: Annotated[str, Meta(max_length=60)] | None = None  # G.k.4.r.10
    route_code: Code | None = None  # G.k.4.r.10.2b
    interval: Quantity | None = None  # G.k.4.r.2 and .3: one dose in each
    duration: Quantity | None = None  # G.k.4.r.6
    text: Annotated[str, Meta(max_length=2_000)] | None = None  # G.k.4.r.8
    form: Annotated[str, Meta(max_length=60)] | None = None  # G.k.4.r.9.1
    form_code: Code | None = None  # G.k.4.r.9.2b
    parent_route: Annotated[str, Meta(max_length=60)] | None = None  # G.k.4.r.11
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Product(Record, frozen=True, kw_only=True):
    """A product named in the case, and the role the reporter gives it, G.k."""

    role: Role  # G.k.1
    product: Name  # licensed product, or the name as reported, G.k.2.2
    substances: Annotated[tuple[Name, ...], Meta(max_length=N_SUBSTANCES_MAX)] = ()  # G.k.2.3.r.1
    platform: Name | None = None  # delivery and chemistry shared by programmes
    programme: Name | None = None  # gene or disease; for vaccines, the type
    construct: Name | None = None  # variant-specific sequence
    lot: Identifier | None = None  # G.k.4.r.7, where no dose names one
    doses: Annotated[tuple[Dose, ...], Meta(max_length=200)] = ()
    indications: Annotated[tuple[Name, ...], Meta(max_length=100)] = ()  # G.k.7.r.2b
    action_taken: Annotated[str, Meta(max_length=60)] | None = None  # G.k.8
    # Where a source states these for a product and not for each of its events:
    dechallenge: Dechallenge | None = None
    rechallenge: Rechallenge | None = None
    is_similar_device: bool | None = None  # FDA.G.k.1.a
    product_id: Identifier | None = None  # G.k.2.1.1b (MPID) or G.k.2.1.2b (PhPID)
    strengths: Annotated[tuple[Strength, ...], Meta(max_length=100)] = ()  # G.k.2.3.r
    country_obtained: Country | None = None  # G.k.2.4
    is_blinded: bool | None = None  # G.k.2.5
    authorisation: Identifier | None = None  # G.k.3.1
    authorisation_country: Country | None = None  # G.k.3.2
    holder: Name | None = None  # G.k.3.3
    cumulative_dose: Quantity | None = None  # G.k.5, to the first reaction
    gestation: Quantity | None = None  # G.k.6, at the time of exposure
    coded_indications: Annotated[tuple[Coded, ...], Meta(max_length=100)] = ()  # G.k.7.r, coded
    additional_codes: Annotated[tuple[Code, ...], Meta(max_length=50)] = ()  # G.k.10.r
    fda_additional_codes: Annotated[tuple[Code, ...], Meta(max_length=50)] = ()  # FDA.G.k.10a
    additional_text: Annotated[str, Meta(max_length=2_000)] | None = None  # G.k.11
    category: Code | None = None  # FDA.G.k.10.1, of a combination product
    devices: Annotated[tuple[Device, ...], Meta(max_length=50)] = ()  # FDA.G.k.12.r
    nulls: Nulls | None = None

    def __post_init__(self) -> None:
        if is_blank(self.product):
            raise ValueError("product: holds nothing that can be seen")

    @property
    def lots(self) -> tuple[str, ...]:
        """Every lot named, once each."""
        found = (self.lot,) if self.lot else ()
        for dose in self.doses:
            if dose.lot and dose.lot not in found:
                found = (*found, dose.lot)
        return found

    @property
    def first_dose_on(self) -> date | None:
        """The day of the earliest dated dose."""
        first = None
        for dose in self.doses:
            if dose.start_on is not None and (first is None or dose.start_on < first):
                first = dose.start_on
        return first


class Assessment(Record, frozen=True, kw_only=True):
    """The reporter's assessment of one product and one event together, G.k.9.i."""

    product: Annotated[int, Meta(ge=0)]  # place in `products`
    event: Annotated[int, Meta(ge=0)]  # place in `events`
    onset_days: Annotated[int, Meta(ge=0)] | None = None  # G.k.9.i.3.1
    dechallenge: Dechallenge | None = None
    rechallenge: Rechallenge | None = None  # G.k.9.i.4
    causality: Annotated[str, Meta(max_length=200)] | None = None  # G.k.9.i.2.r.3
    from_first_dose: Quantity | None = None  # G.k.9.i.3.1 as stated, in its unit
    from_last_dose: Quantity | None = None  # G.k.9.i.3.2
    opinions: Annotated[tuple[Opinion, ...], Meta(max_length=50)] = ()  # G.k.9.i.2.r, all


class TestResult(Record, frozen=True, kw_only=True):
    """A test or procedure, F.r."""

    __test__ = False  # the name means a laboratory's test

    name: Name  # F.r.2.1, or the code of F.r.2.2b where there is no name
    taken_on: date | None = None  # F.r.1
    value: float | None = None  # F.r.3.2
    unit: Unit | None = None  # F.r.3.3
    low: float | None = None  # F.r.4
    high: float | None = None  # F.r.5
    llt: Code | None = None  # F.r.2.2b
    meddra_version: CodeVersion | None = None  # F.r.2.2a
    qualifier: Qualifier | None = None  # F.r.3.2
    result: TestCode | None = None  # F.r.3.1
    text: Annotated[str, Meta(max_length=2_000)] | None = None  # F.r.3.4
    comment: Annotated[str, Meta(max_length=2_000)] | None = None  # F.r.6
    has_more: bool | None = None  # F.r.7
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Patient(Record, frozen=True, kw_only=True):
    """Who the case is about, as far as signal work needs it, D."""

    sex: Sex | None = None  # D.5
    age_years: Annotated[float, Meta(ge=0, le=130)] | None = None  # D.2.2
    weight_kg: Annotated[float, Meta(gt=0, le=700)] | None = None  # D.3
    gene: Identifier | None = None
    variant: Identifier | None = None
    age: Quantity | None = None  # D.2.2 as stated, in its unit
    gestation: Quantity | None = None  # D.2.2.1, when the reaction was observed in the foetus
    age_group: AgeGroup | None = None  # D.2.3
    height_cm: Annotated[float, Meta(gt=0, le=300)] | None = None  # D.4
    last_period_on: date | None = None  # D.6
    history: Annotated[tuple[Condition, ...], Meta(max_length=200)] = ()  # D.7.1.r
    history_sha256: Sha256 | None = None  # D.7.2: free text, which never travels
    has_other_therapies: bool | None = None  # D.7.3
    past_drugs: Annotated[tuple[PastDrug, ...], Meta(max_length=200)] = ()  # D.8.r
    death: Death | None = None  # D.9
    parent: Parent | None = None  # D.10
    races: Annotated[tuple[Code, ...], Meta(max_length=10)] = ()  # FDA.D.11.r
    ethnicity: Code | None = None  # FDA.D.12
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Provenance(Record, frozen=True, kw_only=True):
    """Where the version was read, and what the reader had to leave out."""

    parser: Identifier  # name and version of the reader
    place: Annotated[str, Meta(max_length=300)] | None = None  # file and row
    message_sha256: Sha256 | None = None
    notes: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=50)] = ()


class CaseVersion(Record, frozen=True, kw_only=True):
    """One version of an individual case safety report.

    Three times are kept apart: `first_received_on` (day 0 of the case, C.1.4),
    `received_on` (most recent information, C.1.5) and `ingested_at` (when this system
    took it in; absent where a file was read straight into a log, whose ticks record it).

    Raises
    ------
    ValueError
        If rules across fields do not hold; the message names the field.
    """

    case_id: Annotated[str, Meta(min_length=1, max_length=120)]  # C.1.8.1
    source: Identifier  # whose numbering and version rule hold
    version: Annotated[int, Meta(ge=1, le=2_147_483_647)]
    kind: Kind  # C.1.11.1 for nullification and amendment
    received_on: date  # C.1.5
    first_received_on: date | None = None  # C.1.4
    extracted_on: date | None = None  # when the source made the file that shows the case so
    ingested_at: Annotated[datetime, Meta(tz=True)] | None = None
    sender_report_id: Identifier | None = None  # C.1.1
    report_type: ReportType = "spontaneous"
    reporter: Reporter = "unknown"
    country: Country | None = None  # C.2.r.3
    duplicate_of: Identifier | None = None  # the case that stands for this cluster
    linked_case_ids: Annotated[tuple[Identifier, ...], Meta(max_length=100)] = ()  # C.1.10.r
    other_ids: Annotated[tuple[Identifier, ...], Meta(max_length=100)] = ()  # C.1.9.1.r
    literature_ref: Annotated[str, Meta(max_length=500)] | None = None  # C.4.r.1
    patient: Patient = Patient()
    events: Annotated[tuple[Event, ...], Meta(max_length=N_EVENTS_MAX)] = ()
    products: Annotated[tuple[Product, ...], Meta(max_length=N_PRODUCTS_MAX)] = ()
    assessments: Annotated[tuple[Assessment, ...], Meta(max_length=2_000)] = ()
    tests: Annotated[tuple[TestResult, ...], Meta(max_length=1_000)] = ()
    narrative_sha256: Sha256 | None = None  # H.1 itself never travels on a shared topic
    provenance: Provenance | None = None
    is_expedited: bool | None = None  # C.1.7
    local_report_type: Code | None = None  # FDA.C.1.7.1
    first_sender: Literal["regulator", "other"] | None = None  # C.1.8.2
    other_id_sources: Annotated[tuple[Identifier, ...], Meta(max_length=100)] = ()  # C.1.9.1.r.1
    reason: Annotated[str, Meta(max_length=2_000)] | None = None  # C.1.11.2
    is_combination_product: bool | None = None  # FDA.C.1.12
    other_reporters: Annotated[tuple[OtherReporter, ...], Meta(max_length=50)] = ()  # C.2.r
    sender_type: Code | None = None  # C.3.1
    sender: Identifier | None = None  # C.3.2
    other_literature: Annotated[
        tuple[Annotated[str, Meta(max_length=500)], ...], Meta(max_length=50)
    ] = ()  # C.4.r.1 after the first
    study: Study | None = None  # C.5
    has_documents: bool | None = None  # C.1.6.1
    documents: Annotated[tuple[Document, ...], Meta(max_length=100)] = ()  # C.1.6.1.r, C.4.r.2
    reporter_comments_sha256: Sha256 | None = None  # H.2
    diagnoses: Annotated[tuple[Coded, ...], Meta(max_length=50)] = ()  # H.3.r, the sender's
    sender_comments_sha256: Sha256 | None = None  # H.4
    native_summaries: Annotated[tuple[NativeSummary, ...], Meta(max_length=50)] = ()  # H.5.r
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None

    def __post_init__(self) -> None:
        clean_ids(self, "case_id", "source", "duplicate_of")
        if self.duplicate_of == self.case_id:
            raise ValueError("duplicate_of: a case cannot be a duplicate of itself")
        if self.received_on.year < YEAR_MIN:
            raise ValueError(f"received_on: lies before {YEAR_MIN}")
        if self.first_received_on and self.first_received_on > self.received_on:
            raise ValueError("first_received_on: lies after received_on")
        if self.kind != "nullification":
            self._refuse_what_cannot_stand()

    def _refuse_what_cannot_stand(self) -> None:
        # A report may lack a term or a product and still belong to the total and to the
        # margin of what it names: 2x2 tables count reports, not pairs.
        if not self.events and not self.products:
            raise ValueError("events: a standing case names at least one event or product")
        for event in self.events:
            if event.onset_on is not None and event.onset_on > self.received_on:
                raise ValueError("events: onset_on lies after received_on")
        for pair in self.assessments:
            if pair.product >= len(self.products) or pair.event >= len(self.events):
                raise ValueError("assessments: name a product or event that is not there")
