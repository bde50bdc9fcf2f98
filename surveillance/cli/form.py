"""`longwatch form`: forms that people answer, filled in as far as the log does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli import screen
from surveillance.cli.options import AsJson, AsOf, FromRun, RegisterUrl, day_of, text_of
from surveillance.views.results import open_results
from surveillance.views.validation_form import as_markdown, validation_form

form = typer.Typer(no_args_is_help=True, help="Forms that people answer.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(form, name="form")


@form.command("validation")
def validation(
    subject: Annotated[
        str,
        typer.Argument(metavar="SUBJECT", callback=text_of, help="A signal, or a matter."),
    ],
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write it to a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the form of the validation of a signal, under the headings of GVP Module IX.

    What the log holds is filled in, with its epoch. What people must answer is left empty; they
    answer by the decisions `validate` and `refute`. Of a matter it is the form of its signal with
    the greatest priority.
    """
    found = validation_form(open_results(from_run, register), subject, day_of(as_of))
    text = as_markdown(found)
    if markdown is not None:
        markdown.write_text(text, encoding="utf-8")
    if as_json:
        screen.print_json(found)
    elif markdown is not None:
        n_filled = sum(bool(one.from_log) for one in found.fields)
        screen.print_lines(f"{n_filled} of {len(found.fields)} questions have entries: {markdown}")
    else:
        screen.print_lines(*text.splitlines())
