"""Every number on a page is the one that the command prints as JSON for the same day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answers import Look
from reading_pages import Site
from small_run import PAIR

from surveillance.triage.triage import signal_id
from surveillance.views.written import interval, number

SIGNAL = signal_id(*PAIR, "safety")
DAYS = ("1999-02-10", "1999-02-25", "1999-03-02")
COLUMNS = {"n": "n", "Serious": "n_serious", "Fatal": "n_fatal"}
STATISTICS = ("prr", "ror", "ic")


def matters(look: Look, run: Path, day: str) -> list[dict[str, Any]]:
    answer = look("ranking", "--from-run", run, "--all", "--as-of", day, "--json")
    found: list[dict[str, Any]] = answer.json
    return found


@pytest.mark.parametrize("day", DAYS)
def test_the_inbox_shows_the_rows_of_the_ranking(
    site: Site, run: Path, look: Look, day: str
) -> None:
    wanted = matters(look, run, day)

    shown = site.page("/inbox", at=day, view="all", sort="priority").table("Matters")

    assert len(shown) == len(wanted) > 0
    for row, one in zip(shown, wanted, strict=True):
        assert row["Band"].split()[0] == one["band"]
        product, event = (one[kind].split(":", 1)[1] for kind in ("product", "event"))
        assert row["Product and event"].startswith(product)
        assert f" {event} " in row["Product and event"]
        assert row["n"].split()[0] == f"{one['n']:,}"
        assert row["Serious"].split()[0] == f"{one['n_serious']:,}"
        assert row["Fatal"].split()[0] == f"{one['n_fatal']:,}"
        assert row["Expected"] == number(one["expected"])
        assert row["First met, 26 weeks"].startswith(one["first_on"])
        assert row["Priority"].startswith(f"{one['priority']:.3f} rank {one['rank']:,}")
        assert row["Status"].startswith(one["status"].replace("_", " "))
        assert ("unsigned" in row["Status"]) == (one["is_signed"] is False)


@pytest.mark.parametrize("day", DAYS)
def test_the_page_of_a_matter_shows_what_the_command_shows(
    site: Site, run: Path, look: Look, day: str
) -> None:
    (listed,) = matters(look, run, day)
    one = look("matter", listed["matter_id"], "--from-run", run, "--as-of", day, "--json").json

    page = site.page(f"/m/{listed['matter_id']}", at=day)

    assert page.facts()["Band"] == one["band"]
    assert page.facts()["Place"] == f"rank {one['rank']['rank']} of {one['rank']['n_ranked']}"
    rows = page.table("Signals, the greatest priority first")
    assert len(rows) == len(one["signals"]) > 1
    for row, held in zip(rows, one["signals"], strict=True):
        for shown, field in COLUMNS.items():
            assert row[shown] == str(held[field])
            then = row.get(f"{shown.lower()} then")  # only where somebody has seen it
            assert then == (str(held[f"{field}_then"]) if one["seen"] else None)
        assert row["Expected"] == number(held["expected"])
        assert row["Lower limit"] == number(held["evidence"])
        assert row["Priority"] == f"{held['priority']:.3f}"
    for held in one["signals"]:
        for case in (*held["added"], *held["no_longer"], *held["followed_up"]):
            assert f"/case?id={case}" in page.text
    people = page.table("Decisions and acknowledgements") if one["people"] else []
    assert [(row["On"], row["By"], row["Signed"]) for row in people] == [
        (each["on"], each["by"], "yes" if each["is_signed"] else "unsigned")
        for each in one["people"]
    ]


@pytest.mark.parametrize("day", DAYS)
def test_the_page_of_a_signal_shows_its_findings_series_and_steps(
    site: Site, run: Path, look: Look, day: str
) -> None:
    of_pair = ("--from-run", run, "--product", PAIR[0], "--event", PAIR[1], "--as-of", day)
    findings = look("findings", *of_pair, "--json").json
    points = look("series", *of_pair, "--json").json
    steps = look("history", SIGNAL, "--from-run", run, "--as-of", day, "--json").json
    (signal,) = [
        one
        for one in look("ranking", "--signals", "--from-run", run, "--as-of", day, "--json").json
        if one["signal_id"] == SIGNAL
    ]

    page = site.page(f"/s/{SIGNAL}", at=day)

    latest = {one["criterion"]: one for one in findings}
    for row in page.table("95 % limits"):
        one = latest[row["Criterion"]]
        assert row["On"] == one["on"]
        assert row["n"] == str(one["n_pair"])
        for name in STATISTICS:
            point, lower, upper = (one[f"{name}{end}"] for end in ("", "_lower", "_upper"))
            assert row[name.upper()] == interval(point, lower, upper)
    months = page.table("At the end of each month")
    assert [row["To the end of"] for row in months] == [one["on"] for one in points]
    assert [row["n"] for row in months] == [str(one["n_pair"]) for one in points]
    assert [row["Expected"] for row in months] == [number(one["expected"]) for one in points]
    assert [row["IC"] for row in months] == [
        interval(one["ic"], one["ic_lower"], one["ic_upper"]) for one in points
    ]
    (own, others, whole) = page.table("Cases in the log")
    last = points[-1]
    assert [own["the event"], own["all"]] == [str(last["n_pair"]), str(last["n_product"])]
    assert [whole["the event"], whole["all"]] == [str(last["n_event"]), str(last["n_total"])]
    assert int(others["other events"]) == (
        last["n_total"] - last["n_product"] - last["n_event"] + last["n_pair"]
    )
    shown = page.table("A weighted mean of parts")
    assert [(row["Part"].split()[0], row["Value"], row["Weight"]) for row in shown] == [
        (part["name"], "\u2013" if part["value"] is None else number(part["value"]),
         number(part["weight"]))
        for part in signal["parts"]
    ]  # fmt: skip
    assert [(row["On"], row["Action"].replace(" ", "_")) for row in page.table("The life")] == [
        (one["on"], one["action"]) for one in steps
    ]
    assert page.facts()["n, serious, fatal"] == (
        f"{signal['n']}, {signal['n_serious']}, {signal['n_fatal']}"
    )


@pytest.mark.parametrize("day", DAYS)
def test_the_line_listing_shows_the_cases_of_the_command(
    site: Site, run: Path, look: Look, day: str
) -> None:
    of_pair = ("--from-run", run, "--product", PAIR[0], "--event", PAIR[1], "--as-of", day)
    wanted = look("cases", *of_pair, "--json").json

    rows = site.page("/cases", at=day, product=PAIR[0], event=PAIR[1]).table("In the order")

    listed = [*wanted["cases"], *wanted["not_counted"]]
    assert [row["Case"] for row in rows] == [one["case_id"] for one in listed]
    assert [row["Counts"] == "yes" for row in rows] == [one["reason"] is None for one in listed]
    assert [row["Received"] for row in rows] == [one["received_on"] for one in listed]
    assert [row["Completeness"].split()[0] for row in rows if row["Counts"] == "yes"] == [
        number(one["completeness"]) for one in wanted["cases"]
    ]


def test_a_case_shows_its_versions_and_the_signals_that_it_counts_for(
    site: Site, run: Path, look: Look
) -> None:
    wanted = look("case", "R-5", "--from-run", run, "--json").json
    before = site.page("/case", id="R-5", at="1999-03-01")
    after = site.page("/case", id="R-5")

    versions = after.table("Versions in the order")
    assert [(row["Kind"], row["Standing"], row["Counts"] == "yes") for row in versions] == [
        (one["kind"], one["standing"], one["is_counted"]) for one in wanted["versions"]
    ]
    assert [row["Field"] for row in after.table("Fields that differ")] == [
        change["field"] for change in wanted["versions"][1]["changes"]
    ]
    assert "It counts for nothing" in after.words
    listed = {(row["Product"], row["Event"]) for row in before.table("Those of its pairs")}
    assert (f"{PAIR[0].split(':')[1]} product", "Intussusception term") in listed


def test_what_was_refused_is_shown_by_code_with_its_remedy(
    site: Site, run: Path, look: Look
) -> None:
    records = look("refused", "list", "--from-run", run, "--json").json
    page = site.page("/data")

    shown = {row["Code"]: row for row in page.table("All that was ever refused")}
    assert shown.keys() == {one["code"] for one in records}
    for code, row in shown.items():
        of_code = [one for one in records if one["code"] == code]
        assert row["Records"] == str(len(of_code))
        assert row["What its sender should do"] in {one["remedy"] for one in of_code}
        opened = site.page("/data", code=code).table("Each with its place")
        assert [each["Place"] for each in opened] == [one["place"] for one in of_code]


def test_a_disposition_of_every_record_is_shown_and_they_add_up(site: Site) -> None:
    rows = site.page("/data").table("Records of each topic")

    numbers = [[int(value) for value in list(row.values())[1:]] for row in rows]
    assert sum(read for read, *_ in numbers) > 0
    assert [read for read, *_ in numbers] == [sum(parts) for _, *parts in numbers]


def test_the_feed_shows_what_was_published_line_by_line(site: Site, run: Path) -> None:
    lines = (run / "feed.ndjson").read_bytes()

    assert site.page("/feed").table("Entries of the feed")
    assert len(site.page("/feed").table("Entries of the feed")) == len(lines.splitlines())
    assert site.client.get("/feed.ndjson").content == lines
