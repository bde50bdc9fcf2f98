"""Refused records: the size of the whole, where only its beginning was kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty: an older register has a cut in the reason alone."""
    op.add_column("refused", sa.Column("n_bytes", sa.BigInteger))
