"""Outcomes: every version of every record, with its span."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; a follower reads the outcomes from their beginning into it."""
    op.create_table(
        "outcome_versions",
        sa.Column(
            "version_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("partition", sa.SmallInteger, nullable=False),
        sa.Column("record_id", sa.String(120), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("programme", sa.String(200), nullable=False),
        sa.Column("patient_id", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("is_nullified", sa.Boolean, nullable=False),
        sa.Column("received_on", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary(17), nullable=False),
        sa.Column("valid_from", sa.BigInteger),
        sa.Column("valid_to", sa.BigInteger),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_index("outcome_versions_by_record", "outcome_versions", ["record_id"])
    op.create_index("outcome_versions_by_patient", "outcome_versions", ["programme", "patient_id"])
    # The ticks are read again from the first, so that the outcomes find their epochs.
    op.execute("UPDATE register_info SET value = '-1' WHERE name = 'cases_epoch'")
