"""Decisions: what people decided about a signal, in their own words; and what they have seen.

A decision moves a signal along its life cycle. An acknowledgement states that a person has seen a
matter as it stood, an assessment how one person judges one case. A decision by two people is two
records: a proposal, and the approval of exactly that proposal. Keys and roles are records too. All
of them are on a log like any other: never edited, never deleted.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from surveillance.domain.causality import Answer, Question, Scale, WhoUmc, WorkUpState
from surveillance.domain.names import identity
from surveillance.domain.values import Identifier, Name, Sha256, clean_ids

Action = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,29}$")]  # of lifecycle.toml
PersonRole = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]  # of lifecycle.toml
KeyId = Annotated[str, Meta(pattern="^K-[0-9a-f]{16}$")]
PublicKey = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$")]  # Ed25519, base64
Signature = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{86}==$")]  # Ed25519, base64
Reason = Annotated[str, Meta(min_length=10, max_length=4_000)]
StatusName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,19}$")]  # of lifecycle.toml
BandName = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9]{0,9}$")]
GroundCode = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]  # as in law.toml
WorkUpItem = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]  # as in workup.toml
N_WORK_UP_MAX = 60
PublicReason = Annotated[str, Meta(max_length=2_000)]


class _OfPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of what people sign: over the canonical bytes (RFC 8785) of all else."""

    key_id: KeyId | None = None  # None: unsigned
    signature: Signature | None = None

    @property
    def is_signed(self) -> bool:
        """Everybody who stands behind it signed."""
        return self.key_id is not None


class _Approved(_OfPerson, frozen=True, kw_only=True):
    """The base of what a second person may have approved in a record of their own.

    These fields are set when the approval is admitted; a record that arrives with them is refused.
    """

    proposal_sha256: Sha256 | None = None
    approver_key_id: KeyId | None = None

    @property
    def is_signed(self) -> bool:
        """Everybody who stands behind it signed."""
        has_second = getattr(self, "approved_by", None) is not None
        return self.key_id is not None and (not has_second or self.approver_key_id is not None)


class Decision(
    _Approved,
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
    ladder_step: GroundCode | None = None  # of the ladder of actions in law.toml
    until: date | None = None  # the day until which the signal is set aside
    merged_into: Identifier | None = None  # the signal that goes on
    band: BandName | None = None  # as people set it
    expected_status: StatusName | None = None  # of the signal, as its author saw it

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "signal_id", "decided_by", "approved_by", "merged_into")
        _require_second(self.decided_by, self.approved_by, self.approver_role)


class Acknowledgement(
    _OfPerson,
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


class Suppression(
    _Approved,
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


class Proposal(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="proposal",
    tag_field="type",
):
    """What one person proposes, for another to approve. It moves nothing.

    Raises
    ------
    ValueError
        If it is about no signal and no matter, or about both.
    """

    decision_id: Identifier
    signal_id: Identifier | None = None
    matter_id: Identifier | None = None
    action: Action
    decided_by: Identifier
    role: PersonRole
    reason: Reason  # internal: never published
    decided_at: Annotated[datetime, Meta(tz=True)]
    public_reason: PublicReason = ""
    ground: GroundCode | None = None
    ladder_step: GroundCode | None = None
    until: date | None = None
    merged_into: Identifier | None = None
    band: BandName | None = None
    expected_status: StatusName | None = None
    seen_epoch: Annotated[int, Meta(ge=0)] | None = None  # that its author saw

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "signal_id", "matter_id", "decided_by", "merged_into")
        if (self.signal_id is None) == (self.matter_id is None):
            raise ValueError("signal_id: a proposal is about a signal or a matter, and one of them")


class Approval(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="approval",
    tag_field="type",
):
    """A second person's answer to exactly one proposal, named by its hash."""

    decision_id: Identifier
    proposal_sha256: Sha256
    meaning: Literal["approved", "refused"]
    decided_by: Identifier
    role: PersonRole
    decided_at: Annotated[datetime, Meta(tz=True)]
    note: Annotated[str, Meta(max_length=4_000)] = ""  # internal

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "decided_by")


class Withdrawal(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="withdrawal",
    tag_field="type",
):
    """The author of a proposal takes it back."""

    decision_id: Identifier
    proposal_sha256: Sha256
    decided_by: Identifier
    decided_at: Annotated[datetime, Meta(tz=True)]
    note: Annotated[str, Meta(max_length=4_000)] = ""  # internal

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "decided_by")


class KeyRegistered(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="key",
    tag_field="type",
):
    """An administrator states whose key this is."""

    decision_id: Identifier
    person: Identifier
    full_name: Name
    public_key: PublicKey
    decided_by: Identifier
    decided_at: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "person", "full_name", "decided_by")


class RoleGranted(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="grant",
    tag_field="type",
):
    """An administrator gives a person a role."""

    decision_id: Identifier
    person: Identifier
    role: PersonRole
    decided_by: Identifier
    decided_at: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "person", "decided_by")


class Revocation(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="revocation",
    tag_field="type",
):
    """An administrator ends a key or a role, from this place of the log on.

    Raises
    ------
    ValueError
        If it names neither, or both.
    """

    decision_id: Identifier
    person: Identifier
    revoked_key: KeyId | None = None
    revoked_role: PersonRole | None = None
    reason: Reason  # internal
    decided_by: Identifier
    decided_at: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "person", "decided_by")
        if (self.revoked_key is None) == (self.revoked_role is None):
            raise ValueError("revoked_key: a revocation names a key or a role, and one of them")


class WorkUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one item of the work-up of a case.

    Raises
    ------
    ValueError
        If it has a result and was not done.
    """

    item: WorkUpItem
    state: WorkUpState
    result: Annotated[str, Meta(max_length=500)] = ""

    def __post_init__(self) -> None:
        if self.result and self.state != "done":
            raise ValueError(f"result: {self.item} is {self.state}, and has none")


class CausalityAssessment(
    _OfPerson,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="causality_assessment",
    tag_field="type",
):
    """How one person assesses the causality of one product and one event in one case.

    It moves nothing. A later one of the same person replaces the earlier one; those of several
    persons stand side by side. It carries the answers to the scale of Naranjo and no score: that
    is computed from them.

    Raises
    ------
    ValueError
        If it lacks what its scale needs, or has what the other scale has.
    """

    decision_id: Identifier
    case_id: Identifier
    case_version: Annotated[int, Meta(ge=1)] | None = None  # that its author saw
    product: Name  # both as they stand in the case
    event: Name
    scale: Scale
    category: WhoUmc | None = None
    answers: dict[Question, Answer] = {}
    work_up: Annotated[tuple[WorkUp, ...], Meta(max_length=N_WORK_UP_MAX)] = ()
    decided_by: Identifier
    role: PersonRole
    reason: Reason  # internal: never published
    decided_at: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        clean_ids(self, "decision_id", "case_id", "product", "event", "decided_by")
        by_category = self.scale == "who_umc"
        if (self.category is not None) != by_category:
            raise ValueError("category: goes with the scale who_umc, and with no other one")
        if bool(self.answers) == by_category:
            raise ValueError("answers: go with the scale naranjo, and with no other one")
        items = [one.item for one in self.work_up]
        again = next((name for name in items if items.count(name) > 1), None)
        if again is not None:
            raise ValueError(f"work_up: {again} is given more than once")


AboutMatter = Acknowledgement | Suppression
Standalone = Decision | Acknowledgement | Suppression  # takes effect by itself
OfTwo = Proposal | Approval | Withdrawal
AboutPeople = KeyRegistered | RoleGranted | Revocation
PersonRecord = Standalone | OfTwo | AboutPeople | CausalityAssessment
