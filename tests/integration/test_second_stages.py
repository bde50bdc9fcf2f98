"""Workers with a second stage on a raw topic, and one on a derived topic, under kills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import second_stages
from second_stages import BESIDE

from surveillance.log import topics
from surveillance.log.messages import decode_message
from surveillance.stream.clients import read_all

from .cluster import ROOT, Cluster, until
from .test_shell import FIRST, assert_equal_to_a_replay, cases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .cluster import Worker

pytestmark = pytest.mark.kafka

ADDED = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import second_stages
second_stages.add()
"""
N_TICKS, N_CASES = 24, 10


@pytest.fixture
def beside() -> Iterator[None]:
    """Have the run in this process, which is compared with, hold the same stages."""
    second_stages.add()
    yield
    second_stages.remove()


@pytest.mark.usefixtures("beside")
def test_stages_that_share_a_topic_emit_the_bytes_of_a_replay_under_kills(
    cluster: Cluster, tmp_path: Path
) -> None:
    of_first, of_second = (cases(N_TICKS * N_CASES, partition) for partition in (0, 1))
    cluster.make_topics()
    log = cluster.log()
    workers: dict[str, Worker] = {
        name: cluster.work(name, prelude=ADDED) for name in ("one", "other")
    }
    for n in range(N_TICKS):
        part = slice(n * N_CASES, (n + 1) * N_CASES)
        log.send(FIRST, b"\n".join(of_first[part]))
        log.send((topics.CASES, 1), *of_second[part])
        log.tick(1_700_000_000 + 50_000 * n)
        if n % 8 == 3:
            has_moved(cluster)
            name = ("one", "other")[n // 8 % 2]
            workers[name].kill()
            workers[name] = cluster.work(name, prelude=ADDED)
    cluster.await_done()

    assert_equal_to_a_replay(cluster, tmp_path / "run")
    found = {decode_message(value).source for value in read_all(cluster.address, topics.FINDINGS)}
    assert {source.split("/")[0] for source in found} == {"screen", "watch", "admit", *BESIDE}
    for worker in workers.values():
        assert worker.stop() == 0


def has_moved(cluster: Cluster) -> None:
    """Wait until the workers are in the middle of something."""
    begin = cluster.n_messages(topics.CONTRIBUTIONS)
    assert until(lambda: cluster.n_messages(topics.CONTRIBUTIONS) > begin or begin > 0)
