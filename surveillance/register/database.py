"""Open a register's database, make its tables, and write rows any number of times."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Table,
    Update,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from surveillance.domain.errors import Away, Misused
from surveillance.register import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Insert = sqlite.Insert | postgresql.Insert
_DIALECTS = ("sqlite", "postgresql")
_STATES_AWAY = ("08", "57P")  # connection exceptions, and operator intervention
_CACHE_KIB = 65_536  # the index by pair is entered at random places
_N_BYTES_COMPACTED_MAX = 1_000_000_000
_PAGE = 16_384  # bytes; rows of some hundred fill smaller ones less well
_EXAMPLE = "give sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"


class DatabaseAway(Away):
    """A database that does not answer now and may do so later."""


def sqlite_url(file: Path) -> str:
    """Return the address of a register in a file, whatever characters its name holds."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


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
    require_file(engine)
    with disposed_on_failure(engine), reached(engine) as connection:
        require_version(connection)
    return engine


def require_file(engine: Engine) -> None:
    """Refuse a SQLite register that is not there: connecting would make an empty file."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and (not path or not Path(path).is_file()):
        raise Misused(str(path), "is not there", "run `longwatch replay`, or give another register")


def create_tables(engine: Engine) -> None:
    """Make the tables of a new register, and record their revision.

    Raises
    ------
    Misused
        If the database cannot be reached, or holds a register of another revision.
    """
    with disposed_on_failure(engine):
        if engine.dialect.name == "sqlite":
            _use_write_ahead_log(engine)
        _create_tables(engine)


def _create_tables(engine: Engine) -> None:
    with reached(engine) as connection:
        if inspect(connection).has_table(schema.register_info.name):
            require_version(connection)
            return
        begin_writing(connection)
        schema.metadata.create_all(connection)
        schema.alembic_version.create(connection)
        connection.execute(schema.alembic_version.insert(), {"version_num": schema.HEAD})


def begin_writing(connection: Connection) -> None:
    """Have changes of the schema belong to the transaction; SQLite's driver leaves them out."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a register's schema; None where there is no register."""
    found = inspect(connection)
    if not found.has_table(schema.register_info.name):
        return None
    if not found.has_table(schema.alembic_version.name):
        return schema.REVISIONS[0]  # made before there were migrations
    query = select(schema.alembic_version.c.version_num)
    return connection.execute(query).scalar_one_or_none()


def require_version(connection: Connection) -> None:
    """Refuse a register whose schema is not that of this program.

    Raises
    ------
    Misused
        If it is older, with the command that upgrades it, or newer.
    """
    revision = revision_of(connection)
    if revision == schema.HEAD:
        return
    place = connection.engine.url.render_as_string(hide_password=True)
    if revision is None:
        raise Misused(place, "holds no register", "give the address of a register")
    if revision in schema.REVISIONS:
        raise Misused(
            place,
            f"has schema {revision}, and this program needs {schema.HEAD}",
            f"run `longwatch register upgrade --url {place}`",
        )
    refuse_newer(place, revision)


def refuse_newer(place: str, revision: str) -> NoReturn:
    """Refuse a schema that this program does not know."""
    raise Misused(
        place,
        f"has schema {revision}, which is newer than this program's {schema.HEAD}",
        "use the program that wrote it, or rebuild the register with this one",
    )


@contextmanager
def disposed_on_failure(engine: Engine) -> Iterator[None]:
    """Let go of a database that turns out not to be usable."""
    try:
        yield
    except BaseException:  # an interrupt too: its connections are given back
        engine.dispose()
        raise


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
        if _is_away(error):
            remedy = "start the database, or mend the address"
            raise DatabaseAway(place, f"cannot be reached ({reason})", remedy) from None
        remedy = "check the address, the rights and the room on the disk"
        raise Misused(place, f"cannot be used ({reason})", remedy) from None


def _is_away(error: DatabaseError) -> bool:
    """Tell whether the same statement may succeed later, with nothing mended here."""
    if not isinstance(error, OperationalError):
        return False
    if error.connection_invalidated or "locked" in str(error.orig):  # SQLite: by another writer
        return True
    if isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_STATES_AWAY)


def statement(table: Table, dialect: Dialect) -> Insert:
    """Return the insert of a table: a row that is there already stays, or is completed.

    An answer to a review is never lost to an older row, so rows may be written again in
    any order.
    """
    insert = (sqlite if dialect.name == "sqlite" else postgresql).insert(table)
    complete = _UPDATES.get(table.name)
    return insert.on_conflict_do_nothing() if complete is None else complete(insert)


def write_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write rows of one table, any of which may be there already."""
    if not rows:
        return
    if table is not schema.signal_states:
        _insert(connection, table, rows)
        return
    latest = connection.execute(select(func.max(table.c.valid_from))).scalar()
    rows = sorted(rows, key=lambda row: row["valid_from"])
    _insert(connection, table, rows)
    keys = [{"signal": row["signal_id"], "epoch": row["valid_from"]} for row in rows]
    connection.execute(_END_PREVIOUS, keys)
    if latest is not None and (late := [key for key in keys if key["epoch"] <= latest]):
        connection.execute(_END_AT_NEXT, late)  # they came after their successors


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Give rows to the driver as it takes them: building parameters row by row costs more."""
    sql, names, processors, is_positional = _compiled(table, connection.dialect)
    columns: list[list[Any]] = []
    for name in names:
        values = [row[name] for row in rows]
        process = processors.get(name)
        columns.append(values if process is None else list(map(process, values)))
    parameters = list(zip(*columns, strict=True))
    if is_positional:
        connection.exec_driver_sql(sql, parameters)
    else:
        named = [dict(zip(names, one, strict=True)) for one in parameters]
        connection.exec_driver_sql(sql, named)


class _Compiled(NamedTuple):
    """The insert of a table for one driver."""

    sql: str
    names: list[str]  # of the columns, in the order of the parameters
    processors: dict[str, Callable[[Any], Any]]
    is_positional: bool


_statements: dict[tuple[str, str], _Compiled] = {}


def _compiled(table: Table, dialect: Dialect) -> _Compiled:
    found = _statements.get((table.name, dialect.name))
    if found is None:
        names = [column.name for column in table.c]
        compiled = statement(table, dialect).compile(dialect=dialect, column_keys=names)
        processors: dict[str, Callable[[Any], Any]] = {
            column.name: process
            for column in table.c
            if (process := column.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        positions = compiled.positiontup if compiled.positional else None
        found = _Compiled(str(compiled), list(positions or names), processors, bool(positions))
        _statements[table.name, dialect.name] = found
    return found


def _end_previous() -> Update:
    """Return the statement that ends the span of the state before a given one."""
    table = schema.signal_states
    return (
        update(table)
        .where(
            table.c.signal_id == bindparam("signal"),
            table.c.valid_to > bindparam("epoch"),
            table.c.valid_from < bindparam("epoch"),
        )
        .values(valid_to=bindparam("epoch"))
    )


def _end_at_next() -> Update:
    """Return the statement that ends the span of a given state where the next one begins."""
    table, later = schema.signal_states, schema.signal_states.alias("later")
    following = (
        select(func.coalesce(func.min(later.c.valid_from), schema.OPEN))
        .where(later.c.signal_id == bindparam("signal"), later.c.valid_from > bindparam("epoch"))
        .scalar_subquery()
    )
    return (
        update(table)
        .where(table.c.signal_id == bindparam("signal"), table.c.valid_from == bindparam("epoch"))
        .values(valid_to=following)
    )


_END_PREVIOUS = _end_previous()
_END_AT_NEXT = _end_at_next()


def _fill(insert: Insert, table: Table, *names: str) -> Insert:
    """Keep the row; fill in what it does not know yet."""
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: func.coalesce(table.c[name], new[name]) for name in names},
    )


_UPDATES: dict[str, Callable[[Insert], Insert]] = {
    "reviews": lambda insert: _fill(
        insert, schema.reviews, "ground", "answer", "answered_on", "document"
    ),
    "epochs": lambda insert: _fill(insert, schema.epochs, "configuration"),
}


def compact(engine: Engine) -> None:
    """Rewrite a SQLite file without the room that was left in its pages: a tenth of it.

    A large one is left as it is, since the rewriting takes as much room again. It is whole in any
    case, so that a full disk is no error here.
    """
    if engine.dialect.name != "sqlite":
        return
    with suppress(DatabaseError), engine.connect() as connection:
        free = connection.execution_options(isolation_level="AUTOCOMMIT")
        if Path(str(engine.url.database)).stat().st_size <= _N_BYTES_COMPACTED_MAX:
            free.exec_driver_sql("PRAGMA journal_mode=DELETE")
            free.exec_driver_sql(f"PRAGMA page_size={_PAGE}")
            free.exec_driver_sql("VACUUM")


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
