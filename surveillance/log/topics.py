"""The topics, by name, and which stage reads and writes which.

Raw topics are the only truth. Derived topics can always be computed again; the number
in their names is the generation of the algorithms that wrote them. Outward topics are
for people and systems outside: one fact a message.
"""

from __future__ import annotations

from typing import TypeAlias

from surveillance.configuration.types import Topics
from surveillance.domain.contribution import Contribution, Exposure
from surveillance.domain.decision import PersonRecord
from surveillance.domain.finding import Finding, Look, PriorFitted, WatchFinding
from surveillance.domain.signal import DecisionPassedOver, Signal, SignalStep

GENERATION = 2

CASES = "cases-received.v1"
OUTCOMES = "outcomes-received.v1"
DECISIONS = "decisions-made.v1"
TICKS = "ticks.v1"
REFUSED = "records-refused.v1"

CONTRIBUTIONS = f"contributions.v{GENERATION}"
FINDINGS = f"findings.v{GENERATION}"
SIGNALS = f"signals.v{GENERATION}"

ALERTS = "alerts.v1"
REVIEWS = "reviews-opened.v1"
FEED = "feed.v1"

RAW = (CASES, OUTCOMES, DECISIONS)
DERIVED = (CONTRIBUTIONS, FINDINGS, SIGNALS)
OUTWARD = (ALERTS, REVIEWS, FEED)

# The rows of each derived topic.
ContributionsRow: TypeAlias = Contribution | Exposure
FindingsRow: TypeAlias = (
    Finding | WatchFinding | Look | PriorFitted | PersonRecord | DecisionPassedOver
)
SignalsRow: TypeAlias = Signal | SignalStep | DecisionPassedOver

ROW_TYPES: dict[str, object] = {
    CONTRIBUTIONS: ContributionsRow,
    FINDINGS: FindingsRow,
    SIGNALS: SignalsRow,
}


def raw_partitions(manifest: Topics) -> dict[str, int]:
    """Return the number of partitions of each raw topic."""
    return {
        CASES: manifest.cases,
        OUTCOMES: manifest.outcomes,
        DECISIONS: 1,
    }
