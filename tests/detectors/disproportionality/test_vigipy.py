"""Every column of vigipy 3.5.1 that has a counterpart here, and where it is another quantity.

vigipy takes the sum of the pairs' counts for the number of reports and for the margins. Given
the same margins, the numbers agree to the digits of the file. `GPS` columns are compared elsewhere.
"""

from functools import cache

import numpy as np
import pandas as pd
from data import public, reference_table
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import special

from detectors.counts import Table
from detectors.disproportionality.bcpnn import bcpnn_normal
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror, ror_haldane
from detectors.estimate import Estimate
from detectors.sequential.poisson_maxsprt import log_likelihood_ratio

N_PAIR_SUM = 19_917  # meta.json; there are 3,356 reports
DIGITS = 6e-9  # the file holds nine


def vigipy() -> pd.DataFrame:
    return reference_table("vigipy/caers_all_methods.csv.xz")


@cache
def table() -> Table:
    rows = vigipy()
    return Table(rows["Count"], rows["product margin"], rows["event margin"], N_PAIR_SUM)


@cache
def has_empty_cell() -> NDArray[np.bool_]:
    return np.asarray(np.any([cell == 0 for cell in table().cells()], axis=0))


def of_vigipy(measure: str) -> list[NDArray[np.float64]]:
    names = (measure, "CI_Lower", "CI_Upper")
    return [vigipy()[f"{measure}_{name}"].to_numpy() for name in names]


def numbers_of(ratio: Estimate) -> list[NDArray[np.float64]]:
    return [ratio.point, ratio.lower, ratio.upper]


def normal_tail(ratio: Estimate) -> NDArray[np.float64]:
    deviation = np.log(ratio.upper / ratio.lower) / (2 * special.ndtri(0.975))
    return special.ndtr(-np.log(ratio.point) / deviation)


def test_the_expected_count_is_the_product_of_the_margins() -> None:
    assert int(table().n_pair.sum()) == N_PAIR_SUM
    assert_allclose(table().expected, vigipy()["Expected Count"], rtol=DIGITS)


def test_the_margins_count_a_report_once_for_each_of_its_pairs() -> None:
    reports = pd.read_csv(public("caers/caers_reports.csv"))

    ours = Table.from_reports(reports, report="id", product="var1", event="var2")

    assert ours.labels is not None
    theirs = vigipy().set_index(["Product", "Adverse Event"]).loc[list(ours.labels)]
    assert (ours.n_pair == theirs["Count"]).all()
    assert int((ours.n_product != theirs["product margin"]).sum()) == 16_611
    assert int((ours.n_event != theirs["event margin"]).sum()) == 16_347
    assert int(ours.n_total[0]) == 3_356


def test_the_ratios_agree_where_no_cell_is_empty() -> None:
    full = ~has_empty_cell()

    for measure, ratio in (("PRR", prr(table())), ("ROR", ror(table()))):
        for ours, theirs in zip(numbers_of(ratio), of_vigipy(measure), strict=True):
            assert_allclose(ours[full], theirs[full], rtol=DIGITS, err_msg=measure)
        tail = normal_tail(ratio)[full]
        assert_allclose(tail, vigipy()[f"{measure}_p_value"][full], rtol=DIGITS)


def test_a_half_is_added_to_the_897_tables_with_an_empty_cell_alone() -> None:
    assert int(has_empty_cell().sum()) == 897

    for ours, theirs in zip(numbers_of(ror_haldane(table())), of_vigipy("ROR"), strict=True):
        assert_allclose(ours[has_empty_cell()], theirs[has_empty_cell()], rtol=DIGITS)
    a, b, c, d = (cell[has_empty_cell()] + 0.5 for cell in table().cells())
    halved = a / (a + b) / (c / (c + d))
    assert_allclose(halved, of_vigipy("PRR")[0][has_empty_cell()], rtol=DIGITS)


def test_the_estimate_jumps_where_the_half_sets_in() -> None:
    """With one report more, in a cell that was empty, vigipy's way gives a lower lower limit."""
    pair = Table([3, 3], [3, 4], 41, N_PAIR_SUM)

    mixed = np.where(pair.cells()[1] == 0, ror_haldane(pair).point, ror(pair).point)

    assert mixed[0] == 3_613.909090909091  # its first row
    assert mixed[0] / mixed[1] > 2.2
    ours = ror_haldane(pair).point
    assert_allclose(ours[0] / ours[1], 3, rtol=1e-4)  # 1.5 in place of 0.5


def test_where_ours_has_no_ratio_vigipy_has_one_of_a_half() -> None:
    ratio, odds = prr(table()), ror(table())

    states, counts = np.unique(ratio.state, return_counts=True)
    assert dict(zip(states.tolist(), counts.tolist(), strict=True)) == {
        "defined": 16_783,
        "no_other_report": 406,
    }
    assert int((odds.state != "defined").sum()) == 897
    assert np.isfinite(of_vigipy("PRR")[0]).all()


def test_the_exact_probabilities_are_one_sided_and_agree() -> None:
    assert_allclose(fisher(table()).p, vigipy()["RFET_p_value"], rtol=DIGITS)
    assert_allclose(fisher(table(), mid_p=True).p, vigipy()["RFETmidp_p_value"], rtol=DIGITS)


def test_the_normal_bcpnn_agrees() -> None:
    found = bcpnn_normal(table())

    assert_allclose(found.lower, vigipy()["BCPNN_quantile"], rtol=DIGITS, atol=1e-9)
    deviation = (found.upper - found.point) / special.ndtri(0.975)
    below = special.ndtr(-found.point / deviation)
    assert_allclose(below, vigipy()["BCPNN_posterior_probability"], rtol=DIGITS)


def test_the_normal_bcpnn_is_another_quantity_than_the_exact_component() -> None:
    exact = ic(table().n_pair, table().expected).lower

    theirs = vigipy()["BCPNN_quantile"]

    assert round(float(np.max(np.abs(exact - theirs))), 2) == 1.43
    assert int(((exact > 0) & (theirs <= 0)).sum()) > 0


def test_the_log_likelihood_ratio_agrees_to_four_decimals() -> None:
    found = log_likelihood_ratio(table().n_pair, table().expected)

    assert_allclose(found, vigipy()["MaxSPRT_LLR"], atol=5.1e-5)  # rounded to four
    assert int((found == 0).sum()) == int((table().n_pair <= table().expected).sum())


def test_the_anytime_limits_of_its_sequential_test_are_wald_limits_at_ninety_percent() -> None:
    """It calls them exact and valid at any time; they are exp(log(n / E) -+ 1.645 / sqrt(n))."""
    reach = np.exp(special.ndtri(0.95) / np.sqrt(table().n_pair))
    ratio = table().n_pair / table().expected

    # Rounded to four decimals, and to nine digits.
    assert_allclose(ratio / reach, vigipy()["MaxSPRT_LowerCI"], atol=5.1e-5, rtol=DIGITS)
    assert_allclose(ratio * reach, vigipy()["MaxSPRT_UpperCI"], atol=5.1e-5, rtol=DIGITS)
    assert_allclose(np.clip(ratio, 1, 100), vigipy()["MaxSPRT_RR"], atol=5.1e-5)  # capped at 100


def test_its_cusum_has_no_time() -> None:
    """A cumulative sum looks back over a path; this is a function of the two totals."""
    of_totals = np.maximum(0.0, table().n_pair * np.log(2.0) - table().expected)

    assert_allclose(of_totals, vigipy()["CUSUM_CUSUM"], atol=5.1e-5)  # rounded to four
