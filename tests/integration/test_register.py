"""A register that follows the topics equals the one that a replay of the log writes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from postgres import Postgres, postgres
from sqlalchemy import select
from strategies import a_decision, encode

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.intake.inputs import Progress, lines_of
from surveillance.log import topics
from surveillance.log.days import EndOfDay, RawMessage, messages_by_day
from surveillance.pipeline import Source
from surveillance.register import database, schema
from surveillance.register.process import RegisterProcess
from surveillance.register.writer import Register
from surveillance.runs.in_process import Embedded
from surveillance.simulate import SCENARIOS, simulate
from surveillance.triage.triage import signal_id

from .cluster import UCD, Cluster, Process, refuse_none, until
from .conftest import LEAVES_SOCKETS, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from surveillance.configuration.types import Configuration
    from surveillance.log.messages import ClosedEpoch

pytestmark = [pytest.mark.kafka, pytest.mark.slow, LEAVES_SOCKETS]

OWN_TABLES = {"register_info", "followed_offsets"}  # of a follower, not of the log
N_PARTS = 4


class Message(NamedTuple):
    topic: str
    value: bytes
    partition: int = 0


class Recorder:
    """Keeps all that workers would write on Kafka, in their order, and feeds a register."""

    def __init__(self, url: str, configuration: Configuration) -> None:
        self.messages: list[Message] = []
        self.register = RegisterProcess(url, configuration)
        self._configuration = configuration.digest

    def raw(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self.messages.append(Message(topic, value, partition))
        self.register.take_raw(topic, partition, offset, value)

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        self.messages.append(Message(topics.TICKS, value))
        self.register.take_epoch(epoch, at, self._configuration)

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        topic, output = source.writes, closing.output
        self.register.take(
            topic, closing.epoch, closing.messages, output.facts, output.dispositions
        )
        if topic is not None:
            self.messages += [Message(topic, value) for value in closing.messages]
        self.messages += [Message(fact.topic, fact.value) for fact in output.facts]


class Recorded(NamedTuple):
    messages: list[Message]
    tables: dict[str, list[str]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Run the pipeline in this process; return what it wrote, and what its register holds."""
    home = tmp_path_factory.mktemp("recorded")
    url = f"sqlite:///{home / 'register.db'}"
    data = home / "data"
    simulate(SCENARIOS["ucd-small"], 7, data)
    sentinel = signal_id("programme:SIM-CPS1", "group:acute_hepatic_failure", "safety")
    decisions = [a_decision(sentinel, "start_validation"), a_decision("S-nobody", "confirm")]
    text = b"".join(encode(decision) + b"\n" for decision in decisions)
    (data / "decisions.ndjson").write_bytes(text)
    configurations = Configurations(read_configuration(UCD))
    sink = Recorder(url, configurations.current)
    record(Embedded(configurations, sink), sink, data, home)
    sink.register.close()
    return Recorded(sink.messages, tables(url))


def record(run: Embedded, sink: Recorder, data: Path, spool: Path) -> None:
    refused = b"not a case"
    sink.raw(topics.CASES, 0, run.put(topics.CASES, 0, refused), refused)
    lines = lines_of("folder", [data], refuse=refuse_none, spool=spool, progress=Progress())
    for item in messages_by_day(lines, run.manifest):
        if isinstance(item, RawMessage):
            offset = run.put(item.topic, item.partition, item.value)
            sink.raw(item.topic, item.partition, offset, item.value)
        elif isinstance(item, EndOfDay):
            run.tick(item.at)


def tables(url: str) -> dict[str, list[str]]:
    """Return every table as sorted text, whatever the database makes of a day or an instant."""
    engine = database.open_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(
                str([_plain(value) for value in row]) for row in connection.execute(select(table))
            )
            for table in schema.metadata.sorted_tables
            if table.name not in OWN_TABLES
        }
    engine.dispose()
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's
    return value.replace(tzinfo=None).isoformat() if hasattr(value, "tzinfo") else value


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as one:
        yield one


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.campaign)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.db'}"
    one: Postgres = request.getfixturevalue("server")
    return one.new_database()


def parts(messages: list[Message]) -> list[list[Message]]:
    bounds = [len(messages) * part // N_PARTS for part in range(N_PARTS + 1)]
    return [messages[i:j] for i, j in pairwise(bounds)]


def write(cluster: Cluster, messages: list[Message]) -> None:
    log = cluster.log()
    sent = [log.producer.send(m.topic, value=m.value, partition=m.partition) for m in messages]
    for one in sent:
        one.get(timeout=60)


def follow(cluster: Cluster, url: str, name: str, *options: str) -> Process:
    return cluster.run(
        name, "register", "follow", "--url", url, "--metrics-address", "off", *options
    )


def offset_sum(url: str) -> int:
    """Return how much was followed; 0 before there is a register."""
    engine = database.open_engine(url)
    try:
        with engine.connect() as connection:
            return sum(connection.scalars(select(schema.followed_offsets.c.next_offset)))
    except Exception:  # noqa: BLE001 - not made yet, or busy
        return 0
    finally:
        engine.dispose()


def has_followed(url: str, n: int) -> None:
    assert until(lambda: offset_sum(url) >= n, seconds=120), "the follower stands still"


def differing(found: dict[str, list[str]], expected: dict[str, list[str]]) -> list[str]:
    return [name for name in expected if found[name] != expected[name]]


@pytest.mark.campaign
def test_after_two_kills_and_a_broker_restart_the_register_is_that_of_a_replay(
    recorded: Recorded, url: str, tmp_path: Path
) -> None:
    first, second, third, last = parts(recorded.messages)
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "home") as cluster:
        cluster.make_topics()
        write(cluster, first)
        one = follow(cluster, url, "first")
        has_followed(url, 1)
        one.kill()
        n_followed = offset_sum(url)
        again = [m for m in first[-500:] if m.topic not in (topics.TICKS, *topics.RAW)]
        write(cluster, again + second)  # a worker that was killed writes some again
        two = follow(cluster, url, "second")
        has_followed(url, n_followed + 1)
        broker.kill()
        broker.restart()
        n_followed = offset_sum(url)
        write(cluster, third)
        has_followed(url, n_followed + 1)
        assert two.code is None, two.printed
        two.kill()
        write(cluster, last)
        assert follow(cluster, url, "third", "--until-caught-up").wait(180) == 0

    found = tables(url)
    assert differing(found, recorded.tables) == []
    assert all(
        found[name]
        for name in (
            "findings", "signal_states", "alerts", "refused", "case_versions", "outcome_versions",
        )
    )  # fmt: skip


def test_followers_and_registers_that_do_not_belong_are_refused(
    recorded: Recorded, url: str, tmp_path: Path
) -> None:
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "home") as cluster:
        cluster.make_topics()
        write(cluster, recorded.messages[:2_000])
        one = follow(cluster, url, "one")
        has_followed(url, 1)

        two = follow(cluster, url, "two")
        assert two.wait() == 2
        assert "another follower" in two.printed

        assert one.stop() == 0
        cluster.forget()
        cluster.make_topics()
        anew = follow(cluster, url, "empty log")
        assert anew.wait() == 2
        assert "made anew" in anew.printed

        write(cluster, [m for m in recorded.messages if m.topic == topics.TICKS][1:3])
        other = follow(cluster, url, "other log")
        assert other.wait() == 2
        assert "made anew" in other.printed

        replayed = f"sqlite:///{tmp_path / 'replayed.db'}"
        with Register(replayed) as register:
            register.take_epoch(0, 1)
        of_a_replay = follow(cluster, replayed, "replayed")
        assert of_a_replay.wait() == 2
        assert "written by a replay" in of_a_replay.printed


def test_a_follower_goes_on_when_the_database_comes_back(
    recorded: Recorded, server: Postgres, tmp_path: Path
) -> None:
    url = server.new_database()
    half = len(recorded.messages) // 2
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "home") as cluster:
        cluster.make_topics()
        write(cluster, recorded.messages[:half])
        one = follow(cluster, url, "one")
        has_followed(url, 1)
        server.stop()
        write(cluster, recorded.messages[half:])
        assert until(lambda: "cannot reach the database" in one.printed, seconds=60)
        server.start()
        has_followed(url, 1)
        assert until(lambda: differing(tables(url), recorded.tables) == [], seconds=120, every=2)
        assert one.stop() == 0, one.printed
