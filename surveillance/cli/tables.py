"""Tables for people, JSON for machines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table

from surveillance.cli.screen import (
    WIDTH_OF_A_PIPE,
    console,
    print_laid_out,
    print_lines,
    text,
    visible,
)
from surveillance.domain.finding import Finding
from surveillance.domain.signal import Signal
from surveillance.programmes.histories import DAYS_A_YEAR
from surveillance.views import written
from surveillance.views.signed import is_signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

    from surveillance.domain.finding import Look, PriorFitted, WatchFinding
    from surveillance.domain.signal import PriorityPart, Step
    from surveillance.views.ranking import Rank, RankedSignal
    from surveillance.views.series import Point
    from surveillance.views.worklist import WaitingMatter

WIDTH_OF_ALL = 10_000
ABSENT = written.ABSENT
number, probability, interval = written.number, written.probability, written.interval


def print_table(
    title: str,
    columns: Mapping[str, str],
    rows: Iterable[Sequence[object]],
    *,
    drop: Sequence[str] = (),
) -> None:
    """Print a table, if it has rows.

    Parameters
    ----------
    title : str
        Above it.
    columns : mapping
        Name of each column, and ``left`` or ``right``.
    rows : iterable of sequences
        A value for each column.
    drop : sequence of str
        Columns to leave out where the terminal is too narrow, the first one first.
    """
    cells = [dict(zip(columns, map(_cell, row), strict=True)) for row in rows]
    if not cells:
        return
    to, left = console(), list(drop)
    while True:
        kept = {
            name: justify for name, justify in columns.items() if name in left or name not in drop
        }
        table = _table(title, kept, cells, width_of_names=_width_of_names(to))
        wide = to.options.update(width=WIDTH_OF_ALL)  # a table is never wider than it may be
        if not left or to.measure(table, options=wide).maximum <= to.width:
            break
        del left[0]
    print_laid_out(table)
    if len(left) < len(drop):
        print_lines(f"left out for want of width: {', '.join(drop[: len(drop) - len(left)])}")


def _width_of_names(to: Console) -> int:
    return to.width if to.width >= WIDTH_OF_A_PIPE else max(to.width // 4, 16)


def _table(
    title: str, columns: Mapping[str, str], cells: Sequence[dict[str, Text]], *, width_of_names: int
) -> Table:
    table = Table(title=text(title), title_justify="left")
    for name, justify in columns.items():
        longest = max(row[name].cell_len for row in cells)
        if justify == "right":
            table.add_column(name, justify="right", min_width=longest)
        else:
            widest = min(longest, width_of_names)
            table.add_column(name, overflow="fold", min_width=widest, max_width=width_of_names)
    for row in cells:
        table.add_row(*(row[name] for name in columns))
    return table


def _cell(value: object) -> Text:
    return text(ABSENT if value is None else f"{value:,}" if isinstance(value, int) else str(value))


def shown(n: int, of: int, what: str) -> str:
    """Return how much of it is shown."""
    return f"{of:,} {what}" if n == of else f"{n:,} of {of:,} {what} shown; --limit N shows more"


_PAIR_COLUMNS = {
    "criterion": "left", "change": "left", "product": "left", "event": "left", "n": "right",
    "expected": "right", "PRR (limits)": "right", "ROR (limits)": "right", "IC (limits)": "right",
    "EBGM (limits)": "right", "exact p": "right", "chi-square": "right", "serious": "right",
    "fatal": "right",
}  # fmt: skip
_PAIR_DROP = (
    "ROR (limits)", "chi-square", "PRR (limits)", "EBGM (limits)", "exact p", "fatal", "serious",
    "change",
)  # fmt: skip
_WATCH_COLUMNS = {
    "criterion": "left", "change": "left", "product": "left", "event": "left", "events": "right",
    "patients": "right", "expected": "right", "rate ratio": "right", "statistic": "right",
    "boundary": "right", "alpha": "right", "spent": "right", "budget": "right", "looks": "right",
    "changes": "right", "level": "left",
}  # fmt: skip
_WATCH_DROP = (
    "changes", "budget", "spent", "looks", "alpha", "level", "rate ratio", "patients", "change",
    "boundary", "statistic",
)  # fmt: skip


def print_findings(found: Sequence[Finding | WatchFinding], *, day: str) -> None:
    """Print findings: pairs in one table, sequential tests in another."""
    pairs = [item for item in found if isinstance(item, Finding)]
    watches = [item for item in found if not isinstance(item, Finding)]
    if pairs:
        rows = [_pair_row(item) for item in pairs]
        print_table("product-event pairs", {day: "left", **_PAIR_COLUMNS}, rows, drop=_PAIR_DROP)
    if watches:
        rows = [_watch_row(item) for item in watches]
        print_table("sequential tests", {day: "left", **_WATCH_COLUMNS}, rows, drop=_WATCH_DROP)
        print_lines(*_about(watches))


def _about(found: Sequence[WatchFinding | Look | Signal]) -> Iterator[str]:
    """Return what rows of tests rest on, once each: recorded changes, and how reports come."""
    for line in dict.fromkeys(change for item in found for change in item.changes):
        yield visible(f"changed after data had been seen: {line}")
    tests = [one for one in found if not isinstance(one, Signal)]
    bounded = {(one.criterion, one.product): one for one in tests if one.ratio_worst is not None}
    for one in bounded.values():
        yield visible(f"{one.criterion}, {one.product}: {_bounded(one)}")
    reports = [one for one in tests if one.counts == "reports"]
    latest = {(one.criterion, one.product): one for one in reports}
    for one in latest.values():
        yield visible(f"{one.criterion}, {one.product}: {_of_reports(one)}")


def _bounded(one: WatchFinding | Look) -> str:
    seen = one.n_events / one.expected if one.expected else None
    return (
        f"rate ratio {number(seen)} in those followed; with the "
        f"{one.unseen_days / DAYS_A_YEAR:,.1f} patient-years of those lost or silent, "
        f"{number(one.ratio_best)} had they had no event and "
        f"{number(one.ratio_worst)} had they had those of the untreated"
    )


def _of_reports(one: WatchFinding | Look) -> str:
    years = one.person_days / DAYS_A_YEAR
    share, delay = one.reported_share or 0, one.reporting_delay_days or 0
    found = (
        f"spontaneous reports against {one.n_doses:,} doses and {years:,.1f} patient-years; "
        f"assumed: {share:.0%} of events are reported, after {delay:g} days on average"
    )
    if not one.publicity:
        return found
    chance = "too few to compare" if one.p_break is None else f"p {one.p_break:.2g}"
    return f"{found}; reports since publicity against before ({one.publicity}): {chance}"


def _pair_row(item: Finding) -> Sequence[object]:
    return (
        item.on, item.criterion, item.change, item.product, item.event, item.n_pair,
        number(item.expected),
        interval(item.prr, item.prr_lower, item.prr_upper),
        interval(item.ror, item.ror_lower, item.ror_upper),
        interval(item.ic, item.ic_lower, item.ic_upper),
        interval(item.ebgm, item.eb05, item.eb95),
        probability(item.exact_log10_p),
        number(item.chi_square), item.n_serious, item.n_fatal,
    )  # fmt: skip


_LOOK_COLUMNS = {
    "on": "left", "criterion": "left", "programme": "left", "product": "left", "event": "left",
    "patient": "left", "look": "right", "patients": "right", "events": "right",
    "expected": "right", "statistic": "right", "boundary": "right", "scale": "left",
    "crossed": "left", "alpha": "right", "alpha spent": "right", "horizon": "right",
}  # fmt: skip
_LOOK_DROP = (
    "horizon", "alpha", "patient", "scale", "patients", "programme", "look", "alpha spent",
    "expected", "events",
)  # fmt: skip


def print_looks(found: Sequence[Look]) -> None:
    """Print looks of sequential tests, each with the alpha that is spent by then."""
    rows = [_look_row(item) for item in found]
    print_table("looks of sequential tests", _LOOK_COLUMNS, rows, drop=_LOOK_DROP)
    print_lines(*_about(found))


def _look_row(item: Look) -> Sequence[object]:
    crossed = "now" if item.is_crossing else "before" if item.has_crossed else "no"
    return (
        item.on, item.criterion, item.programme, item.product, item.event,
        item.patient_id or ABSENT, item.looks, item.n_patients, item.n_events,
        number(item.expected), number(item.statistic), number(item.boundary), item.scale,
        crossed, number(item.alpha), number(item.alpha_spent), number(item.horizon),
    )  # fmt: skip


def print_priors(found: Sequence[PriorFitted]) -> None:
    """Print the fits of the prior of the EBGM."""
    columns = {
        "version": "left", "pairs": "right", "alpha1": "right", "beta1": "right",
        "alpha2": "right", "beta2": "right", "p": "right", "log-likelihood": "right",
        "gradient": "right", "starts that agree": "right", "at a bound": "left",
        "why it failed": "left",
    }  # fmt: skip
    rows = [
        (
            item.version, item.n_pairs,
            *(number(value) for value in (item.alpha1, item.beta1, item.alpha2, item.beta2)),
            number(item.p), number(item.log_likelihood), number(item.gradient_norm),
            ABSENT if item.n_starts is None else f"{item.n_agreeing} of {item.n_starts}",
            ", ".join(item.boundary_hits) or ABSENT, item.failure or ABSENT,
        )
        for item in found
    ]  # fmt: skip
    print_table("priors of the EBGM", columns, rows, drop=("gradient", "at a bound"))


def _watch_row(item: WatchFinding) -> Sequence[object]:
    return (
        item.on, item.criterion, item.change, item.product, item.event, item.n_events,
        item.n_patients, number(item.expected), number(item.rate_ratio), number(item.statistic),
        number(item.boundary), number(item.alpha), number(item.alpha_spent),
        number(item.alpha_budget), item.looks, item.n_changes or ABSENT, _level(item),
    )  # fmt: skip


def _level(item: WatchFinding) -> str:
    """Return which level most probably carries an excess, and how probably."""
    return f"{item.level_of_excess}, {item.p_level:.0%}" if item.p_level else ABSENT


def print_signals(found: Iterable[Signal]) -> None:
    """Print signals by priority."""
    columns = {
        "signal": "left", "status": "left", "priority": "right", "product": "left",
        "event": "left", "n": "right", "serious": "right", "fatal": "right", "expected": "right",
        "evidence": "right", "criteria that stand": "left", "first": "left", "changed": "left",
        "counted to": "left", "reviews": "left",
    }  # fmt: skip
    listed = list(found)
    rows = [
        (
            item.signal_id, _status(item), f"{item.priority:.3f}", item.product, item.event, item.n,
            item.n_serious, item.n_fatal, number(item.expected), number(item.evidence),
            ", ".join(one.criterion for one in item.support if one.is_standing) or ABSENT,
            item.first_on, item.on, item.evaluated_on, _reviews(item),
        )
        for item in listed
    ]  # fmt: skip
    drop = (
        "evidence", "expected", "changed", "reviews", "criteria that stand", "status", "first",
        "serious", "fatal",
    )  # fmt: skip
    print_table("signals", columns, rows, drop=drop)
    print_lines(*_about(listed), *_unsigned(listed))


def _status(item: Signal) -> str:
    return f"{item.status}, unsigned" if is_signed(item) is False else item.status


def _unsigned(shown: Iterable[Signal]) -> Iterator[str]:
    """Return what stands below a table, whose column of the status may be left out."""
    n = sum(is_signed(item) is False for item in shown)
    if n:
        yield f"unsigned: {n:,} of these have their status by decisions that nobody signed"


def _reviews(item: Signal) -> str:
    answers = Counter(review.answer_in_words for review in item.reviews)
    return ", ".join(f"{n} {answer}" for answer, n in answers.items()) or ABSENT


def print_steps(signal: Signal, steps: Mapping[int, Step]) -> None:
    """Print the steps of one signal."""
    columns = {
        "step": "right", "on": "left", "action": "left", "status": "left", "n": "right",
        "by": "left", "approved by": "left", "signed": "left", "reason": "left",
        "decision": "left",
    }  # fmt: skip
    rows = [
        (
            number, step.on, step.action, step.status, step.n, step.decided_by, step.approved_by,
            ABSENT if step.decided_by is None else "yes" if step.is_signed else "unsigned",
            step.reason or ABSENT, step.decision_id,
        )
        for number, step in steps.items()
    ]  # fmt: skip
    title = f"{signal.signal_id}: {signal.product} and {signal.event}"
    print_table(title, columns, rows, drop=("decision", "n", "approved by"))
    print_lines(*_about([signal]))


def print_matters(title: str, found: Sequence[tuple[WaitingMatter, Signal]]) -> None:
    """Print ranked matters by one of their signals, with the parts of its priority."""
    rows = [
        (_place(one.matter.rank), len(one.matter.signals), *_standing(item)) for one, item in found
    ]
    extra = [
        *(["band", "due"] if any(one.band for one, _ in found) else []),
        *(["seen"] if any(one.seen for one, _ in found) else []),
    ]
    rows = [
        (*row, *(_worked(one)[name] for name in extra))
        for row, (one, _) in zip(rows, found, strict=True)
    ]
    _print_ranked(title, "signals", [item for _, item in found], rows, extra)


def print_ranking(title: str, found: Sequence[tuple[RankedSignal, Signal]]) -> None:
    """Print ranked signals, with the parts of their priority."""
    rows = [(_place(one.rank), one.rank_in_level, *_standing(item)) for one, item in found]
    _print_ranked(title, "in level", [item for _, item in found], rows)


def _print_ranked(
    title: str,
    beside: str,
    signals: Sequence[Signal],
    rows: Sequence[Sequence[object]],
    extra: Sequence[str] = (),
) -> None:
    parts = [part.name for part in signals[0].parts] if signals else []
    unknown = [name for index, name in enumerate(parts) if _is_unknown(signals, index)]
    columns = {
        "rank": "right", beside: "right", "priority": "right", "product": "left", "event": "left",
        "n": "right", "expected": "right", "evidence": "right", "serious": "right",
        "fatal": "right", "counted to": "left", **dict.fromkeys(parts, "right"),
        "status": "left", "first": "left", "signal": "left", **dict.fromkeys(extra, "left"),
    }  # fmt: skip
    drop = ("signal", "first", *reversed(parts), "status", "evidence", "expected", "serious",
            beside, *extra)  # fmt: skip
    print_table(title, columns, rows, drop=drop)
    if unknown:
        print_lines(f"unknown for all of these: {', '.join(unknown)}")
    print_lines(*_unsigned(signals))


def _worked(one: WaitingMatter) -> dict[str, object]:
    """Return band, the day by which it is to be looked at, and when it was seen."""
    due = "queued" if one.is_queued else one.due_on or ABSENT
    return {"band": one.band, "due": due, "seen": _seen(one)}


def _seen(one: WaitingMatter) -> str:
    if one.seen is None:
        return "not yet"
    back = f"; back: {', '.join(one.back_because)}" if one.back_because else ""
    until = one.seen.suppressed_until
    suppressed = f"; suppressed until {until}" if until and not back else ""
    unsigned = "" if one.seen.is_signed else ", unsigned"
    return f"{one.seen.on}{unsigned}{back}{suppressed}"


def _is_unknown(signals: Sequence[Signal], index: int) -> bool:
    return all(item.parts[index].value is None for item in signals if len(item.parts) > index)


def _standing(item: Signal) -> Sequence[object]:
    return (
        f"{item.priority:.3f}", item.product, item.event, item.n, number(item.expected),
        number(item.evidence), item.n_serious, item.n_fatal, item.evaluated_on,
        *(_part(part) for part in item.parts), _status(item), item.first_on, item.signal_id,
    )  # fmt: skip


def _place(rank: Rank) -> str:
    return f"{rank.rank:,}" if rank.n_tied == 1 else f"{rank.rank:,} (tie of {rank.n_tied})"


def _part(part: PriorityPart) -> str:
    return ABSENT if part.value is None else f"{part.value:.2f}x{part.weight:g}"


def print_points(title: str, found: Iterable[Point]) -> None:
    """Print counts and statistics over time."""
    columns = {
        "to the end of": "left", "n": "right", "new": "right", "product": "right",
        "event": "right", "all": "right", "expected": "right", "PRR (limits)": "right",
        "ROR (limits)": "right", "IC (limits)": "right", "chi-square": "right",
        "serious": "right", "fatal": "right",
    }  # fmt: skip
    rows = [
        (
            one.on, one.n_pair, one.n_pair_new, one.n_product, one.n_event, one.n_total,
            number(one.expected),
            interval(one.prr, one.prr_lower, one.prr_upper),
            interval(one.ror, one.ror_lower, one.ror_upper),
            interval(one.ic, one.ic_lower, one.ic_upper),
            number(one.chi_square), one.n_serious, one.n_fatal,
        )
        for one in found
    ]  # fmt: skip
    drop = (
        "chi-square", "ROR (limits)", "fatal", "serious", "PRR (limits)", "all", "event", "product",
    )  # fmt: skip
    print_table(title, columns, rows, drop=drop)
