"""Looks of the tests of outcomes, and the steps of signals that people made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both, empty; a follower reads the topics that hold them from the beginning."""
    op.create_table(
        "looks",
        _big("epoch", is_key=True),
        _big("look_id", is_key=True),
        sa.Column("looked_on", sa.Integer, nullable=False),
        sa.Column("criterion", sa.String(60), nullable=False),
        sa.Column("design", sa.String(60), nullable=False),
        _big("programme"),
        _big("product"),
        _big("event"),
        sa.Column("patient_id", sa.String(120), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("expected", sa.Double, nullable=False),
        sa.Column("statistic", sa.Double, nullable=False),
        sa.Column("boundary", sa.Double, nullable=False),
        sa.Column("is_crossing", sa.Boolean, nullable=False),
        sa.Column("has_crossed", sa.Boolean, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("looks_by_programme", "looks", ["programme", "design", "epoch"])
    op.create_index("looks_by_product", "looks", ["product", "event", "epoch"])
    op.create_table(
        "signal_steps",
        _big("signal_id", is_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _big("epoch"),
        sa.Column("made_on", sa.Integer, nullable=False),
        sa.Column("action", sa.String(30), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    # Rows that are there already are written again, which changes nothing.
    op.execute(
        "UPDATE followed_offsets SET next_offset = 0 "
        "WHERE topic LIKE 'findings.v%' OR topic LIKE 'signals.v%'"
    )


def _big(name: str, *, is_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=is_key, autoincrement=False, nullable=False)
