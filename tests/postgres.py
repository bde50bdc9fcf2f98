"""A real PostgreSQL for the tests, on a free port of loopback, that ends with them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from servers import free_port, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
_OWNERS = ("postgres", "nobody")  # the server refuses to run as root
_number = count()


class Postgres:
    """A server that answers at ``port``, with a new database for whoever asks."""

    def __init__(self, home: Path, programs: Path) -> None:
        self._data, self._log, self._programs = home / "data", home / "log", programs
        self._as = _unprivileged()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Lay out the files of a cluster."""
        self._run(
            "initdb", "-D", str(self._data), "-U", "tester", "-A", "trust", "-N", "-E", "UTF8"
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            capture_output=True, text=True, timeout=120, check=False, cwd="/", **self._as,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port),
                    "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "shared_buffers=64MB",
                ],
                stdout=log, stderr=log, cwd="/", **self._as,
            )  # fmt: skip
        end = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert time.monotonic() < end, self._log.read_text(encoding="utf-8")[-2_000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it at once, as its service would; clients lose their connections."""
        if self._process is None:
            return
        self._process.send_signal(2)  # SIGINT: a fast shutdown
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def new_database(self) -> str:
        """Make an empty database; return its URL."""
        name = f"register_{next(_number)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name).replace("postgresql://", "postgresql+psycopg://")

    def _address(self, database: str) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    owner = next((name for name in _OWNERS if name in known), None)
    if owner is None:
        refuse("no unprivileged user to run PostgreSQL as: add one named postgres")
    return {"user": owner, "group": pwd.getpwnam(owner).pw_gid, "extra_groups": []}


def _programs() -> Path:
    """Return the directory of the newest server that is installed, or `refuse`."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    if path is None:
        refuse("no PostgreSQL server: install it (Debian: postgresql) and stop its service")
    return Path(path).resolve().parent


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server of one's own."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        server = Postgres(home, programs)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(str(server._as["user"]))
            os.chown(home, owner.pw_uid, owner.pw_gid)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
