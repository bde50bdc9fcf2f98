"""Workers are killed, paused and cut off; what they say must be what a replay says."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from strategies import a_decision, encode

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.intake.inputs import Progress, lines_of
from surveillance.log import topics
from surveillance.log.days import DatedLine
from surveillance.runs.files import FACT_FILES
from surveillance.runs.replay import replay
from surveillance.simulate import SCENARIOS, simulate
from surveillance.stream.loader import Loader
from surveillance.triage.triage import signal_id

from .cluster import UCD, Cluster, compared, dispositions, refuse_none, until
from .conftest import started

if TYPE_CHECKING:
    from surveillance.stream.parity import Comparison

pytestmark = [pytest.mark.kafka, pytest.mark.campaign]

SEED = 7
STRANGER = Path(__file__).parent / "stranger.py"
OUTWARD = [topics.ALERTS, topics.REVIEWS, topics.FEED]
PAST_THE_SESSION_SECONDS = 13.0  # a session is 10 s


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the scenario, and decisions of which some cannot be admitted or are not allowed."""
    directory = tmp_path_factory.mktemp("data")
    simulate(SCENARIOS["ucd-small"], SEED, directory)
    sentinel = signal_id("programme:SIM-CPS1", "group:acute_hepatic_failure", "safety")
    review = a_decision(sentinel, "start_validation")
    decisions = [
        review,
        review,  # repeated
        a_decision(sentinel, "close", decision_id=review.decision_id),  # said otherwise
        a_decision("S-nobody", "confirm"),  # no such signal
        a_decision(sentinel, "refute", approved_by=None, approver_role=None),  # needs two
        a_decision(sentinel, "reject_review"),
        a_decision(sentinel, "confirm"),
    ]
    text = b"".join(encode(decision) + b"\n" for decision in decisions)
    (directory / "decisions.ndjson").write_bytes(text)
    return directory


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a replay of the files says."""
    out = tmp_path_factory.mktemp("replay") / "run"
    configurations = Configurations(read_configuration(UCD))
    replay("folder", [data], out=out, configurations=configurations, clock=time.monotonic)
    return out


class Load:
    """Loads the scenario in parts, by day."""

    def __init__(self, cluster: Cluster, data: Path, spool: Path, *, n_parts: int) -> None:
        lines = list(
            lines_of("folder", [data], refuse=refuse_none, spool=spool, progress=Progress())
        )
        days = sorted({line.on for line in lines})
        bounds = [days[len(days) * part // n_parts] for part in range(n_parts)]
        self._parts: list[list[DatedLine]] = [[] for _ in range(n_parts)]
        for line in lines:
            self._parts[sum(line.on >= bound for bound in bounds) - 1].append(line)
        self._cluster = cluster

    def next(self) -> None:
        loader = Loader(self._cluster.address, self._cluster.configurations.current)
        loader.load(self._parts.pop(0), progress=Progress())
        loader.close()

    @property
    def is_over(self) -> bool:
        return not self._parts


def has_moved(cluster: Cluster, n_messages: int = 50) -> None:
    """Wait until the workers are in the middle of something."""
    begin = cluster.n_messages(topics.CONTRIBUTIONS)
    assert until(lambda: cluster.n_messages(topics.CONTRIBUTIONS) > begin + n_messages)


def assert_equal(cluster: Cluster, run: Path) -> Comparison:
    found = compared(cluster, run)
    assert found.difference is None
    assert found.n_messages[topics.REVIEWS] > 0
    assert all(one.n_lines == one.n_disposed > 0 for one in dispositions(cluster).values())
    return found


def test_after_every_fault_the_bytes_are_those_of_a_replay(
    data: Path, run: Path, tmp_path: Path
) -> None:
    with started(tmp_path / "broker") as broker, Cluster(broker, tmp_path / "cluster") as cluster:
        cluster.make_topics()
        load = Load(cluster, data, tmp_path / "spool", n_parts=4)
        load.next()
        one, other = cluster.work("one"), cluster.work("other")

        has_moved(cluster)
        one.kill()
        load.next()
        one = cluster.work("one")

        has_moved(cluster)
        other.pause()  # its partitions go to the other worker, and it comes back as a zombie
        load.next()
        time.sleep(PAST_THE_SESSION_SECONDS)
        other.resume()

        has_moved(cluster, 1)
        broker.kill()
        broker.restart()
        load.next()
        assert load.is_over
        cluster.await_done()

        found = assert_equal(cluster, run)
        assert sum(found.n_repeated.values()) > 0, "nothing was written again: no fault was one"
        assert_a_stranger_reads_the_same(cluster, run)
        for worker in (one, other):
            assert worker.stop() == 0
            assert "Traceback" not in worker.printed
            assert worker.printed.count("\n") < 30


def assert_a_stranger_reads_the_same(cluster: Cluster, run: Path) -> None:
    command = [sys.executable, "-I", str(STRANGER), cluster.address, *OUTWARD]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    for topic in OUTWARD:
        expected = (run / FACT_FILES[topic]).read_text(encoding="utf-8").splitlines()
        assert sorted(told[topic]["events"].values()) == sorted(expected)
        assert told[topic]["n_messages"] >= len(expected) > 0


def test_the_stranger_imports_nothing_of_longwatch() -> None:
    tree = ast.parse(STRANGER.read_text(encoding="utf-8"))
    imported = [
        getattr(node, "module", None) or node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert {name.split(".")[0] for name in imported} == {"json", "sys", "cloudevents", "kafka"}


@pytest.mark.parametrize(
    ("n_workers", "options"),
    [
        (1, []),
        (2, ["--in-memory"]),
        (3, []),
    ],
    ids=["1", "2-memory", "3"],
)
def test_the_bytes_do_not_depend_on_the_number_of_workers_or_their_stores(
    cluster: Cluster, data: Path, run: Path, tmp_path: Path, n_workers: int, options: list[str]
) -> None:
    cluster.make_topics()
    for name in "ABC"[:n_workers]:
        cluster.work(name, *options)
    Load(cluster, data, tmp_path / "spool", n_parts=1).next()
    cluster.await_done()

    assert_equal(cluster, run)
