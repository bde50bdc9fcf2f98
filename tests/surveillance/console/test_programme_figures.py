"""Figures of patients, levels and follow-up: the numbers that the tests of a programme use."""

from __future__ import annotations

from math import isclose
from pathlib import Path
from typing import Any

import pytest
from answers import Look
from programme_run import CONSTRUCTS, EVENTS
from reading_pages import Site, rows_of
from scipy import stats

from surveillance.console.plots import linear, logarithmic
from surveillance.programmes.histories import DAYS_A_YEAR

K1 = [who for who, construct in CONSTRUCTS.items() if construct == "K1"]


def csv_of(site: Site, figure: str, **parameters: str) -> list[dict[str, str]]:
    more = "".join(f"&{name}={value}" for name, value in parameters.items())
    return rows_of(site, f"/figure.csv?figure={figure}&name=P1{more}")


def latest(look: Look, run: Path, programme: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = look(
        "looks", "--from-run", run, "--programme", programme, "--latest", "--json"
    ).json
    return found


def test_levels_are_the_latest_looks_and_the_platform_is_their_sum(
    programmes: Site, treated: Path, look: Look
) -> None:
    rows = csv_of(programmes, "levels")
    looks = [
        one
        for name in ("P1", "P2")
        for one in latest(look, treated, name)
        if one["criterion"] == "effect_construct"
    ]

    alone = {row["name"]: row for row in rows if row["how"] == "alone"}
    assert set(alone) == {"K1", "K2"}
    for one in looks:
        row = alone.get(one["product"].split(":")[1])
        if row is not None:
            assert int(row["n_events"]) == one["n_events"]
            assert float(row["expected"]) == one["expected"]
    (platform,) = [row for row in rows if row["level"] == "platform"]
    assert len(looks) == 3
    assert int(platform["n_events"]) == sum(one["n_events"] for one in looks)
    assert isclose(float(platform["expected"]), sum(one["expected"] for one in looks))


def test_limits_of_a_level_are_exact(programmes: Site) -> None:
    for row in csv_of(programmes, "levels"):
        if row["how"] == "shared":
            continue
        n, expected = int(row["n_events"]), float(row["expected"])
        assert isclose(float(row["rate_ratio"]), n / expected)
        assert isclose(float(row["upper"]), stats.chi2.ppf(0.975, 2 * n + 2) / 2 / expected)
        low = stats.chi2.ppf(0.025, 2 * n) / 2 / expected if n else 0.0
        assert isclose(float(row["lower"]), low)


def test_a_shared_ratio_lies_between_its_own_and_those_of_the_others(programmes: Site) -> None:
    rows = {(row["name"], row["how"]): float(row["rate_ratio"]) for row in
            csv_of(programmes, "levels") if row["level"] == "construct"}  # fmt: skip

    assert rows["K2", "alone"] < rows["K1", "shared"] < rows["K1", "alone"]


def test_missed_visits_are_those_of_the_test(programmes: Site, treated: Path, look: Look) -> None:
    rows = csv_of(programmes, "follow-up")
    (test,) = [
        one for one in latest(look, treated, "P1") if one["criterion"] == "follow_up_programme"
    ]

    assert sum(int(row["missed"]) for row in rows) == test["n_events"] == 1
    assert [row["visit_day"] for row in rows if row["missed"] != "0"] == ["90"]
    for row in rows:
        assert int(row["due"]) == int(row["done"]) + int(row["missed"])


def test_each_patient_is_drawn_with_its_events_and_the_band_of_the_untreated(
    programmes: Site,
) -> None:
    rows = csv_of(programmes, "courses", construct="K1")

    assert {row["patient"] for row in rows} == set(K1)
    for who in K1:
        last = [row for row in rows if row["patient"] == who][-1]
        assert int(last["n_events"]) == len(EVENTS[who])
        assert int(last["low"]) <= int(last["high"])
    (of_one,) = [[row for row in rows if row["patient"] == "one"][-1]]
    # One event in the year before: the shape is 0.8 + 1, and the rate that of 0.8 / 2 + 1 years.
    years = int(of_one["day_since_first_dose"]) / DAYS_A_YEAR
    before_years = 365 / DAYS_A_YEAR
    assert isclose(float(of_one["kept"]), 1.8 / (0.4 + before_years) * 0.2 * years)


def test_a_value_below_the_limit_is_marked_and_the_baseline_is_that_of_the_design(
    programmes: Site,
) -> None:
    rows = csv_of(programmes, "biomarker", code="ammonia")

    assert len(rows) == 4 * 4  # one is below the limit, one was missed
    below = [row for row in rows if row["below_limit"] == "True"]
    assert [(row["patient"], float(row["value"])) for row in below] == [("three", 5.0)]
    for who in ("one", "two", "three", "four"):
        baseline = [row["baseline"] for row in rows if row["patient"] == who]
        assert baseline[:2] == ["True", "True"]
        assert "True" not in baseline[2:]
    page = programmes.page("/programme", name="P1")
    assert "1 lie below the limit of quantification" in page.words


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_biomarker_is_drawn_on_either_scale_with_its_unit(programmes: Site, scale: str) -> None:
    page = programmes.page(f"/figure?figure=biomarker&name=P1&code=ammonia&scale={scale}")

    (title,) = page.tree.xpath("//figure//title/text()")
    assert "umol/L" in title
    assert ("logarithmic" in title) == (scale == "log")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("courses&construct=K9", "'K9' was given to nobody here"),
        ("biomarker&code=iron", "No design follows 'iron'"),
        ("statistic", "No test is named"),
        ("levels&at=1999-01-01", "before the log begins"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_with_the_reason(
    programmes: Site, asked: str, reason: str
) -> None:
    page = programmes.page(f"/figure?figure={asked}&name=P1")

    assert page.status in {400, 404}
    assert reason in page.words


@pytest.mark.parametrize("values", [[0.004], [1.0], [3.0, 70.0], [0.9999999, 1e5], [5.0, 5.0]])
def test_axes_hold_their_values(values: list[float]) -> None:
    for axis in (linear("x", values), logarithmic("x", values)):
        assert axis.ticks[0] <= min(values) * (1 + 1e-5)
        assert axis.ticks[-1] >= max(values) * (1 - 1e-5)
        assert list(axis.ticks) == sorted(set(axis.ticks))
        assert len(axis.ticks) > 1
