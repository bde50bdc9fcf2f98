"""Signals as they stood at the end of a day, with numbers of that day.

A signal carries the numbers of its latest finding, which may be old: counts grow in between, and
a product that was new is so no more. A run holds the contributions, from which the numbers of any
day are computed again. A register alone does not; there every signal keeps the date of its numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from surveillance.configuration.life_cycle import shipped
from surveillance.domain.signal import AnySignal, Signal, SignalOutline
from surveillance.register.chosen_rows import Chosen
from surveillance.triage import priority
from surveillance.triage.labels import Labels
from surveillance.triage.triage import is_of_screen
from surveillance.views.counted import CountedRun

N_NAMES_A_QUERY = 500

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from pathlib import Path

    from surveillance.configuration.types import Configuration, Weights
    from surveillance.domain.product import Level
    from surveillance.domain.signal import Status
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
    if (kept := source.numbers_at(on)) is not None:
        return kept.of(signals)
    configuration = source.configuration()
    if source.directory is None or configuration is None:
        return list(signals)
    pairs = [(item.product, item.event) for item in signals]
    return NumbersOfDay(source.directory, configuration, pairs, on).of(signals)


class NumbersOfDay:
    """The numbers of pairs at the end of a day, for as many signals as ask for them.

    Parameters
    ----------
    directory : Path
        Of a run, whose contributions are summed.
    configuration : Configuration
        With the weights of the priority, and the labels.
    pairs : sequence of tuple of str
        Product and event of every signal that may ask.
    on : date
        The day.
    """

    def __init__(
        self,
        directory: Path,
        configuration: Configuration,
        pairs: Sequence[tuple[str, str]],
        on: date,
    ) -> None:
        self._on, self._weights = on, configuration.triage.weights
        self._labels = Labels(configuration)
        counted = CountedRun(directory, pairs=pairs)
        counted.to_the_end_of(on)
        places = counted.places(pairs)
        found = np.flatnonzero(places >= 0)
        self._facts = counted.facts(places[found], on)
        self._rows = {pairs[one]: row for row, one in enumerate(found.tolist())}

    def of(self, signals: Sequence[Signal]) -> list[Signal]:
        """Return signals with these numbers, in the same order; those of sequential tests as is.

        Parameters
        ----------
        signals : sequence of Signal
            As they stood on that day.
        """
        chosen = self._counted(signals)
        found = list(signals)
        held = [found[number] for number in chosen]
        for number, item in zip(
            chosen, _updated(held, self._facts_of(held), self._weights), strict=True
        ):
            found[number] = msgspec.structs.replace(item, evaluated_on=self._on)
        return found

    def of_outlines(self, outlines: Sequence[SignalOutline]) -> list[SignalOutline]:
        """Return what lists need of signals with these numbers, in the same order.

        Parameters
        ----------
        outlines : sequence of SignalOutline
            As they stood on that day.
        """
        chosen = self._counted(outlines)
        found = list(outlines)
        facts = self._facts_of([found[number] for number in chosen])
        scores = priority.scores(priority.parts(facts), self._weights).tolist()
        n, serious, fatal = (
            column.astype(np.int64).tolist() for column in (facts.n, facts.n_serious, facts.n_fatal)
        )
        has_excess = (np.nan_to_num(facts.evidence) > 0).tolist()
        for row, number in enumerate(chosen):
            found[number] = msgspec.structs.replace(
                found[number],
                priority=scores[row],
                n=n[row],
                n_serious=serious[row],
                n_fatal=fatal[row],
                has_excess=has_excess[row],
            )
        return found

    def _counted(self, signals: Sequence[AnySignal]) -> list[int]:
        """Return the places of the signals that cases are counted for."""
        return [
            number
            for number, item in enumerate(signals)
            if is_screened(item) and (item.product, item.event) in self._rows
        ]

    def _facts_of(self, signals: Sequence[AnySignal]) -> Facts:
        pairs = [(item.product, item.event) for item in signals]
        rows = np.array([self._rows[pair] for pair in pairs], np.int64)
        watched = np.array([item.is_sentinel for item in signals], np.bool_)
        facts = type(self._facts)(*(column[rows] for column in self._facts))
        facts = facts._replace(is_watched=np.where(watched, 1.0, np.nan))
        return self._labels.added(facts, pairs, self._on)


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
    statuses = _open_statuses(source)
    found = source.reader.each_signal(Chosen(until=on), statuses=statuses, level=level)
    return signals_as_of(source, list(found), on)


def listable_signals(source: Results, on: date, level: Level | None = None) -> Sequence[AnySignal]:
    """Return what a list needs of the signals that were open at the end of a day.

    Parameters
    ----------
    source, on, level
        As for `open_signals`.

    Returns
    -------
    sequence of Signal or SignalOutline
        Those of a run are whole, with the numbers of that day. A register alone has the numbers of
        the day on which each signal was evaluated, and gives them without the rest of the signal.
    """
    if source.directory is not None:
        return open_signals(source, on, level)
    return source.reader.outlines(Chosen(until=on), _open_statuses(source), level)


def _open_statuses(source: Results) -> tuple[Status, ...]:
    configuration = source.configuration()
    table = configuration.lifecycle if configuration else shipped()
    return table.open_statuses


def whole_signals(source: Results, chosen: Iterable[AnySignal], on: date) -> dict[str, Signal]:
    """Return some of the signals that `listable_signals` returned, whole, by their names.

    Parameters
    ----------
    source, on
        As they were given there.
    chosen : iterable of Signal or SignalOutline
        Those that are shown.
    """
    held = list(chosen)
    found = {one.signal_id: one for one in held if isinstance(one, Signal)}
    names = [one.signal_id for one in held if one.signal_id not in found]
    for first in range(0, len(names), N_NAMES_A_QUERY):
        some = source.reader.signals(Chosen(until=on), ids=names[first : first + N_NAMES_A_QUERY])
        found |= {one.signal_id: one for one in signals_as_of(source, some, on)}
    return found


def is_screened(item: AnySignal) -> bool:
    """Tell whether a signal is one of a pair that is counted, and not one of a sequential test."""
    if isinstance(item, SignalOutline):
        return item.is_screened
    return is_of_screen(item.signal_id, item.product, item.event)


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
