"""The console in a real Chromium: nothing leaves this machine, pages fit, anybody can use them."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from calling import ROOT
from chromium import chromium
from playwright.sync_api import Browser, ConsoleMessage, Page
from small_run import PAIR

from surveillance.triage.triage import signal_id
from surveillance.views.desk import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.campaign
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
N_RULES_THAT_APPLY = 10
PATHS = (
    "/inbox?view=all", "/inbox?view=back", "/inbox?view=all&at=1999-02-10", "/search?q=rota",
    "/desk", "/desk?list=clocks", "/meeting", "/inbox?view=all&due=overdue",
    "/feed", "/data?code=not_json", "/system", "/case?id=R-5", "/case?id=R-4",
    "/compare?against=1999-02-01&kind=changed", "/event?key=group%3Aintussusception",
    "/product?key=group%3Arotashield", "/nothing", "/inbox?at=1970-01-01",
    "/cases?product=group%3Arotashield&event=group%3Aintussusception",
)  # fmt: skip


class Visit(NamedTuple):
    """A page, with all that it asked for and all that its browser found wrong."""

    page: Page
    requested: list[str]
    complaints: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def visiting(browser: Browser, width: int = 1280, *, is_dark: bool = False) -> Visit:
    """Open a window of its own, with no page yet."""
    scheme: Literal["dark", "light"] = "dark" if is_dark else "light"
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visit = Visit(page, [], [])
    page.on("request", lambda one: visit.requested.append(one.url))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", lambda line: _complain(visit, line))
    return visit


def _complain(visit: Visit, line: ConsoleMessage) -> None:
    is_expected = " 404 " in line.text or " 400 " in line.text  # pages about what is not there
    if line.type in ("error", "warning") and not is_expected:
        visit.complaints.append(line.text)


PROGRAMME_PATHS = (
    "/programmes", "/programme?name=P1", "/programme?name=P2", "/programme?name=P1&at=2024-02-10",
    "/figure?figure=levels&name=P1", "/figure?figure=patients&name=P1",
    "/figure?figure=courses&name=P1&construct=K1", "/figure?figure=follow-up&name=P1",
    "/figure?figure=biomarker&name=P1&code=ammonia", "/figure?figure=nothing",
    f"/s/{signal_id(*PAIR, 'safety')}", f"/s/{signal_id(*PAIR, 'safety')}/form",
    f"/figure?figure=strata&product={PAIR[0]}&event={PAIR[1]}",
    f"/figure?figure=onset&product={PAIR[0]}&event={PAIR[1]}",
)  # fmt: skip


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Start the console over a run; return its address."""
    command = (sys.executable, "-m", "surveillance", "console", "--from-run", str(run))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http")).rstrip("/")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    with served(run) as found:
        yield found


@pytest.fixture(scope="module")
def decided_address(decided_run: Path) -> Iterator[str]:
    with served(decided_run) as found:
        yield found


@pytest.fixture(scope="module")
def address_of_programmes(treated: Path) -> Iterator[str]:
    with served(treated) as found:
        yield found


@pytest.fixture(scope="module")
def pages(address: str) -> list[str]:
    """Return the pages by name, and a matter and each of its signals."""
    found = list(PATHS)
    for start, link in (("/inbox?view=all", r"/m/M-\w+"), (r"", r"/s/S-\w+")):
        with urllib.request.urlopen(address + (start or found[-1])) as answer:  # noqa: S310
            found += sorted(set(re.findall(link, answer.read().decode())))
    return [*found, f"{found[-1]}/form"]


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("is_dark", [False, True])
def test_pages_fit_and_load_from_here_alone_and_break_no_rule(
    browser: Browser, address: str, pages: list[str], width: int, *, is_dark: bool
) -> None:
    page, requested, complaints = visit = visiting(browser, width, is_dark=is_dark)

    for path in pages:
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") != is_dark
        small = page.evaluate(
            "[...document.querySelectorAll('button, nav a, .bands a, .paging a')].filter(one => "
            "one.offsetParent && one.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, path

    assert len(requested) > len(pages)
    assert [one for one in requested if not one.startswith(f"{address}/")] == []
    assert complaints == []
    visit.page.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("is_dark", [False, True])
def test_no_page_breaks_a_rule_of_wcag_that_a_program_can_check(
    browser: Browser, address: str, pages: list[str], width: int, *, is_dark: bool
) -> None:
    page = visiting(browser, width, is_dark=is_dark).page
    found: dict[str, str] = {}

    for path in pages:
        page.goto(address + path)
        results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert len(results.response["passes"]) > N_RULES_THAT_APPLY, path
        if results.violations_count:
            found[path] = results.generate_report()

    assert found == {}
    page.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("is_dark", [False, True])
def test_pages_of_what_people_decided_fit_and_break_no_rule(
    browser: Browser, decided_address: str, width: int, *, is_dark: bool
) -> None:
    page, _, complaints = visiting(browser, width, is_dark=is_dark)
    with urllib.request.urlopen(f"{decided_address}/desk") as answer:  # noqa: S310
        requests = sorted(set(re.findall(r"/r/R-\w+", answer.read().decode())))
    found: dict[str, str] = {}

    for path in (*(f"/desk?list={kind}" for kind in KINDS), "/meeting", "/inbox", *requests):
        page.goto(decided_address + path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert len(results.response["passes"]) > N_RULES_THAT_APPLY, path
        if results.violations_count:
            found[path] = results.generate_report()

    assert len(requests) > 1
    assert found == {}
    assert complaints == []
    page.close()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("is_dark", [False, True])
def test_pages_of_programmes_fit_and_break_no_rule(
    browser: Browser, address_of_programmes: str, width: int, *, is_dark: bool
) -> None:
    page, requested, complaints = visiting(browser, width, is_dark=is_dark)
    found: dict[str, str] = {}

    for path in PROGRAMME_PATHS:
        page.goto(address_of_programmes + path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        small = page.evaluate(
            "[...document.querySelectorAll('.take a')].filter(one => "
            "one.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, path
        results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        if results.violations_count:
            found[path] = results.generate_report()

    assert found == {}
    assert complaints == []
    assert [one for one in requested if not one.startswith(f"{address_of_programmes}/")] == []
    page.close()


def test_paper_has_what_is_read_and_nothing_to_click(browser: Browser, address: str) -> None:
    page = visiting(browser).page
    page.emulate_media(media="print")
    form = f"/s/{signal_id(*PAIR, 'safety')}/form"

    for path in (form, "/inbox?view=all", "/search?q=rota", "/desk"):
        page.goto(address + path)
        shown = page.evaluate(
            "[...document.querySelectorAll('nav, form, button, input, dialog, .take')]"
            ".filter(one => one.getClientRects().length).map(one => one.outerHTML.slice(0, 80))"
        )
        assert shown == [], path
        assert page.locator("h1").is_visible()

    page.goto(address + form)
    heights = page.evaluate(
        "[...document.querySelectorAll('.answer')].map(one => one.getBoundingClientRect().height)"
    )
    assert min(heights) > 35  # pixels: there is room to write
    page.close()


def test_the_rules_notice_what_a_page_must_not_do(browser: Browser, address: str) -> None:
    page = visiting(browser).page
    page.goto(f"{address}/inbox?view=all")
    page.evaluate("document.querySelector('label[for=at]').remove()")

    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})

    assert [one["id"] for one in results.response["violations"]] == ["label"]
    page.close()


def test_a_matter_is_opened_by_keys_alone(browser: Browser, address: str) -> None:
    page = visiting(browser).page
    page.goto(f"{address}/inbox?view=all")

    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.locator("#keys").wait_for(state="hidden")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("t")
    assert page.evaluate("document.activeElement.id") == "at"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert page.locator("tr.here").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/m/M-\w+"))
    page.close()


def test_keys_can_be_switched_off_and_stay_off(browser: Browser, address: str) -> None:
    page = visiting(browser).page
    page.goto(f"{address}/inbox?view=all")
    page.evaluate("document.getElementById('keys-on').click()")

    page.goto(f"{address}/system")
    page.goto(f"{address}/inbox?view=all")
    page.keyboard.press("j")

    assert page.locator("tr.here").count() == 0
    page.evaluate("document.getElementById('keys-on').click()")
    page.keyboard.press("j")
    assert page.locator("tr.here").count() == 1
    page.close()


def test_a_row_is_looked_at_beside_the_list_by_keys_alone(browser: Browser, address: str) -> None:
    page, requested, complaints = visiting(browser)
    page.goto(f"{address}/inbox?view=all")

    page.keyboard.press("Space")  # no row yet: the page scrolls
    assert page.locator("#peek").is_hidden()
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.locator("#peek h2").wait_for()
    assert "Lower limit" in page.locator("#peek").inner_text()
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert results.violations_count == 0, results.generate_report()
    page.keyboard.press("Escape")
    assert page.locator("#peek").is_hidden()

    assert [one for one in requested if not one.startswith(f"{address}/")] == []
    assert complaints == []
    page.close()


def test_the_palette_opens_what_it_finds_by_keys_alone(browser: Browser, address: str) -> None:
    page, _, complaints = visiting(browser)
    page.goto(f"{address}/system")

    page.keyboard.press("Control+k")
    page.keyboard.type("intuss")
    page.locator("#palette-list li", has_text="matter, rank").first.wait_for()
    chosen = page.locator("#palette-q").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert results.violations_count == 0, results.generate_report()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/m/M-\w+"))
    page.keyboard.press("Control+k")
    assert "recent" in page.locator("#palette-list li").first.inner_text()
    page.keyboard.press("Escape")

    assert complaints == []
    page.close()


def test_two_keys_go_to_a_page_and_stop_where_keys_are_off(browser: Browser, address: str) -> None:
    page = visiting(browser).page
    page.goto(f"{address}/inbox")

    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/meeting")
    page.evaluate("document.getElementById('keys-on').click()")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.keyboard.press("j")

    assert page.url.endswith("/meeting")
    page.close()
