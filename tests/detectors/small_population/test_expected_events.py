"""Expected events and their distributions against definitions, twins and simulation."""

import itertools
import math

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, stats

from detectors.small_population import expected_events as expected

TABLE = expected.HazardTable(
    np.array([0.0, 1.0, 5.0, np.inf]), np.array([[0.2, 0.05, 0.01], [0.4, 0.1, 0.0]])
)
hazards = st.lists(st.floats(1e-4, 5.0), min_size=1, max_size=12)


@given(
    spells=st.lists(
        st.tuples(st.integers(0, 1), st.floats(0.0, 9.0), st.floats(0.0, 9.0)), max_size=8
    )
)
@settings(deadline=None)
def test_a_cumulative_hazard_is_the_integral_over_the_time_at_risk(
    spells: list[tuple[int, float, float]],
) -> None:
    found = (
        expected.cumulative_hazards(
            TABLE,
            patient=np.arange(len(spells)),
            stratum=[row for row, _, _ in spells],
            entry=[min(x, y) for _, x, y in spells],
            leaving=[max(x, y) for _, x, y in spells],
            n_patients=len(spells),
        )
        if spells
        else np.zeros(0)
    )

    for value, (row, x, y) in zip(found, spells, strict=True):
        low, high = min(x, y), max(x, y)
        points = sorted({low, high, *(e for e in (1.0, 5.0) if low < e < high)})
        exact = sum(
            (b - a) * TABLE.hazards[row, int(np.searchsorted([1.0, 5.0], (a + b) / 2))]
            for a, b in itertools.pairwise(points)
        )
        assert_allclose(value, exact, rtol=1e-12, atol=1e-15)


def test_a_gap_and_a_late_entry_are_no_time_at_risk_and_order_does_not_matter() -> None:
    spells = {
        "patient": np.array([0, 0, 1]),
        "stratum": np.array([0, 0, 1]),
        "entry": np.array([0.5, 3.0, 2.0]),
        "leaving": np.array([2.0, 6.0, 4.0]),
    }

    found = expected.cumulative_hazards(TABLE, **spells, n_patients=3)
    turned = expected.cumulative_hazards(
        TABLE, **{name: values[::-1] for name, values in spells.items()}, n_patients=3
    )

    assert_allclose(found, [0.1 + 0.05 + 0.1 + 0.01, 0.2, 0.0], rtol=1e-14)
    assert found.tobytes() == turned.tobytes()


@given(each=hazards)
@settings(max_examples=60, deadline=None)
def test_poisson_masses_are_those_of_the_sum(each: list[float]) -> None:
    found = expected.poisson(each)

    counts = np.arange(found.masses.size)
    exact = stats.poisson.pmf(counts, math.fsum(each))
    assert_allclose(found.masses, exact, rtol=1e-10, atol=1e-300)  # of SciPy's, far in the tail


@given(each=st.lists(st.floats(0.0, 6.0), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_at_most_one_event_a_patient_agrees_with_every_pattern(each: list[float]) -> None:
    found = expected.poisson_binomial(each)

    exact = np.zeros(len(each) + 1)
    for pattern in itertools.product((0, 1), repeat=len(each)):
        chances = [
            -math.expm1(-h) if met else math.exp(-h) for met, h in zip(pattern, each, strict=True)
        ]
        exact[sum(pattern)] += math.prod(chances)
    assert_allclose(found.masses, exact, rtol=1e-12, atol=1e-300)
    assert found.masses.tobytes() == expected.poisson_binomial(each[::-1]).masses.tobytes()


@pytest.mark.parametrize("k", [0.3, 1.0, 7.5])
@pytest.mark.parametrize("each", [[0.2, 1.5, 3.0], [0.01, 4.0], [2.0, 2.0, 2.0, 0.5]])
def test_between_patient_variation_agrees_with_convolution(each: list[float], k: float) -> None:
    found = expected.negative_binomial(each, dispersion=k)

    with mpmath.workdps(30):
        total = [mpmath.mpf(1)]
        for h in each:
            q = mpmath.mpf(h) / (mpmath.mpf(h) + mpmath.mpf(k))
            one = [mpmath.rf(k, n) / mpmath.factorial(n) * q**n * (1 - q) ** k for n in range(30)]
            total = [
                mpmath.fsum(total[i] * one[n - i] for i in range(min(n + 1, len(total))))
                for n in range(30)
            ]
    assert_allclose(found.masses[:30], [float(x) for x in total], rtol=1e-11)
    counts = np.arange(found.masses.size)
    assert_allclose((counts * found.masses).sum(), math.fsum(each), rtol=1e-10)
    variance = sum(h + h * h / k for h in each)
    mean = math.fsum(each)
    assert_allclose(((counts - mean) ** 2 * found.masses).sum(), variance, rtol=1e-9)
    assert 0.0 < found.beyond < 1e-15


def test_a_single_patient_and_a_common_factor_are_negative_binomial() -> None:
    one = expected.negative_binomial([3.0], dispersion=0.7)
    cohort = expected.negative_binomial([1.0, 2.0], dispersion=0.7, variation="cohort")

    exact = stats.nbinom.pmf(np.arange(40), 0.7, 0.7 / 3.7)
    assert_allclose(one.masses[:40], exact, rtol=1e-12)
    assert cohort.masses.tobytes() == one.masses.tobytes()


def test_patients_who_are_nearly_alike_join_those_who_are_alike() -> None:
    alike = expected.negative_binomial([0.8] * 6, dispersion=0.5)
    nearly = expected.negative_binomial([0.8] * 5 + [0.8 * (1 + 1e-13)], dispersion=0.5)

    assert_allclose(nearly.masses[:60], alike.masses[:60], rtol=1e-11)  # two ways of one number


def test_without_variation_the_negative_binomial_is_poisson() -> None:
    near = expected.negative_binomial([0.5, 2.0], dispersion=1e9)

    assert_allclose(near.masses[:20], stats.poisson.pmf(np.arange(20), 2.5), rtol=1e-6)  # 1 / k


def test_more_variation_makes_a_cluster_less_surprising() -> None:
    each = [0.1] * 5
    tails = [
        expected.tail_probability(expected.negative_binomial(each, dispersion=k), 3)
        for k in (math.inf, 5.0, 1.0, 0.3)
    ]

    assert tails == sorted(tails)
    assert_allclose(tails[0], stats.poisson.sf(2, 0.5), rtol=1e-12)


def test_an_uncertain_dispersion_is_averaged_over() -> None:
    each = [0.2, 0.4, 0.1]
    known = expected.log_normal_dispersion(1.0, log_sd=0.8)
    found = expected.tail_probability(expected.negative_binomial(each, dispersion=known), 3)

    def integrand(z: float) -> float:
        one = expected.negative_binomial(each, dispersion=math.exp(0.8 * z))
        return expected.tail_probability(one, 3) * float(stats.norm.pdf(z))

    exact = integrate.quad(integrand, -7, 7, epsabs=1e-12)[0]
    assert_allclose(found, exact, atol=1e-9)  # as stated
    assert_allclose(
        found,
        expected.tail_probability(
            expected.negative_binomial(
                each, dispersion=expected.log_normal_dispersion(1.0, log_sd=0.8, n_nodes=161)
            ),
            3,
        ),
        atol=1e-10,
    )


def test_a_gamma_dispersion_has_its_moments() -> None:
    found = expected.gamma_dispersion(3.0, rate=2.0)
    values, weights = np.array(found.values), np.array(found.weights)

    assert_allclose((values * weights).sum(), 1.5, rtol=1e-9)
    assert_allclose(((values - 1.5) ** 2 * weights).sum(), 0.75, rtol=1e-8)


@pytest.mark.slow
def test_simulated_counts_agree() -> None:
    rng = np.random.default_rng(11)
    each, n = np.array([0.05, 0.3, 0.9, 1.4]), 200_000
    events = rng.poisson(each * rng.gamma(0.5, 2.0, (n, 4))).sum(axis=1)
    first = (rng.random((n, 4)) < -np.expm1(-each)).sum(axis=1)

    recurrent = expected.negative_binomial(each, dispersion=0.5)
    once = expected.poisson_binomial(each)

    for count in (0, 1, 3):
        for seen, found in ((events, recurrent), (first, once)):
            mass = found.masses[count]
            error = 3 * math.sqrt(mass * (1 - mass) / n)  # standard errors
            assert_allclose((seen == count).mean(), mass, atol=error)


def test_a_p_value_keeps_its_level_and_a_quantile_inverts() -> None:
    for found in (
        expected.poisson([0.3, 1.0]),
        expected.poisson_binomial([0.3, 1.0, 2.0]),
        expected.negative_binomial([0.3, 1.0], dispersion=0.4),
    ):
        tails = [expected.tail_probability(found, n) for n in range(min(20, found.masses.size))]
        size = sum(m for m, p in zip(found.masses.tolist(), tails, strict=False) if p <= 0.05)
        assert size <= 0.05
        for q in (0.025, 0.3, 0.5, 0.8, 0.975):
            n = expected.count_quantile(found, q)
            below = expected.tail_probability(found, n, alternative="less")
            assert below >= q - 1e-12
            assert n == 0 or below - found.masses[n] < q + 1e-12


def test_masses_reach_a_far_count_when_asked() -> None:
    short = expected.poisson([0.01])
    with pytest.raises(ValueError, match="make them with least_reach=60"):
        expected.tail_probability(short, 60)

    found = expected.tail_probability(expected.poisson([0.01], least_reach=60), 60)

    exact = float(mpmath.gammainc(60, 0, mpmath.mpf("0.01"), regularized=True))
    assert_allclose(found, exact, rtol=1e-11)


def test_the_regimes_of_one_to_thirty_patients_give_numbers() -> None:
    for mean, n, k in itertools.product((1e-4, 0.5, 50.0, 500.0), (1, 5, 30), (0.3, 2.0, math.inf)):
        each = np.linspace(0.5, 1.5, n) * mean / n
        found = expected.negative_binomial(each, dispersion=k, least_reach=5)
        assert_allclose(math.fsum(found.masses), 1.0, atol=1e-12)
        assert 0 <= expected.tail_probability(found, 5) <= 1
        assert found.beyond < 1e-12
        assert_allclose(
            (np.arange(found.masses.size) * found.masses).sum(), math.fsum(each), rtol=1e-8
        )
        cohort = expected.negative_binomial(each, dispersion=k, variation="cohort")
        assert_allclose(math.fsum(cohort.masses), 1.0, atol=1e-12)
        once = expected.poisson_binomial(each)
        assert_allclose(math.fsum(once.masses), 1.0, atol=1e-12)


def test_no_hazard_is_no_event() -> None:
    for found in (expected.poisson([0.0, 0.0]), expected.poisson_binomial([0.0])):
        assert found.masses[0] == 1.0
        assert expected.tail_probability(found, 1) == 0.0
        assert expected.count_quantile(found, 0.9) == 0


def spell(**change: object) -> object:
    one = {"patient": [0], "stratum": [0], "entry": [1.0], "leaving": [2.0], "n_patients": 1}
    return expected.cumulative_hazards(TABLE, **{**one, **change})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leaving": [0.5]}, r"leaving\[0\] is 0.5: must not be before entry"),
        ({"entry": [-1.0]}, "must not be negative"),
        ({"entry": [np.nan]}, r"entry\[0\] is nan: must not be missing"),
        ({"stratum": [2]}, r"stratum\[0\] is 2: is no row"),
        ({"patient": [1]}, r"patient\[0\] is 1: must be below n_patients"),
        ({"patient": [0, 0]}, "must be of one length"),
        (
            {"patient": [0, 0], "stratum": [0, 0], "entry": [0.0, 1.0], "leaving": [2.0, 3.0]},
            "overlaps a spell",
        ),
    ],
)
def test_a_spell_that_makes_no_sense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spell(**change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: expected.HazardTable(np.array([0.0, 0.0]), np.array([[1.0]])), "must rise"),
        (lambda: expected.HazardTable(np.array([0.0, 1.0]), np.array([[-1.0]])), "not be negative"),
        (lambda: expected.HazardTable(np.array([0.0, 1.0]), np.ones((1, 2))), "a column for each"),
        (lambda: expected.poisson([-0.1]), "must not be negative"),
        (lambda: expected.poisson([np.nan]), "must not be missing"),
        (lambda: expected.poisson([2e4]), "must be at most 10000"),
        (lambda: expected.negative_binomial([1.0], dispersion=0.0), "dispersion is 0.0"),
        (lambda: expected.negative_binomial([1.0], dispersion=math.nan), "dispersion is nan"),
        (lambda: expected.Dispersion((1.0,), (0.5,)), "add up to 0.5"),
        (lambda: expected.Dispersion((0.0,), (1.0,)), r"values\[0\] is 0.0"),
        (lambda: expected.log_normal_dispersion(0.0, log_sd=1.0), r"median is 0\.0: must be above"),
        (lambda: expected.log_normal_dispersion(1.0, log_sd=3.0), r"log_sd is 3\.0: must lie in"),
        (lambda: expected.log_normal_dispersion(1.0, log_sd=1.0, n_nodes=8), "n_nodes is 8: must"),
        (lambda: expected.gamma_dispersion(0.5, rate=1.0), r"shape is 0\.5: must be at least 1"),
        (lambda: expected.gamma_dispersion(2.0, rate=0.0), r"rate is 0\.0: must be above 0"),
        (lambda: expected.count_quantile(expected.poisson([1.0]), 1.0), "probability is 1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    assert callable(make)

    with pytest.raises(ValueError, match=message):
        make()
