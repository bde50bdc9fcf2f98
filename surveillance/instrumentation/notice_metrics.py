"""How many notices were sent, and which wait → Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

_PREFIX = "surveillance_notices_"


class NoticeMetrics:
    """The metrics of one `longwatch notify`.

    Parameters
    ----------
    receivers : iterable of str
        Their names, as configured: a bounded set.
    """

    def __init__(self, receivers: Iterable[str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # theirs
        self.registry = CollectorRegistry()
        self._sent = Counter(
            _PREFIX + "sent",
            "Notices that a receiver has taken.",
            ("receiver",),
            registry=self.registry,
        )
        self._retried = Counter(
            _PREFIX + "retried",
            "Attempts that a receiver did not answer for, each tried again later.",
            ("receiver",),
            registry=self.registry,
        )
        self._waiting = self._gauge("waiting", "Notices that were not taken yet.")
        self._oldest = self._gauge(
            "oldest_waiting_seconds", "Age of the oldest notice that waits; 0 for none."
        )
        for name in receivers:
            for metric in (self._sent, self._retried, self._waiting, self._oldest):
                metric.labels(name)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(_PREFIX + name, about, ("receiver",), registry=self.registry)

    def sent(self, receiver: str) -> None:
        """A receiver took a notice."""
        self._sent.labels(receiver).inc()

    def retried(self, receiver: str) -> None:
        """A receiver did not take a notice; it is tried again later."""
        self._retried.labels(receiver).inc()

    def waiting(self, receiver: str, n: int, oldest_seconds: float) -> None:
        """Notices wait for a receiver, or none does."""
        self._waiting.labels(receiver).set(n)
        self._oldest.labels(receiver).set(oldest_seconds)
