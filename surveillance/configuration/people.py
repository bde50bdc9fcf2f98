"""`people.toml`: whether unsigned records count, and who may state whose key is whose."""

from __future__ import annotations

from msgspec import Struct

from surveillance.configuration.law import require_once
from surveillance.domain.decision import PublicKey
from surveillance.domain.names import identity
from surveillance.domain.values import Identifier, Name


class Administrator(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person whose key registers the keys and roles of all others."""

    person: Identifier
    full_name: Name
    public_key: PublicKey  # as `longwatch keys make` prints it


class People(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`people.toml`: administrators, and whether unsigned records are accepted.

    Raises
    ------
    ValueError
        If an administrator or a key is given twice.
    """

    accept_unsigned: bool = False  # for a demonstration or a backtest
    administrator: tuple[Administrator, ...] = ()

    def __post_init__(self) -> None:
        require_once("administrator", [identity(one.person) for one in self.administrator])
        require_once("administrator", [one.public_key for one in self.administrator])
