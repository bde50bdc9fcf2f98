"""What the shell must do; docs/validation/faults.md says which test is for what."""

from __future__ import annotations

import urllib.error
import urllib.request
from itertools import count
from typing import TYPE_CHECKING

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import MessageSizeTooLargeError
from kafka.structs import OffsetAndMetadata
from strategies import AT, SECONDS_A_DAY, a_case, encode

from surveillance.domain.contribution import Contribution, Exposure
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log import topics
from surveillance.log.messages import Batch, decode_message
from surveillance.log.partitioner import partition_of
from surveillance.stream.clients import admin_client, read_all
from surveillance.stream.manifest import manifest
from surveillance.stream.worker import GROUP

from .cluster import Cluster, Log, compared, dispositions, embedded_run, until

if TYPE_CHECKING:
    from pathlib import Path

    from surveillance.log.ticks import Place

pytestmark = pytest.mark.kafka

N_PARTITIONS = 4
FIRST: Place = (topics.CASES, 0)
MEGABYTE = 1_048_576


def cases(n: int, partition: int = 0, *, source: str = "simulated") -> list[bytes]:
    """Return lines of different cases that belong to a partition."""
    ids = (f"C{number}" for number in count())
    own = (name for name in ids if partition_of(name, N_PARTITIONS) == partition)
    return [encode(a_case(name, source=source)) for name, _ in zip(own, range(n), strict=False)]


def written(cluster: Cluster, *values: bytes | None) -> Log:
    """Make the topics, and write messages on the first partition of the cases, without a tick."""
    cluster.make_topics()
    log = cluster.log()
    log.send(FIRST, *values)
    return log


def assert_equal_to_a_replay(cluster: Cluster, out: Path) -> dict[str, int]:
    """Compare bytes and dispositions; return how many messages were written again, by topic."""
    found = compared(cluster, embedded_run(cluster, out))
    assert found.difference is None
    assert all(one.n_lines == one.n_disposed for one in dispositions(cluster).values())
    assert found.n_messages[topics.CONTRIBUTIONS] > 0
    return found.n_repeated


# Where a worker starts


def commit(cluster: Cluster, offsets: dict[Place, int]) -> None:
    """Commit to the workers' group, as a mistaken operator would."""
    client = KafkaConsumer(
        bootstrap_servers=cluster.address, group_id=GROUP, enable_auto_commit=False
    )
    wrong = {
        TopicPartition(*place): OffsetAndMetadata(offset, "", -1)
        for place, offset in offsets.items()
    }
    client.assign(list(wrong))
    client.commit(wrong)
    client.close()


def test_a_worker_starts_where_its_states_end_and_not_where_the_group_committed(
    cluster: Cluster, tmp_path: Path
) -> None:
    log = written(cluster, *cases(10))
    log.tick(AT)
    first = cluster.work("A")
    cluster.await_done()
    assert first.stop() == 0
    log.send(FIRST, *cases(20)[10:])
    log.tick(AT + 1)

    commit(cluster, {FIRST: 20, (topics.CONTRIBUTIONS, 0): 0, (topics.FINDINGS, 0): 3})
    cluster.work("A")
    cluster.await_done()

    repeated = assert_equal_to_a_replay(cluster, tmp_path / "run")
    assert repeated[topics.CONTRIBUTIONS] == 0, "it began again what was stored"


def test_a_worker_without_a_state_folds_the_whole_log_whatever_the_group_committed(
    cluster: Cluster, tmp_path: Path
) -> None:
    log = written(cluster, *cases(10))
    log.tick(AT)
    first = cluster.work("A")
    cluster.await_done()
    first.stop()
    log.send(FIRST, *cases(20)[10:])
    log.tick(AT + 1)

    commit(cluster, {FIRST: 20, (topics.CONTRIBUTIONS, 0): 1})
    cluster.work("B")
    cluster.await_done()

    repeated = assert_equal_to_a_replay(cluster, tmp_path / "run")
    assert repeated[topics.CONTRIBUTIONS] > 0


def test_records_that_were_removed_from_the_log_stop_the_worker(cluster: Cluster) -> None:
    log = written(cluster, *cases(10))
    log.tick(AT)
    admin = admin_client(cluster.address)
    admin.delete_records({TopicPartition(*FIRST): 5})
    admin.close()

    worker = cluster.work("A")

    assert worker.wait() == 70
    assert worker.printed == "longwatch: stopped: revise/0 expected offset 0 and got 5\n"


def test_a_state_that_is_ahead_of_its_topic_stops_the_worker(cluster: Cluster) -> None:
    log = written(cluster, *cases(10))
    log.tick(AT)
    worker = cluster.work("A")
    cluster.await_done()
    worker.stop()
    cluster.forget()
    cluster.make_topics()

    worker = cluster.work("A")

    assert worker.wait() == 70
    assert "records were removed from the topic" in worker.printed
    assert worker.printed.count("\n") == 1


# What cannot be read, and what is ours

DEEP = b"[" * 100_000
GARBAGE = bytes(range(128, 256)) * 7_000  # 896 kB
NUL = b"\0" * 1_000
NOT_UTF_8 = cases(1)[0].replace(b"Rash", b"R\xff\xfesh")
TWICE = cases(1)[0].replace(b'"source"', b'"source":"other","source"')
POISON = {
    GARBAGE: "too_long",
    DEEP: "wrong_shape",
    NUL: "not_json",
    NOT_UTF_8: "bad_encoding",
    TWICE: "duplicate_key",
    cases(1, partition=3)[0]: "wrong_partition",
    cases(1)[0].replace(b'"pt":"', b'"pt":"\\u200b","llt":"'): "wrong_shape",
    b"[]": "wrong_shape",
}


def test_a_line_that_cannot_be_used_is_kept_with_its_place_and_its_neighbours_are_counted(
    cluster: Cluster, tmp_path: Path
) -> None:
    good = cases(2 * len(POISON) + 3)
    messages: list[bytes | None] = [None, b"", good.pop(), b"\r\n \n" + good.pop()]
    for poison in POISON:
        messages += [good.pop(), poison, b"\n".join((good.pop(), poison))]  # alone, and beside one
    messages += [None, good.pop()]
    log = written(cluster, *messages)
    log.tick(AT)
    cluster.work("A")
    cluster.await_done()

    assert_equal_to_a_replay(cluster, tmp_path / "run")
    kept = read_all(cluster.address, topics.REFUSED)
    refused = [msgspec.json.decode(value, type=RefusedRecord) for value in kept]
    assert len(refused) == 2 * len(POISON)
    for record in refused:
        line = (messages[record.offset] or b"").split(b"\n")[record.line]
        assert (record.topic, record.partition) == FIRST
        assert POISON[line] == record.code
        assert record.content_bytes == line[:600_000]
        assert record.reason
        assert record.remedy
    said = map(decode_message, read_all(cluster.address, topics.CONTRIBUTIONS))
    read = msgspec.json.Decoder(Contribution | Exposure).decode
    rows = [read(row) for one in said if isinstance(one, Batch) for row in one.rows]
    n_counted = sum(row.weight for row in rows if isinstance(row, Contribution))
    assert n_counted == 2 * len(POISON) + 3, "a neighbour of a bad line was lost"


def test_a_message_of_ten_megabytes_never_reaches_the_log(cluster: Cluster) -> None:
    cluster.make_topics()
    producer = KafkaProducer(
        bootstrap_servers=cluster.address, max_request_size=20 * MEGABYTE, acks="all"
    )

    with pytest.raises(MessageSizeTooLargeError):
        producer.send(topics.CASES, value=b"x" * 10 * MEGABYTE, partition=0).get(timeout=180)

    producer.close()
    assert cluster.n_messages(topics.CASES) == 0


DEFECT = """
import surveillance.screening.versions as versions
decode = versions.decode_case
def decode_or_fail(line):
    if b"C4" in line:
        raise ZeroDivisionError("a defect of ours")
    return decode(line)
versions.decode_case = decode_or_fail
"""


def test_a_defect_ends_the_process_and_skips_nothing(cluster: Cluster, tmp_path: Path) -> None:
    lines = cases(30)
    assert any(b"C4" in line for line in lines)
    log = written(cluster, *lines[:3])
    log.tick(AT)
    log.send(FIRST, *lines[3:])
    log.tick(AT + 1)

    for _ in range(2):  # it stops at the same place again
        worker = cluster.work("A", prelude=DEFECT)
        assert worker.wait() == 70
        assert "ZeroDivisionError: a defect of ours" in worker.printed

    cluster.work("A")
    cluster.await_done()
    assert_equal_to_a_replay(cluster, tmp_path / "run")


# What waits for its tick

A_SMALL_BOUND = """
import surveillance.stream.partition_task as desk
desk.N_BYTES_HELD_MAX = 4_000_000
"""


def test_records_without_a_tick_are_held_up_to_a_bound_and_folded_when_it_comes(
    cluster: Cluster, tmp_path: Path
) -> None:
    blank, n_messages = b" " * 100_000, 2_000
    log = written(cluster, *cases(3))
    worker = cluster.work("A", prelude=A_SMALL_BOUND)
    assert until(lambda: worker.metric("surveillance_lag_records", partition="0") == 0)
    assert until(lambda: worker.metric("surveillance_held_bytes", topic=topics.CASES) > 0)
    before = worker.rss_bytes()
    producer = KafkaProducer(bootstrap_servers=cluster.address, compression_type="gzip")
    for _ in range(n_messages):  # 200 MB
        producer.send(topics.CASES, value=blank, partition=0)
    producer.close()

    assert until(lambda: worker.metric("surveillance_held_bytes", topic=topics.CASES) > 4_000_000)
    assert not until(
        lambda: worker.metric("surveillance_held_bytes", topic=topics.CASES) > 4_200_000, seconds=3
    )
    assert worker.metric("surveillance_lag_records", topic=topics.CASES) > 0
    assert worker.rss_bytes() - before < 120_000_000

    log.tick(AT)
    cluster.await_done()
    assert_equal_to_a_replay(cluster, tmp_path / "run")
    assert until(lambda: worker.metric("surveillance_held_bytes") == 0)


# Topics and ports


def test_a_worker_declares_no_topic_and_listens_on_nothing_but_its_metrics(
    cluster: Cluster,
) -> None:
    log = written(cluster, *cases(1))
    log.tick(AT)
    worker = cluster.work("A")
    cluster.await_done()

    assert worker.ports() == {int(worker.address.rpartition(":")[2])}
    admin = admin_client(cluster.address)
    names = {name for name in admin.list_topics() if not name.startswith("__")}
    admin.close()
    assert names == manifest(cluster.topics).keys()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://127.0.0.1:6066/", timeout=2)


def test_a_missing_topic_is_told_in_one_line_with_what_to_do(cluster: Cluster) -> None:
    worker = cluster.work("A")

    assert worker.wait() == 2
    assert worker.printed == (
        f"longwatch: topic {topics.CASES}: is not there; it must have 4 partition(s); "
        "run `longwatch topics apply`\n"
    )


def test_a_topic_with_other_partitions_is_told_in_one_line(cluster: Cluster) -> None:
    admin = admin_client(cluster.address)
    admin.create_topics([NewTopic(topics.OUTCOMES, 3, 1)])
    admin.close()

    worker = cluster.work("A")

    assert worker.wait() == 2
    assert f"topic {topics.OUTCOMES}: has 3 partition(s); it must have 1" in worker.printed
    assert worker.printed.count("\n") == 1


def test_a_configuration_that_is_not_here_stops_the_worker_and_is_named(cluster: Cluster) -> None:
    log = written(cluster, *cases(1))
    log.tick(AT, configuration="e" * 64)

    worker = cluster.work("A")

    assert worker.wait() == 2
    assert "the log requires eeeeeeeeeeee" in worker.printed
    assert worker.printed.count("\n") == 1


# State directories


def test_a_state_directory_in_use_is_told_in_one_line(cluster: Cluster) -> None:
    cluster.make_topics()
    first = cluster.work("A")
    assert until(lambda: first.metric("surveillance_worker_info") > 0)

    second = cluster.run(
        "second", "worker", "--state", str(cluster.home / "A"), "--metrics-address", "off"
    )

    assert second.wait() == 2
    assert f"{cluster.home / 'A' / 'store'}: is in use by another worker" in second.printed
    assert second.printed.count("\n") == 1


def test_a_corrupt_state_directory_is_told_in_one_line(cluster: Cluster) -> None:
    cluster.make_topics()
    store = cluster.home / "A" / "store"
    store.mkdir(parents=True)
    (store / "CURRENT").write_text("not what was written")

    worker = cluster.work("A")

    assert worker.wait() == 2
    assert f"{store}: cannot be opened" in worker.printed
    assert "it: the state is rebuilt from the log" in worker.printed
    assert worker.printed.count("\n") == 1


# Ticks


def test_ticks_that_do_not_follow_change_nothing(cluster: Cluster, tmp_path: Path) -> None:
    lines = cases(6)
    log = written(cluster, *lines[:2])
    first = log.tick(AT)
    log.send(FIRST, *lines[2:4])
    log.tick(AT + SECONDS_A_DAY)
    log.tick(first.at, cut=first.cut)  # a second ticker, behind
    log.send((topics.TICKS, 0), b"not a tick", None, b'{"at":1}')
    log.send(FIRST, *lines[4:])
    log.tick(AT + SECONDS_A_DAY + 1)
    worker = cluster.work("A")
    cluster.await_done()

    assert_equal_to_a_replay(cluster, tmp_path / "run")
    assert until(lambda: worker.metric("surveillance_ticks_total", outcome="passed_over") == 4)
    assert worker.metric("surveillance_ticks_total", outcome="accepted") == 3
