"""`law.toml`: the grounds on which an authority may act, and the ladder of actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]
Words = Annotated[str, Meta(min_length=5, max_length=500)]


class Ground(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal ground that a request for review asks about."""

    code: Slug
    jurisdiction: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    citation: Words
    asks: Words  # the question that people answer
    applies_from: date  # a rule opens no request before this day


class LadderAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of the ladder of actions."""

    code: Slug
    name: Words


class Law(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`law.toml`: grounds, and the ladder of actions from the mildest on.

    Raises
    ------
    ValueError
        If a code is given twice.
    """

    ground: tuple[Ground, ...] = ()
    action: tuple[LadderAction, ...] = ()

    def __post_init__(self) -> None:
        require_once("ground", [one.code for one in self.ground])
        require_once("action", [one.code for one in self.action])


def require_once(what: str, codes: Sequence[str]) -> None:
    """Require that every code is given once.

    Raises
    ------
    ValueError
        Naming the first that is given again.
    """
    again = next((code for code in codes if codes.count(code) > 1), None)
    if again is not None:
        raise ValueError(f"{what}: {again!r} is given more than once")
