"""Commands that show a test look by look, and a signal step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surveillance.cli import charts, screen
from surveillance.cli import tables as showing
from surveillance.cli.options import (
    AsJson,
    AsOf,
    EventName,
    FromRun,
    Limit,
    ProductName,
    RegisterUrl,
    day_of,
    limit_of,
    one_of,
    text_of,
)
from surveillance.domain.errors import Misused
from surveillance.register.chosen_rows import Chosen
from surveillance.register.columns import SIGNAL_ID
from surveillance.register.look_reader import ChosenLooks
from surveillance.views.plain import plain
from surveillance.views.results import open_results
from surveillance.views.signal_steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.domain.finding import Look

NOTE = (
    "a test has crossed once its statistic has reached its boundary, and stays so however the "
    "statistic falls; log_e and log_likelihood_ratio are natural logarithms; a count is no test"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("looks")(looks)
    app.command("history")(history)


def looks(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    programme: Annotated[
        str | None,
        typer.Option("--programme", metavar="P", callback=text_of, help="Only of this programme."),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(metavar="NAME", callback=text_of, help="Only of this design."),
    ] = None,
    product: ProductName = None,
    event: EventName = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="Only the last look of each test.")
    ] = False,
    as_of: AsOf = None,
    limit: Limit = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw one test into a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the looks of the tests of outcomes: each statistic against its boundary, over time."""
    source = open_results(from_run, register)
    programmes, designs = source.reader.looks.watched()
    _require_known(programme, programmes, "--programme")
    _require_known(design, designs, "--design")
    keys = source.choose(product, event)
    chosen = ChosenLooks(
        programme, design, keys.product, keys.event, day_of(as_of), is_latest=latest
    )
    n_shown = limit_of(limit, as_json=as_json or plot is not None)
    each = source.reader.looks.each(chosen, limit=n_shown)
    if as_json and plot is None:
        screen.print_json_array(each)
        return
    found = list(each)
    if plot is not None:
        one_test = _of_one(found)
        charts.save_svg(charts.draw_looks(one_test), plot, title=_title(one_test))
    if as_json:
        screen.print_json(found)
        return
    _show(found)
    screen.print_lines(showing.shown(len(found), source.reader.looks.n(chosen), "looks"), NOTE)


def history(
    signal_id: Annotated[
        str,
        typer.Argument(metavar="SIGNAL", callback=text_of, help="As in `longwatch signals`."),
    ],
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List every step of a signal: what was decided, when, by whom, and why."""
    reader = open_results(from_run, register).reader
    until = day_of(as_of)
    is_name = SIGNAL_ID.fullmatch(signal_id)
    found = reader.signals(Chosen(until=until), ids=[signal_id]) if is_name else []
    if not found:
        remedy = "take one that `longwatch signals` lists"
        raise Misused(f"signal {signal_id!r}", "is not here, or was not by that day", remedy)
    steps = steps_of(found[0], reader.steps(signal_id, until))
    if as_json:
        screen.print_json([{"number": number, **plain(step)} for number, step in steps.items()])
        return
    showing.print_steps(found[0], steps)
    screen.print_lines(showing.shown(len(steps), found[0].n_steps, "steps"))


def _require_known(given: str | None, known: Sequence[str], option: str) -> None:
    if not known and given is not None:
        raise Misused(f"{option} {given!r}", "is not known", "there are no looks here")
    one_of(given, known, option)


def _show(found: Sequence[Look]) -> None:
    if len(found) >= charts.N_POINTS_MIN and _is_of_one(found):
        screen.print_drawing(charts.draw_looks(found, width=screen.console().width))
    showing.print_looks(found)


def _is_of_one(found: Sequence[Look]) -> bool:
    return len({_test(one) for one in found}) == 1


def _of_one(found: Sequence[Look]) -> Sequence[Look]:
    """Refuse to draw several tests as one line."""
    if len(found) < charts.N_POINTS_MIN:
        raise Misused("--plot", f"needs {charts.N_POINTS_MIN} looks", "leave out --plot")
    if not _is_of_one(found):
        n_tests = len({_test(one) for one in found})
        reason = f"draws one test, and these looks are of {n_tests}"
        raise Misused("--plot", reason, "give --programme, --design, --product and --event")
    return found


def _test(look: Look) -> tuple[str, ...]:
    return look.programme, look.criterion, look.product, look.event, look.patient_id


def _title(found: Sequence[Look]) -> str:
    look = found[0]
    of = f" of {look.patient_id}" if look.patient_id else ""
    return screen.visible(f"{look.criterion}: {look.product} and {look.event}{of}")
