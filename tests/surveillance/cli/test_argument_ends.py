"""Every option of every command takes what lies within its range, up to both ends."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from commands import commands, options
from fake_kafka import FakeBroker

from surveillance.cli import console, demo, runs
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.notices.follower import NoticeFollower
from surveillance.runs import replay
from surveillance.stream import manifest, parity
from surveillance.stream.register_follower import RegisterFollower
from surveillance.stream.worker import Worker

from .test_arguments import OWN, VALUES, Place, Values, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a value needs beside it, or takes that only another file can give, is tried elsewhere.
ELSEWHERE = {
    "--answer", "--approved-by", "--approver-role", "--design", "--extracted-on", "--outcomes",
    "--programme", "--scenario", "--state", "NAMES", "RECEIVER", "SCENARIO",
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Place:
    """Return files and folders, beside a copy of the run: a link to it may be written to."""
    own = tmp_path_factory.mktemp("own")
    shutil.copytree(run.parent, own / "small")
    return Place(tmp_path_factory.mktemp("ends"), own / "small" / run.name)


def _done(*_: object, **__: object) -> None:
    raise SystemExit(0)


@pytest.fixture(autouse=True)
def without_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a command where it has read its options and begins what takes long."""
    monkeypatch.setattr(replay, "_feed", _done)
    monkeypatch.setattr(runs, "simulate", _done)
    monkeypatch.setattr(demo, "demo", _done)
    monkeypatch.setattr(console, "_serve", _done)
    monkeypatch.setattr(parity, "compare", _done)
    monkeypatch.setattr(Worker, "run", _done)
    monkeypatch.setattr(RegisterFollower, "run", _done)
    monkeypatch.setattr(NoticeFollower, "run", _done)


def _broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an empty broker behind the clients."""
    broker = FakeBroker()
    for topic, n in manifest.manifest(read_configuration(SHIPPED / "vaers").topics).items():
        broker.make(topic, n)
    broker.behind_clients(monkeypatch)


def _taken(command: str) -> dict[str, tuple[str, ...]]:
    return {
        option: OWN.get((command, option), VALUES.get(option, Values())).taken
        for option in options(command)
    }


def _tries(command: str) -> Iterator[dict[str, str]]:
    """Yield values of all options together: each value once."""
    taken = _taken(command)
    for n in range(max(map(len, taken.values()), default=0)):
        yield {option: values[n] for option, values in taken.items() if n < len(values)}


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("command", commands())
def test_what_lies_within_the_range_of_an_option_is_taken(
    place: Place, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_taken(tried: dict[str, str]) -> bool:
        if "--broker" in options(command):
            _broker(monkeypatch)
        # parity and plan end with 1 where something differs
        return call(place, command, tried).code in (0, 1)

    refused = [
        (option, value[:40])
        for tried in _tries(command)
        if not is_taken(tried)  # some options exclude each other: then each by itself
        for option, value in tried.items()
        if not is_taken({option: value})
    ]

    assert not refused


def test_every_option_has_a_value_that_is_taken() -> None:
    has_one = {one for command in commands() for one, values in _taken(command).items() if values}
    assert {option for command in commands() for option in options(command)} - has_one == ELSEWHERE


@pytest.mark.parametrize("command", commands())
def test_the_ends_of_every_range_are_among_the_values(command: str) -> None:
    for parameter, option in zip(commands()[command].params, options(command), strict=True):
        values = OWN.get((command, option), VALUES.get(option, Values()))
        low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
        if low is None:
            continue
        numbers = {_number(value) for value in values.taken}
        beyond = {_number(value) for value in values.refused}
        assert {low, high} <= numbers, (option, low, high)
        assert any(number < low for number in beyond), option
        assert any(number > high for number in beyond), option


def _number(text: str) -> Any:  # noqa: ANN401 - whole numbers must not lose digits
    try:
        return int(text)
    except ValueError:
        return float(text) if text and text != "x" else float("nan")
