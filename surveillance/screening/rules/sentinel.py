"""Sentinel events: a listed event on a listed product, from the first case on."""

from __future__ import annotations

import numpy as np

from detectors.counts import TableCells
from surveillance.configuration.types import Sentinel
from surveillance.screening.rules.rule import NOTHING_BESIDE, Beside, Flags, Interval


class Rule:
    """Decide whether a listed pair has as many cases as the criterion asks for.

    Parameters
    ----------
    criterion : Sentinel
        Products, events and least count.
    """

    interval = Interval()
    needs_excess = False

    def __init__(self, criterion: Sentinel) -> None:
        self.criterion = criterion
        self.min_count = criterion.min_count

    def __call__(self, cells: TableCells, beside: Beside = NOTHING_BESIDE) -> Flags:
        """Return where the rule is met."""
        del beside
        return np.asarray(cells.a >= self.min_count)
