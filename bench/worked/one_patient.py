"""One infant without an event: the case of one patient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bench.worked.chart import Axis, Line, chart
from bench.worked.history import K_HIGH, K_LOW, MONTHS, K, NaturalHistory, Part, table
from detectors.anytime import poisson as anytime
from detectors.small_population.expected_events import negative_binomial, tail_probability
from detectors.small_population.natural_history import conditional_rate, predictive_rate
from detectors.small_population.sentinel import (
    upper_rate,
)

RARE = 0.05
AGE_TO_DOSE, MONTHS_WITHIN = 7, 10  # months before treatment, and after it to an age of 18 months


def none_untreated(history: NaturalHistory, months: float, k: float) -> float:
    """Compute the chance that an untreated patient has no event."""
    law = negative_binomial([history.rate * months / MONTHS], dispersion=k)
    return tail_probability(law, 0, alternative="less")


def first_month(is_enough: Callable[[int], bool]) -> int:
    """Find the first whole month from which on it is enough."""
    high = 1
    while not is_enough(high):
        high *= 2
    low = high // 2  # not enough, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def one_patient(history: NaturalHistory) -> Part:
    """Work out the case of one patient without an event."""
    fewer = anytime.Design(direction="fewer", alpha=RARE)

    def is_evidence(months: int) -> bool:
        return float(anytime.log_e(fewer, 0, history.rate * months / MONTHS)) >= -math.log(RARE)

    years = MONTHS_WITHIN / MONTHS
    open_rate = upper_rate(historical_events=0, historical_person_time=years)
    months_differ = first_month(lambda m: none_untreated(history, m, K) <= RARE)
    said = {
        "none": _none_table(history),
        "months_alike": str(first_month(lambda m: none_untreated(history, m, math.inf) <= RARE)),
        "years_differ": f"{months_differ / MONTHS:.0f}",
        "months_anytime": str(first_month(is_evidence)),
        "own": _own_past(),
        "upper": f"{open_rate:.1f}",
    }
    lines = [
        Line(name, [(m, none_untreated(history, m, k)) for m in np.arange(0.25, 24.25, 0.25)])
        for name, k in (("patients alike", math.inf), ("k = 0.8", K_HIGH), ("k = 0.5", K_LOW))
    ]
    figure = chart(
        "Chance that an untreated patient has no crisis",
        Axis("months without a crisis", range(0, 25, 3)),
        Axis("chance if untreated", (0, 0.2, 0.4, 0.6, 0.8, 1)),
        lines,
        mark=RARE,
    )
    return Part(said, figure)


def _none_table(history: NaturalHistory) -> str:
    heads = ["months", "crises expected", "rate known, patients alike", "rate uncertain"]
    rows = []
    for months in (1, 3, 6, MONTHS_WITHIN, 12, 24):
        years = months / MONTHS
        uncertain = predictive_rate(
            0, years, history.n_events, history.person_years, alternative="less"
        )
        rows.append(
            [
                f"{months}{'' if months <= MONTHS_WITHIN else ' (extrapolated)'}",
                f"{history.rate * years:.1f}",
                f"{none_untreated(history, months, math.inf):.3f}",
                f"{float(uncertain.p):.3f}",
                *(f"{none_untreated(history, months, k):.2f}" for k in (K_HIGH, K, K_LOW)),
            ]
        )
    differ = [f"patients differ, k = {k:g}" for k in (K_HIGH, K, K_LOW)]
    return table([*heads, *differ], rows)


def _own_past() -> str:
    before = (1, 2, 4, 6)
    found = conditional_rate(0, MONTHS_WITHIN, before, AGE_TO_DOSE, alternative="less").p
    return table(
        ["crises in the 7 months before", *map(str, before)],
        [["chance of none in the 10 months after", *(f"{float(p):.3f}" for p in found)]],
    )
