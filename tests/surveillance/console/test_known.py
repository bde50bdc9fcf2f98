"""What is kept between pages, and what a page shows when something is away or broken."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from decided_run import LAST
from reading_pages import Site

from surveillance.console import kept
from surveillance.console.app import PAGES
from surveillance.domain.errors import Away
from surveillance.views import as_of
from surveillance.views.as_of import open_signals, whole_signals
from surveillance.views.counted import CountedRun
from surveillance.views.day import day_of
from surveillance.views.results import open_results


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """Return the days that were computed, as they are."""
    found: list[date] = []

    def noted(source: Any, on: date) -> Any:  # noqa: ANN401 - as it is called
        found.append(on)
        return day_of(source, on)

    monkeypatch.setattr(kept, "day_of", noted)
    return found


def test_a_day_is_computed_once_for_all_its_pages(run: Path, computed: list[date]) -> None:
    site = Site(run)
    inbox = site.page("/inbox?view=all")
    for address in (*inbox.links_to("/m/"), "/inbox?view=all&sort=n", "/data", "/inbox"):
        assert site.page(address).status == 200

    assert computed == [date(1999, 3, 2)]


def test_the_days_asked_for_last_are_kept(
    run: Path, computed: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "N_KEPT_DAYS", 2)
    site = Site(run)
    for day in (10, 11, 10, 12, 10, 11):
        site.page("/inbox", at=f"1999-02-{day}")

    assert [one.day for one in computed] == [10, 11, 12, 11]


def test_who_asks_for_what_is_being_computed_waits_and_nobody_else_does() -> None:
    values, has_begun, may_end, n_computed = kept.Kept(4), Event(), Event(), []

    def long() -> str:
        n_computed.append(1)
        has_begun.set()
        assert may_end.wait(60)
        return "long"

    with ThreadPoolExecutor(2) as people:
        first = people.submit(values.get, "a", long)
        assert has_begun.wait(60)
        second = people.submit(values.get, "a", long)
        assert values.get("b", lambda: "short") == "short"
        assert not first.done()
        assert not second.done()
        may_end.set()
        assert (first.result(60), second.result(60)) == ("long", "long")

    assert len(n_computed) == 1


def test_what_could_not_be_computed_is_computed_anew() -> None:
    values = kept.Kept(4)
    with pytest.raises(ZeroDivisionError):
        values.get("a", lambda: 1 // 0)

    assert values.get("a", lambda: 7) == 7


def test_a_defect_gives_a_reference_and_not_its_lines(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of a case")

    monkeypatch.setitem(PAGES, "/system", broken)
    page = Site(run).page("/system")

    assert page.status == 500
    assert "secret" not in page.text
    (reference,) = re.findall("reference ([0-9a-f]{12}) is in what", page.words)
    assert f"reference {reference}" in capsys.readouterr().err


def test_a_register_that_is_away_is_asked_for_again_later(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Away("postgresql://a", "does not answer", "start it")

    monkeypatch.setitem(PAGES, "/system", away)
    page = Site(run).page("/system")

    assert page.status == 503
    assert "does not answer" in page.words
    assert "try again later" in page.words


@pytest.mark.parametrize("day", [date(2024, 3, 11), date(2024, 3, 20), LAST])
def test_a_list_has_the_numbers_that_whole_signals_have(decided_run: Path, day: date) -> None:
    source = open_results(decided_run, None)
    listed = {
        one.signal_id: one
        for each in day_of(source, day).work.matters
        for one in each.matter.signals
    }
    whole = {one.signal_id: one for one in open_signals(source, day)}

    assert listed
    for name, one in listed.items():
        for field in ("n", "n_serious", "n_fatal", "priority", "matter_id", "status", "first_on"):
            assert getattr(one, field) == getattr(whole[name], field)
        assert one.has_excess == (whole[name].evidence > 0)  # type: ignore[union-attr]
    assert whole_signals(source, listed.values(), day) == {name: whole[name] for name in listed}


def test_the_contributions_of_a_day_are_summed_once_for_all_its_pages(
    decided_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def noted(directory: Path, **known: Any) -> CountedRun:  # noqa: ANN401 - as it is called
        read.append(directory)
        return CountedRun(directory, **known)

    monkeypatch.setattr(as_of, "CountedRun", noted)
    site = Site(decided_run)
    inbox = site.page("/inbox?view=all")
    for address in (
        *inbox.links_to("/m/"),
        "/desk",
        "/meeting",
        "/inbox.csv",
        "/product?key=product:BETA",
    ):
        assert site.page(address).status == 200

    assert read == [decided_run]
