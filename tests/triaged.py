"""Findings for triage, and triage stored and restored at every close."""

from datetime import date, timedelta
from typing import Any

from strategies import DAY, a_configuration, instant, rows

from surveillance.configuration.types import (
    Configuration,
    ReviewRule,
    Triage,
)
from surveillance.domain.finding import Finding, WatchFinding
from surveillance.domain.signal import DecisionPassedOver, Signal, SignalStep
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output
from surveillance.log.topics import FindingsRow, SignalsRow
from surveillance.triage.triage import TriageFindings, signal_id

QUIET = Triage(alert_priority=1.0)


RULE = ReviewRule(name="fatal", min_fatal=1, ground="eu_harmful")


def a_finding(criterion: str = "ic", **changes: Any) -> Finding:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "criterion": criterion,
        "criterion_version": 1,
        "change": "met",
        "on": DAY,
        "epoch": 0,
        "product": "product:P",
        "event": "pt:Rash",
        "n_pair": 4,
        "n_product": 8,
        "n_event": 9,
        "n_total": 99,
        "expected": 0.7,
        "ic_lower": 1.0,
    }
    return Finding(**(values | changes))


def a_crossing(**changes: Any) -> WatchFinding:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "criterion": "hepatic_construct",
        "criterion_version": 1,
        "change": "met",
        "on": DAY,
        "epoch": 0,
        "design": "hepatic",
        "family": "effectiveness",
        "programme": "P1",
        "product": "construct:K1",
        "event": "pt:hepatic failure",
        "n_events": 3,
        "n_patients": 2,
        "person_days": 40,
        "expected": 0.75,
        "rate_ratio": 4.0,
        "statistic": 4.0,
        "boundary": 3.0,
        "scale": "log_likelihood_ratio",
        "alpha": 0.05,
        "alpha_family": 0.05,
        "horizon": 2.0,
        "looks": 2,
        "source": "made for a test",
    }
    return WatchFinding(**(values | changes))


SIGNAL = signal_id("product:P", "pt:Rash", "safety")


class TriagedEpochs:
    """The stage, stored and restored at every close, a day a close."""

    def __init__(self, configuration: Configuration | None = None, **triage: Any) -> None:  # noqa: ANN401 - fields of Triage
        chosen = configuration or a_configuration(triage=Triage(**({"alert_priority": 1} | triage)))
        self._stage = TriageFindings(chosen)
        self._state = self._stage.init(Cells(nothing_stored))
        self.epoch = -1

    @property
    def today(self) -> date:
        return DAY + timedelta(days=self.epoch)

    def close(self, *items: FindingsRow) -> Output:
        for item in items:
            self._stage.apply(self._state, item)
        self.epoch += 1
        said = self._stage.close(self._state, self.epoch, instant(self.today))
        data = self._stage.dump(self._state)
        self._state = self._stage.load(data, Cells(nothing_stored))
        assert self._stage.dump(self._state) == data
        return said

    def signal(self, *items: FindingsRow) -> Signal:
        found = rows(self.close(*items).rows, SignalsRow)
        (row,) = [row for row in found if not isinstance(row, SignalStep)]
        assert isinstance(row, Signal)
        return row

    def passed_over(self, *items: FindingsRow) -> DecisionPassedOver:
        (row,) = rows(self.close(*items).rows, SignalsRow)
        assert isinstance(row, DecisionPassedOver)
        return row


def kinds(said: Output) -> list[tuple[str, str]]:
    return [(fact.topic, fact.code) for fact in said.facts]


# Findings
