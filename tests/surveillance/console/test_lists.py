"""Lanes, order, pages and files of the inbox, and what an empty list says."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from answers import Look
from hostile_run import HOSTILE, make_hostile_run
from openpyxl import load_workbook
from reading_pages import Site

from surveillance.console import inbox, sheets
from surveillance.console.inbox import CSV_COLUMNS
from surveillance.views.listing_rows import FILE_COLUMNS

ALL = "/inbox?view=all"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_hostile_run(tmp_path_factory.mktemp("crowded"))


@pytest.fixture(scope="module")
def several(crowded: Path) -> Site:
    return Site(crowded)


def ranked(look: Look, run: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = look("ranking", "--from-run", run, "--all", "--json").json
    return found


def test_rows_for_machines_are_those_of_the_command(
    several: Site, crowded: Path, look: Look
) -> None:
    wanted = ranked(look, crowded)

    found = several.client.get("/inbox.json?view=all&sort=priority").json()

    assert found == wanted
    assert len(found) == len(HOSTILE)


@pytest.mark.parametrize("sort", inbox.SORTS)
def test_files_have_all_rows_in_the_order_of_the_page(several: Site, sort: str) -> None:
    address = f"view=all&sort={sort}"
    shown = several.page(f"/inbox?{address}").table("Matters")
    answer = several.client.get(f"/inbox.csv?{address}")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    values = several.client.get(f"/inbox.json?{address}").json()

    assert tuple(rows[0]) == CSV_COLUMNS
    assert answer.headers["x-row-count"] == str(len(rows)) == str(len(HOSTILE))
    assert [row["matter_id"] for row in rows] == [one["matter_id"] for one in values]
    assert [row["n"] for row in rows] == [row["n"] for row in shown]
    assert [float(row["priority"]) for row in rows] == [one["priority"] for one in values]
    again = several.client.get(f"/inbox.csv?{address}")
    assert again.content == answer.content


@pytest.mark.parametrize("address", ["/inbox.xlsx?view=all", "/cases.xlsx?"])
def test_a_workbook_has_the_rows_of_the_csv_file_as_texts_and_no_time(
    several: Site, address: str
) -> None:
    if address.startswith("/cases"):
        signal = next(
            one for one in several.page(several.page(ALL).links_to("/m/")[0]).links_to("/s/")
        )
        address = several.page(signal).links_to("/cases?")[0].replace("/cases?", "/cases.xlsx?")
    content = several.client.get(address).content

    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    lines = list(csv.reader(io.StringIO(several.client.get(address.replace("xlsx", "csv")).text)))
    assert list(rows[0]) == lines[0]
    assert len(rows) == len(lines) > 3
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    for row, line in zip(rows[1:], lines[1:], strict=True):
        for value, text in zip(row, line, strict=True):
            if isinstance(value, str):
                assert text.removeprefix("'") == value.removeprefix("'")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        stamps = re.findall(rb"dcterms:W3CDTF\">([^<]*)<", archive.read("docProps/core.xml"))
    assert set(stamps) == {b"1980-01-01T00:00:00Z"}
    assert several.client.get(address).content == content


def test_more_rows_than_a_sheet_holds_are_refused_with_a_way_out(
    several: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "N_ROWS_MAX", 3)

    page = several.page("/inbox.xlsx?view=all")

    assert page.status == 400
    assert "take the CSV file" in page.words


def test_orders_are_those_that_they_are_called(several: Site) -> None:
    def of(sort: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = several.client.get(f"/inbox.json?view=all&sort={sort}").json()
        return found

    assert [one["n"] for one in of("n")] == sorted((one["n"] for one in of("n")), reverse=True)
    assert [one["product"] for one in of("product")] == sorted(one["product"] for one in of("n"))
    firsts = [one["first_on"] for one in of("first")]
    assert firsts == sorted(firsts, reverse=True)
    ranks = [one["rank"] for one in of("priority")]
    assert ranks == sorted(ranks)
    assert len({json.dumps([one["matter_id"] for one in of(sort)]) for sort in inbox.SORTS}) > 1


def test_the_budget_is_a_row_between_what_is_within_and_what_is_queued(several: Site) -> None:
    page = several.page(ALL)
    rows = several.client.get("/inbox.json?view=all").json()

    (line,) = page.tree.xpath("//tr[@class='budget']")
    n_before = len(line.xpath("preceding-sibling::tr"))
    assert "Budget of 2 a week: 0 seen since Monday, 2 waiting within it; the 6" in page.words
    assert [one["is_queued"] for one in rows] == [False] * n_before + [True] * 6
    assert several.page("/inbox?view=queued").words.count("rank ") == 6


def test_ties_are_stated(several: Site, crowded: Path, look: Look) -> None:
    rows = several.page("/inbox?view=all&sort=priority").table("Matters")

    for row, one in zip(rows, ranked(look, crowded), strict=True):
        assert ("tie of" in row["Priority"]) == (one["n_tied"] > 1)
        if one["n_tied"] > 1:
            assert row["Priority"].endswith(f"tie of {one['n_tied']}")


def test_a_list_is_divided_into_pages_that_hold_every_row_once(
    several: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [row["Product and event"] for row in several.page(ALL).table("Matters")]
    monkeypatch.setattr(inbox, "N_ROWS", 3)

    pages, address = [], ALL
    while address:
        page = several.page(address)
        pages.append([row["Product and event"] for row in page.table("Matters")])
        address = next(iter(page.tree.xpath("//a[@rel='next']/@href")), "")

    assert [len(one) for one in pages] == [3, 3, 2]
    assert [row for one in pages for row in one] == whole
    assert several.page("/inbox?view=all&from=9").status == 404


def test_a_filter_keeps_what_names_the_text_in_any_case(several: Site) -> None:
    page = several.page("/inbox?view=all&q=Script%3EALERT")

    (row,) = page.table("Matters")
    assert row["Product and event"].startswith("<SCRIPT>ALERT(1)</SCRIPT>")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("view=seen", "Of 8 matters on the list none is seen."),
        ("view=all&q=nothing", "none is here with “nothing” in a product or event."),
        ("view=waiting&band=P1", "none is waiting in band P1."),
    ],
)
def test_an_empty_list_says_why_and_leads_on(several: Site, query: str, said: str) -> None:
    page = several.page(f"/inbox?{query}")

    assert page.status == 200
    assert said in page.words
    assert "Show all 8" in page.words


def test_a_day_before_any_matter_says_so(several: Site) -> None:
    page = several.page("/inbox?at=2024-03-04")

    assert "No matter was on the list at the end of 2024-03-04." in page.words


def test_the_line_listing_is_the_file_that_the_command_writes(
    site: Site, run: Path, look: Look, tmp_path: Path
) -> None:
    pair = ("--product", "group:rotashield", "--event", "group:intussusception")
    look("cases", "--from-run", run, *pair, "--csv", tmp_path / "cases.csv")
    as_json = look("cases", "--from-run", run, *pair, "--json").json
    query = "product=group%3Arotashield&event=group%3Aintussusception"

    answer = site.client.get(f"/cases.csv?{query}")

    assert answer.content == (tmp_path / "cases.csv").read_bytes()
    assert answer.text.splitlines()[0] == ",".join(FILE_COLUMNS)
    assert site.client.get(f"/cases.json?{query}").json() == as_json


def test_a_case_for_machines_is_that_of_the_command(site: Site, run: Path, look: Look) -> None:
    wanted = look("case", "R-4", "--from-run", run, "--as-of", "1999-02-10", "--json").json

    page = site.page("/case", id="R-4", at="1999-02-10")

    assert site.client.get("/case.json?id=R-4&at=1999-02-10").json() == wanted
    limits = [one for version in wanted["versions"] for one in version["limits"]]
    assert [(row["Limit"], row["Last day"]) for row in page.table("By when a report")] == [
        (one["code"], one["due_on"]) for one in limits
    ]
    causality = wanted["versions"][0]["causality"]
    rows = page.table("As stated by the sender") if causality else []
    assert [(row["Naranjo"], row["Category"]) for row in rows] == [
        (str(one["naranjo"]["score"]), one["naranjo"]["category"]) for one in causality
    ]


def test_a_matter_for_machines_is_that_of_the_command(site: Site, run: Path, look: Look) -> None:
    (one,) = ranked(look, run)
    wanted = look("matter", one["matter_id"], "--from-run", run, "--json").json

    assert site.client.get(f"/m/{one['matter_id']}/matter.json").json() == wanted


def test_a_search_finds_matters_signals_cases_products_and_events(site: Site) -> None:
    (matter,) = [one for one in site.page(ALL).links if one.startswith("/m/")]
    signal = next(one for one in site.page(matter).links if one.startswith("/s/"))

    assert matter in site.page("/search", q=matter.removeprefix("/m/")).links
    assert signal in site.page("/search", q=signal.removeprefix("/s/")).links
    assert "/case?id=R-4" in site.page("/search", q="R-4").links
    names = site.page("/search", q="ntussus").links
    assert "/event?key=group%3Aintussusception" in names
    assert "/event?key=pt%3AIntussusception" in names
    assert "/product?key=group%3Arotashield" in site.page("/search", q="ROTASH").links
    assert "Nothing here has a name like “qqqq”" in site.page("/search", q="qqqq").words


def test_two_days_beside_each_other_are_the_two_rankings(
    several: Site, crowded: Path, look: Look
) -> None:
    then, now = (
        {one["matter_id"]: one
         for one in look("ranking", "--from-run", crowded, "--all", "--as-of", day, "--json").json}
        for day in ("2024-03-09", "2024-03-11")
    )  # fmt: skip
    pages = {
        kind: several.page(f"/compare?against=2024-03-09&kind={kind}")
        for kind in ("came", "went", "changed")
    }

    def shown(kind: str) -> list[str]:
        return [one.removeprefix("/m/") for one in pages[kind].links if one.startswith("/m/")]

    def state(one: dict[str, Any]) -> tuple[object, ...]:
        return tuple(one[name] for name in ("band", "n", "n_serious", "n_fatal", "rank"))

    assert shown("came") == [one for one in now if one not in then]
    assert shown("went") == [one for one in then if one not in now]
    changed = [one for one in now if one in then and state(now[one]) != state(then[one])]
    assert shown("changed") == changed
    assert len(changed) > 0
    for row, name in zip(pages["changed"].table("By the rank"), changed, strict=True):
        before, after = then[name], now[name]
        assert row["Rank"].split(" ")[0] == f"{before['rank']}"
        assert row["Band"].split(" \u2192 ")[0] == before["band"]
        assert row["Band"].split(" \u2192 ")[-1] == after["band"]
        if before["n"] != after["n"]:
            more = after["n"] - before["n"]
            assert row["n"] == f"{before['n']} \u2192 {after['n']} {more:+}"


def test_only_an_earlier_day_can_be_compared(several: Site) -> None:
    for against in ("2024-03-11", "x", "2020-01-01", ""):
        page = several.page(f"/compare?against={against}")
        assert page.status in {400, 404}
        assert "What to do" in page.words
