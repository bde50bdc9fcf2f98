"""A history of fixed length: why it needs a bound, and that the bound holds, by exact sums."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import poisson as law

from detectors.anytime import poisson, uncertain_comparator
from detectors.anytime.fixed_history import rate_limit
from detectors.anytime.horizon import cross_early


def test_stopping_by_the_history_lifts_the_mean_of_the_evidence() -> None:
    # Four events expected in the history: go on to its length again if there were few, or do not
    # begin. One rate ratio, 3, whose mean given c events is known in closed form.
    c, expected, ratio, tau = np.arange(80), 4.0, 3.0, 1.0

    growth = expected * tau * (ratio - 1) / (1 + ratio * tau)
    given = np.exp(growth + c * math.log((1 + tau) / (1 + ratio * tau)))
    at_once, mean = given @ law.pmf(c, expected), np.maximum(given, 1.0) @ law.pmf(c, expected)

    assert at_once == pytest.approx(1.0)  # at one time fixed beforehand
    assert mean == pytest.approx(1.4386, abs=1e-4)  # as Notes say


@pytest.mark.campaign
@pytest.mark.slow
def test_evidence_for_a_stopped_history_crosses_too_often_after_a_fixed_one() -> None:
    # A simulation of 2 million gave 0.00121 (standard error 0.00002).
    expected, alpha, horizon, crossed = 9.8825, 0.001, 6.07, 0.0
    for c in range(1, 15):
        design = uncertain_comparator.Design(
            c, 1.0, alpha=alpha, prior_shape=100.0, prior_rate=100 / 8.68
        )

        def deadline(n: int, design: uncertain_comparator.Design = design) -> float:
            def excess(time: float) -> float:
                return uncertain_comparator.log_e(design, n, time) + math.log(alpha)

            if excess(1e-9) < 0:
                return 0.0
            if excess(horizon) > 0:
                return math.inf
            return expected * float(brentq(excess, 1e-9, horizon, xtol=1e-9))

        found = cross_early(deadline, horizon=expected * horizon)
        crossed += law.pmf(c, expected) * found.probability

    assert crossed > 1.1 * alpha  # and histories of 15 and more events add to it


@pytest.mark.parametrize("direction", ["more", "fewer"])
@pytest.mark.parametrize("rate", [0.01, 0.5, 3.0])
@pytest.mark.parametrize(("alpha", "error"), [(0.05, 0.01), (0.001, 0.0002), (0.3, 0.1)])
def test_a_watch_against_the_bound_crosses_in_at_most_alpha(
    direction: poisson.Direction, rate: float, alpha: float, error: float
) -> None:
    design = poisson.Design(alpha=alpha - error, direction=direction)
    side = "upper" if direction == "more" else "lower"
    crossed = 0.0
    for c in range(int(rate + 9 * math.sqrt(rate) + 9)):
        limit = rate_limit(c, 1.0, error=error, side=side)  # type: ignore[arg-type]
        if limit > 0 and law.pmf(c, rate) > 1e-9:
            found = poisson.operating_characteristics(design, rate / limit, horizon=3.0 * limit)
            crossed += law.pmf(c, rate) * found.power

    assert 0 <= crossed <= alpha


@pytest.mark.parametrize("rate", [0.01, 1.0, 7.3])
@pytest.mark.parametrize("error", [1e-6, 0.01, 0.3])
def test_the_limit_fails_as_seldom_as_it_says(rate: float, error: float) -> None:
    c = np.arange(80)
    upper, lower = (
        np.array([rate_limit(int(n), 2.0, error=error, side=side) for n in c])
        for side in ("upper", "lower")
    )

    masses = law.pmf(c, 2.0 * rate)
    assert masses[upper < rate].sum() <= error
    assert masses[lower > rate].sum() <= error
    assert (lower < upper).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"history_events": -1}, "history_events is -1"), ({"history_events": 0.5}, "history_events"),
     ({"history_time": 0.0}, "history_time is 0.0"), ({"error": 0.0}, "error is 0.0"),
     ({"error": math.nan}, "error is nan"), ({"side": "both"}, "side is 'both'")],
)  # fmt: skip
def test_bad_arguments_are_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rate_limit(**({"history_events": 2, "history_time": 1.0, "error": 0.01} | bad))  # type: ignore[arg-type]
