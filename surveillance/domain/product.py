"""The levels at which a product is counted, and the keys that name them.

A key is ``level:name``. A product of several substances is counted under each, and under
their combination, which is a substance too. Lots carry their product's name, since two makers
may use the same lot number. Groups are sets of products or of terms that the configuration names,
as a reviewer would: several vaccine names, several preferred terms. The levels of events above
the preferred term are those of the user's own release of MedDRA.
"""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["platform", "programme", "substance", "product", "construct", "lot", "group"]
EventLevel = Literal["pt", "hlt", "hlgt", "soc", "smq_narrow", "smq_broad", "group"]

LEVELS: tuple[Level, ...] = get_args(Level)
EVENT_LEVELS: tuple[EventLevel, ...] = get_args(EventLevel)


def key(level: Level | EventLevel, name: str) -> str:
    """Name a product or event at a level.

    Examples
    --------
    >>> key("product", "ROTAVIRUS (ROTASHIELD)")
    'product:ROTAVIRUS (ROTASHIELD)'
    """
    return f"{level}:{name}"


def split(key: str) -> tuple[str, str]:
    """Return level and name of a key.

    Examples
    --------
    >>> split("lot:HIB (ACTHIB)/A12:3")
    ('lot', 'HIB (ACTHIB)/A12:3')
    """
    level, _, name = key.partition(":")
    return level, name
