"""Compare what workers wrote on Kafka with what a replay writes, byte for byte.

Messages of derived topics are known by source, epoch and index, outward ones by their
id; written again after a crash they must be the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import msgspec

from surveillance.log import topics
from surveillance.log.messages import Batch, decode_message
from surveillance.runs.files import FACT_FILES, topic_messages
from surveillance.runs.workplace import require_whole
from surveillance.stream.clients import read_all

PAUSE_SECONDS = 0.5


class Comparison(msgspec.Struct):
    """What was compared, and the first difference."""

    n_messages: dict[str, int]  # distinct, by topic
    n_repeated: dict[str, int]  # written again, with the same bytes
    difference: str | None


class _Identity(msgspec.Struct):
    id: str


_decode_identity = msgspec.json.Decoder(_Identity).decode


def _identity(topic: str, value: bytes) -> Hashable:
    if topic in topics.OUTWARD:
        return _decode_identity(value).id
    message = decode_message(value)
    return message.source, message.epoch, message.index if isinstance(message, Batch) else -1


def compare(
    directory: Path, address: str, *, until: float, clock: Callable[[], float]
) -> Comparison:
    """Compare every derived and outward topic.

    Parameters
    ----------
    directory : Path
        As `replay` writes it.
    address : str
        HOST:PORT of a broker.
    until : float
        Instant, by `clock`, until which to wait for what is not there yet.
    clock : callable
        Seconds.

    Returns
    -------
    Comparison
        With the first difference, or None.

    Raises
    ------
    Misused
        If the directory holds no run, or no broker answers.
    """
    require_whole(directory)
    comparison = Comparison({}, {}, None)
    for topic in (*topics.DERIVED, *topics.OUTWARD):
        expected = _distinct(topic, _expected(directory, topic))[0]
        difference = _await_equal(topic, expected, address, comparison, until, clock)
        if difference is not None and comparison.difference is None:
            comparison.difference = f"{topic}: {difference}"
    return comparison


def _expected(directory: Path, topic: str) -> Iterable[bytes]:
    if topic in topics.DERIVED:
        return topic_messages(directory, topic)
    path = directory / FACT_FILES[topic]  # not there if nothing was emitted
    return path.read_bytes().splitlines() if path.is_file() else []


def _await_equal(
    topic: str,
    expected: dict[Hashable, bytes],
    address: str,
    comparison: Comparison,
    until: float,
    clock: Callable[[], float],
) -> str | None:
    while True:
        found, n_repeated, conflict = _distinct(topic, read_all(address, topic))
        comparison.n_messages[topic], comparison.n_repeated[topic] = len(found), n_repeated
        if conflict is not None:
            return conflict
        if len(found) >= len(expected) or clock() >= until:
            return _first_difference(expected, found)
        time.sleep(PAUSE_SECONDS)


def _distinct(topic: str, values: Iterable[bytes]) -> tuple[dict[Hashable, bytes], int, str | None]:
    found: dict[Hashable, bytes] = {}
    n_repeated = 0
    conflict = None
    for value in values:
        identity = _identity(topic, value)
        if identity not in found:
            found[identity] = value
        elif found[identity] == value:
            n_repeated += 1
        else:
            conflict = conflict or f"two messages {identity} with different bytes"
    return found, n_repeated, conflict


def _first_difference(expected: dict[Hashable, bytes], found: dict[Hashable, bytes]) -> str | None:
    for identity, value in expected.items():
        if identity not in found:
            return f"{identity} is in the replay and not on Kafka"
        if found[identity] != value:
            return f"{identity} differs: {found[identity][:200]!r}, in the replay {value[:200]!r}"
    more = next((identity for identity in found if identity not in expected), None)
    return None if more is None else f"{more} is on Kafka and not in the replay"
