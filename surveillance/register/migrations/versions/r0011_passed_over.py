"""Decisions that had no effect: the code, what to do, and who made them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: an older register has the reason alone."""
    for name in ("code", "remedy", "author"):
        op.add_column("decisions_passed_over", sa.Column(name, sa.Text))
