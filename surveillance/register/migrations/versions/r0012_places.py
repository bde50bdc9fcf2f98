"""Versions of cases: their digests no longer cover the file and row that they were read from."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

from surveillance.register.packing import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

N_ROWS_A_BATCH = 5_000
_PLACE = re.compile(rb'("provenance":\{"parser":"(?:[^"\\]|\\.)*"),"place":"(?:[^"\\]|\\.)*"')
_versions = sa.table(
    "case_versions",
    sa.column("version_id", sa.BigInteger),
    sa.column("digest", sa.LargeBinary),
    sa.column("record", sa.LargeBinary),
)


def upgrade() -> None:
    """Compute the digests anew. Copies that were kept as versions stay versions."""
    connection = op.get_bind()
    change = (
        sa.update(_versions)
        .where(_versions.c.version_id == sa.bindparam("at_version"))
        .values(digest=sa.bindparam("new_digest"))
    )
    for rows in _batches(connection):
        connection.execute(change, [_changed(row) for row in rows])


def _batches(connection: sa.Connection) -> Iterator[list[Any]]:
    last = -1
    while True:
        query = (
            sa.select(_versions.c.version_id, _versions.c.record)
            .where(_versions.c.version_id > last)
            .order_by(_versions.c.version_id)
            .limit(N_ROWS_A_BATCH)
        )
        rows = list(connection.execute(query).all())
        if not rows:
            return
        yield rows
        last = rows[-1].version_id


def _changed(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    line = _PLACE.sub(rb"\1", unpack(bytes(row.record)), count=1)
    return {"at_version": row.version_id, "new_digest": blake2b(line, digest_size=16).digest()}
