"""The tables of the register, the same in SQLite and in PostgreSQL.

The register is a projection for people: all of it can be computed again from the log.
Each row is keyed by its content, so writing a row twice is harmless. The columns are what
people filter and sort by; `document` is the rest of the row as it was emitted, packed. Products,
events and configurations are numbers in the large tables, and `keys` has their names. A
signal has one row for each of its states, with the span of epochs in which it held.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from surveillance.register.columns import Day, MatterNumber, RowId, SignalNumber
from surveillance.register.packing import DOCUMENT, ROW, Packed

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
)  # of the migrations, the oldest first
HEAD = REVISIONS[-1]
OPEN = 2**63 - 1  # end of a span that has not ended: later than any epoch

# Names are ordered byte by byte in either database, whatever language a server is set to.
_AsBytes = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData()

alembic_version = Table(  # as Alembic makes it; not one of the register's own
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

register_info = Table(
    "register_info",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

followed_offsets = Table(  # of the follower; stays empty where a replay writes
    "followed_offsets",
    metadata,
    Column("topic", String(60), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),  # seconds since 1970 (UTC)
    Column("happened_on", Date, nullable=False),
    Column("configuration", String(64)),
)
Index("epochs_by_day", epochs.c.happened_on)

keys = Table(
    "keys",
    metadata,
    Column("key_id", RowId, primary_key=True, autoincrement=False),  # see `keys.key_id`
    Column("kind", String(13), nullable=False),  # product, event, configuration
    Column("level", String(20), nullable=False),  # of a product or event
    Column("key", _AsBytes, nullable=False),
)

configurations = Table(  # in force at some epoch, and known to whoever wrote the register
    "configurations",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("document", Packed(DOCUMENT), nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),  # first: rows come in order
    Column("finding_id", BigInteger, primary_key=True, autoincrement=False),  # digest of the row
    Column("found_on", Day, nullable=False),
    Column("criterion", String(60), nullable=False),
    Column("change", String(10), nullable=False),
    Column("product", BigInteger, nullable=False),  # these three: numbers of keys
    Column("event", BigInteger, nullable=False),
    Column("configuration", BigInteger),
    Column("n", Integer, nullable=False),
    Column("expected", Double, nullable=False),
    Column("document", Packed(ROW), nullable=False),
    sqlite_with_rowid=False,
)
Index("findings_by_product", findings.c.product, findings.c.epoch)
Index("findings_by_event", findings.c.event, findings.c.product, findings.c.epoch)
Index("findings_by_criterion", findings.c.criterion, findings.c.epoch)

looks = Table(  # of the tests of outcomes, whether they crossed a boundary or not
    "looks",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("look_id", BigInteger, primary_key=True, autoincrement=False),  # digest of the row
    Column("looked_on", Day, nullable=False),
    Column("criterion", String(60), nullable=False),  # the design and the level
    Column("design", String(60), nullable=False),
    Column("programme", BigInteger, nullable=False),  # these three: numbers of keys
    Column("product", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("patient_id", String(120), nullable=False),  # empty where the test is of many
    Column("n", Integer, nullable=False),  # events
    Column("expected", Double, nullable=False),
    Column("statistic", Double, nullable=False),
    Column("boundary", Double, nullable=False),
    Column("is_crossing", Boolean, nullable=False),
    Column("has_crossed", Boolean, nullable=False),
    Column("document", Packed(ROW), nullable=False),
    sqlite_with_rowid=False,
)
Index("looks_by_programme", looks.c.programme, looks.c.design, looks.c.epoch)
Index("looks_by_product", looks.c.product, looks.c.event, looks.c.epoch)

priors = Table(
    "priors",
    metadata,
    Column("version", String(60), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("fitted_on", Date, nullable=False),
    Column("failure", Text, nullable=False),  # empty where the fit converged
    Column("document", Packed(DOCUMENT), nullable=False),
)

signal_states = Table(
    "signal_states",
    metadata,
    Column("signal_id", SignalNumber, primary_key=True, autoincrement=False),
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),  # epoch
    Column("valid_to", BigInteger, nullable=False),  # the epoch of the next state, or OPEN
    Column("changed_on", Day, nullable=False),
    Column("first_on", Day, nullable=False),
    Column("product", BigInteger, nullable=False),  # these three: numbers of keys
    Column("event", BigInteger, nullable=False),
    Column("configuration", BigInteger),
    Column("family", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("priority", Double, nullable=False),
    Column("n", Integer, nullable=False),
    Column("n_serious", Integer, nullable=False),
    Column("n_fatal", Integer, nullable=False),
    Column("is_sentinel", Boolean, nullable=False),
    Column("matter_id", MatterNumber, nullable=False),
    Column("has_excess", Boolean, nullable=False),  # the lower limit of its evidence is above 0
    Column("is_screened", Boolean, nullable=False),  # no sequential test
    Column("document", Packed(ROW), nullable=False),
    sqlite_with_rowid=False,
)
Index("signal_states_by_pair", signal_states.c.product, signal_states.c.event)
Index(  # which stand, or stood at an epoch, by priority, with all that a list needs of each
    "signal_states_by_span",
    *(
        signal_states.c[name]
        for name in (
            "valid_to", "priority", "valid_from", "status", "matter_id", "product", "event",
            "first_on", "n", "n_serious", "n_fatal", "has_excess", "is_sentinel", "is_screened",
        )
    ),
)  # fmt: skip

signal_steps = Table(  # that people made: a signal carries only the latest
    "signal_steps",
    metadata,
    Column("signal_id", SignalNumber, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 0 is its detection
    Column("epoch", BigInteger, nullable=False),
    Column("made_on", Day, nullable=False),
    Column("action", String(30), nullable=False),
    Column("status", String(20), nullable=False),  # after it
    Column("document", Packed(DOCUMENT), nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String(64), primary_key=True),  # the CloudEvent's own
    Column("epoch", BigInteger, nullable=False),
    Column("alerted_at", DateTime(timezone=True), nullable=False),
    Column("alerted_on", Date, nullable=False),
    Column("kind", String(30), nullable=False),
    Column("signal_id", String(40), nullable=False),
    Column("level", String(20), nullable=False),
    Column("product", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("priority", Double, nullable=False),
    Column("document", Packed(DOCUMENT), nullable=False),
)
Index("alerts_by_day", alerts.c.alerted_on)
Index("alerts_by_signal", alerts.c.signal_id)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", String(40), primary_key=True),
    Column("signal_id", String(40), nullable=False),  # that met the rule
    Column("rule", String(60), nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("product", Text, nullable=False),  # both of the matter
    Column("event", Text, nullable=False),
    Column("ground", Text),  # its code in law.toml
    Column("answer", String(20)),
    Column("answered_on", Date),
    Column("document", Packed(DOCUMENT)),  # the request as it was published
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(120), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("signal_id", String(120), nullable=False),  # or the matter, the person, or nothing
    Column("action", String(30), nullable=False),
    Column("decided_by", String(120), nullable=False),
    Column("document", Packed(DOCUMENT), nullable=False),
)

decisions_passed_over = Table(
    "decisions_passed_over",
    metadata,
    Column("decision_id", String(120), primary_key=True),  # of a refused record, marked so
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("signal_id", String(120), nullable=False),  # or the matter
    Column("passed_over_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", Text),
    Column("remedy", Text),
    Column("author", Text),
)

refused = Table(
    "refused",
    metadata,
    Column("refused_id", String(34), primary_key=True),
    Column("place", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("code", String(60), nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("refused_at", DateTime(timezone=True)),  # none for an input file, which has no clock
    Column("content", Text, nullable=False),  # base64
    Column("n_bytes", BigInteger),  # of the whole, where the content is only its beginning
)
Index("refused_by_code", refused.c.code)

dispositions = Table(
    "dispositions",
    metadata,
    Column("topic", String(60), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("applied", Integer, nullable=False),
    Column("superseded", Integer, nullable=False),
    Column("repeated", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("control", Integer, nullable=False),
)
