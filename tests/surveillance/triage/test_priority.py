"""The parts of a priority can be computed by hand, and make up the score."""

from math import exp, log2, log10, nan
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.configuration.types import Weights
from surveillance.triage.priority import NEGATIVE, POSITIVE, Facts, parts, scores, shown

ZEROS = dict.fromkeys((*POSITIVE, *NEGATIVE), 0.0)


def weighing(**given: float) -> Weights:
    """Return weights that are 0 but for those given."""
    return msgspec.convert({**ZEROS, **given}, Weights)


def facts(**changes: float) -> Facts:
    values: dict[str, float] = {
        "evidence": 0.75, "n": 3, "expected": 0.25, "n_serious": 3, "n_fatal": 0,
        "usual_serious": 0.2, "usual_fatal": 0.02, "months_known": 6, "n_recent": 3,
        "recent_expected": 0.5, "completeness": 2 / 3, "n_countries": nan, "is_watched": nan,
        "is_listed": nan, "is_indication": nan, "is_publicised": nan,
    }  # fmt: skip
    return Facts(**{name: np.array([value]) for name, value in (values | changes).items()})


def computed(**changes: float) -> dict[str, float]:
    return {name: float(part.value[0]) for name, part in parts(facts(**changes)).items()}


def test_parts_worked_by_hand() -> None:
    found = computed()

    share = (3 + 0.2) / 4  # one usual report was added
    assert found["strength"] == 0.25
    assert found["size"] == round(log2(3.5 / 0.75) / 4, 4)
    assert found["severity"] == round(0.7 * (share - 0.2), 4)
    assert found["novelty"] == round((0.75 + 1) / 2, 4)
    assert found["impact"] == round(log2(1 + 2.75) / 7, 4)
    assert found["trend"] == round(log2(3.5 / 1) / 4, 4)
    assert found["quality"] == round(2 / 3, 4)
    assert np.isnan([found[name] for name in ("spread", "plausibility", *NEGATIVE)]).all()


@pytest.mark.parametrize(
    ("changes", "part", "value"),
    [
        ({"evidence": 9.0}, "strength", 1.0),
        ({"evidence": -3.0}, "strength", 0.0),
        ({"expected": 9.0}, "impact", 0.0),
        ({"n_serious": 0}, "severity", 0.0),
        ({"months_known": 30, "n_recent": 0}, "novelty", 0.0),
        ({"is_listed": 1}, "novelty", 0.0),
        ({"n_countries": 4}, "spread", 0.75),
        ({"is_watched": 1}, "plausibility", 1.0),
    ],
)
def test_parts_at_their_limits(changes: dict[str, float], part: str, value: float) -> None:
    assert computed(**changes)[part] == value


@pytest.mark.parametrize(
    ("n", "expected", "chance"),
    [  # of so many or more, by Poisson, worked by hand
        (1, 0.0334, 1 - exp(-0.0334)),
        (1, 0.0025, 1 - exp(-0.0025)),
        (2, 0.5, 1 - 1.5 * exp(-0.5)),
    ],
)
def test_a_watched_event_is_as_strong_as_it_is_improbable(
    n: int, expected: float, chance: float
) -> None:
    watched = computed(evidence=-2.3, n=n, expected=expected, is_watched=1)

    assert watched["strength"] == round(-log10(chance) / 4, 4)
    assert computed(evidence=-2.3, n=n, expected=expected)["strength"] == 0.0


@given(st.integers(1, 500), st.floats(1e-9, 500), st.floats(-10, 12))
def test_watching_an_event_never_makes_it_weaker(n: int, expected: float, ic: float) -> None:
    changes = {"n": n, "expected": expected, "evidence": ic}

    assert computed(**changes, is_watched=1)["strength"] >= computed(**changes)["strength"]


@pytest.mark.parametrize("expected", [nan, 0.0])
def test_without_an_expectation_the_strength_of_a_watched_event_is_its_own(expected: float) -> None:
    found = computed(evidence=1.5, expected=expected, is_watched=1)["strength"]

    assert found == (0.5 if np.isnan(expected) else 1.0)  # what cannot come is full evidence


def test_severity_does_not_end_at_one_death() -> None:
    found = [computed(n=20, n_serious=20, n_fatal=n)["severity"] for n in (0, 1, 5, 20)]

    assert found == sorted(set(found))


def test_where_all_cases_are_serious_none_of_them_stands_out() -> None:
    assert computed(usual_serious=1.0, usual_fatal=1.0, n_fatal=3)["severity"] < 0.1


def test_what_is_unknown_counts_for_nothing() -> None:
    weights = weighing(strength=1, spread=1)

    assert scores(parts(facts()), weights).tolist() == [0.25]
    assert scores(parts(facts(n_countries=2)), weights).tolist() == [0.375]
    assert scores(parts(facts(evidence=nan)), weights).tolist() == [0.0]


def test_an_indication_and_publicity_are_taken_off() -> None:
    weights = weighing(strength=2, indication=1, stimulated=1)

    assert scores(parts(facts(evidence=3.0, is_indication=1)), weights).tolist() == [0.5]
    assert scores(parts(facts(is_indication=1, is_publicised=1)), weights).tolist() == [0.0]


def test_a_part_is_shown_with_what_it_came_from() -> None:
    found = {part.name: part for part in shown(parts(facts()), Weights())[0]}

    assert (found["strength"].value, found["strength"].basis) == (0.25, 0.75)
    assert (found["spread"].value, found["spread"].weight) == (None, 1.0)


def test_weights_that_leave_nothing_to_order_by_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="strength"):
        weighing(impact=1.0)


weight: Any = st.floats(0, 100)
number: Any = st.integers(0, 50).map(float) | st.just(nan)


@given(
    st.builds(dict, **dict.fromkeys(Facts._fields, number)),
    st.fixed_dictionaries(dict.fromkeys((*POSITIVE, *NEGATIVE), weight)),
)
def test_every_part_and_every_score_lies_between_0_and_1(
    changes: dict[str, float], weights: dict[str, float]
) -> None:
    found = parts(facts(**changes))

    values = np.concatenate([part.value for part in found.values()])
    assert (np.isnan(values) | ((values >= 0) & (values <= 1))).all()
    assert 0 <= scores(found, weighing(**weights | {"strength": 1.0}))[0] <= 1
