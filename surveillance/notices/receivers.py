"""`notify.toml`: who gets which notices, and how. It is no part of the hashed configuration.

It holds no secret: it names the environment variable or the file that does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from surveillance.configuration.reader import read_part
from surveillance.configuration.types import Configuration
from surveillance.domain.address import address_of
from surveillance.domain.errors import Misconfigured, Misused
from surveillance.domain.names import identity
from surveillance.domain.product import split
from surveillance.domain.values import Name
from surveillance.notices.changes import Change, Kind
from surveillance.triage.matters import Matters

N_SECRET_BYTES_MIN = 16
_HERE = ("127.0.0.1", "::1", "localhost")
ReceiverName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
Url = Annotated[str, Meta(max_length=1000, pattern=r"^https?://[!-~]+$")]
Mailbox = Annotated[str, Meta(max_length=254, pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$")]
Variable = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9_]{0,99}$")]
Account = Annotated[str, Meta(min_length=1, max_length=250, pattern="^[ -~]+$")]


class _Wanting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receiver wants: an empty list of bands or products is all of them."""

    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1)]
    bands: tuple[Name, ...] = ()
    products: tuple[Name, ...] = ()
    internal_reasons: bool = False


class Webhook(_Wanting, frozen=True, kw_only=True, tag="webhook", tag_field="type"):
    """A receiver of signed JSON by HTTP POST."""

    url: Url
    secret_env: Variable | None = None
    secret_file: str | None = None
    allow_plain_http: bool = False  # beyond this machine

    def __post_init__(self) -> None:
        _require_one("secret", self.secret_env, self.secret_file)
        parts = urlsplit(self.url)
        _ = parts.port  # raises ValueError if there is no such port
        if not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError("url: give https://HOST[:PORT]/PATH, without a user or a fragment")
        is_plain = parts.scheme == "http" and parts.hostname not in _HERE
        if is_plain and not self.allow_plain_http:
            raise ValueError("url: is not encrypted; use https, or set allow_plain_http = true")

    @property
    def addresses(self) -> tuple[str, ...]:
        """One, without a name."""
        return ("",)


class Email(_Wanting, frozen=True, kw_only=True, tag="email", tag_field="type"):
    """Receivers of plain text by SMTP, each address a message of its own."""

    to: Annotated[tuple[Mailbox, ...], Meta(min_length=1, max_length=50)]
    sender: Mailbox
    server: Annotated[str, Meta(max_length=260)]  # HOST:PORT
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Account | None = None
    password_env: Variable | None = None
    password_file: str | None = None

    def __post_init__(self) -> None:
        try:
            address_of(self.server, "server")
        except Misused as error:
            raise ValueError(f"server: {error.reason}; {error.remedy}") from None
        if self.user is None:
            if self.password_env is not None or self.password_file is not None:
                raise ValueError("user: is missing, and there is a password")
            return
        _require_one("password", self.password_env, self.password_file)
        if self.security == "none":
            raise ValueError("security: a password is never sent without encryption")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(self.to))


Receiver: TypeAlias = Webhook | Email


class NotifyFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`notify.toml`: receivers by name."""

    receiver: Annotated[dict[ReceiverName, Receiver], Meta(min_length=1)]


def read_receivers(path: Path, configuration: Configuration) -> dict[str, Receiver]:
    """Read and check `notify.toml`.

    Parameters
    ----------
    path : Path
        The file.
    configuration : Configuration
        Of the deployment, which names the bands.

    Raises
    ------
    Misconfigured
        If the file is missing or does not fit: names the receiver and the key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "give the file that lists the receivers; docs/notices.md has one"
        raise Misconfigured(str(path), f"cannot be read ({error.strerror})", remedy) from None
    found: NotifyFile = read_part(path, content, NotifyFile)
    known = [band.name for band in configuration.triage.band]
    for name, receiver in found.receiver.items():
        for band in receiver.bands:
            if band not in known:
                reason = f"receiver {name!r} wants the band {band!r}, which is none"
                raise Misconfigured(str(path), reason, f"use some of {', '.join(known)}")
    return dict(found.receiver)


def secret_of(name: str, receiver: Receiver) -> bytes | None:
    """Return the secret of a webhook, or the password for a mail server.

    Parameters
    ----------
    name : str
        Of the receiver.
    receiver : Webhook or Email
        That names where the secret is.

    Returns
    -------
    bytes or None
        None where none is needed.

    Raises
    ------
    Misconfigured
        If it is not where it must be, or too short to sign with.
    """
    if isinstance(receiver, Webhook):
        value = _read_secret(name, receiver.secret_env, receiver.secret_file)
        if len(value) < N_SECRET_BYTES_MIN:
            reason = f"the secret has fewer than {N_SECRET_BYTES_MIN} bytes"
            raise Misconfigured(f"receiver {name}", reason, "make one: `openssl rand -hex 32`")
        return value
    if receiver.user is None:
        return None
    return _read_secret(name, receiver.password_env, receiver.password_file)


class Wanting:
    """Decides which receivers want a change.

    Parameters
    ----------
    receivers : dict of str to Webhook or Email
        By name.
    configuration : Configuration
        By which the product of a matter is found.
    """

    def __init__(self, receivers: dict[str, Receiver], configuration: Configuration) -> None:
        self.receivers = receivers
        self._matters = Matters(configuration)
        self._products = {
            name: frozenset(map(identity, one.products)) for name, one in receivers.items()
        }

    def of(self, change: Change, band: str) -> list[str]:
        """Return the names of the receivers that want a change.

        Parameters
        ----------
        change : Change
            What happened.
        band : str
            Of the matter, as it stands.
        """
        named = self._named(change)
        return [
            name
            for name, one in self.receivers.items()
            if change.kind in one.kinds
            and (not one.bands or band in one.bands)
            and (not one.products or named & self._products[name])
        ]

    def _named(self, change: Change) -> set[str]:
        """Return the names by which a receiver may ask for the product of a change."""
        signal = change.signal
        keys = (signal.product, self._matters.of(signal.product, signal.event).product)
        return {identity(word) for key in keys for word in (key, split(key)[1])}


def _require_one(what: str, variable: str | None, file: str | None) -> None:
    if (variable is None) == (file is None):
        raise ValueError(f"{what}: give either {what}_env or {what}_file, and never the {what}")


def _read_secret(name: str, variable: str | None, file: str | None) -> bytes:
    place = f"receiver {name}"
    if variable is not None:
        value = os.environb.get(variable.encode(), b"").strip()
        if not value:
            reason = f"the environment variable {variable} is not set"
            raise Misconfigured(place, reason, "set it, or use a file")
        return value
    try:
        value = Path(str(file)).read_bytes().strip()
    except OSError as error:
        reason = f"the file {file} cannot be read ({error.strerror})"
        raise Misconfigured(place, reason, "mend the path or the rights") from None
    if not value:
        raise Misconfigured(place, f"the file {file} is empty", "write the secret into it")
    return value
