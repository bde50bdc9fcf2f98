"""The shipped configuration `ucd` fits the shipped scenarios."""

import pytest

from surveillance.configuration.programmes import LostEffect
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Configuration, Sentinel
from surveillance.screening.keys import Naming
from surveillance.simulate import SCENARIOS
from surveillance.simulate.natural_history import UREA_CYCLE
from surveillance.simulate.outcomes import ENDPOINT
from surveillance.simulate.planting import SENTINEL
from surveillance.simulate.scenario import Platform


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read_configuration(SHIPPED / "ucd")


@pytest.fixture(scope="module")
def platform() -> Platform:
    shipped = SCENARIOS["ucd"].platform
    assert shipped is not None
    return shipped


PLATFORMS = {name: one.platform for name, one in SCENARIOS.items() if one.platform}


def test_every_product_of_the_platform_is_listed_where_it_belongs(
    configuration: Configuration, platform: Platform
) -> None:
    listed = {(item.name, item.programme, item.platform) for item in configuration.products.product}

    assert {(p.product, p.name, platform.name) for p in platform.programmes} <= listed


@pytest.mark.parametrize("scenario", PLATFORMS)
def test_every_scenario_is_about_products_and_programmes_that_are_configured(
    configuration: Configuration, scenario: str
) -> None:
    platform = PLATFORMS[scenario]
    listed = {(item.name, item.programme, item.platform) for item in configuration.products.product}

    for programme in platform.programmes:
        known = configuration.programmes.of(programme.name)
        assert known is not None
        assert (programme.product, programme.name, platform.name) in listed
        assert (known.platform, known.products) == (platform.name, (programme.product,))
        assert {c.name for c in programme.constructs} <= {c.name for c in known.construct}
        assert ("effect" in known.designs) == (platform.natural_history is not None)


def test_every_programme_of_the_platform_is_watched_for_the_approved_effect(
    configuration: Configuration, platform: Platform
) -> None:
    watched = configuration.programmes
    design = watched.design["effect"]
    assert isinstance(design, LostEffect)
    assert design.endpoint == ENDPOINT
    assert design.rate_ratio_kept == pytest.approx(1 - platform.reduction)

    for programme in platform.programmes:
        known = watched.of(programme.name)
        assert known is not None
        assert (known.platform, known.products) == (platform.name, (programme.product,))
        assert {c.name for c in known.construct} == {c.name for c in programme.constructs}
        assert "effect" in known.designs


def test_natural_history_is_the_published_one(configuration: Configuration) -> None:
    for name in ("neonatal", "borrowed"):
        history = configuration.programmes.natural_history[name]
        (stratum,) = history.endpoint[ENDPOINT]
        assert stratum.rate_per_patient_year == pytest.approx(UREA_CYCLE.rate_per_patient_year)
        assert stratum.dispersion == UREA_CYCLE.dispersion
        assert stratum.n_patients == UREA_CYCLE.events.n
        assert stratum.patient_years == UREA_CYCLE.events.n * UREA_CYCLE.events_years


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


def test_a_fatal_sentinel_event_and_a_lost_effect_ask_for_a_review(
    configuration: Configuration,
) -> None:
    rules = configuration.triage.review

    assert any(rule.is_sentinel and rule.min_fatal == 1 == rule.min_cases for rule in rules)
    assert ("effectiveness",) in {rule.families for rule in rules if not rule.criteria}
