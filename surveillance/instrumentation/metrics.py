"""Events of the pipeline → Prometheus. Every metric is named here.

Labels are bounded sets: topics, partitions, stages, codes, criteria, statuses. Never a
product, an event, a case or a message.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from surveillance.domain.address import address_of
from surveillance.domain.errors import Misused
from surveillance.domain.finding import Finding, WatchFinding
from surveillance.log import topics
from surveillance.log.messages import ClosedEpoch
from surveillance.log.ticks import Place
from surveillance.log.topics import GENERATION
from surveillance.pipeline import Source
from surveillance.triage.triage import TriageState

_CLOSE_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_FIELDS = ("applied", "superseded", "repeated", "refused", "control")
_PREFIX = "surveillance_"


def serve_metrics(registry: CollectorRegistry, address: str) -> None:
    """Serve /metrics at HOST:PORT.

    Raises
    ------
    Misused
        If the address is not HOST:PORT, or is taken.
    """
    host, port = address_of(address, "--metrics-address")
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise Misused(
            f"--metrics-address {address}", f"cannot be served ({error.strerror})",
            "give each process its own, or `off`",
        ) from None  # fmt: skip


class Metrics:
    """The metrics of one worker.

    Parameters
    ----------
    version : str
        Of the program.
    configuration : str
        Hash of the configuration in force.
    statuses : iterable of str, optional
        Those that signals may have there: each is counted, also where it has none.
    """

    def __init__(self, *, version: str, configuration: str, statuses: Iterable[str] = ()) -> None:
        self._statuses = tuple(statuses)
        disable_created_metrics()  # type: ignore[no-untyped-call] # theirs
        self.registry = CollectorRegistry()
        self._records = self._counter(
            "records", "Records read by stages on raw topics.", "stage", "partition", "disposition"
        )
        self._refused = self._counter(
            "records_refused", "Records refused, by reason.", "stage", "reason"
        )
        self._lag = self._gauge(
            "lag_records", "End offset minus the next offset to read.", "topic", "partition"
        )
        self._held = self._gauge(
            "held_bytes", "Bytes read that wait for their tick.", "topic", "partition"
        )
        self._age = self._gauge(
            "epoch_age_seconds", "Clock minus the instant of the last closed epoch.",
            "stage", "partition",
        )  # fmt: skip
        self._close = self._histogram(
            "epoch_close_duration_seconds", "Time to fold and close an epoch.", "stage"
        )
        self._stored = self._histogram("store_duration_seconds", "Time to store a state.", "stage")
        self._epochs = self._counter("epochs_closed", "Epochs closed.", "stage", "partition")
        self._findings = self._counter("findings", "Findings emitted.", "criterion", "change")
        self._signals = self._gauge("signals", "Signals, by status.", "status")
        self._reviews = self._counter("reviews_opened", "Requests for review.", "rule")
        self._alerts = self._counter("alerts", "Alerts for people.", "kind")
        self._ticks = self._counter("ticks", "Ticks read.", "outcome")
        self._broker_away = self._gauge(
            "broker_away", "1 while attempts fail on the connection to the broker, else 0."
        )
        self._broker_retries = self._counter(
            "broker_retries", "Attempts that failed on the connection and are made again."
        )
        self._gauge(
            "worker_info", "Constant 1, with what runs here.",
            "version", "generation", "configuration",
        ).labels(version, str(GENERATION), configuration[:12]).set(1)  # fmt: skip
        for outcome in ("accepted", "passed_over"):
            self._ticks.labels(outcome)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(_PREFIX + name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(
            _PREFIX + name, about, labels, registry=self.registry, buckets=_CLOSE_SECONDS
        )

    def serve(self, address: str) -> None:
        """Serve /metrics at HOST:PORT.

        Raises
        ------
        Misused
            If the address is not HOST:PORT, or is taken.
        """
        serve_metrics(self.registry, address)

    def tick(self, *, is_accepted: bool) -> None:
        """A tick was read."""
        self._ticks.labels("accepted" if is_accepted else "passed_over").inc()

    def broker(self, is_away: bool) -> None:  # noqa: FBT001 - a callback of the retry policy
        """An attempt failed on the connection, or succeeded after others had failed."""
        self._broker_away.set(int(is_away))
        if is_away:
            self._broker_retries.inc()

    def closed(self, source: Source, closing: ClosedEpoch, seconds: float) -> None:
        """A stage closed an epoch."""
        stage, partition = source.stage, str(source.partition)
        self._close.labels(stage).observe(seconds)
        self._epochs.labels(stage, partition).inc()
        dispositions = closing.output.dispositions
        if dispositions is not None:
            for field in _FIELDS:
                self._records.labels(stage, partition, field).inc(getattr(dispositions, field))
        for row in closing.output.rows:
            if isinstance(row, Finding | WatchFinding):
                self._findings.labels(row.criterion, row.change).inc()
        for fact in closing.output.facts:
            self._count_fact(stage, fact.topic, fact.code)

    def _count_fact(self, stage: str, topic: str, code: str) -> None:
        if topic == topics.REFUSED:
            self._refused.labels(stage, code).inc()
        elif topic == topics.REVIEWS:
            self._reviews.labels(code).inc()
        elif topic == topics.ALERTS:
            self._alerts.labels(code).inc()

    def signals(self, state: TriageState) -> None:
        """Triage closed an epoch."""
        counts = dict.fromkeys(self._statuses, 0)
        for signal in state.signals.values():
            counts[signal.status] = counts.get(signal.status, 0) + 1
        for status, n in counts.items():
            self._signals.labels(status).set(n)

    def stored(self, source: Source, seconds: float) -> None:
        """A state was stored."""
        self._stored.labels(source.stage).observe(seconds)

    def place(self, place: Place, *, lag: int, n_bytes_held: int) -> None:
        """How a partition stands now, by the stage that is furthest behind."""
        self._lag.labels(place[0], str(place[1])).set(lag)
        self._held.labels(place[0], str(place[1])).set(n_bytes_held)

    def age(self, source: Source, seconds: float) -> None:
        """How old the last epoch is that a stage closed."""
        self._age.labels(source.stage, str(source.partition)).set(seconds)

    def left(self, source: Source) -> None:
        """A partition went to another worker, and all stages on it: drop its gauges."""
        topic, partition = source.place[0], str(source.partition)
        for gauge in (self._lag, self._held):
            gauge.remove_by_labels({"topic": topic, "partition": partition})
        self._age.remove_by_labels({"stage": source.stage, "partition": partition})
