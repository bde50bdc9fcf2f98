"""The numbers by which the register's tables name products, events and configurations.

A key is named in several columns and indexes of millions of rows. Its number is a digest,
so that it is the same in every register, in whatever order the rows come.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, Literal

from surveillance.domain.product import split

KeyKind = Literal["product", "event", "configuration"]
N_NAMED_MAX = 200_000  # keys remembered as written; beyond that they are offered again


@lru_cache(maxsize=65_536)
def key_id(kind: KeyKind, key: str) -> int:
    """Return the number of a key: the same in every register, and never negative.

    Examples
    --------
    >>> key_id("event", "pt:Rash") == key_id("product", "pt:Rash")
    False
    """
    digest = blake2b(f"{kind}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class NamedKeys:
    """Collects the rows of keys that were not written yet."""

    def __init__(self) -> None:
        self._named: set[int] = set()
        self.rows: list[dict[str, Any]] = []

    def name(self, kind: KeyKind, key: str) -> int:
        """Return the number of a key, and have the key written with the next rows."""
        number = key_id(kind, key)
        if number not in self._named:
            self._named.add(number)
            level = "" if kind == "configuration" else split(key)[0]
            self.rows.append({"key_id": number, "kind": kind, "level": level, "key": key})
        return number

    def written(self) -> None:
        """Drop the rows: they are written."""
        self.rows = []
        if len(self._named) > N_NAMED_MAX:
            self._named.clear()
