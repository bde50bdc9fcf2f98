"""Scores against openEBGM, vigipy, fifty digits, and what must hold of any posterior."""

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import special

from detectors.disproportionality.ebgm import Prior, grid, score
from detectors.disproportionality.ebgm.posterior import of_counts
from detectors.disproportionality.ebgm.quantile import tail_of

CAERS = Prior(20.95778, 1.65776, 1.73831, 1.56426, 0.03494)
VIGIPY = (
    0.5801028444089658,
    0.02775508648307877,
    0.3614181065399477,
    0.7778016353074807,
    0.0003725645272240724,
)

Data = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]

gammas = st.floats(0.03, 100.0)
priors = st.builds(Prior, gammas, gammas, gammas, gammas, st.floats(0.0, 1.0))
counts = st.integers(0, 40) | st.integers(0, 10**7)
expectations = st.floats(1e-4, 1e3) | st.floats(-12.0, 9.0).map(lambda power: 10.0**power)


@pytest.mark.parametrize("kind", ["unstratified", "stratified"])
def test_it_matches_openebgm(
    kind: str, scores: dict[str, pd.DataFrame], published: dict[str, Any]
) -> None:
    rows = scores[kind]
    prior = Prior(*published[f"{kind}_zt_squash2"]["autoHyper"].values())

    found = score(rows["N"], rows["E"], prior, quantiles=(0.025, 0.05, 0.95, 0.975))

    assert_allclose(found.qn, rows["Qn"], rtol=1e-11)  # the prior is given to thirteen digits
    assert_allclose(found.ebgm, rows["EBGM"], atol=5.1e-9)  # eight decimals
    for name, quantile in zip(("Q2_5", "Q5", "Q95", "Q97_5"), found.quantiles.T, strict=True):
        assert_allclose(quantile, rows[name], atol=1.5e-6)  # bisected to six decimals


def test_it_matches_vigipy_as_far_as_vigipy_goes(vigipy_scores: pd.DataFrame) -> None:
    n, expected = vigipy_scores["Count"].to_numpy(), vigipy_scores["Expected Count"].to_numpy()
    prior = Prior(*VIGIPY)

    found = score(n, expected, prior)

    assert_allclose(found.ebgm, vigipy_scores["GPS_EBGM"], rtol=2e-8)  # nine digits of E and EBGM
    limits = {0.05: "GPS_LowerBound", 0.95: "GPS_UpperBound"}
    for probability, name in limits.items():
        theirs = vigipy_scores[name].to_numpy()
        below = found.qn * special.gammainc(prior.alpha1 + n, (prior.beta1 + expected) * theirs)
        below += (1 - found.qn) * special.gammainc(
            prior.alpha2 + n, (prior.beta2 + expected) * theirs
        )
        assert_allclose(below, probability, atol=5.1e-5)  # vigipy stops at four decimals of this


@given(counts, expectations, priors, st.sampled_from([1e-5, 0.025, 0.05, 0.5, 0.95, 1 - 1e-5]))
@settings(max_examples=50)
@pytest.mark.slow
def test_it_has_ten_digits_wherever_it_is_asked(
    n: int, expected: float, prior: Prior, probability: float
) -> None:
    found = score(n, expected, prior, quantiles=(probability,))

    with mpmath.workdps(50):
        exact = _Posterior(n, expected, prior)
        quantile = mpmath.mpf(found.quantiles.item())
        mass = exact.below(quantile)
        slope = exact.slope(quantile)
        error = abs((mass - mpmath.mpf(probability)) / slope)
        assert_allclose(found.qn, float(exact.qn), rtol=1e-8, atol=1e-300)
        assert_allclose(found.ebgm, float(exact.ebgm), rtol=1e-10)
        # To 1e-10 of the quantile, or as near as the doubles of Qn and of the integrals allow
        # where the distribution is flat between two components far apart.
        assert error < 1e-10 or abs(mass - mpmath.mpf(probability)) < 1e-13 * min(
            probability, 1 - probability
        )


@pytest.mark.parametrize(("n", "expected"), [(10**7, 1.3e7), (10**6, 9.9e5), (10**7, 6e6)])
def test_the_weight_of_a_huge_count_keeps_its_digits(n: int, expected: float) -> None:
    found = score(n, expected, CAERS)

    with mpmath.workdps(50):
        exact = float(_Posterior(n, expected, CAERS).qn)
    assert_allclose(found.qn, exact, rtol=1e-12)  # a plain logarithm would leave 1e-9


def test_the_weight_keeps_its_digits_where_the_rates_are_far_apart() -> None:
    prior = Prior(2.0, 1e-6, 2.0, 1.0, 1e-114)  # as rare as twenty reports are for the second

    found = score(20, 1e-6, prior)

    with mpmath.workdps(50):
        exact = float(_Posterior(20, 1e-6, prior).qn)
    assert 0.01 < exact < 0.99
    assert_allclose(found.qn, exact, rtol=1e-12)  # log1p(-0.999998) would leave 1e-10


def test_the_grid_leaves_little_to_search() -> None:
    expected = np.exp(np.linspace(-8.0, 4.0, 500))
    n = np.full(500, 2)
    counts = of_counts(np.array([2]), CAERS)
    which = np.zeros(500, dtype=np.intp)
    cell, beyond = grid.places_of(n, expected)
    is_used = grid.empty(counts.n)
    grid.mark(is_used, which, cell)

    table = grid.filled(counts, tail_of(0.05, counts), CAERS, is_used)
    start = grid.interpolated(table, which, cell, beyond)

    found = np.log(score(n, expected, CAERS).quantile(0.05))
    assert_allclose(start, found, atol=1e-4)  # the fourth power of a step of 0.04, times 20


class _Posterior:
    """The definition, term by term."""

    def __init__(self, n: int, expected: float, prior: Prior) -> None:
        self.n, self.expected = n, mpmath.mpf(expected)
        alpha1, beta1, alpha2, beta2, p = map(mpmath.mpf, prior.parameters)
        self.shapes = (alpha1 + n, alpha2 + n)
        self.rates = (beta1 + self.expected, beta2 + self.expected)
        first = p * mpmath.exp(self._log_mass(alpha1, beta1))
        second = (1 - p) * mpmath.exp(self._log_mass(alpha2, beta2))
        self.qn = first / (first + second)
        self.weights = (self.qn, second / (first + second))
        self.ebgm = mpmath.exp(
            sum(
                weight * (mpmath.psi(0, shape) - mpmath.log(rate))
                for weight, shape, rate in zip(self.weights, self.shapes, self.rates, strict=True)
            )
        )

    def _log_mass(self, alpha: mpmath.mpf, beta: mpmath.mpf) -> mpmath.mpf:
        both = beta + self.expected
        mass = mpmath.loggamma(alpha + self.n) - mpmath.loggamma(alpha)
        return mass + alpha * mpmath.log(beta / both) + self.n * mpmath.log(self.expected / both)

    def below(self, ratio: mpmath.mpf) -> mpmath.mpf:
        parts = zip(self.weights, self.shapes, self.rates, strict=True)
        return sum(weight * _gamma_cdf(shape, rate * ratio) for weight, shape, rate in parts)

    def slope(self, ratio: mpmath.mpf) -> mpmath.mpf:
        """Give the derivative by the logarithm of the ratio."""
        parts = zip(self.weights, self.shapes, self.rates, strict=True)
        return sum(
            weight
            * mpmath.exp(shape * mpmath.log(rate * ratio) - rate * ratio - mpmath.loggamma(shape))
            for weight, shape, rate in parts
        )


def _gamma_cdf(shape: mpmath.mpf, x: mpmath.mpf) -> mpmath.mpf:
    reach = 60 * mpmath.sqrt(shape) + 300  # beyond it nothing is left in fifty digits
    if abs(x - shape) > reach:
        return mpmath.mpf(int(x > shape)) if x > shape or x == 0 else _series(shape, x)
    return _series(shape, x)


def _series(shape: mpmath.mpf, x: mpmath.mpf) -> mpmath.mpf:
    total = term = 1 / shape
    k = 1
    while term > total * mpmath.mpf(10) ** -40:
        term *= x / (shape + k)
        total += term
        k += 1
    return total * mpmath.exp(shape * mpmath.log(x) - x - mpmath.loggamma(shape))


@given(st.lists(st.tuples(counts, expectations), min_size=2, max_size=20), priors)
@settings(max_examples=20)
def test_a_pair_alone_has_the_bits_it_has_among_others(
    pairs: list[tuple[int, float]], prior: Prior
) -> None:
    n, expected = (np.array(part) for part in zip(*pairs, strict=True))

    together = score(n, expected, prior)

    backwards = score(n[::-1], expected[::-1], prior)
    alone = [score(*pair, prior) for pair in pairs]
    for name in ("ebgm", "qn", "quantiles"):
        found = getattr(together, name)
        assert getattr(backwards, name)[::-1].tobytes() == found.tobytes()
        assert np.array([getattr(one, name) for one in alone]).tobytes() == found.tobytes()


def test_where_the_search_starts_does_not_show(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    from_grid = score(*data["unstratified"], CAERS)

    monkeypatch.setattr(grid, "GREATEST_COUNT", -1)
    from_middle = score(*data["unstratified"], CAERS)

    assert_allclose(from_grid.quantiles, from_middle.quantiles, rtol=2e-14)  # rounding


@given(counts, expectations, priors)
def test_the_mean_lies_within_wide_limits_and_the_limits_in_order(
    n: int, expected: float, prior: Prior
) -> None:
    found = score(n, expected, prior, quantiles=(1e-5, 0.05, 0.5, 0.95, 1 - 1e-5))

    assert (np.diff(found.quantiles) >= 0).all()
    assert 0 <= found.qn <= 1
    assert found.quantiles[-1] > found.ebgm * (1 - 1e-9)


@given(st.integers(0, 1_000), st.floats(1e-3, 1e3), priors)
def test_more_expected_lowers_every_number(n: int, expected: float, prior: Prior) -> None:
    found = score(n, [expected, 1.01 * expected], prior)

    assert (found.quantiles[1] < found.quantiles[0]).all()
    assert found.ebgm[1] < found.ebgm[0]


@given(st.integers(0, 1_000), st.floats(1e-3, 1e3), gammas, gammas)
def test_equal_components_are_one_gamma_distribution(
    n: int, expected: float, alpha: float, beta: float
) -> None:
    found = score(n, expected, Prior(alpha, beta, alpha, beta, 0.3), quantiles=(0.05,))

    rate = beta + expected
    quantile = special.gammaincinv(alpha + n, 0.05) / rate
    assert_allclose(found.quantiles[0], quantile, rtol=1e-12)  # SciPy's own rounding
    assert_allclose(found.ebgm, np.exp(special.psi(alpha + n)) / rate, rtol=1e-12)
    assert_allclose(found.qn, 0.3, rtol=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_component_without_weight_does_not_matter(p: float) -> None:
    prior = Prior(3.0, 0.4, 2.0, 1.9, p)
    alone = Prior(*((3.0, 0.4) * 2 if p else (2.0, 1.9) * 2), 0.5)

    found, same = (score([0, 1, 30], [0.1, 1e-6, 2.0], one) for one in (prior, alone))

    assert found.qn.tolist() == [p] * 3
    assert_allclose(found.quantiles, same.quantiles, rtol=1e-13)
    assert_allclose(found.ebgm, same.ebgm, rtol=1e-13)


def test_components_far_apart_leave_each_quantile_with_its_own() -> None:
    # A tenth of the weight at 1e-8, the rest at 1e8: the distribution is flat in between.
    prior = Prior(100.0, 1e10, 100.0, 1e-6, 0.1)

    found = score(0, 1e-30, prior, quantiles=(0.05, 0.09, 0.11, 0.95))

    low = special.gammaincinv(100.0, [0.5, 0.9]) / 1e10
    high = special.gammaincinv(100.0, [0.01 / 0.9, 0.85 / 0.9]) / 1e-6
    assert_allclose(found.quantiles, [*low, *high], rtol=1e-11)  # 0.11 - 0.1 has lost a digit


def test_the_prior_itself_is_scored_where_nothing_is_expected_or_seen() -> None:
    found = score(0, 0.0, CAERS)

    assert_allclose(found.qn, CAERS.p, rtol=1e-14)


def test_an_expectation_of_zero_is_the_limit_of_small_ones() -> None:
    at_zero = score([1, 5, 40], 0.0, CAERS)

    near = score([1, 5, 40], 1e-15, CAERS)

    assert_allclose(at_zero.ebgm, near.ebgm, rtol=1e-12)  # nearness of the expectations
    assert_allclose(at_zero.quantiles, near.quantiles, rtol=1e-12)


def test_an_expectation_that_is_not_known_gives_no_number() -> None:
    found = score([3, 3], [np.nan, 1.0], CAERS)

    assert found.state.tolist() == ["no_expected", "defined"]
    for numbers in (found.ebgm, found.qn, found.quantiles[:, 0], found.quantile(0.95)):
        assert np.isnan(numbers).tolist() == [True, False]


def test_the_greatest_counts_have_numbers() -> None:
    found = score([2**53, 2**53, 10**7], [2.0**53, 1e-12, 1e9], CAERS)

    assert_allclose(found.ebgm, [1.0, 2**53 / CAERS.beta2, 0.01], rtol=3e-6)  # 21 / 1e7
    assert (found.quantiles[:, 0] <= found.ebgm).all()
    assert (found.ebgm <= found.quantiles[:, 1]).all()
    assert_allclose(found.quantiles[:, 0], found.ebgm, rtol=1e-3)  # 1.6 over the root of 1e7


def test_a_quantile_below_the_doubles_is_zero() -> None:
    found = score(0, 1.0, Prior(1e-4, 1.0, 1e-4, 2.0, 0.5))

    assert found.quantile(0.05) == 0.0


def test_shapes_come_back_and_nothing_is_a_result_too() -> None:
    grid = score([[1], [2]], [0.1, 0.2, 0.3], CAERS)
    none = score([], [], CAERS)
    without = score([1, 2], 0.1, CAERS, quantiles=())

    assert grid.ebgm.shape == grid.state.shape == grid.quantile(0.05).shape == (2, 3)
    assert grid.quantiles.shape == (2, 3, 2)
    assert none.quantiles.shape == (0, 2)
    assert without.quantiles.shape == (2, 0)


def test_arguments_are_left_as_they_were() -> None:
    n, expected = np.array([1, 2]), np.array([0.1, np.nan])

    score(n, expected, CAERS)

    assert n.tolist() == [1, 2]
    assert expected[0] == 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": [1, -1]}, r"n\[1\] is -1: must not be negative"),
        ({"n": 1.5}, r"n is 1\.5: must be whole"),
        ({"expected": [1.0, -1.0]}, r"expected\[1\] is -1\.0: must not be negative"),
        ({"expected": np.inf}, r"expected is inf: must be finite"),
        (
            {"quantiles": (0.05, 1.0)},
            r"quantiles\[1\] is 1\.0: must lie between 1e-05 and",
        ),
        ({"quantiles": (np.nan,)}, r"quantiles\[0\] is nan: must lie between"),
    ],
)
def test_it_refuses_what_cannot_be_scored(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"n": [1, 2], "expected": [0.1, 0.2]}

    with pytest.raises(ValueError, match=message):
        score(**(usual | arguments), prior=CAERS)


def test_a_quantile_that_was_not_computed_is_refused() -> None:
    found = score(1, 0.1, CAERS)

    with pytest.raises(ValueError, match=r"probability is 0\.5: must be one of \(0\.05, 0\.95\)"):
        found.quantile(0.5)
