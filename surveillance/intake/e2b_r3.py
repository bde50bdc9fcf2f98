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


def case_of(message: Element, content: bytes, place: str) -> CaseVersion:
    """Build the case version of one message."""
    held = list(message.iter())  # an element that nobody holds is made anew each time it is met
    case = build_case(message, Origin(place, hashlib.sha256(content).hexdigest()))
    del held
    return case


E2B_R3 = XmlBatches("e2b", KIND, case_of)
