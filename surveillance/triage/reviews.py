"""Requests for review: one for each matter and legal ground, whichever signal met a rule first.

A request is a question to people, who answer it. Software never withdraws a product, and what it
emits recommends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import Literal

import msgspec

from surveillance.configuration.law import Ground, Law
from surveillance.configuration.types import ReviewRule, Triage
from surveillance.domain.decision import Decision
from surveillance.domain.product import split
from surveillance.domain.signal import Review, Signal
from surveillance.triage.life_cycle import Fault
from surveillance.triage.matters import Matter


class ReviewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that people review a product for market withdrawal; they answer it.

    It recommends nothing.
    """

    review_id: str
    matter_id: str
    product: str  # of the matter
    event: str
    rule: str
    ground: str  # its code in law.toml
    citation: str
    asks: str
    opened_on: date
    signal: Signal  # that met the rule


class ReviewRules:
    """Opens requests by the rules of a configuration.

    Parameters
    ----------
    triage : Triage
        With the rules.
    law : Law
        With the grounds that they name.
    """

    def __init__(self, triage: Triage, law: Law) -> None:
        grounds = {ground.code: ground for ground in law.ground}
        self._rules = [(rule, grounds[rule.ground]) for rule in triage.review]

    def opened(
        self, signal: Signal, matter: Matter, standing: tuple[Review, ...], on: date
    ) -> list[tuple[Review, ReviewRequest]]:
        """Return the requests that a signal opens.

        Parameters
        ----------
        signal : Signal
            As it stands.
        matter : Matter
            That it belongs to.
        standing : tuple of Review
            Requests about the matter that there are, answered or not.
        on : date
            The day.

        Returns
        -------
        list of tuple
            Each with what people are asked. None for a ground that was asked about before, or that
            does not apply yet.
        """
        asked = {review.ground for review in standing}
        found: list[tuple[Review, ReviewRequest]] = []
        for rule, ground in self._rules:
            if ground.code in asked or on < ground.applies_from or not _holds(rule, signal):
                continue
            asked.add(ground.code)
            found.append(_opened(signal, matter, rule, ground, on))
        return found


def review_id(matter_id: str, ground: str) -> str:
    """Name the request about a matter on a ground, the same wherever it is computed.

    Examples
    --------
    >>> review_id("M-bdaf2d8d595159ac", "danger_to_health")
    'R-a6c9f1c8876cd262'
    """
    return "R-" + sha256(f"{matter_id}\n{ground}".encode()).hexdigest()[:16]


def answered_by(decision: Decision, reviews: Iterable[Review]) -> Review | Fault:
    """Return the request that a decision answers, or why there is none.

    Parameters
    ----------
    decision : Decision
        An answer. It names the ground where more than one request waits.
    reviews : iterable of Review
        Of the matter.
    """
    waiting = [review for review in reviews if review.answer is None]
    meant = [review for review in waiting if decision.ground in (None, review.ground)]
    if not waiting:
        return Fault(
            "no_open_review",
            f"{decision.action} answers a request for review, and none is open",
            "answer the requests that `longwatch matter` shows as open",
        )
    grounds = ", ".join(review.ground for review in waiting)
    if not meant:
        return Fault(
            "no_open_review",
            f"no request for review is open on the ground {decision.ground}: only on {grounds}",
            f"name one of {grounds}",
        )
    if len(meant) > 1:
        return Fault(
            "missing_field",
            f"{decision.action} must name the ground: requests are open on {grounds}",
            f"name one of {grounds}",
        )
    return meant[0]


def with_answer(
    reviews: tuple[Review, ...],
    answered: Review,
    decision: Decision,
    answer: Literal["upheld", "not_upheld"],
    on: date,
) -> tuple[Review, ...]:
    """Return requests, one of them answered with a step of the ladder."""
    now = msgspec.structs.replace(
        answered,
        answer=answer,
        answered_on=on,
        ladder_step=decision.ladder_step,
        is_signed=decision.is_signed,
    )
    return tuple(now if review is answered else review for review in reviews)


def _opened(
    signal: Signal, matter: Matter, rule: ReviewRule, ground: Ground, on: date
) -> tuple[Review, ReviewRequest]:
    review = Review(
        review_id=review_id(matter.matter_id, ground.code),
        rule=rule.name,
        ground=ground.code,
        product=matter.product,
        event=matter.event,
        signal_id=signal.signal_id,
        opened_on=on,
    )
    request = ReviewRequest(
        review_id=review.review_id,
        matter_id=matter.matter_id,
        product=matter.product,
        event=matter.event,
        rule=rule.name,
        ground=ground.code,
        citation=ground.citation,
        asks=ground.asks,
        opened_on=on,
        signal=signal,
    )
    return review, request


def _holds(rule: ReviewRule, signal: Signal) -> bool:
    standing = {item.criterion for item in signal.support if item.is_standing}
    return (
        rule.is_sentinel in (None, signal.is_sentinel)
        and (not rule.families or signal.family in rule.families)
        and standing.issuperset(rule.criteria)
        and (not rule.statuses or signal.status in rule.statuses)
        and (not rule.levels or split(signal.product)[0] in rule.levels)
        and signal.n >= rule.min_cases
        and signal.n_fatal >= rule.min_fatal
    )
