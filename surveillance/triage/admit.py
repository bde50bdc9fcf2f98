"""Decisions as people made them → decisions in epochs.

Malformed records are refused with a reason, and so is what a person may not state: unsigned where
signatures are required, with a key that is not theirs or was revoked, in a role that they do not
hold, or as the second person of their own proposal. A repeated record is emitted once. Two records
of two people, a proposal and its approval, become one decision. Whether the life cycle allows it
is up to triage, which knows the signal; an assessment of a case is about none, and is judged here.
"""

from __future__ import annotations

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.decision import (
    AboutPeople,
    Approval,
    CausalityAssessment,
    Decision,
    PersonRecord,
    Proposal,
    Suppression,
    Withdrawal,
)
from surveillance.domain.errors import Refused
from surveillance.domain.signal import DecisionPassedOver
from surveillance.log.cells import Cells
from surveillance.log.decode import decode_decision
from surveillance.log.lines import Disposition, Ledger, day_of, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.topics import DECISIONS
from surveillance.triage import proposals
from surveillance.triage.case_assessments import why_not_assessed
from surveillance.triage.life_cycle import Fault
from surveillance.triage.people import Authority, Directory
from surveillance.triage.proposals import Proposals


class _Kept(msgspec.Struct):
    """What is stored: ids seen with the bytes of each, keys and roles, and proposals."""

    seen: dict[str, bytes] = {}
    directory: Directory = msgspec.field(default_factory=Directory)
    proposals: Proposals = msgspec.field(default_factory=Proposals)


class _AdmitState:
    """State: what is stored, and what arrived since the last close."""

    def __init__(self, kept: _Kept) -> None:
        self.kept = kept
        self.admitted: list[PersonRecord] = []
        self.passed_over: dict[str, DecisionPassedOver] = {}
        self.ledger = Ledger()


class Admit:
    """The stage on the decisions.

    Parameters
    ----------
    configuration : Configuration
        The configuration in force.
    partition : int
        0: decisions have one partition.
    """

    name = "admit"
    version = 2

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._place = (DECISIONS, partition)
        self._table = configuration.lifecycle
        self._work_up = configuration.workup
        self._authority = Authority(configuration.people, configuration.lifecycle)

    def init(self, cells: Cells) -> _AdmitState:  # noqa: ARG002 - the protocol
        """Return the state before the first decision."""
        return _AdmitState(_Kept())

    def apply(self, state: _AdmitState, item: Record) -> None:
        """Read the lines of one message."""
        take_lines(state.ledger, self._place, item, lambda line: self._take(state, line, item.at))

    def close(self, state: _AdmitState, epoch: int, at: int) -> Output:  # noqa: ARG002 - the protocol
        """Emit the records of the epoch, in the order of the log, and those that may not be."""
        dispositions, facts = state.ledger.close(self._place)
        rows = [*state.admitted, *state.passed_over.values()]
        state.admitted, state.passed_over = [], {}
        return Output(rows, facts, dispositions)

    def dump(self, state: _AdmitState) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state.kept)

    def load(self, data: bytes, cells: Cells) -> _AdmitState:  # noqa: ARG002 - the protocol
        """Restore the state."""
        return _AdmitState(msgspec.msgpack.decode(data, type=_Kept))

    def _take(self, state: _AdmitState, line: bytes, at: int) -> Disposition:
        record = decode_decision(line)
        earlier = state.kept.seen.get(record.decision_id)
        if earlier == line:
            return "repeated"
        fault = _why_never(record, at, is_known=earlier is not None)
        self._admit(state, record, line, at, fault)
        return "applied"

    def _admit(
        self, state: _AdmitState, record: PersonRecord, line: bytes, at: int, fault: Fault | None
    ) -> None:
        """Take a record, with what follows from it; or refuse it, to its author."""
        fault = fault or self._authority.why_not(state.kept.directory, record, line)
        found = fault or self._carried_out(state.kept, record)
        if isinstance(found, Fault):
            state.passed_over[record.decision_id] = _passed_over(record, found, at)
            raise Refused(*found)
        state.kept.seen[record.decision_id] = line
        state.admitted.append(record)
        if found is not None:
            state.admitted.append(found)

    def _carried_out(
        self, kept: _Kept, record: PersonRecord
    ) -> Decision | Suppression | Fault | None:
        if isinstance(record, AboutPeople):
            return self._authority.take(kept.directory, record)
        if isinstance(record, CausalityAssessment):
            return why_not_assessed(self._table, self._work_up, record)
        if isinstance(record, Proposal):
            return proposals.propose(kept.proposals, record, self._table)
        if isinstance(record, Approval):
            return proposals.answer(
                kept.proposals, record, self._authority, kept.directory, self._table
            )
        return (
            proposals.withdraw(kept.proposals, record) if isinstance(record, Withdrawal) else None
        )


def _why_never(record: PersonRecord, at: int, *, is_known: bool) -> Fault | None:
    if record.decided_at.timestamp() > at + 86_400:
        return Fault(
            "lies_ahead",
            f"decided_at is {record.decided_at.isoformat()}, ahead of the log's time",
            "check the clock of the system that wrote it",
        )
    if is_known:
        return Fault(
            "said_otherwise",
            f"decision {record.decision_id!r} was made before, with other content",
            "a decision is never changed: make a new one",
        )
    return None


def _passed_over(record: PersonRecord, fault: Fault, at: int) -> DecisionPassedOver:
    return DecisionPassedOver(
        decision_id=record.decision_id,
        signal_id=getattr(record, "signal_id", None) or "",
        matter_id=getattr(record, "matter_id", None) or "",
        on=day_of(at),
        reason=fault.reason,
        code=fault.code,
        remedy=fault.remedy,
        author=record.decided_by,
        is_admitted=False,
    )
