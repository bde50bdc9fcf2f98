"""The lower confidence limit of a ratio above a threshold: what such rules share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.counts import TableCells
from surveillance.configuration.types import Ema, PrrLower, RorLower
from surveillance.screening.rules.rule import Flags, Floats, Interval

LogLower = Callable[..., Floats]  # of the cells, at a `confidence_level`


class LowerLimit:
    """Decides whether the lower limit of a ratio lies above the threshold.

    Where the ratio has no finite value there is no interval, and the limit lies above nothing.

    Parameters
    ----------
    criterion : PrrLower, RorLower or Ema
        Threshold and coverage.
    log_lower : callable
        The logarithm of the lower limit, of `detectors`.
    """

    def __init__(self, criterion: PrrLower | RorLower | Ema, log_lower: LogLower) -> None:
        self.interval = Interval(confidence_level=criterion.confidence_level)
        self.needs_excess = criterion.above >= 1
        self._log_above = np.log(criterion.above)
        self._log_lower = log_lower

    def __call__(self, cells: TableCells) -> Flags:
        """Return where the limit lies above the threshold; `cells` of shape (n_pairs,)."""
        lower = self._log_lower(cells, confidence_level=self.interval.confidence_level)
        return np.asarray(lower > self._log_above)
