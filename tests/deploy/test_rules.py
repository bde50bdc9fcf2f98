from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from servers import Json, needs

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "surveillance.yml"
TESTS = PROMETHEUS / "rules" / "surveillance.test.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"


def alerts() -> list[Json]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [needs("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=RULES.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_the_configuration_and_the_rules_are_valid() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", "--lint-fatal", RULES)


@pytest.mark.prometheus
def test_each_alert_speaks_and_is_silent_at_the_minutes_that_its_tests_name() -> None:
    promtool("test", "rules", TESTS)


def test_every_alert_has_a_test() -> None:
    text = TESTS.read_text(encoding="utf-8")

    assert [alert["alert"] for alert in alerts() if alert["alert"] not in text] == []


@pytest.mark.each_of("alert", alerts, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_happened_how_bad_it_is_and_what_to_do(alert: Json) -> None:
    anchors = [
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in RUNBOOK.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    ]
    page, _, anchor = alert["annotations"]["runbook"].partition("#")

    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook"}
    assert ROOT / page == RUNBOOK
    assert anchor == alert["alert"].lower()
    assert anchors.count(anchor) == 1
