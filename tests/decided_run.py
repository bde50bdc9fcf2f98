"""A small run about which people have decided: reviews, clocks, a hold, a close, a proposal."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import read_configuration
from surveillance.domain.case import CaseVersion, Event, Product, Seriousness
from surveillance.domain.decision import Acknowledgement, Decision, Proposal, Suppression
from surveillance.runs.replay import replay
from surveillance.triage.matters import Matter
from surveillance.triage.triage import signal_id

if TYPE_CHECKING:
    from pathlib import Path

FIRST = date(2024, 3, 4)  # a Monday
LAST = date(2024, 4, 23)
CONFIGURATION = {
    "criteria": '[[criterion]]\nname = "evans"\nrule = "evans"\n',
    "people": "accept_unsigned = true\n",
    "triage": """
        [[review]]
        name = "deaths"
        min_fatal = 2
        ground = "danger_to_health"
        [[review]]
        name = "many_deaths"
        min_fatal = 2
        min_cases = 5
        ground = "unsafe_by_experience"
        """,
    "topics": "cases = 2\noutcomes = 1\n",
}
TWINS = ("product:ALPHA", "pt:Rash"), ("product:ALPHA", "pt:Itching")
ASKED = "product:BETA", "pt:Hepatic failure"
HELD = "product:GAMMA", "pt:Headache"
CLOSED = "product:DELTA", "pt:Nausea"
CLOCKED = "product:EPSILON", "pt:Cough"
ANSWERED = "product:ZETA", "pt:Sepsis"
PROPOSED = "product:ETA", "pt:Pain"
SUPPRESSED = "product:THETA", "pt:Fever"


def _cases() -> list[CaseVersion]:
    background = [_case(f"B-{n}", n % 3, "COMMON", (f"Common {n % 6}",)) for n in range(150)]
    late = [_case(f"L-{n}", 30 + 4 * n, "COMMON", ("Common 1",)) for n in range(6)]
    found = [*background, *late]
    for product, event in (HELD, CLOSED, CLOCKED, PROPOSED, SUPPRESSED):
        found += [_of(product, n, 4 + n, event) for n in range(5)]
    for product, event in (ASKED, ANSWERED):
        found += [_of(product, n, 4 + n, event, is_fatal=n in {1, 2}) for n in range(6)]
    both = (TWINS[0][1], TWINS[1][1])
    found += [_of(TWINS[0][0], n, 4 + 3 * n, *both) for n in range(6)]
    found.append(_of(TWINS[0][0], 6, 25, TWINS[0][1]))
    first = _of(TWINS[0][0], 0, 30, *both)
    return [*found, msgspec.structs.replace(first, version=2, kind="nullification")]


def _of(product: str, n: int, day: int, *events: str, is_fatal: bool = False) -> CaseVersion:
    name = product.partition(":")[2]
    terms = tuple(one.partition(":")[2] for one in events)
    return _case(f"{name}-{n}", day, name, terms, is_fatal=is_fatal)


def _case(
    case_id: str, day: int, product: str, terms: tuple[str, ...], *, is_fatal: bool = False
) -> CaseVersion:
    seriousness = Seriousness(death=is_fatal)
    return CaseVersion(
        case_id=case_id,
        source="vaers",
        version=1,
        kind="initial",
        received_on=FIRST + timedelta(days=day),
        products=(Product(role="suspect", product=product),),
        events=tuple(Event(pt=term, seriousness=seriousness) for term in terms),
    )


def _at(day: int) -> datetime:
    return datetime(2024, 3, 4, 12, tzinfo=UTC) + timedelta(days=day)


def _decided(
    name: str,
    pair: tuple[str, str],
    action: str,
    day: int,
    second: str | None = None,
    **fields: Any,  # noqa: ANN401 - of the record
) -> Decision:
    return Decision(
        decision_id=name,
        signal_id=signal_id(*pair, "safety"),
        action=action,
        decided_by="physician-1",
        role="safety_physician",
        reason="as the cases were read that day",
        decided_at=_at(day),
        approved_by=second,
        approver_role=None if second is None else "committee_chair",
        **fields,
    )


def _records() -> list[Any]:
    until = FIRST + timedelta(days=35)
    chair = "chair-1"
    alpha, theta = (Matter(*pair).matter_id for pair in (TWINS[0], SUPPRESSED))
    of_person: dict[str, Any] = {"decided_by": "scientist-1", "role": "safety_scientist"}
    return [
        _decided("D-01", HELD, "hold", 12, until=until),
        _decided("D-02", CLOSED, "start_validation", 12),
        _decided("D-03", CLOSED, "refute", 13, chair),
        _decided("D-04", CLOSED, "close", 14, chair),
        _decided("D-05", CLOCKED, "start_validation", 12),
        _decided("D-06", CLOCKED, "validate", 13),
        _decided("D-07", ANSWERED, "uphold_review", 15, chair, ground="danger_to_health",
                 ladder_step="label"),
        _decided("D-08", ASKED, "start_validation", 16),
        Proposal(decision_id="D-09", signal_id=signal_id(*PROPOSED, "safety"),
                 action="start_validation", reason="the cases are alike", decided_at=_at(16),
                 **of_person),
        Acknowledgement(decision_id="D-10", matter_id=alpha, up_to_epoch=12, decided_at=_at(17),
                        **of_person),
        Suppression(decision_id="D-11", matter_id=theta, until=LAST + timedelta(days=10),
                    reason="a known effect of the class", decided_at=_at(35),
                    decided_by="physician-1", role="safety_physician", approved_by=chair,
                    approver_role="committee_chair"),
    ]  # fmt: skip


def make_decided_run(folder: Path) -> Path:
    """Replay the cases and decisions; return the run's directory."""
    (folder / "configuration").mkdir(parents=True)
    for part, text in CONFIGURATION.items():
        (folder / "configuration" / f"{part}.toml").write_text(text, encoding="utf-8")
    inputs = folder / "inputs"
    inputs.mkdir()
    for name, records in (("cases", _cases()), ("decisions", _records())):
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in records)
        (inputs / f"{name}.ndjson").write_bytes(lines)
    return replay_decided(folder, folder / "run")


def replay_decided(folder: Path, out: Path, until: date | None = None) -> Path:
    """Replay what was made in a folder once more, until a day."""
    configuration = folder / "configuration"
    replay(
        "folder",
        [folder / "inputs"],
        out=out,
        configurations=Configurations(read_configuration(configuration)),
        configuration_directory=configuration,
        until_day=until,
        clock=time.monotonic,
    )
    return out
