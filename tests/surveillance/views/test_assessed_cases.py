"""Cases are counted by how people assess them, and a disagreement is counted as one."""

from __future__ import annotations

from datetime import date

import pytest

from surveillance.domain.causality import Answer, Question, WhoUmc
from surveillance.triage.causality import naranjo
from surveillance.views.case_assessments import (
    DIFFERENTLY,
    AssessedCausality,
    counted_by_category,
)


def assessed(by: str, category: WhoUmc | dict[Question, Answer]) -> AssessedCausality:
    return AssessedCausality(
        case_id="A-1", case_version=1, product="P", event="E",
        scale="who_umc" if isinstance(category, str) else "naranjo",
        who_umc=category if isinstance(category, str) else None,
        answers={} if isinstance(category, str) else category,
        naranjo=None if isinstance(category, str) else naranjo(category),
        work_up=(), by=by, role="medical_assessor", on=date(2026, 3, 1), epoch=5, reason="read",
        is_signed=False, is_latest=True, decision_id=f"D-{by}",
    )  # fmt: skip


YES: dict[Question, Answer] = {"after_the_product": "yes"}  # 2: possible


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([], {}),
        ([assessed("a", "possible")], {"possible": 1}),
        ([assessed("a", "possible"), assessed("b", "possible")], {"possible": 1}),
        ([assessed("a", "possible"), assessed("b", "unlikely")], {DIFFERENTLY: 1}),
        ([assessed("a", "possible"), assessed("a", YES)], {"Naranjo possible": 1}),
        ([assessed("a", YES), assessed("b", {})], {DIFFERENTLY: 1}),
    ],
)
def test_people_who_disagree_are_not_counted_as_the_last_of_them(
    found: list[AssessedCausality], wanted: dict[str, int]
) -> None:
    assert counted_by_category({"A-1": found}) == wanted


def test_the_most_frequent_come_first() -> None:
    latest = {
        "A-1": [assessed("a", "unlikely")],
        "A-2": [assessed("a", "possible")],
        "A-3": [assessed("a", "possible"), assessed("b", "possible")],
        "A-4": [assessed("a", "possible"), assessed("b", "certain")],
    }

    assert list(counted_by_category(latest).items()) == [
        ("possible", 2),
        (DIFFERENTLY, 1),
        ("unlikely", 1),
    ]
