"""The command line as people call it: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from surveillance.cli import clock, main
from surveillance.log.topics import FINDINGS
from surveillance.runs.files import topic_rows

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)  # after the last simulated record


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever a command prints
        return json.loads(self.out)


def longwatch(*arguments: object, now: datetime = NOW) -> Answer:
    """Call the command in this process, at a time that is given."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(clock, "now", return_value=now),
    ):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int), f"ended by sys.exit({code!r})"
    return Answer(code, out.getvalue(), err.getvalue())


def longwatch_apart(
    *arguments: object, cwd: Path, environment: dict[str, str] | None = None
) -> Answer:
    """Call the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "surveillance", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def rows_of(file: Path) -> list[Any]:
    """Read NDJSON; no file is no rows."""
    return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def topic_rows_of(run: Path, topic: str) -> list[Any]:
    """Read the rows of a topic of a run."""
    return [json.loads(row) for row in topic_rows(run, topic)]


def findings_of(run: Path) -> list[Any]:
    """Read the findings of a run, without the looks, fits and decisions among them."""
    return [row for row in topic_rows_of(run, FINDINGS) if row["type"] in {"pair", "watch"}]


def assert_refused_in_one_line(answer: Answer, *parts: str) -> None:
    """See that a wrong use ended with exit 2 and one line that says place, reason and remedy."""
    assert answer.code == 2, answer
    assert answer.out == ""
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("longwatch: ")
    assert ";" in lines[0], f"no remedy in: {lines[0]}"
    for part in parts:
        assert part in lines[0]
