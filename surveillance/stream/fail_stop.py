"""End a process at once, whatever becomes of the line that says why.

A worker whose task died must not live on: its partition would stand still without a sign.
Ending is therefore in a `finally`, and nothing on the way to it can wait for ever.
"""

from __future__ import annotations

import os
import select
import time
import traceback
from contextlib import suppress
from typing import NoReturn

from aiokafka.errors import KafkaError

from surveillance.domain.errors import LongwatchError, Misused

EXIT_DEFECT, EXIT_MISUSED = 70, 2
STANDARD_ERROR = 2
N_BYTES_A_WRITE = 4_096  # PIPE_BUF: a pipe that has room at all has room for as much
SECONDS_TO_PRINT = 2.0  # to a pipe that is full, and that nobody reads


def fail_stop(error: BaseException) -> NoReturn:
    """End the process at once, saying why as far as standard error can be written.

    Nothing is flushed, committed or stored on the way out: what was not acknowledged and
    stored will be folded again.
    """
    try:
        write_error(_described(error))
    finally:  # standard error is full, gone or closed, or memory has run out
        os._exit(EXIT_MISUSED if isinstance(error, Misused) else EXIT_DEFECT)


def _described(error: BaseException) -> str:
    if isinstance(error, Misused):
        return f"longwatch: {error}\n"
    if isinstance(error, LongwatchError | KafkaError):
        return f"longwatch: stopped: {error}\n"
    return "".join(traceback.format_exception(error))


def write_error(text: str) -> None:
    """Write to standard error without waiting long for whoever reads it.

    Parameters
    ----------
    text : str
        Lost, or cut, where it cannot be written.
    """
    rest = text.encode(errors="backslashreplace")
    until = time.monotonic() + SECONDS_TO_PRINT
    with suppress(OSError, ValueError):  # closed, gone, or a disk that is full
        while rest and _has_room(until - time.monotonic()):
            rest = rest[os.write(STANDARD_ERROR, rest[:N_BYTES_A_WRITE]) :]


def _has_room(seconds: float) -> bool:
    poll = select.poll()
    poll.register(STANDARD_ERROR, select.POLLOUT)
    return bool(poll.poll(max(0.0, seconds) * 1_000))
