"""Packed documents, numbers for keys, and no column that repeats what a document holds."""

from __future__ import annotations

import json
from datetime import date
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from alembic import op

from surveillance.register.packing import DOCUMENT, FINDING, SIGNAL, pack

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Any]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

N_ROWS_A_BATCH = 5_000
_FIRST = date(1970, 1, 1).toordinal()
_FIELDS = ("criterion", "change", "on", "epoch", "product", "event", "configuration", "expected")
_SIGNAL_FIELDS = (
    "signal_id", "epoch", "on", "first_on", "family", "status", "priority", "n", "n_serious",
    "n_fatal", "is_sentinel", "product", "event", "configuration",
)  # fmt: skip


def upgrade() -> None:
    """Make each table anew and fill it from the old one, in batches."""
    _convert_keys()
    _convert_cases()
    _convert("findings", _findings(), _finding)
    _convert("signal_states", _signal_states(), _signal_state)
    for name in ("priors", "alerts", "reviews", "decisions"):
        _pack_documents(name)
    _create_indexes()


def _row_id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _big(name: str, *, is_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, primary_key=is_key, autoincrement=False, nullable=nullable
    )


def _convert_keys() -> None:
    """Move the keys of the cases to a table for all keys; findings and signals add theirs."""
    names = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    keys = op.create_table(
        "keys",
        sa.Column("key_id", _row_id(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(13), nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("key", names, nullable=False),
    )
    connection = op.get_bind()
    old = sa.table("case_keys", *(sa.column(name) for name in ("key_id", "kind", "key")))
    for rows in _batches(connection, sa.select(old)):
        connection.execute(
            keys.insert(), [row | {"level": row["key"].partition(":")[0]} for row in rows]
        )
    op.drop_table("case_keys")


def _batches(connection: sa.Connection, query: sa.Select[Any]) -> Any:  # noqa: ANN401 - a generator
    found = connection.execute(query.execution_options(yield_per=N_ROWS_A_BATCH)).mappings()
    for part in found.partitions():
        yield [dict(row) for row in part]


def _convert(name: str, columns: list[sa.Column[Any]], change: Callable[[Row], Row]) -> None:
    """Make a table anew; `change` turns an old row into a new one, with names of keys."""
    connection = op.get_bind()
    old_name = f"old_{name}"
    op.rename_table(name, old_name)
    old = sa.Table(old_name, sa.MetaData(), autoload_with=connection)
    new = op.create_table(name, *columns, sqlite_with_rowid=name == "case_versions")
    named: set[int] = {row[0] for row in connection.execute(sa.text("SELECT key_id FROM keys"))}
    for rows in _batches(connection, sa.select(old)):
        changed = [change(row) for row in rows]
        _number_keys(connection, changed, named)
        connection.execute(new.insert(), changed)
    op.drop_table(old_name)


def _number_keys(connection: sa.Connection, rows: list[Row], named: set[int]) -> None:
    """Replace names by numbers, and keep the names that are new."""
    keys = sa.table("keys", *(sa.column(name) for name in ("key_id", "kind", "level", "key")))
    new: list[Row] = []
    for row in rows:
        for kind in ("product", "event", "configuration"):
            key = row.get(kind)
            if not key:
                continue
            number = row[kind] = _key_id(kind, key)
            if number not in named:
                named.add(number)
                level = "" if kind == "configuration" else key.partition(":")[0]
                new.append({"key_id": number, "kind": kind, "level": level, "key": key})
    if new:
        connection.execute(keys.insert(), new)


def _key_id(kind: str, key: str) -> int:
    digest = blake2b(f"{kind}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _day(value: date) -> int:
    return value.toordinal() - _FIRST


def _findings() -> list[sa.Column[Any]]:
    return [
        _big("epoch", is_key=True),
        _big("finding_id", is_key=True),
        sa.Column("found_on", sa.Integer, nullable=False),
        sa.Column("criterion", sa.String(60), nullable=False),
        sa.Column("change", sa.String(10), nullable=False),
        _big("product"),
        _big("event"),
        _big("configuration", nullable=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("expected", sa.Double, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    ]


def _finding(row: Row) -> Row:
    document = json.loads(row["document"])
    n = "n_pair" if document["type"] == "pair" else "n_events"
    return {
        "epoch": row["epoch"],
        "finding_id": int(row["finding_id"][2:18], 16) >> 1,
        "found_on": _day(row["found_on"]),
        "criterion": row["criterion"],
        "change": row["change"],
        "product": row["product"],
        "event": row["event"],
        "configuration": document.get("configuration"),
        "n": row["n"],
        "expected": row["expected"],
        "document": _rest(document, row["epoch"], (n, *_FIELDS), FINDING),
    }


def _rest(document: Row, epoch: int, held: tuple[str, ...], dictionary: int) -> bytes:
    """Return what no column holds."""
    rest = {name: value for name, value in document.items() if name not in held}
    if document["epoch"] != epoch:
        rest["epoch"] = document["epoch"]
    return pack(msgspec.msgpack.encode(rest), dictionary)


def _signal_states() -> list[sa.Column[Any]]:
    return [
        _big("signal_id", is_key=True),
        _big("valid_from", is_key=True),
        _big("valid_to"),
        sa.Column("changed_on", sa.Integer, nullable=False),
        sa.Column("first_on", sa.Integer, nullable=False),
        _big("product"),
        _big("event"),
        _big("configuration", nullable=True),
        sa.Column("family", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("n_serious", sa.Integer, nullable=False),
        sa.Column("n_fatal", sa.Integer, nullable=False),
        sa.Column("is_sentinel", sa.Boolean, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    ]


def _signal_state(row: Row) -> Row:
    document = json.loads(row["document"])
    del row["level"]
    return row | {
        "signal_id": int.from_bytes(bytes.fromhex(row["signal_id"][2:])) - 2**63,
        "changed_on": _day(row["changed_on"]),
        "first_on": _day(row["first_on"]),
        "configuration": document.get("configuration"),
        "document": _rest(document, row["valid_from"], _SIGNAL_FIELDS, SIGNAL),
    }


def _convert_cases() -> None:
    """Keep the day of receipt as a number; records stay as they are packed."""
    _convert("case_versions", _case_versions(), _case_version)
    op.create_index("case_versions_by_case", "case_versions", ["case_id"])
    is_duplicate = sa.text("duplicate_of IS NOT NULL")
    op.create_index(
        "case_versions_by_duplicate",
        "case_versions",
        ["duplicate_of"],
        sqlite_where=is_duplicate,
        postgresql_where=is_duplicate,
    )


def _case_versions() -> list[sa.Column[Any]]:
    return [
        sa.Column("version_id", _row_id(), primary_key=True, autoincrement=False),
        sa.Column("case_id", sa.String(120), nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("received_on", sa.Integer, nullable=False),
        sa.Column("duplicate_of", sa.String(120)),
        _big("epoch"),
        _big("offset"),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("is_counted", sa.Boolean, nullable=False),
        _big("valid_from", nullable=True),
        _big("valid_to", nullable=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
    ]


def _case_version(row: Row) -> Row:
    return row | {"received_on": _day(row["received_on"])}


def _pack_documents(name: str) -> None:
    """Replace the text of a small table's documents by packed bytes."""
    connection = op.get_bind()
    is_nullable = name == "reviews"
    keys = sa.inspect(connection).get_pk_constraint(name)["constrained_columns"]
    with op.batch_alter_table(name) as batch:
        batch.add_column(sa.Column("packed", sa.LargeBinary))
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    query = sa.select(*(table.c[key] for key in keys), table.c.document)
    for row in connection.execute(query.where(table.c.document.is_not(None))).mappings().all():
        packed = pack(row["document"].encode(), DOCUMENT)
        which = [table.c[key] == row[key] for key in keys]
        connection.execute(sa.update(table).where(*which).values(packed=packed))
    with op.batch_alter_table(name) as batch:
        batch.drop_column("document")
        batch.alter_column(
            "packed",
            new_column_name="document",
            existing_type=sa.LargeBinary,
            nullable=is_nullable,
        )


def _create_indexes() -> None:
    for name, columns in (
        ("findings_by_product", ["product", "epoch"]),
        ("findings_by_event", ["event", "product", "epoch"]),
        ("findings_by_criterion", ["criterion", "epoch"]),
        ("signal_states_by_pair", ["product", "event"]),
        ("signal_states_by_span", ["valid_to", "priority", "valid_from"]),
    ):
        op.create_index(name, name.partition("_by_")[0], columns)
