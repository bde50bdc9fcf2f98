"""The eighteen edge tables: for each measure a number, or the reason why there is none."""

import numpy as np
import pandas as pd
import pytest
from data import reference_table
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror, ror_haldane
from detectors.estimate import DEFINED


def edge_tables() -> pd.DataFrame:
    return reference_table("disproportionality/edge_tables.csv")


def edge_rows() -> list[list[float]]:
    rows: list[list[float]] = edge_tables().to_numpy().tolist()
    return rows


# Why Fisher's test gives what it gives. It is defined wherever there is a report, and so is
# Haldane's ratio, which no empty cell stops.
CERTAIN = "the margins leave this table alone: 1, and a half as a mid-p value"
LEAST = "no table has fewer reports of the pair: 1, and less as a mid-p value"
GREATEST = "no table has more reports of the pair: its own probability, and half of it"
BETWEEN = "some tables have fewer and some have more"

# Cells, then the states of PRR, ROR and chi-square, and the reason for Fisher's numbers. The
# reference holds 0 for a ratio without a report and an infinity for one with no report elsewhere;
# here both are a state.
DECISIONS: dict[tuple[int, ...], tuple[str, ...]] = {
    (0, 1, 0, 1): ("no_report", "no_report", "no_event", CERTAIN),
    (0, 5, 3, 1000): ("no_report", "no_report", DEFINED, LEAST),
    (1, 0, 0, 100): ("no_other_report", "no_other_report", DEFINED, GREATEST),
    (1, 0, 64271, 1132215): (DEFINED, "no_other_event", DEFINED, GREATEST),
    (1, 9, 0, 90): ("no_other_report", "no_other_report", DEFINED, GREATEST),
    (1, 29, 2, 300): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (2, 3, 5, 7): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (3, 0, 0, 3): ("no_other_report", "no_other_report", DEFINED, GREATEST),
    (1, 1, 1, 1): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (5, 25, 10, 10000): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (12, 988, 500, 998500): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (25, 10000, 10000, 10000000): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (3, 12, 1000, 4000000): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (500, 100000, 200000, 20000000): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (10, 20, 30, 40): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (4, 26, 1, 2969): (DEFINED, DEFINED, DEFINED, BETWEEN),
    (30, 0, 70, 900): (DEFINED, "no_other_event", DEFINED, GREATEST),
    (0, 30, 70, 900): ("no_report", "no_report", DEFINED, LEAST),
}

# Not in the file: what is left when a margin is empty. States of PRR, ROR, chi-square, IC,
# Haldane's ratio and Fisher's test; to the last, a product that was never reported with any event
# is no gap but a certainty.
EMPTY_MARGINS: dict[tuple[int, ...], tuple[str, ...]] = {
    (0, 0, 0, 0): ("no_report", "no_report", "no_product", "no_expected", "empty", "empty"),
    (0, 0, 2, 3): ("no_report", "no_report", "no_product", DEFINED, DEFINED, DEFINED),
    (2, 3, 0, 0): ("no_comparator", "no_comparator", "no_comparator", DEFINED, DEFINED, DEFINED),
    (2, 0, 3, 0): ("no_variation", "no_other_event", "no_variation", DEFINED, DEFINED, DEFINED),
    (2, 3, 4, 0): (DEFINED, "no_background", DEFINED, DEFINED, DEFINED, DEFINED),
}


def table_of(cells: tuple[int, ...]) -> Table:
    a, b, c, d = cells
    return Table(a, a + b, a + c, a + b + c + d)


@pytest.mark.each_of("row", edge_rows, ids=lambda row: str(row[:4]))
def test_an_edge_table_has_numbers_or_a_reason(row: list[float]) -> None:
    expected = dict(zip(edge_tables().columns, row, strict=True))
    cells = tuple(int(expected[cell]) for cell in "abcd")
    table = table_of(cells)
    ratio, odds, corrected, plain = (
        prr(table),
        ror(table),
        chi_square(table),
        ic(table.n_pair, table.expected),
    )
    found = {
        "PRR": (ratio.point, ratio.state),
        "PRR_lo": (ratio.lower, ratio.state),
        "PRR_hi": (ratio.upper, ratio.state),
        "ROR": (odds.point, odds.state),
        "ROR_lo": (odds.lower, odds.state),
        "ROR_hi": (odds.upper, odds.state),
        "chi2_yates": (corrected.value, corrected.state),
        "chi2": (chi_square(table, correction=None).value, corrected.state),
        "IC": (plain.point, plain.state),
        "IC025": (plain.lower, plain.state),
        "IC975": (plain.upper, plain.state),
    }

    states = (ratio.state.item(), odds.state.item(), corrected.state.item())
    assert states == DECISIONS[cells][:3]
    for name, (value, state) in found.items():
        if state == DEFINED:
            assert_allclose(value, expected[name], rtol=1e-12, atol=1e-12, err_msg=name)
        else:
            assert np.isnan(value), name


@pytest.mark.each_of("row", edge_rows, ids=lambda row: str(row[:4]))
def test_an_edge_table_has_exact_numbers_for_a_reason(row: list[float]) -> None:
    expected = dict(zip(edge_tables().columns, row, strict=True))
    cells = tuple(int(expected[cell]) for cell in "abcd")
    table = table_of(cells)

    halved, whole, mid = ror_haldane(table), fisher(table), fisher(table, mid_p=True)

    assert {each.state.item() for each in (halved, whole, mid)} == {DEFINED}
    found = [halved.point, halved.lower, whole.p, mid.p]
    names = ["ROR_haldane", "ROR_haldane_lo", "fisher_greater", "fisher_midp_greater"]
    # The file's probabilities are off by up to 7e-10, as a sum of binomials in 40 digits shows.
    assert_allclose(found, [expected[name] for name in names], rtol=1e-9)
    log_p, log_taken = whole.log_p.item(), mid.log_p.item() - whole.log_p.item()
    takes_half = log_taken == pytest.approx(np.log(0.5), rel=1e-14)  # rounding of the logarithms
    reasons = {
        CERTAIN: log_p == 0 and takes_half,
        LEAST: log_p == 0 and not takes_half,
        GREATEST: log_p < 0 and takes_half,
        BETWEEN: log_p < 0 and not takes_half,
    }
    assert [reason for reason, holds in reasons.items() if holds] == [DECISIONS[cells][3]]


def test_every_edge_table_is_decided() -> None:
    assert [tuple(row) for row in edge_tables()[list("abcd")].to_numpy()] == list(DECISIONS)


@pytest.mark.parametrize(("cells", "states"), list(EMPTY_MARGINS.items()))
def test_an_empty_margin_is_named(cells: tuple[int, ...], states: tuple[str, ...]) -> None:
    table = table_of(cells)

    found = (
        prr(table),
        ror(table),
        chi_square(table),
        ic(table.n_pair, table.expected),
        ror_haldane(table),
        fisher(table),
    )

    assert tuple(each.state.item() for each in found) == states
