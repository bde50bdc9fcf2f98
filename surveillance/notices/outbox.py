"""The outbox: which notices there are, which were delivered, and how far the topic is read.

The place in the topic, the signals as last seen and the notices that follow from them are
committed in one transaction. A process that is killed reads on from the place that it stored,
so that no notice is lost and none is written twice.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from surveillance.domain.errors import Misused
from surveillance.domain.signal import Signal
from surveillance.notices.wording import Notice
from surveillance.register import database

_SCHEMA = "1"
_N_NAMES_A_QUERY = 500  # SQLite takes some thousand parameters
_AFRESH = "use a new outbox; it begins with what comes from now on"
_REASONS = {
    "schema": "is of another version of this program",
    "generation": "was written by another generation of the algorithms",
    "feed": "is of another deployment",
    "first_tick": "is of another log: the topics were made anew since",
}

_metadata = MetaData()
_info = Table("info", _metadata, Column("name", String, primary_key=True), Column("value", String))
_signals = Table(
    "signals",
    _metadata,
    Column("signal_id", String, primary_key=True),
    Column("matter_id", String, index=True, nullable=False),
    Column("outline", LargeBinary, nullable=False),
)
_matters = Table(
    "matters",
    _metadata,
    Column("matter_id", String, primary_key=True),
    Column("band", String, nullable=False),
)
_notices = Table(
    "notices",
    _metadata,
    Column("number", Integer, primary_key=True),
    Column("notice_id", String, unique=True, nullable=False),
    Column("receiver", String, nullable=False),
    Column("address", String, nullable=False),
    Column("made_at", Float, nullable=False),  # seconds since 1970
    Column("document", LargeBinary, nullable=False),
    Column("n_tried", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("fault", String, nullable=False),
)
Index(  # what waits is few among all that was ever sent, and asked for every second
    "waiting", _notices.c.receiver, _notices.c.next_at, _notices.c.number, _notices.c.made_at,
    sqlite_where=_notices.c.sent_at.is_(None),
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_decode_signal = msgspec.json.Decoder(Signal).decode
_decode_notice = msgspec.json.Decoder(Notice).decode


class Due(NamedTuple):
    """A notice that waits for one address of a receiver."""

    receiver: str
    address: str
    notice: Notice
    n_tried: int = 0


class Waiting(NamedTuple):
    """What waits for one receiver."""

    n: int
    oldest_at: float | None  # seconds since 1970


class Place(NamedTuple):
    """How far the topic of the signals is read."""

    next_offset: int
    quiet_until: int  # what lies below this offset is known, and makes no notice
    last_epoch: int


class Writing:
    """One transaction of the reader.

    Parameters
    ----------
    connection : Connection
        That it is made on.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def signals(self, names: Sequence[str]) -> dict[str, Signal]:
        """Return signals as last seen, by id; those that were never seen are not there."""
        return {one.signal_id: one for one in self._read(_signals.c.signal_id, names)}

    def of_matters(self, names: Sequence[str]) -> dict[str, list[Signal]]:
        """Return the signals of matters, as last seen."""
        found: dict[str, list[Signal]] = {}
        for one in self._read(_signals.c.matter_id, names):
            found.setdefault(one.matter_id, []).append(one)
        return found

    def _read(self, column: Column[str], names: Sequence[str]) -> Iterator[Signal]:
        for some in _in_parts(names):
            query = select(_signals.c.outline).where(column.in_(some))
            for row in self._connection.execute(query):
                yield _decode_signal(row.outline)

    def keep_signals(self, signals: Iterable[Signal]) -> None:
        """Keep signals as they stand."""
        rows = [
            {
                "signal_id": one.signal_id,
                "matter_id": one.matter_id,
                "outline": _encode(one),
            }
            for one in signals
        ]
        self._write(_replacing(_signals, "outline", "matter_id"), rows)

    def bands(self, names: Sequence[str]) -> dict[str, str]:
        """Return the bands of matters, as last seen."""
        found: dict[str, str] = {}
        for some in _in_parts(names):
            query = select(_matters).where(_matters.c.matter_id.in_(some))
            found |= {row.matter_id: row.band for row in self._connection.execute(query)}
        return found

    def keep_bands(self, bands: Mapping[str, str]) -> None:
        """Keep the bands of matters as they stand."""
        rows = [{"matter_id": name, "band": band} for name, band in bands.items()]
        self._write(_replacing(_matters, "band"), rows)

    def add(self, notices: Iterable[Due], at: float) -> None:
        """Put notices into the outbox; one that is there already stays as it is."""
        rows = [
            {
                "notice_id": one.notice.id,
                "receiver": one.receiver,
                "address": one.address,
                "made_at": at,
                "document": _encode(one.notice),
                "n_tried": 0,
                "next_at": at,
                "fault": "",
            }
            for one in notices
        ]
        self._write(insert(_notices).on_conflict_do_nothing(), rows)

    def advance(self, place: Place) -> None:
        """Keep how far the topic is read."""
        rows = [{"name": name, "value": str(value)} for name, value in place._asdict().items()]
        self._write(_replacing(_info, "value"), rows)

    def _write(self, statement: Insert, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            self._connection.execute(statement, rows)


class Outbox:
    """An outbox in a SQLite file, for one reader and one sender for each receiver.

    Parameters
    ----------
    path : Path
        The file, made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine = database.open_engine(database.sqlite_url(path))
        event.listen(self._engine, "connect", _on_connect)
        self._lock: BinaryIO | None = None

    def open(self, identity: Mapping[str, str], end_offset: int) -> Place:
        """Claim the outbox, make it if it is new, and return where to read on.

        Parameters
        ----------
        identity : mapping of str to str
            What it must be of: ``generation``, ``feed``, ``first_tick``; empty for not known yet.
        end_offset : int
            Where the topic ends: what lies before makes no notice in a new outbox.

        Raises
        ------
        Misused
            If another process writes to it, or it is of another deployment, log or program.
        """
        self._claim()
        with database.reached(self._engine) as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            if not inspect(connection).has_table(_info.name):
                _metadata.create_all(connection)
                Writing(connection).advance(Place(0, end_offset, -1))
            known = {row.name: row.value for row in connection.execute(select(_info))}
            wanted = {**identity, "schema": _SCHEMA}
            for name, value in wanted.items():
                if value and known.get(name) not in (None, value):
                    raise Misused(str(self._path), _REASONS[name], _AFRESH)
            rows = [{"name": name, "value": value} for name, value in wanted.items() if value]
            connection.execute(_replacing(_info, "value"), rows)
        return Place(*(int(known[name]) for name in Place._fields))

    def _claim(self) -> None:
        place = Path(f"{self._path}.lock")
        try:
            file = place.open("ab")
        except OSError as error:
            reason = f"cannot be written ({error.strerror})"
            raise Misused(str(place), reason, "check the directory and its rights") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            reason = "is being written by another process"
            raise Misused(str(self._path), reason, "end that one, or leave it to it") from None
        self._lock = file

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Open the one transaction in which a place and all that follows from it are kept."""
        with database.reached(self._engine) as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Writing(connection)

    def due(self, receiver: str, at: float) -> Due | None:
        """Return the notice for a receiver that has been due for longest; None for none.

        Parameters
        ----------
        receiver : str
            Its name.
        at : float
            The instant, in seconds since 1970.
        """
        columns = _notices.c
        query = (
            select(_notices)
            .where(columns.receiver == receiver, columns.sent_at.is_(None), columns.next_at <= at)
            .order_by(columns.next_at, columns.number)
            .limit(1)
        )
        with database.reached(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Due(row.receiver, row.address, _decode_notice(row.document), row.n_tried)

    def sent(self, due: Due, at: float) -> None:
        """Keep that a notice was delivered."""
        self._update(due, sent_at=at, fault="", n_tried=due.n_tried + 1)

    def failed(self, due: Due, next_at: float, fault: str) -> None:
        """Keep that a notice was not delivered, why, and when to try again."""
        self._update(due, next_at=next_at, fault=fault, n_tried=due.n_tried + 1)

    def _update(self, due: Due, **values: object) -> None:
        statement = update(_notices).where(_notices.c.notice_id == due.notice.id).values(**values)
        with database.reached(self._engine) as connection:
            connection.execute(statement)

    def forget_sent(self, before: float) -> int:
        """Drop the content of notices that were delivered long ago; return how many.

        Their ids stay, so that none can be put into the outbox again and be sent twice.

        Parameters
        ----------
        before : float
            Seconds since 1970: of those delivered by then.
        """
        columns = _notices.c
        statement = (
            update(_notices)
            .where(columns.sent_at <= before, func.length(columns.document) > 0)
            .values(document=b"")
        )
        with database.reached(self._engine) as connection:
            return connection.execute(statement).rowcount

    def waiting(self) -> dict[str, Waiting]:
        """Return what waits, by receiver, for those that are no longer configured too."""
        columns = _notices.c
        query = (
            select(columns.receiver, func.count(), func.min(columns.made_at))
            .where(columns.sent_at.is_(None))
            .group_by(columns.receiver)
        )
        with database.reached(self._engine) as connection:
            return {name: Waiting(n, oldest) for name, n, oldest in connection.execute(query)}

    def close(self) -> None:
        """Let go of the file, which is left whole."""
        database.close(self._engine)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _in_parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), _N_NAMES_A_QUERY):
        yield names[begin : begin + _N_NAMES_A_QUERY]


def _replacing(table: Table, *columns: str) -> Insert:
    statement = insert(table)
    new = {name: statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=new)


def _on_connect(connection: object, _record: object) -> None:
    # Senders read while a long epoch is written.
    connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined] # the driver's
    # What was sent cannot be computed again, as a register can: a power cut must not undo it.
    connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined] # the driver's
