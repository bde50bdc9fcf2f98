"""The CUSUM against reference values, its definition, and simulation."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
from data import reference_json
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from detectors.sequential.count_law import CountLaw, weights
from detectors.sequential.cusum import (
    Design,
    Observation,
    State,
    average_run_length,
    critical_value_for_plan,
    init,
    operating_characteristics,
    planned_law,
    recompute,
    run_length,
    step,
)
from detectors.sequential.cusum.first_signal import first_signal
from detectors.sequential.cusum.uneven_run_length import run_length_between
from detectors.sequential.cusum.uneven_signal import first_signal_between

GIVEN = Design(2.0, expected_per_look=1.0, looks=17, critical_value=5.0)  # c.ARL = 5

AfterSignal = Literal["reset", "stay", "none"]
RATIOS = st.one_of(st.floats(1.25, 20.0), st.floats(0.05, 0.8))
SIZES = st.one_of(st.none(), st.floats(0.3, 20.0))
designs = st.builds(
    Design,
    st.one_of(st.floats(1.6, 20.0), st.floats(0.05, 0.6)),
    expected_per_look=st.floats(1e-4, 1.0),
    looks=st.integers(1, 8),
    alpha=st.floats(1e-4, 0.3),
    dispersion=SIZES,
)
increments = st.lists(st.tuples(st.integers(0, 4), st.floats(0.001, 2.0)), max_size=12)


def to_date(steps: Sequence[tuple[int, float]]) -> list[Observation]:
    totals = np.cumsum(np.array(steps, dtype=float).reshape(-1, 2), axis=0)
    return [Observation(events=int(events), expected=float(mu)) for events, mu in totals]


def statistics(design: Design, steps: Sequence[tuple[int, float]]) -> list[float]:
    return [look.statistic for look in recompute(design, to_date(steps))[1]]


def test_statistics_and_alarms_are_those_of_the_reference() -> None:
    peer = reference_json("cusum/surveillance_glrpois.json")
    counts = peer["x"][1:]  # its range begins at the second

    _, looks = recompute(GIVEN, to_date([(count, 1.0) for count in counts]))

    assert len(looks) == 17
    found = [look.statistic for look in looks]
    assert_allclose(found, peer["lrcusum_statistic"], atol=1e-9)  # eleven digits printed
    assert [int(look.is_crossing) for look in looks] == peer["lrcusum_alarm"]


@given(ratio=RATIOS, size=SIZES, steps=increments)
def test_without_a_signal_the_chart_is_its_definition(
    ratio: float, size: float | None, steps: list[tuple[int, float]]
) -> None:
    design = Design(
        ratio, expected_per_look=1.0, looks=5, critical_value=100.0, dispersion=size,
        after_signal="none",
    ) if ratio > 1.3 or ratio < 0.7 else Design(
        ratio, expected_per_look=1.0, looks=5, critical_value=10.0, after_signal="none",
    )  # fmt: skip
    r = design.dispersion
    expected, value = [], 0.0
    for count, mu in steps:
        if r is None:
            more = stats.poisson.logpmf(count, ratio * mu) - stats.poisson.logpmf(count, mu)
        else:
            more = stats.nbinom.logpmf(count, r, r / (r + ratio * mu)) - stats.nbinom.logpmf(
                count, r, r / (r + mu)
            )
        value = max(0.0, value + more)
        expected.append(value)

    found = statistics(design, steps)

    assert_allclose(found, expected, atol=1e-8)  # SciPy's difference of logarithms


def test_trials_weigh_as_odds() -> None:
    design = Design(3.0, expected_per_look=0.1, looks=5, critical_value=9.0, trials_per_look=1)
    seen = [(0, 0.1), (1, 0.4), (1, 0.9), (2, 1.0)]  # chances 0.1, 0.3, 0.5, 0.1
    outcomes, chances = [0, 1, 0, 1], [0.1, 0.3, 0.5, 0.1]
    observations = [
        Observation(events=n, expected=mu, trials=i) for i, (n, mu) in enumerate(seen, start=1)
    ]

    _, looks = recompute(design, observations)

    value = 0.0
    for look, outcome, p in zip(looks, outcomes, chances, strict=True):
        # Steiner et al. (2000): the log-likelihood ratio of one patient with odds ratio 3.
        more = math.log((3.0 if outcome else 1.0) / (1 - p + 3.0 * p))
        value = max(0.0, value + more)
        assert_allclose(look.statistic, value, rtol=1e-12)  # rounding


@pytest.mark.parametrize(
    ("after_signal", "values", "crossings"),
    [
        ("reset", [3.0, 1.5, 4.5], [True, False, True]),
        ("stay", [3.0, 3.0, 3.0], [True, False, False]),
        ("none", [3.0, 4.5, 7.5], [True, True, True]),
    ],
)
def test_what_a_signal_does_is_as_the_design_says(
    after_signal: AfterSignal, values: list[float], crossings: list[bool]
) -> None:
    per_event, per_look = weights(CountLaw(1.0), 2.0)
    design = Design(
        2.0, expected_per_look=1.0, looks=9, critical_value=2.5, after_signal=after_signal
    )

    # Expected counts that make the evidence of 6, 3 and 6 events 3, 1.5 and 3.
    steps = [(n, n * per_event - target) for n, target in ((6, 3.0), (3, 1.5), (6, 3.0))]
    _, looks = recompute(design, to_date(steps))

    assert per_look == 1.0
    assert_allclose([look.statistic for look in looks], values, rtol=1e-12)  # rounding
    assert [look.is_crossing for look in looks] == crossings
    assert all(look.has_crossed for look in looks)


def test_the_critical_value_itself_signals() -> None:
    value = 4 * math.log(2.0) - 1.0
    design = Design(2.0, expected_per_look=1.0, looks=3, critical_value=value)

    _, look = step(init(design), Observation(events=4, expected=1.0))
    _, lower = step(init(design), Observation(events=3, expected=1.0))

    assert look.is_crossing
    assert not lower.is_crossing


def test_a_look_past_the_plan_cannot_spend_alpha_again() -> None:
    spent = Design(2.0, expected_per_look=1.0, looks=1, alpha=0.05)
    endless = Design(2.0, expected_per_look=1.0, looks=1, run_length=100.0)

    for design, crosses in ((spent, False), (endless, True)):
        _, looks = recompute(design, to_date([(0, 1.0), (30, 1.0)]))
        assert [look.is_past_horizon for look in looks] == [False, True]
        assert looks[-1].is_crossing is crosses


@pytest.mark.campaign
@given(design=designs)
@settings(max_examples=1_000, deadline=None)  # each example finds a root
@pytest.mark.slow
def test_no_design_exceeds_alpha(design: Design) -> None:
    found = operating_characteristics(design, 1.0)

    assert design.alpha is not None
    assert design.boundary.attained_size <= design.alpha
    assert_allclose(found.power, design.boundary.attained_size, atol=2e-13)  # two engines


@pytest.mark.parametrize("ratio", [0.5, 2.0])
@pytest.mark.parametrize("size", [None, 0.7])
def test_no_smaller_critical_value_holds_alpha(ratio: float, size: float | None) -> None:
    design = Design(ratio, expected_per_look=1.5, looks=30, alpha=0.05, dispersion=size)
    law, value = planned_law(design), design.boundary.critical_value

    assert run_length.chance_of_signal(law, ratio, value - 3e-6, looks=30) > 0.05
    assert 0.03 < design.boundary.attained_size <= 0.05


@pytest.mark.parametrize("ratio", [0.5, 2.0])
@pytest.mark.parametrize("asked", [20.0, 370.0])
def test_a_run_length_is_attained_by_the_least_critical_value(ratio: float, asked: float) -> None:
    design = Design(ratio, expected_per_look=0.8, looks=10, run_length=asked)
    value = design.boundary.critical_value

    assert design.boundary.attained_run_length == average_run_length(design)
    assert average_run_length(design) >= asked
    assert run_length.average_run_length(planned_law(design), ratio, value - 3e-6) < asked


def test_one_event_is_a_signal_where_hardly_any_is_expected() -> None:
    design = Design(2.0, expected_per_look=1e-4, looks=10, alpha=0.05)

    _, look = step(init(design), Observation(events=1, expected=1e-4))
    _, none = step(init(design), Observation(events=0, expected=1e-4))

    assert_allclose(design.boundary.attained_size, -math.expm1(-1e-3), rtol=1e-12)  # rounding
    assert look.is_crossing
    assert not none.is_crossing


def test_too_little_is_expected_to_tell_a_fall() -> None:
    design = Design(0.5, expected_per_look=1e-3, looks=10, alpha=0.05)

    found = operating_characteristics(design, 0.5)

    assert (design.boundary.attained_size, found.power) == (0.0, 0.0)
    assert found.expected_length == 10.0
    assert math.isnan(found.expected_time_to_signal)
    assert math.isnan(found.expected_events_at_signal)


@pytest.mark.parametrize(("rate_ratio", "ratio"), [(1.0, 2.0), (2.0, 2.0), (0.5, 0.5)])
def test_operating_characteristics_agree_with_watches_that_step(
    rate_ratio: float, ratio: float
) -> None:
    design = Design(ratio, expected_per_look=0.9, looks=20, alpha=0.2, dispersion=2.0)
    rng = np.random.default_rng(seed=19720301)
    n_paths = 3_000
    rates = rng.gamma(2.0, rate_ratio * 0.9 / 2.0, (n_paths, 20))
    first, events = np.zeros(n_paths), np.zeros(n_paths)
    for path, counts in enumerate(rng.poisson(rates).tolist()):
        for look in recompute(design, to_date([(n, 0.9) for n in counts]))[1]:
            if look.is_crossing and not first[path]:
                first[path], events[path] = look.number, look.events

    found = operating_characteristics(design, rate_ratio)

    signals = first > 0
    pairs = [
        (found.power, signals.astype(float)),
        (found.expected_time_to_signal, first[signals]),
        (found.expected_events_at_signal, events[signals]),
        (found.expected_length, np.where(signals, first, 20.0)),
    ]
    for exact, drawn in pairs:
        error = drawn.std(ddof=1) / math.sqrt(drawn.size)
        assert abs(exact - drawn.mean()) < 3 * error  # standard errors


@pytest.mark.parametrize("trials", [0, 2])
def test_a_plan_of_unequal_looks_holds_alpha(trials: int) -> None:
    plan = [CountLaw(0.03 * month, trials=trials) for month in range(1, 25)]

    value = critical_value_for_plan(plan, 3.0, alpha=0.05)
    design = Design(
        3.0, expected_per_look=0.3, looks=24, critical_value=value, trials_per_look=trials
    )

    assert operating_characteristics(design, 1.0, plan=plan).power <= 0.05
    assert math.fsum(first_signal(plan, 3.0, value - 3e-6).chance) > 0.05


def test_a_plan_of_equal_looks_is_the_design() -> None:
    design = Design(2.0, expected_per_look=0.5, looks=12, alpha=0.05)

    value = critical_value_for_plan([planned_law(design)] * 12, 2.0, alpha=0.05)

    assert_allclose(value, design.boundary.critical_value, atol=2e-6)  # both lie beyond one step


GROWING = tuple(0.1 * month for month in range(1, 13))


@pytest.mark.parametrize("ratio", [0.5, 2.0])
@pytest.mark.parametrize("size", [None, 0.65, 4.0])
def test_unequal_looks_are_those_of_watches_that_step(ratio: float, size: float | None) -> None:
    design = Design(ratio, expected_per_look=GROWING, looks=12, alpha=0.1, dispersion=size)
    rng, n_paths = np.random.default_rng(seed=19720301), 2_500
    means = ratio * np.array(GROWING)
    rates = np.broadcast_to(means, (n_paths, 12))
    if size is not None:
        rates = rng.gamma(size, means / size, (n_paths, 12))
    first, events = np.zeros(n_paths), np.zeros(n_paths)
    for path, counts in enumerate(rng.poisson(rates).tolist()):
        for look in recompute(design, to_date(list(zip(counts, GROWING, strict=True))))[1]:
            if look.is_crossing and not first[path]:
                first[path], events[path] = look.number, look.events

    found = operating_characteristics(design, ratio)

    signals = first > 0
    pairs = [
        (found.power, signals.astype(float)),
        (found.expected_time_to_signal, first[signals]),
        (found.expected_events_at_signal, events[signals]),
        (found.expected_length, np.where(signals, first, 12.0)),
    ]
    for exact, drawn in pairs:
        error = drawn.std(ddof=1) / math.sqrt(drawn.size)
        assert abs(exact - drawn.mean()) < 3 * error  # standard errors
    assert found.power_error < 1e-3
    assert (found.method == "exact") == (found.power_error == 0)


@pytest.mark.campaign
@given(
    ratio=st.one_of(st.floats(1.6, 10.0), st.floats(0.1, 0.6)),
    means=st.lists(st.floats(1e-3, 1.0), min_size=2, max_size=6),
    more=st.integers(0, 3),
    alpha=st.floats(1e-3, 0.3),
    size=SIZES,
)
@settings(max_examples=150, deadline=None)  # each example finds a root
@pytest.mark.slow
def test_no_design_of_unequal_looks_exceeds_alpha(
    ratio: float, means: list[float], more: int, alpha: float, size: float | None
) -> None:
    design = Design(
        ratio, expected_per_look=tuple(means), looks=len(means) + more, alpha=alpha,
        dispersion=size,
    )  # fmt: skip

    found = operating_characteristics(design, 1.0)

    assert design.boundary.attained_size <= alpha
    gap = design.boundary.attained_size - found.power
    assert_allclose(gap, found.power_error, atol=1e-12)  # the middle, and its upper bound
    assert found.power_error < 1e-3 * alpha


def test_no_smaller_critical_value_holds_alpha_where_looks_are_unequal() -> None:
    plan = [CountLaw(mean, dispersion=2.0) for mean in GROWING[:6]]

    value = critical_value_for_plan(plan, 2.0, alpha=0.05)

    tried = [first_signal_between(plan, 2.0, h) for h in (value, value - 3e-6)]
    sizes = [math.fsum(found.upper.chance) for found in tried]
    assert all(found.is_exact for found in tried)
    assert sizes[0] <= 0.05 < sizes[1]
    design = Design(2.0, expected_per_look=GROWING[:6], looks=6, alpha=0.05, dispersion=2.0)
    assert design.boundary.critical_value == value
    assert design.boundary.attained_size == sizes[0]


@pytest.mark.parametrize("size", [None, 2.0])
def test_several_equal_numbers_are_one(size: float | None) -> None:
    one = Design(2.0, expected_per_look=0.5, looks=12, alpha=0.05, dispersion=size)
    three = Design(2.0, expected_per_look=(0.5,) * 3, looks=12, alpha=0.05, dispersion=size)

    assert one.boundary == three.boundary
    assert operating_characteristics(one, 2.0) == operating_characteristics(three, 2.0)
    assert average_run_length(one) == average_run_length(three)


def test_numbers_that_are_fewer_than_the_looks_recur() -> None:
    few = Design(2.0, expected_per_look=(0.2, 1.0), looks=6, alpha=0.05, dispersion=2.0)
    all_six = Design(2.0, expected_per_look=(0.2, 1.0) * 3, looks=6, alpha=0.05, dispersion=2.0)

    assert few.boundary == all_six.boundary
    assert [planned_law(few, look).mean for look in (1, 2, 3, 8)] == [0.2, 1.0, 0.2, 1.0]
    with pytest.raises(ValueError, match="look is 0"):
        planned_law(few, 0)


@pytest.mark.parametrize("size", [None, 2.0])
def test_a_run_length_is_attained_where_looks_recur(size: float | None) -> None:
    design = Design(3.0, expected_per_look=(0.1, 0.9), looks=12, run_length=20.0, dispersion=size)
    value = design.boundary.critical_value

    assert design.boundary.attained_run_length is not None
    assert design.boundary.attained_run_length >= 20.0
    cycle = [planned_law(design, look) for look in (1, 2)]
    assert run_length_between(cycle, 3.0, value)[0] == design.boundary.attained_run_length
    assert run_length_between(cycle, 3.0, value - 3e-6)[0] < 20.0
    lower, upper = run_length_between(cycle, 3.0, value, true_ratio=3.0)
    assert lower <= average_run_length(design, 3.0) <= upper < design.boundary.attained_run_length


def test_a_run_length_is_refused_where_nothing_says_how_looks_go_on() -> None:
    design = Design(2.0, expected_per_look=GROWING, looks=12, alpha=0.05, dispersion=2.0)

    assert operating_characteristics(design, 2.0).power > 0.5
    with pytest.raises(ValueError, match="expected_per_look must be one number or recur"):
        average_run_length(design)
    with pytest.raises(ValueError, match="expected_per_look must be one number or recur"):
        Design(2.0, expected_per_look=GROWING, looks=12, run_length=100.0)


def test_a_state_of_unequal_looks_survives_encoding() -> None:
    design = Design(2.0, expected_per_look=GROWING[:4], looks=17, alpha=0.05, dispersion=2.0)
    state, _ = recompute(design, to_date([(2, 0.1), (1, 0.2)]))

    encoded = msgspec.json.encode(state)

    assert msgspec.json.decode(encoded, type=State) == state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state


@given(steps=increments, ratio=RATIOS)
def test_stepping_and_recomputing_agree(steps: list[tuple[int, float]], ratio: float) -> None:
    design = Design(ratio, expected_per_look=0.5, looks=12, critical_value=1.5)
    state, looks = init(design), []
    for observation in to_date(steps):
        state, look = step(state, observation)
        looks.append(look)

    assert recompute(design, to_date(steps)) == (state, tuple(looks))


@given(steps=increments, more=st.integers(1, 3), place=st.integers(0, 11))
def test_more_events_never_lower_the_chart_that_seeks_them(
    steps: list[tuple[int, float]], more: int, place: int
) -> None:
    raised = [(n + more, mu) if i == place else (n, mu) for i, (n, mu) in enumerate(steps)]
    for ratio, sign in ((2.0, 1), (0.5, -1)):
        design = Design(
            ratio, expected_per_look=1.0, looks=12, critical_value=9.0, after_signal="none"
        )
        before, after = np.array(statistics(design, steps)), np.array(statistics(design, raised))
        assert np.all(sign * (after - before) >= -1e-12)  # rounding


def test_a_look_without_anything_new_changes_nothing() -> None:
    state, first = step(init(GIVEN), Observation(events=3, expected=1.0))

    _, second = step(state, Observation(events=3, expected=1.0))

    assert second.statistic == first.statistic
    assert second.number == 2


@pytest.mark.parametrize("dispersion", [None, 2.0, math.inf])
def test_a_state_survives_encoding_and_is_small(dispersion: float | None) -> None:
    design = Design(2.0, expected_per_look=1.0, looks=17, alpha=0.05, dispersion=dispersion)
    state, _ = recompute(design, to_date([(2, 1.0), (1, 0.4)]))

    encoded = msgspec.json.encode(state)

    assert msgspec.json.decode(encoded, type=State) == state
    assert len(msgspec.msgpack.encode(state)) < 400


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"rate_ratio": 1.0}, "rate_ratio"),
        ({"rate_ratio": 1.2}, "rate_ratio"),
        ({"rate_ratio": 0.0}, "rate_ratio"),
        ({"rate_ratio": -2.0}, "rate_ratio"),
        ({"rate_ratio": math.nan}, "rate_ratio"),
        ({"rate_ratio": 101.0}, "rate_ratio"),
        ({"expected_per_look": 0.0}, "expected_per_look"),
        ({"expected_per_look": math.nan}, "expected_per_look"),
        ({"expected_per_look": math.inf}, "expected_per_look"),
        ({"expected_per_look": ()}, "expected_per_look has 0"),
        ({"expected_per_look": (1.0,) * 11}, "expected_per_look has 11"),
        ({"expected_per_look": (1.0, 0.0)}, r"expected_per_look\[1\] is 0"),
        ({"expected_per_look": (math.nan, 1.0)}, r"expected_per_look\[0\] is nan"),
        ({"looks": 0}, "looks"),
        ({"looks": 2.5}, "looks"),
        ({"looks": 10_001}, "looks"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": math.nan}, "alpha"),
        ({"alpha": None}, "set one of alpha"),
        ({"run_length": 100.0}, "set one of alpha"),
        ({"alpha": None, "run_length": 1.0}, "run_length"),
        ({"alpha": None, "run_length": 2e9}, "run_length"),
        ({"alpha": None, "critical_value": 0.0}, "critical_value"),
        ({"alpha": None, "critical_value": math.inf}, "critical_value"),
        ({"dispersion": 0.0}, "dispersion"),
        ({"dispersion": math.nan}, "dispersion"),
        ({"dispersion": -math.inf}, "dispersion"),
        ({"trials_per_look": 1}, "mean"),
        ({"trials_per_look": -1}, "trials"),
        ({"after_signal": "restart"}, "after_signal"),
    ],
)
def test_a_design_out_of_range_is_refused(changed: dict[str, Any], name: str) -> None:
    arguments: dict[str, Any] = {
        "rate_ratio": 2.0, "expected_per_look": 1.0, "looks": 10, "alpha": 0.05
    }  # fmt: skip

    with pytest.raises(ValueError, match=f"^{name}"):
        Design(**(arguments | changed))


@pytest.mark.parametrize(
    ("observation", "rule"),
    [
        (Observation(events=1, expected=2.0), "went back"),
        (Observation(events=2, expected=0.9), "went back"),
        (Observation(events=-1, expected=2.0), "events is -1"),
        (Observation(events=2.5, expected=2.0), "events is 2.5"),  # type: ignore[arg-type]  # bad
        (Observation(events=2**53 + 2, expected=2.0), "events is"),
        (Observation(events=3, expected=math.nan), "expected is nan"),
        (Observation(events=3, expected=math.inf), "expected is inf"),
        (Observation(events=3, expected=1.0), "none were expected"),
        (Observation(events=3, expected=2.0, trials=3), "counts none"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(observation: Observation, rule: str) -> None:
    state, _ = step(init(GIVEN), Observation(events=2, expected=1.0))

    with pytest.raises(ValueError, match=rule):
        step(state, observation)


@pytest.mark.parametrize(
    ("events", "expected", "trials"), [(3, 1.0, 2), (0, 2.0, 2), (0, 2.5, 2), (0, 0.1, 0)]
)
def test_trials_that_do_not_fit_are_refused(events: int, expected: float, trials: int) -> None:
    design = Design(2.0, expected_per_look=0.2, looks=9, alpha=0.05, trials_per_look=1)

    with pytest.raises(ValueError, match="trials must exceed"):
        step(init(design), Observation(events=events, expected=expected, trials=trials))


def test_a_plan_or_level_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha is 0"):
        critical_value_for_plan([CountLaw(1.0)], 2.0, alpha=0.0)
    with pytest.raises(ValueError, match="rate_ratio is 1"):
        critical_value_for_plan([CountLaw(1.0)], 1.0, alpha=0.05)
    with pytest.raises(ValueError, match="rate_ratio is -1"):
        operating_characteristics(GIVEN, -1.0)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [1, 7, 200])
@pytest.mark.parametrize("horizon", [1e-4, 0.3, 500.0])
@pytest.mark.parametrize("size", [None, 0.3])
@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_every_regime_has_an_answer(
    looks: int, horizon: float, size: float | None, ratio: float
) -> None:
    design = Design(
        ratio, expected_per_look=horizon / looks, looks=looks, alpha=0.05, dispersion=size
    )

    found = [operating_characteristics(design, true) for true in (1.0, ratio)]

    assert 0 <= found[0].power <= 0.05
    assert found[0].power <= found[1].power <= 1
    assert 0 < found[1].expected_length <= looks
