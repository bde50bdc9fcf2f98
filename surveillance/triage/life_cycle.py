"""The life cycle of a signal: what the table of `lifecycle.toml` allows.

Every function here is pure and reads the table it is given; no transition is written in code.
People move a signal; software opens it, and may ask people for a review.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from surveillance.configuration.life_cycle import LifeCycle, SecondPerson, Transition
from surveillance.domain.decision import AboutMatter, Decision, Suppression
from surveillance.domain.signal import N_STEPS_MAX, Signal, Status, Step

FROM_THE_TABLE = "see `longwatch lifecycle` for what is possible, and make a new record"


class Fault(NamedTuple):
    """Why a record of a person has no effect, for its author."""

    code: str
    reason: str
    remedy: str = FROM_THE_TABLE


NO_MATTER = Fault("unknown_matter", "there is no such matter", "take its id from the ranking")


class People(NamedTuple):
    """Who acts on a record, and in which roles."""

    by: str
    role: str
    second: str | None
    second_role: str | None


class Standing(NamedTuple):
    """How a signal or a matter stands when people decide about it."""

    on: date
    band: Callable[[], str]  # of the matter; computed where the table asks for it
    n_fatal: int = 0
    is_sentinel: bool = False


def why_not(
    table: LifeCycle, decision: Decision, status: Status, standing: Standing
) -> Fault | None:
    """Return why a decision is not allowed, or None if it is.

    Parameters
    ----------
    table : LifeCycle
        The table in force.
    decision : Decision
        What people decided.
    status : str
        Where the signal stands.
    standing : Standing
        What else the table may ask about.

    Returns
    -------
    Fault or None
        The rule that is broken.
    """
    row = table.transition_of(decision.action)
    if row is None or row.about != "signal":
        known = ", ".join(one.action for one in table.transition if one.about == "signal")
        return Fault(
            "unknown_action", f"there is no action {decision.action}", f"use one of {known}"
        )
    if decision.expected_status not in (None, status):
        return Fault(
            "outdated_status",
            f"{decision.action} was decided about a signal that was {decision.expected_status}, "
            f"and it is {status}",
            "look at the signal again, and decide anew",
        )
    if status not in row.before:
        possible = ", ".join(one.action for one in table.transition if status in one.before)
        return Fault(
            "wrong_status",
            f"{decision.action} is not possible from {status}",
            f"possible from there are {possible}",
        )
    return (
        _why_not_by(row, decision.action, _people(decision))
        or _missing(row, decision)
        or _why_not_until(row, decision.action, decision.until, standing.on)
        or _why_not_alone(row, decision.action, decision.until, _people(decision), standing)
    )


def status_after(row: Transition, signal: Signal) -> Status:
    """Return the status of a signal after a transition.

    Parameters
    ----------
    row : Transition
        What people did.
    signal : Signal
        As it stood.
    """
    if row.returns:
        return signal.set_aside_from or signal.status
    return row.after or signal.status


def why_not_taken(
    table: LifeCycle,
    record: AboutMatter,
    matters: Collection[str],
    epoch: int,
    standing: Standing,
) -> Fault | None:
    """Return why an acknowledgement or a suppression does not hold, or None if it does.

    Parameters
    ----------
    table : LifeCycle
        The table in force.
    record : Acknowledgement or Suppression
        What a person did about a matter.
    matters : collection of str
        Those that there are.
    epoch : int
        The epoch in which it came.
    standing : Standing
        The day of that epoch, and how the matter stands.

    Returns
    -------
    Fault or None
        The rule that is broken.
    """
    action = "suppress" if isinstance(record, Suppression) else "acknowledge"
    row = table.transition_of(action)
    if row is None:
        return Fault("unknown_action", f"there is no action {action}")
    if record.matter_id not in matters:
        return NO_MATTER
    people = _people(record)
    if isinstance(record, Suppression):
        return (
            _why_not_by(row, action, people)
            or _why_not_until(row, action, record.until, standing.on)
            or _why_not_alone(row, action, record.until, people, standing)
        )
    if record.up_to_epoch > epoch:
        return Fault(
            "lies_ahead",
            f"epoch {record.up_to_epoch} lies ahead: the log was at {epoch}",
            "name the epoch of the page that was seen",
        )
    return _why_not_by(row, action, people)


def needs_second(row: Transition, until: date | None, standing: Standing) -> bool:
    """Tell whether a transition takes two people.

    Parameters
    ----------
    row : Transition
        Of the table.
    until : date, optional
        The day that the record names.
    standing : Standing
        How the signal or matter stands.
    """
    rule: SecondPerson = row.second_person
    return (
        rule.always
        or (rule.min_fatal is not None and standing.n_fatal >= rule.min_fatal)
        or (rule.sentinel and standing.is_sentinel)
        or _is_longer(rule.longer_than_days, until, standing.on)
        or (bool(rule.bands) and standing.band() in rule.bands)
    )


def in_public(signal: Signal) -> Signal:
    """Return a signal as outsiders may see it: no internal reason, and no name of a person.

    Parameters
    ----------
    signal : Signal
        As it stands.
    """
    steps = (replace(one, reason="", decided_by=None, approved_by=None) for one in signal.history)
    return replace(signal, history=tuple(steps))


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


def _people(record: Decision | AboutMatter) -> People:
    second = getattr(record, "approved_by", None)
    return People(record.decided_by, record.role, second, getattr(record, "approver_role", None))


def _why_not_by(row: Transition, action: str, people: People) -> Fault | None:
    """Return why these people may not: a proposer needs a second person who decides."""
    if people.role not in (*row.roles, *row.proposers):
        return Fault(
            "wrong_role",
            f"{action} is not for the role {people.role}",
            f"it is for {', '.join((*row.roles, *row.proposers))}",
        )
    if people.second is None and people.role not in row.roles:
        return Fault(
            "needs_second",
            f"{action} may only be proposed by the role {people.role}, and needs a second person",
            f"propose it; it is approved by {', '.join(row.approvers)}",
        )
    if people.second is not None and people.second_role not in row.approvers:
        return Fault(
            "wrong_role",
            f"{action} cannot be approved in the role {people.second_role}",
            f"it is approved by {', '.join(row.approvers) or 'nobody'}",
        )
    return None


def _missing(row: Transition, decision: Decision) -> Fault | None:
    missing = [name for name in row.fields if not getattr(decision, name)]
    if not missing:
        return None
    needed = " and ".join(missing)
    return Fault("missing_field", f"{decision.action} must name {needed}", f"give {needed}")


def _why_not_until(row: Transition, action: str, until: date | None, on: date) -> Fault | None:
    if until is None or "until" not in row.fields:
        return None
    n_days = (until - on).days
    if n_days < 1:
        return Fault("wrong_day", f"{action} until {until} has ended already", "name a later day")
    if row.days_max is not None and n_days > row.days_max:
        return Fault(
            "wrong_day",
            f"{action} ends within {row.days_max} days, and not on {until}",
            "name an earlier day",
        )
    return None


def _why_not_alone(
    row: Transition, action: str, until: date | None, people: People, standing: Standing
) -> Fault | None:
    if people.second is not None or not needs_second(row, until, standing):
        return None
    rule = row.second_person
    is_long = not rule.always and _is_longer(rule.longer_than_days, until, standing.on)
    of_days = f" of more than {rule.longer_than_days} days" if is_long else ""
    return Fault(
        "needs_second",
        f"{action}{of_days} needs a second person",
        f"propose it; it is approved by {', '.join(row.approvers)}",
    )


def _is_longer(limit: int | None, until: date | None, on: date) -> bool:
    return limit is not None and until is not None and (until - on).days > limit
