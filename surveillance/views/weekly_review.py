"""What a modelled reviewer would have seen, week by week, of signals that are known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from surveillance.configuration.types import Weights
from surveillance.triage.priority import NEGATIVE, POSITIVE
from surveillance.views.matter_lists import MatterLists
from surveillance.views.reviewer import Reviewer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from surveillance.triage.matters import Matter
    from surveillance.views.results import Results
    from surveillance.views.reviewer import Week

WEEK = timedelta(days=7)


class WeekOfMatter(msgspec.Struct, frozen=True, kw_only=True):
    """Where a matter stood on a Monday."""

    on: date
    rank: int  # among all that are listed, as if nothing had been acknowledged
    n_listed: int
    rank_waiting: int | None  # among those not acknowledged, or changed since; None: not one
    n_waiting: int
    is_shown: bool


class SeenMatter(msgspec.Struct, frozen=True, kw_only=True):
    """When a matter came before a reviewer."""

    matter_id: str
    product: str
    event: str
    listed_on: date | None  # Monday of the first list that it was on, however far down
    seen_on: date | None  # Monday on which it was first looked at
    rank_when_seen: int | None
    as_near_copy_of: str | None  # the matter that it was looked at with, if it took no place
    weeks: tuple[WeekOfMatter, ...]


class WeekOfReviewer(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer had to do with on a Monday."""

    on: date
    n_shown: int
    n_near_copies: int
    n_known: int  # of those shown, on the list of known signals
    n_waiting: int
    n_listed: int


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer would have seen under one set of weights."""

    weights: str  # "as configured", "without novelty", "drawn at random, 3"
    values: dict[str, float]
    per_week: int
    criteria: tuple[str, ...]  # whose findings bring a signal on the list; empty: all
    n_shown: int
    share_known: float | None
    n_shown_a_week: float
    n_waiting_a_week: float
    matters: tuple[SeenMatter, ...]
    weeks: tuple[WeekOfReviewer, ...]


class Asked(NamedTuple):
    """What a review is asked to do."""

    per_week: int
    criteria: tuple[str, ...] = ()
    ablate: bool = False
    n_random: int = 0
    seed: int = 1


def review(source: Results, matters: Sequence[Matter], asked: Asked) -> list[Reviewed]:
    """Let a modelled reviewer work through a run.

    Parameters
    ----------
    source : Results
        A run, with its directory.
    matters : sequence of Matter
        Those that are followed: known signals.
    asked : Asked
        Matters a week, and which weights are compared.

    Returns
    -------
    list of Reviewed
        Under the weights of the configuration first.
    """
    epochs = sorted(source.reader.days().values())
    lists = MatterLists(source, asked.criteria)
    followed = {matter: lists.number_of(matter) for matter in matters}
    numbers = tuple(number for number in followed.values() if number is not None)
    variants = _variants(lists.triage.weights, asked)
    reviewers = [Reviewer(lists, asked.per_week, weights, numbers) for _, weights in variants]
    weeks: list[list[Week]] = [[] for _ in reviewers]
    days = _mondays(epochs[0], epochs[-1]) if epochs else []
    for monday, day in zip(days, lists.on(one - timedelta(days=1) for one in days), strict=True):
        for found, reviewer in zip(weeks, reviewers, strict=True):
            found.append(reviewer.look(monday, day))
    return [
        _reviewed(name, weights, asked, found, followed, lists)
        for (name, weights), found in zip(variants, weeks, strict=True)
    ]


def _mondays(first: date, last: date) -> list[date]:
    monday = first + timedelta(days=7 - first.weekday())
    return [monday + week * WEEK for week in range((last - monday) // WEEK + 2)]


def _variants(weights: Weights, asked: Asked) -> list[tuple[str, Weights]]:
    """Return the weights that are compared: each part left out, and some drawn at random."""
    found = [("as configured", weights)]
    if asked.ablate:
        found += [
            (f"without {name}", msgspec.structs.replace(weights, **{name: 0.0}))
            for name in (*POSITIVE, *NEGATIVE)
            if getattr(weights, name)
        ]
    generator = np.random.default_rng(asked.seed)
    for number in range(1, asked.n_random + 1):
        drawn = generator.dirichlet(np.ones(len(POSITIVE))).tolist()  # any mixture is as likely
        values = dict(zip(POSITIVE, drawn, strict=True))
        found.append((f"drawn at random, {number}", msgspec.structs.replace(weights, **values)))
    return found


def _reviewed(
    name: str,
    weights: Weights,
    asked: Asked,
    weeks: Sequence[Week],
    followed: dict[Matter, int | None],
    lists: MatterLists,
) -> Reviewed:
    known = {number for number in followed.values() if number is not None}
    n_shown = sum(len(week.shown) for week in weeks)
    n_known = sum(number in known for week in weeks for number in week.shown)
    return Reviewed(
        weights=name,
        values={part: getattr(weights, part) for part in (*POSITIVE, *NEGATIVE)},
        per_week=asked.per_week,
        criteria=asked.criteria,
        n_shown=n_shown,
        share_known=n_known / n_shown if n_shown else None,
        n_shown_a_week=_mean(len(week.shown) for week in weeks),
        n_waiting_a_week=_mean(week.n_waiting for week in weeks),
        matters=tuple(_seen(one, number, weeks, lists) for one, number in followed.items()),
        weeks=tuple(
            WeekOfReviewer(
                on=week.monday,
                n_shown=len(week.shown),
                n_near_copies=week.n_copies,
                n_known=sum(number in known for number in week.shown),
                n_waiting=week.n_waiting,
                n_listed=week.n_listed,
            )
            for week in weeks
        ),
    )


def _seen(
    matter: Matter, number: int | None, weeks: Sequence[Week], lists: MatterLists
) -> SeenMatter:
    stood = [(week.monday, week.places[number]) for week in weeks if number in week.places]
    shown = next(((on, place) for on, place in stood if place.is_shown), (None, None))
    leader = shown[1].copy_of if shown[1] else None
    return SeenMatter(
        matter_id=matter.matter_id,
        product=matter.product,
        event=matter.event,
        listed_on=stood[0][0] if stood else None,
        seen_on=shown[0],
        rank_when_seen=shown[1].rank_waiting if shown[1] else None,
        as_near_copy_of=lists.matters[leader].matter_id if leader is not None else None,
        weeks=tuple(
            WeekOfMatter(
                on=on,
                rank=place.rank,
                n_listed=place.n_listed,
                rank_waiting=place.rank_waiting,
                n_waiting=place.n_waiting,
                is_shown=place.is_shown,
            )
            for on, place in stood
        ),
    )


def _mean(values: Iterable[int]) -> float:
    counted = list(values)
    return sum(counted) / len(counted) if counted else 0.0
