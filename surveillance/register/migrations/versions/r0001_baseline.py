"""The tables of the first registers, which carried their version in `register_info`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    _create_for_epochs()
    _create_for_findings()
    _create_for_signals()
    _create_for_messages()
    _create_for_decisions()
    _create_for_records()


def _epoch(*, is_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "epoch", sa.BigInteger, primary_key=is_key, autoincrement=False, nullable=False
    )


def _pair() -> list[sa.Column[str]]:
    return [
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
    ]


def _create_for_epochs() -> None:
    op.create_table(
        "register_info",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )
    op.create_table(
        "epochs",
        _epoch(is_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("happened_on", sa.Date, nullable=False),
        sa.Column("configuration", sa.String(64)),
    )


def _create_for_findings() -> None:
    op.create_table(
        "findings",
        _epoch(is_key=True),
        sa.Column("finding_id", sa.String(34), primary_key=True),
        sa.Column("found_on", sa.Date, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("criterion", sa.String(60), nullable=False),
        sa.Column("change", sa.String(10), nullable=False),
        *_pair(),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("expected", sa.Double, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("findings_by_pair", "findings", ["product", "event", "epoch"])
    op.create_table(
        "priors",
        sa.Column("version", sa.String(60), primary_key=True),
        _epoch(is_key=True),
        sa.Column("fitted_on", sa.Date, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )


def _create_for_signals() -> None:
    op.create_table(
        "signal_changes",
        sa.Column("signal_id", sa.String(40), primary_key=True),
        _epoch(is_key=True),
        sa.Column("changed_on", sa.Date, nullable=False),
        *_pair(),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("signal_changes_by_day", "signal_changes", ["changed_on"])
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.String(40), primary_key=True),
        _epoch(),
        sa.Column("changed_on", sa.Date, nullable=False),
        sa.Column("first_on", sa.Date, nullable=False),
        *_pair(),
        sa.Column("family", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("n_serious", sa.Integer, nullable=False),
        sa.Column("n_fatal", sa.Integer, nullable=False),
        sa.Column("is_sentinel", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("signals_by_pair", "signals", ["product", "event"])
    op.create_index("signals_by_priority", "signals", ["priority"])


def _create_for_messages() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(64), primary_key=True),
        _epoch(),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alerted_on", sa.Date, nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("signal_id", sa.String(40), nullable=False),
        *_pair(),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("alerts_by_day", "alerts", ["alerted_on"])
    op.create_index("alerts_by_signal", "alerts", ["signal_id"])
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.String(40), primary_key=True),
        sa.Column("signal_id", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("opened_on", sa.Date, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("ground", sa.Text),
        sa.Column("answer", sa.String(20)),
        sa.Column("answered_on", sa.Date),
        sa.Column("document", sa.Text),
    )


def _create_for_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(120), primary_key=True),
        _epoch(is_key=True),
        sa.Column("signal_id", sa.String(120), nullable=False),
        sa.Column("action", sa.String(30), nullable=False),
        sa.Column("decided_by", sa.String(120), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "decisions_passed_over",
        sa.Column("decision_id", sa.String(120), primary_key=True),
        _epoch(is_key=True),
        sa.Column("signal_id", sa.String(120), nullable=False),
        sa.Column("passed_over_on", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _create_for_records() -> None:
    op.create_table(
        "refused",
        sa.Column("refused_id", sa.String(34), primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True)),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("refused_by_code", "refused", ["code"])
    op.create_table(
        "dispositions",
        sa.Column("topic", sa.String(60), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        _epoch(is_key=True),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("applied", "superseded", "repeated", "refused", "control")
        ),
    )
