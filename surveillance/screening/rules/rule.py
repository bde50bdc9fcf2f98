"""What every rule is given, and what it must be able to do.

The decisions are inequalities that agree with the statistics of `detectors`, which are computed
only for pairs that become findings. A statistic that is a ratio of counts and equals its threshold
reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.counts import TableCells
from detectors.disproportionality import ebgm
from surveillance.configuration.types import Listed, OfPair

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Interval(NamedTuple):
    """How wide the limits are that a finding carries beside its measures."""

    confidence_level: float = 0.95  # of PRR and ROR
    tail: float = 0.025  # probability beyond each limit of the IC


class Beside(NamedTuple):
    """What a rule may look at beside the cells.

    Attributes
    ----------
    prior : Prior or None
        The prior of the EBGM that is in force.
    is_product : callable or None
        Given keys of products, whether each pair's product is one of them: flags of shape
        (n_pairs,). None where the products are not known.
    """

    prior: ebgm.Prior | None = None
    is_product: Callable[[tuple[str, ...]], Flags] | None = None


NOTHING_BESIDE = Beside()


class PairRule(Protocol):
    """A rule that decides each pair by its own table."""

    @property
    def criterion(self) -> OfPair | Listed:
        """Thresholds, name and version."""

    @property
    def min_count(self) -> int:
        """The smallest count at which the rule can be met at all."""

    @property
    def needs_excess(self) -> bool:
        """Whether the rule can only be met above expectation."""

    @property
    def interval(self) -> Interval:
        """The limits that its findings carry."""

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met; `cells` of shape (n_pairs,)."""
