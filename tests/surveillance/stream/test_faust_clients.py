"""Every error class of the client, at every call that a worker makes through Faust or beside it."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError
from client_errors import an_error, client_errors
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from strategies import a_configuration

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Topics
from surveillance.instrumentation.metrics import Metrics
from surveillance.log.topics import CASES
from surveillance.stream import faust_clients as module
from surveillance.stream import retrying, worker
from surveillance.stream.faust_clients import (
    Application,
    Consumer,
    ConsumerThread,
    Producer,
    highwater,
    is_reassigned,
)
from surveillance.stream.retrying import Retrying, is_transient
from surveillance.stream.store import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = a_configuration(topics=Topics(cases=1, outcomes=1))
PLACE = TP(CASES, 0)
ERRORS = [an_error(kind) for kind in client_errors()]
# What a client says of a partition that a rebalance took away, in whatever way it checks.
REASSIGNED = [AssertionError("Partition is not assigned"), ConsumerNotStarted("not yet")]
ALL = [*ERRORS, *REASSIGNED]
DEFECTS = [AssertionError("of another kind"), KeyError("x"), ValueError("y")]


def name_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__name__}"


class Ended(BaseException):
    """Takes the part of the end of the process."""


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the exit codes of processes that were to end; do not wait between attempts."""
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.0)
    return codes


class Failing:
    """An awaitable call that fails with each of some errors in turn, then answers."""

    def __init__(self, *errors: Exception, answer: Any = None) -> None:  # noqa: ANN401 - anything
        self.errors, self.answer, self.n_calls = list(errors), answer, 0

    async def __call__(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - as above
        self.n_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.answer


class Owner:
    """Opens one partition, which resumes at 3."""

    def __init__(self) -> None:
        self.retrying = Retrying(log=lambda _: None)
        self.ends: list[Any] = []

    def open_partitions(self, assigned: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(assigned, 3)

    def refuse_ahead(self, ends: Any) -> None:  # noqa: ANN401 - as above
        self.ends.append(ends)


async def judged(error: Exception, work: Any, ended: list[int], answer: Any, given_up: Any) -> None:  # noqa: ANN401 - as above
    """Await what meets an error once, and hold what must come of it."""
    if is_transient(error):
        assert await work() == answer
        assert ended == []
    elif is_reassigned(error):
        assert await work() == given_up
        assert ended == []
    else:
        with pytest.raises(Ended):
            await work()
        assert ended == [70]


def consumer(owner: Owner, **calls: Any) -> Any:  # noqa: ANN401 - a stand-in
    """Return what stands in for the driver's consumer, with some of its calls replaced."""
    working = {
        "assignment": lambda: {PLACE, TP("elsewhere", 1)},
        "highwaters": Failing(answer={PLACE: 9}),
        "seek_wait": Failing(),
    }
    return SimpleNamespace(owner=owner, read=frozenset({CASES}), **(working | calls))


@pytest.mark.parametrize("error", [*ALL, *DEFECTS], ids=name_of)
@pytest.mark.parametrize("call", ["highwaters", "seek_wait", "assignment"])
async def test_seeking_after_a_rebalance(call: str, error: Exception, ended: list[int]) -> None:
    owner, failing = Owner(), Failing(error, answer={PLACE: 9})

    def fails() -> NoReturn:
        raise error

    one = consumer(owner, **{call: fails if call == "assignment" else failing})
    if call == "assignment":  # it asks no broker: nothing of it passes by itself
        if is_reassigned(error):
            assert await Consumer.seek_to_committed(one) == {}
        else:
            with pytest.raises(Ended):
                await Consumer.seek_to_committed(one)
        return
    await judged(error, lambda: Consumer.seek_to_committed(one), ended, {PLACE: 3}, {})
    assert failing.n_calls == 1 + is_transient(error)


def thread(owner: Owner) -> Any:  # noqa: ANN401 - the driver's
    """Return a thread of the driver that was never started."""
    made = ConsumerThread.__new__(ConsumerThread)
    made.consumer = SimpleNamespace(owner=owner)  # type: ignore[assignment] # a stand-in
    return made


@pytest.mark.parametrize("error", [*ALL, *DEFECTS], ids=name_of)
async def test_fetching(
    error: Exception, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(error, answer={"x": 1})
    monkeypatch.setattr(
        driver.AIOKafkaConsumerThread, "_fetch_records", lambda _, *__, **___: failing()
    )
    one = thread(Owner())

    await judged(error, one._fetch_records, ended, {}, {})  # what is fetched next begins anew
    assert is_transient(error) or is_reassigned(error) or ended == [70]
    assert await one._fetch_records() == {"x": 1}


@pytest.mark.parametrize("error", [*ALL, *DEFECTS], ids=name_of)
async def test_committing(error: Exception, ended: list[int]) -> None:
    one = thread(Owner())
    one._consumer = SimpleNamespace(commit=Failing(error), assignment=lambda: {PLACE})
    one.tp_last_committed_at = {}

    await judged(error, lambda: one._commit({PLACE: 3}), ended, False, False)


@pytest.mark.parametrize("error", ALL, ids=name_of)
@pytest.mark.parametrize("kind", ["consumer", "producer"])
async def test_starting_a_client(
    kind: str, error: Exception, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, stopped = Failing(error), Failing(an_error(client_errors()[0]))
    base = driver.AIOKafkaConsumerThread if kind == "consumer" else driver.Producer
    monkeypatch.setattr(base, "on_start", lambda _: starting())
    one: Any = thread(Owner()) if kind == "consumer" else Producer.__new__(Producer)
    one._consumer = one._producer = SimpleNamespace(stop=stopped)
    one.owner = Owner()

    if is_transient(error):
        await one.on_start()
        assert starting.n_calls == 2
        assert ended == []
    else:
        with pytest.raises(Ended):
            await one.on_start()
        assert ended == [70]
    assert stopped.n_calls == 1, "a client that did not start was left open"


@pytest.mark.parametrize("error", [*ALL, *DEFECTS], ids=name_of)
def test_measuring_how_far_behind_a_partition_is(error: Exception) -> None:
    def fails(_: TP) -> NoReturn:
        raise error

    client = SimpleNamespace(highwater=fails)
    if is_reassigned(error):
        assert highwater(client, PLACE) is None
    else:
        with pytest.raises(type(error)):
            highwater(client, PLACE)


def test_only_what_a_rebalance_took_away_is_passed_over() -> None:
    assert {type(error) for error in ALL if is_reassigned(error)} == {
        IllegalStateError, CommitFailedError, AssertionError, ConsumerNotStarted,
    }  # fmt: skip
    assert not any(is_reassigned(error) for error in DEFECTS)


# The ticks, which a worker reads outside the group


class Ticks:
    """Takes the part of the client that reads ticks, and fails at one call with one error."""

    def __init__(self, call: str, error: Exception, read: asyncio.Event) -> None:
        self._call, self._errors, self._read = call, [error], read

    def _called(self, name: str) -> None:
        if name == self._call and self._errors:
            raise self._errors.pop()

    async def start(self) -> None:
        self._called("start")

    async def stop(self) -> None:
        self._called("stop")

    def assign(self, _places: object) -> None:
        self._called("assign")

    def seek(self, _place: object, _offset: int) -> None:
        self._called("seek")

    async def getmany(self, _place: object, *, timeout_ms: int) -> dict[Any, Any]:
        assert timeout_ms > 0
        self._called("getmany")
        self._read.set()
        await asyncio.sleep(0.01)
        return {}


@pytest.mark.parametrize("call", ["start", "assign", "seek", "getmany"])
async def test_reading_ticks(
    call: str, ended: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = worker.Worker(
        "127.0.0.1:1", Configurations(CONFIGURATION), MemoryStore(),
        Metrics(version="0", configuration=CONFIGURATION.digest), data=tmp_path,
    )  # fmt: skip
    one.retrying = Retrying(log=lambda _: None)
    one._begun.set()
    for error in ERRORS:
        has_read = asyncio.Event()
        client = Ticks(call, error, has_read)
        monkeypatch.setattr(worker, "AIOKafkaConsumer", lambda client=client, **_: client)
        following = asyncio.ensure_future(one._follow_ticks(None))
        if is_transient(error):
            await asyncio.wait_for(has_read.wait(), 60)
            following.cancel()
            assert ended == [], name_of(error)
        else:
            with pytest.raises(Ended):
                await asyncio.wait_for(following, 60)
            assert ended == [70], name_of(error)
        ended.clear()


# What is left: whatever else fails in one of Faust's services


@pytest.mark.parametrize("error", [*ERRORS[:20], *DEFECTS], ids=name_of)
def test_a_service_of_faust_that_fails_ends_the_process_and_not_only_itself(
    error: Exception, ended: list[int], tmp_path: Path
) -> None:
    app = Application("ends", datadir=tmp_path)

    with pytest.raises(Ended):
        app._crash(error)

    assert ended == [70]


def test_what_fails_while_a_worker_ends_is_nobodys_concern(
    ended: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.Application, "is_ending", True)
    app = Application("ends", datadir=tmp_path)

    app._crash(ValueError())

    assert ended == []
