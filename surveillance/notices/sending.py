"""Delivers what waits in the outbox: each receiver by itself, so that none waits for another."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

from surveillance.instrumentation.notice_metrics import NoticeMetrics
from surveillance.notices.channels import Channel, NotDelivered
from surveillance.notices.outbox import Due, Outbox
from surveillance.register.database import DatabaseAway

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 3600.0  # seconds
SECONDS_BETWEEN_LOOKS = 1.0


def pause_after(n_failed: int, retry_after: float = 0.0) -> float:
    """Return the seconds before the next attempt.

    Parameters
    ----------
    n_failed : int
        Attempts that have failed so far, at least one.
    retry_after : float, default: 0.0
        What the receiver asked for.

    Returns
    -------
    float
        Doubled each time, up to an hour.

    Examples
    --------
    >>> [pause_after(n) for n in (1, 2, 3, 50)]
    [2.0, 4.0, 8.0, 3600.0]
    """
    grown = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(n_failed - 1, 32))
    return max(grown, retry_after)


class Sender:
    """Sends the notices of one receiver, one after another.

    A notice that fails is tried again, for as long as it takes; others of the receiver go
    before it meanwhile. A receiver that fails again and again is asked less and less often.

    Parameters
    ----------
    receiver : str
        Its name.
    channel : Channel
        The way to it.
    outbox : Outbox
        What waits.
    metrics : NoticeMetrics
        Told of every attempt.
    clock : callable
        Seconds since 1970.
    report : callable
        Takes a line for the operator about every attempt.
    wait : callable
        Waits for seconds while the outbox is busy.
    """

    def __init__(
        self,
        receiver: str,
        channel: Channel,
        outbox: Outbox,
        metrics: NoticeMetrics,
        *,
        clock: Callable[[], float],
        report: Callable[[str], None],
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._wait = wait
        self._receiver, self._channel, self._outbox = receiver, channel, outbox
        self._metrics, self._clock, self._report = metrics, clock, report
        self._n_failed = 0  # attempts in a row, of any notice

    def step(self) -> float | None:
        """Try the notice that is due, if there is one.

        Returns
        -------
        float or None
            Seconds before the next attempt; None where nothing is due.
        """
        due = self._outbox.due(self._receiver, self._clock())
        if due is None:
            return None
        try:
            self._channel.deliver(due.notice, due.address)
        except NotDelivered as fault:
            return self._failed(due, fault)
        # A kill before this is noted: the notice is sent again, under the same id.
        self._note(due)
        self._n_failed = 0
        self._metrics.sent(self._receiver)
        self._report(f"notice {due.notice.id} ({due.notice.kind}) sent to {self._receiver}")
        return 0.0

    def _note(self, due: Due) -> None:
        """Keep that a notice was taken, however long the outbox is busy."""
        while True:
            try:
                self._outbox.sent(due, self._clock())
            except DatabaseAway:
                self._wait(SECONDS_BETWEEN_LOOKS)
            else:
                return

    def _failed(self, due: Due, fault: NotDelivered) -> float:
        self._n_failed += 1
        again = pause_after(due.n_tried + 1, fault.retry_after)
        self._outbox.failed(due, self._clock() + again, str(fault))
        self._metrics.retried(self._receiver)
        self._report(
            f"notice {due.notice.id} ({due.notice.kind}) not taken by {self._receiver}: {fault}; "
            f"trying again in {again:.0f} s"
        )
        return pause_after(self._n_failed, fault.retry_after)


class Senders:
    """Runs every sender in a thread of its own; the first one that breaks ends all.

    Parameters
    ----------
    senders : list of Sender
        One for each receiver.
    ending : Event
        Set by whoever wants them to end, and here when one breaks.
    """

    def __init__(self, senders: list[Sender], ending: Event) -> None:
        self._senders, self._ending = senders, ending
        self._broken: list[Exception] = []
        self._threads = [Thread(target=self._run, args=(one,), daemon=True) for one in senders]

    def start(self) -> None:
        """Start the threads that do not run yet."""
        for one in self._threads:
            if one.ident is None:
                one.start()

    def _run(self, sender: Sender) -> None:
        try:
            while not self._ending.is_set():
                try:
                    pause = sender.step()
                except DatabaseAway:  # the reader writes a long epoch
                    pause = None
                self._ending.wait(SECONDS_BETWEEN_LOOKS if pause is None else pause)
        except Exception as error:  # noqa: BLE001 - raised again where it is joined
            self._broken.append(error)
            self._ending.set()

    def join(self, seconds: float) -> None:
        """Wait for the threads; raise what broke one of them.

        Parameters
        ----------
        seconds : float
            At most, for each: a receiver that hangs holds nobody up.
        """
        for one in self._threads:
            if one.ident is not None:
                one.join(seconds)
        if self._broken:
            raise self._broken[0]

    def once(self) -> None:
        """Try what is due until each sender has nothing due, without threads."""
        for sender in self._senders:
            while not self._ending.is_set() and sender.step() == 0.0:
                pass
