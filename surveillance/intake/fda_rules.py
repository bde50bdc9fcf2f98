"""FDA's rules of rejection and warning for E2B(R3), as a table that is data.

``fda_rules.csv`` has a row for each published rule: its number, element, severity, FDA's own
description, and an XPath expression that is true of a message that breaks it; or why no message
can show it. Names in capitals stand for the places that several expressions share.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from lxml import etree

from surveillance.intake.e2b_r3_nodes import MEDDRA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from surveillance.intake.xml_parts import Element

Severity = Literal["rejection", "warning"]
_EVENT = "controlActProcess/subject/investigationEvent"
_ROLE = f"{_EVENT}/component/adverseEventAssessment/subject1/primaryRole"
_ORGANIZED = "subjectOf2/organizer[code/@code='{}']/component/{}"
_STUDY_IDS = f"{_ROLE}/subjectOf1/researchStudy/authorization/studyRegistration/id"
_STATED = f"({_EVENT}/component/observationEvent|{_EVENT}/subjectOf2/investigationCharacteristic)"
_FDA_STUDY = "2.16.840.1.113883.3.989.5.1.2.2.1.2."
_DRUG = f"{_ROLE}/{_ORGANIZED.format(4, 'substanceAdministration')}"
_PRODUCT = f"{_DRUG}/consumable/instanceOfKind/kindOfProduct"
_JUDGED = f"{_EVENT}/component/adverseEventAssessment/component/causalityAssessment"
_SOURCE = "relatedInvestigation/subjectOf2/controlActEvent/author/assignedEntity/assignedPerson"


def _characteristic(code: str) -> str:
    return f"{_EVENT}/subjectOf2/investigationCharacteristic[code/@code='{code}']/value"


_PLACES = {
    "EVENT": _EVENT,
    "ROLE": _ROLE,
    "PLAYER": f"{_ROLE}/player1",
    "PARENT": f"{_ROLE}/player1/role",
    "HISTORY": _ORGANIZED.format(1, "observation"),
    "PASTDRUG": _ORGANIZED.format(2, "substanceAdministration"),
    "TEST": f"{_ROLE}/{_ORGANIZED.format(3, 'observation')}",
    "DRUG": _DRUG,
    "FIRSTDRUG": f"(/*/*/{_DRUG})[1]/id/@root",  # from the top: it stands in predicates
    "PRODUCT": _PRODUCT,
    "DEVICE": f"{_PRODUCT}/part/partProduct",
    "MALFUNCTION": f"{_PRODUCT}/part/partProduct/asManufacturedProduct/subjectOf/characteristic"
    "[code/@code='C54026']/value/@value",
    "REACTION": f"{_ROLE}/subjectOf2/observation[code/@code='29']",
    "JUDGED": f"{_JUDGED}[code/@code='20']",
    "IND": f"{_STUDY_IDS}[@root='{_FDA_STUDY}1']",
    "PANDA": f"{_STUDY_IDS}[@root='{_FDA_STUDY}2']",
    "CROSS": f"{_STUDY_IDS}[@root='{_FDA_STUDY}3']",
    "LINKED": f"{_EVENT}/outboundRelationship/relatedInvestigation[code/@nullFlavor='NA']",
    "PRIMARY": f"{_EVENT}/outboundRelationship[priorityNumber/@value='1']/{_SOURCE}",
    "SENDER": f"{_EVENT}/subjectOf1/controlActEvent/author/assignedEntity",
    "OTHERID": f"{_EVENT}/subjectOf1/controlActEvent/id[@root='2.16.840.1.113883.3.989.2.1.3.3']",
    "MEDDRA": f"'{MEDDRA}'",
    "D1": f"{_ROLE}/player1/name",
    "C13": f"{_characteristic('1')}/@code",
    "C191": f"{_characteristic('2')}/@value",
    "CHAR3": f"{_characteristic('3')}/@code",
    "C161": f"{_EVENT}/component/observationEvent[code/@code='1']/value/@value",
    "C17": f"{_EVENT}/component/observationEvent[code/@code='23']/value/@value",
    "C171": f"{_STATED}[code/@code='C54588']/value/@code",
    "C112": f"{_STATED}[code/@code='C156384']/value/@value",
    "C31": f"{_EVENT}/subjectOf1/controlActEvent/author/assignedEntity/code/@code",
    "C54": f"{_ROLE}/subjectOf1/researchStudy/code/@code",
}
_TOKEN = re.compile(r"'[^']*'|\b[A-Z][A-Z0-9]+\b")


class Rule(NamedTuple):
    """One rule."""

    id: str  # FDA's number of the error; that of the element where there is none
    element: str
    severity: Severity
    description: str
    broken: str  # an XPath expression; empty where no message can show it
    not_evaluated_because: str


class Envelope(NamedTuple):
    """What stands around a message, and a rule may ask for."""

    batch_sender: str  # N.1.3
    batch_receiver: str  # N.1.4
    receiver: str  # N.2.r.3


@cache
def rules() -> tuple[Rule, ...]:
    """Return the table, in FDA's order."""
    path = files("surveillance.intake").joinpath("fda_rules.csv")
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return tuple(Rule(**cast("Mapping[str, Any]", row)) for row in rows)


@cache
def _expressions() -> tuple[tuple[Rule, Any], ...]:
    return tuple((rule, etree.XPath(_written_out(rule.broken))) for rule in rules() if rule.broken)


def _written_out(expression: str) -> str:
    """Replace the names of places, outside literals, by their paths."""
    return _TOKEN.sub(lambda found: _PLACES.get(found[0], found[0]), expression)


def broken_rules(message: Element, envelope: Envelope) -> list[Rule]:
    """Return the rules that a message breaks, in FDA's order.

    Parameters
    ----------
    message : Element
        PORR_IN049016UV, its names without a namespace.
    envelope : Envelope
        Of its batch.

    Returns
    -------
    list of Rule
        Of those that a message can show.
    """
    stated = envelope._asdict()
    return [rule for rule, is_broken in _expressions() if is_broken(message, **stated)]
