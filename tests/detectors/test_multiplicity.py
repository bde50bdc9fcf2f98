"""Step-up procedures and e-values against published examples, their definitions, and simulation."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, hypergeom, norm, poisson

from detectors.e_value import p_to_e
from detectors.multiplicity import Decisions, bh, by, e_bh, storey_q

PUBLISHED = [  # Benjamini and Hochberg (1995), section 4.1
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
    *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]

grid_p = st.integers(0, 64).map(lambda k: k / 64)  # ties, both ends, and exact products
p_lists = st.lists(st.one_of(grid_p, st.floats(0.0, 1.0)), min_size=1, max_size=12)
grid_e = st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0, math.inf])
e_lists = st.lists(st.one_of(grid_e, st.floats(0.0, 1e4)), min_size=1, max_size=12)
alphas = st.sampled_from([1 / 64, 1 / 16, 1 / 8, 0.25, 0.5])
P_PROCEDURES = [bh, by, storey_q]

every_procedure = pytest.mark.parametrize("procedure", [bh, by, storey_q, e_bh])
every_p_procedure = pytest.mark.parametrize("procedure", P_PROCEDURES)


def step_up_by_definition(p: list[float], alpha: float, price: Fraction) -> list[bool]:
    """Reject the k smallest for the greatest k whose k-th is at most alpha k / (m price)."""
    m, exact = len(p), [Fraction(x) for x in p]
    limits = [Fraction(alpha) * k / (m * price) for k in range(1, m + 1)]
    passed = [limit for limit, x in zip(limits, sorted(exact), strict=True) if x <= limit]
    return [bool(passed) and x <= passed[-1] for x in exact]


def e_step_up_by_definition(e: list[float], alpha: float) -> list[bool]:
    """Reject the k strongest for the greatest k whose k-th is at least m / (k alpha)."""
    limits = [len(e) / (Fraction(alpha) * k) for k in range(1, len(e) + 1)]
    passed = [x for limit, x in zip(limits, sorted(e, reverse=True), strict=True) if x >= limit]
    return [bool(passed) and x >= passed[-1] for x in e]


def beside(x: float, step: int) -> float:
    """Go some doubles up or down."""
    for _ in range(abs(step)):
        x = math.nextafter(x, math.inf if step > 0 else 0.0)
    return x


def harmonic(m: int) -> Fraction:
    return sum((Fraction(1, i) for i in range(1, m + 1)), Fraction(0))


def arrays_of(found: Decisions) -> list[NDArray[Any]]:
    return [found.rejected, found.adjusted, found.log_adjusted]


def test_bh_rejects_the_four_of_the_published_example() -> None:
    found = bh(PUBLISHED, alpha=0.05)

    assert found.rejected.tolist() == [True] * 4 + [False] * 11
    assert found.threshold == pytest.approx(0.05 * 4 / 15, rel=1e-15)  # the paper prints 0.013
    assert (found.n_rejected, found.n_hypotheses, found.null_fraction) == (4, 15, 1.0)


@pytest.mark.parametrize(("procedure", "method"), [(bh, "bh"), (by, "by")])
@given(p=p_lists)
def test_adjusted_values_equal_those_of_scipy(
    procedure: Callable[..., Decisions], method: Literal["bh", "by"], p: list[float]
) -> None:
    found = procedure(p, alpha=0.05)

    # a few roundings each; below 1e-308 doubles have no relative precision
    twin = false_discovery_control(p, method=method)
    assert_allclose(found.adjusted, twin, rtol=4e-15, atol=1e-307)


@pytest.mark.parametrize("procedure", [bh, by])
@given(p=p_lists, alpha=alphas)
def test_a_procedure_rejects_what_its_definition_in_exact_fractions_rejects(
    procedure: Callable[..., Decisions], p: list[float], alpha: float
) -> None:
    found = procedure(p, alpha=alpha)

    m = len(p)
    price = harmonic(m) if procedure is by else Fraction(1)
    assert found.rejected.tolist() == step_up_by_definition(p, alpha, price)


@pytest.mark.parametrize("procedure", [bh, by])
@given(
    alpha=st.floats(1e-6, 0.9),
    ranks=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    steps=st.lists(st.integers(-2, 2), min_size=40, max_size=40),
)
@example(alpha=0.05, ranks=[3, 3, 3], steps=[0] * 40)
@example(alpha=0.05, ranks=[6] * 6, steps=[0] * 40)
@example(alpha=0.05, ranks=[12] * 12, steps=[0] * 40)
@example(alpha=0.05, ranks=[24] * 24, steps=[1] * 40)
def test_on_a_limit_and_a_double_beside_it_decides_what_exact_fractions_decide(
    procedure: Callable[..., Decisions], alpha: float, ranks: list[int], steps: list[int]
) -> None:
    m = len(ranks)
    price = harmonic(m) if procedure is by else Fraction(1)
    limits = [Fraction(alpha) * min(k, m) / (m * price) for k in ranks]
    p = [beside(float(x), step) for x, step in zip(limits, steps, strict=False)]

    found = procedure(p, alpha=alpha)

    assert found.rejected.tolist() == step_up_by_definition(p, alpha, price)
    assert_array_equal(found.rejected, found.adjusted <= alpha)
    assert_array_equal(found.rejected, np.array(p) <= found.threshold)


@given(
    alpha=st.floats(1e-6, 0.9),
    ranks=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    steps=st.lists(st.integers(-2, 2), min_size=40, max_size=40),
)
def test_on_a_limit_and_a_double_beside_it_e_bh_decides_what_exact_fractions_decide(
    alpha: float, ranks: list[int], steps: list[int]
) -> None:
    m = len(ranks)
    limits = [m / (Fraction(alpha) * min(k, m)) for k in ranks]
    e = [beside(float(x), step) for x, step in zip(limits, steps, strict=False)]

    found = e_bh(e, alpha=alpha)

    assert found.rejected.tolist() == e_step_up_by_definition(e, alpha)
    assert_array_equal(found.rejected, found.adjusted <= alpha)
    assert_array_equal(found.rejected, np.array(e) >= found.threshold)


@given(
    alpha=st.floats(1e-6, 0.45),
    ranks=st.lists(st.integers(1, 20), min_size=1, max_size=20),
    steps=st.lists(st.integers(-2, 2), min_size=20, max_size=20),
)
def test_on_a_limit_and_a_double_beside_it_storey_decides_what_exact_fractions_decide(
    alpha: float, ranks: list[int], steps: list[int]
) -> None:
    m = len(ranks)  # every p is below lambda, so that the estimate is 1 / (m (1 - lambda))
    limits = [Fraction(alpha) * k / 2 for k in ranks]
    p = [min(beside(float(x), step), 0.5) for x, step in zip(limits, steps, strict=False)]

    found = storey_q(p, alpha=alpha)

    assert found.rejected.tolist() == step_up_by_definition(p, alpha, Fraction(2, m))


@pytest.mark.parametrize("procedure", [bh, by, e_bh])
@given(alpha=st.floats(1e-6, 0.9), m=st.integers(1, 40), data=st.data())
def test_a_logarithm_of_a_limit_is_on_the_limit(
    procedure: Callable[..., Decisions], alpha: float, m: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, m))
    price = harmonic(m) if procedure is by else Fraction(1)
    limit = float(Fraction(alpha) * k / (m * price))
    weak = -math.inf if procedure is e_bh else 0.0
    strong = -math.log(limit) if procedure is e_bh else math.log(limit)

    found = procedure([strong] * k + [weak] * (m - k), alpha=alpha, is_log=True)

    assert found.n_rejected == k
    assert_array_equal(found.rejected, found.log_adjusted <= math.log(alpha))


@pytest.mark.parametrize("is_log", [False, True])
@given(p=p_lists)
def test_the_largest_p_comes_back_unchanged(p: list[float], is_log: bool) -> None:  # noqa: FBT001
    with np.errstate(divide="ignore"):
        values = np.log(p) if is_log else np.array(p)

    found = bh(values, alpha=0.05, is_log=is_log)

    adjusted = found.log_adjusted if is_log else found.adjusted
    assert adjusted.max() == values.max()


@pytest.mark.parametrize("m", [1, 2, 3, 10, 1_000])
def test_the_price_of_by_is_the_harmonic_sum(m: int) -> None:
    found = by([1e-9], alpha=0.05, n_hypotheses=m)

    assert found.null_fraction == 1.0
    # digamma and Euler's constant, and two products
    assert found.adjusted[0] == pytest.approx(1e-9 * m * float(harmonic(m)), rel=1e-15)


@given(p_lists, alphas, st.sampled_from([0.25, 0.5, 0.75]))
@example([0.01, 0.5], 0.25, 0.5)  # a p at lambda is not above it
def test_storey_follows_its_definition(p: list[float], alpha: float, lambda_: float) -> None:
    found = storey_q(p, alpha=alpha, lambda_=lambda_)

    m = len(p)
    fraction = (1 + sum(x > lambda_ for x in p)) / ((1 - lambda_) * m)
    rates = {t: fraction * m * t / sum(x <= t for x in p) if t <= lambda_ else 1.0 for t in p}
    q = [min(1.0, *(rate for t, rate in rates.items() if t >= x), 1.0) for x in p]
    assert found.null_fraction == pytest.approx(fraction, rel=1e-15)  # one rounding each
    assert_allclose(found.adjusted, q, rtol=1e-15, atol=1e-307)
    assert_array_equal(found.rejected, found.adjusted <= alpha)


def test_the_estimate_of_storey_exceeds_one_and_is_not_cut() -> None:
    found = storey_q([0.01, 0.9, 0.95, 1.0], alpha=0.05)

    assert found.null_fraction == 2.0
    assert found.adjusted[0] == 0.08  # bh says 0.04


def test_storey_rejects_no_p_above_lambda() -> None:
    found = storey_q([0.001] * 20 + [0.3], alpha=0.5, lambda_=0.25)

    assert found.rejected.tolist() == [True] * 20 + [False]
    assert found.threshold == 0.25


@given(e_lists, alphas)
def test_e_bh_rejects_what_its_definition_rejects(e: list[float], alpha: float) -> None:
    found = e_bh(e, alpha=alpha)

    assert found.rejected.tolist() == e_step_up_by_definition(e, alpha)
    assert_array_equal(found.rejected, found.adjusted <= alpha)


@given(e_lists, alphas)
def test_e_bh_is_bh_on_one_over_e(e: list[float], alpha: float) -> None:
    found = e_bh(e, alpha=alpha)

    p = [min(1.0, 1 / x) if x else 1.0 for x in e]
    # one over e is rounded in the twin; e below 1 counts as p = 1 there, which changes nothing
    # below 1
    twin = bh(p, alpha=alpha).adjusted
    assert_allclose(found.adjusted, twin, rtol=1e-15, atol=1e-307)


@every_procedure
@given(values=p_lists, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_values_changes_no_bit(
    procedure: Callable[..., Decisions], values: list[float], seed: int
) -> None:
    given_values = np.array(values)
    shuffled = np.random.default_rng(seed).permutation(given_values.size)

    found, again = (procedure(x, alpha=0.1) for x in (given_values, given_values[shuffled]))

    for left, right in zip(arrays_of(found), arrays_of(again), strict=True):
        assert left[shuffled].tobytes() == right.tobytes()
    assert found.threshold == again.threshold


@every_procedure
@given(values=p_lists)
def test_tied_values_share_their_decision(
    procedure: Callable[..., Decisions], values: list[float]
) -> None:
    found = procedure(values + values, alpha=0.1)

    first, second = np.split(found.adjusted, 2)
    assert first.tobytes() == second.tobytes()


@every_p_procedure
@given(p=st.lists(st.floats(1e-300, 1.0), min_size=1, max_size=12))
def test_logarithms_give_the_same_adjusted_values(
    procedure: Callable[..., Decisions], p: list[float]
) -> None:
    plain = procedure(p, alpha=0.05)

    in_logs = procedure(np.log(p), alpha=0.05, is_log=True)

    # a logarithm of up to 690 carries an error of 1e-13, which is relative outside
    assert_allclose(in_logs.adjusted, plain.adjusted, rtol=1e-12)
    assert_allclose(in_logs.log_adjusted, plain.log_adjusted, atol=1e-12)
    if plain.n_rejected == in_logs.n_rejected:
        assert in_logs.threshold == pytest.approx(math.log(plain.threshold), rel=1e-13)


@every_p_procedure
def test_a_tail_below_the_smallest_double_is_kept_in_logarithms(
    procedure: Callable[..., Decisions],
) -> None:
    found = procedure([-50_000.0, -40_000.0, -0.1], alpha=0.05, is_log=True)

    assert found.rejected.tolist() == [True, True, False]
    assert found.adjusted[0] == 0.0
    assert -50_000.0 < found.log_adjusted[0] < -49_998.0
    assert found.log_adjusted[0] < found.log_adjusted[1] < -39_998.0


def test_e_bh_takes_logarithms_beyond_the_greatest_double() -> None:
    found = e_bh([5_000.0, math.inf, -math.inf, 3.0], alpha=0.05, is_log=True)

    assert found.rejected.tolist() == [True, True, False, False]
    assert found.log_adjusted.tolist()[:2] == [math.log(2) - 5_000.0, -math.inf]
    assert found.threshold == pytest.approx(math.log(4 / (0.05 * 2)), rel=1e-15)  # one rounding


@every_procedure
def test_a_nan_is_not_in_the_family(procedure: Callable[..., Decisions]) -> None:
    values = np.array([[0.001, math.nan], [0.03, 0.9]])

    found = procedure(values, alpha=0.05)

    alone = procedure([0.001, 0.03, 0.9], alpha=0.05)
    assert found.n_hypotheses == 3
    assert found.rejected.tolist()[0][1] is False
    assert np.isnan(found.adjusted[0, 1])
    assert np.isnan(found.log_adjusted[0, 1])
    assert found.adjusted[[0, 1, 1], [0, 0, 1]].tobytes() == alone.adjusted.tobytes()


@pytest.mark.parametrize("n_rejected", [0, 1, 2, 3])
def test_the_threshold_is_the_limit_of_the_last_rejected_or_of_the_first(n_rejected: int) -> None:
    p = [0.001] * n_rejected + [1.0] * (4 - n_rejected)
    e = [1_000.0] * n_rejected + [0.0] * (4 - n_rejected)
    k = max(n_rejected, 1)

    assert bh(p, alpha=0.05).threshold == pytest.approx(0.05 * k / 4, rel=1e-15)
    assert by(p, alpha=0.05).threshold == pytest.approx(0.05 * k / (4 * 25 / 12), rel=1e-15)
    assert storey_q(p, alpha=0.05).threshold == pytest.approx(
        0.05 * k / (2 * (1 + 4 - n_rejected)), rel=1e-15
    )
    assert e_bh(e, alpha=0.05).threshold == pytest.approx(4 / (0.05 * k), rel=1e-15)
    assert e_bh(e, alpha=0.05).null_fraction == 1.0


@every_procedure
@pytest.mark.parametrize("values", [[], [math.nan]])
def test_a_family_of_none_has_no_decision(
    procedure: Callable[..., Decisions], values: list[float]
) -> None:
    found = procedure(values, alpha=0.05)

    assert found.rejected.shape == (len(values),)
    assert (found.n_rejected, found.n_hypotheses) == (0, 0)
    assert math.isnan(found.threshold)


@pytest.mark.parametrize("procedure", [bh, by])
@given(p=st.floats(0.0, 1.0))
def test_one_hypothesis_keeps_its_p(procedure: Callable[..., Decisions], p: float) -> None:
    found = procedure(p, alpha=0.05)

    assert found.adjusted.shape == found.rejected.shape == found.log_adjusted.shape == ()
    assert isinstance(found.rejected, np.ndarray)
    assert found.adjusted == pytest.approx(p, rel=1e-15)  # the harmonic sum of one is 1 - 1e-16
    assert found.rejected == (p <= 0.05)


@every_p_procedure
def test_all_ones_are_kept_and_all_zeros_rejected(procedure: Callable[..., Decisions]) -> None:
    ones, zeros = (procedure(np.full(5, p), alpha=0.05) for p in (1.0, 0.0))

    assert ones.adjusted.tolist() == [1.0] * 5
    assert ones.n_rejected == 0
    assert zeros.adjusted.tolist() == [0.0] * 5
    assert zeros.log_adjusted.tolist() == [-math.inf] * 5
    assert zeros.n_rejected == 5


@every_p_procedure
@given(p=p_lists, alpha=st.sampled_from([0.05, 0.25]))
def test_a_part_with_the_size_of_the_family_decides_as_the_whole(
    procedure: Callable[..., Decisions], p: list[float], alpha: float
) -> None:
    whole = procedure(p, alpha=alpha)
    kept = np.array(p) <= 0.5  # above alpha and lambda_

    part = procedure(np.array(p)[kept], alpha=alpha, n_hypotheses=len(p))

    is_small = whole.adjusted[kept] <= alpha
    assert_array_equal(part.rejected, whole.rejected[kept])
    assert part.adjusted[is_small].tobytes() == whole.adjusted[kept][is_small].tobytes()
    assert (part.adjusted >= whole.adjusted[kept]).all()
    assert part.n_rejected == whole.n_rejected
    assert part.threshold == whole.threshold
    assert part.null_fraction == whole.null_fraction


@given(e_lists, alphas)
def test_a_part_of_the_e_values_decides_as_the_whole(e: list[float], alpha: float) -> None:
    whole = e_bh(e, alpha=alpha)
    kept = np.array(e) >= 1 / alpha

    part = e_bh(np.array(e)[kept], alpha=alpha, n_hypotheses=len(e))

    is_small = whole.adjusted[kept] <= alpha
    assert_array_equal(part.rejected, whole.rejected[kept])
    assert part.adjusted[is_small].tobytes() == whole.adjusted[kept][is_small].tobytes()
    assert part.n_rejected == whole.n_rejected
    assert part.threshold == whole.threshold


def test_an_exact_p_of_a_count_not_above_its_expectation_exceeds_a_half() -> None:
    margins = np.array(
        [(total, a, b) for total in range(2, 25) for a in range(total) for b in range(total)]
    ).T
    total, n_product, n_event = margins
    highest = n_product * n_event // total

    exact = hypergeom.sf(highest - 1, total, n_product, n_event)

    assert (exact > 0.5).all()
    means = np.arange(1.0, 2_000.0)
    assert np.all(poisson.sf(means - 1, means) > 0.5)


@every_procedure
def test_the_values_given_are_not_changed(procedure: Callable[..., Decisions]) -> None:
    values = np.array([0.9, 0.01, math.nan, 0.2])

    procedure(values, alpha=0.05)

    assert_array_equal(values, [0.9, 0.01, math.nan, 0.2])


@every_p_procedure
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": [0.1, -0.1]}, r"p\[1\] is -0\.1: must be at least 0"),
        ({"p": [[1.5]]}, r"p\[0, 0\] is 1\.5: must be at most 1"),
        ({"p": [0.1], "is_log": True}, r"p\[0\] is 0\.1: must be at most 0"),
        ({"p": ["a"]}, r"p holds <U1: must be numbers"),
        ({"p": [0.1], "alpha": 0.0}, r"alpha is 0\.0: must lie between 0\.0 and 1\.0"),
        ({"p": [0.1], "alpha": 1.0}, r"alpha is 1\.0: must lie between 0\.0 and 1\.0"),
        ({"p": [0.1, 0.2], "n_hypotheses": 1}, r"n_hypotheses is 1: must be at least the 2 tested"),
        ({"p": [0.1], "n_hypotheses": 1.5}, r"n_hypotheses is 1\.5: must be whole"),
    ],
)
def test_a_procedure_refuses_what_is_out_of_range(
    procedure: Callable[..., Decisions], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        procedure(**{"alpha": 0.05} | arguments)


def test_e_bh_refuses_a_negative_e_and_an_alpha_of_one() -> None:
    with pytest.raises(ValueError, match=r"e\[1\] is -1\.0: must be at least 0"):
        e_bh([1.0, -1.0], alpha=0.05)
    with pytest.raises(ValueError, match=r"alpha is 1\.0"):
        e_bh([1.0], alpha=1.0)


@pytest.mark.parametrize("lambda_", [0.0, 1.0, math.nan])
def test_storey_refuses_a_lambda_out_of_range(lambda_: float) -> None:
    with pytest.raises(ValueError, match=r"lambda_ is .*: must lie between"):
        storey_q([0.1], alpha=0.05, lambda_=lambda_)


def false_discovery_rates(
    procedure: Callable[[NDArray[np.float64]], Decisions], values: NDArray[np.float64], n_null: int
) -> tuple[float, float]:
    """Give the mean fraction of false rejections, the nulls being first, and its error."""
    fractions = []
    for row in values:
        rejected = procedure(row).rejected
        fractions.append(rejected[:n_null].sum() / max(1, rejected.sum()))
    return float(np.mean(fractions)), float(np.std(fractions) / math.sqrt(len(fractions)))


@pytest.mark.slow
def test_the_false_discovery_rate_of_bh_is_alpha_times_the_null_fraction() -> None:
    rng = np.random.default_rng(19950101)
    z = rng.standard_normal((4_000, 40)) + np.where(np.arange(40) < 30, 0.0, 3.0)
    p = norm.sf(z)

    rate, error = false_discovery_rates(lambda row: bh(row, alpha=0.2), p, n_null=30)

    assert rate == pytest.approx(0.2 * 30 / 40, abs=4 * error)  # equality holds if independent


@pytest.mark.slow
def test_the_false_discovery_rate_of_storey_is_below_alpha_and_near_it() -> None:
    rng = np.random.default_rng(20040101)
    z = rng.standard_normal((4_000, 40)) + np.where(np.arange(40) < 20, 0.0, 3.0)
    p = norm.sf(z)

    rate, error = false_discovery_rates(lambda row: storey_q(row, alpha=0.2), p, n_null=20)

    assert 0.17 < rate < 0.2 + 4 * error  # bh has 0.1


@pytest.mark.slow
def test_by_and_e_bh_hold_under_the_dependence_that_breaks_bh() -> None:
    # Guo and Rao (2008) attain the bound of BY so: with chance alpha / k a set of k nulls, drawn
    # at random, lies just within the k-th limit, and the others are far above all limits.
    rng, m, alpha = np.random.default_rng(20010101), 20, 0.2
    share = alpha / (m * np.arange(1, m + 1))
    n_small = rng.choice(m + 1, size=6_000, p=[1 - m * share.sum(), *(m * share)])
    p = np.empty((n_small.size, m))
    for row, k in zip(p, n_small, strict=True):
        row[:] = rng.uniform(alpha, 1.0, size=m)
        row[rng.permutation(m)[:k]] = alpha * (k - rng.random()) / m
    e = p_to_e(p).e

    broken, error = false_discovery_rates(lambda row: bh(row, alpha=alpha), p, n_null=m)
    kept = [
        false_discovery_rates(procedure, values, n_null=m)
        for procedure, values in (
            (lambda row: by(row, alpha=alpha), p),
            (lambda row: e_bh(row, alpha=alpha), e),
        )
    ]

    assert broken > alpha + 4 * error
    for rate, its_error in kept:
        assert rate <= alpha + 4 * its_error


@pytest.mark.slow
def test_e_bh_holds_where_one_reports_evidence_is_shared_by_all() -> None:
    rng = np.random.default_rng(20220101)
    shared = rng.standard_normal((20_000, 1))
    own = rng.standard_normal((20_000, 10)) * np.where(np.arange(10) % 2, 1.0, -1.0)
    z = 0.8 * shared * np.where(np.arange(10) % 2, 1.0, -1.0) + 0.6 * own
    e = np.exp(1.5 * z - 1.125)

    rate, error = false_discovery_rates(lambda row: e_bh(row, alpha=0.5), e, n_null=10)

    assert 0.01 < rate <= 0.5 + 4 * error
