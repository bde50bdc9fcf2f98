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
            If it is missing, since the log was written under another one, or if it counts
            events under another release of terms than the one in force.
        """
        found = self._by_digest.get(digest)
        if found is None:
            raise Misconfigured(
                "configuration",
                f"the log requires {digest[:12]}, but only these are given: "
                f"{', '.join(d[:12] for d in self._by_digest)}",
                "add the directory that was in force with another --config",
            )
        self._require_coding(found)
        return found

    def _require_coding(self, found: Configuration) -> None:
        """Refuse to add counts of two releases of terms: a renamed term would count as two."""
        ours, theirs = self.current.coding, found.coding
        if ours != theirs:
            raise Misconfigured(
                "terms.toml",
                f"one log cannot count under two releases of terms, {theirs} and {ours}",
                "re-code all of it: replay or load what was received into a new run or "
                "deployment under the new release",
            )
