"""Findings and decisions → signals, alerts and requests for review.

A finding opens a signal or adds to one. Only a decision moves it further. A crossing is
never retracted: support that no longer stands is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from hashlib import sha256
from math import log, log2
from typing import Any, Literal

import msgspec

from surveillance.configuration.life_cycle import Transition
from surveillance.configuration.types import Configuration, Sentinel
from surveillance.domain.decision import (
    AboutMatter,
    Acknowledgement,
    Decision,
    Proposal,
    Suppression,
)
from surveillance.domain.finding import Family, Finding, WatchFinding
from surveillance.domain.signal import (
    DecisionPassedOver,
    Review,
    RunningClock,
    Signal,
    SignalStep,
    Status,
    Step,
    Support,
)
from surveillance.log.cells import Cells
from surveillance.log.cloudevents import outward
from surveillance.log.lines import day_of
from surveillance.log.messages import Fact, Output
from surveillance.log.topics import ALERTS, REVIEWS, FindingsRow
from surveillance.triage import clocks as limits
from surveillance.triage import priority
from surveillance.triage.alerting import alert_kind
from surveillance.triage.bands import band_of
from surveillance.triage.facts import Judged, facts_of
from surveillance.triage.labels import Labels
from surveillance.triage.life_cycle import (
    NO_MATTER,
    Fault,
    Standing,
    in_public,
    status_after,
    why_not,
    why_not_taken,
    with_step,
)
from surveillance.triage.matters import Matters, is_matter_id
from surveillance.triage.reviews import ReviewRequest, ReviewRules, answered_by, with_answer
from surveillance.triage.working_days import WorkingDays

Taken = Finding | WatchFinding | Decision | Acknowledgement | Suppression | Proposal
Before = dict[str, Signal | None]  # signals that may have changed in an epoch, as they were


class TriageState(msgspec.Struct):
    """State: every signal, the requests about each matter, and what came since the last close."""

    signals: dict[str, Signal] = {}
    reviews: dict[str, tuple[Review, ...]] = {}  # by matter
    items: list[Taken] = []
    clocked: dict[str, date] = {}  # signals with running clocks, and the next day of each


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a safety team must see at once, and why."""

    kind: str
    signal: Signal
    clock: RunningClock | None = None  # where the alert is about a time limit


def signal_id(
    product: str, event: str, kind: Family | Literal["safety_watch", "safety_reports"]
) -> str:
    """Name the signal of a pair: the same wherever and whenever it is computed.

    Examples
    --------
    >>> signal_id("group:rotashield", "group:intussusception", "safety")
    'S-c6a6ea72fdf58cc8'
    """
    return "S-" + sha256(f"{product}\n{event}\n{kind}".encode()).hexdigest()[:16]


def signal_of(finding: Finding | WatchFinding) -> str:
    """Name the signal that a finding belongs to.

    A pair that is screened, and watched for safety by outcomes and by reports, has three: they
    count different things.
    """
    if isinstance(finding, Finding):
        return signal_id(finding.product, finding.event, "safety")
    if finding.counts == "reports":
        return signal_id(finding.product, finding.event, "safety_reports")
    kind = "safety_watch" if finding.family == "safety" else finding.family
    return signal_id(finding.product, finding.event, kind)


def is_of_screen(name: str, product: str, event: str) -> bool:
    """Tell whether a signal is one of a pair that is counted, and not one of a sequential test."""
    return name == signal_id(product, event, "safety")


class TriageFindings:
    """The stage that keeps the signals.

    Parameters
    ----------
    configuration : Configuration
        Weights, alert priority and review rules.
    """

    name = "triage"
    version = 4

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._triage = configuration.triage
        self._table = configuration.lifecycle
        self._days = WorkingDays.of(configuration)
        criteria = configuration.criteria.criterion
        self._sentinels = {c.name for c in criteria if isinstance(c, Sentinel)}
        self._matters = Matters(configuration)
        self._labels = Labels(configuration)
        self._rules = ReviewRules(configuration.triage, configuration.law)

    def init(self, cells: Cells) -> TriageState:  # noqa: ARG002 - the protocol
        """Return the state before the first finding."""
        return TriageState()

    def apply(self, state: TriageState, item: FindingsRow) -> None:
        """Hold one finding or decision until the close; looks, priors and ends move no signal."""
        is_end = isinstance(item, WatchFinding) and item.change == "ended"
        if isinstance(item, Taken) and not is_end:
            state.items.append(item)

    def close(self, state: TriageState, epoch: int, at: int) -> Output:
        """Move signals, first by findings, then by decisions; emit what changed."""
        items, state.items = state.items, []
        names = [_name(item) for item in items if not isinstance(item, AboutMatter | Proposal)]
        before: Before = {name: state.signals.get(name) for name in names}
        facts = self._tick_clocks(state, epoch, at, before)  # a late answer stops a breached clock
        self._take_up(state, [item for item in items if isinstance(item, Finding | WatchFinding)])
        decided: list[SignalStep | DecisionPassedOver] = []
        for item in items:  # in the order of the log: a proposal is judged where it stands
            if isinstance(item, Decision):
                decided += self._decided(state, item, epoch, day_of(at), before)
            elif isinstance(item, Proposal):
                decided += self._judged(state, item, day_of(at))
        seen = [item for item in items if isinstance(item, AboutMatter)]
        not_seen = self._not_taken(state, seen, epoch, day_of(at))
        for name in _changed(state, before):
            facts += self._facts(state, name, epoch, at, before)
        rows: list[Any] = [state.signals[name] for name in _changed(state, before)]
        return Output([*rows, *decided, *not_seen], facts)

    def dump(self, state: TriageState) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes, cells: Cells) -> TriageState:  # noqa: ARG002 - the protocol
        """Restore the state."""
        return msgspec.msgpack.decode(data, type=TriageState)

    def _take_up(self, state: TriageState, found: Sequence[Finding | WatchFinding]) -> None:
        """Open the signals of findings, or add the findings to them, by the last one of each."""
        latest: dict[str, Finding | WatchFinding] = {}
        support: dict[str, tuple[Support, ...]] = {}
        for finding in found:
            name = signal_of(finding)
            old = state.signals.get(name)
            before = support.get(name, old.support if old else ())
            support[name] = _supported(before, finding, _n(finding))
            latest[name] = finding
        is_watched = {
            name: any(one.criterion in self._sentinels for one in support[name])
            or (isinstance(finding, WatchFinding) and finding.is_sentinel)
            or (name in state.signals and state.signals[name].is_sentinel)
            for name, finding in latest.items()
        }
        judged = [
            Judged(one, is_watched[name], self._labels.of(one.product, one.event, one.on))
            for name, one in latest.items()
        ]
        parts = priority.parts(facts_of(judged))
        scores = priority.scores(parts, self._triage.weights).tolist()
        shown = priority.shown(parts, self._triage.weights)
        for index, (name, finding) in enumerate(latest.items()):
            old = state.signals.get(name)
            matter = self._matters.of(finding.product, finding.event).matter_id
            status = self._table.first_status
            first = Step(on=finding.on, status=status, action="detect", n=_n(finding))
            state.signals[name] = Signal(
                signal_id=name,
                matter_id=matter,
                family="safety" if isinstance(finding, Finding) else finding.family,
                product=finding.product,
                event=finding.event,
                status=old.status if old else status,
                first_on=old.first_on if old else finding.on,
                on=finding.on,
                evaluated_on=finding.on,
                epoch=finding.epoch,
                priority=scores[index],
                parts=shown[index],
                support=support[name],
                n=_n(finding),
                n_serious=_n_serious(finding),
                n_fatal=finding.n_fatal,
                expected=finding.expected,
                evidence=_evidence(finding),
                is_sentinel=is_watched[name],
                reviews=state.reviews.get(matter, ()),
                history=old.history if old else (first,),
                n_steps=old.n_steps if old else 1,
                is_open=old.is_open if old else self._table.is_open(status),
                set_aside_from=old.set_aside_from if old else None,
                is_emerging=old.is_emerging if old else False,
                clocks=old.clocks if old else (),
                n_changes=0 if isinstance(finding, Finding) else finding.n_changes,
                changes=() if isinstance(finding, Finding) else finding.changes,
                configuration=self._configuration.digest,
            )

    def _decided(
        self, state: TriageState, decision: Decision, epoch: int, on: date, before: Before
    ) -> list[SignalStep | DecisionPassedOver]:
        """Carry out a decision about one signal, or about all signals of a matter, or none."""
        if not is_matter_id(decision.signal_id):
            return [self._decide(state, decision, epoch, on, before)]
        found = self._of_each(state, decision)
        if isinstance(found, Fault):
            return [_passed_over(decision, on, found)]
        for one in found:  # before any of them moves
            fault = self._why_not(state, one, state.signals[one.signal_id], on)
            if fault is not None:
                return [_passed_over(decision, on, fault)]
        for one in found:
            before.setdefault(one.signal_id, state.signals[one.signal_id])
        return [self._decide(state, one, epoch, on, before) for one in found]

    def _of_each(self, state: TriageState, decision: Decision) -> list[Decision] | Fault:
        """Return a decision about a matter as one about each signal that it can move."""
        matter, row = decision.signal_id, self._table.transition_of(decision.action)
        if row is None or not row.of_matter:
            whole = ", ".join(one.action for one in self._table.transition if one.of_matter)
            reason = f"{decision.action} is not decided about a whole matter"
            return Fault("unknown_action", reason, f"name a signal, or use one of {whole or '-'}")
        signals = [one for one in state.signals.values() if one.matter_id == matter]
        if not signals:
            return NO_MATTER
        moved = sorted(one.signal_id for one in signals if one.status in row.before)
        if not moved:
            reason = f"{decision.action} is possible for none of the {len(signals)} signals"
            return Fault("wrong_status", reason, "see `longwatch matter` for where they stand")
        return [msgspec.structs.replace(decision, signal_id=name) for name in moved]

    def _decide(
        self, state: TriageState, decision: Decision, epoch: int, on: date, before: Before
    ) -> SignalStep | DecisionPassedOver:
        signal = state.signals.get(decision.signal_id)
        fault = self._why_not(state, decision, signal, on)
        row = self._table.transition_of(decision.action)
        if signal is None or row is None or fault is not None:
            return _passed_over(decision, on, fault or _NO_SIGNAL)
        if row.answers is not None:
            answered = answered_by(decision, signal.reviews)
            if isinstance(answered, Fault):
                return _passed_over(decision, on, answered)
            reviews = with_answer(signal.reviews, answered, decision, row.answers, on)
            self._carry(state, signal.matter_id, reviews, epoch, on, before)
            signal = state.signals[decision.signal_id]
        moved = self._moved(signal, row, decision, epoch, on)
        state.signals[signal.signal_id] = moved
        self._watch_clocks(state, moved)
        return SignalStep(
            signal_id=signal.signal_id, number=signal.n_steps, epoch=epoch, step=moved.history[-1]
        )

    def _judged(self, state: TriageState, proposal: Proposal, on: date) -> list[DecisionPassedOver]:
        """Return why a proposal could not be carried out as things stand, for its author."""
        if proposal.signal_id is None:
            return []  # a suppression is judged when it is approved
        decision = _if_alone(proposal)
        fault = self._why_not(state, decision, state.signals.get(proposal.signal_id), on)
        if fault is None or fault.code == "needs_second":
            return []
        return [_passed_over(decision, on, fault)]

    def _why_not(
        self, state: TriageState, decision: Decision, signal: Signal | None, on: date
    ) -> Fault | None:
        if signal is None:
            return _NO_SIGNAL
        standing = Standing(
            on=on,
            band=lambda: self._band(state, signal.matter_id, on),
            n_fatal=signal.n_fatal,
            is_sentinel=signal.is_sentinel,
        )
        fault = why_not(self._table, decision, signal.status, standing)
        return fault or self._unknown_name(state, decision)

    def _unknown_name(self, state: TriageState, decision: Decision) -> Fault | None:
        """Return why a field of a decision names nothing that there is."""
        law, bands = self._configuration.law, [one.name for one in self._triage.band]
        into = decision.merged_into
        if into is not None and not _may_go_on(state, state.signals[decision.signal_id], into):
            remedy = "name another signal, or another matter"
            return Fault("unknown_signal", f"it cannot go on as {into}", remedy)
        known = {
            "ground": (decision.ground, [one.code for one in law.ground]),
            "ladder_step": (decision.ladder_step, [one.code for one in law.action]),
            "band": (decision.band, bands),
        }
        for name, (given, names) in known.items():
            if given is not None and given not in names:
                remedy = f"use one of {', '.join(names)}"
                return Fault("unknown_name", f"there is no {name} {given}", remedy)
        return None

    def _moved(
        self, signal: Signal, row: Transition, decision: Decision, epoch: int, on: date
    ) -> Signal:
        """Return a signal after a decision that is allowed."""
        status = status_after(row, signal)
        stays_aside = signal.set_aside_from if status == signal.status else None
        return msgspec.structs.replace(
            signal,
            status=status,
            on=on,
            epoch=epoch,
            history=with_step(signal.history, _step(signal, decision, status, on)),
            n_steps=signal.n_steps + 1,
            is_open=self._table.is_open(status),
            set_aside_from=signal.status if row.sets_aside else stays_aside,
            is_emerging=signal.is_emerging if row.emerging is None else row.emerging,
            clocks=limits.after(self._table, self._days, signal.clocks, decision, on),
        )

    def _band(self, state: TriageState, matter_id: str, on: date) -> str:
        """Return the band of a matter by all of its signals, as they stand."""
        signals = [one for one in state.signals.values() if one.matter_id == matter_id]
        return band_of(signals, self._triage, self._labels, on).name

    def _watch_clocks(self, state: TriageState, signal: Signal) -> None:
        day = limits.next_day(signal.clocks)
        if day is None:
            state.clocked.pop(signal.signal_id, None)
        else:
            state.clocked[signal.signal_id] = day

    def _tick_clocks(self, state: TriageState, epoch: int, at: int, before: Before) -> list[Fact]:
        """Mark the clocks that people must hear of today, with an alert for each."""
        on = day_of(at)
        facts: list[Fact] = []
        for name in sorted(name for name, day in state.clocked.items() if day <= on):
            signal = state.signals[name]
            clocks, found = limits.due(signal.clocks, on)
            before.setdefault(name, signal)
            state.signals[name] = now = msgspec.structs.replace(signal, clocks=clocks, epoch=epoch)
            self._watch_clocks(state, now)
            for one in found:
                alert = Alert(kind=one.change, signal=in_public(now), clock=one.clock)
                kind = f"signal.{one.change}"
                code = f"{one.change}:{one.clock.code}"
                facts.append(self._fact(ALERTS, kind, name, at, alert, code))
        return facts

    def _not_taken(
        self, state: TriageState, seen: Sequence[AboutMatter], epoch: int, on: date
    ) -> list[DecisionPassedOver]:
        """Return what people did about matters and may not, each with the reason."""
        matters = {signal.matter_id for signal in state.signals.values()} if seen else set()
        found: list[DecisionPassedOver] = []
        for one in seen:
            standing = Standing(on, partial(self._band, state, one.matter_id, on))
            fault = why_not_taken(self._table, one, matters, epoch, standing)
            if fault is not None:
                found.append(_passed_over(one, on, fault))
        return found

    def _facts(
        self, state: TriageState, name: str, epoch: int, at: int, before: Before
    ) -> Iterator[Fact]:
        signal, on = state.signals[name], day_of(at)
        matter = self._matters.of(signal.product, signal.event)
        opened = self._rules.opened(signal, matter, signal.reviews, on)
        if opened:
            reviews = (*signal.reviews, *(review for review, _ in opened))
            self._carry(state, signal.matter_id, reviews, epoch, on, before)
            signal = state.signals[name]
        for review, request in opened:
            whole = msgspec.structs.replace(request, signal=in_public(signal))
            yield self._fact(REVIEWS, "review.opened", name, at, whole, review.rule)
        limit = self._triage.alert_priority
        kind = alert_kind(before[name], signal, alert_priority=limit, has_opened=bool(opened))
        if kind is not None:
            alert = Alert(kind=kind, signal=in_public(signal))
            yield self._fact(ALERTS, f"signal.{kind}", name, at, alert, kind)

    def _carry(
        self,
        state: TriageState,
        matter_id: str,
        reviews: tuple[Review, ...],
        epoch: int,
        on: date,
        before: Before,
    ) -> None:
        """Let every signal of a matter carry the requests about it."""
        state.reviews[matter_id] = reviews
        for name, signal in state.signals.items():
            if signal.matter_id == matter_id:
                before.setdefault(name, signal)
                state.signals[name] = msgspec.structs.replace(
                    signal, reviews=reviews, epoch=epoch, on=on
                )

    def _fact(
        self, topic: str, kind: str, subject: str, at: int, data: Alert | ReviewRequest, code: str
    ) -> Fact:
        source = self._configuration.feed.name
        return outward(
            topic, kind=kind, code=code, source=source, subject=subject, at=at, data=data
        )


def _changed(state: TriageState, before: Before) -> list[str]:
    """Return the names of signals that are not as they were."""
    return [name for name, old in before.items() if state.signals.get(name) is not old]


def _may_go_on(state: TriageState, signal: Signal, into: str) -> bool:
    """Tell whether a signal can be merged into another signal, or into another matter."""
    if not is_matter_id(into):
        return into != signal.signal_id and into in state.signals
    return into != signal.matter_id and any(one.matter_id == into for one in state.signals.values())


_NO_SIGNAL = Fault("unknown_signal", "there is no such signal", "take its id from the signals")


def _passed_over(record: Decision | AboutMatter, on: date, fault: Fault) -> DecisionPassedOver:
    return DecisionPassedOver(
        decision_id=record.decision_id,
        signal_id=record.signal_id if isinstance(record, Decision) else "",
        matter_id="" if isinstance(record, Decision) else record.matter_id,
        on=on,
        reason=fault.reason,
        code=fault.code,
        remedy=fault.remedy,
        author=record.decided_by,
    )


def _if_alone(proposal: Proposal) -> Decision:
    """Return what a proposal would decide, before a second person is asked."""
    return Decision(
        decision_id=proposal.decision_id,
        signal_id=str(proposal.signal_id),
        action=proposal.action,
        decided_by=proposal.decided_by,
        role=proposal.role,
        reason=proposal.reason,
        decided_at=proposal.decided_at,
        public_reason=proposal.public_reason,
        ground=proposal.ground,
        ladder_step=proposal.ladder_step,
        until=proposal.until,
        merged_into=proposal.merged_into,
        band=proposal.band,
        expected_status=proposal.expected_status,
    )


def _step(signal: Signal, decision: Decision, status: Status, on: date) -> Step:
    return Step(
        on=on,
        status=status,
        action=decision.action,
        n=signal.n,
        is_signed=decision.is_signed,
        decision_id=decision.decision_id,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        reason=decision.reason,
        public_reason=decision.public_reason,
        ground=decision.ground,
        ladder_step=decision.ladder_step,
        until=decision.until,
        merged_into=decision.merged_into,
        band=decision.band,
    )


def _name(item: Finding | WatchFinding | Decision) -> str:
    """Return the id of the signal that an item is about."""
    if isinstance(item, Decision):
        return item.signal_id
    return signal_of(item)


def _n(finding: Finding | WatchFinding) -> int:
    return finding.n_pair if isinstance(finding, Finding) else finding.n_events


def _n_serious(finding: Finding | WatchFinding) -> int:
    return finding.n_serious if isinstance(finding, Finding) else finding.n_events


def _evidence(finding: Finding | WatchFinding) -> float:
    """Return bits: the lower limit of the IC, or of the rate ratio, else of the e-value."""
    if isinstance(finding, Finding):
        return finding.ic_lower or 0.0
    if finding.rate_ratio:
        return log2(finding.rate_ratio)
    return finding.statistic / log(2) if finding.scale == "log_e" else 0.0


def _supported(
    support: tuple[Support, ...], finding: Finding | WatchFinding, n: int
) -> tuple[Support, ...]:
    old = next((item for item in support if item.criterion == finding.criterion), None)
    new = Support(
        criterion=finding.criterion,
        first_on=old.first_on if old else finding.on,
        last_on=finding.on,
        n=old.n if old else n,
        is_standing=finding.change != "ceased",
    )
    return tuple(sorted((*(s for s in support if s is not old), new), key=lambda s: s.criterion))
