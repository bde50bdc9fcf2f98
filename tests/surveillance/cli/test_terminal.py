"""Colours and progress are for a terminal, and for nothing else."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from calling import ROOT, longwatch_apart

from surveillance.cli.terminal import a_period, called
from surveillance.domain.case import CaseVersion, Event, Product
from surveillance.domain.errors import Misused

ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
SECONDS = 300.0


class Seen(NamedTuple):
    """What a terminal was sent, on standard output and on standard error."""

    code: int
    out: str
    err: str


def _on_a_terminal(*arguments: str, cwd: Path, environment: dict[str, str]) -> Seen:
    """Call the command with a terminal of its own for each of its two streams."""
    (out, out_end), (err, err_end) = pty.openpty(), pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in environment}
    kept.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "surveillance", *arguments],
        stdout=out_end,
        stderr=err_end,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(out_end)
        os.close(err_end)
        sent = _read_all(out, err)
        code = process.wait(SECONDS)
    return Seen(code, sent[out].decode(), sent[err].decode())


def _read_all(*terminals: int) -> dict[int, bytes]:
    sent = dict.fromkeys(terminals, b"")
    left = set(terminals)
    while left:
        for terminal in select.select(list(left), [], [], SECONDS)[0]:
            piece = b""
            with suppress(OSError):  # how Linux says that the other end is closed
                piece = os.read(terminal, 65_536)
            sent[terminal] += piece
            if not piece:
                left.discard(terminal)
                os.close(terminal)
    return sent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of 1,200 cases, received on 60 days."""
    folder = tmp_path_factory.mktemp("showing")
    cases = (
        CaseVersion(
            case_id=f"C-{n}",
            source="vaers",
            version=1,
            kind="initial",
            received_on=date(1999, 1, 1) + timedelta(days=n // 20),
            products=(Product(role="suspect", product="AB"[n % 2]),),
            events=(Event(pt=("Pyrexia", "Rash")[n % 3 == 0]),),
        )
        for n in range(1_200)
    )
    lines = b"".join(msgspec.json.encode(case) + b"\n" for case in cases)
    (folder / "cases.ndjson").write_bytes(lines)
    return folder


REPLAY = ("replay", "cases", "cases.ndjson", "--out", "run")


@pytest.fixture(scope="module")
def coloured(folder: Path) -> Seen:
    return _on_a_terminal(*REPLAY, cwd=folder, environment={})


def test_a_terminal_shows_progress_and_then_only_the_result(coloured: Seen) -> None:
    assert coloured.code == 0
    assert "received by 1999-03-01" in coloured.err
    assert "1200/1200" in coloured.err
    assert COLOUR.search(coloured.err)
    assert "1,200 records, 60 days of receipt" in coloured.out
    assert "received by" not in coloured.out


def test_a_terminal_with_no_color_gets_no_colours(folder: Path, coloured: Seen) -> None:
    seen = _on_a_terminal(*REPLAY, cwd=folder, environment={"NO_COLOR": "1"})

    assert seen.code == 0
    assert "received by 1999-" in seen.err
    assert COLOUR.search(coloured.err)
    assert not COLOUR.search(seen.out + seen.err)


@pytest.mark.parametrize(
    "environment", [{"TERM": "xterm-256color"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}]
)
def test_a_file_gets_neither_progress_nor_escape_codes(
    folder: Path, environment: dict[str, str]
) -> None:
    replayed = longwatch_apart(*REPLAY, cwd=folder, environment=environment)
    listed = longwatch_apart("signals", "--from-run", "run", cwd=folder, environment=environment)

    assert (replayed.code, listed.code) == (0, 0)
    assert "1,200 records, 60 days of receipt" in replayed.out
    assert (replayed.err, listed.err) == ("", "")
    assert ESCAPE not in replayed.out + listed.out


def test_an_error_is_the_same_line_on_a_terminal_and_in_a_file(folder: Path) -> None:
    wrong = ("replay", "cases", "nowhere.ndjson", "--out", "other")

    seen = _on_a_terminal(*wrong, cwd=folder, environment={})
    kept = longwatch_apart(*wrong, cwd=folder)

    assert (seen.code, kept.code) == (2, 2)
    assert seen.err.splitlines()[-1].endswith(kept.err.strip())


@pytest.mark.parametrize("command", [("schema", "schemas"), ("check-config", "--json")])
def test_a_reader_who_has_gone_is_not_told_that_a_check_found_a_difference(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "surveillance", *command],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=SECONDS,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_what_is_shown_next_can_be_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [".venv/bin/longwatch", "demo"])
    assert called() == ".venv/bin/longwatch"

    (tmp_path / "longwatch").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "longwatch").chmod(0o755)
    assert called() == "longwatch"


def test_a_period_of_one_day_is_a_period() -> None:
    day = date(1999, 7, 16)

    assert a_period("1999-07-16", "1999-07-16") == (day, day)
    assert a_period(None, "1999-07-16") == (None, day)
    with pytest.raises(Misused, match="is later than"):
        a_period("1999-07-17", "1999-07-16")
