"""Read the contributions that a run wrote, epoch by epoch."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import msgspec

from surveillance.domain.contribution import Contribution, Exposure
from surveillance.domain.errors import Misused
from surveillance.log.messages import End
from surveillance.log.ticks import Tick
from surveillance.log.topics import CONTRIBUTIONS
from surveillance.runs.files import TICKS_FILE, topic_file, topic_messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Batch(msgspec.Struct, frozen=True, tag="batch"):
    """A batch of `surveillance.log.messages`, with its rows decoded."""

    source: str
    epoch: int
    index: int
    rows: list[Contribution | Exposure]


_decode = msgspec.json.Decoder(End | _Batch).decode
_decode_tick = msgspec.json.Decoder(Tick).decode


def read_contributions(directory: Path) -> Iterator[tuple[int, list[Contribution]]]:
    """Read all contributions of a run.

    Parameters
    ----------
    directory : Path
        Of the run.

    Yields
    ------
    epoch : int
        The epoch of a batch.
    contributions : list of Contribution
        Its rows, exposure left out; a batch that was written again is skipped.

    Raises
    ------
    Misused
        If the run has no contributions, or they cannot be read.
    """
    path = topic_file(directory, CONTRIBUTIONS)
    seen: set[tuple[str, int, int]] = set()
    for number, line in enumerate(topic_messages(directory, CONTRIBUTIONS), 1):
        message = _read(path, number, line)
        if isinstance(message, End) or (message.source, message.epoch, message.index) in seen:
            continue
        seen.add((message.source, message.epoch, message.index))
        yield message.epoch, [row for row in message.rows if isinstance(row, Contribution)]


def _read(path: Path, number: int, line: bytes) -> End | _Batch:
    try:
        message: End | _Batch = _decode(line)
    except ValueError as error:
        raise Misused(f"{path}:{number}", f"cannot be read ({error})", "replay again") from None
    return message


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from enumerate(file, 1)
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise Misused(str(path), reason, "give a directory that `longwatch replay` wrote") from None


def read_days(directory: Path) -> list[date]:
    """Return the UTC day of every epoch of a run, by epoch.

    Raises
    ------
    Misused
        If the run has no ticks, or they cannot be read.
    """
    path = directory / TICKS_FILE
    days = []
    for number, line in _lines(path):
        try:
            at = _decode_tick(line).at
        except ValueError as error:
            raise Misused(f"{path}:{number}", f"cannot be read ({error})", "replay again") from None
        days.append(datetime.fromtimestamp(at, tz=UTC).date())
    return days


def contributed_keys(
    directory: Path, known: tuple[list[str], list[str]] = ([], [])
) -> tuple[list[str], list[str]]:
    """Return the keys of all products and events that any case named, and those `known`."""
    products, events = set(known[0]), set(known[1])
    for _, rows in read_contributions(directory):
        for row in rows:
            products.update(key for key, _ in row.products)
            events.update(key for key, _, _ in row.events)
    return sorted(products), sorted(events)
