"""Decisions: what people decided about a signal, in their own words; and what they have seen.

A decision moves a signal along its life cycle. An acknowledgement states that a person has seen a
matter as it stood. Both are records on a log like any other: never edited, never deleted.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from surveillance.domain.names import identity
from surveillance.domain.values import Identifier, clean_ids

Action = Literal[
    "start_review", "confirm", "refute", "close", "reopen", "uphold_review", "reject_review"
]
PersonRole = Literal[
    "safety_scientist", "safety_physician", "committee_chair", "statistician", "regulator"
]
Reason = Annotated[str, Meta(min_length=10, max_length=4_000)]
GroundCode = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]  # as in law.toml
PublicReason = Annotated[str, Meta(max_length=2_000)]


class Decision(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="decision",
    tag_field="type",
):
    """One decision about one signal.

    Raises
    ------
    ValueError
        If the approver is the proposer.
    """

    decision_id: Identifier
    signal_id: Identifier
    action: Action
    decided_by: Identifier
    role: PersonRole
    reason: Reason  # internal: never published
    decided_at: Annotated[datetime, Meta(tz=True)]
    approved_by: Identifier | None = None  # the second pair of eyes
    approver_role: PersonRole | None = None
    public_reason: PublicReason = ""  # published word for word
    ground: GroundCode | None = None  # of the request that is answered, where more than one waits

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "signal_id", "decided_by", "approved_by")
        _require_second(self.decided_by, self.approved_by, self.approver_role)


class Acknowledgement(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="acknowledgement",
    tag_field="type",
):
    """A person has seen a matter as it stood at the end of an epoch.

    It moves nothing: what is new in the matter is counted from there.
    """

    decision_id: Identifier
    matter_id: Identifier
    up_to_epoch: Annotated[int, Meta(ge=0)]
    decided_by: Identifier
    role: PersonRole
    decided_at: Annotated[datetime, Meta(tz=True)]
    note: Annotated[str, Meta(max_length=4_000)] = ""  # internal

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "matter_id", "decided_by")


N_DAYS_ALONE = 30  # for which one person may suppress a matter


class Suppression(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="suppression",
    tag_field="type",
):
    """A matter is to stay off the list until a day, with the reason.

    It moves nothing, and it ends by itself.

    Raises
    ------
    ValueError
        If the approver is the person who decided.
    """

    decision_id: Identifier
    matter_id: Identifier
    until: date  # the last day on which it stays away
    reason: Reason  # internal
    decided_by: Identifier
    role: PersonRole
    decided_at: Annotated[datetime, Meta(tz=True)]
    approved_by: Identifier | None = None
    approver_role: PersonRole | None = None

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "matter_id", "decided_by", "approved_by")
        _require_second(self.decided_by, self.approved_by, self.approver_role)


def _require_second(first: str, second: str | None, role: str | None) -> None:
    if second and identity(second) == identity(first):
        raise ValueError("approved_by: must be another person than decided_by")
    if (second is None) != (role is None):
        raise ValueError("approver_role: goes with approved_by")


AboutMatter = Acknowledgement | Suppression
PersonRecord = Decision | Acknowledgement | Suppression
