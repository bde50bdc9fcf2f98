"""The cases in the register: a second reader of the cases, beside `revise`.

`CaseIndex` is a fold like a stage, and its state is the table itself: which version of each
case stands. Whoever feeds it calls `take` for every message of the cases, `close` when an
epoch is complete, and `write` inside the transaction that stores the offsets to resume
from. What a transaction lost is taken again from those offsets by a new index.

Of several versions that a case received in one epoch only the greatest ever stood, in whatever
order they came. So the rows depend on the log and not on how it was batched, and
are the same from a replay and from Kafka.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, update

from surveillance.domain.errors import Refused
from surveillance.log.lines import is_blank, lines_in
from surveillance.register.case_tables import (
    case_postings,
    case_repeats,
    case_versions,
)
from surveillance.register.database import write_rows
from surveillance.register.keys import NamedKeys
from surveillance.register.packing import pack, unpack
from surveillance.register.schema import keys as key_table
from surveillance.screening.versions import N_DIGEST, VersionRules, body_of, counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from surveillance.configuration.types import Configuration
    from surveillance.domain.case import CaseVersion
    from surveillance.screening.versions import Assertion

Row = dict[str, Any]
_PLACE_BITS = 22  # versions of one partition in one epoch: four million
_PARTITION_BITS = 10
_N_CASES_A_QUERY = 500


class _Place(NamedTuple):
    """Where one line was received."""

    partition: int
    offset: int
    line: int
    epoch: int


class _Keys(NamedTuple):
    """What one version is found by."""

    products: list[str]
    events: list[tuple[str, int]]  # key, and flags


class _Taken(NamedTuple):
    """One version as it came."""

    place: _Place
    rank: bytes
    digest: bytes
    case: CaseVersion
    keys: _Keys
    record: bytes


class _Dated(Struct):
    """What a record tells of its extract; the rest is skipped."""

    extracted_on: date | None = None


_decode_dated = msgspec.json.Decoder(_Dated).decode


class _Known:
    """What is known of one case: the digests of its versions, and which one stands."""

    def __init__(self) -> None:
        self.versions: dict[bytes, Row] = {}
        self.standing: Row | None = None
        self.rank = b""


class CaseIndex:
    """Keeps every version of every case, the span in which it stood, and its keys.

    Parameters
    ----------
    configuration : Configuration
        What shapes keys and ranks; it cannot change within a generation.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._rules = VersionRules(configuration)
        self._open: defaultdict[int, list[_Taken]] = defaultdict(list)
        self._closed: dict[int, list[_Taken]] = {}
        self._named = NamedKeys()
        self.n_waiting = 0  # versions taken and not written yet

    def take(self, partition: int, offset: int, value: bytes, epoch: int, at: int) -> None:
        """Take one message of the cases.

        Parameters
        ----------
        partition : int
            Where it was read.
        offset : int
            Its offset; messages of a partition come in the order of their offsets, once each.
        value : bytes
            One line or many.
        epoch : int
            The epoch that it belongs to.
        at : int
            Time of the tick that closes the epoch.
        """
        for number, line in enumerate(lines_in(value)):
            if not is_blank(line):
                self._take_line(_Place(partition, offset, number, epoch), line, at)

    def close(self, epoch: int) -> None:
        """End an epoch: all messages of it were taken."""
        self._closed[epoch] = self._open.pop(epoch, [])

    def _take_line(self, place: _Place, line: bytes, at: int) -> None:
        try:
            case = self._rules.read(line, at)
            self._rules.require_partition(case.case_id, place.partition)
            rank = self._rules.rank(case, line)
            keys = self._keys(case)
        except Refused:  # `revise` enters it among the refused records, with the reason
            return
        self._open[place.epoch].append(_Taken(place, rank, rank[-N_DIGEST:], case, keys, line))
        self.n_waiting += 1

    def _keys(self, case: CaseVersion) -> _Keys:
        if not counts(case):
            with suppress(Refused):  # it stands all the same
                return _keys_of(self._rules.assertion(case))
            return _Keys([], [])
        assertion = self._rules.assertion(case)
        body_of(case, assertion)  # refused where `revise` refuses it
        return _keys_of(assertion)

    def write(self, connection: Connection) -> None:
        """Write all epochs that were closed.

        Parameters
        ----------
        connection : Connection
            In the transaction that stores the offsets to resume from.
        """
        rows = _Rows(self._rules, connection, self._named)
        epochs = sorted(self._closed)
        rows.read_cases({one.case.case_id for epoch in epochs for one in self._closed[epoch]})
        for epoch in epochs:
            rows.fold(self._closed[epoch])
        rows.write()
        self._closed = {}
        self.n_waiting = sum(map(len, self._open.values()))
        self._named.written()


class _Rows:
    """The rows of one transaction.

    Parameters
    ----------
    rules : VersionRules
        Gives the ranks of versions that are in the table.
    connection : Connection
        In a transaction.
    named : NamedKeys
        Takes the keys that the versions are found by.
    """

    def __init__(self, rules: VersionRules, connection: Connection, named: NamedKeys) -> None:
        self._rules, self._connection, self._named = rules, connection, named
        self._cases: defaultdict[str, _Known] = defaultdict(_Known)
        self._new: list[Row] = []
        self._repeats: list[Row] = []
        self._postings: list[Row] = []
        self._ended: dict[int, int] = {}  # version in the table → the epoch that ended its span

    def read_cases(self, case_ids: Iterable[str]) -> None:
        """Read what the table holds of some cases."""
        names = sorted(case_ids)
        columns = [column for column in case_versions.c if column.name != "record"]
        standing: list[_Known] = []
        for start in range(0, len(names), _N_CASES_A_QUERY):
            some = names[start : start + _N_CASES_A_QUERY]
            query = select(*columns).where(case_versions.c.case_id.in_(some))
            for found in self._connection.execute(query).mappings():
                row = dict(found)
                known = self._cases[row["case_id"]]
                known.versions[bytes(row["digest"])] = row
                if row["valid_from"] is not None and row["valid_to"] is None:
                    known.standing = row
                    standing.append(known)
        self._rank(standing)

    def _rank(self, standing: list[_Known]) -> None:
        """Rank the versions that stand in the table."""
        extracted = self._extracted_on(
            [
                known.standing["version_id"]
                for known in standing
                if known.standing and self._rules.is_by_extract(known.standing["source"])
            ]
        )
        for known in standing:
            row = known.standing or {}
            known.rank = self._rules.rank_of(
                row["source"],
                row["version"],
                row["received_on"],
                row["kind"],
                bytes(row["digest"]),
                extracted_on=extracted.get(row["version_id"]),
            )

    def _extracted_on(self, version_ids: list[int]) -> dict[int, date | None]:
        """Read from the records themselves when their extracts were made: it has no column."""
        found: dict[int, date | None] = {}
        for start in range(0, len(version_ids), _N_CASES_A_QUERY):
            some = version_ids[start : start + _N_CASES_A_QUERY]
            columns = case_versions.c.version_id, case_versions.c.record
            query = select(*columns).where(case_versions.c.version_id.in_(some))
            for version_id, record in self._connection.execute(query):
                found[version_id] = _decode_dated(unpack(record)).extracted_on
        return found

    def fold(self, taken: list[_Taken]) -> None:
        """Fold one epoch: its new versions in the order of their cases and ranks."""
        n_in_partition: Counter[int] = Counter()
        greatest: dict[str, tuple[_Taken, Row]] = {}
        for one in sorted(taken, key=_in_order):
            known = self._cases[one.case.case_id]
            old = known.versions.get(one.digest)
            if old is not None:
                self._repeat(one, old)
                continue
            row = _version_row(one, n_in_partition[one.place.partition])
            n_in_partition[one.place.partition] += 1
            known.versions[one.digest] = row
            self._new.append(row)
            greatest[one.case.case_id] = one, row
        for one, row in greatest.values():
            self._stand(one, row)

    def _repeat(self, one: _Taken, old: Row) -> None:
        partition, offset, line, epoch = one.place
        if (offset, line) != (old["offset"], old["line"]):
            self._repeats.append(
                {
                    "partition": partition, "offset": offset, "line": line, "epoch": epoch,
                    "version_id": old["version_id"],
                }
            )  # fmt: skip

    def _stand(self, one: _Taken, row: Row) -> None:
        known = self._cases[one.case.case_id]
        if one.rank <= known.rank:
            return
        if known.standing is not None:
            known.standing["valid_to"] = one.place.epoch
            self._ended[known.standing["version_id"]] = one.place.epoch
        row["valid_from"] = one.place.epoch
        known.standing, known.rank = row, one.rank
        name, number = self._named.name, row["version_id"]
        self._postings += [
            {"key_id": name("product", key), "version_id": number, "flags": 0}
            for key in one.keys.products
        ]
        self._postings += [
            {"key_id": name("event", key), "version_id": number, "flags": flags}
            for key, flags in one.keys.events
        ]

    def write(self) -> None:
        """Write what the epochs came to."""
        written = {row["version_id"] for row in self._new}
        ended = [
            {"ended": version_id, "ended_at": epoch}
            for version_id, epoch in self._ended.items()
            if version_id not in written
        ]
        if ended:
            self._connection.execute(_END_SPAN, ended)
        for table, rows in (
            (case_versions, self._new),
            (case_repeats, self._repeats),
            (key_table, self._named.rows),
            (case_postings, self._postings),
        ):
            write_rows(self._connection, table, rows)


_END_SPAN = (
    update(case_versions)
    .where(case_versions.c.version_id == bindparam("ended"))
    .values(valid_to=bindparam("ended_at"))
)


def _keys_of(assertion: Assertion) -> _Keys:
    return _Keys(
        [key for key, _ in assertion.products], [(key, flags) for key, flags, _ in assertion.events]
    )


def _in_order(one: _Taken) -> tuple[object, ...]:
    return one.place.partition, one.case.case_id, one.rank, one.place.offset, one.place.line


def version_id(epoch: int, partition: int, n: int) -> int:
    """Return the number of a version: its epoch, partition, and place among those new in both."""
    return (epoch << _PARTITION_BITS | partition) << _PLACE_BITS | n


def _version_row(one: _Taken, n: int) -> Row:
    case, place = one.case, one.place
    return {
        "version_id": version_id(place.epoch, place.partition, n),
        "case_id": case.case_id,
        "source": case.source,
        "version": case.version,
        "kind": case.kind,
        "received_on": case.received_on,
        "duplicate_of": case.duplicate_of,
        "epoch": place.epoch,
        "offset": place.offset,
        "line": place.line,
        "digest": one.digest,
        "is_counted": counts(case),
        "valid_from": None,
        "valid_to": None,
        "record": pack(one.record),
    }
