"""Rules that are decided for a whole family of pairs at once.

A family's error rate is held over all its pairs, so none of them can be decided alone. Pairs
that cannot be rejected are left out of the computation, never out of the family.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import OfFamily
from surveillance.screening.counts import Counts
from surveillance.screening.keyed_sums import Ints
from surveillance.screening.rules.rule import Interval


class Decided(NamedTuple):
    """Pairs that were rejected, and what the family did to their p.

    Attributes
    ----------
    places : ndarray of int64, shape (n_rejected,)
        Pairs that meet the criterion, ascending.
    adjusted : ndarray of float64, shape (n_rejected,)
        The smallest alpha at which each would still be rejected.
    n_hypotheses : int
        Pairs of the family, reported together or not.
    """

    places: Ints
    adjusted: NDArray[np.float64]
    n_hypotheses: int


NOTHING = Decided(np.zeros(0, np.int64), np.zeros(0), 0)


class FamilyRule(Protocol):
    """A rule that decides every pair of a family together."""

    @property
    def criterion(self) -> OfFamily:
        """Thresholds, name and version."""

    @property
    def interval(self) -> Interval:
        """The limits that its findings carry."""

    def __call__(self, counts: Counts, today: date) -> Decided:
        """Decide every pair of the family, from settled counts, at a close on `today`."""
