"""A broker and workers as processes of their own, and every way to hurt them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
from kafka import KafkaProducer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError, TopicAlreadyExistsError

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.log import topics
from surveillance.log.messages import End, decode_message
from surveillance.log.ticks import Tick, Timeline, encode_tick
from surveillance.log.topics import raw_partitions
from surveillance.runs.directory import RunDirectory
from surveillance.runs.in_process import Embedded
from surveillance.stream import manifest
from surveillance.stream.clients import admin_client, consumer, end_offsets, producer, read_all
from surveillance.stream.parity import Comparison, compare
from surveillance.stream.worker import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from surveillance.domain.contribution import Dispositions
    from surveillance.intake.format import Unusable
    from surveillance.log.ticks import Place
    from surveillance.stream.local_broker import LocalBroker

ROOT = Path(__file__).parents[2]
UCD = SHIPPED / "ucd"
STOPS_WITHIN_SECONDS = 120.0
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)


def until(condition: Callable[[], bool], *, seconds: float = 180.0, every: float = 0.1) -> bool:
    """Wait for a condition; say whether it came about."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


class Process:
    """One `longwatch` command, with what it prints.

    A prelude is Python that runs in the process before the command: a defect, say.
    """

    def __init__(self, arguments: list[str], log: Path, *, prelude: str = "") -> None:
        self.log = log
        program = f"{prelude}\nfrom surveillance.cli import main\nmain()"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float = 180.0) -> int:
        """Return the exit code."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """End it as a supervisor does; return the exit code."""
        self.resume()
        self._process.terminate()
        return self._process.wait(STOPS_WITHIN_SECONDS)

    def rss_bytes(self) -> int:
        """Return the memory in use."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * 1_024


class Worker(Process):
    """A worker with its own state directory and metrics address."""

    def __init__(self, arguments: list[str], log: Path, address: str, *, prelude: str = "") -> None:
        self.address = address
        super().__init__([*arguments, "--metrics-address", address], log, prelude=prelude)

    def ports(self) -> set[int]:
        """Return every port that the process listens on."""
        links = Path(f"/proc/{self.pid}/fd").iterdir()
        sockets = {str(link.readlink()) for link in links if link.is_symlink()}
        found = set()
        for name in ("tcp", "tcp6"):
            for line in Path(f"/proc/{self.pid}/net/{name}").read_text("ascii").splitlines()[1:]:
                fields = line.split()
                is_listening = fields[3] == "0A"
                if is_listening and f"socket:[{fields[9]}]" in sockets:
                    found.add(int(fields[1].rpartition(":")[2], 16))
        return found

    def metric(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=60) as answer:
                text = answer.read().decode()
        except OSError:
            return 0.0
        wanted = {f'{name}="{value}"' for name, value in labels.items()}
        return sum(
            float(found["value"])
            for found in _SAMPLE.finditer(text)
            if found["name"] == metric and wanted <= set((found["labels"] or "").split(","))
        )


class Cluster:
    """Workers on one broker.

    Parameters
    ----------
    broker : LocalBroker
        It runs.
    home : Path
        For states and logs.
    configuration : Path
        The directory that every process is given.
    """

    def __init__(self, broker: LocalBroker, home: Path, *, configuration: Path = UCD) -> None:
        self.broker, self.home, self.configuration = broker, home, configuration
        self.configurations = Configurations(read_configuration(configuration))
        self.topics = self.configurations.current.topics
        self.processes: dict[str, Process] = {}
        self._logs: list[Log] = []
        home.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self.processes.values():
            process.resume()
            process.kill()
        for log in self._logs:
            log.close()
        if error is not None:
            for name, process in self.processes.items():
                print(f"---- {name} printed\n{process.printed[-4_000:]}")

    @property
    def address(self) -> str:
        return self.broker.address

    def make_topics(self) -> None:
        """Make them; those of the test before may still be on their way out."""

        def are_made() -> bool:
            with suppress(TopicAlreadyExistsError):
                manifest.apply(self.address, self.topics)
            return not manifest.differences(self.address, self.topics)

        assert until(are_made)

    def forget(self) -> None:
        """Delete every topic and the consumer group."""
        admin = admin_client(self.address)
        try:
            names = [name for name in admin.list_topics() if not name.startswith("__")]
            if names:
                admin.delete_topics(names)
                assert until(lambda: not set(names) & set(admin.list_topics()))
            with suppress(CoordinatorNotAvailableError):  # there was never a group
                admin.delete_groups([GROUP])
        finally:
            admin.close()

    def options(self) -> list[str]:
        return ["--broker", self.address, "--config", str(self.configuration)]

    def work(self, name: str, *options: str, prelude: str = "") -> Worker:
        """Start a worker; a name that was used before goes on from its state."""
        arguments = ["worker", *self.options(), "--state", str(self.home / name), *options]
        address = f"127.0.0.1:{free_port()}"
        worker = Worker(arguments, self.home / f"{name}.log", address, prelude=prelude)
        self.processes[name] = worker
        return worker

    def run(self, name: str, *arguments: str) -> Process:
        """Start another command."""
        self.processes[name] = Process([*arguments, *self.options()], self.home / f"{name}.log")
        return self.processes[name]

    def log(self) -> Log:
        """Return what writes on the raw topics and the ticks."""
        self._logs.append(Log(self))
        return self._logs[-1]

    def last_epoch(self) -> int:
        """Return the last epoch about which anybody must speak; -1 if there is none."""
        raw = raw_partitions(self.topics)
        timeline = Timeline(raw)
        for offset, value in enumerate(read_all(self.address, topics.TICKS)):
            timeline.feed(offset, value or b"")
        places = [(topic, partition) for topic, n in raw.items() for partition in range(n)]
        moved = (
            epoch
            for epoch, tick, before in timeline.steps(-1)
            if any(tick.moved(before, place) for place in places)
        )
        return max(moved, default=-1)

    def n_messages(self, topic: str, partition: int = 0) -> int:
        client = consumer(self.address)
        try:
            return end_offsets(client, topic, partition + 1)[partition]
        finally:
            client.close()

    def is_done(self, epoch: int) -> bool:
        """Tell whether triage has ended an epoch: then everything before it has."""
        return any(
            message.epoch == epoch and isinstance(message, End)
            for message in map(decode_message, read_all(self.address, topics.SIGNALS))
        )

    def await_done(self, *, seconds: float = 900.0) -> None:
        """Wait until the last tick's epoch is done, and the feed with it."""
        epoch = self.last_epoch()
        assert until(lambda: self.is_done(epoch), seconds=seconds, every=0.5), "not done"


def refuse_none(unusable: Unusable) -> None:
    """Fail on a row that intake cannot use: what is simulated is usable."""
    raise AssertionError(unusable)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Log:
    """Writes on the raw topics and the ticks, as a stranger with any client could."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._digest = cluster.configurations.current.digest
        self._partitions = raw_partitions(cluster.topics)
        self.producer: KafkaProducer = producer(cluster.address)

    def send(self, place: Place, *values: bytes | None) -> int:
        """Write messages; return the offset of the last."""
        sent = [
            self.producer.send(place[0], key=b"", value=value, partition=place[1])
            for value in values
        ]
        offset: int = [one.get(timeout=180) for one in sent][-1].offset
        return offset

    def ends(self) -> dict[str, list[int]]:
        client = consumer(self._cluster.address)
        try:
            return {topic: end_offsets(client, topic, n) for topic, n in self._partitions.items()}
        finally:
            client.close()

    def tick(self, at: int, **changes: Any) -> Tick:  # noqa: ANN401 - fields of a tick
        """Cut an epoch here."""
        tick = msgspec.structs.replace(Tick(at, self._digest, self.ends()), **changes)
        self.send((topics.TICKS, 0), encode_tick(tick))
        return tick

    def close(self) -> None:
        self.producer.close()


class Counted(NamedTuple):
    """Lines of one raw partition, and what became of them."""

    n_lines: int
    n_disposed: int


def whole_log(cluster: Cluster) -> dict[Place, list[bytes]]:
    """Read every raw partition, the ticks, and the topics that hold dispositions."""
    raw = [(topic, p) for topic, n in raw_partitions(cluster.topics).items() for p in range(n)]
    places = [*raw, (topics.TICKS, 0), (topics.CONTRIBUTIONS, 0), (topics.FINDINGS, 0)]
    found: dict[Place, list[bytes]] = {place: [] for place in places}
    client = consumer(cluster.address, auto_offset_reset="earliest")
    try:
        wanted = [TopicPartition(*place) for place in places]
        client.assign(wanted)
        client.seek_to_beginning(*wanted)
        ends = client.end_offsets(wanted)
        while any(client.position(place) < ends[place] for place in wanted):
            for place, messages in client.poll(timeout_ms=1_000).items():
                found[place.topic, place.partition] += [m.value or b"" for m in messages]
    finally:
        client.close()
    return found


def embedded_run(cluster: Cluster, out: Path) -> Path:
    """Run the log that is on the broker in this process; return the run directory."""
    log = whole_log(cluster)
    with RunDirectory(out, cluster.configurations.current) as sink:
        run = Embedded(cluster.configurations, sink)
        for place in log.keys() & {(t, p) for t in topics.RAW for p in range(cluster.topics.cases)}:
            for value in log[place]:
                run.put(*place, value)
        for value in log[topics.TICKS, 0]:
            run.take_tick(value)
    summary = {"status": "finished", "dispositions": sink.dispositions}
    (out / "run.json").write_bytes(msgspec.json.encode(summary))
    return out


def compared(cluster: Cluster, run: Path, *, seconds: float = 180.0) -> Comparison:
    """Compare what was said on Kafka with a run directory."""
    return compare(run, cluster.address, until=time.monotonic() + seconds, clock=time.monotonic)


def n_lines(values: Iterable[bytes]) -> int:
    """Count lines as a producer would: a message without LF is one."""
    return sum(value.removesuffix(b"\n").count(b"\n") + 1 for value in values)


def dispositions(cluster: Cluster) -> dict[Place, Counted]:
    """Compare what lies on each raw partition with what the stages said became of it."""
    log = whole_log(cluster)
    said: dict[tuple[str, int], Dispositions] = {}
    for topic in (topics.CONTRIBUTIONS, topics.FINDINGS):
        for message in map(decode_message, log[topic, 0]):
            if isinstance(message, End) and message.dispositions is not None:
                said[message.source, message.epoch] = message.dispositions
    disposed: Counter[Place] = Counter()
    for row in said.values():
        disposed[row.topic, row.partition] += (
            row.applied + row.superseded + row.repeated + row.refused + row.control
        )
    return {
        place: Counted(n_lines(values), disposed[place])
        for place, values in log.items()
        if place[0] in topics.RAW
    }
