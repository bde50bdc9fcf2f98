"""`workup.toml`: what people look for in a case after a gene therapy, before they assess it."""

from __future__ import annotations

from msgspec import Struct

from surveillance.configuration.law import Slug, Words, require_once


class WorkUpRow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of the work-up, as a question."""

    code: Slug
    asks: Words
    applies_to: str = "all"  # in words: no item is required of any case
    source: str = ""


class WorkUpList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`workup.toml`: the items in the order in which they are shown.

    Raises
    ------
    ValueError
        If a code is given twice.
    """

    item: tuple[WorkUpRow, ...] = ()

    def __post_init__(self) -> None:
        require_once("item", [one.code for one in self.item])
