"""One version of one case: the canonical form that every format is read into.

The fields follow ICH E2B(R3); each names its element. A *case* is one patient's report
over time; a *version* is one submission about it. Types and ranges are checked when a value
is decoded; rules across fields are in ``__post_init__``, so they hold however it was built.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, NewType

from msgspec import Meta, Struct

CaseId = NewType("CaseId", str)  # worldwide unique case identification, C.1.8.1

Identifier = Annotated[str, Meta(min_length=1, max_length=120)]
Name = Annotated[str, Meta(min_length=1, max_length=250)]
Text = Annotated[str, Meta(max_length=20_000)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]  # ISO 3166-1 alpha-2
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

Kind = Literal["initial", "follow_up", "amendment", "nullification", "reinstatement"]
Role = Literal["suspect", "interacting", "concomitant", "not_administered"]  # G.k.1
Reporter = Literal[
    "physician", "pharmacist", "other_professional", "lawyer", "consumer", "unknown"
]  # C.2.r.4
ReportType = Literal["spontaneous", "study", "other", "unknown"]  # C.1.3
Sex = Literal["male", "female", "unknown"]  # D.5
Outcome = Literal[
    "recovered", "recovering", "not_recovered", "sequelae", "fatal", "unknown"
]  # E.i.7

Dechallenge = Literal["positive", "negative", "unknown", "not_applicable"]
Rechallenge = Literal["positive", "negative", "unknown", "not_done"]

YEAR_MIN = 1900  # of receipt: an earlier one is a mistake, and would be an epoch
N_PRODUCTS_MAX = 200
N_EVENTS_MAX = 500
N_SUBSTANCES_MAX = 100  # of one product: allergen extracts and multivitamins have dozens


class _Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of the parts of a case version: frozen, keyword-only, no unknown fields."""


class Seriousness(_Record, frozen=True, kw_only=True):
    """Seriousness criteria of one event, E.i.3.2; None is "not stated", which is not "no"."""

    death: bool | None = None  # E.i.3.2a
    life_threatening: bool | None = None  # E.i.3.2b
    hospitalisation: bool | None = None  # E.i.3.2c
    disabling: bool | None = None  # E.i.3.2d
    congenital_anomaly: bool | None = None  # E.i.3.2e
    other: bool | None = None  # E.i.3.2f
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
        )


class Event(_Record, frozen=True, kw_only=True):
    """An event or reaction, coded to a MedDRA preferred term, E.i."""

    pt: Name  # preferred term, by name
    event_id: Identifier | None = None
    verbatim: Text | None = None  # E.i.1.1a
    llt: Name | None = None  # E.i.2.1b, lowest level term
    meddra_version: Annotated[str, Meta(max_length=10)] | None = None  # E.i.2.1a
    onset_on: date | None = None  # E.i.4
    end_on: date | None = None  # E.i.5
    seriousness: Seriousness = Seriousness()
    outcome: Outcome | None = None  # E.i.7
    is_expected: bool | None = None  # against the reference safety information in force

    @property
    def is_fatal(self) -> bool:
        """Whether the event ended in death, or is reported to have caused it."""
        return self.outcome == "fatal" or bool(self.seriousness.death)


class Dose(_Record, frozen=True, kw_only=True):
    """One dose or infusion, G.k.4.r."""

    start_on: date | None = None  # G.k.4.r.4
    end_on: date | None = None  # G.k.4.r.5
    dose_number: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    amount: Annotated[float, Meta(ge=0)] | None = None  # G.k.4.r.1a
    unit: Annotated[str, Meta(max_length=50)] | None = None  # G.k.4.r.1b
    lot: Identifier | None = None  # G.k.4.r.7
    route: Annotated[str, Meta(max_length=60)] | None = None  # G.k.4.r.10


class Product(_Record, frozen=True, kw_only=True):
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


class Assessment(_Record, frozen=True, kw_only=True):
    """The reporter's assessment of one product and one event together, G.k.9.i."""

    product: Annotated[int, Meta(ge=0)]  # place in `products`
    event: Annotated[int, Meta(ge=0)]  # place in `events`
    onset_days: Annotated[int, Meta(ge=0)] | None = None  # G.k.9.i.3.1
    dechallenge: Dechallenge | None = None
    rechallenge: Rechallenge | None = None  # G.k.9.i.4
    causality: Annotated[str, Meta(max_length=200)] | None = None  # G.k.9.i.2.r.3


class TestResult(_Record, frozen=True, kw_only=True):
    """A test or procedure, F.r."""

    __test__ = False  # the name means a laboratory's test

    name: Name  # F.r.2.2b
    taken_on: date | None = None  # F.r.1
    value: float | None = None  # F.r.3.2
    unit: Annotated[str, Meta(max_length=50)] | None = None  # F.r.3.3
    low: float | None = None  # F.r.4
    high: float | None = None  # F.r.5


class Patient(_Record, frozen=True, kw_only=True):
    """Who the case is about, as far as signal work needs it, D."""

    sex: Sex | None = None  # D.5
    age_years: Annotated[float, Meta(ge=0, le=130)] | None = None  # D.2.2
    weight_kg: Annotated[float, Meta(gt=0, le=700)] | None = None  # D.3
    gene: Identifier | None = None
    variant: Identifier | None = None


class Provenance(_Record, frozen=True, kw_only=True):
    """Where the version was read, and what the reader had to leave out."""

    parser: Identifier  # name and version of the reader
    place: Annotated[str, Meta(max_length=300)] | None = None  # file and row
    message_sha256: Sha256 | None = None
    notes: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=50)] = ()


class CaseVersion(_Record, frozen=True, kw_only=True):
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

    def __post_init__(self) -> None:
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
