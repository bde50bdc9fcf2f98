"""The binomial e-process against references, exact sums under the null, and simulation."""

import math

import numpy as np
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom

from detectors.anytime.binomial import (
    Design,
    Direction,
    Observation,
    confidence_sequence,
    init,
    log_e,
    operating_characteristics,
    step,
)

shapes = st.floats(0.1, 20.0)
either = st.sampled_from(["more", "fewer"])
nulls = st.floats(0.01, 0.99)


def within_null(direction: str, null: float, share: float) -> float:
    return null * share if direction == "more" else 1 - (1 - null) * share


def test_evidence_matches_the_reference() -> None:
    table = reference_table("small_population/eprocess_binomial.csv")
    found = [
        log_e(Design(p0, prior_hits=a, prior_misses=b), int(c), int(n)).item()
        for p0, a, b, n, c, _ in table.to_numpy().tolist()
    ]

    assert len(found) > 200
    # the column takes its tail as one minus the other, and loses digits where that is small
    assert_allclose(found, table["log_e"], atol=1e-8)


def test_a_run_of_hits_has_evidence_by_hand() -> None:
    found = log_e(Design(0.5), [1, 2, 3], [1, 2, 3])

    assert_allclose(np.exp(found), [1.5, 7 / 3, 15 / 4], rtol=1e-13)  # (2^(n+1) - 1) / (n + 1)


@given(direction=either, null=nulls, a=shapes, b=shapes, share=st.floats(0.0, 1.0),
       n=st.integers(1, 60))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_mean_under_the_null_is_at_most_one(
    direction: Direction, null: float, a: float, b: float, share: float, n: int
) -> None:
    design = Design(null, direction=direction, prior_hits=a, prior_misses=b)
    c = np.arange(n + 1)

    logs = log_e(design, c, n)

    total = np.exp(logs + binom.logpmf(c, n, within_null(direction, null, share))).sum()
    at_the_end = np.exp(logs + binom.logpmf(c, n, null)).sum()
    assert total <= 1 + 1e-11  # rounding of the sum
    assert at_the_end == pytest.approx(1.0, abs=1e-11)


@given(direction=either, null=nulls, a=shapes, b=shapes, seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_mean_is_at_most_one_at_any_stopping_time_and_for_chances_that_change(
    direction: Direction, null: float, a: float, b: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    design = Design(null, direction=direction, prior_hits=a, prior_misses=b)
    going, total = np.ones(1), 0.0
    for n in range(1, 26):
        # the chance may depend on the hits so far: any within the null
        chance = np.array([within_null(direction, null, x) for x in rng.uniform(0.3, 1, n)])
        going = np.append(going * (1 - chance), 0.0) + np.insert(going * chance, 0, 0.0)
        stops = (rng.random(n + 1) < 0.2) | (n == 25)
        total += (np.exp(log_e(design, np.arange(n + 1), n)) * going * stops).sum()
        going = np.where(stops, 0.0, going)

    assert total <= 1 + 1e-11  # rounding of the sum


@pytest.mark.campaign
@given(direction=either, null=nulls, a=shapes, b=shapes, alpha=st.floats(1e-4, 0.3),
       horizon=st.integers(1, 20), share=st.floats(0.1, 1.0))  # fmt: skip
@settings(max_examples=1_000, deadline=None)
@pytest.mark.slow
def test_no_design_spends_more_than_alpha(
    *,
    direction: Direction,
    null: float,
    a: float,
    b: float,
    alpha: float,
    horizon: int,
    share: float,
) -> None:
    design = Design(null, direction=direction, prior_hits=a, prior_misses=b, alpha=alpha)
    ratio = share if direction == "more" else 1 / share

    found = operating_characteristics(design, ratio, horizon=horizon)

    assert found.power <= alpha + 1e-12  # rounding
    assert 1 <= found.expected_length <= horizon + 1e-9


@pytest.mark.parametrize(("direction", "ratio"), [("more", 3.0), ("fewer", 0.3), ("more", 1.0)])
def test_operating_characteristics_agree_with_simulation(
    direction: Direction, ratio: float
) -> None:
    null, horizon, n_paths = 0.4, 40, 20_000
    design = Design(null, direction=direction)
    chance = ratio * null / (1 - null + ratio * null)
    rng = np.random.default_rng(20260302)
    trials = np.arange(1, horizon + 1)
    hits = (rng.random((n_paths, horizon)) < chance).cumsum(axis=1)
    grid = np.minimum(np.arange(horizon + 1)[:, None], trials[None, :])
    crosses = log_e(design, grid, trials[None, :]) >= -math.log(design.alpha)

    crossed = crosses[hits, np.arange(horizon)[None, :]]
    is_any, first = crossed.any(axis=1), crossed.argmax(axis=1)
    found = operating_characteristics(design, ratio, horizon=horizon)

    error = math.sqrt(found.power * (1 - found.power) / n_paths)
    assert abs(is_any.mean() - found.power) < 3 * error
    times, events = first[is_any] + 1, hits[is_any, first[is_any]]
    for values, mean in (
        (times, found.expected_time_to_signal), (events, found.expected_events_at_signal)
    ):  # fmt: skip
        assert abs(values.mean() - mean) < 3 * values.std() / math.sqrt(len(values))
    lengths = np.where(is_any, first + 1, horizon)
    assert abs(lengths.mean() - found.expected_length) < 3 * lengths.std() / math.sqrt(n_paths)


def test_fewer_hits_are_more_misses() -> None:
    one = log_e(Design(0.25, direction="fewer", prior_hits=2.0, prior_misses=3.0), 4, 30)
    other = log_e(Design(0.75, prior_hits=3.0, prior_misses=2.0), 26, 30)

    assert one == other


@given(null=nulls, c=st.integers(0, 50), misses=st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_a_hit_raises_the_evidence_and_a_miss_lowers_it(null: float, c: int, misses: int) -> None:
    n = c + misses

    now, hit, miss = log_e(Design(null), [c, c + 1, c], [n, n + 1, n + 1])

    assert hit > now > miss


@pytest.mark.campaign
def test_the_confidence_sequence_covers_at_all_times_at_once() -> None:
    rng = np.random.default_rng(9)
    n_paths, truth, design = 400, 0.3, Design(0.5, alpha=0.1)

    n_missed = 0
    for _ in range(n_paths):
        hits = (rng.random(60) < truth).cumsum().tolist()
        limits = [confidence_sequence(design, c, n) for n, c in enumerate(hits, start=1)]
        n_missed += any(not each.lower <= truth <= each.upper for each in limits)

    assert 0 < n_missed / n_paths < 0.1  # guaranteed, not by chance; 0 would be a useless one


def test_limits_of_no_trial_and_of_hits_alone() -> None:
    nothing, hits = (confidence_sequence(Design(0.5), c, c) for c in (0, 5))

    assert (nothing.lower, nothing.upper) == (0.0, 1.0)
    assert hits.upper == 1.0
    assert hits.lower == pytest.approx((0.05 / 6) ** 0.2, rel=1e-12)  # p^5 = alpha / 6


@pytest.mark.parametrize("null", [1e-12, 1e-6, 0.02, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("direction", ["more", "fewer"])
def test_any_regime_gives_a_number(null: float, direction: Direction) -> None:
    design = Design(null, direction=direction)

    for n in (0, 1, 30, 10**6):
        for c in {0, 1, n // 2, n} & set(range(n + 1)):
            assert math.isfinite(log_e(design, c, n))
            limits = confidence_sequence(design, c, n)
            assert 0 <= limits.lower < limits.upper <= 1
    for horizon in (1, 30, 200):
        assert 0 <= operating_characteristics(design, 2.0, horizon=horizon).power <= 1


@pytest.mark.parametrize(
    ("hits", "trials", "message"),
    [(3, 2, "hits is 3: must not exceed"), (-1, 2, "hits is -1"), (0.5, 2, "hits is 0.5"),
     (1, math.nan, "trials is nan"), (0, 2**60, "trials is 115")],
)  # fmt: skip
def test_bad_totals_are_refused(hits: int, trials: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(init(Design(0.5)), Observation(hits=hits, trials=trials))
    with pytest.raises(ValueError, match=r"hits|trials"):
        log_e(Design(0.5), hits, trials)


@pytest.mark.parametrize(
    "bad",
    [{"null_chance": 0.0}, {"null_chance": 1.0}, {"null_chance": math.nan}, {"alpha": 2.0},
     {"direction": "up"}, {"prior_hits": 0.0}, {"prior_misses": math.inf}],
)  # fmt: skip
def test_bad_designs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Design(**({"null_chance": 0.5} | bad))  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(("ratio", "horizon"), [(0.0, 5), (math.nan, 5), (1.0, 0), (1.0, 2.5)])
def test_bad_questions_are_refused(ratio: float, horizon: int) -> None:
    with pytest.raises(ValueError, match=r"rate_ratio|horizon"):
        operating_characteristics(Design(0.5), ratio, horizon=horizon)
