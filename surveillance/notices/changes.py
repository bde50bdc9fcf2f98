"""Signals as they were and as they are → what a notice may be about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple, TypeAlias, get_args

from msgspec.structs import replace

from surveillance.configuration.types import Configuration
from surveillance.domain.signal import Review, RunningClock, Signal, Step
from surveillance.triage.alerting import alert_kind
from surveillance.triage.bands import band_of
from surveillance.triage.labels import Labels

Kind: TypeAlias = Literal[
    "sentinel",
    "detected",
    "raised",
    "moved",
    "new_evidence",
    "review_requested",
    "clock_warning",
    "clock_breached",
    "new_matter",
    "band_raised",
    "band_lowered",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Change(NamedTuple):
    """What happened to a signal or to a matter in an epoch."""

    kind: Kind
    epoch: int
    signal: Signal  # of a matter, the one of the highest priority
    about: str = ""  # what tells two changes of one kind in one epoch apart
    step: Step | None = None
    clock: RunningClock | None = None
    review: Review | None = None
    band_before: str | None = None

    def event_id(self, deployment: str) -> str:
        """Name the change: the same whenever and wherever it is derived.

        Parameters
        ----------
        deployment : str
            Name of the deployment.
        """
        is_of_matter = self.kind in {"new_matter", "band_raised", "band_lowered"}
        subject = self.signal.matter_id if is_of_matter else self.signal.signal_id
        words = (deployment, self.kind, subject, str(self.epoch), self.about)
        return sha256("\n".join(words).encode()).hexdigest()[:32]


class Bands:
    """Finds the band of a matter from its signals.

    Parameters
    ----------
    configuration : Configuration
        With the bands and the labels.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._triage = configuration.triage
        self._labels = Labels(configuration)
        self._ranks = {band.name: rank for rank, band in enumerate(self._triage.band)}

    def of(self, signals: Sequence[Signal]) -> str:
        """Return the band of a matter, on the day of its latest signal.

        Parameters
        ----------
        signals : sequence of Signal
            All of the matter; at least one.
        """
        on = max(max(one.on, one.evaluated_on) for one in signals)
        return band_of(signals, self._triage, self._labels, on).name

    def change(self, signals: Sequence[Signal], before: str | None, epoch: int) -> Change | None:
        """Return what happened to a matter; None if its band is what it was.

        Parameters
        ----------
        signals : sequence of Signal
            All of the matter; at least one.
        before : str, optional
            Its band so far; None if the matter is new.
        epoch : int
            In which its signals changed.
        """
        now = self.of(signals)
        first = min(signals, key=lambda one: (-one.priority, one.signal_id))
        if before is None:
            return Change("new_matter", epoch, first)
        if now == before or before not in self._ranks:  # of a configuration with other bands
            return None
        is_raised = self._ranks[now] < self._ranks[before]
        kind: Kind = "band_raised" if is_raised else "band_lowered"
        return Change(kind, epoch, first, now, band_before=before)


def changes_of(before: Signal | None, now: Signal, alert_priority: float) -> Iterator[Change]:
    """Yield what happened to a signal in an epoch.

    Parameters
    ----------
    before : Signal, optional
        As it stood; None if it is new.
    now : Signal
        As it stands.
    alert_priority : float
        The priority from which on a signal is an alert.

    Yields
    ------
    Change
        As `alerts.v1` has it, but that a request for review hides no other change.
    """
    kind = alert_kind(before, now, alert_priority=alert_priority, has_opened=False)
    if kind is not None and kind != "review_opened":
        step = now.history[-1] if kind == "moved" else None
        yield Change(kind, now.epoch, now, step=step)
    known = {one.review_id for one in before.reviews} if before else set()
    for review in now.reviews:
        if review.signal_id == now.signal_id and review.review_id not in known:
            yield Change("review_requested", now.epoch, now, review.review_id, review=review)
    yield from _clocks(before.clocks if before else (), now)


def _clocks(before: Iterable[RunningClock], now: Signal) -> Iterator[Change]:
    known = {(one.code, one.started_on): one for one in before}
    for clock in now.clocks:
        old = known.get((clock.code, clock.started_on))
        about = f"{clock.code} {clock.started_on}"
        if clock.is_breached and not (old and old.is_breached):
            yield Change("clock_breached", now.epoch, now, about, clock=clock)
        elif clock.is_warned and not (old and old.is_warned):
            yield Change("clock_warning", now.epoch, now, about, clock=clock)


def outline(signal: Signal) -> Signal:
    """Return as much of a signal as the next change of it is found by.

    Parameters
    ----------
    signal : Signal
        As it stands.

    Returns
    -------
    Signal
        Without parts, support, reasons and names of people.
    """
    last = replace(
        signal.history[-1], reason="", public_reason="", decided_by=None, approved_by=None
    )
    return replace(signal, parts=(), support=(), changes=(), history=(last,))
