"""The scale of Naranjo, what a report answers of it, and the words of WHO-UMC."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import a_case

from surveillance.domain.case import Assessment, Dose, Event, Product
from surveillance.domain.causality import Answer, Question
from surveillance.triage.causality import NARANJO, causality_of, naranjo, who_umc

# Naranjo et al. (1981), table I: points for yes, no and "do not know".
POINTS = [
    (1, 0, 0), (2, -1, 0), (1, 0, 0), (2, -1, 0), (-1, 2, 0), (-1, 1, 0), (1, 0, 0), (1, 0, 0),
    (1, 0, 0), (1, 0, 0),
]  # fmt: skip
answers = st.dictionaries(st.sampled_from(get_args(Question)), st.sampled_from(get_args(Answer)))


def test_the_ten_questions_have_the_points_of_the_paper() -> None:
    given_ones = [
        tuple(naranjo({row.question: one}).score for one in ("yes", "no", "unknown"))
        for row in NARANJO
    ]

    assert given_ones == POINTS
    assert [row.question for row in NARANJO] == list(get_args(Question))


@pytest.mark.parametrize(
    ("score", "category"),
    [
        (13, "definite"), (9, "definite"), (8, "probable"), (5, "probable"), (4, "possible"),
        (1, "possible"), (0, "doubtful"), (-4, "doubtful"),
    ],
)  # fmt: skip
def test_categories_begin_where_the_paper_has_them(score: int, category: str) -> None:
    found = next(one for n in range(3**10) if (one := naranjo(numbered(n))).score == score)

    assert found.category == category


def numbered(n: int) -> dict[Question, Answer]:
    digits = [(n // 3**place) % 3 for place in range(10)]
    return {row.question: get_args(Answer)[one] for row, one in zip(NARANJO, digits, strict=True)}


@given(answers, st.data())
def test_whatever_is_answered_later_stays_within_what_was_stated(
    known: dict[Question, Answer], data: st.DataObject
) -> None:
    before = naranjo(known)
    left = [one for one in get_args(Question) if known.get(one, "unknown") == "unknown"]
    given_ones: tuple[Answer, Answer] = ("yes", "no")
    later = {one: data.draw(st.sampled_from(given_ones)) for one in left}

    after = naranjo({**known, **later})

    assert before.lowest <= after.score <= before.highest
    assert (after.lowest, after.highest, after.n_answered) == (after.score, after.score, 10)
    assert before.n_answered == 10 - len(left)


def assessed(**changes: Any) -> Any:  # noqa: ANN401 - its fields
    case = a_case(
        products=(Product(role="suspect", product="P", doses=(Dose(start_on=date(2024, 2, 1)),)),),
        events=(Event(pt="Rash", onset_on=changes.pop("onset_on", None)),),
        assessments=(Assessment(product=0, event=0, **changes),),
    )
    (found,) = causality_of(case)
    return found


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({}, {}),
        ({"onset_days": 0}, {"after_the_product": "yes"}),
        ({"onset_on": date(2024, 2, 1)}, {"after_the_product": "yes"}),
        ({"onset_on": date(2024, 1, 31)}, {"after_the_product": "no"}),
        ({"dechallenge": "positive", "rechallenge": "negative"},
         {"better_without": "yes", "back_with_it": "no"}),
        ({"dechallenge": "unknown", "rechallenge": "not_done"}, {}),
    ],
)  # fmt: skip
def test_a_report_answers_what_it_states_and_nothing_more(
    stated: dict[str, Any], found: dict[str, str]
) -> None:
    assert assessed(**stated).answers == found


def test_a_pair_that_nobody_assessed_is_not_scored() -> None:
    assert causality_of(a_case()) == ()


@pytest.mark.parametrize(
    ("stated", "category"),
    [
        ("Certain", "certain"), ("PROBABLE / LIKELY", "probable/likely"),
        ("likely", "probable/likely"),
        ("Possible", "possible"), ("unlikely", "unlikely"),
        ("Unclassified", "conditional/unclassified"),
        ("Unassessable", "unassessable/unclassifiable"),
        ("Suspected", None), ("not possible", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_only_the_words_of_who_umc_are_taken_for_its_categories(
    stated: str | None, category: str | None
) -> None:
    assert who_umc(stated) == category
    assert assessed(causality=stated).who_umc == category
