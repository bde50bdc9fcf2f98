"""From intake to signal: how long a single case with a sentinel event takes to become an alert.

    python bench/latency.py [--cases N] [--every SECONDS]

A worker and `longwatch ticker` run on a real Kafka. Cases are sent one at a time, at random
instants; each names another construct, so each opens a signal of its own. Times are from the
call that sends the case to the arrival of its alert at a consumer. The budget (design 6) is a
99th percentile under 3 seconds at a tick a second.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
from kafka import TopicPartition

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from integration.cluster import Cluster, until  # noqa: E402 - found by the line above

from surveillance.configuration.reader import SHIPPED  # noqa: E402
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness  # noqa: E402
from surveillance.domain.product import key  # noqa: E402
from surveillance.log import topics  # noqa: E402
from surveillance.log.partitioner import partition_of  # noqa: E402
from surveillance.stream.clients import consumer  # noqa: E402
from surveillance.stream.local_broker import LocalBroker  # noqa: E402
from surveillance.triage.triage import signal_id  # noqa: E402

BUDGET_SECONDS = 3.0
SECONDS_FOR_ONE = 30.0
TERM = "Acute hepatic failure"
PLATFORM = "SIM-LNP-ABE"
CRITERIA = """
[[criterion]]
name = "sentinel"
rule = "sentinel"
products = ["*"]
events = ["pt:Acute hepatic failure"]
"""


def configure(directory: Path) -> Path:
    """Write the shipped configuration with a sentinel for every product."""
    directory.mkdir()
    for path in sorted((SHIPPED / "ucd").glob("*.toml")):
        text = CRITERIA if path.name == "criteria.toml" else path.read_text(encoding="utf-8")
        if path.name not in {"programmes.toml", "triage.toml"}:
            (directory / path.name).write_text(text, encoding="utf-8")
    return directory


def a_case(number: int) -> CaseVersion:
    """Return a fatal case of a product that no other case names."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return CaseVersion(
        case_id=f"SIM-{number}",
        source="simulated",
        version=1,
        kind="initial",
        received_on=msgspec.convert(today, type=date),
        products=(Product(role="suspect", product=f"SIM-{number}-ABE"),),
        events=(Event(pt=TERM, seriousness=Seriousness(death=True), outcome="fatal"),),
    )


def measure(cluster: Cluster, n_cases: int, rng: random.Random) -> np.ndarray:
    """Send the cases; return the seconds that each took."""
    log = cluster.log()
    client = consumer(cluster.address, auto_offset_reset="latest")
    place = TopicPartition(topics.ALERTS, 0)
    client.assign([place])
    client.seek_to_end(place)
    client.position(place)
    seconds: list[float] = []
    for number in range(n_cases):
        case = a_case(number)
        time.sleep(rng.uniform(0.0, 0.7))
        wanted = signal_id(key("product", case.products[0].product), key("pt", TERM), "safety")
        start = time.monotonic()
        partition = partition_of(case.case_id, cluster.topics.cases)
        log.send((topics.CASES, partition), msgspec.json.encode(case))
        seconds.append(_arrival(client, wanted) - start)
    client.close()
    return np.array(seconds)


def _arrival(client: object, subject: str) -> float:
    end = time.monotonic() + SECONDS_FOR_ONE
    while time.monotonic() < end:
        for messages in client.poll(timeout_ms=10).values():  # type: ignore[attr-defined]
            now = time.monotonic()
            if any(msgspec.json.decode(one.value)["subject"] == subject for one in messages):
                return now
    raise TimeoutError(subject)


def main() -> int:
    """Measure, print, and say by the exit code whether the budget holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--every", type=float, default=1.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="longwatch-latency-") as name:
        home = Path(name)
        configuration = configure(home / "configuration")
        with (
            LocalBroker(home / "broker") as broker,
            Cluster(broker, home / "cluster", configuration=configuration) as cluster,
        ):
            cluster.make_topics()
            worker = cluster.work("worker")
            cluster.run("ticker", "ticker", "--every", str(chosen.every))
            if not until(lambda: worker.metric("surveillance_epochs_closed_total") > 0):
                raise RuntimeError(worker.printed)
            found = measure(cluster, chosen.cases, random.Random(1))
    p50, p99 = np.quantile(found, (0.5, 0.99))
    print(
        f"{len(found)} cases, a tick each {chosen.every:g} s: "
        f"p50 {p50:.2f} s, p99 {p99:.2f} s, longest {found.max():.2f} s; "
        f"budget: p99 under {BUDGET_SECONDS:g} s"
    )
    return int(p99 >= BUDGET_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
