"""The natural history that the examples share, and the form of their answers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NamedTuple

from bench.public import REFERENCE
from surveillance.simulate.natural_history import UREA_CYCLE

HISTORY = REFERENCE / "natural_history/ucd_natural_history.csv"
EVENTS_MEASURE = "hyperammonaemic events in first 1.5 years"
DEAD_MEASURE = "death during or right after neonatal period"
YEARS = 1.5  # of the measure
K, K_LOW, K_HIGH = UREA_CYCLE.dispersion, 0.5, 0.8
MONTHS = 12
EFFECT, ALPHA, POWER, N_PATIENTS = 0.8, 0.01, 0.9, 5


class NaturalHistory(NamedTuple):
    """What the table of natural history says."""

    events: float
    rate: float
    n_alive: int

    @property
    def person_years(self) -> float:
        """Time that the survivors make up."""
        return self.n_alive * YEARS

    @property
    def n_events(self) -> int:
        """Events that they had."""
        return round(self.n_alive * self.events)


class Part(NamedTuple):
    """What an example adds to the page."""

    said: dict[str, str]
    figure: str


def natural_history() -> NaturalHistory:
    """Read the table."""
    with HISTORY.open(encoding="utf-8", newline="") as lines:
        rows = {row["measure"]: row for row in csv.DictReader(lines)}
    events = float(rows[EVENTS_MEASURE]["estimate"])
    dead, n = float(rows[DEAD_MEASURE]["estimate"]), int(rows[DEAD_MEASURE]["n"])
    return NaturalHistory(events, events / YEARS, n - round(dead * n))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
