"""`longwatch notify test`: one marked notice, and the answer of the receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from calling import longwatch
from noticing import SECRET, http_receiver, smtp_receiver

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET.decode())


def webhook(folder: Path, url: str) -> Path:
    file = folder / "notify.toml"
    file.write_text(
        f'[receiver.desk]\ntype = "webhook"\nurl = "{url}"\nsecret_env = "DESK_SECRET"\n'
        'kinds = ["moved"]\n',
        encoding="utf-8",
    )
    return file


@pytest.mark.usefixtures("secret")
def test_a_test_notice_is_marked_as_one_and_goes_once(tmp_path: Path) -> None:
    with http_receiver() as receiver:
        file = webhook(tmp_path, receiver.url)
        answer = longwatch("notify", "test", "desk", "--receivers", file)

    (posted,) = receiver.posted
    assert answer.code == 0
    assert posted.notice["id"] in answer.out
    assert (posted.notice["kind"], posted.notice["is_test"]) == ("test", True)
    assert "TEST" in posted.notice["title"]


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_refuses_is_stated_in_one_line_without_the_secret(tmp_path: Path) -> None:
    with http_receiver() as receiver:
        receiver.answers = [403]
        file = webhook(tmp_path, receiver.url)
        answer = longwatch("notify", "test", "desk", "--receivers", file)

    assert answer.code == 2
    assert "answered 403" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert SECRET.decode() not in answer.err


def test_each_address_gets_a_test_mail(tmp_path: Path) -> None:
    file = tmp_path / "notify.toml"
    with smtp_receiver() as receiver:
        file.write_text(
            '[receiver.duty]\ntype = "email"\nto = ["a@example.org", "b@example.org"]\n'
            f'sender = "l@example.org"\nserver = "{receiver.server}"\nsecurity = "none"\n'
            'kinds = ["moved"]\n',
            encoding="utf-8",
        )
        answer = longwatch("notify", "test", "duty", "--receivers", file)

    assert answer.code == 0
    assert [to for to, _ in receiver.mails] == ["a@example.org", "b@example.org"]


@pytest.mark.usefixtures("secret")
def test_a_receiver_that_is_not_in_the_file_is_refused_with_those_that_are(tmp_path: Path) -> None:
    answer = longwatch(
        "notify", "test", "nobody", "--receivers", webhook(tmp_path, "https://x.example/")
    )

    assert (answer.code, "use one of desk" in answer.err) == (2, True)
