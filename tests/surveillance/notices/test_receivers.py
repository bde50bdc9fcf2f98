"""`notify.toml` is checked whole, and holds no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from noticing import CONFIGURATION

from surveillance.domain.errors import Misconfigured
from surveillance.notices.changes import KINDS
from surveillance.notices.receivers import Receiver, read_receivers, secret_of

ROOT = Path(__file__).parents[3]
WEBHOOK = """
[receiver.desk]
type = "webhook"
url = "https://desk.example.org/longwatch"
secret_env = "DESK_SECRET"
kinds = ["sentinel", "review_requested"]
bands = ["P1"]
"""
EMAIL = """
[receiver.duty]
type = "email"
to = ["duty@example.org"]
sender = "longwatch@example.org"
server = "mail.example.org:587"
user = "longwatch"
password_file = "FILE"
kinds = ["clock_breached"]
"""


def read(tmp_path: Path, text: str) -> dict[str, Receiver]:
    file = tmp_path / "notify.toml"
    file.write_text(text, encoding="utf-8")
    return read_receivers(file, CONFIGURATION)


def test_receivers_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, WEBHOOK + EMAIL)


@pytest.mark.parametrize(
    ("text", "old", "new", "reason"),
    [
        (WEBHOOK, 'secret_env = "DESK_SECRET"', 'secret = "hunter2"', "unknown field 'secret'"),
        (WEBHOOK, 'secret_env = "DESK_SECRET"', "", "give either secret_env or secret_file"),
        (WEBHOOK, "kinds", 'secret_file = "x"\nkinds', "give either secret_env or secret_file"),
        (WEBHOOK, '"sentinel"', '"sentinal"', "sentinal"),
        (WEBHOOK, '"P1"', '"P9"', "wants the band 'P9'"),
        (WEBHOOK, "https:", "http:", "is not encrypted"),
        (WEBHOOK, "https:", "ftp:", "url"),
        (WEBHOOK, "desk.example.org", "u:p@desk.example.org", "without a user"),
        (WEBHOOK, "desk.example.org", "desk.example.org:99999", "[Pp]ort"),
        (WEBHOOK, "/longwatch", "/long watch", "url"),
        (WEBHOOK, "desk]", '"De sk"]', "receiver"),
        (WEBHOOK, '"webhook"', '"pager"', "pager"),
        (WEBHOOK, "kinds = [", "kinds = [] # [", "kinds"),
        (EMAIL, "duty@example.org", "duty@example.org\\r\\nBcc: x@y.z", "to"),
        (EMAIL, "longwatch@example.org", "Longwatch <x@y.z>", "sender"),
        (EMAIL, ":587", "", "not HOST:PORT"),
        (EMAIL, 'user = "longwatch"', "", "user: is missing"),
        (EMAIL, "kinds", 'security = "none"\nkinds', "never sent without encryption"),
        (EMAIL, "[receiver.duty]", "[receiver", "is not TOML"),
        ("", "", "", "receiver"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_place(
    tmp_path: Path, text: str, old: str, new: str, reason: str
) -> None:
    with pytest.raises(Misconfigured, match=rf"(?s)notify\.toml.*{reason}.*;"):
        read(tmp_path, text.replace(old, new))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_receivers(tmp_path / "none.toml", CONFIGURATION)


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "is not set"), ("  ", "is not set"), ("short", "fewer than 16")]
)
def test_a_secret_that_is_missing_or_short_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, reason: str
) -> None:
    monkeypatch.delenv("DESK_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("DESK_SECRET", value)
    receiver = read_receivers_of(tmp_path, WEBHOOK, "desk")

    with pytest.raises(Misconfigured, match=reason) as caught:
        secret_of("desk", receiver)

    assert "short" not in str(caught.value)


def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the mail server\n", encoding="utf-8")
    receiver = read_receivers_of(tmp_path, EMAIL.replace("FILE", str(tmp_path / "secret")), "duty")

    assert secret_of("duty", receiver) == b"of the mail server"


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_file_without_a_secret_is_refused(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content, encoding="utf-8")
    receiver = read_receivers_of(tmp_path, EMAIL.replace("FILE", str(tmp_path / "secret")), "duty")

    with pytest.raises(Misconfigured, match=reason):
        secret_of("duty", receiver)


def read_receivers_of(tmp_path: Path, text: str, name: str) -> Receiver:
    return read(tmp_path, text)[name]


def test_the_example_of_the_documentation_and_the_one_that_ships_are_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)

    assert read(tmp_path, example).keys() == {"desk", "duty-officer"}
    assert read_receivers(ROOT / "deploy" / "notify" / "notify.toml", CONFIGURATION)


def test_the_documentation_names_every_kind() -> None:
    page = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(KINDS)
