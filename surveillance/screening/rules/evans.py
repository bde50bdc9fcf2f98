"""PRR, chi-square and count together (Evans et al. 2001)."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.chi_square import chi_square_values
from detectors.disproportionality.prr import prr_reaches
from surveillance.configuration.types import Evans
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


class Rule:
    """Decide PRR, chi-square with Yates's correction, and count.

    The PRR's inequality holds for an event that was never reported without the product,
    whose PRR has no finite value. It does not hold while no other product was reported.

    Parameters
    ----------
    criterion : Evans
        Thresholds.
    """

    interval = Interval()

    def __init__(self, criterion: Evans) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count
        self.needs_excess = criterion.prr >= 1

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        is_high = prr_reaches(cells, self.criterion.prr)
        is_far = chi_square_values(cells) >= self.criterion.chi_square  # NaN is not
        return np.asarray((cells.a >= self.min_count) & is_high & is_far)
