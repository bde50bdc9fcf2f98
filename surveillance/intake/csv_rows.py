"""CSV in a stream: bytes → rows, each with its own bytes and line number.

The rules are RFC 4180's, strictly: a quote inside quotes is doubled. A field may hold
line ends, so a row may be several lines; but one stray quote must not swallow the rows
after it. Lines are therefore joined only if together they are one row of the right
width; otherwise each is read alone.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from surveillance.intake.file_lines import FileLine
from surveillance.intake.text import text_of
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


class Layout(NamedTuple):
    """How the rows of one file are written, as its header shows.

    Attributes
    ----------
    n_columns : int
        The width of the header.
    delimiter : str
        What stands between fields.
    is_utf8 : bool
        Whether a byte order mark declares the file to be UTF-8.
    """

    n_columns: int
    delimiter: str = ","
    is_utf8: bool = False


def is_blank_row(content: bytes, delimiter: str = ",") -> bool:
    """Return whether no field of a row holds anything, as spreadsheets fill up a sheet.

    Examples
    --------
    >>> is_blank_row(b' ,,"",'), is_blank_row(b",0")
    (True, False)
    """
    return not content.strip(b'" \t\r\n' + delimiter.encode())


def split_fields(content: bytes, layout: Layout) -> list[str]:
    r"""Split one row into its fields.

    Parameters
    ----------
    content : bytes
        The row.
    layout : Layout
        Of its file.

    Returns
    -------
    list of str
        As many as the header has; empty ones past its width are left out.

    Raises
    ------
    RowError
        With code ``bad_encoding``, ``bad_quoting`` or ``wrong_columns``.

    Examples
    --------
    >>> split_fields(b'1,"rash, hives",Y,,', Layout(3))
    ['1', 'rash, hives', 'Y']
    """
    try:
        text = text_of(content, is_utf8=layout.is_utf8)
    except UnicodeDecodeError as error:
        reason = f"the file is marked as UTF-8, and byte {error.start} of the row is not"
        raise RowError("bad_encoding", reason) from None
    if '"' not in text:
        fields = text.split(layout.delimiter)
    else:
        try:
            fields = next(csv.reader((text,), delimiter=layout.delimiter, strict=True))
        except csv.Error as error:
            raise RowError("bad_quoting", f"the row is not CSV: {error}") from None
    while len(fields) > layout.n_columns and not fields[-1].strip():
        fields.pop()  # spreadsheets and exports end rows with empty fields
    if len(fields) != layout.n_columns:
        reason = f"the row has {len(fields)} columns, the header {layout.n_columns}"
        raise RowError("wrong_columns", reason)
    return fields


def join_rows(lines: Iterator[FileLine], layout: Layout) -> Iterator[FileLine]:
    r"""Join lines to rows.

    Parameters
    ----------
    lines : iterator of FileLine
        After the header. Blank ones are passed on unchanged.
    layout : Layout
        Of their file.

    Yields
    ------
    FileLine
        A row, in order, not yet known to be sound: the number is that of its first line,
        the bytes are those of its lines with LF between.

    Examples
    --------
    >>> lines = [FileLine(2, b'1,"two', 6), FileLine(3, b'lines"', 6), FileLine(4, b'2,"stray', 8)]
    >>> [row.content for row in join_rows(iter(lines), Layout(2))]
    [b'1,"two\nlines"', b'2,"stray']
    """
    waiting: deque[FileLine] = deque()
    while line := waiting.popleft() if waiting else next(lines, None):
        if line.n_bytes > len(line.content) or not _is_open(line):
            yield line
            continue
        taken = _take_row(line, waiting, lines)
        whole = b"\n".join(each.content for each in taken)
        if _is_row(whole, layout):
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


def _is_row(content: bytes, layout: Layout) -> bool:
    if len(content) > N_BYTES_MAX:
        return False
    try:
        split_fields(content, layout)
    except RowError:
        return False
    return True
