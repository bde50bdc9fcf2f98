"""The figures in the scenario are those that were published, and the events follow them."""

import csv

import numpy as np
import pytest
from scipy.stats import nbinom

from bench.public import REFERENCE
from surveillance.simulate.natural_history import UREA_CYCLE, Figure
from surveillance.simulate.patients import events_by_day, remaining_rate
from surveillance.simulate.scenario import LostEffect

PUBLISHED = REFERENCE / "natural_history/ucd_natural_history.csv"
N_SURVIVORS = 63 - 16


@pytest.mark.parametrize(
    "figure", [UREA_CYCLE.events, UREA_CYCLE.dead_neonatal, UREA_CYCLE.dead_in_all]
)
def test_every_figure_is_in_the_published_table(figure: Figure) -> None:
    with PUBLISHED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == figure.measure]

    assert len(rows) == 1
    row = rows[0]
    assert float(row["estimate"]) == figure.estimate
    assert tuple(row["gene"].split(";")) == figure.genes
    assert (row["population"], int(row["n"]), row["unit"]) == (
        figure.population,
        figure.n,
        figure.unit,
    )
    assert row["doi"] == figure.doi
    # the table spells the source out once, and is shorter after that
    assert figure.source.startswith(row["source"].removesuffix(" (open access)"))


def test_the_published_range_ends_where_the_scenario_says() -> None:
    with PUBLISHED.open(newline="") as file:
        notes = [row["note"] for row in csv.DictReader(file) if "range" in row["note"]]

    assert any(f"range 0-{UREA_CYCLE.events_greatest}" in note for note in notes)


def test_the_dispersion_makes_the_published_greatest_count_the_median_of_the_greatest() -> None:
    k, mean = UREA_CYCLE.dispersion, UREA_CYCLE.events.estimate
    counts = nbinom(k, k / (k + mean))

    below = counts.cdf(UREA_CYCLE.events_greatest - 1) ** N_SURVIVORS
    not_above = counts.cdf(UREA_CYCLE.events_greatest) ** N_SURVIVORS

    assert below < 0.5 < not_above


def _counts(n: int, reduction: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rng = np.random.default_rng(7)
    n_days = round(UREA_CYCLE.events_years * 365.25)
    remaining = remaining_rate(reduction, n_days, None)
    return np.array([len(events_by_day(rng, UREA_CYCLE, remaining)) for _ in range(n)])


@pytest.mark.parametrize("reduction", [0.0, 0.8])
def test_events_have_the_published_mean_and_vary_between_patients(reduction: float) -> None:
    n, k = 20_000, UREA_CYCLE.dispersion
    mean = UREA_CYCLE.events.estimate * (1 - reduction)
    variance = mean + mean**2 / k  # negative binomial
    counts = _counts(n, reduction)

    assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / n)

    fourth = (
        nbinom(k, k / (k + mean)).stats(moments="k") + 3
    )  # kurtosis, for the error of a variance
    error = variance * np.sqrt((fourth - 1) / n)
    assert abs(counts.var() - variance) < 4 * error
    assert counts.var() > mean + 4 * error  # a Poisson count would not reach this


def test_a_lost_effect_falls_in_a_straight_line_to_the_untreated_rate() -> None:

    lost = LostEffect(where="any", after_days=10, over_days=20, enrolment_days=1)
    remaining = remaining_rate(0.8, 50, lost)

    assert remaining[:11] == pytest.approx(0.2)
    assert remaining[20] == pytest.approx(0.6)
    assert remaining[30:] == pytest.approx(1.0)
