"""Other stream processors on the same topic, doing only the decoding.

Each reads every message of the cases, splits it into lines, and decodes each line into the
same struct; it keeps nothing, counts nothing but lines, and writes nothing. So it does less
than longwatch, and its number is an upper limit for a program on it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec

from surveillance.core.topics import CASES
from surveillance.domain.case import CaseVersion

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
    from quixstreams import Application  # noqa: PLC0415 - one peer a process

    logging.disable(logging.WARNING)
    counted = _Counted()
    application = Application(
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


def bytewax(address: str, n_lines: int, n_messages: int) -> dict[str, Any]:  # noqa: ARG001 - it ends with the topic
    """Decode with Bytewax."""
    import bytewax.operators as op  # noqa: PLC0415 - as above
    from bytewax.connectors.kafka import KafkaSource  # noqa: PLC0415
    from bytewax.dataflow import Dataflow  # noqa: PLC0415
    from bytewax.outputs import DynamicSink, StatelessSinkPartition  # noqa: PLC0415
    from bytewax.testing import run_main  # noqa: PLC0415

    class Nowhere(StatelessSinkPartition[int]):  # type: ignore[misc] # bytewax has no types here
        def write_batch(self, items: list[int]) -> None:
            pass

    class Sink(DynamicSink[int]):  # type: ignore[misc] # as above
        def build(self, step_id: str, worker_index: int, worker_count: int) -> Nowhere:  # noqa: ARG002
            return Nowhere()

    counted = _Counted()
    flow = Dataflow("bench")
    source = KafkaSource([address], [CASES], tail=False)
    messages = op.input("cases", flow, source)
    op.output("nowhere", op.map("decode", messages, lambda m: counted.take(m.value)), Sink())
    run_main(flow)
    return counted.result(n_lines)


def clients_alone(address: str, n_lines: int, n_messages: int) -> dict[str, Any]:  # noqa: ARG001
    """Decode with librdkafka's consumer and nothing else: what a process can hope for."""
    from confluent_kafka import Consumer  # noqa: PLC0415 - as above

    counted = _Counted()
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bench-{uuid4().hex}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([CASES])
    while counted.n_lines < n_lines:
        for message in consumer.consume(100, 1.0):
            counted.take(message.value())
    consumer.close()
    return counted.result(n_lines)


PEERS: dict[str, Callable[[str, int, int], dict[str, Any]]] = {
    "quix": quix,
    "bytewax": bytewax,
    "clients_alone": clients_alone,
}
