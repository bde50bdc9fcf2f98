"""The conditional MaxSPRT against reference values, its definition, and simulation."""

import math
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from data import reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import gamma, nbinom, poisson

from detectors.sequential import conditional_operating
from detectors.sequential.conditional_boundary import Boundary, Plan, boundary, stairs
from detectors.sequential.conditional_likelihood import deadline
from detectors.sequential.conditional_maxsprt import (
    Design,
    Observation,
    State,
    critical_value,
    init,
    log_likelihood_ratio,
    recompute,
    step,
)
from detectors.sequential.polya_paths import History, count_masses, silent_given_count

HISTORY: dict[str, History] = {
    "liberal": "stopped_at_event",
    "conservative": "fixed_time",
    "exact": "exact",
}

histories = st.sampled_from(list(HISTORY.values()))


def plan_of(row: Any, **changed: Any) -> Plan:  # noqa: ANN401 - a row of a table, its changes
    by_events = row.stop == "Cases"
    given: dict[str, Any] = {
        "n_historical": int(row.cc),
        "n_max": int(row.K) if by_events else None,
        "horizon": None if by_events else row.T,
        "alpha": row.alpha,
        "min_events": int(row.M),
        "min_person_time": float(row.D),
        "history": HISTORY[row.inference],
    }
    return Plan(**(given | changed))


def rows_of(frame: pd.DataFrame) -> list[Any]:
    return list(frame.itertuples())


def size_by_negative_binomials(plan: Plan, times: list[float], rooms: list[int]) -> float:
    """Compute the size forward, as a Markov chain, for the two histories that are one."""
    shape = plan.n_historical + (plan.history == "fixed_time")
    silent, before = np.ones(1), 0.0
    for time, room in zip(times, rooms, strict=True):
        share, later = (1 + before) / (1 + time), np.zeros(room)
        for count, chance in enumerate(silent):
            later[count:] += chance * nbinom.pmf(np.arange(room - count), shape + count, share)
        silent, before = later, time
    return 1 - float(silent.sum())


def settings_of_peer(query: str = "") -> pd.DataFrame:
    return reference_table("sequential/cv_condpoisson.csv", query)


@pytest.mark.slow
def test_critical_value_matches_the_exact_column() -> None:
    rows = settings_of_peer()

    found = [boundary(plan_of(row)) for row in rows_of(rows)]

    assert len(rows) == 304
    # 1e-8: the reference says so; what it prints is rounded to twelve digits
    assert_allclose([each.critical_value for each in found], rows["cv_exact"], atol=1e-8)
    sizes = np.array([each.attained_size for each in found])
    assert (sizes <= rows["alpha"] + 1e-14).all()
    is_step = (rows["D"] > 0).to_numpy()
    assert_allclose(sizes[~is_step], rows["alpha"][~is_step], atol=1e-11)  # the root's error


@pytest.mark.slow
def test_the_values_of_the_peer_do_not_hold_their_level() -> None:
    rows = settings_of_peer().dropna(subset="cv_R_Sequential")

    spent = []
    for row in rows_of(rows):
        plan = plan_of(row)
        limit = Boundary(
            decided_by="llr",
            critical_value=row.cv_R_Sequential,
            min_events=plan.min_events,
            attained_size=math.nan,
        )
        found = conditional_operating.characteristics(plan, limit, 1.0) if row.D > 0 else None
        times, rooms = stairs(plan, limit)
        masses = count_masses(
            times[-1], rooms[-1], n_historical=plan.n_historical, history=plan.history
        )
        size = 1 - math.fsum(silent_given_count(times, rooms)[-1] * masses)
        spent.append(size)
        assert found is None or abs(found.power - size) < 1e-13  # rounding of two orders

    assert_allclose(spent, rows["alpha_true_at_R_cv"], atol=1e-8)
    excess = np.array(spent) - rows["alpha"]
    is_other = (rows["inference"] != "liberal").to_numpy()
    assert (excess[is_other] > 1e-5).all()
    assert max(spent) > 0.0604
    assert_allclose(excess[~is_other & (rows["D"] == 0)], 0.0, atol=1e-8)
    delayed = np.array(spent)[rows["D"] > 0]
    assert len(delayed) == 10
    assert (delayed < 0.045).all()
    assert delayed.min() < 0.016


@pytest.mark.slow
def test_simulation_takes_our_side_against_the_peer() -> None:
    rng = np.random.default_rng(seed=20100130)
    row = rows_of(settings_of_peer("inference == 'conservative' and cc == 2 and K == 3"))[0]
    n_watches = 1_000_000
    rate = rng.gamma(3.0, size=n_watches)
    arrivals = rng.exponential(size=(n_watches, 3)).cumsum(axis=1) / rate[:, None]
    llr = log_likelihood_ratio(np.arange(1, 4), arrivals, n_historical=2)[:, 1:]

    ours, peers = (
        (llr >= value).any(axis=1).mean() for value in (row.cv_exact, row.cv_R_Sequential)
    )

    error = 3 * math.sqrt(0.05 * 0.95 / n_watches)  # three standard errors
    assert abs(ours - 0.05) < error
    assert abs(peers - row.alpha_true_at_R_cv) < 1.2 * error  # a slightly larger chance
    assert peers - 0.05 > 10 * error


@given(c=st.integers(1, 40), k=st.integers(1, 30), history=histories)
@settings(max_examples=30, deadline=None)
def test_the_recursion_agrees_with_a_chain_of_negative_binomials(
    c: int, k: int, history: History
) -> None:
    plan = Plan(
        n_historical=c, n_max=k, horizon=None, alpha=0.05, min_events=1,
        min_person_time=0.0, history="fixed_time" if history == "exact" else history,
    )  # fmt: skip
    limit = boundary(plan)

    found = size_by_negative_binomials(plan, *stairs(plan, limit))

    assert_allclose(found, limit.attained_size, atol=1e-12)  # rounding over thirty stairs


@pytest.mark.parametrize("time", [1e-4, 0.3, 1.0, 1.1, 40.0])
@pytest.mark.parametrize("c", [0, 1, 7])
def test_the_exact_history_is_a_mixture_over_where_between_two_events_it_ended(
    c: int, time: float
) -> None:
    def given_share(share: float, count: int) -> float:
        since = np.arange(count + 1)
        geometric = (share * time) ** since / (1 + share * time) ** (since + 1)
        earlier = nbinom.pmf(count - since, c, 1 / (1 + time)) if c else 1.0 * (since == count)
        return float((geometric * earlier).sum())

    found = count_masses(time, 6, n_historical=c, history="exact")

    mixed = [quad(given_share, 0, 1, args=(n,), epsabs=1e-14, epsrel=1e-12)[0] for n in range(6)]
    assert_allclose(found, mixed, rtol=1e-9, atol=1e-15)  # the error of the quadrature


@pytest.mark.parametrize("history", HISTORY.values())
@pytest.mark.parametrize("time", [1e-6, 0.2, 3.0])
def test_the_chances_of_all_counts_sum_to_one(history: History, time: float) -> None:
    masses = count_masses(time, 600, n_historical=3, history=history)

    assert (masses >= 0).all()
    assert_allclose(math.fsum(masses), 1.0, atol=1e-12)  # what lies beyond 600 is less


@given(
    k=st.integers(1, 300),
    c=st.integers(0, 200),
    value=st.floats(1e-3, 30.0),
)
@settings(max_examples=100)
def test_the_deadline_is_where_the_llr_is_the_critical_value(k: int, c: int, value: float) -> None:
    latest = deadline(k, value, n_historical=c)

    assert c * latest < k
    # relative 1e-9: the ratio is near flat where the value is small
    assert_allclose(log_likelihood_ratio(k, latest, n_historical=c), value, rtol=1e-9, atol=1e-11)


def test_the_llr_is_the_formula_of_the_paper() -> None:
    c, k, tau = 20, 6, 0.1

    found = log_likelihood_ratio([k, 1], tau, n_historical=c)

    plain = c * math.log(c * (1 + tau) / (c + k)) + k * math.log(k * (1 + tau) / (tau * (c + k)))
    assert_allclose(found, [plain, 0.0], rtol=1e-13)  # rounding


@pytest.mark.campaign
@pytest.mark.slow
@given(
    c=st.integers(0, 50),
    n_max=st.integers(1, 12),
    alpha=st.floats(1e-4, 0.3),
    least=st.integers(1, 4),
    history=histories,
)
@settings(max_examples=500, deadline=None)
def test_no_boundary_by_events_spends_more_than_alpha(
    c: int, n_max: int, alpha: float, least: int, history: History
) -> None:
    c = c if history != "stopped_at_event" else c + 1
    plan = Plan(
        n_historical=c, n_max=max(n_max, least), horizon=None, alpha=alpha,
        min_events=least, min_person_time=0.0, history=history,
    )  # fmt: skip

    found = boundary(plan)

    assert alpha - 1e-10 < found.attained_size <= alpha + 1e-14  # rounding of one minus a sum


@pytest.mark.campaign
@pytest.mark.slow
@given(
    c=st.integers(0, 30),
    expected=st.floats(1e-4, 8.0),
    alpha=st.floats(1e-3, 0.3),
    least=st.integers(1, 4),
    start=st.sampled_from([0.0, 0.0, 0.1, 0.5]),
    history=histories,
)
@settings(max_examples=500, deadline=None)
def test_no_boundary_by_time_spends_more_than_alpha(
    c: int, expected: float, alpha: float, least: int, start: float, history: History
) -> None:
    c = c if history != "stopped_at_event" else c + 1
    horizon = expected / max(c, 1)
    plan = Plan(
        n_historical=c, n_max=None, horizon=horizon, alpha=alpha, min_events=least,
        min_person_time=start * horizon, history=history,
    )  # fmt: skip

    found = boundary(plan)

    assert 0 <= found.attained_size <= alpha + 1e-14  # rounding of one minus a sum
    if found.decided_by == "llr":
        lower = Boundary(
            decided_by="llr",
            critical_value=found.critical_value - 1e-9,  # far more than the error of the root
            min_events=least,
            attained_size=math.nan,
        )
        assert start == 0 or found.critical_value > 1e-8
        assert conditional_operating.characteristics(plan, lower, 1.0).power > alpha - 1e-9


def test_a_delayed_start_spends_less_where_the_size_jumps_over_alpha() -> None:
    row = rows_of(settings_of_peer("stop == 'Tal' and cc == 5 and T == 1 and D == 0.1"))[0]
    plan = plan_of(row)

    found = boundary(plan)

    at_start = log_likelihood_ratio(np.arange(1, 5), 0.1, n_historical=5)
    assert_allclose(at_start, found.critical_value, atol=5.0)
    assert np.min(np.abs(at_start - found.critical_value)) < 1e-9  # just above a jump
    assert found.attained_size < 0.05 - 1e-4


def test_one_event_is_a_signal_where_hardly_any_is_expected() -> None:
    design = Design(10, 1000.0, horizon=4.0)

    _, look = step(init(design), Observation(events=1, person_time=4.0))

    assert design.boundary.decided_by == "count"
    assert design.boundary.min_events == 1
    assert_allclose(design.boundary.attained_size, 1 - 1.004**-10, rtol=1e-12)  # rounding
    assert look.is_crossing
    assert not step(init(design), Observation(events=0, person_time=4.0))[1].is_crossing


@pytest.mark.parametrize("history", HISTORY.values())
@pytest.mark.parametrize(("c", "least"), [(0, 1), (1, 1), (20, 1), (20, 3)])
@pytest.mark.parametrize("horizon", [1e-4, 1e-3])
def test_a_horizon_too_short_for_the_llr_is_decided_by_a_count(
    c: int, least: int, horizon: float, history: History
) -> None:
    c = c if history != "stopped_at_event" else max(c, 1)

    found = critical_value(n_historical=c, horizon=horizon, min_events=least, history=history)

    def least_chance(shape: int, count: int, ratio: float) -> float:
        return float(nbinom.sf(count - 1, shape, 1 / (1 + horizon * ratio)))

    shapes = {"stopped_at_event": [c], "fixed_time": [c + 1], "exact": [max(c, 1), c + 1]}[history]
    design = Design(c, 1.0, horizon=horizon, min_events=least, history=history)
    assert (found.decided_by, found.value, found.min_events) == ("count", 0.0, least)
    assert found.attained_size == design.boundary.attained_size < 0.05
    assert found.detectable_rate_ratio is not None
    for size, ratio in ((found.attained_size, 1.0), (0.8, found.detectable_rate_ratio)):
        chances = [least_chance(shape, least, ratio) for shape in shapes]
        if history != "exact":
            assert_allclose(size, chances[0], rtol=1e-7, atol=1e-14)  # one minus a sum; the root
        elif c:  # between the two other histories
            assert chances[0] < size < chances[1]


def test_the_count_that_decides_is_the_smallest_within_alpha() -> None:
    found = critical_value(n_historical=1, horizon=1.0, alpha=0.05, min_events=5)

    # after one historical event, the count by the same time is at least k with chance 2**-k
    assert (found.decided_by, found.min_events) == ("count", 5)
    assert_allclose(found.attained_size, 2.0**-5, rtol=1e-13)  # rounding
    assert found.detectable_rate_ratio is not None
    ratio = found.detectable_rate_ratio
    assert_allclose((ratio / (1 + ratio)) ** 5, 0.8, rtol=1e-10)  # the root


def test_what_decides_and_the_rate_ratio_are_told_only_where_they_apply() -> None:
    by_llr = critical_value(10, n_historical=20, min_events=2)
    loose = critical_value(n_historical=1, horizon=9.0, alpha=0.95)
    hopeless = critical_value(n_historical=1, horizon=1e-9)

    assert (by_llr.decided_by, by_llr.min_events) == ("llr", 2)
    assert by_llr.detectable_rate_ratio is None
    assert loose.decided_by == "count"
    assert_allclose(loose.attained_size, 0.9, rtol=1e-13)  # rounding
    assert loose.detectable_rate_ratio is None
    assert hopeless.detectable_rate_ratio == math.inf


def test_no_historical_event_needs_a_history_that_did_not_stop_at_one() -> None:
    with pytest.raises(ValueError, match=r"n_historical is 0: .* take history='fixed_time'"):
        Design(0, 10.0, n_max=5)

    strict, loose = (Design(0, 10.0, n_max=5, history=each) for each in ("fixed_time", "exact"))

    assert strict.boundary.critical_value > loose.boundary.critical_value > 0
    assert_allclose(strict.boundary.attained_size, 0.05, atol=1e-11)  # the root's error


def test_a_long_history_makes_it_the_poisson_test() -> None:
    from detectors.sequential.poisson_paths import crossing_probability  # noqa: PLC0415 - one use

    c, horizon = 10**7, 5.0
    design = Design(c, c, horizon=horizon)
    value = design.boundary.critical_value

    times, rooms = stairs(
        Plan(
            n_historical=c, n_max=None, horizon=horizon / c, alpha=0.05, min_events=1,
            min_person_time=0.0, history="stopped_at_event",
        ),
        design.boundary,
    )  # fmt: skip
    known = crossing_probability(
        lambda n: times[n - rooms[0]] * c, first_event=rooms[0], horizon=horizon
    )

    assert_allclose(known, 0.05, atol=1e-6)  # the history's own error is of order 1/c
    assert 3.0 < value < 4.0


def test_a_crossing_is_where_the_llr_of_enough_events_reaches_the_boundary() -> None:
    design = Design(10, 100.0, n_max=20, min_events=3)
    observations = [
        Observation(events=n, person_time=t)
        for n, t in [(0, 0.0), (2, 0.5), (3, 2.0), (3, 30.0), (9, 31.0)]
    ]

    state, looks = recompute(design, observations)

    llr = [
        float(log_likelihood_ratio(o.events, o.person_time / 100, n_historical=10))
        for o in observations
    ]
    value = design.boundary.critical_value
    meets = [u >= value and o.events >= 3 for u, o in zip(llr, observations, strict=True)]
    assert [look.is_crossing for look in looks] == meets == [False, False, True, False, False]
    assert [look.llr for look in looks] == llr
    assert [look.has_crossed for look in looks] == [False, False, True, True, True]
    assert [look.number for look in looks] == [1, 2, 3, 4, 5]
    assert_allclose([look.expected for look in looks], [0, 0.05, 0.2, 3.0, 3.1])
    assert state == State(design=design, looks=5, events=9, person_time=31.0, first_crossing=3)


def test_events_past_the_last_are_not_counted() -> None:
    design = Design(10, 100.0, n_max=5)
    late = stairs(
        Plan(
            n_historical=10, n_max=5, horizon=None, alpha=0.05, min_events=1,
            min_person_time=0.0, history="stopped_at_event",
        ),
        design.boundary,
    )[0][-1] * 100  # fmt: skip

    before, after = (
        step(init(design), Observation(events=50, person_time=late * factor))[1]
        for factor in (1 - 1e-9, 1 + 1e-9)
    )

    assert before.is_crossing
    assert not after.is_crossing
    assert before.is_past_horizon
    assert after.is_past_horizon


def test_a_look_before_the_start_or_past_the_horizon_cannot_cross() -> None:
    design = Design(10, 100.0, horizon=20.0, min_person_time=2.0)

    early, first, last, late = (
        step(init(design), Observation(events=15, person_time=t))[1]
        for t in (1.99, 2.0, 20.0, 20.01)
    )

    assert [early.is_crossing, first.is_crossing, last.is_crossing, late.is_crossing] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [early.is_past_horizon, last.is_past_horizon, late.is_past_horizon] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "back", [Observation(events=3, person_time=0.9), Observation(events=2, person_time=1.0)]
)
def test_a_total_that_goes_back_is_refused(back: Observation) -> None:
    state, _ = step(init(Design(5, 10.0, n_max=9)), Observation(events=3, person_time=1.0))

    with pytest.raises(ValueError, match="went back, so recompute"):
        step(state, back)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.001, 2.0)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_stepping_through_encoded_states_and_recomputing_agree(
    steps: list[tuple[int, float]],
) -> None:
    design = Design(6, 12.0, horizon=8.0, min_events=2, history="exact")
    totals = np.cumsum(np.array(steps).reshape(-1, 2), axis=0)
    observations = [Observation(events=int(n), person_time=float(t)) for n, t in totals]

    state, looks = init(design), []
    for observation in observations:
        encoded = msgspec.json.encode(state)
        assert len(encoded) < 400
        state, look = step(msgspec.json.decode(encoded, type=State), observation)
        looks.append(look)

    assert (state, tuple(looks)) == recompute(design, observations)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha": 0.0}, "alpha is 0.0: must be at least"),
        ({"alpha": math.nan}, "alpha is nan"),
        ({"alpha": 1.0}, "alpha is 1.0"),
        ({"n_historical": -1}, "n_historical is -1: must be a count"),
        ({"n_historical": 1.5}, "n_historical is 1.5: must be a count"),
        ({"n_max": None}, "n_max or horizon: exactly one"),
        ({"horizon": 1.0}, "n_max or horizon: exactly one"),
        ({"n_max": 701}, "n_max is 701"),
        ({"n_max": 2, "min_events": 3}, "n_max is 2"),
        ({"min_events": 0}, "min_events is 0"),
        ({"min_person_time": 0.1}, "min_person_time is 0.1: must be 0 with n_max"),
        ({"n_max": None, "horizon": 0.0}, "horizon is 0.0"),
        ({"n_max": None, "horizon": math.nan}, "horizon is nan"),
        ({"n_max": None, "horizon": math.inf}, "horizon is inf"),
        ({"n_max": None, "horizon": 1.0, "min_person_time": 1.0}, "min_person_time is 1.0"),
        ({"n_max": None, "horizon": 1.0, "min_person_time": -1.0}, "min_person_time is -1.0"),
        ({"history": "other"}, "history is 'other': must be one of"),
        ({"alpha": 0.999999}, "alpha is 0.999999: no critical value spends so much"),
        ({"n_max": None, "n_historical": 1, "horizon": 400.0}, "counts above 700 matter"),
    ],
)
def test_a_design_out_of_range_is_refused(changed: dict[str, Any], message: str) -> None:
    given_all: dict[str, Any] = {"n_historical": 5, "n_max": 10} | changed

    with pytest.raises(ValueError, match=message):
        critical_value(**given_all)


@pytest.mark.parametrize("time", [0.0, -1.0, math.nan, math.inf])
def test_a_history_without_time_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="historical_time is"):
        Design(5, time, n_max=10)


@pytest.mark.parametrize(
    ("events", "ratio", "message"),
    [
        (-1, 1.0, "events is -1: must not be negative"),
        (1, -1.0, r"person_time_ratio is -1\.0: must not be negative"),
        (1, math.nan, "person_time_ratio is nan: must not be missing"),
        ([0, 1], 0.0, r"events\[1\] is 1: must be 0 where no time has passed"),
    ],
)
def test_llr_refuses_what_has_none(events: list[int], ratio: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_likelihood_ratio(events, ratio, n_historical=3)


def test_a_mixture_over_the_history_is_what_the_count_is() -> None:
    found = count_masses(0.7, 5, n_historical=4, history="fixed_time")

    mixed = [
        quad(lambda v, n=n: poisson.pmf(n, 0.7 * v) * gamma.pdf(v, 5), 0, 80)[0] for n in range(5)
    ]
    assert_allclose(found, mixed, rtol=1e-8)  # the error of the quadrature
