"""Text of others reaches a screen as text: never as commands, never as markup, never fatally."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from calling import ROOT, Answer, longwatch, topic_rows_of
from commands import commands, options

from surveillance.cli.screen import print_json_lines, visible, visible_drawing
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness
from surveillance.log.topics import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Controls of eight bits, a deletion, overrides, a line separator, markup that opens, markup
# that closes what was never opened, the name of an emoji, and no ASCII. Those below the
# space are refused in records; they come in paths, arguments and refused lines.
HOSTILE = "\x9b32m\x7f\u202e\u2066 \u2028[red][/b]:smile: é"
_MAY_PASS = ("\n", "\u200c", "\u200d")
_COMMANDS = ("Cc", "Cf", "Cs", "Zl", "Zp")


def _controls(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in _COMMANDS and c not in _MAY_PASS}


class Hostile(NamedTuple):
    """A run of names that are commands, in folders of such names."""

    folder: Path
    replayed: Answer
    product: str
    event: str
    signal: str

    @property
    def run(self) -> Path:
        return self.folder / "run[red]\x1b[31m[_x]%41?b"

    @property
    def cases(self) -> Path:
        return self.folder / "cases.ndjson"

    @property
    def place(self) -> str:
        listed: list[dict[str, str]] = longwatch(
            "refused", "list", "--json", "--from-run", self.run
        ).json()
        return listed[0]["place"]


def _case(n: int, **fields: Any) -> bytes:  # noqa: ANN401 - as the record takes them
    product = "MMR" if n % 8 else f"P{HOSTILE}"
    event = "Rash" if n % 8 and n % 50 else f"E{HOSTILE}"
    return msgspec.json.encode(
        CaseVersion(
            case_id=f"C-{n} é [/b]",
            source="vaers",
            version=1,
            kind="initial",
            received_on=date(1999, 1, 1) + timedelta(days=n // 4),
            products=(Product(role="suspect", product=product, lot=f"L{HOSTILE}"),),
            events=(Event(pt=event, seriousness=Seriousness(death=True)),),
            **fields,
        )
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    folder = tmp_path_factory.mktemp("screen") / "in[/b]\x9b31m\u202e"
    folder.mkdir(parents=True)
    lines = [_case(n) for n in range(240)]
    lines += [b'{"case_id": "C\xc2\x9b31m[/b]"}', b"\xff[/b]\x1b[31m"]
    (folder / "cases.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    empty = Hostile(folder, Answer(0, "", ""), "", "", "")
    replayed = longwatch("replay", "cases", folder / "cases.ndjson", "--out", empty.run)
    found = next(
        row
        for row in topic_rows_of(empty.run, FINDINGS)
        if row["type"] == "pair" and row["product"].startswith("product:P")
    )
    signal = f"{found['product']}|{found['event']}|safety"
    return Hostile(folder, replayed, found["product"], found["event"], signal)


def _within(folder: Path, name: str) -> Path:
    """Name a file or folder; a slash in it makes a folder of its first half."""
    named = folder / name
    named.parent.mkdir(parents=True, exist_ok=True)
    return named


def _known(folder: Path) -> Path:
    file = folder / "known.csv"
    file.write_text(
        "id,product,event,licensed,first_regulator_action,action,withdrawn,truth,source,"
        f"vax_name_regex,pt_regex\nk{HOSTILE},p,e,1999-01-01,1999-02-01,a,,t,s,P,E\n",
        encoding="utf-8",
    )
    return file


def _calls(one: Hostile) -> dict[str, tuple[object, ...]]:
    """Return arguments for each command: those that read it all, and others with wrong names."""
    run = ("--from-run", one.run)
    pair = ("--product", one.product, "--event", one.event)
    broker = ("--broker", f"b{HOSTILE}:1")
    out = _within(one.folder, "out[/x]\x1b")
    return {
        "demo": ("--scenario", HOSTILE),
        "replay": ("cases", one.cases, "--out", _within(one.folder, "again[/x]\x9b")),
        "convert": ("cases", one.cases, "--out", _within(one.folder, "lines[/x]\x1b.ndjson")),
        "inspect": ("cases", one.cases),
        "names unknown": ("cases", one.cases),
        "terms unknown": ("cases", one.cases, "--config", one.folder / HOSTILE),
        "terms changes": ("cases", one.cases, "--under", one.folder / HOSTILE),
        "simulate": (HOSTILE, "--out", out),
        "check-config": (one.folder / HOSTILE,),
        "ack": (one.folder / HOSTILE, "--out", out),
        "outcomes template": ("--out", _within(one.folder, "table[/x]\x1b.csv")),
        "schema": (_within(one.folder, "schemas[/x]\x1b"),),
        "run export": (one.run, "--what", HOSTILE),
        "topics plan": broker,
        "topics apply": broker,
        "load": ("cases", one.cases, *broker, "--refused", out),
        "ticker": (*broker, "--once"),
        "worker": (*broker, "--state", one.folder / "state", "--metrics-address", "off"),
        "parity": (one.run, *broker),
        "register follow": ("--url", "sqlite://", *broker, "--metrics-address", "off"),
        "register upgrade": ("--url", f"sqlite:///{one.folder / HOSTILE}"),
        "notify follow": (
            "--receivers", one.folder / HOSTILE, "--outbox", one.folder / "outbox", *broker,
            "--metrics-address", "off",
        ),
        "notify test": (HOSTILE, "--receivers", one.folder / HOSTILE),
        "decide": (
            one.signal, "--action", "start_validation", "--by", "[/b]:smile:", "--role",
            "safety_scientist", "--reason", "[red]long enough[/x]", "--append",
            _within(one.folder, "decisions[/x]\x1b"),
        ),
        "acknowledge": (
            f"M-{HOSTILE}", "--epoch", "1", "--by", "[/b]:smile:", "--role", "statistician",
            "--note", "[red]seen[/x]", "--append", _within(one.folder, "seen[/x]\x1b"),
        ),
        "suppress": (
            f"M-{HOSTILE}", "--until", "2026-08-01", "--by", "[/b]:smile:", "--role",
            "safety_physician", "--reason", "[red]long enough[/x]", "--append",
            _within(one.folder, "suppressed[/x]\x1b"),
        ),
        "assess": (
            "C-1 é [/b]", "--product", HOSTILE, "--event", "[/b]:smile:", "--by", "[/b]:smile:",
            "--role", "safety_physician", "--reason", "[red]long enough[/x]", "--who-umc",
            "possible", *run, "--append", _within(one.folder, "assessed[/x]\x1b"),
        ),
        "propose": (
            one.signal, "--action", "start_validation", "--by", "[/b]:smile:", "--role",
            "safety_scientist", "--reason", "[red]long enough[/x]", "--append",
            _within(one.folder, "proposed[/x]\x1b"),
        ),
        "approve": (
            HOSTILE, "--by", "[/b]:smile:", "--role", "statistician", *run, "--append",
            _within(one.folder, "approved[/x]\x1b"),
        ),
        "withdraw": (
            "0" * 64, "--by", "[/b]:smile:", "--note", "[red]no[/x]", "--append",
            _within(one.folder, "withdrawn[/x]\x1b"),
        ),
        "proposals": run,
        "keys list": run,
        "keys make": ("--out", _within(one.folder, "key[/x]\x1b")),
        "keys register": (
            "[/b]:smile:", "--full-name", "[/b]", "--public-key", "x", "--by", "[/b]", "--key",
            one.folder / HOSTILE, "--append", one.folder / HOSTILE,
        ),
        "keys grant": (
            "[/b]:smile:", "--role", HOSTILE, "--by", "[/b]", "--key", one.folder / HOSTILE,
            "--append", one.folder / HOSTILE,
        ),
        "keys revoke": (
            "[/b]:smile:", "--role", HOSTILE, "--by", "[/b]", "--key", one.folder / HOSTILE,
            "--reason", "long enough", "--append", one.folder / HOSTILE,
        ),
        "law": ("--config", one.folder / HOSTILE),
        "lifecycle": ("--config", one.folder / HOSTILE),
        "matter": (f"M-{HOSTILE}", *run),
        "findings": run,
        "looks": run,
        "history": (one.signal, *run),
        "form validation": (one.signal, *run),
        "priors": run,
        "signals": run,
        "ranking": run,
        "series": (*run, *pair, "--plot", _within(one.folder, "plot[/x]\x1b.svg")),
        "cases": (*run, *pair),
        "console": ("--from-run", one.folder / HOSTILE),  # over a run it would not end
        "case": ("C-1 é [/b]", *run),
        "backtest": (*run, "--known", _known(one.folder)),
        "detectors": (HOSTILE,),
        "refused list": run,
        "refused show": (one.place, *run),
        "refused retry": (*run, "--out", _within(one.folder, "retry[/x]\x1b")),
    }  # fmt: skip


@pytest.mark.parametrize("command", commands())
def test_no_command_sends_the_text_of_others_to_a_screen_as_commands(
    hostile: Hostile, command: str
) -> None:
    arguments = _calls(hostile)[command]
    asked = [()] if "--json" not in options(command) else [(), ("--json",)]
    for more in asked:
        answer = longwatch(*command.split(), *arguments, *more)

        assert answer.code in {0, 2, 3}, answer
        assert "Traceback" not in answer.err
        assert not _controls(answer.out + answer.err)
        assert answer.out or answer.err


def test_names_are_shown_with_escapes_and_with_their_brackets(hostile: Hostile) -> None:
    assert hostile.replayed.code == 3
    assert r"run[red]\x1b[31m[_x]%41?b" in hostile.replayed.out
    for command in (("findings",), ("signals",), ("ranking", "--all")):
        shown = longwatch(*command, "--from-run", hostile.run, "--limit", "500").out
        assert "[red][/b]:smile:é" in re.sub(r"\s", "", shown).casefold()


def test_json_escapes_what_a_terminal_would_obey_and_keeps_every_value(hostile: Hostile) -> None:
    answer = longwatch("refused", "show", "cases.ndjson:241", "--from-run", hostile.run, "--json")

    assert not _controls(answer.out)
    assert any("\x9b31m[/b]" in str(value) for value in answer.json()[0].values())


def test_every_control_that_unicode_knows_is_made_visible() -> None:
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) in _COMMANDS and character not in _MAY_PASS[1:]:
            assert visible(f"a{character}b").isprintable(), hex(point)
    assert visible("café ζ 中 \u200f") == r"café ζ 中 \u200f"
    assert visible("café ζ", "latin-1") == r"café \u03b6"


def test_a_drawing_keeps_its_shape_on_a_screen_of_ascii() -> None:
    drawing = "┌──┐\n│▖•│\n└──┘"

    assert visible_drawing(drawing, "utf-8") == drawing
    assert visible_drawing(drawing, "ascii") == "+--+\n|*o|\n+--+"


def test_only_one_module_of_the_command_line_writes_to_a_screen() -> None:
    writes = re.compile(r"\bprint\(|typer\.echo|sys\.std(?:out|err)\.write|\bConsole\(")
    found = {
        file.name: [line.strip() for line in file.read_text(encoding="utf-8").splitlines()
                    if writes.search(re.sub(r"\w\.print\(|def _print\(|^\s+_print\(", "", line))]
        for file in (ROOT / "surveillance/cli").glob("*.py")
    }  # fmt: skip
    assert found.pop("screen.py")
    assert {name: lines for name, lines in found.items() if lines} == {
        "terminal.py": ["console=Console(stderr=True, highlight=False, soft_wrap=True),"],
        "charts.py": [
            "canvas = Console(record=True, width=width, file=io.StringIO(), color_system=None)"
        ],
    }


_CALL_ALL = """
import json, os, sys
from surveillance.cli import main
codes = {}
for name, arguments in json.load(open(sys.argv[1], encoding="utf-8")):
    try:
        main([os.fsdecode(argument.encode()) for argument in arguments])
    except SystemExit as end:
        codes[name] = end.code
json.dump(codes, open(sys.argv[2], "w", encoding="utf-8"))
"""
_READING = (
    "check-config", "findings", "priors", "signals", "ranking", "series", "cases", "case",
    "backtest", "detectors", "refused list", "refused show", "run export", "inspect",
    "names unknown",
)  # fmt: skip
_SCREENS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def _every_reading(one: Hostile) -> Iterator[tuple[str, list[str]]]:
    others = {"detectors": (), "check-config": (), "run export": (one.run, "--what", "findings")}
    for command in _READING:
        arguments = others.get(command, _calls(one)[command])
        for more in [(), ("--json",)] if "--json" in options(command) else [()]:
            given = [*command.split(), *map(str, arguments), *more]
            yield " ".join([command, *more]), given


def _call_all(one: Hostile, tmp_path: Path, *, environment: dict[str, str], out: Any) -> Any:  # noqa: ANN401 - what a process takes
    listing, codes = tmp_path / "calls.json", tmp_path / "codes.json"
    listing.write_text(json.dumps(list(_every_reading(one))), encoding="utf-8")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {out}', "sh", sys.executable, "-c", _CALL_ALL, listing, codes],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        timeout=600,
        check=False,
    )
    return done, json.loads(codes.read_bytes())


@pytest.mark.parametrize(
    "screen",
    ["ascii", *(pytest.param(name, marks=pytest.mark.campaign) for name in ("latin-1", "C"))],
)
def test_a_screen_that_is_not_utf_8_is_fatal_to_no_reading_command(
    hostile: Hostile, tmp_path: Path, screen: str
) -> None:
    done, codes = _call_all(hostile, tmp_path, environment=_SCREENS[screen], out="")

    assert set(codes.values()) == {0, 3}, (codes, done.stderr)  # 3: files with refused lines
    assert len(codes) >= 24
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stdout + done.stderr


def test_json_is_utf_8_on_every_screen(hostile: Hostile, tmp_path: Path) -> None:
    for environment in _SCREENS.values():
        done = subprocess.run(
            [sys.executable, "-m", "surveillance", "findings", "--json", "--from-run", hostile.run],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            cwd=tmp_path,
            capture_output=True,
            timeout=600,
            check=False,
        )
        assert any(
            "é" in row["product"].casefold() for row in json.loads(done.stdout.decode("utf-8"))
        )


def test_a_command_whose_standard_output_is_closed_runs_as_if_it_were_thrown_away(
    hostile: Hostile, tmp_path: Path
) -> None:
    done, codes = _call_all(hostile, tmp_path, environment={}, out=">&-")

    assert set(codes.values()) == {0, 3}, (codes, done.stderr)  # 3: files with refused lines
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("findings",), ("findings", "--json"), ("run", "export")])
def test_a_standard_output_without_space_is_told_in_one_line(
    hostile: Hostile, command: tuple[str, ...]
) -> None:
    run = (
        (hostile.run, "--what", "findings") if command[0] == "run" else ("--from-run", hostile.run)
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "surveillance", *command, *run],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=600,
            check=False,
        )

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert b"standard output: cannot be written" in done.stderr


def test_rows_are_exported_byte_for_byte_to_a_file_and_safely_to_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = '{"a":"\x9b\u202e\U000e0041"}\n'
    print_json_lines([row.encode()])
    assert capsys.readouterr().out == row

    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_json_lines([row.encode()])
    shown = capsys.readouterr().out
    assert shown == '{"a":"\\u009b\\u202e\\udb40\\udc41"}\n'
    assert json.loads(shown) == json.loads(row)
