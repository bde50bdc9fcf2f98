"""Which of the configured groups a name belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from surveillance.configuration.patterns import finder
from surveillance.domain.names import identity

if TYPE_CHECKING:
    from surveillance.configuration.types import Group


class Groups:
    """Which groups a name belongs to.

    Parameters
    ----------
    groups : mapping of str to Group
        By name, in the order of the configuration.
    """

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self._names = {
            group: {identity(name) for name in definition.names}
            for group, definition in groups.items()
        }
        self._patterns = {
            group: finder(definition.pattern)
            for group, definition in groups.items()
            if definition.pattern is not None
        }

    def holding(self, name: str) -> list[str]:
        """Return the groups that hold a name, in the order of the configuration."""
        own = identity(name)
        return [
            group
            for group, names in self._names.items()
            if own in names or (group in self._patterns and self._patterns[group](name))
        ]
