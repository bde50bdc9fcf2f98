"""The rules of the screen: one file a criterion, named by the criterion's type.

A file holds all that there is to a criterion: its formula, the least count at which it can
be met, whether it can only be met above expectation, and the limits that its findings carry.
To add one, write its file with a class `Rule`, and its type in `configuration.types`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from surveillance.configuration.types import Criterion, Listed, OfFamily, OfPair
    from surveillance.screening.rules.family import FamilyRule
    from surveillance.screening.rules.rule import PairRule

__all__ = ["family_rule_of", "rule_of"]


def rule_of(criterion: OfPair | Listed) -> PairRule:
    """Return the rule of a criterion that is decided pair by pair."""
    return cast("PairRule", _made(criterion))


def family_rule_of(criterion: OfFamily) -> FamilyRule:
    """Return the rule of a criterion that is decided for a whole family of pairs."""
    return cast("FamilyRule", _made(criterion))


def _made(criterion: Criterion) -> object:
    name = str(type(criterion).__struct_config__.tag)
    return import_module(f"{__package__}.{name}").Rule(criterion)
