"""Case versions → signed contributions.

The standing version of a case is the greatest by the version rule of its source, so any
order and any repetition of arrival ends in the same state. A new standing version
retracts what the old one asserted and asserts its own. A nullification, and a duplicate
that points at the case that stands for it, stand without asserting anything; a later
version reinstates.
"""

from __future__ import annotations

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.log.cells import Cells
from surveillance.log.lines import Disposition, Ledger, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.topics import CASES
from surveillance.screening.versions import N_RANK, VersionRules


class ReviseState:
    """State of one partition: standing cases, and what moved since the last close."""

    def __init__(self, cells: Cells) -> None:
        self.standing = cells  # case id → rank and body of the standing version
        self.moved: dict[bytes, int] = {}  # body → signed weight
        self.ledger = Ledger()


class Revise:
    """The stage on one partition of the cases.

    Parameters
    ----------
    configuration : Configuration
        Version rules, levels, hierarchy and groups.
    partition : int
        The partition that is read; a case that belongs to another is refused.
    """

    name = "revise"
    version = 3

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._rules = VersionRules(configuration)
        self._place = (CASES, partition)

    def init(self, cells: Cells) -> ReviseState:
        """Return the state before the first record."""
        return ReviseState(cells)

    def apply(self, state: ReviseState, item: Record) -> None:
        """Take the lines of one message in."""
        take_lines(state.ledger, self._place, item, lambda line: self._take(state, line, item.at))

    def close(self, state: ReviseState, epoch: int, at: int) -> Output:  # noqa: ARG002 - the protocol
        """Say what moved, in the order of arrival."""
        dispositions, facts = state.ledger.close(self._place)
        rows = [
            msgspec.Raw(b"[1,%d,%b" % (weight, body))
            for body, weight in state.moved.items()
            if weight
        ]
        state.moved = {}
        return Output(rows, facts, dispositions)

    def dump(self, state: ReviseState) -> bytes:  # noqa: ARG002 - all of it is in the cells
        """Return the part of the state that is not in the cells: none, between epochs."""
        return b""

    def load(self, data: bytes, cells: Cells) -> ReviseState:  # noqa: ARG002 - as above
        """Restore the state."""
        return ReviseState(cells)

    def _take(self, state: ReviseState, line: bytes, at: int) -> Disposition:
        case = self._rules.read(line, at)
        key = case.case_id.encode()
        stands = state.standing.get(key)
        if stands is None:
            self._rules.require_partition(case.case_id, self._place[1])
        rank = self._rules.rank(case, line)
        if stands is not None and rank <= stands[:N_RANK]:
            return "repeated" if rank == stands[:N_RANK] else "superseded"
        body = self._rules.body(case)
        if stands is not None and len(stands) > N_RANK:
            _move(state.moved, stands[N_RANK:], -1)
        if body:
            _move(state.moved, body, +1)
        state.standing.set(key, rank + body)
        return "applied"


def _move(moved: dict[bytes, int], body: bytes, weight: int) -> None:
    moved[body] = moved.get(body, 0) + weight
