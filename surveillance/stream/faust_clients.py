"""Faust's clients of Kafka, each call of which is retried, passed over, or ends the process.

Faust would end on any error, at length, and after some of them live on without its consumer.
Here an error of the connection is retried for as long as it takes; one about a partition that a
rebalance has just taken away is passed over, since what comes next begins anew; and anything
else ends the process with one line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, cast

import faust
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, ConsumerStoppedError, IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver

from surveillance.log.ticks import Place
from surveillance.stream.fail_stop import fail_stop
from surveillance.stream.retrying import BrokerRefused, Retrying, is_transient

FETCH_MAX_WAIT_MS = 50


class Owner(Protocol):
    """Who decides where partitions are read from."""

    @property
    def retrying(self) -> Retrying:
        """The policy of retries."""

    def open_partitions(self, assigned: list[Any]) -> dict[Any, int]:
        """Open what reads each partition; return the offset to resume from."""

    def refuse_ahead(self, ends: Mapping[Any, int]) -> None:
        """End the process if a partition ends before what was read of it."""


def is_reassigned(error: BaseException) -> bool:
    """Return whether a client was asked about a partition that it is assigned no longer."""
    if isinstance(error, BrokerRefused) and error.__cause__ is not None:
        return is_reassigned(error.__cause__)
    if isinstance(error, IllegalStateError | CommitFailedError | ConsumerNotStarted):
        return True
    return isinstance(error, AssertionError) and "assigned" in str(error)  # how aiokafka checks


def judge(error: Exception) -> None:
    """End the process, unless the error is only that a rebalance took a partition away."""
    if not is_reassigned(error):
        fail_stop(error)


def highwater(client: Any, place: Place) -> int | None:  # noqa: ANN401 - Faust's
    """Return the end of a partition as last fetched; None while a rebalance takes it away."""
    try:
        return client.highwater(faust.types.TP(*place)) or 0
    except Exception as error:
        if not is_reassigned(error):
            raise
        return None


async def start_patiently(
    retrying: Retrying, start: Callable[[], Awaitable[None]], client: Callable[[], Any], what: str
) -> None:
    """Start a client, anew each time that it fails on the connection.

    Parameters
    ----------
    retrying : Retrying
        The policy.
    start : callable
        Makes a client, and starts it.
    client : callable
        Returns the client that was made last.
    what : str
        What is attempted, for the log.
    """

    async def attempt() -> None:
        try:
            await start()
        except Exception:  # whatever it is, it is judged below: a half-made client ends first
            with suppress(Exception):  # it never started: how it ends is nobody's concern
                await client().stop()
            raise

    try:
        await retrying.wait_for(attempt, what)
    except Exception as error:  # noqa: BLE001 - Faust would log it at length
        fail_stop(error)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The driver's thread, whose fetches do not wait long on quiet partitions."""

    @property
    def _retrying(self) -> Retrying:
        policy: Retrying = cast("Any", self.consumer).owner.retrying
        return policy

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - the driver's
        made = super()._create_worker_consumer(transport)
        # Faust fixes 1.5 s, and aiokafka has one fetch under way: while it waits
        # for quiet partitions, those with messages wait for it.
        made._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001 - set before it starts
        return made

    async def on_start(self) -> None:
        """Start the client, waiting for a broker."""
        await start_patiently(
            self._retrying, super().on_start, lambda: self._consumer, "connect to read"
        )

    async def _fetch_records(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
        try:
            return await super()._fetch_records(*given, **named)
        except ConsumerStoppedError:
            raise  # how the driver ends its fetches
        except Exception as error:  # noqa: BLE001 - judged
            if is_transient(error):  # one short pause: seeks wait behind a fetch
                await asyncio.sleep(self._retrying.pause_after(error, 1, "fetch"))
            else:
                judge(error)
            return {}

    async def _commit(self, offsets: Any) -> bool:  # noqa: ANN401 - as above
        """Commit for lag displays only: the driver would end the process on a failure."""
        client, assigned = self._ensure_consumer(), self.assignment()
        committed = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        self.tp_last_committed_at.update(dict.fromkeys(committed, time.monotonic()))
        try:
            await client.commit({TopicPartition(*tp): n for tp, n in committed.items()})
        except Exception as error:  # noqa: BLE001 - judged
            if not is_transient(error):
                judge(error)
            return False
        return True


class Consumer(driver.Consumer):
    """Starts each partition where its stored state ends, not where the group committed."""

    owner: Owner
    read: frozenset[str]  # topics

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> dict[Any, int]:
        """Seek to where the states resume; what is taken away meanwhile is sought anew."""
        owner, retrying = self.owner, self.owner.retrying
        try:
            assigned = [tp for tp in self.assignment() if tp.topic in self.read]
            resume = owner.open_partitions(assigned)
            ends = await retrying.wait_for(
                lambda: self.highwaters(*resume), "read where the topics end"
            )
            owner.refuse_ahead(ends)
            await retrying.wait_for(lambda: self.seek_wait(resume), "seek")
        except Exception as error:  # noqa: BLE001 - Faust would log it and go on
            judge(error)
            return {}
        return resume


class Producer(driver.Producer):
    """Waits for a broker before its first message, too."""

    owner: Owner

    async def on_start(self) -> None:
        """Start the client, waiting for a broker."""
        await start_patiently(
            self.owner.retrying, super().on_start, lambda: self._producer, "connect to write"
        )


class Application(faust.App):
    """A Faust application that ends with one line where Faust would with its whole stack."""

    is_ending = False

    def _crash(self, reason: BaseException) -> None:
        if not self.is_ending:
            fail_stop(reason)
        super()._crash(reason)


def transport_of(app: faust.App, owner: Owner, read: frozenset[str]) -> driver.Transport:
    """Return the driver with our clients.

    Parameters
    ----------
    app : faust.App
        The application.
    owner : Owner
        Decides where partitions are read from.
    read : frozenset of str
        Topics that are read in the group.

    Returns
    -------
    Transport
        For this application.
    """
    clients = {
        "Consumer": type("Consumer", (Consumer,), {"owner": owner, "read": read}),
        "Producer": type("Producer", (Producer,), {"owner": owner}),
    }
    made: driver.Transport = type("Transport", (driver.Transport,), clients)(
        app.conf.broker_consumer, app
    )
    return made
