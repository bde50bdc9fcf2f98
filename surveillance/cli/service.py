"""What commands that run until they are told to end have in common."""

from __future__ import annotations

import signal
from threading import Event

from surveillance.cli.screen import print_errors


def ending_on_signals() -> Event:
    """Return what is set when the process is asked to end, by a person or by its supervisor."""
    ending = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return ending


def report(line: str) -> None:
    """Print a line for the operator of a service."""
    print_errors(f"longwatch: {line}")
