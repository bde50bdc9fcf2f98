"""A reviewer's week: look, acknowledge, see what is new, and what has come back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from calling import Answer, longwatch
from strategies import a_case, encode

from surveillance.domain.case import Event, Product, Seriousness

if TYPE_CHECKING:
    from pathlib import Path

FIRST = date(2024, 3, 1)
CONFIGURATION = {
    "criteria": '[[criterion]]\nname = "evans"\nrule = "evans"\nmin_count = 2\n'
    '[[criterion]]\nname = "ic"\nrule = "ic_lower"\n',
    "people": "accept_unsigned = true\n",
    "sources": "[numbered]\n",
    "triage": "list_min_cases = 3\n",
}


class Looked(NamedTuple):
    """A run, and how to ask it."""

    run: Path
    matter_id: str

    def ranking(self, *more: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = longwatch(
            "ranking", "--from-run", self.run, *more, "--json"
        ).json()
        return found

    def page(self, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = longwatch(
            "matter", self.matter_id, "--from-run", self.run, *more, "--json"
        ).json()
        return found


def a_report(number: str, day: int, pt: str = "Rash", **changes: Any) -> bytes:  # noqa: ANN401 - its fields
    on = FIRST + timedelta(days=day)
    product = Product(role="suspect", product="P" if pt == "Rash" else "Q")
    fields = {"received_on": on, "products": (product,), "events": (Event(pt=pt),)} | changes
    return encode(a_case(number, **fields))


def reports() -> list[bytes]:
    """Three cases, seen on day 9; then one more, one followed up, one nullified, and four more."""
    fatal = (Event(pt="Rash", outcome="fatal", seriousness=Seriousness(death=True)),)
    return [
        *(a_report(f"O-{n}", n % 9, "Fever") for n in range(60)),
        *(a_report(f"R-{n}", n) for n in range(3)),
        a_report("R-3", 12),
        a_report("R-0", 13, version=2, kind="follow_up", country="DE"),
        a_report("R-1", 14, version=2, kind="nullification", products=(), events=()),
        a_report("R-4", 20),
        a_report("R-5", 21, events=fatal),
    ]


def acknowledged(folder: Path, matter_id: str, epoch: int, day: int) -> Answer:
    at = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), UTC)
    return longwatch(
        "acknowledge", matter_id, "--epoch", epoch, "--by", "a.person", "--role",
        "safety_scientist", "--append", folder / "decisions.ndjson", now=at,
    )  # fmt: skip


def replayed(folder: Path, name: str, *more: object) -> Path:
    out = folder / name
    answer = longwatch(
        "replay", "cases", folder / "cases.ndjson", "--config", folder / "configuration",
        "--out", out, *more,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return out


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    folder = tmp_path_factory.mktemp("looked")
    (folder / "configuration").mkdir()
    for part, text in CONFIGURATION.items():
        (folder / "configuration" / f"{part}.toml").write_text(text, encoding="utf-8")
    (folder / "cases.ndjson").write_bytes(b"\n".join(reports()) + b"\n")
    before = Looked(replayed(folder, "before"), "")
    on_day_9 = str(FIRST + timedelta(days=9))
    (first,) = [one for one in before.ranking("--as-of", on_day_9) if one["event"] == "pt:Rash"]
    page = before._replace(matter_id=first["matter_id"]).page("--as-of", on_day_9)
    assert acknowledged(folder, first["matter_id"], page["epoch"], 10).code == 0
    run = replayed(folder, "after", "--decisions", folder / "decisions.ndjson")
    return Looked(run, first["matter_id"])


def on(day: int) -> tuple[str, str]:
    return "--as-of", str(FIRST + timedelta(days=day))


def test_a_matter_leaves_the_list_when_it_is_seen_and_stays_with_all(looked: Looked) -> None:
    events = [
        [one["event"] for one in looked.ranking(*on(day), *more)]
        for day, more in ((9, ()), (11, ()), (11, ("--all",)))
    ]

    assert ["pt:Rash" in one for one in events] == [True, False, True]
    (whole,) = [one for one in looked.ranking(*on(11), "--all") if one["event"] == "pt:Rash"]
    assert (whole["seen"]["by"], whole["seen"]["action"]) == ("a.person", "acknowledge")
    assert (whole["rank_waiting"], whole["back_because"]) == (None, [])


def test_the_rank_of_a_matter_that_is_asked_for_is_shown_whoever_has_seen_it(
    looked: Looked,
) -> None:
    found = looked.ranking(*on(11), "--product", "product:P", "--event", "pt:Rash")

    assert [one["event"] for one in found] == ["pt:Rash"]


def test_the_page_of_a_matter_shows_what_is_new_case_by_case(looked: Looked) -> None:
    page = looked.page(*on(15))

    (signal,) = page["signals"]
    assert signal["added"] == ["R-3"]
    assert signal["followed_up"] == ["R-0"]
    assert signal["no_longer"] == ["R-1"]
    assert (signal["n_then"], signal["n"]) == (3, 3)
    assert (page["is_waiting"], page["back_because"]) == (False, [])


def test_a_matter_comes_back_when_it_has_changed_enough_and_not_before(looked: Looked) -> None:
    waits = {day: looked.page(*on(day)) for day in (20, 21)}

    assert [one["is_waiting"] for one in waits.values()] == [False, True]
    assert waits[21]["back_because"] == ["death"]
    assert waits[21]["signals"][0]["n_fatal_then"] == 0
    (back,) = [one for one in looked.ranking(*on(21)) if one["event"] == "pt:Rash"]
    assert back["back_because"] == ["death"]
    assert back["rank_waiting"] is not None


def test_all_of_a_matter_is_new_where_nobody_has_seen_it(looked: Looked) -> None:
    page = looked.page(*on(9))

    (signal,) = page["signals"]
    assert page["seen"] is None
    assert signal["added"] == ["R-0", "R-1", "R-2"]
    assert signal["n_then"] == 0
    assert signal["priority_then"] is None
    assert {one["criterion"] for one in signal["newly_met"]} == {"evans", "ic"}


def test_people_can_read_both(looked: Looked) -> None:
    page = longwatch("matter", looked.matter_id, "--from-run", looked.run)
    ranking = longwatch("ranking", "--from-run", looked.run, "--all")

    assert "it has come back: death" in page.out
    assert "1 followed up: R-0" in page.out
    assert "what people did" in page.out
    assert "people have seen 1 of them, of which 1 have come back" in ranking.out


def test_a_register_alone_shows_the_same_news(looked: Looked) -> None:
    url = f"sqlite:///{looked.run / 'register.db'}"
    alone = longwatch("matter", looked.matter_id, "--register", url, "--json").json()

    told = ("added", "followed_up", "no_longer", "newly_met", "n_then", "n_fatal_then")
    whole = looked.page()
    assert [[one[name] for name in told] for one in alone["signals"]] == [
        [one[name] for name in told] for one in whole["signals"]
    ]


@pytest.mark.parametrize("name", ["M-none", "S-0123456789abcdef", "x"])
def test_what_is_no_matter_is_refused(looked: Looked, name: str) -> None:
    answer = longwatch("matter", name, "--from-run", looked.run)

    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1


def test_a_matter_that_came_later_is_refused_as_of_a_day_before(looked: Looked) -> None:
    answer = longwatch("matter", looked.matter_id, "--from-run", looked.run, *on(0))

    assert answer.code == 2
    assert f"was not a matter on {FIRST}" in answer.err


def test_an_acknowledgement_of_what_is_no_matter_is_passed_over_and_shown(
    looked: Looked, tmp_path: Path
) -> None:
    source = looked.run.parent
    (tmp_path / "configuration").symlink_to(source / "configuration")
    (tmp_path / "cases.ndjson").symlink_to(source / "cases.ndjson")
    assert acknowledged(tmp_path, "M-nowhere", 1, 10).code == 0

    answer = longwatch(
        "replay", "cases", tmp_path / "cases.ndjson", "--config", tmp_path / "configuration",
        "--out", tmp_path / "run", "--decisions", tmp_path / "decisions.ndjson",
    )  # fmt: skip

    assert answer.code == 3
    assert "there is no such matter" in answer.out + answer.err
