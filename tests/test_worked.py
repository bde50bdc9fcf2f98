"""The worked examples: the page is what the command writes, and its numbers hold by themselves."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

from bench.worked import one_wanes
from bench.worked.chart import Axis, Line, chart
from bench.worked.history import NaturalHistory, natural_history
from bench.worked.lost_effect import false_signals, lost, wald_years
from bench.worked.one_liver_failure import one_liver_failure
from bench.worked.one_patient import first_month, none_untreated, one_patient
from bench.worked.page import report

DOCS = Path(__file__).parents[1] / "docs"
PLACE = re.compile(r"\{[a-z_0-9]+\}")
K_HISTORY = 0.65


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return report()


@pytest.fixture(scope="module")
def history() -> NaturalHistory:
    return natural_history()


@pytest.mark.slow
def test_the_page_and_its_figures_are_what_the_command_writes(pages: dict[str, str]) -> None:
    written = {name: (DOCS / name).read_text(encoding="utf-8") for name in pages}

    assert written == pages
    assert not PLACE.search(pages["worked-examples.md"])


def test_each_figure_is_shown_once_and_asks_for_nothing_from_elsewhere(
    pages: dict[str, str],
) -> None:
    shown = re.findall(r"\]\((figures/[^)]+)\)", pages["worked-examples.md"])

    assert sorted(shown) == sorted(name for name in pages if name.endswith(".svg"))
    for name in shown:
        root = ET.fromstring(pages[name])  # noqa: S314 - our own text
        assert len(root.findall("{http://www.w3.org/2000/svg}title")) == 1
        assert "href" not in pages[name]


def test_the_natural_history_is_that_of_the_table(history: NaturalHistory) -> None:
    assert_allclose(history.rate, 2.4, rtol=1e-15)  # one division
    assert (history.n_alive, history.person_years, history.n_events) == (47, 70.5, 169)


def test_no_event_in_one_patient_says_little_once_patients_differ(history: NaturalHistory) -> None:
    said = one_patient(history).said

    alike, differ = (none_untreated(history, 10, k) for k in (math.inf, K_HISTORY))
    assert_allclose(alike, math.exp(-2.0), rtol=1e-12)  # the law is exact to 1e-12
    assert_allclose(differ, (K_HISTORY / (K_HISTORY + 2.0)) ** K_HISTORY, rtol=1e-12)  # as above
    assert said["months_alike"] == str(math.ceil(math.log(20) / 2.4 * 12))
    years = K_HISTORY * (20 ** (1 / K_HISTORY) - 1) / 2.4
    assert said["years_differ"] == f"{years:.0f}" == "27"
    assert int(said["months_anytime"]) > int(said["months_alike"])


@pytest.mark.parametrize("first", [1, 2, 3, 7, 8, 9, 100])
def test_the_first_month_is_the_first(first: int) -> None:
    assert first_month(lambda month: month >= first) == first


def test_one_liver_failure_among_900_is_a_signal() -> None:
    said = one_liver_failure().said

    expected = 5e-6 * 900 * 90 / 365.25
    assert said["liver_high"] == f"{1 - math.exp(-expected):.4f}" == "0.0011"
    assert said["liver_low"] == "0.00022"
    assert said["liver_count"] == "1"
    assert said["rate_open"] == "45"
    assert_allclose(1 - math.exp(-45.3e-6 * 900 * 90 / 365.25), 0.01, atol=5e-5)  # 45.3 as written


def test_a_lost_effect_in_five_patients_takes_about_2_3_patient_years(
    history: NaturalHistory,
) -> None:
    found = lost(history, math.inf)

    # The design's numbers, to the digit that it prints.
    assert [round(wald_years(history, effect), 1) for effect in (0.8, 0.9, 0.5)] == [2.3, 1.3, 9.7]
    assert abs(found.expected - wald_years(history, 0.8)) < 0.1  # of the first approximation
    assert_allclose([found.expected, found.horizon], [2.389, 5.209], atol=5e-4)  # digits written
    assert found.expected / 5 * 12 < 6  # months


def test_patients_who_differ_make_five_too_few(history: NaturalHistory) -> None:
    horizons = [lost(history, k).horizon for k in (math.inf, 10.0, 3.0, 2.0)]

    assert all(np.diff(horizons) > 0)
    assert lost(history, K_HISTORY).state == "not_reached"
    assert lost(history, K_HISTORY).limiting_power < 0.9
    assert lost(history, K_HISTORY, n=30).state == "defined"


def test_simulation_finds_the_false_signals_of_a_boundary_that_takes_patients_for_alike(
    history: NaturalHistory,
) -> None:
    found, rng, n_watches = lost(history, math.inf), np.random.default_rng(seed=67), 200_000
    shape = 5 * K_HISTORY
    rate = rng.gamma(shape, 1 / shape, size=(n_watches, 1))
    times = rng.exponential(size=(n_watches, 40)).cumsum(axis=1) / rate
    n = np.arange(1, 41)
    is_seen = (times <= found.horizon * 0.48) & (n > times)

    share = (is_seen & (special.kl_div(n, times) >= found.critical_value)).any(axis=1).mean()

    exact = false_signals(found, history, K_HISTORY)
    assert abs(share - exact) < 3 * math.sqrt(exact * (1 - exact) / n_watches)  # standard errors
    assert exact > 2.5 * 0.01
    assert_allclose(false_signals(found, history, 1e9), 0.01, atol=1e-8)  # alike: alpha


@pytest.mark.slow
def test_the_construct_that_wanes_is_found_and_no_other(history: NaturalHistory) -> None:
    found = one_wanes.waning(history)

    last = found[-1]
    assert [look.has_crossed for look in last.looks] == [False, False, True, False, False]
    assert max(last.alike.of_level, key=last.alike.of_level.__getitem__) == "construct"
    assert last.alike.of_construct.argmax() == one_wanes.WANING
    assert last.differ.of_construct.argmax() == one_wanes.WANING
    assert last.differ.of_level["nothing"] > last.alike.of_level["nothing"]
    by_chart = next(each.month for each in found if each.chart.has_crossed)
    by_watch = next(each.month for each in found if each.looks[one_wanes.WANING].has_crossed)
    assert 6 < by_chart < by_watch <= 18


def test_the_invented_counts_are_near_their_means(history: NaturalHistory) -> None:
    counts = np.array(one_wanes.QUARTERS)
    kept = history.rate * 0.2 * 4 / 4 * np.arange(1, 7)
    lost_after = history.rate * 4 / 4 * np.maximum(np.arange(1, 7) - 2, 0)

    means = np.repeat(kept[:, None], 5, axis=1)
    means[:, one_wanes.WANING] = np.minimum(kept, kept[1]) + lost_after
    assert (np.diff(counts, axis=0) >= 0).all()
    assert (np.abs(counts - means) < 1.5 * np.sqrt(means)).all()  # standard deviations


def test_a_line_lies_where_its_numbers_say() -> None:
    drawn = chart(
        "a < b",
        Axis("x", (0, 10)),
        Axis("y", (1, 10, 100), is_log=True),
        [Line("l", [(0, 1), (5, 10), (20, 100)])],
    )

    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert root[0].text == "a < b"
    lines = [each.get("points") for each in root if each.get("stroke-width") == "2.5"]
    assert lines[0] == "70.0,360.0 385.0,215.0 700.0,70.0"  # what is beyond an axis lies on its end
