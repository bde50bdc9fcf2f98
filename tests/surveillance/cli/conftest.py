"""One demo for all tests of the command line: it takes the time of all of them together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from calling import Answer, longwatch


class Demo(NamedTuple):
    """The demo on its smallest scenario."""

    answer: Answer
    simulation: Path
    run: Path

    @property
    def figures(self) -> Path:
        return self.run.parent / "figures"

    @property
    def truth(self) -> dict[str, Any]:
        truth: dict[str, Any] = json.loads((self.simulation / "truth.json").read_bytes())
        return truth


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return _made(tmp_path_factory, 1)


@pytest.fixture(scope="session", params=[1, 2, 3])
def seeded_demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the demo of a seed; for the campaign, since each takes half a minute."""
    if request.param == 1:
        found: Demo = request.getfixturevalue("demo")
        return found
    return _made(tmp_path_factory, request.param)


def _made(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Demo:
    folder = tmp_path_factory.mktemp(f"demo-{seed}")
    answer = longwatch("demo", "--scenario", "ucd-small", "--seed", seed, "--out", folder)
    return Demo(answer, folder / "simulation", folder / "run")
