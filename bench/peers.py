"""Other stream processors on the same topic, doing only the decoding.

Each reads every message of the cases, splits it into lines, and decodes each line into the
same struct; it keeps nothing, counts nothing but lines, and writes nothing. So it does less
than longwatch, and its number is an upper limit for a program on it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any
from uuid import uuid4

import msgspec

from surveillance.domain.case import CaseVersion
from surveillance.log.topics import CASES

_decode = msgspec.json.Decoder(CaseVersion).decode


class _Counted:
    """Decodes messages, and remembers when the first one came."""

    def __init__(self) -> None:
        self.n_lines = 0
        self._begun = time.perf_counter()
        self._cpu_first: float | None = None
        self._last = (0.0, 0.0)

    def take(self, value: bytes) -> int:
        """Decode every line of a message."""
        if self._cpu_first is None:
            self._cpu_first = time.process_time()
        lines = value.split(b"\n")
        for line in lines:
            _decode(line)
        self.n_lines += len(lines)
        self._last = (time.process_time(), time.perf_counter() - self._begun)
        return len(lines)

    def result(self, n_lines: int) -> dict[str, Any]:
        """Return the rates; raise unless every line was decoded."""
        if self.n_lines != n_lines or self._cpu_first is None:
            raise AssertionError(f"{n_lines:,} lines written, {self.n_lines:,} decoded")
        cpu, wall = self._last
        return {
            "n_lines": n_lines,
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "cpu_seconds_to_first": self._cpu_first,
            "per_cpu_second": n_lines / cpu,
            "per_cpu_second_after_start": n_lines / (cpu - self._cpu_first),
            "per_second": n_lines / wall,
        }


def quix(address: str, n_lines: int, n_messages: int) -> dict[str, Any]:
    """Decode with Quix Streams."""
    quixstreams: Any = import_module("quixstreams")
    logging.disable(logging.WARNING)
    counted = _Counted()
    application = quixstreams.Application(
        broker_address=address,
        consumer_group=f"bench-{uuid4().hex}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel=None,
    )
    frame = application.dataframe(application.topic(CASES, value_deserializer="bytes"))
    frame.update(counted.take)
    application.run(count=n_messages, collect=False)
    return counted.result(n_lines)


def bytewax(address: str, n_lines: int, n_messages: int) -> dict[str, Any]:
    """Decode with Bytewax, which ends where the topic does."""
    operators: Any = import_module("bytewax.operators")
    kafka: Any = import_module("bytewax.connectors.kafka")
    testing: Any = import_module("bytewax.testing")
    counted = _Counted()
    flow = import_module("bytewax.dataflow").Dataflow("bench")
    source = kafka.KafkaSource([address], [CASES], tail=False)
    messages = operators.input("cases", flow, source)
    decoded: list[int] = []
    lines = operators.map("decode", messages, lambda message: counted.take(message.value))
    operators.output("counts", lines, testing.TestingSink(decoded))
    testing.run_main(flow)
    if len(decoded) != n_messages:
        raise AssertionError(f"{n_messages:,} messages written, {len(decoded):,} read")
    return counted.result(n_lines)


def client_alone(address: str, n_lines: int, n_messages: int) -> dict[str, Any]:
    """Decode with librdkafka's consumer and nothing else: what a process can hope for."""
    confluent: Any = import_module("confluent_kafka")
    counted = _Counted()
    consumer = confluent.Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bench-{uuid4().hex}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([CASES])
    n_left = n_messages
    while n_left:
        for message in consumer.consume(min(n_left, 100), 1.0):
            counted.take(message.value())
            n_left -= 1
    consumer.close()
    return counted.result(n_lines)


PEERS: dict[str, Callable[[str, int, int], dict[str, Any]]] = {
    "quix": quix,
    "bytewax": bytewax,
    "client_alone": client_alone,
}
