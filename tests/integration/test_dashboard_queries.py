"""A real worker, scraped by a real Prometheus: every panel shows something, every rule works."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import Json, prometheus, queries

from surveillance.intake.inputs import Progress, lines_of
from surveillance.log import topics
from surveillance.simulate import SCENARIOS, simulate
from surveillance.stream.loader import Loader

from .cluster import free_port, refuse_none, until

if TYPE_CHECKING:
    from .cluster import Cluster

pytestmark = [
    pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.slow, pytest.mark.campaign,
]  # fmt: skip

DEPLOY = Path(__file__).parents[2] / "deploy"
SEED = 7


def load(cluster: Cluster, data: Path, spool: Path) -> None:
    """Write the scenario, with a record among it that must be refused."""
    simulate(SCENARIOS["ucd-small"], SEED, data)
    cluster.log().send((topics.CASES, 0), b"{broken")
    lines = lines_of("folder", [data], refuse=refuse_none, spool=spool, progress=Progress())
    loader = Loader(cluster.address, cluster.configurations.current)
    loader.load(lines, progress=Progress())
    loader.close()


def test_every_panel_shows_something_of_a_real_worker_and_every_rule_is_healthy(
    cluster: Cluster, tmp_path: Path
) -> None:
    text = (DEPLOY / "grafana" / "dashboards" / "surveillance.json").read_text(encoding="utf-8")
    cluster.make_topics()
    worker = cluster.work("A")
    following = f"127.0.0.1:{free_port()}"
    url = f"sqlite:///{tmp_path / 'register.db'}"
    cluster.run("B", "register", "follow", "--url", url, "--metrics-address", following)
    assert until(lambda: worker.metric("surveillance_worker_info") == 1)
    notifying = f"127.0.0.1:{free_port()}"
    (tmp_path / "secret").write_text("0123456789abcdef", encoding="utf-8")
    (tmp_path / "notify.toml").write_text(
        '[receiver.desk]\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\n'
        f'secret_file = "{tmp_path / "secret"}"\nkinds = ["review_requested"]\n',
        encoding="utf-8",
    )
    cluster.run(
        "C", "notify", "follow", "--receivers", str(tmp_path / "notify.toml"),
        "--outbox", str(tmp_path / "outbox.db"), "--metrics-address", notifying,
    )  # fmt: skip
    scraped = {
        "longwatch-worker": [worker.address], "longwatch-register": [following],
        "longwatch-notify": [notifying],
    }  # fmt: skip
    with prometheus(DEPLOY / "prometheus", scraped) as server:
        assert until(lambda: bool(server.query("surveillance_worker_info")))
        load(cluster, tmp_path / "data", tmp_path / "spool")
        cluster.await_done()

        missing = queries(json.loads(text))
        end = time.monotonic() + 180
        while missing and time.monotonic() < end:
            time.sleep(1.0)
            missing = {
                title: left
                for title, expressions in missing.items()
                if (left := [one for one in expressions if not server.query(one)])
            }
        rules: list[Json] = [
            rule
            for group in server.get("/api/v1/rules")["data"]["groups"]
            for rule in group["rules"]
        ]

        assert missing == {}
        assert {rule["health"] for rule in rules} == {"ok"}
        assert value(server.query("sum(surveillance_records_refused_total)")) == 1
        assert value(server.query("sum(surveillance_alerts_total)")) > 0
        assert value(server.query("sum(surveillance_reviews_opened_total)")) > 0
        lines = cluster.n_messages(topics.ALERTS)
        assert value(server.query("sum(surveillance_alerts_total)")) == lines


def value(samples: list[Json]) -> float:
    return float(samples[0]["value"][1]) if samples else 0.0
