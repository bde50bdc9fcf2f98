"""`longwatch refused`: records that could not be used, and how to resend them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli import screen
from surveillance.cli import tables as showing
from surveillance.cli.options import AsJson, FromRun, Limit, RegisterUrl, limit_of, text_of
from surveillance.views.plain import plain
from surveillance.views.refused import (
    at_place,
    place_of,
    plain_refused,
    read_refused,
    readable,
    sort_out,
    write_lines,
)
from surveillance.views.results import open_results

app = typer.Typer(
    help="Records that could not be used: list them, show one, export them to be fixed.",
    no_args_is_help=True,
)
Code = Annotated[str | None, typer.Option("--code", help="Only records refused with this code.")]


def register(outer: typer.Typer) -> None:
    """Add the commands."""
    outer.add_typer(app, name="refused")


@app.command("list")
def list_refused(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    code: Code = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List refused records, by code and place."""
    records = read_refused(open_results(from_run, register), code=code)
    n_shown = limit_of(limit, as_json=as_json)
    some = records[:n_shown]
    if as_json:
        screen.print_json([plain_refused(record) for record in some])
        return
    columns = {"code": "left", "place": "left", "reason": "left", "remedy": "left"}
    rows = [(record.code, place_of(record), record.reason, record.remedy) for record in some]
    showing.print_table("refused records", columns, rows, drop=("remedy",))
    by_code = Counter(record.code for record in records).most_common()
    counted = ", ".join(f"{name} {n:,}" for name, n in by_code) or "none"
    screen.print_lines(
        showing.shown(len(some), len(records), "refused records"), f"by code: {counted}"
    )


@app.command("show")
def show(
    place: Annotated[
        str,
        typer.Argument(metavar="PLACE", callback=text_of, help="As `refused list` shows it."),
    ],
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show what was refused at a place, its bytes decoded as far as they can be."""
    records = at_place(read_refused(open_results(from_run, register)), place)
    found = [(record, readable(record.content_bytes)) for record in records]
    if as_json:
        values = [{**plain_refused(record), **plain(text)} for record, text in found]
        screen.print_json(values)
        return
    for record, text in found:
        screen.print_lines(
            f"place    {place_of(record)}",
            f"code     {record.code}",
            f"reason   {record.reason}",
            f"remedy   {record.remedy}",
            f"at       {record.at or 'never reached a log'}",
            f"content  {len(record.content_bytes):,} bytes, {text.note}",
            *text.text.split("\n"),
        )


@app.command("retry")
def retry(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    code: Code = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file.")],
) -> None:
    """Write refused lines to a file, to be fixed by hand and loaded again.

    Nothing is fixed here. An unchanged line will be refused again.
    """
    records = read_refused(open_results(from_run, register), code=code)
    found = sort_out(records)
    write_lines(found.lines, out)
    screen.print_lines(
        f"{len(found.lines):,} refused lines are in {out}, just as they were received.",
        "Nothing has been fixed. Fix them there, then load the file again; "
        "`longwatch refused list` shows what is wrong with each.",
    )
    if found.cut:
        screen.print_lines(
            f"{len(found.cut):,} were longer than what is kept, and are left out: "
            "fix them at their source."
        )
    if found.elsewhere:
        screen.print_lines(
            f"{len(found.elsewhere):,} are rows of files in another format, and are left out: "
            "fix those files and load them again."
        )
