"""The lower confidence limit of the ROR above a threshold."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.ror import ror_log_lower
from surveillance.configuration.types import RorLower
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


def is_ror_above(cells: TableCells, above: float, confidence_level: float) -> Flags:
    """Decide whether the lower limit of the ROR lies above a threshold.

    With an empty cell there is no interval, and the limit lies above nothing.
    """
    lower = ror_log_lower(cells, confidence_level=confidence_level)
    return np.asarray(lower > np.log(above))


class Rule:
    """Decide whether the lower limit of the ROR lies above the threshold.

    Parameters
    ----------
    criterion : RorLower
        Threshold and coverage.
    """

    def __init__(self, criterion: RorLower) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self.needs_excess = criterion.above >= 1
        self.interval = Interval(confidence_level=criterion.confidence_level)

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        is_above = is_ror_above(cells, self.criterion.above, self.criterion.confidence_level)
        return np.asarray((cells.a >= self.min_count) & is_above)
