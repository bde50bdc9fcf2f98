from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from register_rows import (
    AT,
    DAY,
    SIGNAL_ID,
    a_decision,
    a_finding,
    a_look,
    a_prior,
    a_refusal,
    a_request,
    a_review,
    a_signal,
    a_step,
    a_watch_finding,
    an_alert,
    dispositions,
    passed_over,
)
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from surveillance.domain.errors import Misused
from surveillance.domain.signal import Step
from surveillance.log.messages import ClosedEpoch, Output
from surveillance.log.ticks import Tick
from surveillance.log.topics import CONTRIBUTIONS, FINDINGS
from surveillance.register import Register, database, schema
from surveillance.register.chosen_rows import Chosen
from surveillance.register.look_reader import ChosenLooks
from surveillance.register.reader import RegisterReader
from surveillance.register.writer import N_ROWS_A_BATCH

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'register.db'}"


def table(url: str, name: str) -> list[dict[str, Any]]:
    """Read a table without anything of the register's own."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608 - a constant
    connection.close()
    return rows


def everything(url: str) -> dict[str, list[dict[str, Any]]]:
    return {
        name: sorted(table(url, name), key=lambda row: str(sorted(row.items())))
        for name in schema.metadata.tables
    }


def say_all(register: Register) -> None:
    signal = a_signal(reviews=(a_review(),))
    register.take_epoch(7, AT, "c" * 64)
    findings = [a_finding(), a_watch_finding(), a_look(), a_prior()]
    register.take_output(7, [*findings, a_decision()], [a_refusal()])
    register.take_output(7, [dispositions()], [])
    register.take_output(
        7, [signal, a_step(), passed_over()], [an_alert(signal), a_request(signal)]
    )


def test_every_kind_of_row_finds_its_table(url: str) -> None:
    with Register(url) as register:
        say_all(register)

    n_rows = {name: len(rows) for name, rows in everything(url).items()}
    assert n_rows == dict.fromkeys(schema.metadata.tables, 1) | {
        "findings": 2,
        "keys": 5,  # two pairs and a programme
        "register_info": 0,  # these two are the follower's
        "followed_offsets": 0,
        "case_versions": 0,  # and these are of the indexes of raw topics
        "case_repeats": 0,
        "case_postings": 0,
        "configurations": 0,  # as are these
        "outcome_versions": 0,
    }


def test_whatever_is_said_again_changes_nothing(url: str) -> None:
    with Register(url) as register:
        say_all(register)
    before = everything(url)

    with Register(url) as register:
        say_all(register)
        register.flush()
        say_all(register)

    assert everything(url) == before


def test_the_whole_row_is_kept_as_it_was_said(url: str) -> None:
    with Register(url) as register:
        say_all(register)

    reader = RegisterReader(url)
    assert reader.findings(Chosen(product="product:P")) == [a_finding()]
    assert reader.findings(Chosen(product="construct:C1")) == [a_watch_finding()]
    assert reader.signals(Chosen()) == [a_signal(reviews=(a_review(),))]
    assert reader.priors() == [a_prior()]
    assert list(reader.looks.each(ChosenLooks())) == [a_look()]
    assert reader.steps(SIGNAL_ID) == [a_step()]
    reader.close()


def test_a_closing_gives_its_rows_messages_and_dispositions(url: str) -> None:
    said = Output([a_finding()], [a_refusal()], dispositions())

    with Register(url) as register:
        register.take(FINDINGS, ClosedEpoch(7, AT, [], said))

    assert [len(table(url, name)) for name in ("findings", "refused", "dispositions")] == [1, 1, 1]
    assert table(url, "dispositions")[0]["superseded"] == 1


def test_contributions_are_passed_by_but_their_dispositions_are_kept(url: str) -> None:
    said = Output([msgspec.Raw(b'["c",1]'), a_finding()], [], dispositions())

    with Register(url) as register:
        register.take(CONTRIBUTIONS, ClosedEpoch(7, AT, [], said))

    assert table(url, "findings") == []
    assert len(table(url, "dispositions")) == 1


def test_the_configuration_of_an_epoch_may_be_known_later(url: str) -> None:
    tick = Tick(AT, "c" * 64, {})

    with Register(url) as register:
        register.take_epoch(7, AT)
        register.flush()
        register.take_output(7, [tick], [])
        register.flush()
        register.take_epoch(7, AT)

    (row,) = table(url, "epochs")
    assert (row["happened_on"], row["configuration"]) == ("1999-02-12", "c" * 64)


@pytest.mark.parametrize("is_flushed", [True, False])
@pytest.mark.parametrize("epochs", [(7, 9), (9, 7)])
def test_the_latest_epoch_of_a_signal_stands_in_whatever_order_it_comes(
    url: str,
    epochs: tuple[int, int],
    is_flushed: bool,  # noqa: FBT001 - a case of the test
) -> None:
    said = {7: a_signal(), 9: a_signal(epoch=9, n=8, on=date(1999, 3, 1))}

    with Register(url) as register:
        for epoch in epochs:
            register.take_output(epoch, [said[epoch]], [])
            if is_flushed:
                register.flush()

    spans = [(row["valid_from"], row["valid_to"], row["n"]) for row in table(url, "signal_states")]
    assert sorted(spans) == [(7, 9, a_signal().n), (9, schema.OPEN, 8)]


def test_a_signal_is_read_as_it_stood_on_a_day(url: str) -> None:
    later = a_signal(epoch=9, n=8, on=date(1999, 3, 1), status="under_validation", priority=0.2)
    other = a_signal(signal_id="S-ffffffffffffffff", priority=0.3)
    with Register(url) as register:
        register.take_epoch(7, AT)
        register.take_output(7, [a_signal(), other], [])
        register.take_epoch(9, int(datetime(1999, 3, 1, 12, tzinfo=UTC).timestamp()))
        register.take_output(9, [later], [])

    reader = RegisterReader(url)
    assert reader.signals(Chosen(until=date(1999, 2, 11))) == []
    assert reader.signals(Chosen(until=date(1999, 2, 28))) == [a_signal(), other]
    assert reader.signals(Chosen(until=date(1999, 3, 1))) == [other, later]
    assert reader.signals(Chosen(), status="under_validation") == [later]
    assert reader.n_signals(Chosen(until=date(1999, 2, 28)), status="under_validation") == 0
    reader.close()


def test_the_answer_to_a_review_is_kept_whatever_is_told_after_it(url: str) -> None:
    asked = a_signal(reviews=(a_review(),))
    answered = a_signal(epoch=9, reviews=(a_review(answer="upheld", answered_on=date(1999, 3, 1)),))

    with Register(url) as register:
        register.take_output(9, [answered], [])
        register.flush()
        register.take_output(7, [asked], [a_request(asked)])

    (row,) = table(url, "reviews")
    assert (row["answer"], row["answered_on"]) == ("upheld", "1999-03-01")
    assert row["ground"] == "not_safe_and_effective"


def test_priors_are_read_in_the_order_of_time_up_to_a_day(url: str) -> None:
    failed = a_prior(version="product/1999-03-01", on=date(1999, 3, 1), failure="few", epoch=9)
    with Register(url) as register:
        register.take_output(9, [failed], [])
        register.take_output(7, [a_prior()], [])

    reader = RegisterReader(url)
    assert reader.priors() == [a_prior(), failed]
    assert reader.priors(date(1999, 2, 28)) == [a_prior()]
    reader.close()


def test_first_is_the_first_time_met_and_not_what_grew(url: str) -> None:
    said = [
        a_finding(epoch=5, change="grown", n_pair=2),
        a_finding(epoch=8, n_pair=6),
        a_finding(epoch=7),
        a_finding(epoch=9, criterion="ror"),
        a_finding(epoch=9, event="pt:F"),
    ]
    with Register(url) as register:
        for finding in said:
            register.take_output(finding.epoch, [finding], [])

    reader = RegisterReader(url)
    first = reader.findings(Chosen(), first=True)
    assert [(item.epoch, item.criterion, item.event) for item in first] == [
        (7, "evans", "pt:E"),
        (9, "ror", "pt:E"),
        (9, "evans", "pt:F"),
    ]
    assert reader.n_findings(Chosen(), first=True) == 3
    assert reader.n_findings(Chosen()) == 5
    reader.close()


def test_refused_records_come_back_as_they_were(url: str) -> None:
    with Register(url) as register:
        register.take_output(7, [], [a_refusal(b"\xff{"), a_refusal(b"[")])

    reader = RegisterReader(url)
    found = reader.refused(code="not_json")
    assert sorted(item.content_bytes for item in found) == [b"[", b"\xff{"]
    assert {item.place for item in found} == {"cases-received.v1/2@41:3"}
    assert {item.at.timestamp() if item.at else None for item in found} == {AT}
    assert reader.refused(code="other") == []
    reader.close()


def test_alerts_are_counted_by_day_and_level(url: str) -> None:
    group = a_signal(product="group:g", signal_id="S-00000000000000aa")
    with Register(url) as register:
        register.take_output(7, [], [an_alert(a_signal()), an_alert(a_signal()), an_alert(group)])

    reader = RegisterReader(url)
    counted = [(item.on, item.level, item.n) for item in reader.alerts_by_day()]
    assert counted == [(DAY, "group", 1), (DAY, "product", 1)]
    assert reader.first_alert("group:g", "pt:E") == DAY
    assert reader.first_alert("group:g", "pt:F") is None
    reader.close()


def test_rows_are_written_in_batches_before_anybody_asks(url: str) -> None:
    register = Register(url)
    register.create()

    register.take_output(7, [a_finding(n_total=100_000 + i) for i in range(N_ROWS_A_BATCH)], [])

    assert len(table(url, "findings")) == N_ROWS_A_BATCH
    register.close()


def test_what_was_not_flushed_is_not_written(url: str) -> None:
    register = Register(url)
    register.create()
    register.take_output(7, [a_finding()], [])

    register.close()

    assert table(url, "findings") == []


def test_a_closed_register_is_one_file(url: str, tmp_path: Path) -> None:
    with Register(url) as register:
        say_all(register)

    assert [path.name for path in tmp_path.iterdir()] == ["register.db"]


def test_a_compacted_register_has_full_pages_and_all_its_rows(url: str) -> None:
    with Register(url) as register:
        say_all(register)
        register.flush()
        before = everything(url)
        register.compact()

    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA page_size").fetchone() == (16_384,)
    connection.close()
    assert everything(url) == before


@pytest.mark.parametrize(
    "bad", ["", "nonsense", "mysql://h/n", "sqlite:///no/such/register.db", "sqlite://"]
)
def test_an_address_without_a_register_is_refused(bad: str) -> None:
    with pytest.raises(Misused):
        RegisterReader(bad)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be looked at by its header\n" * 20)

    with pytest.raises(Misused, match="cannot be used"):
        RegisterReader(f"sqlite:///{path}")


def test_a_database_without_a_register_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()

    with pytest.raises(Misused, match="holds no register"):
        RegisterReader(f"sqlite:///{path}")


def test_a_password_is_not_told_in_an_error() -> None:
    with pytest.raises(Misused) as caught:
        Register("mysql://reader:hunter2@host/name")

    assert "hunter2" not in str(caught.value)


def test_every_table_and_every_write_can_be_said_to_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped

    for one in schema.metadata.sorted_tables:
        assert str(CreateTable(one).compile(dialect=dialect)).strip().startswith("CREATE TABLE")
        for index in one.indexes:
            assert "CREATE INDEX" in str(CreateIndex(index).compile(dialect=dialect))
        written = str(database.statement(one, dialect).compile(dialect=dialect))
        assert "ON CONFLICT" in written


def test_signals_carry_a_history_that_reading_gives_back(url: str) -> None:
    step = Step(
        on=DAY, status="under_validation", action="start_validation", decided_by="scientist-1"
    )
    moved = a_signal(history=(*a_signal().history, step), status="under_validation")

    with Register(url) as register:
        register.take_output(7, [moved], [])

    reader = RegisterReader(url)
    assert reader.signals(Chosen(), ids=[SIGNAL_ID])[0].history == moved.history
    assert reader.signals(Chosen(), ids=["S-0000000000000000"]) == []
    reader.close()


@pytest.mark.slow
def test_a_hundred_thousand_findings_are_written_in_a_few_thousand_statements(url: str) -> None:
    findings = [
        a_finding(epoch=i // 50, event=f"pt:E{i}", countries=("US",), configuration="a" * 64)
        for i in range(100_000)
    ]
    statements: Counter[str] = Counter()

    def count(*arguments: object) -> None:  # the third is the statement
        statements[str(arguments[2]).split(" (")[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        with Register(url) as register:
            for i in range(0, len(findings), 50):
                register.take_output(i // 50, findings[i : i + 50], [])
    finally:
        event.remove(Engine, "before_cursor_execute", count)

    assert 0 < statements["INSERT INTO findings"] <= 2_000, statements
    assert sum(statements.values()) < 10_000, statements
    assert len(table(url, "findings")) == 100_000
