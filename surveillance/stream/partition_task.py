"""One stage at work on one partition: fold, write what the stage emits, store the state.

What is not understood is neither skipped nor acknowledged: the process ends, and whoever
supervises starts it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from surveillance.configuration.at_hand import Configurations
from surveillance.instrumentation.metrics import Metrics
from surveillance.log import topics
from surveillance.log.messages import ClosedEpoch
from surveillance.log.ticks import Timeline
from surveillance.pipeline import Source, open_reader
from surveillance.stream.fail_stop import fail_stop
from surveillance.stream.retrying import Retrying, is_transient
from surveillance.stream.store import Store

ACKNOWLEDGED_WITHIN_SECONDS = 30
N_UNACKNOWLEDGED_MAX = 500  # messages of one task under way
IDLE_SECONDS = 1.0  # without news: then what is not stored yet is stored
STORING_SHARE_MAX = 0.05  # of the time, for each partition; seldom means further behind
N_BYTES_HELD_MAX = 64 * 1024 * 1024  # a partition; past that its topic is read no further

Send = Callable[[str, bytes | None, bytes], Awaitable[asyncio.Future[Any]]]


class WorkerContext(NamedTuple):
    """What the tasks of a worker share."""

    configurations: Configurations
    store: Store
    timeline: Timeline
    metrics: Metrics
    send: Send
    retrying: Retrying


class Unacknowledged(NamedTuple):
    """A message under way, kept so that it can be sent again."""

    topic: str
    key: bytes | None
    value: bytes
    acknowledgement: asyncio.Future[Any]


class PartitionTask:
    """One stage at work on one partition.

    Parameters
    ----------
    source : Source
        Stage and partition.
    context : WorkerContext
        What tasks share.
    """

    def __init__(self, source: Source, context: WorkerContext) -> None:
        self.source = source
        self._context = context
        self.reader = open_reader(
            source, context.store.open, context.timeline, context.configurations
        )
        self.news = asyncio.Event()  # a message or a tick has come
        self.room = asyncio.Event()  # something held was folded
        self.stored_epoch = self.reader.held.epoch
        self._storing = 0.0  # seconds that the last store took
        self._is_unstored = False
        self._unacknowledged: list[Unacknowledged] = []
        self._since = time.monotonic()
        self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def is_full(self) -> bool:
        """Whether so much waits for ticks that no more should be read."""
        is_ahead = self.source.place[0] in topics.RAW
        return is_ahead and self.reader.n_bytes_waiting > N_BYTES_HELD_MAX

    @property
    def at(self) -> int | None:
        """Instant of the last closed epoch; None before the first, or before its tick is read."""
        epoch = self.reader.held.epoch
        timeline = self._context.timeline
        return timeline.tick(epoch).at if 0 <= epoch <= timeline.latest else None

    async def _work(self) -> None:
        try:
            while True:
                if await self._has_news():
                    await self._advance()
                elif self._is_unstored:
                    await self._store()
                self.room.set()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - out of a task it would be lost
            fail_stop(error)

    async def _has_news(self) -> bool:
        """Wait for a message or a tick; after a while, only if nothing is left to store."""
        patience = IDLE_SECONDS if self._is_unstored else None
        try:
            await asyncio.wait_for(self.news.wait(), patience)
        except TimeoutError:
            return False
        self.news.clear()
        return True

    async def _advance(self) -> None:
        start = time.monotonic()
        for closing in self.reader.advance():
            self._context.metrics.closed(self.source, closing, time.monotonic() - start)
            await self._say(closing)
            if self._is_store_due():
                await self._store()
            self.room.set()
            start = time.monotonic()

    async def _say(self, closing: ClosedEpoch) -> None:
        """Send everything; that the broker has it is awaited before the state is stored."""
        topic = self.source.writes
        self._is_unstored = True
        if topic is not None:
            for value in closing.messages:
                await self._send(topic, None, value)
        for fact in closing.output.facts:
            await self._send(fact.topic, fact.key, fact.value)
        if len(self._unacknowledged) > N_UNACKNOWLEDGED_MAX:
            await self._acknowledged()

    async def _send(self, topic: str, key: bytes | None, value: bytes) -> None:
        """Hand a message to the producer, which refuses it while no broker answers."""
        acknowledgement = await self._context.retrying.wait_for(
            lambda: self._context.send(topic, key, value), f"write to {topic}"
        )
        self._unacknowledged.append(Unacknowledged(topic, key, value, acknowledgement))

    async def _acknowledged(self) -> None:
        """Return when the broker has all that was sent.

        What it did not acknowledge is sent again; it may have been written all the same, and
        readers drop what repeats.
        """
        n_failed = 0
        retrying = self._context.retrying
        while self._unacknowledged:
            error = await self._await_acknowledgements()
            if error is not None:
                n_failed += 1
                await asyncio.sleep(
                    retrying.pause_after(error, n_failed, "have writes acknowledged")
                )
                await self._send_again()
        if n_failed:
            retrying.succeeded()

    async def _await_acknowledgements(self) -> Exception | None:
        """Keep what was not acknowledged; return why, an error that is final before others."""
        sent = self._unacknowledged
        # Not `gather`: a rebalance that cancels this task must not cancel what is under way.
        await asyncio.wait(
            [one.acknowledgement for one in sent], timeout=ACKNOWLEDGED_WITHIN_SECONDS
        )
        errors = {id(one): error for one in sent if (error := _failure(one.acknowledgement))}
        self._unacknowledged = [one for one in sent if id(one) in errors]
        return min(errors.values(), key=is_transient, default=None)

    async def _send_again(self) -> None:
        failed, self._unacknowledged = self._unacknowledged, []
        for one in failed:
            await self._send(one.topic, one.key, one.value)

    def _is_store_due(self) -> bool:
        return self._storing <= STORING_SHARE_MAX * (time.monotonic() - self._since)

    async def _store(self) -> None:
        await self._acknowledged()
        start = time.monotonic()
        self._context.store.save(self.reader.source, self.reader.held)
        self.stored_epoch = self.reader.held.epoch
        seconds = time.monotonic() - start
        self._storing, self._since, self._is_unstored = seconds, time.monotonic(), False
        self._context.metrics.stored(self.source, seconds)

    def leave(self) -> None:
        """Give the partition up; what was not stored is folded again elsewhere."""
        self._task.cancel()
        self.room.set()
        self._context.metrics.left(self.source)


def _failure(acknowledgement: asyncio.Future[Any]) -> Exception | None:
    """Return why a message is not acknowledged; None if it is."""
    if not acknowledgement.done():
        return TimeoutError(f"nothing acknowledged for {ACKNOWLEDGED_WITHIN_SECONDS} s")
    if acknowledgement.cancelled():  # the client gave up what was under way
        return ConnectionAbortedError("the write was cancelled")
    error = acknowledgement.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error
