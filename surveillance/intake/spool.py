"""Sort more records than fit in memory: stable, external, with nothing left behind.

Runs that fit in memory are sorted and appended to one file without a name, which the
operating system removes with its last handle, whatever ends the process. Runs are then
merged, at most `FAN_IN` at a time. Memory is the bound given plus the buffers of one
merge; it does not grow with the input.
"""

from __future__ import annotations

import heapq
import io
import os
import struct
from contextlib import contextmanager
from datetime import date
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from surveillance.domain.errors import Misused
from surveillance.intake.format import Read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

Item = tuple[int, bytes]  # sort key, payload

BYTES_IN_MEMORY = 67_108_864
FAN_IN = 64  # runs merged at once: their buffers are 4 MiB
_N_BYTES_BUFFER = 65_536
_N_BYTES_OBJECTS = 180  # what Python adds to a payload: tuple, integer, bytes, place in a list
_HEAD = struct.Struct(">qI")  # sort key, bytes of payload
_SIZES = struct.Struct(">II")  # of key and place
_first = itemgetter(0)


def in_order(
    reads: Iterable[Read], *, directory: Path | None, bytes_in_memory: int = BYTES_IN_MEMORY
) -> Iterator[Read]:
    """Sort records by day of receipt.

    Parameters
    ----------
    reads : iterable of Read
        In order of arrival.
    directory : Path or None
        Where runs are kept that do not fit in memory; None is the system's.
    bytes_in_memory : int
        Most that is held at once, in bytes.

    Yields
    ------
    Read
        By day of receipt; within a day, in order of arrival.

    Raises
    ------
    Misused
        If the directory cannot hold the runs.
    """
    packed = ((read.received_on.toordinal(), _pack(read)) for read in reads)
    for day, payload in stable_sort(packed, directory=directory, bytes_in_memory=bytes_in_memory):
        yield _unpack(day, payload)


def stable_sort(
    items: Iterable[Item], *, directory: Path | None, bytes_in_memory: int = BYTES_IN_MEMORY
) -> Iterator[Item]:
    """Sort pairs of key and payload by key; equal keys keep their order.

    Parameters
    ----------
    items : iterable of (int, bytes)
        Keys fit in 64 bits with a sign.
    directory : Path or None
        Where runs are kept that do not fit in memory; None is the system's.
    bytes_in_memory : int
        Most that is held at once, in bytes.

    Yields
    ------
    tuple of (int, bytes)
        In order.

    Raises
    ------
    Misused
        If the directory cannot hold the runs.
    """
    held: list[Item] = []
    n_bytes = 0
    runs = _Runs(directory)
    try:
        for item in items:
            held.append(item)
            n_bytes += len(item[1]) + _N_BYTES_OBJECTS
            if n_bytes >= bytes_in_memory:
                held.sort(key=_first)
                runs.append(held)
                held, n_bytes = [], 0
        held.sort(key=_first)
        while len(runs) > FAN_IN:
            runs = runs.merged()
        yield from heapq.merge(*runs.opened(), held, key=_first) if len(runs) else held
    finally:
        runs.close()


def _pack(read: Read) -> bytes:
    key, place = read.key.encode(), read.place.encode()
    return b"".join((_SIZES.pack(len(key), len(place)), key, place, read.line))


def _unpack(day: int, payload: bytes) -> Read:
    n_key, n_place = _SIZES.unpack_from(payload)
    place_at = _SIZES.size + n_key
    line_at = place_at + n_place
    key = payload[_SIZES.size : place_at].decode()
    place = payload[place_at:line_at].decode()
    return Read(date.fromordinal(day), key, payload[line_at:], place)


class _Runs:
    """Sorted runs, one after the other in a file without a name."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._bounds: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._bounds)

    def append(self, items: Iterable[Item]) -> None:
        """Write a run after the others."""
        with self._room():
            if self._file is None:
                self._file = self._new_file()
            start = self._file.tell()
            for key, payload in items:
                self._file.write(_HEAD.pack(key, len(payload)) + payload)
            self._file.flush()
            self._bounds.append((start, self._file.tell()))

    def _new_file(self) -> IO[bytes]:
        return TemporaryFile(dir=self._directory, buffering=_N_BYTES_BUFFER)

    def opened(self) -> list[Iterator[Item]]:
        """Open every run for reading, in the order they were written."""
        if self._file is None:
            return []
        return [_read_run(self._file.fileno(), start, end) for start, end in self._bounds]

    def merged(self) -> _Runs:
        """Return fewer, longer runs, and close these."""
        fewer = _Runs(self._directory)
        opened = self.opened()
        try:
            for start in range(0, len(opened), FAN_IN):
                fewer.append(heapq.merge(*opened[start : start + FAN_IN], key=_first))
        except BaseException:  # an interrupt too: the runs made so far are closed
            fewer.close()
            raise
        self.close()
        return fewer

    def close(self) -> None:
        """Close the file, which removes it."""
        if self._file is not None:
            self._file.close()

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = str(self._directory) if self._directory else "the system's temporary folder"
            reason = f"cannot hold the records to be sorted ({error.strerror})"
            raise Misused(place, reason, "name a folder with more space, or free some") from None


def _read_run(handle: int, start: int, end: int) -> Iterator[Item]:
    stream = io.BufferedReader(_Slice(handle, start, end), _N_BYTES_BUFFER)
    while head := stream.read(_HEAD.size):
        key, n_bytes = _HEAD.unpack(head)
        yield key, stream.read(n_bytes)


class _Slice(io.RawIOBase):
    """A part of a file, read without moving the position that others use."""

    def __init__(self, handle: int, start: int, end: int) -> None:
        self._handle, self._at, self._end = handle, start, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)[: self._end - self._at]
        n_bytes = os.preadv(self._handle, [view], self._at) if view else 0
        self._at += n_bytes
        return n_bytes
