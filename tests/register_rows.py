"""Rows and messages as stages say them, made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from surveillance.domain.contribution import Dispositions
from surveillance.domain.decision import Decision
from surveillance.domain.errors import Refused
from surveillance.domain.finding import Finding, Look, PriorFitted, WatchFinding
from surveillance.domain.signal import DecisionPassedOver, Review, Signal, SignalStep, Step, Support
from surveillance.log.cloudevents import outward
from surveillance.log.refusals import refused_fact
from surveillance.log.topics import ALERTS, CASES, REVIEWS
from surveillance.triage.reviews import ReviewRequest
from surveillance.triage.triage import Alert

if TYPE_CHECKING:
    from surveillance.log.messages import Fact

DAY = date(1999, 2, 12)
AT = int(datetime(1999, 2, 12, 23, 59, 59, tzinfo=UTC).timestamp())
SIGNAL_ID = "S-0123456789abcdef"


def a_finding(**changes: Any) -> Finding:  # noqa: ANN401 - its fields
    finding = Finding(
        criterion="evans",
        criterion_version=1,
        change="met",
        on=DAY,
        epoch=7,
        product="product:P",
        event="pt:E",
        n_pair=3,
        n_product=44,
        n_event=7,
        n_total=85_799,
        expected=44 * 7 / 85_799,
        prr=1461.7,
    )
    return msgspec.structs.replace(finding, **changes)


def a_watch_finding() -> WatchFinding:
    return WatchFinding(
        criterion="hepatic_construct",
        criterion_version=1,
        change="met",
        on=DAY,
        epoch=7,
        design="hepatic",
        family="safety",
        programme="P1",
        product="construct:C1",
        event="pt:hepatic failure",
        n_events=2,
        n_patients=5,
        person_days=900,
        expected=0.1,
        statistic=4.2,
        boundary=3.5,
        scale="log_likelihood_ratio",
        alpha=0.01,
        alpha_family=0.02,
        horizon=2.0,
        looks=3,
        source="a published cohort",
    )


def a_look(**changes: Any) -> Look:  # noqa: ANN401 - its fields
    look = Look(
        criterion="hepatic_construct",
        criterion_version=1,
        on=DAY,
        epoch=7,
        design="hepatic",
        family="safety",
        programme="P1",
        product="construct:C1",
        event="pt:hepatic failure",
        n_events=1,
        n_patients=5,
        person_days=800,
        expected=0.08,
        statistic=2.1,
        boundary=3.5,
        scale="log_likelihood_ratio",
        alpha=0.01,
        alpha_family=0.02,
        horizon=2.0,
        looks=2,
        is_crossing=False,
        has_crossed=False,
        notes=("left out: 1 patient",),
    )
    return msgspec.structs.replace(look, **changes)


def a_prior(**changes: Any) -> PriorFitted:  # noqa: ANN401 - its fields
    prior = PriorFitted(
        version="product/1999-02-01",
        on=date(1999, 2, 1),
        epoch=7,
        level="product",
        likelihood="openebgm",
        n_pairs=17_189,
        alpha1=3.256,
        beta1=0.4,
        alpha2=2.024,
        beta2=1.906,
        p=0.0653,
        log_likelihood=-4162.46,
        n_starts=8,
        n_agreeing=5,
        gap_between_starts=1.2,
    )
    return msgspec.structs.replace(prior, **changes)


def a_signal(**changes: Any) -> Signal:  # noqa: ANN401 - its fields
    signal = Signal(
        signal_id=SIGNAL_ID,
        matter_id="M-00000000000000a1",
        family="safety",
        product="product:P",
        event="pt:E",
        status="detected",
        first_on=DAY,
        on=DAY,
        evaluated_on=DAY,
        epoch=7,
        priority=0.4,
        parts=(),
        support=(Support(criterion="evans", first_on=DAY, last_on=DAY, n=3),),
        n=3,
        expected=0.004,
        evidence=0.7,
        history=(Step(on=DAY, status="detected", action="detect"),),
    )
    return msgspec.structs.replace(signal, **changes)


def a_step(number: int = 1, **changes: Any) -> SignalStep:  # noqa: ANN401 - fields of its step
    step = Step(
        on=DAY, status="under_validation", action="start_validation", n=3, decided_by="a.person"
    )
    step = msgspec.structs.replace(step, **changes)
    return SignalStep(signal_id=SIGNAL_ID, number=number, epoch=7, step=step)


def a_review(**changes: Any) -> Review:  # noqa: ANN401 - its fields
    review = Review(
        review_id="R-1",
        rule="confirmed_with_deaths",
        ground="not_safe_and_effective",
        product="product:P",
        event="pt:E",
        signal_id=SIGNAL_ID,
        opened_on=DAY,
    )
    return msgspec.structs.replace(review, **changes)


def an_alert(signal: Signal, *, at: int = AT) -> Fact:
    alert = Alert(kind="detected", signal=signal)
    return outward(
        ALERTS,
        kind="signal.detected",
        code="detected",
        source="test",
        subject=SIGNAL_ID,
        at=at,
        data=alert,
    )


def a_request(signal: Signal) -> Fact:
    request = ReviewRequest(
        review_id="R-1",
        rule="confirmed_with_deaths",
        ground="not_safe_and_effective",
        citation="21 CFR 601.5(b)(1)(vi)",
        asks="Is it safe and effective?",
        matter_id=signal.matter_id,
        product="product:P",
        event="pt:E",
        opened_on=DAY,
        signal=signal,
    )
    return outward(
        REVIEWS,
        kind="review.opened",
        code="opened",
        source="test",
        subject=SIGNAL_ID,
        at=AT,
        data=request,
    )


def a_refusal(content: bytes = b"{") -> Fact:
    error = Refused("not_json", "the line ends too soon", "send one JSON object a line")
    return refused_fact((CASES, 2), 41, 3, error, content, AT)


def a_decision() -> Decision:
    return Decision(
        decision_id="D-1",
        signal_id=SIGNAL_ID,
        action="start_validation",
        decided_by="scientist-1",
        role="safety_scientist",
        reason="three serious cases",
        decided_at=datetime(1999, 2, 13, tzinfo=UTC),
    )


def passed_over() -> DecisionPassedOver:
    return DecisionPassedOver(
        decision_id="D-2", signal_id=SIGNAL_ID, on=DAY, reason="there is no such signal"
    )


def dispositions() -> Dispositions:
    return Dispositions(
        topic=CASES, partition=2, applied=3, superseded=1, repeated=0, refused=1, control=0
    )
