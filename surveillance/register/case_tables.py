"""The tables of cases in the register: every version, and an index from keys to versions.

A version that stood has a span of epochs: it stands at epoch `e` if
``valid_from <= e and (valid_to is null or e < valid_to)``. One that arrived behind a
greater one never stood, and has no span. `is_counted` is false for a nullification and for a
duplicate: they stand, and add nothing to any count.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
)

from surveillance.register.columns import Day, RowId
from surveillance.register.schema import metadata

case_versions = Table(
    "case_versions",
    metadata,
    # Epoch, partition and place among the versions new in both: rows come in order.
    Column("version_id", RowId, primary_key=True, autoincrement=False),
    Column("case_id", String(120), nullable=False),
    Column("source", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("received_on", Day, nullable=False),  # as the version itself has it
    Column("duplicate_of", String(120)),
    Column("epoch", BigInteger, nullable=False),  # in which it was first received
    Column("offset", BigInteger, nullable=False),  # of its message; the partition is the case's
    Column("line", Integer, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("is_counted", Boolean, nullable=False),
    Column("valid_from", BigInteger),
    Column("valid_to", BigInteger),
    Column("record", LargeBinary, nullable=False),  # see `packing`
)
Index("case_versions_by_case", case_versions.c.case_id)
Index(
    "case_versions_by_duplicate",
    case_versions.c.duplicate_of,
    sqlite_where=case_versions.c.duplicate_of.is_not(None),
    postgresql_where=case_versions.c.duplicate_of.is_not(None),
)

case_repeats = Table(
    "case_repeats",  # the same bytes, received again
    metadata,
    Column("partition", SmallInteger, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("version_id", BigInteger, nullable=False),
)
Index("case_repeats_by_version", case_repeats.c.version_id)

case_postings = Table(
    "case_postings",  # which versions that ever stood name a key
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version_id", BigInteger, primary_key=True, autoincrement=False),
    # Whether an event was serious and fatal, as in a contribution; null where an older program
    # wrote the row.
    Column("flags", SmallInteger),
    sqlite_with_rowid=False,
)
