"""Notes on what a reader had to leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

N_NOTES_MAX = 50  # as many as a record takes, and of that length
_N_CHARACTERS_MAX = 300


def bounded(notes: Iterable[str]) -> tuple[str, ...]:
    """Return notes, each once, as many as a record takes.

    Parameters
    ----------
    notes : iterable of str
        In the order of the fields.

    Returns
    -------
    tuple of str
        The last states how many more there are.

    Examples
    --------
    >>> bounded(["AGE: no number", "AGE: no number"])
    ('AGE: no number',)
    """
    distinct = tuple(dict.fromkeys(note[:_N_CHARACTERS_MAX] for note in notes))
    if len(distinct) <= N_NOTES_MAX:
        return distinct
    n_more = len(distinct) - N_NOTES_MAX + 1
    return (*distinct[: N_NOTES_MAX - 1], f"and {n_more} more")
