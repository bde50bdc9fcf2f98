"""A small run: a few hundred cases of known numbers, through the whole pipeline."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import msgspec
from strategies import too_many_names

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness
from surveillance.domain.decision import Decision
from surveillance.runs.replay import replay
from surveillance.triage.triage import signal_id

if TYPE_CHECKING:
    from pathlib import Path

ROTASHIELD, ACTHIB = "ROTAVIRUS (ROTASHIELD)", "HIB (ACTHIB)"
FIRST_DAY = date(1999, 1, 4)
PAIR = ("product:ROTAVIRUS (ROTASHIELD)", "pt:Intussusception")
# Its own, so that what is shipped may change.
CONFIGURATION = {
    "people": "accept_unsigned = true",
    "criteria": """
        growth_ratio = 2.0
        prior = {min_pairs = 50}
        criterion = [
          {name = "evans", rule = "evans", min_count = 3, prr = 2.0, chi_square = 4.0},
          {name = "ror", rule = "ror_lower", min_count = 3},
          {name = "ic", rule = "ic_lower"},
        ]""",
    "products": """
        levels = ["programme", "product", "lot"]
        group.rotashield.names = ["ROTAVIRUS (ROTASHIELD)"]
        group.lymerix.names = ["LYME (LYMERIX)"]""",
    "events": """
        group.intussusception.pattern = "intussusc"
        group.arthritis.pattern = "arthritis|arthralgia\"""",
    "sources": """vaers.order = "version\"""",
    "topics": """
        cases = 4
        outcomes = 1""",
}
NOT_JSON = b'{"case_id": "A-9", "source": "vaers",'
NOT_UTF8 = b'{"case_id": "caf\xe9"}'

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Given:
    """One case as it is to be counted: when it came, what it says, when it was taken back."""

    case_id: str
    product: str
    event: str
    on: date
    is_fatal: bool = False
    nullified_on: date | None = None


def given() -> list[Given]:
    background = [
        Given(f"B-{i}", ACTHIB, ("Pyrexia", "Rash")[i % 2], FIRST_DAY + timedelta(days=i // 4))
        for i in range(200)
    ]
    mild = [
        Given(f"M-{i}", ROTASHIELD, "Pyrexia", FIRST_DAY + timedelta(days=7 * i)) for i in range(4)
    ]
    serious = [
        Given(f"R-{i}", ROTASHIELD, "Intussusception", FIRST_DAY + timedelta(days=5 * i + 3))
        for i in range(10)
    ]
    serious[4] = Given("R-4", ROTASHIELD, "Intussusception", serious[4].on, is_fatal=True)
    serious[5] = Given(
        "R-5", ROTASHIELD, "Intussusception", serious[5].on, nullified_on=date(1999, 3, 2)
    )
    other = [Given("H-1", ACTHIB, "Intussusception", date(1999, 1, 6))]
    return [*background, *mild, *serious, *other]


def versions(one: Given) -> list[CaseVersion]:
    seriousness = Seriousness(death=one.is_fatal, hospitalisation=one.event == "Intussusception")
    values: dict[str, Any] = {
        "case_id": one.case_id,
        "source": "vaers",
        "products": (Product(role="suspect", product=one.product),),
        "events": (Event(pt=one.event, seriousness=seriousness),),
    }
    first = CaseVersion(version=1, kind="initial", received_on=one.on, **values)
    if one.nullified_on is None:
        return [first]
    return [
        first,
        CaseVersion(version=2, kind="nullification", received_on=one.nullified_on, **values),
    ]


def decision() -> Decision:
    return Decision(
        decision_id="D-1",
        signal_id=signal_id(*PAIR, "safety"),
        action="start_validation",
        decided_by="scientist-1",
        role="safety_scientist",
        reason="three serious cases within a fortnight",
        decided_at=datetime(1999, 2, 25, tzinfo=UTC),
    )


def write_inputs(folder: Path) -> None:
    folder.mkdir()
    large = too_many_names("U-1", source="vaers", received_on=FIRST_DAY)
    cases = [encode(version) for one in given() for version in versions(one)]
    lines = [*cases, encode(large), NOT_JSON, NOT_UTF8]
    (folder / "cases.ndjson").write_bytes(b"".join(line + b"\n" for line in lines))
    (folder / "decisions.ndjson").write_bytes(encode(decision()) + b"\n")


def write_configuration(folder: Path) -> Path:
    folder.mkdir()
    for part, text in CONFIGURATION.items():
        (folder / f"{part}.toml").write_text(dedent(text), encoding="utf-8")
    return folder


def make_run(folder: Path) -> Path:
    """Replay the inputs; return the run's directory."""
    write_inputs(folder / "inputs")
    configuration = write_configuration(folder / "configuration")
    replay(
        "folder",
        [folder / "inputs"],
        out=folder / "run",
        configurations=Configurations(read_configuration(configuration)),
        configuration_directory=configuration,
        clock=time.monotonic,
    )
    return folder / "run"
