"""The stages under Faust on Kafka: state owns its offset.

Faust assigns partitions, fetches and sends. Everything else that matters is here and is
small: each stage has a task on each assigned partition that it reads
(`surveillance.stream.partition_task`), opened where its stored state ends; every worker reads
the ticks, outside the group.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import faust
import faust.streams
from aiokafka import AIOKafkaConsumer, TopicPartition

from surveillance.configuration.at_hand import Configurations
from surveillance.domain.errors import Defect, Gap
from surveillance.instrumentation.metrics import Metrics
from surveillance.log import topics
from surveillance.log.ticks import Place, Timeline
from surveillance.log.topics import raw_partitions
from surveillance.pipeline import Source, readers_of, sources
from surveillance.stream.client_logs import limit_client_logs
from surveillance.stream.clients import servers_of
from surveillance.stream.fail_stop import fail_stop
from surveillance.stream.faust_clients import Application, highwater, transport_of
from surveillance.stream.partition_task import PartitionTask, WorkerContext
from surveillance.stream.retrying import Retrying
from surveillance.stream.store import Store
from surveillance.triage.triage import TriageState

GROUP = f"longwatch-g{topics.GENERATION}"
ENDS_WITHIN_SECONDS = 10.0  # of SIGTERM, if no broker answers; supervisors wait as long
TICKS_WAIT_MS = 200


class Worker:
    """A Faust application that runs the stages.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    configurations : Configurations
        Those at hand.
    store : Store
        Where states are kept.
    metrics : Metrics
        Told of all that happens.
    data : Path
        A directory of this worker's own, for Faust.
    """

    def __init__(
        self,
        address: str,
        configurations: Configurations,
        store: Store,
        metrics: Metrics,
        *,
        data: Path,
    ) -> None:
        _require_cython()
        self._address = address
        partitions = raw_partitions(configurations.current.topics)
        self.app = _application(address, data)
        self.retrying = Retrying(metrics.broker)
        self._context = WorkerContext(
            configurations, store, Timeline(partitions), metrics, self._send, self.retrying
        )
        self._tasks: dict[Place, list[PartitionTask]] = {}  # one a stage that reads there
        self._begun = asyncio.Event()  # a first task was opened
        self._ticks_from: int | None = None  # offset to read ticks from, where it changed
        self._next_tick = 0
        self._attach(
            frozenset(source.place[0] for source in sources(configurations.current.topics))
        )

    def _attach(self, read: frozenset[str]) -> None:
        self.app.transport = transport_of(self.app, self, read)
        for topic in sorted(read):
            source = self.app.topic(topic, key_type=bytes, value_type=bytes)
            self.app.agent(source, name=f"read-{topic}", concurrency=1)(self._receive)
        self.app.task(self._follow_ticks)
        self.app.task(self._measure)
        self.app.on_before_shutdown.connect(self._leave_all, weak=False)

    async def _send(self, topic: str, key: bytes | None, value: bytes) -> asyncio.Future[Any]:
        """Hand a message to Faust's producer; the result is its acknowledgement."""
        sent = await self.app.producer.send(topic, key, value, 0, None, None)
        acknowledgement = asyncio.ensure_future(sent)
        # A task that is given up asks no more; its failure is not news to anybody.
        acknowledgement.add_done_callback(lambda done: done.cancelled() or done.exception())
        return acknowledgement

    def _all_tasks(self) -> Iterator[PartitionTask]:
        return chain.from_iterable(self._tasks.values())

    def _leave_all(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - Faust's signal
        for task in self._all_tasks():
            task.leave()
        self._tasks.clear()

    def open_partitions(self, assigned: list[Any]) -> dict[Any, int]:
        """Give up every task, and open those of each assigned partition, from what is stored.

        Returns
        -------
        dict
            The offset to resume from, by partition: that of the stage that is furthest behind.
            The others drop what they have folded already.
        """
        try:
            self._leave_all()
            resume = {}
            for tp in assigned:
                tasks = self._tasks[tp.topic, tp.partition] = [
                    PartitionTask(Source(stage.name, tp.partition), self._context)
                    for stage in readers_of(tp.topic)
                ]
                for task in tasks:
                    task.news.set()
                resume[tp] = min(task.reader.held.resume for task in tasks)
            self._reach_back()
        except BaseException as error:  # noqa: BLE001 - Faust would log it and go on
            fail_stop(error)
        else:
            return resume

    def refuse_ahead(self, ends: Mapping[Any, int]) -> None:
        """End the process if a state has folded more than its topic now holds."""
        for tp, end in ends.items():
            for task in self._tasks.get((tp.topic, tp.partition), ()):
                resume = task.reader.held.resume
                if resume > end:
                    fail_stop(
                        Gap(
                            f"the state of {task.source} resumes at offset {resume}, and "
                            f"{tp.topic}/{tp.partition} ends at {end}: records were removed from "
                            "the topic, or the state is of another log; restore the topic, or "
                            "move the state directory away"
                        )
                    )

    async def _receive(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        """Lay each message on the tasks of its partition."""
        async for event in stream.events():
            try:
                message = event.message
                for task in await self._tasks_with_room((message.topic, message.partition)):
                    task.reader.feed(message.offset, message.value or b"")
                    task.news.set()
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - an agent would acknowledge and skip
                fail_stop(error)

    async def _tasks_with_room(self, place: Place) -> list[PartitionTask]:
        """Wait until every task of a partition can hold more; none if it was given up."""
        while full := next((task for task in self._tasks.get(place, ()) if task.is_full), None):
            full.room.clear()
            await full.room.wait()
        return self._tasks.get(place, [])

    async def _follow_ticks(self, _app: Any) -> None:  # noqa: ANN401 - Faust's own
        """Read ticks outside the consumer group, from the earliest that a task here needs."""
        try:
            await self._begun.wait()
            await self.retrying.wait_for(self._read_ticks, "read ticks")
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a task would be lost
            fail_stop(error)

    async def _read_ticks(self) -> None:
        """Read ticks over one connection, from where the last one ended; never returns."""
        place = TopicPartition(topics.TICKS, 0)
        ticks = AIOKafkaConsumer(
            bootstrap_servers=servers_of(self._address),
            auto_offset_reset="none",  # a state from beyond the end is of another log
        )
        try:
            await ticks.start()
            ticks.assign([place])
            ticks.seek(place, self._next_tick)
            while True:
                if self._ticks_from is not None:
                    self._next_tick, self._ticks_from = self._ticks_from, None
                    ticks.seek(place, self._next_tick)
                found = await ticks.getmany(place, timeout_ms=TICKS_WAIT_MS)
                self._take_ticks(found.get(place, []))
        finally:
            await ticks.stop()

    def _take_ticks(self, messages: list[Any]) -> None:
        if self._ticks_from is not None:  # a rebalance asked for earlier ones meanwhile
            return
        for message in messages:
            is_accepted = self._context.timeline.feed(message.offset, message.value or b"")
            self._context.metrics.tick(is_accepted=is_accepted)
            self._next_tick = message.offset + 1
        for task in self._all_tasks() if messages else ():
            task.news.set()

    def _reach_back(self) -> None:
        """Have every tick read that a task needs; those before were forgotten, or never read."""
        needed = min((task.reader.held.epoch for task in self._all_tasks()), default=None)
        timeline = self._context.timeline
        if needed is None or (self._begun.is_set() and timeline.reaches(needed)):
            return
        timeline.begin_at(needed)
        self._ticks_from = max(needed, 0)
        self._begun.set()

    def _forget_ticks(self) -> None:
        """Drop ticks that no task will ask for, even if it is opened again from the store."""
        needed = min((task.stored_epoch for task in self._all_tasks()), default=-1)
        self._context.timeline.forget(needed)

    async def _measure(self, app: Any) -> None:  # noqa: ANN401 - Faust's own
        """Tell the metrics how every partition stands, once a second."""
        try:
            while not app.should_stop:
                for place, tasks in list(self._tasks.items()):
                    end = highwater(app.consumer, place)
                    if end is not None:
                        self._gauge(place, tasks, end)
                self._forget_ticks()
                await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a task would be lost
            fail_stop(error)

    def _gauge(self, place: Place, tasks: list[PartitionTask], end: int) -> None:
        metrics = self._context.metrics
        for task in tasks:
            state = task.reader.held.state
            if isinstance(state, TriageState):
                metrics.signals(state)
            if task.at is not None:
                metrics.age(task.source, time.time() - task.at)
        metrics.place(
            place,
            lag=max(0, end - min(task.reader.next_offset for task in tasks)),
            n_bytes_held=sum(task.reader.n_bytes_waiting for task in tasks),
        )

    def run(self, *, log_level: str = "warn") -> NoReturn:
        """Run until a signal ends it; exit 0 then."""
        if log_level not in ("info", "debug"):
            limit_client_logs()
        _Process(
            self.app, loglevel=log_level, quiet=True, redirect_stdouts=False
        ).execute_from_commandline()
        raise SystemExit(0)


class _Process(faust.Worker):
    """Faust's process, without its spinner, and with an end to how long it takes to end."""

    def __init__(self, *services: Any, **settings: Any) -> None:  # noqa: ANN401 - Faust's own
        super().__init__(*services, **settings)
        # It writes control characters into logs, and has every debug line built to turn on.
        self.spinner = None

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        """Leave the group in good order if a broker answers, and end in any case.

        A state owns its offset, so there is nothing to save, and what fails from here on is
        nobody's concern.
        """
        Application.is_ending = True
        threading.excepthook = lambda _: None
        logging.disable(logging.CRITICAL)
        last = threading.Timer(ENDS_WITHIN_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()
        super()._schedule_shutdown(number)


def _require_cython() -> None:
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise Defect("Faust runs without its compiled stream iterator, which acks what it skips")


def _application(address: str, data: Path) -> faust.App:
    return Application(
        GROUP,
        broker=[f"kafka://{one}" for one in servers_of(address)],
        datadir=data,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_request_timeout=20.0,
        producer_max_request_size=1_048_576,
        producer_max_batch_size=262_144,
        producer_linger=0.005,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=15.0,
        stream_buffer_maxsize=512,
        stream_wait_empty=False,  # offsets are the states' own: there is nothing to wait for
        worker_redirect_stdouts=False,
    )
