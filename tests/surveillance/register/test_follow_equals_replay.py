"""A follower that reads the topics in any order, ended at any time, writes a replay's rows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from small_run import write_configuration, write_inputs
from sqlalchemy import select
from strategies import encode, programmes
from treated import dose, event, on, visit

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.intake.inputs import Progress, lines_of
from surveillance.log import topics
from surveillance.log.days import EndOfDay, RawMessage, messages_by_day
from surveillance.pipeline import STAGES
from surveillance.register import database, schema
from surveillance.register.followed import FollowedRegister
from surveillance.register.process import RegisterProcess
from surveillance.runs.in_process import Embedded

if TYPE_CHECKING:
    from pathlib import Path

    from surveillance.configuration.types import Configuration
    from surveillance.log.messages import ClosedEpoch
    from surveillance.log.ticks import Place

OWN_TABLES = {"register_info", "followed_offsets"}  # of a follower, not of the log
OUTCOMES = [
    dose(1, received_on=on(20)),
    visit(9, received_on=on(20)),
    visit(12, record_id="visit 9", version=2, received_on=on(20)),
    event(5, received_on=on(20)),
    event(5, version=2, is_nullified=True, received_on=on(25)),
]
IDENTITY = {"generation": "1", "partitions": "all", "feed": "small", "first_tick": "aa"}


class Log:
    """Every topic of a run, message by message, beside the register that a replay writes."""

    def __init__(self, url: str, configuration: Configuration) -> None:
        self.topics: dict[Place, list[bytes]] = {}
        self.register = RegisterProcess(url, configuration)
        self._digest = configuration.digest

    def append(self, place: Place, value: bytes) -> None:
        self.topics.setdefault(place, []).append(value)

    def raw(self, topic: str, partition: int, offset: int, value: bytes) -> None:
        self.append((topic, partition), value)
        self.register.take_raw(topic, partition, offset, value)

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        self.append((topics.TICKS, 0), value)
        self.register.take_epoch(epoch, at, self._digest)

    def closing(self, place: Place, closing: ClosedEpoch) -> None:
        topic, output = STAGES[place[0]].writes, closing.output
        self.register.take(
            topic, closing.epoch, closing.messages, output.facts, output.dispositions
        )
        for value in closing.messages if topic is not None else ():
            self.append((str(topic), 0), value)
        for fact in output.facts:
            self.append((fact.topic, 0), fact.value)


def record(home: Path) -> tuple[Log, Configuration]:
    write_inputs(home / "inputs")
    text = b"".join(encode(one) + b"\n" for one in OUTCOMES)
    (home / "inputs" / "outcomes.ndjson").write_bytes(text)
    read = read_configuration(write_configuration(home / "configuration"))
    configuration = msgspec.structs.replace(read, programmes=programmes())
    log = Log(f"sqlite:///{home / 'replayed.db'}", configuration)
    run = Embedded(Configurations(configuration), log)
    lines = lines_of(
        "folder", [home / "inputs"], refuse=lambda _: None, spool=home, progress=Progress()
    )
    for item in messages_by_day(lines, run.manifest):
        if isinstance(item, RawMessage):
            log.raw(item.topic, item.partition, run.put(*item[:3]), item.value)
        elif isinstance(item, EndOfDay):
            run.tick(item.at)
    log.register.close()
    return log, configuration


def follow(log: Log, url: str, configuration: Configuration, seed: int) -> None:
    """Read the topics by turns, and end the follower now and then with what it did not store."""
    generator = random.Random(seed)
    has_more = True
    while has_more:
        register = FollowedRegister(url, IDENTITY, configuration)
        offsets = register.open()
        for _ in range(generator.randrange(40, 240)):
            has_more = take_some(log, register, offsets, generator)
            if generator.random() < 0.02:
                register.commit()
        if not has_more or generator.random() < 0.7:
            register.commit()
        register.close()


def take_some(
    log: Log, register: FollowedRegister, offsets: dict[Place, int], generator: random.Random
) -> bool:
    """Give a few messages of one topic; return whether there were any."""
    waiting = [
        place for place in register.followed if offsets[place] < len(log.topics.get(place, ()))
    ]
    if not waiting:
        return False
    place = generator.choice(waiting)
    start = offsets[place]
    for value in log.topics[place][start : start + generator.randrange(1, 30)]:
        register.take_message(place, offsets[place], value)
        offsets[place] += 1
    return True


def tables(url: str) -> dict[str, list[str]]:
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
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Configuration, Path]:
    home = tmp_path_factory.mktemp("recorded")
    return *record(home), home


@pytest.mark.parametrize("seed", range(4))
def test_followed_in_any_order_the_rows_are_those_of_a_replay(
    recorded: tuple[Log, Configuration, Path], either_url: str, seed: int
) -> None:
    log, configuration, home = recorded
    expected = tables(f"sqlite:///{home / 'replayed.db'}")

    follow(log, either_url, configuration, seed)

    found = tables(either_url)
    assert {name for name in expected if found[name] != expected[name]} == set()
    names = ("findings", "signal_states", "case_versions", "outcome_versions", "configurations")
    assert all(found[name] for name in (*names, "dispositions", "refused", "keys"))
    assert all(found[name] for name in ("looks", "signal_steps"))
