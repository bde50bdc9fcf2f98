"""The command line: a contract with scripts and people outside.

Exit codes: 0 done, 1 a check found a difference, 2 the command was used wrongly, 3 input
was refused in part, 70 a defect.
"""

from __future__ import annotations

import importlib.metadata
import signal
import sys
import traceback
from errno import EDQUOT, ENOSPC
from typing import Annotated, Never

import typer
from typer._click.exceptions import (  # Typer carries a click of its own
    ClickException,
    NoArgsIsHelpError,
    UsageError,
)

from surveillance.cli import screen
from surveillance.cli.by_name import CommandsByName
from surveillance.cli.gc_tuning import collect_seldom
from surveillance.domain.errors import Defect, Misused
from surveillance.log.topics import GENERATION

_DISK_IS_FULL = (ENOSPC, EDQUOT)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        found = importlib.metadata.version("longwatch")
        screen.print_lines(f"longwatch {found}, generation {GENERATION}")
        raise typer.Exit


app = typer.Typer(
    name="longwatch",
    cls=CommandsByName,
    help="Post-approval safety surveillance: reports and outcomes in, signals out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def common(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Post-approval safety surveillance: reports and outcomes in, signals out."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and exit with its code.

    Parameters
    ----------
    arguments : list of str, optional
        In place of those of the process.
    """
    screen.make_ready()
    if arguments is None:  # the process is ours alone
        collect_seldom()
        signal.signal(signal.SIGTERM, _terminate)  # until a service has its own
    try:
        code = app(arguments, standalone_mode=False, prog_name="longwatch")
        screen.finish()
    except SystemExit as end:
        if end.code == 1:  # how Typer and rich end when nobody reads on, as in `| head`
            sys.exit(screen.NOBODY_READS_ON)
        raise
    except (typer.Abort, KeyboardInterrupt):
        screen.print_errors("longwatch: interrupted")
        sys.exit(130)
    except _Terminated:
        screen.print_errors("longwatch: terminated")
        sys.exit(143)
    except Exception as error:  # noqa: BLE001 - else it would be 1: a check found a difference
        sys.exit(_explain(error))
    sys.exit(code if isinstance(code, int) else 0)


class _Terminated(BaseException):
    """The process was asked to end: whatever is open is closed on the way out."""


def _terminate(*_: object) -> Never:
    raise _Terminated


def _explain(error: Exception) -> int:
    """Print why a command ended, in one line unless the fault is ours; return its exit code."""
    match error:
        case Misused():
            message, code = str(error), 2
        case NoArgsIsHelpError():
            error.show()
            return 2
        case ClickException():
            message, code = _plain(error), 2
        case Defect():
            message, code = f"stopped: {error}", 70
        case OSError() if error.filename is not None or error.errno in _DISK_IS_FULL:
            place = "the disk" if error.filename is None else error.filename
            message = f"{place}: {error.strerror}; fix the name or its permissions, or free space"
            code = 2
        case _:
            lines = "".join(traceback.format_exception(error)).rstrip("\n")
            screen.print_errors(*lines.split("\n"))
            message, code = "stopped: a defect; keep the lines above for a report", 70
    screen.print_errors(f"longwatch: {message}")
    return code


def _plain(error: ClickException) -> str:
    """Return in one line what is wrong with a command, and where it is explained."""
    command = error.ctx.command_path if isinstance(error, UsageError) and error.ctx else "longwatch"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"
