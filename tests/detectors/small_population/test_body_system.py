"""Two layers of sharing against a slow twin, draws from the prior, their definition, simulation."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import interpolate, stats

from detectors.small_population import body_system, layers
from detectors.small_population.constructs import as_columns, distinct
from detectors.small_population.layers import MAX_CELLS, Layers, Scales, integrate_layers

PER_ROW = ("rr_mean", "p_above", "log_rr_mean", "log_rr_sd")
PER_SYSTEM = ("system_mean", "system_sd", "p_system_above", "tau_rms")
OVERALL = ("mu_mean", "mu_sd", "p_mu_above", "omega_rms", "log_marginal")
EVENTS, EXPECTED, SYSTEMS = [2, 0, 1], [0.4, 0.9, 0.5], ["liver", "liver", "eye"]


@pytest.mark.parametrize("dispersion", [math.inf, 0.7])
def test_posterior_agrees_with_a_slow_twin(dispersion: float) -> None:
    found = body_system.posterior(EVENTS, EXPECTED, SYSTEMS, omega_scale=0.8, dispersion=dispersion)

    slow = _slow(dispersion, omega_scale=0.8)
    # The twin's splines: their step of 0.02 to the fourth power, over 384.
    assert_allclose(found.log_marginal, slow["log_marginal"], rtol=0, atol=1e-8)
    assert_allclose(found.rr_mean[2], slow["rr_eye"], rtol=3e-7)  # its end at 14
    assert_allclose(found.system_mean, [slow["eye"], slow["liver"]], rtol=0, atol=1e-7)
    assert_allclose(found.mu_mean, slow["mu"], rtol=0, atol=1e-7)
    assert_allclose(found.mu_sd, slow["mu_sd"], rtol=1e-7)
    assert_allclose(found.omega_rms, slow["omega_rms"], rtol=1e-7)
    assert_allclose(found.tau_rms[1], slow["tau_rms_liver"], rtol=1e-7)


@pytest.mark.slow
def test_posterior_agrees_with_draws_from_the_prior() -> None:
    rng, n = np.random.default_rng(12), 1_000_000
    mu, omega = rng.normal(size=n), np.abs(rng.normal(scale=0.5, size=n))
    liver, eye = (mu + omega * rng.normal(size=n) for _ in range(2))
    tau_liver, tau_eye = (np.abs(rng.normal(scale=0.5, size=n)) for _ in range(2))
    theta = np.stack(
        [
            liver + tau_liver * rng.normal(size=n),
            liver + tau_liver * rng.normal(size=n),
            eye + tau_eye * rng.normal(size=n),
        ]
    )
    mean = np.array(EXPECTED)[:, np.newaxis] * np.exp(theta)
    weight = np.prod(stats.poisson.pmf(np.array(EVENTS)[:, np.newaxis], mean), axis=0)

    found = body_system.posterior(EVENTS, EXPECTED, SYSTEMS)

    numbers = [
        *zip(found.rr_mean, np.exp(theta), strict=True),
        *zip(found.p_above, theta > 0, strict=True),
        *zip(found.log_rr_mean, theta, strict=True),
        *zip(found.log_rr_sd**2, (theta.T - found.log_rr_mean).T ** 2, strict=True),
        (found.p_system_above[0], eye > 0),
        (found.system_sd[1] ** 2, (liver - found.system_mean[1]) ** 2),
        (found.p_mu_above, mu > 0),
        (found.tau_rms[0] ** 2, tau_eye**2),
    ]
    for exact, draws in numbers:
        residual = weight * (draws - exact)
        # Four standard errors, since there are sixteen numbers.
        assert abs(residual.mean()) < 4.0 * residual.std() / math.sqrt(n)
    assert abs(weight.mean() - math.exp(found.log_marginal)) < 4.0 * weight.std() / math.sqrt(n)


HARD: list[tuple[list[list[int]], list[list[float]], float, Scales]] = [
    ([[3, 0], [0, 1]], [[0.3, 0.3], [0.5, 0.2]], math.inf, Scales(1.0, 0.5, 0.5)),
    ([[0]], [[500.0]], math.inf, Scales(1.0, 0.5, 0.5)),
    ([[50, 0, 1], [0, 0]], [[1.0] * 3, [1.0] * 2], math.inf, Scales(1.0, 0.5, 0.5)),
    ([[3, 0, 1], [2]], [[0.01, 0.5, 2.0], [0.1]], 0.3, Scales(1.0, 0.5, 0.5)),
    ([[0, 4], [30]], [[1.0, 2.0], [3.0]], 3.0, Scales(1.0, 0.5, 0.5)),
    ([[3], [0]], [[0.3], [0.3]], math.inf, Scales(2.0, 1.0, 1.0)),
    ([[3], [0]], [[0.3], [0.3]], math.inf, Scales(1.0, 0.1, 0.1)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("events", "expected", "dispersion", "scales"), HARD)
def test_half_the_step_changes_no_number(
    events: list[list[int]], expected: list[list[float]], dispersion: float, scales: Scales
) -> None:
    coarse, fine = (_numbers(events, expected, dispersion, scales, each) for each in (1.0, 2.0))

    # What the docstring promises, relative to the number or to 1.
    assert_allclose(coarse, fine, rtol=2e-8, atol=2e-8)


def test_few_events_where_almost_none_is_expected_keep_five_digits() -> None:
    coarse, fine = (
        _numbers([[3]], [[1e-4]], math.inf, Scales(1.0, 0.5, 0.5), each) for each in (1.0, 2.0)
    )

    assert_allclose(coarse, fine, rtol=1e-5)  # what the docstring promises


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6)
def test_order_of_rows_and_names_of_systems_change_no_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    events, expected = rng.poisson(1.0, 5), rng.choice([0.3, 1.7], 5)
    systems = rng.choice(["a", "b", "c"], 5).tolist()
    order = rng.permutation(5)
    renamed = [{"a": "z", "b": "y", "c": "x"}[systems[i]] for i in order]

    straight = body_system.posterior(events, expected, systems)
    mixed = body_system.posterior(events[order], expected[order], renamed)

    for name in PER_ROW:
        assert_array_equal(getattr(straight, name)[order], getattr(mixed, name))
    for name in PER_SYSTEM:
        assert_array_equal(getattr(straight, name)[::-1], getattr(mixed, name))
    for name in OVERALL:
        assert getattr(straight, name) == getattr(mixed, name)


@given(events=st.lists(st.integers(0, 5), min_size=2, max_size=3), log_e=st.floats(-4.0, 2.0))
@settings(max_examples=6)
def test_one_more_event_raises_the_row_that_had_it(events: list[int], log_e: float) -> None:
    expected, systems = [math.exp(log_e)] * len(events), ["a", "b", "b"][: len(events)]

    before = body_system.posterior(events, expected, systems)
    after = body_system.posterior([events[0] + 1, *events[1:]], expected, systems)

    assert after.rr_mean[0] > before.rr_mean[0]
    assert after.system_mean[0] > before.system_mean[0]
    assert after.mu_mean > before.mu_mean
    assert after.p_above[0] >= before.p_above[0] - 1e-8  # the error near 0 and 1


def test_rows_of_the_system_with_an_excess_borrow_more_of_it() -> None:
    found = body_system.posterior([4, 0, 0, 0], [0.3] * 4, ["liver", "liver", "eye", "eye"])

    assert found.rr_mean[0] > found.rr_mean[1] > found.rr_mean[2]
    assert found.rr_mean[2] == found.rr_mean[3]
    assert found.systems == ("eye", "liver")
    assert found.system_mean[1] > found.mu_mean > found.system_mean[0]


def test_rows_that_are_alike_count_each() -> None:
    alike = body_system.posterior([1, 1, 0], [0.3, 0.3, 0.5], ["a", "a", "b"])
    nearly = body_system.posterior([1, 1, 0], [0.3, 0.3 + 1e-12, 0.5], ["a", "a", "b"])

    assert_allclose(alike.rr_mean, nearly.rr_mean, rtol=1e-10)  # 1e-12, a few times over
    assert_allclose(alike.log_marginal, nearly.log_marginal, rtol=1e-10)


def test_lattice_grows_until_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = body_system.posterior([20], [1e-3], ["a"])

    monkeypatch.setattr(layers, "_GUESS", 45.0)
    wide = body_system.posterior([20], [1e-3], ["a"])
    # What half the step may change, where the prior is far.
    assert_allclose(found.log_rr_mean, wide.log_rr_mean, rtol=1e-7)
    assert_allclose(found.log_marginal, wide.log_marginal, rtol=1e-7)


def test_nothing_expected_leaves_the_prior() -> None:
    found = body_system.posterior([0, 0], [1e-6] * 2, ["a", "b"], omega_scale=0.7, tau_scale=0.3)

    # The probability of an event is of the order of 1e-6, and weighs the upper tail.
    assert_allclose(found.log_marginal, 0.0, atol=1e-5)
    assert_allclose(found.mu_sd, 1.0, rtol=1e-4)
    assert_allclose(found.omega_rms, 0.7, rtol=1e-4)
    assert_allclose(found.tau_rms, 0.3, rtol=1e-4)
    assert_allclose(found.system_sd, math.sqrt(1.0 + 0.7**2), rtol=1e-4)
    assert_allclose(found.log_rr_sd, math.sqrt(1.0 + 0.7**2 + 0.3**2), rtol=1e-4)


def test_probabilities_of_all_counts_add_up_to_one() -> None:
    log_marginals = [
        body_system.posterior(
            [n], [0.05], ["a"], mu_sd=0.5, omega_scale=0.2, tau_scale=0.2
        ).log_marginal
        for n in range(16)
    ]

    total = math.fsum(map(math.exp, log_marginals))

    assert_allclose(total, 1.0, atol=1e-8)  # the quadrature's error; more counts have 1e-12


@pytest.mark.campaign
@pytest.mark.slow
def test_probabilities_are_calibrated_when_the_model_is_true() -> None:
    rng, n_trials = np.random.default_rng(6), 40
    expected, systems = np.array([0.5, 3.0, 1.0]), ["a", "a", "b"]
    mu, omega = rng.normal(size=n_trials), np.abs(rng.normal(scale=0.5, size=n_trials))
    of_system = mu[:, np.newaxis] + omega[:, np.newaxis] * rng.normal(size=(n_trials, 2))
    tau = np.abs(rng.normal(scale=0.5, size=(n_trials, 2)))
    of_row = of_system[:, [0, 0, 1]] + tau[:, [0, 0, 1]] * rng.normal(size=(n_trials, 3))
    events = np.minimum(rng.poisson(expected * np.exp(of_row)), 60)

    found = [body_system.posterior(each, expected, systems) for each in events]

    p = np.stack([[*each.p_above, *each.p_system_above] for each in found])
    surplus = ((np.hstack([of_row, of_system]) > 0) - p).mean(axis=0)
    error = np.sqrt((p * (1.0 - p)).mean(axis=0) / n_trials)
    assert (np.abs(surplus) < 3.0 * error).all()
    means = np.stack([[*each.log_rr_mean, *each.system_mean] for each in found])
    sds = np.stack([[*each.log_rr_sd, *each.system_sd] for each in found])
    residual = (np.hstack([of_row, of_system]) - means).sum(axis=0)
    assert (np.abs(residual) < 3.0 * np.sqrt((sds**2).sum(axis=0))).all()


@pytest.mark.slow
def test_every_regime_gives_numbers() -> None:
    for size in (1, 20):
        for expected in (1e-4 / size, 500.0 / size):
            for top in (0, 3, 50):
                for dispersion in (0.3, math.inf):
                    events = [top] + [0] * (size - 1)
                    systems = [f"system {i % 4}" for i in range(size)]

                    found = body_system.posterior(
                        events, [expected] * size, systems, dispersion=dispersion
                    )

                    for name in (*PER_ROW, *PER_SYSTEM, *OVERALL):
                        assert np.isfinite(getattr(found, name)).all()
                    assert (found.rr_mean > 0).all()
                    assert (found.log_rr_sd > 0).all()


def test_posterior_refuses_a_lattice_that_is_too_large() -> None:
    events, expected = np.arange(40), np.full(40, 1.0)  # no two rows alike

    with pytest.raises(ValueError, match=f"must be at most {MAX_CELLS}"):
        body_system.posterior(
            events, expected, ["a", "b"] * 20, mu_sd=2.0, omega_scale=2.0, tau_scale=2.0
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": [-1, 0]}, r"events\[0\] is -1"),
        ({"events": [0, 0.5]}, r"events\[1\] is 0.5"),
        ({"events": []}, "events has shape"),
        ({"events": [600, 500]}, "events add up to 1100: must be at most 1000"),
        ({"dispersion": 0.3, "omega_scale": 1.1}, "omega_scale is 1.1"),
        ({"dispersion": 0.3, "tau_scale": 1.1}, "tau_scale is 1.1"),
        ({"expected": [1.0, 1e-7]}, r"expected\[1\] is 1e-07"),
        ({"expected": [math.nan, 1.0]}, r"expected\[0\] is nan"),
        ({"systems": ["a"]}, "one name a row"),
        ({"systems": "ab"}, "one name a row"),
        ({"systems": ["a", ""]}, r"systems\[1\] is ''"),
        ({"systems": ["a", 1]}, r"systems\[1\] is 1"),
        ({"mu_sd": 0.01}, "mu_sd is 0.01"),
        ({"omega_scale": math.nan}, "omega_scale is nan"),
        ({"tau_scale": 3.0}, "tau_scale is 3"),
        ({"dispersion": 0.0}, "dispersion is 0"),
        ({"threshold": 0.0}, "threshold is 0"),
    ],
)
def test_posterior_refuses_arguments_out_of_range(change: dict[str, Any], words: str) -> None:
    arguments = {"events": [1, 0], "expected": [0.5, 0.5], "systems": ["a", "b"], **change}

    with pytest.raises(ValueError, match=words):
        body_system.posterior(**arguments)


def _numbers(
    events: list[list[int]],
    expected: list[list[float]],
    dispersion: float,
    scales: Scales,
    refinement: float,
) -> NDArray[np.float64]:
    systems = [
        distinct(list(as_columns(y, e, dispersion)), dispersion)[0]
        for y, e in zip(events, expected, strict=True)
    ]
    found: Layers = integrate_layers(systems, scales, log_threshold=0.3, refinement=refinement)
    each = [[m.mean, m.sd, m.above] for m in (*found.constructs, found.systems, found.platform)]
    ratio = [np.log(m.ratio) for m in found.constructs]
    rest = np.array([*found.tau_rms, found.omega_rms, found.log_marginal])
    return np.concatenate([*(part for three in each for part in three), *ratio, rest])


def _slow(dispersion: float, *, omega_scale: float) -> dict[str, float]:
    """Integrate outwards, each layer by Gauss and Legendre; splines join the two."""
    node, weight = leggauss(80)
    z, z_weight = 9.0 * node, 9.0 * weight * stats.norm.pdf(9.0 * node)
    node, weight = leggauss(40)
    tau, tau_weight = 2.0 * (node + 1.0), 2.0 * weight * 2.0 * stats.halfnorm.pdf(4.0 * (node + 1))
    place = np.arange(-14.0, 14.01, 0.02)
    theta = place[:, np.newaxis, np.newaxis] + tau[:, np.newaxis] * z
    each = [_pmf(y, e * np.exp(theta), dispersion) for y, e in zip(EVENTS, EXPECTED, strict=True)]
    one, two, three = ((values * z_weight).sum(axis=2) for values in each)
    three_rr = (each[2] * np.exp(theta) * z_weight).sum(axis=2)
    at = {
        "liver": (one * two * tau_weight).sum(axis=1),
        "eye": (three * tau_weight).sum(axis=1),
        "rr_eye": (three_rr * tau_weight).sum(axis=1),
        "tau_square": (one * two * tau_weight * tau**2).sum(axis=1),
    }
    at["liver_mean"], at["eye_mean"] = at["liver"] * place, at["eye"] * place
    omega = omega_scale * 4.0 * (node + 1.0)
    omega_weight = weight * 4.0 * stats.halfnorm.pdf(4.0 * (node + 1.0))
    node, weight = leggauss(120)
    mu, mu_weight = 8.0 * node, 8.0 * weight * stats.norm.pdf(8.0 * node)
    inner = np.clip(mu[:, np.newaxis, np.newaxis] + omega[:, np.newaxis] * z, -14.0, 14.0)
    mean = {
        name: (interpolate.CubicSpline(place, values)(inner) * z_weight).sum(axis=2)
        for name, values in at.items()
    }
    w = mu_weight[:, np.newaxis] * omega_weight
    both = w * mean["liver"] * mean["eye"]
    total = both.sum()
    mu_mean = float((both * mu[:, np.newaxis]).sum() / total)
    square = float((both * mu[:, np.newaxis] ** 2).sum() / total)
    tau_square = float((w * mean["tau_square"] * mean["eye"]).sum() / total)
    return {
        "log_marginal": math.log(total),
        "rr_eye": float((w * mean["liver"] * mean["rr_eye"]).sum() / total),
        "eye": float((w * mean["liver"] * mean["eye_mean"]).sum() / total),
        "liver": float((w * mean["liver_mean"] * mean["eye"]).sum() / total),
        "mu": mu_mean,
        "mu_sd": math.sqrt(square - mu_mean**2),
        "omega_rms": math.sqrt((both * omega**2).sum() / total),
        "tau_rms_liver": math.sqrt(tau_square),
    }


def _pmf(y: int, mean: NDArray[np.float64], k: float) -> NDArray[np.float64]:
    if math.isinf(k):
        return np.asarray(stats.poisson.pmf(y, mean))
    return np.asarray(stats.nbinom.pmf(y, k, k / (k + mean)))
