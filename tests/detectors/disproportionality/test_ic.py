"""The information component against exact values, its definition, and its decision table."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from data import reference_json, reference_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import special

from detectors.counts import Table
from detectors.disproportionality.ic import expected_limit, ic

counts = st.integers(0, 10**7)
expectations = st.floats(0.0, 1e7)
tails = st.sampled_from([1e-5, 0.0005, 0.025, 0.05, 0.2])


def golden() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = reference_json("disproportionality/golden_mpmath.json")
    return rows


@pytest.mark.each_of("row", golden, ids=lambda row: f"{row['a']}-{row['b']}-{row['c']}")
def test_ic_matches_forty_digits(row: dict[str, str]) -> None:
    a, b, c, d = (int(row[cell]) for cell in "abcd")
    table = Table(a, a + b, a + c, a + b + c + d)

    usual, strict = (ic(table.n_pair, table.expected, tail=tail) for tail in (0.025, 0.0005))

    found = [usual.point, usual.lower, usual.upper, strict.lower]
    exact = [float(row[name]) for name in ("IC", "IC025", "IC975", "IC0005")]
    assert_allclose(found, exact, rtol=1e-12, atol=1e-15)  # an exact 0 has no relative error


def test_ic_matches_the_caers_reference() -> None:
    rows = reference_table("disproportionality/caers_2x2_reference.csv.xz")
    table = Table(rows.a, rows.a + rows.b, rows.a + rows.c, rows.a + rows.b + rows.c + rows.d)

    usual = ic(table.n_pair, table.expected)

    assert_allclose(usual.point, rows["IC"], rtol=1e-9, atol=1e-9)  # ten digits
    assert_allclose(usual.lower, rows["IC025"], rtol=1e-9, atol=1e-9)
    assert_allclose(usual.upper, rows["IC975"], rtol=1e-9, atol=1e-9)
    strict = ic(table.n_pair, table.expected, tail=0.0005)
    assert_allclose(strict.lower, rows["IC0005"], rtol=1e-8, atol=1e-9)


def test_ic_matches_pvda() -> None:
    rows = reference_table("disproportionality/caers_pvda.csv.xz")

    usual = ic(rows["obs"], rows["n_drug"] * rows["n_event"] / rows["n_tot"])

    assert_allclose(usual.lower, rows["ic2.5"], atol=1e-8)  # nine digits


@pytest.mark.parametrize("tail", [1e-5, 0.0005, 0.025, 0.4])
@pytest.mark.parametrize("n", [0, 1, 7, 199, 200, 5_000, 300_000, 1_000_000])
def test_limits_are_gamma_quantiles_to_thirteen_digits(n: int, tail: float) -> None:
    limits = ic(n, 0.5, tail=tail)  # E + 1/2 = 1: the limits are the quantiles themselves
    lower, upper = (2.0 ** float(limit) for limit in (limits.lower, limits.upper))
    error = 1e-13 + 2**-52 * abs(float(limits.lower))  # the power of 2 magnifies the last bit

    with mpmath.workdps(40):
        above = 1 - mpmath.mpf(tail)
    for below, quantile in ((tail, lower), (above, upper)):
        assert _gamma_cdf(n + 0.5, quantile * (1 - error)) < below
        assert _gamma_cdf(n + 0.5, quantile * (1 + error)) > below


def _gamma_cdf(shape: float, x: float) -> mpmath.mpf:
    with mpmath.workdps(40):
        a, x = mpmath.mpf(shape), mpmath.mpf(x)
        total = term = mpmath.mpf(1)
        k = 1
        while term > total * mpmath.mpf(10) ** -30:
            term *= x / (a + k)
            total += term
            k += 1
        return total * mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a + 1))


@pytest.mark.parametrize("tail", [1e-5, 0.0005, 0.025, 0.4])
@pytest.mark.parametrize("n", [10**9, 10**12, 2**53])
def test_limits_of_huge_counts_follow_the_expansion_of_the_quantile(n: int, tail: float) -> None:
    z = float(special.ndtri(1 - tail))
    shape = n + 0.5

    lower = float(expected_limit(n, tail=tail)) + 0.5

    # Cornish-Fisher; the next term is below 1e-16 of the whole for these counts.
    root = np.sqrt(shape)
    expansion = shape - z * root + (z * z - 1) / 3 - (z**3 - 7 * z) / (36 * root)
    assert_allclose(lower, expansion, rtol=1e-15)


@given(counts, expectations, tails)
def test_the_point_lies_within_its_limits(n: int, expected: float, tail: float) -> None:
    found = ic(n, expected, tail=tail)

    assert found.lower < found.upper
    assert found.point < found.upper
    assert found.lower < found.point


@given(counts, st.floats(0.0, 1e7), tails)
def test_one_more_report_raises_and_more_expected_lowers(
    n: int, expected: float, tail: float
) -> None:
    found = ic([n, n + 1, n], [expected, expected, 1.01 * expected + 0.01], tail=tail)

    for bits in (found.point, found.lower, found.upper):
        assert bits[1] > bits[0] > bits[2]


@given(st.integers(1, 10**6))
def test_as_many_as_expected_is_exactly_zero(n: int) -> None:
    assert ic(n, n).point == 0.0


@given(counts, tails, st.integers(-40, 40))
@settings(max_examples=400)
def test_the_decision_table_agrees_with_the_sign_to_the_last_bit(
    n: int, tail: float, steps: int
) -> None:
    limit = float(expected_limit(n, tail=tail))
    expected = max(0.0, limit + steps * np.spacing(limit))

    assert (ic(n, expected, tail=tail).lower > 0) == (expected < limit)


@pytest.mark.parametrize("tail", [1e-5, 0.0005, 0.025, 0.05, 0.2])
def test_the_decision_table_agrees_with_the_sign_next_to_every_limit(tail: float) -> None:
    n = np.arange(3_000)[:, np.newaxis]
    limit = expected_limit(n, tail=tail)
    expected = np.maximum(0.0, limit + np.arange(-3, 4) * np.spacing(limit))

    assert np.array_equal(ic(n, expected, tail=tail).lower > 0, expected < limit)


@given(counts, expectations, tails)
def test_the_decision_table_agrees_with_the_sign_anywhere(
    n: int, expected: float, tail: float
) -> None:
    is_high = ic(n, expected, tail=tail).lower > 0

    assert is_high == (expected < expected_limit(n, tail=tail))


def test_an_expectation_that_is_not_known_gives_no_number() -> None:
    found = ic([3, 3], [np.nan, 1.0])

    assert found.state.tolist() == ["no_expected", "defined"]
    for bits in (found.point, found.lower, found.upper):
        assert np.isnan(bits).tolist() == [True, False]


@pytest.mark.parametrize("tail", [0.0, 9e-6, 0.5, 0.975, np.nan])
def test_ic_refuses_a_tail_out_of_range(tail: float) -> None:
    for call in (lambda: ic(3, 1.0, tail=tail), lambda: expected_limit(3, tail=tail)):
        with pytest.raises(ValueError, match=r"tail is .*: must be at least 1e-05 and below"):
            call()


@pytest.mark.parametrize(
    ("n", "expected", "message"),
    [
        ([1, -1], 1.0, r"n\[1\] is -1: must not be negative"),
        (1.5, 1.0, r"n is 1\.5: must be whole"),
        (1, [1.0, -1.0], r"expected\[1\] is -1\.0: must not be negative"),
        (1, np.inf, r"expected is inf: must be finite"),
    ],
)
def test_ic_refuses_what_is_no_count_and_no_expectation(
    n: float, expected: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ic(n, expected)
