"""Means and products of evidence, with null means by exact sums."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import poisson as law

from detectors.anytime import poisson
from detectors.anytime.combine import Design, Observation, init, mean, product, step

logs = st.lists(st.floats(-50, 50), min_size=1, max_size=20)
SAME_REASON = "no patient is followed for two constructs"


def test_mean_and_product_by_hand() -> None:
    log_e = np.log([[1.0, 3.0], [0.5, 0.25]])

    assert_allclose(np.exp(mean(log_e)), [2.0, 0.375], rtol=1e-15)
    assert_allclose(np.exp(mean(log_e, weights=[0.25, 0.75])), [2.5, 0.3125], rtol=1e-15)
    assert_allclose(np.exp(product(log_e)), [3.0, 0.125], rtol=1e-15)


@given(values=logs)
@settings(max_examples=100, deadline=None)
def test_the_mean_lies_between_and_neither_depends_on_the_order(values: list[float]) -> None:
    assert min(values) - 1e-12 <= mean(values) <= max(values) + 1e-12  # rounding
    assert mean(values).tobytes() == mean(values[::-1]).tobytes()
    assert product(values).tobytes() == product(values[::-1]).tobytes()


def test_null_means_of_independent_and_of_repeated_evidence() -> None:
    n, mu = np.arange(120), 1.0
    evidence = poisson.log_e(poisson.Design(), n, mu)
    log_mass = law.logpmf(n, mu)
    pairs = np.stack(np.meshgrid(evidence, evidence, indexing="ij"), axis=-1)
    pair_mass = log_mass[:, None] + log_mass[None, :]
    twice = np.stack((evidence, evidence), axis=-1)

    independent, averaged = (np.exp(rule(pairs) + pair_mass).sum() for rule in (product, mean))
    repeated, repeated_mean = (np.exp(rule(twice) + log_mass).sum() for rule in (product, mean))

    assert independent == pytest.approx(1.0, abs=1e-9)  # rounding, and counts of 120 and more
    assert averaged == pytest.approx(1.0, abs=1e-9)  # as above
    assert repeated_mean == pytest.approx(1.0, abs=1e-9)  # as above
    assert repeated > 10  # what the condition of a product is for


def test_a_product_adds_up_what_no_single_construct_shows() -> None:
    seen = Observation(log_e=(1.2,) * 5)

    _, averaged = step(init(Design(5)), seen)
    _, multiplied = step(init(Design(5, independence=SAME_REASON)), seen)

    assert averaged.log_e == pytest.approx(1.2, abs=1e-15)
    assert multiplied.log_e == pytest.approx(6.0, abs=1e-15)
    assert (averaged.is_crossing, multiplied.is_crossing) == (False, True)


def test_the_greatest_of_the_looks_is_told_apart_and_not_used() -> None:
    state, _ = step(init(Design(2)), Observation(log_e=(5.0, 5.0)))

    state, look = step(state, Observation(log_e=(-1.0, -1.0)))

    assert look.log_e == -1.0
    assert look.e == math.exp(-1.0)
    assert look.greatest_log_e == 5.0
    assert (look.is_crossing, look.has_crossed) == (False, True)


def test_no_evidence_at_all_stays_none() -> None:
    assert mean([-math.inf, -math.inf]).item() == -math.inf
    assert mean([-math.inf, 0.0]).item() == pytest.approx(-math.log(2.0))
    assert product([-math.inf, 5.0]).item() == -math.inf


@pytest.mark.parametrize("n", [1, 5, 20, 1_000])
def test_any_number_of_components_gives_a_number(n: int) -> None:
    for value in (-1e300, -700.0, 0.0, 1e4, 1e300):
        assert np.isfinite(mean([value] * n))
        assert np.isfinite(product([value] * n))
        for design in (Design(n), Design(n, independence=SAME_REASON)):
            _, look = step(init(design), Observation(log_e=(value,) * n))
            assert math.isfinite(look.log_e)


@pytest.mark.parametrize(
    ("log_e", "weights", "message"),
    [([], None, "shape"), (1.0, None, "shape"), ([math.nan], None, r"log_e\[0\] is nan"),
     ([math.inf], None, r"log_e\[0\] is inf"), ([1.0, 2.0], [0.5, 0.6], "come to 1"),
     ([1.0, 2.0], [1.0], "weights has 1"), ([1.0, 2.0], [0.0, 1.0], r"weights\[0\]"),
     ([1.0, -1e301], None, r"log_e\[1\]"), ([1.0, 2.0], [math.nan, 1.0], r"weights\[0\]")],
)  # fmt: skip
def test_bad_arguments_are_refused(log_e: object, weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean(log_e, weights=weights)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"n_components": 0}, "n_components"), ({"n_components": 1.5}, "n_components"),
     ({"alpha": 0.0}, "alpha"), ({"independence": " "}, "independence"),
     ({"weights": (1.0,)}, "weights has 1"), ({"weights": (0.5, 0.4)}, "come to 1"),
     ({"weights": (0.5, 0.5), "independence": "yes"}, "must be empty for a product")],
)  # fmt: skip
def test_bad_designs_are_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**({"n_components": 2} | bad))  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("log_e", [(1.0,), (1.0, math.nan), (1.0, -math.inf), (1.0, 1e301)])
def test_bad_looks_are_refused(log_e: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="log_e"):
        step(init(Design(2)), Observation(log_e=log_e))
