from __future__ import annotations

import json
from datetime import date
from itertools import takewhile
from typing import TYPE_CHECKING

import pytest
from calling import findings_of, longwatch, rows_of

if TYPE_CHECKING:
    from .conftest import Demo


COLUMNS = ("planted", "product and event", "found", "rank at its level")


def _row(demo: Demo, kind: str) -> dict[str, str]:
    """Return the cells of the table about one planted thing, each made one line."""
    lines = demo.answer.out.splitlines()
    head = next(line for line in lines if all(column in line for column in COLUMNS))
    starts = [head.index(column) for column in COLUMNS]
    start = next(n for n, line in enumerate(lines) if line.startswith(f"  {kind} "))
    row = list(takewhile(str.strip, lines[start:]))
    ends = [*starts[1:], None]
    return {
        column: " ".join(" ".join(line[start:end] for line in row).split())
        for column, start, end in zip(COLUMNS, starts, ends, strict=True)
    }


def test_the_demo_finds_what_was_planted_and_ends_with_0(demo: Demo) -> None:
    assert demo.answer.code == 0
    assert demo.answer.err == ""
    assert "not found" not in demo.answer.out


def test_the_demo_says_that_nothing_in_it_is_real(demo: Demo) -> None:
    first = demo.answer.out.splitlines()[0]

    assert "simulating 'ucd-small', seed 1" in first
    assert "nothing here happened to anybody" in first


@pytest.mark.parametrize("kind", ["excess", "sentinel", "lost_effect"])
def test_the_table_says_of_each_planted_thing_what_a_finding_of_the_run_says(
    demo: Demo, kind: str
) -> None:
    (planted,) = [one for one in demo.truth["planted"] if one["kind"] == kind]
    first = next(  # recomputed from what the run wrote, not by the code that made the table
        row
        for row in findings_of(demo.run)
        if row["change"] == "met"
        and row["product"] in planted["products"]
        and row["event"] in planted["events"]
        and row["criterion"] in planted["criteria"]
        and row["on"] >= planted["from_on"]
    )

    row = _row(demo, kind.replace("_", " "))

    n = first["n_events"] if "n_events" in first else first["n_pair"]
    days = (date.fromisoformat(first["on"]) - date.fromisoformat(planted["from_on"])).days
    assert row["planted"] == f"{kind.replace('_', ' ')} from {planted['from_on']}"
    assert row["product and event"] == f"{first['product']} {first['event']}"
    assert row["found"] == f"{first['on']}, after {days} d {first['criterion']}, n = {n}"


def test_a_fatal_sentinel_event_and_a_lost_effect_open_a_review_and_an_excess_does_not(
    demo: Demo,
) -> None:
    assert "review opened" in _row(demo, "sentinel")["rank at its level"]
    assert "review opened" in _row(demo, "lost effect")["rank at its level"]
    assert "review opened" not in _row(demo, "excess")["rank at its level"]
    rules = {row["data"]["rule"] for row in rows_of(demo.run / "reviews-opened.ndjson")}
    assert rules == {"fatal_sentinel", "lost_effect"}


def test_the_demo_counts_its_false_findings_as_the_run_does(demo: Demo) -> None:
    null = set(demo.truth["nulls"]["products"])
    met = [row for row in findings_of(demo.run) if row["change"] == "met"]
    false = [row for row in met if row["product"] in null]

    said = " ".join(demo.answer.out.split())

    assert f"{len(met):,} pairs newly met a criterion" in said
    for criterion in ("evans", "ic", "ror"):
        n = sum(row["criterion"] == criterion for row in false)
        assert f"{criterion} {n}" in said


def test_every_patient_of_the_construct_that_lost_its_effect_has_a_figure(demo: Demo) -> None:
    (planted,) = [one for one in demo.truth["planted"] if one["kind"] == "lost_effect"]
    construct = planted["products"][0].removeprefix("construct:")
    lines = (demo.simulation / "outcomes.ndjson").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    treated = {one["patient_id"] for one in records if one.get("construct") == construct}

    drawn = {path.stem: path.read_text(encoding="utf-8") for path in demo.figures.glob("*.svg")}

    assert treated
    assert set(drawn) == treated
    assert all(who in text and "simulated" in text for who, text in drawn.items())
    assert "events since the first dose" in demo.answer.out


def test_what_the_demo_says_next_can_be_done(demo: Demo) -> None:
    lines = demo.answer.out.partition("next:\n")[2].splitlines()
    commands = [line.split()[1:] for line in lines if "--from-run" in line]

    served = [command for command in commands if command[0] == "console"]
    commands = [command for command in commands if command not in served]
    answers = [longwatch(*command) for command in commands]

    assert [command[0] for command in commands] == ["ranking", "looks", "signals"]
    assert [command[:3] for command in served] == [["console", "--from-run", str(demo.run)]]
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert all("SIM-" in answer.out for answer in answers)
