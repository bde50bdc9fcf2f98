"""Open a register's database, make its tables, and write rows that may be said again."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)

from surveillance.domain.errors import Misused
from surveillance.register import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Insert = sqlite.Insert | postgresql.Insert
_DIALECTS = ("sqlite", "postgresql")
_VERSION = "schema_version"
_CACHE_KIB = 65_536  # the index by pair is entered at random places
_EXAMPLE = "give sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"


def open_engine(url: str) -> Engine:
    """Return an engine for a register.

    Parameters
    ----------
    url : str
        As SQLAlchemy has it; SQLite or PostgreSQL.

    Raises
    ------
    Misused
        If the URL cannot be read, names another database, or needs a driver that is not
        installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in _DIALECTS:
            raise Misused(_hidden(url), "is neither SQLite nor PostgreSQL", _EXAMPLE)
        engine = create_engine(parsed)
    except ImportError as error:
        raise Misused(_hidden(url), f"needs {error.name}", f"install {error.name}") from None
    except (ArgumentError, NoSuchModuleError):
        raise Misused(_hidden(url), "is not the address of a database", _EXAMPLE) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite)
    return engine


def open_existing(url: str) -> Engine:
    """Return an engine for a register that is there and that this program can read.

    Raises
    ------
    Misused
        If there is none, it cannot be reached, or its schema is of another version.
    """
    engine = open_engine(url)
    path = engine.url.database
    if engine.dialect.name == "sqlite" and (not path or not Path(path).is_file()):
        raise Misused(str(path), "is not there", "run `longwatch replay`, or give another register")
    with reached(engine) as connection:
        require_version(connection)
    return engine


def create_tables(engine: Engine) -> None:
    """Make the tables that are missing, and record the version of the schema.

    Raises
    ------
    Misused
        If the database cannot be reached, or holds a register of another version.
    """
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine)
    with reached(engine) as connection:
        if inspect(connection).has_table(schema.register_info.name):
            require_version(connection)
        schema.metadata.create_all(connection)
        info = {"name": _VERSION, "value": str(schema.SCHEMA_VERSION)}
        connection.execute(statement(schema.register_info, engine.dialect), [info])


def require_version(connection: Connection) -> None:
    """Refuse a register whose schema this program does not know.

    Raises
    ------
    Misused
        With both versions.
    """
    place = connection.engine.url.render_as_string(hide_password=True)
    if not inspect(connection).has_table(schema.register_info.name):
        raise Misused(place, "holds no register", "give the address of a register")
    info = schema.register_info
    query = select(info.c.value).where(info.c.name == _VERSION)
    version = connection.execute(query).scalar_one_or_none()
    if version != str(schema.SCHEMA_VERSION):
        raise Misused(
            place,
            f"has schema version {version}, and this program knows {schema.SCHEMA_VERSION}",
            "use the program that wrote it, or make the register again from the log",
        )


@contextmanager
def reached(engine: Engine) -> Iterator[Connection]:
    """Open a transaction on a database that may not be there.

    Parameters
    ----------
    engine : Engine
        The database.

    Raises
    ------
    Misused
        If it cannot be reached or written to, or what is there is no database.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (IntegrityError, ProgrammingError, DataError):
        raise  # ours: let it be seen whole
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        place = engine.url.render_as_string(hide_password=True)
        remedy = "check the address, the rights and the room on the disk"
        raise Misused(place, f"cannot be used ({reason})", remedy) from None


def statement(table: Table, dialect: Dialect) -> Insert:
    """Return the insert of a table: a row that is there already stays, or is brought up to date.

    A signal is overwritten only by a later epoch, and an answer to a review is never
    lost to an older row, so that rows may be said again in any order.
    """
    insert = (sqlite if dialect.name == "sqlite" else postgresql).insert(table)
    update = _UPDATES.get(table.name)
    return insert.on_conflict_do_nothing() if update is None else update(insert)


def _update_signal(insert: Insert) -> Insert:
    table, new = schema.signals, insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["signal_id"],
        set_={name: new[name] for name in table.c.keys() if name != "signal_id"},  # noqa: SIM118 - a column collection iterates over columns
        where=new.epoch >= table.c.epoch,
    )


def _fill(insert: Insert, table: Table, *names: str) -> Insert:
    """Keep the row; fill in what it does not know yet."""
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: func.coalesce(table.c[name], new[name]) for name in names},
    )


_UPDATES: dict[str, Callable[[Insert], Insert]] = {
    "signals": _update_signal,
    "reviews": lambda insert: _fill(
        insert, schema.reviews, "ground", "answer", "answered_on", "document"
    ),
    "epochs": lambda insert: _fill(insert, schema.epochs, "configuration"),
}


def close(engine: Engine) -> None:
    """Let go of the database; a SQLite file is left whole, with no log beside it."""
    if engine.dialect.name == "sqlite":
        with suppress(DatabaseError), engine.connect() as connection:  # others may be reading
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    engine.dispose()


def _use_write_ahead_log(engine: Engine) -> None:
    with reached(engine) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _on_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the driver's own
    # The register can be made again from the log: a power cut may cost the last batch.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")


def _hidden(url: str) -> str:
    """Return a URL without its password."""
    with suppress(ArgumentError):
        return make_url(url).render_as_string(hide_password=True)
    return url
