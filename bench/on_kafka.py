"""The pipeline on a real Kafka on this machine: CPU seconds of the workers, and time.

The log is written first. A worker begins with an empty state and stores it in RocksDB; it is
done when the last epoch's findings are written. The derived topics are made anew for every
run. What the broker and this process use is not counted, but takes part of the same cores.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from bench import data
from bench.apart import ROOT, Unfinished
from bench.machine import cpu_seconds, resident_mb
from surveillance.configuration.types import Configuration
from surveillance.intake.inputs import Progress
from surveillance.log import topics
from surveillance.log.messages import End, decode_message
from surveillance.stream import manifest
from surveillance.stream.clients import consumer, end_offsets
from surveillance.stream.loader import Loader
from surveillance.stream.local_broker import LocalBroker
from surveillance.stream.worker import GROUP

SPOKEN = (*topics.DERIVED, *topics.OUTWARD, topics.REFUSED)  # made anew before a run
STOPS_WITHIN_SECONDS = 20.0


class Log:
    """A broker with the raw topics and ticks written.

    Parameters
    ----------
    broker : LocalBroker
        It runs.
    path : Path
        Case versions, one a line.
    """

    def __init__(self, broker: LocalBroker, path: Path) -> None:
        self.address = broker.address
        self.configuration: Configuration = data.configuration()
        manifest.apply(self.address, self.configuration.topics)
        lines = data.read(path)
        loader = Loader(self.address, self.configuration)
        start = time.perf_counter()
        written = loader.load(data.dated(lines), progress=Progress())
        self.loading_seconds = time.perf_counter() - start
        loader.close()
        self.n_lines = len(lines)
        self.n_messages = written["messages"]
        self.last_epoch = written["ticks"] - 1
        self._is_spoken_on = False

    def forget_spoken(self) -> None:
        """Delete what workers wrote, and where their group stood, if any has run."""
        if not self._is_spoken_on:
            self._is_spoken_on = True
            return
        admin = KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=15_000)
        try:
            admin.delete_topics(list(SPOKEN))
            _until(lambda: not set(SPOKEN) & set(admin.list_topics()))
            admin.delete_groups([GROUP])
        finally:
            admin.close()
        manifest.apply(self.address, self.configuration.topics)


def _until(condition: Any, *, seconds: float = 30.0) -> None:  # noqa: ANN401 - a callable
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Unfinished("the broker did not do what it was asked to")
        time.sleep(0.2)


class Workers:
    """Workers of one group, each with a state of its own; ended on the way out."""

    def __init__(self, log: Log, home: Path, n: int) -> None:
        self._home = home
        home.mkdir(parents=True)
        self._processes = [self._start(log, f"worker-{index}") for index in range(n)]

    def _start(self, log: Log, name: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "surveillance", "worker", "--broker", log.address,
            "--config", str(data.CONFIGURATION), "--state", str(self._home / name),
            "--metrics-address", "off",
        ]  # fmt: skip
        with (self._home / f"{name}.log").open("wb") as out:
            return subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOPS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cpu_seconds(self) -> float:
        """Return the CPU time that they have used; raise if one has ended."""
        for index, process in enumerate(self._processes):
            if process.poll() is not None:
                log = (self._home / f"worker-{index}.log").read_text(encoding="utf-8")
                raise Unfinished(f"a worker ended with {process.returncode}: {log[-300:]}")
        return sum(cpu_seconds(process.pid) for process in self._processes)

    def resident_mb(self) -> float:
        """Return the memory that the largest has in use."""
        return max(resident_mb(process.pid) for process in self._processes)


class _Mark(NamedTuple):
    """How far the workers had come at an instant."""

    wall: float
    cpu: float
    n_read: int


class _Ends:
    """Follows who has ended which epoch on some derived topics, from here on."""

    def __init__(self, log: Log, names: tuple[str, ...]) -> None:
        # checksums in Python would take the core that a worker needs; workers check them
        self._client: KafkaConsumer = consumer(
            log.address, auto_offset_reset="earliest", check_crcs=False
        )
        self._client.assign([TopicPartition(name, 0) for name in names])
        for name in names:
            self._client.seek(TopicPartition(name, 0), end_offsets(self._client, name, 1)[0])
        self._last = log.last_epoch
        self.n_read: dict[tuple[str, int], int] = {}  # by source and epoch: as emitted, once
        self.ended: set[str] = set()  # who has ended the last epoch

    def poll(self) -> None:
        """Take in what has come."""
        for messages in self._client.poll(timeout_ms=200).values():
            for one in messages:
                message = decode_message(one.value)
                if isinstance(message, End):
                    self._take(message)

    def _take(self, end: End) -> None:
        if end.dispositions is not None and end.source.startswith("revise/"):
            self.n_read[end.source, end.epoch] = end.dispositions.n_read
        if end.epoch == self._last:
            self.ended.add(end.source)

    def close(self) -> None:
        self._client.close()


def measure(log: Log, home: Path, *, n_workers: int, seconds: float) -> dict[str, Any]:
    """Run workers from an empty state until the last epoch's findings are written."""
    log.forget_spoken()
    with Workers(log, home, n_workers) as workers:
        return _follow(log, workers, {"screen/0"}, seconds)


def measure_rebuild(log: Log, home: Path, *, seconds: float) -> dict[str, Any]:
    """Run a worker that has lost its disk, until every partition of cases is where it was."""
    wanted = {f"revise/{partition}" for partition in range(log.configuration.topics.cases)}
    with Workers(log, home, 1) as workers:
        return _follow(log, workers, wanted, seconds)


def _follow(log: Log, workers: Workers, wanted: set[str], seconds: float) -> dict[str, Any]:
    start = time.perf_counter()
    ends = _Ends(log, (topics.CONTRIBUTIONS, topics.FINDINGS))
    first: _Mark | None = None
    peak = 0.0
    while True:
        ends.poll()
        now = _Mark(time.perf_counter() - start, workers.cpu_seconds(), sum(ends.n_read.values()))
        peak = max(peak, workers.resident_mb())
        if first is None and now.n_read:
            first = now
        if wanted <= ends.ended:
            break
        if now.wall > seconds:
            raise Unfinished(f"{now.n_read:,} of {log.n_lines:,} lines after {seconds:.0f} s")
    ends.close()
    if now.n_read != log.n_lines:
        raise AssertionError(f"{log.n_lines:,} lines written, {now.n_read:,} reported as read")
    return _result(log, first or now, now, peak)


def _result(log: Log, first: _Mark, last: _Mark, peak: float) -> dict[str, Any]:
    return {
        "n_lines": log.n_lines,
        "wall_seconds": last.wall,
        "cpu_seconds": last.cpu,
        "wall_seconds_to_first": first.wall,
        "cpu_seconds_to_first": first.cpu,
        "per_cpu_second": log.n_lines / last.cpu,
        # from the first epoch seen to the last, without the start of the interpreter and Faust
        "per_cpu_second_after_start": (last.n_read - first.n_read) / (last.cpu - first.cpu),
        "per_second": log.n_lines / last.wall,
        "resident_mb": peak,
    }


@contextmanager
def log_on_broker(path: Path, home: Path) -> Iterator[Log]:
    """Start a broker, write the log, and end it with all it holds."""
    with LocalBroker(home / "broker") as broker:
        yield Log(broker, path)
    shutil.rmtree(home / "broker", ignore_errors=True)
