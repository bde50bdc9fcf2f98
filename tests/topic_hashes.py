"""Hashes of the topics that a replay emits, and of those that were recorded."""

from __future__ import annotations

import hashlib

from data import reference_json

from surveillance.log.messages import ClosedEpoch
from surveillance.log.topics import DERIVED, GENERATION, OUTWARD
from surveillance.pipeline import Source


class TopicHashes:
    """Observes a replay; the SHA-256 of each derived and outward topic."""

    def __init__(self) -> None:
        self._hashes = {topic: hashlib.sha256() for topic in (*DERIVED, *OUTWARD)}
        self._seen: set[str] = set()

    def __call__(self, source: Source, closing: ClosedEpoch, _state: object) -> None:
        topic = source.writes
        for value in closing.messages if topic is not None else ():
            self._add(str(topic), value)
        for fact in closing.output.facts:
            if fact.topic in self._hashes:
                self._add(fact.topic, fact.value)

    def _add(self, topic: str, value: bytes) -> None:
        self._hashes[topic].update(value + b"\n")
        self._seen.add(topic)

    def found(self) -> dict[str, str]:
        """Return the hash of every topic that has a message."""
        return {topic: self._hashes[topic].hexdigest() for topic in sorted(self._seen)}


def recorded(name: str) -> dict[str, str]:
    """Return the hashes of a replay that were recorded for this generation."""
    hashes: dict[str, str] = reference_json(f"topics/generation-{GENERATION}.json")[name]
    return hashes
