"""The eighteen edge tables: for each measure a number, or the reason why there is none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from detectors.counts import Table
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from detectors.estimate import DEFINED

EDGE_TABLES = pd.read_csv(
    Path(__file__).parents[3] / ".." / "shared/reference/disproportionality/edge_tables.csv"
)

# Cells, then the states of PRR, ROR and chi-square. The reference holds 0 for a ratio without
# a report and an infinity for one with no report elsewhere; here both are a state.
DECISIONS: dict[tuple[int, ...], tuple[str, ...]] = {
    (0, 1, 0, 1): ("no_report", "no_report", "no_event"),
    (0, 5, 3, 1000): ("no_report", "no_report", DEFINED),
    (1, 0, 0, 100): ("no_other_report", "no_other_report", DEFINED),
    (1, 0, 64271, 1132215): (DEFINED, "no_other_event", DEFINED),
    (1, 9, 0, 90): ("no_other_report", "no_other_report", DEFINED),
    (1, 29, 2, 300): (DEFINED, DEFINED, DEFINED),
    (2, 3, 5, 7): (DEFINED, DEFINED, DEFINED),
    (3, 0, 0, 3): ("no_other_report", "no_other_report", DEFINED),
    (1, 1, 1, 1): (DEFINED, DEFINED, DEFINED),
    (5, 25, 10, 10000): (DEFINED, DEFINED, DEFINED),
    (12, 988, 500, 998500): (DEFINED, DEFINED, DEFINED),
    (25, 10000, 10000, 10000000): (DEFINED, DEFINED, DEFINED),
    (3, 12, 1000, 4000000): (DEFINED, DEFINED, DEFINED),
    (500, 100000, 200000, 20000000): (DEFINED, DEFINED, DEFINED),
    (10, 20, 30, 40): (DEFINED, DEFINED, DEFINED),
    (4, 26, 1, 2969): (DEFINED, DEFINED, DEFINED),
    (30, 0, 70, 900): (DEFINED, "no_other_event", DEFINED),
    (0, 30, 70, 900): ("no_report", "no_report", DEFINED),
}

# Not in the file: what is left when a margin is empty.
EMPTY_MARGINS: dict[tuple[int, ...], tuple[str, ...]] = {
    (0, 0, 0, 0): ("no_report", "no_report", "no_product", "no_expected"),
    (0, 0, 2, 3): ("no_report", "no_report", "no_product", DEFINED),
    (2, 3, 0, 0): ("no_comparator", "no_comparator", "no_comparator", DEFINED),
    (2, 0, 3, 0): ("no_variation", "no_other_event", "no_variation", DEFINED),
    (2, 3, 4, 0): (DEFINED, "no_background", DEFINED, DEFINED),
}


def table_of(cells: tuple[int, ...]) -> Table:
    a, b, c, d = cells
    return Table(a, a + b, a + c, a + b + c + d)


@pytest.mark.parametrize("row", EDGE_TABLES.to_numpy().tolist(), ids=lambda row: str(row[:4]))
def test_an_edge_table_has_numbers_or_a_reason(row: list[float]) -> None:
    expected = dict(zip(EDGE_TABLES.columns, row, strict=True))
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
    assert states == DECISIONS[cells]
    for name, (value, state) in found.items():
        if state == DEFINED:
            assert_allclose(value, expected[name], rtol=1e-12, atol=1e-12, err_msg=name)
        else:
            assert np.isnan(value), name


def test_every_edge_table_is_decided() -> None:
    assert [tuple(row) for row in EDGE_TABLES[list("abcd")].to_numpy()] == list(DECISIONS)


@pytest.mark.parametrize(("cells", "states"), list(EMPTY_MARGINS.items()))
def test_an_empty_margin_is_named(cells: tuple[int, ...], states: tuple[str, ...]) -> None:
    table = table_of(cells)

    found = (prr(table), ror(table), chi_square(table), ic(table.n_pair, table.expected))

    assert tuple(each.state.item() for each in found) == states
