"""The pairs that one case counts for, and since when."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from surveillance.domain.errors import Refused
from surveillance.screening.versions import VersionRules

if TYPE_CHECKING:
    from datetime import date

    from surveillance.configuration.types import Configuration
    from surveillance.domain.case import CaseVersion
    from surveillance.views.case_history import CaseHistory


class CasePairs(NamedTuple):
    """What a case counts for as it stands; nothing where it does not count."""

    products: list[str]  # keys
    events: list[str]
    since: dict[tuple[str, str], date]  # by pair; the day from which on it has counted

    @property
    def n(self) -> int:
        """How many pairs there are."""
        return len(self.since)


def case_pairs(configuration: Configuration, found: CaseHistory) -> CasePairs:
    """Return the pairs that a case counts for.

    Parameters
    ----------
    configuration : Configuration
        Under which names are counted.
    found : CaseHistory
        The case as of a day.
    """
    rules = VersionRules(configuration)
    since: dict[tuple[str, str], date] = {}
    for one in found.versions:
        if one.stood_from is None:
            continue
        named = _pairs(rules, one.record) if one.is_counted else []
        since = {pair: since.get(pair, one.stood_from) for pair in named}
    return CasePairs(
        list(dict.fromkeys(pair[0] for pair in since)),
        list(dict.fromkeys(pair[1] for pair in since)),
        since,
    )


def _pairs(rules: VersionRules, case: CaseVersion) -> list[tuple[str, str]]:
    try:
        held = rules.assertion(case)
    except Refused:  # stood with other rules; it counts for nothing under these
        return []
    return list(product((key for key, _ in held.products), (key for key, _, _ in held.events)))
