"""Outcomes of treated patients: treatment, follow-up, endpoint events.

A record has an identity and a version, like a case: the greatest version stands, and a
nullification takes the record back. Everything is keyed by programme, so that one
partition holds all patients whose person-time is pooled.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from surveillance.domain.case import Identifier, Name


class _Outcome(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    """The base of the outcome records."""

    record_id: Identifier
    version: Annotated[int, Meta(ge=1, le=2_147_483_647)] = 1
    is_nullified: bool = False
    programme: Name
    patient_id: Identifier  # a pseudonym
    received_on: date


class TreatmentGiven(_Outcome, frozen=True, kw_only=True, tag="treatment"):
    """A dose given: the start, or the continuation, of time at risk."""

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

    endpoint: Name
    occurred_on: date
    is_fatal: bool = False


OutcomeRecord = TreatmentGiven | FollowUp | EndpointEvent
