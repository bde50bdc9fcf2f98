"""The schemas in docs/schema are the generator's, and records fit them."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from histories import embedded, random_log
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import (  # type: ignore[import-untyped]  # it ships no types
    Draft202012Validator,
    ValidationError,
)
from msgspec.structs import replace
from noticing import every_notice
from signing import ADMINISTRATOR, Desk, Person
from strategies import (
    a_case,
    a_configuration,
    a_decision,
    an_excess,
    case_versions,
    contributions,
    encode,
    programmes,
)
from triaged import SIGNAL, TriagedEpochs, a_finding

from surveillance.cli.schemas import schemas, write_schemas
from surveillance.configuration.reader import SHIPPED
from surveillance.configuration.types import PriorFit
from surveillance.domain.case import CaseVersion
from surveillance.domain.contribution import Contribution
from surveillance.domain.outcome import EndpointEvent
from surveillance.log.messages import Batch, decode_message
from surveillance.log.ticks import Tick, encode_tick
from surveillance.log.topics import ALERTS, FEED, REVIEWS

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "docs" / "schema"
MADE = schemas()
CONFIGURATION = a_configuration(
    programmes=programmes("P1", "P2", hepatic=an_excess(horizon=0.5, alpha=0.2))
)


def fits(name: str, value: bytes) -> None:
    validator = Draft202012Validator(MADE[name], format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(json.loads(value))


def test_the_committed_schemas_are_what_the_generator_makes(tmp_path: Path) -> None:
    made = {path.name: path.read_bytes() for path in write_schemas(tmp_path / "new")}

    assert {path.name: path.read_bytes() for path in COMMITTED.iterdir()} == made


@pytest.mark.parametrize("name", MADE)
def test_a_schema_is_one_of_2020_12_and_names_itself(name: str) -> None:
    Draft202012Validator.check_schema(MADE[name])

    assert MADE[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert len({schema["$id"] for schema in MADE.values()}) == len(MADE)


@given(case_versions())
def test_case_versions_fit_their_schema(case: CaseVersion) -> None:
    fits("case-version", encode(case))


@given(contributions)
def test_contributions_fit_their_schema(row: Contribution) -> None:
    fits("contribution", encode(row))


@given(st.integers(0, 10**9), st.lists(st.integers(0, 9), max_size=3))
def test_ticks_fit_their_schema(at: int, ends: list[int]) -> None:
    fits("tick", encode_tick(Tick(at, "c", {"raw": ends})))


GOOD_CASE = encode(a_case())


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("case-version", GOOD_CASE.replace(b'"version":1', b'"version":0')),
        ("case-version", GOOD_CASE.replace(b'"version":1', b'"version":"1"')),
        ("case-version", GOOD_CASE.replace(b'"version":1', b'"version":1,"extra":1')),
        ("case-version", GOOD_CASE.replace(b'"kind":"initial"', b'"kind":"first"')),
        ("case-version", GOOD_CASE.replace(b"2024-03-10", b"10-MAR-2024")),
        ("case-version", GOOD_CASE.replace(b'"case_id":"A",', b"")),
        ("decision", encode(a_decision()).replace(b"start_validation", b"With draw")),
        ("decision", encode(a_decision()).replace(b"ten letters or more", b"short")),
        ("tick", b'{"at":-1,"configuration":"c","cut":{}}'),
        ("tick", b'{"at":1,"configuration":"c","cut":{"raw":[-1]}}'),
        ("contribution", b"[1,2]"),
        ("outcome-record", b'{"type":"endpoint_event"}'),
        ("outcome-record", b'{"type":"other"}'),
        ("configuration-criteria", b'{"criterion":[{"rule":"evans","name":"e","prr":-1}]}'),
    ],
)
def test_a_bad_record_does_not_fit(name: str, bad: bytes) -> None:
    with pytest.raises(ValidationError):
        fits(name, bad)


def test_a_decision_and_an_outcome_fit() -> None:
    fits("decision", encode(a_decision()))
    outcome = EndpointEvent(
        record_id="e",
        programme="P1",
        patient_id="one",
        received_on=a_case().received_on,
        endpoint="hepatic failure",
        occurred_on=a_case().received_on,
    )
    fits("outcome-record", encode(outcome))


@pytest.mark.parametrize(
    "path", sorted(SHIPPED.glob("*/*.toml")), ids=lambda p: f"{p.parent.name} {p.stem}"
)
def test_the_configurations_that_ship_fit(path: Path) -> None:
    fits(f"configuration-{path.stem}", json.dumps(tomllib.loads(path.read_text("utf-8"))).encode())


ROWS = {
    "pair": "finding",
    "watch": "watch-finding",
    "look": "look",
    "prior": "prior-fitted",
    "step": "signal-step",
}
WITH_PRIOR = replace(CONFIGURATION, criteria=replace(CONFIGURATION.criteria, prior=PriorFit()))
EVENTS = {ALERTS: "alert", REVIEWS: "review-request", FEED: "feed-entry"}


def test_all_that_a_pipeline_says_fits() -> None:
    fitted = Counter[str]()
    for seed in range(40):
        said, _ = embedded(random_log(Random(seed), WITH_PRIOR), WITH_PRIOR)
        for value in said.messages.values():
            message = decode_message(value)
            for row in message.rows if isinstance(message, Batch) else []:
                name = _name(bytes(row))
                fits(name, bytes(row))
                fitted[name] += 1
        for fact in said.facts.values():
            name = EVENTS.get(fact.topic, "refused-record")
            fitted[name] += 1
            if name == "refused-record":
                fits(name, fact.value)
                continue
            fits(f"{name}-event", fact.value)
            fits(name, encode(json.loads(fact.value)["data"]))

    desk = TriagedEpochs()  # in a random log a decision rarely meets the signal that it is about
    for items in ((a_finding(),), (a_decision(SIGNAL),)):
        for emitted in map(encode, desk.close(*items).rows):
            fits(_name(emitted), emitted)
            fitted[_name(emitted)] += 1

    for line in map(encode, of_two_people().rows):
        fits(_name(line), line)
        fitted[_name(line)] += 1

    for line in map(encode, every_notice(internal_reasons=True)):
        fits("notice", line)
        fitted["notice"] += 1

    assert fitted.keys() == {name for name in MADE if not name.startswith(NOT_SAID)}


def of_two_people() -> Desk:
    """Return a desk where two people have made a record of every kind."""
    desk, ann, bob = Desk(), Person("ann"), Person("bob")
    role = "committee_chair"
    desk.takes(*(ADMINISTRATOR.registers(one) for one in (ann, bob)))
    desk.takes(*(ADMINISTRATOR.grants(one, role) for one in (ann, bob)))
    first, second = (ann.proposes("flag_emerging", role, n=number) for number in (1, 2))
    desk.takes(first, second, bob.approves(first, role), ann.withdraws(second))
    desk.takes(ann.assesses(role))
    desk.takes(ADMINISTRATOR.revokes(bob, revoked_role=role))
    return desk


NOT_SAID = (
    "configuration",
    "case-version",
    "outcome-record",
    "tick",
    *(f"{name}-event" for name in EVENTS.values()),
)


def _name(row: bytes) -> str:
    value = json.loads(row)
    if isinstance(value, list):
        return "contribution" if value[0] == 1 else "exposure"
    kind = str(value["type"])
    return ROWS.get(kind, kind.replace("_", "-"))
