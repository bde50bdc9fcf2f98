"""Facts for strangers: CloudEvents 1.0 in JSON, one a message, with an id that repeats.

Delivery is at least once. A message written again after a crash has the same id and the
same bytes, so whoever reads drops it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from surveillance.log.messages import Fact


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The envelope, as the JSON format of the specification has it."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    dataschema: str
    data: Any


_encode = msgspec.json.Encoder().encode


def outward(
    topic: str, *, kind: str, code: str, source: str, subject: str, at: int, data: msgspec.Struct
) -> Fact:
    """Make one fact.

    Parameters
    ----------
    topic : str
        Where it goes.
    kind : str
        Last part of the event's type, as in ``signal.detected``.
    code : str
        What kind, from a bounded set: for those who count.
    source : str
        Name of the deployment.
    subject : str
        The signal; also the key of the message.
    at : int
        Instant of the epoch, seconds since 1970 (UTC).
    data : struct
        Its content.

    Returns
    -------
    Fact
        With an id that is the SHA-256 of topic, kind, subject, instant and content.
    """
    content = _encode(data)
    identity = sha256("\n".join((topic, kind, subject, str(at))).encode() + b"\n" + content)
    event = CloudEvent(
        id=identity.hexdigest()[:32],
        source=f"urn:longwatch:{source}",
        type=f"org.longwatch.{kind}.v1",
        subject=subject,
        time=datetime.fromtimestamp(at, tz=UTC),
        dataschema=f"urn:longwatch:schema:{topic}",
        data=msgspec.Raw(content),
    )
    return Fact(topic, subject.encode(), _encode(event), code)
