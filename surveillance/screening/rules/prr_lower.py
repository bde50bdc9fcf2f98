"""The lower confidence limit of the PRR above a threshold."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.prr import prr_log_lower
from surveillance.configuration.types import PrrLower
from surveillance.screening.rules.lower_limit import LowerLimit
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags


class Rule:
    """Decide whether the lower limit of the PRR lies above the threshold.

    Parameters
    ----------
    criterion : PrrLower
        Threshold, coverage and least count.
    """

    def __init__(self, criterion: PrrLower) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self._is_above = LowerLimit(criterion, prr_log_lower)
        self.needs_excess, self.interval = self._is_above.needs_excess, self._is_above.interval

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        return np.asarray((cells.a >= self.min_count) & self._is_above(cells))
