"""Outcomes of treated patients: enrolment, doses, visits, measurements, events, and how it ended.

A record has an identity and a version, like a case: the greatest version stands, and a
nullification takes the record back. Its identity is programme and record id together: a
record of the wrong programme is nullified there and sent again under the right one.
Everything is keyed by programme, so that one partition holds all patients whose person-time
is pooled.
"""

from __future__ import annotations

from datetime import date
from operator import attrgetter
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from surveillance.domain.names import is_blank, upper
from surveillance.domain.values import Identifier, Name, clean_ids

Days = Annotated[int, Meta(ge=0, le=50_000)]


class _Outcome(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """The base of the outcome records."""

    _names: ClassVar[tuple[str, ...]] = ("programme",)  # that identify something

    record_id: Identifier
    version: Annotated[int, Meta(ge=1, le=2_147_483_647)] = 1
    is_nullified: bool = False
    programme: Name
    patient_id: Identifier  # a pseudonym
    received_on: date

    def __post_init__(self) -> None:
        clean_ids(self, "record_id", "patient_id")
        for field in self._names:
            if is_blank(getattr(self, field)):
                raise ValueError(f"{field}: holds nothing that can be seen")

    @property
    def programme_key(self) -> str:
        """The spelling of the programme that is compared, and that keys its messages."""
        return upper(self.programme)


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Endpoint events of a patient before the first dose, and the time in which they were counted.

    They inform what the same patient would have had untreated.
    """

    endpoint: Name
    n_events: Annotated[int, Meta(ge=0, le=10_000)]
    days: Annotated[int, Meta(ge=1, le=50_000)]


class Enrolled(_Outcome, frozen=True, kw_only=True, tag="enrolment"):
    """A patient enters a programme, with what decides the comparator."""

    enrolled_on: date
    age_years: Annotated[float, Meta(ge=0, le=130)] | None = None  # on that day
    variant: Annotated[str, Meta(max_length=120)] | None = None  # HGVS
    baseline: Annotated[tuple[Baseline, ...], Meta(max_length=20)] = ()


class TreatmentGiven(_Outcome, frozen=True, kw_only=True, tag="treatment"):
    """A dose given: the start, or the continuation, of time at risk."""

    _names: ClassVar[tuple[str, ...]] = ("programme", "platform", "product", "construct")

    platform: Name
    product: Name
    construct: Name
    lot: Identifier | None = None
    site: Identifier | None = None
    dose_number: Annotated[int, Meta(ge=1, le=10_000)] = 1
    dose_mg_per_kg: Annotated[float, Meta(ge=0)] | None = None
    given_on: date


class FollowUp(_Outcome, frozen=True, kw_only=True, tag="follow_up"):
    """A visit or contact: the state of the patient is known up to this day."""

    seen_on: date
    is_last: bool = False  # dead, withdrawn or lost: no more time at risk accrues


class MissedVisit(_Outcome, frozen=True, kw_only=True, tag="missed_visit"):
    """A visit of the schedule that did not take place."""

    planned_on: date
    reason: Annotated[str, Meta(max_length=500)] | None = None


class Measurement(_Outcome, frozen=True, kw_only=True, tag="measurement"):
    """A value of a biomarker or test.

    Raises
    ------
    ValueError
        If the reference range is upside down.
    """

    _names: ClassVar[tuple[str, ...]] = ("programme", "code")

    code: Name  # LOINC, or the name that the configuration gives the biomarker
    value: Annotated[float, Meta(ge=-1e60, le=1e60)]  # the limit itself where it is below it
    unit: Annotated[str, Meta(min_length=1, max_length=50)]  # UCUM
    taken_on: date
    low: float | None = None  # reference range of the laboratory
    high: float | None = None
    is_below_limit: bool = False  # below the limit of quantification: censored, not zero

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low: lies above high")


class EndpointEvent(_Outcome, frozen=True, kw_only=True, tag="endpoint_event"):
    """An event that natural history or a background also has a rate for."""

    _names: ClassVar[tuple[str, ...]] = ("programme", "endpoint")

    endpoint: Name
    occurred_on: date
    is_fatal: bool = False


class Intervention(_Outcome, frozen=True, kw_only=True, tag="intervention"):
    """A rescue or concomitant treatment, or a transplant: the therapy no longer acts alone."""

    kind: Literal["rescue", "concomitant", "transplant"]
    name: Name
    started_on: date


class Ended(_Outcome, frozen=True, kw_only=True, tag="end"):
    """The end of a patient's follow-up, and why."""

    kind: Literal["death", "lost", "consent_withdrawn"]
    ended_on: date  # of death; else the last day on which the patient's state was known
    cause: Name | None = None


OutcomeRecord = (
    Enrolled
    | TreatmentGiven
    | FollowUp
    | MissedVisit
    | Measurement
    | EndpointEvent
    | Intervention
    | Ended
)


def day_of_outcome(record: OutcomeRecord) -> date:
    """Return the day on which it happened, or was planned."""
    day: date = _DAY_OF[type(record)](record)
    return day


_DAY_OF = {
    Enrolled: attrgetter("enrolled_on"),
    TreatmentGiven: attrgetter("given_on"),
    FollowUp: attrgetter("seen_on"),
    MissedVisit: attrgetter("planned_on"),
    Measurement: attrgetter("taken_on"),
    EndpointEvent: attrgetter("occurred_on"),
    Intervention: attrgetter("started_on"),
    Ended: attrgetter("ended_on"),
}
