"""The files of a run, by what they hold, and how to read them."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, TYPE_CHECKING, cast

from backports import zstd

from surveillance.domain.errors import Defect, Misused
from surveillance.log import topics
from surveillance.log.messages import Batch, decode_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TICKS_FILE = "ticks.ndjson"
TOPIC_FILES = {topic: f"topics/{topic}.ndjson.zst" for topic in topics.DERIVED}
FACT_FILES = {
    topics.ALERTS: "alerts.ndjson",
    topics.REVIEWS: "reviews-opened.ndjson",
    topics.FEED: "feed.ndjson",
    topics.REFUSED: "refused.ndjson",
}

# From the first level to the sixth messages shrink by a twelfth for six times the CPU time, two
# hundredths of the whole run's.
_PACKING: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,  # else a bit that flips may go unnoticed
}


def open_packed(path: Path) -> IO[bytes]:
    """Open a new file that packs what is written: without name or time, the same bytes each time.

    Parameters
    ----------
    path : Path
        Whose name ends in ``.zst``.
    """
    return cast("IO[bytes]", zstd.open(path, "wb", options=_PACKING))


def topic_file(directory: Path, topic: str) -> Path:
    """Return the file of a derived topic; with ``.gz`` where an older program wrote the run.

    Parameters
    ----------
    directory, topic
        As for `topic_messages`.
    """
    path = directory / TOPIC_FILES[topic]
    older = path.with_suffix(".gz")
    return older if older.exists() and not path.exists() else path


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
    path = topic_file(directory, topic)
    try:
        with gzip.open(path) if path.suffix == ".gz" else zstd.open(path) as file:
            for line in file:
                yield line.rstrip(b"\n")
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
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
            place = f"{topic_file(directory, topic)}:{number}"
            raise Misused(place, f"cannot be read ({error})", "replay again") from None
        if isinstance(batch, Batch):
            yield from map(bytes, batch.rows)
