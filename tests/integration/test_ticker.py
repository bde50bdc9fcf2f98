"""Records arrive while `longwatch ticker` cuts the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from strategies import a_case, encode

from surveillance.log import topics
from surveillance.log.partitioner import partition_of

from .cluster import Cluster, compared, dispositions, embedded_run, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

N_BATCHES, N_A_BATCH = 6, 10
N_CASES = N_BATCHES * N_A_BATCH


def n_said(cluster: Cluster) -> int:
    return sum(one.n_disposed for one in dispositions(cluster).values())


def assert_it_ticks(cluster: Cluster, *, since: int) -> None:
    assert until(lambda: cluster.n_messages(topics.TICKS) > since), (
        "it cut nothing while records came"
    )


def test_what_arrives_while_the_ticker_runs_is_folded_once_and_as_a_replay_does(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.make_topics()
    worker = cluster.work("A")
    tickers = [cluster.run(name, "ticker", "--every", "0.2") for name in ("ticker", "a second one")]
    log = cluster.log()
    for batch in range(N_BATCHES):
        n_ticks = cluster.n_messages(topics.TICKS)
        for number in range(batch * N_A_BATCH, (batch + 1) * N_A_BATCH):
            line = encode(a_case(f"C{number}", source="simulated"))
            partition = partition_of(f"C{number}", cluster.topics.cases)
            log.send((topics.CASES, partition), line)
        assert_it_ticks(cluster, since=n_ticks)

    assert until(lambda: n_said(cluster) == N_CASES, every=1.0)
    assert [ticker.stop() for ticker in tickers] == [0, 0]
    assert [ticker.printed for ticker in tickers] == ["", ""]
    cluster.await_done()

    found = compared(cluster, embedded_run(cluster, tmp_path / "run"))
    assert found.difference is None
    assert worker.metric("surveillance_records_total", disposition="applied") == N_CASES


def test_a_ticker_is_silent_while_nothing_arrives(cluster: Cluster) -> None:
    cluster.make_topics()
    ticker = cluster.run("ticker", "ticker", "--every", "0.1")
    assert until(lambda: cluster.n_messages(topics.TICKS) == 1)

    assert not until(lambda: cluster.n_messages(topics.TICKS) > 1, seconds=3)
    assert ticker.stop() == 0
