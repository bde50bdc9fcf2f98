"""`longwatch notify follow` as a process on a real broker, killed again and again."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from noticing import a_log, http_receiver

from surveillance.log import topics
from surveillance.log.ticks import Tick, encode_tick
from surveillance.notices.deriving import Deriving, SignalEpochs
from surveillance.notices.outbox import Outbox, Place
from surveillance.notices.receivers import read_receivers
from surveillance.stream.clients import producer

from .cluster import until

if TYPE_CHECKING:
    from pathlib import Path

    from .cluster import Cluster, Process

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.campaign]
N_KILLS = 6


def receivers(folder: Path, url: str) -> Path:
    (folder / "secret").write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    file = folder / "notify.toml"
    file.write_text(
        f'[receiver.desk]\ntype = "webhook"\nurl = "{url}"\nsecret_file = "{folder / "secret"}"\n'
        'kinds = ["new_matter", "moved", "detected", "raised", "clock_warning", "clock_breached", '
        '"review_requested", "band_raised"]\n',
        encoding="utf-8",
    )
    return file


def expected(cluster: Cluster, file: Path, folder: Path) -> set[str]:
    """Return the ids of all notices, derived without a broker."""
    configuration = cluster.configurations.current
    outbox, epochs = Outbox(folder / "expected.db"), SignalEpochs(-1)
    outbox.open({}, 0)
    named = read_receivers(file, configuration)
    whole = [
        one
        for offset, message in enumerate(a_log().messages)
        if (one := epochs.take(offset, message)) is not None
    ]
    Deriving(configuration, named, lambda: 0.0).keep(outbox, Place(0, 0, -1), whole)
    found = set()
    while (due := outbox.due("desk", 1.0)) is not None:
        found.add(due.notice.id)
        outbox.sent(due, 1.0)
    outbox.close()
    return found


def has_begun(outbox: Path) -> bool:
    if not outbox.exists():
        return False
    with closing(sqlite3.connect(outbox)) as connection, suppress(sqlite3.OperationalError):
        found = connection.execute("SELECT count(*) FROM info WHERE name = 'next_offset'")
        return bool(found.fetchone()[0])
    return False


def test_every_notice_arrives_through_kills_and_none_twice_but_in_the_window(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.make_topics()
    cut = {topic: [0] * n for topic, n in topics.raw_partitions(cluster.topics).items()}
    writer = producer(cluster.address)
    tick = encode_tick(Tick(1_700_000_000, cluster.configurations.current.digest, cut))
    writer.send(topics.TICKS, value=tick, partition=0).get(60)

    with http_receiver() as receiver:
        file = receivers(tmp_path, receiver.url)
        should = expected(cluster, file, tmp_path)
        assert len(should) >= 6

        def start() -> Process:
            return cluster.run(
                "N", "notify", "follow", "--receivers", str(file), "--outbox",
                str(tmp_path / "outbox.db"), "--metrics-address", "off",
            )  # fmt: skip

        process = start()
        assert until(lambda: has_begun(tmp_path / "outbox.db"))  # at the end of an empty topic
        for n, message in enumerate(a_log().messages):
            writer.send(topics.SIGNALS, value=message, partition=0).get(60)
            if n % 2 == 1 and n // 2 < N_KILLS:
                time.sleep(0.3 * (n % 5))
                process.kill()
                process = start()
        assert until(lambda: {one.notice["id"] for one in receiver.posted} >= should)
        assert process.stop() == 0
        posted = Counter(one.notice["id"] for one in receiver.posted)

    writer.close()
    assert set(posted) == should
    assert posted.total() - len(posted) <= N_KILLS
