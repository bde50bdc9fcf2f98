"""A real Kafka on this machine, for the demo, the tests and the benches.

It is Apache Kafka itself, one KRaft node started from its jars, so what is tried on it holds.
Its faults are real too: `kill` is SIGKILL and `pause` is SIGSTOP.

A broker must not outlive whoever started it. Leaving the ``with`` block ends it; and a guard
process holds a pipe from this one, and kills the broker when the pipe closes, as it does
however this process ends, SIGKILL included.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from types import TracebackType

_DEPLOY = Path(__file__).parents[2] / "deploy" / "kafka"
_START_SECONDS = 180.0  # of a JVM, on a machine that is busy
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1
# Below the range from which Linux takes the ports of outgoing connections (32768 and above).
# In that range a client that tries to reach a dead broker can be given the broker's own port,
# connects to itself, and the broker cannot bind when it comes back.
_PORTS = range(20_000, 32_000)
# Waits for a line or the end of its input, then kills the process group that it was given.
_GUARD = 'read -r _; kill -s KILL -- "-$1"'


class BrokerMissing(RuntimeError):  # noqa: N818  a thing to install, as FileNotFound is a thing to find
    """Java or the jars of Kafka are not on this machine; the message says what to do."""


class BrokerFailed(RuntimeError):  # noqa: N818  named as its sibling is
    """The broker ended, or did not answer in time; the message ends with its log."""


class LocalBroker:
    """Run one Kafka node on loopback.

    Parameters
    ----------
    directory : Path
        Where the broker keeps its settings, logs and topics. A directory that a broker used
        before is used again, with what is in it.
    port : int, optional
        The port that clients connect to; a free one if not given. It stays the same over
        `restart`.
    libs : Path, optional
        The directory with Kafka's jars. The default is the environment's
        ``LONGWATCH_KAFKA_LIBS``, else ``deploy/kafka/libs`` in the repository.
    heap : str, optional
        The size of the Java heap, as ``java -Xmx`` takes it.

    Raises
    ------
    BrokerMissing
        On entry, if Java, the jars or the settings are not there.
    BrokerFailed
        On entry, if the broker does not answer within a minute.

    Notes
    -----
    A killed broker keeps what it acknowledged: the pages were given to the kernel. Only the
    loss of the machine could lose them.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        libs: Path | None = None,
        heap: str = "512m",
    ) -> None:
        self._directory = directory.resolve()
        self._libs = libs or Path(os.environ.get("LONGWATCH_KAFKA_LIBS") or _DEPLOY / "libs")
        self._heap = heap
        with ExitStack() as held:  # both at once, so that they differ
            self._port = port or _free_port(held)
            self._controller_port = _free_port(held)
        self._broker: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._broker is None:
            self.restart()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """The ``host:port`` that clients connect to."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id of the broker, or None while it is down."""
        return self._broker.pid if self._broker else None

    @property
    def log(self) -> Path:
        """The file with what the broker printed."""
        return self._directory / "broker.log"

    def kill(self) -> None:
        """End the broker by SIGKILL, as a machine's failure would."""
        self._signal(signal.SIGKILL)
        self._reap()

    def pause(self) -> None:
        """Stop the broker's clock by SIGSTOP, as a stalled machine would; see `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Start the broker, ending it first if it runs, and wait until it answers.

        After `kill` that takes some 13 s, as it would in service: the controller lets the dead
        broker's lease (9 s) run out. After `stop` it takes some 4 s.

        Raises
        ------
        BrokerMissing
            If Java, the jars or the settings are not there.
        BrokerFailed
            If the broker ends or does not answer within a minute; it is then gone.
        """
        self.stop()
        java = self._java()
        try:
            self._format(java)
            self._start(java)
            self._wait_until_it_answers()
        except BaseException:  # an interrupt too: no broker may outlive its starter
            self.kill()
            raise

    def stop(self) -> None:
        """End the broker in order; after half a minute, by SIGKILL. Do nothing if it is down."""
        if self._broker is None:
            return
        self.resume()  # a paused process would not see the next signal
        self._signal(signal.SIGTERM)
        try:
            self._broker.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def _java(self) -> list[str]:
        java = _find_java()
        if not list(self._libs.glob("kafka_*.jar")):
            raise BrokerMissing(
                f"no jars of Kafka in {self._libs}: run `make kafka` (Java 17 and Maven), "
                "or set LONGWATCH_KAFKA_LIBS to the libs directory of a Kafka 4.1"
            )
        if not (_DEPLOY / "server.properties").is_file():
            raise BrokerMissing(f"no {_DEPLOY / 'server.properties'}: run from the repository")
        return [
            java,
            f"-Xmx{self._heap}",
            f"-Dlog4j2.configurationFile={_DEPLOY / 'log4j2.xml'}",
            "-cp",
            f"{self._libs}/*",
        ]

    def _format(self, java: list[str]) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(self._settings(), encoding="utf-8")
        if (self._data / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={_new_cluster_id()}"]
        command = [*java, *tool, "--config", str(self._properties)]
        done = subprocess.run(  # noqa: S603  our own java, by its path, without a shell
            command, capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
        if "UnsupportedClassVersionError" in done.stderr:
            raise BrokerMissing(f"{java[0]} is too old: Kafka 4.1 needs Java 17, install it")
        if done.returncode:
            raise BrokerFailed(f"the storage could not be formatted: {done.stdout}{done.stderr}")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _properties(self) -> Path:
        return self._directory / "server.properties"

    def _cluster_id(self) -> str:
        lines = (self._data / "meta.properties").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]

    def _settings(self) -> str:
        controller = f"127.0.0.1:{self._controller_port}"
        own = {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": str(self._data),
        }
        base = (_DEPLOY / "server.properties").read_text(encoding="utf-8")
        return base + "\n# This broker.\n" + "".join(f"{k}={v}\n" for k, v in own.items())

    def _start(self, java: list[str]) -> None:
        with self.log.open("ab") as log:
            self._broker = subprocess.Popen(  # noqa: S603  our own java, by its path, without a shell
                [*java, "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # an interrupt from the keyboard is ours to handle, not its
            )
        self._guard = subprocess.Popen(  # noqa: S603  a fixed script and a number
            ["/bin/sh", "-c", _GUARD, "guard", str(self._broker.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._broker is None or self._broker.poll() is not None:
                raise BrokerFailed(f"the broker ended at its start; its log says:\n{self._tail()}")
            if _answering_cluster(self.address) == self._cluster_id():
                return
            time.sleep(_POLL_SECONDS)
        raise BrokerFailed(
            f"the broker did not answer in {_START_SECONDS:.0f} s; its log says:\n{self._tail()}"
        )

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = [line for line in lines if not line.startswith("\t")]  # without the stack's frames
        return "\n".join(shown[-15:])

    def _signal(self, number: signal.Signals) -> None:
        if self._broker is not None and self._broker.poll() is None:
            os.killpg(self._broker.pid, number)

    def _reap(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None and guard.stdin is not None:
            guard.kill()  # before the pid that it names is free for another process
            guard.wait()
            guard.stdin.close()
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.wait()


def _find_java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise BrokerMissing("no java found: install Java 17 and Maven, then run `make kafka`")
    return java


def _free_port(held: ExitStack) -> int:
    for _ in range(100):
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        probe = held.enter_context(socket.socket())
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise BrokerFailed(f"no free port found from {_PORTS.start} to {_PORTS.stop - 1}")


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _answering_cluster(address: str) -> str | None:
    """Return the cluster that answers, once its node has joined: only then have topics leaders."""
    host, port = address.split(":")
    try:
        # First a bare connection: the client would answer a refused one by waiting, up to 30 s.
        socket.create_connection((host, int(port)), timeout=1).close()
        admin = KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000)
    except (KafkaError, OSError):
        return None
    try:
        cluster = admin.describe_cluster()
    except (KafkaError, OSError):
        return None
    finally:
        admin.close()
    return cluster["cluster_id"] if cluster["brokers"] else None
