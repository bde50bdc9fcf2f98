"""Bands of the list: how soon people look at a matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from surveillance.configuration.types import Band, Triage
from surveillance.domain.signal import AnySignal
from surveillance.triage.labels import Labels


def band_of(signals: Iterable[AnySignal], triage: Triage, labels: Labels, on: date) -> Band:
    """Return the band of a matter: the first of which one condition holds for one signal.

    Parameters
    ----------
    signals : iterable of Signal or SignalOutline
        Those of the matter that are listed, with the numbers of the day.
    triage : Triage
        With the bands.
    labels : Labels
        What is listed; without labels no death is known to be unlisted.
    on : date
        The day.
    """
    held = list(signals)
    for band in triage.band:
        for one in held:
            if _holds(band, one, labels, on):
                return band
    return triage.band[-1]  # which takes the rest


def _holds(band: Band, one: AnySignal, labels: Labels, on: date) -> bool:
    if band.sentinel and one.is_sentinel:
        return True
    if band.min_priority is not None and one.priority >= band.min_priority:
        return True
    if band.min_fatal_unlisted is None or one.n_fatal < band.min_fatal_unlisted:
        return False
    return labels.of(one.product, one.event, on).is_listed == 0
