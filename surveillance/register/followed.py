"""A register that is written from the topics, with the place reached in each of them.

Rows, offsets and the last epoch are written in one transaction. Whatever ends the process,
the register holds a prefix of each topic and knows where it ends, so reading on from there
writes every row exactly once. The offsets of a commit must be those that the follower
began with: a second writer is found out before it has written anything.
"""

from __future__ import annotations

import fcntl
import sys
from collections import deque
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import Connection, and_, func, select, update

from surveillance.domain.errors import Defect, Misused
from surveillance.log.messages import Batch, Fact, decode_message
from surveillance.log.ticks import Place, Tick, Timeline
from surveillance.log.topics import (
    ALERTS,
    CASES,
    CONTRIBUTIONS,
    FINDINGS,
    OUTCOMES,
    REFUSED,
    REVIEWS,
    SIGNALS,
    TICKS,
    raw_partitions,
)
from surveillance.register import database, schema
from surveillance.register.case_index import CaseIndex
from surveillance.register.outcome_index import OutcomeIndex
from surveillance.register.process import rows_of
from surveillance.register.writer import Register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from surveillance.configuration.types import Configuration

_SINGLE = (TICKS, CONTRIBUTIONS, FINDINGS, SIGNALS, ALERTS, REVIEWS, REFUSED)
_INDEXED_EPOCH = "cases_epoch"  # of the cases and the outcomes
_LAST_EPOCH = "last_epoch"
_FIRST_TICK = "first_tick"
_LOCK_NUMBER = 0x6C6F6E67  # any number that nobody else locks in this database
_END_PREFIX = b'{"type":"end"'
_REBUILD = "follow into a new, empty database"
_REASONS = {
    "generation": "was written by another generation of the algorithms",
    "partitions": "is of a deployment with other partitions",
    "feed": "is of another deployment",
    _FIRST_TICK: "is of another log: the topics were made anew since",
}


class FollowedRegister(Register):
    """A register, and how far it has read each topic.

    Parameters
    ----------
    url : str
        SQLite or PostgreSQL, as SQLAlchemy has it.
    identity : mapping of str to str
        What a register must be of: ``generation``, ``partitions``, ``feed``, ``first_tick``.
        An empty value is not known yet.
    configuration : Configuration
        Of the deployment: partitions, and what shapes the index of the cases.
    """

    n_rows_a_batch = sys.maxsize  # only `commit` writes

    def __init__(self, url: str, identity: Mapping[str, str], configuration: Configuration) -> None:
        cases, outcomes = CaseIndex(configuration), OutcomeIndex(configuration)
        super().__init__(url, cases, outcomes)
        self.take_configuration(configuration)
        self._index_of: dict[str, CaseIndex | OutcomeIndex] = {CASES: cases, OUTCOMES: outcomes}
        partitions = raw_partitions(configuration.topics)
        raw = [(topic, number) for topic in self._index_of for number in range(partitions[topic])]
        self.followed: list[Place] = [*((topic, 0) for topic in _SINGLE), *raw]
        self._received: dict[Place, deque[tuple[int, bytes]]] = {one: deque() for one in raw}
        self._read: dict[Place, int] = {}  # the next offset of a raw topic that is expected
        self._cuts: deque[tuple[int, Tick]] = deque()  # epochs whose records are not all read
        self._indexed_epoch = -1  # the last one whose records are all read
        self.n_bytes_held = 0
        self._identity = dict(identity)
        self._is_named = bool(self._identity.get(_FIRST_TICK))  # by its first tick
        self._raw = [(topic, number) for topic, n in partitions.items() for number in range(n)]
        self._timeline = Timeline(partitions)
        self._stored: dict[Place, int] = {}
        self._next: dict[Place, int] = {}
        self._due: dict[int, int] = {}  # instants of epochs that are cut and not all read
        self._lock: BinaryIO | Connection | None = None
        self.last_epoch = -1  # the last one of which everything was read
        self._last_at: int | None = None

    @property
    def place(self) -> str:
        """The address, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def lag(self) -> tuple[int, int]:
        """Epochs that are cut and not read whole, and seconds from the last whole one to them."""
        if not self._due:
            return 0, 0
        first, *_, newest = (self._last_at, *self._due.values())
        return len(self._due), newest - (min(self._due.values()) if first is None else first)

    def open(self) -> dict[Place, int]:
        """Make the register if it is new, claim it, and return where to read on.

        Raises
        ------
        Misused
            If another follower writes to it, or it is of another deployment or log.
        """
        self._claim()
        self.create()
        with database.reached(self._engine) as connection:
            self._require_followable(connection)
            self._require_identity(connection)
            self._stored = self._offsets(connection)
        self._next = dict(self._stored)
        self._read = {place: self._stored[place] for place in self._received}
        first = min(self.last_epoch, self._indexed_epoch)
        self._timeline.begin_at(first)
        return {**self._stored, (TICKS, 0): max(first, 0)}

    def _claim(self) -> None:
        if self._engine.dialect.name == "sqlite":
            self._lock = self._lock_file()
            return
        with database.disposed_on_failure(self._engine), database.reached(self._engine):
            pass  # it answers
        connection = self._engine.connect()
        self._lock = connection
        got = connection.execute(select(func.pg_try_advisory_lock(_LOCK_NUMBER))).scalar_one()
        connection.commit()
        if not got:
            self._refuse_second()

    def _lock_file(self) -> BinaryIO:
        path = Path(f"{self._engine.url.database}.follower")
        try:
            file = path.open("ab")
        except OSError as error:
            remedy = "check the directory and its rights"
            raise Misused(str(path), f"cannot be written ({error.strerror})", remedy) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            self._refuse_second()
        return file

    def _refuse_second(self) -> None:
        raise Misused(
            self.place, "is being written by another follower", "end that one, or leave it to it"
        )

    def _require_followable(self, connection: Connection) -> None:
        """Refuse a register that a replay wrote: its epochs are of another log."""
        offsets, epochs = schema.followed_offsets, schema.epochs
        n_offsets, n_epochs = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (offsets, epochs)
        )
        if n_epochs and not n_offsets:
            raise Misused(self.place, "was written by a replay, not from topics", _REBUILD)

    def _require_identity(self, connection: Connection) -> None:
        """Compare what the register is of with what is to be followed; complete it."""
        table = schema.register_info
        known = {row.name: row.value for row in connection.execute(select(table))}
        for name, value in self._identity.items():
            if known.get(name, value) != value:
                raise Misused(self.place, _REASONS[name], _REBUILD)
        self.last_epoch = int(known.get(_LAST_EPOCH, "-1"))
        self._indexed_epoch = int(known.get(_INDEXED_EPOCH, "-1"))
        new = {
            _LAST_EPOCH: "-1",
            _INDEXED_EPOCH: "-1",
            **{k: v for k, v in self._identity.items() if v},
        }
        database.write_rows(
            connection, table, [{"name": name, "value": value} for name, value in new.items()]
        )

    def _offsets(self, connection: Connection) -> dict[Place, int]:
        table = schema.followed_offsets
        begin = [{"topic": topic, "partition": n, "next_offset": 0} for topic, n in self.followed]
        database.write_rows(connection, table, begin)
        found = connection.execute(select(table))
        return {(row.topic, row.partition): row.next_offset for row in found}

    def take_message(self, place: Place, offset: int, value: bytes) -> None:
        """Take one message of a followed topic.

        Raises
        ------
        Defect
            If it is none that this topic may hold.
        """
        topic = place[0]
        if topic in self._index_of:
            self._receive(place, offset, value)
            return
        if topic == TICKS:
            self._take_tick(offset, value)
            self._close_epochs()
        elif topic in (CONTRIBUTIONS, FINDINGS, SIGNALS):
            self._take_derived(topic, value)
        else:
            self._take_fact(place, offset, value)
        self._next[place] = max(offset + 1, self._next[place])

    def _take_tick(self, epoch: int, value: bytes) -> None:
        if epoch == 0 and not self._is_named:
            self._identity[_FIRST_TICK] = sha256(value).hexdigest()
        before = self._timeline.latest
        if not self._timeline.feed(epoch, value):
            return
        tick = self._timeline.tick(epoch)
        self.take_epoch(epoch, tick.at, tick.configuration)
        last = self._timeline.tick(before) if before >= 0 else None
        self._cuts.append((epoch, tick))
        if epoch <= self.last_epoch:
            self._last_at = tick.at
        elif any(tick.moved(last, place) for place in self._raw):
            self._due[epoch] = tick.at
        self._timeline.forget(epoch)

    def _receive(self, place: Place, offset: int, value: bytes) -> None:
        """Hold one message of a raw topic until a tick gives its epoch."""
        self._received[place].append((offset, value))
        self._read[place] = offset + 1
        self.n_bytes_held += len(value)
        self._close_epochs()

    def is_ahead(self, place: Place) -> bool:
        """Tell whether a raw partition is read as far as the next epoch needs."""
        if place not in self._read:
            return False
        return not self._cuts or self._read[place] >= self._cuts[0][1].cut[place[0]][place[1]]

    def _close_epochs(self) -> None:
        """Index the records of every epoch of which all partitions are read."""
        while self._cuts and all(self.is_ahead(place) for place in self._received):
            epoch, tick = self._cuts.popleft()
            for place, received in self._received.items():
                cut = tick.cut[place[0]][place[1]]
                while received and received[0][0] < cut:
                    offset, value = received.popleft()
                    self.n_bytes_held -= len(value)
                    self._index_of[place[0]].take(place[1], offset, value, epoch, tick.at)
                self._next[place] = max(cut, self._next[place])
            for index in self._index_of.values():
                index.close(epoch)
            self._indexed_epoch = max(epoch, self._indexed_epoch)

    def _take_derived(self, topic: str, value: bytes) -> None:
        if topic == CONTRIBUTIONS and not value.startswith(_END_PREFIX):
            return  # most of the bytes, and nothing that is kept
        message = decode_message(value)
        if isinstance(message, Batch):
            self.take_output(message.epoch, rows_of(message), [])
            return
        if message.dispositions is not None:
            self.take_output(message.epoch, [message.dispositions], [])
        if topic == SIGNALS:
            self._end(message.epoch)

    def _end(self, epoch: int) -> None:
        """Note that triage has ended an epoch: every stage before it has."""
        self.last_epoch = max(epoch, self.last_epoch)
        for due in [one for one in self._due if one <= epoch]:
            self._last_at = self._due.pop(due)

    def _take_fact(self, place: Place, offset: int, value: bytes) -> None:
        try:
            self.take_output(self.last_epoch, [], [Fact(place[0], b"", value, "")])
        except (ValueError, StopIteration) as error:
            where = f"{place[0]}/{place[1]} at offset {offset}"
            raise Defect(f"{where} holds a foreign message: {error}") from None

    def commit(self) -> int:
        """Write what was taken, and how far it goes, in one transaction; return the rows.

        Raises
        ------
        DatabaseAway
            If the database does not answer: open a new one, and read on from what is stored.
        Misused
            If it cannot be written to, or another follower has written to it.
        """
        moved = [place for place, offset in self._next.items() if offset != self._stored[place]]
        if not moved:
            return 0
        n_rows = self.n_waiting
        with database.reached(self._engine) as connection:
            for place in moved:
                self._advance(connection, place)
            self.write(connection)
            self._store_epoch(connection, _LAST_EPOCH, self.last_epoch)
            self._store_epoch(connection, _INDEXED_EPOCH, self._indexed_epoch)
            self._store_first_tick(connection)
        self.forget()
        self._is_named = bool(self._identity.get(_FIRST_TICK))
        self._stored = dict(self._next)
        return n_rows

    def _store_epoch(self, connection: Connection, name: str, epoch: int) -> None:
        info = schema.register_info
        connection.execute(update(info).where(info.c.name == name).values(value=str(epoch)))

    def _store_first_tick(self, connection: Connection) -> None:
        """Name the log, where it was empty when the follower began."""
        first = self._identity.get(_FIRST_TICK)
        if first and not self._is_named:
            row = {"name": _FIRST_TICK, "value": first}
            database.write_rows(connection, schema.register_info, [row])

    def _advance(self, connection: Connection, place: Place) -> None:
        table = schema.followed_offsets.c
        done = connection.execute(
            update(schema.followed_offsets)
            .where(
                and_(
                    table.topic == place[0],
                    table.partition == place[1],
                    table.next_offset == self._stored[place],
                )
            )
            .values(next_offset=self._next[place])
        )
        if done.rowcount != 1:
            self._refuse_second()

    def close(self) -> None:
        """Let go of the claim and of the database; what was not committed is dropped."""
        if self._lock is not None:
            with suppress(Exception):  # the server that held it may be gone
                self._lock.close()
        super().close()
