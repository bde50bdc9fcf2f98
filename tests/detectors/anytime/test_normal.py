"""The normal e-processes against integrals, exact null means, and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from detectors.anytime.normal import (
    Design,
    Direction,
    Observation,
    confidence_sequence,
    init,
    log_e,
    operating_characteristics,
    step,
    summarise,
)
from detectors.anytime.student_paths import Chain, crossing, log_tilt

SIDES = {"more": (0.0, 9.0), "fewer": (-9.0, 0.0), "either": (-9.0, 9.0)}
every_direction = pytest.mark.parametrize("direction", ["more", "fewer", "either"])


def haar_twin(values: np.ndarray, spread: float, direction: str) -> float:
    """Integrate scale and effect numerically, over 1 / sigma."""
    n, total, squares = values.size, values.sum(), (values * values).sum()

    def likelihood(effect: float) -> float:
        def at(w: float) -> float:
            exponent = squares * w * w - 2 * effect * total * w + n * effect * effect
            return float(w ** (n - 1) * math.exp(-0.5 * exponent))

        return float(integrate.quad(at, 0, math.inf, epsabs=0, epsrel=1e-10, limit=200)[0])

    sides = 1 if direction == "either" else 2
    low, high = (spread * end for end in SIDES[direction])
    mixed = integrate.quad(
        lambda d: likelihood(d) * stats.norm.pdf(d, 0, spread), low, high, epsrel=1e-9
    )
    return math.log(sides * mixed[0] / likelihood(0.0))


def known_twin(values: np.ndarray, sd: float, spread: float, direction: str) -> float:
    sides = 1 if direction == "either" else 2
    low, high = (spread * end for end in SIDES[direction])
    scaled = values / sd
    mixed = integrate.quad(
        lambda d: (
            math.exp(d * scaled.sum() - 0.5 * scaled.size * d * d) * stats.norm.pdf(d, 0, spread)
        ),
        low, high, epsrel=1e-10,
    )  # fmt: skip
    return math.log(sides * mixed[0])


@every_direction
@pytest.mark.parametrize("n", [1, 2, 6])
def test_evidence_is_the_integral_over_effect_and_scale(direction: Direction, n: int) -> None:
    values = np.random.default_rng(n).normal(0.6, 1.3, n)

    found = log_e(Design(direction=direction, prior_sd=0.7), summarise(values))

    # nine standard deviations of the mixture and SciPy's quadrature
    assert found == pytest.approx(haar_twin(values, 0.7, direction), abs=1e-8)


@every_direction
def test_evidence_with_a_known_deviation_is_the_integral_over_the_effect(
    direction: Direction,
) -> None:
    values = np.random.default_rng(1).normal(-0.3, 2.0, 8)

    found = log_e(Design(direction=direction, sd=2.0, prior_sd=0.5), summarise(values))

    assert found == pytest.approx(known_twin(values, 2.0, 0.5, direction), abs=1e-9)  # quadrature


@every_direction
@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_mean_at_the_end_of_the_null_is_one_with_any_deviation(
    direction: Direction, n: int
) -> None:
    # Under the null t is Student's; the evidence depends on the values by t alone.
    design = Design(direction=direction, prior_sd=0.8)

    def at(angle: float) -> float:
        t = math.tan(angle)
        seen = Observation(n=n, mean=t / math.sqrt(n), squares=n - 1.0)
        jacobian = 1 + t * t
        return math.exp(log_e(design, seen)) * float(stats.t.pdf(t, n - 1)) * jacobian

    half = 0.5 * math.pi * (1 - 1e-9)
    total = sum(integrate.quad(at, *ends, epsrel=1e-8)[0] for ends in ((-half, 0.0), (0.0, half)))

    assert total == pytest.approx(1.0, abs=1e-5)  # the ends, where evidence is greatest, are cut


@pytest.mark.parametrize("n", [1, 4, 30])
@pytest.mark.parametrize("effect", [-2.0, -0.3, 0.0])
def test_the_mean_with_a_known_deviation_is_at_most_one(n: int, effect: float) -> None:
    design, sd = Design(sd=3.0), 3.0 / math.sqrt(n)

    def at(mean: float) -> float:
        seen = Observation(n=n, mean=mean, squares=0.0)
        return math.exp(log_e(design, seen) + float(stats.norm.logpdf(mean, 3.0 * effect, sd)))

    total = integrate.quad(at, -60.0, 60.0, epsrel=1e-9, limit=500, points=[3.0 * effect])[0]

    assert total <= 1 + 1e-8  # quadrature
    if effect == 0.0:
        assert total == pytest.approx(1.0, abs=1e-6)  # as above


@pytest.mark.slow
@every_direction
@pytest.mark.parametrize("sd", [None, 2.5])
@pytest.mark.parametrize("effect", [0.0, -0.2])
def test_crossings_at_any_time_are_at_most_alpha_in_the_whole_null(
    direction: Direction, sd: float | None, effect: float
) -> None:
    effect = {"more": effect, "fewer": -effect, "either": 0.0}[direction]
    design, n_paths = Design(direction=direction, sd=sd, alpha=0.1, null_mean=5.0), 1_000
    rng = np.random.default_rng(11)
    values = 5.0 + 2.5 * (effect + rng.normal(size=(n_paths, 30)))
    looks = np.arange(1, 31)
    means = values.cumsum(axis=1) / looks
    deviations = np.array([((values[:, :n].T - means[:, n - 1]) ** 2).sum(axis=0) for n in looks])

    n_crossed = sum(
        any(
            log_e(design, Observation(n=int(n), mean=float(m), squares=float(s))) >= math.log(10.0)
            for n, m, s in zip(looks, means[i], deviations[:, i] * (looks > 1), strict=True)
        )
        for i in range(n_paths)
    )

    error = math.sqrt(0.1 * 0.9 / n_paths)
    assert n_crossed / n_paths <= 0.1 + 3 * error
    if effect == 0.0:
        assert n_crossed > 20  # about a half of alpha within 30 values


@every_direction
@given(values=st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=2, max_size=12),
       scale=st.floats(0.01, 100.0))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_unit_does_not_matter_with_an_unknown_deviation(
    direction: Direction, values: list[float], scale: float
) -> None:
    design = Design(direction=direction)

    one, other = (log_e(design, summarise(np.array(values) * by)) for by in (1.0, scale))

    assert one == pytest.approx(other, rel=1e-6, abs=1e-6)  # products are rounded, then squared


@pytest.mark.parametrize("sd", [None, 1.0])
def test_evidence_grows_with_the_mean_and_never_stops_at_one(sd: float | None) -> None:
    means = np.linspace(-3.0, 3.0, 61).tolist()

    more, fewer = (
        [log_e(Design(sd=sd, direction=side), Observation(n=6, mean=m, squares=4.0)) for m in means]
        for side in ("more", "fewer")
    )

    assert all(a < b for a, b in itertools.pairwise(more))
    assert more == pytest.approx(fewer[::-1], rel=1e-12, abs=1e-12)  # the grid is rounded
    assert more[0] < -1


@pytest.mark.parametrize("sd", [None, 1.5])
@given(n=st.integers(2, 50), mean=st.floats(-5, 5), squares=st.floats(0.1, 50.0))
@settings(max_examples=60, deadline=None)
def test_limits_are_where_evidence_reaches_one_over_alpha(
    sd: float | None, n: int, mean: float, squares: float
) -> None:
    seen = Observation(n=n, mean=mean, squares=squares)

    limits = confidence_sequence(Design(sd=sd), seen)

    for end in (limits.lower, limits.upper):
        if math.isfinite(end):
            found = log_e(Design(sd=sd, null_mean=end, direction="either"), seen)
            assert found == pytest.approx(math.log(20.0), rel=1e-6)  # the end is rounded
    if sd is not None:
        assert math.isfinite(limits.upper)


@pytest.mark.parametrize("sd", [None, 2.0])
def test_the_confidence_sequence_covers_at_all_times_at_once(sd: float | None) -> None:
    rng = np.random.default_rng(13)
    design, n_paths = Design(sd=sd, alpha=0.1), 400

    n_missed = 0
    for _ in range(n_paths):
        values = rng.normal(7.0, 2.0, 40)
        limits = [confidence_sequence(design, summarise(values[:n])) for n in range(1, 41)]
        n_missed += any(not each.lower <= 7.0 <= each.upper for each in limits)

    assert 0 < n_missed / n_paths < 0.1  # guaranteed, not by chance; 0 would be a useless one


def test_few_values_with_an_unknown_deviation_set_no_limit() -> None:
    none, one = Observation(n=0, mean=0.0, squares=0.0), Observation(n=1, mean=3.0, squares=0.0)

    for seen in (none, one):
        assert confidence_sequence(Design(), seen).upper == math.inf
    assert log_e(Design(), none) == 0.0
    assert log_e(Design(direction="either"), one) == pytest.approx(0.0, abs=1e-15)  # by rounding


@every_direction
@pytest.mark.parametrize("sd", [None, 1e-3, 1.0])
def test_any_regime_gives_a_number(direction: Direction, sd: float | None) -> None:
    for prior_sd in (1e-3, 1.0, 1e3):
        design = Design(direction=direction, sd=sd, prior_sd=prior_sd)
        for n in (1, 2, 30, 10**6):
            for mean in (-1e99, -1.0, 0.0, 1e-300, 1.0, 1e99):
                for squares in (0.0, 1e-300, 1.0, 1e190):
                    seen = Observation(n=n, mean=mean, squares=squares if n > 1 else 0.0)
                    assert math.isfinite(log_e(design, seen))
                    limits = confidence_sequence(design, seen)
                    assert limits.lower <= mean <= limits.upper


def test_evidence_of_many_values_keeps_its_digits() -> None:
    # the t distribution of a million values is normal but for 1e-6, and so is the evidence
    seen = Observation(n=10**6, mean=-0.001, squares=1e6)

    unknown, known = (log_e(Design(sd=sd), seen) for sd in (None, 1.0))

    assert unknown == pytest.approx(known, abs=1e-5)


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (Observation(n=-1, mean=0.0, squares=0.0), "n is -1"),
        (Observation(n=2, mean=math.nan, squares=0.0), "mean is nan"),
        (Observation(n=2, mean=0.0, squares=-1.0), "squares is -1"),
        (Observation(n=1, mean=0.0, squares=1.0), "too few values"),
        (Observation(n=0, mean=1.0, squares=0.0), "too few values"),
    ],
)
def test_bad_totals_are_refused(seen: Observation, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_e(Design(), seen)
    with pytest.raises(ValueError, match=message):
        step(init(Design()), seen)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"values\[1\] is nan"):
        summarise([1.0, math.nan])
    with pytest.raises(ValueError, match="dimensions"):
        summarise([[1.0]])


@pytest.mark.parametrize(
    "bad",
    [{"alpha": 0.0}, {"sd": 0.0}, {"sd": math.nan}, {"prior_sd": 0.0}, {"direction": "both"},
     {"null_mean": math.nan}],
)  # fmt: skip
def test_bad_designs_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Design(**bad)  # type: ignore[arg-type]  # wrong on purpose


def limit_of_t(design: Design, n: int) -> float:
    """Find by bisection the t statistic (or z, with a known deviation) that just crosses."""
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = 0.5 * (low + high)
        seen = Observation(n=n, mean=middle / math.sqrt(n), squares=n - 1.0)
        is_crossing = log_e(design, seen) >= -math.log(design.alpha)
        low, high = (low, middle) if is_crossing else (middle, high)
    return high


@pytest.mark.parametrize("sd", [None, 1.0])
@pytest.mark.parametrize("effect", [-0.5, 0.0, 0.7, 2.0])
@pytest.mark.parametrize("n", [3, 12])
def test_the_power_of_one_look_is_a_tail_of_the_normal_or_noncentral_t(
    sd: float | None, effect: float, n: int
) -> None:
    for direction in ("more", "either"):
        design = Design(sd=sd, direction=direction, alpha=0.2)

        found = operating_characteristics(design, effect, looks=[n])

        at, shift = limit_of_t(design, n), effect * math.sqrt(n)
        law = stats.norm(shift) if sd else stats.nct(n - 1, shift)
        exact = law.sf(at) + (law.cdf(-at) if direction == "either" else 0.0)
        assert found.power == pytest.approx(exact, abs=1e-9 if sd else 2e-6)  # as documented
        assert found.expected_values == pytest.approx(n)


@every_direction
@pytest.mark.parametrize("sd", [None, 2.0])
@pytest.mark.parametrize("looks", [range(1, 21), (2, 5, 9, 20)])
def test_operating_characteristics_agree_with_simulation(
    direction: Direction, sd: float | None, looks: list[int]
) -> None:
    design, effect, n_paths = Design(direction=direction, sd=sd, alpha=0.1), 0.5, 20_000
    effect = -effect if direction == "fewer" else effect
    at = np.array(looks)
    rng = np.random.default_rng(20261126)
    values = effect + rng.normal(size=(n_paths, 20))
    sums, squares = values.cumsum(axis=1)[:, at - 1], (values * values).cumsum(axis=1)[:, at - 1]
    means = sums / at
    left = np.maximum(squares - sums * means, 0.0)
    towards = -means if direction == "fewer" else np.abs(means) if direction == "either" else means
    statistic = towards * np.sqrt(at) if sd else towards * np.sqrt(at * (at - 1) / (left + 1e-300))
    limits = [limit_of_t(design if sd is None else Design(direction=direction, sd=1.0, alpha=0.1),
                         int(n)) if n > 1 else math.inf for n in at]  # fmt: skip
    if direction == "fewer":  # looked at in the mirror
        mirror = Design(sd=None if sd is None else 1.0, alpha=0.1)
        limits = [limit_of_t(mirror, int(n)) if n > 1 else math.inf for n in at]
    crossed = statistic >= np.array(limits)
    is_any, first = crossed.any(axis=1), at[crossed.argmax(axis=1)]

    found = operating_characteristics(design, effect, looks=looks)

    assert abs(is_any.mean() - found.power) < 3 * math.sqrt(found.power / n_paths)
    times = first[is_any]
    assert abs(times.mean() - found.expected_values_to_signal) < (
        3 * times.std() / math.sqrt(times.size)
    )
    lengths = np.where(is_any, first, 20)
    assert abs(lengths.mean() - found.expected_values) < 3 * lengths.std() / math.sqrt(n_paths)


@given(direction=st.sampled_from(["more", "fewer", "either"]), alpha=st.floats(1e-4, 0.5),
       prior_sd=st.floats(0.05, 20.0), share=st.floats(0.0, 2.0), n=st.integers(1, 12),
       sd=st.sampled_from([None, 1.0]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_design_spends_more_than_alpha(
    *, direction: Direction, alpha: float, prior_sd: float, share: float, n: int, sd: float | None
) -> None:
    design = Design(direction=direction, alpha=alpha, prior_sd=prior_sd, sd=sd)
    effect = {"more": -share, "fewer": share, "either": 0.0}[direction]

    found = operating_characteristics(design, effect, looks=range(1, n + 1))

    assert found.power <= alpha + 2e-6  # the recursion's error
    assert 1 <= found.expected_values <= n + 1e-4


def test_the_confidence_sequence_misses_as_often_as_either_side_crosses() -> None:
    # a limit misses the true mean when evidence against it, on either side, reaches 1 / alpha
    for sd in (None, 1.0):
        design = Design(sd=sd, alpha=0.1, direction="either")
        found = operating_characteristics(design, 0.0, looks=range(1, 17))
        assert 0.02 < found.power < 0.1


def test_smaller_panels_change_nothing_that_is_told() -> None:
    for is_two_sided in (False, True):
        chain = Chain(
            information=tuple(map(float, range(13))),
            freedom=0,
            highs=(math.inf, math.inf, math.inf, *(2.2 + 0.02 * n for n in range(10))),
            is_two_sided=is_two_sided,
        )
        for effect in (0.0, 1.0):
            coarse, fine = (crossing(chain, effect, fineness=by) for by in (1.0, 3.0))
            assert coarse[0] == pytest.approx(fine[0], abs=2e-6)  # as documented
            assert coarse[1] == pytest.approx(fine[1], abs=12 * 1e-5)  # as documented


@pytest.mark.parametrize("freedom", [1, 2, 9, 150])
@pytest.mark.parametrize("x", [-20.0, -1.0, 0.0, 3.0, 40.0])
def test_the_tilt_is_the_integral_over_the_scale(freedom: int, x: float) -> None:
    def at(w: float, linear: float) -> float:
        top = 0.5 * (linear + math.sqrt(linear * linear + 4 * freedom))
        log_ratio = (freedom - 1) * math.log(w / top) if freedom > 1 else 0.0
        return math.exp(log_ratio - 0.5 * (w * w - top * top) + linear * (w - top))

    def log_total(linear: float) -> float:
        top = 0.5 * (linear + math.sqrt(linear * linear + 4 * freedom))
        points = [0.0, top, top + 1 / (1 + abs(linear)), top + 4.0, top + 20.0]
        parts = [integrate.quad(at, a, b, args=(linear,), epsabs=0, epsrel=1e-11, limit=200)[0]
                 for a, b in itertools.pairwise(points)]  # fmt: skip
        peak = (freedom - 1) * math.log(top) - 0.5 * top * top + linear * top
        return math.log(sum(parts)) + peak

    found = log_tilt(freedom, np.array([x])).item()

    assert found == pytest.approx(log_total(x) - log_total(0.0), abs=1e-9)  # quadrature


@every_direction
@pytest.mark.parametrize("sd", [None, 1.0])
def test_any_number_of_looks_and_any_effect_gives_a_number(
    direction: Direction, sd: float | None
) -> None:
    for prior_sd, alpha in ((1e-3, 0.05), (1e3, 1e-9), (1.0, 0.999)):
        design = Design(direction=direction, sd=sd, prior_sd=prior_sd, alpha=alpha)
        for effect in (-5.0, 0.0, 5.0):
            for looks in ([1], [7], range(1, 5)):
                found = operating_characteristics(design, effect, looks=looks)
                assert 0 <= found.power <= 1
                assert 1 <= found.expected_values <= looks[-1] * (1 + 1e-4)
                assert math.isnan(found.expected_values_to_signal) == (found.power == 0)


@pytest.mark.slow
def test_two_hundred_looks_give_a_number() -> None:
    found = operating_characteristics(Design(sd=1.0), 0.0, looks=range(1, 201))

    assert 0.02 < found.power < 0.05


@pytest.mark.parametrize(
    ("effect", "looks", "message"),
    [(math.nan, [3], "effect is nan"), (5.1, [3], "effect is 5.1"), (0.0, [], "looks has 0"),
     (0.0, [2, 2], r"looks\[1\] is 2"), (0.0, [0], r"looks\[0\] is 0"),
     (0.0, [1.5], r"looks\[0\] is 1.5"), (0.0, [201], r"looks\[0\] is 201")],
)  # fmt: skip
def test_bad_questions_are_refused(effect: float, looks: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operating_characteristics(Design(), effect, looks=looks)
