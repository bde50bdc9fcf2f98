"""How far the register is behind the topics → Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

_PREFIX = "surveillance_register_"


class RegisterMetrics:
    """The metrics of one follower of a register."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # theirs
        self.registry = CollectorRegistry()
        self._lag_epochs = self._gauge(
            "lag_epochs", "Epochs that are cut and not whole in the register."
        )
        self._lag_seconds = self._gauge(
            "lag_seconds", "Instant of the newest tick read minus that of the last whole epoch."
        )
        self._last_epoch = self._gauge("last_epoch", "The last epoch that is whole; -1 for none.")
        self._rows = Counter(
            _PREFIX + "rows", "Rows committed, those written again as well.", registry=self.registry
        )
        self._retries = Counter(
            _PREFIX + "retries",
            "Times that a server was away and the follower tried again.",
            ("server",),
            registry=self.registry,
        )
        for server in ("broker", "database"):
            self._retries.labels(server)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(_PREFIX + name, about, registry=self.registry)

    def committed(self, n_rows: int, last_epoch: int, lag_epochs: int, lag_seconds: int) -> None:
        """Rows and offsets were committed, or there was nothing to commit."""
        self._rows.inc(n_rows)
        self._last_epoch.set(last_epoch)
        self._lag_epochs.set(lag_epochs)
        self._lag_seconds.set(lag_seconds)

    def retried(self, server: str) -> None:
        """A server was away."""
        self._retries.labels(server).inc()
