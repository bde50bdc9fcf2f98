"""Comparisons with a natural history against reference values, definitions and simulation."""

import itertools
import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from data import reference_rows, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, special, stats

from detectors.small_population import natural_history as history
from detectors.small_population.natural_history.commensurate import _posterior

# The file does not say its prior. The five numbers follow from its rows of weight 0, to 12 digits;
# the rows of other weights then confirm them.
MAP = history.BetaMixture((0.38, 0.62), (2.5, 14.6), (7.2, 44.3))
DIGITS = 1e-8  # absolute, as the README of the reference has it


def rates() -> pd.DataFrame:
    return reference_table("small_population/natural_history_gammapoisson.csv")


def rate_data() -> tuple[Any, ...]:
    return tuple(rates()[name] for name in ("y", "person_years", "hist_events", "hist_py"))


def proportions() -> pd.DataFrame:
    return reference_table("small_population/natural_history_betabinomial.csv")


def test_rates_match_every_column_of_the_reference() -> None:
    found = [
        history.predictive_rate(*rate_data()).p,
        history.conditional_rate(*rate_data()).p,
        history.probability_rate_is_higher(*rate_data()).value,
    ]

    names = ["nb_pred_p_jeffreys", "binom_conditional_p", "P_rate_gt_hist"]
    assert len(rates()) == 21
    for values, name in zip(found, names, strict=True):
        assert_allclose(values, rates()[name], atol=DIGITS)


def test_the_plug_in_probability_matches_and_is_undefined_without_a_historical_event() -> None:
    found = history.plug_in_rate(*rate_data())

    has_event = (rates()["hist_events"] > 0).to_numpy()
    assert (found.state[~has_event] == "no_historical_event").all()
    assert np.isnan(found.p[~has_event]).all()
    assert_allclose(found.p[has_event], rates()["poisson_p_plugin"][has_event], atol=DIGITS)


def test_proportions_match_every_row_of_the_reference() -> None:
    found = [
        (
            history.predictive_proportion(*row[:4], delta=row[4]).p.item(),
            history.probability_proportion_is_higher(*row[:4], delta=row[4]).value.item(),
        )
        for row in proportions().iloc[:, :5].itertuples(index=False)
    ]

    assert len(proportions()) == 75
    columns = ["pred_p_upper_jeffreys_hist", "P_treated_gt_hist"]
    assert_allclose(found, proportions()[columns], atol=DIGITS)


def test_the_robust_mixture_matches_every_row_of_the_reference() -> None:
    rows = list(reference_rows("small_population/robust_map_beta_mixture.csv"))
    assert len(rows) == 16
    for row in rows:
        prior = history.robust_beta(MAP, weight=row.robust_weight)

        posterior = history.update_beta(prior, events=row.y, patients=row.n)

        weights = [float(each) for each in row.post_weights.split()]
        found = history.summary(posterior)
        assert_allclose(posterior.weights[: len(weights)], weights, atol=DIGITS)
        assert_allclose(
            [found.mean, found.lower, found.upper, history.probability_above(posterior, 0.5)],
            [row.post_mean, row.q025, row.q975, row.P_gt_0_5],
            atol=DIGITS,
        )


@pytest.mark.parametrize(
    ("y", "t", "h", "v"),
    [(3, 5.0, 3, 20.0), (40, 0.01, 2, 1e4), (1, 1e-4, 0, 500.0), (9, 9.0, 50, 1.0)],
)
def test_the_predictive_tail_is_the_sum_of_its_masses(y: int, t: float, h: int, v: float) -> None:
    with mpmath.workdps(320):
        shape, x = mpmath.mpf(h) + 0.5, mpmath.mpf(t) / (mpmath.mpf(t) + mpmath.mpf(v))
        below = mpmath.fsum(
            mpmath.rf(shape, k) / mpmath.factorial(k) * x**k * (1 - x) ** shape for k in range(y)
        )
        upper, lower = (
            1 - below,
            below + mpmath.rf(shape, y) / mpmath.factorial(y) * x**y * (1 - x) ** shape,
        )
        exact = [float(mpmath.log(upper)), float(mpmath.log(lower))]

    found = [
        history.predictive_rate(y, t, h, v, alternative=side).log_p.item()
        for side in ("greater", "less")
    ]

    assert_allclose(found, exact, rtol=1e-12, atol=1e-13)  # rounding of log-gamma functions


def test_a_far_tail_agrees_with_its_sum_in_forty_digits() -> None:
    found = history.predictive_rate(900, 4.0, 3, 6.0).log_p.item()

    with mpmath.workdps(40):
        shape, x = mpmath.mpf("3.5"), mpmath.mpf("0.4")
        masses = [
            mpmath.gamma(shape + k) / mpmath.gamma(shape) / mpmath.factorial(k) * x**k
            for k in range(900, 1_100)
        ]
        exact = float(mpmath.log(mpmath.fsum(masses) * (1 - x) ** shape))
    assert_allclose(found, exact, rtol=1e-13)


def test_a_tail_below_the_smallest_double_has_a_logarithm() -> None:
    found = history.predictive_rate([200, 0], [1e-3, 1e5], [0, 900], [1e3, 1e3])
    less = history.predictive_rate(0, 1e5, 900, 1e3, alternative="less")

    assert found.p[0] == 0.0
    first = 200 * math.log(1e-6) + special.gammaln(200.5) - special.gammaln(0.5)
    assert_allclose(found.log_p[0], first - special.gammaln(201.0), rtol=1e-6)  # x is 1e-6
    assert found.log_p[1] == 0.0
    assert_allclose(less.log_p, 900.5 * math.log(1e3 / (1e5 + 1e3)), rtol=1e-12)


@given(
    y=st.integers(0, 30),
    h=st.integers(0, 50),
    t=st.floats(1e-4, 500.0),
    v=st.floats(1e-2, 1e4),
    delta=st.floats(0.01, 1.0),
)
@settings(max_examples=150, deadline=None)
def test_more_events_are_never_less_extreme(
    y: int, h: int, t: float, v: float, delta: float
) -> None:
    now, more = history.predictive_rate([y, y + 1], t, h, v, delta=delta).p
    above, more_above = history.probability_rate_is_higher([y, y + 1], t, h, v, delta=delta).value

    assert 0.0 <= more <= now <= 1.0
    assert more < now or now < 1e-14 or now > 1 - 1e-12  # equal only by rounding
    assert more_above >= above - 1e-14  # rounding near 1


@given(y=st.integers(0, 12), n=st.integers(0, 18), h=st.integers(0, 30), rest=st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_the_two_tails_of_a_proportion_share_one_mass(y: int, n: int, h: int, rest: int) -> None:
    n, total = n + y, h + rest + 1
    upper = history.predictive_proportion(y, n, h, total).p.item()
    lower = history.predictive_proportion(y, n, h, total, alternative="less").p.item()

    a, b = h + 0.5, total - h + 0.5
    mass = stats.betabinom.pmf(y, n, a, b)
    assert_allclose(upper + lower - 1.0, mass, atol=1e-11)  # rounding of its log-beta functions
    assert_allclose(upper, stats.betabinom.sf(y - 1, n, a, b), atol=1e-10)  # likewise


def test_turning_events_round_turns_a_proportion_round() -> None:
    upper = history.predictive_proportion(4, 9, 3, 20, prior=(0.3, 0.8)).p
    lower = history.predictive_proportion(5, 9, 17, 20, prior=(0.8, 0.3), alternative="less").p

    assert_allclose(upper, lower, rtol=1e-13)


@given(st.tuples(*[st.floats(0.05, 60.0)] * 4))
@settings(max_examples=40, deadline=None)
def test_one_of_two_beta_variables_is_greater(pair: tuple[float, float, float, float]) -> None:
    a, b, c, d = pair

    found = history.probability_first_is_greater((a, b), (c, d))
    other = history.probability_first_is_greater((c, d), (a, b))
    turned = history.probability_first_is_greater((d, c), (b, a))

    assert_allclose(found + other, 1.0, atol=1e-12)
    assert_allclose(found, turned, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second"),
    [((0.5, 0.5), (0.5, 7.5)), ((3.5, 0.1), (0.2, 0.3)), ((900.5, 40.5), (2.0, 0.6))],
)
def test_the_chance_to_be_greater_is_an_integral(
    first: tuple[float, float], second: tuple[float, float]
) -> None:
    def integrand(u: float) -> float:  # on the logit: no singular end
        x = special.expit(u)
        log_density = first[0] * special.log_expit(u) + first[1] * special.log_expit(-u)
        return float(np.exp(log_density - special.betaln(*first)) * special.betainc(*second, x))

    exact = sum(
        integrate.quad(integrand, low, low + 5.0, epsabs=1e-14)[0] for low in range(-400, 400, 5)
    )

    assert_allclose(history.probability_first_is_greater(first, second), exact, atol=1e-11)  # quad


def test_whole_parameters_have_a_finite_sum() -> None:
    a, b, c, d = 3, 4, 2, 9
    terms = [
        special.beta(c + i, b + d) / ((b + i) * special.beta(1 + i, b) * special.beta(c, d))
        for i in range(a)
    ]

    assert_allclose(history.probability_first_is_greater((a, b), (c, d)), sum(terms), rtol=1e-12)


@pytest.mark.slow
def test_over_rates_drawn_from_the_posterior_the_predictive_size_is_kept() -> None:
    rng = np.random.default_rng(20260101)
    h, v, t, n = 3, 20.0, 10.0, 200_000

    y = rng.poisson(t * rng.gamma(h + 0.5, 1 / v, n))
    p = history.predictive_rate(np.arange(40), t, h, v).p

    for k in (1, 2, 4, 6):
        share = (y >= k).mean()
        assert_allclose(share, p[k], atol=3 * math.sqrt(p[k] * (1 - p[k]) / n))  # 3 standard errors


def test_the_conditional_size_is_kept_at_every_rate() -> None:
    counts = np.arange(60)
    p = history.conditional_rate(counts[:, np.newaxis], 2.0, counts, 6.0).p

    for rate in (0.01, 0.3, 1.0, 3.0):
        weights = np.outer(stats.poisson.pmf(counts, 2 * rate), stats.poisson.pmf(counts, 6 * rate))
        for alpha in (0.01, 0.05):
            assert weights[p <= alpha].sum() <= alpha


def test_the_plug_in_size_is_not_kept_where_the_history_is_short() -> None:
    counts = np.arange(80)
    history_of = np.maximum(counts, 1)  # without an event the plug-in has no answer
    p = history.plug_in_rate(counts[:, np.newaxis], 10.0, history_of, 10.0).p
    usable = counts > 0

    weights = np.outer(stats.poisson.pmf(counts, 5.0), stats.poisson.pmf(counts, 5.0))
    size = weights[(p <= 0.05) & usable].sum()

    assert size > 0.1  # twice its level, and more


def test_the_ratio_agrees_with_simulation_and_turns_round() -> None:
    rng = np.random.default_rng(4)
    found = history.rate_ratio(3, 5.0, 3, 20.0)
    turned = history.rate_ratio(3, 20.0, 3, 5.0)
    draws = rng.gamma(3.5, 1 / 5.0, 100_000) / rng.gamma(3.5, 1 / 20.0, 100_000)

    share = [(draws <= each).mean() for each in (found.lower, found.point, found.upper)]

    error = 3 * np.sqrt([0.025 * 0.975, 0.25, 0.025 * 0.975]) / math.sqrt(100_000)
    assert (np.abs(np.array(share) - [0.025, 0.5, 0.975]) <= error).all()  # 3 standard errors
    assert_allclose([turned.lower, turned.upper], [1 / found.upper, 1 / found.lower], rtol=1e-10)


def test_a_mixture_of_rates_is_updated_as_bayes_has_it() -> None:
    prior = history.robust_gamma(
        history.GammaMixture((0.3, 0.7), (2.0, 9.0), (10.0, 30.0)), weight=0.2, vague=(1.0, 1.0)
    )

    posterior = history.update_gamma(prior, events=5, person_time=4.0)

    x = np.linspace(1e-9, 8.0, 400_001)
    density: Any = sum(
        w * stats.gamma.pdf(x, a, scale=1 / b)
        for w, a, b in zip(prior.weights, prior.shape, prior.rate, strict=True)
    ) * stats.poisson.pmf(5, 4.0 * x)
    area = integrate.simpson(density, x=x)
    mean = integrate.simpson(density * x, x=x) / area
    above = integrate.simpson(density[x >= 0.5], x=x[x >= 0.5]) / area
    assert_allclose(history.summary(posterior).mean, mean, rtol=1e-8)  # of Simpson's rule
    assert_allclose(history.probability_above(posterior, 0.5), above, atol=1e-5)  # of its end


def test_quantiles_of_a_mixture_invert_its_distribution() -> None:
    prior = history.GammaMixture((0.3, 0.7), (0.5, 40.0), (1.0, 4.0))
    found = history.summary(prior, level=0.9)

    above = [history.probability_above(prior, x) for x in (found.lower, found.median, found.upper)]

    assert_allclose(above, [0.95, 0.5, 0.05], atol=1e-11)


def test_a_predictive_mixture_is_the_weighted_tail() -> None:
    prior = history.BetaMixture((0.25, 0.75), (1.0, 4.0), (9.0, 2.0))

    found = history.predictive_p(prior, events=3, patients=7)

    tails = [stats.betabinom.sf(2, 7, 1.0, 9.0), stats.betabinom.sf(2, 7, 4.0, 2.0)]
    assert_allclose(found, 0.25 * tails[0] + 0.75 * tails[1], rtol=1e-11)  # of its log-betas


@pytest.mark.parametrize(
    ("y", "t", "h", "v", "scale"),
    [(3, 5.0, 3, 20.0, 0.5), (0, 0.5, 0, 10.0, 1.0), (30, 1.0, 50, 500.0, 2.0)],
)
def test_a_commensurate_prior_agrees_with_adaptive_integration(
    y: int, t: float, h: int, v: float, scale: float
) -> None:
    def density(effect: float, tau: float) -> float:
        odds = math.log(t / v) + effect
        log_mass = y * special.log_expit(odds) + (h + 0.5) * special.log_expit(-odds)
        return float(np.exp(log_mass - 0.5 * (effect / tau) ** 2 - 0.5 * (tau / scale) ** 2) / tau)

    def over(low: float, high: float) -> float:
        def inner(tau: float) -> float:
            edge = 9.0 * tau
            return float(
                integrate.quad(density, low * edge, high * edge, args=(tau,), epsabs=0, limit=200)[
                    0
                ]
            )

        return float(integrate.quad(inner, 1e-9, 9 * scale, epsabs=0, epsrel=1e-8, limit=200)[0])

    found = history.commensurate_rate(
        events=y, person_time=t, historical_events=h, historical_person_time=v, tau_scale=scale
    )

    upper, lower = over(0.0, 1.0), over(-1.0, 0.0)
    assert_allclose(found.probability_higher, upper / (upper + lower), atol=1e-7)  # of quad
    finer = _posterior(y, t / v, h + 0.5, scale, 0.04)
    assert_allclose(found.probability_higher, finer.probability_higher, atol=1e-11)
    assert_allclose(found.log_ratio_sd, finer.log_ratio_sd, atol=1e-10)
    assert_allclose(found.tau_mean, finer.tau_mean, atol=1e-10)


def test_without_data_the_commensurate_prior_is_left() -> None:
    found = history.commensurate_rate(
        events=0,
        person_time=1e-9,
        historical_events=0,
        historical_person_time=1e3,
        tau_scale=0.7,
    )

    assert_allclose(found.tau_mean, 0.7 * math.sqrt(2 / math.pi), rtol=1e-9)  # of a half-normal
    assert_allclose(found.log_ratio_sd, 0.7, rtol=1e-9)
    assert_allclose(found.probability_higher, 0.5, atol=1e-9)


def test_a_tight_commensurate_prior_borrows_and_a_wide_one_listens() -> None:
    data: dict[str, Any] = {
        "events": 6,
        "person_time": 5.0,
        "historical_events": 3,
        "historical_person_time": 20.0,
    }

    tight, wide = (history.commensurate_rate(**data, tau_scale=s) for s in (0.05, 2.0))

    assert abs(tight.log_ratio_mean) < 0.05 < wide.log_ratio_mean
    assert tight.tau_mean < wide.tau_mean
    assert 0.5 < tight.probability_higher < wide.probability_higher


@given(a=st.floats(1.02, 40.0), b=st.floats(1.02, 40.0))
@settings(max_examples=8, deadline=None)
def test_a_single_component_is_worth_its_parameters(a: float, b: float) -> None:
    beta, gamma = history.BetaMixture((1.0,), (a,), (b,)), history.GammaMixture((1.0,), (a,), (b,))

    assert_allclose(history.elir_sample_size(beta), a + b, rtol=1e-8)
    assert_allclose(history.elir_sample_size(gamma), b, rtol=1e-8)
    assert_allclose(history.moment_sample_size(beta), a + b, rtol=1e-10)
    assert_allclose(history.moment_sample_size(gamma), b, rtol=1e-12)


@pytest.mark.slow
def test_the_elir_sample_size_is_predictively_consistent() -> None:
    prior = history.robust_beta(MAP, weight=0.2)
    n = 30

    after = 0.0
    for y in range(n + 1):
        mass = history.predictive_p(prior, events=y, patients=n)
        if y < n:
            mass -= history.predictive_p(prior, events=y + 1, patients=n)
        after += mass * history.elir_sample_size(history.update_beta(prior, events=y, patients=n))

    assert_allclose(after - n, history.elir_sample_size(prior), rtol=1e-6)  # of the integrals


def test_the_conclusion_changes_at_the_tipping_point() -> None:
    data: dict[str, Any] = {"events": 2, "person_time": 2.0, "historical_events": 10}
    found = history.tipping_delta_rate(**data, historical_person_time=100.0)

    before, after = (
        history.predictive_rate(2, 2.0, 10, 100.0, delta=found.weight + step).p.item()
        for step in (1e-6, -1e-6)
    )

    assert found.changes
    assert found.holds_at_start
    assert before <= 0.05 < after


def test_a_conclusion_that_nothing_changes_has_no_tipping_point() -> None:
    found = history.tipping_delta_proportion(
        events=0, patients=5, historical_events=3, historical_patients=40
    )

    assert not found.changes
    assert math.isnan(found.weight)
    assert found.value_at_start == found.value_at_end == 1.0


def test_a_robust_weight_can_tip_a_conclusion() -> None:
    found = history.tipping_robust_weight(MAP, events=6, patients=6, limit=0.5, cut=0.9)

    at = [
        history.probability_above(
            history.update_beta(history.robust_beta(MAP, weight=w), events=6, patients=6), 0.5
        )
        for w in (found.weight - 1e-6, found.weight + 1e-6)
    ]
    assert found.changes
    assert at[0] <= 0.9 < at[1]


def test_the_regimes_of_a_few_patients_give_numbers() -> None:
    times, counts, deltas = (1e-4, 0.5, 30.0, 500.0), (0, 1, 5, 50), (0.001, 0.5, 1.0)
    for t, h, delta in itertools.product(times, counts, deltas):
        for v in (0.1, 20.0, 5e4):
            args = (np.array([0, 1, 30]), t, h, v)
            found = [
                history.predictive_rate(*args, delta=delta).log_p,
                history.predictive_rate(*args, delta=delta, alternative="less").log_p,
                history.conditional_rate(*args).log_p,
                history.probability_rate_is_higher(*args, delta=delta).value,
            ]
            assert np.isfinite(found).all()
    for n, h in itertools.product((1, 5, 30), (0, 1, 30)):
        for y in {0, 1, n}:
            assert np.isfinite(history.predictive_proportion(y, n, h, 30).log_p)
            assert 0 <= history.probability_proportion_is_higher(y, n, h, 30).value <= 1
            assert np.isfinite(history.conditional_proportion(y, n, h, 30).log_p)


def test_the_bits_of_an_element_do_not_depend_on_its_place() -> None:
    together = history.predictive_rate(*rate_data()).log_p
    alone = [
        history.predictive_rate(*row).log_p.item()
        for row in zip(*(column.tolist() for column in rate_data()), strict=True)
    ]

    assert together[::-1].tolist() == alone[::-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"historical_person_time": 0.0}, "historical_person_time is 0.0: must be above 0"),
        ({"person_time": 0.0}, "events is 2: must be 0 where person_time is 0"),
        ({"events": -1}, "events is -1: must not be negative"),
        ({"events": 1.5}, "events is 1.5: must be whole"),
        ({"historical_events": np.nan}, "historical_events is nan: must not be missing"),
        ({"person_time": -1.0}, "person_time is -1.0: must not be negative"),
        ({"person_time": np.nan}, "person_time is nan: must not be missing"),
        ({"prior_shape": 0.0}, "prior_shape is 0.0: .* improper"),
        ({"prior_rate": -1.0}, "prior_rate is -1.0: must be finite"),
        (
            {"delta": 0.0},
            r"historical_person_time is 9\.0: .* delta, 0\.0, it leaves the prior imp",
        ),
        ({"delta": 1.1}, "delta is 1.1: must lie in"),
        ({"alternative": "both"}, "alternative is 'both'"),
    ],
)
def test_a_comparison_of_rates_refuses_what_makes_no_sense(
    change: dict[str, float], message: str
) -> None:
    data = {"events": 2, "person_time": 1.0, "historical_events": 1, "historical_person_time": 9.0}

    with pytest.raises(ValueError, match=message):
        history.predictive_rate(**{**data, **change})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: history.predictive_proportion(3, 2, 1, 9), "events is 3: must not exceed"),
        (lambda: history.predictive_proportion(1, 2, 10, 9), "historical_events is 10"),
        (lambda: history.predictive_proportion(0, 2, 0, 0), "historical_patients is 0"),
        (lambda: history.predictive_proportion(1, 2, 1, 9, prior=(0.0, 1.0)), "improper"),
        (lambda: history.BetaMixture((0.5, 0.4), (1.0, 1.0), (1.0, 1.0)), "add up to 0.9"),
        (lambda: history.BetaMixture((1.0,), (0.0,), (1.0,)), r"a\[0\] is 0.0: .* improper"),
        (lambda: history.GammaMixture((1.0,), (1.0,), ()), "as many of each"),
        (lambda: history.robust_beta(MAP, weight=-0.1), "weight is -0.1"),
        (lambda: history.rate_ratio(0, 0.0, 1, 9.0), r"^person_time is 0\.0: .* prior improper"),
        (
            lambda: history.probability_rate_is_higher(1, 1.0, 1, 9.0, rate_ratio=0.0),
            r"rate_ratio is 0\.0: must be above 0 and finite$",
        ),
        (
            lambda: history.tipping_delta_rate(
                events=1,
                person_time=1.0,
                historical_events=1,
                historical_person_time=9.0,
                alpha=0.0,
            ),
            r"alpha is 0\.0: must lie between",
        ),
        (
            lambda: history.tipping_delta_proportion(
                events=1, patients=2, historical_events=1, historical_patients=9, alpha=1.0
            ),
            r"alpha is 1\.0: must lie between",
        ),
        (lambda: history.update_beta(MAP, events=2, patients=1), "must not exceed patients"),
        (
            lambda: history.elir_sample_size(history.BetaMixture((1.0,), (0.5,), (1.0,))),
            "must be 1, or at least 1.01",
        ),
        (
            lambda: history.commensurate_rate(
                events=1,
                person_time=1.0,
                historical_events=1,
                historical_person_time=1.0,
                tau_scale=3.0,
            ),
            "tau_scale is 3.0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: "object", message: str) -> None:
    assert callable(make)

    with pytest.raises(ValueError, match=message):
        make()
