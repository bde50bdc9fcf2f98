"""The command line: a contract with scripts and people outside.

Exit codes: 0 done, 1 a check found a difference, 2 the command was used wrongly, 3 input
was refused in part, 70 a defect.
"""

from __future__ import annotations

import sys

import typer
from typer._click.exceptions import ClickException  # Typer carries a click of its own

from surveillance.cli import deciding, running, streaming
from surveillance.domain.errors import Defect, Misused
from surveillance.looking.commands import register_commands

app = typer.Typer(
    name="longwatch",
    help="Post-approval safety surveillance: reports and outcomes in, signals out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
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
        code = app(arguments, standalone_mode=False)
    except Misused as error:
        print(f"longwatch: {error}", file=sys.stderr)
        sys.exit(2)
    except ClickException as error:
        error.show()
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
    sys.exit(code if isinstance(code, int) else 0)
