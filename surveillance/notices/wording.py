"""A change → the notice that one receiver gets: title, text, and JSON. Pure.

A notice states what was counted and what people recorded. It judges nothing.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from surveillance.configuration.law import Law
from surveillance.domain.names import clean
from surveillance.domain.signal import Review, RunningClock, Signal, Step
from surveillance.notices.changes import Change, Kind

N_TITLE_MAX = 200  # characters
_HEADLINES: dict[Kind, str] = {
    "sentinel": "Sentinel event counted",
    "detected": "New signal at the alert priority",
    "raised": "Priority rose to the alert priority",
    "moved": "Status changed",
    "new_evidence": "Cases doubled since it was closed",
    "review_requested": "Review requested by a rule",
    "clock_warning": "Time limit is near",
    "clock_breached": "Time limit has passed",
    "new_matter": "New matter",
    "band_raised": "Band raised",
    "band_lowered": "Band lowered",
}
_CLOSING = (
    "These are counts of reports and records of decisions. What they mean is for people to judge."
)


class SignalShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A signal in a notice."""

    signal_id: str
    product: str
    event: str
    family: str
    status: str
    first_on: date
    on: date
    n: int
    n_serious: int
    n_fatal: int
    expected: float
    evidence: float
    priority: float
    is_sentinel: bool = False


class ReviewShown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request for review in a notice."""

    review_id: str
    rule: str
    ground: str
    opened_on: date
    citation: str = ""
    asks: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a webhook gets as JSON: one fact, with an id by which it can be discarded."""

    id: str
    kind: str
    deployment: str
    title: str
    text: str
    is_test: bool = False
    epoch: int | None = None
    matter_id: str | None = None
    band: str | None = None
    band_before: str | None = None
    signal: SignalShown | None = None
    step: Step | None = None  # names no person; an internal reason only where it is asked for
    clock: RunningClock | None = None
    review: ReviewShown | None = None


def notice_id(event_id: str, receiver: str, address: str = "") -> str:
    """Name what one receiver gets about one change.

    Parameters
    ----------
    event_id : str
        Of the change.
    receiver : str
        Its name.
    address : str, optional
        One of several that the receiver has.

    Examples
    --------
    >>> notice_id("6f1ed002ab5595859014ebf0951522d9", "desk")
    'b3bcdcbbd7c26b5c80af3e9484d7dfc7'
    """
    return sha256(f"{event_id}\n{receiver}\n{address}".encode()).hexdigest()[:32]


def notice_of(
    change: Change, *, name: str, deployment: str, band: str, law: Law, internal_reasons: bool
) -> Notice:
    """Word a change for one receiver.

    Parameters
    ----------
    change : Change
        What happened.
    name : str
        Id of the notice.
    deployment : str
        Name of the deployment.
    band : str
        Of the matter, as it stands.
    law : Law
        With the grounds of reviews.
    internal_reasons : bool
        Whether the receiver asked for what people wrote for themselves.
    """
    signal = change.signal
    return Notice(
        id=name,
        kind=change.kind,
        deployment=deployment,
        title=_title(change, deployment, band),
        text=_text(change, band, law, internal_reasons=internal_reasons),
        epoch=change.epoch,
        matter_id=signal.matter_id,
        band=band,
        band_before=change.band_before,
        signal=_shown(signal),
        step=None if change.step is None else _of_nobody(change.step, keep=internal_reasons),
        clock=change.clock,
        review=None if change.review is None else _review(change.review, law),
    )


def a_test(name: str, deployment: str) -> Notice:
    """Return a notice that is about nothing, and states so.

    Parameters
    ----------
    name : str
        Its id.
    deployment : str
        Name of the deployment.
    """
    return Notice(
        id=name,
        kind="test",
        deployment=deployment,
        title=f"[{deployment}] TEST: no signal is behind this notice",
        text="This is a test of the delivery. No signal is behind it.",
        is_test=True,
    )


def _title(change: Change, deployment: str, band: str) -> str:
    signal = change.signal
    pair = f"{clean(signal.product)} and {clean(signal.event)}"
    return f"[{deployment}] {band}: {_HEADLINES[change.kind]}: {pair}"[:N_TITLE_MAX]


def _text(change: Change, band: str, law: Law, *, internal_reasons: bool) -> str:
    signal = change.signal
    lines = [
        f"{_HEADLINES[change.kind]}.",
        "",
        f"Product: {signal.product}",
        f"Event: {signal.event}",
        f"Matter {signal.matter_id}, band {band}"
        + (f" (was {change.band_before})" if change.band_before else ""),
        f"Signal {signal.signal_id}, status {signal.status}, priority {signal.priority:.2f}",
        _counts(signal),
        *_step_lines(change.step, keep=internal_reasons),
        *_clock_lines(change.clock),
        *_review_lines(change.review, law),
        "",
        _CLOSING,
    ]
    return "\n".join(clean(line) for line in lines) + "\n"


def _counts(signal: Signal) -> str:
    return (
        f"Cases {signal.n}, serious {signal.n_serious}, fatal {signal.n_fatal}, "
        f"expected {signal.expected:.2f}, on {signal.evaluated_on}"
    )


def _step_lines(step: Step | None, *, keep: bool) -> list[str]:
    if step is None:
        return []
    signed = "signed" if step.is_signed else "unsigned"
    lines = [f"Decision: {step.action} on {step.on}, {signed}"]
    lines += [f"Public reason: {step.public_reason}"] if step.public_reason else []
    return lines + ([f"Internal reason: {step.reason}"] if keep and step.reason else [])


def _clock_lines(clock: RunningClock | None) -> list[str]:
    if clock is None:
        return []
    ran = f"day 0 was {clock.started_on}, the last day is {clock.due_on}"
    return [f"Time limit {clock.code}: {ran} ({clock.citation})"]


def _review_lines(review: Review | None, law: Law) -> list[str]:
    if review is None:
        return []
    shown = _review(review, law)
    return [
        f"Request {shown.review_id} by the rule {shown.rule}, opened on {shown.opened_on}",
        f"Ground {shown.ground} ({shown.citation}): {shown.asks}",
    ]


def _review(review: Review, law: Law) -> ReviewShown:
    ground = next((one for one in law.ground if one.code == review.ground), None)
    return ReviewShown(
        review_id=review.review_id,
        rule=review.rule,
        ground=review.ground,
        opened_on=review.opened_on,
        citation=ground.citation if ground else "",
        asks=ground.asks if ground else "",
    )


def _of_nobody(step: Step, *, keep: bool) -> Step:
    reason = step.reason if keep else ""
    return replace(step, reason=reason, decided_by=None, approved_by=None)


def _shown(signal: Signal) -> SignalShown:
    return SignalShown(**{name: getattr(signal, name) for name in SignalShown.__struct_fields__})
