"""Outcomes of treated patients: treatment, follow-up, endpoint events.

A record has an identity and a version, like a case: the greatest version stands, and a
nullification takes the record back. Everything is keyed by programme, so that one
partition holds all patients whose person-time is pooled.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from surveillance.domain.names import is_blank, upper
from surveillance.domain.values import Identifier, Name, clean_ids


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


class TreatmentGiven(_Outcome, frozen=True, kw_only=True, tag="treatment"):
    """A dose given: the start, or the continuation, of time at risk."""

    _names: ClassVar[tuple[str, ...]] = ("programme", "platform", "product", "construct")

    platform: Name
    product: Name
    construct: Name
    lot: Identifier | None = None
    dose_number: Annotated[int, Meta(ge=1, le=10_000)] = 1
    dose_mg_per_kg: Annotated[float, Meta(ge=0)] | None = None
    given_on: date


class FollowUp(_Outcome, frozen=True, kw_only=True, tag="follow_up"):
    """A visit or contact: time at risk is known up to this day."""

    seen_on: date
    is_last: bool = False  # dead, withdrawn or lost: no more time at risk accrues


class EndpointEvent(_Outcome, frozen=True, kw_only=True, tag="endpoint_event"):
    """An event that natural history also has a rate for."""

    _names: ClassVar[tuple[str, ...]] = ("programme", "endpoint")

    endpoint: Name
    occurred_on: date
    is_fatal: bool = False


OutcomeRecord = TreatmentGiven | FollowUp | EndpointEvent
