from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from small_run import ACTHIB, PAIR, ROTASHIELD, Given, given

from detectors.counts import Table
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from surveillance.domain.errors import Misused
from surveillance.views.series import Sums, points, sums_by_day

if TYPE_CHECKING:
    from pathlib import Path

    from answers import Look


def counted(product: str, event: str, day: date) -> dict[str, int]:
    """Count the cases that stand at the end of a day, one by one."""
    standing = [
        one
        for one in given()
        if one.on <= day and not (one.nullified_on and one.nullified_on <= day)
    ]

    def n(cases: list[Given]) -> int:
        return len(cases)

    pair = [one for one in standing if one.product == product and one.event == event]
    return {
        "n_pair": n(pair),
        "n_product": n([one for one in standing if one.product == product]),
        "n_event": n([one for one in standing if one.event == event]),
        "n_total": n(standing),
        "n_fatal": n([one for one in pair if one.is_fatal]),
    }


def test_every_day_of_a_series_counts_the_cases_that_stood(run: Path, look: Look) -> None:
    for product, event in (
        (ROTASHIELD, "Intussusception"),
        (ACTHIB, "Pyrexia"),
        (ACTHIB, "Intussusception"),
        (ROTASHIELD, "Rash"),  # never reported together
    ):
        options = ("--product", product, "--event", event, "--every", "day")
        found = look("series", "--from-run", run, *options, "--json").json

        assert found
        for point in found:
            expected = counted(product, event, date.fromisoformat(point["on"]))
            assert {name: point[name] for name in expected} == expected
        assert sum(point["n_pair_new"] for point in found) == found[-1]["n_pair"]


def test_a_nullified_case_is_taken_off_on_the_day_of_its_nullification(run: Path) -> None:
    sums = sums_by_day(run, [PAIR])[PAIR]

    assert sums[date(1999, 3, 2)].n_pair == 9
    assert max(at.n_pair for at in sums.values()) == 10


def test_statistics_of_a_series_are_those_of_the_detectors(run: Path, look: Look) -> None:
    options = ("--product", PAIR[0], "--event", PAIR[1])
    last = look("series", "--from-run", run, *options, "--json").json[-1]

    table = Table(last["n_pair"], last["n_product"], last["n_event"], last["n_total"])
    assert last["prr_lower"] == pytest.approx(float(prr(table).lower))
    assert last["ic_lower"] == pytest.approx(float(ic(table.n_pair, table.expected).lower))


def test_a_series_of_a_finding_agrees_with_the_finding(run: Path, look: Look) -> None:
    options = ("--from-run", run, "--product", PAIR[0], "--event", PAIR[1], "--json")
    finding = look("findings", *options, "--first").json[0]

    by_day = {point["on"]: point for point in look("series", *options, "--every", "day").json}

    point = by_day[finding["first_on"]]
    for name in ("n_pair", "n_product", "n_event", "n_total", "n_serious", "expected", "prr", "ic"):
        assert point[name] == finding[name]


def test_months_end_on_their_last_day_and_the_last_with_the_log(run: Path, look: Look) -> None:
    options = ("--product", ROTASHIELD, "--event", "Pyrexia", "--json")
    found = look("series", "--from-run", run, *options).json

    assert [point["on"] for point in found] == ["1999-01-31", "1999-02-28", "1999-03-02"]


def test_nothing_after_the_day_is_used(run: Path, look: Look) -> None:
    options = ("--product", PAIR[0], "--event", PAIR[1], "--as-of", "1999-02-10", "--json")
    found = look("series", "--from-run", run, *options).json

    assert [point["on"] for point in found] == ["1999-01-31", "1999-02-10"]
    assert found[-1]["n_pair"] == counted(ROTASHIELD, PAIR[1][3:], date(1999, 2, 10))["n_pair"]


def test_months_without_an_epoch_carry_the_counts_on() -> None:
    by_day = {
        date(1999, 1, 4): Sums(n_pair=1, n_product=2, n_event=1, n_total=5),
        date(1999, 4, 7): Sums(n_pair=2, n_product=3, n_event=2, n_total=9),
    }

    found = points(by_day, "month")

    assert [(str(point.on), point.n_pair, point.n_pair_new) for point in found] == [
        ("1999-01-31", 1, 1),
        ("1999-02-28", 1, 0),
        ("1999-03-31", 1, 0),
        ("1999-04-07", 2, 1),
    ]


def test_years_end_on_the_last_of_december() -> None:
    sums = Sums(n_pair=1, n_product=2, n_event=1, n_total=5)

    found = points({date(1998, 3, 1): sums, date(2000, 2, 1): sums}, "year")

    assert [str(point.on) for point in found] == ["1998-12-31", "1999-12-31", "2000-02-01"]


def test_a_series_ends_where_it_is_cut_though_the_log_goes_on() -> None:
    sums = Sums(n_pair=1, n_product=2, n_event=1, n_total=5)
    by_day = {date(1999, 1, 4): sums, date(1999, 3, 4): sums}

    assert [str(one.on) for one in points(by_day, "month", date(1999, 2, 3))] == [
        "1999-01-31",
        "1999-02-03",
    ]
    assert points(by_day, "month", date(1998, 2, 3)) == []


def test_a_series_draws_and_says_what_its_dates_mean(run: Path, look: Look) -> None:
    answer = look("series", "--from-run", run, "--product", PAIR[0], "--event", PAIR[1])

    assert "lower 95 % limits, in bits" in answer.output
    assert "the day of receipt in the log" in answer.output
    assert "\x1b" not in answer.output


def test_a_drawing_is_saved_as_svg_that_fetches_nothing(
    run: Path, look: Look, tmp_path: Path
) -> None:
    file = tmp_path / "series.svg"

    look("series", "--from-run", run, "--product", PAIR[0], "--event", PAIR[1], "--plot", file)

    drawn = file.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "@font-face" not in drawn
    assert "url(http" not in drawn


def test_a_drawing_in_another_format_is_refused(run: Path, look: Look, tmp_path: Path) -> None:
    options = ("--product", PAIR[0], "--event", PAIR[1], "--plot", tmp_path / "series.png")
    answer = look("series", "--from-run", run, *options)

    assert isinstance(answer.error, Misused)


def test_an_unknown_period_is_refused(run: Path, look: Look) -> None:
    options = ("--product", PAIR[0], "--event", PAIR[1], "--every", "week")

    assert isinstance(look("series", "--from-run", run, *options).error, Misused)
