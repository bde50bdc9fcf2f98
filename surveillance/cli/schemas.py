"""JSON Schemas of everything that other systems write or read: generated, never by hand.

A schema holds names, types and ranges. Rules across fields are in the types themselves;
a record that fits its schema may still be refused for breaking one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from surveillance.configuration import types as parts
from surveillance.configuration.law import Law
from surveillance.configuration.life_cycle import LifeCycle
from surveillance.configuration.people import People
from surveillance.configuration.programmes import Programmes
from surveillance.configuration.work_up import WorkUpList
from surveillance.domain.case import CaseVersion
from surveillance.domain.contribution import Contribution, Exposure
from surveillance.domain.decision import (
    Acknowledgement,
    Approval,
    CausalityAssessment,
    Decision,
    KeyRegistered,
    Proposal,
    Revocation,
    RoleGranted,
    Suppression,
    Withdrawal,
)
from surveillance.domain.finding import Finding, Look, PriorFitted, WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import DecisionPassedOver, Signal, SignalStep
from surveillance.feed.publish import FeedEntry
from surveillance.log.cloudevents import CloudEvent
from surveillance.log.ticks import Tick
from surveillance.log.topics import ALERTS, FEED, REVIEWS
from surveillance.notices.receivers import NotifyFile
from surveillance.notices.wording import Notice
from surveillance.triage.reviews import ReviewRequest
from surveillance.triage.triage import Alert

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"

_RECORDS: dict[str, Any] = {
    "case-version": CaseVersion,
    "outcome-record": OutcomeRecord,
    "decision": Decision,
    "acknowledgement": Acknowledgement,
    "causality-assessment": CausalityAssessment,
    "suppression": Suppression,
    "proposal": Proposal,
    "approval": Approval,
    "withdrawal": Withdrawal,
    "key": KeyRegistered,
    "grant": RoleGranted,
    "revocation": Revocation,
    "finding": Finding,
    "watch-finding": WatchFinding,
    "look": Look,
    "prior-fitted": PriorFitted,
    "signal": Signal,
    "signal-step": SignalStep,
    "decision-passed-over": DecisionPassedOver,
    "tick": Tick,
    "contribution": Contribution,
    "exposure": Exposure,
    "refused-record": RefusedRecord,
    "configuration-topics": parts.Topics,
    "configuration-sources": dict[str, parts.VersionRule],
    "configuration-products": parts.Products,
    "configuration-events": parts.Events,
    "configuration-criteria": parts.Criteria,
    "configuration-programmes": Programmes,
    "configuration-triage": parts.Triage,
    "configuration-law": Law,
    "configuration-workup": WorkUpList,
    "configuration-lifecycle": LifeCycle,
    "configuration-people": People,
    "configuration-feed": parts.Feed,
    "configuration-names": parts.Names,
    "configuration-substances": parts.Substances,
    "configuration-terms": parts.Terms,
    "configuration-notify": NotifyFile,
    "notice": Notice,
}
_OUTWARD: dict[str, tuple[str, Any]] = {
    "alert": (ALERTS, Alert),
    "review-request": (REVIEWS, ReviewRequest),
    "feed-entry": (FEED, FeedEntry),
}


def schemas() -> dict[str, Json]:
    """Make every schema.

    Returns
    -------
    dict of str to dict
        By name; outward content has a second one, ``NAME-event``, with its envelope.
    """
    made = {name: _schema(kind, name) for name, kind in _RECORDS.items()}
    for name, (topic, kind) in _OUTWARD.items():
        made[name] = _schema(kind, topic)
        made[f"{name}-event"] = _envelope(kind, topic)
    return made


def write_schemas(directory: Path) -> list[Path]:
    """Write every schema into a directory, one a file.

    Parameters
    ----------
    directory : Path
        Made if it is not there.

    Returns
    -------
    list of Path
        The files, by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in sorted(schemas().items()):
        path = directory / f"{name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n")
        written.append(path)
    return written


def _schema(kind: Any, name: str) -> Json:  # noqa: ANN401 - a type or a union of types
    (schema,), definitions = msgspec.json.schema_components((kind,), ref_template=_REF)
    return _whole(f"urn:longwatch:schema:{name}", schema, definitions)


def _envelope(kind: Any, topic: str) -> Json:  # noqa: ANN401 - as above
    (_, data), definitions = msgspec.json.schema_components((CloudEvent, kind), ref_template=_REF)
    envelope = definitions.pop("CloudEvent")
    envelope["required"] = sorted(envelope["properties"])  # defaults are written out too
    envelope["properties"] |= {
        "specversion": {"const": "1.0"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": f"urn:longwatch:schema:{topic}"},
        "time": {"type": "string", "format": "date-time"},
        "data": data,
    }
    return _whole(f"urn:longwatch:event:{topic}", envelope, definitions)


def _whole(identity: str, schema: Json, definitions: Json) -> Json:
    whole = {"$schema": DIALECT, "$id": identity, **schema, "$defs": definitions}
    for one in (whole, *definitions.values()):
        if "description" in one:  # what it is; the rest of a docstring is for programmers
            one["description"] = " ".join(one["description"].split("\n\n")[0].split())
    return whole
