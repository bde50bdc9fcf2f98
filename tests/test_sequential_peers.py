"""The table of the peers' errors: it is what the command writes, and each side holds by itself."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from data import reference_table
from numpy.testing import assert_allclose
from scipy import special, stats

from bench.sequential_peers import drawn, of_history, vigipy
from bench.sequential_peers.of_poisson import first_times
from bench.sequential_peers.of_trials import binomial_llr
from bench.sequential_peers.page import report
from bench.sequential_peers.sides import Simulated, rows_of
from detectors.sequential.poisson_maxsprt import Design, log_likelihood_ratio

PAGE = Path(__file__).parents[1] / "docs/validation/sequential-peers.md"
PLACE = re.compile(r"\{[a-z_0-9]+\}")


@pytest.fixture(scope="module")
def page() -> str:
    return report()


def section(page: str, number: int) -> list[list[str]]:
    part = page.split(f"\n## {number}. ")[1].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.campaign
@pytest.mark.slow
def test_the_page_is_what_the_command_writes(page: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == page
    assert not PLACE.search(page)


@pytest.mark.campaign
@pytest.mark.slow
def test_every_simulation_agrees_with_the_exact_level_beside_it(page: str) -> None:
    assert "exact numbers with\na simulation beside them 0 are further" in page
    for number in (1, 4, 5, 6, 8):
        for *_, peer, seen, _, own, drawn_own in section(page, number):
            for level, simulated in ((peer, seen), (own, drawn_own)):
                mean, error = map(float, simulated.split(" ± "))
                assert abs(mean - float(level)) <= error + 2e-4  # three roundings of four digits


@pytest.mark.campaign
@pytest.mark.slow
def test_ours_holds_alpha_and_the_peers_do_not(page: str) -> None:
    for number in (1, 4, 5, 6, 8):
        for _, alpha, _, _, _, _, own, _ in section(page, number):
            assert float(own) <= float(alpha)
    worst = {n: [float(row[3]) for row in section(page, n)] for n in (1, 4, 5, 6, 8)}
    assert max(worst[1]) < 0.025
    assert_allclose([max(worst[4]), worst[4][2]], [0.0605, 0.0544], atol=1e-9)  # as printed
    assert max(worst[5]) < 0.04
    assert min(worst[6]) > 0.15
    assert max(worst[8]) == 0.0
    assert all(float(row[1]) - float(row[2]) > 0.03 for row in section(page, 7))  # mean times


@pytest.mark.campaign
@pytest.mark.slow
def test_looks_of_the_peer_exceed_alpha_and_its_intervals_miss_too_often(page: str) -> None:
    wald, intervals = section(page, 10), section(page, 11)
    intervals = [row for row in intervals if row[0] not in {"events", "---"}]

    assert (len(wald), len(intervals)) == (7, 6)
    for _, peer, simulated, own in [*wald, *intervals]:
        mean, error = map(float, simulated.split(" ± "))
        assert abs(mean - float(peer)) <= error + 2e-4  # three roundings of four digits
        assert float(own) <= 0.05
    assert float(wald[-1][1]) > 0.054
    assert min(float(row[1]) for row in (intervals[0], intervals[1], intervals[3])) > 0.05


def test_vigipys_curve_is_the_column_of_the_reference() -> None:
    rows = reference_table("sequential/cv_poisson.csv")

    found = [vigipy.vigipy_value(t, a) for t, a in zip(rows["T"], rows["alpha"], strict=True)]

    assert_allclose(found, rows["cv_vigipy"], atol=1e-9)  # digits of the file
    assert_allclose(vigipy.vigipy_value(1.0), 3.848, atol=5e-4)  # digits of the handbook


def test_vigipys_e_value_has_a_mean_above_one_and_ours_has_not() -> None:
    found = vigipy.vigipy_e()

    means = [mean for _, mean, _, _ in found]
    assert_allclose(means, [1.10, 1.37, 1.515], atol=6e-3)  # digits of the handbook
    for _, mean, simulated, own in found:
        assert simulated.holds(mean)
        assert own <= 1 + 1e-12  # rounding of the sum


def test_the_change_of_measure_is_that_of_the_e_value() -> None:
    counts = np.arange(400)
    log_chances = stats.poisson.logpmf(counts, 2.0)

    mean = float(np.exp(log_chances + vigipy.log_aegis(counts, 2.0)).sum())

    weights = vigipy.AEGIS_WEIGHTS / vigipy.AEGIS_WEIGHTS.sum()
    above = (weights * stats.poisson.sf(2, 2.0 * vigipy.AEGIS_RATIOS)).sum()
    assert_allclose(mean, above + stats.poisson.cdf(2, 2.0), rtol=1e-12)  # rounding


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_history, "N_DRAWS", 2_000)


@pytest.mark.usefixtures("few_draws")
def test_the_conditional_levels_are_those_of_the_reference() -> None:
    rows = of_history.conditional_rows()

    assert [(row.inference, row.cc) for row in rows] == [
        ("conservative", 2),
        ("conservative", 100),
        ("exact", 2),
        ("exact", 100),
    ]
    for row, found in zip(rows, of_history.conditional(rows), strict=True):
        assert_allclose(found.peer.level, row.alpha_true_at_R_cv, atol=1e-8)  # of the reference
        assert_allclose(found.own.value, row.cv_exact, atol=1e-8)  # of the reference


@pytest.mark.usefixtures("few_draws")
def test_the_value_of_the_help_page_and_that_of_the_function_are_both_wrong() -> None:
    rows = of_history.delayed_rows()[:2]

    found = of_history.conditional(rows)

    assert [row.cv_R_Sequential for row in rows] == [2.734248, 2.874993]
    assert_allclose([each.own.value for each in found], 2.392567, atol=5e-7)  # digits printed
    assert all(each.peer.level < 0.04 for each in found)


def test_the_greatest_ratio_of_a_path_is_that_of_its_best_look() -> None:
    times = np.array([[0.5, 0.6, 1.4], [0.9, 1.2, 3.0], [1.5, 1.6, 1.7]])

    above = drawn.greatest_above(times, 1.0)
    late = drawn.greatest_above(times, 1.3, least=2, start=0.8)
    below = drawn.greatest_below(times, 4.0)

    def ratio(n: int, time: float) -> float:
        return float(special.kl_div(n, time))

    assert_allclose(above, [ratio(2, 0.6), ratio(1, 0.9), 0.0], rtol=1e-15)  # the same formula
    assert_allclose(late, [ratio(2, 0.8), ratio(2, 1.2), 0.0], rtol=1e-15)  # the same formula
    later = drawn.greatest_below(np.array([[0.1, 0.2, 3.0, 5.0]]), 4.0)
    # none by the first event; in the last path two until 3, then three until 4
    assert_allclose(below, [0.5, 0.9, 1.5], rtol=1e-15)  # the same formula
    assert_allclose(later, max(ratio(2, 3.0), ratio(3, 4.0)), rtol=1e-15)  # the same formula


def test_the_formulas_of_the_simulation_are_those_of_the_tests() -> None:
    n, mu = np.arange(1, 30), 7.3
    conditional = of_history.conditional_llr(np.array([4]), np.array([0.4]), 3)

    assert_allclose(
        np.where(n > mu, special.kl_div(n, mu), 0.0), log_likelihood_ratio(n, mu), atol=1e-13
    )  # rounding
    by_hand = 3 * math.log(3 * 1.4 / 7) + 4 * math.log(4 * 1.4 / (0.4 * 7))
    assert_allclose(conditional, by_hand, rtol=1e-14)  # rounding
    assert_allclose(binomial_llr(np.array([5]), np.array([5]), 1.0, 1), 5 * math.log(2))
    assert binomial_llr(np.array([5]), np.array([2]), 1.0, 1) == 0
    assert binomial_llr(np.array([2]), np.array([2]), 1.0, 3) == 0


def test_a_signal_at_the_delayed_start_comes_at_that_start() -> None:
    design = Design(3.0, min_expected=1.0)
    times = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 9.0], [1.1, 1.11, 1.12, 1.13, 1.14, 1.15]])

    found = first_times(times, design, 2.0)
    early = first_times(np.array([[0.01, 5.0]]), design, 2.0)  # only before the start

    assert found[0] == 1.0
    assert early == math.inf
    assert found[1] == next(
        t for n, t in enumerate(times[1], 1) if special.kl_div(n, t) >= 2.0 and n > t
    )


def test_three_standard_errors_are_of_the_mean() -> None:
    found = Simulated.of(np.array([0.0, 0.0, 1.0, 1.0]))

    assert found == (0.5, 0.75)
    assert found.holds(1.2)
    assert not found.holds(1.3)
    assert str(found) == "0.5000 ± 0.7500"


def test_a_query_that_selects_nothing_cannot_pass_for_a_table() -> None:
    assert len(rows_of("cv_poisson.csv", "R_note.notna() and M == 1 and D > 0")) == 6
    assert len(of_history.delayed_rows()) == 4
