"""Seriousness beside the index of cases, and the configurations themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, empty: what they hold is in the log and in the configuration's directory."""
    op.add_column("case_postings", sa.Column("flags", sa.SmallInteger))
    op.create_table(
        "configurations",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
