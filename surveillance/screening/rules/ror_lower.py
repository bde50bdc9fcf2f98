"""The lower confidence limit of the ROR above a threshold."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from detectors.elementary import log
from surveillance.configuration.types import RorLower
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval, TableCells


def is_ror_above(cells: TableCells, above: float, confidence_level: float) -> Flags:
    """Decide whether the lower limit of the ROR lies above a threshold.

    With an empty cell there is no interval, and the limit lies above nothing.
    """
    a, b, c, d = cells
    z = -ndtri((1 - confidence_level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty cell: not met
        lower = log(a * d / (b * c)) - z * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return np.asarray((lower > np.log(above)) & (np.minimum(b, c) > 0) & (d > 0))


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
