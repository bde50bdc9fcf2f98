"""Bytes of the register, packed one by one.

A case version is a kilobyte of JSON, a finding nearly as much, and their field names and small
vocabularies are always the same. Deflate with a preset dictionary that holds them keeps each
readable by itself at a fraction of its size; other codecs would need a library that the register's
readers do not otherwise have.

The first byte names the dictionary. Digests cannot be deflated, and are half of a short
case version: they are put before it as bytes. Findings, looks and signals are mostly numbers: those
stand behind what is left, which many rows share (see `numerals`).
"""

from __future__ import annotations

import re
import zlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, TypeDecorator

from surveillance.domain.errors import Defect
from surveillance.register import dictionaries, numerals

if TYPE_CHECKING:
    from sqlalchemy import Dialect

_LEVEL = 6
_WBITS = -13  # raw deflate over 8 KiB: the dictionary and all but the longest rows
_MEMORY = 6  # setting up the default of 256 KiB would cost more than compressing
_PLAIN_RECORD, _RECORD_2, FINDING, SIGNAL, DOCUMENT, OUTCOME, ROW, RECORD = range(1, 9)
_DICTIONARIES = {
    _PLAIN_RECORD: dictionaries.RECORDS_1,
    _RECORD_2: dictionaries.RECORDS_2,
    FINDING: dictionaries.FINDINGS_1,
    SIGNAL: dictionaries.SIGNALS_1,
    DOCUMENT: dictionaries.DOCUMENTS_1,
    OUTCOME: dictionaries.OUTCOMES_1,
    ROW: dictionaries.ROWS_1,
    RECORD: dictionaries.RECORDS_3,
}
_WITH_DIGESTS = (_RECORD_2, RECORD)
_DIGEST = re.compile(rb'_sha256":"([0-9a-f]{64})')
_BEFORE = b'_sha256":"'
_N_DIGEST = 32
_HERE = b"\xff"  # never in UTF-8
_N_DIGESTS_MAX = 255
_N_SKELETONS = 4_096  # that are remembered


def pack(content: bytes, dictionary: int = RECORD) -> bytes:
    """Compress one row or record.

    Parameters
    ----------
    content : bytes
        Any bytes.
    dictionary : int
        ``RECORD``, ``ROW``, ``DOCUMENT`` or ``OUTCOME``: what it is; ``FINDING`` and ``SIGNAL``
        as older registers hold them.

    Examples
    --------
    >>> unpack(pack(b'{"case_id":"A-1"}'))
    b'{"case_id":"A-1"}'
    """
    if dictionary == ROW:
        return _packed_row(content)
    if dictionary != RECORD:
        return bytes([dictionary]) + _deflated(content, dictionary)
    parts = _DIGEST.split(content)  # text and digest by turns
    digests = parts[1::2]
    if _HERE in content or len(digests) > _N_DIGESTS_MAX:
        return bytes([_PLAIN_RECORD]) + _deflated(content, _PLAIN_RECORD)
    rest = _deflated((_BEFORE + _HERE).join(parts[::2]), RECORD)
    return bytes([RECORD, len(digests)]) + bytes.fromhex(b"".join(digests).decode()) + rest


def unpack(packed: bytes) -> bytes:
    """Return a row or record as it was packed.

    Raises
    ------
    Defect
        If these bytes were not made by `pack`.
    """
    number = packed[0] if packed else 0
    if number not in _DICTIONARIES:
        raise Defect("a row of the register is compressed in a way that is not known here")
    if number == ROW:
        return _unpacked_row(packed)
    if number not in _WITH_DIGESTS:
        return _inflated(packed[1:], number)
    n_digests = packed[1] if len(packed) > 1 else 0
    end = 2 + n_digests * _N_DIGEST
    digests = iter(packed[2:end].hex(" ", _N_DIGEST).encode().split())
    parts = _inflated(packed[end:], number).split(_HERE)
    if len(parts) != n_digests + 1:
        raise Defect("a record in the register cannot be read: its digests are not all there")
    return b"".join([parts[0], *(next(digests) + part for part in parts[1:])])


def _packed_row(content: bytes) -> bytes:
    """Put the numbers of a row behind the rest of it, which many rows share."""
    divided = numerals.divide(content)
    if divided is None:
        return bytes([DOCUMENT]) + _deflated(content, DOCUMENT)
    skeleton = _packed_skeleton(divided.skeleton)
    return bytes([ROW]) + numerals.integer(len(skeleton)) + skeleton + divided.numbers


@lru_cache(maxsize=_N_SKELETONS)
def _packed_skeleton(skeleton: bytes) -> bytes:
    return _deflated(skeleton, ROW)


def _unpacked_row(packed: bytes) -> bytes:
    try:
        length, begin = numerals.read(packed, 1)
        end = begin + length
        return numerals.fill(_parts(packed[begin:end]), packed[end:])
    except (IndexError, ValueError) as error:
        raise Defect(f"a row of the register cannot be read: {error}") from None


@lru_cache(maxsize=_N_SKELETONS)
def _parts(skeleton: bytes) -> list[bytes]:
    return numerals.parts_of(_inflated(skeleton, ROW))


def _deflated(content: bytes, dictionary: int) -> bytes:
    packer = _packer(dictionary).copy()
    packed: bytes = packer.compress(content) + packer.flush()
    return packed


@cache
def _packer(dictionary: int) -> Any:  # noqa: ANN401 - the type has no public name
    """Return a compressor that has read its dictionary: a copy is cheaper than a new one."""
    return zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WBITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARIES[dictionary]
    )


def _inflated(packed: bytes, dictionary: int) -> bytes:
    opener = zlib.decompressobj(_WBITS, _DICTIONARIES[dictionary])
    try:
        content = opener.decompress(packed) + opener.flush()
    except zlib.error as error:
        raise Defect(f"a row of the register cannot be read: {error}") from None
    if not opener.eof:
        raise Defect("a row of the register cannot be read: it ends too soon")
    return content


class Packed(TypeDecorator[bytes]):
    """A column of bytes that are packed where they are written and unpacked where read.

    Parameters
    ----------
    dictionary : int
        As for `pack`.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dictionary: int) -> None:
        super().__init__()
        self.dictionary = dictionary

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Pack a value."""
        return None if value is None else pack(value, self.dictionary)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Unpack a value."""
        return None if value is None else unpack(value)
