"""What a stage reads and emits, and its form on a derived topic.

Messages of a derived topic name their source and their epoch. An epoch is complete when
every source that must emit in it has written its `End`, and the `End` counts the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Defect

Row = TypeVar("Row")
N_ROWS_MAX = 500
N_BATCH_BYTES_MAX = 500_000  # half of what a broker takes by default
N_MESSAGE_BYTES_MAX = 1_000_000  # a broker takes 1,048,588, with key and framing


class End(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """All that `source` emits of `epoch` is written, in `n_batches` batches."""

    source: str
    epoch: int
    n_batches: int
    dispositions: Dispositions | None = None  # of the records that a raw partition read


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """The `index`-th batch of rows that `source` wrote for `epoch`."""

    source: str
    epoch: int
    index: int
    rows: list[msgspec.Raw]


class Record(NamedTuple):
    """One message of a raw topic, with what its stage may know about it."""

    offset: int
    value: bytes
    at: int  # of the tick that closes its epoch


class Fact(NamedTuple):
    """One message for an outward topic, or for the refused records."""

    topic: str
    key: bytes
    value: bytes
    code: str  # what kind, from a bounded set: for those who count


class Output(NamedTuple):
    """What a stage emits when an epoch closes: rows inward, facts outward."""

    rows: list[Any]
    facts: list[Fact]
    dispositions: Dispositions | None = None


class ClosedEpoch(NamedTuple):
    """All that a stage emitted of one epoch, encoded and as it was."""

    epoch: int
    at: int
    messages: list[bytes]
    output: Output


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(End | Batch).decode


def encode_output(source: str, epoch: int, output: Output) -> list[bytes]:
    """Encode what `source` emits of `epoch`: its batches, then its end.

    Raises
    ------
    Defect
        If a message is larger than a broker takes. Rows are bounded, so that none is.
    """
    messages = [
        _encode(Batch(source, epoch, index, chunk))
        for index, chunk in enumerate(_chunks(output.rows))
    ]
    messages.append(_encode(End(source, epoch, len(messages), output.dispositions)))
    for value in (*messages, *(fact.value for fact in output.facts)):
        if len(value) > N_MESSAGE_BYTES_MAX:
            raise Defect(
                f"{source} has a message of {len(value):,} bytes to emit of epoch {epoch}, "
                f"and none may have more than {N_MESSAGE_BYTES_MAX:,}: {value[:200]!r}"
            )
    return messages


def _chunks(rows: list[Any]) -> Iterator[list[msgspec.Raw]]:
    chunk: list[msgspec.Raw] = []
    n_bytes = 0
    for row in rows:
        value = row if isinstance(row, msgspec.Raw) else msgspec.Raw(_encode(row))
        size = len(memoryview(value))
        if chunk and (len(chunk) == N_ROWS_MAX or n_bytes + size > N_BATCH_BYTES_MAX):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(value)
        n_bytes += size
    if chunk:
        yield chunk


def decode_message(value: bytes) -> End | Batch:
    """Read one message of a derived topic.

    Raises
    ------
    Defect
        If it is neither a batch nor an end: somebody else writes on this topic.
    """
    try:
        message: End | Batch = _decode(value)
    except (ValueError, RecursionError) as error:
        raise Defect(f"a derived topic holds a foreign message: {error}") from None
    return message


def rows_decoder(row_type: object) -> Callable[[bytes], list[Row]]:
    """Return what decodes the rows of an encoded batch, all of one type.

    Parameters
    ----------
    row_type : type
        A row, or a union of rows that name their type.
    """
    kind = msgspec.defstruct(
        "TypedBatch",
        [
            ("source", str),
            ("epoch", int),
            ("index", int),
            ("rows", list.__class_getitem__(row_type)),
        ],
        tag="batch",
    )
    decode = msgspec.json.Decoder(kind).decode

    def rows_of(value: bytes) -> list[Row]:
        rows: list[Row] = decode(value).rows  # type: ignore[attr-defined]
        return rows

    return rows_of
