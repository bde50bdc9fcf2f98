"""The topic of the signals → notices in the outbox, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Defect, Gap
from surveillance.domain.signal import Signal
from surveillance.log.messages import End, decode_message, rows_decoder
from surveillance.log.topics import SIGNALS, SignalsRow
from surveillance.notices.changes import Bands, Change, changes_of, outline
from surveillance.notices.outbox import Due, Outbox, Place, Writing
from surveillance.notices.receivers import Receiver, Wanting
from surveillance.notices.wording import notice_id, notice_of


class WholeEpoch(NamedTuple):
    """All signals that changed in an epoch."""

    epoch: int
    end_offset: int  # of the message that ends it
    signals: list[Signal]


class SignalEpochs:
    """Gathers the messages of the topic of the signals into epochs.

    Parameters
    ----------
    last_epoch : int
        The last one that was taken: what is written of it again is dropped.
    """

    def __init__(self, last_epoch: int) -> None:
        self._last = last_epoch
        self._batches: dict[int, dict[int, bytes]] = {}
        self._rows_of: Callable[[bytes], list[SignalsRow]] = rows_decoder(SignalsRow)

    def take(self, offset: int, value: bytes) -> WholeEpoch | None:
        """Take one message, and return the epoch that it ends; None for none.

        Raises
        ------
        Defect
            If it is none that this topic may hold.
        Gap
            If messages of the epoch are missing.
        """
        message = decode_message(value)
        if message.epoch <= self._last:
            return None
        batches = self._batches.setdefault(message.epoch, {})
        if not isinstance(message, End):
            if batches.setdefault(message.index, value) != value:
                raise Defect(f"{SIGNALS} holds two different things of epoch {message.epoch}")
            return None
        if sorted(batches) != list(range(message.n_batches)):
            raise Gap(f"{SIGNALS}: epoch {message.epoch} is not whole")
        rows = [row for index in sorted(batches) for row in self._rows_of(batches[index])]
        self._last = message.epoch
        self._batches = {n: held for n, held in self._batches.items() if n > message.epoch}
        return WholeEpoch(message.epoch, offset, [row for row in rows if isinstance(row, Signal)])


class Deriving:
    """Writes the notices that follow from epochs.

    Parameters
    ----------
    configuration : Configuration
        Of the deployment.
    receivers : dict of str to Webhook or Email
        Who gets what.
    clock : callable
        Seconds since 1970, of when a notice was written.
    """

    def __init__(
        self,
        configuration: Configuration,
        receivers: dict[str, Receiver],
        clock: Callable[[], float],
    ) -> None:
        self._configuration = configuration
        self._alert_priority = configuration.triage.alert_priority
        self._bands = Bands(configuration)
        self._wanting = Wanting(receivers, configuration)
        self._clock = clock

    def keep(self, outbox: Outbox, place: Place, epochs: Sequence[WholeEpoch]) -> Place:
        """Write all that follows from epochs, and how far they go, in one transaction.

        Parameters
        ----------
        outbox : Outbox
            To write to.
        place : Place
            Before.
        epochs : sequence of WholeEpoch
            In order; at least one.

        Returns
        -------
        Place
            After.
        """
        with outbox.writing() as writing:
            for one in epochs:
                changes = self._changes(writing, one)
                if one.end_offset >= place.quiet_until:
                    writing.add(self._notices(changes), self._clock())
            last = epochs[-1]
            now = Place(last.end_offset + 1, place.quiet_until, last.epoch)
            writing.advance(now)
        return now

    def _changes(self, writing: Writing, one: WholeEpoch) -> list[tuple[Change, str]]:
        """Return the changes of an epoch, each with the band of its matter, and keep signals."""
        before = writing.signals([signal.signal_id for signal in one.signals])
        found = [
            change
            for now in one.signals
            for change in changes_of(before.get(now.signal_id), now, self._alert_priority)
        ]
        writing.keep_signals(map(outline, one.signals))
        touched = list(dict.fromkeys(signal.matter_id for signal in one.signals))
        bands_before = writing.bands(touched)
        bands: dict[str, str] = {}
        for name, signals in writing.of_matters(touched).items():
            bands[name] = self._bands.of(signals)
            change = self._bands.change(signals, bands_before.get(name), one.epoch)
            found += [] if change is None else [change]
        writing.keep_bands(bands)
        return [(change, bands[change.signal.matter_id]) for change in found]

    def _notices(self, changes: list[tuple[Change, str]]) -> Iterator[Due]:
        deployment, law = self._configuration.feed.name, self._configuration.law
        for change, band in changes:
            event_id = change.event_id(deployment)
            for receiver in self._wanting.of(change, band):
                wanting = self._wanting.receivers[receiver]
                for address in wanting.addresses:
                    notice = notice_of(
                        change,
                        name=notice_id(event_id, receiver, address),
                        deployment=deployment,
                        band=band,
                        law=law,
                        internal_reasons=wanting.internal_reasons,
                    )
                    yield Due(receiver, address, notice)
