"""Every option of every command, with the ends of its range and one beyond."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import invented_terms as invented
import pytest
from calling import Answer, longwatch, rows_of
from commands import commands, options

from surveillance.configuration.reader import SHIPPED
from surveillance.triage.matters import Matter
from surveillance.triage.signatures import new_key
from surveillance.triage.triage import signal_id

PAIR = ("product:ROTAVIRUS (ROTASHIELD)", "pt:Intussusception")
CASE = ("R-1", "ROTAVIRUS (ROTASHIELD)", "Intussusception")
MATTER = Matter(PAIR[0], "group:intussusception").matter_id
AWAY = "127.0.0.1:1"
DECISION = (
    f"{PAIR[0]}|{PAIR[1]}|safety", "--action", "start_validation", "--by", "a.person",
    "--role", "safety_scientist", "--reason", "long enough",
)  # fmt: skip


class Values(NamedTuple):
    """What an option takes, up to the ends of its range, and what it refuses."""

    taken: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


DATES = Values(
    ("0001-01-01", "9999-12-31", "1999-02-12"),
    ("0000-12-31", "10000-01-01", "1999-02-30", "12/02/1999", "", "now"),
)
NUMBERS = Values(("1", "1000000000"), ("0", "-1", "1000000001", "1e30", "nan", "", "1" + "0" * 30))
SEEDS = Values(("0", str(2**63 - 1)), ("-1", str(2**63), "1.5", "", "nan"))
BROKERS = Values(
    (AWAY, "127.0.0.1:65535,[::1]:1"),
    (
        "",
        ":",
        "host",
        "host:0",
        "host:65536",
        "::1:9092",
        "a:1,",
        "a b:1",
        "a\n:1",
        "h" * 300 + ":1",
    ),
)
LONG = "x" * 5_000
NAMES = Values(("rotashield",), ("", " ", LONG, "product:", ":", "\n", "\udcff", "[/b]"))
TEXTS = ("", " ", LONG, "a\nb", "a\x9bb", "\udcff")
SERVED = Values(("off",), ("", "host", "127.0.0.1:0", "127.0.0.1:65536", "256.0.0.1:9", "::1:9"))
URLS = Values(("{register}",), ("", "sqlite", "sqlite://", "mysql://x/y", "sqlite:///{dir}", LONG))
FOLDERS = Values(("{configuration}",), ("{file}", "{missing}", "{loop}", "{long}", ""))
RUNS = Values(("{run}", "{link}"), ("{file}", "{missing}", "{dir}", "{loop}", "{long}", ""))
FILES_READ = Values((), ("{missing}", "{dir}", "{empty}", "{loop}", "{long}", ""))
FILES_WRITTEN = Values(("{new}",), ("{dir}", "{missing}/x", "{file}/x", "{loop}", "{long}", ""))
FLAG = Values(("",))
HASHES = Values(("0" * 64,), ("", LONG, "0" * 63, "\udcff"))
PEOPLE = Values(("a", "x" * 120), (*TEXTS, "x" * 121))

# By option, for all commands that have it; a command may have its own.
VALUES: dict[str, Values] = {
    "--ablate": FLAG,
    "--all": FLAG,
    "--action": Values(("close",), (*TEXTS, "start")),
    "--band": Values(("P1",), (*TEXTS, "urgent")),
    "--full-name": Values(("A Person",), ("", " ", "a\nb", "x" * 251)),
    "--key": Values(("{key}",), FILES_READ.refused),
    "--key-id": Values(("K-0123456789abcdef",), (*TEXTS, "K-1")),
    "--ladder-step": Values(("label",), (*TEXTS, "a step")),
    "--passphrase-file": Values((), ("{missing}", "{dir}", "{empty}", "")),
    "--public-key": Values(("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",), (*TEXTS, "abc")),
    "--receivers": Values(("{receivers}",), FILES_READ.refused),
    "--refuse": FLAG,
    "--markdown": FILES_WRITTEN,
    "--merged-into": Values(("S-1",), (*TEXTS, "x" * 121)),
    "--answer": Values((), (*TEXTS, "reported_before", "reported_before=maybe")),
    "--append": FILES_WRITTEN,
    "--approved-by": Values((), TEXTS),
    "--approver-role": Values((), (*TEXTS, "pope")),
    "--as-of": DATES,
    "--broker": BROKERS,
    "--by": Values(("a", "[/b]", "x" * 120), (*TEXTS, "x" * 121)),
    "--code": Values(("not_json", "", LONG)),
    "--config": FOLDERS,
    "--criterion": Values(("evans",), ("", LONG, "[/b]")),
    "--csv": FILES_WRITTEN,
    "--design": Values((), ("", "hepatic", LONG, "\udcff")),
    "--latest": FLAG,
    "--programme": Values((), ("", "P1", LONG, "\udcff")),
    "--decisions": Values(("{decisions}",), ("{missing}", "{empty}", "{loop}", "")),
    "--epoch": Values(("0", str(2**53)), ("-1", str(2**53 + 1), "1e30", "x", "")),
    "--event": Values(("intussusception",), NAMES.refused),
    "--extracted-on": Values((), ("1999-02-30", "now", "")),
    "--every": Values(("0.05", "3600"), ("0.049", "3600.1", "nan", "-1", "", "inf")),
    "--first": FLAG,
    "--from": DATES,
    "--from-run": RUNS,
    "--ground": Values(("eu_harmful",), TEXTS),
    "--in-memory": FLAG,
    "--json": FLAG,
    "--kafka": FLAG,
    "--known": Values(("{known}",), (*FILES_READ.refused, "{cases}")),
    "--level": Values(("product",), ("", "products", LONG)),
    "--limit": NUMBERS,
    "--log-level": Values(("debug",), ("", "all", LONG)),
    "--metrics-address": SERVED,
    "--once": FLAG,
    "--note": Values(("", "x" * 4_000), ("\n", "x" * 4_001, "\udcff")),
    "--out": FILES_WRITTEN,
    "--outbox": Values(("{new}",), ("{dir}", "{missing}/x", "{file}/x", "{long}")),
    "--outcomes": Values(
        (), ("", "outcomes", "outcomes:", ":x", "outcomes:{missing}", "x:{cases}")
    ),
    "--per-week": Values(("1", "10000"), ("0", "-1", "10001", "1e30", "x", "")),
    "--plot": Values(("{new}.svg",), ("{new}.png", "{missing}/x.svg", "{long}.svg", "")),
    "--port": Values(("0", "65535"), ("-1", "65536", "1e30", "nan", "")),
    "--product": NAMES,
    "--public-reason": Values(("", "x" * 2_000), ("\n", "x" * 2_001, "\udcff")),
    "--random-weights": Values(("0", "1000"), ("-1", "1001", "1e30", "x", "")),
    "--reason": Values(("x" * 10, "x" * 4_000), (*TEXTS, "x" * 9, "x" * 4_001)),
    "--refused": FILES_WRITTEN,
    "--register": URLS,
    "--role": Values(("regulator",), (*TEXTS, "pope")),
    "--scenario": Values((), ("", "[/b]", LONG)),
    "--seed": SEEDS,
    "--signals": FLAG,
    "--state": Values((), ()),
    "--status": Values(("detected",), ("", "open", LONG)),
    "--top": NUMBERS,
    "--under": Values(("{terms}",), FOLDERS.refused),
    "--until": DATES,
    "--until-caught-up": FLAG,
    "--url": URLS,
    "--wait": Values(("0", "31536000"), ("-0.1", "31536001", "nan", "inf", "")),
    "--who-umc": Values(("probable",), (*TEXTS, "sure")),
    "--work-up": Values(
        ("autopsy=pending", "autopsy=done:found"),
        (*TEXTS, "autopsy", "autopsy=maybe", "autopsy=pending:found", "x=done"),
    ),
    "--what": Values(("findings", "signals", "contributions"), ("", "x", LONG)),
    "--withdrawn": Values(("stand",), ("", "drop", LONG)),
    "--xlsx": FILES_WRITTEN,
    "CASE_ID": Values(("R-1",), ("", LONG, "\n")),
    "FORMAT_NAME": Values(("cases",), ("", "x", LONG, "[/b]")),
    "MATTER_ID": Values((), ("", "\n", LONG, "\udcff")),
    "NAME": Values(("prr",), ("", LONG)),
    "NAMES": FILES_READ,
    "PATHS": Values(("{cases}",), FILES_READ.refused),
    "PLACE": Values(("cases.ndjson:218",), ("", LONG, "\n")),
    "RECEIVER": Values((), ("", "nobody", "\n", LONG, "\udcff")),
    "SCENARIO": Values((), ("", "x", LONG)),
    "SIGNAL_ID": Values((PAIR[0],), ("", "a\nb", LONG, "\udcff")),
}
OWN: dict[tuple[str, str], Values] = {
    ("backtest", "--seed"): Values(("0", str(2**32 - 1)), ("-1", str(2**32), "1.5", "", "nan")),
    ("case", "--as-of"): Values(DATES.taken[1:], (*DATES.refused, DATES.taken[0])),
    ("load", "--until"): Values(DATES.taken[1:], (*DATES.refused, DATES.taken[0])),
    ("load", "--from"): Values(DATES.taken[:1], (*DATES.refused, DATES.taken[1])),
    ("ack", "--out"): Values((), ("{file}", "{loop}")),
    ("history", "--as-of"): Values(DATES.taken[1:], (*DATES.refused, DATES.taken[0])),
    ("matter", "--as-of"): Values(DATES.taken[1:], (*DATES.refused, DATES.taken[0])),
    ("matter", "MATTER_ID"): Values((MATTER,), ("", "M-0", "\n", LONG, "\udcff")),
    ("history", "SIGNAL_ID"): Values((), ("", "S-1", "a\nb", LONG, "\udcff")),
    ("looks", "--plot"): Values((), ("{new}.png", "{missing}/x.svg", "{long}.svg", "")),
    ("series", "--every"): Values(("day", "month", "year"), ("", "week", LONG)),
    ("check-config", "DIRECTORY"): FOLDERS,
    ("convert", "--out"): Values(
        ("{new}", "{loop}"), ("{dir}", "{missing}/x", "{file}/x", "{long}", "")
    ),
    ("demo", "--out"): Values((), ("{file}", "{file}/x", "{loop}", "{long}")),
    **{
        (name, "--append"): Values(("{new}",), (*FILES_WRITTEN.refused, "/dev/full"))
        for name in (
            "assess",
            "suppress",
            "propose",
            "approve",
            "withdraw",
            "keys register",
            "keys grant",
            "keys revoke",
        )
    },
    ("assess", "--config"): Values((), FOLDERS.refused),
    ("assess", "--product"): Values((CASE[1],), ("", "P-0", LONG, "\udcff")),
    ("assess", "--event"): Values((CASE[2],), ("", "E-0", LONG, "\udcff")),
    ("assess", "CASE_ID"): Values((CASE[0],), ("", LONG, "\n")),
    ("assess", "--answer"): Values((), (*TEXTS, "reported_before", "reported_before=yes")),
    ("assess", "--role"): Values(("committee_chair",), (*TEXTS, "pope")),
    ("approve", "--from-run"): Values((), RUNS.refused),  # it holds no proposal
    ("approve", "--register"): Values((), URLS.refused),
    ("approve", "PROPOSAL"): HASHES,
    ("withdraw", "PROPOSAL"): HASHES,
    ("form validation", "SUBJECT"): Values((MATTER,), ("", "M-0", "\n", LONG, "\udcff")),
    ("form validation", "--as-of"): Values(DATES.taken[1:], (*DATES.refused, DATES.taken[0])),
    ("propose", "SUBJECT"): Values(("S-1",), ("", LONG, "\udcff")),
    ("keys register", "PERSON"): PEOPLE,
    ("keys grant", "PERSON"): PEOPLE,
    ("keys revoke", "PERSON"): PEOPLE,
    ("keys make", "--passphrase-file"): Values(("{file}",), ("{missing}", "{dir}", "{empty}", "")),
    ("keys revoke", "--role"): Values((), (*TEXTS, "regulator")),  # beside the key that it names
    ("acknowledge", "MATTER_ID"): Values(("M-0",), ("", "\n", LONG, "\udcff")),
    ("acknowledge", "--append"): Values(("{new}",), (*FILES_WRITTEN.refused, "/dev/full")),
    ("decide", "--append"): Values(("{new}",), (*FILES_WRITTEN.refused, "/dev/full")),
    ("outcomes template", "--out"): Values(
        ("{new}", "{new}.csv", "{new}.xlsx"),
        (
            "{dir}",
            "{missing}/x",
            "{missing}/x.csv",
            "{file}/x.xlsx",
            "{loop}",
            "{long}.csv",
            "{new}.txt",
            "",
        ),
    ),
    ("notify test", "--receivers"): FILES_READ,  # it would have to answer
    ("notify test", "--config"): Values((), FOLDERS.refused),
    ("parity", "DIRECTORY"): RUNS,
    ("replay", "--out"): Values(
        ("{new}", "{dir}", "{link}"), ("{file}", "{file}/x", "{loop}", "{long}", "{foreign}")
    ),
    ("replay", "--from"): Values(("0001-01-01",), DATES.refused),
    ("replay", "--until"): Values(("9999-12-31",), DATES.refused),
    ("run export", "DIRECTORY"): RUNS,
    ("terms unknown", "--config"): Values(("{terms}",), FOLDERS.refused),
    ("schema", "DIRECTORY"): Values(("{new}",), ("{file}", "{file}/x", "{loop}", "{long}")),
    ("simulate", "--out"): Values(
        ("{new}", "{dir}", "{dirlink}"), ("{file}", "{file}/x", "{loop}", "{long}", "{foreign}")
    ),
}
_READS = {"FORMAT_NAME": "cases", "PATHS": "{cases}"}
_RUN = {"--from-run": "{run}"}
_PAIR = {"--product": PAIR[0], "--event": PAIR[1]}
_KAFKA = {"--broker": AWAY}
# What each command is given beside the option that is tried.
BASES: dict[str, dict[str, str]] = {
    "ack": {"NAMES": "{missing}"},
    "acknowledge": {
        "MATTER_ID": "M-0", "--epoch": "0", "--by": "a.person", "--role": "statistician",
        "--append": "{new}",
    },
    "assess": {
        "CASE_ID": CASE[0], **_RUN, "--product": CASE[1], "--event": CASE[2],
        "--who-umc": "possible", "--by": "a.person", "--role": "safety_physician",
        "--reason": "long enough", "--append": "{new}",
    },
    "backtest": {**_RUN, "--known": "{known}", "--per-week": "20"},
    "case": {"CASE_ID": "R-1", **_RUN},
    "cases": {**_RUN, **_PAIR},
    "check-config": {},
    "console": _RUN,
    "convert": {**_READS, "--out": "{new}"},
    "decide": {
        "SIGNAL_ID": PAIR[0], "--action": "confirm", "--by": "a.person", "--role": "regulator",
        "--reason": "long enough", "--append": "{new}",
    },
    "demo": {"--scenario": "nothing", "--out": "{new}"},
    "detectors": {},
    "findings": _RUN,
    "form validation": {"SUBJECT": MATTER, **_RUN},
    "history": {"SIGNAL_ID": signal_id(*PAIR, "safety"), **_RUN},
    "inspect": _READS,
    "looks": _RUN,
    "keys grant": {
        "PERSON": "a.person", "--role": "statistician", "--by": "an.admin", "--key": "{key}",
        "--append": "{new}",
    },
    "keys list": _RUN,
    "keys make": {"--out": "{new}"},
    "keys register": {
        "PERSON": "a.person", "--full-name": "A Person", "--by": "an.admin", "--key": "{key}",
        "--public-key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "--append": "{new}",
    },
    "keys revoke": {
        "PERSON": "a.person", "--key-id": "K-0123456789abcdef", "--by": "an.admin",
        "--key": "{key}", "--reason": "long enough", "--append": "{new}",
    },
    "law": {},
    "lifecycle": {},
    "load": {**_READS, **_KAFKA, "--refused": "{new}"},
    "matter": {"MATTER_ID": MATTER, **_RUN},
    "names unknown": _READS,
    "notify follow": {
        "--receivers": "{receivers}", "--outbox": "{new}", **_KAFKA, "--metrics-address": "off",
    },
    "notify test": {"RECEIVER": "desk", "--receivers": "{receivers}"},
    "outcomes template": {},
    "parity": {"DIRECTORY": "{run}", **_KAFKA},
    "priors": _RUN,
    "approve": {
        "PROPOSAL": "0" * 64, "--by": "a.person", "--role": "statistician", "--append": "{new}",
    },
    "proposals": _RUN,
    "propose": {
        "SUBJECT": PAIR[0], "--action": "confirm", "--by": "a.person", "--role": "regulator",
        "--reason": "long enough", "--append": "{new}",
    },
    "ranking": _RUN,
    "refused list": _RUN,
    "refused retry": {**_RUN, "--out": "{new}"},
    "refused show": {"PLACE": "cases.ndjson:218", **_RUN},
    "register follow": {"--url": "{register}", **_KAFKA, "--metrics-address": "off"},
    "register upgrade": {"--url": "{register}"},
    "replay": {**_READS, "--out": "{new}"},
    "run export": {"DIRECTORY": "{run}", "--what": "findings", "--out": "{new}"},
    "schema": {"DIRECTORY": "{new}"},
    "series": {**_RUN, **_PAIR},
    "signals": _RUN,
    "simulate": {"SCENARIO": "ucd-small", "--out": "{new}"},
    "withdraw": {"PROPOSAL": "0" * 64, "--by": "a.person", "--append": "{new}"},
    "terms changes": {**_READS, "--config": "{terms}", "--under": "{terms}"},
    "terms unknown": {**_READS, "--config": "{terms}"},
    "suppress": {
        "MATTER_ID": "M-0", "--until": "2026-08-01", "--by": "a.person",
        "--role": "safety_physician", "--reason": "long enough", "--append": "{new}",
    },
    "ticker": {**_KAFKA, "--once": ""},
    "topics apply": _KAFKA,
    "topics plan": _KAFKA,
    "worker": {**_KAFKA, "--state": "{new}", "--metrics-address": "off"},
}  # fmt: skip


class Place:
    """Files and folders of every kind that an argument may lead to."""

    def __init__(self, folder: Path, run: Path) -> None:
        self._folder, self._n, self._run = folder, 0, run
        (folder / "loop").symlink_to(folder / "loop")
        (folder / "file").write_text("mine", encoding="utf-8")
        (folder / "empty").touch()
        (folder / "key").write_bytes(new_key())
        (folder / "secret").write_text("0123456789abcdef", encoding="utf-8")
        (folder / "receivers").write_text(
            '[receiver.desk]\ntype = "webhook"\nurl = "http://127.0.0.1:1/"\n'
            f'secret_file = "{folder / "secret"}"\nkinds = ["moved"]\n',
            encoding="utf-8",
        )
        self._terms = invented.configuration(folder / "terms", invented.files())
        self._foreign = folder / "foreign"
        self._foreign.mkdir()
        for name in ("cases.ndjson", "thesis.txt"):
            (self._foreign / name).write_text("mine", encoding="utf-8")
        cases = (run.parent / "inputs" / "cases.ndjson").read_bytes().splitlines()[:60]
        (folder / "cases.ndjson").write_bytes(b"".join(case + b"\n" for case in cases))
        (folder / "known.csv").write_text(
            "id,product,event,licensed,first_regulator_action,action,withdrawn,truth,source,"
            "vax_name_regex,pt_regex\nk,p,e,1999-01-01,1999-02-01,a,,t,s,ROTA,intuss\n",
            encoding="utf-8",
        )

    def fill(self, value: str) -> str:
        """Put the paths that a value names in their places."""
        for name in ("new", "dir", "link", "dirlink"):
            if f"{{{name}}}" in value:
                value = value.replace(f"{{{name}}}", str(self._fresh(name)))
        known = {
            "run": self._run, "register": f"sqlite:///{self._run / 'register.db'}",
            "configuration": SHIPPED / "vaers", "long": self._folder / ("x" * 300),
            "decisions": self._run.parent / "inputs" / "decisions.ndjson",
            "terms": self._terms,
            "cases": self._folder / "cases.ndjson", "known": self._folder / "known.csv",
        }  # fmt: skip
        for name in ("loop", "file", "empty", "foreign", "missing", "key", "receivers"):
            known[name] = self._folder / name
        for name, path in known.items():
            value = value.replace(f"{{{name}}}", str(path))
        return value

    def _fresh(self, kind: str) -> Path:
        self._n += 1
        path = self._folder / f"{kind}-{self._n}"
        if kind == "dir":
            path.mkdir()
        if kind == "link":
            path.symlink_to(self._run)
        if kind == "dirlink":
            self._fresh("dir")
            path.symlink_to(self._folder / f"dir-{self._n}")
        return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Place:
    return Place(tmp_path_factory.mktemp("arguments"), run)


def call(place: Place, command: str, tried: Mapping[str, str]) -> Answer:
    """Call a command with the options that are tried, and what it needs beside them."""
    given = {**BASES[command], **tried}
    if "--register" in tried:
        given.pop("--from-run", None)
    if "--append" in given and "--broker" in tried:
        given.pop("--append")
    words = list(command.split())
    for name in options(command):  # in the order of the positional ones
        if name not in given:
            continue
        one = place.fill(given[name])
        flag = VALUES.get(name) is FLAG
        words += [name] if flag else [name, one] if name.startswith("-") else [one]
    return longwatch(*words)


def _tried(kind: str) -> list[tuple[str, str, str]]:
    """Return commands with an option and a value; Kafka need not be asked again and again."""
    return [
        (name, option, value)
        for name in commands()
        for option in options(name)
        for value in getattr(OWN.get((name, option), VALUES.get(option, Values())), kind)
    ]


def test_every_option_of_every_command_has_its_values() -> None:
    missing = [
        (name, option)
        for name in commands()
        for option in options(name)
        if option not in VALUES and (name, option) not in OWN
    ]
    assert not missing
    assert BASES.keys() == commands().keys()


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("command", commands())
def test_what_lies_beyond_the_range_of_an_option_is_refused_in_one_line(
    place: Place, command: str
) -> None:
    wrong = []
    for name, option, value in _tried("refused"):
        if name != command:
            continue
        answer = call(place, command, {option: value})
        lines = answer.err.splitlines()
        if answer.code != 2 or len(lines) != 1 or ";" not in lines[0]:
            wrong.append((option, value[:40], answer.code, answer.out[-200:], answer.err[-700:]))
    assert not wrong


def test_a_file_of_decisions_whose_last_line_lacks_its_end_gets_it_first(tmp_path: Path) -> None:
    file = tmp_path / "decisions.ndjson"
    for _ in range(2):
        assert longwatch("decide", *DECISION, "--append", file).code == 0
        file.write_bytes(file.read_bytes().rstrip(b"\n"))

    assert longwatch("decide", *DECISION, "--append", file).code == 0
    assert [row["decided_by"] for row in rows_of(file)] == ["a.person"] * 3
    assert file.read_bytes().endswith(b"}\n")
