"""The EMA's rule: the lower limit of the ROR, with fewer cases under additional monitoring."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from detectors.disproportionality.ror import ror_log_lower
from surveillance.configuration.types import Ema
from surveillance.screening.rules.lower_limit import LowerLimit
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags


class Rule:
    """Decide the lower limit of the ROR and a count that depends on the product.

    Parameters
    ----------
    criterion : Ema
        Thresholds, and the products under additional monitoring.
    """

    def __init__(self, criterion: Ema) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count_additional
        self._is_above = LowerLimit(criterion, ror_log_lower)
        self.needs_excess, self.interval = self._is_above.needs_excess, self._is_above.interval

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        return np.asarray(self._is_enough(cells, beside) & self._is_above(cells))

    def _is_enough(self, cells: TableCells, beside: Beside) -> Flags:
        is_enough = np.asarray(cells.a >= self.criterion.min_count)
        monitored = self.criterion.additional_monitoring
        if monitored and beside.is_product is not None:
            is_enough |= beside.is_product(monitored) & (cells.a >= self.min_count)
        return is_enough
