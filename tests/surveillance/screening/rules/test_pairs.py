"""A criterion decides as the statistics of `detectors` say, at the edges too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.counts import Table, TableCells
from detectors.disproportionality import ebgm
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.ic import expected_limit, ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from detectors.estimate import DEFINED
from surveillance.configuration.types import (
    Eb05,
    Ema,
    Evans,
    IcLower,
    PrrLower,
    RorLower,
    Sentinel,
)
from surveillance.screening.rules import rule_of
from surveillance.screening.rules.rule import Beside

cell = st.integers(0, 6) | st.integers(0, 2_000) | st.integers(0, 9_000)
tables = st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=30)
Drawn = list[tuple[int, int, int, int]]
PRIOR = ebgm.Prior(3.26, 0.4, 2.02, 1.91, 0.065)  # near that of CAERS


def both(drawn: Drawn) -> tuple[TableCells, Table]:
    a, b, c, d = np.array(drawn, np.int64).T
    n_pair, n_product, n_event = a, a + b, a + c
    whole = n_product + c + d
    cells = TableCells(*(one.astype(np.float64) for one in (a, b, c, d)))
    return cells, Table(n_pair, n_product, n_event, whole)


@given(st.tuples(cell, cell, cell, cell))
def test_cells_follow_from_the_margins(drawn: tuple[int, int, int, int]) -> None:
    a, b, c, d = drawn
    n_pair, n_product, n_event = np.array([[a], [a + b], [a + c]], np.int64)

    cells = TableCells.from_margins(n_pair, n_product, n_event, a + b + c + d)

    assert [one.tolist() for one in cells] == [[float(n)] for n in drawn]


@given(tables, st.sampled_from([1.5, 2.0, 3.0]), st.integers(1, 4))
@settings(max_examples=150)
def test_evans_agrees_with_prr_and_chi_square(drawn: Drawn, least: float, min_count: int) -> None:
    cells, table = both(drawn)
    ratio, yates = prr(table), chi_square(table)
    # An event that was never reported otherwise has no PRR; the rule takes it as beyond any.
    is_high = np.where(
        ratio.state == DEFINED, ratio.point >= least * (1 - 1e-12), ratio.state == "no_other_report"
    )
    clear = np.abs(ratio.point - least) > 1e-9 * least  # at a tie, see the next test
    should = is_high & (np.nan_to_num(yates.value) >= 4.0) & (table.n_pair >= min_count)

    met = rule_of(Evans(name="evans", prr=least, min_count=min_count))(cells)

    where = clear | np.isnan(ratio.point)
    assert met[where].tolist() == should[where].tolist()


def test_evans_holds_at_exactly_twice_the_share() -> None:
    # 40 of 100 against 200 of 1,000: a ratio of 2, chi-square well above 4.
    cells, table = both([(40, 60, 200, 800), (39, 61, 200, 800)])
    assert prr(table).point[0] == 2.0

    assert rule_of(Evans(name="evans"))(cells).tolist() == [True, False]


@pytest.mark.parametrize(
    ("table", "is_met"),
    [
        ((5, 5, 0, 100), True),  # never reported without the product
        ((5, 5, 0, 0), False),  # no other product was reported
        ((5, 0, 0, 0), False),
        ((0, 0, 0, 0), False),
        ((5, 0, 5, 0), False),  # every report has the event
        ((2, 0, 0, 1_000), False),  # fewer than three
    ],
)
def test_evans_on_empty_cells(table: tuple[int, int, int, int], is_met: bool) -> None:  # noqa: FBT001 - what should be
    assert rule_of(Evans(name="evans"))(both([table])[0]).tolist() == [is_met]


@given(tables, st.sampled_from([1.0, 2.0]), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=150)
def test_ror_agrees_with_the_lower_limit(drawn: Drawn, above: float, level: float) -> None:
    cells, table = both(drawn)
    estimate = ror(table, confidence_level=level)
    clear = (estimate.state != DEFINED) | (np.abs(estimate.lower - above) > 1e-9)

    met = rule_of(RorLower(name="ror", above=above, confidence_level=level, min_count=1))(cells)

    assert met[clear].tolist() == (estimate.lower > above)[clear].tolist()


@pytest.mark.parametrize("empty", range(4))
def test_ror_is_not_met_with_an_empty_cell(empty: int) -> None:
    table = [50, 1, 1, 5_000]
    full = both([(50, 1, 1, 5_000)])[0]
    table[empty] = 0

    decide = rule_of(RorLower(name="ror", min_count=1))

    assert decide(full).tolist() == [True]
    assert decide(both([(table[0], table[1], table[2], table[3])])[0]).tolist() == [False]


@given(tables, st.sampled_from([1.0, 2.0]), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=150)
def test_prr_agrees_with_the_lower_limit(drawn: Drawn, above: float, level: float) -> None:
    cells, table = both(drawn)
    estimate = prr(table, confidence_level=level)
    clear = (estimate.state != DEFINED) | (np.abs(estimate.lower - above) > 1e-9)

    met = rule_of(PrrLower(name="prr", above=above, confidence_level=level, min_count=1))(cells)

    assert met[clear].tolist() == (estimate.lower > above)[clear].tolist()


@given(tables, st.data())
@settings(max_examples=100)
def test_ema_asks_fewer_cases_of_products_under_additional_monitoring(
    drawn: Drawn, data: st.DataObject
) -> None:
    cells, table = both(drawn)
    is_additional = np.array(data.draw(st.lists(st.booleans(), min_size=len(drawn))), np.bool_)
    is_additional = is_additional[: len(drawn)]
    estimate = ror(table)
    clear = (estimate.state != DEFINED) | (np.abs(estimate.lower - 1) > 1e-9)
    is_enough = table.n_pair >= np.where(is_additional, 3, 5)

    met = rule_of(Ema(name="ema", additional_monitoring=("product:P",)))(
        cells, Beside(is_product=lambda _: is_additional)
    )

    assert met[clear].tolist() == ((estimate.lower > 1) & is_enough)[clear].tolist()


def test_ema_without_a_list_asks_five_cases_of_every_product() -> None:
    cells, _ = both([(4, 10, 4, 10_000), (5, 10, 4, 10_000)])

    assert rule_of(Ema(name="ema"))(cells).tolist() == [False, True]


@given(tables, st.sampled_from([1.0, 2.0, 4.0]))
@settings(max_examples=100)
def test_eb05_agrees_with_the_score(drawn: Drawn, at_least: float) -> None:
    cells, table = both(drawn)
    scored = ebgm.score(table.n_pair, np.nan_to_num(table.expected), PRIOR)
    eb05 = scored.quantile(0.05)
    is_excess = table.n_pair > np.nan_to_num(table.expected)
    clear = np.abs(eb05 - at_least) > 1e-9
    criterion = Eb05(name="eb05", at_least=at_least, min_count=1)

    met = rule_of(criterion)(cells, Beside(prior=PRIOR))

    should = (eb05 >= at_least) & is_excess & (table.n_pair >= 1)
    assert met[clear].tolist() == should[clear].tolist()


def test_eb05_follows_another_prior_at_once() -> None:
    cells, _ = both([(6, 94, 54, 9_846)])  # 0.6 expected
    decide = rule_of(Eb05(name="eb05"))
    narrow = ebgm.Prior(50.0, 50.0, 50.0, 50.0, 0.5)

    assert decide(cells, Beside(prior=PRIOR)).tolist() == [True]
    assert decide(cells, Beside(prior=narrow)).tolist() == [False]
    assert decide(cells, Beside(prior=PRIOR)).tolist() == [True]


def test_eb05_is_not_met_without_a_prior() -> None:
    assert rule_of(Eb05(name="eb05"))(both([(50, 5, 5, 10_000)])[0]).tolist() == [False]


@given(tables, st.sampled_from([0.025, 0.05, 0.005]))
@settings(max_examples=150)
def test_ic_agrees_with_the_lower_limit(drawn: Drawn, tail: float) -> None:
    cells, table = both(drawn)

    met = rule_of(IcLower(name="ic", tail=tail))(cells)

    estimate = ic(table.n_pair, table.expected, tail=tail)
    assert met.tolist() == (estimate.lower > 0).tolist()


@pytest.mark.parametrize("n", [3, 10, 500])
def test_ic_is_met_just_below_the_limit_and_not_just_above_it(n: int) -> None:
    limit = float(expected_limit(n))
    one = np.array([1.0])

    def of(expected: float) -> TableCells:  # a + b = E, a + c = total, so that n is expected
        return TableCells(n * one, (expected - n) * one, 0 * one, (n - expected) * one)

    assert rule_of(IcLower(name="ic"))(of(limit * (1 - 1e-12))).tolist() == [True]
    assert rule_of(IcLower(name="ic"))(of(limit * (1 + 1e-12))).tolist() == [False]


def test_ic_asks_for_as_many_cases_as_can_meet_it_at_all() -> None:
    assert rule_of(IcLower(name="ic")).min_count == 3
    assert rule_of(IcLower(name="ic", min_count=7)).min_count == 7
    assert expected_limit(2) == 0


def test_a_sentinel_is_met_from_its_smallest_count_on() -> None:
    decide = rule_of(Sentinel(name="s", products=("*",), events=("pt:Death",)))

    assert decide(both([(0, 1, 1, 1), (1, 0, 0, 0)])[0]).tolist() == [False, True]


def test_no_report_at_all_meets_nothing() -> None:
    everything = (
        Evans(name="e"), PrrLower(name="p"), RorLower(name="r"), Ema(name="m"),
        IcLower(name="i"), Eb05(name="b"),
    )  # fmt: skip
    for criterion in everything:
        assert not rule_of(criterion)(both([(0, 0, 0, 0)])[0], Beside(prior=PRIOR)).any()
