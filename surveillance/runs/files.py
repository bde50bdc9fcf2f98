"""The files of a run, by what they hold, and how to read them."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from surveillance.domain.errors import Defect, Misused
from surveillance.log import topics
from surveillance.log.messages import Batch, decode_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TICKS_FILE = "ticks.ndjson"
TOPIC_FILES = {topic: f"topics/{topic}.ndjson.gz" for topic in topics.DERIVED}
FACT_FILES = {
    topics.ALERTS: "alerts.ndjson",
    topics.REVIEWS: "reviews-opened.ndjson",
    topics.FEED: "feed.ndjson",
    topics.REFUSED: "refused.ndjson",
}


def topic_messages(directory: Path, topic: str) -> Iterator[bytes]:
    """Read the messages of a derived topic, byte for byte as they were emitted.

    Parameters
    ----------
    directory : Path
        Of the run.
    topic : str
        One of `surveillance.log.topics.DERIVED`.

    Yields
    ------
    bytes
        One message, in the order of the topic.

    Raises
    ------
    Misused
        If the file is not there, or not whole.
    """
    path = directory / TOPIC_FILES[topic]
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise Misused(str(path), reason, "give a directory that `longwatch replay` wrote") from None


def topic_rows(directory: Path, topic: str) -> Iterator[bytes]:
    """Read the rows of a derived topic, each as the JSON that the topic carries.

    Parameters
    ----------
    directory, topic
        As for `topic_messages`.

    Yields
    ------
    bytes
        One row; the ends of epochs are passed over.

    Raises
    ------
    Misused
        If the file is not there, is not whole, or holds something else.
    """
    for number, message in enumerate(topic_messages(directory, topic), 1):
        try:
            batch = decode_message(message)
        except Defect as error:
            place = f"{directory / TOPIC_FILES[topic]}:{number}"
            raise Misused(place, f"cannot be read ({error})", "replay again") from None
        if isinstance(batch, Batch):
            yield from map(bytes, batch.rows)
