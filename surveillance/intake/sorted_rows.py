"""Rows on their way through the sort that joins the parts of a report."""

from __future__ import annotations

import msgspec


class SortedRow(msgspec.Struct, array_like=True, frozen=True):
    """One row of one of several files.

    Attributes
    ----------
    file : int
        Which of the files that are joined.
    number : int
        Its line in the file.
    content : bytes
        As it stands there, cut where it is too long.
    n_bytes : int
        Before the cut.
    """

    file: int
    number: int
    content: bytes
    n_bytes: int


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(SortedRow).decode
