"""A modelled reviewer: every Monday the first matters of the list are looked at and acknowledged.

What was acknowledged comes back only when it has changed by the triggers of the configuration: by
default its cases have doubled, a first death was reported, or a criterion of a higher kind is newly
met. Near-copies of a matter that is looked at
(the same cases at another level, or under a neighbouring term) are looked at with it and take no
place of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from surveillance.domain.product import split
from surveillance.triage.reopening import StandingNumbers, comes_back

if TYPE_CHECKING:
    from datetime import date

    from surveillance.configuration.types import Weights
    from surveillance.screening.keyed_sums import Ints
    from surveillance.views.matter_lists import DayList, MatterLists

SHARED_BY_COPIES = 0.8  # of the cases of either


class Place(NamedTuple):
    """Where a matter stood on a day."""

    rank: int  # among all that were listed, as if nothing had been acknowledged
    n_listed: int
    rank_waiting: int | None  # among those not acknowledged; None: it was, and did not change
    n_waiting: int
    is_shown: bool
    copy_of: int | None  # the matter that it was looked at with, where it was a near-copy


class Week(NamedTuple):
    """What a reviewer looked at on a Monday."""

    monday: date
    shown: tuple[int, ...]  # numbers of matters
    n_copies: int
    n_listed: int
    n_waiting: int
    places: dict[int, Place]  # of the matters that are followed, where they were listed


class Reviewer:
    """Looks at so many matters a week, and remembers what they were.

    Parameters
    ----------
    lists : MatterLists
        Where the lists come from.
    per_week : int
        Matters that are looked at on a Monday.
    weights : Weights
        Of the priority that orders the list.
    followed : sequence of int
        Matters whose place is noted every week.
    """

    def __init__(
        self, lists: MatterLists, per_week: int, weights: Weights, followed: tuple[int, ...] = ()
    ) -> None:
        n_matters = len(lists.matters)
        self._lists, self._per_week, self._weights = lists, per_week, weights
        self._followed = followed
        self._is_known = np.zeros(n_matters, np.bool_)
        self._seen = StandingNumbers(*(np.zeros(n_matters) for _ in StandingNumbers._fields))

    def look(self, monday: date, day: DayList) -> Week:
        """Look at the first matters of a list, and acknowledge them.

        Parameters
        ----------
        monday : date
            The day on which the list is looked at.
        day : DayList
            The list, at the end of the day before.
        """
        best, _ = day.order(self._weights)
        matters = day.matters[best]
        now = self._standing(day)
        waits = ~self._is_known | comes_back(now, self._seen, self._lists.triage.reopen)
        queue = best[waits[matters]]
        shown, copies = self._choose(day, queue)
        taken = np.array([*shown, *copies], np.int64)
        self._is_known[taken] = True
        for seen, values in zip(self._seen, now, strict=True):
            seen[taken] = values[taken]
        waiting = day.matters[queue]
        places = {
            one: _place(matters, waiting, one, shown, copies)
            for one in self._followed
            if one in matters
        }
        return Week(monday, tuple(shown), len(copies), len(matters), len(waiting), places)

    def _standing(self, day: DayList) -> StandingNumbers:
        """Return how every matter stands: by the greatest numbers of its signals."""
        n_matters = len(self._lists.matters)
        n, n_serious, n_fatal = (np.zeros(n_matters) for _ in range(3))
        np.maximum.at(n, day.matters, day.n)
        np.maximum.at(n_serious, day.matters, day.n_serious)
        np.maximum.at(n_fatal, day.matters, day.n_fatal)
        kinds = (self._lists.kinds <= day.on.toordinal()).sum(axis=1)
        return StandingNumbers(np.full(n_matters, day.on.toordinal()), n, n_serious, n_fatal, kinds)

    def _choose(self, day: DayList, queue: Ints) -> tuple[list[int], dict[int, int]]:
        """Return the matters that are looked at, and the near-copies that go with each."""
        shown: list[int] = []
        leaders: list[int] = []
        copies: dict[int, int] = {}
        for place in queue.tolist():
            leader = next((one for one in leaders if self._is_copy(day, one, place)), None)
            if leader is not None:
                copies[int(day.matters[place])] = int(day.matters[leader])
            elif len(shown) == self._per_week:
                break
            else:
                shown.append(int(day.matters[place]))
                leaders.append(place)
        return shown, copies

    def _is_copy(self, day: DayList, one: int, other: int) -> bool:
        """Tell whether two signals rest on the same cases, and one of them names the other."""
        n = sorted((day.n[one], day.n[other]))
        if n[0] < SHARED_BY_COPIES * n[1]:
            return False
        first, second = int(day.signals[one]), int(day.signals[other])
        if not self._is_related(first, second):
            return False
        held = [self._lists.cases(number) for number in (first, second)]
        return len(held[0] & held[1]) >= SHARED_BY_COPIES * max(len(held[0] | held[1]), 1)

    def _is_related(self, first: int, second: int) -> bool:
        """Tell whether products are one, or at different levels: two products are two matters."""
        roots = [self._lists.matters[self._lists.matter_of[one]].product for one in (first, second)]
        return roots[0] == roots[1] or split(roots[0])[0] != split(roots[1])[0]


def _place(
    matters: Ints, waiting: Ints, one: int, shown: list[int], copies: dict[int, int]
) -> Place:
    found = np.flatnonzero(waiting == one)
    return Place(
        rank=int(np.flatnonzero(matters == one)[0]) + 1,
        n_listed=len(matters),
        rank_waiting=int(found[0]) + 1 if len(found) else None,
        n_waiting=len(waiting),
        is_shown=one in shown or one in copies,
        copy_of=copies.get(one),
    )
