"""The lower confidence limit of the PRR above a threshold."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.prr import prr_log_lower
from surveillance.configuration.types import PrrLower
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


class Rule:
    """Decide whether the lower limit of the PRR lies above the threshold.

    Where the PRR has no finite value there is no interval, and the rule is not met.

    Parameters
    ----------
    criterion : PrrLower
        Threshold and coverage.
    """

    def __init__(self, criterion: PrrLower) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self.needs_excess = criterion.above >= 1
        self.interval = Interval(confidence_level=criterion.confidence_level)

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        criterion = self.criterion
        lower = prr_log_lower(cells, confidence_level=criterion.confidence_level)
        return np.asarray((cells.a >= self.min_count) & (lower > np.log(criterion.above)))
