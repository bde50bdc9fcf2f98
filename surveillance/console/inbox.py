"""The inbox: matters that wait, by band, with what changed since somebody looked.

A row is what `longwatch ranking` shows of a matter, by the best of its signals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import paged
from surveillance.console.bars import draw_weeks
from surveillance.console.desk import LABELS, counts
from surveillance.console.facets import facets, narrowed
from surveillance.console.pages import ABSENT, Page
from surveillance.domain.finding import Finding
from surveillance.domain.names import identity
from surveillance.register.chosen_rows import Chosen
from surveillance.triage.labels import Labels
from surveillance.views.acknowledged import Comparison
from surveillance.views.as_of import is_screened, whole_signals
from surveillance.views.publicised import Publicised
from surveillance.views.ranked_rows import ranked_matter
from surveillance.views.recent_weeks import recent_weeks
from surveillance.views.same_cases import SameCases
from surveillance.views.signed import is_signed
from surveillance.views.written import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from markupsafe import Markup

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import Signal
    from surveillance.register.documents import AnyFinding
    from surveillance.views.acknowledged import Numbers
    from surveillance.views.day import Day
    from surveillance.views.same_cases import Neighbour
    from surveillance.views.worklist import WaitingMatter

N_ROWS = 50
N_CHIPS = 3
SORTS = ("band", "priority", "n", "serious", "fatal", "first", "due", "product", "event")
_BACK = {
    "cases": "more cases",
    "serious": "more serious",
    "death": "first death",
    "criterion": "higher criterion",
    "time": "time to look again",
    "expired": "suppression ended",
}
LISTED = {1.0: "yes", 0.0: "no"}
CSV_COLUMNS = (
    "matter_id", "rank", "n_tied", "band", "waiting_since", "due_on", "is_queued", "product",
    "event", "n", "n_serious", "n_fatal", "expected", "evidence", "evaluated_on", "priority",
    "status", "is_signed", "first_on", "signal_id", "n_signals", "seen_by", "seen_on",
    "back_because", "publicity",
)  # fmt: skip


class Row(NamedTuple):
    """A matter in the inbox."""

    one: WaitingMatter
    item: Signal
    why: list[str]
    change: Numbers | None  # since it was seen; None: nobody has
    limits: str  # of the latest finding
    limits_of: str  # when that was
    is_listed: str
    is_signed: bool | None  # None: the status is as software opened it
    weeks: Markup | None  # cases added in each; None: a sequential test has patients
    same: Neighbour | None  # that rests on the same cases
    starts_queue: bool = False


def inbox(known: Known, asked: Asked) -> Page:
    """Return the inbox."""
    day = known.day(asked.at)
    found = chosen_matters(known, day, asked)
    page = paged(found, asked, N_ROWS, lambda one: one.matter.best.matter_id)
    rows = _rows(known, day, page.rows)
    return Page(
        "inbox.html",
        "Inbox",
        {
            "day": day,
            "views": view_counts(day),
            "waits": counts(known, day),
            "labels": LABELS,
            "view": asked.one_of("view", tuple(_VIEWS)),
            "sort": asked.one_of("sort", SORTS),
            "bands": _bands(known, day),
            "facets": facets(known, day, asked, _in_view(day, asked)),
            "n_queued": sum(one.is_queued for one in day.work.matters),
            "n_within": sum(one.is_waiting and not one.is_queued for one in day.work.matters),
            "n_behind": day.n_open - sum(len(one.matter.signals) for one in day.work.matters),
            "min_cases": known.configuration().triage.list_min_cases,
        }
        | page.values(_with_budget_line(rows, found, page.first)),
    )


def inbox_rows(known: Known, asked: Asked) -> list[dict[str, Any]]:
    """Return every row of a list for machines, in its order."""
    day = known.day(asked.at)
    found = chosen_matters(known, day, asked)
    whole = whole_signals(known.source, (one.matter.best for one in found), day.on)
    public = Publicised(known.source)
    items = [whole[one.matter.best.signal_id] for one in found]
    return [
        ranked_matter(one, item, public.of(item)) for one, item in zip(found, items, strict=True)
    ]


def csv_row(row: dict[str, Any]) -> list[object]:
    """Return a row for machines as a value for each of `CSV_COLUMNS`."""
    seen = row["seen"] or {"by": None, "on": None}
    flat = row | {
        "seen_by": seen["by"],
        "seen_on": seen["on"],
        "back_because": "; ".join(row["back_because"]),
        "is_queued": "yes" if row["is_queued"] else "no",
        "is_signed": {None: None, True: "yes", False: "no"}[row["is_signed"]],
    }
    return [flat[name] for name in CSV_COLUMNS]


def chosen_matters(known: Known, day: Day, asked: Asked) -> list[WaitingMatter]:
    """Return the matters that are asked for, in the order that is asked for."""
    found = narrowed(known, day, asked, _in_view(day, asked))
    order = {name: number for number, name in enumerate(_band_names(known))}
    return sorted(found, key=_order(asked.one_of("sort", SORTS), order))


def _in_view(day: Day, asked: Asked) -> list[WaitingMatter]:
    """Return the matters of a list, of a band and with a name, in the order of the priority."""
    view, band = asked.one_of("view", tuple(_VIEWS)), asked.text("band")
    wanted = identity(asked.text("q"))
    return [
        one
        for one in day.work.matters
        if _VIEWS[view](one) and band in ("", one.band) and _names(one, wanted)
    ]


def _is_suppressed(one: WaitingMatter) -> bool:
    return not one.is_waiting and one.seen is not None and one.seen.suppressed_until is not None


_VIEWS: dict[str, Callable[[WaitingMatter], bool]] = {
    "waiting": lambda one: one.is_waiting,
    "back": lambda one: bool(one.back_because),
    "queued": lambda one: one.is_queued,
    "seen": lambda one: not one.is_waiting and not _is_suppressed(one),
    "suppressed": _is_suppressed,
    "all": lambda _: True,
}


def _names(one: WaitingMatter, wanted: str) -> bool:
    return not wanted or any(
        wanted in identity(each.product) or wanted in identity(each.event)
        for each in one.matter.signals
    )


def view_counts(day: Day) -> dict[str, int]:
    """Return how many matters each list of the inbox holds."""
    return {view: sum(map(keep, day.work.matters)) for view, keep in _VIEWS.items()}


def _band_names(known: Known) -> list[str]:
    return [band.name for band in known.configuration().triage.band]


def _bands(known: Known, day: Day) -> dict[str, int]:
    return {
        name: sum(one.band == name and one.is_waiting for one in day.work.matters)
        for name in _band_names(known)
    }


def _order(sort: str, bands: dict[str, int]) -> Callable[[WaitingMatter], tuple[Any, ...]]:
    """Return the key of an order; what is equal stands by its place on the list, then by name."""

    def key(one: WaitingMatter) -> tuple[Any, ...]:
        best, rank = one.matter.best, one.matter.rank.rank
        own: dict[str, tuple[Any, ...]] = {
            "band": (one.is_queued, bands.get(one.band, len(bands))),
            "priority": (),
            "n": (-best.n,),
            "serious": (-best.n_serious,),
            "fatal": (-best.n_fatal,),
            "first": (-best.first_on.toordinal(),),
            "due": (one.due_on is None, one.due_on),
            "product": (best.product, best.event),
            "event": (best.event, best.product),
        }
        return *own[sort], rank, best.signal_id

    return key


def _rows(known: Known, day: Day, found: Sequence[WaitingMatter]) -> list[Row]:
    configuration = known.configuration()
    whole = whole_signals(known.source, (one.matter.best for one in found), day.on)
    compared, labels = Comparison(known.reader, configuration), Labels(configuration)
    same = same_cases(known, day)
    rows = []
    for one in found:
        item = whole[one.matter.best.signal_id]
        flags = labels.of(item.product, item.event, day.on)
        limits, limits_of = limits_now(known, item, day)
        rows.append(
            Row(
                one, item, _why(one, item), _change(compared, one, item), limits, limits_of,
                LISTED.get(flags.is_listed, "unknown"), is_signed(item),
                _weeks(known, item, day), same.of(one.matter.best),
            )
        )  # fmt: skip
    return rows


def same_cases(known: Known, day: Day) -> SameCases:
    """Return what finds neighbours on the list of a day; it keeps the cases that it has read."""
    found: SameCases = known.kept(
        ("same", day.on, day.epoch),
        lambda: SameCases(
            known.reader.cases,
            known.configuration(),
            [one.matter.best for one in day.work.matters],
            day.epoch,
        ),
    )
    return found


def _weeks(known: Known, item: Signal, day: Day) -> Markup | None:
    if not is_screened(item):
        return None
    spans = known.reader.cases.counted_spans(item.product, item.event)
    return draw_weeks(recent_weeks(spans, known.days(), day.on), day.on)


def _why(one: WaitingMatter, item: Signal) -> list[str]:
    """Return at most three reasons to look now, the most pressing first."""
    found = ["review requested"] if any(each.answer is None for each in item.reviews) else []
    found += ["sentinel event"] if item.is_sentinel else []
    found += [_BACK[name] for name in one.back_because]
    found += ["not yet seen"] if one.seen is None else []
    return found[:N_CHIPS]


def _change(compared: Comparison, one: WaitingMatter, item: Signal) -> Numbers | None:
    """Return what was added since the matter was seen."""
    if one.seen is None:
        return None
    then = compared.numbers([item], one.seen.up_to_epoch)[item.signal_id]
    return then._replace(
        n=item.n - then.n,
        n_serious=item.n_serious - then.n_serious,
        n_fatal=item.n_fatal - then.n_fatal,
    )


def limits_now(known: Known, item: Signal, day: Day) -> tuple[str, str]:
    """Return the strongest statement of the latest finding with its limits, and when it was."""
    newest = known.reader.newest_findings(Chosen(item.product, item.event, day.on), 1)
    if not newest:
        return "no finding by that day", ""
    found = newest[0]
    counted = f"n {found.n_pair:,}, " if isinstance(found, Finding) else ""
    return _limits(found), f"{counted}{found.on}"


def _limits(found: AnyFinding) -> str:
    if not isinstance(found, Finding):
        of = {"log_e": "log e", "log_likelihood_ratio": "LLR"}.get(found.scale, found.scale)
        return f"{of} {number(found.statistic)} of {number(found.boundary)}"
    if found.ic is None:
        reasons = ", ".join(dict.fromkeys(found.undefined.values()))
        return f"undefined: {reasons}" if reasons else ABSENT
    return f"IC {number(found.ic)} ({number(found.ic_lower)} to {number(found.ic_upper)})"


def _with_budget_line(rows: list[Row], found: Sequence[WaitingMatter], first: int) -> list[Row]:
    """Mark the row before which the budget of the week ends."""
    queue = next((number for number, one in enumerate(found) if one.is_queued), None)
    if queue is None or any(not one.is_queued for one in found[queue:]):
        return rows  # in this order the queue is no block
    return [row._replace(starts_queue=number == queue) for number, row in enumerate(rows, first)]
