"""The binomial MaxSPRT against reference values, its definition, and every path."""

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import mpmath  # type: ignore[import-untyped]
import msgspec
import numpy as np
import pandas as pd
import pytest
from data import reference_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.sequential.binomial_maxsprt import (
    Design,
    Observation,
    State,
    critical_value,
    init,
    log_likelihood_ratio,
    operating_characteristics,
    recompute,
    spending_boundary,
    step,
    varying_log_likelihood_ratio,
)
from detectors.sequential.binomial_maxsprt.boundary import least_exposed
from detectors.sequential.binomial_paths import signal_chances

TIE = {"N": 100, "M": 3, "z": 3.0, "alpha": 0.05}

ratios = st.lists(st.floats(0.2, 6.0), min_size=1, max_size=8)


def rows_of(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def size_at(value: float, n_max: int, ratio: float, min_events: int, rate_ratio: float) -> float:
    chances = [rate_ratio / (rate_ratio + ratio)] * n_max
    least = least_exposed((ratio,) * n_max, value, min_events)
    return math.fsum(signal_chances(chances, least))


def size_by_every_path(z: list[float], value: float, min_events: int, rate_ratio: float) -> float:
    """Sum over all sequences of exposed and not."""
    total, n = 0.0, len(z)
    crosses = [
        (varying_log_likelihood_ratio(np.arange(i + 1), z[:i]) >= value)
        & (np.arange(i + 1) >= min_events)
        for i in range(1, n + 1)
    ]
    for path in itertools.product((0, 1), repeat=n):
        chance = math.prod(
            rate_ratio / (rate_ratio + r) if x else r / (rate_ratio + r)
            for x, r in zip(path, z, strict=True)
        )
        total += chance * any(crosses[i][sum(path[: i + 1])] for i in range(n))
    return total


def peers(query: str = "") -> pd.DataFrame:
    return reference_table("sequential/cv_binomial.csv", query)


def test_the_exact_columns_are_reproduced() -> None:
    rows = peers().dropna(subset="cv_exact_smallest_attained")

    assert len(rows) > 100
    for row in rows_of(rows):
        design = Design(row.N, ratio=row.z, alpha=row.alpha, min_events=row.M)
        assert_allclose(design.boundary.value, row.cv_exact_smallest_attained, atol=1e-8)
        assert_allclose(design.boundary.attained_size, row.type1_at_cv_exact, atol=1e-8)
        if row.R_ok_when_used_as_LLR_ge_cv == 1:
            found = operating_characteristics(design, 2.0)
            assert_allclose(found.power, row.power_RR2_own, atol=1e-8)
            assert_allclose(found.expected_time_to_signal, row.ESignal_own, atol=1e-8)
            assert_allclose(found.expected_length, row.ESample_own, atol=1e-8)


def test_the_peers_size_is_ours_but_for_a_tie_that_its_rounding_splits() -> None:
    rows = peers().dropna(subset="type1_reported_R")
    is_tie = (rows[list(TIE)] == pd.Series(TIE)).all(axis=1)

    assert is_tie.sum() == 1
    for row in rows_of(rows[~is_tie]):
        found = critical_value(row.N, ratio=row.z, alpha=row.alpha, min_events=row.M)
        assert_allclose(found.attained_size, row.type1_reported_R, atol=1e-9)


def test_six_of_nine_and_twelve_of_24_have_the_same_ratio_and_signal_together() -> None:
    mpmath.mp.dps = 40
    log, mpf = mpmath.log, mpmath.mpf
    first = 6 * log(mpf(6 * 4) / 9) + 3 * log(mpf(3 * 4) / (9 * 3))
    other = 12 * log(mpf(12 * 4) / 24) + 12 * log(mpf(12 * 4) / (24 * 3))
    said = float(peers("N == 100 and M == 3 and z == 3")["type1_reported_R"].iloc[0])

    below, above = (size_at(float(first) + gap, 100, 3.0, 3, 1.0) for gap in (-1e-9, 1e-9))

    assert abs(first - other) < mpf(10) ** -35
    assert above < said < 0.05 < below  # no critical value has the size that the peer states
    assert critical_value(100, ratio=3.0, min_events=3).attained_size == above


def test_the_peers_rounded_value_never_signals_where_the_file_says_so() -> None:
    rows = peers("R_ok_when_used_as_LLR_ge_cv == 0").dropna(subset="cv_R_Sequential")

    assert len(rows) > 2
    for row in rows_of(rows):
        found = critical_value(row.N, ratio=row.z, alpha=row.alpha, min_events=row.M)
        assert 0 < row.cv_R_Sequential - found.value < 1.1e-5  # rounded up at the fifth digit
        assert_allclose(
            size_at(row.cv_R_Sequential, row.N, row.z, row.M, 1.0),
            row.type1_true_at_R_cv,
            atol=1e-9,
        )
        assert row.type1_true_at_R_cv < found.attained_size


def test_the_monte_carlo_values_of_another_tool_spend_alpha() -> None:
    rows = reference_table(
        "empirical_calibration/maxsprt_cv_montecarlo.csv", "fn == 'computeCvBinomial'"
    )

    assert len(rows) == 16
    for row in rows_of(rows):
        n_max, z = int(row.T), float(row.z)
        at = size_at(row.cv - 1e-9, n_max, z, int(row.M), 1.0)
        above = size_at(row.cv + 1e-9, n_max, z, int(row.M), 1.0)
        error = 3 * (row.alpha * (1 - row.alpha) / 200_000) ** 0.5  # three standard errors
        assert above - error <= row.alpha_attr <= at + error


def test_each_look_has_the_ratio_of_the_events_that_came_in_whatever_order_watches_look() -> None:
    ratios = (1.0, 3.0, 2.0, 0.5, 1.0, 2.0, 4.0, 1.0)
    designs = [Design(8, ratio=ratios, alpha=0.2), Design(8, ratio=ratios[::-1], alpha=0.2)]
    seen = [(n, c) for n in range(1, 9) for c in (n, n // 2)]

    for design, (n, c) in [*itertools.product(designs, seen), *itertools.product(designs, seen)]:
        _, look = step(init(design), Observation(events=n, exposed=c))

        assert look.llr == varying_log_likelihood_ratio(c, design.ratios[:n])


def test_a_count_that_is_none_is_refused_also_where_its_equal_was_seen() -> None:
    start = init(Design(8, ratio=(1.0, 3.0, 2.0, 0.5, 1.0, 2.0, 4.0, 1.0), alpha=0.2))
    step(start, Observation(events=1, exposed=1))

    with pytest.raises(ValueError, match="exposed holds bool"):
        step(start, Observation(events=1, exposed=True))


@given(n=st.integers(1, 60), z=st.floats(0.01, 50.0))
@settings(max_examples=50, deadline=None)
def test_equal_ratios_give_the_ratio_of_the_fixed_formula(n: int, z: float) -> None:
    counts = np.arange(n + 1)

    found = varying_log_likelihood_ratio(counts, [z] * n)

    expected = log_likelihood_ratio(n, counts, ratio=z)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-11)  # the sums lose some digits near 0


@given(z=ratios, order=st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_varying_ratio_is_the_greatest_of_all_rate_ratios(
    z: list[float], order: random.Random
) -> None:
    n, shuffled = len(z), list(z)
    order.shuffle(shuffled)
    rates = np.exp(np.linspace(0, 30, 10_001))[:, None]

    found = varying_log_likelihood_ratio(np.arange(n + 1), z)

    logs = np.log((rates + np.array(z)) / (1 + np.array(z))).sum(axis=1)
    grid = (np.arange(n + 1) * np.log(rates) - logs[:, None]).max(axis=0)
    assert_allclose(found, np.maximum(grid, 0.0), atol=2e-5)  # of the grid's step, squared
    assert (found >= grid - 1e-12).all()
    assert found.tolist() == varying_log_likelihood_ratio(np.arange(n + 1), shuffled).tolist()


@given(z=ratios, alpha=st.floats(0.02, 0.4), least=st.integers(1, 3), rate=st.floats(0.3, 5.0))
@settings(max_examples=12, deadline=None)
def test_power_is_the_sum_over_every_path(
    z: list[float], alpha: float, least: int, rate: float
) -> None:
    assume(math.prod(1 / (1 + r) for r in z) <= alpha)
    assume(len(z) >= least)
    design = Design(len(z), ratio=tuple(z), alpha=alpha, min_events=least)
    value = design.boundary.value

    found = operating_characteristics(design, rate)

    assert_allclose(found.power, size_by_every_path(z, value, least, rate), atol=1e-13)  # rounding
    assert design.boundary.attained_size <= alpha
    assert_allclose(size_by_every_path(z, value, least, 1.0), design.boundary.attained_size)


@pytest.mark.campaign
@pytest.mark.slow
@given(
    n_max=st.integers(1, 12),
    ratio=st.floats(0.5, 20.0),
    alpha=st.floats(1e-4, 0.4),
    least=st.integers(1, 5),
)
@settings(max_examples=1000, deadline=None)
def test_no_design_spends_more_than_alpha_and_the_level_below_would(
    n_max: int, ratio: float, alpha: float, least: int
) -> None:
    n_max = max(n_max, least, math.ceil(math.log(alpha) / -math.log1p(ratio)))

    design = Design(n_max, ratio=ratio, alpha=alpha, min_events=least)

    value, size = design.boundary.value, design.boundary.attained_size
    llrs = np.concatenate(
        [
            log_likelihood_ratio(n, np.arange(n + 1), ratio=ratio)[least:]
            for n in range(1, n_max + 1)
        ]
    )
    lower = llrs[(llrs < value) & (llrs > 1e-9)]
    assert size <= alpha
    assert_allclose(operating_characteristics(design, 1.0).power, size, rtol=1e-12)
    if lower.size:
        assert size_at(float(lower.max()) - 1e-11, n_max, ratio, least, 1.0) > alpha


@pytest.mark.campaign
@pytest.mark.slow
@given(
    z=st.lists(st.floats(0.2, 6.0), min_size=1, max_size=4),
    alpha=st.floats(0.01, 0.4),
    least=st.integers(1, 3),
)
@settings(max_examples=1000, deadline=None)
def test_no_design_with_ratios_that_vary_spends_more_than_alpha_and_the_level_below_would(
    z: list[float], alpha: float, least: int
) -> None:
    if math.prod(1 / (1 + r) for r in z) > alpha or least > len(z):
        with pytest.raises(ValueError, match="too few, as even if all were exposed"):
            Design(len(z), ratio=tuple(z), alpha=alpha, min_events=least)
        return

    design = Design(len(z), ratio=tuple(z), alpha=alpha, min_events=least)

    value, size = design.boundary.value, design.boundary.attained_size
    assert size <= alpha
    assert_allclose(size_by_every_path(z, value, least, 1.0), size, rtol=1e-12)
    llrs = np.concatenate(
        [
            varying_log_likelihood_ratio(np.arange(least, i + 1), z[:i])
            for i in range(least, len(z) + 1)
        ]
    )
    lower = llrs[(llrs < value) & (llrs > 1e-9)]
    if lower.size:
        assert size_by_every_path(z, float(lower.max()) - 1e-9, least, 1.0) > alpha


def test_simulated_power_time_and_count_agree() -> None:
    rng = np.random.default_rng(seed=20130601)
    z = np.array([1.0, 2.0, 4.0, 0.5, 3.0] * 6)
    design, rate, n_watches = Design(30, ratio=tuple(z.tolist())), 2.5, 50_000
    counts = (rng.random((n_watches, 30)) < rate / (rate + z)).cumsum(axis=1)
    least = least_exposed(design.ratios, design.boundary.value, 1)
    crosses = counts >= np.array(least)
    is_signal, first = crosses.any(axis=1), crosses.argmax(axis=1)

    found = operating_characteristics(design, rate)

    for values, expected in (
        (is_signal.astype(float), found.power),
        (first[is_signal] + 1.0, found.expected_time_to_signal),
        (counts[is_signal, first[is_signal]], found.expected_events_at_signal),
        (np.where(is_signal, first + 1.0, 30.0), found.expected_length),
    ):
        assert abs(values.mean() - expected) < 3 * values.std() / len(values) ** 0.5


@given(z=ratios, exponent=st.floats(0.3, 3.0), alpha=st.floats(0.01, 0.4))
@settings(max_examples=60, deadline=None)
def test_spending_keeps_to_its_targets_and_needs_no_ratio_to_come(
    z: list[float], exponent: float, alpha: float
) -> None:
    n = len(z)
    whole = spending_boundary(z, n_max=n, alpha=alpha, exponent=exponent)
    part = spending_boundary(z[: n // 2 + 1], n_max=n, alpha=alpha, exponent=exponent)

    exact = np.cumsum(signal_chances([1 / (1 + r) for r in z], whole.least_exposed))

    assert whole.least_exposed[: n // 2 + 1] == part.least_exposed
    assert_allclose(whole.alpha_spent, exact, atol=1e-14)  # rounding
    assert (np.array(whole.alpha_spent) <= np.array(whole.alpha_target)).all()
    assert_allclose(whole.alpha_target[-1], alpha)
    for i in range(n):
        lower = [*whole.least_exposed[:i], whole.least_exposed[i] - 1]
        if lower[-1] >= 1:
            spent = math.fsum(signal_chances([1 / (1 + r) for r in z[: i + 1]], lower))
            more = spent > whole.alpha_spent[i] + 1e-15
            assert spent > whole.alpha_target[i] or not more


@pytest.mark.slow
@given(
    groups=st.lists(st.lists(st.floats(0.2, 6.0), min_size=1, max_size=4), min_size=1, max_size=5),
    shares=st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).map(sorted),
    alpha=st.floats(0.001, 0.4),
    least=st.integers(1, 3),
)
@settings(max_examples=1000, deadline=None)
def test_groups_that_no_one_foresaw_spend_no_more_than_what_is_chosen_for_each(
    groups: list[list[float]], shares: list[float], alpha: float, least: int
) -> None:
    ratios = [ratio for group in groups for ratio in group]
    looks = np.cumsum([len(group) for group in groups]).tolist()
    targets = [alpha * share for share in shares[: len(groups)]]

    found = spending_boundary(
        ratios, n_max=20, alpha=alpha, min_events=least, looks=looks, targets=targets
    )

    silent, spent = np.ones(1), 0.0
    assert found.alpha_target == tuple(targets)
    for group, limit, used, most in zip(
        groups, found.least_exposed, found.alpha_spent, targets, strict=True
    ):
        for ratio in group:
            silent = np.convolve(silent, [ratio / (1 + ratio), 1 / (1 + ratio)])
        spent += silent[limit:].sum()
        assert_allclose(used, spent, rtol=1e-12, atol=1e-16)
        assert used <= most
        assert limit >= min(least, len(silent))  # which no path has reached
        if limit > least:  # one fewer would spend too much
            assert spent + silent[limit - 1] > most * (1 - 1e-12)
        silent = silent[:limit]


@given(st.lists(st.booleans(), min_size=1, max_size=14), st.booleans())
@settings(deadline=None)
def test_a_watch_follows_the_definition_and_recomputes(path: list[bool], varies: bool) -> None:  # noqa: FBT001 - drawn
    z: Any = tuple(0.5 + i % 3 for i in range(12)) if varies else 1.5
    design = Design(12, ratio=z, alpha=0.1)
    counts = np.cumsum(path).tolist()
    observations = [Observation(events=i + 1, exposed=c) for i, c in enumerate(counts)]
    state = init(design)
    for observation in observations:
        state = msgspec.json.decode(msgspec.json.encode(step(state, observation)[0]), type=State)

    at_once, looks = recompute(design, observations)

    least = least_exposed(design.ratios, design.boundary.value, 1)
    assert state == at_once
    assert [x.is_crossing for x in looks] == [
        x.events <= 12 and x.exposed >= least[x.events - 1] for x in looks
    ]
    assert [x.has_crossed for x in looks] == np.logical_or.accumulate(
        [x.is_crossing for x in looks]
    ).tolist()
    assert [x.is_past_horizon for x in looks] == [x.events > 12 for x in looks]


def test_one_observation_has_the_bits_of_the_array_function() -> None:
    events, exposed = [3, 10, 17, 40], [1, 8, 11, 33]
    observations = [Observation(events=n, exposed=c) for n, c in zip(events, exposed, strict=True)]

    _, looks = recompute(Design(50, ratio=1.7), observations)

    assert [x.llr for x in looks] == log_likelihood_ratio(events, exposed, ratio=1.7).tolist()


@pytest.mark.parametrize(
    "back", [(4, 1), (3, 2), (6, 5)]
)  # fewer events, fewer exposed, and more exposed than events came
def test_a_count_that_cannot_be_is_refused(back: tuple[int, int]) -> None:
    state, _ = step(init(Design(20, ratio=1.0)), Observation(events=5, exposed=2))

    with pytest.raises(ValueError, match=r"went back, so recompute|must not rise by more"):
        step(state, Observation(events=back[0], exposed=back[1] if back[0] != 3 else 1))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"n_max": 0}, "n_max=0 must be whole, from 1 to 2000"),
        ({"n_max": 2.5}, "n_max=2.5 must be whole"),
        ({"n_max": 2001}, "n_max=2001 must be whole, from 1 to 2000"),
        ({"n_max": 301, "ratio": (1.0,) * 301}, "n_max=301 must be whole, from 1 to 300"),
        ({"alpha": 0.0}, "alpha=0.0 must be in"),
        ({"alpha": 1.0}, "alpha=1.0 must be in"),
        ({"alpha": math.nan}, "alpha=nan must be in"),
        ({"min_events": 0}, "min_events=0 must be whole and positive"),
        ({"ratio": 0.0}, r"ratio\[0\] is 0\.0: must be from"),
        ({"ratio": math.nan}, r"ratio\[0\] is nan: must be from"),
        ({"ratio": (1.0, 2.0)}, "ratio has 2 elements: must have n_max, 10"),
        ({"ratio": (1.0,) * 9 + (-1.0,)}, r"ratio\[9\] is -1\.0: must be from"),
        ({"n_max": 4, "ratio": 1.0}, r"n_max is 4: too few, .* a chance of 0\.0625"),
        ({"min_events": 11}, "n_max is 10: too few"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(chosen: dict[str, Any], message: str) -> None:
    arguments = {"n_max": 10, "ratio": 1.0} | chosen

    for make in (critical_value, Design):
        with pytest.raises(ValueError, match=message):
            make(arguments.pop("n_max"), **arguments)
        arguments = {"n_max": 10, "ratio": 1.0} | chosen


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"ratio": []}, "ratio has 0 elements: must have from 1 to n_max, 3"),
        ({"ratio": [1.0] * 4}, "ratio has 4 elements: must have from 1 to n_max, 3"),
        ({"exponent": 0.0}, r"exponent is 0\.0: must lie between"),
        ({"ratio": [1.0, -2.0]}, r"ratio\[1\] is -2\.0: must be from"),
        ({"ratio": [1.0, 1.0], "looks": [1]}, "looks: the last must be at all 2 events"),
        ({"looks": []}, "looks: the last must be at all 1 events"),
        ({"looks": [0, 1]}, r"looks\[0\] is 0: must be whole, rising, at most 1"),
        ({"looks": [0.5, 1]}, r"looks\[0\] is 0\.5: must be whole"),
        ({"ratio": [1.0, 1.0], "looks": [2, 1]}, r"looks\[1\] is 1: must be whole, rising"),
        ({"looks": [2]}, r"looks\[0\] is 2: must be whole, rising, at most 1"),
        ({"targets": [0.01, 0.02]}, "targets has 2 elements: must have one a look, 1"),
        ({"targets": [0.06]}, r"targets\[0\] is 0\.06: must not fall, from 0 to alpha, 0\.05"),
        ({"targets": [math.nan]}, r"targets\[0\] is nan: must not fall"),
        (
            {"ratio": [1.0, 1.0], "targets": [0.02, 0.01]},
            r"targets\[1\] is 0\.01: must not fall",
        ),
    ],
)
def test_spending_that_makes_no_sense_is_refused(chosen: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"ratio": [1.0], "n_max": 3} | chosen

    with pytest.raises(ValueError, match=message):
        spending_boundary(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_likelihood_ratio(3, 4, ratio=1.0), "exposed is 4: must be at most events"),
        (lambda: log_likelihood_ratio(3, 2, ratio=np.nan), "ratio is nan: must not be missing"),
        (lambda: varying_log_likelihood_ratio(3, [1.0]), "exposed is 3: must be at most"),
        (lambda: varying_log_likelihood_ratio(0, [np.nan]), r"ratios\[0\] is nan: must not be"),
        (
            lambda: operating_characteristics(Design(10, ratio=1.0), 0.0),
            r"rate_ratio is 0\.0: must lie between",
        ),
    ],
)
def test_a_ratio_that_does_not_exist_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
