"""Open what people send: plain files, gzip, zip; inflated in a stream and within bounds.

Nothing is ever written to disk under the names inside an archive. The sizes that an
archive claims are not trusted: bytes are counted as they come out.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple, cast

from surveillance.domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

_N_BYTES_BUFFER = 262_144
_IS_ENCRYPTED = 0x1  # general purpose bit 0, APPNOTE.TXT 4.4.4


class Bounds(NamedTuple):
    """How much an archive may inflate to."""

    n_bytes_max: int
    ratio_max: int  # inflated to packed
    n_bytes_free: int = 16_777_216  # below this any ratio is harmless


def require_file(path: Path) -> int:
    """Return the size of a file that exists and is not empty.

    Raises
    ------
    Misused
        If it is not there, is not a file, or is empty.
    """
    if not path.exists():
        raise Misused(str(path), "does not exist", "name a file that does")
    if not path.is_file():
        raise Misused(str(path), "is not a file", "name a file")
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise Misused(str(path), "is empty", "fetch it again; leave it out if nothing was received")
    return n_bytes


def files_ending(directory: Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files of a folder with these endings, in any letter case, sorted by name."""
    found = (path for path in directory.iterdir() if path.is_file())
    return sorted(path for path in found if path.name.lower().endswith(endings))


def members_ending(archive: zipfile.ZipFile, path: Path, ending: str) -> list[zipfile.ZipInfo]:
    """Return the members of an archive with an ending, in any letter case, sorted by name.

    Parameters
    ----------
    archive : ZipFile
        Opened.
    path : Path
        Where it lies, for a message.
    ending : str
        Such as ``.xml``.

    Returns
    -------
    list of ZipInfo
        At least one.

    Raises
    ------
    Misused
        If there is none.
    """
    found = [info for info in archive.infolist() if info.filename.lower().endswith(ending)]
    if not found:
        kind = ending.removeprefix(".").upper()
        raise Misused(str(path), f"holds no {kind} file", f"pack files named *{ending}")
    return sorted(found, key=lambda info: info.filename)


def open_file(path: Path, *, bounds: Bounds) -> BinaryIO:
    """Open a plain file, or one that gzip packed (by its name).

    Parameters
    ----------
    path : Path
        The file; gzip if its name ends in ``.gz``.
    bounds : Bounds
        How much a gzip file may inflate to.

    Returns
    -------
    BinaryIO
        Buffered; closing it closes the file below.

    Raises
    ------
    Misused
        If it cannot be opened; and, from the stream as it is read, if it is damaged or
        inflates past its bounds.
    """
    n_bytes = require_file(path)
    try:
        plain = path.open("rb")
    except OSError as error:
        raise Misused(
            str(path), f"cannot be read ({error.strerror})", "fix its permissions"
        ) from None
    if path.suffix.lower() != ".gz":
        return plain
    packed = cast("IO[bytes]", gzip.GzipFile(fileobj=plain, mode="rb"))
    return _buffered(_Inflating(packed, str(path), n_bytes, bounds, close_too=plain.close))


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file for the time of a ``with``.

    Raises
    ------
    Misused
        If it is empty, is not a zip file, or is cut off (its directory is at its end).
    """
    require_file(path)
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        reason = f"is not a zip file, or is cut off ({error})"
        raise Misused(str(path), reason, "fetch it again") from None
    with opened:
        yield opened


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, bounds: Bounds) -> BinaryIO:
    """Open one member of a zip file.

    Parameters
    ----------
    archive : ZipFile
        From `open_zip`.
    info : ZipInfo
        The member.
    bounds : Bounds
        How much it may inflate to.

    Returns
    -------
    BinaryIO
        Buffered.

    Raises
    ------
    Misused
        If the member is encrypted or packed in a way that cannot be read; and, from the
        stream as it is read, if it is damaged or inflates past its bounds.
    """
    place = f"{archive.filename}/{info.filename}"
    if info.flag_bits & _IS_ENCRYPTED:
        raise Misused(place, "is encrypted", "decrypt it first")
    try:
        member = archive.open(info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise Misused(place, f"cannot be opened ({error})", "pack it again, with deflate") from None
    return _buffered(_Inflating(member, place, info.compress_size, bounds))


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return io.BufferedReader(raw, _N_BYTES_BUFFER)


def _nothing() -> None:
    pass


class _Inflating(io.RawIOBase):
    """Counts what comes out of an archive and stops it at its bounds."""

    def __init__(
        self,
        inner: IO[bytes],
        place: str,
        n_bytes_packed: int,
        bounds: Bounds,
        *,
        close_too: Callable[[], None] = _nothing,
    ) -> None:
        self._inner, self._place, self._close_too = inner, place, close_too
        self.name = place
        self._n_bytes = 0
        by_ratio = max(bounds.n_bytes_free, bounds.ratio_max * n_bytes_packed)
        self._n_bytes_max = min(bounds.n_bytes_max, by_ratio)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        try:
            piece = self._inner.read(len(view))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            reason = f"is cut off or damaged ({error})"
            raise Misused(self._place, reason, "fetch it again") from None
        self._n_bytes += len(piece)
        if self._n_bytes > self._n_bytes_max:
            reason = f"inflates to more than {self._n_bytes_max:,} bytes, which no honest file does"
            raise Misused(self._place, reason, "unpack it by hand if you trust it")
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._close_too()
        super().close()
