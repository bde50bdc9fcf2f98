"""Alpha spending look by look, against reference values, its definition, and simulation."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from data import reference_json
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import lambertw
from scipy.stats import poisson

from detectors.sequential import spending_functions
from detectors.sequential.alpha_spending import (
    Design,
    Observation,
    State,
    boundaries,
    continuous_deadlines,
    init,
    operating_characteristics,
    recompute,
    step,
)
from detectors.sequential.alpha_spending.paths import START, advanced, next_boundary
from detectors.sequential.poisson_paths import crossing_probability

spendings = st.one_of(
    st.tuples(st.just("power"), st.floats(0.2, 4.0)),
    st.tuples(st.sampled_from(["obrien_fleming", "pocock"]), st.just(0.0)),
    st.tuples(st.just("hwang_shih_decani"), st.floats(-8.0, 4.0)),
)
shares = st.lists(st.floats(0.001, 1.0), min_size=1, max_size=12, unique=True).map(sorted)


def continuous() -> dict[str, Any]:
    rows: dict[str, Any] = reference_json("sequential/alphaspend_poisson.json")
    return rows


def analysed() -> list[dict[str, Any]]:
    tables = reference_json("sequential/analyze_examples.json")
    return [tables["poisson_power"]["t3"], tables["poisson_wald"][-1]]


def looks_of(times: list[float]) -> list[Observation]:
    return [Observation(events=0, expected=time) for time in times]


@pytest.mark.each_of("table", analysed, ids=lambda table: table["CV"][-1])
def test_each_look_has_the_count_and_the_spent_alpha_of_the_published_tables(
    table: dict[str, Any],
) -> None:
    increments = [float(x) for x in table["mu0"]]
    targets = [float(x) for x in table["target alpha"]]
    counts = [x if x is None else int(x) for x in table["CV"]]
    paths = START

    for mean, target, count, spent in zip(
        increments, targets, counts, table["actual alpha"], strict=True
    ):
        least, _ = next_boundary(paths, mean, target, min_events=1)
        paths = advanced(paths, mean, least)
        assert count is None or least == count
        # half a unit of the last digit that the peer prints
        assert_allclose(paths.spent, float(spent), atol=0.5e-4 + 1e-12)


def test_the_first_look_of_the_published_example_is_that_of_the_design() -> None:
    _, look = step(init(Design(100.0)), Observation(events=1, expected=2.0))

    assert look.least_events == 7
    assert_allclose(look.alpha_allowed, 0.0071, atol=0.5e-4)  # digits printed
    assert_allclose(look.alpha_spent, poisson.sf(6, 2.0), rtol=1e-12)  # rounding
    assert not look.is_crossing


@pytest.mark.each_of("key", lambda: list(continuous()), ids=str)
def test_continuous_deadlines_match_the_peer(key: str) -> None:
    row = continuous()[key]
    design = Design(float(row["T"]), parameter=float(row["rho"]))
    found = dict(continuous_deadlines(design))
    peer = {n: llr for n, llr in enumerate(row["result"]["cvs"], start=1) if llr > 0}

    shared = sorted(found.keys() & peer.keys())
    assert len(shared) >= 7
    spent = spending_functions.power
    for n in shared:
        of_peer = -n * lambertw(-math.exp(-1 - peer[n] / n)).real  # where n events have that LLR
        gap = spent(found[n] / row["T"], 0.05, parameter=row["rho"]) - spent(
            min(1.0, of_peer / row["T"]), 0.05, parameter=row["rho"]
        )
        assert abs(gap) < 3e-7  # of spent alpha, within which the peer stops its search
    assert max(found) == max(peer)


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.5, 1.0])
def test_simulation_takes_our_side_where_the_peers_power_is_another(rho: float) -> None:
    rng = np.random.default_rng(seed=20180101)
    n_watches, horizon, ratio = 400_000, 5.0, 2.0
    design = Design(horizon, parameter=rho)
    latest = dict(continuous_deadlines(design))
    limits = np.array([latest.get(n, horizon if n > 11 else 0.0) for n in range(1, 36)])
    arrivals = rng.exponential(size=(n_watches, 35)).cumsum(axis=1) / ratio
    crosses = arrivals <= limits
    signals, first = crosses.any(axis=1), crosses.argmax(axis=1)
    times = arrivals[np.arange(n_watches), first]

    found = operating_characteristics(design, ratio)

    length = np.where(signals, times, horizon)
    for simulated, exact in [
        (signals, found.power),
        (times[signals], found.expected_time_to_signal),
        (first[signals] + 1, found.expected_events_at_signal),
        (length, found.expected_length),
    ]:
        error = np.std(simulated) / math.sqrt(len(simulated))
        assert abs(np.mean(simulated) - exact) < 3 * error  # three standard errors
    peer = continuous()[f"5 {rho:g}"]["result"]["Performance"][1]
    error = math.sqrt(found.power * (1 - found.power) / n_watches)
    assert abs(signals.mean() - peer) > 5 * error


@pytest.mark.parametrize("horizon", [1e-4, 1.0, 10.0])
@pytest.mark.parametrize(("alpha", "gamma"), [(1e-9, -40.0), (0.9, -40.0), (0.05, 40.0)])
def test_spending_that_begins_with_almost_nothing_has_deadlines_too(
    horizon: float, alpha: float, gamma: float
) -> None:
    design = Design(horizon, alpha=alpha, spending="hwang_shih_decani", parameter=gamma)

    stairs = continuous_deadlines(design)

    assert stairs[-1][1] == horizon
    assert len(stairs) < 200
    assert operating_characteristics(design, 1.0).power <= alpha * (1 + 1e-12)


@pytest.mark.parametrize("horizon", [1e-4, 0.3, 5.0, 60.0])
@pytest.mark.parametrize("rho", [0.5, 1.0, 2.0])
def test_continuous_deadlines_spend_what_is_allowed_by_each_of_them(
    horizon: float, rho: float
) -> None:
    design = Design(horizon, parameter=rho)
    stairs = continuous_deadlines(design)
    latest = dict(stairs)
    first = stairs[0][0]

    def deadline(n: int) -> float:
        return latest.get(n, max(t for m, t in stairs if m <= max(n, first)))

    for _, time in stairs:
        spent = crossing_probability(deadline, first_event=first, horizon=time)
        allowed = spending_functions.power(time / horizon, 0.05, parameter=rho)
        assert spent <= allowed + 1e-13  # rounding of one minus a sum
        if time < horizon:
            assert_allclose(spent, allowed, atol=1e-12)  # the error of the root
    found = operating_characteristics(design, 1.0)
    spent = crossing_probability(deadline, first_event=first, horizon=horizon)
    assert_allclose(found.power, spent, atol=1e-13)  # rounding of one minus a sum


@pytest.mark.slow
@given(
    horizon=st.floats(1e-4, 60.0),
    alpha=st.floats(1e-6, 0.3),
    least=st.integers(1, 5),
    spending=spendings,
    at=shares,
)
@settings(max_examples=1000, deadline=None)
def test_at_unforeseen_looks_no_more_is_spent_than_is_allowed(
    horizon: float, alpha: float, least: int, spending: tuple[Any, float], at: list[float]
) -> None:
    design = Design(
        horizon, alpha=alpha, min_events=least, spending=spending[0], parameter=spending[1]
    )
    times = [share * horizon for share in at]

    _, looks = recompute(design, looks_of(times))

    silent, before = np.ones(1), 0.0
    for look, time in zip(looks, times, strict=True):
        masses = poisson.pmf(np.arange(look.least_events), time - before)
        kept = silent[: look.least_events]
        silent, before = np.convolve(kept, masses)[: look.least_events], time
        assert look.alpha_spent <= look.alpha_allowed + 1e-29  # what may always be spent
        assert_allclose(look.alpha_spent, 1 - silent.sum(), atol=1e-12)  # rounding
    assert looks[-1].alpha_spent <= alpha
    assert all(look.least_events >= least for look in looks)


@given(horizon=st.floats(0.1, 20.0), share=st.floats(0.05, 1.0))
@settings(deadline=None)
def test_the_boundary_of_one_look_is_the_smallest_count(horizon: float, share: float) -> None:
    _, look = step(init(Design(horizon)), Observation(events=0, expected=share * horizon))

    tails = np.asarray(poisson.sf([look.least_events - 1, look.least_events - 2], share * horizon))

    assert tails[0] <= look.alpha_allowed
    assert tails[1] > look.alpha_allowed


def test_what_one_look_leaves_unspent_is_carried_to_the_next() -> None:
    design = Design(4.0, spending="pocock", parameter=0.0)

    _, looks = recompute(design, looks_of([0.5 * i for i in range(1, 9)]))

    used_more = [
        here.alpha_spent - before.alpha_spent > here.alpha_allowed - before.alpha_allowed
        for before, here in pairwise(looks)
    ]
    assert sum(used_more) >= 2
    assert all(look.alpha_spent <= look.alpha_allowed for look in looks)


def test_planned_looks_have_the_power_of_a_sum_over_all_counts() -> None:
    design, times, ratio = Design(6.0, alpha=0.1), [2.0, 6.0], 2.0
    _, looks = recompute(design, looks_of(times))
    a, b = (look.least_events for look in looks)
    n = np.arange(200)
    first, gap = poisson.pmf(n, 4.0), poisson.pmf(n, 8.0)
    at_first = first[a:].sum()
    joint = first[:a, None] * gap[None, :]
    reached = n[:a, None] + n[None, :] >= b
    at_second = joint[reached].sum()

    found = operating_characteristics(design, ratio, looks=times)

    power = at_first + at_second
    events = (first * n)[a:].sum() + (joint * (n[:a, None] + n))[reached].sum()
    assert_allclose(found.power, power, rtol=1e-12)  # rounding, here and below
    assert_allclose(found.expected_events_at_signal, events / power, rtol=1e-12)
    time = (2.0 * at_first + 6.0 * at_second) / power
    assert_allclose(found.expected_time_to_signal, time, rtol=1e-12)
    assert_allclose(found.expected_length, 2.0 * at_first + 6.0 * (1 - at_first), rtol=1e-12)
    assert_allclose(
        operating_characteristics(design, 1.0, looks=times).power, looks[-1].alpha_spent, rtol=1e-12
    )


def test_a_watch_at_times_of_another_has_the_boundary_of_its_own_design() -> None:
    times = [0.5, 1.25, 4.0]
    designs = [Design(4.0), Design(4.0, alpha=0.01), Design(4.0, min_events=6), Design(9.0)]

    first = [recompute(design, looks_of(times))[1] for design in designs]
    again = [recompute(design, looks_of(times))[1] for design in reversed(designs)]

    assert first == again[::-1]
    for design, looks in zip(designs, first, strict=True):
        paths = START
        for look in looks:
            mean = look.expected - paths.expected
            least, _ = next_boundary(paths, mean, look.alpha_allowed, min_events=design.min_events)
            paths = advanced(paths, mean, least)
            assert (look.least_events, look.alpha_spent) == (least, paths.spent)


@given(
    horizon=st.floats(0.01, 60.0), alpha=st.floats(1e-8, 0.4), least=st.integers(1, 9), at=shares
)
@settings(max_examples=60, deadline=None)
def test_one_event_fewer_would_spend_more_than_is_allowed(
    horizon: float, alpha: float, least: int, at: list[float]
) -> None:
    design = Design(horizon, alpha=alpha, min_events=least)

    _, looks = recompute(design, looks_of([share * horizon for share in at]))

    silent, before, spent = np.ones(1), 0.0, 0.0
    for look in looks:
        mean, n = look.expected - before, np.arange(silent.size)
        reached = [
            math.fsum(silent * poisson.sf(count - 1 - n, mean))
            for count in (look.least_events - 1, look.least_events)
        ]
        if look.least_events > least and look.alpha_allowed - spent > 1e-20:
            assert spent + reached[0] > look.alpha_allowed * (1 - 1e-12)  # rounding, here and below
        spent += reached[1]
        assert_allclose(look.alpha_spent, spent, rtol=1e-11)
        masses = poisson.pmf(np.arange(look.least_events), mean)
        silent = np.convolve(silent[: look.least_events], masses)[: look.least_events]
        before = look.expected


def test_a_watch_that_nothing_is_remembered_of_looks_the_same() -> None:
    design = Design(30.0, alpha=0.02)
    seen = [Observation(events=n, expected=2.3 * n + 0.1) for n in range(12)]

    _, looks = recompute(design, seen)

    state = init(design)
    for observation, look in zip(seen, looks, strict=True):
        boundaries._kept.cache_clear()
        boundaries.next_of.cache_clear()
        state, again = step(state, observation)
        assert again == look


def test_the_mean_time_of_the_rarest_signal_lies_within_surveillance() -> None:
    design = Design(0.004, alpha=1e-9, min_events=9)

    found = operating_characteristics(design, 1.0)

    assert 0 < found.power < 1e-20
    # Nine events within the horizon, of which the last is on average at nine tenths of it.
    assert_allclose(found.expected_time_to_signal, 0.9 * 0.004, rtol=1e-2)


def test_a_crossing_is_where_the_count_reaches_the_boundary_and_it_stays() -> None:
    seen = [(0, 0.0), (1, 0.5), (6, 1.0), (6, 1.0), (6, 8.0), (40, 11.0)]
    observations = [Observation(events=n, expected=mu) for n, mu in seen]

    state, looks = recompute(Design(10.0), observations)

    assert [look.is_crossing for look in looks] == [False, False, True, True, False, False]
    assert [look.has_crossed for look in looks] == [False, False, True, True, True, True]
    assert [look.is_past_horizon for look in looks] == [False] * 5 + [True]
    assert looks[2].least_events == looks[3].least_events
    assert looks[5].alpha_spent == looks[4].alpha_spent
    assert len(state.boundaries) == 3
    assert state.first_crossing == 3


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 2.0)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_stepping_through_encoded_states_and_recomputing_agree(
    steps: list[tuple[int, float]],
) -> None:
    design = Design(8.0, min_events=2)
    totals = np.cumsum(np.array([(0, 0.1), *steps]).reshape(-1, 2), axis=0)
    observations = [Observation(events=int(n), expected=float(t)) for n, t in totals]

    state, looks = init(design), []
    for observation in observations:
        state = msgspec.json.decode(msgspec.json.encode(state), type=State)
        state, look = step(state, observation)
        looks.append(look)

    assert (state, tuple(looks)) == recompute(design, observations)


@pytest.mark.parametrize("horizon", [1e-4, 1.0, 500.0])
@pytest.mark.parametrize("spending", ["power", "obrien_fleming", "pocock", "hwang_shih_decani"])
def test_two_hundred_looks_at_any_horizon_give_numbers(horizon: float, spending: Any) -> None:  # noqa: ANN401 - a name
    parameter = {"power": 0.5, "hwang_shih_decani": -4.0}.get(spending, 0.0)
    design = Design(horizon, spending=spending, parameter=parameter)

    state, looks = recompute(design, looks_of([horizon * i / 200 for i in range(1, 201)]))

    assert looks[-1].alpha_spent <= 0.05
    assert all(0 < look.alpha_spent <= look.alpha_allowed + 1e-28 for look in looks)
    assert len(msgspec.json.encode(state)) < 8_000
    assert not any(look.is_crossing for look in looks)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Design(0.0), r"horizon is 0\.0"),
        (lambda: Design(math.nan), "horizon is nan"),
        (lambda: Design(701.0), r"horizon is 701\.0"),
        (lambda: Design(1.0, alpha=0.0), r"alpha is 0\.0"),
        (lambda: Design(1.0, alpha=1.0), r"alpha is 1\.0"),
        (lambda: Design(1.0, min_events=0), "min_events is 0"),
        (lambda: Design(1.0, min_events=1.5), r"min_events is 1\.5"),  # type: ignore[arg-type]
        (lambda: Design(1.0, spending="other"), "spending is 'other'"),  # type: ignore[arg-type]
        (lambda: Design(1.0, parameter=0.0), r"parameter is 0\.0"),
        (lambda: Design(1.0, spending="pocock"), r"parameter is 0\.5: this function has none"),
        (
            lambda: Design(1.0, spending="hwang_shih_decani", parameter=41.0),
            r"parameter is 41\.0: must be from -40 to 40",
        ),
        (lambda: operating_characteristics(Design(1.0), 0.0), r"rate_ratio is 0\.0"),
        (lambda: operating_characteristics(Design(500.0), 2.0), r"rate_ratio is 2\.0"),
        (lambda: operating_characteristics(Design(1.0), 1.0, looks=[]), "looks is empty"),
        (lambda: operating_characteristics(Design(1.0), 1.0, looks=[0.5, 0.5]), r"looks\[1\]"),
        (lambda: operating_characteristics(Design(1.0), 1.0, looks=[1.5]), r"looks\[0\] is 1\.5"),
    ],
)
def test_what_is_out_of_range_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("events", "expected", "message"),
    [
        (-1, 1.0, "events is -1"),
        (1, math.nan, "expected is nan"),
        (1, math.inf, "expected is inf"),
        (1, 0.0, "events is 1: must be 0 where expected is 0"),
    ],
)
def test_an_observation_that_is_none_is_refused(events: int, expected: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step(init(Design(1.0)), Observation(events=events, expected=expected))


@pytest.mark.parametrize(("events", "expected"), [(2, 1.0), (3, 0.9)])
def test_a_total_that_goes_back_is_refused(events: int, expected: float) -> None:
    state, _ = step(init(Design(5.0)), Observation(events=3, expected=1.0))

    with pytest.raises(ValueError, match="went back, so recompute"):
        step(state, Observation(events=events, expected=expected))


@given(alpha=st.floats(1e-6, 0.5), spending=spendings, at=shares)
def test_spending_begins_at_nothing_never_falls_and_ends_at_alpha(
    alpha: float, spending: tuple[Any, float], at: list[float]
) -> None:
    name, parameter = spending

    found = [
        spending_functions.spent(name, share, alpha, parameter=parameter) for share in [0, *at, 1]
    ]

    assert found[0] == 0
    assert found[-1] == alpha
    assert all(b >= a * (1 - 1e-12) for a, b in pairwise(found))  # rounding


@pytest.mark.parametrize(("share", "alpha"), [(-0.1, 0.1), (1.1, 0.1), (0.5, 0.0), (0.5, math.nan)])
def test_a_share_or_an_alpha_out_of_range_is_refused(share: float, alpha: float) -> None:
    for function in spending_functions.FUNCTIONS.values():
        with pytest.raises(ValueError, match=r"(share|alpha) is .*: must"):
            function(share, alpha)
