"""The console in a real Chromium: nothing leaves this machine, pages fit, keys work."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from calling import ROOT
from chromium import Browser, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.campaign
PATHS = (
    "/inbox?view=all", "/inbox?view=back", "/inbox?view=all&at=1999-02-10", "/search?q=rota",
    "/feed", "/data?code=not_json", "/system", "/case?id=R-5", "/case?id=R-4",
    "/compare?against=1999-02-01&kind=changed", "/event?key=group%3Aintussusception",
    "/product?key=group%3Arotashield", "/nothing", "/inbox?at=1970-01-01",
    "/cases?product=group%3Arotashield&event=group%3Aintussusception",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def address(run: Path) -> Iterator[str]:
    command = (sys.executable, "-m", "surveillance", "console", "--from-run", str(run))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            line = served.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http")).rstrip("/")
        finally:
            served.terminate()


@pytest.fixture(scope="module")
def pages(address: str) -> list[str]:
    """Return the pages by name, and a matter and each of its signals."""
    found = list(PATHS)
    for start, link in (("/inbox?view=all", r"/m/M-\w+"), (r"", r"/s/S-\w+")):
        with urllib.request.urlopen(address + (start or found[-1])) as answer:  # noqa: S310
            found += sorted(set(re.findall(link, answer.read().decode())))
    return found


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("is_dark", [False, True])
def test_pages_fit_and_load_from_here_alone_and_break_no_rule(
    browser: Browser, address: str, pages: list[str], width: int, *, is_dark: bool
) -> None:
    browser.resize(width, is_dark=is_dark)
    browser.events.clear()

    for page in pages:
        browser.open(address + page)
        assert browser.js("document.documentElement.scrollWidth - innerWidth") <= 0, page
        ground = browser.js("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") != is_dark
        small = browser.js(
            "[...document.querySelectorAll('button, nav a, .bands a, .paging a')].filter(one => "
            "one.offsetParent && one.getBoundingClientRect().height < 24).length"
        )
        assert small == 0, page

    assert len(browser.requested()) > len(pages)
    asked = [one for one in browser.requested() if not one.startswith("data:")]  # its own icons
    assert [one for one in asked if not one.startswith(f"{address}/")] == []
    assert browser.complaints() == []


def test_a_matter_is_opened_by_keys_alone(browser: Browser, address: str) -> None:
    browser.resize(1280, is_dark=False)
    browser.open(f"{address}/inbox?view=all")

    browser.press("?")
    assert browser.js("document.getElementById('keys').open")
    browser.js("document.getElementById('keys').close(); document.activeElement.blur()")
    browser.press("/")
    assert browser.js("document.activeElement.id") == "q"
    browser.js("document.activeElement.blur()")
    browser.press("t")
    assert browser.js("document.activeElement.id") == "at"
    browser.js("document.activeElement.blur()")
    browser.press("j")
    assert browser.js("document.querySelectorAll('tr.here').length") == 1
    wanted = browser.js("document.activeElement.href")
    assert "/m/M-" in wanted


def test_keys_can_be_switched_off_and_stay_off(browser: Browser, address: str) -> None:
    browser.open(f"{address}/inbox?view=all")
    browser.js("document.getElementById('keys-on').click()")

    browser.open(f"{address}/system")
    browser.open(f"{address}/inbox?view=all")
    browser.press("j")

    assert browser.js("document.querySelectorAll('tr.here').length") == 0
    browser.js("document.getElementById('keys-on').click()")
    browser.press("j")
    assert browser.js("document.querySelectorAll('tr.here').length") == 1
