"""Proposals that wait for a second person, and what becomes of them: each is used once."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal

import msgspec

from surveillance.configuration.life_cycle import LifeCycle
from surveillance.domain.decision import (
    Approval,
    Decision,
    Proposal,
    Suppression,
    Withdrawal,
)
from surveillance.domain.names import identity
from surveillance.triage import signatures
from surveillance.triage.life_cycle import Fault
from surveillance.triage.people import Authority, Directory

SUPPRESS = "suppress"
Ended = Literal["approved", "refused", "withdrawn"]


class Proposals(msgspec.Struct):
    """State: proposals that wait, and what became of all others, by hash."""

    waiting: dict[str, Proposal] = {}
    ended: dict[str, Ended] = {}


def propose(state: Proposals, proposal: Proposal, table: LifeCycle) -> Fault | None:
    """Let a proposal wait, or return why it cannot.

    Parameters
    ----------
    state : Proposals
        Is changed.
    proposal : Proposal
        That was admitted. One of the same bytes is never admitted twice.
    table : LifeCycle
        Tells what is decided about a whole matter.
    """
    if proposal.matter_id is not None and not _is_of_matter(proposal, table):
        whole = [one.action for one in table.transition if one.of_matter]
        reason = f"{proposal.action} is nothing that is proposed for a matter"
        remedy = f"propose {', '.join([*whole, 'suppress'])}; suppress until a day"
        return Fault("unknown_action", reason, remedy)
    state.waiting[signatures.digest(proposal)] = proposal
    return None


def answer(
    state: Proposals,
    approval: Approval,
    authority: Authority,
    directory: Directory,
    table: LifeCycle,
) -> Decision | Suppression | Fault | None:
    """Answer a proposal, or return why that cannot be.

    Parameters
    ----------
    state : Proposals
        Is changed where the answer holds.
    approval : Approval
        That its author was allowed to write.
    authority : Authority
        Tells whether these two may act together.
    directory : Directory
        At the approval.
    table : LifeCycle
        With the roles that approve.

    Returns
    -------
    Decision, Suppression, Fault or None
        What both decided; None if the second person refused.
    """
    name = approval.proposal_sha256
    proposal = state.waiting.get(name)
    if proposal is None:
        return _why_none(state, name)
    fault = authority.why_not_together(directory, proposal, approval) or _why_not_role(
        table, proposal, approval
    )
    if fault is not None:
        return fault
    del state.waiting[name]
    state.ended[name] = approval.meaning
    return _decided(proposal, approval) if approval.meaning == "approved" else None


def withdraw(state: Proposals, withdrawal: Withdrawal) -> Fault | None:
    """End a proposal, or return why that cannot be.

    Parameters
    ----------
    state : Proposals
        Is changed where it holds.
    withdrawal : Withdrawal
        That its author was allowed to write.
    """
    name = withdrawal.proposal_sha256
    proposal = state.waiting.get(name)
    if proposal is None:
        return _why_none(state, name)
    if identity(proposal.decided_by) != identity(withdrawal.decided_by):
        return Fault(
            "not_that_person",
            f"the proposal is that of {proposal.decided_by}",
            "its author withdraws it; another person may refuse it",
        )
    del state.waiting[name]
    state.ended[name] = "withdrawn"
    return None


def _is_of_matter(proposal: Proposal, table: LifeCycle) -> bool:
    if proposal.action == SUPPRESS:
        return proposal.until is not None
    row = table.transition_of(proposal.action)
    return row is not None and row.of_matter


def _why_none(state: Proposals, name: str) -> Fault:
    ended = state.ended.get(name)
    if ended is not None:
        return Fault("used_twice", f"the proposal {name[:12]} was {ended} before", "propose anew")
    return Fault(
        "unknown_proposal",
        f"no proposal has the hash {name[:12]}",
        "take the hash from `longwatch proposals`; it changes with every letter",
    )


def _why_not_role(table: LifeCycle, proposal: Proposal, approval: Approval) -> Fault | None:
    row = table.transition_of(proposal.action)
    if row is None or approval.role in row.approvers:
        return None  # without a row, the table refuses the decision
    return Fault(
        "wrong_role",
        f"{proposal.action} is not answered in the role {approval.role}",
        f"it is answered by {', '.join(row.approvers) or 'nobody'}",
    )


def _decided(proposal: Proposal, approval: Approval) -> Decision | Suppression:
    """Make one decision of two records."""
    both = f"{approval.proposal_sha256}\n{approval.decision_id}"
    shared: dict[str, Any] = {
        "decision_id": f"D-{sha256(both.encode()).hexdigest()[:16]}",
        "decided_by": proposal.decided_by,
        "role": proposal.role,
        "reason": proposal.reason,
        "decided_at": approval.decided_at,
        "approved_by": approval.decided_by,
        "approver_role": approval.role,
        "key_id": proposal.key_id,
        "approver_key_id": approval.key_id,
        "proposal_sha256": approval.proposal_sha256,
    }
    if proposal.matter_id and proposal.until and proposal.action == SUPPRESS:
        return Suppression(matter_id=proposal.matter_id, until=proposal.until, **shared)
    return Decision(
        signal_id=proposal.signal_id or str(proposal.matter_id),
        action=proposal.action,
        public_reason=proposal.public_reason,
        ground=proposal.ground,
        ladder_step=proposal.ladder_step,
        until=proposal.until,
        merged_into=proposal.merged_into,
        band=proposal.band,
        expected_status=proposal.expected_status,
        **shared,
    )
