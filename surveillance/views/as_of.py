"""Signals as they stood at the end of a day, with numbers of that day.

A signal carries the numbers of its latest finding, which may be old: counts grow in between, and
a product that was new is so no more. A run holds the contributions, from which the numbers of any
day are computed again. A register alone does not; there every signal keeps the date of its numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from surveillance.domain.signal import OPEN
from surveillance.register.reader import Chosen
from surveillance.triage import priority
from surveillance.triage.labels import Labels
from surveillance.triage.triage import signal_id
from surveillance.views.counted import CountedRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from surveillance.configuration.types import Weights
    from surveillance.domain.product import Level
    from surveillance.domain.signal import Signal
    from surveillance.triage.priority import Facts
    from surveillance.views.results import Results


def signals_as_of(source: Results, signals: Sequence[Signal], on: date) -> list[Signal]:
    """Return signals with the numbers of the end of a day, as far as the source holds them.

    Parameters
    ----------
    source : Results
        A run or a register.
    signals : sequence of Signal
        As they stood on that day.
    on : date
        The day.

    Returns
    -------
    list of Signal
        In the same order. Those of sequential tests, and all of a register without its run, keep
        the numbers of `evaluated_on`.
    """
    configuration = source.configuration()
    if source.directory is None or configuration is None:
        return list(signals)
    pairs = [(item.product, item.event) for item in signals]
    counted = CountedRun(source.directory, pairs=pairs)
    counted.to_the_end_of(on)
    places = counted.places(pairs)
    chosen = [number for number, item in enumerate(signals) if is_screened(item)]
    chosen = [number for number in chosen if places[number] >= 0]
    facts = counted.facts(places[chosen], on)
    watched = np.array([signals[number].is_sentinel for number in chosen], np.bool_)
    facts = facts._replace(is_watched=np.where(watched, 1.0, np.nan))
    facts = Labels(configuration).added(facts, [pairs[number] for number in chosen], on)
    found = list(signals)
    updated = _updated([found[number] for number in chosen], facts, configuration.triage.weights)
    for number, item in zip(chosen, updated, strict=True):
        found[number] = msgspec.structs.replace(item, evaluated_on=on)
    return found


def open_signals(source: Results, on: date, level: Level | None = None) -> list[Signal]:
    """Return the signals that were open at the end of a day, with the numbers of that day.

    Parameters
    ----------
    source : Results
        A run or a register.
    on : date
        The day.
    level : str, optional
        Only those whose product is at this level.
    """
    found = source.reader.each_signal(Chosen(until=on), statuses=OPEN, level=level)
    return signals_as_of(source, list(found), on)


def is_screened(item: Signal) -> bool:
    """Tell whether a signal is one of a pair that is counted, and not one of a sequential test."""
    return item.signal_id == signal_id(item.product, item.event, "safety")


def _updated(signals: Sequence[Signal], facts: Facts, weights: Weights) -> list[Signal]:
    parts = priority.parts(facts)
    scores = priority.scores(parts, weights).tolist()
    shown = priority.shown(parts, weights)
    evidence = np.nan_to_num(facts.evidence).tolist()
    return [
        msgspec.structs.replace(
            item,
            n=int(facts.n[index]),
            n_serious=int(facts.n_serious[index]),
            n_fatal=int(facts.n_fatal[index]),
            expected=float(facts.expected[index]),
            evidence=evidence[index],
            parts=shown[index],
            priority=scores[index],
        )
        for index, item in enumerate(signals)
    ]
