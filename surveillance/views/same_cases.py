"""Which other matter on the list rests on the same cases.

One patient's report names several terms and levels of a product, so several matters may be one
story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.triage.matters import Matters
from surveillance.views.as_of import is_screened
from surveillance.views.reviewer import SHARED_BY_COPIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from surveillance.configuration.types import Configuration
    from surveillance.domain.signal import AnySignal
    from surveillance.register.case_reader import CaseReader


class Neighbour(NamedTuple):
    """A matter that rests on the same cases as another."""

    signal: AnySignal  # that it stands by
    n_shared: int
    n_either: int  # cases of one or the other

    @property
    def share(self) -> float:
        """Of the cases of either; 1 where they are the same."""
        return self.n_shared / self.n_either


class SameCases:
    """Finds, for a matter on the list, the one that shares most of its cases.

    Only matters of the same product, with another event, or of the same event, with another
    product, are compared.

    Parameters
    ----------
    cases : CaseReader
        Of the register.
    configuration : Configuration
        With what is the same product or event at another level.
    listed : iterable of Signal or SignalOutline
        The signal that each matter on the list stands by, in the order of the list.
    epoch : int
        The end of the day.
    """

    def __init__(
        self,
        cases: CaseReader,
        configuration: Configuration,
        listed: Iterable[AnySignal],
        epoch: int,
    ) -> None:
        self._cases, self._epoch = cases, epoch
        self._matters = Matters(configuration)
        self._by_root: dict[str, list[AnySignal]] = {}
        self._held: dict[tuple[str, str], frozenset[str]] = {}
        for one in listed:
            if is_screened(one):
                for root in self._matters.of(one.product, one.event):
                    self._by_root.setdefault(root, []).append(one)

    def of(self, signal: AnySignal) -> Neighbour | None:
        """Return the nearest matter; None if none shares four cases of five.

        Parameters
        ----------
        signal : Signal or SignalOutline
            The signal that the matter stands by. A sequential test has patients and no cases.
        """
        if not is_screened(signal):
            return None
        found = [self._compared(signal, one) for one in self._near(signal)]
        near = [one for one in found if one.n_either and one.share >= SHARED_BY_COPIES]
        return max(near, key=lambda one: one.share, default=None)  # of equal ones the first listed

    def _near(self, signal: AnySignal) -> list[AnySignal]:
        """Return matters of the same product or event that have about as many cases."""
        return [
            one
            for root in self._matters.of(signal.product, signal.event)
            for one in self._by_root.get(root, ())
            if one.matter_id != signal.matter_id
            and min(one.n, signal.n) >= SHARED_BY_COPIES * max(one.n, signal.n)
        ]

    def _compared(self, one: AnySignal, other: AnySignal) -> Neighbour:
        first, second = self._of_pair(one), self._of_pair(other)
        return Neighbour(other, len(first & second), len(first | second))

    def _of_pair(self, one: AnySignal) -> frozenset[str]:
        pair = one.product, one.event
        if pair not in self._held:
            self._held[pair] = frozenset(self._cases.counted_cases(*pair, self._epoch))
        return self._held[pair]
