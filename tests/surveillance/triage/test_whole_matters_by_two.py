"""Two people with keys decide about a whole matter: once, both named, whoever else tries."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import ADMINISTRATOR, Desk, Person
from triaged import a_finding

from surveillance.configuration.types import ListedProduct, Products, Triage
from surveillance.domain.decision import Approval, PersonRecord, Proposal
from surveillance.triage.matters import Matter
from surveillance.triage.signatures import digest, key_id
from surveillance.triage.triage import signal_id

PLATFORMS = Products(product=(ListedProduct(name="P", platform="PF"),))
MATTER = Matter("platform:PF", "pt:Rash").matter_id
INTO = Matter("product:Q", "pt:Rash").matter_id
OWN = {signal_id(product, "pt:Rash", "safety") for product in ("product:P", "platform:PF")}
OTHER = signal_id("product:Q", "pt:Rash", "safety")
ANN, BOB, CYD = (Person(name) for name in ("ann", "bob", "cyd"))
CHAIR = "committee_chair"


def a_desk() -> Desk:
    """Return a desk with a matter of two signals and another one, and three people who may act."""
    products = ("product:P", "platform:PF", "product:Q")
    desk = Desk(
        findings=[a_finding(product=one) for one in products],
        products=PLATFORMS,
        triage=Triage(alert_priority=1),
    )
    for one in (ANN, BOB, CYD):
        assert desk.takes(ADMINISTRATOR.registers(one), ADMINISTRATOR.grants(one, CHAIR)) == []
    return desk


def merging(by: Person, **fields: Any) -> Proposal:  # noqa: ANN401 - its fields
    return proposing(by, "merge", merged_into=INTO, **fields)


def proposing(by: Person, action: str, **fields: Any) -> Proposal:  # noqa: ANN401 - its fields
    return by.proposes(action, CHAIR, signal_id=None, matter_id=MATTER, **fields)


def statuses(desk: Desk) -> set[str]:
    return {desk.signals[name].status for name in OWN}


def test_a_matter_is_merged_at_the_close_of_its_approval_and_names_both() -> None:
    desk, proposal = a_desk(), merging(ANN)
    assert desk.takes(proposal) == []
    assert statuses(desk) == {"detected"}
    approval = BOB.approves(proposal, CHAIR)

    assert desk.takes(approval) == []

    assert statuses(desk) == {"merged"}
    assert desk.signals[OTHER].status == "detected"
    (decision,) = desk.decided
    assert decision.signal_id == MATTER
    assert decision.proposal_sha256 == digest(proposal)
    assert (decision.key_id, decision.approver_key_id) == (
        key_id(ANN.key.public_key), key_id(BOB.key.public_key),
    )  # fmt: skip
    for name in OWN:
        step = desk.signals[name].history[-1]
        assert (step.action, step.merged_into, step.is_signed) == ("merge", INTO, True)
        assert (step.decided_by, step.approved_by) == ("ann", "bob")
        assert step.decision_id == decision.decision_id
    assert len(desk.steps) == len(OWN)


def test_a_merged_matter_comes_back_by_two_and_one_that_was_refuted_is_opened_again() -> None:
    desk = a_desk()
    for n, action in enumerate(("merge", "resume")):
        made = merging(ANN) if action == "merge" else proposing(ANN, action)
        assert desk.takes(made, BOB.approves(made, CHAIR, n=n)) == []
    assert statuses(desk) == {"detected"}
    one = min(OWN)
    for each in (ANN, BOB):
        desk.takes(ADMINISTRATOR.grants(each, "safety_physician"))
    started = ANN.decides("start_validation", "safety_physician", signal_id=one)
    refuted = ANN.proposes("refute", "safety_physician", signal_id=one)
    assert desk.takes(started, refuted, BOB.approves(refuted, CHAIR, n=2)) == []
    assert statuses(desk) == {"detected", "not_validated"}
    again = proposing(ANN, "reopen", n=1)

    assert desk.takes(again, BOB.approves(again, CHAIR, n=3)) == []

    assert desk.signals[one].status == "under_validation"
    assert desk.signals[one].history[-1].approved_by == "bob"
    assert statuses(desk) == {"detected", "under_validation"}


@pytest.mark.parametrize("is_one_epoch", [True, False])
def test_of_two_approvals_that_race_the_second_is_used_twice(*, is_one_epoch: bool) -> None:
    desk, proposal = a_desk(), merging(ANN)
    desk.takes(proposal)
    racing = [BOB.approves(proposal, CHAIR), CYD.approves(proposal, CHAIR)]

    codes = desk.takes(*racing) if is_one_epoch else [c for one in racing for c in desk.takes(one)]

    assert codes == ["used_twice"]
    assert desk.passed_over[-1].author == "cyd"
    assert {desk.signals[name].history[-1].approved_by for name in OWN} == {"bob"}
    assert len(desk.steps) == len(OWN)


@pytest.mark.parametrize("is_one_epoch", [True, False])
def test_of_two_proposals_that_race_the_second_finds_the_matter_merged(
    *, is_one_epoch: bool
) -> None:
    desk, first, second = a_desk(), merging(ANN), merging(CYD)
    desk.takes(first, second)
    racing = [BOB.approves(first, CHAIR), BOB.approves(second, CHAIR, n=1)]

    codes = desk.takes(*racing) if is_one_epoch else [c for one in racing for c in desk.takes(one)]

    assert codes == ["wrong_status"]
    assert {desk.signals[name].history[-1].decided_by for name in OWN} == {"ann"}
    assert len(desk.steps) == len(OWN)


def test_an_approval_that_is_sent_again_moves_nothing_even_after_the_matter_is_back() -> None:
    desk, proposal = a_desk(), merging(ANN)
    approval, back = BOB.approves(proposal, CHAIR), proposing(ANN, "resume")
    desk.takes(proposal, approval)
    assert desk.takes(approval, proposal) == []  # the same bytes: repeated, and taken once
    desk.takes(back, BOB.approves(back, CHAIR, n=1))

    codes = desk.takes(approval, BOB.approves(proposal, CHAIR, n=2), merging(ANN))

    assert codes == ["used_twice"]  # the new one; what was sent before is not read again
    assert statuses(desk) == {"detected"}


@pytest.mark.parametrize(
    ("by", "fields", "code"),
    [
        (ANN, {}, "same_person"),
        (BOB, {"role": "safety_scientist"}, "role_not_granted"),
        (Person("bob", key="another"), {}, "unknown_key"),
        (CYD, {"decided_by": "bob"}, "not_that_person"),
    ],
)
def test_nobody_else_is_the_second_person(by: Person, fields: dict[str, Any], code: str) -> None:
    desk, proposal = a_desk(), merging(ANN)
    desk.takes(proposal)
    values: dict[str, Any] = {"role": CHAIR} | fields

    codes = desk.takes(by.approves(proposal, **values))

    assert codes == [code]
    assert statuses(desk) == {"detected"}
    assert desk.takes(BOB.approves(proposal, CHAIR, n=9)) == []  # it still waits
    assert statuses(desk) == {"merged"}


def test_a_proposal_about_another_matter_is_another_proposal() -> None:
    desk, proposal = a_desk(), merging(ANN)
    changed = proposing(ANN, "merge", merged_into=OTHER)
    desk.takes(proposal)

    assert desk.takes(BOB.approves(changed, CHAIR)) == ["unknown_proposal"]
    assert statuses(desk) == {"detected"}


PROPOSALS = (
    merging(ANN), merging(CYD), proposing(ANN, "resume"), proposing(CYD, "resume"),
)  # fmt: skip
APPROVALS = tuple(
    by.approves(one, CHAIR, n=n) for one in PROPOSALS for by in (ANN, BOB, CYD) for n in (1, 2)
)
sent = st.lists(
    st.lists(st.sampled_from((*PROPOSALS, *APPROVALS)), max_size=8), min_size=1, max_size=5
)


def _is_never_halved(epochs: list[list[PersonRecord]]) -> int:
    """Send records in some order, and more than once; return how often the matter moved."""
    desk = a_desk()
    for records in epochs:
        desk.takes(*records)

        assert len(statuses(desk)) == 1
    used = Counter(one.proposal_sha256 for one in desk.decided)
    assert set(used.values()) <= {1}
    by_decision = Counter(one.decision_id for one in desk.steps)
    assert set(by_decision.values()) <= {len(OWN)}
    assert by_decision.keys() <= {one.decision_id for one in desk.decided}
    for step in desk.steps:
        assert step.is_signed
        assert step.approved_by not in {None, step.decided_by}
    return len(by_decision)


@settings(max_examples=25, deadline=None)
@given(sent)
def test_a_matter_is_never_halved_and_no_proposal_is_used_twice(
    epochs: list[list[Proposal | Approval]],
) -> None:
    _is_never_halved([list(one) for one in epochs])


@pytest.mark.campaign
@settings(max_examples=1_000, deadline=None)
@given(sent)
def test_a_matter_is_never_halved_however_long_they_try(
    epochs: list[list[Proposal | Approval]],
) -> None:
    _is_never_halved([list(one) for one in epochs])


def test_those_who_try_get_somewhere() -> None:
    merge, _, back, _ = PROPOSALS
    of_bob = {one.proposal_sha256: one for one in APPROVALS if one.decided_by == "bob"}

    n = _is_never_halved([[merge, of_bob[digest(merge)]], [back, of_bob[digest(back)]]])

    assert n == 2
