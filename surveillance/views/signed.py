"""Whether the decisions behind the status of a signal were signed."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

from surveillance.views.plain import plain

if TYPE_CHECKING:
    from surveillance.domain.signal import Signal


def is_signed(signal: Signal) -> bool | None:
    """Tell whether everybody signed who brought a signal into its status.

    Parameters
    ----------
    signal : Signal
        With its latest steps.

    Returns
    -------
    bool or None
        None where no person did: it is as software opened it.
    """
    latest = list(takewhile(lambda step: step.status == signal.status, reversed(signal.history)))
    by_people = [step for step in latest if step.decided_by is not None]
    return all(step.is_signed for step in by_people) if by_people else None


def plain_signal(signal: Signal) -> dict[str, Any]:
    """Return a signal as JSON values, with `is_signed` beside its status.

    Parameters
    ----------
    signal : Signal
        As it stands.
    """
    return {**plain(signal), "is_signed": is_signed(signal)}
