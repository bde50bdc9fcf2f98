"""What the README tells people to type exists, down to the options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer._click import Command, Context  # Typer carries a click of its own
from typer._click.exceptions import NoSuchOption
from typer.core import TyperGroup

from surveillance.cli import app

ROOT = Path(__file__).parents[1]
GROUPS_OF_BLOCKS = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LONGWATCH = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?longwatch (.*)$")
EXPLAINED = re.compile(r"\s{3,}\(.*\)$")  # as the demo says what comes next
MAKE = re.compile(r"^\s*(?:\$ )?make ([a-z-]+)")


class Typed(NamedTuple):
    """One command as the README shows it."""

    text: str

    @property
    def words(self) -> list[str]:
        """What a shell would make of it, without what explains it."""
        return shlex.split(EXPLAINED.sub("", self.text), comments=True)


def _blocks() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return "\n".join(GROUPS_OF_BLOCKS.findall(readme)).replace("\\\n", " ")


def _typed() -> list[Typed]:
    found = (LONGWATCH.match(line) for line in _blocks().splitlines())
    return [Typed(match[1].strip()) for match in found if match]


def _command_of(words: list[str]) -> tuple[Command, list[str]]:
    """Find the command that the first words name, and return it with the rest."""
    command: Command = typer.main.get_command(app)
    while isinstance(command, TyperGroup):
        name, *words = words
        assert name in command.commands, f"there is no command {name!r}"
        command = command.commands[name]
    return command, words


def test_the_readme_shows_the_commands_that_people_need_first() -> None:
    names = {typed.words[0] for typed in _typed()}

    assert names >= {
        "demo",
        "replay",
        "findings",
        "ranking",
        "series",
        "decide",
        "worker",
        "parity",
    }


@pytest.mark.each_of("typed", _typed, ids=lambda typed: typed.text[:60])
def test_a_command_in_the_readme_is_one_that_can_be_typed(typed: Typed) -> None:
    command, words = _command_of(typed.words)

    with Context(command, info_name=command.name) as context:
        command.parse_args(context, words)  # raises on an unknown option or a missing argument


def test_an_option_that_there_is_not_would_be_seen() -> None:
    command, words = _command_of(["replay", "vaers", "x.zip", "--out", "run", "--untill", "x"])

    with pytest.raises(NoSuchOption), Context(command) as context:
        command.parse_args(context, words)


def test_the_make_targets_in_the_readme_exist() -> None:
    shown = {match[1] for line in _blocks().splitlines() if (match := MAKE.match(line))}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert shown >= {"demo", "test", "kafka"}
    assert shown <= targets
