"""What holds for every page: headers, links that lead somewhere, words, nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reading_pages import Shown, Site

from surveillance.console.app import FILES, HEADERS, NAVIGATION, PAGES
from surveillance.console.facets import FACETS
from surveillance.register.database import sqlite_url

STARTS = ("/", "/case?id=R-5", "/event?key=pt%3AIntussusception", "/data?code=not_json",
          "/search?q=rota", "/inbox?view=all&at=1999-02-10", "/feed?at=1999-01-10",
          "/compare?against=1999-02-01")  # fmt: skip
STARTS_OF_PROGRAMMES = ("/", "/programmes", "/programme?name=P1", "/programme?name=P2")
ERRORS = ("/nothing", "/m/M-0", "/s/S-0", "/s/S-0/form", "/case?id=none", "/case", "/inbox?at=x",
          "/inbox?view=x", "/inbox?from=-1", "/cases?product=a&event=b", "/static/none",
          "/inbox?from=50")  # fmt: skip
WORDS = re.compile(
    r"\b(caused?|causes|causal|causing|recommend\w*|safe|unsafe|safely)\b", re.IGNORECASE
)
N_OF_A_KIND = 2  # addresses that differ only in what they name


def kind_of(address: str) -> str:
    """Return an address without the values in it."""
    path, _, query = address.partition("?")
    given = set(re.findall(r"(\w+)=", query))
    facet = {"facet"} if given & {*FACETS, "band", "sort"} else set()
    names = "&".join(sorted(given - {*FACETS, "band", "sort"} | facet))
    return f"{re.sub(r'/[MSR]-[0-9a-f]+', '/ID', path)}?{names}"


def crawled(site: Site, starts: tuple[str, ...]) -> dict[str, Shown]:
    """Return every page that links lead to, a few of each kind, and those about errors."""
    found: dict[str, Shown] = {}
    kinds: dict[str, int] = {}
    waiting = list(starts)
    while waiting:
        address = waiting.pop(0)
        kind = kind_of(address)
        if address in found or kinds.get(kind, 0) >= N_OF_A_KIND:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        page = found[address] = site.page(address)
        if "html" in page.headers["content-type"]:
            waiting += [one for one in page.links if not one.startswith("#")]
    return found | {one: site.page(one) for one in ERRORS}


@pytest.fixture(scope="module")
def of_reports(site: Site) -> dict[str, Shown]:
    return crawled(site, STARTS)


@pytest.fixture(scope="module")
def of_programmes(programmes: Site) -> dict[str, Shown]:
    return crawled(programmes, STARTS_OF_PROGRAMMES)


@pytest.fixture(scope="module", params=["of_reports", "of_programmes"])
def pages(request: pytest.FixtureRequest) -> dict[str, Shown]:
    """Return the pages of a run of reports, then those of a run of programmes."""
    found: dict[str, Shown] = request.getfixturevalue(request.param)
    return found


def html_of(pages: dict[str, Shown]) -> list[Shown]:
    return [one for one in pages.values() if one.headers["content-type"].startswith("text/html")]


def test_every_link_leads_to_a_page_or_a_file(pages: dict[str, Shown]) -> None:
    reached = {address: page.status for address, page in pages.items() if address not in ERRORS}

    assert len(reached) > 60
    assert set(reached.values()) == {200}
    forms = {one for page in pages.values() for one in page.tree.xpath("//form/@action")}
    assert {kind_of(one).rstrip("?") for one in forms if one != "/nothing"} <= {
        one.replace("{name:str}", "ID") for one in PAGES
    }


def test_links_lead_to_every_page_and_every_file(
    of_reports: dict[str, Shown], of_programmes: dict[str, Shown], decided: Site
) -> None:
    paths = {
        kind_of(one).partition("?")[0]
        for one, page in (*of_reports.items(), *of_programmes.items())
        if page.status == 200
    }
    desk = decided.page("/desk")  # where people have decided something
    for link in (*desk.links_to("/desk."), *desk.links_to("/r/")):
        assert decided.page(link).status == 200
        paths.add(kind_of(link).partition("?")[0])
    wanted = {one.replace("{name:str}", "ID") for one in (*PAGES, *FILES)}

    assert wanted <= paths
    assert set(NAVIGATION) <= set(PAGES)


def test_every_answer_has_every_header(pages: dict[str, Shown]) -> None:
    for address, page in pages.items():
        for name, value in HEADERS.items():
            assert page.headers[name] == value, address
        is_lasting = "immutable" in page.headers["cache-control"]
        assert is_lasting == (address.startswith("/static/") and address not in ERRORS), address


def test_the_policy_lets_a_page_load_from_here_alone() -> None:
    policy = HEADERS["content-security-policy"]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


def test_nothing_on_a_page_is_loaded_from_elsewhere(pages: dict[str, Shown]) -> None:
    for page in html_of(pages):
        for link in page.links:
            assert link.startswith(("/", "#")), link
            assert not link.startswith("//"), link
        assert not page.tree.xpath("//@style | //style")
        assert [one.text for one in page.tree.iter("script")] == [None]
    for address, page in pages.items():
        if address.startswith("/static/"):
            text = page.text.replace("http://www.w3.org/2000/svg", "")
            assert "http" not in text.replace("/* ", "")
            assert "url(" not in text
            assert "@import" not in text


def test_an_error_says_why_and_what_to_do(pages: dict[str, Shown]) -> None:
    for address in ERRORS:
        page = pages[address]
        assert page.status in {400, 404}, address
        assert "Why: " in page.words
        assert "What to do: " in page.words
        assert "Traceback" not in page.text


def test_no_page_judges(pages: dict[str, Shown]) -> None:
    for page in html_of(pages):
        body = page.words.replace(  # the two sentences that say what counts are not
            "a difference from what is expected is no cause", ""
        )
        assert WORDS.search(body) is None


def test_every_page_has_one_title_a_way_past_the_head_and_tables_with_names(
    pages: dict[str, Shown],
) -> None:
    for page in html_of(pages):
        assert len(page.tree.xpath("//h1")) == 1
        assert page.tree.xpath("//html/@lang") == ["en"]
        assert page.tree.xpath("//body/*[1]/@href") == ["#main"]
        assert page.tree.xpath("//main/@id") == ["main"]
        for table in page.tree.iter("table"):
            assert table.find("caption") is not None
            assert all(one.get("scope") for one in table.iter("th"))
            place = table.getparent()  # a narrow screen scrolls it alone, by keyboard too
            is_held = place.get("class") == "wide" and place.get("tabindex") == "0"
            assert is_held != (table.get("class") == "cards matters")
            assert not is_held or place.get("aria-label")
        names = page.tree.xpath("//@id")
        assert len(names) == len(set(names))
        for box in page.tree.xpath("//input[not(@type='hidden')]"):
            labelled = page.tree.xpath(f"//label[@for='{box.get('id')}']")
            assert labelled or box.getparent().tag == "label"


def test_every_page_names_its_day_its_epoch_and_its_configuration(pages: dict[str, Shown]) -> None:
    for address, page in pages.items():
        if page.status == 200 and page.headers["content-type"].startswith("text/html"):
            assert re.search(
                r"As known at the end of \d{4}-\d\d-\d\d \(UTC\) · ?epoch \d+ · ?configuration "
                r"[0-9a-f]{12}",
                page.words.replace("epoch", "· epoch").replace("configuration", "· configuration"),
            ), address


def test_a_register_alone_has_all_pages_but_the_feed(run: Path) -> None:
    site = Site(register=sqlite_url(run / "register.db"))

    inbox = site.page("/inbox")
    assert inbox.status == 200
    assert "/feed" not in inbox.links
    assert site.page("/feed").status == 404
    assert site.page("/system").facts()["Looked at"] == "made for a test"


def test_pages_are_asked_for_and_nothing_is_sent(site: Site) -> None:
    for path in ("/inbox", "/m/M-0", "/data"):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(site.client, method)(path).status_code == 405
