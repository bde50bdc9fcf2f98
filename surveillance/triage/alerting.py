"""Which change of a signal a safety team must see at once: for alerts, and for notices."""

from __future__ import annotations

from typing import Literal, TypeAlias

from surveillance.domain.signal import Signal

AlertKind: TypeAlias = Literal[
    "review_opened", "sentinel", "detected", "raised", "moved", "new_evidence"
]


def alert_kind(
    before: Signal | None, now: Signal, *, alert_priority: float, has_opened: bool
) -> AlertKind | None:
    """Return why a safety team should see a change; None if it need not.

    Parameters
    ----------
    before : Signal, optional
        The signal at the end of the epoch before; None if it is new.
    now : Signal
        As it stands.
    alert_priority : float
        The priority from which on a signal is an alert.
    has_opened : bool
        Whether it opened a request for review in this epoch.
    """
    if has_opened:
        return "review_opened"
    if now.is_sentinel and (before is None or now.n > before.n):
        return "sentinel"
    if now.priority >= alert_priority and (before is None or before.priority < alert_priority):
        return "detected" if before is None else "raised"
    if before is not None and before.status != now.status:
        return "moved"
    if before is not None and not now.is_open:
        doubled = 2 * now.history[-1].n  # of what people knew when they decided
        return "new_evidence" if before.n < doubled <= now.n else None
    return None
