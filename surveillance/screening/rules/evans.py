"""PRR, chi-square and count together (Evans et al. 2001)."""

from __future__ import annotations

import numpy as np

from surveillance.configuration.types import Evans
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval, TableCells


class Rule:
    """Decide PRR, chi-square with Yates's correction, and count.

    The PRR's inequality is multiplied out, so it holds for an event that was never
    reported without the product, whose PRR has no finite value. It does not hold while
    no other product was reported.

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
        a, b, c, d = cells
        total = a + b + c + d
        excess = np.maximum(np.abs(a * d - b * c) - total / 2, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):  # no comparator: NaN is not >= 4
            chi_square = total * excess * excess / ((a + b) * (c + d) * (a + c) * (b + d))
        is_high = a * (c + d) >= self.criterion.prr * c * (a + b)
        is_far = chi_square >= self.criterion.chi_square
        return np.asarray((a >= self.min_count) & is_high & is_far & (c + d > 0))
