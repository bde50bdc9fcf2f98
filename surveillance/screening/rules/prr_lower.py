"""The lower confidence limit of the PRR above a threshold."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from detectors.elementary import log
from surveillance.configuration.types import PrrLower
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval, TableCells


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
        a, b, c, d = cells
        z = -ndtri((1 - self.criterion.confidence_level) / 2)
        with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell: not met
            variance = b / (a * (a + b)) + d / (c * (c + d))
            lower = log(a * (c + d) / ((a + b) * c)) - z * np.sqrt(variance)
        is_high = lower > np.log(self.criterion.above)
        return np.asarray((a >= self.min_count) & is_high & (c > 0) & (b + d > 0))
