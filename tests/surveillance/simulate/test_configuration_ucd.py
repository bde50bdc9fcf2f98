"""The shipped configuration `ucd` fits the shipped scenario, and its tests hold their level."""

import numpy as np
import pytest

from detectors.sequential import poisson_maxsprt
from surveillance.core.naming import Naming
from surveillance.domain.configuration import Configuration, Sentinel
from surveillance.settings import SHIPPED, read_configuration
from surveillance.simulate import SCENARIOS
from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.outcomes import ENDPOINT
from surveillance.simulate.planting import SENTINEL, watch_names
from surveillance.simulate.scenario import Platform

PROMISED = 0.01  # chance of a false crossing a unit, in the comment of watches.toml


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read_configuration(SHIPPED / "ucd")


@pytest.fixture(scope="module")
def platform() -> Platform:
    shipped = SCENARIOS["ucd"].platform
    assert shipped is not None
    return shipped


def test_every_product_of_the_platform_is_listed_where_it_belongs(
    configuration: Configuration, platform: Platform
) -> None:
    listed = {(item.name, item.programme, item.platform) for item in configuration.products.product}

    assert listed == {(p.product, p.name, platform.name) for p in platform.programmes}


def test_every_programme_has_both_watches_with_the_published_rate_and_the_approved_effect(
    configuration: Configuration, platform: Platform
) -> None:
    watches = {watch.name: watch for watch in configuration.watches.watch}

    assert len(watches) == 2 * len(platform.programmes)
    for programme in platform.programmes:
        for name, level in zip(
            watch_names(programme.name), ("construct", "programme"), strict=True
        ):
            watch = watches[name]
            assert (watch.programme, watch.endpoint, watch.level) == (
                programme.name,
                ENDPOINT,
                level,
            )
            assert watch.rate_per_patient_year == pytest.approx(UREA_CYCLE.rate_per_patient_year)
            assert watch.rate_ratio_under_null == pytest.approx(1 - platform.reduction)


def test_the_horizon_covers_two_years_of_the_largest_unit(
    configuration: Configuration, platform: Platform
) -> None:
    per_patient = 2 * UREA_CYCLE.rate_per_patient_year * (1 - platform.reduction)
    sizes = [[c.n_patients for c in programme.constructs] for programme in platform.programmes]
    largest = {"construct": max(map(max, sizes)), "programme": max(map(sum, sizes))}

    for watch in configuration.watches.watch:
        assert largest[watch.level] * per_patient <= watch.horizon


def test_the_planted_sentinel_event_is_in_the_group_that_the_criterion_watches(
    configuration: Configuration, platform: Platform
) -> None:
    planted = SCENARIOS["ucd"].sentinel
    assert planted is not None
    criterion = next(c for c in configuration.criteria.criterion if c.name == SENTINEL)
    assert isinstance(criterion, Sentinel)

    assert set(Naming(configuration).event_keys(planted.pt)) & set(criterion.events)
    assert f"platform:{platform.name}" in criterion.products
    assert criterion.min_count == 1


def test_a_fatal_sentinel_event_and_each_crossed_watch_ask_for_a_review(
    configuration: Configuration,
) -> None:
    rules = configuration.triage.review

    assert any(rule.is_sentinel and rule.min_fatal == 1 == rule.min_cases for rule in rules)
    asked = {rule.criteria for rule in rules if rule.criteria}
    assert asked == {(watch.name,) for watch in configuration.watches.watch}


def _crossing_share(
    watch_horizon: float, alpha: float, n_patients: int, dispersion: float | None
) -> float:
    """Simulate units under the null: enrolled over a year, followed to the end of two."""
    rng = np.random.default_rng(n_patients)
    n_units, years = 4_000, 2.0
    critical_value = poisson_maxsprt.critical_value(watch_horizon, alpha=alpha)
    rate = UREA_CYCLE.rate_per_patient_year * 0.2
    start = rng.uniform(0, 1, (n_units, n_patients))
    own = (
        np.ones(start.shape)
        if dispersion is None
        else rng.gamma(dispersion, 1 / dispersion, start.shape)
    )
    counts = rng.poisson(rate * own * (years - start))
    n_crossed = 0
    for begun, n_events in zip(start, counts, strict=True):
        at = np.sort(rng.uniform(np.repeat(begun, n_events), years))
        expected = rate * np.clip(at[:, None] - begun, 0, None).sum(axis=1)
        llr = poisson_maxsprt.log_likelihood_ratio(np.arange(1, len(at) + 1), expected)
        n_crossed += bool(((llr >= critical_value) & (expected <= watch_horizon)).any())
    return n_crossed / n_units


@pytest.mark.slow
@pytest.mark.parametrize("n_patients", [2, 4, 10, 15])
def test_a_false_crossing_is_as_rare_as_promised_though_patients_differ(
    configuration: Configuration, n_patients: int
) -> None:
    level = "construct" if n_patients <= 10 else "programme"
    watch = next(w for w in configuration.watches.watch if w.level == level)

    share = _crossing_share(watch.horizon, watch.alpha, n_patients, UREA_CYCLE.dispersion)

    error = (PROMISED * (1 - PROMISED) / 4_000) ** 0.5
    assert share <= PROMISED + 3 * error


@pytest.mark.slow
def test_a_poisson_boundary_at_the_promised_level_would_not_do() -> None:
    share = _crossing_share(10.0, PROMISED, 10, UREA_CYCLE.dispersion)

    error = (PROMISED * (1 - PROMISED) / 4_000) ** 0.5
    assert share > PROMISED + 3 * error
    assert _crossing_share(10.0, PROMISED, 10, None) <= PROMISED + 3 * error
