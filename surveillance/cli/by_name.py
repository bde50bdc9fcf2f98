"""Commands by their names: each module is loaded when one of its commands is asked for.

Loading all of them takes seconds, most of it for libraries that one command in ten needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

MODULES = {  # of surveillance.cli, each with its commands, in the order of the help
    "demo": ("demo",),
    "runs": ("replay", "simulate", "check-config", "schema", "run"),
    "files": ("convert", "inspect", "names"),
    "terms": ("terms",),
    "ack": ("ack",),
    "outcomes": ("outcomes",),
    "stream": ("load", "ticker", "worker", "parity", "topics"),
    "register": ("register",),
    "notify": ("notify",),
    "decide": ("decide", "acknowledge", "suppress"),
    "propose": ("propose", "approve", "withdraw", "proposals"),
    "keys": ("keys",),
    "assess": ("assess",),
    "form": ("form",),
    "law": ("law",),
    "lifecycle": ("lifecycle",),
    "results": ("findings", "priors", "signals", "series", "backtest", "detectors"),
    "refused": ("refused",),
    "looks": ("looks", "history"),
    "ranking": ("ranking", "matter"),
    "cases": ("cases", "case"),
    "console": ("console",),
}


class _Commands(MutableMapping[str, Any]):
    """Commands by name, loaded as they are asked for."""

    def __init__(self) -> None:
        self._modules = {name: module for module, names in MODULES.items() for name in names}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's own click
        if name not in self._loaded:
            self._loaded |= commands_of(self._modules[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 - Typer's own click
        self._modules.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def commands_of(module: str) -> dict[str, Any]:
    """Load a module of commands, and return them by name.

    Parameters
    ----------
    module : str
        One of `MODULES`.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.callback()(lambda: None)
    importlib.import_module(f"surveillance.cli.{module}").register(app)
    return dict(get_group(app).commands)


class CommandsByName(TyperGroup):
    """The group of all commands."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as Typer's
        super().__init__(*arguments, **options)
        self.commands = _Commands()
