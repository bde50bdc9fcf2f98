"""The table that ships: every role, status and action; and every way to be refused."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from strategies import DAY, ROLES, a_configuration, a_decision
from triaged import SIGNAL, TriagedEpochs, a_finding

from surveillance.configuration.life_cycle import LifeCycle, shipped
from surveillance.domain.decision import Decision
from surveillance.domain.signal import Signal, Step
from surveillance.triage.life_cycle import Standing, status_after, why_not

TABLE = shipped()
STATUSES = [one.name for one in TABLE.status]
ON_SIGNALS = [one for one in TABLE.transition if one.about == "signal"]

SCIENTIST = {"safety_scientist"}
PHYSICIANS = {"safety_physician", "committee_chair"}
TRIAGE = SCIENTIST | PHYSICIANS
CHAIR = {"committee_chair"}
AUTHORITY = {"committee_chair", "regulator"}
WORK = {"detected", "under_validation", "validated", "confirmed", "prioritised",
        "under_assessment", "assessed", "recommended"}  # fmt: skip
REVIEWABLE = WORK - {"detected", "under_validation"}
OPEN_REVIEW = WORK | {"withdrawal_review", "referred", "on_hold"}
DONE = {"not_validated", "closed", "action_taken", "not_upheld"}

# The table written down a second time, from the description of the work and not from the file:
# from, to, who decides, who else proposes, who is the second person, and when there must be one.
Row = tuple[set[str], str | None, set[str], set[str], set[str], str]
EXPECTED: dict[str, Row] = {
    "start_validation": ({"detected"}, "under_validation", TRIAGE, set(), TRIAGE, ""),
    "validate": ({"under_validation"}, "validated", PHYSICIANS, SCIENTIST, PHYSICIANS, ""),
    "refute": (
        {"under_validation", "validated"}, "not_validated", PHYSICIANS, SCIENTIST, PHYSICIANS,
        "always",
    ),
    "confirm": ({"validated"}, "confirmed", PHYSICIANS, SCIENTIST, PHYSICIANS, "always"),
    "prioritise": ({"confirmed"}, "prioritised", TRIAGE, set(), PHYSICIANS, ""),
    "start_assessment": (
        {"prioritised"}, "under_assessment", PHYSICIANS, SCIENTIST, PHYSICIANS, "",
    ),
    "assess": ({"under_assessment"}, "assessed", PHYSICIANS, SCIENTIST, PHYSICIANS, ""),
    "recommend": ({"assessed"}, "recommended", PHYSICIANS, set(), CHAIR, "always"),
    "open_review": (
        REVIEWABLE, "withdrawal_review", AUTHORITY, {"safety_physician"}, CHAIR, "always",
    ),
    "refer": (
        {"withdrawal_review"}, "referred", AUTHORITY, {"safety_physician"}, CHAIR, "always",
    ),
    "record_action": (
        {"referred", "recommended"}, "action_taken", AUTHORITY, {"safety_physician"}, CHAIR,
        "always",
    ),
    "not_uphold": (
        {"withdrawal_review", "referred"}, "not_upheld", AUTHORITY, {"safety_physician"}, CHAIR,
        "always",
    ),
    "uphold_review": (OPEN_REVIEW, None, AUTHORITY, {"safety_physician"}, AUTHORITY, "always"),
    "reject_review": (set(STATUSES), None, AUTHORITY, {"safety_physician"}, AUTHORITY, "always"),
    "close": (
        {"not_validated", "recommended", "action_taken", "not_upheld"}, "closed", PHYSICIANS,
        set(), CHAIR, "P1",
    ),
    "reopen": (DONE, "under_validation", TRIAGE, set(), PHYSICIANS, ""),
    "hold": (WORK, "on_hold", PHYSICIANS, SCIENTIST, PHYSICIANS, "P1"),
    "resume": ({"on_hold", "merged"}, "returns", TRIAGE, set(), PHYSICIANS, ""),
    "merge": (WORK, "merged", PHYSICIANS, SCIENTIST, PHYSICIANS, "always"),
    "flag_emerging": (OPEN_REVIEW, None, PHYSICIANS, SCIENTIST, PHYSICIANS, ""),
    "notify_emerging": (set(STATUSES), None, PHYSICIANS, set(), PHYSICIANS, ""),
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "ground": "eu_harmful", "ladder_step": "watch", "until": DAY + timedelta(days=30),
    "merged_into": "S-2", "band": "P2", "public_reason": "for everybody",
}  # fmt: skip


def in_band(name: str) -> Standing:
    return Standing(on=DAY, band=lambda: name)


def decided(action: str, role: str, approver: str | None, **given: Any) -> Decision:  # noqa: ANN401 - fields
    by: dict[str, Any] = {"approved_by": approver and "second person", "approver_role": approver}
    return a_decision(action=action, role=role, **by, **(GIVEN | given))


def test_the_table_that_ships_is_the_one_written_here() -> None:
    assert {
        one.action: (
            set(one.before),
            "returns" if one.returns else one.after,
            set(one.roles),
            set(one.proposers),
            set(one.approvers),
            "always" if one.second_person.always else "".join(one.second_person.bands),
        )
        for one in ON_SIGNALS
    } == EXPECTED


@pytest.mark.parametrize("action", EXPECTED)
def test_every_role_in_every_status_may_do_what_the_table_allows_and_nothing_else(
    action: str,
) -> None:
    before, _, roles, proposers, approvers, two = EXPECTED[action]
    bands = ("P1", "P2") if two == "P1" else ("P2",)
    approvals = (None, *ROLES)
    for status, role, approver, band in product(STATUSES, ROLES, approvals, bands):
        takes_two = two in ("always", band) or role not in roles
        is_allowed = (
            status in before
            and role in roles | proposers
            and (approver in approvers or (approver is None and not takes_two))
        )

        fault = why_not(TABLE, decided(action, role, approver), status, in_band(band))

        assert (fault is None) == is_allowed, (status, role, approver, band, fault)


@pytest.mark.parametrize("row", ON_SIGNALS, ids=lambda one: one.action)
def test_no_field_that_the_table_requires_may_be_left_out(row: Any) -> None:  # noqa: ANN401 - a row
    for name in row.fields:
        given = {name: "" if name == "public_reason" else None}
        decision = decided(row.action, row.roles[0], row.approvers[0], **given)

        fault = why_not(TABLE, decision, row.before[0], in_band("P4"))

        assert fault is not None
        assert (fault.code, fault.reason) == ("missing_field", f"{row.action} must name {name}")


@pytest.mark.parametrize(
    ("changes", "status", "code", "reason"),
    [
        ({"action": "close"}, "detected", "wrong_status", "close is not possible from detected"),
        ({"action": "wish"}, "detected", "unknown_action", "there is no action wish"),
        ({"action": "acknowledge"}, "detected", "unknown_action", "there is no action acknowledge"),
        (
            {"action": "confirm", "role": "statistician"}, "validated", "wrong_role",
            "confirm is not for the role statistician",
        ),
        (
            {"action": "confirm", "role": "nobody"}, "validated", "wrong_role",
            "confirm is not for the role nobody",
        ),
        (
            {"action": "confirm", "approved_by": None, "approver_role": None}, "validated",
            "needs_second", "confirm needs a second person",
        ),
        (
            {"action": "confirm", "approver_role": "regulator"}, "validated", "wrong_role",
            "confirm cannot be approved in the role regulator",
        ),
        (
            {"action": "hold", "until": DAY}, "detected", "wrong_day",
            f"hold until {DAY} has ended already",
        ),
        (
            {"action": "hold", "until": DAY + timedelta(days=367)}, "detected", "wrong_day",
            f"hold ends within 366 days, and not on {DAY + timedelta(days=367)}",
        ),
    ],
)  # fmt: skip
def test_a_refusal_names_the_rule_that_is_broken_and_what_to_do(
    changes: dict[str, Any], status: str, code: str, reason: str
) -> None:
    fault = why_not(TABLE, a_decision(**changes), status, in_band("P4"))

    assert fault is not None
    assert (fault.code, fault.reason) == (code, reason)
    assert fault.remedy


def test_a_long_hold_takes_two_people_and_a_short_one_does_not() -> None:
    faults = [
        why_not(
            TABLE,
            decided("hold", "committee_chair", None, until=DAY + timedelta(days=n)),
            "detected",
            in_band("P4"),
        )
        for n in (30, 31)
    ]

    assert faults[0] is None
    assert faults[1] is not None
    assert faults[1].reason == "hold of more than 30 days needs a second person"


def test_an_action_is_known_by_its_earlier_name_too() -> None:
    assert why_not(TABLE, a_decision(action="start_review"), "detected", in_band("P4")) is None


def test_a_signal_that_was_set_aside_returns_to_where_it_was() -> None:
    for status in WORK:
        signal = Signal(
            signal_id="S-1", matter_id="M-1", family="safety", product="p", event="e",
            status=status, first_on=DAY, on=DAY, evaluated_on=DAY, epoch=0, priority=0,
            parts=(), support=(), n=1,
            expected=1, evidence=0, history=(Step(on=DAY, status="detected", action="detect"),),
        )  # fmt: skip
        for away in ("hold", "merge"):
            row, back = TABLE.transition_of(away), TABLE.transition_of("resume")
            assert row is not None
            assert back is not None
            held = replace(signal, status=status_after(row, signal), set_aside_from=status)

            assert status_after(back, held) == status


def test_nobody_withdraws_a_product_by_a_decision_on_a_signal() -> None:
    assert not [one.action for one in TABLE.transition if "withdraw" in one.action]
    assert all(two == "always" for *_, two in map(EXPECTED.get, ("open_review", "refer")))  # type: ignore[misc]


def test_a_person_can_get_from_every_status_to_closed_and_back() -> None:
    def reached(start: str, step: Callable[[Any], bool]) -> set[str]:
        found, new = {start}, {start}
        while new:
            rows = [one for one in ON_SIGNALS if step(one) and found & set(one.before)]
            new = {one.after for one in rows if one.after} - found
            found |= new
        return found

    assert reached("detected", lambda _: True) == set(STATUSES)
    for status in set(STATUSES) - {"merged", "on_hold"}:  # these return to where they were
        assert "closed" in reached(status, lambda _: True), status


def test_the_stage_and_the_table_agree_on_every_path_of_an_assessment() -> None:
    desk = TriagedEpochs(a_configuration())
    desk.close(a_finding())
    path = (
        "start_validation", "validate", "confirm", "prioritise", "hold", "resume",
        "start_assessment", "assess", "recommend", "open_review", "refer", "record_action", "close",
        "reopen", "refute", "close",
    )  # fmt: skip
    for number, action in enumerate(path):
        given = GIVEN | {"merged_into": None}
        signal = desk.signal(a_decision(SIGNAL, action, decision_id=f"D-{number}", **given))
        expected = EXPECTED[action][1]
        assert signal.status == ("prioritised" if expected == "returns" else expected)
        assert signal.is_open == TABLE.is_open(signal.status)
        assert signal.history[-1].action == action


CLOCK = """
[[clock]]
code = "c"
jurisdiction = "EU"
citation = "a source"
applies_from = 2020-01-01
starts = ["a"]
stops = ["a"]
limit = 1
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ('[[transition]]\naction = "a"\nbefore = ["nowhere"]\nroles = ["r"]', "status 'nowhere'"),
        ('[[transition]]\naction = "a"\nbefore = ["s"]\nafter = "t"\nroles = ["r"]', "status 't'"),
        ('[[transition]]\naction = "a"\nbefore = ["s"]\nroles = ["x"]', "role 'x'"),
        ('[[transition]]\naction = "a"\nroles = ["r"]', "before names statuses"),
        (
            '[[transition]]\naction="a"\nbefore=["s"]\nroles=["r"]\nsecond_person={always=true}',
            "approvers must name",
        ),
        (
            '[[transition]]\naction = "a"\nalso = ["a"]\nbefore = ["s"]\nroles = ["r"]',
            "'a' is given more than once",
        ),
        (
            CLOCK,
            "action 'a'",
        ),
    ],
)
def test_a_table_that_names_what_it_does_not_define_is_refused(changed: str, message: str) -> None:
    names = '[[role]]\nname = "r"\nmeans = "a role"\n[[status]]\nname = "s"\nmeans = "a status"\n'

    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.toml.decode(names + changed, type=LifeCycle)
