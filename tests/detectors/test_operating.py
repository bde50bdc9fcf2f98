"""Operating characteristics against exact fractions, SciPy and simulation."""

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from detectors import operating
from detectors.counts import Table
from detectors.disproportionality.ic import ic
from detectors.disproportionality.ror import ror
from detectors.operating import Decide, probability_of_finding

EXACT = 1e-12  # what the function promises


def at_least(least: int) -> Decide:
    return lambda table: np.asarray(table.n_pair >= least)


def ror_lower_above_one(table: Table) -> NDArray[np.bool_]:
    return np.asarray((ror(table).lower > 1) & (table.n_pair >= 3))


@st.composite
def margins(draw: st.DrawFn) -> tuple[int, int, int]:
    total = draw(st.integers(1, 60))
    return draw(st.integers(0, total)), draw(st.integers(0, total)), total


def exact_chance(decide: Decide, n: int, m: int, total: int, psi: Fraction) -> Fraction:
    """Enumerate all tables with these margins, in fractions."""
    counts = range(max(0, n + m - total), min(n, m) + 1)
    ways = {k: math.comb(m, k) * math.comb(total - m, n - k) * psi**k for k in counts}
    found = [w for k, w in ways.items() if decide(Table([k], [n], [m], [total]))[0]]
    return Fraction(sum(found)) / sum(ways.values())


@given(
    margins(), st.integers(0, 8), st.sampled_from(["1/1000000", "1/3", "1", "2", "7", "1000000"])
)
@settings(max_examples=200)
def test_small_tables_agree_with_an_enumeration_in_fractions(
    margin: tuple[int, int, int], least: int, ratio: str
) -> None:
    n, m, total = margin
    decide, psi = at_least(least), Fraction(ratio)

    chance = probability_of_finding(
        decide, n_product=n, n_event=m, n_total=total, odds_ratio=float(psi)
    )

    assert float(chance) == pytest.approx(float(exact_chance(decide, n, m, total, psi)), abs=EXACT)


@given(margins())
@settings(max_examples=50)
def test_a_real_criterion_agrees_with_an_enumeration_in_fractions(
    margin: tuple[int, int, int],
) -> None:
    n, m, total = margin

    chance = probability_of_finding(ror_lower_above_one, n_product=n, n_event=m, n_total=total)

    exact = exact_chance(ror_lower_above_one, n, m, total, Fraction(1))
    assert float(chance) == pytest.approx(float(exact), abs=EXACT)


@pytest.mark.parametrize(
    ("n", "m", "total", "least"),
    [(1_000, 1_000, 10**6, 3), (10_000, 5_000, 10**6, 70), (2_000, 2_500, 10**5, 90)],
)
@pytest.mark.parametrize("psi", [1, 2, 5])
def test_large_tables_agree_with_whole_numbers(
    n: int, m: int, total: int, least: int, psi: int
) -> None:
    chance = probability_of_finding(
        at_least(least), n_product=n, n_event=m, n_total=total, odds_ratio=psi
    )

    # Neighbours' ratios in 50 digits; 2,000 counts are all that matter for these margins.
    with mpmath.workdps(50):
        terms = [mpmath.mpf(1)]
        for k in range(2_000 if n > 1_000 else 999):
            up = mpmath.mpf((n - k) * (m - k) * psi) / ((k + 1) * (total - n - m + k + 1))
            terms.append(terms[-1] * up)
        exact = mpmath.fsum(terms[least:]) / mpmath.fsum(terms)
    assert float(chance) == pytest.approx(float(exact), abs=EXACT)


@pytest.mark.parametrize("psi", [1.0, 0.4, 3.0])
def test_the_noncentral_distribution_agrees_with_scipy(psi: float) -> None:
    n, m, total = 300, 200, 5_000

    chance = probability_of_finding(
        at_least(20), n_product=n, n_event=m, n_total=total, odds_ratio=psi
    )

    reference = stats.nchypergeom_fisher.sf(19, total, m, n, psi)
    assert float(chance) == pytest.approx(float(reference), abs=1e-11)  # SciPy's, from 1 - cdf


def test_millions_of_reports_agree_with_the_normal_law_and_add_up() -> None:
    margin = {"n_product": 10**6, "n_event": 10**8, "n_total": 10**9}

    below, equal, above = (
        float(probability_of_finding(decide, **margin))
        for decide in (
            lambda table: table.n_pair < 100_000,
            lambda table: table.n_pair == 100_000,
            lambda table: table.n_pair > 100_000,
        )
    )

    sd = math.sqrt(1e5 * 0.9 * 0.999)
    assert equal == pytest.approx(1 / (sd * math.sqrt(2 * math.pi)), rel=1e-4)  # 1 / variance
    assert below + equal + above == pytest.approx(1.0, abs=EXACT)
    assert below == pytest.approx(0.5, abs=0.01)  # the normal law is symmetric, this almost


def test_a_reach_that_ends_in_the_likely_counts_is_doubled() -> None:
    margin = {"n_product": 40_000, "n_event": 50_000, "n_total": 100_000}

    everything = probability_of_finding(at_least(0), **margin)
    seen: list[Table] = []

    def keep(table: Table) -> NDArray[np.bool_]:
        seen.append(table)
        return np.asarray(table.n_pair >= 20_000)

    probability_of_finding(keep, **margin)
    assert everything == 1.0
    counts = seen[0].n_pair
    # 11 standard deviations of 77 hold all but 1e-28; they are more than the first reach.
    assert counts.min() < 20_000 - 11 * 77
    assert counts.max() > 20_000 + 11 * 77
    assert np.array_equal(counts, np.arange(counts.min(), counts.max() + 1))


@given(margins(), st.integers(0, 6))
@settings(max_examples=60)
def test_a_greater_effect_is_found_more_often_and_a_higher_bar_less(
    margin: tuple[int, int, int], least: int
) -> None:
    n, m, total = margin
    by_effect = probability_of_finding(
        at_least(least), n_product=n, n_event=m, n_total=total, odds_ratio=[0.2, 1.0, 5.0]
    )
    higher = probability_of_finding(at_least(least + 1), n_product=n, n_event=m, n_total=total)

    assert (np.diff(by_effect) >= -1e-15).all()
    assert higher <= by_effect[1] + 1e-15


def test_margins_and_effects_broadcast_and_each_is_as_alone() -> None:
    n, ratio = np.array([[100], [200], [400]]), np.array([1.0, 2.0])

    chances = probability_of_finding(
        at_least(3), n_product=n, n_event=1_000, n_total=100_000, odds_ratio=ratio
    )

    assert chances.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            alone = probability_of_finding(
                at_least(3), n_product=n[i, 0], n_event=1_000, n_total=100_000, odds_ratio=ratio[j]
            )
            assert alone.shape == ()
            assert chances[i, j] == alone


def test_no_margins_give_no_chances() -> None:
    chances = probability_of_finding(at_least(1), n_product=[], n_event=[], n_total=[])

    assert chances.shape == (0,)


def test_an_undefined_measure_is_no_finding() -> None:
    chance = probability_of_finding(ror_lower_above_one, n_product=5, n_event=0, n_total=10)

    assert chance == 0.0


@pytest.mark.slow
def test_simulated_tables_meet_the_criterion_as_often() -> None:
    rng = np.random.default_rng(seed=19350101)
    n, m, total, n_tables = 2_000, 500, 100_000, 400_000
    drawn = rng.hypergeometric(m, total - m, n, n_tables)

    def decide(table: Table) -> NDArray[np.bool_]:
        return np.asarray(ic(table.n_pair, table.expected).lower > 0)

    share = decide(Table(drawn, n, m, total)).mean()
    chance = float(probability_of_finding(decide, n_product=n, n_event=m, n_total=total))

    assert 0.001 < chance < 0.1
    assert abs(share - chance) < 4 * math.sqrt(chance / n_tables)  # standard errors


def _is_reported(table: Table) -> object:
    return table.n_pair >= 1


def _chance(decide: Callable[[Table], object] = _is_reported, **changed: object) -> object:
    given_margins = {"n_product": 3, "n_event": 4, "n_total": 10} | changed
    return probability_of_finding(decide, **given_margins)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _chance(n_product=-1), r"n_product is -1: must not be negative"),
        (lambda: _chance(n_event=[1, 1.5]), r"n_event\[1\] is 1\.5: must be whole"),
        (lambda: _chance(n_total=2), r"n_product is 3: must not exceed n_total"),
        (lambda: _chance(n_event=11), r"n_event is 11: must not exceed n_total"),
        (lambda: _chance(odds_ratio=0.0), r"odds_ratio is 0\.0: must be at least 1e-06"),
        (lambda: _chance(odds_ratio=np.inf), r"odds_ratio is inf: must be at most 1e\+06"),
        (
            lambda: _chance(odds_ratio=1e6 + 0.5),
            r"odds_ratio is 1000000\.5: must be at most 1e\+06",
        ),
        (lambda: _chance(odds_ratio=1 / (1e6 + 0.5)), r"odds_ratio is 9\.9\S+: must be at least"),
        (lambda: _chance(odds_ratio=[1, np.nan]), r"odds_ratio\[1\] is nan: must not be missing"),
        (lambda: _chance(n_product=[1, 2], n_event=[1, 2, 3]), r"shape mismatch"),
        (lambda: _chance(lambda table: table.n_pair), r"decide gave int64 of shape \(4,\)"),
        (lambda: _chance(lambda _: np.array(True)), r"decide gave bool of shape \(\)"),
    ],
)
def test_bad_input_is_refused_by_name_and_rule(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_more_likely_counts_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "GREATEST_REACH", 128)

    with pytest.raises(ValueError, match=r"n_total: more than 128 counts are likely"):
        probability_of_finding(at_least(1), n_product=10**6, n_event=10**6, n_total=10**7)


def test_as_many_counts_as_are_allowed_are_enumerated_and_one_more_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operating, "GREATEST_REACH", 64)
    monkeypatch.setattr(operating, "NEGLIGIBLE", 0.0)  # so that every count is needed
    seen: list[int] = []

    def keep(table: Table) -> NDArray[np.bool_]:
        seen.append(table.n_pair.size)
        return np.asarray(table.n_pair >= 0)

    probability_of_finding(keep, n_product=128, n_event=128, n_total=256)
    assert seen == [129]  # 64 to either side of the likeliest
    with pytest.raises(ValueError, match=r"n_total: more than 64 counts are likely"):
        probability_of_finding(keep, n_product=130, n_event=130, n_total=260)


def test_two_counts_equally_likely_among_more_than_can_be_enumerated() -> None:
    # (n + 1) (m + 1) / (N + 2) is a whole number, so that it and the one below have equal chances
    margin = {"n_product": 10**9 - 1, "n_event": 10**9 - 1, "n_total": 10**10 - 2}
    assert operating.GREATEST_REACH < 10**8

    lower, upper = (
        float(probability_of_finding(decide, **margin))
        for decide in (
            lambda table: table.n_pair == 10**8 - 1,
            lambda table: table.n_pair == 10**8,
        )
    )

    sd = math.sqrt(1e8 * 0.9 * 0.9)
    assert lower == upper
    assert upper == pytest.approx(1 / (sd * math.sqrt(2 * math.pi)), rel=1e-7)  # the normal law


def test_counts_that_are_left_out_are_as_unlikely_as_promised() -> None:
    seen: list[Table] = []

    def keep(table: Table) -> NDArray[np.bool_]:
        seen.append(table)
        return np.asarray(table.n_pair >= 0)

    probability_of_finding(keep, n_product=1_000, n_event=64_000, n_total=10**6)

    last = int(seen[0].n_pair.max())  # 64 beyond the mean are 8 standard deviations: not enough
    assert stats.hypergeom.sf(last, 10**6, 64_000, 1_000) < 1e-28
    assert seen[0].n_pair.min() == 0
