"""One patient's series: against least squares, direct integration, and simulation."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.stats import t as student

from detectors.effectiveness import n_of_1
from detectors.effectiveness.n_of_1 import interrupted
from detectors.quadrature import fejer

SERIES = [5.0, 6.2, 6.1, 5.4, 7.0, 5.5, 9.1, 10.3, 9.0, 11.2, 10.1, 9.6, 8.4]


def autoregressive(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=n)
    values = np.empty(n)
    values[0] = noise[0] / math.sqrt(1 - rho**2)
    for i in range(1, n):
        values[i] = rho * values[i - 1] + noise[i]
    return values


def at(rho: float, y: np.ndarray, n_before: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Fit with the covariance matrix in full: log density, coefficients, their covariance."""
    n = len(y)
    time = np.arange(n)
    after = (time >= n_before) * 1.0
    x = np.column_stack([np.ones(n), time - n_before, after, after * (time - n_before)])
    v = rho ** np.abs(time[:, None] - time) / (1 - rho**2)
    inverse = np.linalg.inv(v)
    cross = x.T @ inverse @ x
    b = np.linalg.solve(cross, x.T @ inverse @ y)
    squares = (y - x @ b) @ inverse @ (y - x @ b)
    log_density = -0.5 * (
        np.linalg.slogdet(v)[1] + np.linalg.slogdet(cross)[1] + (n - 4) * math.log(squares)
    )
    return float(log_density), b, np.linalg.inv(cross) * squares / (n - 4)


def test_the_law_of_the_effects_is_that_of_direct_integration() -> None:
    y = np.array(SERIES)
    found = interrupted(y, n_before=6)
    top = at(0.0, y, 6)[0]
    contrast = np.array([0.0, 0.0, 1.0, 6.0])

    def average(part: object) -> float:
        value, _ = integrate.quad(
            lambda rho: math.exp(at(rho, y, 6)[0] - top) * part(rho),  # type: ignore[operator]
            -0.999999,
            0.999999,
            limit=300,
        )
        return float(value)

    total = average(lambda _: 1.0)
    for effect, c in ((found.level, np.array([0, 0, 1.0, 0])), (found.at_end, contrast)):

        def below(rho: float, x: float, c: np.ndarray = c) -> float:
            _, b, covariance = at(rho, y, 6)
            return float(student.cdf((x - c @ b) / math.sqrt(c @ covariance @ c), 9))

        mean = average(lambda rho, c=c: c @ at(rho, y, 6)[1]) / total
        assert_allclose(effect.point, mean, rtol=1e-5)  # the ends that the twin leaves out
        for limit, chance in ((effect.lower, 0.025), (effect.upper, 0.975), (0.0, effect.p_below)):
            twin = average(lambda rho, x=limit: below(rho, x)) / total
            assert_allclose(twin, chance, atol=1e-5)  # the same
    assert_allclose(found.rho, average(lambda rho: rho) / total, atol=1e-5)  # the same


def test_twice_the_nodes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = interrupted(SERIES, n_before=6)

    rule = fejer(256)
    monkeypatch.setattr(n_of_1, "N_NODES", 256)
    monkeypatch.setattr(n_of_1, "RHO", np.array([2 * node - 1 for node, _ in rule]))
    monkeypatch.setattr(n_of_1, "RHO_WEIGHTS", np.array([weight for _, weight in rule]))
    second = interrupted(SERIES, n_before=6)

    assert_allclose(first.level.lower, second.level.lower, rtol=1e-7)  # error of the rule
    assert_allclose(first.slope.upper, second.slope.upper, rtol=1e-7)  # the same


def test_effects_follow_the_unit_and_ignore_a_line_through_all() -> None:
    y = np.array(SERIES)

    first = interrupted(y, n_before=6)
    second = interrupted(1e3 * (y + 4.0 + 0.3 * np.arange(13)), n_before=6)

    assert_allclose(second.level.lower, 1e3 * first.level.lower, rtol=1e-9)
    assert_allclose(second.slope.point, 1e3 * first.slope.point, rtol=1e-9, atol=1e-9)
    assert_allclose(second.rho, first.rho, atol=1e-9)


def test_a_step_is_a_step_and_a_slope_is_a_slope() -> None:
    rng = np.random.default_rng(6)
    time = np.arange(40)
    noise = 0.1 * autoregressive(40, 0.3, rng)

    step = interrupted(noise - 5.0 * (time >= 20), n_before=20)
    slope = interrupted(noise - 0.5 * np.maximum(time - 20, 0), n_before=20)

    assert step.level.lower < -5.0 < step.level.upper < -4.0
    assert step.slope.lower < 0.0 < step.slope.upper
    assert step.level.p_below > 0.999
    assert slope.slope.lower < -0.5 < slope.slope.upper < -0.4
    assert slope.at_end.lower < -9.5 < slope.at_end.upper


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "rho", "level", "slope"),
    [(24, 0.0, 0.95, 0.97), (24, 0.3, 0.93, 0.97), (24, 0.6, 0.90, 0.93), (60, 0.6, 0.95, 0.94)],
)
def test_the_limits_cover_as_the_notes_say(n: int, rho: float, level: float, slope: float) -> None:
    rng = np.random.default_rng(21)
    held = np.zeros(2)

    for _ in range(60):
        found = interrupted(autoregressive(n, rho, rng), n_before=n // 2)
        held += [effect.lower <= 0 <= effect.upper for effect in (found.level, found.slope)]

    errors = 3 * np.sqrt([level * (1 - level) / 60, slope * (1 - slope) / 60])
    assert np.all(np.abs(held / 60 - [level, slope]) < errors + 0.015)  # and that of the notes


def test_short_and_perfect_series_have_a_state() -> None:
    assert interrupted([1.0, 2.0, 3.0, 4.0, 5.0], n_before=2).state == "too_few"
    assert interrupted([], n_before=0).state == "too_few"
    assert interrupted(np.zeros(8), n_before=4).state == "no_spread"
    line = interrupted(3.0 + 2.0 * np.arange(10), n_before=5)
    assert line.state == "no_spread"
    assert math.isnan(line.level.lower)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values\[0\] is nan"):
        interrupted([math.nan], n_before=0)
    with pytest.raises(ValueError, match="n_before is 14"):
        interrupted(SERIES, n_before=14)
    with pytest.raises(ValueError, match="n_before is -1"):
        interrupted(SERIES, n_before=-1)
    with pytest.raises(ValueError, match="must be a row"):
        interrupted([SERIES], n_before=1)
    with pytest.raises(ValueError, match="confidence_level is 0"):
        interrupted(SERIES, n_before=6, confidence_level=0.0)
