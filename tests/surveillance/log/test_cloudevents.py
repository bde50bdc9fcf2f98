"""Facts for strangers are CloudEvents whose id repeats with their content."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Reference
from published import PublishedEpochs
from strategies import AT
from triaged import RULE, TriagedEpochs, a_finding

from surveillance.log.cloudevents import outward
from surveillance.log.messages import Fact
from surveillance.log.topics import ALERTS

REQUIRED = {"specversion", "id", "source", "type"}


class Content(msgspec.Struct):
    """Something to say."""

    n: int = 1


def a_fact(
    *,
    topic: str = ALERTS,
    kind: str = "signal.detected",
    subject: str = "S-1",
    at: int = AT,
    n: int = 1,
) -> Fact:
    return outward(
        topic, kind=kind, code="detected", source="test", subject=subject, at=at, data=Content(n)
    )


def all_facts() -> list[Fact]:
    triage, publish = TriagedEpochs(review=(RULE,)), PublishedEpochs()
    said = triage.close(a_finding(n_fatal=1))
    publish.close(*said.rows)
    return [*said.facts, *publish.facts]


def test_every_outward_fact_is_a_cloud_event() -> None:
    facts = all_facts()
    assert {fact.topic for fact in facts} == {"alerts.v1", "reviews-opened.v1", "feed.v1"}

    for fact in facts:
        event = JSONFormat().read(Reference, fact.value)  # raises where an attribute is wrong
        assert json.loads(fact.value).keys() >= REQUIRED
        assert event.get_specversion() == "1.0"
        assert event.get_datacontenttype() == "application/json"
        assert event.get_source() == "urn:longwatch:longwatch"
        assert event.get_dataschema() == f"urn:longwatch:schema:{fact.topic}"
        assert event.get_time() == datetime(2024, 3, 10, tzinfo=UTC)
        assert (event.get_subject() or "").encode() == fact.key
        assert isinstance(event.get_data(), dict)


def test_the_reference_refuses_an_event_without_a_source() -> None:
    value = json.loads(a_fact().value)
    del value["source"]

    with pytest.raises(CloudEventValidationError, match="source"):
        JSONFormat().read(Reference, json.dumps(value))


def test_repeated_content_has_the_same_id_and_bytes() -> None:
    assert a_fact() == a_fact()


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "feed.v1"},
        {"kind": "signal.moved"},
        {"subject": "S-2"},
        {"at": AT + 1},
        {"n": 2},
    ],
)
def test_other_content_has_another_id(changes: dict[str, Any]) -> None:
    ids = {json.loads(fact.value)["id"] for fact in (a_fact(), a_fact(**changes))}

    assert len(ids) == 2
