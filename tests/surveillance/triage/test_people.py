"""Two people are two records, signed; and every way in which one person might pass for two."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from signing import ADMINISTRATOR, OTHER_ADMINISTRATOR, REASON, SIGNED_ONLY, Desk, Person
from strategies import DAY, encode
from triaged import SIGNAL

from surveillance.configuration.people import People
from surveillance.domain.decision import Approval, Decision, Proposal, Withdrawal
from surveillance.log.decode import decode_decision
from surveillance.triage.matters import Matter
from surveillance.triage.signatures import canonical, digest, is_valid, key_id

ANN, BOB, EVE = Person("ann"), Person("bob"), Person("eve")
CHAIR, PHYSICIAN, SCIENTIST = "committee_chair", "safety_physician", "safety_scientist"


def a_desk(people: People = SIGNED_ONLY) -> Desk:
    """Return a desk where Ann is physician and scientist, and Bob is chair and physician."""
    desk = Desk(people)
    assert desk.takes(
        ADMINISTRATOR.registers(ANN), ADMINISTRATOR.registers(BOB),
        *(ADMINISTRATOR.grants(ANN, role) for role in (PHYSICIAN, SCIENTIST)),
        *(ADMINISTRATOR.grants(BOB, role) for role in (CHAIR, PHYSICIAN)),
    ) == []  # fmt: skip
    return desk


def under_validation() -> Desk:
    desk = a_desk()
    assert desk.takes(ANN.decides("start_validation", SCIENTIST)) == []
    return desk


# What holds


def test_one_person_decides_with_one_signed_record() -> None:
    desk = under_validation()

    assert desk.signal.status == "under_validation"
    assert desk.signal.history[-1].is_signed


def test_two_people_decide_with_two_signed_records_and_the_signal_names_both() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST, public_reason="for everybody")
    assert desk.takes(proposal) == []
    assert desk.signal.status == "under_validation"

    assert desk.takes(BOB.approves(proposal, CHAIR)) == []

    step = desk.signal.history[-1]
    assert desk.signal.status == "not_validated"
    assert (step.decided_by, step.approved_by, step.is_signed) == ("ann", "bob", True)
    assert (step.reason, step.public_reason) == (REASON, "for everybody")


def test_a_proposal_and_its_approval_may_come_in_one_epoch() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST)

    assert desk.takes(proposal, BOB.approves(proposal, CHAIR)) == []
    assert desk.signal.status == "not_validated"


def test_a_long_suppression_is_proposed_and_approved_too() -> None:
    desk = a_desk()
    matter = Matter("product:P", "pt:Rash").matter_id
    proposal = ANN.proposes(
        "suppress", PHYSICIAN, signal_id=None, matter_id=matter, until=DAY + timedelta(days=90)
    )

    assert desk.takes(proposal, BOB.approves(proposal, CHAIR)) == []


def test_a_second_person_may_refuse_and_the_author_may_take_back() -> None:
    desk = under_validation()
    first, second = (ANN.proposes("refute", SCIENTIST, public_reason=text) for text in "ab")
    desk.takes(first, second)

    assert desk.takes(BOB.approves(first, CHAIR, meaning="refused"), ANN.withdraws(second)) == []
    assert desk.takes(BOB.approves(first, CHAIR), BOB.approves(second, CHAIR)) == [
        "used_twice", "used_twice",
    ]  # fmt: skip
    assert desk.signal.status == "under_validation"


# What does not


def test_nobody_approves_a_proposal_of_their_own_in_any_role_or_spelling() -> None:
    desk = under_validation()
    desk.takes(ADMINISTRATOR.grants(ANN, CHAIR))
    proposal = ANN.proposes("refute", SCIENTIST)
    desk.takes(proposal)

    assert desk.takes(*(ANN.approves(proposal, role) for role in (CHAIR, PHYSICIAN))) == [
        "same_person", "same_person",
    ]  # fmt: skip
    shouted = ANN.approves(proposal, CHAIR, decided_by="ANN")
    assert desk.takes(shouted) == ["same_person"]
    assert desk.signal.status == "under_validation"


def test_a_second_key_of_one_person_does_not_make_two() -> None:
    desk = under_validation()
    second_key = Person("ann", key="another")
    assert desk.takes(ADMINISTRATOR.registers(second_key)) == []
    proposal = ANN.proposes("refute", SCIENTIST)
    desk.takes(proposal)

    assert desk.takes(second_key.approves(proposal, PHYSICIAN)) == ["same_person"]


def test_one_key_or_one_full_name_is_not_registered_for_two_people() -> None:
    desk = a_desk()
    alias = Person("ann the second", key="ann")

    assert desk.takes(ADMINISTRATOR.registers(alias)) == ["key_in_use"]
    assert desk.takes(
        ADMINISTRATOR.registers(Person("anne", key="anne"), full_name="Ann"),
        ADMINISTRATOR.registers(Person("ann", key="third"), full_name="somebody else"),
    ) == ["same_person", "same_person"]


def test_administrators_give_themselves_nothing_and_approve_nothing_of_those_they_appointed() -> (
    None
):
    desk = under_validation()
    second_key = Person("admin", key="for deciding")
    assert desk.takes(
        ADMINISTRATOR.registers(second_key), ADMINISTRATOR.grants(ADMINISTRATOR, CHAIR)
    ) == ["own_grant", "own_grant"]
    assert desk.takes(
        OTHER_ADMINISTRATOR.registers(second_key),
        OTHER_ADMINISTRATOR.grants(ADMINISTRATOR, CHAIR),
    ) == []  # fmt: skip
    proposal = ANN.proposes("refute", SCIENTIST)
    desk.takes(proposal)

    assert desk.takes(second_key.approves(proposal, CHAIR)) == ["own_grant"]


def test_an_approval_of_another_hash_is_refused() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST)
    changed = replace(proposal, public_reason="added later")
    desk.takes(proposal)

    assert desk.takes(BOB.approves(changed, CHAIR)) == ["unknown_proposal"]


def test_a_proposal_is_used_once() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST)
    desk.takes(proposal, BOB.approves(proposal, CHAIR))
    desk.takes(ANN.decides("reopen", SCIENTIST))

    assert desk.takes(BOB.approves(proposal, CHAIR, note="again")) == ["used_twice"]
    assert desk.takes(BOB.approves(proposal, CHAIR)) == []  # the same bytes: a repetition
    assert desk.takes(proposal) == []
    assert desk.signal.status == "under_validation"


def test_of_two_proposals_that_race_the_second_is_about_an_outdated_status() -> None:
    desk = under_validation()
    status = {"expected_status": "under_validation"}
    away = ANN.proposes("refute", SCIENTIST, **status)
    ahead = BOB.proposes("validate", CHAIR, **status)
    assert desk.takes(away, ahead) == []

    assert desk.takes(ANN.approves(ahead, PHYSICIAN), BOB.approves(away, CHAIR)) == [
        "outdated_status"
    ]
    assert desk.signal.status == "validated"


def test_a_key_that_was_revoked_signs_nothing_any_more_and_its_proposals_wait_in_vain() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST)
    before = ANN.decides("flag_emerging", PHYSICIAN)
    key = key_id(ANN.key.public_key)

    found = desk.takes(
        proposal, before, ADMINISTRATOR.revokes(ANN, revoked_key=key),
        ANN.decides("notify_emerging", PHYSICIAN), BOB.approves(proposal, CHAIR),
        OTHER_ADMINISTRATOR.registers(ANN),
    )  # fmt: skip

    assert found == ["key_revoked", "key_revoked", "key_in_use"]
    assert desk.signal.is_emerging  # the order of the log decides, inside an epoch too


def test_a_role_that_was_taken_away_is_not_acted_in() -> None:
    desk = under_validation()
    proposal = ANN.proposes("refute", SCIENTIST)
    desk.takes(proposal, ADMINISTRATOR.revokes(ANN, revoked_role=SCIENTIST))

    assert desk.takes(BOB.approves(proposal, CHAIR)) == ["role_not_granted"]
    assert desk.takes(ANN.decides("flag_emerging", SCIENTIST)) == ["role_not_granted"]


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (lambda one: replace(one, reason="another reason"), "bad_signature"),
        (lambda one: replace(one, signature=EVE.decides("validate", CHAIR).signature),
         "bad_signature"),
        (lambda one: replace(one, key_id=EVE.key.signed(one).key_id), "unknown_key"),
        (lambda one: replace(one, key_id=None, signature=None), "unsigned"),
        (lambda one: replace(one, signature=None), "bad_signature"),
        (EVE.key.signed, "unknown_key"),
        (BOB.key.signed, "not_that_person"),
        (ADMINISTRATOR.key.signed, "not_that_person"),
        (lambda one: ANN.key.signed(replace(one, role=CHAIR)), "role_not_granted"),
        (lambda one: ANN.key.signed(replace(one, approved_by="bob", approver_role=CHAIR)),
         "needs_proposal"),
        (lambda one: ANN.key.signed(replace(one, proposal_sha256="0" * 64)), "forged_approval"),
        (lambda one: ANN.key.signed(replace(one, approver_key_id=one.key_id)), "forged_approval"),
    ],
)  # fmt: skip
def test_a_record_that_is_not_as_its_author_signed_it_is_refused(forge: object, code: str) -> None:
    desk = under_validation()
    forged = forge(ANN.decides("validate", PHYSICIAN))  # type: ignore[operator]

    assert desk.takes(forged) == [code]
    assert desk.signal.status == "under_validation"
    (refusal,) = desk.passed_over
    assert (refusal.author, refusal.is_admitted) == ("ann", False)
    assert refusal.reason
    assert refusal.remedy
    assert desk.n_refused == 1


def test_a_value_in_another_spelling_than_the_signed_one_is_refused() -> None:
    desk = under_validation()
    line = encode(ANN.decides("validate", PHYSICIAN))

    assert desk.takes(line.replace(b"00:00:00Z", b"00:00:00+00:00")) == ["not_canonical"]
    spaced = json.dumps(json.loads(line), indent=1).replace("\n", " ").encode()
    assert desk.takes(spaced) == []  # white space is no value
    assert desk.signal.status == "validated"


def test_people_who_are_no_administrators_register_nobody() -> None:
    desk = a_desk()

    assert desk.takes(BOB.registers(EVE), BOB.grants(ANN, CHAIR)) == ["not_administrator"] * 2
    assert desk.takes(ADMINISTRATOR.grants(EVE, CHAIR)) == ["unknown_person"]
    assert desk.takes(ADMINISTRATOR.grants(ANN, "emperor")) == ["unknown_role"]
    assert desk.takes(ADMINISTRATOR.decides("start_validation", CHAIR)) == ["role_not_granted"]


def test_a_refused_record_does_not_use_up_its_id() -> None:
    desk = under_validation()
    true = ANN.decides("validate", PHYSICIAN)

    assert desk.takes(replace(true, reason="a forged reason"), true) == ["bad_signature"]
    assert desk.signal.status == "validated"


# Unsigned records


def test_unsigned_records_count_only_where_the_configuration_accepts_them() -> None:
    decision = ANN.writes(
        Decision, signal_id=SIGNAL, action="start_validation", role=SCIENTIST, reason=REASON
    )

    for accepts in (False, True):
        desk = Desk(People(accept_unsigned=accepts))
        assert desk.takes(decision) == ([] if accepts else ["unsigned"])
        assert [one.is_signed for one in desk.signal.history] == [False] * (2 if accepts else 1)


def test_nobody_writes_unsigned_in_the_name_of_somebody_who_has_a_key() -> None:
    desk = a_desk(replace(SIGNED_ONLY, accept_unsigned=True))
    fields: dict[str, Any] = {"signal_id": SIGNAL, "action": "start_validation", "role": SCIENTIST}

    assert desk.takes(ANN.writes(Decision, reason=REASON, **fields)) == ["unsigned"]
    assert desk.takes(EVE.writes(Decision, reason=REASON, **fields)) == []


def test_an_unsigned_approval_of_ones_own_proposal_is_refused_too() -> None:
    desk = Desk(People(accept_unsigned=True))
    desk.takes(EVE.writes(
        Decision, signal_id=SIGNAL, action="start_validation", role=SCIENTIST, reason=REASON,
    ))  # fmt: skip
    proposal = EVE.writes(
        Proposal, signal_id=SIGNAL, action="refute", role=PHYSICIAN, reason=REASON
    )
    fields: dict[str, Any] = {
        "proposal_sha256": digest(proposal),
        "meaning": "approved",
        "role": CHAIR,
    }
    desk.takes(proposal)

    assert desk.takes(EVE.writes(Approval, **fields)) == ["same_person"]
    assert desk.takes(BOB.writes(Approval, **fields)) == []
    assert (desk.signal.status, desk.signal.history[-1].is_signed) == ("not_validated", False)


# Bytes


def test_the_canonical_bytes_are_those_of_rfc_8785() -> None:
    record = Withdrawal(
        decision_id="D-1", proposal_sha256="0" * 64, decided_by="ann",
        decided_at=datetime(2024, 3, 10, tzinfo=UTC), note='a "b" \\ é \n \x1f / €',
    )  # fmt: skip

    assert canonical(record).decode() == (
        '{"decided_at":"2024-03-10T00:00:00Z","decided_by":"ann","decision_id":"D-1",'
        '"note":"a \\"b\\" \\\\ é \\n \\u001f / €","proposal_sha256":"' + "0" * 64 + '",'
        '"type":"withdrawal"}'
    )


def test_a_signature_is_that_of_rfc_8032() -> None:
    public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # 7.1, test 1: the empty message
    signature = (
        "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw=="
    )

    assert is_valid(public, signature, b"")
    assert not is_valid(public, signature, b"x")


def test_a_signed_record_survives_its_line() -> None:
    proposal = ANN.proposes("refute", SCIENTIST, until=DAY)

    again = decode_decision(encode(proposal))

    assert again == proposal
    assert digest(again) == digest(proposal)
