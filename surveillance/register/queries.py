"""What all questions to a register share: names of keys, and rows as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, FromClause, Select, Table, select

from surveillance.register import database, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.register.keys import KeyKind

KEYS: dict[KeyKind, FromClause] = {
    kind: schema.keys.alias(f"{kind}_keys") for kind in ("product", "event", "configuration")
}
PROGRAMME_KEYS = schema.keys.alias("programme_keys")
N_ROWS_A_FETCH = 500


def all_rows(engine: Engine, query: Select[Any]) -> list[Any]:
    """Return all rows of a query.

    Raises
    ------
    Misused
        If the database cannot be reached.
    """
    with database.reached(engine) as connection:
        return list(connection.execute(query).all())


def each_row(engine: Engine, query: Select[Any]) -> Iterator[Any]:
    """Yield rows as they are read; no more than a few are held.

    Raises
    ------
    Misused
        If the database cannot be reached.
    """
    with database.reached(engine) as connection:
        yield from connection.execute(query.execution_options(yield_per=N_ROWS_A_FETCH))


def named(table: Table) -> Select[Any]:
    """Return a query of whole rows of a table, with the names of its keys.

    Parameters
    ----------
    table : Table
        With a column for each kind of key that it has.
    """
    keys: dict[str, FromClause] = {kind: one for kind, one in KEYS.items() if kind in table.c}
    if "programme" in table.c:
        keys["programme"] = PROGRAMME_KEYS
    columns = [column for column in table.c if column.name not in keys]
    names = [one.c.key.label(kind) for kind, one in keys.items()]
    query = select(*columns, *names).select_from(table)
    for kind, one in keys.items():
        query = query.join(one, one.c.key_id == table.c[kind], isouter=kind == "configuration")
    return query
