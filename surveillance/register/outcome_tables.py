"""The table of outcomes in the register: every version of every record, with its span.

A version that stood has a span of epochs, as a case version has (see `case_tables`). A
nullification stands as well, and takes the record back.
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
from surveillance.register.packing import OUTCOME, Packed
from surveillance.register.schema import metadata

outcome_versions = Table(
    "outcome_versions",
    metadata,
    Column("version_id", RowId, primary_key=True, autoincrement=False),  # as for a case
    Column("partition", SmallInteger, nullable=False),  # a record is one within its partition
    Column("record_id", String(120), nullable=False),
    Column("type", String(20), nullable=False),  # treatment, follow_up, endpoint_event
    Column("programme", String(200), nullable=False),
    Column("patient_id", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_nullified", Boolean, nullable=False),
    Column("received_on", Day, nullable=False),
    Column("epoch", BigInteger, nullable=False),  # in which it was first received
    Column("offset", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("digest", LargeBinary(17), nullable=False),
    Column("valid_from", BigInteger),
    Column("valid_to", BigInteger),
    Column("record", Packed(OUTCOME), nullable=False),
)
Index("outcome_versions_by_record", outcome_versions.c.record_id)
Index("outcome_versions_by_patient", outcome_versions.c.programme, outcome_versions.c.patient_id)
