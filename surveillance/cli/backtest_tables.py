"""Tables of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.cli.screen import print_lines
from surveillance.cli.tables import number, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.views.backtest import Backtest, Burden, PairTested, Placed, Tested
    from surveillance.views.weekly_review import Reviewed, SeenMatter
    from surveillance.views.weeks import Weekly

_CROSSINGS = {
    "criterion": "left", "first met": "left", "n": "right", "product": "right", "event": "right",
    "all": "right", "expected": "right", "PRR": "right", "chi-square": "right",
    "ROR lower": "right", "IC lower": "right", "days to action": "right",
    "days to withdrawal": "right",
}  # fmt: skip
_RANKS = {
    "to the end of": "left", "why this day": "left", "n": "right", "priority": "right",
    "rank": "right", "of": "right", "tied": "right",
}  # fmt: skip
_WEEKS = {
    "a week": "left", "weeks": "right", "in all": "right", "mean": "right", "median": "right",
    "most": "right", "in the week of": "left",
}  # fmt: skip


def print_backtest(found: Backtest) -> None:
    """Print a backtest, its caution first."""
    print_lines(found.caution, f"The log ends on {found.log_ends_on}.")
    for tested in found.signals:
        _print_tested(tested)
    for reviewed in found.reviewed[:1]:
        _print_weeks(reviewed)
    _print_reviewed(found.reviewed)


def _print_tested(tested: Tested) -> None:
    known = tested.known
    print_lines(
        "",
        f"{known.id}: {known.product} and {known.event}; licensed {known.licensed or 'unknown'}",
        f"  {known.first_regulator_action}  {known.action or 'known'}",
        f"  {known.withdrawn or 'never'}  withdrawn; held to be: {known.truth or 'not stated'}",
        f"  source: {known.source or 'not stated'}",
    )
    if not tested.is_in_log:
        print_lines("  the log ends before the first action: lead times are to a day outside it")
    for reason in tested.not_matched:
        print_lines(f"  not matched: {reason}")
    for pair in tested.pairs:
        _print_pair(pair)
    _print_burden(tested.burden)


def _print_pair(pair: PairTested) -> None:
    print_lines(
        "",
        f"  {pair.product} ({pair.matched_product})",
        f"  {pair.event} ({pair.matched_event})",
        f"  first report {pair.first_report_on or 'never'}; first alert "
        f"{pair.first_alert_on or 'never'}{_lead(pair.alert_lead_days_to_first_action)}",
    )
    if not pair.crossings:
        print_lines("  no criterion was ever met")
        return
    rows = [
        (
            one.criterion, one.first_on, one.n_pair, one.n_product, one.n_event, one.n_total,
            number(one.expected), number(one.prr), number(one.chi_square),
            number(one.ror_lower), number(one.ic_lower), one.lead_days_to_first_action,
            one.lead_days_to_withdrawal,
        )
        for one in pair.crossings
    ]  # fmt: skip
    drop = ("ROR lower", "chi-square", "expected", "all", "event", "product")
    print_table("first crossings", _CROSSINGS, rows, drop=drop)
    title = f"rank of the matter {pair.matter_id} over time"
    ranks = [_rank(one) for one in pair.ranks]
    print_table(title, _RANKS, ranks, drop=("tied", "of"))


def _lead(days: int | None) -> str:
    return "" if days is None else f", {days} days before the first action"


def _rank(one: Placed) -> tuple[object, ...]:
    priority = None if one.priority is None else f"{one.priority:.3f}"
    place = (one.rank, one.n_ranked, one.n_tied)
    return (one.on, one.why, one.n_pair, priority, *place)


def _print_burden(burden: Burden) -> None:
    counted = {
        "alerts": burden.alerts,
        "findings newly met": burden.findings_newly_met,
        **{f"  at level {name}": one for name, one in burden.findings_newly_met_by_level.items()},
    }
    rows = [_week(name, one) for name, one in counted.items() if one is not None]
    if rows:
        first = burden.findings_newly_met or burden.alerts
        period = f", {first.first_on} to {first.last_on}" if first else ""
        print_table(
            f"what else came in, from licence to first action{period}",
            _WEEKS,
            rows,
            drop=("in all",),
        )


def _week(name: str, one: Weekly) -> tuple[object, ...]:
    return (
        name, one.n_weeks, one.n, f"{one.mean:.1f}", f"{one.median:g}", one.max, one.max_week_of,
    )  # fmt: skip


_REVIEWED = {
    "weights": "left", "matter": "left", "first listed": "left", "seen": "left",
    "rank then": "right", "best rank, nothing acknowledged": "right", "of": "right",
    "looked at a week": "right", "waiting a week": "right", "share known": "right",
}  # fmt: skip
_OF_A_WEEK = {
    "Monday": "left", "waiting": "right", "listed": "right", "rank": "right",
    "rank, nothing acknowledged": "right", "looked at": "left",
}  # fmt: skip
N_WEEKS_SHOWN = 12  # from the first list that a matter was on


def _print_reviewed(reviewed: Sequence[Reviewed]) -> None:
    """Print when each known matter was seen, under each set of weights."""
    rows = [
        (
            one.weights, f"{matter.product} and {matter.event}", matter.listed_on or "never",
            matter.seen_on or "never", matter.rank_when_seen, *_best(matter),
            f"{one.n_shown_a_week:.1f}", f"{one.n_waiting_a_week:.0f}",
            None if one.share_known is None else f"{one.share_known:.2%}",
        )
        for one in reviewed
        for matter in one.matters
    ]  # fmt: skip
    if reviewed:
        title = f"a modelled reviewer of {reviewed[0].per_week} matters a week"
        print_table(title, _REVIEWED, rows, drop=("of", "share known", "waiting a week"))


def _best(matter: SeenMatter) -> tuple[int | None, int | None]:
    best = min(matter.weeks, key=lambda week: week.rank, default=None)
    return (best.rank, best.n_listed) if best else (None, None)


def _print_weeks(reviewed: Reviewed) -> None:
    """Print the first weeks of each known matter."""
    for matter in reviewed.matters:
        rows = [
            (
                week.on, week.n_waiting, week.n_listed, week.rank_waiting, week.rank,
                "yes" if week.is_shown else "no",
            )
            for week in matter.weeks[:N_WEEKS_SHOWN]
        ]  # fmt: skip
        title = f"{matter.product} and {matter.event}, week by week from its first list on"
        print_table(title, _OF_A_WEEK, rows)
