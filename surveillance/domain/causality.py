"""The words in which the causality of one case is assessed: two scales, and the work-up."""

from __future__ import annotations

from typing import Literal, TypeAlias

Scale: TypeAlias = Literal["who_umc", "naranjo"]
WhoUmc: TypeAlias = Literal[
    "certain",
    "probable/likely",
    "possible",
    "unlikely",
    "conditional/unclassified",
    "unassessable/unclassifiable",
]
Answer: TypeAlias = Literal["yes", "no", "unknown"]
Question: TypeAlias = Literal[
    "reported_before",
    "after_the_product",
    "better_without",
    "back_with_it",
    "other_explanations",
    "with_placebo",
    "toxic_level",
    "dose_dependent",
    "earlier_reaction",
    "objective_evidence",
]
WorkUpState: TypeAlias = Literal["done", "pending", "not_done", "not_possible"]
