"""One acute liver failure among 900 treated."""

from __future__ import annotations

import math

import numpy as np

from bench.worked.chart import Axis, Line, chart
from bench.worked.history import Part, table
from detectors.anytime import poisson as anytime
from detectors.sequential.poisson_maxsprt import critical_value
from detectors.small_population.sentinel import (
    background,
    family,
    uncertain_background,
    upper_rate,
)
from surveillance.simulate.natural_history import DAYS_PER_YEAR

LIVER_PATIENTS, LIVER_DAYS = 900, 90
LIVER_RATES = (1e-6, 2e-6, 5e-6, 1e-5, 1e-4)  # a child-year; the first three are what is assumed
LIVER_RATE = 5e-6
LIVER_ALPHA, LISTED_KINDS = 0.01, 20


def one_liver_failure() -> Part:
    """Work out one acute liver failure among 900."""
    years = LIVER_PATIENTS * LIVER_DAYS / DAYS_PER_YEAR
    one = {rate: background(rate=rate, person_time=years) for rate in LIVER_RATES}
    rows = [
        [
            f"{1e6 * rate:g}",
            *(f"{each:.5f}" for each in (found.expected, found.probability)),
            f"{background(rate=rate, person_time=years, events=2).probability:.1e}",
            f"{found.detectable_rate_ratio:,.0f}",
        ]
        for rate, found in one.items()
    ]
    heads = ["per million a year", "cases expected", "chance of one or more", "of two or more"]
    expected = one[LIVER_RATE].expected
    uncertain = uncertain_background(
        historical_events=5, historical_person_time=1e6, person_time=years
    )
    open_risk = upper_rate(historical_events=1, historical_person_time=LIVER_PATIENTS)
    evidence = np.exp(anytime.log_e(anytime.Design(), [1, 2], expected))
    said = {
        "liver_years": f"{years:.1f}",
        "liver": table([*heads, "detectable ratio"], rows),
        "liver_low": f"{one[LIVER_RATES[0]].probability:.5f}",
        "liver_high": f"{one[LIVER_RATE].probability:.4f}",
        "liver_count": str(critical_value(expected, alpha=LIVER_ALPHA).min_events),
        "rate_open": f"{-math.log1p(-LIVER_ALPHA) / years * 1e6:.0f}",
        "liver_uncertain": f"{uncertain.probability:.4f}",
        "family": f"{family([one[LIVER_RATE]] * LISTED_KINDS).bound:.3f}",
        "liver_e": f"{evidence[0]:.1f}",
        "liver_e2": f"{evidence[1]:.0f}",
        "liver_upper": f"{100 * open_risk:.2f}",
    }
    return Part(said, _liver_figure(years))


def _liver_figure(years: float) -> str:
    rates = [10 ** (i / 10) for i in range(31)]
    lines = [
        Line(
            name,
            [(r, background(rate=r / 1e6, person_time=years, events=n).probability) for r in rates],
        )
        for name, n in (("one case or more", 1), ("two cases or more", 2))
    ]
    return chart(
        "Chance of cases from the background alone",
        Axis("background rate per million a year", (1, 10, 100, 1000), is_log=True),
        Axis("chance", (1e-8, 1e-6, 1e-4, 1e-2, 1), is_log=True),
        lines,
        mark=LIVER_ALPHA,
    )
