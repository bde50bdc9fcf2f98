"""Write old data onto a log, with the ticks of their own dates."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from kafka import KafkaProducer

from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misused
from surveillance.intake.inputs import Progress
from surveillance.log.days import DatedLine, EndOfDay, RawMessage, end_of, messages_by_day
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import TICKS, raw_partitions
from surveillance.stream import manifest
from surveillance.stream.clients import ask, close_quietly, consumer, end_offsets, producer
from surveillance.stream.retrying import Retrying
from surveillance.stream.ticker import last_tick
from surveillance.stream.writing import Sent, send, settle

N_DAYS_UNDER_WAY = 200  # days written whose acknowledgements are not yet awaited


class Loader:
    """Writes messages, and a tick for each day once its messages are acknowledged.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    configuration : Configuration
        In force; its hash goes into the ticks.

    Raises
    ------
    Misused
        If no broker answers or the topics are not as they must be.
    """

    def __init__(self, address: str, configuration: Configuration) -> None:
        manifest.require(address, configuration.topics)
        self._manifest = configuration.topics
        self._digest = configuration.digest
        partitions = raw_partitions(configuration.topics)
        self._last = last_tick(address, partitions)
        self._ends = ask(address, lambda: _ends(address, partitions), "read where the topics end")
        self._producer: KafkaProducer = ask(address, lambda: producer(address), "connect to write")
        self._days: deque[tuple[int, list[Sent]]] = deque()
        self._sent: list[Sent] = []
        self._ticks: deque[Sent] = deque()
        self._retrying = Retrying()

    def load(self, lines: Iterable[DatedLine], *, progress: Progress) -> Counter[str]:
        """Write lines in the order of their days.

        Parameters
        ----------
        lines : iterable of DatedLine
            In the order of their days.
        progress : Progress
            Told of every day.

        Returns
        -------
        Counter
            Lines, messages and ticks written.

        Raises
        ------
        Misused
            If the log's time is already past the first day: its tick would not count.
        """
        written: Counter[str] = Counter()
        for item in messages_by_day(self._not_past(lines), self._manifest):
            if isinstance(item, RawMessage):
                written["messages"] += 1
                written["lines"] += item.value.count(b"\n") + 1
                self._sent.append(self._send(item.topic, item.value, item.partition))
            elif isinstance(item, EndOfDay):
                written["ticks"] += 1
                self._days.append((item.at, self._sent))
                self._sent = []
                progress.day(item.on, written["lines"])
                self._settle(N_DAYS_UNDER_WAY)
        self._settle(0)
        self._settle_ticks(0)
        return written

    def _send(self, topic: str, value: bytes, partition: int) -> Sent:
        return send(self._producer, topic, value, partition, self._retrying)

    def _not_past(self, lines: Iterable[DatedLine]) -> Iterator[DatedLine]:
        """Refuse a day whose tick would not count, before anything of it is sent."""
        last = -1 if self._last is None else self._last.at
        for line in lines:
            if end_of(line.on) < last:
                raise Misused(
                    f"day {line.on}",
                    "lies before the last tick on the log, so its own tick would not count",
                    "go on from a later day with --from, or load old data into new topics",
                )
            yield line

    def _settle(self, n_left: int) -> None:
        while len(self._days) > n_left:
            at, sent = self._days.popleft()
            for message in sent:
                done = settle(self._producer, message, self._retrying)
                ends = self._ends[done.topic]
                ends[done.partition] = max(ends[done.partition], done.offset + 1)
            cut = {topic: list(ends) for topic, ends in self._ends.items()}
            tick = Tick(at, self._digest, cut)
            self._ticks.append(self._send(TICKS, encode_tick(tick), 0))
            self._settle_ticks(N_DAYS_UNDER_WAY)

    def _settle_ticks(self, n_left: int) -> None:
        while len(self._ticks) > n_left:
            settle(self._producer, self._ticks.popleft(), self._retrying)

    def close(self) -> None:
        """Let go of the connection."""
        close_quietly(self._producer)


def _ends(address: str, partitions: dict[str, int]) -> dict[str, list[int]]:
    reader = consumer(address)
    try:
        return {topic: end_offsets(reader, topic, n) for topic, n in partitions.items()}
    finally:
        close_quietly(reader)
