"""Several stages on one topic: each with a state and an offset of its own, and the same bytes."""

from __future__ import annotations

import asyncio
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import second_stages
from faust.types import TP
from histories import Cluster, embedded, random_log
from second_stages import BESIDE
from strategies import AT, a_case, a_configuration, encode

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Topics
from surveillance.instrumentation.metrics import Metrics
from surveillance.log.readers import DerivedReader, RawReader
from surveillance.log.stage import beginning
from surveillance.log.ticks import Tick, Timeline, encode_tick
from surveillance.log.topics import (
    CASES,
    CONTRIBUTIONS,
    DECISIONS,
    FINDINGS,
    OUTCOMES,
    raw_partitions,
)
from surveillance.pipeline import Source, open_reader, sources, writers
from surveillance.stream.store import MemoryStore
from surveillance.stream.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
PLACE = TP(CASES, 0)


@pytest.fixture
def beside() -> Iterator[None]:
    second_stages.add()
    yield
    second_stages.remove()


@pytest.mark.usefixtures("beside")
def test_stages_that_write_come_before_those_that_read_wherever_they_were_added() -> None:
    order = [source.stage for source in sources(CONFIGURATION.topics)]

    assert order.index("tally") < order.index("screen")
    assert order.index("screen") < order.index("triage") > order.index("echo")
    assert writers(FINDINGS, CONFIGURATION.topics)["echo/0"] == {(CASES, 0), (OUTCOMES, 0)}


@pytest.mark.usefixtures("beside")
def test_each_stage_on_a_topic_has_a_reader_of_its_own() -> None:
    timeline = Timeline(raw_partitions(CONFIGURATION.topics))
    opened = [
        open_reader(Source(name, 0), beginning, timeline, Configurations(CONFIGURATION))
        for name in ("tally", "echo")
    ]

    assert [type(one) for one in opened] == [RawReader, DerivedReader]
    assert [one.source for one in opened] == ["tally/0", "echo/0"]


@pytest.mark.parametrize("seed", range(20))
def test_stages_beside_move_no_byte_of_the_others(seed: int) -> None:
    configuration = a_configuration()
    log = random_log(Random(seed), configuration)
    alone, _ = embedded(log, configuration)
    second_stages.add()
    try:
        both, _ = embedded(log, configuration)
    finally:
        second_stages.remove()

    others = {key: v for key, v in both.messages.items() if key[0].split("/")[0] not in BESIDE}
    assert others == alone.messages
    assert both.facts == alone.facts
    assert len(both.messages) > len(others)


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("seed", range(20))
def test_a_cluster_with_faults_emits_the_bytes_of_the_embedded_pipeline(seed: int) -> None:
    configuration = a_configuration()
    log = random_log(Random(seed), configuration)
    should, ends = embedded(log, configuration)
    assert {source.split("/")[0] for source, _, _ in should.messages} >= set(BESIDE)

    for history in range(5):
        cluster = Cluster(log, configuration, Random(f"{seed} {history}"))
        cluster.run()
        assert cluster.said.messages == should.messages
        assert cluster.said.facts == should.facts
        assert cluster.states() == ends


# What a worker does on a partition that several stages read


class Room:
    """A worker whose broker is a list."""

    def __init__(self, directory: Path, store: MemoryStore) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.store = store
        self.metrics = Metrics(version="0", configuration=CONFIGURATION.digest)
        self.worker = Worker(
            "127.0.0.1:1", Configurations(CONFIGURATION), store, self.metrics, data=directory
        )
        self.context = self.worker._context._replace(send=self._send)
        self.worker._context = self.context

    async def _send(self, topic: str, _key: bytes | None, value: bytes) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        self.sent.append((topic, value))
        return future

    def tick(self, epoch: int, n_cases: int) -> None:
        cut = {CASES: [n_cases], OUTCOMES: [0], DECISIONS: [0]}
        value = encode_tick(Tick(AT + epoch, CONFIGURATION.digest, cut))
        assert self.context.timeline.feed(epoch, value)
        for task in self.worker._all_tasks():
            task.news.set()

    async def deliver(self, first: int, last: int) -> None:
        """Give the worker the cases from one offset up to another."""
        await self.worker._receive(_Stream(first, last))

    def resumes(self) -> dict[str, int]:
        return {str(task.source): task.reader.held.resume for task in self.worker._tasks[CASES, 0]}


class _Stream:
    def __init__(self, first: int, last: int) -> None:
        self._offsets = range(first, last)

    async def events(self) -> AsyncIterator[Any]:
        for offset in self._offsets:
            value = encode(a_case(f"C{offset}"))
            message = SimpleNamespace(topic=CASES, partition=0, offset=offset, value=value)
            yield SimpleNamespace(message=message)


async def until_closed(room: Room, epoch: int) -> None:
    async with asyncio.timeout(60):
        while any(task.stored_epoch < epoch for task in room.worker._all_tasks()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("beside")
async def test_a_worker_resumes_where_the_stage_that_is_furthest_behind_does(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    first = Room(tmp_path / "1", store)
    assert first.worker.open_partitions([PLACE]) == {PLACE: 0}
    first.tick(0, 2)
    await first.deliver(0, 2)
    await until_closed(first, 0)
    first.worker._leave_all()

    (slot,) = store.slots_of("revise/0")
    del store._stored[slot], store._cells[slot]  # as if it was stored less often than the other
    second = Room(tmp_path / "2", store)
    assert second.worker.open_partitions([PLACE]) == {PLACE: 0}
    assert second.resumes() == {"revise/0": 0, "tally/0": 2}

    second.tick(0, 2)
    second.tick(1, 3)
    await second.deliver(0, 3)
    await until_closed(second, 1)

    of_revise = [value for topic, value in first.sent if topic == CONTRIBUTIONS]
    assert [v for t, v in second.sent if t == CONTRIBUTIONS][: len(of_revise)] == of_revise
    assert not {v for t, v in second.sent if t == FINDINGS} & {v for _, v in first.sent}
    assert second.resumes() == {"revise/0": 3, "tally/0": 3}
    second.worker._leave_all()


@pytest.mark.usefixtures("beside")
async def test_the_lag_of_a_partition_is_that_of_the_stage_that_is_furthest_behind(
    tmp_path: Path,
) -> None:
    room = Room(tmp_path, MemoryStore())
    room.worker.open_partitions([PLACE])
    await room.deliver(0, 4)
    tasks = room.worker._tasks[CASES, 0]
    tasks[1].reader.feed(4, b"")

    room.worker._gauge((CASES, 0), tasks, 10)

    held = sum(task.reader.n_bytes_waiting for task in tasks)
    of = {"topic": CASES, "partition": "0"}
    assert room.metrics.registry.get_sample_value("surveillance_lag_records", of) == 6
    assert room.metrics.registry.get_sample_value("surveillance_held_bytes", of) == held > 0
    room.worker._leave_all()
