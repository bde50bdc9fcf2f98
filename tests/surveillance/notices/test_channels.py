"""Webhooks and mail against receivers on loopback that answer well, badly, or not at all."""

from __future__ import annotations

import email
import hmac
import re
import socket
from email import policy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from noticing import (
    SECRET,
    HttpReceiver,
    SmtpReceiver,
    http_receiver,
    silent_address,
    smtp_receiver,
)

from surveillance.notices import channels
from surveillance.notices.channels import EmailChannel, NotDelivered, WebhookChannel
from surveillance.notices.receivers import Email
from surveillance.notices.wording import Notice, a_test

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTICE = a_test("0" * 32, "here")
NOW = 1_700_000_000.9


@pytest.fixture
def http() -> Iterator[HttpReceiver]:
    with http_receiver() as one:
        yield one


@pytest.fixture
def smtp() -> Iterator[SmtpReceiver]:
    with smtp_receiver() as one:
        yield one


def webhook(receiver: HttpReceiver) -> WebhookChannel:
    return WebhookChannel(receiver.url, SECRET, lambda: NOW)


def mailing(server: str, **changes: Any) -> EmailChannel:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "to": ("duty@example.org",), "sender": "longwatch@example.org", "server": server,
        "security": "none", "kinds": ("sentinel",),
    }  # fmt: skip
    return EmailChannel(Email(**(values | changes)), None, lambda: NOW)


def test_a_receiver_can_verify_the_signature_as_the_documentation_has_it(
    http: HttpReceiver,
) -> None:
    webhook(http).deliver(NOTICE, "")

    (posted,) = http.posted
    headers, body = posted.headers, posted.body
    page = (Path(__file__).parents[3] / "docs" / "notices.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"hmac": hmac}
    exec(code, names)  # noqa: S102 - ours
    is_genuine = names["is_genuine"]
    assert is_genuine(SECRET, headers, body, NOW)
    assert not is_genuine(SECRET, headers, body + b" ", NOW)
    assert not is_genuine(SECRET[1:], headers, body, NOW)
    assert not is_genuine(SECRET, headers, body, NOW + 301)
    later = {**headers, "X-Longwatch-Timestamp": "1700000001"}
    assert not is_genuine(SECRET, later, body, NOW)
    assert headers["X-Longwatch-Timestamp"] == "1700000000"
    assert headers["Idempotency-Key"] == NOTICE.id == posted.notice["id"]
    assert headers["path"] == "/in?x=1"


@pytest.mark.parametrize("answer", [200, 201, 204])
def test_any_answer_of_success_is_a_delivery(http: HttpReceiver, answer: int) -> None:
    http.answers = [answer]

    webhook(http).deliver(NOTICE, "")

    assert len(http.posted) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (302, "answered 302; redirects are not followed"),
        (307, "answered 307; redirects are not followed"),
        ("close", "RemoteDisconnected"),
        ("garbage", "BadStatusLine"),
        ("hang", "[Tt]ime"),
        ("trickle", "BadStatusLine|ConnectionReset"),  # as its next byte comes late or soon
    ],
)
def test_anything_else_is_no_delivery_and_is_not_followed(
    http: HttpReceiver, monkeypatch: pytest.MonkeyPatch, answer: int | str, reason: str
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.3)
    monkeypatch.setattr(channels, "SECONDS_IN_ALL", 0.6)
    http.answers = [answer]

    with pytest.raises(NotDelivered, match=reason):
        webhook(http).deliver(NOTICE, "")

    assert len(http.posted) == 1
    assert http.n_finished == 0


def test_a_receiver_that_asks_for_time_gets_it(http: HttpReceiver) -> None:
    http.answers = [503]

    with pytest.raises(NotDelivered) as caught:
        webhook(http).deliver(NOTICE, "")

    assert caught.value.retry_after == 77


def test_a_receiver_that_is_not_there_is_no_delivery() -> None:
    with http_receiver() as gone:
        pass

    with pytest.raises(NotDelivered, match="ConnectionRefused"):
        webhook(gone).deliver(NOTICE, "")


def read(smtp: SmtpReceiver) -> tuple[str, email.message.EmailMessage]:
    ((to, raw),) = smtp.mails
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return to, message


def test_a_mail_arrives_with_an_id_that_is_that_of_the_notice(smtp: SmtpReceiver) -> None:
    mailing(smtp.server).deliver(NOTICE, "duty@example.org")

    to, message = read(smtp)
    assert to == message["To"] == "duty@example.org"
    assert message["Message-ID"] == f"<{NOTICE.id}@example.org>"
    assert message["Subject"] == NOTICE.title
    assert NOTICE.text in message.get_content()


@pytest.mark.parametrize(
    "hostile",
    [
        "\r\nBcc: x@y.z\r\n\r\nother text", "\nBcc: x@y.z", "\rBcc: x@y.z", "\x00\x85\u2028Bcc: x",
        "=?utf-8?q?=0D=0ABcc:_x@y.z?=", "é\u202e" * 300, "\r\n.\r\nMAIL FROM:<x@y.z>",
        "=\u200b?utf-8?q?=0D=0ABcc:_x@y.z?=", "==??utf-8?q?=0D=0ABcc:_x@y.z?=",
    ],
)  # fmt: skip
def test_no_name_adds_a_header_or_ends_the_mail(smtp: SmtpReceiver, hostile: str) -> None:
    notice = Notice(
        id="0" * 32, kind="detected", deployment="here", title=f"P{hostile}", text=f"P{hostile}\n"
    )

    mailing(smtp.server).deliver(notice, "duty@example.org")

    _, message = read(smtp)
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Longwatch-Id",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert f"Notice {notice.id}" in message.get_content()


def test_a_server_that_refuses_the_address_or_hangs_up_is_no_delivery(smtp: SmtpReceiver) -> None:
    with pytest.raises(NotDelivered, match="RecipientsRefused"):
        mailing(smtp.server).deliver(NOTICE, "nobody@example.org")
    smtp.misbehaves = "data"
    with pytest.raises(NotDelivered, match="Disconnected"):
        mailing(smtp.server).deliver(NOTICE, "duty@example.org")


def test_a_greeting_that_never_ends_is_no_delivery(
    smtp: SmtpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SECONDS_IN_ALL", 0.3)
    smtp.misbehaves = "greeting"

    with pytest.raises(NotDelivered, match="SMTPServerDisconnected"):
        mailing(smtp.server).deliver(NOTICE, "duty@example.org")

    assert smtp.mails == []


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_server_that_lets_nobody_connect_is_no_delivery(
    monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.2)
    with silent_address() as (host, port), pytest.raises(NotDelivered, match=r"[Tt]ime"):
        mailing(f"{host}:{port}", security=security).deliver(NOTICE, "duty@example.org")


def test_a_webhook_that_lets_nobody_connect_is_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.2)
    with silent_address() as (host, port), pytest.raises(NotDelivered, match=r"[Tt]ime"):
        WebhookChannel(f"http://{host}:{port}/", SECRET, lambda: NOW).deliver(NOTICE, "")


def after_a_silent_one(
    monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int], answering: tuple[str, int]
) -> None:
    """Let a host have two addresses, of which the first uses up the time of the attempt."""
    monkeypatch.setattr(channels, "SECONDS", 0.6)
    monkeypatch.setattr(channels, "SECONDS_IN_ALL", 0.1)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", one) for one in (silent, answering)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_greeting_that_never_ends_is_cut_where_connecting_took_all_the_time(
    smtp: SmtpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp.misbehaves = "greeting"
    with silent_address() as silent:
        after_a_silent_one(monkeypatch, silent, smtp.address)

        with pytest.raises(NotDelivered, match="Disconnected"):
            mailing("mail.example.org:25").deliver(NOTICE, "duty@example.org")

    assert smtp.mails == []
    assert smtp.n_greeted == 1  # the second address was connected to


def test_an_answer_that_never_ends_is_cut_where_connecting_took_all_the_time(
    http: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.answers = ["trickle"]
    with silent_address() as silent:
        after_a_silent_one(monkeypatch, silent, http.address)

        with pytest.raises(NotDelivered):
            WebhookChannel("http://in.example.org/", SECRET, lambda: NOW).deliver(NOTICE, "")

    assert len(http.posted) == 1
    assert http.n_finished == 0


def test_a_certificate_is_checked_for_the_name_of_the_server() -> None:
    for security in ("none", "starttls", "tls"):
        server = mailing("mail.example.org:25", security=security)._server()

        assert server._host == "mail.example.org"  # type: ignore[attr-defined]
        assert server.sock is None


def test_a_mail_that_was_taken_is_delivered_however_the_connection_ends(
    smtp: SmtpReceiver,
) -> None:
    smtp.misbehaves = "quit"

    mailing(smtp.server).deliver(NOTICE, "duty@example.org")

    assert len(smtp.mails) == 1


def test_a_server_that_offers_no_encryption_gets_no_mail(smtp: SmtpReceiver) -> None:
    with pytest.raises(NotDelivered, match="STARTTLS"):
        mailing(smtp.server, security="starttls").deliver(NOTICE, "duty@example.org")

    assert smtp.mails == []
