"""How people assess single cases is on the log: admitted once, or refused with code and remedy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import ADMINISTRATOR, Desk, Person
from strategies import AT, DAY, ROLES, a_configuration, encode, record

from surveillance.configuration.life_cycle import shipped
from surveillance.configuration.reader import read_default
from surveillance.configuration.work_up import WorkUpList
from surveillance.domain.causality import Answer, Question, WhoUmc
from surveillance.domain.decision import CausalityAssessment, PersonRecord, WorkUp
from surveillance.domain.errors import Refused
from surveillance.domain.signal import DecisionPassedOver
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.decode import decode_decision
from surveillance.triage import signatures
from surveillance.triage.admit import Admit
from surveillance.triage.case_assessments import why_not_assessed

LISTED: WorkUpList = read_default("workup")


def assessed(**changes: Any) -> CausalityAssessment:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "decision_id": "C-1",
        "case_id": "A",
        "case_version": 1,
        "product": "P",
        "event": "Rash",
        "scale": "who_umc",
        "category": "possible",
        "decided_by": "first person",
        "role": "safety_physician",
        "reason": "ten letters or more",
        "decided_at": datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC),
    }
    return CausalityAssessment(**(values | changes))


def by_answers(**changes: Any) -> CausalityAssessment:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "scale": "naranjo",
        "category": None,
        "answers": {"after_the_product": "yes"},
    }
    return assessed(**(values | changes))


def admitted(*records: PersonRecord | bytes) -> list[Any]:
    stage = Admit(a_configuration(workup=LISTED), 0)
    state = stage.init(Cells(nothing_stored))
    lines = [one if isinstance(one, bytes) else encode(one) for one in records]
    stage.apply(state, record(*lines))
    return list(stage.close(state, 0, AT).rows)


def test_every_role_may_assess_a_case_or_may_not() -> None:
    allowed = {
        role for role in ROLES if why_not_assessed(shipped(), LISTED, assessed(role=role)) is None
    }

    assert allowed == {"safety_physician", "committee_chair"}


@pytest.mark.parametrize(
    ("changes", "code", "remedy"),
    [
        ({"role": "statistician"}, "wrong_role", "it is for safety_physician, committee_chair"),
        (
            {"work_up": (WorkUp(item="x_ray", state="done"),)},
            "unknown_name", "use one of onset_after_dose, ",
        ),
    ],
)  # fmt: skip
def test_one_that_does_not_hold_goes_back_to_its_author(
    changes: dict[str, Any], code: str, remedy: str
) -> None:
    (row,) = admitted(assessed(**changes))

    assert isinstance(row, DecisionPassedOver)
    assert (row.code, row.author, row.decision_id) == (code, "first person", "C-1")
    assert row.remedy.startswith(remedy)


def test_a_table_without_the_action_lets_nobody_assess() -> None:
    rows = tuple(one for one in shipped().transition if one.about != "case")
    table = msgspec.structs.replace(shipped(), transition=rows)

    fault = why_not_assessed(table, LISTED, assessed())

    assert fault is not None
    assert fault.code == "unknown_action"


def test_one_is_admitted_once_and_never_changed() -> None:
    rows = admitted(assessed(), assessed(), assessed(category="unlikely"))

    assert rows[0] == assessed()
    assert [one.code for one in rows[1:]] == ["said_otherwise"]


@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (assessed, {"category": None}, "category: goes with the scale who_umc"),
        (assessed, {"answers": {"with_placebo": "no"}}, "answers: go with the scale naranjo"),
        (by_answers, {"category": "certain"}, "category: goes with"),
        (by_answers, {"answers": {}}, "answers: go with"),
        (
            assessed,
            {"work_up": (WorkUp(item="autopsy", state="done"),) * 2},
            "work_up: autopsy is given more than once",
        ),
    ],
)
def test_a_record_has_what_its_scale_needs_and_nothing_of_the_other(
    make: Any,  # noqa: ANN401 - either maker
    changes: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        make(**changes)


def test_what_was_not_done_has_no_result() -> None:
    with pytest.raises(ValueError, match="autopsy is pending, and has none"):
        WorkUp(item="autopsy", state="pending", result="clean")


@pytest.mark.parametrize(
    "field", [b'"score":9', b'"naranjo":9', b'"category":"definite"', b'"answers":{"x":"yes"}']
)
def test_a_score_is_never_typed(field: bytes) -> None:
    line = encode(by_answers())

    with pytest.raises(Refused) as refused:
        decode_decision(line[:-1] + b"," + field + b"}")

    assert refused.value.code in {"wrong_shape", "duplicate_key"}


def test_a_signed_one_needs_a_role_that_its_author_holds_and_a_key_that_stands() -> None:
    desk, ann = Desk(), Person("ann")
    desk.takes(ADMINISTRATOR.registers(ann), ADMINISTRATOR.grants(ann, "safety_physician"))

    assert desk.takes(ann.assesses("safety_physician")) == []
    assert desk.takes(ann.assesses("committee_chair")) == ["role_not_granted"]
    bare = {"key_id": None, "signature": None}
    unsigned = msgspec.structs.replace(ann.assesses("safety_physician", n=1), **bare)
    assert desk.takes(unsigned) == ["unsigned"]
    forged = msgspec.structs.replace(ann.assesses("safety_physician", n=2), category="certain")
    assert desk.takes(forged) == ["bad_signature"]
    desk.takes(ADMINISTRATOR.revokes(ann, revoked_key=ann.assesses("safety_physician").key_id))
    assert desk.takes(ann.assesses("safety_physician", n=3)) == ["key_revoked"]


answers = st.dictionaries(
    st.sampled_from(get_args(Question)), st.sampled_from(get_args(Answer)), min_size=1
)


by_category = st.builds(lambda name: assessed(category=name), st.sampled_from(get_args(WhoUmc)))
by_any_answers = st.builds(lambda found: by_answers(answers=found), answers)


@given(by_category | by_any_answers)
def test_a_signature_covers_every_answer_and_category(one: CausalityAssessment) -> None:
    key = signatures.PrivateKey(signatures.new_key(), "a test")

    signed = key.signed(one)
    line = encode(signed)

    assert decode_decision(line) == signed
    assert signatures.canonical_line(line) == signatures.canonical(signed)
    assert signatures.is_valid(key.public_key, signed.signature or "", signatures.canonical(signed))
    other = msgspec.structs.replace(signed, reason="another reason, later")
    assert not signatures.is_valid(
        key.public_key, signed.signature or "", signatures.canonical(other)
    )


def test_every_item_of_the_work_up_asks_a_question_and_claims_nothing() -> None:
    assert len(LISTED.item) > 15
    for one in LISTED.item:
        assert one.asks.endswith("?")
        assert not {"caused", "recommend"} & set(one.asks.casefold().split())
