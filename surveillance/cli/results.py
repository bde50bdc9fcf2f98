"""The commands that read results. None of them writes to a run or a register."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surveillance.cli import charts as drawing
from surveillance.cli import screen
from surveillance.cli import tables as showing
from surveillance.cli.backtest_tables import print_backtest
from surveillance.cli.detectors import detectors
from surveillance.cli.options import (
    AsJson,
    AsOf,
    EventName,
    FromRun,
    Limit,
    OneEvent,
    OneProduct,
    ProductName,
    RegisterUrl,
    day_of,
    limit_of,
    one_of,
)
from surveillance.configuration.life_cycle import shipped
from surveillance.domain.errors import Misused
from surveillance.views.backtest import backtest
from surveillance.views.known_signals import read_known
from surveillance.views.plain import plain
from surveillance.views.results import Results, open_results
from surveillance.views.series import EVERY, NOTE, Every, points
from surveillance.views.signed import plain_signal
from surveillance.views.weekly_review import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.domain.finding import PriorFitted
    from surveillance.register.documents import AnyFinding
    from surveillance.views.series import Point, Sums


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("findings")(findings)
    app.command("priors")(priors)
    app.command("signals")(signals)
    app.command("series")(series)
    app.command("backtest")(backtest_command)
    app.command("detectors")(detectors)


def findings(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    product: ProductName = None,
    event: EventName = None,
    criterion: Annotated[str | None, typer.Option(help="Only of this criterion.")] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Only the first time each criterion was met, by pair.")
    ] = False,
    as_of: AsOf = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List findings in the order in which they were made."""
    source = open_results(from_run, register)
    chosen = source.choose(product, event, day_of(as_of))
    _require_criterion(source, criterion)
    n_shown = limit_of(limit, as_json=as_json)
    each = source.reader.each_finding(chosen, criterion=criterion, first=first, limit=n_shown)
    if as_json:
        screen.print_json_array(_finding(item, first=first) for item in each)
        return
    found = list(each)
    showing.print_findings(found, day="first met" if first else "on")
    n_all = source.reader.n_findings(chosen, criterion=criterion, first=first)
    screen.print_lines(showing.shown(len(found), n_all, "findings"))


def priors(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List the fits of the prior that the EBGM is computed under, and how good each was."""
    found = open_results(from_run, register).reader.priors(day_of(as_of))
    if as_json:
        screen.print_json(found)
        return
    showing.print_priors(found)
    screen.print_lines(how_many_failed(found))


def how_many_failed(found: Sequence[PriorFitted]) -> str:
    """Count the fits, those that failed, and what each failure left in force."""
    n_before = next((i for i, item in enumerate(found) if not item.failure), len(found))
    n_after = sum(bool(item.failure) for item in found[n_before:])
    parts = [f"{len(found):,} fits; {n_before + n_after:,} failed"]
    if n_before:
        parts.append(f"{n_before:,} before there was a prior, so that there was no EBGM yet")
    if n_after:
        parts.append(f"{n_after:,} later, when the previous prior stayed in force")
    return parts[0] + (f": {' and '.join(parts[1:])}" if parts[1:] else "")


def _finding(item: AnyFinding, *, first: bool) -> dict[str, Any]:
    values: dict[str, Any] = plain(item)
    if first:
        values["first_on"] = values.pop("on")
    return values


def _require_criterion(source: Results, criterion: str | None) -> None:
    known = source.criteria()
    if criterion is not None and criterion not in known:
        listed = ", ".join(known) or "none"
        raise Misused(f"--criterion {criterion!r}", "is not known here", f"known are: {listed}")


def signals(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    product: ProductName = None,
    event: EventName = None,
    status: Annotated[
        str | None, typer.Option(help="Only this; see `longwatch lifecycle`.")
    ] = None,
    as_of: AsOf = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """List signals by priority, as they stand or stood."""
    source = open_results(from_run, register)
    configuration = source.configuration()
    table = configuration.lifecycle if configuration else shipped()
    only = one_of(status, tuple(one.name for one in table.status), "--status")
    chosen = source.choose(product, event, day_of(as_of))
    n_shown = limit_of(limit, as_json=as_json)
    statuses = None if only is None else (only,)
    each = source.reader.each_signal(chosen, statuses=statuses, limit=n_shown)
    if as_json:
        screen.print_json_array(map(plain_signal, each))
        return
    found = list(each)
    showing.print_signals(found)
    n_all = source.reader.n_signals(chosen, status=only)
    screen.print_lines(showing.shown(len(found), n_all, "signals"))


def series(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    product: OneProduct,
    event: OneEvent,
    every: Annotated[str, typer.Option(help="day, month or year: ends of periods.")] = "month",
    as_of: AsOf = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw into a file as well.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show counts and statistics of any pair over time, exactly."""
    period: Every = one_of(every, EVERY, "--every")
    source = open_results(from_run, register)
    chosen = source.choose(product, event)
    pair = (chosen.product or "", chosen.event or "")
    until, sums = day_of(as_of), source.sums([pair])[pair]
    found = points(sums, period, until)
    title = screen.visible(f"{pair[0]} and {pair[1]}")
    if plot is not None:
        drawing.save_svg(_drawing(found, title, drawing.WIDTH_OF_A_FILE), plot, title=title)
    if as_json:
        screen.print_json(found)
        return
    if len(found) >= drawing.N_POINTS_MIN:
        screen.print_drawing(_drawing(found, title, screen.console().width))
    showing.print_points(title, found)
    screen.print_lines(
        NOTE, "limits are 95 % limits" if found else _why_nothing(pair[0], sums, until)
    )


def _why_nothing(product: str, sums: dict[date, Sums], until: date | None) -> str:
    first = next((day for day, at in sums.items() if at.n_product > 0), None)
    if first is None or until is None:
        return f"{product} was never reported"
    return f"{product} was not reported by {until}: its first report came on {first}"


def _drawing(found: list[Point], title: str, width: int) -> str:
    if len(found) < drawing.N_POINTS_MIN:
        raise Misused("--plot", f"needs {drawing.N_POINTS_MIN} points", "use --every day")
    return drawing.draw(found, title, width=width)


def backtest_command(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    known: Annotated[Path, typer.Option(metavar="FILE", help="CSV of known signals.")],
    per_week: Annotated[
        int | None,
        typer.Option("--per-week", min=1, max=10_000, help="Matters looked at every Monday."),
    ] = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(help="With --per-week: list only what one of these has found."),
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="With --per-week: leave out each part in turn as well.")
    ] = False,
    random_weights: Annotated[
        int,
        typer.Option("--random-weights", min=0, max=1_000, help="Draw so many weights as well."),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the drawn weights.")] = 1,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Draw the weeks into a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a run with signals that are known: first crossing, lead time, rank, burden.

    With --per-week a modelled reviewer looks at the first matters of the list every Monday and
    acknowledges them; they come back only when they have changed.
    """
    if per_week is None and (criterion or ablate or random_weights or plot is not None):
        raise Misused(
            "--criterion, --ablate, --random-weights, --plot",
            "are about a reviewer, and there is none",
            "give --per-week N",
        )
    source = open_results(from_run, register)
    for one in criterion or ():
        _require_criterion(source, one)
    asked = per_week and Asked(per_week, tuple(criterion or ()), ablate, random_weights, seed)
    found = backtest(source, read_known(known), asked or None)
    if plot is not None:
        drawing.save_svg(
            drawing.draw_weeks(found.reviewed[0]), plot, title=f"{per_week} matters a week"
        )
    if as_json:
        screen.print_json(found)
        return
    print_backtest(found)
