"""States of signals: what lists are made of, in columns of its own."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from alembic import op

from surveillance.register.packing import ROW, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

N_ROWS_A_BATCH = 5_000
_HALF = 2**63
_states = sa.table(
    "signal_states",
    *(sa.column(name, sa.BigInteger) for name in ("signal_id", "valid_from", "product", "event")),
    sa.column("matter_id", sa.BigInteger),
    sa.column("has_excess", sa.Boolean),
    sa.column("is_screened", sa.Boolean),
    sa.column("document", sa.LargeBinary),
)
_keys = sa.table("keys", sa.column("key_id", sa.BigInteger), sa.column("key", sa.Text))


def upgrade() -> None:
    """Add the columns, and move what they hold out of the documents."""
    for name, kind, nothing in (
        ("matter_id", sa.BigInteger, "0"),
        ("has_excess", sa.Boolean, sa.false()),
        ("is_screened", sa.Boolean, sa.false()),
    ):
        op.add_column(
            "signal_states", sa.Column(name, kind, nullable=False, server_default=nothing)
        )
    connection = op.get_bind()
    keys = connection.execute(sa.select(_keys.c.key_id, _keys.c.key))
    names: dict[int, str] = {row.key_id: row.key for row in keys}
    for rows in _batches(connection):
        connection.execute(_CHANGE, [_divided(row, names) for row in rows])
    op.drop_index("signal_states_by_span", "signal_states")
    op.create_index("signal_states_by_span", "signal_states", _COVERED)
    if connection.dialect.name == "postgresql":  # SQLite cannot; every row is written with values
        for name in ("matter_id", "has_excess", "is_screened"):
            op.alter_column("signal_states", name, server_default=None)


_COVERED = [
    "valid_to", "priority", "valid_from", "status", "matter_id", "product", "event", "first_on",
    "n", "n_serious", "n_fatal", "has_excess", "is_sentinel", "is_screened",
]  # fmt: skip
_CHANGE = (
    sa.update(_states)
    .where(
        _states.c.signal_id == sa.bindparam("at_signal"),
        _states.c.valid_from == sa.bindparam("at_epoch"),
    )
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in ("matter_id", "has_excess", "is_screened", "document")
        }
    )
)


def _batches(connection: sa.Connection) -> Iterator[list[Any]]:
    order = (_states.c.signal_id, _states.c.valid_from)
    last: tuple[int, int] | None = None
    while True:
        query = sa.select(_states).order_by(*order).limit(N_ROWS_A_BATCH)
        if last is not None:
            query = query.where(sa.tuple_(*order) > sa.tuple_(*map(sa.literal, last)))
        rows = list(connection.execute(query))
        if not rows:
            return
        yield rows
        last = rows[-1].signal_id, rows[-1].valid_from


def _divided(row: Any, names: dict[int, str]) -> dict[str, Any]:  # noqa: ANN401 - a row
    rest: dict[str, Any] = msgspec.json.decode(unpack(bytes(row.document)))
    content = f"{names[row.product]}\n{names[row.event]}\nsafety".encode()
    return {
        "at_signal": row.signal_id,
        "at_epoch": row.valid_from,
        "new_matter_id": int.from_bytes(bytes.fromhex(rest.pop("matter_id")[2:])) - _HALF,
        "new_has_excess": rest["evidence"] > 0,
        "new_is_screened": int.from_bytes(sha256(content).digest()[:8]) - _HALF == row.signal_id,
        "new_document": pack(msgspec.json.encode(rest), ROW),
    }
