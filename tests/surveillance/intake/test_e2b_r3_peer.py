"""E2B(R3) as e2br3 (Python) reads it, which was written by others from the same guide.

It keeps less; tests/reference/e2br3 has what it gave for FDA's instances and the invented one.
"""

from pathlib import Path
from typing import Any

import pytest
from data import public, reference_json

from surveillance.domain.case import CaseVersion
from surveillance.intake.e2b_r3 import E2B_R3
from surveillance.intake.format import Read
from surveillance.intake.hl7 import point_in_time
from surveillance.log.decode import decode_case

INVENTED = Path(__file__).parent / "files/invented_e2b_r3.xml"
TYPES = {"1": "spontaneous", "2": "study"}
SEXES = {"1": "male", "2": "female"}
ROLES = {"1": "suspect", "2": "concomitant", "4": "not_administered"}
ACTIONS = {"0": "unknown", "1": "withdrawn", None: None}
OUTCOMES = {"1": "recovered", "3": "not_recovered", "5": "fatal"}
QUALIFICATIONS = {"1": "physician", "5": "consumer"}
CRITERIA = (
    "death",
    "life_threatening",
    "hospitalisation",
    "disabling",
    "congenital_anomaly",
    "other",
)


def ours(path: Path) -> CaseVersion:
    """Return the one case version of a file."""
    (read,) = E2B_R3.read(path)
    assert isinstance(read, Read)
    return decode_case(read.line)


def day(raw: str) -> Any:  # noqa: ANN401 - a date
    """Return the day that e2br3 keeps as it was written."""
    stated = point_in_time(raw)
    assert stated is not None
    return stated.day


def hold(case: CaseVersion, peer: dict[str, Any]) -> None:
    """Compare a case with what the peer keeps of it."""
    assert (case.sender_report_id, case.case_id) == (
        peer["safety_report_id"],
        peer["worldwide_case_id"],
    )
    assert case.report_type == TYPES[peer["report_type"]]
    assert case.first_received_on == day(peer["first_received"])
    assert case.received_on == day(peer["most_recent"])
    assert (case.kind == "amendment") == (peer["nullification_amendment"] == "2")
    assert case.patient.sex == SEXES[peer["sex"]]
    assert case.patient.age is not None
    assert (case.patient.age.value, case.patient.age.unit) == (
        float(peer["age"]["value"]),
        peer["age"]["unit"],
    )
    sources = [(case.country, case.reporter)]
    sources += [(each.country, each.reporter) for each in case.other_reporters]
    theirs = [(country, QUALIFICATIONS[each]) for country, each in peer["sources"]]
    assert sorted(sources, key=str) == sorted(theirs, key=str)


def hold_events(case: CaseVersion, peer: dict[str, Any]) -> None:
    """Compare the reactions."""
    assert len(case.events) == len(peer["reactions"])
    for event, theirs in zip(case.events, peer["reactions"], strict=True):
        assert (event.event_id, event.llt) == (theirs["id"], theirs["meddra"])
        assert (event.verbatim, event.translation) == (theirs["native"], theirs["translated"])
        assert event.outcome == OUTCOMES[theirs["outcome"]]
        assert event.onset_on == (day(theirs["start"]) if theirs["start"] else None)
        for name, letter, flag in zip(CRITERIA, "abcdef", theirs["flags"], strict=True):
            stated = getattr(event.seriousness, name)
            null = (event.nulls or {}).get(f"E.i.3.2{letter}")
            assert flag == (null if stated is None else stated)


def hold_products(case: CaseVersion, peer: dict[str, Any]) -> None:
    """Compare the drugs, and who found what of each."""
    assert len(case.products) == len(peer["drugs"])
    for number, (product, theirs) in enumerate(zip(case.products, peer["drugs"], strict=True)):
        assert (product.role, product.product) == (ROLES[theirs["role"]], theirs["name"])
        assert list(product.substances) == theirs["substances"]
        assert product.action_taken == ACTIONS[theirs["action"]]
        routes = [each for each in theirs["routes"] if isinstance(each, str)]
        assert [dose.route for dose in product.doses if dose.route] == routes
        opinions = [
            [pair.event, each.source, each.result]
            for pair in case.assessments
            for each in pair.opinions
            if pair.product == number
        ]
        assert sorted(opinions, key=str) == sorted(theirs["opinions"], key=str)


def hold_all(case: CaseVersion, name: str) -> None:
    """Compare a case with all that the peer keeps of it."""
    peer = reference_json("e2br3/instances.json")[name]
    hold(case, peer)
    hold_events(case, peer)
    hold_products(case, peer)


@pytest.mark.parametrize("name", ["1", "2", "3", "5-1", "5-2", "8"])
def test_fdas_instances_are_read_as_the_peer_reads_them(name: str) -> None:
    hold_all(ours(public(f"e2b_r3/FAERS2022Scenario{name}.xml")), name)


def test_an_invented_message_is_read_as_the_peer_reads_it() -> None:
    hold_all(ours(INVENTED), "invented")
