"""`longwatch ranking` and `longwatch matter`: what to look at, and what is new in it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from surveillance.cli import matter_tables, screen
from surveillance.cli import tables as showing
from surveillance.cli.options import (
    N_MAX,
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
)
from surveillance.configuration.types import Triage
from surveillance.domain.errors import Misused
from surveillance.domain.product import LEVELS, Level
from surveillance.views.as_of import listable_signals, whole_signals
from surveillance.views.matter_page import matter_page
from surveillance.views.plain import plain
from surveillance.views.publicised import Publicised
from surveillance.views.ranked_rows import ranked_matter
from surveillance.views.ranking import rank_matters, rank_signals
from surveillance.views.results import Results, open_results
from surveillance.views.signed import plain_signal
from surveillance.views.worklist import worklist

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from surveillance.domain.signal import AnySignal, Signal
    from surveillance.register.chosen_rows import Chosen
    from surveillance.views.ranking import RankedSignal
    from surveillance.views.worklist import Worklist

PARTS_NOTE = (
    "a part of the priority is its value from 0 to 1 x its weight, and - where it is unknown and "
    "counts for nothing; the priority is their weighted mean, and orders work only; counts are "
    "those of the day in the column counted to"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ranking")(ranking)
    app.command("matter")(matter)


def ranking(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    product: ProductName = None,
    event: EventName = None,
    level: Annotated[
        str | None, typer.Option(help=f"Only products at one level: {', '.join(LEVELS)}.")
    ] = None,
    as_of: AsOf = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, max=N_MAX, help="The first so many.")
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Those that people have seen, and that stay away, too.")
    ] = False,
    each_signal: Annotated[
        bool, typer.Option("--signals", help="Rank every open signal by itself, at all levels.")
    ] = False,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Rank matters by priority, as they stood on a day; or give the rank of some.

    A matter is all signals of one product and one event, at whatever level they are counted. Shown
    are those that nobody has acknowledged or decided about, and those that have come back.
    """
    at_level: Level | None = one_of(level, LEVELS, "--level")
    source = open_results(from_run, register)
    chosen = source.choose(product, event, day_of(as_of))
    on = chosen.until or source.reader.last_day()
    signals = listable_signals(source, on, at_level) if on is not None else []
    is_all = show_all or chosen.product is not None or chosen.event is not None
    n_shown = limit_of(top or limit, as_json=as_json)
    asked = _Asked(on or date.min, chosen, n_shown, as_json, _triage_of(source), is_all)
    if each_signal:
        _show_signals(source, signals, asked)
    else:
        _show_matters(source, signals, asked)


class _Asked(NamedTuple):
    """What is asked of a ranking."""

    on: date
    chosen: Chosen
    n: int | None
    as_json: bool
    triage: Triage
    is_all: bool

    def is_meant(self, item: AnySignal) -> bool:
        return self.chosen.product in (None, item.product) and self.chosen.event in (
            None, item.event,
        )  # fmt: skip


def _triage_of(source: Results) -> Triage:
    configuration = source.configuration()
    return Triage() if configuration is None else configuration.triage


def _show_matters(source: Results, signals: Sequence[AnySignal], asked: _Asked) -> None:
    matters = rank_matters(signals, asked.triage, asked.on)
    whole = worklist(source, matters, asked.on)
    meant = [
        (one, next(filter(asked.is_meant, one.matter.signals)))
        for one in whole.matters
        if (asked.is_all or one.is_waiting) and any(map(asked.is_meant, one.matter.signals))
    ][: asked.n]
    shown = whole_signals(source, (item for _, item in meant), asked.on)
    found = [(one, shown[item.signal_id]) for one, item in meant]
    if asked.as_json:
        public = Publicised(source)
        screen.print_json_array(ranked_matter(one, item, public.of(item)) for one, item in found)
        return
    showing.print_matters(f"matters by priority at the end of {asked.on}", found)
    n_behind = len(signals) - sum(len(matter.signals) for matter in matters)
    screen.print_lines(
        f"{len(found):,} shown; {len(matters):,} matters were on the list; {n_behind:,} open "
        f"signals were not: fewer than {asked.triage.list_min_cases} cases, or no lower limit "
        "above 0",
        *_seen_lines(whole),
        *_public_lines(source, [item for _, item in found]),
        PARTS_NOTE,
    )


def _seen_lines(whole: Worklist) -> Iterator[str]:
    listed = whole.matters
    n_seen = sum(one.seen is not None for one in listed)
    n_back = sum(bool(one.back_because) for one in listed)
    n_suppressed = sum(
        one.seen is not None and one.seen.suppressed_until is not None and not one.is_waiting
        for one in listed
    )
    if n_seen:
        yield (
            f"people have seen {n_seen:,} of them, of which {n_back:,} have come back and "
            f"{n_suppressed:,} are suppressed; --all shows all"
        )
    if whole.budget is not None:
        n_queued = sum(one.is_queued for one in listed)
        n_within = sum(one.is_waiting and not one.is_queued for one in listed)
        yield (
            f"budget {whole.budget:,} a week: {whole.n_seen_this_week:,} seen since Monday, "
            f"{n_within:,} within it, {n_queued:,} queued behind, in the order of the priority"
        )


def _show_signals(source: Results, signals: Sequence[AnySignal], asked: _Asked) -> None:
    ranked = rank_signals(signals, asked.on)
    meant = [one for one in ranked if asked.is_meant(one.signal)][: asked.n]
    shown = whole_signals(source, (one.signal for one in meant), asked.on)
    found = [(one, shown[one.signal.signal_id]) for one in meant]
    if asked.as_json:
        public = Publicised(source)
        screen.print_json_array(
            {**_ranked_signal(one, item), "publicity": public.of(item)} for one, item in found
        )
        return
    showing.print_ranking(f"signals by priority at the end of {asked.on}", found)
    screen.print_lines(
        f"{len(found):,} shown; {len(ranked):,} signals were open",
        *_public_lines(source, [item for _, item in found]),
        PARTS_NOTE,
    )


def _public_lines(source: Results, shown: Sequence[Signal]) -> Iterator[str]:
    """Return what lowered the priority of those shown, since their reports may be stimulated."""
    public = Publicised(source)
    for item in shown:
        sentence = public.of(item)
        if sentence is not None:
            yield f"lower for what was made public: {item.product} and {item.event}: {sentence}"


def _ranked_signal(one: RankedSignal, item: Signal) -> dict[str, Any]:
    return {
        **plain_signal(item),
        "changed_on": plain(item.on),
        **plain(one.rank),
        "rank_in_level": one.rank_in_level,
        "n_in_level": one.n_in_level,
    }


def matter(
    matter_id: Annotated[str, typer.Argument(metavar="MATTER", help="As in `longwatch ranking`.")],
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one matter: where it stands, who has seen it, and what is new since, case by case."""
    if not matter_id.startswith("M-"):
        raise Misused(
            screen.visible(matter_id), "is not the id of a matter", "give one such as M-…"
        )
    page = matter_page(open_results(from_run, register), matter_id, day_of(as_of))
    if as_json:
        screen.print_json(page)
        return
    matter_tables.print_page(page)
