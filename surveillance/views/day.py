"""All that a page needs of one day: the list, what waits on it, and every signal that stood.

A command computes what it prints and ends. Pages of the same day are asked for one after another,
so the day is computed once, by the functions that the commands use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.errors import Misused
from surveillance.register.chosen_rows import Chosen
from surveillance.triage.matters import Matters
from surveillance.views.as_of import NumbersOfDay
from surveillance.views.ranking import rank_matters
from surveillance.views.worklist import worklist

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from surveillance.domain.signal import Signal
    from surveillance.views.ranking import RankedMatter
    from surveillance.views.results import Results
    from surveillance.views.worklist import WaitingMatter, Worklist


class Day(NamedTuple):
    """What stood at the end of a day."""

    on: date
    epoch: int
    work: Worklist
    n_open: int  # signals, whether they are on the list or not
    numbers: NumbersOfDay | None  # of every pair; None for a register, where signals keep theirs
    members: Mapping[str, Sequence[str]]  # names of the signals of each matter, those to come too
    places: Mapping[str, WaitingMatter]  # on the list, by matter

    def ranked(self, matter_id: str) -> RankedMatter | None:
        """Return a matter as it stands on the list; None if it is not on it."""
        found = self.places.get(matter_id)
        return None if found is None else found.matter

    def of(self, signals: Iterable[Signal]) -> list[Signal]:
        """Return signals that stood on the day, with the numbers of the day where it has them."""
        held = list(signals)
        return held if self.numbers is None else self.numbers.of(held)


def day_of(source: Results, on: date) -> Day:
    """Compute the list of a day, and the numbers of every signal.

    Parameters
    ----------
    source : Results
        A run or a register, with its configuration.
    on : date
        The day.

    Raises
    ------
    Misused
        If nothing had been received by then.
    """
    epoch = source.reader.cases.epoch_on(on)
    if epoch is None:
        raise Misused(str(on), "is before the first day of the log", "name a later day")
    configuration = source.required_configuration()
    pairs = source.reader.pairs_of_signals()
    numbers = _numbers(source, pairs.values(), on)
    listable = source.reader.outlines(Chosen(until=on), configuration.lifecycle.open_statuses)
    if numbers is not None:
        listable = numbers.of_outlines(listable)
    ranked = rank_matters(listable, configuration.triage, on)
    work = worklist(source, ranked, on)
    matters = Matters(configuration)
    members: dict[str, list[str]] = {}
    for name, pair in pairs.items():
        members.setdefault(matters.of(*pair).matter_id, []).append(name)
    places = {one.matter.best.matter_id: one for one in work.matters}
    return Day(on, epoch, work, len(listable), numbers, members, places)


def _numbers(source: Results, pairs: Iterable[tuple[str, str]], on: date) -> NumbersOfDay | None:
    """Return the numbers of the signals of a run at the end of a day; a register has none."""
    if source.directory is None:
        return None
    configuration = source.required_configuration()
    return NumbersOfDay(source.directory, configuration, list(dict.fromkeys(pairs)), on)
