"""A page as of a day is the page of a log that ended on that day."""

from __future__ import annotations

import re
import time
from datetime import date
from pathlib import Path

import pytest
from reading_pages import Site
from small_run import PAIR

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.runs.replay import replay
from surveillance.triage.triage import signal_id

DAYS = ("1999-02-02", "1999-02-25")
SIGNAL = signal_id(*PAIR, "safety")
GROUP = "product=group%3Arotashield&event=group%3Aintussusception"


@pytest.fixture(scope="module", params=DAYS)
def both(
    request: pytest.FixtureRequest, run: Path, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Site, Site]:
    """Return a day, the console over the whole run, and one over a run until that day."""
    out = tmp_path_factory.mktemp("until") / "run"
    replay(
        "folder",
        [run.parent / "inputs"],
        out=out,
        configurations=Configurations(read_configuration(run / "configuration")),
        configuration_directory=run / "configuration",
        until_day=date.fromisoformat(request.param),
        clock=time.monotonic,
    )
    return request.param, site, Site(out)


@pytest.mark.parametrize(
    "address",
    [
        "/inbox",
        "/inbox?view=all",
        f"/s/{SIGNAL}",
        f"/cases?{GROUP}",
        "/case?id=R-4",
        "/case?id=R-2",
        "/product?key=group%3Arotashield",
        "/event?key=pt%3AIntussusception",
        "/feed",
    ],
)
def test_a_page_of_a_day_is_that_of_a_log_that_ends_there(
    both: tuple[str, Site, Site], address: str
) -> None:
    day, whole, ended = both
    link = f"{address}{'&' if '?' in address else '?'}at={day}"

    then, last = whole.page(link), ended.page(address)

    assert then.status == last.status == 200
    assert then.main == last.main
    assert f"As known at the end of {day} (UTC)" in then.words
    assert "the log goes on to 1999-03-02" in then.words


def test_the_matters_of_a_day_are_those_of_a_log_that_ends_there(
    both: tuple[str, Site, Site],
) -> None:
    day, whole, ended = both
    matters = re.findall(r"/m/(M-[0-9a-f]+)", ended.page("/inbox?view=all").text)

    assert matters
    for one in set(matters):
        assert whole.page(f"/m/{one}?at={day}").main == ended.page(f"/m/{one}").main


def test_a_day_outside_the_log_names_the_days_that_it_holds(site: Site) -> None:
    for day, where in (("1999-01-03", "before the log begins"), ("1999-03-03", "after the log")):
        page = site.page("/inbox", at=day)
        assert page.status == 404
        assert where in page.words
        assert "1999-01-04 to 1999-03-02" in page.words


@pytest.mark.parametrize("given", ["yesterday", "1999-02-30", "02/12/1999", "1" * 20_000, "\x00"])
def test_what_is_no_date_is_refused_with_an_example(site: Site, given: str) -> None:
    page = site.page("/inbox", at=given)

    assert page.status == 400
    assert "is not a date" in page.words
    assert "1999-02-12" in page.words
    assert len(page.text) < 10_000


def test_a_page_of_a_day_is_the_same_bytes_whenever_it_is_asked_for(run: Path) -> None:
    address = f"/s/{SIGNAL}?at=1999-02-26"

    first, again, anew = Site(run), Site(run), Site(run)
    anew.page("/inbox")

    assert first.page(address).content == again.page(address).content
    assert anew.page(address).content == first.page(address).content


def test_links_of_a_page_of_a_day_stay_on_that_day(site: Site) -> None:
    page = site.page("/inbox", at="1999-02-26", view="all")

    inner = [one for one in page.links if one.startswith("/") and "/static/" not in one]
    kept = [one for one in inner if "at=1999-02-26" in one]
    assert {one for one in inner if one not in kept} == {"/inbox?view=all"}  # to the last day
