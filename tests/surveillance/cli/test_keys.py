"""Two people at two terminals: keys, roles, a proposal, its approval; and what a mistake costs."""

import json
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from calling import Answer, longwatch
from small_run import PAIR, write_configuration, write_inputs

from surveillance.triage.triage import signal_id

SIGNAL = signal_id(*PAIR, "safety")
AT = datetime(1999, 2, 26, tzinfo=UTC)
WHY = ("--reason", "three serious cases within a fortnight")


class Terminal(NamedTuple):
    """A folder with keys, a configuration that accepts signed records alone, and records."""

    folder: Path

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def make_key(self, name: str) -> str:
        answer = longwatch("keys", "make", "--out", self.key(name))
        assert answer.code == 0, answer
        return answer.out.splitlines()[1].split()[-1]

    def does(self, name: str, *words: object, code: int = 0) -> Answer:
        answer = longwatch(
            *words, "--by", name, "--key", self.key(name), "--append",
            self.folder / "in" / "decisions.ndjson", now=AT,
        )  # fmt: skip
        assert answer.code == code, answer
        return answer

    def replay(self, *, code: int) -> Path:
        out = self.folder / "run"
        answer = longwatch(
            "replay", "folder", self.folder / "in", "--out", out, "--config",
            self.folder / "configuration",
        )  # fmt: skip
        assert answer.code == code, answer
        return out


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    found = Terminal(tmp_path)
    write_configuration(tmp_path / "configuration")
    write_inputs(tmp_path / "in")
    (tmp_path / "in" / "decisions.ndjson").unlink()
    lines = [
        "[[administrator]]",
        'person = "admin"',
        'full_name = "The Administrator"',
        f'public_key = "{found.make_key("admin")}"',
    ]
    (tmp_path / "configuration" / "people.toml").write_text("\n".join(lines), encoding="utf-8")
    for name in ("ann", "bob"):
        public = found.make_key(name)
        found.does("admin", "keys", "register", name, "--full-name", name, "--public-key", public)
        found.does("admin", "keys", "grant", name, "--role", "safety_physician")
    return found


def test_two_people_at_two_terminals_decide_and_every_page_names_both(terminal: Terminal) -> None:
    role = ("--role", "safety_physician")
    terminal.does("ann", "decide", SIGNAL, "--action", "start_validation", *role, *WHY)
    proposed = terminal.does(
        "ann", "propose", SIGNAL, "--action", "refute", "--status", "under_validation", *role, *WHY
    )
    name = proposed.out.splitlines()[1].split()[-2]
    run = terminal.replay(code=3)  # lines of the small run that nobody can read

    waiting = longwatch("proposals", "--from-run", run, "--json").json()
    assert [(one["sha256"], one["state"]) for one in waiting] == [(name, "waiting")]
    shown = terminal.does("bob", "approve", name[:12], *role, "--from-run", run)
    assert "action: refute" in shown.out
    run = terminal.replay(code=3)

    steps = longwatch("history", SIGNAL, "--from-run", run, "--json").json()
    assert [one["status"] for one in steps] == ["detected", "under_validation", "not_validated"]
    assert (steps[2]["decided_by"], steps[2]["approved_by"]) == ("ann", "bob")
    assert steps[2]["is_signed"]
    assert "unsigned" not in longwatch("history", SIGNAL, "--from-run", run).out
    answered = longwatch("proposals", "--all", "--from-run", run, "--json").json()
    assert [(one["state"], one["answered_by"]) for one in answered] == [("approved", "bob")]
    keys = longwatch("keys", "list", "--from-run", run, "--json").json()
    assert {one["person"]: one["roles"] for one in keys} == {
        "ann": ["safety_physician"], "bob": ["safety_physician"],
    }  # fmt: skip


def test_two_people_open_a_whole_matter_again_and_its_page_names_both(terminal: Terminal) -> None:
    role, by_ann = ("--role", "safety_physician"), ("ann", "propose")
    terminal.does("ann", "decide", SIGNAL, "--action", "start_validation", *role, *WHY)
    refuted = terminal.does(*by_ann, SIGNAL, "--action", "refute", *role, *WHY)
    run = terminal.replay(code=3)
    signals = longwatch("signals", "--from-run", run, "--json").json()
    matter = next(one["matter_id"] for one in signals if one["signal_id"] == SIGNAL)
    opened = terminal.does(*by_ann, matter, "--action", "reopen", *role, *WHY)
    for made in (refuted, opened):
        name = made.out.splitlines()[1].split()[-2]
        run = terminal.replay(code=3)
        terminal.does("bob", "approve", name[:12], *role, "--from-run", run)
    run = terminal.replay(code=3)

    steps = longwatch("history", SIGNAL, "--from-run", run, "--json").json()
    page = longwatch("matter", matter, "--from-run", run, "--json").json()

    assert [one["action"] for one in steps] == ["detect", "start_validation", "refute", "reopen"]
    assert (steps[3]["decided_by"], steps[3]["approved_by"]) == ("ann", "bob")
    assert steps[3]["is_signed"]
    (row,) = [one for one in page["people"] if one["action"] == "reopen"]
    assert (row["by"], row["approved_by"], row["is_signed"]) == ("ann", "bob", True)


def test_what_is_refused_goes_back_to_its_author_with_code_and_remedy(terminal: Terminal) -> None:
    terminal.does("ann", "decide", SIGNAL, "--action", "start_validation",
                  "--role", "committee_chair", *WHY)  # fmt: skip
    unsigned = longwatch(
        "decide", SIGNAL, "--action", "start_validation", "--by", "bob",
        "--role", "safety_physician", *WHY, "--append",
        terminal.folder / "in" / "decisions.ndjson", now=AT,
    )  # fmt: skip
    assert "unsigned" in unsigned.out

    run = terminal.replay(code=3)

    passed = json.loads((run / "run.json").read_text("utf-8"))["decisions_passed_over"]
    assert {one["author"]: one["code"] for one in passed} == {
        "ann": "role_not_granted", "bob": "unsigned",
    }  # fmt: skip
    assert all(one["remedy"] for one in passed)
    steps = longwatch("history", SIGNAL, "--from-run", run, "--json").json()
    assert [one["status"] for one in steps] == ["detected"]


def test_a_private_key_is_for_its_owner_alone_and_never_replaced(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    assert longwatch("keys", "make", "--out", key).code == 0
    content = key.read_bytes()

    again = longwatch("keys", "make", "--out", key)

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert again.code == 2
    assert "a key is never replaced" in again.err
    assert key.read_bytes() == content
    assert b"PRIVATE" not in longwatch("keys", "make", "--out", tmp_path / "b").out.encode()


def test_a_key_may_have_a_passphrase_and_is_useless_without_it(tmp_path: Path) -> None:
    key, words, wrong = tmp_path / "key", tmp_path / "words", tmp_path / "wrong"
    words.write_text("correct horse battery staple\n", encoding="utf-8")
    wrong.write_text("another\n", encoding="utf-8")
    longwatch("keys", "make", "--out", key, "--passphrase-file", words)
    call = ("withdraw", "0" * 64, "--by", "ann", "--key", key, "--append", tmp_path / "records")

    assert longwatch(*call, "--passphrase-file", words).code == 0
    for refused in (call, (*call, "--passphrase-file", wrong)):
        answer = longwatch(*refused)
        assert answer.code == 2
        assert "no private key that can be read here" in answer.err


def test_one_signed_record_holds_one_person(terminal: Terminal) -> None:
    answer = terminal.does(
        "ann", "decide", SIGNAL, "--action", "refute", "--role", "safety_physician", *WHY,
        "--approved-by", "bob", "--approver-role", "safety_physician", code=2,
    )  # fmt: skip

    assert "use `longwatch propose`" in answer.err


def test_unsigned_records_are_marked_wherever_they_are_shown(tmp_path: Path) -> None:
    write_inputs(tmp_path / "in")
    configuration = write_configuration(tmp_path / "configuration")
    run = tmp_path / "run"
    longwatch("replay", "folder", tmp_path / "in", "--out", run, "--config", configuration)

    steps = longwatch("history", SIGNAL, "--from-run", run, "--json").json()
    matter = longwatch("signals", "--from-run", run, "--json").json()[0]["matter_id"]
    assert "is_signed" in steps[1] or steps[1].get("is_signed") is None
    assert not steps[1].get("is_signed", False)
    assert "unsigned" in longwatch("history", SIGNAL, "--from-run", run).out
    assert "unsigned" in longwatch("matter", matter, "--from-run", run).out
    shutil.rmtree(run)
