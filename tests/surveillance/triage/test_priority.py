"""The parts of a priority can be recomputed by hand, and make up the score."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.configuration.types import Weights
from surveillance.domain.signal import Support
from surveillance.triage.priority import parts, score

ON = date(2024, 1, 1)


def support(criterion: str, n: int, *, is_standing: bool = True) -> Support:
    return Support(criterion=criterion, first_on=ON, last_on=ON, n=n, is_standing=is_standing)


def computed(**changes: Any) -> dict[str, float]:  # noqa: ANN401 - arguments of `parts`
    values: dict[str, Any] = {
        "evidence": 2.0,
        "n": 8,
        "n_serious": 4,
        "n_fatal": 0,
        "support": (support("ic", 2), support("ror", 4), support("evans", 4, is_standing=False)),
        "n_criteria": 3,
        "uncounted": frozenset({"sentinel"}),
        "is_sentinel": False,
    }
    return {part.name: part.value for part in parts(Weights(), **(values | changes))}


def test_parts_worked_by_hand() -> None:
    assert computed() == {
        "evidence": 2 / 4,
        "severity": 0.7 * 4 / 8,
        "growth": 1 - 2 / 8,
        "corroboration": pytest.approx(2 / 3),
        "sentinel": 0.0,
    }


@pytest.mark.parametrize(
    ("changes", "part", "value"),
    [
        ({"evidence": 9.0}, "evidence", 1.0),
        ({"evidence": -3.0}, "evidence", 0.0),
        ({"n_fatal": 1}, "severity", 1.0),
        ({"n_serious": 8}, "severity", 0.7),
        ({"n": 0, "n_serious": 0}, "severity", 0.0),
        ({"n": 1, "n_serious": 0}, "growth", 0.0),
        ({"n": 0, "n_serious": 0}, "growth", 0.0),
        ({"support": ()}, "growth", 0.0),
        ({"n_criteria": 0}, "corroboration", 1.0),
        ({"is_sentinel": True}, "sentinel", 1.0),
        ({"support": (support("sentinel", 1),)}, "corroboration", 0.0),
    ],
)
def test_parts_at_their_limits(changes: dict[str, Any], part: str, value: float) -> None:
    assert computed(**changes)[part] == value


def test_the_score_is_the_weighted_mean_of_the_parts() -> None:
    weights = Weights(evidence=2, severity=1, growth=0, corroboration=0, sentinel=1)
    of = parts(
        weights,
        evidence=2.0,
        n=1,
        n_serious=0,
        n_fatal=1,
        support=(),
        n_criteria=3,
        uncounted=frozenset(),
        is_sentinel=False,
    )

    assert score(of) == (2 * 0.5 + 1 * 1 + 1 * 0) / 4


def test_without_weights_there_is_no_score() -> None:
    assert score(()) == 0.0


weight = st.floats(0, 1e6)


@given(
    st.builds(
        Weights,
        evidence=weight,
        severity=weight,
        growth=weight,
        corroboration=weight,
        sentinel=weight,
    ),
    st.floats(-50, 50),
    st.integers(0, 100),
    st.integers(0, 100),
    st.booleans(),
)
def test_parts_and_score_lie_between_0_and_1(
    weights: Weights,
    evidence: float,
    n: int,
    n_first: int,
    is_sentinel: bool,  # noqa: FBT001 - drawn
) -> None:
    of = parts(
        weights,
        evidence=evidence,
        n=n,
        n_serious=n,
        n_fatal=0,
        support=(support("ic", n_first),),
        n_criteria=2,
        uncounted=frozenset(),
        is_sentinel=is_sentinel,
    )

    assert all(0 <= part.value <= 1 for part in of)
    assert 0 <= score(of) <= 1 + 1e-12
