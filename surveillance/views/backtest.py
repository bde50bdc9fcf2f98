"""Known signals: when each was first seen, how long before people acted, among how much else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from surveillance.domain.finding import Finding
from surveillance.register.chosen_rows import Chosen
from surveillance.triage.matters import Matters
from surveillance.triage.triage import signal_id
from surveillance.views.known_signals import Known, Match, Matched, match
from surveillance.views.matter_lists import MatterLists
from surveillance.views.ranking import rank_of
from surveillance.views.weekly_review import Reviewed, review
from surveillance.views.weeks import Weekly, weekly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from surveillance.configuration.types import Weights
    from surveillance.register.reader import Counted
    from surveillance.triage.matters import Matter
    from surveillance.views.matter_lists import DayList
    from surveillance.views.ranking import Rank
    from surveillance.views.results import Results
    from surveillance.views.series import Sums
    from surveillance.views.weekly_review import Asked

CAUTION = (
    "A replay is not what was knowable then. The files are as they stood when they were "
    "extracted: cases may have been corrected, withdrawn or coded again since they came, and "
    "they are read by day of receipt. A lead time assumes a reviewer who looked at this pair "
    "on that day: read it with the rank and with what else came in that week. Ranks are "
    "those of matters, as if nothing on the list had ever been acknowledged. One pair that is "
    "known beforehand proves nothing about others: weights must not be chosen by it."
)


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """The first time that a rule was met."""

    criterion: str
    first_on: date
    n_pair: int
    n_product: int
    n_event: int
    n_total: int
    expected: float
    prr: float | None
    ror_lower: float | None
    chi_square: float | None
    ic_lower: float | None
    lead_days_to_first_action: int
    lead_days_to_withdrawal: int | None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pair stood on a day, and why that day matters."""

    on: date
    why: str  # "first crossing: evans, ic", "month end", "first regulator action", "withdrawn"
    n_pair: int
    priority: float | None = None  # of its matter; None: not on the list
    rank: int | None = None
    n_ranked: int | None = None
    n_tied: int | None = None


class PairTested(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of keys that a known signal was matched to."""

    product: str
    event: str
    matched_product: str
    matched_event: str
    signal_id: str
    matter_id: str
    first_report_on: date | None
    first_alert_on: date | None
    alert_lead_days_to_first_action: int | None
    crossings: tuple[Crossing, ...]
    ranks: tuple[Placed, ...]


class Burden(msgspec.Struct, frozen=True, kw_only=True):
    """Weekly counts of everything else, from licence to the first regulator action."""

    alerts: Weekly | None
    findings_newly_met: Weekly | None
    findings_newly_met_by_level: dict[str, Weekly]


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the run for one known signal."""

    known: Known
    pairs: tuple[PairTested, ...]
    not_matched: tuple[str, ...]
    burden: Burden
    is_in_log: bool  # whether the log reaches the first regulator action
    listed_on: date | None = None  # these five of a modelled reviewer, where one was asked for
    seen_on: date | None = None  # Monday of the first weekly list that its matter was shown on
    rank_when_seen: int | None = None
    seen_lead_days_to_first_action: int | None = None
    seen_lead_days_to_withdrawal: int | None = None


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """The whole backtest, with the caution that belongs to it."""

    caution: str
    log_ends_on: date | None
    signals: tuple[Tested, ...]
    reviewed: tuple[Reviewed, ...] = ()  # under the weights of the configuration first


class _Run:
    """Everything that is read once and used for each pair."""

    def __init__(self, source: Results, pairs: Iterable[tuple[str, str]]) -> None:
        self.reader = source.reader
        self.roots = Matters(source.required_configuration())
        self.weights = source.required_configuration().triage.weights
        self._source = source
        self.sums = source.sums(pairs)
        self.alerts = self.reader.alerts_by_day()
        self.newly_met = self.reader.newly_met_by_day()
        self.last_day = self.reader.last_day()

    def lists(self, days: Iterable[date]) -> dict[date, _Ranks]:
        """Return the ranks of all matters at the end of each day."""
        found = MatterLists(self._source)
        return {day.on: _Ranks(found, day, self.weights) for day in found.on(sorted(set(days)))}


class _Ranks:
    """The ranks of all matters at the end of one day."""

    def __init__(self, lists: MatterLists, day: DayList, weights: Weights) -> None:
        best, priorities = day.order(weights)
        self._ordered = priorities[::-1]
        self._priorities = {
            lists.matters[number]: float(priority)
            for number, priority in zip(day.matters[best].tolist(), priorities, strict=True)
        }

    def of(self, matter: Matter, on: date) -> Rank | None:
        own = self._priorities.get(matter)
        return None if own is None else rank_of(self._ordered, own, on)


def backtest(source: Results, known: Sequence[Known], asked: Asked | None = None) -> Backtest:
    """Test a run against known signals.

    Parameters
    ----------
    source : Results
        A run, or a register with cases.
    known : sequence of Known
        Signals that are known.
    asked : Asked, optional
        What a modelled reviewer is to do; without it there is none.

    Returns
    -------
    Backtest
        One entry for each of `known`, also where nothing was matched.

    Raises
    ------
    Misused
        If the counts over time are not there.
    """
    keys = source.counted_keys()
    configuration = source.configuration()
    matched = [match(one, keys, configuration) for one in known]
    pairs = {(p.key, e.key) for found in matched for p, e in found.pairs}
    run = _Run(source, pairs)
    crossings = {pair: _crossings(run, pair) for pair in pairs}
    ranked = {
        day
        for one, found in zip(known, matched, strict=True)
        for p, e in found.pairs
        for day, _ in _days(one, crossings[p.key, e.key], run.last_day)
    }
    ranks = run.lists(ranked)
    matters = [_matter(run, found) for found in matched]
    followed = [matter for matter in dict.fromkeys(matters) if matter is not None]
    reviewed = tuple(review(source, followed, asked)) if asked is not None else ()
    return Backtest(
        caution=CAUTION,
        log_ends_on=run.last_day,
        reviewed=reviewed,
        signals=tuple(
            Tested(
                known=one,
                pairs=tuple(
                    _tested(run, one, *pair, crossings[pair[0].key, pair[1].key], ranks)
                    for pair in found.pairs
                ),
                not_matched=tuple(found.missing),
                burden=_burden(run, one),
                is_in_log=_is_in_log(run, one),
                **_when_seen(one, matter, reviewed),
            )
            for one, found, matter in zip(known, matched, matters, strict=True)
        ),
    )


def _matter(run: _Run, found: Matched) -> Matter | None:
    """Return the matter that a known signal belongs to, by its best match."""
    return next((run.roots.of(product.key, event.key) for product, event in found.pairs), None)


def _when_seen(known: Known, matter: Matter | None, reviewed: Sequence[Reviewed]) -> dict[str, Any]:
    if matter is None or not reviewed:
        return {}
    seen = next(one for one in reviewed[0].matters if one.matter_id == matter.matter_id)
    return {
        "listed_on": seen.listed_on,
        "seen_on": seen.seen_on,
        "rank_when_seen": seen.rank_when_seen,
        "seen_lead_days_to_first_action": _lead(seen.seen_on, known.first_regulator_action),
        "seen_lead_days_to_withdrawal": _lead(seen.seen_on, known.withdrawn),
    }


def _crossings(run: _Run, pair: tuple[str, str]) -> list[Finding]:
    found = run.reader.findings(Chosen(*pair), first=True)
    return [item for item in found if isinstance(item, Finding)]


def _tested(
    run: _Run,
    known: Known,
    product: Match,
    event: Match,
    found: Sequence[Finding],
    ranks: dict[date, _Ranks],
) -> PairTested:
    pair = (product.key, event.key)
    matter = run.roots.of(*pair)
    sums = run.sums[pair]
    alerted = run.reader.first_alert(*pair)
    return PairTested(
        product=product.key,
        event=event.key,
        matched_product=product.how,
        matched_event=event.how,
        signal_id=signal_id(*pair, "safety"),
        matter_id=matter.matter_id,
        first_report_on=next((day for day, at in sums.items() if at.n_pair > 0), None),
        first_alert_on=alerted,
        alert_lead_days_to_first_action=_lead(alerted, known.first_regulator_action),
        crossings=tuple(_crossing(known, item) for item in found),
        ranks=tuple(
            _placed(ranks[day].of(matter, day), sums, day, why)
            for day, why in _days(known, found, run.last_day)
        ),
    )


def _crossing(known: Known, item: Finding) -> Crossing:
    return Crossing(
        criterion=item.criterion,
        first_on=item.on,
        n_pair=item.n_pair,
        n_product=item.n_product,
        n_event=item.n_event,
        n_total=item.n_total,
        expected=item.expected,
        prr=item.prr,
        ror_lower=item.ror_lower,
        chi_square=item.chi_square,
        ic_lower=item.ic_lower,
        lead_days_to_first_action=(known.first_regulator_action - item.on).days,
        lead_days_to_withdrawal=_lead(item.on, known.withdrawn),
    )


def _lead(day: date | None, until: date | None) -> int | None:
    return None if day is None or until is None else (until - day).days


def _days(known: Known, crossings: Sequence[Finding], last: date | None) -> list[tuple[date, str]]:
    """Return the days to rank on: first crossings, month ends, action, withdrawal."""
    if not crossings or last is None:
        return []
    until = known.withdrawn or known.first_regulator_action
    first = min(item.on for item in crossings)
    why = dict.fromkeys(_month_ends(first, until), "month end")
    if known.withdrawn:
        why[known.withdrawn] = "withdrawn"
    why[known.first_regulator_action] = "first regulator action"
    for item in crossings:
        crossed = [other.criterion for other in crossings if other.on == item.on]
        why[item.on] = f"first crossing: {', '.join(crossed)}"
    return sorted((day, reason) for day, reason in why.items() if day <= last)


def _month_ends(first: date, last: date) -> Iterable[date]:
    month = first.replace(day=28)
    while True:
        after = (month + timedelta(days=4)).replace(day=1)
        end = after - timedelta(days=1)
        if end > last:
            return
        yield end
        month = after.replace(day=28)


def _placed(rank: Rank | None, sums: dict[date, Sums], on: date, why: str) -> Placed:
    n_pair = next((at.n_pair for day, at in reversed(sums.items()) if day <= on), 0)
    if rank is None:
        return Placed(on=on, why=why, n_pair=n_pair)
    return Placed(why=why, n_pair=n_pair, **rank._asdict())


def _burden(run: _Run, known: Known) -> Burden:
    last = known.first_regulator_action
    last = min(last, run.last_day) if run.last_day else last
    first = known.licensed or min((one.on for one in (*run.alerts, *run.newly_met)), default=last)

    def over(counted: Iterable[Counted], level: str | None = None) -> Weekly | None:
        return weekly(counted, first, last, level=level)

    levels = sorted({item.level for item in run.newly_met})
    by_level = {level: over(run.newly_met, level) for level in levels}
    return Burden(
        alerts=over(run.alerts),
        findings_newly_met=over(run.newly_met),
        findings_newly_met_by_level={name: one for name, one in by_level.items() if one},
    )


def _is_in_log(run: _Run, known: Known) -> bool:
    return run.last_day is not None and run.last_day >= known.first_regulator_action
