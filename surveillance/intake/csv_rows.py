"""CSV in a stream: bytes → rows, each with its own bytes and line number.

The rules are RFC 4180's, strictly: a quote inside quotes is doubled. A field may hold
line ends, so a row may be several lines; but one stray quote must not swallow the rows
after it. Lines are therefore joined only if together they are one row of the right
width; otherwise each is read alone.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING

from surveillance.intake.file_lines import FileLine
from surveillance.log.decode import N_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

# Longest run of lines that one row may have. It bounds the work that a file of stray
# quotes can cause: no line is examined more often than this.
N_LINES_MAX = 200


class RowError(ValueError):
    """A row that breaks the rules of CSV, or has the wrong width."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def split_fields(content: bytes, n_columns: int) -> list[str]:
    r"""Split one row into its fields.

    Parameters
    ----------
    content : bytes
        The row, in Latin-1, which no byte can break.
    n_columns : int
        The width of the header.

    Returns
    -------
    list of str
        As many as `n_columns`.

    Raises
    ------
    RowError
        With code ``bad_quoting`` or ``wrong_columns``.

    Examples
    --------
    >>> split_fields(b'1,"rash, hives",Y', 3)
    ['1', 'rash, hives', 'Y']
    """
    text = content.decode("latin-1")
    if '"' not in text:
        fields = text.split(",")
    else:
        try:
            fields = next(csv.reader((text,), strict=True))
        except csv.Error as error:
            raise RowError("bad_quoting", f"the row is not CSV: {error}") from None
    if len(fields) != n_columns:
        reason = f"the row has {len(fields)} columns, the header {n_columns}"
        raise RowError("wrong_columns", reason)
    return fields


def join_rows(lines: Iterator[FileLine], n_columns: int) -> Iterator[FileLine]:
    r"""Join lines to rows.

    Parameters
    ----------
    lines : iterator of FileLine
        After the header. Blank ones are passed on unchanged.
    n_columns : int
        The width of the header.

    Yields
    ------
    FileLine
        A row, in order, not yet known to be sound: the number is that of its first line,
        the bytes are those of its lines with LF between.

    Examples
    --------
    >>> lines = [FileLine(2, b'1,"two', 6), FileLine(3, b'lines"', 6), FileLine(4, b'2,"stray', 8)]
    >>> [row.content for row in join_rows(iter(lines), 2)]
    [b'1,"two\nlines"', b'2,"stray']
    """
    waiting: deque[FileLine] = deque()
    while line := waiting.popleft() if waiting else next(lines, None):
        if line.n_bytes > len(line.content) or not _is_open(line):
            yield line
            continue
        taken = _take_row(line, waiting, lines)
        whole = b"\n".join(each.content for each in taken)
        if _is_row(whole, n_columns):
            yield FileLine(line.number, whole, len(whole))
        else:
            yield line
            waiting.extendleft(reversed(taken[1:]))


def _is_open(line: FileLine) -> bool:
    return line.content.count(b'"') % 2 == 1


def _take_row(
    first: FileLine, waiting: deque[FileLine], lines: Iterator[FileLine]
) -> list[FileLine]:
    """Take lines up to the next that has an odd number of quotes, or to the limits."""
    taken = [first]
    n_bytes = first.n_bytes
    while len(taken) < N_LINES_MAX and n_bytes <= N_BYTES_MAX:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            break
        taken.append(line)
        n_bytes += line.n_bytes
        if _is_open(line):
            break
    return taken


def _is_row(content: bytes, n_columns: int) -> bool:
    if len(content) > N_BYTES_MAX:
        return False
    try:
        split_fields(content, n_columns)
    except RowError:
        return False
    return True
