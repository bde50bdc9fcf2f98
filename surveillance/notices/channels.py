"""How one notice leaves: by a signed webhook, or by e-mail."""

from __future__ import annotations

import hmac
import http.client
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from threading import Event, Thread
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from surveillance.domain.address import address_of
from surveillance.domain.names import clean
from surveillance.notices.receivers import Email, Receiver, Webhook, secret_of
from surveillance.notices.wording import Notice

SECONDS = 10.0  # for each answer
SECONDS_IN_ALL = 30.0  # for one attempt, however slowly the answers trickle in
SECONDS_BETWEEN_CUTS = 0.2  # once that time is over, until the attempt has ended
RETRY_AFTER_MAX = 3600.0
_N_REASON_MAX = 200
Clock = Callable[[], float]  # seconds since 1970

encode_notice = msgspec.json.Encoder(order="deterministic").encode


class NotDelivered(Exception):  # noqa: N818 - an outcome, as the dispositions are
    """An attempt of which the receiver has not stated that it took the notice.

    Parameters
    ----------
    reason : str
        One line, without secrets.
    retry_after : float, optional
        Seconds that the receiver asked for.
    """

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(clean(reason)[:_N_REASON_MAX])
        self.retry_after = retry_after


class Channel(Protocol):
    """The way to one receiver."""

    def deliver(self, notice: Notice, address: str) -> None:
        """Deliver one notice; `NotDelivered` unless the receiver stated that it took it."""


def channel_of(name: str, receiver: Receiver, clock: Clock) -> Channel:
    """Return the way to a receiver.

    Parameters
    ----------
    name : str
        Of the receiver.
    receiver : Webhook or Email
        As configured.
    clock : callable
        Seconds since 1970.

    Raises
    ------
    Misconfigured
        If its secret is not where it must be.
    """
    secret = secret_of(name, receiver)
    if isinstance(receiver, Webhook):
        return WebhookChannel(receiver.url, secret or b"", clock)
    return EmailChannel(receiver, None if secret is None else secret.decode(), clock)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook, in hexadecimal.

    Parameters
    ----------
    secret : bytes
        That the two share.
    timestamp : str
        Seconds since 1970, as sent.
    body : bytes
        As sent.

    Returns
    -------
    str
        HMAC-SHA256 over the timestamp, a full stop and the body.

    Examples
    --------
    >>> signature(b"0123456789abcdef", "1700000000", b"{}")[:16]
    'e4f8e2ecae2295b2'
    """
    return hmac.new(secret, timestamp.encode() + b"." + body, "sha256").hexdigest()


class WebhookChannel:
    """Posts signed JSON. Follows no redirect: what is signed goes where it was configured to go.

    Parameters
    ----------
    url : str
        Of the receiver.
    secret : bytes
        To sign with.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, url: str, secret: bytes, clock: Clock) -> None:
        parts = urlsplit(url)
        self._is_encrypted = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._secret, self._clock = secret, clock

    def deliver(self, notice: Notice, address: str) -> None:  # noqa: ARG002 - there is one
        """Post one notice; any answer but 2xx, or none, is no delivery."""
        body = encode_notice(notice)
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "longwatch",
            "Idempotency-Key": notice.id,
            "X-Longwatch-Timestamp": timestamp,
            "X-Longwatch-Signature": f"v1={signature(self._secret, timestamp, body)}",
        }
        connection = self._connection()
        try:
            with _bounded(lambda: connection.sock):
                connection.request("POST", self._path, body, headers)
                answer = connection.getresponse()
                status, wait = answer.status, answer.headers.get("Retry-After", "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from None
        finally:
            connection.close()
        _require_taken(status, wait)

    def _connection(self) -> http.client.HTTPConnection:
        if not self._is_encrypted:
            return http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=SECONDS, context=context)


def _require_taken(status: int, wait: str) -> None:
    if http.client.OK <= status < http.client.MULTIPLE_CHOICES:
        return
    if status < http.client.BAD_REQUEST:
        raise NotDelivered(f"answered {status}; redirects are not followed")
    seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) <= 9 else 0.0  # noqa: PLR2004 - an int in range
    raise NotDelivered(f"answered {status}", min(seconds, RETRY_AFTER_MAX))


class EmailChannel:
    """Sends plain text by SMTP, each address a message of its own.

    Parameters
    ----------
    receiver : Email
        With the server and the sender.
    password : str, optional
        Of its user.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, receiver: Email, password: str | None, clock: Clock) -> None:
        self._receiver, self._password, self._clock = receiver, password, clock
        self._host, self._port = address_of(receiver.server, "server")
        self._domain = receiver.sender.rpartition("@")[2]

    def deliver(self, notice: Notice, address: str) -> None:
        """Send one notice to one address; it is delivered when the server has taken it."""
        message = self._message(notice, address)
        server = self._server()
        try:
            with _bounded(lambda: server.sock):
                server.connect(self._host, self._port)  # reads the greeting
                self._log_in(server)
                server.sendmail(self._receiver.sender, [address], message.as_bytes())
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from None
        finally:
            _let_go(server)

    def _server(self) -> smtplib.SMTP:
        """Return a client that is not connected yet: its constructor would wait without bound."""
        server = (
            smtplib.SMTP_SSL(
                local_hostname=self._domain, timeout=SECONDS, context=ssl.create_default_context()
            )
            if self._receiver.security == "tls"
            else smtplib.SMTP(local_hostname=self._domain, timeout=SECONDS)
        )
        # The name that a certificate is checked for; only the constructor sets it.
        server._host = self._host  # type: ignore[attr-defined] # noqa: SLF001
        return server

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._receiver.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if self._receiver.user is not None and self._password is not None:
            server.login(self._receiver.user, self._password)

    def _message(self, notice: Notice, address: str) -> EmailMessage:
        """Return the message: every header is one line, whatever the names in it hold."""
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = self._receiver.sender
        message["To"] = address
        # `email` decodes encoded words in what it is given, line breaks in them included.
        message["Subject"] = clean(notice.title).replace("=?", "= ?")
        message["Date"] = formatdate(self._clock())
        message["Message-ID"] = f"<{notice.id}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Longwatch-Id"] = notice.id
        message.set_content(f"{notice.text}\nNotice {notice.id}\n", cte="quoted-printable")
        return message


def _let_go(server: smtplib.SMTP) -> None:
    """Close a connection; how it ends does not undo what the server has taken."""
    with suppress(OSError, smtplib.SMTPException, ValueError):
        if server.sock is not None:
            server.sock.settimeout(1.0)
        server.quit()
    with suppress(OSError):
        server.close()


@contextmanager
def _bounded(socket_of: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut a connection whose answers take too long in all, though each byte comes in time.

    There is nothing to cut while it is still being made: each address of a host has `SECONDS` for
    that. What is connected after the time is over is cut then.
    """
    is_over = Event()

    def cut() -> None:
        wait = SECONDS_IN_ALL
        while not is_over.wait(wait):
            wait = SECONDS_BETWEEN_CUTS
            connected = socket_of()
            if connected is not None:
                with suppress(OSError, ValueError):
                    connected.shutdown(socket.SHUT_RDWR)

    thread = Thread(target=cut, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
