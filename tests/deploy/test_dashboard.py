from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from servers import Json, panels, prometheus, queries

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"
GRAFANA = DEPLOY / "grafana"
RULES = DEPLOY / "prometheus" / "rules" / "surveillance.yml"

# The catalogue: every metric of the workers, the register's follower and the notices, with labels.
COUNTERS = {
    "surveillance_records_total": ["stage", "partition", "disposition"],
    "surveillance_records_refused_total": ["stage", "reason"],
    "surveillance_epochs_closed_total": ["stage", "partition"],
    "surveillance_findings_total": ["criterion", "change"],
    "surveillance_reviews_opened_total": ["rule"],
    "surveillance_alerts_total": ["kind"],
    "surveillance_ticks_total": ["outcome"],
    "surveillance_broker_retries_total": [],
    "surveillance_register_rows_total": [],
    "surveillance_register_retries_total": ["server"],
    "surveillance_notices_sent_total": ["receiver"],
    "surveillance_notices_retried_total": ["receiver"],
}
GAUGES = {
    "surveillance_lag_records": ["topic", "partition"],
    "surveillance_held_bytes": ["topic", "partition"],
    "surveillance_epoch_age_seconds": ["stage", "partition"],
    "surveillance_signals": ["status"],
    "surveillance_broker_away": [],
    "surveillance_register_lag_epochs": [],
    "surveillance_register_lag_seconds": [],
    "surveillance_register_last_epoch": [],
    "surveillance_notices_waiting": ["receiver"],
    "surveillance_notices_oldest_waiting_seconds": ["receiver"],
    "surveillance_worker_info": ["version", "generation", "configuration"],
}
HISTOGRAMS = {
    "surveillance_epoch_close_duration_seconds": ["stage"],
    "surveillance_store_duration_seconds": ["stage"],
}
CATALOGUE = COUNTERS | GAUGES | HISTOGRAMS
VALUES = {"stage": "revise", "partition": "0", "topic": "cases-received.v1"}
KNOWN_UNITS = {"short", "none", "s", "bytes", "ops", "rps", "percentunit"}


@pytest.fixture(scope="module")
def dashboard() -> Json:
    text = (GRAFANA / "dashboards" / "surveillance.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def graphs(dashboard: Json) -> list[Json]:
    return [panel for panel in panels(dashboard) if panel["type"] != "row"]


def metrics_in(expression: str) -> set[str]:
    names = set(re.findall(r"\bsurveillance_[a-z0-9_]+", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def overlap(one: Json, other: Json) -> bool:
    apart = (
        one["x"] + one["w"] <= other["x"]
        or other["x"] + other["w"] <= one["x"]
        or one["y"] + one["h"] <= other["y"]
        or other["y"] + other["h"] <= one["y"]
    )
    return not apart


def test_the_dashboard_is_what_its_script_writes() -> None:
    script = [sys.executable, str(GRAFANA / "build.py")]

    written = subprocess.run(script, capture_output=True, check=True).stdout

    assert written == (GRAFANA / "dashboards" / "surveillance.json").read_bytes()


def test_the_dashboard_is_of_a_schema_that_grafana_11_reads(dashboard: Json) -> None:
    assert dashboard["schemaVersion"] == 39
    assert dashboard["uid"] == "longwatch-surveillance"
    assert "id" not in dashboard  # an id would be that of one installation


def test_every_panel_has_its_own_id_and_title(dashboard: Json) -> None:
    ids = [panel["id"] for panel in panels(dashboard)]
    titles = [panel["title"] for panel in panels(dashboard)]

    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)


def test_no_panel_lies_on_another_or_outside_the_grid(dashboard: Json) -> None:
    places = [panel["gridPos"] for panel in panels(dashboard)]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in itertools.combinations(places, 2) if overlap(*pair)]


def test_every_panel_has_a_unit_and_says_what_it_shows(dashboard: Json) -> None:
    for panel in graphs(dashboard):
        assert panel["fieldConfig"]["defaults"]["unit"] in KNOWN_UNITS, panel["title"]
        assert panel["description"], panel["title"]


def test_seconds_and_bytes_are_shown_as_what_they_are(dashboard: Json) -> None:
    units = {
        panel["title"]: panel["fieldConfig"]["defaults"]["unit"] for panel in graphs(dashboard)
    }

    for title, expressions in queries(dashboard).items():
        for metric in set().union(*map(metrics_in, expressions)):
            if metric.endswith("_seconds"):
                assert units[title] == "s", title
            if metric.endswith("_bytes"):
                assert units[title] == "bytes", title


def test_every_query_goes_to_the_data_source_that_the_reader_chose(dashboard: Json) -> None:
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    targets = [target for panel in graphs(dashboard) for target in panel["targets"]]
    asking = [*graphs(dashboard), *targets, variables["stage"]]

    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert {each["datasource"]["uid"] for each in asking} == {"${datasource}"}


def test_every_metric_of_the_catalogue_is_on_a_panel_and_no_other(dashboard: Json) -> None:
    shown = [metrics_in(expr) for exprs in queries(dashboard).values() for expr in exprs]

    assert set().union(*shown) == CATALOGUE.keys()


def test_every_metric_in_a_rule_is_of_the_catalogue() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"].split(":")[1] for rule in rules if "record" in rule}

    used = set().union(*(metrics_in(rule["expr"]) for rule in rules))

    assert used - recorded <= CATALOGUE.keys()


def test_the_provisioned_data_source_is_the_prometheus_of_the_compose_file() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))

    source = yaml.safe_load(text)["datasources"][0]

    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


@contextmanager
def a_worker_that_tells_every_metric() -> Iterator[tuple[str, CollectorRegistry]]:
    registry = CollectorRegistry()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield f"127.0.0.1:{server.server_port}", registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tell(registry: CollectorRegistry) -> Iterator[None]:
    """Register every metric once, then raise each by one at every step."""
    counters = [Counter(name, name, labels, registry=registry) for name, labels in COUNTERS.items()]
    gauges = [Gauge(name, name, labels, registry=registry) for name, labels in GAUGES.items()]
    histograms = [
        Histogram(name, name, labels, registry=registry) for name, labels in HISTOGRAMS.items()
    ]
    while True:
        for counter, labels in zip(counters, COUNTERS.values(), strict=True):
            values = [VALUES.get(label, "refused") for label in labels]
            (counter.labels(*values) if values else counter).inc()
        for gauge, labels in zip(gauges, GAUGES.values(), strict=True):
            values = [VALUES.get(label, "1") for label in labels]
            (gauge.labels(*values) if values else gauge).inc()
        for histogram in histograms:
            histogram.labels("revise").observe(0.1)
        yield


@pytest.mark.prometheus
def test_every_panel_shows_something_when_a_worker_tells_every_metric(dashboard: Json) -> None:
    with a_worker_that_tells_every_metric() as (address, registry):
        steps = tell(registry)
        next(steps)
        with prometheus(DEPLOY / "prometheus", {"longwatch-worker": [address]}) as server:
            missing = queries(dashboard)
            end = time.monotonic() + 180
            while missing and time.monotonic() < end:
                next(steps)
                time.sleep(0.5)
                missing = {
                    title: left
                    for title, expressions in missing.items()
                    if (left := [expr for expr in expressions if not server.query(expr)])
                }

            assert missing == {}
            assert {rule["health"] for rule in rules_of(server.get("/api/v1/rules"))} == {"ok"}


def rules_of(answer: Json) -> list[Json]:
    return [rule for group in answer["data"]["groups"] for rule in group["rules"]]


def test_a_variable_that_nobody_replaces_is_an_error(dashboard: Json) -> None:
    panel = graphs(dashboard)[0] | {"targets": [{"expr": 'up{job="$worker"}'}]}

    with pytest.raises(ValueError, match="nobody replaces"):
        queries(dashboard | {"panels": [panel]})
