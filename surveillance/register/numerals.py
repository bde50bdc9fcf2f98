"""JSON without its numbers: what is left repeats from row to row, and is packed once.

Most bytes of a finding or a signal are numbers, dates and digests, which deflate cannot shorten: a
statistic has seventeen digits. They are taken out of the text and stand behind it in as few
bytes as they need, and a control character, which JSON never holds, marks each place. Only what
comes back as the same text is taken out, so that any text is returned as it was given.
"""

from __future__ import annotations

import re
import struct
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import msgspec

_INTEGER, _DECIMAL, _FLOAT, _DAY, _HEX = (bytes([n]) for n in range(1, 6))
_TOKEN = re.compile(rb"([-0-9][-+.0-9a-f]*)")  # whatever may be one: a plain pattern is fast
_HELD = re.compile(rb"[1-9]\.0")  # a small whole number such as a weight repeats, and stays
_WHOLE = re.compile(rb"-?[1-9][0-9]*|0")
_HEX_DIGITS = re.compile(rb"-[0-9a-f]{16}")
_MARK = re.compile(b"([\x01-\x05])")
_SCALE = 10_000  # four decimals
_LARGEST = 2**53  # of what is kept as an integer: a double holds each up to there
_N_SHORT = 10  # longer tokens hardly ever come twice
_FIRST_DAY = date(2000, 1, 1).toordinal()  # days are counted from the one before, this at first
_encode = msgspec.json.Encoder().encode
_double = struct.Struct("<d")
_pack, _unpack = _double.pack, _double.unpack_from


class Divided(NamedTuple):
    """A text without its numbers, and the numbers."""

    skeleton: bytes
    numbers: bytes


def divide(content: bytes) -> Divided | None:
    r"""Take the numbers out of a text; None if it holds bytes that JSON has not.

    Examples
    --------
    >>> divide(b'{"n":3,"on":"2000-01-02","prr":0.5}')
    Divided(skeleton=b'{"n":\x01,"on":"\x04","prr":\x02}', numbers=b'\x06\x02\x90N')
    """
    if _MARK.search(content):
        return None
    parts = _TOKEN.split(content)  # text and token by turns
    numbers = []
    day = _FIRST_DAY
    for index in range(1, len(parts), 2):
        token = parts[index]
        if len(token) > _N_SHORT:
            mark, number, on = _statistic(token)
        else:
            mark, number, on = _short(token)
        if mark is None:
            continue
        if mark is _DAY:
            number, day = integer(on - day), on
        parts[index] = mark
        numbers.append(number)
    return Divided(b"".join(parts), b"".join(numbers))


# The mark of a token, what stands for it, and its day; no mark where it stays in the text.
_Taken = tuple[bytes | None, bytes, int]
_STAYS: _Taken = (None, b"", 0)


def _statistic(token: bytes) -> _Taken:
    """Take a number of many digits; most long tokens are of that kind."""
    try:
        number = float(token)
    except ValueError:
        return _other(token)
    return (_FLOAT, _pack(number), 0) if _encode(number) == token else _other(token)


@lru_cache(maxsize=65_536)
def _short(token: bytes) -> _Taken:
    if token[4:5] == b"-" and token[7:8] == b"-":
        return _dated(token)
    if _HELD.fullmatch(token):
        return _STAYS
    if _WHOLE.fullmatch(token):
        return _other(token)
    try:
        scaled = round(float(token) * _SCALE)
    except (ValueError, OverflowError):
        return _STAYS
    if abs(scaled) < _LARGEST and _encode(scaled / _SCALE) == token:
        return _DECIMAL, integer(scaled), 0
    return _statistic(token)


def _dated(token: bytes) -> _Taken:
    try:
        return _DAY, b"", date.fromisoformat(token.decode()).toordinal()
    except ValueError:
        return _STAYS


def _other(token: bytes) -> _Taken:
    if _HEX_DIGITS.fullmatch(token):
        return _HEX, bytes.fromhex(token[1:].decode()), 0
    if _WHOLE.fullmatch(token) and abs(int(token)) <= _LARGEST:
        return _INTEGER, integer(int(token)), 0
    return _STAYS


def unite(divided: Divided) -> bytes:
    """Put the numbers back.

    Raises
    ------
    ValueError
        If there are fewer or more numbers than places.
    """
    return fill(parts_of(divided.skeleton), divided.numbers)


def parts_of(skeleton: bytes) -> list[bytes]:
    """Split a skeleton into text and marks by turns."""
    return _MARK.split(skeleton)


def fill(parts: list[bytes], numbers: bytes) -> bytes:
    """Put numbers in the places of the marks.

    Parameters
    ----------
    parts : list of bytes
        As of `parts_of`; not changed.
    numbers : bytes
        As `divide` returned them.

    Raises
    ------
    ValueError
        If there are fewer or more numbers than places.
    """
    whole, place, day = parts.copy(), 0, _FIRST_DAY
    try:
        for index in range(1, len(whole), 2):
            mark = whole[index]
            if mark == _FLOAT:
                whole[index] = _encode(_unpack(numbers, place)[0])
                place += 8
                continue
            if mark == _HEX:
                whole[index] = b"-%b" % numbers[place : place + 8].hex().encode()
                place += 8
                continue
            first = numbers[place]
            if first < 0x80:  # noqa: PLR2004 - one byte: most are
                value, place = (~(first >> 1) if first & 1 else first >> 1), place + 1
            else:
                value, place = read(numbers, place)
            if mark == _DAY:
                day += value
                whole[index] = _written(day)
            else:
                whole[index] = _whole(value) if mark == _INTEGER else _decimal(value)
    except (IndexError, struct.error):
        raise ValueError("its numbers end too soon") from None
    if place != len(numbers):
        raise ValueError("it has more numbers than places, or fewer")
    return b"".join(whole)


@lru_cache(maxsize=16_384)
def _whole(value: int) -> bytes:
    return b"%d" % value


@lru_cache(maxsize=16_384)
def _decimal(scaled: int) -> bytes:
    return _encode(scaled / _SCALE)


@lru_cache(maxsize=16_384)
def _written(day: int) -> bytes:
    return date.fromordinal(day).isoformat().encode()


@lru_cache(maxsize=16_384)
def integer(value: int) -> bytes:
    r"""Return an integer at seven bits a byte; small ones of either sign are short.

    Examples
    --------
    >>> integer(-3), integer(300)
    (b'\x05', b'\xd8\x04')
    """
    rest = value << 1 if value >= 0 else ~(value << 1)
    number = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits
        number.append(rest & 0x7F | 0x80)
        rest >>= 7
    number.append(rest)
    return bytes(number)


def read(numbers: bytes, place: int) -> tuple[int, int]:
    """Return the integer that begins at a place, and the place where it ends.

    Raises
    ------
    IndexError
        If it is not all there.
    """
    byte = numbers[place]
    rest, shift = byte & 0x7F, 7
    while byte & 0x80:
        place += 1
        byte = numbers[place]
        rest |= (byte & 0x7F) << shift
        shift += 7
    return (~(rest >> 1) if rest & 1 else rest >> 1), place + 1
