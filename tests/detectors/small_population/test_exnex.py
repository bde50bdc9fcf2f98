"""EXNEX against a sum over memberships, its limits, and attribution against its definition."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate as scipy_integrate
from scipy import stats

from detectors.small_population import exnex, platform
from detectors.small_population.attribution import attribute

EVENTS, EXPECTED = [4, 0, 1], [0.5, 0.8, 0.5]


@pytest.mark.parametrize(
    ("events", "expected", "mean", "sd"),
    [
        (EVENTS, EXPECTED, 0.2, 1.5),
        ([8, 2, 12], [10.0, 5.0, 15.0], 0.0, 1.0),  # fewer than expected
        ([4, 0, 1], EXPECTED, -4.0, 0.3),  # the own prior holds little of the likelihood
    ],
)
def test_posterior_is_a_sum_over_memberships(
    events: list[int], expected: list[float], mean: float, sd: float
) -> None:
    weight = np.array([0.3, 0.6, 0.6])

    found = exnex.posterior(events, expected, weight=weight, own_mean=mean, own_sd=sd)

    log_marginal, belongs, rr, above = _by_membership(events, expected, weight, mean, sd)
    # The quadrature's error, here and in the platform posteriors of the twin.
    assert_allclose(found.log_marginal, log_marginal, rtol=1e-8)
    assert_allclose(found.p_exchangeable, belongs, rtol=1e-8)
    assert_allclose(found.rr_mean, rr, rtol=1e-8)
    assert_allclose(found.p_above, above, rtol=1e-8)


def test_weight_near_one_is_the_shared_posterior() -> None:
    shared = platform.posterior([2, 0, 1], EXPECTED)

    found = exnex.posterior([2, 0, 1], EXPECTED, weight=0.999)

    assert_allclose(found.rr_mean, shared.rr_mean, rtol=5e-3)  # of the order of 1 - weight
    assert_allclose(found.p_above, shared.p_above, rtol=5e-3)


def test_weight_near_zero_is_each_construct_alone() -> None:
    found = exnex.posterior(EVENTS, EXPECTED, weight=0.001, own_sd=1.5)

    alone = [_alone(y, e, 0.0, 1.5) for y, e in zip(EVENTS, EXPECTED, strict=True)]
    # Of the order of the weight.
    assert_allclose(found.rr_mean, [rr / total for total, rr, _ in alone], rtol=5e-3)


def test_where_the_own_prior_holds_nothing_the_posterior_is_the_shared_one() -> None:
    shared = platform.posterior([0], [200.0], mu_sd=0.05, tau_scale=0.1)

    found = exnex.posterior(
        [0], [200.0], own_mean=3.0, own_sd=0.1, mu_sd=0.05, tau_scale=0.1, weight=0.5
    )

    # The quadrature's error, where theta is some eight spreads below mu.
    assert_allclose(found.log_marginal, shared.log_marginal + math.log(0.5), rtol=1e-6)
    assert_allclose(found.rr_mean, shared.rr_mean, rtol=1e-6)
    assert_allclose(found.log_rr_sd, shared.log_rr_sd, rtol=1e-6)


def test_bad_construct_is_shrunk_less_and_infects_the_others_less() -> None:
    events, expected = [8, 0, 0, 0], [0.5] * 4

    shared, found = (
        platform.posterior(events, expected),
        exnex.posterior(events, expected, own_sd=2.0),
    )

    assert found.rr_mean[0] > shared.rr_mean[0]
    assert found.p_exchangeable[0] < found.p_exchangeable[1]
    assert found.mu_mean < shared.mu_mean


def test_order_of_constructs_changes_no_bit() -> None:
    order, weight = [2, 0, 1], np.array([0.3, 0.6, 0.5])

    straight = exnex.posterior(EVENTS, EXPECTED, weight=weight)
    mixed = exnex.posterior(
        np.array(EVENTS)[order], np.array(EXPECTED)[order], weight=weight[order]
    )

    assert_array_equal(straight.rr_mean[order], mixed.rr_mean)
    assert_array_equal(straight.p_exchangeable[order], mixed.p_exchangeable)
    assert straight.log_marginal == mixed.log_marginal


@pytest.mark.parametrize("dispersion", [0.3, math.inf])
@pytest.mark.parametrize(("top", "expected"), [(0, 1e-4), (3, 1e-4), (20, 1.0), (0, 50.0)])
def test_every_regime_gives_numbers(dispersion: float, top: int, expected: float) -> None:
    found = exnex.posterior([top, 0, 0], [expected] * 3, dispersion=dispersion)

    assert np.isfinite([found.rr_mean, found.p_above, found.log_rr_mean]).all()
    assert (found.rr_mean > 0).all()
    assert (found.log_rr_sd > 0).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": 0.0}, "weight is 0"),
        ({"weight": [0.5, 1.0]}, r"weight\[1\] is 1"),
        ({"weight": [0.5] * 3}, "weight has shape"),
        ({"own_mean": math.nan}, "own_mean is nan"),
        ({"own_sd": 0.0}, "own_sd is 0"),
        ({"own_sd": 9.0}, "own_sd is 9"),
        ({"events": [1, -1]}, r"events\[1\] is -1"),
        ({"mu_sd": 6.0}, "mu_sd is 6"),
        ({"dispersion": 0.3, "tau_scale": 1.1}, "tau_scale is 1.1"),
    ],
)
def test_posterior_refuses_arguments_out_of_range(change: dict[str, Any], words: str) -> None:
    arguments = {"events": [1, 0], "expected": [0.5, 0.5], **change}

    with pytest.raises(ValueError, match=words):
        exnex.posterior(**arguments)


def _alone(events: int, expected: float, mean: float, sd: float) -> tuple[float, float, float]:
    def density(theta: float) -> float:
        pmf = stats.poisson.pmf(events, expected * math.exp(theta))
        return float(pmf * stats.norm.pdf(theta, mean, sd))

    total = scipy_integrate.quad(density, -14, 9, epsabs=1e-14, points=[mean, 0.0], limit=200)[0]
    above = scipy_integrate.quad(density, 0, 9, epsabs=1e-14, limit=200)[0]
    rr = scipy_integrate.quad(
        lambda theta: density(theta) * math.exp(theta), -14, 9, epsabs=1e-14, limit=200
    )[0]
    return total, rr, above


def _by_membership(
    events: list[int],
    expected: list[float],
    weight: Any,  # noqa: ANN401 - an array
    mean: float,
    sd: float,
) -> tuple[float, Any, Any, Any]:
    alone = [_alone(y, e, mean, sd) for y, e in zip(events, expected, strict=True)]
    total, belongs, rr, above = 0.0, np.zeros(3), np.zeros(3), np.zeros(3)
    for member in itertools.product([False, True], repeat=3):
        is_in = np.array(member)
        w = float(np.prod(np.where(is_in, weight, 1.0 - weight)))
        w *= math.prod(alone[j][0] for j in range(3) if not member[j])
        rr_here = np.array([each[1] / each[0] for each in alone])
        above_here = np.array([each[2] / each[0] for each in alone])
        if is_in.any():
            shared = platform.posterior(np.array(events)[is_in], np.array(expected)[is_in])
            w *= math.exp(shared.log_marginal)
            rr_here[is_in], above_here[is_in] = shared.rr_mean, shared.p_above
        total += w
        belongs += w * is_in
        rr += w * rr_here
        above += w * above_here
    return math.log(total), belongs / total, rr / total, above / total


def test_attribution_weighs_each_model_by_its_marginal_likelihood() -> None:
    events, expected, programmes = [3, 1, 0], [0.3, 0.4, 0.5], ["liver", "liver", "eye"]

    found = attribute(events, expected, programmes, excess=2.0, mu_sd=1.0, tau_scale=0.5)

    assert found.name == ("nothing", "0", "1", "2", "liver", "platform")
    assert_allclose(found.prior, [1 / 2, 1 / 18, 1 / 18, 1 / 18, 1 / 6, 1 / 6], rtol=1e-15)
    null = np.array([stats.poisson.logpmf(*each) for each in zip(events, expected, strict=True)])
    liver = platform.posterior([3, 1], [0.6, 0.8]).log_marginal + null[2]
    alone = platform.posterior([1], [0.8]).log_marginal + null[0] + null[2]
    # Roundings of sums and logarithms.
    assert_allclose(found.log_marginal[[0, 4, 2]], [null.sum(), liver, alone], rtol=1e-12)
    weights = found.prior * np.exp(found.log_marginal)
    assert_allclose(found.posterior, weights / weights.sum(), rtol=1e-12)
    assert_allclose(found.of_construct, found.posterior @ found.affected, rtol=1e-12)
    assert_allclose(sum(found.of_level.values()), 1.0, rtol=1e-12)


def test_attribution_has_a_model_once() -> None:
    one = attribute([1], [0.1], ["liver"])
    single = attribute([1, 0], [0.1, 0.1], ["liver", "eye"])
    whole = attribute([1, 0], [0.1, 0.1], ["liver", "liver"])

    assert one.level == ("nothing", "construct")
    assert single.level == whole.level == ("nothing", "construct", "construct", "platform")
    assert_allclose(one.prior, [0.75, 0.25], rtol=1e-15)


@pytest.mark.campaign
@pytest.mark.slow
def test_attribution_is_calibrated_when_a_model_is_true() -> None:
    rng, n_trials, expected = np.random.default_rng(8), 200, np.full(3, 0.15)
    programmes = ["liver", "liver", "eye"]
    setting = attribute([0, 0, 0], expected, programmes)
    known: dict[tuple[int, ...], Any] = {}
    surplus, variance = np.zeros(6), np.zeros(6)

    for _ in range(n_trials):
        true = rng.choice(6, p=setting.prior)
        mu, tau = math.log(3.0) + 0.75 * rng.normal(), abs(0.25 * rng.normal())
        theta = np.where(setting.affected[true], mu + tau * rng.normal(size=3), 0.0)
        y = rng.poisson(expected * np.exp(theta))
        key = (*sorted(y[:2].tolist()), int(y[2]))  # the two of one programme may swap
        if key not in known:
            known[key] = attribute(key, expected, programmes).posterior
        p = known[key]
        if y[0] > y[1]:
            p = p[[0, 2, 1, 3, 4, 5]]
        surplus += (np.arange(6) == true) - p
        variance += p * (1.0 - p)

    assert (np.abs(surplus) < 3.0 * np.sqrt(variance)).all()


@pytest.mark.parametrize("dispersion", [0.3, math.inf])
def test_attribution_of_nothing_or_much_gives_probabilities(dispersion: float) -> None:
    for events, expected in (([0, 0], 500.0), ([0, 50], 1e-4), ([0, 0], 1e-4)):
        found = attribute(events, [expected] * 2, ["a", "b"], dispersion=dispersion)

        assert np.isfinite(found.log_marginal).all()
        assert_allclose(found.posterior.sum(), 1.0, rtol=1e-12)  # roundings of four terms


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"programmes": ["a"]}, "programmes 1"),
        ({"events": [0] * 21, "expected": [1.0] * 21, "programmes": ["a"] * 21}, "at most 20"),
        ({"excess": 1.0}, "excess is 1"),
        ({"weights": {"nothing": 1.0}}, r"weights\['construct'\] is None"),
        ({"weights": {"nothing": 0.0, "construct": 1.0, "platform": 1.0}}, r"weights\['nothing'\]"),
        (
            {"weights": {"nothing": 1.0, "construct": 1.0, "platform": 1.0, "vector": 1.0}},
            r"weights\['vector'\]: must be one of",
        ),
    ],
)
def test_attribution_refuses_arguments_out_of_range(change: dict[str, Any], words: str) -> None:
    arguments = {"events": [1, 0], "expected": [0.5, 0.5], "programmes": ["a", "b"], **change}

    with pytest.raises(ValueError, match=words):
        attribute(**arguments)
