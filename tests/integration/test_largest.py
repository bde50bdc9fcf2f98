"""Valid data that is as large as it may be goes through Kafka: no message is too large for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from largest import ACTIONS, N_CONSTRUCTS, N_ID, N_REASON, name
from strategies import AT, a_case, a_decision, encode

from surveillance.domain.case import Event, Product
from surveillance.log import topics
from surveillance.log.messages import N_MESSAGE_BYTES_MAX
from surveillance.log.partitioner import partition_of
from surveillance.stream.clients import read_all
from surveillance.triage.triage import signal_id

from .cluster import Cluster
from .test_shell import FIRST, assert_equal_to_a_replay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.campaign]

N_CASES = 26
SIGNAL = signal_id("programme:SIM-CPS1", "group:acute_hepatic_failure", "safety")


def cases() -> list[bytes]:
    """Return cases of one partition, each of which names constructs of its own."""
    ids = [f"C{n}" for n in range(400) if partition_of(f"C{n}", 4) == FIRST[1]][:N_CASES]
    return [
        encode(
            a_case(
                case_id,
                source="simulated",
                products=tuple(
                    Product(
                        role="suspect", product="P", programme="SIM-CPS1",
                        construct=name(f"{case_id} {n} "),
                    )
                    for n in range(N_CONSTRUCTS)
                ),
                events=(Event(pt="Acute hepatic failure", outcome="fatal"),),
            )
        )
        for case_id in ids
    ]  # fmt: skip


def decisions() -> list[bytes]:
    """Return decisions that the life cycle allows, each with the longest reason."""
    return [
        encode(
            a_decision(
                SIGNAL, action,
                decision_id=f"D{n}",
                decided_by=name("first", n=N_ID),
                approved_by=name("second", n=N_ID),
                reason=name("because ", n=N_REASON),
            )
        )
        for n, action in enumerate(ACTIONS)
    ]  # fmt: skip


def test_no_worker_ends_on_the_largest_valid_data(cluster: Cluster, tmp_path: Path) -> None:
    cluster.make_topics()
    log = cluster.log()
    for number, case in enumerate(cases()):
        log.send(FIRST, case)
        log.tick(AT + number)
    for number, decision in enumerate(decisions()):
        log.send((topics.DECISIONS, 0), decision)
        log.tick(AT + 100 + number)
    worker = cluster.work("A")
    cluster.await_done()

    assert_equal_to_a_replay(cluster, tmp_path / "run")
    for topic in (*topics.DERIVED, *topics.OUTWARD):
        sizes = [len(value) for value in read_all(cluster.address, topic)]
        assert max(sizes) <= N_MESSAGE_BYTES_MAX
    signals = b"".join(read_all(cluster.address, topics.SIGNALS))
    assert b'"n_steps":%d' % (1 + len(ACTIONS)) in signals
    assert worker.stop() == 0
