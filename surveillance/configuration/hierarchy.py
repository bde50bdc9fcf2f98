"""A hierarchy of terms, as a user's release of MedDRA states it: which term counts where.

Nothing of MedDRA ships with longwatch. Whoever holds a licence names the folder of the release
in `terms.toml`; `surveillance.configuration.meddra` reads it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from surveillance.domain.names import identity

TermLevel = Literal["hlt", "hlgt", "soc", "smq_narrow", "smq_broad"]
Axis = Literal["primary", "all"]


class Coded(NamedTuple):
    """Where a term counts.

    Attributes
    ----------
    pt : str
        Name of the preferred term.
    above : tuple of int
        Places in `Hierarchy.above`.
    """

    pt: str
    above: tuple[int, ...]


class Hierarchy(Struct, frozen=True, kw_only=True):
    """The terms of one release, and what is above them at the levels that are counted."""

    dictionary: str = "MedDRA"
    version: str
    sha256: str  # over the files that were read
    above: tuple[tuple[TermLevel, str], ...]  # level and name
    coded: tuple[Coded, ...]
    terms: dict[str, int]  # name or code of a lowest level term → place in `coded`

    def find(self, term: str | None) -> Coded | None:
        """Return where a term counts; None if the release does not know it.

        Parameters
        ----------
        term : str or None
            A lowest level term or preferred term: its name in any spelling, or its code.
        """
        if term is None:
            return None
        place = self.terms.get(identity(term))
        return None if place is None else self.coded[place]

    @property
    def coding(self) -> str:
        """The release in one line: what counts under another cannot be added to it."""
        return f"{self.dictionary} {self.version} ({self.sha256[:12]})"
