"""`longwatch notify`: follows the topic of the signals, and sends what receivers want.

It belongs to no group and commits nothing to Kafka: its place in the topic is kept in the
outbox, in the transaction that wrote the notices. Where the broker goes away it connects again;
what waits in the outbox is sent meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import OffsetOutOfRangeError

from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Away, Misused
from surveillance.instrumentation.notice_metrics import NoticeMetrics
from surveillance.log.topics import GENERATION, SIGNALS
from surveillance.notices.deriving import Deriving, SignalEpochs
from surveillance.notices.outbox import Outbox, Place, Waiting
from surveillance.notices.sending import Senders
from surveillance.stream import manifest
from surveillance.stream.clients import closing_quietly, consumer, known
from surveillance.stream.register_follower import first_tick
from surveillance.stream.retrying import Retrying

N_MESSAGES_A_COMMIT = 500
POLL_MS = 500
SECONDS_KEPT = 90 * 86_400.0  # the content of what was sent; its id stays for good
SECONDS_A_DAY = 86_400.0
SECONDS_TO_END = 12.0  # a little longer than a receiver may take to answer
_SIGNALS = TopicPartition(SIGNALS, 0)
_MADE_ANEW = "the topics were made anew, or messages were removed"


class NoticeFollower:
    """Fills one outbox from the topics of one broker, and has it sent.

    Parameters
    ----------
    address : str
        HOST:PORT of a broker.
    outbox : Outbox
        To fill.
    configuration : Configuration
        Of the deployment that is followed.
    deriving : Deriving
        What follows from an epoch.
    senders : Senders
        What sends.
    metrics : NoticeMetrics
        Told of what waits.
    receivers : collection of str
        Their names, as configured.
    ending : Event
        Set by whoever wants it to end.
    clock : callable
        Seconds since 1970.
    report : callable
        Takes a line for the operator.
    """

    def __init__(
        self,
        address: str,
        outbox: Outbox,
        configuration: Configuration,
        deriving: Deriving,
        senders: Senders,
        metrics: NoticeMetrics,
        *,
        receivers: frozenset[str],
        ending: Event,
        clock: Callable[[], float],
        report: Callable[[str], None],
    ) -> None:
        self._address, self._outbox, self._configuration = address, outbox, configuration
        self._deriving, self._senders, self._metrics = deriving, senders, metrics
        self._receivers, self._ending = receivers, ending
        self._clock, self._report = clock, report
        self._retrying = Retrying(log=report)
        self._place: Place | None = None
        self._target: int | None = None
        self._forgets_at = 0.0

    def run(self, *, until_caught_up: bool) -> None:
        """Follow and send until told to end, or until all is read that was there at the start.

        Parameters
        ----------
        until_caught_up : bool
            Whether to end by itself: what is due has then been tried, until a receiver failed.

        Raises
        ------
        Misused
            If the broker does not answer at the start, or the outbox is of another log.
        """
        try:
            self._follow_on(until_caught_up=until_caught_up)
            if until_caught_up:
                self._senders.once()
        finally:
            self._ending.set()
            self._senders.join(SECONDS_TO_END)
            self._show_waiting()
            self._outbox.close()

    def _follow_on(self, *, until_caught_up: bool) -> None:
        """Follow, and connect again where the broker went away."""
        n_failed = 0  # attempts in a row
        while not self._ending.is_set():
            before = self._place
            try:
                self._follow(until_caught_up=until_caught_up)
            except OffsetOutOfRangeError as error:
                raise self._other_log(_MADE_ANEW) from error
            except Exception as error:
                if isinstance(error, Away) and self._place is None:
                    raise
                n_failed = 1 if self._place != before else n_failed + 1
                self._ending.wait(self._retrying.pause_after(error, n_failed, "follow the signals"))
            else:
                return

    def _other_log(self, reason: str) -> Misused:
        place = f"the outbox that follows {self._address}"
        return Misused(place, reason, "use a new outbox; it begins with what comes from now on")

    def _follow(self, *, until_caught_up: bool) -> None:
        manifest.require_now(self._address, self._configuration.topics)
        with closing_quietly(consumer(self._address)) as client:
            first = first_tick(client)
        with closing_quietly(consumer(self._address, auto_offset_reset="none")) as client:
            place = self._begin(client, first)
            epochs = SignalEpochs(place.last_epoch)
            if not until_caught_up:
                self._senders.start()
            while not self._ending.is_set():
                is_there = client.position(_SIGNALS) >= (self._target or 0)
                if until_caught_up and is_there:
                    return
                self._step(client, epochs)

    def _begin(self, client: KafkaConsumer, first: str) -> Place:
        """Assign the topic where the outbox ends, unless the log does not reach there."""
        client.assign([_SIGNALS])
        client.partitions_for_topic(SIGNALS)
        begin = known(client.beginning_offsets, [_SIGNALS])[_SIGNALS]
        end = known(client.end_offsets, [_SIGNALS])[_SIGNALS]
        if self._place is None:
            identity = {
                "generation": str(GENERATION),
                "feed": self._configuration.feed.name,
                "first_tick": first,
            }
            self._place = self._outbox.open(identity, end)
            self._report_begin(self._place)
        if not begin <= self._place.next_offset <= end:
            reach = f"reads {SIGNALS} on from {self._place.next_offset}, which ends at {end}"
            raise self._other_log(f"{reach}: {_MADE_ANEW}")
        client.seek(_SIGNALS, self._place.next_offset)
        self._target = end if self._target is None else self._target
        return self._place

    def _report_begin(self, place: Place) -> None:
        if place.next_offset < place.quiet_until:
            self._report(
                f"a new outbox: what lies below offset {place.quiet_until} of {SIGNALS} "
                "makes no notice"
            )
        for name, one in sorted(self._outbox.waiting().items()):
            if name not in self._receivers:
                self._report(
                    f"{one.n} notice(s) wait for {name}, which is no longer a receiver; "
                    "put it back to have them sent"
                )

    def _step(self, client: KafkaConsumer, epochs: SignalEpochs) -> None:
        found = client.poll(timeout_ms=POLL_MS, max_records=N_MESSAGES_A_COMMIT)
        taken = [
            epochs.take(message.offset, message.value or b"")
            for messages in found.values()
            for message in messages
        ]
        whole = [one for one in taken if one is not None]
        if whole and self._place is not None:
            self._place = self._deriving.keep(self._outbox, self._place, whole)
        self._forget()
        self._show_waiting()

    def _forget(self) -> None:
        """Drop once a day what was sent long ago."""
        now = self._clock()
        if now >= self._forgets_at:
            self._outbox.forget_sent(now - SECONDS_KEPT)
            self._forgets_at = now + SECONDS_A_DAY

    def _show_waiting(self) -> None:
        if self._place is None:
            return
        waiting = self._outbox.waiting()
        for name in self._receivers:
            one = waiting.get(name, Waiting(0, None))
            age = 0.0 if one.oldest_at is None else max(0.0, self._clock() - one.oldest_at)
            self._metrics.waiting(name, one.n, age)
