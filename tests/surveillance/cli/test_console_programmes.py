"""Programmes in the console: the looks of the command, the budgets, and a lane for each patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from calling import longwatch
from reading_pages import Site

from surveillance.views.written import number

if TYPE_CHECKING:
    from .conftest import Demo

DAYS = ("2025-03-01", "")  # the second: the last


@pytest.fixture(scope="module")
def demo_site(demo: Demo) -> Site:
    return Site(demo.run)


def looks(demo: Demo, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = longwatch(
        "looks", "--from-run", demo.run, *options, "--json"
    ).json()
    return found


def shown(value: float | None) -> str:
    return "\u2013" if value is None else number(value)


@pytest.mark.parametrize("day", DAYS)
def test_a_programme_shows_the_latest_look_of_each_test(
    demo: Demo, demo_site: Site, day: str
) -> None:
    programmes = demo_site.page("/programmes", at=day).table("Programmes of treated")
    every = looks(demo, *(("--as-of", day) if day else ()), "--latest")

    assert {row["Programme"]: row["Tests"] for row in programmes if row["Tests"] != "0"} == {
        name: str(sum(one["programme"] == name for one in every))
        for name in {one["programme"] for one in every}
    }
    for name in {one["programme"] for one in every}:
        page = demo_site.page("/programme", name=name, at=day)
        of_many = [one for one in every if one["programme"] == name and not one["patient_id"]]
        rows = page.table("The latest look of each test of many")
        assert [
            (row["Test"], row["Events"], row["Statistic"], row["Boundary"], row["Spent"])
            for row in rows
        ] == [
            (
                one["criterion"], str(one["n_events"]), number(one["statistic"]),
                number(one["boundary"]), shown(one["alpha_spent"]),
            )
            for one in of_many
        ]  # fmt: skip


def test_a_test_is_shown_look_by_look_and_drawn(demo: Demo, demo_site: Site) -> None:
    chosen = ("--design", "effect", "--product", "construct:SIM-ASS1-01")
    wanted = [one for one in looks(demo, *chosen) if not one["patient_id"]]
    one = wanted[-1]
    name = f"{one['criterion']}|{one['product']}|{one['event']}|"

    page = demo_site.page("/programme", name=one["programme"], test=name)

    rows = page.table("Every look up to")
    assert [(row["On"], row["Statistic"]) for row in rows] == [
        (each["on"], number(each["statistic"])) for each in wanted
    ]
    (figure,) = page.tree.xpath("//svg[starts-with(title, 'Statistic against boundary')]")
    dots = figure.xpath(".//circle[@r='2.25']")
    kinds = {each["is_crossing"] for each in wanted}  # each stands in the legend, too
    assert len(dots) == len(wanted) + len(kinds)


def test_what_is_spent_is_within_the_budget_and_the_sum_of_the_tests(
    demo: Demo, demo_site: Site
) -> None:
    every = [one for one in looks(demo, "--latest") if not one["patient_id"]]
    n_budgets = 0
    for name in {one["programme"] for one in every}:
        page = demo_site.page("/programme", name=name)
        tested = [one for one in every if one["programme"] == name and one["alpha"] is not None]
        rows = page.table("What the tests of a family") if tested else []
        for row in rows:
            of = [one for one in tested if one["family"] == row["Family"]]
            spent = sum(one["alpha_spent"] or 0 for one in of)
            n_budgets += 1
            assert row["Spent"] == number(spent)
            assert spent <= of[0]["alpha_budget"] + 1e-12
            assert row["Budget"] == number(of[0]["alpha_budget"])
    assert n_budgets > 0


def test_every_treated_patient_has_a_lane_with_what_was_recorded(
    demo: Demo, demo_site: Site
) -> None:
    name = looks(demo, "--latest")[-1]["programme"]
    page = demo_site.page("/programme", name=name)

    rows = page.table("Treated patients by first dose")
    (lanes,) = page.tree.xpath("//svg[contains(@class, 'lanes')]")
    assert len(lanes.xpath(".//line[@class='lane']")) == len(rows) > 0
    assert len(lanes.xpath(".//path[@class='dose']")) == sum(int(row["Doses"]) for row in rows)
    assert [row["First dose"] for row in rows] == sorted(row["First dose"] for row in rows)


def test_a_signal_of_a_test_leads_to_its_programme(demo: Demo, demo_site: Site) -> None:
    signals = longwatch("signals", "--from-run", demo.run, "--json").json()
    tested = next(one for one in signals if one["product"].startswith("construct:"))

    page = demo_site.page(f"/s/{tested['signal_id']}")

    link = next(one for one in page.links if one.startswith("/programme?"))
    assert demo_site.page(link).status == 200
    assert "it counts outcomes, not reports" in page.words


def test_an_unknown_programme_or_test_is_explained(demo_site: Site) -> None:
    unknown = demo_site.page("/programme", name="<b>")
    assert unknown.status == 404
    assert "there are SIM-" in unknown.words
    name = demo_site.page("/programmes").table("Programmes of treated")[0]["Programme"]
    assert demo_site.page("/programme", name=name, test="none").status == 404
