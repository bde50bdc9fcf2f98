"""The command line: a contract with scripts and people outside.

Exit codes: 0 done, 1 a check found a difference, 2 the command was used wrongly, 3 input
was refused in part, 70 a defect.
"""

from __future__ import annotations

import importlib.metadata
import sys
import traceback
from errno import EDQUOT, ENOSPC
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import (  # Typer carries a click of its own
    ClickException,
    NoArgsIsHelpError,
    UsageError,
)

from surveillance.cli import deciding, running, streaming
from surveillance.core.topics import GENERATION
from surveillance.domain.errors import Defect, Misused
from surveillance.looking.commands import register_commands

_DISK_IS_FULL = (ENOSPC, EDQUOT)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        found = importlib.metadata.version("longwatch")
        print(f"longwatch {found}, generation {GENERATION}")
        raise typer.Exit


app = typer.Typer(
    name="longwatch",
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
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="And end.")
    ] = False,
) -> None:
    """Post-approval safety surveillance: reports and outcomes in, signals out."""


running.register(app)
streaming.register(app)
deciding.register(app)
register_commands(app)


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and end with its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        In place of those of the process.
    """
    try:
        code = app(arguments, standalone_mode=False, prog_name="longwatch")
    except Misused as error:
        print(f"longwatch: {error}", file=sys.stderr)
        sys.exit(2)
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except ClickException as error:
        print(f"longwatch: {_plain(error)}", file=sys.stderr)
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        print("longwatch: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Defect as error:
        print(f"longwatch: stopped: {error}", file=sys.stderr)
        sys.exit(70)
    except OSError as error:
        if error.filename is None and error.errno not in _DISK_IS_FULL:
            _stop_at_a_defect()
        place = "the disk" if error.filename is None else error.filename
        remedy = "mend the name, its rights, or make room"
        print(f"longwatch: {place}: {error.strerror}; {remedy}", file=sys.stderr)
        sys.exit(2)
    except Exception:  # noqa: BLE001 - whatever it is, 1 would mean that a check found a difference
        _stop_at_a_defect()
    sys.exit(code if isinstance(code, int) else 0)


def _plain(error: ClickException) -> str:
    """Say in one line what is wrong with a command, and where it is explained."""
    command = error.ctx.command_path if isinstance(error, UsageError) and error.ctx else "longwatch"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"


def _stop_at_a_defect() -> NoReturn:
    traceback.print_exc()
    print("longwatch: stopped: a defect; keep the lines above for a report", file=sys.stderr)
    sys.exit(70)
