"""The Poisson MaxSPRT against reference values, its definition, and simulation."""

import numpy as np
import pandas as pd
import pytest
from data import reference_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.stats import poisson

from detectors.sequential.poisson_maxsprt import (
    Boundary,
    Design,
    Observation,
    State,
    alpha_spent,
    boundary,
    critical_value,
    init,
    log_likelihood_ratio,
    recompute,
    step,
)

SINGLE_LOOK_COLUMNS = ["T", "alpha", "min_events_single_look", "exact_size"]

increments = st.lists(st.tuples(st.integers(0, 3), st.floats(0.001, 2.0)), max_size=12)


def exact_rows() -> pd.DataFrame:
    return reference_table("sequential/cv_poisson.csv", "D == 0")


def published_rows() -> pd.DataFrame:
    return reference_table("sequential/poisson_published_table_check.csv", "D == 0")


def single_looks() -> pd.DataFrame:
    return reference_table("small_population/poisson_min_events_rule.csv")


def to_date(steps: list[tuple[int, float]]) -> list[Observation]:
    totals = np.cumsum(np.array(steps).reshape(-1, 2), axis=0)
    return [Observation(events=int(events), expected=float(mu)) for events, mu in totals]


@pytest.mark.slow
def test_critical_value_matches_the_exact_column() -> None:
    rows = exact_rows().dropna(subset="cv_exact")

    found = [
        critical_value(horizon, alpha=alpha, min_events=int(least)).value
        for horizon, alpha, least in rows[["T", "alpha", "M"]].to_numpy().tolist()
    ]

    assert len(rows) == 156
    assert_allclose(found, rows["cv_exact"], atol=1e-8)


@pytest.mark.slow
def test_critical_value_matches_the_published_table() -> None:
    found = [
        critical_value(horizon, min_events=int(least)).value
        for horizon, least in published_rows()[["T", "M"]].to_numpy().tolist()
    ]

    assert len(found) > 60
    assert_allclose(found, published_rows()["cv_published"], atol=1e-10)


def test_a_horizon_that_cannot_spend_alpha_has_a_count_and_what_it_detects() -> None:
    rows = exact_rows()[exact_rows()["cv_exact"].isna()]

    assert len(rows) > 5
    for horizon, alpha, least in rows[["T", "alpha", "M"]].to_numpy().tolist():
        found = critical_value(horizon, alpha=alpha, min_events=int(least))
        assert (found.decided_by, found.min_events, found.value) == ("count", least, 0.0)
        assert_allclose(found.attained_size, poisson.sf(least - 1, horizon), rtol=1e-12)
        assert found.detectable_rate_ratio is not None
        at_ratio = poisson.sf(least - 1, horizon * found.detectable_rate_ratio)
        assert_allclose(at_ratio, 0.8, rtol=1e-12)  # one ufunc, and its inverse


def test_the_count_boundary_matches_the_single_look_rule() -> None:
    for horizon, alpha, least, size in single_looks()[SINGLE_LOOK_COLUMNS].to_numpy().tolist():
        found = boundary(horizon, alpha=alpha, min_events=int(least))

        assert (found.decided_by, found.min_events) == ("count", least)
        assert_allclose(found.attained_size, size, rtol=1e-10)


def test_one_event_is_a_signal_where_hardly_any_is_expected() -> None:
    _, look = step(init(Design(0.05)), Observation(events=1, expected=0.05))

    assert look.is_crossing
    assert boundary(0.0512).decided_by == "count"
    assert boundary(0.0514).decided_by == "llr"


def test_no_event_is_no_signal_even_where_the_count_decides() -> None:
    _, look = step(init(Design(0.05)), Observation(events=0, expected=0.05))

    assert not look.is_crossing


@given(horizon=st.floats(1e-4, 15.0), alpha=st.floats(1e-4, 0.5), min_events=st.integers(1, 6))
@settings(max_examples=60, deadline=None)  # each example finds a root
def test_no_boundary_spends_more_than_alpha(horizon: float, alpha: float, min_events: int) -> None:
    found = boundary(horizon, alpha=alpha, min_events=min_events)

    assert found.attained_size <= alpha + 1e-15  # the rounding of one minus a sum
    assert found.min_events >= min_events
    if found.decided_by == "llr":
        assert_allclose(found.attained_size, alpha, atol=1e-10)
    elif found.min_events > min_events:
        assert poisson.sf(found.min_events - 2, horizon) > alpha


def test_a_loose_alpha_that_the_llr_cannot_spend_gets_the_smallest_count() -> None:
    found = boundary(20.0, alpha=0.999)

    assert isinstance(found, Boundary)
    assert poisson.sf(found.min_events - 1, 20.0) <= 0.999 < poisson.sf(found.min_events - 2, 20.0)


@given(horizon=st.floats(0.5, 20.0), alpha=st.floats(1e-4, 0.2))
@settings(max_examples=25, deadline=None)  # each example finds two roots
def test_stricter_alpha_raises_the_critical_value(horizon: float, alpha: float) -> None:
    assume(-np.expm1(-horizon) > alpha)  # else even the first event comes too rarely
    loose, strict = (critical_value(horizon, alpha=a).value for a in (alpha, alpha / 2))

    assert strict > loose


@pytest.mark.parametrize(
    ("horizon", "alpha", "min_events"),
    [
        (0.0, 0.05, 1),
        (-1.0, 0.05, 1),
        (np.nan, 0.05, 1),
        (np.inf, 0.05, 1),
        (1.0, 0.0, 1),
        (1.0, 1.0, 1),
        (1.0, np.nan, 1),
        (1.0, 1e-10, 1),
        (1.0, 0.05, 0),
        (1.0, 0.05, 1.5),
    ],
)
def test_a_design_out_of_range_is_refused(horizon: float, alpha: float, min_events: int) -> None:
    for make in (critical_value, boundary, Design):
        with pytest.raises(ValueError, match=r"^out of range: (horizon|alpha|min_events)=\S+ must"):
            make(horizon, alpha=alpha, min_events=min_events)


def test_an_alpha_out_of_range_is_named_with_its_rule() -> None:
    with pytest.raises(ValueError, match=r"alpha=1\.5 must be at least 1e-09 and below 1"):
        critical_value(5.0, alpha=1.5)


@given(events=st.integers(0, 10_000), expected=st.floats(1e-3, 10_000.0))
def test_llr_grows_with_each_event_in_excess(events: int, expected: float) -> None:
    now, after_one_more = log_likelihood_ratio([events, events + 1], expected)

    assert after_one_more > now if events >= expected else now == 0.0


def test_llr_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")

    llr = log_likelihood_ratio(rows["a"], rows["E_rrr"])

    assert_allclose(llr, rows["LLR_poisson"], rtol=1e-8, atol=1e-9)  # ten digits of each


@pytest.mark.parametrize(
    ("events", "expected", "message"),
    [
        (-1, 1.0, "events is -1: must not be negative"),
        (1, -1.0, r"expected is -1\.0: must not be negative"),
        (1, np.nan, "expected is nan: must not be missing"),
        ([0, 1], 0.0, r"events\[1\] is 1: must be 0 where expected is 0"),
    ],
)
def test_llr_refuses_what_has_none(events: int, expected: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_likelihood_ratio(events, expected)


@given(increments)
@settings(deadline=None)
def test_a_look_crosses_where_the_llr_of_enough_events_reaches_the_boundary(
    steps: list[tuple[int, float]],
) -> None:
    design = Design(8.0, min_events=2)
    observations = to_date(steps)

    _, looks = recompute(design, observations)

    meets = [
        o.events >= 2
        and o.expected <= 8.0
        and bool(log_likelihood_ratio(o.events, o.expected) >= design.boundary.critical_value)
        for o in observations
    ]
    assert [look.is_crossing for look in looks] == meets
    assert [look.has_crossed for look in looks] == np.logical_or.accumulate(meets).tolist()
    assert [look.number for look in looks] == list(range(1, len(steps) + 1))


@pytest.mark.parametrize("events", [1, 2, 3, 5, 8])
def test_an_event_crosses_until_its_llr_falls_to_the_boundary(events: int) -> None:
    design = Design(20.0)

    def gap(mu: float) -> float:
        return float(log_likelihood_ratio(events, mu)) - design.boundary.critical_value

    latest = float(brentq(gap, 1e-9, events, xtol=1e-14))
    before, after = (
        step(init(design), Observation(events=events, expected=latest * factor))[1]
        for factor in (1 - 1e-9, 1 + 1e-9)
    )

    assert before.is_crossing
    assert not after.is_crossing


@pytest.mark.parametrize("horizon", [0.5, 5.0])
def test_fewer_than_the_least_count_never_cross(horizon: float) -> None:
    design = Design(horizon, min_events=4)
    fewer, enough = (step(init(design), Observation(events=n, expected=1e-6))[1] for n in (3, 4))

    assert not fewer.is_crossing
    assert enough.is_crossing


def test_a_crossing_once_made_stays() -> None:
    state, first = step(init(Design(5.0)), Observation(events=4, expected=0.2))
    state, later = step(state, Observation(events=4, expected=4.0))

    assert first.is_crossing
    assert not later.is_crossing
    assert later.has_crossed
    assert state.first_crossing == 1


def test_a_look_past_the_horizon_cannot_cross_and_says_so() -> None:
    at, past = (
        step(init(Design(1.0)), Observation(events=50, expected=mu))[1] for mu in (1.0, 1.001)
    )

    assert at.is_crossing
    assert not at.is_past_horizon
    assert not past.is_crossing
    assert past.is_past_horizon


@pytest.mark.parametrize(
    "back", [Observation(events=3, expected=0.9), Observation(events=2, expected=1.0)]
)
def test_a_total_that_goes_back_is_refused_and_changes_nothing(back: Observation) -> None:
    state, _ = step(init(Design(5.0)), Observation(events=3, expected=1.0))

    with pytest.raises(ValueError, match="went back, so recompute"):
        step(state, back)

    assert state == State(design=Design(5.0), looks=1, events=3, expected=1.0)


def test_a_correction_is_recomputed_from_the_start() -> None:
    reported = [Observation(events=4, expected=0.2), Observation(events=5, expected=3.0)]
    corrected = [Observation(events=1, expected=0.2), Observation(events=2, expected=3.0)]

    before, _ = recompute(Design(5.0), reported)
    after, looks = recompute(Design(5.0), corrected)

    assert (before.first_crossing, after.first_crossing) == (1, 0)
    assert [look.events for look in looks] == [1, 2]


def test_alpha_is_spent_from_nothing_to_the_attained_size() -> None:
    for design in (Design(5.0), Design(0.03), Design(5.0, min_events=3)):
        spent = [alpha_spent(design, share * design.horizon) for share in np.linspace(0, 1, 9)]

        assert spent[0] == 0.0
        assert np.all(np.diff(spent) >= 0)
        assert spent[-1] == design.boundary.attained_size == alpha_spent(design, 1e3)


@pytest.mark.parametrize("expected", [-0.1, np.nan, np.inf])
def test_alpha_spent_refuses_what_is_no_expectation(expected: float) -> None:
    with pytest.raises(ValueError, match=r"expected is .*: must be a number"):
        alpha_spent(Design(5.0), expected)


@pytest.mark.slow
def test_simulated_type_i_error_is_alpha() -> None:
    rng = np.random.default_rng(seed=20110101)
    n_watches, horizon = 200_000, 5.0
    arrivals = rng.exponential(size=(n_watches, 40)).cumsum(axis=1)  # expected events
    llr = log_likelihood_ratio(np.arange(1, 41), arrivals)
    crosses = (llr >= critical_value(horizon).value) & (arrivals <= horizon)

    by_horizon = crosses.any(axis=1).mean()
    by_one = (crosses & (arrivals <= 1.0)).any(axis=1).mean()

    error = 4 * np.sqrt(0.05 * 0.95 / n_watches)
    assert_allclose(by_horizon, 0.05, atol=error)
    assert_allclose(by_one, alpha_spent(Design(horizon), 1.0), atol=error)
