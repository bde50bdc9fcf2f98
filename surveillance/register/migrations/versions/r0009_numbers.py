"""Findings, looks and states of signals packed anew: numbers apart from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from alembic import op

from surveillance.register.packing import ROW, pack, unpack
from surveillance.register.predicted import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

N_ROWS_A_BATCH = 5_000
_KEYS = {
    "findings": ("epoch", "finding_id"),
    "looks": ("epoch", "look_id"),
    "signal_states": ("signal_id", "valid_from"),
}


def upgrade() -> None:
    """Pack the document of every row anew, in batches by the order of their keys."""
    connection = op.get_bind()
    for name, keys in _KEYS.items():
        columns = [sa.column(key, sa.BigInteger) for key in keys]
        counted = [sa.column("n", sa.Integer)] if name == "findings" else []
        table = sa.table(name, *columns, *counted, sa.column("document", sa.LargeBinary))
        change = (
            sa.update(table)
            .where(*(table.c[key] == sa.bindparam(f"at_{key}") for key in keys))
            .values(document=sa.bindparam("packed"))
        )
        for rows in _batches(connection, table, keys):
            changed = [
                {f"at_{key}": row[key] for key in keys} | {"packed": _packed(row)} for row in rows
            ]
            connection.execute(change, changed)


def _batches(
    connection: sa.Connection, table: sa.TableClause, keys: tuple[str, ...]
) -> Iterator[list[dict[str, Any]]]:
    order = sa.tuple_(*(table.c[key] for key in keys))
    last: tuple[int, ...] | None = None
    while True:
        query = sa.select(table).order_by(*(table.c[key] for key in keys)).limit(N_ROWS_A_BATCH)
        if last is not None:
            query = query.where(order > sa.tuple_(*(sa.literal(one) for one in last)))
        rows = [dict(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        yield rows
        last = tuple(rows[-1][key] for key in keys)


def _packed(row: dict[str, Any]) -> bytes:
    rest: dict[str, Any] = msgspec.msgpack.decode(unpack(bytes(row["document"])))
    if rest["type"] == "pair":
        shorten(rest, row["n"])
    return pack(msgspec.json.encode(rest), ROW)
