"""How a worker ends, and what it prints when its broker goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from strategies import AT

from .cluster import Cluster, until
from .conftest import started

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_worker_ends_in_good_order_with_and_without_its_broker(tmp_path: Path) -> None:
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "cluster") as cluster:
        cluster.make_topics()
        log = cluster.log()
        log.tick(AT)
        log.close()  # before the broker dies: kafka-python leaves sockets open where nobody answers
        one, other = cluster.work("one"), cluster.work("other")
        cluster.await_done()

        assert one.stop() == 0
        assert one.printed == ""

        broker.kill()
        assert until(lambda: other.printed != "")
        assert other.stop() == 0
        assert "Traceback" not in other.printed
        assert other.printed.count("\n") < 12

        late = cluster.work("late")
        assert late.wait() == 2
        assert f"longwatch: broker {cluster.address}: does not answer" in late.printed
        assert late.printed.count("\n") == 1
