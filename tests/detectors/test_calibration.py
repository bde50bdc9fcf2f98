"""Empirical calibration against R, its definition and simulation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from data import reference_json, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import optimize, special, stats

from detectors.calibration import (
    REMARKS,
    Fit,
    Null,
    calibrate_interval,
    calibrate_llr,
    calibrate_p,
    fit_null,
    leave_one_out,
)
from detectors.calibration.likelihood import Likelihood

Floats = NDArray[np.float64]

estimates = st.floats(-5, 5)
errors = st.floats(0.01, 3)
controls = st.integers(3, 12).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=estimates), arrays(np.float64, n, elements=errors)
    )
)


def r_package() -> dict[str, Any]:
    document: dict[str, Any] = reference_json("empirical_calibration/calibration_sccs.json")
    return document


def r_null() -> Null:
    return Null(r_package()["null"]["mean"], r_package()["null"]["sd"])


def controls_of(truth: int) -> pd.DataFrame:
    rows = reference_table("empirical_calibration/ohdsi_sccs_negative_controls.csv")
    return rows[rows["groundTruth"] == truth]


def log_likelihood(mean: float, sd: float, y: Floats, s: Floats) -> float:
    return float(np.sum(stats.norm.logpdf(y, mean, np.hypot(sd, s))))


def fit_of(null: Null) -> Fit:
    assert null.fit is not None
    return null.fit


def sccs() -> tuple[Floats, Floats]:
    return controls_of(0)["logRr"].to_numpy(), controls_of(0)["seLogRr"].to_numpy()


def test_the_null_matches_r_to_the_stop_of_its_optimiser() -> None:
    null = fit_null(*sccs())

    assert fit_of(null).n_controls == 45
    assert fit_of(null).remarks == ()
    assert_allclose(
        [null.mean, null.sd], [r_null().mean, r_null().sd], rtol=1e-3
    )  # R stops at 1e-4
    here, there = (log_likelihood(found.mean, found.sd, *sccs()) for found in (null, r_null()))
    assert here > there
    assert here == pytest.approx(fit_of(null).log_likelihood, rel=1e-13)  # another formula


def test_the_posterior_by_quadrature_matches_the_sampler_of_r() -> None:
    # A flat prior for the mean and Gamma(1e-4, 1e-4) for the precision, as R's sampler has them;
    # its three numbers are medians, over chains of 1e5 steps of a random walk.
    y, s = sccs()
    precision = np.linspace(1e-3, 80.0, 8_001)[:, np.newaxis]
    w = 1 / (1 / precision + s * s)
    total = w.sum(axis=1)
    mean = (w * y).sum(axis=1) / total
    log_density = (np.log(w) - w * (y - mean[:, np.newaxis]) ** 2).sum(axis=1) / 2
    log_density += (
        -np.log(total) / 2 + (1e-4 - 1) * np.log(precision[:, 0]) - 1e-4 * precision[:, 0]
    )
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()

    median = np.interp(0.5, weight.cumsum(), precision[:, 0])

    def below(value: float) -> float:
        return float((weight * special.ndtr((value - mean) * np.sqrt(total))).sum())

    middle = optimize.brentq(lambda value: below(value) - 0.5, 0.0, 2.0)
    # About a thousand independent draws: 4 standard errors of a median, 1.25 sd / sqrt(1000).
    sd = math.sqrt((weight * precision[:, 0] ** 2).sum() - (weight * precision[:, 0]).sum() ** 2)
    assert_allclose(median, r_package()["mcmc_null_mean_precision"][1], atol=4 * 1.25 * sd / 32)
    assert_allclose(middle, r_package()["mcmc_null_mean_precision"][0], atol=4 * 1.25 * 0.057 / 32)
    rng = np.random.default_rng(seed=20140130)
    drawn = rng.choice(weight.size, size=40_000, p=weight)
    means = mean[drawn] + rng.standard_normal(drawn.size) / np.sqrt(total[drawn])
    positive = controls_of(1).iloc[0]
    z = (positive["logRr"] - means) / np.hypot(precision[drawn, 0] ** -0.5, positive["seLogRr"])
    quantiles = np.quantile(2 * special.ndtr(-np.abs(z)), [0.5, 0.025, 0.975])
    row = r_package()["mcmcP"][0]
    # 4 standard errors of a median of p, whose spread is 0.12, and of a tail, which is wider.
    assert_allclose(quantiles, [row["p"], row["lb95ci"], row["ub95ci"]], atol=4 * 1.25 * 0.12 / 32)


@given(controls)
@settings(max_examples=60)
def test_no_mean_and_spread_are_more_likely_than_those_fitted(
    given_controls: tuple[Floats, Floats],
) -> None:
    y, s = given_controls

    null = fit_null(y, s)

    top = fit_of(null).log_likelihood
    assert top == pytest.approx(log_likelihood(null.mean, null.sd, y, s), rel=1e-9, abs=1e-9)
    for sd in np.append(0.0, np.geomspace(1e-4, 12.0, 60)):
        for mean in np.linspace(-5, 5, 21):
            assert log_likelihood(mean, sd, y, s) <= top + 1e-9 * abs(top) + 1e-9  # rounding
    # The slope is a difference of sums that rounding leaves a few bits of.
    assert fit_of(null).gradient_norm < 1e-9


@given(controls, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_the_controls_does_not_matter_to_the_last_bit(
    given_controls: tuple[Floats, Floats], random: object
) -> None:
    y, s = given_controls
    order = np.arange(y.size)
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis' Random

    assert fit_null(y[order], s[order]) == fit_null(y, s)


@given(controls, st.floats(-3, 3), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
@settings(max_examples=30)
def test_a_shift_moves_the_mean_and_a_scale_stretches_both(
    given_controls: tuple[Floats, Floats], shift: float, scale: float
) -> None:
    y, s = given_controls
    plain = fit_null(y, s)

    moved, stretched = fit_null(y + shift, s), fit_null(scale * y, scale * s)

    # Rounding of y + shift is magnified where the likelihood is flat.
    assert_allclose([moved.mean, moved.sd], [plain.mean + shift, plain.sd], atol=1e-5)
    assert_allclose(
        [stretched.mean, stretched.sd], [scale * plain.mean, scale * plain.sd], atol=1e-5
    )


def test_equal_errors_have_a_closed_form() -> None:
    y = np.array([0.1, 0.7, 1.6, -0.4, 0.5])

    null = fit_null(y, np.full(5, 0.2))

    assert null.mean == pytest.approx(y.mean(), rel=1e-14)
    assert null.sd == pytest.approx(math.sqrt(y.var() - 0.04), rel=1e-13)


def test_the_spread_is_zero_when_and_only_when_chance_explains_all() -> None:
    y = np.array([-1.0, 0.0, 1.0, 2.0])  # variance 1.25

    wide, narrow = (fit_null(y, np.full(4, math.sqrt(v))) for v in (1.26, 1.24))

    assert wide.sd == 0.0
    assert fit_of(wide).sd_interval[0] == 0.0
    assert "no_spread" in fit_of(wide).remarks
    assert narrow.sd == pytest.approx(0.1, rel=1e-12)
    assert "no_spread" not in fit_of(narrow).remarks


def test_identical_controls_have_no_spread() -> None:
    null = fit_null([0.5, 0.5, 0.5], [0.1, 0.2, 0.3])

    assert (null.mean, null.sd) == (0.5, 0.0)
    assert fit_of(null).remarks == ("few_controls", "no_spread")
    assert fit_of(null).n_maxima == 1


def test_a_spread_far_below_chance_is_found() -> None:
    y, variance = np.array([-1.0, 0.0, 1.0, 2.0]), 1.25

    null = fit_null(y, np.full(4, math.sqrt(variance * (1 - 1e-7))))

    # The two variances leave 9 digits of their difference.
    assert null.sd == pytest.approx(math.sqrt(variance * 1e-7), rel=1e-8)
    assert fit_of(null).n_maxima == 1


def test_few_controls_are_remarked_below_ten() -> None:
    y, s = sccs()

    assert "few_controls" in fit_of(fit_null(y[:9], s[:9])).remarks
    assert "few_controls" not in fit_of(fit_null(y[:10], s[:10])).remarks
    assert set(fit_of(fit_null(y[:9], s[:9])).remarks) <= set(REMARKS)


@pytest.mark.parametrize(("n_exact", "is_wide"), [(10, True), (30, False)])
def test_the_higher_of_two_maxima_is_found_and_remarked(n_exact: int, *, is_wide: bool) -> None:
    # Exact controls at 0 want no spread, and two vague ones far off want a wide one.
    y, s = np.array([-3.0, 3.0, *np.zeros(n_exact)]), np.array([0.3, 0.3, *np.full(n_exact, 0.01)])

    null = fit_null(y, s)

    grid = np.linspace(0.0, 3.0, 6_001)
    heights = [log_likelihood(0.0, sd, y, s) for sd in grid]
    n_tops = int((np.diff(np.sign(np.diff(heights))) < 0).sum()) + int(heights[0] > heights[1])
    assert null.mean == pytest.approx(0.0, abs=1e-15)
    assert null.sd == pytest.approx(grid[int(np.argmax(heights))], abs=5e-4)  # a step of the grid
    assert (null.sd > 0.1) == is_wide
    assert fit_of(null).n_maxima == n_tops == 2
    assert "several_maxima" in fit_of(null).remarks


def test_a_maximum_close_to_a_minimum_is_seen() -> None:
    y, s = np.array([-2.365, 2.365, *np.zeros(30)]), np.array([0.3, 0.3, *np.full(30, 0.01)])

    null = fit_null(y, s)

    heights = [log_likelihood(0.0, sd, y, s) for sd in np.linspace(0.0, 1.0, 8_001)]
    n_tops = int((np.diff(np.sign(np.diff(heights))) < 0).sum()) + int(heights[0] > heights[1])
    assert fit_of(null).n_maxima == n_tops == 2


def count_tops(variances: Floats, y: Floats, s: Floats) -> int:
    """Count the tops of the profile likelihood on a grid that begins at 0."""
    w = 1 / (variances[:, np.newaxis] + s * s)
    best = (w * y).sum(axis=1) / w.sum(axis=1)
    heights = (np.log(w) - w * (y - best[:, np.newaxis]) ** 2).sum(axis=1)
    is_rising = np.diff(heights) > 0
    return int((is_rising[:-1] & ~is_rising[1:]).sum()) + int(not is_rising[0])


def test_two_maxima_below_the_least_error_are_seen() -> None:
    # One exact control at 0, and forty that differ somewhat more than chance, three times as vague.
    y = np.array([0.0, *np.tile([1.0, -1.0], 20) * math.sqrt(12.4157), 100.0]) / 100
    s = np.array([1.0, *np.full(40, math.sqrt(10.0)), 1e4]) / 100

    null = fit_null(y, s)

    assert count_tops(np.linspace(0.0, 1e-4, 2_001), y, s) == 2
    assert fit_of(null).n_maxima == 2
    assert null.sd < s.min()


def test_a_maximum_just_before_a_minimum_is_seen() -> None:
    y = np.array([*np.tile([0.05, -0.05], 15), 3.693, -3.693])
    s = np.array([*np.full(30, 0.01), 0.3, 0.3])

    null = fit_null(y, s)

    assert count_tops(np.geomspace(1e-3, 1e-2, 4_001), y, s) == 1
    assert count_tops(np.append(0.0, np.geomspace(1e-4, 60.0, 20_001)), y, s) == 2
    assert fit_of(null).n_maxima == 2
    assert null.sd > 0.5


def test_the_standard_error_of_the_mean_is_the_curvature_of_the_likelihood() -> None:
    likelihood, variance, step = Likelihood(*sccs()), 0.08, 0.01
    best = likelihood.best_mean(variance)

    down, top, up = (likelihood.height(variance, best + by) for by in (-step, 0.0, step))

    curvature = (2 * top - down - up) / step**2  # exact, since the likelihood is a parabola
    assert likelihood.standard_error(variance) == pytest.approx(curvature**-0.5, rel=1e-8)


def test_the_slope_along_the_mean_is_in_its_standard_errors() -> None:
    null = fit_null(0.3 + 1e-7 * np.array([1.0, 4.0, 2.0, 7.0]), [1e-6, 3e-6, 2e-6, 4e-6])

    assert null.sd == 0.0
    # The rounding of the mean, 1e-16, in standard errors of 1e-6; in no unit it is 1e-4.
    assert fit_of(null).gradient_norm < 1e-8


@pytest.mark.parametrize("sd", [0.05, 0.4, 1.5])
def test_the_gradient_agrees_with_finite_differences_away_from_the_maximum(sd: float) -> None:
    likelihood, step = Likelihood(*sccs()), 1e-4

    found = likelihood.gradient_norm(sd * sd)

    heights = [likelihood.height((sd * math.exp(by)) ** 2) for by in (step, -step)]
    # The third derivative times step squared over 6 is below 1e-6 of the slope here.
    assert found == pytest.approx(abs(heights[0] - heights[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("level", [0.4, 0.9])
def test_limits_of_the_null_are_where_the_profile_has_fallen_by_half_a_quantile(
    level: float,
) -> None:
    y, s = sccs()

    null = fit_null(y, s, confidence_level=level)

    fit = fit_of(null)
    floor = fit.log_likelihood - stats.chi2.ppf(level, 1) / 2
    for mean in fit.mean_interval:
        best = optimize.minimize_scalar(
            lambda sd, mean=mean: -log_likelihood(mean, sd, y, s), bounds=(0, 2), method="bounded"
        )
        assert -best.fun == pytest.approx(floor, abs=1e-8)  # the stop of SciPy's search
    for sd in fit.sd_interval:
        w = 1 / (np.square(s) + sd * sd)
        assert log_likelihood((w * y).sum() / w.sum(), sd, y, s) == pytest.approx(floor, abs=1e-10)
    assert fit.mean_interval[0] < null.mean < fit.mean_interval[1]
    assert fit.sd_interval[0] < null.sd < fit.sd_interval[1]


def test_limits_of_a_spread_that_is_hardly_more_than_chance_have_a_closed_form() -> None:
    # Of equal errors the height falls by n (u - 1 - log u) / 2, u being the variance of the
    # controls over that of the model: here by 2.4 down to a spread of 0, and by 1.9 to a limit.
    y, u_at_zero = np.linspace(-1.0, 1.0, 10), 2.33
    s = math.sqrt(y.var() / u_at_zero)

    fit = fit_of(fit_null(y, np.full(10, s)))

    def above(u: float) -> float:
        return stats.chi2.ppf(0.95, 1) / 10 - float(u - 1 - math.log(u))

    ends = (optimize.brentq(above, 1.0, u_at_zero), optimize.brentq(above, 0.01, 1.0))
    exact = [math.sqrt(y.var() / u - s * s) for u in ends]
    assert 0 < exact[0] < exact[1]
    assert_allclose(fit.sd_interval, exact, rtol=1e-10)  # the stop of SciPy's search


@pytest.mark.parametrize(
    ("log_rr", "se", "message"),
    [
        (700.5, 1.0, r"log_rr is 700\.5: must be at most 700"),
        (-700.5, 1.0, r"log_rr is -700\.5: must be at least -700"),
        (0.0, 1e6 + 0.5, r"se is 1000000\.5: must be at most 1e\+06"),
        (0.0, 9e-7, r"se is 9e-07: must be at least 1e-06"),
    ],
)
def test_estimates_just_beyond_what_is_allowed_are_refused(
    log_rr: float, se: float, message: str
) -> None:
    null = Null(0.0, 0.1)

    with pytest.raises(ValueError, match=message):
        calibrate_p(log_rr, se, null)
    at_the_ends = calibrate_p([-700.0, 700.0, 0.0, 0.0], [1.0, 1.0, 1e-6, 1e6], null)
    assert (at_the_ends.state == "defined").all()


@pytest.mark.parametrize(("mean", "sd"), [(700.5, 0.1), (-700.5, 0.1), (0.0, -1e-9), (0.0, 700.5)])
def test_a_null_just_beyond_what_is_allowed_is_refused(mean: float, sd: float) -> None:
    with pytest.raises(ValueError, match="must lie between"):
        Null(mean, sd)
    assert [Null(m, s).sd for m, s in ((700.0, 0.0), (-700.0, 700.0))] == [0.0, 700.0]


@pytest.mark.campaign
@pytest.mark.slow
def test_simulated_nulls_are_found_and_their_limits_cover() -> None:
    rng = np.random.default_rng(seed=20140131)
    n_sets, n_controls, mean, sd = 400, 50, 0.3, 0.25
    s = rng.uniform(0.05, 0.4, (n_sets, n_controls))
    y = rng.normal(mean, sd, s.shape) + s * rng.standard_normal(s.shape)

    found = [fit_null(y[i], s[i], confidence_level=0.9) for i in range(n_sets)]

    means = np.array([null.mean for null in found])
    assert abs(means.mean() - mean) < 4 * means.std() / math.sqrt(n_sets)  # standard errors
    sds = np.array([null.sd for null in found])
    # Four standard errors; and 1 / (2 n) of bias, since the mean is estimated too.
    assert abs(sds.mean() - sd) < 4 * sds.std() / math.sqrt(n_sets) + 1.5 * sd / (2 * n_controls)
    for truth, limits in (
        (mean, [fit_of(null).mean_interval for null in found]),
        (sd, [fit_of(null).sd_interval for null in found]),
    ):
        covered = np.mean([low <= truth <= high for low, high in limits])
        # Four standard errors, and 0.02 since the chi-square law is approximate at 50 controls.
        assert abs(covered - 0.9) < 4 * math.sqrt(0.09 / n_sets) + 0.02


@pytest.mark.slow
def test_simulated_new_controls_are_called_as_often_as_alpha() -> None:
    rng = np.random.default_rng(seed=20180313)
    n_controls = 400
    s = rng.uniform(0.05, 0.4, n_controls)
    y = rng.normal(0.5, 0.3, n_controls) + s * rng.standard_normal(n_controls)
    null = fit_null(y, s)
    new_s = rng.uniform(0.05, 0.4, 40_000)
    new_y = rng.normal(0.5, 0.3, new_s.size) + new_s * rng.standard_normal(new_s.size)

    one_sided = calibrate_p(new_y, new_s, null, alternative="greater").p
    usual = calibrate_p(new_y, new_s, Null(0.0, 0.0), alternative="greater").p

    # 4 standard errors, and what a null from 400 controls is off by (0.018 in 0.3 is 0.06 sd).
    assert abs((one_sided < 0.05).mean() - 0.05) < 4 * math.sqrt(0.0475 / 40_000) + 0.012
    assert (usual < 0.05).mean() > 0.6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fit_null([1.0, 2.0], [1.0, 1.0]),
            r"log_rr holds 2 controls: must hold at least 3",
        ),
        (lambda: fit_null([], []), r"log_rr holds 0 controls: must hold at least 3"),
        (lambda: fit_null([1, 2, 3], [1, 1]), r"log_rr has shape \(3,\), se \(2,\)"),
        (lambda: fit_null([[1, 2, 3]], [[1, 1, 1]]), r"must be one length each"),
        (lambda: fit_null([1, np.nan, 3], [1, 1, 1]), r"log_rr\[1\] is nan: must not be missing"),
        (lambda: fit_null([1, 2, 3], [1, 1, np.nan]), r"se\[2\] is nan: must not be missing"),
        (lambda: fit_null([1, 2, np.inf], [1, 1, 1]), r"log_rr\[2\] is inf: must be at most 700"),
        (lambda: fit_null([1, -701, 3], [1, 1, 1]), r"log_rr\[1\] is -701\.0: must be at least"),
        (lambda: fit_null([1, 2, 3], [1, 0, 1]), r"se\[1\] is 0\.0: must be at least 1e-06"),
        (lambda: fit_null([1, 2, 3], [1, 1, 2e6]), r"se\[2\] is 2000000\.0: must be at most"),
        (lambda: fit_null(["a", "b", "c"], [1, 1, 1]), r"log_rr holds <U1: must be numbers"),
        (lambda: fit_null([1, 2, 3], [1, 1, 1], confidence_level=1.0), r"confidence_level is 1"),
        (lambda: leave_one_out([1, 2, 3], [1, 1, 1]), r"must hold at least 4"),
        (
            lambda: leave_one_out([1, 2, 3, 4], [1, 1, 1, 1], confidence_level=0.0),
            r"confidence_level is 0",
        ),
        (lambda: calibrate_p(1.0, -1.0, r_null()), r"se is -1\.0: must be at least 1e-06"),
        (lambda: calibrate_llr(1.0, 0.0, r_null()), r"se is 0\.0: must be at least 1e-06"),
        (
            lambda: calibrate_interval(999.0, 1.0, r_null()),
            r"log_rr is 999\.0: must be at most 700",
        ),
        (
            lambda: calibrate_interval(1.0, 1.0, r_null(), confidence_level=95),
            r"confidence_level is 95",
        ),
        (
            lambda: calibrate_p([1, 2], [1, 2, 3], r_null()),
            r"shape mismatch|could not be broadcast",
        ),
        (
            lambda: calibrate_p(1.0, 1.0, r_null(), alternative="upper"),  # type: ignore[arg-type]
            r"alternative is 'upper': must be",
        ),
        (lambda: Null(np.nan, 1.0), r"mean is nan: must lie between"),
        (lambda: Null(701.0, 1.0), r"mean is 701\.0: must lie between"),
        (lambda: Null(0.0, -0.1), r"sd is -0\.1: must lie between"),
        (lambda: Null(0.0, np.nan), r"sd is nan: must lie between"),
    ],
)
def test_bad_input_is_refused_by_name_and_rule(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_extreme_but_allowed_controls_are_fitted(scale: float) -> None:
    y = np.array([-700.0, 700.0, 0.0, 1.0])

    null = fit_null(y, np.full(4, scale))

    fit = fit_of(null)
    assert np.isfinite([null.mean, null.sd, *fit.mean_interval, *fit.sd_interval]).all()
    assert fit.mean_interval[0] < null.mean < fit.mean_interval[1]


def test_arguments_are_not_changed() -> None:
    y, s = sccs()
    before = y.tobytes(), s.tobytes()

    fit_null(y, s)
    leave_one_out(y, s)
    calibrate_p(y, s, r_null())

    assert (y.tobytes(), s.tobytes()) == before
