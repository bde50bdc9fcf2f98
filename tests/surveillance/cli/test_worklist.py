"""Bands and days on the list, what the budget of a week cuts, and what is kept away from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from calling import longwatch
from strategies import a_case, encode

from surveillance.domain.case import Event, Product, Seriousness

if TYPE_CHECKING:
    from pathlib import Path

FIRST = date(2024, 3, 4)  # a Monday
PRODUCTS = ("A", "B", "C", "D")
CONFIGURATION = {
    "criteria.toml": '[[criterion]]\nname = "evans"\nrule = "evans"\nmin_count = 2\n'
    '[[criterion]]\nname = "alarm"\nrule = "sentinel"\nproducts = ["product:D"]\n'
    'events = ["pt:Alarm"]\n',
    "people.toml": "accept_unsigned = true\n",
    "sources.toml": "[numbered]\n",
    "triage.toml": "list_min_cases = 3\n[budget]\nper_reviewer_week = 1\nreviewers = 2\n"
    '[[band]]\nname = "P1"\nworking_days = 1\nsentinel = true\n'
    '[[band]]\nname = "P2"\nworking_days = 5\nmin_priority = 0.1\n'
    '[[band]]\nname = "P4"\n',
    "holidays.csv": "day,name\n2024-03-11,A holiday\n",
}


def a_report(number: str, day: int, product: str, pt: str, **changes: Any) -> bytes:  # noqa: ANN401 - its fields
    fields = {
        "received_on": FIRST + timedelta(days=day),
        "products": (Product(role="suspect", product=product),),
        "events": (Event(pt=pt, **changes),),
    }
    return encode(a_case(number, **fields))


def reports() -> list[bytes]:
    """Return three cases of an event of its own for each of three products, and an alarm."""
    death = {"outcome": "fatal", "seriousness": Seriousness(death=True)}
    return [
        *(a_report(f"O-{n}", n % 3, "Z", f"Other {n % 7}") for n in range(60)),
        *(a_report(f"{one}-{n}", n, one, f"Rash {one}") for one in "ABC" for n in range(3)),
        a_report("D-0", 3, "D", "Alarm"),
        a_report("Z-1", 40, "Z", "Other 1"),
        a_report("A-9", 41, "A", "Rash A", **death),
        a_report("Z-2", 60, "Z", "Other 2"),
    ]


class Week:
    """A configuration and reports, replayed with whatever people decided."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._n = folder, 0
        (folder / "configuration").mkdir()
        for name, text in CONFIGURATION.items():
            (folder / "configuration" / name).write_text(text, encoding="utf-8")
        (folder / "cases.ndjson").write_bytes(b"\n".join(reports()) + b"\n")

    def run(self, *decided: tuple[object, ...], code: int = 0) -> Path:
        """Replay with decisions: the day, and the words of the command."""
        self._n += 1
        decisions, out = self._folder / f"{self._n}.ndjson", self._folder / f"run {self._n}"
        for day, *words in decided:
            at = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=int(str(day)))
            answer = longwatch(*words, "--by", "a.person", "--append", decisions, now=at)
            assert answer.code == 0, answer.err
        beside = ("--decisions", decisions) if decided else ()
        answer = longwatch(
            "replay", "cases", self._folder / "cases.ndjson", "--config",
            self._folder / "configuration", "--out", out, *beside,
        )  # fmt: skip
        assert answer.code == code, answer.err
        return out


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return Week(tmp_path_factory.mktemp("week"))


@pytest.fixture(scope="module")
def before(week: Week) -> Path:
    return week.run()


def ranking(run: Path, day: int, *more: str) -> dict[str, dict[str, Any]]:
    on = str(FIRST + timedelta(days=day))
    found = longwatch("ranking", "--from-run", run, "--as-of", on, *more, "--json").json()
    return {one["event"].removeprefix("pt:"): one for one in found if "Other" not in one["event"]}


def suppressed(matter_id: str, until: date, *more: str) -> tuple[object, ...]:
    return (
        5, "suppress", matter_id, "--until", until, "--role", "safety_physician",
        "--reason", "a known effect of its class", *more,
    )  # fmt: skip


def test_a_matter_has_its_band_and_is_due_on_a_working_day(before: Path) -> None:
    found = ranking(before, 4)

    alarm = found["Alarm"]
    assert (alarm["band"], alarm["waiting_since"], alarm["due_on"]) == (
        "P1", "2024-03-07", "2024-03-08",
    )  # fmt: skip
    rash = found["Rash A"]
    assert (rash["band"], rash["waiting_since"]) == ("P2", "2024-03-05")
    assert rash["due_on"] == "2024-03-13"  # five days, a weekend and a holiday


def test_what_is_beyond_the_budget_is_queued_and_shown_and_the_first_band_never_is(
    before: Path,
) -> None:
    found = ranking(before, 4)

    queued = [name for name, one in found.items() if one["is_queued"]]
    assert not found["Alarm"]["is_queued"]
    assert len(queued) == len(found) - 2
    within = [one["priority"] for one in found.values() if not one["is_queued"]]
    assert len(within) == 2
    table = longwatch("ranking", "--from-run", before, "--as-of", "2024-03-08").out
    assert "budget 2 a week: 0 seen since Monday, 2 within it," in table


def test_what_was_seen_since_monday_takes_a_place_of_the_budget(week: Week, before: Path) -> None:
    matter = ranking(before, 4)["Rash A"]["matter_id"]
    seen = (4, "acknowledge", matter, "--epoch", "3", "--role", "safety_scientist")

    run = week.run(seen)

    this_week, next_week = ranking(run, 4), ranking(run, 7)
    assert all(one["is_queued"] for name, one in this_week.items() if name != "Alarm")
    assert not all(one["is_queued"] for name, one in next_week.items() if name != "Alarm")


def test_a_matter_that_is_suppressed_stays_away_until_the_day_and_then_comes_back(
    week: Week, before: Path
) -> None:
    matter = ranking(before, 4)["Rash B"]["matter_id"]
    run = week.run(suppressed(matter, FIRST + timedelta(days=35)))

    kept = ranking(run, 35, "--all")["Rash B"]
    assert "Rash B" in ranking(run, 4)
    assert "Rash B" not in ranking(run, 35)
    assert kept["seen"]["suppressed_until"] == "2024-04-08"
    assert kept["seen"]["reason"] == "a known effect of its class"
    back = ranking(run, 36)["Rash B"]
    assert (back["back_because"], back["waiting_since"]) == (["expired"], "2024-04-09")
    page = longwatch("matter", matter, "--from-run", run, "--as-of", "2024-04-08").out
    assert "suppressed to the end of 2024-04-08" in page


def test_a_first_death_ends_a_suppression_before_its_day(week: Week, before: Path) -> None:
    matter = ranking(before, 4)["Rash A"]["matter_id"]
    second = ("--approved-by", "b.person", "--approver-role", "committee_chair")
    run = week.run(suppressed(matter, FIRST + timedelta(days=90), *second))

    assert "Rash A" not in ranking(run, 40)
    back = ranking(run, 60)["Rash A"]
    assert (back["back_because"], back["waiting_since"]) == (["death"], "2024-04-14")


def test_a_long_suppression_by_one_person_has_no_effect(week: Week, before: Path) -> None:
    matter = ranking(before, 4)["Rash A"]["matter_id"]
    run = week.run(suppressed(matter, FIRST + timedelta(days=90)), code=3)

    assert "Rash A" in ranking(run, 20)


def test_a_holiday_that_is_no_day_is_refused_with_its_line(tmp_path: Path) -> None:
    for name, text in CONFIGURATION.items():
        (tmp_path / name).write_text(text.replace("2024-03-11", "11.3.2024"), encoding="utf-8")

    answer = longwatch("check-config", tmp_path)

    assert answer.code == 2
    assert "holidays.csv:2" in answer.err


def test_a_band_that_would_lose_matters_is_refused(tmp_path: Path) -> None:
    bands = '[[band]]\nname = "P1"\nsentinel = true\n'
    for name, text in {**CONFIGURATION, "triage.toml": bands}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    answer = longwatch("check-config", tmp_path)

    assert answer.code == 2
    assert "the last one, and no other, is without conditions" in answer.err
