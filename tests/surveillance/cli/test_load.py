"""Loading onto a broker in memory, through the command."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from calling import longwatch
from fake_kafka import FakeBroker
from kafka import TopicPartition
from kafka.errors import TopicAuthorizationFailedError
from strategies import a_case, encode

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.log.topics import CASES
from surveillance.stream import manifest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    """Return a broker with all topics as the configuration for VAERS has them."""
    broker = FakeBroker()
    topics = read_configuration(SHIPPED / "vaers").topics
    for topic, n in manifest.manifest(topics).items():
        broker.make(topic, n)
    broker.behind_clients(monkeypatch)
    return broker


def _cases(folder: Path, *sources: str) -> Path:
    path = folder / "cases.ndjson"
    days = (date(2024, 1, 2), date(2024, 1, 3))
    cases = [
        a_case(f"C-{n}-{day}", source=source, received_on=day)
        for n, source in enumerate(sources)
        for day in days
    ]
    path.write_bytes(b"".join(encode(case) + b"\n" for case in cases))
    return path


def test_sources_without_a_rule_are_named_once_before_anything_is_sent(
    broker: FakeBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _cases(tmp_path, "vaers", "clinic", "ward")
    monkeypatch.chdir(tmp_path)

    answer = longwatch("load", "cases", path)

    assert answer.code == 0
    notes = [line for line in answer.out.splitlines() if line.startswith("note:")]
    assert [note.split("'")[1] for note in notes] == ["clinic", "ward"]
    assert answer.out.startswith(notes[0])
    assert "6 records" in answer.out
    assert sum(len(log) for at, log in broker.logs.items() if at.topic == CASES) > 0


def test_the_note_on_a_source_does_not_wait_for_the_load(
    broker: FakeBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _cases(tmp_path, "clinic")
    monkeypatch.chdir(tmp_path)
    broker.failing["producer.send"] = [TopicAuthorizationFailedError()]  # not tried again

    answer = longwatch("load", "cases", path)

    assert answer.code != 0
    assert "source 'clinic'" in answer.out
    assert not broker.logs[TopicPartition(CASES, 0)]
