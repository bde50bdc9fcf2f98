"""Real servers for the tests: whether they are here, Prometheus, and what a dashboard asks it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json = dict[str, Any]

_READY_SECONDS = 180.0
_STOP_SECONDS = 60.0
_HINTS = {
    "java": "install a Java runtime, 17 or later (Debian: openjdk-17-jre-headless)",
    "prometheus": "install Prometheus (Debian: prometheus) and stop the service it starts",
    "promtool": "install Prometheus (Debian: prometheus), which brings promtool",
}


def refuse(reason: str) -> NoReturn:
    """Fail where every test must run (CI=true); elsewhere skip, and say why."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def needs(program: str) -> str:
    """Return the path of a program, or `refuse` with what to install."""
    path = shutil.which(program)
    if path is None:
        refuse(f"no {program} on the path: {_HINTS.get(program, 'install it')}")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """A Prometheus that answers at ``address``."""

    def __init__(self, address: str) -> None:
        self.address = address

    def query(self, expression: str) -> list[Json]:
        """Evaluate PromQL now; return the samples, each with ``metric`` and ``value``."""
        answer = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        if answer["status"] != "success":
            raise ValueError(f"{expression}: {answer.get('error')}")
        result: list[Json] = answer["data"]["result"]
        return result

    def get(self, path: str) -> Json:
        """Return the JSON that a path of the API answers with, an error's too."""
        answer: Json = json.loads(self._read(path)[1])
        return answer

    def is_ready(self) -> bool:
        try:
            return self._read("/-/ready")[0] == http.client.OK
        except OSError:
            return False

    def _read(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def prometheus(config_dir: Path, targets: Mapping[str, Sequence[str]]) -> Iterator[Prometheus]:
    """Run the configuration that ships, rules included, against other targets.

    ``targets`` gives each job that is to be scraped its addresses; the other jobs are left out.
    Scrapes and evaluations come every second instead of as configured.
    """
    program = needs("prometheus")
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        home = Path(name)
        _write_config(config_dir, home / "config", targets)
        server = Prometheus(f"127.0.0.1:{free_port()}")
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={home / 'config' / 'prometheus.yml'}",
                    f"--storage.tsdb.path={home / 'data'}",
                    f"--web.listen-address={server.address}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_ready(server, process, home / "log")
            yield server
        finally:
            _end(process)


def _write_config(source: Path, copy: Path, targets: Mapping[str, Sequence[str]]) -> None:
    shutil.copytree(source, copy)
    config = yaml.safe_load((source / "prometheus.yml").read_text(encoding="utf-8"))
    unknown = targets.keys() - {job["job_name"] for job in config["scrape_configs"]}
    if unknown:
        raise ValueError(f"prometheus.yml has no job {sorted(unknown)}")
    config["global"] |= {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    config["scrape_configs"] = [
        job | {"static_configs": [{"targets": list(targets[job["job_name"]])}]}
        for job in config["scrape_configs"]
        if job["job_name"] in targets
    ]
    (copy / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


def _wait_until_ready(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if server.is_ready():
            return
        time.sleep(0.1)
    raise RuntimeError(f"Prometheus did not get ready:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def queries(dashboard: Json) -> dict[str, list[str]]:
    """Return the PromQL of each panel, by the panel's title, as Grafana would send it.

    Panels of collapsed rows are included. Grafana's interval variables stand for a minute; a
    variable of the dashboard stands for all of its values.
    """
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    return {
        panel["title"]: [_replace(target["expr"], names) for target in panel["targets"]]
        for panel in panels(dashboard)
        if panel["type"] != "row"
    }


def panels(dashboard: Json) -> list[Json]:
    """Return every panel and row, those inside collapsed rows included."""
    outer = dashboard["panels"]
    return [each for panel in outer for each in (panel, *panel.get("panels", ()))]


def _replace(expression: str, names: Sequence[str]) -> str:
    expression = re.sub(r"\$(__rate_interval|__interval|__range)\b", "1m", expression)
    for name in names:
        expression = re.sub(rf"\$(\{{{name}(:\w+)?\}}|{name}\b)", ".*", expression)
    if "$" in expression:
        raise ValueError(f"a variable that nobody replaces: {expression}")
    return expression
