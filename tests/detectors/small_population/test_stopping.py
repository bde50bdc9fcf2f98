"""Stopping rules against reference values, enumeration and simulation."""

import itertools
import math

import msgspec
import numpy as np
import pytest
from data import reference_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import bdtr, bdtrc

from detectors.small_population.stopping import beta_binomial, boundary, pocock, simon
from detectors.small_population.stopping.boundary import Direction

DIGITS = 1e-8  # absolute, as the README of the reference has it


def enumerated(limits: tuple[int, ...], bad: float) -> tuple[float, float]:
    """Chance to stop and mean number of patients, over every sequence of outcomes."""
    stop, mean = 0.0, 0.0
    for path in itertools.product((0, 1), repeat=len(limits)):
        weight = bad ** sum(path) * (1 - bad) ** (len(path) - sum(path))
        met = [k for k, y in enumerate(itertools.accumulate(path), 1) if y >= limits[k - 1]]
        stop += weight * bool(met)
        mean += weight * (met[0] if met else len(path))
    return stop, mean


def stop_by_convolution(limits: tuple[int, ...], bad: float) -> float:
    """Chance to stop, one patient after the other."""
    silent, stop = np.ones(1), 0.0
    for limit in limits:
        if not silent.size:  # a limit of 0 stops all
            break
        silent = np.convolve(silent, [1.0 - bad, bad])
        stop += float(silent[limit:].sum())
        silent = silent[:limit]
    return stop


def passes(design: simon.Design, response: float, r: int) -> float:
    """Chance of more than r1 responses in the first stage and more than r in both."""
    x = np.arange(design.r1 + 1, design.n1 + 1)
    first = np.diff(bdtr(np.append(x[0] - 1, x), design.n1, response))
    least = np.maximum(r - x, -1)
    second = np.where(least < 0, 1.0, bdtrc(np.maximum(least, 0), design.n - design.n1, response))
    return float(first @ second)


def test_beta_binomial_boundaries_match_every_row_of_the_reference() -> None:
    rows = list(reference_rows("small_population/bayes_toxicity_boundaries_n30.csv"))
    assert len(rows) == 27
    for row in rows:
        design = beta_binomial.Design(30, row.p0, cut=row.cut, prior=(row.prior_a, row.prior_b))

        at_limit, at_double = (
            boundary.operating_characteristics(design, p) for p in (row.p0, 2 * row.p0)
        )

        assert design.boundary == tuple(int(each) for each in row.boundary.split())
        assert_allclose(
            [
                at_limit.stop_probability,
                at_double.stop_probability,
                at_limit.expected_patients,
                at_double.expected_patients,
            ],
            [row.P_stop_p0, row.P_stop_2p0, row.EN_p0, row.EN_2p0],
            atol=DIGITS,
        )


def test_two_stage_designs_match_every_row_of_the_reference() -> None:
    rows = list(reference_rows("small_population/simon_two_stage.csv"))
    assert len(rows) == 4
    for row in rows:
        found = simon.find(row.p0, row.p1, alpha=row.alpha, beta=row.beta, criterion=row.type)

        null, good = (simon.operating_characteristics(found, p) for p in (row.p0, row.p1))

        assert (found.r1, found.n1, found.r, found.n) == (row.r1, row.n1, row.r, row.n)
        assert_allclose(
            [null.expected_patients, null.early_stop_probability],
            [row.EN0, row.PET0],
            atol=DIGITS,
        )
        assert_allclose(
            [null.pass_probability, good.pass_probability], [row.size, row.power], atol=DIGITS
        )


@pytest.mark.campaign
def test_a_search_over_all_small_designs_finds_no_better_one() -> None:
    found = simon.find(0.2, 0.6, alpha=0.1, beta=0.1)

    best = math.inf
    for n in range(2, 21):
        for n1, r in itertools.product(range(1, n), range(n)):
            for r1 in range(min(n1, r + 1)):
                design = simon.Design(r1, n1, r, n)
                null = simon.operating_characteristics(design, 0.2)
                if null.expected_patients >= best or null.pass_probability > 0.1:
                    continue
                if simon.operating_characteristics(design, 0.6).stop_probability <= 0.1:
                    best = null.expected_patients

    assert_allclose(simon.operating_characteristics(found, 0.2).expected_patients, best, rtol=1e-12)


@given(limits=st.lists(st.integers(0, 9), min_size=1, max_size=8), bad=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_recursion_agrees_with_every_sequence(limits: list[int], bad: float) -> None:
    stops, missed = boundary.stopping_masses(tuple(limits), bad)

    stop, mean = enumerated(tuple(limits), bad)
    assert_allclose([math.fsum(stops), missed], [stop, 1 - stop], atol=1e-13)  # sum of 256 terms
    found = sum(k * mass for k, mass in enumerate(stops, 1)) + len(limits) * missed
    assert_allclose(found, mean, atol=1e-12)


@pytest.mark.campaign
@pytest.mark.slow
@given(
    n=st.integers(1, 40),
    limit=st.floats(0.01, 0.99),
    alpha=st.floats(0.001, 0.5),
    direction=st.sampled_from(["harm", "loss"]),
)
@settings(max_examples=1_000, deadline=None)
def test_no_pocock_type_design_spends_more_than_alpha_and_the_next_level_would(
    n: int, limit: float, alpha: float, direction: Direction
) -> None:
    bad = limit if direction == "harm" else 1.0 - limit
    design = pocock.Design(n, limit, alpha=alpha, direction=direction)

    size = stop_by_convolution(design.boundary, bad)

    assert design.attained_size <= alpha
    assert_allclose(design.attained_size, size, rtol=1e-11)  # roundings of forty sums
    found = boundary.operating_characteristics(design, limit)
    assert_allclose(found.stop_probability + found.miss_probability, 1.0, atol=1e-12)
    patients = np.arange(1, n + 1)[:, np.newaxis]
    y = np.arange(n)  # one bad outcome and more, two and more, ...
    tails = np.where(y < patients, bdtrc(np.minimum(y, patients), patients, bad), 0.0)
    following = np.min(tails, where=tails > design.pointwise_level * (1 + 1e-9), initial=2.0)
    if following <= 1.0:
        looser = 1 + np.sum(tails > following * (1 + 1e-9), axis=1)
        assert stop_by_convolution(tuple(looser.tolist()), bad) > alpha * (1 - 1e-11)


@pytest.mark.campaign
@pytest.mark.slow
def test_a_thousand_beta_binomial_rules_stop_where_defined_and_as_often_as_drawn() -> None:
    rng, n_drawn = np.random.default_rng(seed=19951995), 100
    chances, stopped = [], []

    @given(
        n=st.integers(1, 40),
        limit=st.floats(0.01, 0.99),
        cut=st.floats(0.5, 0.999),
        prior=st.tuples(st.integers(1, 5), st.integers(1, 5)),
        direction=st.sampled_from(["harm", "loss"]),
        true=st.floats(0.0, 1.0),
    )
    @settings(max_examples=1_000, deadline=None)
    def stops_where_defined(
        n: int,
        limit: float,
        cut: float,
        prior: tuple[int, int],
        direction: Direction,
        true: float,
    ) -> None:
        design = beta_binomial.Design(n, limit, cut=cut, prior=prior, direction=direction)

        found = boundary.operating_characteristics(design, true)

        a, p, bad = prior[0], limit, true
        if direction == "loss":
            a, p, bad = prior[1], 1.0 - limit, 1.0 - true
        patients = np.arange(1, n + 1)[:, np.newaxis]
        y = np.arange(n + 1)
        # A beta tail with whole numbers is a binomial one: at most a + y - 1 of all below p.
        posterior = stats.binom.cdf(a + y - 1, sum(prior) + patients - 1, p)
        is_clear = np.abs(posterior - cut) > 1e-12  # of a rounding
        stops = np.where(y <= patients, posterior >= cut, True)
        expected = np.where(stops.any(axis=1), stops.argmax(axis=1), patients[:, 0] + 1)
        if is_clear.all():
            assert design.boundary == tuple(expected.tolist())
        size = stop_by_convolution(design.boundary, bad)
        assert_allclose(found.stop_probability, size, rtol=1e-11, atol=1e-15)
        chances.append(size)
        paths = (rng.random((n_drawn, n)) < bad).cumsum(axis=1)
        stopped.append(int((paths >= design.boundary).any(axis=1).sum()))

    stops_where_defined()

    assert len(chances) >= 1_000
    chance = np.array(chances)
    error = math.sqrt((chance * (1 - chance)).sum() * n_drawn)
    assert abs(sum(stopped) - n_drawn * chance.sum()) < 3 * error


@pytest.mark.campaign
@pytest.mark.slow
@given(
    unacceptable=st.floats(0.02, 0.4),
    gain=st.floats(0.4, 0.55),
    alpha=st.floats(0.02, 0.2),
    beta=st.floats(0.05, 0.3),
    criterion=st.sampled_from(["optimal", "minimax"]),
)
@settings(max_examples=1_000, deadline=None)
def test_every_two_stage_design_keeps_both_errors_and_no_fewer_responses_would(
    unacceptable: float, gain: float, alpha: float, beta: float, criterion: simon.Criterion
) -> None:
    good = unacceptable + gain

    found = simon.find(unacceptable, good, alpha=alpha, beta=beta, criterion=criterion)

    assert passes(found, unacceptable, found.r) <= alpha * (1 + 1e-12)  # roundings
    assert passes(found, good, found.r) >= (1 - beta) * (1 - 1e-12)
    if found.r > found.r1:
        assert passes(found, unacceptable, found.r - 1) > alpha * (1 - 1e-12)


@pytest.mark.parametrize(("n", "limit", "alpha"), [(12, 0.2, 0.05), (25, 0.05, 0.1), (9, 0.6, 0.2)])
def test_the_next_pointwise_level_would_spend_too_much(n: int, limit: float, alpha: float) -> None:
    design = pocock.Design(n, limit, alpha=alpha)

    levels = sorted(
        {float(stats.binom.sf(y - 1, k, limit)) for k in range(1, n + 1) for y in range(1, k + 1)}
    )
    following = min(x for x in levels if x > design.pointwise_level * (1 + 1e-9))
    looser = tuple(
        next(
            (
                y
                for y in range(1, k + 1)
                if stats.binom.sf(y - 1, k, limit) <= following * (1 + 1e-9)
            ),
            k + 1,
        )
        for k in range(1, n + 1)
    )
    assert looser != design.boundary
    assert math.fsum(boundary.stopping_masses(looser, limit)[0]) > alpha
    for k, least in enumerate(design.boundary, 1):
        assert stats.binom.sf(least - 1, k, limit) <= design.pointwise_level * (1 + 1e-9)
        assert stats.binom.sf(least - 2, k, limit) > design.pointwise_level * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("make", [beta_binomial.Design, pocock.Design])
def test_simulated_stops_agree(make: type[pocock.Design]) -> None:
    rng = np.random.default_rng(7)
    design, n = make(30, 0.2), 100_000

    for p in (0.2, 0.35):
        bad = (rng.random((n, 30)) < p).cumsum(axis=1) >= np.array(design.boundary)
        length = np.where(bad.any(axis=1), bad.argmax(axis=1) + 1, 30)
        found = boundary.operating_characteristics(design, p)

        error = 3 / math.sqrt(n)  # standard errors
        spread = math.sqrt(found.stop_probability * found.miss_probability)
        assert_allclose(bad.any(axis=1).mean(), found.stop_probability, atol=error * spread)
        assert_allclose(length.mean(), found.expected_patients, atol=error * length.std())
        given_stop = length[bad.any(axis=1)]
        assert_allclose(
            given_stop.mean(),
            found.expected_patients_given_stop,
            atol=3 * given_stop.std() / math.sqrt(given_stop.size),
        )


def test_a_loss_is_a_harm_with_outcomes_turned_round() -> None:
    for make in (beta_binomial.Design, pocock.Design):
        harm, loss = make(20, 0.25), make(20, 0.75, direction="loss")

        assert harm.boundary == loss.boundary
        one = boundary.operating_characteristics(harm, 0.4)
        other = boundary.operating_characteristics(loss, 0.6)
        assert_allclose(one.stop_probability, other.stop_probability, rtol=1e-12)
        assert_allclose(one.expected_events, 20 * 0 + one.expected_patients * 0.4, rtol=1e-12)


def test_lost_responses_stop_and_kept_ones_do_not() -> None:
    design = beta_binomial.Design(10, 0.7, cut=0.9, direction="loss")

    _, lost = boundary.step(boundary.init(design), boundary.Observation(patients=5, events=1))
    _, kept = boundary.step(boundary.init(design), boundary.Observation(patients=5, events=5))

    assert lost.is_crossing
    assert lost.bad_outcomes == 4
    assert not kept.is_crossing
    assert beta_binomial.posterior_probability(design, patients=5, events=1) >= 0.9
    assert beta_binomial.posterior_probability(design, patients=5, events=5) < 0.9


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12),
    direction=st.sampled_from(["harm", "loss"]),
)
@settings(deadline=None)
def test_stepping_and_recomputing_agree_with_the_rule(
    steps: list[tuple[int, int]], direction: str
) -> None:
    design = pocock.Design(15, 0.3, direction=direction)  # type: ignore[arg-type]  # one of two
    totals = np.cumsum(np.array([(new, min(new, y)) for new, y in steps]).reshape(-1, 2), axis=0)
    seen = [boundary.Observation(patients=int(n), events=int(y)) for n, y in totals]

    state, looks = boundary.recompute(design, seen)

    stepped = boundary.init(design)
    for each, look in zip(seen, looks, strict=True):
        stepped, found = boundary.step(stepped, each)
        bad = each.events if direction == "harm" else each.patients - each.events
        inside = 0 < each.patients <= 15
        assert found == look
        assert found.is_crossing == (inside and bad >= design.boundary[each.patients - 1])
    assert stepped == state
    crossed = [look.is_crossing for look in looks]
    assert [look.has_crossed for look in looks] == list(itertools.accumulate(crossed, max))


def test_a_state_survives_encoding_and_is_small() -> None:
    design = beta_binomial.Design(30, 0.2)
    state, _ = boundary.step(boundary.init(design), boundary.Observation(patients=9, events=6))

    encoded = msgspec.json.encode(state)

    assert msgspec.json.decode(encoded, type=boundary.State) == state
    assert len(encoded) < 400
    two = simon.init(simon.Design(1, 10, 5, 29))
    assert msgspec.json.decode(msgspec.json.encode(two), type=simon.State) == two


def test_a_two_stage_watch_decides_at_the_end_of_each_stage() -> None:
    design = simon.Design(1, 10, 5, 29)
    seen = [simon.Observation(patients=n, events=y) for n, y in [(5, 0), (10, 2), (20, 3), (29, 5)]]

    _, looks = simon.recompute(design, seen)

    assert [look.is_decisive for look in looks] == [False, True, False, True]
    assert [look.is_crossing for look in looks] == [False, False, False, True]
    _, early = simon.recompute(design, [simon.Observation(patients=10, events=1)])
    assert early[0].is_crossing
    with pytest.raises(ValueError, match="the look at 10 must come first"):
        simon.recompute(design, [simon.Observation(patients=12, events=2)])


def test_two_stage_chances_agree_with_enumeration() -> None:
    design = simon.Design(1, 4, 3, 9)

    for p in (0.0, 0.1, 0.6, 1.0):
        found = simon.operating_characteristics(design, p)
        passing = sum(stats.binom.pmf(x, 4, p) * stats.binom.sf(3 - x, 5, p) for x in range(2, 5))
        assert_allclose(found.pass_probability, passing, atol=1e-14)
        assert_allclose(found.pass_probability + found.stop_probability, 1.0, atol=1e-14)


def test_the_regimes_of_one_to_two_hundred_patients_give_numbers() -> None:
    for n, limit, direction in itertools.product(
        (1, 5, 30, 200), (0.001, 0.3, 0.99), ("harm", "loss")
    ):
        for design in (
            beta_binomial.Design(n, limit, direction=direction),  # type: ignore[arg-type]  # one of two
            pocock.Design(n, limit, alpha=0.01, direction=direction),  # type: ignore[arg-type]  # one of two
        ):
            assert len(design.boundary) == n
            for p in (0.0, limit, 1.0):
                found = boundary.operating_characteristics(design, p)
                assert_allclose(found.stop_probability + found.miss_probability, 1.0, atol=1e-12)
                assert 1.0 <= found.expected_patients + 1e-9 <= n + 1e-8


def test_a_rule_waits_for_its_fewest_patients() -> None:
    for design in (
        beta_binomial.Design(9, 0.1, min_patients=4),
        pocock.Design(9, 0.1, min_patients=4),
    ):
        assert design.boundary[:3] == (2, 3, 4)
        assert design.boundary[3] <= 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: beta_binomial.Design(0, 0.2), "n_max is 0"),
        (lambda: beta_binomial.Design(1_001, 0.2), "n_max is 1001"),
        (lambda: beta_binomial.Design(10, 0.0), "limit is 0.0"),
        (lambda: beta_binomial.Design(10, 0.2, cut=1.0), "cut is 1.0"),
        (lambda: beta_binomial.Design(10, 0.2, prior=(0.0, 1.0)), "improper"),
        (lambda: beta_binomial.Design(10, 0.2, direction="up"), "direction is 'up'"),  # type: ignore[arg-type]  # on purpose
        (lambda: pocock.Design(10, 0.2, alpha=0.0), "alpha is 0.0"),
        (lambda: pocock.Design(10, 0.2, min_patients=11), "min_patients 11"),
        (lambda: simon.Design(3, 3, 5, 9), "0 <= r1 < n1 < n"),
        (lambda: simon.find(0.3, 0.2), "the first below the second"),
        (lambda: simon.find(0.3, 0.31), "no design with 300 patients"),
        (lambda: boundary.operating_characteristics(pocock.Design(5, 0.2), 1.1), "proportion is"),
    ],
)
def test_a_design_out_of_range_is_refused(make: "object", message: str) -> None:
    assert callable(make)

    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("patients", "events", "message"),
    [
        (4, 2, "went back"),
        (6, 1, "went back"),
        (6, 4, "must not exceed patients"),
        (6.5, 2, "must be whole"),
        (-1, 0, "must not be negative"),
    ],
)
def test_totals_that_make_no_sense_are_refused(patients: int, events: int, message: str) -> None:
    state, _ = boundary.step(
        boundary.init(pocock.Design(20, 0.5)), boundary.Observation(patients=5, events=2)
    )

    with pytest.raises(ValueError, match=message):
        boundary.step(state, boundary.Observation(patients=patients, events=events))
