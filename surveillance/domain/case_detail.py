"""What a case version holds beyond product, event and patient, for the reader of one case.

Nothing here enters a count. The fields follow ICH E2B(R3) with FDA's additions; each names
its element. Names, initials, record numbers and dates of birth are never kept.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

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
)

AgeGroup = Literal["foetus", "neonate", "infant", "child", "adolescent", "adult", "elderly"]
StudyType = Literal["clinical_trial", "individual_use", "other"]  # C.5.4
_Words = Annotated[str, Meta(max_length=2_000)]
_Codes = Annotated[tuple[Code, ...], Meta(max_length=50)]


class Strength(Record, frozen=True, kw_only=True):
    """A substance of a product, its identifier and its strength, G.k.2.3.r."""

    substance: Name | None = None  # G.k.2.3.r.1
    term_id: Identifier | None = None  # G.k.2.3.r.2b
    term_version: Annotated[str, Meta(max_length=20)] | None = None  # G.k.2.3.r.2a
    strength: Quantity | None = None  # G.k.2.3.r.3


class Device(Record, frozen=True, kw_only=True):
    """A device, or the device part of a combination product, FDA.G.k.12.r."""

    is_malfunction: bool | None = None  # FDA.G.k.12.r.1
    follow_up_types: _Codes = ()  # FDA.G.k.12.r.2.r
    problem_codes: _Codes = ()  # FDA.G.k.12.r.3.r
    brand: Name | None = None  # FDA.G.k.12.r.4
    common_name: Name | None = None  # FDA.G.k.12.r.5
    product_code: Code | None = None  # FDA.G.k.12.r.6
    manufacturer: Name | None = None  # FDA.G.k.12.r.7.1a
    manufacturer_country: Country | None = None  # FDA.G.k.12.r.7.1e
    usage: Code | None = None  # FDA.G.k.12.r.8
    lot: Identifier | None = None  # FDA.G.k.12.r.9
    operator: Code | None = None  # FDA.G.k.12.r.10
    remedial_actions: _Codes = ()  # FDA.G.k.12.r.11.r
    nulls: Nulls | None = None


class Opinion(Record, frozen=True, kw_only=True):
    """One assessment of relatedness, G.k.9.i.2.r."""

    source: Annotated[str, Meta(max_length=60)] | None = None  # G.k.9.i.2.r.1
    method: Annotated[str, Meta(max_length=60)] | None = None  # G.k.9.i.2.r.2
    result: Annotated[str, Meta(max_length=200)] | None = None  # G.k.9.i.2.r.3


class Condition(Record, frozen=True, kw_only=True):
    """An item of medical history, D.7.1.r; of a parent, D.10.7.1.r."""

    llt: Code | None = None  # D.7.1.r.1b
    meddra_version: CodeVersion | None = None  # D.7.1.r.1a
    start_on: date | None = None  # D.7.1.r.2
    end_on: date | None = None  # D.7.1.r.4
    is_continuing: bool | None = None  # D.7.1.r.3
    comment: _Words | None = None  # D.7.1.r.5
    is_family_history: bool | None = None  # D.7.1.r.6
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class PastDrug(Record, frozen=True, kw_only=True):
    """A drug of the past, D.8.r; of a parent, D.10.8.r."""

    name: Name | None = None  # D.8.r.1
    product_id: Identifier | None = None  # D.8.r.2b or D.8.r.3b
    start_on: date | None = None  # D.8.r.4
    end_on: date | None = None  # D.8.r.5
    indication_llt: Code | None = None  # D.8.r.6b
    reaction_llt: Code | None = None  # D.8.r.7b
    meddra_version: CodeVersion | None = None  # D.8.r.6a, D.8.r.7a
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Death(Record, frozen=True, kw_only=True):
    """A patient's death, D.9."""

    died_on: date | None = None  # D.9.1
    causes: Annotated[tuple[Coded, ...], Meta(max_length=50)] = ()  # D.9.2.r, as reported
    is_autopsied: bool | None = None  # D.9.3
    autopsy_causes: Annotated[tuple[Coded, ...], Meta(max_length=50)] = ()  # D.9.4.r
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Parent(Record, frozen=True, kw_only=True):
    """The parent in a parent-child report, D.10."""

    sex: Sex | None = None  # D.10.6
    age: Quantity | None = None  # D.10.2.2
    weight_kg: Annotated[float, Meta(gt=0, le=700)] | None = None  # D.10.4
    height_cm: Annotated[float, Meta(gt=0, le=300)] | None = None  # D.10.5
    last_period_on: date | None = None  # D.10.3
    history: Annotated[tuple[Condition, ...], Meta(max_length=200)] = ()  # D.10.7.1.r
    history_sha256: Sha256 | None = None  # D.10.7.2: free text, which never travels
    past_drugs: Annotated[tuple[PastDrug, ...], Meta(max_length=200)] = ()  # D.10.8.r
    nulls: Nulls | None = None
    dates_as_stated: StatedDates | None = None


class Registration(Record, frozen=True, kw_only=True):
    """Where a study is registered, C.5.1.r."""

    number: Identifier | None = None  # C.5.1.r.1
    country: Country | None = None  # C.5.1.r.2
    nulls: Nulls | None = None


class Study(Record, frozen=True, kw_only=True):
    """The study that a report comes from, C.5."""

    registrations: Annotated[tuple[Registration, ...], Meta(max_length=50)] = ()  # C.5.1.r
    name: _Words | None = None  # C.5.2
    sponsor_number: Identifier | None = None  # C.5.3
    type: StudyType | None = None  # C.5.4
    ind: Identifier | None = None  # FDA.C.5.5a
    pre_anda: Identifier | None = None  # FDA.C.5.5b
    cross_reported_inds: Annotated[tuple[Identifier, ...], Meta(max_length=50)] = ()  # FDA.C.5.6.r
    nulls: Nulls | None = None


class OtherReporter(Record, frozen=True, kw_only=True):
    """A source beside the primary one, C.2.r."""

    reporter: Reporter = "unknown"  # C.2.r.4
    country: Country | None = None  # C.2.r.3
    nulls: Nulls | None = None


class Document(Record, frozen=True, kw_only=True):
    """A document held or included; its content is counted and digested, never kept."""

    element: Annotated[str, Meta(max_length=24)]  # C.1.6.1.r or C.4.r
    title: _Words | None = None  # C.1.6.1.r.1
    media_type: Annotated[str, Meta(max_length=120)] | None = None
    n_bytes: Annotated[int, Meta(ge=0)] | None = None  # None: named, not included
    sha256: Sha256 | None = None


class NativeSummary(Record, frozen=True, kw_only=True):
    """A summary in the reporter's language, H.5.r: its language and its digest."""

    sha256: Sha256  # H.5.r.1a
    language: Annotated[str, Meta(max_length=3)] | None = None  # H.5.r.1b
