"""Bytes → text: what a byte order mark declares is believed, and nothing else is assumed.

Windows-1252 is what programs on Windows mean by "Latin-1"; the five bytes that it leaves
undefined are read as Latin-1 reads them, as web browsers do, so that no byte can break.
"""

from __future__ import annotations

import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING, BinaryIO

from surveillance.domain.errors import Misused

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_N_BYTES_LOOKED_AT = 65_536
_WINDOWS_1252 = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}


def text_of(content: bytes, *, is_utf8: bool = False) -> str:
    r"""Decode some text of a file.

    Parameters
    ----------
    content : bytes
        A row or line.
    is_utf8 : bool
        Whether the file declares UTF-8. If not, bytes that are UTF-8 are read as such, since
        other text hardly ever is by chance, and all others as Windows-1252.

    Returns
    -------
    str
        The text.

    Raises
    ------
    UnicodeDecodeError
        If UTF-8 was declared and the bytes are not.

    Examples
    --------
    >>> text_of(b"Guillain-Barr\xe9"), text_of(b"Guillain-Barr\xc3\xa9"), text_of(b"MMR\x99")
    ('Guillain-Barré', 'Guillain-Barré', 'MMR™')
    """
    if content.isascii():
        return content.decode("ascii")
    try:
        return content.decode()
    except UnicodeDecodeError:
        if is_utf8:
            raise
        return content.decode("latin-1").translate(_WINDOWS_1252)


def opened_text(stream: BinaryIO, place: str) -> tuple[BinaryIO, bool]:
    """Look at how a file of text begins.

    Parameters
    ----------
    stream : BinaryIO
        Buffered, at its beginning.
    place : str
        The file, for a message.

    Returns
    -------
    BinaryIO
        The stream without its byte order mark, with lines that end in LF.
    bool
        Whether the mark declares UTF-8.

    Raises
    ------
    Misused
        If the file is UTF-16 or UTF-32.
    """
    begin = _peek(stream)
    if begin.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or _is_wide(begin[:4]):
        raise Misused(place, "is UTF-16 or UTF-32, not UTF-8", "save it as UTF-8")
    is_marked = begin.startswith(BOM_UTF8)
    if is_marked:
        stream.read(len(BOM_UTF8))
    if b"\r" in begin and b"\n" not in begin:
        return io.BufferedReader(_Unix(stream)), is_marked
    return stream, is_marked


def _is_wide(begin: bytes) -> bool:
    """Whether two or four bytes make a character, as JSON and headers begin: with ASCII."""
    zeros = tuple(byte == 0 for byte in begin)
    return zeros in {
        (True, False, True, False),
        (False, True, False, True),
        (False, True, True, True),
        (True, True, True, False),
    }


def _peek(stream: BinaryIO) -> bytes:
    return stream.peek(_N_BYTES_LOOKED_AT) if isinstance(stream, io.BufferedReader) else b""


class _Unix(io.RawIOBase):
    """A stream whose lines end in CR alone, as old Macs wrote them, with LF instead."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        piece = self._inner.read(len(view)).replace(b"\r", b"\n")
        view[: len(piece)] = piece
        return len(piece)
