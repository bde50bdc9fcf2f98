"""The list of matters as rows for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surveillance.views.plain import plain
from surveillance.views.signed import plain_signal

if TYPE_CHECKING:
    from surveillance.domain.signal import Signal
    from surveillance.views.worklist import WaitingMatter

N_SIGNALS_NAMED = 50  # of one matter


def ranked_matter(one: WaitingMatter, item: Signal, publicity: str | None) -> dict[str, Any]:
    """Return a matter on the list as a row of JSON; `on` is the day of the ranking.

    Parameters
    ----------
    one : WaitingMatter
        The matter.
    item : Signal
        The signal that it is shown by.
    publicity : str, optional
        What was made public last, where it lowers the priority.
    """
    signals = one.matter.signals
    return {
        **plain_signal(item),
        "changed_on": plain(item.on),
        "n_signals": len(signals),
        "signals": [each.signal_id for each in signals[:N_SIGNALS_NAMED]],
        **plain(one.matter.rank),
        "rank_waiting": one.rank_waiting,
        "n_waiting": one.n_waiting,
        "seen": plain(one.seen),
        "back_because": list(one.back_because),
        "band": one.band,
        "waiting_since": plain(one.waiting_since),
        "due_on": plain(one.due_on),
        "is_queued": one.is_queued,
        "publicity": publicity,
    }
