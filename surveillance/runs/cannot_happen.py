"""What cannot happen under a configuration and the data at hand, in sentences.

Nothing is wrong with such a configuration, but a reader who waits for an alert or a finding that
cannot come should know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from surveillance.configuration.types import Configuration, CountReached, Eb05, Lrt, Sentinel
from surveillance.domain.contribution import Contribution
from surveillance.domain.finding import PriorFitted
from surveillance.triage.reach import highest_priority

N_SHOWN = 5  # keys of a criterion, before the rest are only counted
EVERY = "*"

_decode = msgspec.json.Decoder(Contribution).decode


def of_configuration(configuration: Configuration) -> list[str]:
    """Return what cannot happen whatever the data, or in data of some kind.

    Parameters
    ----------
    configuration : Configuration
        The one to look at.

    Returns
    -------
    list of str
        Sentences; none if all can happen.
    """
    found = _no_alert(configuration, has_seriousness=True)
    if found:
        return found
    without = _no_alert(configuration, has_seriousness=False)
    return [f"where no case is serious or fatal, {line}" for line in without]


class Seen:
    """Notes, while a log is replayed, what the data hold of what the configuration asks for.

    Parameters
    ----------
    configuration : Configuration
        The one in force.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._named = {c.name: _keys_of(c) for c in configuration.criteria.criterion}
        self._unseen = {key for keys in self._named.values() for key in keys}
        self._has_cases = self._has_seriousness = self._has_prior = False
        self._last_failure = ""

    def rows(self, rows: Iterable[object]) -> None:
        """Take rows that a stage emitted, of any topic."""
        for row in rows:
            if isinstance(row, msgspec.Raw):  # `revise` emits contributions encoded
                self._contribution(row)
            elif isinstance(row, PriorFitted):
                self._has_prior |= not row.failure
                self._last_failure = row.failure

    def cannot_happen(self) -> list[str]:
        """Return what could not happen in this replay.

        Returns
        -------
        list of str
            Sentences; none without a case, since nothing happens then.
        """
        return list(self._found()) if self._has_cases else []

    def _contribution(self, encoded: msgspec.Raw) -> None:
        self._has_cases = True
        if self._has_seriousness and not self._unseen:
            return
        row = _decode(encoded)
        self._unseen.difference_update(key for key, _ in row.products)
        self._unseen.difference_update(key for key, _, _ in row.events)
        self._has_seriousness |= any(flags for _, flags, _ in row.events)

    def _found(self) -> Iterator[str]:
        alerts = _no_alert(self._configuration, has_seriousness=self._has_seriousness)
        why = "" if self._has_seriousness else "no case is serious or fatal, and so "
        yield from (why + line for line in alerts)
        yield from self._no_ebgm()
        yield from self._no_pair()

    def _no_ebgm(self) -> Iterator[str]:
        criteria = self._configuration.criteria.criterion
        names = [c.name for c in criteria if isinstance(c, Eb05)]
        if names and not self._has_prior:
            why = f": {self._last_failure}" if self._last_failure else ""
            yield f"{', '.join(names)}: never met, as no prior of the EBGM could be fitted{why}"

    def _no_pair(self) -> Iterator[str]:
        for name, keys in self._named.items():
            absent = [key for key in keys if key in self._unseen]
            if absent:
                rest = len(absent) - N_SHOWN
                shown = ", ".join(absent[:N_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
                yield f"{name}: {len(absent)} of {len(keys)} names are in no case: {shown}"


def _no_alert(configuration: Configuration, *, has_seriousness: bool) -> list[str]:
    limit = configuration.triage.alert_priority
    highest = highest_priority(configuration.triage, has_seriousness=has_seriousness)
    if highest >= limit:
        return []
    reach = f"no pair can reach alert_priority {limit:g}, as priorities end at {highest:.2g}"
    return [f"{reach}: only sentinel events, reviews, moves and growth after a decision alert"]


def _keys_of(criterion: object) -> tuple[str, ...]:
    if isinstance(criterion, Sentinel | CountReached):
        keys = (*criterion.products, *criterion.events)
    else:
        keys = criterion.products if isinstance(criterion, Lrt) else ()
    return tuple(dict.fromkeys(key for key in keys if key != EVERY))
