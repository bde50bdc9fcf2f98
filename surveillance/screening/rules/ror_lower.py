"""The lower confidence limit of the ROR above a threshold."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.ror import ror_log_lower
from surveillance.configuration.types import RorLower
from surveillance.screening.rules.lower_limit import LowerLimit
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags


class Rule:
    """Decide whether the lower limit of the ROR lies above the threshold.

    Parameters
    ----------
    criterion : RorLower
        Threshold, coverage and least count.
    """

    def __init__(self, criterion: RorLower) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self._is_above = LowerLimit(criterion, ror_log_lower)
        self.needs_excess, self.interval = self._is_above.needs_excess, self._is_above.interval

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        return np.asarray((cells.a >= self.min_count) & self._is_above(cells))
