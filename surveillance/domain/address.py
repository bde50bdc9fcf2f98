"""Addresses as people write them: HOST:PORT, [IPv6]:PORT, and lists of those."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import NamedTuple

from surveillance.domain.errors import Misused

_SHAPE = re.compile(
    r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[A-Za-z0-9._-]{1,253})):(?P<port>[0-9]{1,5})"
)
PORT_MAX = 65_535


class Address(NamedTuple):
    """Where a server listens."""

    host: str  # IPv6 without its brackets
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: str, place: str) -> Address:
    """Read one address.

    Parameters
    ----------
    text : str
        As it was given.
    place : str
        What it was given for, for the message.

    Returns
    -------
    Address
        Host and port.

    Raises
    ------
    Misused
        If it is no address.

    Examples
    --------
    >>> address_of("[::1]:9092", "broker")
    Address(host='::1', port=9092)
    """
    found = _SHAPE.fullmatch(text.strip())
    if found is None or not 0 < int(found["port"]) <= PORT_MAX or not _is_host(found):
        raise Misused(
            f"{place} {text!r}", "is not HOST:PORT", "as 127.0.0.1:9092, or [::1]:9092 for IPv6"
        )
    return Address(found["v6"] or found["host"], int(found["port"]))


def _is_host(found: re.Match[str]) -> bool:
    if found["v6"] is None:
        return True
    try:
        IPv6Address(found["v6"])
    except ValueError:
        return False
    return True


def addresses_of(text: str, place: str) -> list[Address]:
    """Read a list of addresses with commas between them.

    Parameters
    ----------
    text, place
        As for `address_of`.

    Returns
    -------
    list of Address
        One or more.

    Raises
    ------
    Misused
        If one of them is no address.

    Examples
    --------
    >>> [str(one) for one in addresses_of("a:9092, [::1]:9093", "broker")]
    ['a:9092', '[::1]:9093']
    """
    return [address_of(one, place) for one in text.split(",")]
