"""Two people merge a matter whole: it leaves the list, its page states it, and it comes back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from calling import longwatch
from strategies import a_case, encode

from surveillance.domain.case import Event, Product
from surveillance.triage.matters import Matter

if TYPE_CHECKING:
    from pathlib import Path

MATTER, INTO = (Matter(f"product:{name}", "pt:Rash").matter_id for name in "PQ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records, configuration = tmp_path / "in", tmp_path / "configuration"
    records.mkdir()
    configuration.mkdir()
    (configuration / "criteria.toml").write_text(
        'criterion = [{name = "s", rule = "sentinel", products = ["*"], events = ["pt:Rash"]}]\n',
        encoding="utf-8",
    )
    (configuration / "people.toml").write_text("accept_unsigned = true\n", encoding="utf-8")
    cases = [
        a_case(
            name,
            products=(Product(role="suspect", product=name),),
            events=(Event(pt="Rash"),),
        )
        for name in "PQ"
    ]
    (records / "cases.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in cases))
    return tmp_path


def _replayed(folder: Path, name: str) -> Path:
    run = folder / name
    made = longwatch(
        "replay", "folder", folder / "in", "--out", run, "--config", folder / "configuration"
    )
    assert made.code == 0, made.err
    return run


def _decide(folder: Path, action: str, day: int, *words: str) -> None:
    made = longwatch(
        "decide", MATTER, "--action", action, "--by", "a.person", "--role", "safety_physician",
        "--reason", "as the minutes have it", "--approved-by", "b.person",
        "--approver-role", "committee_chair", *words,
        "--append", folder / "in" / "decisions.ndjson",
        now=datetime(2026, 5, day, 9, tzinfo=UTC),
    )  # fmt: skip
    assert made.code == 0, made.err


def _listed(run: Path) -> set[str]:
    rows = longwatch("ranking", "--from-run", run, "--all", "--json").json()
    return {row["matter_id"] for row in rows}


def test_a_matter_is_merged_and_brought_back_by_one_decision_each(folder: Path) -> None:
    _decide(folder, "merge", 4, "--merged-into", INTO)
    merged = _replayed(folder, "merged")
    _decide(folder, "resume", 5)
    back = _replayed(folder, "back")

    page = longwatch("matter", MATTER, "--from-run", merged, "--json").json()
    steps = longwatch(
        "history", page["signals"][0]["signal_id"], "--from-run", merged, "--json"
    ).json()
    assert _listed(merged) == {INTO}
    assert {one["status"] for one in page["signals"]} == {"merged"}
    assert [(one["action"], one["is_signed"]) for one in page["people"]] == [("merge", False)]
    assert page["seen"]["action"] == "merge"
    assert steps[-1]["merged_into"] == INTO
    assert _listed(back) == {MATTER, INTO}
    assert longwatch("matter", MATTER, "--from-run", back).code == 0
