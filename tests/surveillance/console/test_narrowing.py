"""A list is narrowed down, followed from page to page, and whatever has a name is found."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from decided_run import ASKED, SUPPRESSED
from reading_pages import Site
from strategies import a_configuration

from surveillance.configuration.types import Group, ListedProduct, Products
from surveillance.console import inbox
from surveillance.console.facets import DUE, PORTFOLIOS, Portfolio
from surveillance.triage.matters import Matter
from surveillance.views.day import day_of
from surveillance.views.results import open_results


def choices(site: Site, address: str) -> dict[str, dict[str, tuple[int, str]]]:
    """Return each facet's values with their counts and links."""
    found = {}
    for each in site.page(address).tree.xpath("//details[@class='facets']/p"):
        links = [(re.fullmatch(r"(.*) (\d+)", one.text), one.get("href")) for one in each.iter("a")]
        name = each.text.strip().rstrip(":")
        found[name] = {text[1]: (int(text[2]), href) for text, href in links if text}
    return found


def ids(site: Site, address: str) -> list[str]:
    rows = site.page(address).tree.xpath("//tr[@class='matter']//a[@class='open']/@href")
    return [re.findall(r"M-\w+", one)[0] for one in rows]


@pytest.mark.parametrize("start", ["/inbox?view=all", "/inbox?view=all&due=overdue"])
def test_each_choice_leaves_as_many_as_it_says(decided: Site, start: str) -> None:
    offered = choices(decided, start)

    assert list(offered) == ["portfolio", "level", "status", "due"]
    for name, values in offered.items():
        for value, (n, link) in values.items():
            is_chosen = f"{name}={value}" in start
            assert is_chosen or len(ids(decided, link)) == n, (name, value)
    assert set(offered["portfolio"]) <= set(PORTFOLIOS)
    assert set(offered["due"]) <= set(DUE)


def test_a_choice_is_taken_back_by_its_own_link(decided: Site) -> None:
    start = "/inbox?view=all&due=overdue"
    (_, link) = choices(decided, start)["due"]["overdue"]

    assert ids(decided, link) == ids(decided, "/inbox?view=all")
    assert len(decided.client.get("/inbox.json?view=all&due=overdue").json()) == len(
        ids(decided, start)
    )


@pytest.mark.parametrize("name", ["portfolio", "level", "status", "due"])
def test_a_value_that_there_is_not_is_refused(decided: Site, name: str) -> None:
    page = decided.page("/inbox", **{name: "none of these"})

    assert page.status == 400
    assert "is not known" in page.words


def test_a_matter_is_of_a_programme_or_watched_or_neither(run: Path) -> None:
    products = Products(
        product=(
            ListedProduct(name="A", programme="PA"),
            ListedProduct(name="B"),
        ),
        group={"c": Group(names=("C",))},
    )
    portfolio = Portfolio(a_configuration(products=products))
    (one, *_) = day_of(open_results(run, None), date(1999, 3, 2)).work.matters

    def of(product: str) -> str:
        class Held:
            signals = (type("S", (), {"product": product, "is_sentinel": False})(),)

        return portfolio.of(one._replace(matter=Held()))  # type: ignore[arg-type]

    assert [of(f"product:{name}") for name in ("A", "B", "C", "D")] == [
        "programmes", "watched", "watched", "background",
    ]  # fmt: skip
    assert of("construct:K") == "programmes"


def test_pages_follow_the_row_that_was_last(decided: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ids(decided, "/inbox?view=all")
    monkeypatch.setattr(inbox, "N_ROWS", 3)
    found, address = [], "/inbox?view=all"
    while address:
        page = decided.page(address)
        found += ids(decided, address)
        (address,) = page.tree.xpath("//p[@class='paging']/a[@rel='next']/@href") or [""]

    assert found == whole
    assert len(found) > 6
    second = decided.page(f"/inbox?view=all&after={whole[2]}")
    (third,) = second.tree.xpath("//p[@class='paging']/a[@rel='next']/@href")
    (back,) = decided.page(third).tree.xpath("//p[@class='paging']/a[@rel='prev']/@href")
    assert ids(decided, back) == whole[3:6]
    assert (
        ids(decided, second.tree.xpath("//p[@class='paging']/a[@rel='prev']/@href")[0]) == whole[:3]
    )


def test_a_page_after_a_row_that_left_the_list_leads_back(decided: Site) -> None:
    page = decided.page("/inbox", view="waiting", after=Matter(*SUPPRESSED).matter_id)

    assert page.status == 404
    assert "is not on this list" in page.words
    assert "go back to the first page" in page.words


def test_the_palette_finds_matters_products_events_and_cases(decided: Site) -> None:
    def found(text: str) -> list[tuple[str, str]]:
        rows = decided.client.get("/search.json", params={"q": text}).json()
        assert all(decided.client.get(one["href"]).status_code == 200 for one in rows)
        return [(one["kind"], one["name"]) for one in rows]

    assert ("product", "BETA") in found("beta")
    assert any(kind.startswith("matter, rank") for kind, _ in found("hepatic"))
    assert ("term", "Hepatic failure") in found("hepatic")
    assert ("case", "BETA-1") in found("BETA-1")
    assert found(Matter(*ASKED).matter_id)[0] == ("matter", Matter(*ASKED).matter_id)
    assert found("") == []
    assert decided.client.get("/search.json", params={"q": "x" * 201}).status_code == 400
