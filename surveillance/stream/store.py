"""Where stages keep what they hold: each save is whole or not at all.

One protocol, two implementations, one conformance test. A state is stored with the offset
to resume from and the last closed epoch in one atomic write, after the broker has
acknowledged all that was emitted of that epoch.

A state names the version of its form and that of its stage. One that another version of the
program kept is not read, and not deleted either: it stays where it is, and the state is rebuilt
from the log beside it. So a program that is taken back to an earlier version goes on from what
that one had kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

from surveillance.domain.errors import Misused
from surveillance.log.cells import Cells
from surveillance.log.readers import Kept
from surveillance.log.stage import ReaderState, Row, Stage, State
from surveillance.log.topics import GENERATION
from surveillance.stream.fail_stop import write_error

FORM = 2  # of what is stored: add one whenever `Stored` or the keys change


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


def _print(line: str) -> None:
    write_error(f"longwatch: {line}\n")


class _Shelf(Protocol):
    """Where states lie, each in a slot that names source, form and version."""

    def stored(self, slot: str) -> Stored | None:
        """Return the state in a slot."""

    def cells(self, slot: str) -> Cells:
        """Return the cells in a slot."""

    def slots_of(self, source: str) -> list[str]:
        """Return every slot of a source that holds a state, of whatever form."""

    def n_set_aside(self, slot: str) -> int:
        """Return how many states were set aside that a slot was for."""

    def set_aside(self, slot: str, n: int) -> None:
        """Keep how many states were set aside that a slot was for."""


class _Slots:
    """Opens the slot that fits a stage, and reports states that no slot of ours holds."""

    def __init__(self, shelf: _Shelf, log: Callable[[str], None]) -> None:
        self._shelf, self._log = shelf, log
        self._slots: dict[str, str] = {}
        self._reported: set[str] = set()

    def __getitem__(self, source: str) -> str:
        return self._slots[source]

    def open(self, source: str, stage: Stage[State, Row]) -> ReaderState[State]:
        """Return what is held in the slot of a source, or the beginning."""
        own = f"{source}@{FORM}.{stage.version}"
        n = self._shelf.n_set_aside(own)
        held = self._opened(source, f"{own}~{n}", stage)
        if held is None:
            self._shelf.set_aside(own, n + 1)
            self._report(source, "cannot be read")
            held = self._opened(source, f"{own}~{n + 1}", stage)
        elif held.epoch < 0 and self._shelf.slots_of(source):
            self._report(source, "was kept by another version of the program")
        assert held is not None, "nothing lies in a slot that is new"  # noqa: S101
        return held

    def _opened(
        self, source: str, slot: str, stage: Stage[State, Row]
    ) -> ReaderState[State] | None:
        """Return what is held in a slot, or the beginning; None if it does not fit the stage."""
        self._slots[source] = slot
        cells = self._shelf.cells(slot)
        try:
            stored = self._shelf.stored(slot)
            if stored is None:
                return ReaderState(stage.init(cells), cells, stage.dump)
            state = stage.load(stored.state, cells)
        except (MemoryError, OSError):
            raise
        except Exception:  # noqa: BLE001 - whatever comes of bytes in another form
            return None
        return ReaderState(state, cells, stage.dump, stored.resume, stored.epoch)

    def _report(self, source: str, reason: str) -> None:
        if source not in self._reported:  # a rebalance opens it again before it is stored
            self._log(f"the state of {source} {reason}: it is left aside, and rebuilt from the log")
            self._reported.add(source)


class MemoryStore:
    """Keeps held values in this process; for tests, and for whoever prefers a replay.

    Parameters
    ----------
    log : callable, optional
        Takes a line about a state that is not read.
    """

    def __init__(self, *, log: Callable[[str], None] = _print) -> None:
        self._stored: dict[str, Stored] = {}
        self._cells: dict[str, dict[bytes, bytes]] = {}
        self._n_set_aside: dict[str, int] = {}
        self._slots = _Slots(self, log)

    def open(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        """Return what is held for a source, or the beginning."""
        return self._slots.open(source, stage)

    def save(self, source: str, held: Kept) -> None:
        """Store what is held."""
        slot = self._slots[source]
        self._stored[slot] = Stored(held.resume, held.epoch, held.dump())
        self._cells.setdefault(slot, {}).update(held.cells.drain())

    def close(self) -> None:
        """Nothing to let go of."""

    def stored(self, slot: str) -> Stored | None:
        """Return the state in a slot."""
        return self._stored.get(slot)

    def cells(self, slot: str) -> Cells:
        """Return the cells in a slot."""
        return Cells(self._cells.setdefault(slot, {}).get)

    def slots_of(self, source: str) -> list[str]:
        """Return every slot of a source that holds a state."""
        return [slot for slot in self._stored if _source_of(slot) == source]

    def n_set_aside(self, slot: str) -> int:
        """Return how many states were set aside that a slot was for."""
        return self._n_set_aside.get(slot, 0)

    def set_aside(self, slot: str, n: int) -> None:
        """Keep how many states were set aside that a slot was for."""
        self._n_set_aside[slot] = n


class RocksStore:
    """Keeps held values in RocksDB, in a directory of this worker's own.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    namespace : str
        What the states depend on beside the log: the partitions, for example. A state under another
        namespace, or of another generation, is not read.
    log : callable, optional
        Takes a line about a state that is not read.

    Raises
    ------
    Misused
        If another worker uses the directory, or it cannot be opened.
    """

    def __init__(
        self, directory: Path, *, namespace: str = "", log: Callable[[str], None] = _print
    ) -> None:
        self._prefix = f"g{GENERATION}/{namespace}".encode()
        self._slots = _Slots(self, log)
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
        return self._slots.open(source, stage)

    def save(self, source: str, held: Kept) -> None:
        """Store what is held, with the cells that changed, in one atomic write."""
        slot = self._slots[source]
        stored = Stored(held.resume, held.epoch, held.dump())
        prefix = self._key(b"c", slot) + b"/"
        batch = WriteBatch(raw_mode=True)
        for key, value in held.cells.drain().items():
            batch.put(prefix + key, value)
        batch.put(self._key(b"h", slot), msgspec.msgpack.encode(stored))
        self._db.write(batch, _synchronous())

    def close(self) -> None:
        """Let go of the directory."""
        self._db.close()

    def stored(self, slot: str) -> Stored | None:
        """Return the state in a slot."""
        raw: bytes | None = self._db.get(self._key(b"h", slot))
        return None if raw is None else msgspec.msgpack.decode(raw, type=Stored)

    def cells(self, slot: str) -> Cells:
        """Return the cells in a slot."""
        prefix = self._key(b"c", slot) + b"/"

        def base(key: bytes) -> bytes | None:
            value: bytes | None = self._db.get(prefix + key)
            return value

        return Cells(base)

    def slots_of(self, source: str) -> list[str]:
        """Return every slot of a source that holds a state."""
        prefix = self._key(b"h", "")
        found: list[str] = []
        keys: Iterable[Any] = self._db.keys(from_key=prefix + source.encode())
        for key in keys:
            slot = key.removeprefix(prefix).decode(errors="replace")
            if not key.startswith(prefix) or not slot.startswith(source):
                break
            found += [slot] if _source_of(slot) == source else []
        return found

    def n_set_aside(self, slot: str) -> int:
        """Return how many states were set aside that a slot was for."""
        return int(self._db.get(self._key(b"n", slot)) or 0)

    def set_aside(self, slot: str, n: int) -> None:
        """Keep how many states were set aside that a slot was for."""
        batch = WriteBatch(raw_mode=True)
        batch.put(self._key(b"n", slot), b"%d" % n)
        self._db.write(batch, _synchronous())

    def _key(self, kind: bytes, slot: str) -> bytes:
        return b"%b/%b/%b" % (self._prefix, kind, slot.encode())


def _source_of(slot: str) -> str:
    """Return the source of a slot; the form before had slots without a version."""
    return slot.partition("@")[0]


def _synchronous() -> WriteOptions:
    """Have a machine that loses power keep the whole write, or none of it."""
    options = WriteOptions()
    options.sync = True
    return options


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
