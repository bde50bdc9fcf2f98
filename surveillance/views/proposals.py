"""Proposals of people, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from surveillance.domain.decision import (
    Approval,
    KeyRegistered,
    Proposal,
    Revocation,
    RoleGranted,
    Withdrawal,
)
from surveillance.domain.names import identity
from surveillance.triage import signatures

if TYPE_CHECKING:
    from surveillance.domain.decision import PersonRecord
    from surveillance.register.reader import RegisterReader

State = Literal["waiting", "approved", "refused", "withdrawn"]


class ProposalState(Struct, frozen=True, kw_only=True):
    """A proposal, and what became of it."""

    sha256: str
    epoch: int
    state: State
    proposal: Proposal
    answered_by: str | None = None


class KeyState(Struct, frozen=True, kw_only=True):
    """A key, and whose it is."""

    key_id: str
    person: str
    full_name: str
    roles: tuple[str, ...]  # of the person
    is_revoked: bool
    registered_by: str


def proposals_of(reader: RegisterReader, until: int | None = None) -> list[ProposalState]:
    """Return every proposal that was admitted, the latest last.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    until : int, optional
        As known at the end of this epoch; without it as known now.
    """
    found: dict[str, ProposalState] = {}
    records = reader.all_person_records(until)
    for epoch, one in records:
        if isinstance(one, Proposal):
            name = signatures.digest(one)
            found[name] = ProposalState(sha256=name, epoch=epoch, state="waiting", proposal=one)
    answers = {one.proposal_sha256: one for _, one in records if isinstance(one, Approval)}
    taken_back = {one.proposal_sha256: one for _, one in records if isinstance(one, Withdrawal)}
    return [_with_answer(one, answers, taken_back) for one in found.values()]


def keys_of(reader: RegisterReader) -> list[KeyState]:
    """Return every key that was registered, with the roles of its person.

    Parameters
    ----------
    reader : RegisterReader
        The register.
    """
    keys: dict[str, KeyRegistered] = {}
    roles: dict[str, list[str]] = {}
    revoked: set[str] = set()
    for _, one in reader.all_person_records():
        if isinstance(one, KeyRegistered):
            keys[signatures.key_id(one.public_key)] = one
        _take_role(one, roles, revoked)
    return [
        KeyState(
            key_id=name,
            person=one.person,
            full_name=one.full_name,
            roles=tuple(sorted(set(roles.get(identity(one.person), ())))),
            is_revoked=name in revoked,
            registered_by=one.decided_by,
        )
        for name, one in keys.items()
    ]


def _take_role(one: PersonRecord, roles: dict[str, list[str]], revoked: set[str]) -> None:
    if isinstance(one, RoleGranted):
        roles.setdefault(identity(one.person), []).append(one.role)
    if isinstance(one, Revocation) and one.revoked_key is not None:
        revoked.add(one.revoked_key)
    if isinstance(one, Revocation) and one.revoked_role is not None:
        held = roles.get(identity(one.person), [])
        roles[identity(one.person)] = [role for role in held if role != one.revoked_role]


def _with_answer(
    one: ProposalState, answers: dict[str, Approval], taken_back: dict[str, Withdrawal]
) -> ProposalState:
    answer: Approval | Withdrawal | None = answers.get(one.sha256) or taken_back.get(one.sha256)
    if answer is None:
        return one
    state: State = answer.meaning if isinstance(answer, Approval) else "withdrawn"
    return ProposalState(
        sha256=one.sha256,
        epoch=one.epoch,
        state=state,
        proposal=one.proposal,
        answered_by=answer.decided_by,
    )
