"""Registers of other schemas: upgraded, or refused with what to do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from register_rows import (
    AT,
    DAY,
    SIGNAL_ID,
    a_decision,
    a_finding,
    a_look,
    a_prior,
    a_request,
    a_review,
    a_signal,
    a_watch_finding,
    an_alert,
)
from sqlalchemy import Connection, MetaData, Table, inspect, select
from strategies import AT as LATE
from strategies import a_case, a_configuration, encode

from surveillance.configuration.types import Topics
from surveillance.domain.case import Provenance
from surveillance.domain.errors import Misused
from surveillance.domain.finding import Finding, WatchFinding
from surveillance.log import topics
from surveillance.register import CaseIndex, Register, database, schema
from surveillance.register.chosen_rows import Chosen
from surveillance.register.keys import NamedKeys
from surveillance.register.look_reader import ChosenLooks
from surveillance.register.packing import FINDING, pack
from surveillance.register.reader import RegisterReader
from surveillance.register.rows import entries_of_row
from surveillance.register.upgrade import MIGRATIONS, migrate, upgrade
from surveillance.screening.versions import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from surveillance.domain.signal import Signal

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
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


def tables_at(connection: Connection, revision: str) -> Mapping[str, Table]:
    """Make the tables of a revision."""
    from alembic import command  # noqa: PLC0415 - it is slow to load

    database.begin_writing(connection)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)
    old = MetaData()
    old.reflect(connection)
    return old.tables


def make_old(url: str, states: list[Signal]) -> None:
    """Make a register as the first programs did: no table of Alembic's, a version of its own."""

    def make(connection: Connection) -> None:
        tables = tables_at(connection, "0001")
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
    a_signal(epoch=12, on=date(1999, 3, 5), n=9, status="under_validation"),
]


def everything(url: str) -> dict[str, list[str]]:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(
                str([_plain(value) for value in row]) for row in connection.execute(table.select())
            )
            for table in schema.metadata.sorted_tables
        }
    engine.dispose()
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's
    """Leave out the zone of an instant: SQLite keeps none."""
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


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


FINDINGS: list[Finding | WatchFinding] = [
    a_finding(countries=("DE", "US"), undefined={"ror": "no other report"}, configuration="a" * 64),
    a_finding(epoch=9, change="grown", n_pair=5, on=date(1999, 3, 1), product="lot:P/1"),
    a_watch_finding(),
]
SIGNALS = [
    a_signal(reviews=(a_review(),), configuration="a" * 64),
    a_signal(epoch=9, on=date(1999, 3, 1), n=8, n_fatal=1, is_sentinel=True),
]
CASES = [a_case("A"), a_case("A", version=2, kind="follow_up"), a_case("B", duplicate_of="A")]


def write_anew(url: str) -> None:
    """Write what `make_0004` writes, with this program."""
    with Register(url, CaseIndex(CONFIGURATION)) as register:
        cases = register.cases
        assert cases is not None
        for epoch, case in zip((7, 9, 9), CASES, strict=True):
            cases.take(0, CASES.index(case), encode(case), epoch, LATE)
        for epoch in (7, 9):
            cases.close(epoch)
        register.take_output(7, [a_prior(), a_decision()], [])
        register.take_output(7, [one for one in FINDINGS if one.epoch == 7], [])
        register.take_output(9, [one for one in FINDINGS if one.epoch == 9], [])
        register.take_output(7, SIGNALS[:1], [an_alert(SIGNALS[0]), a_request(SIGNALS[0])])
        register.take_output(9, SIGNALS[1:], [])


def make_0004(url: str, anew: str) -> None:
    """Make a register of schema 0004: what an index of cases holds is taken from a new one."""

    def make(connection: Connection) -> None:
        tables = tables_at(connection, "0004")
        for one in FINDINGS:
            connection.execute(tables["findings"].insert(), old_finding(one))
        for signal, end in zip(SIGNALS, (9, schema.OPEN), strict=True):
            row = old_row(signal)
            row |= {"valid_from": row.pop("epoch"), "valid_to": end}
            connection.execute(tables["signal_states"].insert(), row)
        for name, rows in old_messages().items():
            connection.execute(tables[name].insert(), rows)
        for name, rows in old_cases(anew).items():
            connection.execute(tables[name].insert(), rows)

    changed(url, make)


def old_finding(finding: Finding | WatchFinding) -> dict[str, Any]:
    document = _encode(finding)
    return {
        "epoch": finding.epoch,
        "finding_id": "F-" + sha256(document).hexdigest()[:32],
        "found_on": finding.on,
        "kind": "pair" if isinstance(finding, Finding) else "watch",
        "criterion": finding.criterion,
        "change": finding.change,
        "level": finding.product.partition(":")[0],
        "product": finding.product,
        "event": finding.event,
        "n": finding.n_pair if isinstance(finding, Finding) else finding.n_events,
        "expected": finding.expected,
        "document": document.decode(),
    }


def old_messages() -> dict[str, list[dict[str, Any]]]:
    signal, prior, decision = SIGNALS[0], a_prior(), a_decision()
    alert = an_alert(signal).value
    pair = {"product": signal.product, "event": signal.event}
    return {
        "alerts": [
            {
                "alert_id": msgspec.json.decode(alert)["id"],
                "epoch": 7,
                "alerted_at": datetime.fromtimestamp(AT, tz=UTC),
                "alerted_on": DAY,
                "kind": "detected",
                "signal_id": SIGNAL_ID,
                "level": "product",
                "priority": signal.priority,
                "document": alert.decode(),
                **pair,
            }
        ],
        "reviews": [
            {
                "review_id": "R-1",
                "signal_id": SIGNAL_ID,
                "rule": "confirmed_with_deaths",
                "opened_on": DAY,
                "ground": "not_safe_and_effective",
                "answer": None,
                "answered_on": None,
                "document": a_request(signal).value.decode(),
                **pair,
            }
        ],
        "priors": [
            {
                "version": prior.version,
                "epoch": 7,
                "fitted_on": prior.on,
                "failure": "",
                "document": _encode(prior).decode(),
            }
        ],
        "decisions": [
            {
                "decision_id": decision.decision_id,
                "epoch": 7,
                "signal_id": decision.signal_id,
                "action": decision.action,
                "decided_by": decision.decided_by,
                "document": _encode(decision).decode(),
            }
        ],
    }


def old_cases(anew: str) -> dict[str, list[dict[str, Any]]]:
    engine = database.open_engine(anew)
    with engine.connect() as connection:
        found = {
            name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for name, table in schema.metadata.tables.items()
        }
    engine.dispose()
    keys = [row for row in found["keys"] if row["kind"] != "configuration"]
    return {
        "case_versions": found["case_versions"],
        "case_postings": found["case_postings"],
        "case_keys": [{k: v for k, v in row.items() if k != "level"} for row in keys],
    }


def n_flags(postings: list[str]) -> int:
    return sum(not row.endswith("None]") for row in postings)


def test_every_row_of_0004_is_kept_in_a_smaller_form(either_url: str, tmp_path: Path) -> None:
    anew = f"sqlite:///{tmp_path / 'anew.db'}"
    write_anew(anew)
    make_0004(either_url, anew)

    assert upgrade(either_url) == ("0004", schema.HEAD)

    kept, written = everything(either_url), everything(anew)
    assert n_flags(kept.pop("case_postings")) == 0  # an older program kept none
    assert n_flags(written.pop("case_postings")) > 0
    assert kept == written
    reader, other = RegisterReader(either_url), RegisterReader(anew)
    assert sorted(reader.findings(Chosen()), key=str) == sorted(FINDINGS, key=str)
    assert reader.signals(Chosen()) == SIGNALS[1:]
    assert reader.priors() == [a_prior()]
    pair = ("product:P", "pt:Rash", 9)
    with pytest.raises(Misused, match="was upgraded"):
        reader.cases.counted_spans(*pair[:2])
    assert reader.cases.standing(*pair) == other.cases.standing(*pair) != []
    reader.close()
    other.close()


def test_after_an_upgrade_a_follower_reads_looks_and_steps_from_the_beginning(
    either_url: str,
) -> None:
    offsets = [
        {"topic": topic, "partition": 0, "next_offset": 5}
        for topic in (topics.FINDINGS, topics.SIGNALS, topics.CASES)
    ]

    def make(connection: Connection) -> None:
        tables = tables_at(connection, "0007")
        connection.execute(tables["followed_offsets"].insert(), offsets)

    changed(either_url, make)
    upgrade(either_url)

    found: dict[str, int] = {}

    def ask(connection: Connection) -> None:
        table = schema.followed_offsets
        found.update({row.topic: row.next_offset for row in connection.execute(table.select())})

    changed(either_url, ask)
    assert found == {topics.FINDINGS: 0, topics.SIGNALS: 0, topics.CASES: 5}


def test_looks_that_were_packed_with_their_numbers_are_packed_anew(either_url: str) -> None:
    look = a_look()
    anew = entries_of_row(look, 7, NamedKeys())[0].values
    rest = msgspec.json.decode(anew["document"])

    def make(connection: Connection) -> None:
        tables = tables_at(connection, "0008")
        values = {
            **anew,
            "looked_on": 10_634,
            "document": pack(msgspec.msgpack.encode(rest), FINDING),
        }
        connection.execute(tables["looks"].insert(), values)
        keys = NamedKeys()
        entries_of_row(look, 7, keys)
        connection.execute(tables["keys"].insert(), keys.rows)

    changed(either_url, make)
    upgrade(either_url)

    reader = RegisterReader(either_url)
    assert list(reader.looks.each(ChosenLooks())) == [look]
    reader.close()


def test_digests_of_0011_are_computed_anew_without_the_place_of_a_version(either_url: str) -> None:
    case = a_case(provenance=Provenance(parser="e2b-r3/1", place="a.xml:18"))
    copy = replace(case, provenance=Provenance(parser="e2b-r3/1", place="b.xml:18"))
    index = CaseIndex(CONFIGURATION)
    with Register(either_url, index) as register:
        index.take(0, 0, encode(case), 7, LATE)
        index.close(7)
        register.flush()
    column = schema.metadata.tables["case_versions"].c.digest
    whole = blake2b(encode(case), digest_size=16).digest()
    changed(either_url, lambda c: c.execute(column.table.update().values(digest=whole)))
    set_revision(either_url, "0011")

    upgrade(either_url)

    found: list[bytes] = []
    changed(either_url, lambda c: found.extend(map(bytes, c.scalars(select(column)))))
    assert found == [digest_of(encode(copy))] != [whole]
