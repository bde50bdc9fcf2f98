"""Write the operators' dashboard to the standard output, as JSON that Grafana 11 provisions.

    python deploy/grafana/build.py > deploy/grafana/dashboards/surveillance.json

One row is one question that an operator asks; its panels answer it. The order is that of a bad
night: is it running, does it keep up, what became of the records, how long does it take, what
did it emit.
"""  # noqa: INP001  a script beside what it writes, not a package

from __future__ import annotations

import json
import sys
from typing import Any

Json = dict[str, Any]

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_SCHEMA_VERSION = 39  # of Grafana 11.0; a newer one migrates it when it loads it
_WIDTH, _HEIGHT = 24, 8
_STAGE = 'stage=~"$stage"'

Query = tuple[str, str]  # PromQL, legend


def _target(query: Query, ref: str, kind: str) -> Json:
    expression, legend = query
    instant = kind in {"stat", "table"}
    return {
        "refId": ref,
        "datasource": _SOURCE,
        "expr": expression,
        "legendFormat": legend,
        "instant": instant,
        "range": not instant,
        "format": "table" if kind == "table" else "time_series",
    }


def _panel(kind: str, title: str, text: str, unit: str, *queries: Query) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": _SOURCE,
        "targets": [
            _target(query, chr(ord("A") + index), kind) for index, query in enumerate(queries)
        ],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
    }


def _graph(title: str, text: str, unit: str, *queries: Query) -> Json:
    panel = _panel("timeseries", title, text, unit, *queries)
    panel["fieldConfig"]["defaults"]["min"] = 0
    panel["fieldConfig"]["defaults"]["custom"] = {"lineWidth": 1, "fillOpacity": 5}
    panel["options"] = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def _stat(title: str, text: str, query: Query, *, bad: str, limit: float) -> Json:
    """One number; red from the limit upwards (``bad="above"``) or under it (``"below"``)."""
    low, high = ("green", "red") if bad == "above" else ("red", "green")
    panel = _panel("stat", title, text, "short", query)
    panel["fieldConfig"]["defaults"]["thresholds"] = {
        "mode": "absolute",
        "steps": [{"color": low, "value": None}, {"color": high, "value": limit}],
    }
    panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}
    return panel


def _table(title: str, text: str, query: Query) -> Json:
    panel = _panel("table", title, text, "none", query)
    panel["transformations"] = [
        {"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}
    ]
    return panel


def _quantiles(metric: str) -> tuple[Query, ...]:
    rate = f"sum by (stage, le) (rate({metric}_bucket{{{_STAGE}}}[$__rate_interval]))"
    return tuple(
        (f"histogram_quantile({q}, {rate})", f"{{{{stage}}}} {name}")
        for q, name in (("0.5", "median"), ("0.99", "99th percentile"))
    )


def _questions() -> list[tuple[str, list[Json]]]:
    return [
        ("Is it running?", _running()),
        ("Does it keep up?", _keeping_up()),
        ("Does the register follow?", _register()),
        ("Do notices arrive?", _notices()),
        ("What became of the records?", _records()),
        ("How long does it take?", _durations()),
        ("What did it emit?", _emitted()),
    ]


def _running() -> list[Json]:
    return [
        _stat(
            "Workers that answer",
            "Red when none does. See LongwatchAllWorkersDown in the runbook.",
            ('sum(up{job="longwatch-worker"})', ""),
            bad="below",
            limit=1,
        ),
        _stat(
            "Alerts that fire",
            "Warnings and critical ones, of the machinery.",
            ('count(ALERTS{alertstate="firing", severity!="info"}) or vector(0)', ""),
            bad="above",
            limit=1,
        ),
        _stat(
            "Workers without a broker",
            "They wait and go on by themselves. See BrokerAway in the runbook.",
            ("sum(surveillance_broker_away)", ""),
            bad="above",
            limit=1,
        ),
        _graph(
            "Attempts on the broker made again",
            "A second, over the workers. None while the connection holds.",
            "ops",
            ("sum(rate(surveillance_broker_retries_total[$__rate_interval]))", "attempts"),
        ),
        _table(
            "Workers",
            "Version, generation of the derived topics, and the hash of the configuration.",
            ("surveillance_worker_info", ""),
        ),
    ]


def _keeping_up() -> list[Json]:
    return [
        _graph(
            "Unread messages",
            "End offset less the next offset to read, by topic.",
            "short",
            ("sum by (topic) (max by (topic, partition) (surveillance_lag_records))", "{{topic}}"),
        ),
        _graph(
            "Age of the last closed epoch",
            "By stage, its oldest partition. Up to a day where nothing arrives; years, during a "
            "load of old data.",
            "s",
            (
                (
                    "max by (stage) (min by (stage, partition) "
                    f"(surveillance_epoch_age_seconds{{{_STAGE}}}))"
                ),
                "{{stage}}",
            ),
        ),
        _graph(
            "Messages that wait for their tick",
            "Read and held, by topic. Rises and stays where ticks are missing.",
            "bytes",
            ("sum by (topic) (surveillance_held_bytes)", "{{topic}}"),
        ),
        _graph(
            "Epochs closed",
            "A second, by stage, over its partitions.",
            "ops",
            (
                (
                    "sum by (stage) "
                    f"(rate(surveillance_epochs_closed_total{{{_STAGE}}}[$__rate_interval]))"
                ),
                "{{stage}}",
            ),
        ),
        _graph(
            "Ticks",
            "A second, as the worker sees them that has seen most. Passed over: it did not follow "
            "the one before.",
            "ops",
            (
                (
                    "max by (outcome) (sum by (instance, outcome) "
                    "(rate(surveillance_ticks_total[$__rate_interval])))"
                ),
                "{{outcome}}",
            ),
        ),
    ]


def _register() -> list[Json]:
    return [
        _graph(
            "Epochs behind",
            "Cut and not whole in the register. Falls, during a load of old data.",
            "short",
            ("max(surveillance_register_lag_epochs)", "epochs"),
        ),
        _graph(
            "Time behind",
            "Instant of the newest tick read minus that of the last whole epoch.",
            "s",
            ("max(surveillance_register_lag_seconds)", "seconds"),
        ),
        _graph(
            "Last whole epoch",
            "Of which everything is in the register.",
            "short",
            ("max(surveillance_register_last_epoch)", "epoch"),
        ),
        _graph(
            "Rows committed",
            "A second, those written again as well.",
            "rps",
            ("sum(rate(surveillance_register_rows_total[$__rate_interval]))", "rows"),
        ),
        _graph(
            "Servers away",
            "Attempts a second that failed because a server did not answer.",
            "ops",
            (
                "sum by (server) (rate(surveillance_register_retries_total[$__rate_interval]))",
                "{{server}}",
            ),
        ),
    ]


def _notices() -> list[Json]:
    by_receiver = "sum by (receiver)"
    return [
        _graph(
            "Notices waiting",
            "Not taken by the receiver yet; tried again with growing pauses.",
            "short",
            (f"{by_receiver} (surveillance_notices_waiting)", "{{receiver}}"),
        ),
        _graph(
            "Oldest notice that waits",
            "See NoticesWait in the runbook.",
            "s",
            ("max by (receiver) (surveillance_notices_oldest_waiting_seconds)", "{{receiver}}"),
        ),
        _graph(
            "Notices sent",
            "A second.",
            "ops",
            (
                f"{by_receiver} (rate(surveillance_notices_sent_total[$__rate_interval]))",
                "{{receiver}}",
            ),
        ),
        _graph(
            "Attempts that failed",
            "A second. Each is made again later.",
            "ops",
            (
                f"{by_receiver} (rate(surveillance_notices_retried_total[$__rate_interval]))",
                "{{receiver}}",
            ),
        ),
    ]


def _records() -> list[Json]:
    records = f"surveillance_records_total{{{_STAGE}}}"
    refused = f'surveillance_records_total{{{_STAGE}, disposition="refused"}}'
    received = f'surveillance_records_total{{{_STAGE}, disposition!="control"}}'
    return [
        _graph(
            "Records by what became of them",
            "A second. The dispositions of a stage add up to what it read.",
            "rps",
            (
                f"sum by (stage, disposition) (rate({records}[$__rate_interval]))",
                "{{stage}} {{disposition}}",
            ),
        ),
        _graph(
            "Refused, by reason",
            "A second. Each lies in records-refused.v1 with its bytes.",
            "rps",
            (
                (
                    "sum by (stage, reason) (rate("
                    f"surveillance_records_refused_total{{{_STAGE}}}[$__rate_interval]))"
                ),
                "{{stage}} {{reason}}",
            ),
        ),
        _graph(
            "Share refused",
            "Of what was received in the last 15 minutes; the alert's limit is 1 %.",
            "percentunit",
            (
                (
                    f"sum by (stage) (increase({refused}[15m])) "
                    f"/ (sum by (stage) (increase({received}[15m])) > 0)"
                ),
                "{{stage}}",
            ),
        ),
    ]


def _durations() -> list[Json]:
    return [
        _graph(
            "Closing an epoch",
            "From the complete epoch to the output of the stage about it.",
            "s",
            *_quantiles("surveillance_epoch_close_duration_seconds"),
        ),
        _graph(
            "Storing the state",
            "One atomic write of state, offset and epoch.",
            "s",
            *_quantiles("surveillance_store_duration_seconds"),
        ),
    ]


def _emitted() -> list[Json]:
    return [
        _graph(
            "Findings",
            "In an hour, by criterion and what changed.",
            "short",
            (
                "sum by (criterion, change) (increase(surveillance_findings_total[1h]))",
                "{{criterion}} {{change}}",
            ),
        ),
        _graph(
            "Signals by status",
            "As triage knows them now.",
            "short",
            ("sum by (status) (surveillance_signals)", "{{status}}"),
        ),
        _graph(
            "Reviews opened",
            "In a day, by the rule that opened them.",
            "short",
            ("sum by (rule) (increase(surveillance_reviews_opened_total[1d]))", "{{rule}}"),
        ),
        _graph(
            "Alerts to people",
            "In a day, by kind: what was written to alerts.v1.",
            "short",
            ("sum by (kind) (increase(surveillance_alerts_total[1d]))", "{{kind}}"),
        ),
    ]


def _laid_out(questions: list[tuple[str, list[Json]]]) -> list[Json]:
    """Give the panels numbers and places: three to a line, below the row that asks."""
    placed: list[Json] = []
    top = 0
    for title, panels in questions:
        row: Json = {"type": "row", "title": title, "collapsed": False, "panels": []}
        placed.append(row | {"gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1}})
        top += 1
        across = min(3, len(panels))
        width = _WIDTH // across
        for index, panel in enumerate(panels):
            line, column = divmod(index, across)
            position = {"x": column * width, "y": top + line * _HEIGHT, "w": width, "h": _HEIGHT}
            placed.append(panel | {"gridPos": position})
        top += _HEIGHT * -(-len(panels) // across)
    return [panel | {"id": number} for number, panel in enumerate(placed, start=1)]


def _variables() -> list[Json]:
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "stage",
            "label": "Stage",
            "type": "query",
            "datasource": _SOURCE,
            "query": {"query": "label_values(surveillance_epoch_age_seconds, stage)", "refId": "A"},
            "refresh": 2,  # when the time range changes
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        },
    ]


def dashboard() -> Json:
    """Return the dashboard as Grafana's model of it."""
    return {
        "uid": "longwatch-surveillance",
        "title": "Surveillance",
        "description": "The machinery of longwatch. Findings about medicines are in the register.",
        "tags": ["longwatch"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": _laid_out(_questions()),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dashboard(), indent=2) + "\n")
