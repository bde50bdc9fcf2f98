"""The ticker: writes where every raw partition ends, and what time it is.

It ticks when something has arrived, and at least once a UTC day. It needs no state: it
reads the last tick from the log. Two tickers at once do no harm, since a tick that does
not follow is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from surveillance.configuration.types import Configuration
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import TICKS, raw_partitions
from surveillance.stream import manifest
from surveillance.stream.clients import ask, close_quietly, consumer, end_offsets, known, producer
from surveillance.stream.retrying import Retrying
from surveillance.stream.writing import send, settle

_decode = msgspec.json.Decoder(Tick).decode
N_LOOKED_BACK = 1_000  # messages; ticks that were passed over may stand at the end


def last_tick(
    address: str, partitions: dict[str, int], *, stop: Event | None = None
) -> Tick | None:
    """Return the latest tick on the log that fits the partitions, or None.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    partitions : dict
        Partitions of each raw topic.
    stop : Event, optional
        Once it is set, a broker that is away is no longer waited for.

    Returns
    -------
    Tick or None
        The one with the greatest instant among the last thousand.
    """
    return ask(address, lambda: _last_tick(address, partitions), "read the last tick", stop=stop)


def _last_tick(address: str, partitions: dict[str, int]) -> Tick | None:
    place = TopicPartition(TICKS, 0)
    client = consumer(address, auto_offset_reset="earliest")
    try:
        client.assign([place])
        end = known(client.end_offsets, [place])[place]
        client.seek(place, max(0, end - N_LOOKED_BACK))
        found: list[Tick] = []
        while client.position(place) < end:
            for messages in client.poll(timeout_ms=1_000).values():
                found += [tick for m in messages if (tick := _readable(m.value, partitions))]
        return max(found, key=lambda tick: (tick.at, sorted(tick.cut.items())), default=None)
    finally:
        close_quietly(client)


def _readable(value: bytes, partitions: dict[str, int]) -> Tick | None:
    try:
        tick = _decode(value)
    except ValueError:
        return None
    return tick if tick.fits(partitions) else None


class Ticker:
    """Ticks once a call, if there is reason to.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    configuration : Configuration
        In force; its hash goes into the ticks.
    now : callable
        Seconds since 1970 (UTC).
    stop : Event, optional
        Once it is set, a broker that is away is no longer waited for.
    """

    def __init__(
        self,
        address: str,
        configuration: Configuration,
        *,
        now: Callable[[], float] = time.time,
        stop: Event | None = None,
    ) -> None:
        self._partitions = raw_partitions(configuration.topics)
        manifest.require(address, configuration.topics, stop=stop)
        self._digest = configuration.digest
        self._now = now
        self._retrying = Retrying(stop=stop)
        self._last = last_tick(address, self._partitions, stop=stop)
        self._reader: KafkaConsumer = ask(
            address, lambda: consumer(address), "connect to read", stop=stop
        )
        self._writer: KafkaProducer = ask(
            address, lambda: producer(address), "connect to write", stop=stop
        )

    def tick(self) -> Tick | None:
        """Write a tick if something arrived, a day began or the configuration changed."""
        cut = self._retrying.call(self._cut, "read where the topics end")
        at = int(self._now())
        last = self._last
        new = Tick(at if last is None else max(at, last.at), self._digest, cut)
        if last is not None and not (
            new.cut != last.cut or new.begins_a_day(last) or new.configuration != last.configuration
        ):
            return None
        sent = send(self._writer, TICKS, encode_tick(new), 0, self._retrying)
        settle(self._writer, sent, self._retrying)
        self._last = new
        return new

    def _cut(self) -> dict[str, list[int]]:
        return {topic: end_offsets(self._reader, topic, n) for topic, n in self._partitions.items()}

    def close(self) -> None:
        """Let go of the connections."""
        close_quietly(self._reader, self._writer)
