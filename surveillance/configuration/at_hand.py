"""The configurations at hand, by hash: a log may have been written under several."""

from __future__ import annotations

from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misconfigured


class Configurations:
    """The configurations at hand, by hash.

    Parameters
    ----------
    configurations : configuration, one or more
        The first is the one in force here.
    """

    def __init__(self, *configurations: Configuration) -> None:
        self.current = configurations[0]
        self._by_digest = {item.digest: item for item in configurations}

    def __call__(self, digest: str) -> Configuration:
        """Return the configuration of that hash.

        Raises
        ------
        Misconfigured
            If it is missing: the log was written under another one.
        """
        found = self._by_digest.get(digest)
        if found is None:
            raise Misconfigured(
                "configuration",
                f"the log requires {digest[:12]}, but only these are given: "
                f"{', '.join(d[:12] for d in self._by_digest)}",
                "add the directory that was in force with another --config",
            )
        return found
