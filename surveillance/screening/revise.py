"""Case versions → signed contributions.

The standing version of a case is the greatest by the version rule of its source, so any
order and any repetition of arrival ends in the same state. A new standing version
retracts what the old one asserted and asserts its own. A nullification, and a duplicate
that points at the case that stands for it, stand without asserting anything; a later
version reinstates.
"""

from __future__ import annotations

import struct
from datetime import date
from hashlib import blake2b

import msgspec

from surveillance.configuration.types import Configuration, VersionRule
from surveillance.domain.case import CaseVersion, Event
from surveillance.domain.contribution import FATAL, SERIOUS
from surveillance.domain.errors import Refused
from surveillance.log.cells import Cells
from surveillance.log.decode import decode_case
from surveillance.log.lines import Disposition, Ledger, refuse_ahead, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.partitioner import partition_of
from surveillance.log.topics import CASES
from surveillance.screening.keys import Naming

_RANK = struct.Struct(">QQB16s")  # big-endian, so that bytes compare as the ranks do
_encode = msgspec.json.Encoder().encode
_COUNTED = ("suspect", "interacting")
N_BODY_MAX = 400_000  # bytes: what a version asserts has to fit into one message


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

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._naming = Naming(configuration)
        self._sources = configuration.sources
        self._n_partitions = configuration.topics.cases
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
            msgspec.Raw(b"[%d,%b" % (weight, body))
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
        case = decode_case(line)
        refuse_ahead("received_on", case.received_on, at)
        key = case.case_id.encode()
        stands = state.standing.get(key)
        if stands is None:
            self._require_partition(case.case_id)
        rank = self._rank(case, line)
        if stands is not None and rank <= stands[: _RANK.size]:
            return "repeated" if rank == stands[: _RANK.size] else "superseded"
        body = self._body(case)
        if len(body) > N_BODY_MAX:
            raise Refused(
                "too_many_names",
                f"its products, lots and events make {len(body):,} bytes of names",
                "name fewer lots, or look for a mistake in the sender's system",
            )
        if stands is not None and len(stands) > _RANK.size:
            _move(state.moved, stands[_RANK.size :], -1)
        if body:
            _move(state.moved, body, +1)
        state.standing.set(key, rank + body)
        return "applied"

    def _require_partition(self, case_id: str) -> None:
        belongs = partition_of(case_id, self._n_partitions)
        if belongs != self._place[1]:
            raise Refused(
                "wrong_partition",
                f"case {case_id!r} belongs to partition {belongs} and came in {self._place[1]}",
                "key messages by case id and use Kafka's default partitioner",
            )

    def _rank(self, case: CaseVersion, line: bytes) -> bytes:
        source = self._sources.get(case.source)
        if source is None:
            raise Refused(
                "unknown_source",
                f"source {case.source!r} has no version rule",
                "add it to sources.toml",
            )
        numbers = _order(source, case.version, case.received_on)
        is_nullified = case.kind == "nullification"
        return _RANK.pack(*numbers, is_nullified, blake2b(line, digest_size=16).digest())

    def _body(self, case: CaseVersion) -> bytes:
        """Encode what the version asserts; nothing if it stands without pairs."""
        if case.kind == "nullification" or case.duplicate_of is not None:
            return b""
        products = self._products(case)
        body = _encode((case.country or "", case.reporter, products, self._events(case)))
        return bytes(body[1:])

    def _products(self, case: CaseVersion) -> list[tuple[str, int | None]]:
        starts: dict[str, int | None] = {}
        for product in case.products:
            if product.role in _COUNTED:
                start = _ordinal(product.first_dose_on)
                for key in self._naming.product_keys(product):
                    starts[key] = _earlier(starts[key], start) if key in starts else start
        return sorted(starts.items())  # keys are distinct: days are never compared

    def _events(self, case: CaseVersion) -> list[tuple[str, int, int | None]]:
        found: dict[str, tuple[int, int | None]] = {}
        for event in case.events:
            flags, onset = _flags(event), _ordinal(event.onset_on)
            for key in self._naming.event_keys(event.pt):
                old = found.get(key)
                found[key] = (
                    (flags, onset) if old is None else (old[0] | flags, _earlier(old[1], onset))
                )
        return [(key, *found[key]) for key in sorted(found)]


def _move(moved: dict[bytes, int], body: bytes, weight: int) -> None:
    moved[body] = moved.get(body, 0) + weight


def _order(source: VersionRule, version: int, received_on: date) -> tuple[int, int]:
    day = received_on.toordinal()
    return (version, day) if source.order == "version" else (day, version)


def _flags(event: Event) -> int:
    fatal = FATAL if event.is_fatal else 0
    return fatal | (SERIOUS if fatal or event.seriousness.is_serious else 0)


def _ordinal(day: date | None) -> int | None:
    return None if day is None else day.toordinal()


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
