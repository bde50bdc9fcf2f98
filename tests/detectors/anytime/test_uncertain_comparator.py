"""Evidence against an uncertain rate: exact sums under the Polya null, limits, simulation."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom
from scipy.stats import poisson as poisson_law

from detectors.anytime import poisson
from detectors.anytime.horizon import cross_early
from detectors.anytime.polya import polya_masses
from detectors.anytime.uncertain_comparator import (
    Design,
    Direction,
    Observation,
    _log_point_e,
    confidence_sequence,
    init,
    log_e,
    log_e_of_each,
    operating_characteristics,
    step,
)

either = st.sampled_from(["more", "fewer"])
priors = st.floats(0.1, 20.0)
histories = st.integers(1, 50)


def within_null(direction: str, share: float) -> float:
    return share if direction == "more" else 1 / share


def log_evidence(design: Design, counts: np.ndarray, person_time: float) -> np.ndarray:
    return np.array([log_e(design, int(n), person_time) for n in counts])


@given(direction=either, c=histories, a=priors, b=priors, tau=st.floats(1e-3, 3.0),
       share=st.floats(0.2, 1.0))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_the_mean_under_the_polya_null_is_at_most_one(
    direction: Direction, c: int, a: float, b: float, tau: float, share: float
) -> None:
    design = Design(c, 4.0, direction=direction, prior_shape=a, prior_rate=b)
    n = np.arange(600)
    truth = within_null(direction, share)

    evidence = log_evidence(design, n, 4.0 * tau)

    total, at_the_end = (
        np.exp(evidence + nbinom.logpmf(n, c, 1 / (1 + r * tau))).sum() for r in (truth, 1.0)
    )
    assert total <= 1 + 1e-10  # rounding of the sum
    assert at_the_end <= 1 + 1e-10
    if direction == "fewer":
        assert at_the_end == pytest.approx(1.0, abs=1e-4)  # counts of 600 and more are left out


@given(direction=either, c=histories, share=st.floats(0.3, 1.0), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_mean_is_at_most_one_at_any_stopping_time(
    direction: Direction, c: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    design, truth, size = Design(c, 1.0, direction=direction), within_null(direction, share), 120
    going, reached, total = np.zeros(size), 0.0, 0.0
    going[0] = 1.0
    for is_last in (False, False, False, True):
        later, until = np.zeros(size), reached + rng.uniform(0.01, 0.3)
        wait = (1 + truth * reached) / (1 + truth * until)
        for j in np.flatnonzero(going):  # increments of the Polya process from state j
            later[j:] += going[j] * nbinom.pmf(np.arange(size - j), c + j, wait)
        reached, stops = until, (rng.random(size) < 0.3) | is_last
        possible = np.flatnonzero(stops & (later > 0))
        total += np.exp(log_evidence(design, possible, reached) + np.log(later[possible])).sum()
        going = np.where(stops, 0.0, later)

    assert total <= 1 + 1e-10  # rounding of the sum


@pytest.mark.campaign
@given(direction=either, c=st.integers(1, 10), a=priors, b=priors, alpha=st.floats(1e-4, 0.3),
       tau=st.floats(1e-4, 0.2), share=st.floats(0.2, 1.0))  # fmt: skip
@settings(max_examples=1_000, deadline=None)
@pytest.mark.slow
def test_no_design_spends_more_than_alpha(
    *, direction: Direction, c: int, a: float, b: float, alpha: float, tau: float, share: float
) -> None:
    design = Design(c, 7.0, direction=direction, prior_shape=a, prior_rate=b, alpha=alpha)

    found = operating_characteristics(design, within_null(direction, share), horizon=7.0 * tau)

    assert found.power <= alpha + 1e-12  # rounding
    assert 0 < found.expected_length <= 7.0 * tau * (1 + 1e-9)


@pytest.mark.parametrize(
    ("direction", "c", "ratio", "horizon"),
    [("more", 5, 1.0, 5.0), ("more", 1, 5.0, 3.0), ("more", 20, 2.0, 5.0), ("fewer", 5, 0.3, 30.0)],
)
def test_operating_characteristics_agree_with_simulation(
    direction: Direction, c: int, ratio: float, horizon: float
) -> None:
    design, n_paths, n_looks = Design(c, 10.0, direction=direction), 8_000, 400
    rng = np.random.default_rng(20260303)
    rates = ratio * rng.gamma(c, size=n_paths) / 10.0  # given the time of the c-th event
    looks = np.linspace(horizon / n_looks, horizon, n_looks)
    counts = rng.poisson(rates[:, None] * horizon / n_looks, (n_paths, n_looks)).cumsum(axis=1)
    top = 40
    table = np.array([log_evidence(design, np.arange(top), t) for t in looks]).T
    crosses = table >= -math.log(design.alpha)

    crossed = crosses[np.minimum(counts, top - 1), np.arange(n_looks)[None, :]]
    is_any, first = crossed.any(axis=1), crossed.argmax(axis=1)
    found = operating_characteristics(design, ratio, horizon=horizon)

    error = math.sqrt(found.power * (1 - found.power) / n_paths)
    assert abs(is_any.mean() - found.power) < 3 * error + 0.004  # looks miss a few early crossings
    times, events = looks[first[is_any]], counts[is_any, first[is_any]]
    for values, mean, missed in (
        (times, found.expected_time_to_signal, 0.01 * horizon),
        (events, found.expected_events_at_signal, 0.05),
    ):
        assert abs(values.mean() - mean) < 3 * values.std() / math.sqrt(len(values)) + missed


@pytest.mark.parametrize(("n", "mu"), [(0, 0.5), (3, 0.2), (10, 2.0), (30, 20.0)])
@pytest.mark.parametrize("direction", ["more", "fewer"])
def test_a_long_history_gives_the_evidence_of_a_known_rate(
    n: int, mu: float, direction: Direction
) -> None:
    known = poisson.log_e(poisson.Design(direction=direction), n, mu).item()

    found = log_e(Design(10**9, 1e9, direction=direction), n, mu)

    assert found == pytest.approx(known, abs=0.03)  # 64 points in place of the whole density


def test_a_short_history_gives_less_evidence() -> None:
    found = [log_e(Design(c, 10.0 * c), 5, 2.0) for c in (1, 2, 5, 20, 1_000)]

    assert found == sorted(found)


def test_no_history_needs_a_prior() -> None:
    with pytest.raises(ValueError, match="history_events is 0: prior_events must then be above 0"):
        Design(0, 10.0)
    assert 0 < log_e(Design(0, 10.0, prior_events=0.5), 3, 1.0) < math.inf


@pytest.mark.parametrize("prior_events", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_the_mean_at_one_time_is_known_after_a_history_of_fixed_length(
    prior_events: float, tau: float
) -> None:
    # one rate ratio, as the mean over them is linear: r = 1.5, and 4 events expected in the history
    r, c, n = 1.5, np.arange(1, 80)[:, None], np.arange(150)[None, :]
    shrink = (1 + tau) / (1 + r * tau)

    term = n * math.log(r) + (c + prior_events + n) * math.log(shrink)
    none = n[0] * math.log(r) + (prior_events + n[0]) * math.log(shrink)
    logs = np.vstack((none, term)) + poisson_law.logpmf(n, 4 * tau)
    logs = logs + poisson_law.logpmf(np.arange(80), 4.0)[:, None]

    assert np.exp(logs).sum() == pytest.approx(shrink**prior_events, rel=1e-9)  # as Notes say


@pytest.mark.slow
@pytest.mark.parametrize("expected", [1.0, 3.0, 6.0])
def test_crossings_after_a_history_of_fixed_length_are_few(expected: float) -> None:
    # with the default density; with a narrow one they are not few: see test_fixed_history
    crossed = 0.0
    for c in range(1, int(expected + 8 * math.sqrt(expected) + 8)):
        design = Design(c, 1.0)
        scaled = partial(scaled_deadline, design=design, expected=expected)
        from_poisson = cross_early(scaled, horizon=2.0 * expected)
        crossed += poisson_law.pmf(c, expected) * from_poisson.probability

    assert 0 < crossed < 0.05


def scaled_deadline(n: int, *, design: Design, expected: float) -> float:
    """Find by bisection the last time at which so many events cross, up to twice the history."""
    low, high = 0.0, 2.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        is_crossing = log_e(design, n, middle) >= math.log(20.0)
        low, high = (middle, high) if is_crossing else (low, middle)
    return expected * high if low > 0 else 0.0


def test_polya_masses_are_negative_binomial() -> None:
    n = np.arange(60)

    for shape in (0.5, 3.0, 50.0):
        expected = nbinom.pmf(n, shape, 1 / 1.7)
        assert polya_masses(0.7, 60, shape) == pytest.approx(expected, rel=1e-11)  # SciPy's digits


@given(c=histories, n=st.integers(0, 100), tau=st.floats(1e-3, 20.0))
@settings(max_examples=100, deadline=None)
def test_evidence_grows_with_events_and_falls_with_time(c: int, n: int, tau: float) -> None:
    more, fewer = Design(c, 1.0), Design(c, 1.0, direction="fewer")

    assert log_e(more, n + 1, tau) > log_e(more, n, tau) > log_e(more, n, 1.1 * tau)
    assert log_e(fewer, n + 1, tau) < log_e(fewer, n, tau) < log_e(fewer, n, 1.1 * tau)


@pytest.mark.parametrize("direction", ["more", "fewer"])
@pytest.mark.parametrize("c", [0, 1, 5, 50])
def test_any_regime_gives_a_number_or_a_reason(direction: Direction, c: int) -> None:
    design = Design(c, 3.0, direction=direction, prior_events=0.0 if c else 0.5)

    for person_time in (1e-8, 1e-4, 0.1, 3.0, 500.0, 1e6):
        for n in (0, 1, 30, 10**6):
            assert math.isfinite(log_e(design, n, person_time))
    for horizon in (1e-4, 0.1, 3.0, 30.0 if c < 50 else 6.0):  # the rest is refused: see below
        for ratio in (0.2, 1.0, 5.0):
            found = operating_characteristics(design, ratio, horizon=horizon)
            assert 0 <= found.power <= 1
            assert 0 < found.expected_length <= horizon * (1 + 1e-9)


def test_a_horizon_that_takes_too_many_events_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 700 events"):
        operating_characteristics(Design(50, 1.0), 1.0, horizon=1e3)


@pytest.mark.parametrize(
    ("events", "time", "message"),
    [(-1, 1.0, "events is -1|went back"), (1, 0.0, "must be 0 where person_time is 0"),
     (1, math.nan, "person_time is nan"), (0.5, 1.0, "events is 0.5")],
)  # fmt: skip
def test_bad_totals_are_refused(events: int, time: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(init(Design(2, 1.0)), Observation(events=events, person_time=time))
    with pytest.raises(ValueError, match=r"events|person_time"):
        log_e(Design(2, 1.0), events, time)


@pytest.mark.parametrize(
    "bad",
    [{"history_events": -1}, {"history_events": 0.5}, {"history_time": 0.0}, {"alpha": 1.0},
     {"history_time": math.nan}, {"prior_events": -1.0}, {"direction": "up"}, {"prior_rate": 0.0},
     {"history": "fixed_time"}],
)  # fmt: skip
def test_bad_designs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Design(**({"history_events": 2, "history_time": 1.0} | bad))  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(("ratio", "horizon"), [(0.0, 5.0), (math.nan, 5.0), (1.0, 0.0)])
def test_bad_questions_are_refused(ratio: float, horizon: float) -> None:
    with pytest.raises(ValueError, match=r"rate_ratio|horizon"):
        operating_characteristics(Design(2, 1.0), ratio, horizon=horizon)


@given(c=histories, n=st.integers(0, 60), tau=st.floats(1e-3, 20.0), alpha=st.floats(1e-3, 0.5))
@settings(max_examples=60, deadline=None)
def test_limits_are_where_evidence_on_either_side_reaches_one_over_alpha(
    c: int, n: int, tau: float, alpha: float
) -> None:
    design = Design(c, 5.0, alpha=alpha)

    limits = confidence_sequence(design, n, 5.0 * tau)

    assert limits.lower <= n / (c * tau) <= limits.upper
    assert (limits.lower == 0) == (n == 0)
    for ratio in (limits.lower, limits.upper):
        if 0 < ratio < math.inf:
            # a twin: the likelihoods of the negative binomial count, over the same ratios
            points = gamma.ppf((np.arange(64) + 0.5) / 64, 1.0, scale=4.0)
            logs = nbinom.logpmf(n, c, 1 / (1 + points * tau))
            found = np.logaddexp.reduce(logs) - math.log(64)
            found -= nbinom.logpmf(n, c, 1 / (1 + ratio * tau))
            assert found == pytest.approx(-math.log(alpha), rel=1e-6, abs=1e-6)  # SciPy's digits


@pytest.mark.parametrize(("c", "ratio"), [(1, 1.0), (5, 3.0), (20, 0.4)])
def test_the_confidence_sequence_covers_at_all_times_at_once(c: int, ratio: float) -> None:
    rng = np.random.default_rng(20261127)
    design, n_paths, looks = Design(c, 1.0, alpha=0.1), 4_000, np.geomspace(0.02, 4.0, 25)
    rates = ratio * rng.gamma(c, size=n_paths)  # given the time of the c-th event
    steps = np.diff(looks, prepend=0.0)
    counts = rng.poisson(rates[:, None] * steps).cumsum(axis=1)
    missed = np.zeros(n_paths, dtype=bool)
    for i, tau in enumerate(looks.tolist()):
        at = np.unique(counts[:, i])
        logs = [_log_point_e(design, int(n), tau, ratio) for n in at]
        out = at[np.array(logs) >= math.log(10.0)]
        missed |= np.isin(counts[:, i], out)

    assert 0 < missed.mean() <= 0.1 + 3 * math.sqrt(0.09 / n_paths)  # standard errors


def test_limits_in_any_regime_are_numbers() -> None:
    for design in (Design(0, 3.0, prior_events=0.5), Design(1, 1e-12), Design(50, 1e12)):
        for person_time in (1e-8, 1e-4, 1.0, 500.0, 1e12):
            for n in (0, 1, 30, 10**6):
                limits = confidence_sequence(design, n, person_time)
                assert 0 <= limits.lower < limits.upper
    assert confidence_sequence(Design(3, 1.0), 0, 0.0).upper == math.inf
    with pytest.raises(ValueError, match="events is 1: must be 0 where person_time is 0"):
        confidence_sequence(Design(3, 1.0), 1, 0.0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.floats(1e-6, 1e6),
            st.integers(0, 60),
            st.floats(1e-6, 1e6),
            st.sampled_from([("more", 1.0, 0.25), ("more", 4.0, 0.8), ("fewer", 1.0, 4.0)]),
        ),
        max_size=8,
    )
)
def test_the_evidence_of_each_is_that_of_one_alone(watches: list[tuple[Any, ...]]) -> None:
    designs = [
        Design(c, time, prior_events=0.5, direction=way, prior_shape=shape, prior_rate=rate)
        for c, time, _, _, (way, shape, rate) in watches
    ]
    events, times = [n for _, _, n, _, _ in watches], [t for _, _, _, t, _ in watches]

    found = log_e_of_each(designs, events, times)

    alone = [log_e(*one) for one in zip(designs, events, times, strict=True)]
    assert found.tolist() == pytest.approx(alone, rel=1e-13, abs=1e-12)


def test_the_evidence_of_each_needs_totals_of_each() -> None:
    with pytest.raises(ValueError, match="events has 1 elements: must have 2"):
        log_e_of_each([Design(2, 10.0)] * 2, [1], [1.0, 1.0])
    with pytest.raises(ValueError, match="events is 1: must be 0 where person_time is 0"):
        log_e_of_each([Design(2, 10.0)], [1], [0.0])
