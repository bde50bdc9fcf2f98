"""A small run of several matters, whose names and texts were written by somebody unfriendly."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness
from surveillance.runs.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

FIRST = date(2024, 3, 4)  # a Monday
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://elsewhere.example","x")',
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "gnp\u202eexe.\u2066hidden\u2069",
    "javascript:alert(1)//",
    "x" * 240,
)
VERBATIM = "<svg onload=alert(1)>\u202e" + "y" * 200
CONFIGURATION = {
    "criteria": '[[criterion]]\nname = "evans"\nrule = "evans"\n',
    "people": "accept_unsigned = true\n",
    "triage": "[budget]\nper_reviewer_week = 2\n",
    "topics": "cases = 2\noutcomes = 1\n",
}


def _cases() -> list[CaseVersion]:
    background = [
        _case(f"B-{n}", n % 3, "COMMON", f"Common {n % 6}", "as it was") for n in range(120)
    ]
    hostile = [
        _case(f"{name[:60]}-{n}", 3 + n, name, f"{name} event", VERBATIM)
        for name in HOSTILE
        for n in range(3 + HOSTILE.index(name) % 3)
    ]
    return [*background, *hostile]


def _case(case_id: str, day: int, product: str, pt: str, verbatim: str) -> CaseVersion:
    event = Event(pt=pt, verbatim=verbatim, seriousness=Seriousness(hospitalisation=True))
    return CaseVersion(
        case_id=case_id,
        source="vaers",
        version=1,
        kind="initial",
        received_on=FIRST + timedelta(days=day),
        products=(Product(role="suspect", product=product),),
        events=(event,),
    )


def make_hostile_run(folder: Path) -> Path:
    """Replay the cases; return the run's directory."""
    (folder / "configuration").mkdir()
    for part, text in CONFIGURATION.items():
        (folder / "configuration" / f"{part}.toml").write_text(text, encoding="utf-8")
    (folder / "inputs").mkdir()
    lines = [msgspec.json.encode(one) for one in _cases()]
    lines.append(b'{"case_id": "<b>refused</b>\x1b", "source": ')
    (folder / "inputs" / "cases.ndjson").write_bytes(b"".join(one + b"\n" for one in lines))
    replay(
        "folder",
        [folder / "inputs"],
        out=folder / "run",
        configurations=Configurations(read_configuration(folder / "configuration")),
        configuration_directory=folder / "configuration",
        clock=time.monotonic,
    )
    return folder / "run"
