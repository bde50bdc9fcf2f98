"""Causality of one case: the scale of Naranjo as far as a report answers it, and WHO-UMC's words.

Pure. A report answers few of the ten questions; people answer the rest. What is not answered gives
no point, and how far it could still move the score is stated. It says nothing about other cases.

References
----------
Naranjo, C. A. et al. (1981). A method for estimating the probability of adverse drug reactions.
Clinical Pharmacology and Therapeutics, 30(2), 239-245.
The use of the WHO-UMC system for standardised case causality assessment. Uppsala Monitoring Centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from surveillance.domain.case import Assessment, CaseVersion
from surveillance.domain.causality import Answer, Question, WhoUmc

Category: TypeAlias = Literal["definite", "probable", "possible", "doubtful"]


class Row(NamedTuple):
    """A question of the scale, in our words, with the points of its answers."""

    question: Question
    asks: str
    yes: int
    no: int


NARANJO = (
    Row("reported_before", "Is the reaction known from conclusive reports before?", 1, 0),
    Row("after_the_product", "Did the event begin after the product was given?", 2, -1),
    Row("better_without", "Did it get better without the product, or with an antidote?", 1, 0),
    Row("back_with_it", "Did it come back when the product was given again?", 2, -1),
    Row("other_explanations", "Could something else alone explain the event?", -1, 2),
    Row("with_placebo", "Did it come back with a placebo?", -1, 1),
    Row("toxic_level", "Was the product found in a concentration known to be toxic?", 1, 0),
    Row("dose_dependent", "Was it worse with more of the product, or milder with less?", 1, 0),
    Row("earlier_reaction", "Did the patient react so to it, or the like of it, before?", 1, 0),
    Row("objective_evidence", "Was the event confirmed by objective evidence?", 1, 0),
)
_FROM: tuple[tuple[int, Category], ...] = ((9, "definite"), (5, "probable"), (1, "possible"))
_WHO_UMC: dict[str, WhoUmc] = {
    "certain": "certain",
    "probable": "probable/likely",
    "likely": "probable/likely",
    "probable/likely": "probable/likely",
    "possible": "possible",
    "unlikely": "unlikely",
    "conditional": "conditional/unclassified",
    "unclassified": "conditional/unclassified",
    "conditional/unclassified": "conditional/unclassified",
    "unassessable": "unassessable/unclassifiable",
    "unclassifiable": "unassessable/unclassifiable",
    "unassessable/unclassifiable": "unassessable/unclassifiable",
}


class Naranjo(Struct, frozen=True, kw_only=True):
    """The score of a case, and how far questions without an answer could still move it."""

    score: int
    category: Category
    n_answered: int  # of ten
    lowest: int
    highest: int


class CaseCausality(Struct, frozen=True, kw_only=True):
    """What a report states about one product and one event, by two systems."""

    product: str
    event: str
    stated: str | None  # as the reporter has it
    who_umc: WhoUmc | None  # None: in other words
    answers: dict[Question, Answer]
    naranjo: Naranjo


def naranjo(answers: Mapping[Question, Answer]) -> Naranjo:
    """Score the answers to the ten questions.

    Parameters
    ----------
    answers : mapping of str to str
        By question; one that is left out is unknown.

    Returns
    -------
    Naranjo
        Definite from 9 on, probable from 5, possible from 1, doubtful below.

    Examples
    --------
    >>> found = naranjo({"after_the_product": "yes", "back_with_it": "yes"})
    >>> found.score, found.category, found.lowest, found.highest
    (4, 'possible', 2, 13)
    """
    known = {row: answers.get(row.question, "unknown") for row in NARANJO}
    score = sum(_points(row, answer) for row, answer in known.items())
    left = [row for row, answer in known.items() if answer == "unknown"]
    return Naranjo(
        score=score,
        category=_category(score),
        n_answered=len(NARANJO) - len(left),
        lowest=score + sum(min(row.yes, row.no, 0) for row in left),
        highest=score + sum(max(row.yes, row.no, 0) for row in left),
    )


def who_umc(stated: str | None) -> WhoUmc | None:
    """Return the category of WHO-UMC that a text names; None for other words.

    Examples
    --------
    >>> who_umc(" Probable ")
    'probable/likely'
    """
    return None if stated is None else _WHO_UMC.get("".join(stated.casefold().split()))


def causality_of(case: CaseVersion) -> tuple[CaseCausality, ...]:
    """Return what a version states of each product and event that its reporter looked at together.

    Parameters
    ----------
    case : CaseVersion
        As it was received.
    """
    return tuple(
        CaseCausality(
            product=case.products[one.product].product,
            event=case.events[one.event].pt,
            stated=one.causality,
            who_umc=who_umc(one.causality),
            answers=(answers := _answers(case, one)),
            naranjo=naranjo(answers),
        )
        for one in case.assessments
    )


def _answers(case: CaseVersion, one: Assessment) -> dict[Question, Answer]:
    """Return the questions that a report answers by itself."""
    found: dict[Question, Answer] = {
        "after_the_product": _order(case, one),
        "better_without": _of_challenge(one.dechallenge),
        "back_with_it": _of_challenge(one.rechallenge),
    }
    return {question: answer for question, answer in found.items() if answer != "unknown"}


def _order(case: CaseVersion, one: Assessment) -> Answer:
    if one.onset_days is not None:  # never below 0
        return "yes"
    onset = case.events[one.event].onset_on
    starts = [dose.start_on for dose in case.products[one.product].doses if dose.start_on]
    if onset is None or not starts:
        return "unknown"
    return "no" if onset < min(starts) else "yes"


def _of_challenge(found: str | None) -> Answer:
    if found == "positive":
        return "yes"
    return "no" if found == "negative" else "unknown"


def _points(row: Row, answer: Answer) -> int:
    return {"yes": row.yes, "no": row.no, "unknown": 0}[answer]


def _category(score: int) -> Category:
    return next((name for least, name in _FROM if score >= least), "doubtful")
