"""Cases: every version with its span, and the index from keys to versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty: what they hold is in the log, and not in an older register."""
    _create_versions()
    _create_repeats()
    op.create_table(
        "case_keys",
        sa.Column("key_id", _row_id(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(7), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.create_table(
        "case_postings",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _row_id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _create_versions() -> None:
    op.create_table(
        "case_versions",
        sa.Column("version_id", _row_id(), primary_key=True, autoincrement=False),
        sa.Column("case_id", sa.String(120), nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("received_on", sa.Date, nullable=False),
        sa.Column("duplicate_of", sa.String(120)),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("is_counted", sa.Boolean, nullable=False),
        sa.Column("valid_from", sa.BigInteger),
        sa.Column("valid_to", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index("case_versions_by_case", "case_versions", ["case_id"])
    is_duplicate = sa.text("duplicate_of IS NOT NULL")
    op.create_index(
        "case_versions_by_duplicate",
        "case_versions",
        ["duplicate_of"],
        sqlite_where=is_duplicate,
        postgresql_where=is_duplicate,
    )


def _create_repeats() -> None:
    op.create_table(
        "case_repeats",
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("version_id", sa.BigInteger, nullable=False),
    )
    op.create_index("case_repeats_by_version", "case_repeats", ["version_id"])
