"""A decision takes the people that it names to be different."""

from typing import Any

import pytest
from strategies import a_decision


@pytest.mark.parametrize("approver", ["first person", "First Person", " first  person "])
def test_nobody_approves_the_own_proposal(approver: str) -> None:
    with pytest.raises(ValueError, match="another person than decided_by"):
        a_decision(approved_by=approver)


@pytest.mark.parametrize("changes", [{"approved_by": None}, {"approver_role": None}])
def test_an_approver_has_a_role_and_a_role_an_approver(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="approver_role: goes with approved_by"):
        a_decision(**changes)


def test_one_person_may_decide_alone_as_far_as_the_record_goes() -> None:
    assert a_decision(approved_by=None, approver_role=None).approved_by is None
