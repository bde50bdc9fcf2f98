"""The command that serves pages: on this machine alone, and only what can be read."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from calling import ROOT, longwatch

SECONDS = 60


def test_pages_are_served_on_loopback_until_it_is_ended(run: Path) -> None:
    command = (sys.executable, "-m", "surveillance", "console", "--from-run", str(run))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            line = served.stdout.readline()
            address = next(word for word in line.split() if word.startswith("http"))
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - loopback
                assert answer.url == f"{address}inbox"
                assert b"<h1>Inbox</h1>" in answer.read()
                assert "server" not in {name.lower() for name in answer.headers}
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{address}nothing", timeout=SECONDS)  # noqa: S310
            served.send_signal(signal.SIGINT)
            assert served.wait(SECONDS) in {0, 130}
        finally:
            served.kill()


def test_a_port_that_another_program_has_is_named(run: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = longwatch("console", "--from-run", run, "--port", taken.getsockname()[1])

    assert answer.code == 2
    assert "cannot be taken" in answer.err
    assert "give another" in answer.err


def test_what_holds_no_register_is_refused(tmp_path: Path) -> None:
    assert longwatch("console", "--from-run", tmp_path).code == 2
    assert longwatch("console").code == 2
