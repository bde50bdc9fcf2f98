"""Decisions as people made them → decisions in epochs.

Malformed decisions are refused with a reason. A repeated decision is emitted once.
Whether the life cycle allows a decision is up to triage, which knows the signal.
"""

from __future__ import annotations

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.decision import PersonRecord
from surveillance.domain.errors import Refused
from surveillance.log.cells import Cells
from surveillance.log.decode import decode_decision
from surveillance.log.lines import Disposition, Ledger, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.topics import DECISIONS


class _AdmitState:
    """State: ids seen, with the bytes of each, and what arrived since the last close."""

    def __init__(self, seen: dict[str, bytes]) -> None:
        self.seen = seen
        self.admitted: list[PersonRecord] = []
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
    version = 1

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._digest = configuration.digest
        self._place = (DECISIONS, partition)

    def init(self, cells: Cells) -> _AdmitState:  # noqa: ARG002 - the protocol
        """Return the state before the first decision."""
        return _AdmitState({})

    def apply(self, state: _AdmitState, item: Record) -> None:
        """Read the lines of one message."""
        take_lines(state.ledger, self._place, item, lambda line: self._take(state, line, item.at))

    def close(self, state: _AdmitState, epoch: int, at: int) -> Output:  # noqa: ARG002 - the protocol
        """Emit the decisions of the epoch, in the order of the log."""
        dispositions, facts = state.ledger.close(self._place)
        rows, state.admitted = state.admitted, []
        return Output(rows, facts, dispositions)

    def dump(self, state: _AdmitState) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state.seen)

    def load(self, data: bytes, cells: Cells) -> _AdmitState:  # noqa: ARG002 - the protocol
        """Restore the state."""
        return _AdmitState(msgspec.msgpack.decode(data, type=dict[str, bytes]))

    def _take(self, state: _AdmitState, line: bytes, at: int) -> Disposition:
        decision = decode_decision(line)
        if decision.decided_at.timestamp() > at + 86_400:
            raise Refused(
                "lies_ahead",
                f"decided_at is {decision.decided_at.isoformat()}, ahead of the log's time",
                "check the clock of the system that wrote it",
            )
        earlier = state.seen.get(decision.decision_id)
        if earlier == line:
            return "repeated"
        if earlier is not None:
            raise Refused(
                "said_otherwise",
                f"decision {decision.decision_id!r} was made before, with other content",
                "a decision is never changed: make a new one",
            )
        state.seen[decision.decision_id] = line
        state.admitted.append(decision)
        return "applied"
