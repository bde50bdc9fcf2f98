"""A peer's number, ours, and what was simulated."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.public import REFERENCE

ALPHA, SEED = 0.05, 20261123
Numbers = NDArray[np.float64]


class Side(NamedTuple):
    """A critical value, its exact level, and what was simulated."""

    value: float
    level: float
    simulated: Simulated


class Simulated(NamedTuple):
    """A mean over draws, and three standard errors of it."""

    mean: float
    error: float

    @classmethod
    def of(cls, draws: NDArray[Any]) -> Simulated:
        """Take the mean of draws."""
        return cls(float(draws.mean()), 3 * float(draws.std()) / math.sqrt(len(draws)))

    def holds(self, value: float) -> bool:
        """Say whether a value is within three standard errors, or both are none at all."""
        return abs(value - self.mean) <= self.error

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.error:.4f}"


class Compared(NamedTuple):
    """A setting, and both sides of it."""

    setting: str
    alpha: float
    peer: Side
    own: Side


def rows_of(name: str, query: str) -> list[Any]:
    """Read the rows of a reference that a query selects."""
    return list(pd.read_csv(REFERENCE / "sequential" / name).query(query).itertuples())
