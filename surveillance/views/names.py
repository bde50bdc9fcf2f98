"""Resolve what a person types to a key that is counted."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from surveillance.domain.errors import Misused
from surveillance.domain.names import clean, identity
from surveillance.domain.product import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N_NEAR = 5
_N_LISTED = 8


def resolve(given: str, keys: Sequence[str], *, option: str) -> str:
    """Find the one key that is meant.

    A key itself goes first, then a name exactly as it is written, at any level, then a
    name in any case.

    Parameters
    ----------
    given : str
        A key (``product:ROTAVIRUS (ROTASHIELD)``), a name, or the name of a group.
    keys : sequence of str
        All keys that there are.
    option : str
        The option at fault, for the message.

    Returns
    -------
    str
        A key.

    Raises
    ------
    Misused
        If nothing, or more than one key, fits; the message lists keys.

    Examples
    --------
    >>> resolve("arthritis", ["group:arthritis", "pt:Arthritis"], option="--event")
    'group:arthritis'
    >>> resolve("Arthritis", ["group:arthritis", "pt:Arthritis"], option="--event")
    'pt:Arthritis'
    """
    wanted = clean(given)
    ways: tuple[Callable[[str], bool], ...] = (
        lambda key: key == wanted,
        lambda key: split(key)[1] == wanted,
        lambda key: identity(wanted) in (identity(key), identity(split(key)[1])),
    )
    for fits in ways:
        found = [key for key in keys if fits(key)]
        if len(found) == 1:
            return found[0]
        if found:
            raise Misused(
                f"{option} {given!r}",
                f"means {len(found)} keys: {_listed(found)}",
                "give one of them, with its level",
            )
    near = near_keys(wanted, keys)
    remedy = f"near it are {_listed(near)}" if near else "nothing is near it"
    raise Misused(f"{option} {given!r}", "is not known here", remedy)


def near_keys(wanted: str, keys: Sequence[str]) -> list[str]:
    """Return the keys whose names hold `wanted`, or look like it, at most `N_NEAR`."""
    folded = identity(split(wanted)[1] or wanted)
    names: dict[str, str] = {}
    for key in keys:
        level, name = split(key)
        if level != "lot":  # thousands of short codes that look like everything
            names.setdefault(identity(name), key)
    holding = sorted((name for name in names if folded in name), key=lambda name: (len(name), name))
    alike = get_close_matches(folded, names, n=N_NEAR)
    return [names[name] for name in dict.fromkeys([*holding[:N_NEAR], *alike])][:N_NEAR]


def _listed(keys: Sequence[str]) -> str:
    shown = ", ".join(f"'{key}'" for key in keys[:_N_LISTED])
    return f"{shown}, …" if len(keys) > _N_LISTED else shown
