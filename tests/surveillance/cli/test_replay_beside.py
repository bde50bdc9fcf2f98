"""Decisions and outcomes are read onto the same log as the reports."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from calling import assert_refused_in_one_line, longwatch, rows_of
from small_run import PAIR, write_configuration, write_inputs

from surveillance.triage.triage import signal_id

if TYPE_CHECKING:
    from pathlib import Path

    from calling import Answer

    from .conftest import Demo

SIGNAL = signal_id(*PAIR, "safety")
N_REFUSED = 3  # of the small run's reports
START = (
    "--action", "start_validation", "--by", "a.person", "--role", "safety_scientist",
    "--reason", "three serious cases within a fortnight",
)  # fmt: skip


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """The small run's inputs, with no decisions among them."""
    write_inputs(tmp_path / "inputs")
    (tmp_path / "inputs" / "decisions.ndjson").unlink()
    cases = tmp_path / "inputs" / "cases.ndjson"
    cases.write_bytes(b"".join(cases.read_bytes().splitlines(keepends=True)[:-N_REFUSED]))
    write_configuration(tmp_path / "configuration")
    return tmp_path / "inputs"


def replayed(inputs: Path, *more: object) -> Answer:
    """Replay the small run's reports into `run`."""
    return longwatch(
        "replay", "cases", inputs / "cases.ndjson", "--out", inputs.parent / "run",
        "--config", inputs.parent / "configuration", *more,
    )  # fmt: skip


def status(inputs: Path) -> str:
    rows = longwatch("signals", "--from-run", inputs.parent / "run", "--json").json()
    (found,) = [row["status"] for row in rows if row["signal_id"] == SIGNAL]
    return str(found)


def decided(inputs: Path, signal: str = SIGNAL) -> Path:
    """Append a decision, as a reader of the README does."""
    path = inputs / "decided.ndjson"
    assert longwatch("decide", signal, *START, "--append", path).code == 0
    return path


def dated(path: Path, at: str) -> Path:
    """Give the decision in a file another date."""
    (row,) = rows_of(path)
    path.write_text(json.dumps(row | {"decided_at": at}), encoding="utf-8")
    return path


@pytest.mark.parametrize("period", [(), ("--until", "1999-02-20")])
def test_a_signal_moves_when_a_decision_about_it_is_replayed_with_the_reports(
    inputs: Path, period: tuple[str, ...]
) -> None:
    assert replayed(inputs, *period).code == 0
    before = status(inputs)

    answer = replayed(inputs, *period, "--decisions", decided(inputs))

    assert (answer.code, answer.err) == (0, "")
    assert (before, status(inputs)) == ("detected", "under_validation")


def test_until_bounds_the_reports_and_not_the_decisions(inputs: Path) -> None:
    answer = replayed(
        inputs, "--until", "1999-02-20", "--decisions", decided(inputs), "--json"
    )  # fmt: skip

    summary = answer.json()
    assert (summary["first_report_on"], summary["last_day"]) == ("1999-01-04", "2026-07-01")
    assert [one["name"] for one in summary["inputs"]] == ["cases.ndjson", "decided.ndjson"]


@pytest.mark.campaign
def test_decisions_and_outcomes_beside_the_reports_give_the_bytes_of_one_folder(
    demo: Demo, tmp_path: Path
) -> None:
    folder = shutil.copytree(demo.simulation, tmp_path / "in")
    rows = longwatch("signals", "--from-run", demo.run, "--status", "detected", "--json").json()
    path = folder / "decisions.ndjson"
    assert longwatch("decide", rows[0]["signal_id"], *START, "--append", path).code == 0

    at_once = longwatch("replay", "folder", folder, "--out", tmp_path / "one")
    beside = longwatch(
        "replay", "cases", folder / "cases.ndjson", "--out", tmp_path / "other", "--config",
        tmp_path / "one" / "configuration", "--decisions", path,
        "--outcomes", f"outcomes:{folder / 'outcomes.ndjson'}",
    )  # fmt: skip

    assert (at_once.code, beside.code) == (0, 0), beside
    files = sorted(one for one in (tmp_path / "one").rglob("*") if ".ndjson" in one.name)
    assert len(files) >= 5
    for one in files:
        other = tmp_path / "other" / one.relative_to(tmp_path / "one")
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_decision_about_an_unknown_signal_has_no_effect_and_the_reader_learns_why(
    inputs: Path,
) -> None:
    answer = replayed(inputs, "--decisions", decided(inputs, "S-nobody"))

    assert answer.code == 3
    assert answer.err.count("\n") == 1
    assert "on S-nobody had no effect: there is no such signal" in answer.err
    assert status(inputs) == "detected"


@pytest.mark.parametrize("at", ["1998-12-31T12:00:00Z", "1971-02-03T00:00:00Z"])
def test_a_decision_dated_before_the_first_report_has_no_effect(inputs: Path, at: str) -> None:
    answer = replayed(inputs, "--decisions", dated(decided(inputs), at))

    assert answer.code == 3
    assert "there is no such signal yet: the first report came on 1999-01-04" in answer.err
    assert status(inputs) == "detected"


def test_a_decision_dated_ahead_of_today_is_refused_and_kept(inputs: Path) -> None:
    path = dated(decided(inputs), "2026-07-03T00:00:00Z")

    answer = replayed(inputs, "--decisions", path)

    (row,) = rows_of(inputs.parent / "run" / "refused.ndjson")
    assert answer.code == 3
    assert "1 record(s) refused" in answer.err
    assert (row["topic"], row["code"]) == ("file:decided.ndjson:1", "lies_ahead")


def test_malformed_lines_among_decisions_are_kept_and_the_others_count(inputs: Path) -> None:
    path = decided(inputs)
    with path.open("ab") as file:
        file.write(b'{"type": "decision"}\nnot JSON\n')

    answer = replayed(inputs, "--decisions", path)

    rows = rows_of(inputs.parent / "run" / "refused.ndjson")
    assert answer.code == 3
    assert [row["topic"] for row in rows] == ["file:decided.ndjson:2", "file:decided.ndjson:3"]
    assert status(inputs) == "under_validation"


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "decisions that are not there": (("--decisions", "nowhere.ndjson"), "does not exist"),
    "outcomes that are not there": (("--outcomes", "outcomes:nowhere"), "does not exist"),
    "outcomes without a format": (("--outcomes", "outcomes.ndjson"), "is not FORMAT:PATH"),
    "outcomes in no format": (("--outcomes", "csv:outcomes.csv"), "is not known"),
    "outcomes in a format of reports": (("--outcomes", "cases:{cases}"), "holds no outcomes"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused_before_an_earlier_run_is_cleared(
    inputs: Path, name: str
) -> None:
    earlier = inputs.parent / "run" / "run.json"
    earlier.parent.mkdir()
    earlier.write_text("{}", encoding="utf-8")
    arguments, reason = BAD[name]

    answer = replayed(
        inputs, *(word.format(cases=inputs / "cases.ndjson") for word in arguments)
    )  # fmt: skip

    assert_refused_in_one_line(answer, reason)
    assert earlier.read_text(encoding="utf-8") == "{}"


def test_an_empty_file_of_decisions_is_refused(inputs: Path) -> None:
    (inputs / "none.ndjson").write_bytes(b"")

    answer = replayed(inputs, "--decisions", inputs / "none.ndjson")

    assert_refused_in_one_line(answer, "none.ndjson", "is empty")
