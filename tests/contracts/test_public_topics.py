"""What outsiders read holds no internal reason and no name of a person, whatever people did."""

import re

import pytest
from published import PublishedEpochs
from signing import ADMINISTRATOR, Desk, Person
from strategies import DAY, a_configuration, a_decision, encode
from triaged import RULE, SIGNAL, TriagedEpochs, a_finding

from surveillance.configuration.types import Triage
from surveillance.domain.signal import Signal
from surveillance.log.messages import Fact
from surveillance.log.topics import ALERTS, FEED, OUTWARD, REVIEWS

INTERNAL = "the patient of room 12"
PUBLIC = "in public: "
PEOPLE = ("ann of pharmacovigilance", "bob of medicine")
PATH = (
    "flag_emerging", "start_validation", "refute", "reopen", "validate", "confirm", "prioritise",
    "hold", "resume", "start_assessment", "assess", "recommend", "open_review", "refer",
    "record_action", "close", "reopen", "reject_review",
)  # fmt: skip


@pytest.fixture(scope="module")
def found() -> list[Fact]:
    """Return every outward message of a signal that people took all the way, and of its reviews."""
    configuration = a_configuration(triage=Triage(alert_priority=0.0, review=(RULE,)))
    triage, feed = TriagedEpochs(configuration), PublishedEpochs(smallest_cell=1)
    facts: list[Fact] = []

    def take(*items: object) -> None:
        found = triage.close(*items)  # type: ignore[arg-type]
        facts.extend(found.facts)
        feed.close(*(row for row in found.rows if isinstance(row, Signal)))

    take(a_finding())
    for number, action in enumerate(PATH):
        take(
            a_decision(
                SIGNAL,
                action,
                decision_id=f"D-{number}",
                reason=f"{INTERNAL} {action}",
                public_reason=PUBLIC + action,
                decided_by=PEOPLE[0],
                approved_by=PEOPLE[1],
                ground="eu_harmful" if action != "reject_review" else None,
                ladder_step="watch",
                band="P2",
                until=DAY.replace(year=DAY.year + 1) if action == "hold" else None,
            ),
            *([a_finding(n_fatal=1, change="grown")] if action == "close" else []),
        )
    for _ in range(40):
        take()
    return [*facts, *feed.facts]


def test_every_topic_that_is_public_is_looked_at(found: list[Fact]) -> None:
    assert {fact.topic for fact in found} == {ALERTS, REVIEWS, FEED} == set(OUTWARD)


def test_no_internal_reason_and_no_person_is_published(found: list[Fact]) -> None:
    for fact in found:
        text = fact.value.decode()
        for hidden in (INTERNAL, *PEOPLE):
            assert hidden not in text, (fact.topic, text)


def test_public_reasons_are_published_word_for_word(found: list[Fact]) -> None:
    told = set(re.findall(PUBLIC + r"(\w+)", b"".join(fact.value for fact in found).decode()))

    assert told >= {"refute", "recommend", "record_action", "close"}


def test_the_answer_to_a_request_names_its_step_of_the_ladder(found: list[Fact]) -> None:
    last = [fact.value for fact in found if fact.topic == FEED][-1]

    assert b'"ladder_step":"watch"' in last
    assert b'"is_signed":false' in last


def test_a_note_for_colleagues_reaches_nobody_outside() -> None:
    desk, ann = Desk(), Person("ann")
    desk.takes(ADMINISTRATOR.registers(ann), ADMINISTRATOR.grants(ann, "safety_scientist"))
    desk.takes(ann.decides("start_validation", "safety_scientist", reason=INTERNAL + " ..."))

    assert INTERNAL in encode(desk.signal).decode()  # inward, it is kept
    assert not [fact for fact in desk.facts if INTERNAL.encode() in fact.value]
