"""A matter is merged, brought back and opened again whole, by one decision, or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from signing import ADMINISTRATOR, Desk, Person
from strategies import a_configuration, a_decision, rows
from triaged import TriagedEpochs, a_finding

from surveillance.configuration.life_cycle import LifeCycle, shipped
from surveillance.configuration.types import ListedProduct, Products, Triage
from surveillance.domain.signal import DecisionPassedOver, Signal, SignalStep
from surveillance.log.topics import SignalsRow
from surveillance.triage.matters import Matters
from surveillance.triage.triage import signal_id

CONFIGURATION = a_configuration(
    products=Products(product=(ListedProduct(name="P", platform="PF"),)),
    triage=Triage(alert_priority=1),
)
PRODUCT, PLATFORM = ("product:P", "pt:Rash"), ("platform:PF", "pt:Rash")
OTHER = ("product:Q", "pt:Rash")
MATTER, INTO = (Matters(CONFIGURATION).of(*pair).matter_id for pair in (PRODUCT, OTHER))
OWN = {signal_id(*pair, "safety") for pair in (PRODUCT, PLATFORM)}


def a_desk() -> TriagedEpochs:
    """Return a desk with a matter of two signals, and another one."""
    desk = TriagedEpochs(CONFIGURATION)
    pairs = (PRODUCT, PLATFORM, OTHER)
    desk.close(*(a_finding(product=product, event=event) for product, event in pairs))
    return desk


def decided(desk: TriagedEpochs, action: str, matter: str = MATTER, **fields: Any) -> list[Any]:  # noqa: ANN401 - its fields
    one = a_decision(matter, action, decision_id=f"D-{desk.epoch}", **fields)
    return rows(desk.close(one).rows, SignalsRow)


def statuses(found: list[Any]) -> dict[str, str]:
    return {row.signal_id: row.status for row in found if isinstance(row, Signal)}


def test_a_matter_is_merged_whole_and_comes_back_whole() -> None:
    desk = a_desk()

    merged = decided(desk, "merge", merged_into=INTO)
    back = decided(desk, "resume")

    assert statuses(merged) == dict.fromkeys(OWN, "merged")
    assert statuses(back) == dict.fromkeys(OWN, "detected")
    steps = [row for row in merged if isinstance(row, SignalStep)]
    assert {row.signal_id for row in steps} == OWN
    assert {(row.step.merged_into, row.step.decision_id) for row in steps} == {(INTO, "D-0")}


def test_a_signal_is_split_off_again_by_itself() -> None:
    desk = a_desk()
    decided(desk, "merge", merged_into=INTO)
    one = signal_id(*PLATFORM, "safety")

    found = decided(desk, "resume", one)

    assert statuses(found) == {one: "detected"}


def test_those_that_were_done_are_opened_again_and_the_others_stay() -> None:
    desk = a_desk()
    one = signal_id(*PLATFORM, "safety")
    decided(desk, "start_validation", one)
    decided(desk, "refute", one)

    assert statuses(decided(desk, "reopen")) == {one: "under_validation"}


@pytest.mark.parametrize(
    ("action", "fields", "code"),
    [
        ("merge", {"merged_into": MATTER}, "unknown_signal"),
        ("merge", {"merged_into": "M-0123456789abcdef"}, "unknown_signal"),
        ("merge", {"merged_into": "S-0123456789abcdef"}, "unknown_signal"),
        ("merge", {}, "missing_field"),
        ("resume", {}, "wrong_status"),
        ("close", {}, "unknown_action"),
        ("merge", {"merged_into": INTO, "role": "statistician"}, "wrong_role"),
        (
            "merge",
            {"merged_into": INTO, "approved_by": None, "approver_role": None},
            "needs_second",
        ),
        ("merge", {"merged_into": INTO, "matter": "M-0123456789abcdef"}, "unknown_matter"),
    ],
)
def test_what_is_not_allowed_moves_no_signal_and_goes_back_once(
    action: str, fields: dict[str, Any], code: str
) -> None:
    (row,) = decided(a_desk(), action, **fields)

    assert isinstance(row, DecisionPassedOver)
    assert row.code == code


def test_where_one_signal_may_not_move_none_does() -> None:
    desk = a_desk()
    decided(desk, "start_validation", signal_id(*PLATFORM, "safety"))

    (row,) = decided(desk, "merge", merged_into=INTO, expected_status="detected")

    assert row.code == "outdated_status"


def test_what_two_people_propose_about_a_matter_and_may_not_goes_back_to_them() -> None:
    desk, ann, bob = Desk(), Person("ann"), Person("bob")
    role, matter = "committee_chair", desk.signal.matter_id
    desk.takes(*(ADMINISTRATOR.registers(one) for one in (ann, bob)))
    desk.takes(*(ADMINISTRATOR.grants(one, role) for one in (ann, bob)))

    whole = {"signal_id": None, "matter_id": matter}
    other = ann.proposes("close", role, **whole)
    first = ann.proposes("merge", role, merged_into="M-0123456789abcdef", **whole)
    hold = ann.proposes("reopen", role, n=1, **whole)

    assert desk.takes(other) == ["unknown_action"]
    assert desk.takes(first, bob.approves(first, role)) == ["unknown_signal"]
    assert desk.takes(hold, bob.approves(hold, role)) == ["wrong_status"]


def test_which_actions_are_of_a_matter_is_data() -> None:
    of_matter = {one.action for one in shipped().transition if one.of_matter}

    assert of_matter == {"merge", "resume", "reopen"}
    row = next(one for one in shipped().transition if one.action == "suppress")
    wrong = msgspec.structs.replace(row, of_matter=True)
    with pytest.raises(ValueError, match="of_matter is for rows that move signals"):
        msgspec.structs.replace(shipped(), transition=(wrong,)).__post_init__()
    assert isinstance(shipped(), LifeCycle)
