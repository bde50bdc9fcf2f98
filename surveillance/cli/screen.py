"""All that a command writes to a screen goes through here.

Names in reports, files and decisions were written by others. Control characters among
them would be commands to a terminal, and a bidirectional override would show another text
than is there: both are shown as escapes. What a screen has no character for is replaced,
and JSON is UTF-8 whatever the screen is.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import msgspec
from rich.console import Console
from rich.text import Text

from surveillance.domain.errors import Misused
from surveillance.views import written
from surveillance.views.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import RenderableType

NOBODY_READS_ON = 141  # as a shell reports a process that SIGPIPE ended
WIDTH_OF_A_PIPE = 320  # columns, where there is no terminal to ask
visible = written.visible
_DRAWN = str.maketrans("─│┌┐└┘├┤┬┴┼•", "-|+++++++++o")


def visible_drawing(drawing: str, encoding: str) -> str:
    """Return a drawing of lines and marks, in ASCII where the screen has no others."""
    try:
        drawing.encode(encoding)
    except UnicodeEncodeError:
        in_ascii = drawing.translate(_DRAWN)
        return re.sub(r"[\u2500-\u28ff\U0001fb00-\U0001fbff]", "*", in_ascii)
    return drawing


def make_ready() -> None:
    """Prepare the standard streams: none is missing, and no character is fatal to them.

    A command that was started with its standard output closed runs as if it were thrown
    away; else the next file that it opens would take its place.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - standard error
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console() -> Console:
    """Return a console for layout: colours only on a terminal, none if NO_COLOR is set."""
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if has_width else WIDTH_OF_A_PIPE)


def encoding_of(stream: TextIO | None = None) -> str:
    """Return the encoding of standard output, or of another stream."""
    return getattr(stream or sys.stdout, "encoding", None) or "utf-8"  # a text in memory has none


def text(value: str) -> Text:
    """Return a text of others for a table: neither markup nor the name of an emoji."""
    return Text(visible(value, encoding_of()))


def print_lines(*lines: str) -> None:
    """Print lines for people; each stays one line."""
    encoding = encoding_of()
    _write("".join(f"{visible(line, encoding)}\n" for line in lines))


def print_drawing(drawing: str) -> None:
    """Print lines and marks that a title in them may have come from others for."""
    encoding = encoding_of()
    for line in visible_drawing(drawing, encoding).split("\n"):
        print_lines(line)


def print_laid_out(what: RenderableType) -> None:
    """Print a table of `text`."""
    with _writing():
        console().print(what)


def print_errors(*lines: str) -> None:
    """Print lines on standard error; if nobody can read them, there is nobody to tell."""
    encoding = encoding_of(sys.stderr)
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(f"{visible(line, encoding)}\n" for line in lines))
        sys.stderr.flush()


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever `plain` takes
    """Print JSON over several lines, with every field.

    Characters that could be a command to a terminal are escaped as JSON allows: the values
    are the same.
    """
    encoded = msgspec.json.format(msgspec.json.encode(plain(value)), indent=2)
    print_bytes([written.safe_json(encoded), b"\n"])


def print_json_array(values: Iterable[Any]) -> None:
    """Print a list as `print_json` does, each value as it comes: none is held."""
    print_bytes(_array(values))


def _array(values: Iterable[Any]) -> Iterator[bytes]:
    before = b"[\n  "
    for value in values:
        encoded = msgspec.json.format(msgspec.json.encode(plain(value)), indent=2)
        yield before + written.safe_json(encoded.replace(b"\n", b"\n  "))
        before = b",\n  "
    yield b"[]\n" if before.startswith(b"[") else b"\n]\n"


def print_json_line(value: Any) -> None:  # noqa: ANN401 - whatever msgspec takes
    """Print JSON on one line, as `print_json` does."""
    print_bytes([written.safe_json(msgspec.json.encode(value)), b"\n"])


def print_json_lines(lines: Iterable[bytes]) -> None:
    """Print lines of JSON byte for byte; on a terminal as `print_json` does."""
    is_watched = sys.stdout.isatty()
    print_bytes(written.safe_json(line) if is_watched else line for line in lines)


def print_bytes(pieces: Iterable[bytes]) -> None:
    """Write UTF-8 to standard output, whatever the encoding of its text is."""
    below = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        if below is None:
            _write(piece.decode())
        else:
            with _writing():
                sys.stdout.flush()
                below.write(piece)


def _write(text: str) -> None:
    with _writing():
        sys.stdout.write(text)


def finish() -> None:
    """Write out what is still held back; a failure is told now, and not while Python ends."""
    with _writing():
        sys.stdout.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        let_go()
        _end_unread()
    except OSError as error:
        let_go()
        raise Misused(
            "standard output", f"cannot be written ({error.strerror})", "send it elsewhere"
        ) from None


def _end_unread() -> NoReturn:
    sys.exit(NOBODY_READS_ON)


def let_go() -> None:
    """Throw away what standard output holds back and cannot write."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
