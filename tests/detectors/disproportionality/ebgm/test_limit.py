"""How many reports may be expected while EB05 reaches a threshold, against the score itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.disproportionality.ebgm import Prior, score
from detectors.disproportionality.ebgm.limit import expected_limit

gammas = st.floats(0.05, 60.0)
priors = st.builds(Prior, gammas, gammas, gammas, gammas, st.floats(0.0, 1.0))
counts = st.integers(0, 30) | st.integers(0, 100_000)


@given(st.lists(counts, min_size=1, max_size=20), priors, st.sampled_from([1.0, 2.0, 5.0]))
@settings(max_examples=60)
def test_the_quantile_meets_the_threshold_at_the_limit_and_on_its_right_side(
    n: list[int], prior: Prior, at_least: float
) -> None:
    limit = expected_limit(n, prior, at_least=at_least)

    is_some = limit > 0
    some = np.array(n)[is_some]
    before, after = (  # a step of 1e-9 is far above the 1e-14 of the quantile
        score(some, limit[is_some] * factor, prior).quantile(0.05)
        for factor in (1 - 1e-9, 1 + 1e-9)
    )
    assert (before >= at_least * (1 - 1e-13)).all()
    assert (after <= at_least * (1 + 1e-13)).all()
    none = np.array(n)[~is_some]
    assert (score(none, 1e-300, prior).quantile(0.05) < at_least * (1 + 1e-9)).all()


@given(priors, st.sampled_from([0.05, 0.5]))
@settings(max_examples=40)
def test_more_reports_allow_more_to_be_expected(prior: Prior, probability: float) -> None:
    limit = expected_limit(np.arange(40), prior, probability=probability)

    assert (np.diff(limit) >= 0).all()


def test_a_count_has_the_same_limit_alone_as_among_others() -> None:
    prior = Prior(3.26, 0.4, 2.02, 1.91, 0.065)
    n = np.array([5, 0, 1, 1_000, 3, 5])

    together = expected_limit(n, prior)

    assert together.tolist() == [float(expected_limit(one, prior)) for one in n]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": [1, -1]}, r"n\[1\] is -1: must not be negative"),
        ({"probability": 1.0}, "probability is 1.0: must lie between 0.0 and 1.0"),
        ({"at_least": 0.0}, "at_least is 0.0: must lie between 0.0 and inf"),
    ],
)
def test_an_argument_out_of_range_is_named(changes: dict[str, object], said: str) -> None:
    given_: dict[str, object] = {"n": 3, "prior": Prior(0.2, 0.1, 2.0, 4.0, 1 / 3)} | changes

    with pytest.raises(ValueError, match=said):
        expected_limit(**given_)  # type: ignore[arg-type]  # some are wrong on purpose
