"""Where stages keep what they hold: each save is whole or not at all.

One protocol, two implementations, one conformance test. A state is stored with the offset
to resume from and the last closed epoch in one atomic write, after the broker has
acknowledged all that was emitted of that epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

from surveillance.domain.errors import Misused
from surveillance.log.cells import Cells
from surveillance.log.readers import Kept
from surveillance.log.stage import ReaderState, Row, Stage, State
from surveillance.log.topics import GENERATION


class Stored(msgspec.Struct, array_like=True, frozen=True):
    """One held value, without its cells."""

    resume: int
    epoch: int
    state: bytes


class Store(Protocol):
    """Keeps held values by source."""

    def open(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        """Return what is held for a source, or the beginning."""

    def save(self, source: str, held: Kept) -> None:
        """Store what is held, with the cells that changed, in one atomic write."""

    def close(self) -> None:
        """Let go of files."""


def _opened(stored: Stored | None, stage: Stage[State, Row], cells: Cells) -> ReaderState[State]:
    if stored is None:
        return ReaderState(stage.init(cells), cells, stage.dump)
    state = stage.load(stored.state, cells)
    return ReaderState(state, cells, stage.dump, stored.resume, stored.epoch)


class MemoryStore:
    """Keeps held values in this process; for tests, and for whoever prefers a replay."""

    def __init__(self) -> None:
        self._stored: dict[str, Stored] = {}
        self._cells: dict[str, dict[bytes, bytes]] = {}

    def open(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        """Return what is held for a source, or the beginning."""
        cells = Cells(self._cells.setdefault(source, {}).get)
        return _opened(self._stored.get(source), stage, cells)

    def save(self, source: str, held: Kept) -> None:
        """Store what is held."""
        self._stored[source] = Stored(held.resume, held.epoch, held.dump())
        self._cells.setdefault(source, {}).update(held.cells.drain())

    def close(self) -> None:
        """Nothing to let go of."""


class RocksStore:
    """Keeps held values in RocksDB, in a directory of this worker's own.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    namespace : str
        What the states depend on beside the log: the partitions, for example. A state under another
        namespace, or of another generation, is not read.

    Raises
    ------
    Misused
        If another worker uses the directory, or it cannot be opened.
    """

    def __init__(self, directory: Path, *, namespace: str = "") -> None:
        self._prefix = f"g{GENERATION}/{namespace}".encode()
        directory.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(directory), options=_options())
        except Exception as error:  # noqa: BLE001 - rocksdict raises nothing narrower
            text = str(error)
            if "lock" in text.lower():
                raise Misused(
                    str(directory),
                    "is in use by another worker",
                    "give each worker its own --state",
                ) from None
            raise Misused(
                str(directory), f"cannot be opened ({text[:200]})",
                "remove it: the state is rebuilt from the log",
            ) from None  # fmt: skip

    def open(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        """Return what is held for a source, or the beginning."""
        prefix = self._key(b"c", source) + b"/"

        def base(key: bytes) -> bytes | None:
            value: bytes | None = self._db.get(prefix + key)
            return value

        raw: bytes | None = self._db.get(self._key(b"h", source))
        stored = None if raw is None else msgspec.msgpack.decode(raw, type=Stored)
        return _opened(stored, stage, Cells(base))

    def save(self, source: str, held: Kept) -> None:
        """Store what is held, with the cells that changed, in one atomic write."""
        stored = Stored(held.resume, held.epoch, held.dump())
        prefix = self._key(b"c", source) + b"/"
        batch = WriteBatch(raw_mode=True)
        for key, value in held.cells.drain().items():
            batch.put(prefix + key, value)
        batch.put(self._key(b"h", source), msgspec.msgpack.encode(stored))
        options = WriteOptions()
        options.sync = True  # a machine that loses power has the whole save or none of it
        self._db.write(batch, options)

    def close(self) -> None:
        """Let go of the directory."""
        self._db.close()

    def _key(self, kind: bytes, source: str) -> bytes:
        return b"%b/%b/%b" % (self._prefix, kind, source.encode())


def _options() -> Any:  # noqa: ANN401 - rocksdict has no types
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(32 * 1024 * 1024)
    options.set_max_write_buffer_number(3)
    options.increase_parallelism(2)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, block_based=False)  # most look-ups are for cases never seen
    table.set_block_cache(Cache(64 * 1024 * 1024))
    options.set_block_based_table_factory(table)
    options.set_memtable_whole_key_filtering(True)
    options.set_memtable_prefix_bloom_ratio(0.1)
    return options
