"""EB05, the fifth percentile of the EBGM's posterior, at a threshold or above it."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality import ebgm
from surveillance.configuration.types import Eb05
from surveillance.screening.rules.limits_by_count import LimitsByCount
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


class Rule:
    """Decide whether EB05 reaches the threshold under the prior in force; never before a prior.

    Parameters
    ----------
    criterion : Eb05
        Threshold and least count.
    """

    interval = Interval()
    needs_excess = True

    def __init__(self, criterion: Eb05) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self._prior: ebgm.Prior | None = None
        self._limits: LimitsByCount | None = None

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        if beside.prior is None:
            return np.zeros(cells.a.shape, np.bool_)
        limits = self._limits_under(beside.prior)(cells.a)
        is_reached = (cells.expected <= limits) & (cells.expected < cells.a)
        return np.asarray((cells.a >= self.min_count) & is_reached)

    def _limits_under(self, prior: ebgm.Prior) -> LimitsByCount:
        """Return the limits under a prior; those of the prior before it are done with."""
        if self._limits is None or prior != self._prior:
            at_least = self.criterion.at_least
            self._limits = LimitsByCount(lambda n: ebgm.expected_limit(n, prior, at_least=at_least))
            self._prior = prior
        return self._limits
