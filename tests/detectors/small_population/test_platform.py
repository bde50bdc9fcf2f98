"""The platform posterior against the reference, a slow twin, its definition, and simulation."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from data import reference_json
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import ArrayLike, NDArray
from scipy import integrate as scipy_integrate
from scipy import stats

from detectors.anytime import poisson
from detectors.small_population import platform
from detectors.small_population.constructs import Prior, as_columns, distinct
from detectors.small_population.exchangeable import Integrals, integrate
from detectors.small_population.quadrature import gauss_legendre, smoothed_step

NUMBERS = ("rr_mean", "p_above", "log_rr_mean", "log_rr_sd")


def cases() -> list[dict[str, Any]]:
    document = reference_json("small_population/hierarchical_platform.json")
    found: list[dict[str, Any]] = document["cases"]
    return found


@pytest.mark.each_of("case", cases, ids=lambda case: str(case["y"]))
def test_reference_cases_agree_to_their_own_error(case: dict[str, Any]) -> None:
    error = case["max_abs_diff_two_grids"]  # of the reference: its two grids differ by so much

    found = platform.posterior(case["y"], case["E"])

    assert_allclose(found.rr_mean, case["mean_RR"], rtol=0, atol=error)
    assert_allclose(found.p_above, case["P_RR_gt_1"], rtol=0, atol=error)
    assert_allclose(found.mu_mean, case["mean_mu"], rtol=0, atol=error)
    assert_allclose(found.mu_sd, case["sd_mu"], rtol=0, atol=error)
    assert_allclose(found.tau_mean, case["mean_tau"], rtol=0, atol=error)


@pytest.mark.slow
@pytest.mark.parametrize("dispersion", [math.inf, 0.7])
def test_posterior_agrees_with_a_slow_twin(dispersion: float) -> None:
    events, expected = [2, 0], [0.4, 0.9]

    found = platform.posterior(events, expected, dispersion=dispersion, threshold=1.5)

    slow = _slow(events, expected, dispersion, 1.5)
    numbers = [found.mu_mean, found.p_mu_above, found.tau_mean, found.log_marginal]
    # The quadrature's error of 1e-8, and the twin's, which is less.
    assert_allclose([*found.rr_mean, *found.p_above, *numbers], slow, rtol=1e-8)


HARD = [
    ([0, 1, 0, 2, 0], [0.2, 0.3, 0.1, 0.4, 0.25], math.inf),
    ([50, 0, 0], [1.0] * 3, math.inf),
    ([0] * 4, np.geomspace(1e-4, 1.0, 4), math.inf),
    ([0], [500.0], math.inf),
    ([300], [200.0], math.inf),
    ([3, 0, 1], [0.01, 0.5, 2.0], 0.3),
    ([0, 4, 30], [1.0, 2.0, 3.0], 3.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("events", "expected", "dispersion"), HARD)
def test_twice_as_many_nodes_change_no_number(
    events: list[int], expected: list[float], dispersion: float
) -> None:
    coarse, fine = (_integrals(events, expected, dispersion, each) for each in (1.0, 2.0))

    for name in Integrals.__dataclass_fields__:
        once, twice = getattr(coarse, name), getattr(fine, name)
        # What the docstring promises, relative to the number or to 1.
        assert_allclose(once, twice, rtol=1e-8, atol=1e-8, err_msg=name)


def test_few_events_where_almost_none_is_expected_keep_six_digits() -> None:
    coarse, fine = (_integrals([3], [1e-4], math.inf, each) for each in (1.0, 2.0))

    assert_allclose(coarse.rr_mean, fine.rr_mean, rtol=1e-6)  # what the docstring promises


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_order_of_constructs_changes_no_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    events, expected = rng.poisson(1.0, 4), rng.choice([0.3, 1.7], 4)
    order = rng.permutation(4)

    straight = platform.posterior(events, expected)
    mixed = platform.posterior(events[order], expected[order])

    for name in NUMBERS:
        assert_array_equal(getattr(straight, name)[order], getattr(mixed, name))
    assert straight.log_marginal == mixed.log_marginal


@given(events=st.lists(st.integers(0, 6), min_size=2, max_size=3), log_e=st.floats(-6.0, 3.0))
@settings(max_examples=6)
def test_one_more_event_raises_the_construct_that_had_it(events: list[int], log_e: float) -> None:
    expected = [math.exp(log_e)] * len(events)

    before = platform.posterior(events, expected)
    after = platform.posterior([events[0] + 1, *events[1:]], expected)

    assert after.rr_mean[0] > before.rr_mean[0]
    assert after.p_above[0] >= before.p_above[0] - 1e-9  # the error near 0 and 1


def test_one_more_event_can_make_the_others_surer() -> None:
    # It makes the two alike, so that the spread falls, and the tail of the other with it.
    before = platform.posterior([0, 4], [20.0, 20.0])
    after = platform.posterior([1, 4], [20.0, 20.0])

    assert after.tau_mean < before.tau_mean
    assert after.p_above[1] < before.p_above[1]


def test_construct_without_spread_is_one_rate_ratio_for_all() -> None:
    found = platform.posterior([2, 1], [0.5, 0.5], tau_scale=0.001)

    weight, _ = scipy_integrate.quad(_pooled, -9, 9, epsabs=1e-13)
    mean, _ = scipy_integrate.quad(lambda t: _pooled(t) * math.exp(t), -9, 9, epsabs=1e-13)
    assert_allclose(found.rr_mean, mean / weight, rtol=1e-5)  # tau squared is about 1e-6


def test_probabilities_of_all_counts_add_up_to_one() -> None:
    log_marginals = [
        platform.posterior([n], [0.05], mu_sd=0.5, tau_scale=0.25).log_marginal for n in range(25)
    ]

    total = math.fsum(map(math.exp, log_marginals))

    assert_allclose(total, 1.0, atol=1e-8)  # the quadrature's error; more counts have 1e-12


def test_great_dispersion_is_poisson() -> None:
    poisson = platform.posterior([2, 0, 1], [0.5, 0.4, 0.3])
    binomial = platform.posterior([2, 0, 1], [0.5, 0.4, 0.3], dispersion=1e9)

    for name in NUMBERS:
        assert_allclose(getattr(poisson, name), getattr(binomial, name), atol=1e-7)  # 1 / k


@pytest.mark.campaign
@pytest.mark.slow
def test_probabilities_are_calibrated_when_the_model_is_true() -> None:
    rng = np.random.default_rng(5)
    n_trials, expected = 60, np.array([0.5, 3.0])
    mu, tau = rng.normal(size=n_trials), np.abs(rng.normal(scale=0.5, size=n_trials))
    theta = mu[:, np.newaxis] + tau[:, np.newaxis] * rng.normal(size=(n_trials, 2))
    events = rng.poisson(expected * np.exp(theta))

    found = [platform.posterior(each, expected) for each in events]

    p = np.stack([each.p_above for each in found])
    surplus = ((theta > 0) - p).mean(axis=0)
    error = np.sqrt((p * (1.0 - p)).mean(axis=0) / n_trials)
    assert (np.abs(surplus) < 3.0 * error).all()
    residual = (theta - np.stack([each.log_rr_mean for each in found])).sum(axis=0)
    error = np.sqrt((np.stack([each.log_rr_sd for each in found]) ** 2).sum(axis=0))
    assert (np.abs(residual) < 3.0 * error).all()


@pytest.mark.slow
def test_every_regime_gives_numbers() -> None:
    for size in (1, 20):
        for expected in (1e-4 / size, 25.0):
            for top in (0, 3, 50):
                for dispersion in (0.3, math.inf):
                    events = [top] + [0] * (size - 1)
                    found = platform.posterior(events, [expected] * size, dispersion=dispersion)

                    for name in NUMBERS:
                        assert np.isfinite(getattr(found, name)).all()
                    assert (found.rr_mean > 0).all()
                    assert (found.log_rr_sd > 0).all()
                    assert np.isfinite([found.mu_mean, found.tau_mean, found.log_marginal]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": [-1, 0]}, r"events\[0\] is -1"),
        ({"events": [0, 0.5]}, r"events\[1\] is 0.5"),
        ({"events": [0, 20_000]}, r"events\[1\] is 20000"),
        ({"events": []}, "events has shape"),
        ({"events": [1, 2, 3]}, "events has shape"),
        ({"expected": [1.0, 0.0]}, r"expected\[1\] is 0"),
        ({"expected": [math.nan, 1.0]}, r"expected\[0\] is nan: must not be missing"),
        ({"expected": [1.0, math.inf]}, r"expected\[1\] is inf"),
        ({"mu_sd": 0.0}, "mu_sd is 0"),
        ({"mu_sd": math.nan}, "mu_sd is nan"),
        ({"tau_scale": math.inf}, "tau_scale is inf"),
        ({"dispersion": 0.0}, "dispersion is 0"),
        ({"dispersion": math.nan}, "dispersion is nan"),
        ({"threshold": 0.0}, "threshold is 0"),
        ({"dispersion": 0.3, "tau_scale": 1.1}, "tau_scale is 1.1"),
    ],
)
def test_posterior_refuses_arguments_out_of_range(change: dict[str, Any], words: str) -> None:
    arguments = {"events": [1, 0], "expected": [0.5, 0.5], **change}

    with pytest.raises(ValueError, match=words):
        platform.posterior(**arguments)


def test_prior_sensitivity_tells_the_ends_over_the_priors() -> None:
    priors = [Prior(1.0, 0.5), Prior(2.0, 1.0)]

    found = platform.prior_sensitivity([2, 0], [0.2, 0.2], priors=priors, threshold=2.0)

    one = platform.posterior([2, 0], [0.2, 0.2], threshold=2.0)
    two = platform.posterior([2, 0], [0.2, 0.2], mu_sd=2.0, tau_scale=1.0, threshold=2.0)
    assert_array_equal(found.p_above, [one.p_above, two.p_above])
    assert_array_equal(found.lowest, np.minimum(one.p_above, two.p_above))
    assert_array_equal(found.highest, np.maximum(one.p_above, two.p_above))


def test_prior_sensitivity_refuses_no_prior() -> None:
    with pytest.raises(ValueError, match="priors is empty"):
        platform.prior_sensitivity([2], [0.2], priors=[])


@given(log_e=st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_platform_evidence_is_the_mean_in_any_order(log_e: list[float], seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(log_e)

    found, again = platform.e_value(log_e), platform.e_value(mixed)

    assert_allclose(found.platform.e, np.mean(np.exp(log_e)), rtol=1e-13)  # roundings of six terms
    assert found.platform.log_e == again.platform.log_e


@pytest.mark.campaign
@pytest.mark.slow
@given(
    priors=st.lists(st.tuples(st.floats(0.5, 2.0), st.floats(1.0, 3.0)), min_size=2, max_size=2),
    means=st.lists(st.floats(1e-4, 0.4), min_size=4, max_size=4),
    shares=st.lists(st.just(1.0) | st.floats(0.0, 1.0), min_size=2, max_size=2),
    alpha=st.floats(1e-3, 0.3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=1_000)
def test_no_random_platform_signals_oftener_than_alpha_and_its_mean_is_at_most_one(
    priors: list[tuple[float, float]],
    means: list[float],
    shares: list[float],
    alpha: float,
    seed: int,
) -> None:
    rng, counts = np.random.default_rng(seed), np.arange(28)  # beyond, 1e-9 of the mean at most
    designs = [poisson.Design(prior_shape=a, prior_rate=b) for a, b in priors]
    looks = np.reshape(means, (2, 2)).cumsum(axis=1)  # two looks at two constructs
    steps = np.diff(looks, axis=1, prepend=0.0)
    silent, going = np.zeros((28, 28)), np.zeros((28, 28))
    silent[0, 0] = going[0, 0] = 1.0
    size = mean_at_stop = 0.0

    for k in (0, 1):
        log_e = [poisson.log_e(d, counts, at[k]) for d, at in zip(designs, looks, strict=True)]
        more = [_more(share * step[k]) for share, step in zip(shares, steps, strict=True)]
        silent, going = (more[0] @ each @ more[1].T for each in (silent, going))
        joint = (np.exp(log_e[0])[:, np.newaxis] + np.exp(log_e[1])) / 2.0
        is_signal = _signals(log_e, alpha)
        assert_array_equal(is_signal, joint >= 1.0 / alpha)
        size += float(silent[is_signal].sum())
        silent[is_signal] = 0.0
        stops = rng.random(joint.shape) < (0.4, 1.0)[k]  # any rule that looks at the counts
        mean_at_stop += float((going * joint)[stops].sum())
        going[stops] = 0.0

    assert size <= alpha
    assert mean_at_stop <= 1.0 + 1e-12  # roundings
    if shares == [1.0, 1.0]:
        assert mean_at_stop >= 1.0 - 1e-6  # counts left out


def test_platform_evidence_does_not_overflow() -> None:
    found = platform.e_value([5_000.0, -math.inf])

    assert_allclose(found.platform.log_e, 5_000.0 - math.log(2.0), rtol=1e-15)  # one rounding
    assert platform.e_value([-math.inf]).platform.e == 0.0


@pytest.mark.parametrize("log_e", [[], [math.nan], [math.inf], [[0.0]]])
def test_platform_evidence_refuses_what_is_no_evidence(log_e: list[Any]) -> None:
    with pytest.raises(ValueError, match="log_e"):
        platform.e_value(log_e)


@pytest.mark.parametrize("n_nodes", [1, 2, 30, 40, 80])
def test_nodes_are_those_of_gauss_and_legendre(n_nodes: int) -> None:
    node, weight = np.array(gauss_legendre(n_nodes)).T

    expected_node, expected_weight = leggauss(n_nodes)
    assert_allclose(node, expected_node, rtol=0, atol=1e-15)  # the last bit
    assert_allclose(weight, expected_weight, rtol=1e-11)  # NumPy's have lost some digits


def test_smoothed_step_integrates_from_its_place_on() -> None:
    step = 0.45
    x = step * np.arange(-40.0, 41.0)

    found = step * (stats.norm.pdf(x) * smoothed_step((x - 0.3) / step)).sum()

    assert_allclose(found, stats.norm.sf(0.3), rtol=0, atol=1e-10)  # exp(-pi**2 / 2 / 0.45**2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [Prior(0.1, 2.0), Prior(0.1, 0.3), Prior(0.3, 5.0), Prior(5.0, 5.0)], ids=str
)
def test_other_priors_keep_their_digits(prior: Prior) -> None:
    columns = list(as_columns([0, 0, 2], [0.005, 1e-6, 0.3], math.inf))
    constructs, _, _ = distinct(columns, math.inf)

    coarse, fine = (
        integrate(constructs, prior, log_threshold=0.0, refinement=each) for each in (1.0, 2.0)
    )

    assert_allclose(coarse.rr_mean, fine.rr_mean, rtol=2e-6)  # what the docstring promises
    assert_allclose(coarse.p_above, fine.p_above, atol=2e-6)
    assert_allclose(coarse.log_rr_sd, fine.log_rr_sd, rtol=2e-6)


def _more(mean: float) -> NDArray[np.float64]:
    """Chance of each count, row by row, from each count before."""
    gap = np.subtract.outer(np.arange(28), np.arange(28))
    return np.asarray(stats.poisson.pmf(gap, mean))


def _signals(log_e: list[NDArray[np.float64]], alpha: float) -> NDArray[np.bool_]:
    """Find the pairs of counts at which the platform's evidence signals, along their edge."""
    found, j = np.zeros((28, 28), dtype=np.bool_), 28
    for i in range(28):
        while j > 0 and platform.e_value([log_e[0][i], log_e[1][j - 1]]).platform.e >= 1.0 / alpha:
            j -= 1
        found[i, j:] = True
    return found


def _integrals(
    events: ArrayLike, expected: ArrayLike, dispersion: float, refinement: float
) -> Integrals:
    columns = list(as_columns(events, expected, dispersion))
    constructs, _, _ = distinct(columns, dispersion)
    return integrate(constructs, Prior(), log_threshold=0.0, refinement=refinement)


def _pooled(theta: float) -> float:
    return float(stats.norm.pdf(theta) * stats.poisson.pmf(3, math.exp(theta)))


def _panels(ends: list[float], n_nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    node, weight = leggauss(n_nodes)
    pieces = [(a, b) for a, b in itertools.pairwise(ends) if b > a]
    return (
        np.concatenate([a + (b - a) * (node + 1) / 2 for a, b in pieces]),
        np.concatenate([weight * (b - a) / 2 for a, b in pieces]),
    )


def _slow(
    events: list[int], expected: list[float], dispersion: float, threshold: float
) -> list[float]:
    """Integrate over tau, mu and z by panels that end where theta crosses the threshold."""
    cut, sums = math.log(threshold), np.zeros(8)
    node, node_weight = leggauss(48)
    for tau, tau_weight in zip(*_panels([0.0, 0.3, 1.0, 2.0, 4.0], 16), strict=True):
        ends = {min(max(each, -9.0), 9.0) for each in (cut - 9.0 * tau, cut, cut + 9.0 * tau)}
        mu, mu_weight = _panels(sorted({*ends, *np.linspace(-9.0, 9.0, 10)}), 20)
        at = np.clip((cut - mu) / tau, -9.5, 9.5)[:, np.newaxis]
        low, high = (at + 9.5) / 2.0, (9.5 - at) / 2.0  # half the width on either side
        z = np.hstack([low * (node + 1.0) - 9.5, at + high * (node + 1.0)])
        z_weight = np.hstack([low * node_weight, high * node_weight]) * np.exp(-z * z / 2.0)
        theta, is_above = mu[:, np.newaxis] + tau * z, np.repeat([False, True], node.size)
        parts = []
        for y, e in zip(events, expected, strict=True):
            f = z_weight / math.sqrt(2 * math.pi) * _pmf(y, e * np.exp(theta), dispersion)
            ratio = (f * np.exp(theta)).sum(axis=1)
            parts.append([f.sum(axis=1), ratio, f[:, is_above].sum(axis=1)])
        (a0, a1, a2), (b0, b1, b2) = parts
        w = tau_weight * 4.0 * _normal_density(2.0 * tau) * mu_weight * _normal_density(mu)
        both = a0 * b0
        terms = [both, a1 * b0, a0 * b1, a2 * b0, a0 * b2, both * mu, both * (mu > cut), both * tau]
        sums += [(w * each).sum() for each in terms]
    return [*(sums[1:] / sums[0]), math.log(sums[0])]


def _pmf(y: int, mean: NDArray[np.float64], k: float) -> NDArray[np.float64]:
    if math.isinf(k):
        return np.asarray(stats.poisson.pmf(y, mean))
    return np.asarray(stats.nbinom.pmf(y, k, k / (k + mean)))


def _normal_density(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi))
