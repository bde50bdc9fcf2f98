"""E2B(R3) messages: files of one or many individual case safety reports."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from surveillance.intake.e2b_r3_case import Origin, build_case
from surveillance.intake.xml_batches import XmlBatches
from surveillance.intake.xml_parts import Kind

if TYPE_CHECKING:
    from surveillance.domain.case import CaseVersion
    from surveillance.intake.xml_parts import Element

KIND = Kind("MCCI_IN200100UV01", "PORR_IN049016UV", "urn:hl7-org:v3", has_doctype=False)
_XML = "http://www.w3.org/XML/1998/namespace"
_NO_NAME_OF_OURS = "foreign"


def case_of(message: Element, content: bytes, place: str) -> CaseVersion:
    """Build the case version of one message."""
    for element in _foreign(message):
        element.tag = _NO_NAME_OF_OURS  # ways through a message look at the name alone
    return build_case(message, Origin(place, hashlib.sha256(content).hexdigest()))


def _foreign(message: Element) -> list[Element]:
    """Return the elements in another namespace: one that is declared where the file begins."""
    return list(message.iter(*(f"{{{uri}}}*" for uri in (_XML, *message.nsmap.values()))))


E2B_R3 = XmlBatches("e2b", KIND, case_of)
