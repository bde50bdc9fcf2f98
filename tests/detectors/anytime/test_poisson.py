"""The Poisson e-process against references, exact sums under the null, and simulation."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special
from scipy.stats import poisson as law

from detectors.anytime.poisson import (
    Design,
    Direction,
    Observation,
    confidence_sequence,
    init,
    log_e,
    operating_characteristics,
    step,
)

AEGIS_RATIOS = np.array([1.3, 1.6, 2.0, 2.8, 4.5, 10.0, 25.0])  # vigipy 3.5.1, AEGIS.py
AEGIS_WEIGHTS = np.array([0.19, 0.23, 0.22, 0.15, 0.09, 0.07, 0.05])

shapes, rates = st.floats(0.1, 20.0), st.floats(0.1, 20.0)
either = st.sampled_from(["more", "fewer"])


def within_null(direction: str, share: float) -> float:
    """Turn a number from 0 to 1 to a rate ratio over the null ratio, 1 at 1."""
    return share if direction == "more" else 1 / share


def counts_up_to(mean: float) -> np.ndarray:
    return np.arange(int(mean + 12 * math.sqrt(mean) + 40))


def e_processes() -> pd.DataFrame:
    return reference_table("small_population/eprocess_poisson.csv")


def test_evidence_matches_the_reference_in_multiple_precision() -> None:
    rows = e_processes().dropna(subset="log_e_mpmath")

    found = [
        log_e(Design(prior_shape=a, prior_rate=b), int(n), mu).item()
        for a, b, n, mu in rows[["prior_shape", "prior_rate", "n", "mu"]].to_numpy().tolist()
    ]

    assert len(rows) == 50
    assert_allclose(found, rows["log_e_mpmath"], rtol=1e-12, atol=1e-13)  # 15 digits are printed


def test_evidence_matches_the_whole_reference() -> None:
    rows = e_processes()[["prior_shape", "prior_rate", "n", "mu"]]

    found = [
        log_e(Design(prior_shape=a, prior_rate=b), int(n), mu).item()
        for a, b, n, mu in rows.to_numpy().tolist()
    ]

    # the column is in doubles
    assert_allclose(found, e_processes()["log_e"], rtol=1e-12, atol=5e-13)


def test_power_and_time_match_the_reference() -> None:
    rows = reference_table("small_population/maxsprt_vs_eprocess_exact.csv")
    rows = rows[rows["method"] != "MaxSPRT"]

    assert len(rows) == 89
    for alpha, horizon, method, size, ratio, power, time in rows.itertuples(index=False):
        shape, rate = map(float, re.findall(r"[\d.]+", method)[:2])
        design = Design(alpha=alpha, prior_shape=shape, prior_rate=rate)
        null, found = (
            operating_characteristics(design, r, horizon=horizon) for r in (1.0, float(ratio))
        )
        assert null.power == pytest.approx(size, rel=1e-9)  # ten digits are printed
        assert found.power == pytest.approx(power, rel=1e-9, abs=1e-10)
        assert found.expected_time_to_signal == pytest.approx(time, rel=1e-9)


@given(direction=either, a=shapes, b=rates, share=st.floats(0.05, 1.0), mu=st.floats(1e-4, 60.0),
       null_ratio=st.floats(0.2, 5.0))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_mean_under_the_null_is_at_most_one(
    direction: Direction, a: float, b: float, share: float, mu: float, null_ratio: float
) -> None:
    design = Design(direction=direction, prior_shape=a, prior_rate=b, null_ratio=null_ratio)
    mean = within_null(direction, share) * null_ratio * mu
    n = counts_up_to(max(mean, 40 * mu if direction == "more" else mean))

    evidence = log_e(design, n, mu)

    total = math.fsum(np.exp(evidence + law.logpmf(n, mean)).tolist())
    assert total <= 1 + 1e-11  # rounding of the sum
    if share == 1.0 and direction == "fewer":
        assert total == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("mu", [1e-4, 0.05, 1.0, 10.0])
def test_the_mean_at_the_end_of_the_null_is_one(mu: float) -> None:
    n = np.arange(2_000)

    total = np.exp(log_e(Design(), n, mu) + law.logpmf(n, mu)).sum()

    assert total == pytest.approx(1.0, abs=1e-11)


def test_an_uncut_prior_does_not_protect_the_whole_null() -> None:
    n, mu, truth = np.arange(200), 20.0, 0.3
    a, b = 1.0, 1.0
    uncut = (
        mu + a * math.log(b) - special.gammaln(a) + special.gammaln(a + n)
        - (a + n) * math.log(b + mu)
    )  # fmt: skip

    mean_uncut = np.exp(uncut + law.logpmf(n, truth * mu)).sum()
    mean_cut = np.exp(log_e(Design(prior_rate=1.0), n, mu) + law.logpmf(n, truth * mu)).sum()

    assert mean_uncut > 100
    assert mean_cut < 0.2


@pytest.mark.parametrize(("background", "mean"), [(0.05, 1.10), (1.0, 1.37), (10.0, 1.51)])
def test_lifting_values_below_one_to_one_is_not_evidence(background: float, mean: float) -> None:
    # vigipy's AEGIS, as statistics.md 1.1 (d) reports it: 1 wherever the count is not in excess
    n = np.arange(700)
    logs = n[:, None] * np.log(AEGIS_RATIOS) - background * (AEGIS_RATIOS - 1)
    mixture = (np.exp(logs + law.logpmf(n, background)[:, None]) * AEGIS_WEIGHTS).sum(axis=1)

    lifted = np.where(n > background, mixture, law.pmf(n, background)).sum()

    assert mixture.sum() == pytest.approx(1.0, abs=1e-9)  # left alone it is an e-value
    assert lifted == pytest.approx(mean, abs=0.006)  # two decimals are reported; 1.515 as 1.51


@given(direction=either, a=shapes, b=rates, share=st.floats(0.2, 1.0), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_mean_is_at_most_one_at_any_stopping_time(
    direction: Direction, a: float, b: float, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    design = Design(direction=direction, prior_shape=a, prior_rate=b)
    truth, size = within_null(direction, share), 150
    going, reached, total = np.zeros(size), 0.0, 0.0
    going[0] = 1.0
    for is_last in [False] * 5 + [True]:
        wait = rng.uniform(0.01, 2.0)
        masses = law.pmf(np.arange(size), truth * wait)
        going, reached = np.convolve(going, masses)[:size], reached + wait
        stops = (rng.random(size) < 0.3) | is_last  # any rule that looks at the count
        possible = np.flatnonzero(stops & (going > 0))
        total += np.exp(log_e(design, possible, reached) + np.log(going[possible])).sum()
        going = np.where(stops, 0.0, going)

    assert total <= 1 + 1e-9  # rounding


@pytest.mark.campaign
@given(direction=either, a=shapes, b=rates, alpha=st.floats(1e-4, 0.3),
       horizon=st.floats(1e-4, 6.0), share=st.floats(0.1, 1.0))  # fmt: skip
@settings(max_examples=1_000, deadline=None)
@pytest.mark.slow
def test_no_design_spends_more_than_alpha(
    direction: Direction, a: float, b: float, alpha: float, horizon: float, share: float
) -> None:
    design = Design(direction=direction, prior_shape=a, prior_rate=b, alpha=alpha)

    found = operating_characteristics(design, within_null(direction, share), horizon=horizon)

    assert found.power <= alpha + 1e-12  # rounding
    assert 0 < found.expected_length <= horizon * (1 + 1e-12)


@pytest.mark.parametrize(("direction", "ratio"), [("more", 2.0), ("fewer", 0.4), ("more", 1.0)])
def test_operating_characteristics_agree_with_simulation(
    direction: Direction, ratio: float
) -> None:
    design, horizon, n_paths, n_looks = Design(direction=direction), 6.0, 4_000, 600
    rng = np.random.default_rng(20260301)
    looks = np.linspace(horizon / n_looks, horizon, n_looks)
    counts = rng.poisson(ratio * horizon / n_looks, (n_paths, n_looks)).cumsum(axis=1)
    # the least (most) count that crosses at each look
    n = np.arange(60)
    crosses = log_e(design, n[:, None], looks[None, :]) >= -math.log(design.alpha)

    crossed = crosses[np.minimum(counts, 59), np.arange(n_looks)[None, :]]
    is_any, first = crossed.any(axis=1), crossed.argmax(axis=1)
    found = operating_characteristics(design, ratio, horizon=horizon)

    error = math.sqrt(found.power * (1 - found.power) / n_paths)
    step_missed = 0.005  # looks only every hundredth of an event miss a few early crossings
    assert abs(is_any.mean() - found.power) < 3 * error + step_missed
    times, events = looks[first[is_any]], counts[is_any, first[is_any]]
    assert abs(times.mean() - found.expected_time_to_signal) < (
        3 * times.std() / math.sqrt(len(times)) + 0.02  # half a look, and what looks miss
    )
    assert abs(events.mean() - found.expected_events_at_signal) < (
        3 * events.std() / math.sqrt(len(events)) + 0.05  # as above
    )


@given(a=shapes, b=rates, n=st.integers(0, 200), mu=st.floats(1e-6, 200.0))
@settings(max_examples=100, deadline=None)
def test_evidence_grows_with_events_and_falls_with_what_is_expected(
    a: float, b: float, n: int, mu: float
) -> None:
    more = Design(prior_shape=a, prior_rate=b)
    fewer = Design(prior_shape=a, prior_rate=b, direction="fewer")

    at, later, longer = [(n, mu), (n + 1, mu), (n, 1.1 * mu)]

    assert log_e(more, *later) > log_e(more, *at) > log_e(more, *longer)
    assert log_e(fewer, *later) < log_e(fewer, *at) < log_e(fewer, *longer)


def test_evidence_is_never_clipped_at_one() -> None:
    assert log_e(Design(), 0, 5.0) < -2
    assert log_e(Design(direction="fewer"), 50, 5.0) < -2


def test_the_null_ratio_is_a_change_of_unit() -> None:
    plain = log_e(Design(prior_rate=1.5), 7, 6.0)  # null ratio 3: expected and rate times 3

    assert_allclose(log_e(Design(prior_rate=0.5, null_ratio=3.0), 7, 2.0), plain, rtol=1e-13)


@pytest.mark.campaign
def test_the_confidence_sequence_covers_at_all_times_at_once() -> None:
    rng = np.random.default_rng(7)
    n_paths, truth, design = 400, 2.5, Design(alpha=0.1)
    looks = np.geomspace(0.05, 40.0, 40)

    n_missed = 0
    for _ in range(n_paths):
        counts = np.cumsum(rng.poisson(truth * np.diff(looks, prepend=0.0)))
        limits = [confidence_sequence(design, int(n), mu) for n, mu in zip(counts, looks)]  # noqa: B905 - of one length by construction
        n_missed += any(not each.lower <= truth <= each.upper for each in limits)

    assert 0 < n_missed / n_paths < 0.1  # guaranteed, not by chance; 0 would be a useless one


@given(n=st.integers(0, 300), mu=st.floats(1e-6, 300.0), alpha=st.floats(1e-4, 0.5))
@settings(max_examples=100, deadline=None)
def test_limits_are_where_the_uncut_mixture_reaches_one_over_alpha(
    n: int, mu: float, alpha: float
) -> None:
    a, b = 1.0, 0.25

    limits = confidence_sequence(Design(alpha=alpha), n, mu)

    for ratio in (limits.lower, limits.upper):
        if ratio > 0:
            late = special.gammaln(a + n) - (a + n) * math.log(b + mu)
            start = special.gammaln(a) - a * math.log(b)
            found = late - start - n * math.log(ratio) + ratio * mu
            assert found == pytest.approx(-math.log(alpha), rel=1e-9, abs=1e-8)  # a naive twin
    assert limits.lower <= n / mu <= limits.upper
    assert (limits.lower == 0) == (n == 0)


@pytest.mark.parametrize("direction", ["more", "fewer"])
def test_any_regime_gives_a_number(direction: Direction) -> None:
    design = Design(direction=direction)
    n = np.array([0, 1, 5, 30, 1_000, 10**6])[:, None]
    mu = np.array([1e-8, 1e-4, 0.05, 1.0, 30.0, 500.0, 1e6])[None, :]

    assert np.isfinite(log_e(design, n, mu)).all()
    assert np.isfinite(log_e(Design(direction=direction, null_ratio=3.0), n, mu)).all()
    for horizon in (1e-4, 0.05, 1.0, 30.0, 500.0):
        for ratio in (0.1, 1.0, 5.0):
            found = operating_characteristics(design, ratio, horizon=horizon)
            assert 0 <= found.power <= 1
            assert 0 < found.expected_length <= horizon * (1 + 1e-12)
            assert math.isnan(found.expected_time_to_signal) == (found.power == 0)
    for events in n.ravel().tolist():
        for mean in mu.ravel().tolist():
            limits = confidence_sequence(design, events, mean)
            assert 0 <= limits.lower < limits.upper < math.inf


def test_nothing_expected_and_nothing_seen_is_no_evidence() -> None:
    state, look = step(init(Design()), Observation(events=0, expected=0.0))

    assert (look.log_e, look.e, look.is_crossing, state.record.looks) == (0.0, 1.0, False, 1)
    assert confidence_sequence(Design(), 0, 0.0).upper == math.inf


def test_evidence_above_the_greatest_double_is_infinite_only_off_the_log_scale() -> None:
    _, look = step(init(Design()), Observation(events=10**6, expected=1.0))

    assert look.e == math.inf
    assert 1e7 < look.log_e < 2e7


@pytest.mark.parametrize(
    ("events", "expected", "message"),
    [
        (-1, 1.0, r"events is -1"), (0.5, 1.0, "events is 0.5"), (2**60, 1.0, "events is 115"),
        (1, 0.0, "events is 1: must be 0 where expected is 0"), (1, math.nan, "expected is nan"),
        (1, math.inf, "expected is inf"), (float("nan"), 1.0, "events is nan"),
    ],
)  # fmt: skip
def test_bad_totals_are_refused(events: int, expected: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confidence_sequence(Design(), events, expected)


def test_negative_exposure_is_a_step_back() -> None:
    with pytest.raises(ValueError, match="went back"):
        step(init(Design()), Observation(events=0, expected=-1.0))


@pytest.mark.parametrize(
    "bad",
    [
        {"alpha": 0.0}, {"alpha": 1.0}, {"alpha": math.nan}, {"direction": "both"},
        {"prior_shape": 0.0}, {"prior_rate": math.nan}, {"null_ratio": -1.0}, {"prior_rate": 1e9},
    ],
)  # fmt: skip
def test_bad_designs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Design(**bad)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("ratio", "horizon", "message"),
    [(0.0, 1.0, "rate_ratio"), (math.nan, 1.0, "rate_ratio"), (1.0, 0.0, "horizon"),
     (1.0, math.nan, "horizon"), (100.0, 1e3, "horizon"), (1.0, -1.0, "horizon")],
)  # fmt: skip
def test_bad_questions_are_refused(ratio: float, horizon: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operating_characteristics(Design(), ratio, horizon=horizon)
