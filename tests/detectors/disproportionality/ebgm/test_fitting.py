"""Fitted priors against published ones, from many starts, and on simulated data."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import stats

from detectors.disproportionality.ebgm import (
    NotConverged,
    Prior,
    Squashed,
    fit,
    fitting,
    negative_log_likelihood,
    squash,
)
from detectors.disproportionality.ebgm.climbing import (
    BOUNDS,
    Summit,
    climb,
    from_transformed,
    to_transformed,
)
from detectors.disproportionality.ebgm.fitting import _End, _ends, _merged, _ordered
from detectors.disproportionality.ebgm.likelihood import Parameters, pairs_of, surface
from detectors.disproportionality.ebgm.prior import Diagnostics, Likelihood
from detectors.disproportionality.ebgm.starting import starting_points

ROOT = Path(__file__).parents[4]
FIT_AND_SCORE = """
import numpy as np
from detectors.disproportionality.ebgm import fit, score

rng = np.random.default_rng(11)
expected = 0.01 + rng.gamma(0.5, 2.0, 3_000)
n = 1 + rng.poisson(expected * np.where(rng.random(3_000) < 0.1, 8.0, 0.8))
prior = fit(n, expected)
found = score(n, expected, prior)
print(prior, found.ebgm.tobytes().hex(), found.quantiles.tobytes().hex())
"""

THETA = 1e-3  # relative; openEBGM's optimiser stops there
NLL = 1e-4  # absolute, likewise

Data = dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]

TRUTH = (6.0, 0.6, 3.0, 4.0, 0.15)


def diagnostics_of(prior: Prior) -> Diagnostics:
    assert prior.diagnostics is not None
    return prior.diagnostics


def theta_of(row: dict[str, Any]) -> Parameters:
    alpha1, beta1, alpha2, beta2, p = row["autoHyper"].values()
    return alpha1, beta1, alpha2, beta2, p


def squashed_of(data: Data, name: str) -> dict[str, Squashed]:
    n, expected = data[name]
    once = squash(n, expected)
    automatic = squash(n, expected, bin_size=31, keep=100)
    automatic = squash(automatic, count=2, bin_size=8, keep=75)
    return {
        "full": squash(n, expected, count=0),  # nothing is put together
        "squash": once,
        "squash2": squash(once, count=2, bin_size=10, keep=20),
        "auto": squash(automatic, count=3, bin_size=2, keep=50),
    }


@pytest.mark.parametrize("kind", ["full", "squash2"])
def test_with_strata_it_is_openebgms_fit(kind: str, data: Data, published: dict[str, Any]) -> None:
    row = published[f"stratified_zt_{kind}"]
    found = fit(squashed_of(data, "stratified")[kind], likelihood="openebgm")

    assert_allclose(found.parameters, theta_of(row), rtol=THETA)
    best = min(each["minimum"] for each in row["exploreHypers"])
    assert_allclose(-diagnostics_of(found).log_likelihood, best, atol=NLL)
    assert diagnostics_of(found).n_agreeing == 8


@pytest.mark.parametrize("kind", ["full", "squash", "squash2", "auto"])
def test_without_strata_openebgm_stops_below_the_best_optimum(
    kind: str, data: Data, published: dict[str, Any]
) -> None:
    row = published[f"unstratified_zt_{kind}"]
    given = squashed_of(data, "unstratified")[kind]
    pairs = pairs_of(given.n, given.expected, given.weights, "openebgm")

    from_theirs = climb(
        pairs, to_transformed(theta_of(row)), likelihood="openebgm", tolerance=1e-10
    )
    found = fit(given, likelihood="openebgm")

    theirs = min(each["minimum"] for each in row["exploreHypers"])
    assert_allclose(from_transformed(from_theirs.x), theta_of(row), rtol=THETA)
    assert_allclose(-from_theirs.value * pairs.total, theirs, atol=NLL)
    assert -diagnostics_of(found).log_likelihood < theirs - 0.25
    assert_allclose(found.alpha1, 20.9, rtol=0.01)  # openEBGM: 3.26


def test_the_better_optimum_is_better_by_scipys_own_probabilities(
    data: Data, published: dict[str, Any]
) -> None:
    n, expected = data["unstratified"]

    found = fit(n, expected, likelihood="openebgm")

    def by_scipy(theta: Parameters) -> float:
        alpha1, beta1, alpha2, beta2, p = theta
        first, second = (
            stats.nbinom.pmf(n, alpha, beta / (beta + expected))
            / stats.nbinom.sf(0, alpha, beta / (beta + expected))
            for alpha, beta in ((alpha1, beta1), (alpha2, beta2))
        )
        return float(-np.log(p * first + (1 - p) * second).sum())

    theirs = by_scipy(theta_of(published["unstratified_zt_full"]))
    assert_allclose(theirs, 4162.45571, atol=1e-5)  # as openEBGM prints it
    assert_allclose(by_scipy(found.parameters), 4162.18084, atol=1e-5)
    assert_allclose(-diagnostics_of(found).log_likelihood, by_scipy(found.parameters), rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "of_reference"),
    [("unstratified", "caers_report_level_E"), ("pair_sum", "caers_pair_sum_E")],
)
def test_of_the_truncated_mixture_it_is_the_independent_fit(
    name: str, of_reference: str, data: Data, published: dict[str, Any]
) -> None:
    row = published[of_reference]["truncated_mixture"]

    found = fit(*data[name], likelihood="truncated_mixture")

    assert_allclose(found.parameters, row["theta"], rtol=THETA)
    assert_allclose(-diagnostics_of(found).log_likelihood, row["nll"], atol=1e-6)
    assert -diagnostics_of(found).log_likelihood <= row["nll"] + 1e-9  # its last digit


def test_of_the_truncated_mixture_vigipy_stops_below_the_best_optimum(
    data: Data, published: dict[str, Any]
) -> None:
    row = published["caers_pair_sum_E"]["vigipy_3_5_1"]

    found = fit(*data["pair_sum"], likelihood="truncated_mixture")

    theirs = negative_log_likelihood(
        *data["pair_sum"], Prior(*row["theta"]), likelihood="truncated_mixture"
    )
    assert_allclose(theirs, row["nll"], atol=1e-5)  # its theta has nine digits
    assert -diagnostics_of(found).log_likelihood < theirs - 1.24
    assert diagnostics_of(found).gap_between_starts > 24.0  # 4481.16, where most starts end


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "likelihood"),
    [
        ("unstratified", "openebgm"),
        ("unstratified", "truncated_mixture"),
        ("stratified", "truncated_mixture"),
        ("faers", "truncated_mixture"),
        ("pair_sum", "truncated_mixture"),
        ("faers", "openebgm"),
        ("statin", "openebgm"),
        ("statin", "truncated_mixture"),
    ],
)
def test_thirty_random_starts_find_the_same_optimum_and_none_a_better_one(
    name: str, likelihood: Likelihood, data: Data
) -> None:
    rng = np.random.default_rng(seed=30)
    pairs = pairs_of(*data[name], None, likelihood)
    points = list(rng.normal([0.0, -2.0, 0.0, 0.3, -2.5], [1.5, 2.0, 1.5, 1.5, 2.0], (30, 5)))

    ends = _ends(pairs, points, likelihood)
    found = fit(*data[name], likelihood=likelihood)

    best = from_transformed(ends[0].summit.x)
    assert_allclose(found.parameters, best, rtol=1e-5)  # a gradient of 1e-10 over the flattest bend
    assert_allclose(
        diagnostics_of(found).log_likelihood, ends[0].summit.value * pairs.total, rtol=1e-12
    )
    assert sum(end.n_reached for end in ends) == 30
    assert ends[0].n_reached >= 2


def in_proportion(likelihood: Likelihood, n_pairs: int) -> dict[str, Any]:
    """Make as many pairs of each count as the truth has in the mean."""
    least = 0 if likelihood == "full" else 1
    n, expected = (x.ravel() for x in np.meshgrid(np.arange(least, 80), [0.1, 0.4, 1.0]))
    alpha1, beta1, alpha2, beta2, p = TRUTH
    laws = [stats.nbinom(a, b / (b + expected)) for a, b in ((alpha1, beta1), (alpha2, beta2))]
    shares = np.array([[p], [1 - p]])
    masses = shares * [law.pmf(n) for law in laws]
    reported = shares * [law.sf(0) for law in laws]
    if likelihood == "full":
        chance = masses.sum(axis=0)
    elif likelihood == "truncated_mixture":
        chance = masses.sum(axis=0) / reported.sum(axis=0)
    else:
        chance = (shares * masses / reported).sum(axis=0)
    weights = np.round(n_pairs * chance).astype(np.int64)
    some = weights > 0
    return {"n": n[some], "expected": expected[some], "weights": weights[some]}


@pytest.mark.parametrize("likelihood", ["openebgm", "truncated_mixture", "full"])
def test_counts_in_the_proportions_of_a_prior_give_it_back_from_two_starts(
    likelihood: Likelihood,
) -> None:
    found = fit(**in_proportion(likelihood, 10**9), likelihood=likelihood, n_starts=2)

    assert_allclose(found.parameters, TRUTH, rtol=1e-5)  # the weights are rounded


def test_starts_that_all_agree_leave_no_gap() -> None:
    found = diagnostics_of(fit(**in_proportion("full", 10**5), likelihood="full"))

    assert (found.n_starts, found.n_agreeing, found.gap_between_starts) == (8, 8, 0.0)


def test_the_full_likelihood_is_known_of_pairs_and_of_squashed_ones_and_not_of_weights() -> None:
    data = in_proportion("openebgm", 2_000)
    n, expected = (np.repeat(data[name], data["weights"]) for name in ("n", "expected"))
    squashed = squash(n, expected)

    of_weights = diagnostics_of(fit(**data))
    of_pairs = diagnostics_of(fit(n, expected))
    of_squashed = diagnostics_of(fit(squashed))

    assert (of_weights.is_squashed, of_weights.full_log_likelihood) == (False, None)
    assert (of_pairs.is_squashed, of_squashed.is_squashed) == (False, True)
    assert of_pairs.full_log_likelihood == of_pairs.log_likelihood == of_weights.log_likelihood
    assert of_squashed.full_log_likelihood is not None
    assert of_squashed.full_log_likelihood < of_pairs.log_likelihood
    assert of_weights.n_pairs == of_pairs.n_pairs == of_squashed.n_pairs == n.size


def test_six_distinct_pairs_are_enough_if_their_likelihood_has_one_top() -> None:
    rng = np.random.default_rng(seed=0)
    n, expected = rng.integers(0, 12, 6), rng.gamma(1.0, 1.0, 6).round(3) + 0.01

    found = fit(n, expected, weights=rng.integers(1, 50, 6), likelihood="full")

    assert diagnostics_of(found).n_points == 6


@pytest.mark.parametrize("likelihood", ["openebgm", "truncated_mixture", "full"])
def test_the_derivatives_vanish_at_a_fit_by_finite_differences(
    likelihood: Likelihood, drawn: Callable[..., Any]
) -> None:
    n, expected = drawn(TRUTH, 3_000, 7, is_truncated=likelihood != "full")

    found = fit(n, expected, likelihood=likelihood)

    x = to_transformed(found.parameters)

    def value(at: NDArray[np.float64]) -> float:
        prior = Prior(*from_transformed(at))
        total = negative_log_likelihood(n, expected, prior, likelihood=likelihood)
        return total / len(n)

    for step in 1e-3 * np.eye(5):
        near, far = (value(x + k * step) - value(x - k * step) for k in (1, 2))
        # Rounding of a total of 1e4, over 1e-3, over 1,500 pairs; and 1e-12 fifth derivatives.
        assert abs((8 * near - far) / 12e-3) < 1e-11
    assert diagnostics_of(found).gradient_norm < 1e-8
    assert diagnostics_of(found).boundary_hits == ()


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["truncated_mixture", "full"])
def test_intervals_cover_the_prior_the_data_were_drawn_from(
    likelihood: Likelihood, drawn: Callable[..., Any]
) -> None:
    n_draws, seeds = 60, range(1_000, 1_060)
    is_covered, ratios = [], []

    for seed in seeds:
        n, expected = drawn(TRUTH, 3_000, seed, is_truncated=likelihood != "full")
        found = fit(n, expected, likelihood=likelihood, n_starts=4)
        is_covered.append(_is_within_wald(found, n, expected, likelihood))
        at_truth = negative_log_likelihood(n, expected, Prior(*TRUTH), likelihood=likelihood)
        ratios.append(2 * (at_truth + diagnostics_of(found).log_likelihood))

    # Three standard errors of a share of 60: 0.084 at 95 %, and of the mean of a chi-square: 1.22.
    shares = np.mean(is_covered, axis=0)
    assert (np.abs(shares - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n_draws)).all()
    assert abs(np.mean(ratios) - 5.0) < 3 * np.sqrt(10.0 / n_draws)
    assert min(ratios) > 0


def _is_within_wald(
    found: Prior, n: NDArray[np.int64], expected: NDArray[np.float64], likelihood: Likelihood
) -> NDArray[np.bool_]:
    pairs = pairs_of(n, expected, None, likelihood)
    information = -pairs.total * surface(pairs, found.parameters, likelihood).hessian
    error = np.sqrt(np.linalg.inv(information).diagonal())
    apart = to_transformed(found.parameters) - to_transformed(TRUTH)
    return np.asarray(np.abs(apart) < 1.959964 * error)


def test_a_squashed_fit_says_its_likelihood_on_the_full_data(data: Data) -> None:
    n, expected = data["unstratified"]

    found = fit(squashed_of(data, "unstratified")["squash2"])

    full = diagnostics_of(found).full_log_likelihood
    assert full is not None
    assert_allclose(-full, negative_log_likelihood(n, expected, found), rtol=1e-15)
    assert -full > -diagnostics_of(fit(n, expected)).log_likelihood
    assert diagnostics_of(found).is_squashed
    assert diagnostics_of(found).n_pairs == n.size


def test_weights_without_their_pairs_leave_the_full_likelihood_unknown(
    data: Data,
) -> None:
    squashed = squashed_of(data, "unstratified")["squash2"]

    by_weights = fit(squashed.n, squashed.expected, weights=squashed.weights)
    whole = fit(squashed)

    assert by_weights.parameters == whole.parameters
    assert diagnostics_of(by_weights).full_log_likelihood is None
    assert not diagnostics_of(by_weights).is_squashed


def test_the_order_of_rows_changes_no_bit_of_a_fit(data: Data) -> None:
    n, expected = data["unstratified"]
    order = np.random.default_rng(seed=4).permutation(n.size)

    found, same = fit(n, expected), fit(n[order], expected[order])

    assert found == same


@pytest.mark.slow
def test_another_processor_fits_the_same_bits() -> None:
    chosen_here = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(chosen_here), "OPENBLAS_CORETYPE": "Prescott"}

    here, there = (
        subprocess.run(
            [sys.executable, "-c", FIT_AND_SCORE],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | changed,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for changed in ({}, plain)
    )

    assert here == there
    assert "Prior" in here


def test_the_first_component_has_the_larger_mean(data: Data) -> None:
    for name in ("unstratified", "stratified", "pair_sum"):
        found = fit(*data[name])

        assert found.alpha1 / found.beta1 > found.alpha2 / found.beta2


def test_climbs_that_end_with_the_components_exchanged_are_the_same_optimum(data: Data) -> None:
    n, expected = data["stratified"]
    pairs = pairs_of(n, expected, None, "openebgm")
    points = [(24.0, 2.3, 3.5, 2.9, 0.03), (3.5, 2.9, 24.0, 2.3, 0.97)]

    ends = _ends(pairs, [to_transformed(theta) for theta in points], "openebgm")

    assert [end.n_reached for end in ends] == [2]
    from_exchanged = _ends(pairs, [to_transformed(points[1])], "openebgm")
    best = fit(n, expected, likelihood="openebgm").parameters
    assert_allclose(from_transformed(from_exchanged[0].summit.x), best, rtol=1e-7)  # gradients


def test_exchanging_the_components_exchanges_the_weights_and_the_bounds() -> None:
    names = np.array(list(BOUNDS)) == "beta1"
    low_first = Summit(to_transformed((3.0, 3.0, 5.0, 0.5, 0.9)), -1.0, 0.0, names, is_peak=True)

    found = _ordered(low_first)

    assert_allclose(from_transformed(found.x), (5.0, 0.5, 3.0, 3.0, 0.1), rtol=1e-14)
    assert found.is_held.tolist() == [False, False, False, True, False]  # beta2


@pytest.mark.parametrize(
    ("parameters", "is_exchanged"),
    [
        ((2.0, 0.1, 30.0, 5.0, 0.2), False),  # means of 20 and 6, whatever the products
        ((30.0, 5.0, 2.0, 0.1, 0.2), True),
        ((1.0, 2.0, 0.1, 0.3, 0.2), False),
        ((0.1, 0.3, 1.0, 2.0, 0.2), True),
    ],
)
def test_the_order_of_the_components_is_that_of_their_means(
    parameters: Parameters, *, is_exchanged: bool
) -> None:
    none = np.zeros(5, dtype=np.bool_)
    alpha1, beta1, alpha2, beta2, p = parameters

    found = _ordered(Summit(to_transformed(parameters), -1.0, 0.0, none, is_peak=True))

    exchanged = (alpha2, beta2, alpha1, beta1, 1 - p)
    assert_allclose(from_transformed(found.x), exchanged if is_exchanged else parameters)


def end_of(value: float, *, n_reached: int = 1, is_peak: bool = True) -> _End:
    none = np.zeros(5, dtype=np.bool_)
    return _End(Summit(to_transformed(TRUTH), value, 0.0, none, is_peak=is_peak), n_reached)


def test_ends_within_a_millionth_of_a_log_likelihood_are_one() -> None:
    values = [-3.0, -1.0, -2.0 - 4e-9, -1.0 - 5e-9, -2.0, -2.0 - 9e-9]

    found = _merged([end_of(value) for value in values], 100.0)

    assert [(end.summit.value, end.n_reached) for end in found] == [(-1.0, 2), (-2.0, 3), (-3.0, 1)]
    assert len(_merged([end_of(-1.0), end_of(-1.0 - 2e-8)], 100.0)) == 2


@pytest.mark.parametrize(
    ("is_flat_best", "n_reached", "n_calls"), [(True, 1, 1), (False, 1, 3), (False, 2, 1)]
)
def test_more_starts_are_tried_only_for_a_peak_that_one_alone_reached(
    monkeypatch: pytest.MonkeyPatch, n_reached: int, n_calls: int, *, is_flat_best: bool
) -> None:
    best = end_of(-1.0, n_reached=n_reached, is_peak=not is_flat_best)
    other = end_of(-2.0, n_reached=3 - n_reached, is_peak=is_flat_best)
    asked = []

    def ends(_pairs: object, points: list[object], _likelihood: object) -> list[_End]:
        asked.append(len(points))
        return [best, other]

    monkeypatch.setattr(fitting, "_ends", ends)
    data = in_proportion("full", 1_000)

    if n_reached == 1:
        with pytest.raises(NotConverged):
            fit(**data, likelihood="full", n_starts=4)
    else:
        fit(**data, likelihood="full", n_starts=4)

    assert asked == [4, 8, 32][:n_calls]


def test_a_warm_start_is_one_more_start(data: Data) -> None:
    cold = fit(*data["unstratified"])

    warm = fit(*data["unstratified"], start=Prior(2.0, 1e-5, 1.0, 1e5, 0.0))
    warmer = fit(*data["unstratified"], start=cold)

    assert diagnostics_of(warm).n_starts == diagnostics_of(warmer).n_starts == 9
    assert diagnostics_of(warmer).n_agreeing == diagnostics_of(cold).n_agreeing + 1
    assert_allclose(warm.parameters, cold.parameters, rtol=1e-7)  # gradients of 1e-10


def test_starting_points_are_within_the_bounds_and_all_different() -> None:
    points = np.array([from_transformed(x) for x in starting_points(40)])

    low, high = np.array(list(BOUNDS.values())).T
    assert points.shape == (40, 5)
    assert (low < points).all()
    assert (points < high).all()
    assert len(np.unique(points, axis=0)) == 40
    assert_allclose(points[0], [0.2041, 0.05816, 1.415, 1.838, 0.0969], rtol=1e-14)


@pytest.mark.slow
def test_a_component_narrower_than_can_be_told_is_named(data: Data) -> None:
    found = fit(*data["statin"])  # most of its reports are of "Other" drugs, as many as expected

    assert diagnostics_of(found).boundary_hits == ("beta2",)
    assert found.beta2 == pytest.approx(1e4, rel=1e-12)
    assert_allclose(found.alpha2 / found.beta2, 1.0, rtol=1e-3)


def test_an_optimum_that_one_start_reaches_is_sought_from_more(
    drawn: Callable[..., Any],
) -> None:
    n, expected = drawn((4.0, 0.8, 3.0, 4.0, 0.2), 3_000, 7, is_truncated=False)

    found = fit(n, expected, likelihood="full")  # one of the first eight reaches it

    assert diagnostics_of(found).n_starts == 16
    assert diagnostics_of(found).n_agreeing >= 2
    assert diagnostics_of(found).gap_between_starts > 1.7


def test_an_optimum_that_one_start_reaches_is_not_called_a_fit(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = [(5.5, 0.11, 0.35, 0.77, 1.3e-4), (11.0, 13.2, 0.03, 0.27, 0.17)]
    points = [to_transformed(theta) for theta in apart]
    monkeypatch.setattr(fitting, "starting_points", lambda _: points)

    with pytest.raises(NotConverged, match="only 1 start reached the best optimum") as refusal:
        fit(*data["pair_sum"], likelihood="truncated_mixture")

    best = refusal.value.best
    assert_allclose(best.parameters, apart[0], rtol=0.05)  # two digits are written above
    assert diagnostics_of(best).gap_between_starts > 24.0
    assert str(refusal.value) == refusal.value.reason


def test_fewer_distinct_pairs_than_parameters_are_not_called_a_fit() -> None:
    with pytest.raises(NotConverged, match="there are 5 distinct pairs: five parameters need"):
        fit([1, 2, 3, 4, 9, 9], [0.5, 0.7, 1.0, 2.0, 1.0, 1.0])


def test_a_likelihood_that_is_flat_at_its_best_is_not_called_a_fit() -> None:
    # Six counts that one point mass fits as well as two.
    with pytest.raises(NotConverged, match="the likelihood is flat at its best"):
        fit(np.arange(1, 7), np.ones(6), likelihood="full")


def test_a_gradient_that_does_not_vanish_is_not_called_a_fit(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "TOLERANCE", 1e-3)

    with pytest.raises(NotConverged, match=r"the gradient norm is .*, not below 1e-08"):
        fit(*data["unstratified"])


def test_a_mean_derivative_above_a_hundred_millionth_is_not_called_a_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "TOLERANCE", 1e-4)

    with pytest.raises(NotConverged, match="not below 1e-08") as refusal:
        fit(**in_proportion("full", 10**5), likelihood="full")

    assert 1e-8 < diagnostics_of(refusal.value.best).gradient_norm < 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_starts": 1}, r"n_starts is 1: must be a whole number of at least 2"),
        ({"n_starts": 2.5}, r"n_starts is 2\.5: must be a whole number"),
        ({"expected": None}, r"expected is missing: must be given unless n is Squashed"),
        ({"n": squash([1], [0.1])}, r"expected and weights must be left out where n is Squashed"),
        ({"likelihood": "zip"}, r"likelihood is 'zip': must be one of"),
        ({"n": [0, 1]}, r"n\[0\] is 0: must be at least 1 in a truncated likelihood"),
        ({"expected": [0.1, 0.0]}, r"expected\[1\] is 0\.0: must be at least"),
        ({"weights": [1, -1]}, r"weights\[1\] is -1: must not be negative"),
    ],
)
def test_it_refuses_what_cannot_be_fitted(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"n": [1, 2], "expected": [0.1, 0.2]}

    with pytest.raises(ValueError, match=message):
        fit(**(usual | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 1.0, 1.0, 0.5), "alpha1 is 0.0: must lie between"),
        ((1.0, np.inf, 1.0, 1.0, 0.5), "beta1 is inf: must lie between"),
        ((1.0, 1.0, -1.0, 1.0, 0.5), "alpha2 is -1.0: must lie between"),
        ((1.0, 1.0, 1.0, np.nan, 0.5), "beta2 is nan: must lie between"),
        ((1.0, 1.0, 1.0, 1.0, 1.1), "p is 1.1: must be at least 0 and at most 1"),
        ((1.0, 1.0, 1.0, 1.0, -0.1), "p is -0.1: must be at least 0 and at most 1"),
        ((1.0, 1.0, 1.0, 1.0, np.nan), "p is nan: must be at least 0 and at most 1"),
    ],
)
def test_a_prior_out_of_range_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prior(*arguments)  # type: ignore[arg-type] # five numbers
