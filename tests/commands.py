"""Every command of the command line, found in the program itself: a new one cannot be forgotten."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from surveillance.cli import app


@cache
def commands() -> dict[str, Any]:
    """Return every command by its name, as "refused list"."""
    return dict(_walk(typer.main.get_command(app), ""))


def _walk(one: Any, name: str) -> list[tuple[str, Any]]:  # noqa: ANN401 - Typer's own click
    if not hasattr(one, "commands"):
        return [(name, one)]
    return [
        found
        for inner, command in one.commands.items()
        for found in _walk(command, f"{name} {inner}".strip())
    ]


def options(name: str) -> list[str]:
    """Return the options and arguments of a command: ``--limit``, ``PLACE``."""
    return [
        parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.name.upper()
        for parameter in commands()[name].params
    ]
