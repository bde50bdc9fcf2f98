"""Bytes → lines of bounded length.

A line past the limit is cut there, counted to its end and dropped, so that a file
without a newline costs time and not memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.errors import Misused
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

N_BLANK_MAX = 1_000_000  # one after the other, about a second of reading
_N_BYTES_SKIPPED = 65_536  # at a time, on the way to the end of a line past the limit


class FileLine(NamedTuple):
    """One line of a file."""

    number: int  # 1 is the first
    content: bytes  # without its end (LF or CRLF), cut at the limit
    n_bytes: int  # before the cut


def bounded_lines(stream: BinaryIO, *, n_bytes_max: int = N_BYTES_MAX) -> Iterator[FileLine]:
    r"""Cut a stream into lines.

    Parameters
    ----------
    stream : BinaryIO
        Open for reading, and buffered.
    n_bytes_max : int
        Longest line that is kept whole, in bytes.

    Raises
    ------
    Misused
        If blank lines follow each other without end: a small file inflates to gigabytes of them.

    Yields
    ------
    FileLine
        Every line, blank ones too; with ``n_bytes > n_bytes_max`` if it was cut.

    Examples
    --------
    >>> from io import BytesIO
    >>> for line in bounded_lines(BytesIO(b"one\r\ntwenty\n"), n_bytes_max=4):
    ...     print(line.number, line.content, line.n_bytes)
    1 b'one' 3
    2 b'twen' 6
    """
    n_asked = n_bytes_max + 2  # with CR and LF
    number = n_blank = 0
    while content := stream.readline(n_asked):
        number += 1
        if content.endswith(b"\n"):
            content = content[:-1].removesuffix(b"\r")
            n_bytes = len(content)
        else:
            n_bytes = len(content)
            if n_bytes == n_asked:
                n_bytes += skip_line(stream)
        n_blank = 0 if content and not content.isspace() else n_blank + 1
        if n_blank > N_BLANK_MAX:
            raise too_blank(stream)
        yield FileLine(number, content[:n_bytes_max], n_bytes)


def too_blank(stream: BinaryIO) -> Misused:
    """Make the refusal of a file that has more blank lines than `N_BLANK_MAX` together."""
    place = getattr(stream, "name", "a file")
    reason = f"holds more than {N_BLANK_MAX:,} blank lines one after the other"
    return Misused(str(place), reason, "fetch it again, or remove them")


def skip_line(stream: BinaryIO) -> int:
    """Read on to the end of a line, and return the bytes before it."""
    n_bytes = 0
    while piece := stream.readline(_N_BYTES_SKIPPED):
        n_bytes += len(piece)
        if piece.endswith(b"\n"):
            return n_bytes - 1
    return n_bytes
