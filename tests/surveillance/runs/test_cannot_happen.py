"""What cannot happen is stated, and nothing is stated of what can."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from strategies import a_configuration

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import (
    CountReached,
    Criteria,
    Eb05,
    Evans,
    PriorFit,
    Sentinel,
    Triage,
    Weights,
)
from surveillance.domain.contribution import FATAL, SERIOUS, Contribution
from surveillance.domain.finding import PriorFitted
from surveillance.runs.cannot_happen import Seen, of_configuration
from surveillance.triage.priority import NEGATIVE, POSITIVE
from surveillance.triage.reach import highest_priority

NO_ALERT = "no pair can reach alert_priority 0.6, as priorities end at 0.5"
EVANS = Criteria(criterion=(Evans(name="evans"),))
STRICT = Triage(
    alert_priority=0.6,
    weights=msgspec.convert(
        {**dict.fromkeys((*POSITIVE, *NEGATIVE), 0), "strength": 1, "severity": 1}, Weights
    ),
)


def with_evans(triage: Triage) -> Any:  # noqa: ANN401 - a configuration
    return a_configuration(criteria=EVANS, triage=triage)


def of(event: str, flags: int = 0, product: str = "P") -> msgspec.Raw:
    row = Contribution(
        1, "US", "physician", [(f"product:{product}", None)], [(f"pt:{event}", flags, None)]
    )
    return msgspec.Raw(msgspec.json.encode(row))


def a_fit(failure: str = "") -> PriorFitted:
    return PriorFitted(
        version="product/1999-02-01", on=date(1999, 2, 1), epoch=7, level="product",
        likelihood="full", n_pairs=9, failure=failure,
    )  # fmt: skip


def found(configuration: Any, *rows: object) -> list[str]:  # noqa: ANN401 - a configuration
    seen = Seen(configuration)
    for row in rows:
        seen.rows([row])
    return seen.cannot_happen()


@pytest.mark.parametrize("flags", [SERIOUS, FATAL, SERIOUS | FATAL])
def test_without_a_serious_case_no_priority_reaches_the_alerts_and_it_is_stated(flags: int) -> None:
    configuration = with_evans(STRICT)

    (line,) = found(configuration, of("Rash"), of("Fever"))

    assert line.startswith(f"no case is serious or fatal, and so {NO_ALERT}")
    assert found(configuration, of("Rash"), of("Death", flags)) == []


def test_a_configuration_that_never_alerts_without_seriousness_is_shown_so_before_any_data() -> (
    None
):
    (line,) = of_configuration(with_evans(STRICT))

    assert line.startswith(f"where no case is serious or fatal, {NO_ALERT}")


def test_a_threshold_that_can_be_reached_is_not_mentioned() -> None:
    low = a_configuration(
        criteria=EVANS, triage=msgspec.structs.replace(STRICT, alert_priority=0.3)
    )

    assert of_configuration(low) == []
    assert found(low, of("Rash")) == []


@pytest.mark.parametrize("name", ["vaers", "ucd"])
def test_the_shipped_configurations_can_alert_where_cases_are_serious(name: str) -> None:
    triage = read_configuration(SHIPPED / name).triage

    assert highest_priority(triage, has_seriousness=True) >= triage.alert_priority


def test_a_criterion_whose_prior_was_never_fitted_is_named_with_the_last_reason() -> None:
    criteria = Criteria(criterion=(Eb05(name="eb05"), Evans(name="evans")), prior=PriorFit())
    configuration = a_configuration(criteria=criteria)
    case = of("Rash", FATAL)

    assert found(configuration, case, a_fit("few"), a_fit("fewer")) == [
        "eb05: never met, as no prior of the EBGM could be fitted: fewer"
    ]
    assert found(configuration, case) == [
        "eb05: never met, as no prior of the EBGM could be fitted"
    ]
    assert found(configuration, case, a_fit(), a_fit("few")) == []


def test_names_that_a_criterion_asks_for_and_no_case_has_are_listed() -> None:
    listed = Sentinel(
        name="liver",
        products=("product:P", "product:MISSING", "*"),
        events=tuple(f"pt:E{i}" for i in range(9)),
    )
    reached = CountReached(name="five", products=("*",), events=("pt:E1",), min_count=5)
    configuration = a_configuration(criteria=Criteria(criterion=(listed, reached)))

    (line,) = found(configuration, of("E0", FATAL), of("E1", product="Q"))

    absent = "product:MISSING, pt:E2, pt:E3, pt:E4, pt:E5 and 3 more"
    assert line == f"liver: 8 of 11 names are in no case: {absent}"


def test_of_no_case_nothing_is_stated() -> None:
    assert found(with_evans(STRICT), a_fit("few")) == []
