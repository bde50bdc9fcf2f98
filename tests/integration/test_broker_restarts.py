"""The broker goes away ten times under load: no process ends, and no byte is another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from strategies import a_case, encode

from surveillance.log import topics
from surveillance.log.partitioner import partition_of

from .cluster import Cluster, compared, dispositions, embedded_run, until
from .conftest import LEAVES_SOCKETS, started

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.campaign, LEAVES_SOCKETS]

N_RESTARTS = 10
N_CASES_EACH = 30


def test_no_worker_or_ticker_ends_when_the_broker_is_restarted_ten_times(tmp_path: Path) -> None:
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "cluster") as cluster:
        cluster.make_topics()
        workers = [cluster.work("one"), cluster.work("other")]
        ticker = cluster.run("ticker", "ticker", "--every", "0.2")
        log = cluster.log()
        log.send(
            (topics.CASES, partition_of("C", cluster.topics.cases)),
            encode(a_case("C", source="simulated")),
        )
        assert until(lambda: cluster.n_messages(topics.CONTRIBUTIONS) > 0), "nobody works yet"
        for restart in range(N_RESTARTS):
            for number in range(N_CASES_EACH):
                name = f"C{restart}-{number}"
                place = (topics.CASES, partition_of(name, cluster.topics.cases))
                log.send(place, encode(a_case(name, source="simulated")))
            broker.kill()
            time.sleep(0.5)
            broker.restart()
            assert [process.code for process in (*workers, ticker)] == [None, None, None]
        n_cases = 1 + N_RESTARTS * N_CASES_EACH

        def n_disposed() -> int:
            return sum(one.n_disposed for one in dispositions(cluster).values())

        assert until(lambda: n_disposed() >= n_cases, seconds=120, every=1.0)
        cluster.await_done()
        found = compared(cluster, embedded_run(cluster, tmp_path / "run"))

        assert found.difference is None
        assert [process.code for process in workers] == [None, None]
        assert [worker.stop() for worker in workers] == [0, 0]
        broker.kill()
        time.sleep(2.0)  # the ticker waits for a broker when it is told to end
        assert ticker.stop() == 0
        for process in (*workers, ticker):
            assert "Traceback" not in process.printed
