"""The shipped configuration `ucd` fits the shipped scenario, and its tests hold their level."""

from itertools import groupby
from typing import Literal

import msgspec
import numpy as np
import pytest

from detectors.sequential import poisson_maxsprt
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Configuration, Sentinel
from surveillance.domain.outcome import OutcomeRecord
from surveillance.programmes.patient_time import experience_of
from surveillance.screening.keys import Naming
from surveillance.simulate import SCENARIOS
from surveillance.simulate.content import Calendar
from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.outcomes import ENDPOINT, Registry, ReportedOutcome
from surveillance.simulate.patients import courses
from surveillance.simulate.planting import SENTINEL, watch_names
from surveillance.simulate.scenario import Platform

N_PLATFORMS = 50
NULL_RATE = UREA_CYCLE.rate_per_patient_year * 0.2
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
    asked = {family for rule in rules if not rule.criteria for family in rule.families}
    assert asked == {watch.family for watch in configuration.watches.watch}


def _null_llrs(level: Literal["construct", "programme"], horizon: float) -> list[float]:
    """Return, for each unit of many platforms without lost effect, its greatest LLR at any look."""
    scenario = msgspec.structs.replace(SCENARIOS["ucd"], lost_effect=None)
    assert scenario.platform is not None
    greatest: list[float] = []
    for seed in range(N_PLATFORMS):
        rng = np.random.default_rng(seed)
        patients = courses(rng, scenario, scenario.platform)
        registry = Registry(rng, scenario.platform, Calendar(scenario.from_on), scenario.days)
        for programme in scenario.platform.programmes:
            reported = [
                item
                for course in patients
                if course.programme == programme
                for item in registry.report(course)
            ]
            greatest += _greatest_llrs(reported, level, horizon).values()
    return greatest


def _greatest_llrs(
    reported: list[ReportedOutcome], level: Literal["construct", "programme"], horizon: float
) -> dict[str, float]:
    """Look at the end of every day on which something was received, as the stage does."""
    standing = dict[str, OutcomeRecord]()
    greatest: dict[str, float] = {}
    ordered = sorted(reported, key=lambda item: (item.day, item.record.version))
    for _, items in groupby(ordered, key=lambda item: item.day):
        standing |= {item.record.record_id: item.record for item in items}
        for unit, seen in experience_of(standing.values(), ENDPOINT, level).items():
            expected = NULL_RATE * seen.person_days / 365.25
            if 0 < expected <= horizon:
                llr = float(poisson_maxsprt.log_likelihood_ratio(seen.n_events, expected))
                greatest[unit] = max(llr, greatest.get(unit, 0.0))
    return greatest


@pytest.mark.slow
@pytest.mark.parametrize("level", ["construct", "programme"])
def test_a_false_crossing_is_as_rare_as_promised_though_patients_differ(
    configuration: Configuration, level: Literal["construct", "programme"]
) -> None:
    watch = next(w for w in configuration.watches.watch if w.level == level)
    llrs = np.array(_null_llrs(level, watch.horizon))

    def share(alpha: float) -> float:
        return float(
            np.mean(llrs >= poisson_maxsprt.critical_value(watch.horizon, alpha=alpha).value)
        )

    limit = PROMISED + 3 * (PROMISED * (1 - PROMISED) / len(llrs)) ** 0.5
    assert share(watch.alpha) <= limit
    assert share(PROMISED) > limit  # a Poisson boundary at the promised level would not do
