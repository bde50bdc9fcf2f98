"""The life cycle of a signal: a table of moves, and nothing beside it.

People move a signal; software detects it, and may ask people for a review. Confirming
and refuting take two people, each in a permitted role.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from surveillance.domain.decision import (
    N_DAYS_ALONE,
    AboutMatter,
    Action,
    Decision,
    PersonRole,
    Suppression,
)
from surveillance.domain.signal import N_STEPS_MAX, Status, Step

_SCIENTISTS: frozenset[PersonRole] = frozenset(
    {"safety_scientist", "safety_physician", "committee_chair", "statistician"}
)
_PHYSICIANS: frozenset[PersonRole] = frozenset({"safety_physician", "committee_chair"})
_CHAIRS: frozenset[PersonRole] = frozenset({"committee_chair"})
_AUTHORITY: frozenset[PersonRole] = frozenset({"committee_chair", "regulator"})


N_DAYS_SUPPRESSED_MAX = 366


class Move(NamedTuple):
    """One row of the table."""

    action: Action
    before: frozenset[Status]
    after: Status | None  # None: the status stays
    roles: frozenset[PersonRole]
    needs_two: bool


def _statuses(*names: Status) -> frozenset[Status]:
    return frozenset(names)


MOVES: dict[Action, Move] = {
    move.action: move
    for move in (
        Move("start_review", _statuses("detected"), "under_review", _SCIENTISTS, False),
        Move("confirm", _statuses("under_review"), "confirmed", _PHYSICIANS, True),
        Move("refute", _statuses("under_review"), "refuted", _PHYSICIANS, True),
        Move("close", _statuses("confirmed", "refuted"), "closed", _PHYSICIANS, False),
        Move("reopen", _statuses("refuted", "closed"), "under_review", _SCIENTISTS, False),
        Move(
            "uphold_review",
            _statuses("detected", "under_review", "confirmed"),
            None,
            _AUTHORITY,
            True,
        ),
        Move(
            "reject_review",
            _statuses("detected", "under_review", "confirmed", "refuted", "closed"),
            None,
            _AUTHORITY,
            True,
        ),
    )
}


def why_not(decision: Decision, status: Status) -> str | None:
    """Return why a decision is not allowed, or None if it is.

    Parameters
    ----------
    decision : Decision
        What people decided.
    status : str
        Where the signal stands.

    Returns
    -------
    str or None
        The rule that is broken.
    """
    move = MOVES[decision.action]
    if status not in move.before:
        return f"{decision.action} is not possible from {status}"
    if decision.role not in move.roles:
        return f"{decision.action} is not for the role {decision.role}"
    if move.needs_two and decision.approved_by is None:
        return f"{decision.action} needs a second person"
    if move.needs_two and decision.approver_role not in move.roles:
        return f"{decision.action} cannot be approved in the role {decision.approver_role}"
    return None


def why_not_taken(
    record: AboutMatter, matters: Collection[str], epoch: int, on: date
) -> str | None:
    """Return why an acknowledgement or a suppression does not hold, or None if it does.

    Parameters
    ----------
    record : Acknowledgement or Suppression
        What a person did about a matter.
    matters : collection of str
        Those that there are.
    epoch : int
        The epoch in which it came.
    on : date
        The day of that epoch.

    Returns
    -------
    str or None
        The rule that is broken.
    """
    if record.matter_id not in matters:
        return "there is no such matter"
    if isinstance(record, Suppression):
        return _why_not_suppressed(record, on)
    if record.role not in _SCIENTISTS:
        return f"acknowledge is not for the role {record.role}"
    if record.up_to_epoch > epoch:
        return f"epoch {record.up_to_epoch} lies ahead: the log was at {epoch}"
    return None


def _why_not_suppressed(record: Suppression, on: date) -> str | None:
    n_days = (record.until - on).days
    if record.role not in _PHYSICIANS:
        return f"suppress is not for the role {record.role}"
    if n_days < 1:
        return f"a suppression until {record.until} has ended already"
    if n_days > N_DAYS_SUPPRESSED_MAX:
        return f"a suppression ends within {N_DAYS_SUPPRESSED_MAX} days, and not on {record.until}"
    if n_days > N_DAYS_ALONE and record.approved_by is None:
        return f"a suppression of more than {N_DAYS_ALONE} days needs a second person"
    if record.approver_role is not None and record.approver_role not in _PHYSICIANS:
        return f"suppress cannot be approved in the role {record.approver_role}"
    return None


def with_step(history: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """Append a step; of a long history a signal carries the first and the latest steps.

    Parameters
    ----------
    history : tuple of Step
        What the signal carries so far.
    step : Step
        Its latest step.

    Returns
    -------
    tuple of Step
        At most `N_STEPS_MAX`. All of them are rows of their own.
    """
    first, *later = (*history, step)
    return first, *later[-(N_STEPS_MAX - 1) :]
