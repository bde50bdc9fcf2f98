"""The outcomes in the register: a second reader of the topic, beside `watch`.

`OutcomeIndex` is fed as `CaseIndex` is, and its rows depend on the log alone in the
same way: of several versions that a record received in one epoch only the greatest ever stood.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from surveillance.domain.errors import Refused
from surveillance.log.lines import is_blank, lines_in
from surveillance.programmes.records import OutcomeRules, Weighed
from surveillance.register.case_index import version_id
from surveillance.register.database import write_rows
from surveillance.register.outcome_tables import outcome_versions

if TYPE_CHECKING:
    from surveillance.configuration.types import Configuration

Row = dict[str, Any]
_Name = tuple[str, str]  # programme and record
_N_RECORDS_A_QUERY = 500


class _Taken(NamedTuple):
    """One record as it came."""

    partition: int
    offset: int
    line: int
    epoch: int
    weighed: Weighed
    content: bytes

    @property
    def name(self) -> _Name:
        """What its versions have in common."""
        return self.weighed.record.programme_key, self.weighed.record.record_id


class _Known:
    """What is known of one record: the digests of its versions, and which one stands."""

    def __init__(self) -> None:
        self.digests: set[bytes] = set()
        self.standing: Row | None = None


class OutcomeIndex:
    """Keeps every version of every outcome record, and the span in which it stood.

    Parameters
    ----------
    configuration : Configuration
        Partitions and programmes.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._rules = OutcomeRules(configuration)
        self._open: defaultdict[int, list[_Taken]] = defaultdict(list)
        self._closed: dict[int, list[_Taken]] = {}
        self.n_waiting = 0  # versions taken and not written yet

    def take(self, partition: int, offset: int, value: bytes, epoch: int, at: int) -> None:
        """Take one message of the outcomes; parameters are those of `CaseIndex.take`."""
        for number, line in enumerate(lines_in(value)):
            if is_blank(line):
                continue
            with suppress(Refused):  # `watch` enters it among the refused records
                weighed = self._rules.read(line, partition, at)
                taken = _Taken(partition, offset, number, epoch, weighed, line)
                self._open[epoch].append(taken)
                self.n_waiting += 1

    def close(self, epoch: int) -> None:
        """End an epoch: all messages of it were taken."""
        self._closed[epoch] = self._open.pop(epoch, [])

    def write(self, connection: Connection) -> None:
        """Write all epochs that were closed, in the transaction that stores the offsets."""
        epochs = sorted(self._closed)
        known = _read(connection, {one.name for epoch in epochs for one in self._closed[epoch]})
        new: list[Row] = []
        ended: dict[int, int] = {}
        for epoch in epochs:
            _fold(self._closed[epoch], known, new, ended)
        _write(connection, new, ended)
        self._closed = {}
        self.n_waiting = sum(map(len, self._open.values()))


def _read(connection: Connection, names: set[_Name]) -> defaultdict[_Name, _Known]:
    """Read what the table holds of some records."""
    known: defaultdict[_Name, _Known] = defaultdict(_Known)
    wanted = sorted({record_id for _, record_id in names})
    columns = [column for column in outcome_versions.c if column.name != "record"]
    for start in range(0, len(wanted), _N_RECORDS_A_QUERY):
        some = wanted[start : start + _N_RECORDS_A_QUERY]
        query = select(*columns).where(outcome_versions.c.record_id.in_(some))
        for found in connection.execute(query).mappings():
            row = dict(found)
            one = known[row["programme"], row["record_id"]]
            one.digests.add(bytes(row["digest"]))
            if row["valid_from"] is not None and row["valid_to"] is None:
                one.standing = row
    return known


def _fold(
    taken: list[_Taken],
    known: defaultdict[_Name, _Known],
    new: list[Row],
    ended: dict[int, int],
) -> None:
    """Fold one epoch: its new versions in the order of their records and ranks."""
    n_in_partition: Counter[int] = Counter()
    greatest: dict[_Name, Row] = {}
    for one in sorted(taken, key=_in_order):
        of_record = known[one.name]
        if one.weighed.digest in of_record.digests:
            continue  # the same bytes, received again
        of_record.digests.add(one.weighed.digest)
        row = _row(one, n_in_partition[one.partition])
        n_in_partition[one.partition] += 1
        new.append(row)
        greatest[one.name] = row
    for name, row in greatest.items():
        old = known[name].standing
        if old is not None and _rank(row) <= _rank(old):
            continue
        if old is not None:
            old["valid_to"] = ended[old["version_id"]] = row["epoch"]
        row["valid_from"] = row["epoch"]
        known[name].standing = row


def _write(connection: Connection, new: list[Row], ended: dict[int, int]) -> None:
    written = {row["version_id"] for row in new}
    before = [
        {"ended": number, "ended_at": epoch}
        for number, epoch in ended.items()
        if number not in written
    ]
    if before:
        connection.execute(_END_SPAN, before)
    write_rows(connection, outcome_versions, new)


def _in_order(one: _Taken) -> tuple[object, ...]:
    return *one.name, one.weighed.rank, one.offset, one.line


def _rank(row: Row) -> tuple[int, bytes]:
    return row["version"], bytes(row["digest"])


def _row(one: _Taken, n: int) -> Row:
    record, digest = one.weighed
    return {
        "version_id": version_id(one.epoch, one.partition, n),
        "partition": one.partition,
        "record_id": record.record_id,
        "type": record.__struct_config__.tag,
        "programme": record.programme_key,
        "patient_id": record.patient_id,
        "version": record.version,
        "is_nullified": record.is_nullified,
        "received_on": record.received_on,
        "epoch": one.epoch,
        "offset": one.offset,
        "line": one.line,
        "digest": digest,
        "valid_from": None,
        "valid_to": None,
        "record": one.content,
    }


_END_SPAN = (
    update(outcome_versions)
    .where(outcome_versions.c.version_id == bindparam("ended"))
    .values(valid_to=bindparam("ended_at"))
)
