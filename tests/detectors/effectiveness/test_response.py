"""The watch over losses and good events: references, its definition, and simulation."""

import math

import msgspec
import numpy as np
import pandas as pd
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special
from scipy.stats import nbinom, poisson

from detectors.effectiveness.limits import _lower_size
from detectors.effectiveness.process import Process, earliest_time, log_likelihood_ratio
from detectors.effectiveness.response import (
    Design,
    Observation,
    State,
    init,
    operating_characteristics,
    recompute,
    step,
)

dispersions = st.one_of(st.just(math.inf), st.floats(0.3, 1e3))
increments = st.lists(st.tuples(st.integers(0, 3), st.floats(0.001, 2.0)), max_size=12)


def uppers() -> pd.DataFrame:
    rows = reference_table("sequential/cv_poisson.csv").query("D == 0 and T <= 50")
    return rows.dropna(subset="cv_exact")


def lowers() -> pd.DataFrame:
    rows = reference_table("sequential/cv_poisson_lower_exact.csv")
    return rows.dropna(subset="cv_exact_conservative")


def performances() -> pd.DataFrame:
    return reference_table("sequential/performance_poisson.csv").query("D == 0 and T <= 20")


def to_date(steps: list[tuple[int, float]]) -> list[Observation]:
    totals = np.cumsum(np.array(steps).reshape(-1, 2), axis=0)
    return [Observation(events=int(events), expected=float(mu)) for events, mu in totals]


def signals(design: Design, rate: float, rng: np.random.Generator) -> tuple[bool, float]:
    """Watch one made-up path continuously: every event, and every time a count gets too low."""
    times = np.cumsum(rng.exponential(1 / rate, size=int(rate * design.horizon * 2 + 60)))
    limit = design.limit
    for count, time in enumerate(times.tolist(), start=1):
        until = min(time, design.horizon)
        if design.tail == "good_events":
            llr = log_likelihood_ratio(count - 1, until, design.dispersion)
            if until > count - 1 and llr >= limit.critical_value:
                return True, earliest_time(count - 1, limit.critical_value, 4.0, 6.0)
        if time > design.horizon:
            break
        llr = log_likelihood_ratio(count, time, design.dispersion)
        if design.tail == "losses" and count > time and llr >= limit.critical_value:
            return True, time
    return False, design.horizon


def test_the_boundary_of_equal_patients_is_that_of_the_poisson_test() -> None:
    assert len(uppers()) > 80
    for row in uppers().to_dict("records"):
        found = Design(float(row["T"]), alpha=float(row["alpha"]), min_events=int(row["M"])).limit

        assert_allclose(found.critical_value, row["cv_exact"], atol=1e-8)  # as the file's README


def test_the_boundary_of_good_events_is_the_exact_one() -> None:
    assert len(lowers()) > 5
    for row in lowers().to_dict("records"):
        found = Design(float(row["T"]), alpha=float(row["alpha"]), tail="good_events").limit

        assert_allclose(found.critical_value, row["cv_exact_conservative"], atol=1e-8)  # README
        assert_allclose(found.attained_size, row["alpha_attained"], atol=1e-8)  # README


def test_the_lower_boundary_of_the_peer_spends_six_times_alpha() -> None:
    rows = lowers().dropna(subset="cv_R_Sequential_M1")

    for row in rows.to_dict("records"):
        size = _lower_size(float(row["cv_R_Sequential_M1"]), float(row["T"]), math.inf)

        assert_allclose(size, row["alpha_true_at_R_cv"], atol=1e-8)  # README
        assert size > 6 * row["alpha"]


def test_the_boundary_with_a_whole_dispersion_is_that_of_the_conditional_test() -> None:
    table = reference_table("sequential/cv_condpoisson.csv")
    rows = table.query("stop == 'Tal' and D == 0 and inference == 'liberal'")
    rows = rows.dropna(subset="cv_exact").query("T * cc <= 40")

    assert len(rows) > 5
    for row in rows.to_dict("records"):
        horizon = float(row["T"] * row["cc"])
        found = Design(
            horizon,
            alpha=float(row["alpha"]),
            min_events=int(row["M"]),
            dispersion=float(row["cc"]),
        ).limit

        assert_allclose(found.critical_value, row["cv_exact"], atol=1e-8)  # as the file's README


def test_power_and_times_are_those_of_the_reference() -> None:
    assert len(performances()) > 10
    for row in performances().to_dict("records"):
        design = Design(float(row["T"]), alpha=float(row["alpha"]), min_events=int(row["M"]))

        found = operating_characteristics(design, float(row["RR"]))

        assert_allclose(found.power, row["power"], atol=1e-6)  # the peer's critical value
        assert_allclose(found.expected_time_to_signal, row["ESignalTime"], rtol=1e-5)  # the same
        assert_allclose(found.expected_length, row["ESampleSize"], rtol=1e-5)  # the same


@given(
    horizon=st.floats(0.01, 5.0),
    dispersion=st.floats(1.0, 50.0),
    rate_ratio=st.floats(0.2, 4.0),
    tail=st.sampled_from(["losses", "good_events"]),
)
@settings(max_examples=8, deadline=None)
def test_patients_who_differ_are_a_mixture_of_patients_who_do_not(
    horizon: float, dispersion: float, rate_ratio: float, tail: str
) -> None:
    design = Design(horizon, tail=tail, alpha=0.1, dispersion=dispersion)  # type: ignore[arg-type]

    found = operating_characteristics(design, rate_ratio)

    assert_allclose(found.power, mixed_power(design, rate_ratio), atol=1e-9)  # of the quadrature


def mixed_power(design: Design, rate_ratio: float) -> float:
    """Average the chance of a plain Poisson process over its rate, by Gauss and Laguerre."""
    from detectors.effectiveness.paths import (  # noqa: PLC0415 - a twin for one test
        count_paths,
        lower_paths,
        lower_signals,
        upper_paths,
    )

    if design.limit.decided_by == "none":
        return 0.0
    llr, total = design.limit.critical_value, 0.0
    nodes, weights = special.roots_genlaguerre(60, design.dispersion - 1.0)
    for rate, mass in zip(nodes, weights / weights.sum(), strict=True):
        plain = Process(math.inf, rate_ratio * rate / design.dispersion)
        if design.tail == "good_events":
            paths = lower_paths(llr, design.horizon, dispersion=design.dispersion, process=plain)
            total += mass * math.fsum(p for *_, p in lower_signals(paths, plain))
            continue
        if design.limit.decided_by == "count":
            paths = count_paths(design.limit.min_events, design.horizon, process=plain)
        else:
            paths = upper_paths(
                llr,
                design.horizon,
                first_event=1,
                dispersion=design.dispersion,
                process=plain,
            )
        total += mass * (1 - paths.silent(plain))
    return total


@pytest.mark.slow
@pytest.mark.parametrize("tail", ["losses", "good_events"])
@pytest.mark.parametrize("rate_ratio", [1.0, 0.3, 3.0])
def test_a_simulation_signals_as_often_and_as_soon_as_computed(
    tail: str, rate_ratio: float
) -> None:
    design = Design(6.0, tail=tail, alpha=0.1, dispersion=4.0)  # type: ignore[arg-type]
    rng = np.random.default_rng(7)
    rates = rate_ratio * rng.gamma(4.0, 1 / 4.0, 3_000)
    found = operating_characteristics(design, rate_ratio)

    seen = [signals(design, float(rate), rng) for rate in rates]

    hits, lengths = (np.array(values, dtype=float) for values in zip(*seen, strict=True))
    error = math.sqrt(found.power * (1 - found.power) / len(hits))
    assert abs(hits.mean() - found.power) < 3 * error + 1e-9  # three standard errors
    assert abs(lengths.mean() - found.expected_length) < 3 * lengths.std() / math.sqrt(len(hits))


@pytest.mark.campaign
@pytest.mark.slow
@given(
    horizon=st.floats(1e-4, 4.0),
    alpha=st.floats(1e-3, 0.3),
    dispersion=dispersions,
    tail=st.sampled_from(["losses", "good_events"]),
)
@settings(max_examples=1_000, deadline=None)
def test_no_boundary_spends_more_than_alpha(
    horizon: float, alpha: float, dispersion: float, tail: str
) -> None:
    design = Design(horizon, tail=tail, alpha=alpha, dispersion=dispersion)  # type: ignore[arg-type]

    assert 0.0 <= design.limit.attained_size <= alpha + 1e-15  # the rounding of one minus a sum
    if design.limit.decided_by == "llr" and tail == "losses":
        assert_allclose(design.limit.attained_size, alpha, atol=1e-10)
    if design.limit.decided_by == "none":
        assert Process(dispersion).none(horizon) > alpha


@pytest.mark.slow
@pytest.mark.parametrize("tail", ["losses", "good_events"])
def test_every_regime_has_numbers_or_is_refused_in_words(tail: str) -> None:
    refused = []
    for horizon in (1e-4, 0.05, 1.0, 30.0, 100.0, 500.0):
        for dispersion in (0.3, math.inf if horizon < 500 else 3.0):
            try:
                design = Design(horizon, tail=tail, dispersion=dispersion)  # type: ignore[arg-type]
            except ValueError as error:
                refused.append((horizon, str(error)))
                continue
            found = operating_characteristics(design, 1.0)
            assert_allclose(found.power, design.limit.attained_size, atol=1e-9)
            assert 0 < found.expected_length <= horizon * (1 + 1e-9)
            assert math.isnan(found.expected_time_to_signal) == (design.limit.decided_by == "none")
    assert all("shorten horizon" in words for _, words in refused)
    assert min([horizon for horizon, _ in refused], default=500.0) >= 100.0


def test_extreme_rate_ratios_have_an_answer() -> None:
    for tail in ("losses", "good_events"):
        for dispersion in (0.5, math.inf):
            design = Design(10.0, tail=tail, dispersion=dispersion)
            for rate_ratio in (1e-6, 1e-2, 1e2, 1e4):
                found = operating_characteristics(design, rate_ratio)

                assert -1e-12 <= found.power <= 1 + 1e-12
                assert 0 < found.expected_length <= 10.0 * (1 + 1e-9)


def test_a_short_horizon_lets_the_count_decide_as_its_tail_says() -> None:
    found = Design(0.02, dispersion=2.0).limit

    assert (found.decided_by, found.min_events) == ("count", 1)
    assert_allclose(found.attained_size, nbinom.sf(0, 2.0, 2.0 / 2.02), rtol=1e-12)
    wide = Design(3.0, alpha=0.999).limit
    assert wide.decided_by == "count"
    assert_allclose(wide.attained_size, poisson.sf(wide.min_events - 1, 3.0), rtol=1e-12)
    times = operating_characteristics(Design(3.0, alpha=0.999), 1.0)
    assert_allclose(times.power, wide.attained_size, rtol=1e-12)
    assert_allclose(times.expected_events_at_signal, wide.min_events)


def test_a_loose_alpha_gets_the_smallest_count_that_keeps_it() -> None:
    found = Design(20.0, alpha=0.999).limit

    assert found.decided_by == "count"
    assert poisson.sf(found.min_events - 1, 20.0) <= 0.999 < poisson.sf(found.min_events - 2, 20.0)


def test_good_events_that_cannot_be_missed_in_time_never_signal() -> None:
    design = Design(2.9, tail="good_events")

    _, look = step(init(design), Observation(events=0, expected=2.9))

    assert design.limit.decided_by == "none"
    assert design.limit.attained_size == 0.0
    assert not look.is_crossing


def test_no_good_event_signals_when_one_was_due() -> None:
    design = Design(8.0, tail="good_events")

    _, looks = recompute(
        design, [Observation(events=0, expected=3.2), Observation(events=0, expected=3.3)]
    )

    assert [look.is_crossing for look in looks] == [False, True]
    assert looks[1].llr == 3.3


def test_more_losses_are_more_evidence_and_few_are_none() -> None:
    state = init(Design(5.0, dispersion=3.0))

    llrs = [step(state, Observation(events=n, expected=2.0))[1].llr for n in range(9)]

    assert llrs[:3] == [0.0, 0.0, 0.0]
    assert all(np.diff(llrs[2:]) > 0)


def test_the_ratio_of_the_likelihoods_is_the_statistic() -> None:
    c, mean, k = 2.5, 1.7, 6

    found = log_likelihood_ratio(k, mean, c)

    best, null = (nbinom.logpmf(k, c, c / (c + m)) for m in (k, mean))
    assert_allclose(found, best - null, rtol=1e-12)
    plain = poisson.logpmf(k, k) - poisson.logpmf(k, mean)
    assert_allclose(log_likelihood_ratio(k, mean, 1e12), plain, rtol=1e-9)


def test_a_look_past_the_horizon_cannot_cross_and_a_crossing_stays() -> None:
    design = Design(2.0)
    crossing = Observation(events=9, expected=1.0)

    _, late = step(init(design), Observation(events=9, expected=2.1))
    state, _ = step(init(design), crossing)
    _, after = step(state, Observation(events=9, expected=1.9e3))

    assert (late.is_past_horizon, late.is_crossing) == (True, False)
    assert (after.is_crossing, after.has_crossed) == (False, True)


@given(steps=increments, tail=st.sampled_from(["losses", "good_events"]))
def test_stepping_and_recomputing_agree_and_the_state_survives_encoding(
    steps: list[tuple[int, float]], tail: str
) -> None:
    design = Design(6.0, tail=tail, dispersion=5.0)  # type: ignore[arg-type]
    observations = to_date(steps)

    state, looks = init(design), []
    for observation in observations:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
        state, look = step(state, observation)
        looks.append(look)

    assert (state, tuple(looks)) == recompute(design, observations)
    assert len(msgspec.json.encode(state)) < 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0.0}, "horizon is 0.0"),
        ({"horizon": 500.1}, "horizon is 500.1"),
        ({"horizon": math.nan}, "horizon is nan"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"alpha": 1.0}, "alpha is 1.0"),
        ({"min_events": 0}, "min_events is 0"),
        ({"min_events": 1.5}, "min_events is 1.5"),
        ({"dispersion": 0.0}, "dispersion is 0.0"),
        ({"dispersion": -math.inf}, "dispersion is -inf"),
        ({"dispersion": math.nan}, "dispersion is nan"),
        ({"tail": "both"}, "tail is 'both'"),
    ],
)
def test_a_design_out_of_range_is_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Design(**{"horizon": 5.0, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "expected", "message"),
    [
        (1, 2.0, "went back"),
        (3, 0.5, "went back"),
        (3, math.nan, "expected is nan"),
        (3, math.inf, "expected is inf"),
        (-1, 2.0, r"events is -1"),
        (2.5, 2.0, "must be whole"),
    ],
)
def test_totals_that_are_none_or_go_back_are_refused(
    events: int, expected: float, message: str
) -> None:
    state, _ = step(init(Design(5.0)), Observation(events=2, expected=1.0))

    with pytest.raises(ValueError, match=message):
        step(state, Observation(events=events, expected=expected))


def test_an_event_where_none_is_expected_is_refused() -> None:
    with pytest.raises(ValueError, match="events is 1: must be 0 where expected is 0"):
        step(init(Design(5.0)), Observation(events=1, expected=0.0))
    with pytest.raises(ValueError, match=r"expected is -0.1"):
        step(init(Design(5.0)), Observation(events=0, expected=-0.1))
    with pytest.raises(ValueError, match="rate_ratio is 0"):
        operating_characteristics(Design(5.0), 0.0)
