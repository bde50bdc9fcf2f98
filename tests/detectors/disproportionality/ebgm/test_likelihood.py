"""The three likelihoods against openEBGM, their definition, and their finite differences."""

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from data import reference_json, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import special

from detectors.disproportionality.ebgm import Prior, negative_log_likelihood
from detectors.disproportionality.ebgm.climbing import from_transformed
from detectors.disproportionality.ebgm.likelihood import pairs_of, surface, total_log_likelihood
from detectors.disproportionality.ebgm.prior import LIKELIHOODS, Likelihood

TRUNCATED: tuple[Likelihood, ...] = ("openebgm", "truncated_mixture")
every_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS)

Data = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]

gammas = st.floats(0.02, 50.0)
priors = st.builds(Prior, gammas, gammas, gammas, gammas, st.floats(0.0, 1.0))
reported = st.lists(
    st.tuples(st.integers(1, 200), st.floats(1e-4, 500.0), st.integers(1, 9)),
    min_size=1,
    max_size=12,
)


def fixed() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = reference_json("openebgm/caers_negloglik.json")
    return rows


@pytest.mark.each_of("row", fixed, ids=lambda row: f"alpha1={row['theta'][0]:.2f}")
def test_it_matches_openebgm_on_full_and_squashed_data(
    row: dict[str, Any], scores: dict[str, pd.DataFrame]
) -> None:
    prior = Prior(*row["theta"])
    full = scores["unstratified"]
    squashed = reference_table("openebgm/caers_squashed_twice.csv")

    of_full = negative_log_likelihood(full["N"], full["E"], prior, likelihood="openebgm")
    of_squashed = negative_log_likelihood(
        squashed["N"], squashed["E"], prior, weights=squashed["weight"], likelihood="openebgm"
    )

    assert_allclose(of_full, row["negLL_zt"], rtol=1e-12)  # fifteen digits are given
    assert_allclose(of_squashed, row["negLLsquash_zt"], rtol=1e-12)


def test_with_the_pairs_never_reported_it_matches_openebgm() -> None:
    # openEBGM's table with zeros holds every product with every event of CAERS.
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    margins = [
        rows.assign(margin=rows["a"] + rows[other]).groupby(name)["margin"].first().sort_index()
        for name, other in (("var1", "b"), ("var2", "c"))
    ]
    total = int((rows["a"] + rows["b"] + rows["c"] + rows["d"]).iloc[0])
    expected = np.outer(margins[0], margins[1]) / total
    n = np.zeros(expected.shape, dtype=np.int64)
    places = (
        margin.index.get_indexer(pd.Index(rows[name]))
        for margin, name in zip(margins, ("var1", "var2"), strict=True)
    )
    n[tuple(places)] = rows["a"]

    found = [
        negative_log_likelihood(n, expected, Prior(*row["theta"]), likelihood="full")
        for row in fixed()[1:]
    ]

    assert_allclose(found, [row["negLLzero"] for row in fixed()[1:]], rtol=1e-12)  # digits given


def test_it_matches_the_independent_value_of_the_truncated_mixture(
    data: Data, published: dict[str, Any]
) -> None:
    row = published["caers_report_level_E"]["truncated_mixture"]

    found = negative_log_likelihood(
        *data["unstratified"], Prior(*row["theta"]), likelihood="truncated_mixture"
    )

    assert_allclose(found, row["nll"], atol=2e-9)  # nine decimals are given


@given(reported, priors)
def test_each_is_its_definition(pairs: list[tuple[int, float, int]], prior: Prior) -> None:
    n, expected, weights = (np.array(part) for part in zip(*pairs, strict=True))

    found = {
        name: negative_log_likelihood(n, expected, prior, weights=weights, likelihood=name)
        for name in (*TRUNCATED, "full")
    }

    alpha1, beta1, alpha2, beta2, p = prior.parameters
    f1, c1 = _component(n, expected, alpha1, beta1)
    f2, c2 = _component(n, expected, alpha2, beta2)
    exact: dict[Likelihood, NDArray[np.float64]] = {
        "full": _log_mixture(p, f1, f2),
        "openebgm": _log_mixture(p, f1 - c1, f2 - c2),
        "truncated_mixture": _log_mixture(p, f1, f2) - _log_mixture(p, c1, c2),
    }
    for name, logarithms in exact.items():
        # Log-gammas of 250 are subtracted here, and weights go to 9.
        assert_allclose(found[name], -(weights * logarithms).sum(), rtol=1e-10, atol=1e-9)


def _component(
    n: NDArray[np.int64], expected: NDArray[np.float64], alpha: float, beta: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    log_none = alpha * np.log(beta / (beta + expected))
    rising = special.gammaln(alpha + n) - special.gammaln(alpha) - special.gammaln(n + 1)
    return rising + log_none + n * np.log(expected / (beta + expected)), np.log(
        -np.expm1(-alpha * np.log1p(expected / beta))
    )


def _log_mixture(
    p: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):  # a component without weight
        return np.asarray(np.logaddexp(np.log(p) + first, np.log1p(-p) + second))


@every_likelihood
@pytest.mark.parametrize(
    ("n", "expected"), [(1, 1e-90), (3, 1e-12), (5_000, 0.01), (10**7, 1e7), (10**6, 1e-3)]
)
def test_extremes_have_twelve_digits(n: int, expected: float, likelihood: Likelihood) -> None:
    prior = Prior(20.9, 1.66, 0.02, 400.0, 0.03)

    found = negative_log_likelihood([n], [expected], prior, likelihood=likelihood)

    # Rounding; the likelihood of a single report that is the only one possible is 1.
    assert_allclose(found, _by_mpmath(n, expected, prior, likelihood), rtol=1e-12, atol=1e-15)


def _by_mpmath(n: int, expected: float, prior: Prior, likelihood: Likelihood) -> float:
    with mpmath.workdps(220):
        alpha1, beta1, alpha2, beta2, p = map(mpmath.mpf, prior.parameters)
        e = mpmath.mpf(expected)

        def f(alpha: mpmath.mpf, beta: mpmath.mpf, k: int) -> mpmath.mpf:
            return mpmath.exp(
                mpmath.loggamma(alpha + k)
                - mpmath.loggamma(alpha)
                - mpmath.loggamma(k + 1)
                + alpha * mpmath.log(beta / (beta + e))
                + k * mpmath.log(e / (beta + e))
            )

        f1, f2 = f(alpha1, beta1, n), f(alpha2, beta2, n)
        c1, c2 = 1 - f(alpha1, beta1, 0), 1 - f(alpha2, beta2, 0)
        value = {
            "full": p * f1 + (1 - p) * f2,
            "openebgm": p * f1 / c1 + (1 - p) * f2 / c2,
            "truncated_mixture": (p * f1 + (1 - p) * f2) / (p * c1 + (1 - p) * c2),
        }[likelihood]
        return float(-mpmath.log(value))


@every_likelihood
@given(reported, st.lists(st.floats(-2.0, 2.5), min_size=4, max_size=4), st.floats(-4.0, 4.0))
@settings(max_examples=40)
def test_gradient_and_hessian_agree_with_finite_differences(
    likelihood: Likelihood,
    pairs: list[tuple[int, float, int]],
    logarithms: list[float],
    logit: float,
) -> None:
    n, expected, weights = zip(*pairs, strict=True)
    data = pairs_of(n, expected, weights, likelihood)
    x = np.array([*logarithms, logit])

    found = surface(data, from_transformed(x), likelihood)

    def beside(size: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sides = [
            [surface(data, from_transformed(x + sign * step), likelihood) for step in np.eye(5)]
            for sign in (size, -size)
        ]
        pairs_of_sides = list(zip(*sides, strict=True))
        slopes = [(up.value - down.value) / (2 * size) for up, down in pairs_of_sides]
        bends = [(up.gradient - down.gradient) / (2 * size) for up, down in pairs_of_sides]
        return np.array(slopes), np.array(bends)

    near, far = beside(1e-4), beside(2e-4)
    slopes, bends = ((4 * one - other) / 3 for one, other in zip(near, far, strict=True))
    scale = 1.0 + float(np.abs(found.hessian).max()) + abs(found.value)
    # Richardson's rule leaves 1e-16 fifth derivatives, and rounding divided by 1e-4.
    assert_allclose(found.gradient, slopes, atol=1e-10 * scale)
    assert_allclose(found.hessian, bends, atol=1e-10 * scale)


@every_likelihood
def test_the_value_of_the_surface_is_the_mean_log_likelihood(likelihood: Likelihood) -> None:
    data = pairs_of([1, 2, 9], [0.2, 0.4, 0.5], [3, 1, 2], likelihood)
    parameters = (3.2, 0.4, 2.0, 1.9, 0.07)

    value = surface(data, parameters, likelihood).value

    assert_allclose(6 * value, total_log_likelihood(data, parameters, likelihood), rtol=1e-15)


@every_likelihood
def test_a_weight_is_a_repetition_and_the_order_of_rows_changes_no_bit(
    likelihood: Likelihood,
) -> None:
    rng = np.random.default_rng(seed=1999)
    n, expected = rng.integers(1, 9, 500), rng.choice([0.01, 0.3, 0.7, 5.0], 500)
    order = rng.permutation(500)
    prior = Prior(3.2, 0.4, 2.0, 1.9, 0.07)

    found = negative_log_likelihood(n, expected, prior, likelihood=likelihood)

    shuffled = negative_log_likelihood(n[order], expected[order], prior, likelihood=likelihood)
    thrice = negative_log_likelihood(
        np.tile(n, 3), np.tile(expected, 3), prior, likelihood=likelihood
    )
    weighted = negative_log_likelihood(
        n, expected, prior, weights=np.full(500, 3), likelihood=likelihood
    )
    assert shuffled == found
    assert thrice == weighted
    assert_allclose(weighted, 3 * found, rtol=1e-15)


@pytest.mark.parametrize("p", [0.0, 1.0])
@every_likelihood
def test_a_weight_of_zero_or_one_leaves_one_component(p: float, likelihood: Likelihood) -> None:
    mixed = Prior(3.2, 0.4, 2.0, 1.9, p)
    alone = Prior(*((3.2, 0.4) * 2 if p else (2.0, 1.9) * 2), 0.5)

    found, same = (
        negative_log_likelihood([1, 4], [0.1, 0.2], prior, likelihood=likelihood)
        for prior in (mixed, alone)
    )

    assert_allclose(found, same, rtol=1e-14)


def test_the_least_expectation_and_the_most_pairs_are_taken() -> None:
    prior = Prior(0.2, 0.1, 2.0, 4.0, 1 / 3)

    least = negative_log_likelihood([1, 1], [1e-100, 1.0], prior)
    one, most = (
        negative_log_likelihood([1, 2], [0.5, 1.0], prior, weights=[each, each])
        for each in (1, 2**52)
    )

    assert np.isfinite(least)
    assert_allclose(most, 2.0**52 * one, rtol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": [1, -1]}, r"n\[1\] is -1: must not be negative"),
        ({"n": [1.5, 1]}, r"n\[0\] is 1\.5: must be whole"),
        ({"n": [2, 0]}, r"n\[1\] is 0: must be at least 1 in a truncated likelihood"),
        ({"expected": [0.1, np.nan]}, r"expected\[1\] is nan: must be known"),
        ({"expected": [0.0, 1.0]}, r"expected\[0\] is 0\.0: must be at least 1e-100"),
        ({"expected": [np.inf, 1.0]}, r"expected\[0\] is inf: must be finite"),
        ({"expected": 1.0}, r"expected has shape \(\): must have that of n, \(2,\)"),
        ({"weights": [1, 0]}, r"weights\[1\] is 0: must be at least 1"),
        ({"weights": [1, 0.5]}, r"weights\[1\] is 0\.5: must be whole"),
        ({"weights": [1]}, r"weights has shape \(1,\): must have that of n, \(2,\)"),
        ({"weights": [2**53, 2**53]}, r"weights sum to more than 2\*\*53"),
        ({"n": [], "expected": []}, r"n is empty: a fit needs pairs"),
        (
            {"likelihood": "poisson"},
            r"likelihood is 'poisson': must be one of trunc",
        ),
    ],
)
def test_it_refuses_what_has_no_likelihood(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"n": [1, 2], "expected": [0.1, 0.2]}

    with pytest.raises(ValueError, match=message):
        negative_log_likelihood(**(usual | arguments), prior=Prior(1.0, 1.0, 1.0, 2.0, 0.5))
