from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from servers import refuse

from surveillance.stream import local_broker
from surveillance.stream.local_broker import BrokerFailed, BrokerMissing, LocalBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
TOPIC = "cases-received.v1"


@contextmanager
def started(directory: Path) -> Iterator[LocalBroker]:
    try:
        broker = LocalBroker(directory)
        broker.restart()
    except BrokerMissing as error:
        refuse(str(error))
    with broker:
        yield broker


def make_topic(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    admin.close()


def send(address: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    for value in values:
        producer.send(TOPIC, value, partition=0).get(timeout=180)
    producer.close()


def read(address: str, n_values: int) -> list[bytes]:
    partition = TopicPartition(TOPIC, 0)
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    consumer.assign([partition])
    values: list[bytes] = []
    end = time.monotonic() + 180
    while len(values) < n_values and time.monotonic() < end:
        got = consumer.poll(timeout_ms=500)
        values += [record.value for record in got.get(partition, [])]
    consumer.close()
    return values


def is_running(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def becomes(condition: Callable[[], bool], *, seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def processes_about(directory: Path) -> list[str]:
    """Command lines that name the directory, from every process of this machine."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [line for line in lines if str(directory) in line]


@pytest.mark.kafka
def test_a_broker_keeps_its_records_over_a_kill_and_leaves_no_process(tmp_path: Path) -> None:
    with started(tmp_path) as broker:
        address = broker.address
        make_topic(address)
        send(address, [b"one", b"two"])
        assert read(address, 2) == [b"one", b"two"]

        broker.kill()
        assert processes_about(tmp_path) == []
        broker.restart()
        send(broker.address, [b"three"])

        assert broker.address == address
        assert read(address, 3) == [b"one", b"two", b"three"]
        assert len(processes_about(tmp_path)) == 1

    assert broker.pid is None
    assert processes_about(tmp_path) == []


@pytest.mark.kafka
@pytest.mark.campaign
def test_a_paused_broker_says_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    with started(tmp_path) as broker:
        make_topic(broker.address)
        producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
        producer.send(TOPIC, b"before", partition=0).get(timeout=180)

        broker.pause()
        waiting = producer.send(TOPIC, b"during", partition=0)
        time.sleep(1)
        assert not waiting.is_done

        broker.resume()
        waiting.get(timeout=180)
        producer.close()
        assert read(broker.address, 2) == [b"before", b"during"]


@pytest.mark.kafka
@pytest.mark.campaign
def test_a_paused_broker_is_ended_all_the_same_when_its_user_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_broker, "_STOP_SECONDS", 300.0)  # a busy machine may need them

    class UserError(Exception):
        pass

    def use() -> None:
        with started(tmp_path) as broker:
            broker.pause()
            raise UserError

    with pytest.raises(UserError):
        use()

    log = (tmp_path / "broker.log").read_text(encoding="utf-8")
    assert "shut down completed" in log, "it was killed, and did not end of itself"
    assert processes_about(tmp_path) == []


@pytest.mark.kafka
@pytest.mark.campaign
def test_a_broker_does_not_outlive_a_user_that_was_killed(tmp_path: Path) -> None:
    with started(tmp_path):
        pass  # refuses here if there is no Kafka; the storage is formatted now
    script = (
        "import sys, time; from pathlib import Path\n"
        "from surveillance.stream.local_broker import LocalBroker\n"
        "with LocalBroker(Path(sys.argv[1])) as broker:\n"
        "    print(broker.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as user:
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        assert is_running(pid)

        user.send_signal(signal.SIGKILL)

    assert becomes(lambda: not is_running(pid))


@pytest.mark.kafka
def test_a_broker_that_cannot_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    with started(tmp_path / "first") as first:
        port = int(first.address.split(":")[1])
        second = LocalBroker(tmp_path / "second", port=port)

        with pytest.raises(BrokerFailed, match="Address already in use"):
            second.restart()

        assert processes_about(tmp_path / "second") == []


def test_a_broker_without_jars_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("LONGWATCH_KAFKA_LIBS", str(tmp_path / "nothing"))

    with pytest.raises(BrokerMissing, match="make kafka") as caught, LocalBroker(tmp_path / "b"):
        pass

    assert str(tmp_path / "nothing") in str(caught.value)


def test_a_broker_without_java_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(BrokerMissing, match="install Java 17"), LocalBroker(tmp_path / "b"):
        pass


def test_a_broker_with_an_old_java_says_which_one_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho UnsupportedClassVersionError >&2; exit 1\n", encoding="utf-8")
    java.chmod(0o755)
    (tmp_path / "kafka_2.13-4.1.0.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with (
        pytest.raises(BrokerMissing, match="needs Java 17"),
        LocalBroker(tmp_path / "b", libs=tmp_path),
    ):
        pass
