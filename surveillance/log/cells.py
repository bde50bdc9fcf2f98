"""A large keyed part of a state: millions of small values that live in a store.

What a stage changes stays in an overlay until the epoch is closed and stored; a reader
that is thrown away takes its overlay with it, so nothing half done is ever kept.
"""

from __future__ import annotations

from collections.abc import Callable


class Cells:
    """Keyed bytes over a store.

    Parameters
    ----------
    base : callable
        Looks a key up in what is stored; None where there is nothing.
    """

    def __init__(self, base: Callable[[bytes], bytes | None]) -> None:
        self._base = base
        self.changed: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, changed or stored; None if there is none."""
        value = self.changed.get(key)
        return self._base(key) if value is None else value

    def set(self, key: bytes, value: bytes) -> None:
        """Set the value of `key` in the overlay."""
        self.changed[key] = value

    def drain(self) -> dict[bytes, bytes]:
        """Hand over what has changed, to be stored, and begin a new overlay."""
        drained, self.changed = self.changed, {}
        return drained


def nothing_stored(_key: bytes) -> bytes | None:
    """Look a key up where nothing is stored: the base of an embedded run."""
    return None
