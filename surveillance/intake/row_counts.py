"""Count rows in and rows out, file by file, so that none is lost.

Rows are counted where they are cut from the file, and again where they end: in a record
or among the refused. The two counts are taken at opposite ends of the reader, so that a
row lost between them shows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class FileTally:
    """Counts of the rows of one file, by what became of them."""

    n_read: int = 0  # rows cut from the file; header and blank lines are not rows
    n_blank: int = 0  # blank lines
    n_repeated: int = 0  # rows identical to one already used
    n_used: int = 0  # rows that went into a record
    n_emitted: int = 0  # records whose main row stands in this file
    refused: Counter[str] = field(default_factory=Counter)  # rows refused, by code

    @property
    def n_refused(self) -> int:
        """Rows refused, for whatever reason."""
        return self.refused.total()

    @property
    def is_balanced(self) -> bool:
        """Whether every row read is accounted for, once."""
        return self.n_read == self.n_used + self.n_repeated + self.n_refused


@dataclass(slots=True)
class RowCounts:
    """The tallies of all files, in the order they were opened."""

    files: dict[str, FileTally] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)  # whose version rules hold, of our own lines

    def of(self, file: str) -> FileTally:
        """Return the tally of a file, created on first use.

        Parameters
        ----------
        file : str
            Path, and member if the path is an archive.

        Returns
        -------
        FileTally
            The tally to add to.
        """
        return self.files.setdefault(file, FileTally())

    @property
    def is_balanced(self) -> bool:
        """Whether every row of every file is accounted for."""
        return all(each.is_balanced for each in self.files.values())

    def table(self) -> list[dict[str, object]]:
        """Return one row per file, for `run.json`.

        Returns
        -------
        list of dict
            With the counts under their names, and the refused by code.
        """
        return [
            {
                "file": file,
                "n_read": each.n_read,
                "n_blank": each.n_blank,
                "n_repeated": each.n_repeated,
                "n_used": each.n_used,
                "n_emitted": each.n_emitted,
                "n_refused": each.n_refused,
                "refused": dict(sorted(each.refused.items())),
            }
            for file, each in self.files.items()
        ]
