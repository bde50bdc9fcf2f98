"""What waits for people: requests, clocks, proposals, holds, on pages of their own."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from answers import Look
from decided_run import ANSWERED, ASKED, CLOCKED, CLOSED, HELD, LAST, PROPOSED, replay_decided
from openpyxl import load_workbook
from reading_pages import Site

from surveillance.triage.matters import Matter
from surveillance.triage.reviews import review_id
from surveillance.triage.triage import signal_id
from surveillance.views.desk import KINDS

REVIEW = review_id(Matter(*ASKED).matter_id, "danger_to_health")
ANSWER = review_id(Matter(*ANSWERED).matter_id, "danger_to_health")
DAYS = ("2024-03-09", "2024-03-18", "2024-04-11")
JUDGING = re.compile(r"\b(caus\w+|recommend\w*|safe|unsafe|safely)\b", re.IGNORECASE)
PAGES = [*(f"/desk?list={kind}" for kind in KINDS), "/meeting"]


def signals(look: Look, run: Path, day: str) -> dict[str, dict[str, Any]]:
    answer = look("signals", "--from-run", run, "--as-of", day, "--json")
    return {one["signal_id"]: one for one in answer.json}


def rows(site: Site, kind: str, day: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.client.get(f"/desk.json?list={kind}&at={day}").json()
    return found


@pytest.mark.parametrize("day", [*DAYS, str(LAST)])
def test_what_waits_is_what_the_signals_carry(
    decided: Site, decided_run: Path, look: Look, day: str
) -> None:
    held = signals(look, decided_run, day)

    clocks = {
        (one["signal_id"], one["code"], one["due_on"]) for one in rows(decided, "clocks", day)
    }
    reviews = {one["review_id"]: one for one in rows(decided, "reviews", day)}
    closed, hold = (
        {one["signal_id"] for one in rows(decided, kind, day)} for kind in KINDS[3:][::-1]
    )

    assert clocks == {
        (name, clock["code"], clock["due_on"])
        for name, one in held.items()
        for clock in one.get("clocks", ())
        if clock.get("stopped_on") is None
    }
    wanted = {each["review_id"]: each for one in held.values() for each in one.get("reviews", ())}
    assert reviews.keys() == wanted.keys()
    for name, one in reviews.items():
        for field in ("ground", "answer", "answered_on", "ladder_step", "opened_on"):
            shown = {"ground": "code", "opened_on": "since"}.get(field, field)
            assert one[shown] == wanted[name].get(field)
    assert closed == {name for name, one in held.items() if one["is_open"] is False}
    assert hold == {name for name, one in held.items() if one["status"] == "on_hold"}


def test_each_kind_holds_what_was_decided(decided: Site) -> None:
    last = str(LAST)
    found = {kind: rows(decided, kind, last) for kind in KINDS}

    assert [one["code"] for one in found["clocks"]] == ["hold_ends", "eu_confirmation"]
    assert {one["signal_id"] for one in found["clocks"]} == {
        signal_id(*pair, "safety") for pair in (HELD, CLOCKED)
    }
    (proposal,) = found["approval"]
    assert proposal["signal_id"] == signal_id(*PROPOSED, "safety")
    assert (proposal["by"], proposal["is_signed"]) == ("scientist-1", False)
    (closed,) = found["closed"]
    assert (closed["product"], closed["event"]) == CLOSED
    assert [one["answer"] for one in found["reviews"]] == [None, None, None, "upheld"]


def test_the_tabs_count_what_the_lists_hold(decided: Site) -> None:
    page = decided.page("/desk", list="hold")

    links = page.tree.xpath("//nav[@class='tabs']/a[starts-with(@href, '/desk')]")
    shown = dict(zip(KINDS, (int(one.xpath("string(span)")) for one in links), strict=True))
    assert shown == {
        kind: sum(one["answer"] is None for one in rows(decided, kind, str(LAST))) for kind in KINDS
    }
    inbox = decided.page("/inbox").tree.xpath("//nav[@class='tabs']/a/@href")
    assert [one for one in inbox if one.startswith("/desk")] == [
        f"/desk?list={kind}" for kind in KINDS
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_and_its_files_have_the_same_rows(decided: Site, kind: str) -> None:
    page = decided.page("/desk", list=kind)
    wanted = rows(decided, kind, str(LAST))

    table = page.table(page.tree.findtext(".//h1"))
    assert [int(row["n"]) for row in table] == [one["n"] for one in wanted]
    address = f"/desk.csv?list={kind}"
    lines = list(csv.DictReader(io.StringIO(decided.client.get(address).text)))
    assert [one["matter_id"] for one in lines] == [one["matter_id"] for one in wanted]
    answer = decided.client.get(address.replace(".csv", ".xlsx"))
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert sheet.max_row == len(wanted) + 1 == int(answer.headers["x-row-count"]) + 1
    assert answer.content == decided.client.get(address.replace(".csv", ".xlsx")).content


def test_a_request_shows_ground_law_answer_evidence_and_who_signed(
    decided: Site, decided_run: Path, look: Look
) -> None:
    (listed,) = [one for one in rows(decided, "reviews", str(LAST)) if one["review_id"] == REVIEW]
    then, now = (
        signals(look, decided_run, day)[listed["signal_id"]] for day in (listed["since"], str(LAST))
    )

    page = decided.page(f"/r/{REVIEW}")

    assert "21 CFR 601.6(a)" in page.words
    assert "danger to health?" in page.words
    assert f"Open since {listed['since']}" in page.words
    values = {row["What"]: row["Then → now"] for row in page.table("The signal that met the rule")}
    for name, field in (("n", "n"), ("Serious", "n_serious"), ("Fatal", "n_fatal")):
        old, new = then.get(field, 0), now.get(field, 0)
        wanted = str(new) if old == new else f"{old} → {new} {new - old:+}"
        assert values[name] == (
            wanted if name != "n" else f"{old} → {listed['n']} {listed['n'] - old:+}"
        )
    (person,) = page.table("What people did about the matter")
    assert (person["Action"], person["Signed"]) == ("start validation", "unsigned")
    requests = page.table("One for each ground")
    assert [row["Answer"] for row in requests] == ["open", "open"]
    answered = decided.page(f"/r/{ANSWER}")
    assert "upheld" in answered.words
    assert "change the label, or write to health professionals (chosen)" in answered.words


def test_a_request_has_no_page_before_it_was_opened(decided: Site) -> None:
    for address in (f"/r/{REVIEW}?at=2024-03-08", "/r/R-0000000000000000", "/r/%3Cb%3E"):
        page = decided.page(address)
        assert page.status == 404
        assert "is no request for review" in page.words


@pytest.fixture(scope="module", params=DAYS)
def both(
    request: pytest.FixtureRequest, decided: Site, decided_run: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Site, Site]:  # fmt: skip
    """Return a day, the console over the whole run, and one over a run until that day."""
    out = tmp_path_factory.mktemp("until") / "run"
    until = date.fromisoformat(request.param)
    return request.param, decided, Site(replay_decided(decided_run.parent, out, until))


@pytest.mark.parametrize("address", [*PAGES, "/inbox?view=all", "/inbox?view=suppressed"])
def test_what_waited_on_a_day_is_that_of_a_log_that_ends_there(
    both: tuple[str, Site, Site], address: str
) -> None:
    day, whole, ended = both

    then, last = (
        whole.page(f"{address}{'&' if '?' in address else '?'}at={day}"),
        ended.page(address),
    )

    assert then.status == last.status == 200
    assert then.main == last.main


def test_a_request_as_of_a_day_is_that_of_a_log_that_ends_there(
    both: tuple[str, Site, Site],
) -> None:
    day, whole, ended = both
    found = [one["review_id"] for one in rows(ended, "reviews", day)]

    assert len(found) == (0 if day == DAYS[0] else 4)
    for name in found:
        assert whole.page(f"/r/{name}?at={day}").main == ended.page(f"/r/{name}").main


def test_the_agenda_begins_with_what_is_overdue(decided: Site) -> None:
    page = decided.page("/meeting")

    titles = [one.text.strip() for one in page.tree.iter("h2") if one.get("id") is None]
    assert titles == [
        "1 Overdue clocks", "2 Urgent", "3 New matters", "4 Running assessments", "5 Actions",
    ]  # fmt: skip
    numbers = [int(one) for one in page.tree.xpath("//main//h2/span/text()")]
    assert numbers[0] == sum(one["is_overdue"] for one in rows(decided, "clocks", str(LAST)))
    assert len(page.links_to("/r/")) == 3
    assert "eu confirmation" in page.words
    before = decided.page("/meeting", at="2024-04-12")
    assert "Time limits that end within 7 days" in before.words


def test_a_hold_or_limit_is_not_over_on_its_last_day(decided: Site) -> None:
    on_the_day = {one["code"]: one for one in rows(decided, "clocks", "2024-04-16")}
    after = {one["code"]: one for one in rows(decided, "clocks", "2024-04-17")}

    assert on_the_day["eu_confirmation"]["is_overdue"] is False
    assert after["eu_confirmation"]["is_overdue"] is True


def test_nothing_but_the_law_itself_speaks_of_safety(decided: Site) -> None:
    listed = rows(decided, "reviews", str(LAST))
    for address in ("/desk", "/meeting", f"/r/{REVIEW}", f"/r/{ANSWER}"):
        words = decided.page(address).words
        for quoted in (
            "difference from what is expected is no cause",
            *(one["about"] for one in listed),
            *(one["code"].replace("_", " ") for one in listed),
            *(one["code"] for one in listed),
        ):
            words = words.replace(quoted, "")
        assert JUDGING.search(words) is None, address
