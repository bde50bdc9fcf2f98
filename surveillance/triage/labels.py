"""What the label lists and what a product is given for, from the user's own files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import Configuration, KnownPair
from surveillance.domain.names import upper
from surveillance.domain.product import EVENT_LEVELS, LEVELS, split
from surveillance.triage.matters import Matter, Matters
from surveillance.triage.priority import Facts


class Flags(NamedTuple):
    """What is known of a pair: 1 yes, 0 no, NaN where the files do not name the product."""

    is_listed: float
    is_indication: float


UNKNOWN = Flags(nan, nan)


class Labels:
    """Finds what is known of a pair, by its matter: a label holds for every level of a product.

    Parameters
    ----------
    configuration : Configuration
        With the lines of `labels.csv` and `indications.csv`.
    """

    def __init__(self, configuration: Configuration) -> None:
        matters = Matters(configuration)
        self._matters = matters
        self._since: dict[Matter, date] = {}
        for line in configuration.labels:
            matter, since = _matter(configuration, matters, line), line.since or date.min
            self._since[matter] = min(since, self._since.get(matter, since))
        self._indications = {
            _matter(configuration, matters, line) for line in configuration.indications
        }
        self._with_label = {matter.product for matter in self._since}
        self._with_indication = {matter.product for matter in self._indications}
        self.is_empty = not self._since and not self._indications

    def of(self, product: str, event: str, on: date) -> Flags:
        """Return what is known of a pair on a day.

        Parameters
        ----------
        product, event : str
            Keys, at any level.
        on : date
            The day.
        """
        if self.is_empty:
            return UNKNOWN
        matter = self._matters.of(product, event)
        is_listed = self._since.get(matter, date.max) <= on
        return Flags(
            float(is_listed) if matter.product in self._with_label else nan,
            float(matter in self._indications) if matter.product in self._with_indication else nan,
        )

    def added(self, facts: Facts, pairs: Iterable[tuple[str, str]], on: date) -> Facts:
        """Return facts with what is known of each pair.

        Parameters
        ----------
        facts : Facts
            Arrays of shape (n_signals,).
        pairs : iterable of tuple of str
            Product and event of each.
        on : date
            The day.
        """
        if self.is_empty:
            return facts
        flags: NDArray[np.float64] = np.array(
            [self.of(product, event, on) for product, event in pairs], np.float64
        ).reshape(-1, len(UNKNOWN))
        return facts._replace(is_listed=flags[:, 0], is_indication=flags[:, 1])


def _matter(configuration: Configuration, matters: Matters, line: KnownPair) -> Matter:
    """Return the matter of a line, its names spelled as they are counted."""
    level, name = _divided(line.product, LEVELS, "product")
    kind, term = _divided(line.event, EVENT_LEVELS, "pt")
    product = name if level == "group" else upper(name)
    event = term if kind == "group" else configuration.names.spelling.term(term)
    return matters.of(f"{level}:{product}", f"{kind}:{event}")


def _divided(given: str, levels: tuple[str, ...], usual: str) -> tuple[str, str]:
    """Return level and name of a key, or the usual level of a plain name."""
    level, name = split(given)
    return (level, name) if level in levels else (usual, given)
