"""The order in which a task folds, writes and stores; no broker, no clock that matters."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, NoReturn

import faust.streams
import pytest
from client_errors import an_error, client_errors
from strategies import AT, a_case, a_configuration, encode

from surveillance.configuration.at_hand import Configurations
from surveillance.domain.errors import Defect
from surveillance.instrumentation.metrics import Metrics
from surveillance.log import topics
from surveillance.log.ticks import Tick, Timeline, encode_tick
from surveillance.log.topics import raw_partitions
from surveillance.pipeline import STAGES, Source, open_reader
from surveillance.stream import partition_task as tasks
from surveillance.stream import retrying
from surveillance.stream import store as stores
from surveillance.stream import worker as module
from surveillance.stream.partition_task import PartitionTask, WorkerContext
from surveillance.stream.retrying import Retrying
from surveillance.stream.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from surveillance.log.readers import Kept

CONFIGURATION = a_configuration(topics=a_configuration().topics.__class__(cases=1, outcomes=1))
ERRORS = [an_error(kind) for kind in client_errors()]
SOURCE = Source("revise", 0)


class Ended(BaseException):
    """Takes the part of the end of the process."""


class WatchedStore(MemoryStore):
    """Says what was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[int] = []

    def save(self, source: str, held: Kept) -> None:
        super().save(source, held)
        self.saved.append(held.epoch)


class Room:
    """An context whose broker acknowledges when it is told to."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.store = WatchedStore()
        self.sent: list[tuple[str, bytes]] = []
        self.futures: list[asyncio.Future[Any]] = []
        self.acknowledges = acknowledges
        self.logged: list[str] = []
        self.timeline = Timeline(raw_partitions(CONFIGURATION.topics))
        self.configurations = Configurations(CONFIGURATION)
        metrics = Metrics(version="0", configuration=CONFIGURATION.digest)
        self.context = WorkerContext(
            self.configurations,
            self.store,
            self.timeline,
            metrics,
            self.send,
            Retrying(metrics.broker, log=self.logged.append),
        )

    async def send(self, topic: str, _key: bytes | None, value: bytes) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.acknowledges:
            future.set_result(None)
        self.sent.append((topic, value))
        self.futures.append(future)
        return future

    def tick(self, epoch: int, n_cases: int) -> None:
        cut = {topics.CASES: [n_cases], topics.OUTCOMES: [0], topics.DECISIONS: [0]}
        assert self.timeline.feed(epoch, encode_tick(Tick(AT + epoch, CONFIGURATION.digest, cut)))

    def task(self) -> PartitionTask:
        return PartitionTask(SOURCE, self.context)


async def passes(seconds: float = 0.05) -> None:
    await asyncio.sleep(seconds)


def feed(task: PartitionTask, offset: int, value: bytes | None = None) -> None:
    task.reader.feed(offset, value or encode(a_case(f"C{offset}")))
    task.news.set()


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the exit codes of processes that were to end."""
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    return codes


async def test_nothing_is_stored_before_the_broker_has_what_was_said() -> None:
    room = Room(acknowledges=False)
    task = room.task()
    room.tick(0, 1)
    feed(task, 0)
    await passes()

    assert room.sent
    assert room.store.saved == []

    for future in room.futures:
        future.set_result(None)
    await passes()

    assert room.store.saved == [0]
    task.leave()


async def test_a_desk_that_is_given_up_between_write_and_store_stores_nothing() -> None:
    room = Room(acknowledges=False)
    task = room.task()
    room.tick(0, 1)
    feed(task, 0)
    await passes()

    task.leave()
    for future in room.futures:
        assert not future.cancelled(), "a rebalance must not take back what is under way"
        future.set_result(None)
    await passes()

    assert room.sent
    assert room.store.saved == []


async def test_a_desk_opened_again_says_the_same_bytes_again() -> None:
    room = Room(acknowledges=False)
    first = room.task()
    room.tick(0, 2)
    feed(first, 0)
    feed(first, 1)
    await passes()
    first.leave()
    said, room.sent = room.sent, []
    room.acknowledges = True

    second = room.task()
    assert second.reader.held.resume == 0
    feed(second, 0)
    feed(second, 1)
    await passes()

    assert room.sent == said
    assert room.store.saved == [0]
    second.leave()


async def test_a_desk_resumes_where_the_stored_state_ends() -> None:
    room = Room()
    first = room.task()
    room.tick(0, 2)
    feed(first, 0)
    feed(first, 1)
    await passes()
    first.leave()

    assert room.task().reader.held.resume == 2


async def test_a_write_that_the_broker_refuses_ends_the_process(ended: list[int]) -> None:
    room = Room(acknowledges=False)
    task = room.task()
    room.tick(0, 1)
    feed(task, 0)
    await passes()

    room.futures[0].set_exception(RuntimeError("refused"))
    for future in room.futures[1:]:
        future.set_result(None)
    with pytest.raises(Ended):
        await asyncio.wait_for(task._task, 120)

    assert ended == [70]
    assert room.store.saved == []


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


async def test_what_a_broker_does_not_acknowledge_is_sent_again_before_the_state_is_stored(
    ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "ACKNOWLEDGED_WITHIN_SECONDS", 0.05)
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    room = Room(acknowledges=False)
    task = room.task()
    room.tick(0, 1)
    feed(task, 0)
    await until(lambda: bool(room.sent))
    first = list(room.sent)
    await until(lambda: len(room.sent) >= 3 * len(first))

    assert room.store.saved == []
    assert room.sent[len(first) : 2 * len(first)] == first

    room.acknowledges = True
    await until(lambda: room.store.saved == [0])

    assert len(room.logged) == 1
    assert ended == []
    task.leave()


@pytest.mark.parametrize("error", ERRORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("call", ["send", "acknowledgement"])
async def test_every_error_of_the_client_is_retried_or_ends_the_process(
    error: Exception, call: str, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
    room = Room()
    original = room.send
    n_calls = 0

    async def fails_once(topic: str, key: bytes | None, value: bytes) -> asyncio.Future[Any]:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 1 and call == "send":
            raise error
        future = await original(topic, key, value)
        if n_calls == 1:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        return future

    room.context = room.context._replace(send=fails_once)
    task = room.task()
    room.tick(0, 1)
    feed(task, 0)
    if retrying.is_transient(error):
        await until(lambda: room.store.saved == [0])
        assert ended == []
        assert len(room.logged) == 1
        task.leave()
    else:
        with pytest.raises(Ended):
            await asyncio.wait_for(task._task, 20)
        assert ended == [70]
        assert room.store.saved == []


async def test_an_exception_of_ours_ends_the_process_and_stores_nothing(
    ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()
    task = room.task()
    monkeypatch.setattr("surveillance.screening.versions.decode_case", lambda _: 1 / 0)
    room.tick(0, 1)
    feed(task, 0)

    with pytest.raises(Ended):
        await asyncio.wait_for(task._task, 120)

    assert ended == [70]
    assert room.store.saved == []
    assert room.sent == []


async def test_a_partition_whose_records_have_no_tick_yet_is_full_past_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "N_BYTES_HELD_MAX", 1_000)
    room = Room()
    task = room.task()
    feed(task, 0, b" " * 1_001)

    assert task.is_full

    room.tick(0, 1)
    task.news.set()
    await passes()

    assert not task.is_full
    task.leave()


async def test_a_desk_with_a_state_is_open_before_the_ticks_are_read() -> None:
    room = Room()
    first = room.task()
    room.tick(0, 1)
    feed(first, 0)
    await passes()
    first.leave()

    started_anew = Room()
    started_anew.context = started_anew.context._replace(store=room.store)
    task = started_anew.task()

    assert task.reader.held.epoch == 0
    assert task.at is None
    task.leave()


def test_a_worker_without_the_compiled_stream_iterator_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module._require_cython()
    monkeypatch.setattr(faust.streams, "_CStreamIterator", None)

    with pytest.raises(Defect, match="compiled stream iterator"):
        module._require_cython()


@pytest.mark.parametrize("foreign", [b"", b"\x92\x01\x02", b"\xc0", b"of no stage"])
@pytest.mark.parametrize("stage", [name for name in STAGES if name != "revise"])
def test_a_state_of_another_form_is_rebuilt_and_ends_no_worker(
    stage: str, foreign: bytes, ended: list[int]
) -> None:
    """The state of `revise` is all in its cells, which have a version alone to tell them."""
    lines: list[str] = []
    store = MemoryStore(log=lines.append)
    timeline = Timeline(raw_partitions(CONFIGURATION.topics))
    source, configurations = Source(stage, 0), Configurations(CONFIGURATION)
    open_reader(source, store.open, timeline, configurations)
    store._stored[store._slots[str(source)]] = stores.Stored(3, 3, foreign)

    held = open_reader(source, store.open, timeline, configurations).held

    assert (held.resume, held.epoch) == (0, -1)
    assert len(lines) == 1
    assert ended == []


async def test_a_worker_rebuilds_what_another_version_kept_and_emits_the_same_bytes() -> None:
    room = Room()
    first = room.task()
    room.tick(0, 2)
    feed(first, 0)
    feed(first, 1)
    await passes()
    first.leave()
    said, room.sent = room.sent, []
    (slot,) = room.store.slots_of(str(SOURCE))
    room.store._stored["revise/0"] = room.store._stored.pop(slot)  # as it was named before
    room.store._cells["revise/0"] = room.store._cells.pop(slot)

    second = room.task()
    feed(second, 0)
    feed(second, 1)
    await passes()
    second.leave()

    assert room.sent == said
    assert "revise/0" in room.store._stored
