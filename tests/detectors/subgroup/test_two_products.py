"""Interactions of two products against exact values, their definition, and simulation."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from detectors.subgroup import Trio, exact_interaction, interaction, omega, omega_normal

GROUPS = ("both", "first", "second", "neither")

group = st.tuples(st.integers(0, 40), st.integers(0, 40))
groups = st.tuples(group, group, group, group)  # with the event, without


def trio_of(cells: object) -> Trio:
    counts = np.moveaxis(np.asarray(cells), (-2, -1), (0, 1))
    events = {f"event_{name}": counts[i, 0] for i, name in enumerate(GROUPS)}
    reports = {f"n_{name}": counts[i].sum(axis=0) for i, name in enumerate(GROUPS)}
    return Trio(**events, **reports)


def expected_by_rates(cells: tuple[tuple[int, int], ...]) -> mpmath.mpf:
    """Write the baseline in rates, as the paper does, at thirty digits."""
    f10, f01, f00 = (mpmath.mpf(yes) / (yes + no) for yes, no in cells[1:])
    odds = [mpmath.inf if f == 1 else f / (1 - f) for f in (f10, f01, f00)]
    total = max(odds[2], odds[0]) + max(odds[2], odds[1]) - odds[2]
    return sum(cells[0]) * (1 - 1 / (total + 1))


@given(groups)
@settings(max_examples=80)
def test_omega_is_its_definition(cells: tuple[tuple[int, int], ...]) -> None:
    found = omega(trio_of(cells))

    if found.state == "defined":
        with mpmath.workdps(30):
            shape, rate = cells[0][0] + mpmath.mpf(0.5), expected_by_rates(cells) + 0.5
            point = mpmath.log(shape / rate, 2)
            assert_allclose(float(found.point), float(point), rtol=1e-12, atol=1e-14)
            for limit, below in ((found.lower, 0.025), (found.upper, 0.975)):
                quantile = mpmath.mpf(2) ** mpmath.mpf(float(limit)) * rate
                share = mpmath.gammainc(shape, 0, quantile, regularized=True)
                assert_allclose(float(share), below, rtol=1e-10)  # of a probability
    else:
        is_empty = [sum(each) == 0 for each in cells]
        assert any(is_empty) or cells[3][1] == 0


@given(groups)
def test_the_two_products_play_the_same_part(cells: tuple[tuple[int, int], ...]) -> None:
    turned = (cells[0], cells[2], cells[1], cells[3])

    one, other = interaction(trio_of(cells)), interaction(trio_of(turned))

    # The odds are added in another order, which may change the last bit.
    assert_allclose(one.omega.lower, other.omega.lower, rtol=1e-12, atol=1e-14)
    if one.p_value.state == other.p_value.state == "defined":
        assert_allclose(one.p_value.log_p, other.p_value.log_p, rtol=1e-10, atol=1e-12)


def test_a_product_that_seems_to_protect_counts_as_none() -> None:
    plain = [(20, 80), (50, 950), (100, 9900), (100, 9900)]
    protected = [(20, 80), (50, 950), (1, 9999), (100, 9900)]

    one, other = omega(trio_of(plain)), omega(trio_of(protected))

    assert one.point == other.point


def test_an_event_on_every_report_of_one_product_is_expected_on_all_of_both() -> None:
    found = omega(trio_of([(9, 1), (5, 0), (3, 7), (10, 90)]))

    assert_allclose(found.point, np.log2(9.5 / 10.5), rtol=1e-14)


def test_additive_odds_do_not_interact_and_multiplied_odds_do() -> None:
    additive = trio_of([(3_000, 100_000 - 3_000), (100, 4_900), (100, 4_900), (50, 4_950)])
    multiplied = trio_of([(16, 100), (4, 100), (4, 100), (1, 100)])

    assert abs(float(omega(additive).point)) < 0.05
    assert omega(multiplied).point > 0.5
    assert exact_interaction(multiplied).p > 0.4


@given(groups, st.sampled_from([0.9, 0.95]))
def test_the_normal_limits_are_as_they_are_quoted(
    cells: tuple[tuple[int, int], ...], level: float
) -> None:
    trio = trio_of(cells)

    found, exact = omega_normal(trio, confidence_level=level), omega(trio)

    if found.state == "defined":
        z = {0.9: 1.6448536269514722, 0.95: 1.959963984540054}[level]
        half = z / (np.log(2) * np.sqrt(cells[0][0]))
        assert found.point == exact.point
        assert_allclose(found.point - found.lower, half, rtol=1e-9)  # a difference of two
        assert_allclose(found.upper - found.point, half, rtol=1e-9)  # as above
    elif exact.state == "defined":
        assert (found.state == "no_report") == (cells[0][0] == 0)
    else:
        assert found.state == exact.state


def test_normal_limits_need_a_joint_report_of_the_event() -> None:
    rest = [(5, 9), (3, 7), (10, 90)]

    none, one = (omega_normal(trio_of([(n, 2), *rest])) for n in (0, 1))

    assert none.state == "no_report"
    assert np.isnan([none.point, none.lower, none.upper]).all()
    assert one.state == "defined"
    half = 1.959963984540054 / np.log(2)
    assert_allclose([one.point - one.lower, one.upper - one.point], half, rtol=1e-12)


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([(0, 0), (5, 9), (3, 7), (10, 90)], "no_joint_report"),
        ([(1, 2), (0, 0), (3, 7), (10, 90)], "no_single_report"),
        ([(1, 2), (5, 9), (0, 0), (10, 90)], "no_single_report"),
        ([(1, 2), (5, 9), (3, 7), (0, 0)], "no_comparator"),
        ([(1, 2), (5, 9), (3, 7), (10, 0)], "no_background"),
        ([(0, 2), (5, 9), (3, 7), (10, 90)], "defined"),
    ],
)
def test_each_reason_has_its_state(cells: list[tuple[int, int]], state: str) -> None:
    found = omega(trio_of(cells))

    assert found.state == state
    assert np.isnan(found.point) == (state != "defined")


def test_the_exact_test_compares_the_odds_ratios_with_and_without_the_second() -> None:
    trio = trio_of([(4, 0), (1, 3), (1, 3), (1, 3)])

    greater, two_sided = (
        exact_interaction(trio, alternative=name) for name in ("greater", "two-sided")
    )

    # a = 3 and 4 of the first stratum: C(4,3) C(4,2) C(4,2) C(4,0) = 144 and 4 x 4 x 4 = 64.
    assert_allclose(greater.p, 64 / 208, rtol=1e-14)
    assert_allclose(two_sided.p, 64 / 208, rtol=1e-14)


@given(groups)
@settings(max_examples=50)
def test_more_joint_reports_of_the_event_never_weaken_the_evidence(
    cells: tuple[tuple[int, int], ...],
) -> None:
    (yes, no), *rest = cells
    stronger = ((yes + 1, no), *rest)

    one, other = interaction(trio_of(cells)), interaction(trio_of(stronger))

    if one.omega.state == other.omega.state == "defined":
        assert other.omega.lower > one.omega.lower
    if one.p_value.state == other.p_value.state == "defined":
        assert other.p_value.log_p <= one.p_value.log_p + 1e-12


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_counts_from_reports_are_those_of_the_four_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reports = (rng.random((50, 4)) < 0.4).astype(np.float64)
    event = rng.random(50) < 0.3

    found = Trio.from_reports(reports, event, first=[0, 0, 3], second=[1, 2, 1])

    for k, (i, j) in enumerate(((0, 1), (0, 2), (3, 1))):
        one, two = reports[:, i] == 1, reports[:, j] == 1
        for name, where in zip(
            GROUPS, (one & two, one & ~two, ~one & two, ~one & ~two), strict=True
        ):
            assert getattr(found, f"n_{name}")[k] == where.sum()
            assert getattr(found, f"event_{name}")[k] == (where & event).sum()


def test_an_element_has_the_same_bits_alone() -> None:
    cells = np.random.default_rng(4).integers(0, 30, size=(60, 4, 2))

    whole = interaction(trio_of(cells))

    for k in range(0, 60, 11):
        alone = interaction(trio_of(cells[k]))
        assert np.asarray(alone.omega.lower).tobytes() == whole.omega.lower[k].tobytes()
        assert np.asarray(alone.p_value.log_p).tobytes() == whole.p_value.log_p[k].tobytes()


def test_what_cannot_be_is_refused() -> None:
    counts = dict.fromkeys([f"n_{name}" for name in GROUPS], 5)
    events = dict.fromkeys([f"event_{name}" for name in GROUPS], 1)

    with pytest.raises(ValueError, match=r"event_second\[1\] is 6: must not exceed n_second"):
        Trio(**counts, **events | {"event_second": [1, 6]})
    with pytest.raises(ValueError, match=r"n_first is -1: must not be negative"):
        Trio(**counts | {"n_first": -1}, **events)
    with pytest.raises(ValueError, match="alternative is 'less'"):
        exact_interaction(Trio(**counts, **events), alternative="less")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"tail is 0\.5"):
        omega(Trio(**counts, **events), tail=0.5)
    for level in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"confidence_level is {level}"):
            omega_normal(Trio(**counts, **events), confidence_level=level)
    with pytest.raises(ValueError, match=r"first\[0\] is 1: must not be the same product"):
        Trio.from_reports([[1, 0]], [1], first=[1], second=[1])
    with pytest.raises(ValueError, match="must be pairs"):
        Trio.from_reports([[1, 0]], [1], first=[1], second=[0, 1])


def test_the_counts_cannot_be_written() -> None:
    trio = trio_of([(1, 2), (5, 9), (3, 7), (10, 90)])

    with pytest.raises(ValueError, match="read-only"):
        trio.n_both[...] = 0


def test_omega_rarely_exceeds_zero_without_interaction() -> None:
    rng = np.random.default_rng(2008)
    n = np.array([300, 4_000, 4_000, 50_000])[:, np.newaxis]
    odds = np.array([0.05 + 0.05 - 0.01, 0.05, 0.05, 0.01])[:, np.newaxis]
    events = rng.binomial(n, odds / (1 + odds), size=(4, 10_000))
    trio = trio_of(np.stack([events, n - events], axis=-1).swapaxes(0, 1))

    found = omega(trio)

    rate = float((found.lower > 0).mean())
    assert rate < 0.025 + 3 * 0.0016  # three standard errors; Poisson for binomial, and shrinkage
    assert rate > 0.01


def test_the_exact_test_holds_its_size_without_interaction() -> None:
    rng = np.random.default_rng(1971)
    n = np.array([30, 80, 60, 300])[:, np.newaxis]
    odds = np.array([0.02 * 3 * 2, 0.02 * 3, 0.02 * 2, 0.02])[:, np.newaxis]
    events = rng.binomial(n, odds / (1 + odds), size=(4, 1_000))
    trio = trio_of(np.stack([events, n - events], axis=-1).swapaxes(0, 1))

    found = exact_interaction(trio)

    assert np.nanmean(found.p <= 0.05) < 0.05 + 3 * 0.007  # three standard errors
    assert np.nanmean(found.p <= 0.2) > 0.02
