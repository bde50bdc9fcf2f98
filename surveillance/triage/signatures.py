"""Signatures of people: Ed25519 over the canonical bytes of a record.

The canonical bytes are JSON by RFC 8785 of all fields but the signature: keys in order, no white
space, nothing escaped that need not be. Records hold texts, whole numbers and nothing else, so that
no rule for fractions is needed.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import msgspec

from surveillance.domain.decision import PersonRecord
from surveillance.domain.errors import Misused

_SIGNATURE = "signature"


def canonical(record: PersonRecord) -> bytes:
    """Return the bytes that a person signs.

    Parameters
    ----------
    record : record of a person
        Signed or not.
    """
    return _canonical(msgspec.to_builtins(record))


def canonical_line(line: bytes) -> bytes:
    """Return the canonical bytes of a record as it was received.

    Parameters
    ----------
    line : bytes
        A JSON object.
    """
    return _canonical(json.loads(line))


def digest(record: PersonRecord) -> str:
    """Return the SHA-256 of the canonical bytes, by which an approval names a proposal."""
    return sha256(canonical(record)).hexdigest()


def key_id(public_key: str) -> str:
    """Return the name of a key.

    Examples
    --------
    >>> key_id("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")  # of RFC 8032, 7.1, test 1
    'K-21fe31dfa154a261'
    """
    return "K-" + sha256(base64.b64decode(public_key)).hexdigest()[:16]


def is_valid(public_key: str, signature: str, data: bytes) -> bool:
    """Tell whether a signature is that of a key over bytes.

    Parameters
    ----------
    public_key, signature : str
        In base64.
    data : bytes
        What was signed.
    """
    # It takes a moment to load, and most logs hold no signature.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


class PrivateKey:
    """A person's key.

    Parameters
    ----------
    pem : bytes
        PKCS #8, perhaps encrypted.
    place : str
        Its file, for a message.
    passphrase : bytes, optional
        Of an encrypted key.

    Raises
    ------
    Misused
        If it is no Ed25519 key, or the passphrase is not its own.
    """

    def __init__(self, pem: bytes, place: str, passphrase: bytes | None = None) -> None:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )

        try:
            key = load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            reason = "is no private key that can be read here"
            remedy = "name a file of `longwatch keys make`, with its passphrase if it has one"
            raise Misused(place, reason, remedy) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise Misused(place, "is no Ed25519 key", "make one with `longwatch keys make`")
        self._key = key

    @property
    def public_key(self) -> str:
        """The public key, in base64."""
        return _base64(self._key.public_key().public_bytes_raw())

    def signed(self, record: PersonRecord) -> PersonRecord:
        """Return a record with the key's name and its signature.

        Parameters
        ----------
        record : record of a person
            Without a signature.
        """
        named = msgspec.structs.replace(record, key_id=key_id(self.public_key), signature=None)
        signature = _base64(self._key.sign(canonical(named)))
        return msgspec.structs.replace(named, signature=signature)


def new_key(passphrase: bytes | None = None) -> bytes:
    """Make a private key.

    Parameters
    ----------
    passphrase : bytes, optional
        Encrypts it.

    Returns
    -------
    bytes
        PEM, PKCS #8.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _canonical(fields: dict[str, Any]) -> bytes:
    signed = {name: value for name, value in fields.items() if name != _SIGNATURE}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
