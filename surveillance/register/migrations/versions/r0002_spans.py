"""States of signals with their spans, indexes for the newest findings, and a follower's offsets."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPEN = 2**63 - 1
N_ROWS_A_BATCH = 5_000


def upgrade() -> None:
    """Replace the two tables of signals by one, and convert what they hold."""
    states = _create_states()
    _convert(op.get_bind(), states)
    op.drop_table("signal_changes")
    op.drop_table("signals")
    for name in ("product", "event", "criterion"):
        op.create_index(f"findings_by_{name}", "findings", [name, "epoch"])
    op.create_index("epochs_by_day", "epochs", ["happened_on"])
    op.create_table(
        "followed_offsets",
        sa.Column("topic", sa.String(60), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
    op.execute("DELETE FROM register_info WHERE name = 'schema_version'")


def _create_states() -> sa.Table:
    states = op.create_table(
        "signal_states",
        sa.Column("signal_id", sa.String(40), primary_key=True),
        sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger, nullable=False),
        sa.Column("changed_on", sa.Date, nullable=False),
        sa.Column("first_on", sa.Date, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("family", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("n_serious", sa.Integer, nullable=False),
        sa.Column("n_fatal", sa.Integer, nullable=False),
        sa.Column("is_sentinel", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("signal_states_by_end", "signal_states", ["signal_id", "valid_to"])
    op.create_index("signal_states_by_span", "signal_states", ["valid_from", "valid_to"])
    op.create_index("signal_states_by_pair", "signal_states", ["product", "event"])
    op.create_index("signal_states_by_priority", "signal_states", ["valid_to", "priority"])
    return states


def _convert(connection: sa.Connection, states: sa.Table) -> None:
    """Copy every state, in batches, with the epoch of the state that followed it."""
    kept = ("signal_id", "changed_on", "level", "product", "event", "status", "priority")
    columns = [sa.column(name, states.c[name].type) for name in (*kept, "document")]
    changes = sa.table("signal_changes", sa.column("epoch", sa.BigInteger), *columns)
    following = sa.func.lead(changes.c.epoch).over(
        partition_by=changes.c.signal_id, order_by=changes.c.epoch
    )
    found = connection.execute(sa.select(changes, following.label("valid_to")))
    while rows := found.mappings().fetchmany(N_ROWS_A_BATCH):
        connection.execute(states.insert(), [_state(dict(row)) for row in rows])


def _state(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the new table; what the old one lacked is in the document."""
    document = json.loads(values["document"])
    values["valid_from"] = values.pop("epoch")
    values["valid_to"] = OPEN if values["valid_to"] is None else values["valid_to"]
    return {
        **values,
        "first_on": date.fromisoformat(document["first_on"]),
        "family": document["family"],
        "n": document["n"],
        "n_serious": document.get("n_serious", 0),
        "n_fatal": document.get("n_fatal", 0),
        "is_sentinel": document.get("is_sentinel", False),
    }
