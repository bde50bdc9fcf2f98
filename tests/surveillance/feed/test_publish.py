"""The feed has no gaps, tells open, not validated and closed alike, and names no person."""

import pytest
from published import PublishedEpochs
from strategies import DAY, a_decision
from triaged import SIGNAL, TriagedEpochs, a_finding

from surveillance.configuration.types import ReviewRule
from surveillance.domain.signal import DecisionPassedOver


def test_open_refuted_and_closed_are_published_alike_and_without_gaps() -> None:
    triage, desk = TriagedEpochs(), PublishedEpochs()
    entries = desk.close(triage.signal(a_finding()))
    actions = ("start_validation", "refute", "reopen", "refute", "close")
    for number, action in enumerate(actions):
        entries += desk.close(
            triage.signal(
                a_decision(
                    SIGNAL, action, public_reason=f"public: {action}", decision_id=f"D-{number}"
                )
            )
        )

    assert [(e.sequence, e.status, e.is_open) for e in entries] == [
        (0, "detected", True),
        (1, "under_validation", True),
        (2, "not_validated", False),
        (3, "under_validation", True),
        (4, "not_validated", False),
        (5, "closed", False),
    ]
    assert {fact.code for fact in desk.facts} == {e.status for e in entries}
    assert [e.reason for e in entries] == ["", *(f"public: {action}" for action in actions)]


def test_what_a_reviewer_writes_for_colleagues_is_not_published() -> None:
    triage, desk = TriagedEpochs(), PublishedEpochs()
    desk.close(triage.signal(a_finding()))

    (entry,) = desk.close(triage.signal(a_decision(SIGNAL, reason="names the patient's mother")))

    assert entry.reason == ""
    assert not [fact for fact in desk.facts if b"mother" in fact.value]


def test_what_was_said_is_not_said_again() -> None:
    triage, desk = TriagedEpochs(), PublishedEpochs()
    desk.close(triage.signal(a_finding()))

    assert desk.close(triage.signal(a_finding(change="grown", n_pair=8))) == []
    (later,) = desk.close(triage.signal(a_decision(SIGNAL)))
    assert (later.sequence, later.n) == (1, 8)


def test_an_entry_tells_of_a_review_and_its_answer() -> None:
    triage = TriagedEpochs(review=(ReviewRule(name="r", ground="eu_harmful"),))
    desk = PublishedEpochs()

    (opened,) = desk.close(triage.signal(a_finding()))
    (answered,) = desk.close(triage.signal(a_decision(SIGNAL, "reject_review")))

    assert (opened.review, answered.review) == ("open", "not_upheld")
    assert answered.status == "detected"


@pytest.mark.parametrize(
    ("keys", "is_signed"),
    [
        ({}, False),
        ({"key_id": "K-0123456789abcdef"}, False),  # one of two
        ({"key_id": "K-0123456789abcdef", "approver_key_id": "K-fedcba9876543210"}, True),
    ],
)
def test_an_entry_states_whether_both_signed_the_answer(
    keys: dict[str, str], *, is_signed: bool
) -> None:
    triage = TriagedEpochs(review=(ReviewRule(name="r", ground="eu_harmful"),))
    desk = PublishedEpochs()

    (opened,) = desk.close(triage.signal(a_finding()))
    (answered,) = desk.close(triage.signal(a_decision(SIGNAL, "reject_review", **keys)))

    assert (opened.review_is_signed, answered.review_is_signed) == (None, is_signed)


@pytest.mark.parametrize(("n", "shown", "fewer"), [(1, None, 3), (2, None, 3), (3, 3, None)])
def test_counts_below_the_smallest_cell_are_hidden(
    n: int, shown: int | None, fewer: int | None
) -> None:
    desk = PublishedEpochs()
    (told,) = desk.close(TriagedEpochs().signal(a_finding(n_pair=n, n_serious=n, expected=0.123)))

    assert (told.n, told.n_fewer_than) == (shown, fewer)
    assert b"0.123" not in desk.facts[0].value  # the expected number would give it away


@pytest.mark.parametrize("level", ["construct", "lot"])
def test_levels_that_could_name_a_person_are_left_out_and_leave_no_gap(level: str) -> None:
    desk = PublishedEpochs()

    named = TriagedEpochs().signal(a_finding(product=f"{level}:five people"))
    entries = [*desk.close(named), *desk.close(TriagedEpochs().signal(a_finding()))]

    assert [(e.sequence, e.product) for e in entries] == [(0, "product:P")]


def test_a_decision_that_was_passed_over_is_not_published() -> None:
    row = DecisionPassedOver(decision_id="D", signal_id=SIGNAL, on=DAY, reason="a reason")

    assert PublishedEpochs().close(row) == []


def test_only_criteria_that_stand_are_named() -> None:
    triage = TriagedEpochs()
    triage.close(a_finding(), a_finding("ror"))
    signal = triage.signal(a_finding("ror", change="ceased"))

    (told,) = PublishedEpochs().close(signal)

    assert told.criteria == ("ic",)
