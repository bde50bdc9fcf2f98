"""Findings open signals; people move them; a review is a question to people."""

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from strategies import DAY, DIGEST, a_configuration, a_decision, encode, instant
from triaged import RULE, SIGNAL, TriagedEpochs, a_crossing, a_finding, kinds

from surveillance.configuration.types import (
    Events,
    Group,
    ListedProduct,
    Products,
    ReviewRule,
    Triage,
    Weights,
)
from surveillance.domain.finding import PriorFitted
from surveillance.domain.signal import (
    N_STEPS_MAX,
    Review,
    Signal,
    SignalStep,
    Step,
    Support,
)
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.cloudevents import CloudEvent
from surveillance.log.topics import ALERTS, REVIEWS, FindingsRow
from surveillance.triage import priority
from surveillance.triage.facts import Judged, facts_of
from surveillance.triage.matters import Matter
from surveillance.triage.reviews import review_id
from surveillance.triage.triage import TriageFindings, signal_id, signal_of


def test_a_finding_opens_a_signal_with_all_that_it_says() -> None:
    finding = a_finding(n_serious=2, n_fatal=1)
    signal = TriagedEpochs().signal(finding)

    parts = priority.parts(facts_of([Judged(finding, is_watched=False)]))
    assert signal == Signal(
        signal_id=SIGNAL,
        matter_id=Matter("product:P", "pt:Rash").matter_id,
        family="safety",
        product="product:P",
        event="pt:Rash",
        status="detected",
        first_on=DAY,
        on=DAY,
        evaluated_on=DAY,
        epoch=0,
        priority=priority.scores(parts, Weights())[0],
        parts=priority.shown(parts, Weights())[0],
        support=(Support(criterion="ic", first_on=DAY, last_on=DAY, n=4),),
        n=4,
        n_serious=2,
        n_fatal=1,
        expected=0.7,
        evidence=1.0,
        history=(Step(on=DAY, status="detected", action="detect", n=4),),
        configuration=DIGEST,
    )


def test_the_score_of_a_signal_can_be_computed_from_its_parts() -> None:
    signal = TriagedEpochs().signal(a_finding(), a_finding("sentinel", n_serious=3))

    known = [(part.value, part.weight) for part in signal.parts if part.value is not None]
    whole = sum(weight for _, weight in known)
    assert signal.priority == round(sum(value * weight for value, weight in known) / whole, 4) > 0


def test_a_decision_changes_the_day_of_a_signal_and_not_the_day_of_its_counts() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    signal = desk.signal(a_decision(SIGNAL))

    assert (signal.on, signal.evaluated_on) == (desk.today, DAY)


def test_all_levels_and_terms_of_one_event_are_one_matter() -> None:
    listed = ListedProduct(name="P", platform="PF", programme="PG", constructs=("K1",))
    configuration = a_configuration(
        products=Products(product=(listed,), group={"p": Group(names=("P",))}),
        events=Events(group={"skin": Group(pattern="rash"), "rashes": Group(names=("Rash",))}),
    )
    desk = TriagedEpochs(configuration)

    found = {
        desk.signal(a_finding(product=product, event=event)).matter_id
        for product in (
            "platform:PF", "programme:PG", "product:P", "construct:K1", "lot:P/1", "group:p",
        )
        for event in ("pt:Rash", "pt:Rash pruritic", "group:skin")
    }  # fmt: skip

    assert found == {Matter("platform:PF", "group:skin").matter_id}
    apart = [a_finding(product="product:Q"), a_finding(event="pt:Fever", product="product:P")]
    assert not found & {desk.signal(one).matter_id for one in apart}


def test_a_crossing_opens_a_signal_of_its_family_with_its_rate_ratio_in_bits() -> None:
    signal = TriagedEpochs().signal(a_crossing())

    assert signal.signal_id == signal_id("construct:K1", "pt:hepatic failure", "effectiveness")
    assert (signal.evidence, signal.n, signal.family) == (2.0, 3, "effectiveness")


def test_missed_visits_are_not_severe() -> None:
    parts = {
        family: {part.name: part.value for part in priority.shown(
            priority.parts(facts_of([Judged(a_crossing(family=family), is_watched=False)])),
            Weights(),
        )[0]}
        for family in ("compliance", "effectiveness")
    }  # fmt: skip

    assert parts["compliance"]["severity"] == 0
    assert (parts["effectiveness"]["severity"] or 0) > 0


def test_an_earlier_crossing_is_never_taken_back_and_its_support_is_marked() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding(), a_finding("ror"))

    later = DAY + timedelta(days=1)
    signal = desk.signal(a_finding(change="ceased", on=later, n_pair=1, ic_lower=None))

    assert signal.support == (
        Support(criterion="ic", first_on=DAY, last_on=later, n=4, is_standing=False),
        Support(criterion="ror", first_on=DAY, last_on=DAY, n=4),
    )
    assert (signal.status, signal.first_on, signal.n, signal.evidence) == ("detected", DAY, 1, 0.0)


def test_support_that_is_met_again_stands_again_from_its_first_day() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())
    desk.close(a_finding(change="ceased", n_pair=1))

    (support,) = desk.signal(a_finding(n_pair=7, on=DAY + timedelta(days=9))).support

    assert support == Support(
        criterion="ic", first_on=DAY, last_on=DAY + timedelta(days=9), n=4, is_standing=True
    )


def test_nothing_in_software_moves_a_status() -> None:
    desk = TriagedEpochs(review=(ReviewRule(name="any", ground="eu_harmful"),), alert_priority=0.0)
    statuses = set()
    for n in range(1, 9):
        for change in ("met", "grown", "ceased"):
            found = a_finding(change=change, n_pair=4 * n, n_fatal=n, ic_lower=float(n))
            statuses.add(desk.signal(found).status)

    assert statuses == {"detected"}


def test_a_signal_that_did_not_change_is_not_said_again() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    assert desk.close().rows == []
    assert desk.passed_over(a_decision(SIGNAL, "confirm")).signal_id == SIGNAL


# Decisions


def test_people_move_a_signal_and_every_step_is_kept() -> None:
    desk = TriagedEpochs()
    signal = desk.signal(a_finding())
    for action, status in (
        ("start_validation", "under_validation"),
        ("refute", "not_validated"),
        ("reopen", "under_validation"),
        ("validate", "validated"),
        ("confirm", "confirmed"),
    ):
        decision = a_decision(SIGNAL, action)
        signal = desk.signal(decision)

        assert signal.status == status
        assert signal.epoch == desk.epoch
        assert signal.history[-1] == Step(
            on=desk.today,
            status=signal.status,
            action=decision.action,
            n=4,
            decision_id=decision.decision_id,
            decided_by="first person",
            approved_by="second person",
            reason=decision.reason,
        )
    assert len(signal.history) == 6
    assert signal.n == 4  # a decision changes no number


def test_a_long_history_is_bounded_in_the_signal_and_whole_in_rows_of_its_own() -> None:
    desk = TriagedEpochs()
    first = desk.signal(a_finding()).history[0]
    actions = ["start_validation", *["refute", "reopen"] * 45]
    steps: list[SignalStep] = []
    for action in actions:
        found = desk.close(a_decision(SIGNAL, action))
        steps += [row for row in found.rows if isinstance(row, SignalStep)]

    signal = desk.signal(a_finding(n_pair=5))
    assert (len(signal.history), signal.n_steps) == (N_STEPS_MAX, 92)
    assert signal.history[0] == first
    assert signal.history[1:] == tuple(row.step for row in steps[-(N_STEPS_MAX - 1) :])
    assert [row.step.action for row in steps] == actions
    assert [row.number for row in steps] == list(range(1, 92))
    assert {row.signal_id for row in steps} == {SIGNAL}


def test_every_step_is_a_row_where_many_are_made_in_one_epoch() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())
    actions = ["start_validation", *["refute", "reopen"] * 10]

    found = desk.close(*(a_decision(SIGNAL, action) for action in actions))

    steps = [row for row in found.rows if isinstance(row, SignalStep)]
    assert [row.step.action for row in steps] == actions


def test_a_finding_does_not_move_what_people_decided() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())
    desk.close(a_decision(SIGNAL, "start_validation"))
    before = desk.signal(a_decision(SIGNAL, "refute"))

    after = desk.signal(a_finding(change="grown", n_pair=9))

    assert (after.status, after.history) == ("not_validated", before.history)


def test_findings_of_an_epoch_come_before_its_decisions() -> None:
    items: tuple[FindingsRow, ...] = (a_decision(SIGNAL), a_finding())

    said = [TriagedEpochs().close(*order).rows for order in permutations(items)]

    assert said[0] == said[1]
    assert [row.status for row in said[0] if isinstance(row, Signal)] == ["under_validation"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signal_id": "S-nowhere"}, "there is no such signal"),
        ({"action": "close"}, "close is not possible from detected"),
        ({"role": "regulator"}, "start_validation is not for the role regulator"),
        ({"action": "uphold_review"}, "uphold_review answers a request for review"),
    ],
)
def test_a_decision_that_is_not_allowed_is_kept_with_the_reason(
    changes: dict[str, Any], reason: str
) -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    row = desk.passed_over(a_decision(**({"signal_id": SIGNAL} | changes)))

    assert row.reason.startswith(reason)
    assert (row.decision_id, row.on) == (
        f"D-{changes.get('action', 'start_validation')}",
        desk.today,
    )
    assert desk.signal(a_decision(SIGNAL)).status == "under_validation"


# Reviews


def test_a_review_is_opened_once_a_rule_and_recommends_nothing() -> None:
    desk = TriagedEpochs(review=(RULE, ReviewRule(name="many", min_cases=9, ground="eu_balance")))
    first = desk.close(a_finding(n_fatal=1))
    (signal,) = first.rows

    assert kinds(first) == [(REVIEWS, "fatal"), (ALERTS, "review_opened")]
    request = msgspec.json.decode(first.facts[0].value, type=CloudEvent).data
    assert {"recommendation", "action"}.isdisjoint(request)
    assert (request["rule"], request["ground"]) == ("fatal", "eu_harmful")
    assert request["asks"] == "Is the medicinal product harmful?"
    (review,) = signal.reviews
    assert review == Review(
        review_id=review_id(signal.matter_id, "eu_harmful"), rule="fatal", ground="eu_harmful",
        product="product:P", event="pt:Rash", signal_id=SIGNAL, opened_on=DAY,
    )  # fmt: skip
    assert REVIEWS not in [t for t, _ in kinds(desk.close(a_finding(n_fatal=2, change="grown")))]
    later = desk.close(a_finding(n_pair=9, change="grown"))
    assert kinds(later) == [(REVIEWS, "many"), (ALERTS, "review_opened")]


@pytest.mark.parametrize(
    ("action", "answer"), [("uphold_review", "upheld"), ("reject_review", "not_upheld")]
)
def test_a_review_is_answered_by_people_and_not_opened_again(action: Any, answer: str) -> None:  # noqa: ANN401 - an action
    desk = TriagedEpochs(review=(RULE,))
    opened = desk.signal(a_finding(n_fatal=1))

    signal = desk.signal(a_decision(SIGNAL, action))

    (review,) = signal.reviews
    assert (review.answer, review.answered_on) == (answer, desk.today)
    assert (review.is_signed, review.answer_in_words) == (False, f"{answer}, unsigned")
    assert signal.status == opened.status == "detected"
    assert kinds(desk.close(a_finding(n_fatal=2, change="grown"))) == []
    again = desk.passed_over(a_decision(SIGNAL, action, decision_id="again"))
    assert "none is open" in again.reason


@pytest.mark.parametrize(
    ("rule", "opens"),
    [
        ({}, True),
        ({"is_sentinel": True}, False),
        ({"is_sentinel": False}, True),
        ({"criteria": ("ic",)}, True),
        ({"criteria": ("ic", "ror")}, False),
        ({"statuses": ("detected",)}, True),
        ({"statuses": ("confirmed",)}, False),
        ({"levels": ("platform", "product")}, True),
        ({"levels": ("platform",)}, False),
        ({"min_cases": 4}, True),
        ({"min_cases": 5}, False),
        ({"min_fatal": 1}, False),
        ({"min_cases": 4, "levels": ("lot",)}, False),
    ],
)
def test_every_condition_of_a_review_rule_must_hold(rule: dict[str, Any], opens: bool) -> None:  # noqa: FBT001 - what should be
    desk = TriagedEpochs(review=(ReviewRule(name="rule", ground="eu_harmful", **rule),))

    assert bool(desk.signal(a_finding()).reviews) == opens


def test_a_rule_that_asks_for_a_status_opens_when_people_come_to_it() -> None:
    desk = TriagedEpochs(
        review=(ReviewRule(name="r", statuses=("under_validation",), ground="eu_harmful"),)
    )
    assert kinds(desk.close(a_finding())) == []

    assert kinds(desk.close(a_decision(SIGNAL))) == [(REVIEWS, "r"), (ALERTS, "review_opened")]


def test_support_that_has_ceased_does_not_count_for_a_review() -> None:
    desk = TriagedEpochs(
        review=(ReviewRule(name="r", criteria=("ic",), min_cases=5, ground="eu_harmful"),)
    )
    desk.close(a_finding())

    assert kinds(desk.close(a_finding(change="ceased", n_pair=6))) == []
    assert kinds(desk.close(a_finding(n_pair=6)))[0] == (REVIEWS, "r")


# Alerts


def test_an_alert_says_why_it_is_sent() -> None:
    loud = a_configuration(triage=Triage(alert_priority=0.25))
    desk = TriagedEpochs(loud)

    assert kinds(desk.close(a_finding())) == []
    assert kinds(desk.close(a_finding(ic_lower=4.0, change="grown"))) == [(ALERTS, "raised")]
    assert kinds(desk.close(a_finding(ic_lower=4.0, n_pair=9, change="grown"))) == []
    assert kinds(desk.close(a_decision(SIGNAL))) == [(ALERTS, "moved")]
    assert kinds(desk.close(a_decision(SIGNAL, "refute"))) == [(ALERTS, "moved")]
    assert kinds(desk.close(a_finding(n_pair=18, change="grown"))) == [(ALERTS, "new_evidence")]
    assert kinds(TriagedEpochs(loud).close(a_finding(ic_lower=4.0))) == [(ALERTS, "detected")]


def test_evidence_that_doubles_in_small_steps_since_the_decision_is_an_alert_once() -> None:
    desk = TriagedEpochs(a_configuration(triage=Triage(alert_priority=1)))
    desk.close(a_finding(n_pair=4))
    desk.close(a_decision(SIGNAL))
    desk.close(a_decision(SIGNAL, "refute"))

    said = [kinds(desk.close(a_finding(n_pair=n, change="grown"))) for n in (5, 7, 8, 9, 15)]

    assert said == [[], [], [(ALERTS, "new_evidence")], [], []]


def test_a_pair_that_is_screened_and_watched_for_safety_has_two_signals() -> None:
    screened = a_finding(product="construct:K1", event="pt:hepatic failure")
    watched = a_crossing(product="construct:K1", event="pt:hepatic failure", family="safety")

    assert signal_of(screened) != signal_of(watched)
    assert signal_of(watched) != signal_of(replace(watched, family="effectiveness"))


def test_every_new_sentinel_case_is_an_alert() -> None:
    desk = TriagedEpochs()

    assert kinds(desk.close(a_finding("sentinel", n_pair=1))) == [(ALERTS, "sentinel")]
    assert kinds(desk.close(a_finding("ic", n_pair=1))) == []
    signal = desk.signal(a_finding("ic", n_pair=1))
    assert signal.is_sentinel
    assert kinds(desk.close(a_finding("sentinel", n_pair=2, change="grown"))) == [
        (ALERTS, "sentinel")
    ]


def test_the_same_items_give_the_same_bytes() -> None:
    items: list[FindingsRow] = [a_finding(n_fatal=1), a_decision(SIGNAL), a_crossing()]

    def run() -> bytes:
        desk = TriagedEpochs(review=(RULE,))
        return encode([desk.close(item) for item in items])

    assert run() == run()


def test_a_fit_of_the_prior_moves_no_signal() -> None:
    stage = TriageFindings(a_configuration())
    state = stage.init(Cells(nothing_stored))
    fitted = PriorFitted(
        version="product/2024-03-01", on=date(2024, 3, 1), epoch=0, level="product",
        likelihood="openebgm", n_pairs=900,
    )  # fmt: skip

    stage.apply(state, fitted)

    assert stage.close(state, 0, instant()).rows == []
