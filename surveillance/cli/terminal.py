"""What commands share: progress bars, and how configurations are found."""

from __future__ import annotations

import shutil
import sys
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from surveillance.cli.screen import print_errors
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.errors import Misused
from surveillance.intake.inputs import Progress as Following


class Bar(Following):
    """A progress bar on a terminal, and nothing elsewhere.

    Parameters
    ----------
    n_records : int, optional
        Records to expect, if it is known.
    """

    def __init__(self, n_records: int | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description:<32}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False, soft_wrap=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._n_records = n_records
        self._n_read = 0
        self._task = self._bar.add_task("reading", total=n_records)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def reading(self, n_records: int) -> None:
        """Show how many records were read."""
        self._n_read = n_records
        self._bar.update(self._task, completed=n_records, description="reading and sorting")

    def doing(self, what: str, n_done: int, n_all: int) -> None:
        """Show how much of a long computation is done."""
        self._bar.update(self._task, completed=n_done, total=n_all, description=what)

    def wrong(self, faults: list[str]) -> None:
        """Print what is wrong with whole files, above the bar."""
        for fault in faults:
            print_errors(f"longwatch: {fault}")

    def day(self, on: date, n_records: int) -> None:
        """Show the day that was reached."""
        total = self._n_records or self._n_read or None
        self._bar.update(
            self._task, completed=n_records, total=total, description=f"received by {on}"
        )


def configurations(directories: list[Path], *, default: str) -> tuple[Configurations, Path]:
    """Read the configurations that a command names, or the one that ships.

    Parameters
    ----------
    directories : list of Path
        As given with --config; the first is the one in force.
    default : str
        Name of the configuration that ships for this input.

    Returns
    -------
    tuple of Configurations and Path
        And the directory of the one in force.
    """
    chosen = directories or [SHIPPED / default]
    return Configurations(*(read_configuration(path) for path in chosen)), chosen[0]


def a_date(text: str | None, option: str) -> date | None:
    """Read a date as it is given to an option."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misused(f"{option} {text!r}", "is not a date", "give it as 1999-02-12") from None


def a_period(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    """Read --from and --until; `Misused` if the one is later than the other."""
    from_day, until_day = a_date(first, "--from"), a_date(last, "--until")
    if from_day is not None and until_day is not None and from_day > until_day:
        raise Misused(f"--from {first}", f"is later than --until {last}", "swap them")
    return from_day, until_day


def called() -> str:
    """Return how this program was called, so that the commands it suggests can be copied."""
    name = sys.argv[0]
    is_elsewhere = Path(name).name == "longwatch" and shutil.which("longwatch") is None
    return name if is_elsewhere else "longwatch"
