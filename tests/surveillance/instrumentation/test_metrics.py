from __future__ import annotations

import socket

import pytest
from prometheus_client import generate_latest

from surveillance.configuration.life_cycle import shipped
from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Misused
from surveillance.instrumentation.metrics import Metrics
from surveillance.log import topics
from surveillance.log.messages import ClosedEpoch, Fact, Output
from surveillance.pipeline import Source
from surveillance.triage.triage import TriageState

SOURCE = Source("revise", 1)
STATUSES = [one.name for one in shipped().status]
CASES = "cases-received.v1"


def a_metrics() -> Metrics:
    return Metrics(version="1.2.3", configuration="c" * 64, statuses=STATUSES)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"surveillance_{name}", labels)


def a_closing(*facts: Fact) -> ClosedEpoch:
    row = Dispositions(
        topic=CASES, partition=1, applied=5, superseded=4, repeated=3, refused=2, control=1
    )
    return ClosedEpoch(0, 0, [], Output([], list(facts), row))


def test_a_closing_counts_its_records_by_what_became_of_them() -> None:
    metrics = a_metrics()

    metrics.closed(SOURCE, a_closing(), 0.2)
    metrics.closed(SOURCE, a_closing(), 0.2)

    counted = {
        name: value(metrics, "records_total", stage="revise", partition="1", disposition=name)
        for name in ("applied", "superseded", "repeated", "refused", "control")
    }
    assert counted == {"applied": 10, "superseded": 8, "repeated": 6, "refused": 4, "control": 2}
    assert value(metrics, "epochs_closed_total", stage="revise", partition="1") == 2
    assert value(metrics, "epoch_close_duration_seconds_sum", stage="revise") == pytest.approx(0.4)


def test_facts_are_counted_by_their_code_and_topic() -> None:
    metrics = a_metrics()
    facts = [
        Fact(topics.REFUSED, b"", b"", "not_json"),
        Fact(topics.ALERTS, b"", b"", "sentinel"),
        Fact(topics.REVIEWS, b"", b"", "fatal_sentinel"),
        Fact(topics.FEED, b"", b"", "detected"),
    ]

    metrics.closed(SOURCE, a_closing(*facts), 0.2)

    assert value(metrics, "records_refused_total", stage="revise", reason="not_json") == 1
    assert value(metrics, "alerts_total", kind="sentinel") == 1
    assert value(metrics, "reviews_opened_total", rule="fatal_sentinel") == 1


def test_every_status_is_told_from_the_first_close_on() -> None:
    metrics = a_metrics()

    metrics.signals(TriageState())

    for status in STATUSES:
        assert value(metrics, "signals", status=status) == 0


def test_a_partition_that_went_elsewhere_is_told_of_no_more() -> None:
    metrics = a_metrics()
    metrics.place(SOURCE.place, lag=7, n_bytes_held=9)
    metrics.age(SOURCE, 3.0)
    assert value(metrics, "lag_records", topic=CASES, partition="1") == 7

    metrics.left(SOURCE)
    metrics.left(SOURCE)  # it may be given up twice

    assert value(metrics, "lag_records", topic=CASES, partition="1") is None
    assert value(metrics, "held_bytes", topic=CASES, partition="1") is None
    assert value(metrics, "epoch_age_seconds", stage="revise", partition="1") is None


def test_the_age_of_an_epoch_is_not_told_before_there_is_one() -> None:
    metrics = a_metrics()

    metrics.place(SOURCE.place, lag=0, n_bytes_held=0)

    assert value(metrics, "epoch_age_seconds", stage="revise", partition="1") is None


def test_ticks_are_told_from_the_start_by_whether_they_count() -> None:
    metrics = a_metrics()
    assert value(metrics, "ticks_total", outcome="passed_over") == 0

    metrics.tick(is_accepted=False)
    metrics.tick(is_accepted=True)

    assert value(metrics, "ticks_total", outcome="passed_over") == 1
    assert value(metrics, "ticks_total", outcome="accepted") == 1


def test_what_runs_is_told_by_version_generation_and_configuration() -> None:
    text = generate_latest(a_metrics().registry).decode()

    assert 'configuration="cccccccccccc"' in text
    assert 'version="1.2.3"' in text
    assert f'generation="{topics.GENERATION}"' in text


@pytest.mark.parametrize("address", ["9464", "here:there", "127.0.0.1:"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Misused, match="is not HOST:PORT"):
        a_metrics().serve(address)


def test_an_address_that_is_taken_is_refused_and_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(Misused, match="cannot be served") as caught:
            a_metrics().serve(address)

    assert address in str(caught.value)
