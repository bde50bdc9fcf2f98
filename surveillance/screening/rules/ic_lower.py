"""The lower limit of the information component above zero."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.ic import expected_limit
from surveillance.configuration.types import IcLower
from surveillance.screening.rules.limits_by_count import LimitsByCount
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


class Rule:
    """Decide whether the lower limit of the IC lies above zero.

    Parameters
    ----------
    criterion : IcLower
        Probability beyond the limit, and least count.
    """

    needs_excess = True

    def __init__(self, criterion: IcLower) -> None:
        self.criterion = criterion
        self.interval = Interval(tail=criterion.tail)
        limits = expected_limit(np.arange(100), tail=criterion.tail)
        self.min_count = max(criterion.min_count, int(np.flatnonzero(limits > 0)[0]))
        self._limits = LimitsByCount(lambda n: expected_limit(n, tail=criterion.tail))

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        is_low = cells.expected < self._limits(cells.a)
        return np.asarray((cells.a >= self.min_count) & is_low)
