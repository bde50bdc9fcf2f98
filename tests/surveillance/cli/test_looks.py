"""Looks of tests of outcomes, and the steps of a signal, at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from calling import longwatch, topic_rows_of
from small_run import PAIR

from surveillance.log.topics import FINDINGS
from surveillance.triage.triage import signal_id

if TYPE_CHECKING:
    from pathlib import Path

    from answers import Look

    from .conftest import Demo

ONE = ("--design", "effect", "--product", "construct:SIM-ASS1-01")
SIGNAL = signal_id(*PAIR, "safety")


def looks(demo: Demo, *options: str) -> list[dict[str, Any]]:
    answer = longwatch("looks", "--from-run", demo.run, *options, "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = msgspec.json.decode(answer.out)
    return found


def test_looks_are_those_of_the_topic(demo: Demo) -> None:
    emitted = [row for row in topic_rows_of(demo.run, FINDINGS) if row["type"] == "look"]
    found = looks(demo)

    assert len(found) == len(emitted) > 100
    for values in found:
        assert "alpha_spent" in values
    assert sorted(
        (row["epoch"], row["criterion"], row["product"], row["statistic"]) for row in found
    ) == sorted(
        (row["epoch"], row["criterion"], row["product"], row["statistic"]) for row in emitted
    )


def test_the_latest_look_of_each_test_is_shown_as_of_a_day(demo: Demo) -> None:
    every = looks(demo, "--as-of", "2025-03-01")
    latest = looks(demo, "--as-of", "2025-03-01", "--latest")
    names = ("programme", "criterion", "product", "event", "patient_id")

    expected = {tuple(row[name] for name in names): row["epoch"] for row in every}
    assert {tuple(row[name] for name in names): row["epoch"] for row in latest} == expected
    assert len(latest) == len(expected)
    assert max(row["on"] for row in every) <= "2025-03-01"


def test_the_looks_of_one_test_are_drawn_against_the_boundary(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "test.svg"

    answer = longwatch("looks", "--from-run", demo.run, *ONE, "--plot", file)

    assert answer.code == 0
    assert "boundary" in answer.out
    assert "statistic" in answer.out
    assert file.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--design", "nothing"), "use one of death, effect, follow_up"),
        (("--programme", "nothing"), "SIM-OTC"),
        (("--plot", "x.svg"), "draws one test"),
        ((*ONE, "--limit", "1", "--plot", "x.svg"), "needs 2 looks"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_remedy(
    demo: Demo, options: tuple[str, ...], reason: str
) -> None:
    answer = longwatch("looks", "--from-run", demo.run, *options)

    assert answer.code == 2
    assert reason in answer.err
    assert len(answer.err.splitlines()) == 1


def test_the_history_of_a_signal_has_its_detection_and_every_step(run: Path, look: Look) -> None:
    found = look("history", SIGNAL, "--from-run", run, "--json").json
    early = look("history", SIGNAL, "--from-run", run, "--as-of", "1999-02-24", "--json").json

    assert [(one["number"], one["action"]) for one in found] == [
        (0, "detect"),
        (1, "start_validation"),
    ]
    assert found[1]["decided_by"] == "scientist-1"
    assert [one["action"] for one in early] == ["detect"]
    assert "start_validation" in look("history", SIGNAL, "--from-run", run).output


@pytest.mark.parametrize("name", ["S-0000000000000000", "S-1", "product:P"])
def test_the_history_of_no_signal_is_refused(run: Path, name: str) -> None:
    answer = longwatch("history", name, "--from-run", run)

    assert answer.code == 2
    assert "longwatch signals" in answer.err
