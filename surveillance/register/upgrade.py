"""Bring the schema of a register up to this program's, revision by revision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from surveillance.domain.errors import Misused
from surveillance.register import database, schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> tuple[str, str]:
    """Upgrade a register in one transaction, keeping what it holds.

    Parameters
    ----------
    url : str
        SQLite or PostgreSQL, as SQLAlchemy has it.

    Returns
    -------
    tuple of str
        The revision before, and the one after; equal if there was nothing to do.

    Raises
    ------
    Misused
        If there is no register, or its schema is newer than this program.
    """
    engine = database.open_engine(url)
    database.require_file(engine)
    try:
        with database.reached(engine) as connection:
            return _upgrade(connection), schema.HEAD
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> str:
    place = connection.engine.url.render_as_string(hide_password=True)
    before = database.revision_of(connection)
    if before is None:
        raise Misused(place, "holds no register", "give the address of a register")
    if before not in schema.REVISIONS:
        database.refuse_newer(place, before)
    if before != schema.HEAD:
        database.begin_writing(connection)
        migrate(connection, before)
    return before


def migrate(connection: Connection, before: str | None) -> None:
    """Run the revisions after one, or all of them for None, on an open transaction."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    if before is not None:
        command.stamp(config, before)
    command.upgrade(config, "head")
