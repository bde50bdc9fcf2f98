"""Every row of the table of moves, and every way to be refused."""

from itertools import product
from typing import Any, get_args

import pytest
from strategies import ROLES, a_decision

from surveillance.domain.decision import Action, PersonRole
from surveillance.domain.signal import Status
from surveillance.triage.life_cycle import MOVES, why_not

STATUSES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)
SCIENTISTS = {"safety_scientist", "safety_physician", "committee_chair", "statistician"}
PHYSICIANS = {"safety_physician", "committee_chair"}
AUTHORITY = {"committee_chair", "regulator"}

# From, to, who, and whether two people are needed: the table, written down a second time.
TABLE: dict[str, tuple[set[str], str | None, set[str], bool]] = {
    "start_review": ({"detected"}, "under_review", SCIENTISTS, False),
    "confirm": ({"under_review"}, "confirmed", PHYSICIANS, True),
    "refute": ({"under_review"}, "refuted", PHYSICIANS, True),
    "close": ({"confirmed", "refuted"}, "closed", PHYSICIANS, False),
    "reopen": ({"refuted", "closed"}, "under_review", SCIENTISTS, False),
    "uphold_review": ({"detected", "under_review", "confirmed"}, None, AUTHORITY, True),
    "reject_review": (set(STATUSES), None, AUTHORITY, True),
}


def test_the_table_is_the_one_written_here() -> None:
    assert {
        action: (set(move.before), move.after, set(move.roles), move.needs_two)
        for action, move in MOVES.items()
    } == TABLE


@pytest.mark.parametrize("action", ACTIONS)
def test_a_decision_is_allowed_where_the_table_says_so_and_nowhere_else(action: Action) -> None:
    before, _, roles, needs_two = TABLE[action]
    approvals: list[tuple[str | None, PersonRole | None]] = [(None, None)]
    approvals += [("second person", role) for role in ROLES]
    for status, role, approval in product(STATUSES, ROLES, approvals):
        decision = a_decision(
            action=action, role=role, approved_by=approval[0], approver_role=approval[1]
        )
        is_allowed = status in before and role in roles and (not needs_two or approval[1] in roles)

        reason = why_not(decision, status)

        assert (reason is None) == is_allowed, (status, role, approval, reason)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"action": "confirm"}, "detected", "confirm is not possible from detected"),
        (
            {"action": "confirm", "role": "statistician"},
            "under_review",
            "confirm is not for the role statistician",
        ),
        (
            {"action": "confirm", "approved_by": None, "approver_role": None},
            "under_review",
            "confirm needs a second person",
        ),
        (
            {"action": "confirm", "approver_role": "regulator"},
            "under_review",
            "confirm cannot be approved in the role regulator",
        ),
    ],
)
def test_a_refusal_names_the_rule_that_is_broken(
    changes: dict[str, Any],
    status: Status,
    reason: str,
) -> None:
    assert why_not(a_decision(**changes), status) == reason


def test_nobody_withdraws_a_product_by_a_decision_on_a_signal() -> None:
    assert not [action for action in ACTIONS if "withdraw" in action]
    assert {move.after for move in MOVES.values()} <= {*STATUSES, None}
