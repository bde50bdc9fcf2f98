"""Refused records: their readable content, and the lines that can be fixed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.domain.errors import Misused
from surveillance.domain.refused_record import RefusedRecord
from surveillance.log.topics import REFUSED
from surveillance.runs.files import FACT_FILES
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from surveillance.views.results import Results

_NDJSON = re.compile(r"\.(ndjson|jsonl)(:\d+)?$", re.IGNORECASE)  # a place in a file of lines
_NUMBER = re.compile(r"(\d+)", re.ASCII)
_decode = msgspec.json.Decoder(RefusedRecord).decode


class Readable(NamedTuple):
    """The bytes of a record as far as they can be read, and how far that is."""

    text: str
    note: str


class Sorted(NamedTuple):
    """Refused records, by whether they can be fixed as lines."""

    lines: list[RefusedRecord]
    cut: list[RefusedRecord]  # longer than what was kept
    elsewhere: list[RefusedRecord]  # rows of files in another format


def read_refused(source: Results, *, code: str | None = None) -> list[RefusedRecord]:
    """Return refused records by code, then by place.

    A run has a file of them, which also holds the rows of its input that never reached
    a log; a register has those written to it.

    Parameters
    ----------
    source : Results
        A run or a register.
    code : str, optional
        Only of this code.

    Raises
    ------
    Misused
        If the run's file cannot be read.
    """
    if source.directory is None:
        return in_order(source.reader.refused(code=code))
    path = source.directory / FACT_FILES[REFUSED]
    records = _read(path) if path.exists() else []  # no file: nothing was refused
    chosen = [record for record in records if code in (None, record.code)]
    return in_order(chosen)


def in_order(records: Iterable[RefusedRecord]) -> list[RefusedRecord]:
    """Sort records by code and place, with numbers as numbers: line 9 comes before line 10."""
    return sorted(records, key=_order)


def _order(record: RefusedRecord) -> tuple[object, ...]:
    topic = tuple(
        (len(part), part) if part.isdigit() else (0, part) for part in _NUMBER.split(record.topic)
    )
    return record.code, topic, record.partition, record.offset, record.line


def _read(path: Path) -> list[RefusedRecord]:
    try:
        return [_decode(line) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise Misused(str(path), f"cannot be read ({error})", "replay again") from None


def plain_refused(record: RefusedRecord) -> dict[str, Any]:
    """Return a refused record as JSON values, its place first."""
    return {"place": place_of(record), **plain(record)}


def place_of(record: RefusedRecord) -> str:
    """Return where a record lies: file and line, or topic, partition, offset and line."""
    return record.read_at or record.place


def at_place(records: Iterable[RefusedRecord], place: str) -> list[RefusedRecord]:
    """Return what was refused at a place.

    Raises
    ------
    Misused
        If nothing was refused there.
    """
    found = [record for record in records if place in (record.place, place_of(record))]
    if not found:
        raise Misused(
            place, "is not the place of a refused record", "`longwatch refused list` shows places"
        )
    return found


def readable(content: bytes) -> Readable:
    r"""Decode bytes as far as they can be: JSON, else text, else text with escapes.

    Examples
    --------
    >>> readable(b'{"case_id":"A"}').note
    'JSON'
    >>> readable(b"caf\xe9")
    Readable(text='caf\\xe9', note='not UTF-8 from byte 3 on; such bytes are shown as \\x..')
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        note = f"not UTF-8 from byte {error.start} on; such bytes are shown as \\x.."
        return Readable(content.decode(errors="backslashreplace"), note)
    try:
        return Readable(msgspec.json.format(text, indent=2), "JSON")
    except msgspec.DecodeError as error:
        return Readable(text, f"UTF-8, not JSON ({error})")


def sort_out(records: Iterable[RefusedRecord]) -> Sorted:
    """Split records into whole lines that can be fixed, lines that were cut, and other formats."""
    found = Sorted([], [], [])
    for record in records:
        if record.topic.startswith("file:") and not _NDJSON.search(record.topic):
            found.elsewhere.append(record)
        elif record.is_cut:
            found.cut.append(record)
        else:
            found.lines.append(record)
    return found


def write_lines(records: Iterable[RefusedRecord], path: Path) -> None:
    """Write the bytes of records, one a line, just as they were received.

    Raises
    ------
    Misused
        If the file is there already, or cannot be written.
    """
    try:
        with path.open("xb") as file:
            file.writelines(record.content_bytes.rstrip(b"\r\n") + b"\n" for record in records)
    except FileExistsError:
        raise Misused(str(path), "is there already", "name a new file with --out") from None
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise Misused(str(path), reason, "name another file with --out") from None
