"""One small run for all tests of what people look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from answers import Answer, Look
from small_run import make_run
from typer.testing import CliRunner

from surveillance.cli import app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("looking"))


@pytest.fixture
def look() -> Look:
    def call(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return Answer(result.output, result.exit_code, result.exception)

    return call
