"""People decide on the log: the signal moves, the review is answered, the feed says so."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from calling import longwatch, rows_of

if TYPE_CHECKING:
    from .conftest import Demo

FIRST, SECOND, THIRD = (datetime(2026, 5, day, 9, tzinfo=UTC) for day in (4, 5, 6))
REASON = "as the minutes of the committee say"
PUBLIC = "three cases are under review"


class Decided(NamedTuple):
    """A replay of the demo's records with decisions beside them."""

    before: dict[str, Any]  # signals of the demo, by id
    after: dict[str, Any]
    answered: str
    refuted: str
    closed: str
    feed: list[Any]
    code: int
    run: Path


def _decide(folder: Path, signal: str, action: str, at: datetime, role: str, second: str) -> None:
    approval = ("--approved-by", "b.person", "--approver-role", second) if second else ()
    answer = longwatch(
        "decide", signal, "--action", action, "--by", "a.person", "--role", role,
        "--reason", REASON, "--public-reason", PUBLIC, "--ladder-step", "restrict", *approval,
        "--append", folder / "decisions.ndjson", now=at,
    )  # fmt: skip
    assert answer.code == 0, answer


def _signals(run: Path) -> dict[str, Any]:
    rows = longwatch("signals", "--from-run", run, "--json").json()
    return {row["signal_id"]: row for row in rows}


@pytest.fixture(scope="module")
def decided(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    folder = tmp_path_factory.mktemp("decided")
    records, before = folder / "in", _signals(demo.run)
    shutil.copytree(demo.simulation, records)
    open_review = [name for name, one in before.items() if one["reviews"]]
    public = [
        name
        for name, one in before.items()
        if one["product"].startswith("product:")
        and not one["reviews"]
        and one["status"] == "detected"
    ]
    answered, refuted, closed = open_review[0], public[0], public[1]

    _decide(records, answered, "uphold_review", FIRST, "committee_chair", "regulator")
    for name in (refuted, closed):
        _decide(records, name, "start_validation", FIRST, "safety_scientist", "")
        _decide(records, name, "refute", SECOND, "safety_physician", "committee_chair")
    _decide(records, closed, "close", THIRD, "safety_physician", "committee_chair")
    run = longwatch("replay", "folder", records, "--out", folder / "run")

    feed = [row["data"] for row in rows_of(folder / "run" / "feed.ndjson")]
    return Decided(
        before, _signals(folder / "run"), answered, refuted, closed, feed, run.code,
        folder / "run",
    )  # fmt: skip


def test_a_decision_moves_its_signal_and_no_other(decided: Decided) -> None:
    moved = {
        name: one["status"]
        for name, one in decided.after.items()
        if one["status"] != decided.before[name]["status"]
    }

    assert decided.code == 0
    assert moved == {decided.refuted: "not_validated", decided.closed: "closed"}
    assert decided.after.keys() == decided.before.keys()


def test_the_history_says_who_decided_what_and_why(decided: Decided) -> None:
    steps = decided.after[decided.closed]["history"]

    assert [step["action"] for step in steps] == ["detect", "start_validation", "refute", "close"]
    assert [step["on"] for step in steps[1:]] == ["2026-05-04", "2026-05-05", "2026-05-06"]
    assert [step["decided_by"] for step in steps] == [None, *["a.person"] * 3]
    assert [step["approved_by"] for step in steps] == [None, None, "b.person", "b.person"]
    assert {step["reason"] for step in steps[1:]} == {REASON}


def test_a_review_that_was_opened_is_answered_and_the_status_stays(decided: Decided) -> None:
    before, after = decided.before[decided.answered], decided.after[decided.answered]

    assert [review["answer"] for review in before["reviews"]] == [None]
    assert [review["answer"] for review in after["reviews"]] == ["upheld"]
    assert after["reviews"][0]["answered_on"] == "2026-05-04"
    assert after["reviews"][0]["ladder_step"] == "restrict"
    assert after["reviews"][0]["is_signed"] is False
    assert after["status"] == before["status"]


def test_every_table_and_record_states_that_nobody_signed_an_answer(decided: Decided) -> None:
    answered = decided.after[decided.answered]
    matter = longwatch("matter", answered["matter_id"], "--from-run", decided.run).out
    signals = longwatch("signals", "--from-run", decided.run, "--limit", "9999").out
    ids = {name for name, one in decided.after.items() if one["matter_id"] == answered["matter_id"]}
    entries = [row for row in decided.feed if row["signal_id"] in ids and row["review"] == "upheld"]

    assert "upheld, unsigned" in " ".join(matter.replace("│", " ").split())
    assert "1 upheld, unsigned" in " ".join(signals.replace("│", " ").split())
    assert {row["review_is_signed"] for row in entries} == {False}
    others = [row for row in decided.feed if row["review"] != "upheld"]
    assert {row["review_is_signed"] for row in others} == {None}


def test_the_feed_publishes_open_refuted_and_closed_signals_alike(decided: Decided) -> None:
    said = {name: [row["status"] for row in decided.feed if row["signal_id"] == name]
            for name in (decided.refuted, decided.closed)}  # fmt: skip

    assert said[decided.refuted] == ["detected", "under_validation", "not_validated"]
    assert said[decided.closed] == ["detected", "under_validation", "not_validated", "closed"]
    assert {row["status"] for row in decided.feed if row["is_open"]} == {
        "detected",
        "under_validation",
    }
    assert [row["sequence"] for row in decided.feed] == list(range(len(decided.feed)))
    last = [row for row in decided.feed if row["signal_id"] == decided.closed][-1]
    assert (last["is_open"], last["reason"]) == (False, PUBLIC)
