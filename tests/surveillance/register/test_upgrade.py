"""Registers of other schemas: upgraded, or refused with what to do."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect

from surveillance.domain.errors import Misused
from surveillance.register import Register, database, schema
from surveillance.register.reader import Chosen, RegisterReader
from surveillance.register.upgrade import MIGRATIONS, migrate, upgrade

from .register_rows import AT, a_finding, a_signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from surveillance.domain.signal import Signal

_encode = msgspec.json.Encoder(order="deterministic").encode


def changed(url: str, change: Callable[[Connection], object]) -> None:
    engine = database.open_engine(url)
    with engine.begin() as connection:
        change(connection)
    engine.dispose()


def set_revision(url: str, revision: str) -> None:
    changed(
        url,
        lambda c: c.execute(schema.alembic_version.update().values(version_num=revision)),
    )


def old_row(signal: Signal) -> dict[str, Any]:
    return {
        "signal_id": signal.signal_id,
        "epoch": signal.epoch,
        "changed_on": signal.on,
        "first_on": signal.first_on,
        "level": "product",
        "product": signal.product,
        "event": signal.event,
        "family": signal.family,
        "status": signal.status,
        "priority": signal.priority,
        "n": signal.n,
        "n_serious": signal.n_serious,
        "n_fatal": signal.n_fatal,
        "is_sentinel": signal.is_sentinel,
        "document": _encode(signal).decode(),
    }


def make_old(url: str, states: list[Signal]) -> None:
    """Make a register as the first programs did: no table of Alembic's, a version of its own."""

    def make(connection: Connection) -> None:
        from alembic import command  # noqa: PLC0415 - it is slow to load

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0001")
        old = MetaData()
        old.reflect(connection)
        tables = old.tables
        connection.execute(
            tables["register_info"].insert(), {"name": "schema_version", "value": "2"}
        )
        epochs = [
            {"epoch": s.epoch, "at": AT, "happened_on": s.on, "configuration": None} for s in states
        ]
        connection.execute(tables["epochs"].insert(), epochs)
        rows = [old_row(signal) for signal in states]
        names = set(tables["signal_changes"].c.keys())
        changes = [{k: v for k, v in row.items() if k in names} for row in rows]
        connection.execute(tables["signal_changes"].insert(), changes)
        connection.execute(tables["signals"].insert(), rows[-1:])
        tables["alembic_version"].drop(connection)

    changed(url, make)


STATES = [
    a_signal(epoch=7, on=date(1999, 2, 12)),
    a_signal(epoch=9, on=date(1999, 3, 1), n=8, n_fatal=1),
    a_signal(epoch=12, on=date(1999, 3, 5), n=9, status="under_review"),
]


def everything(url: str) -> dict[str, list[str]]:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(str, connection.execute(table.select())))
            for table in schema.metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_the_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    walked = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(walked)) == schema.REVISIONS


def test_migrations_make_the_tables_that_a_new_register_has(either_url: str) -> None:
    def compare(connection: Connection) -> None:
        database.begin_writing(connection)
        migrate(connection, None)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []

    changed(either_url, compare)


def test_an_old_register_says_how_to_upgrade_it(either_url: str) -> None:
    make_old(either_url, STATES)

    for use in (RegisterReader, lambda url: Register(url).create()):
        with pytest.raises(Misused, match="longwatch register upgrade --url"):
            use(either_url)


def test_an_upgraded_register_equals_one_that_was_written_anew(
    either_url: str, tmp_path: Path
) -> None:
    make_old(either_url, STATES)

    assert upgrade(either_url) == ("0001", schema.HEAD)

    anew = f"sqlite:///{tmp_path / 'anew.db'}"
    with Register(anew) as register:
        for state in STATES:
            register.take_output(state.epoch, [state], [])
    assert everything(either_url)["signal_states"] == everything(anew)["signal_states"]
    reader = RegisterReader(either_url)
    assert reader.signals(Chosen()) == [STATES[-1]]
    assert reader.signals(Chosen(until=date(1999, 3, 4))) == [STATES[1]]
    reader.close()


def test_an_upgraded_register_is_written_on(either_url: str) -> None:
    make_old(either_url, STATES[:2])
    upgrade(either_url)

    with Register(either_url) as register:
        register.take_output(12, [STATES[2], a_finding()], [])

    reader = RegisterReader(either_url)
    assert reader.signals(Chosen()) == [STATES[2]]
    reader.close()


def test_upgrading_twice_changes_nothing(either_url: str) -> None:
    make_old(either_url, STATES)
    upgrade(either_url)
    before = everything(either_url)

    assert upgrade(either_url) == (schema.HEAD, schema.HEAD)
    assert everything(either_url) == before


def test_an_upgrade_that_fails_leaves_the_register_as_it_was(either_url: str) -> None:
    make_old(either_url, STATES)
    changed(
        either_url,
        lambda c: c.exec_driver_sql("UPDATE signal_changes SET document = '{}' WHERE epoch = 12"),
    )

    with pytest.raises(KeyError):
        upgrade(either_url)

    engine = database.open_engine(either_url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    assert {"signals", "signal_changes"} <= names
    assert not names & {"signal_states", "followed_offsets", "alembic_version"}


def test_a_newer_register_is_refused(either_url: str) -> None:
    with Register(either_url):
        pass
    set_revision(either_url, "9999")

    for use in (RegisterReader, lambda url: Register(url).create(), upgrade):
        with pytest.raises(Misused, match="9999, which is newer"):
            use(either_url)


def test_there_is_nothing_to_upgrade_where_there_is_no_register(either_url: str) -> None:
    with pytest.raises(Misused, match=r"is not there|holds no register"):
        upgrade(either_url)
