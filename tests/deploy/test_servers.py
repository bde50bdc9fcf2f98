"""The helpers for tests with real servers must themselves not let a test pass by mistake."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest
from servers import Prometheus, needs, prometheus

CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus"


def test_a_missing_program_fails_the_test_where_every_test_must_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pytest.fail.Exception, match="install Prometheus"):
        needs("promtool")


def test_a_missing_program_skips_the_test_elsewhere_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pytest.skip.Exception, match="install Prometheus"):
        needs("prometheus")


@pytest.mark.prometheus
def test_prometheus_answers_while_it_is_wanted_and_is_gone_after() -> None:
    with prometheus(CONFIG, {}) as server:
        assert server.query("vector(7)")[0]["value"][1] == "7"
        with pytest.raises(ValueError, match="parse error"):
            server.query("rate(")

    assert not server.is_ready()


@pytest.mark.prometheus
def test_a_job_that_the_configuration_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="no job"), prometheus(CONFIG, {"worker": ["x:1"]}):
        pass


def test_a_server_that_is_not_there_is_not_ready() -> None:
    server = Prometheus("127.0.0.1:1")

    assert not server.is_ready()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.query("up")
