"""What the Kafka clients log, as an operator should see it.

They log the same line many times a second while a broker is away, and call it an error
that a group changes its members. A line is logged once a minute, and what is normal not at
all; `--log-level info` shows everything.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_APART = 60.0
NORMAL = (
    "Heartbeat failed for group %s because it is rebalancing",
    "Marking the coordinator dead",
    "Group Coordinator Request failed",
    "OffsetCommit failed",  # the offsets are the states' own
    "Missing sensor state for rebalance",
    "Timer ",  # woke up late, or overlaps: after a pause of the process or of the broker
    "rebalance again generation id",
    "Recovery rebalancing again",
)


class OncePerMinute(logging.Filter):
    """Lets each kind of line through once a while, and the normal ones not at all.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be shown."""
        kind = str(record.msg)
        if kind.startswith(NORMAL):
            return False
        now = self._clock()
        if now - self._told.get(kind, -SECONDS_APART) < SECONDS_APART:
            return False
        self._told[kind] = now
        return True


def limit_client_logs() -> None:
    """Put the filter on every logger that the clients have made."""
    calm = OncePerMinute()
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in {"aiokafka", "faust", "mode"}:
            logging.getLogger(name).addFilter(calm)
