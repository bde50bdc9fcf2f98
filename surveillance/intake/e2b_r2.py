"""E2B(R2) messages, ``ichicsr``: what FAERS publishes as XML, and what older systems send."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from surveillance.intake.ichicsr_case import Origin, build_case
from surveillance.intake.ichicsr_fields import Tree
from surveillance.intake.xml_batches import XmlBatches
from surveillance.intake.xml_parts import Kind

if TYPE_CHECKING:
    from surveillance.domain.case import CaseVersion
    from surveillance.intake.xml_parts import Element

PARSER = "e2b-r2/1"
# The DTD that most messages name is never fetched; one that they bring along is refused.
KIND = Kind("ichicsr", "safetyreport", "", has_doctype=True)


def tree_of(node: Element) -> Tree:
    """Return an element as a tree of texts; children of one name become a list.

    Examples
    --------
    >>> from lxml import etree
    >>> tree_of(etree.fromstring("<a><b>1</b><c><d>2</d></c><c/></a>"))
    {'b': '1', 'c': [{'d': '2'}, '']}
    """
    tree: Tree = {}
    for child in node:
        value = tree_of(child) if len(child) else (child.text or "")
        name = child.tag
        if name not in tree:
            tree[name] = value
        elif isinstance(tree[name], list):
            tree[name].append(value)
        else:
            tree[name] = [tree[name], value]
    return tree


def case_of(message: Element, content: bytes, place: str) -> CaseVersion:
    """Build the case version of one message."""
    origin = Origin(PARSER, place, hashlib.sha256(content).hexdigest())
    return build_case(tree_of(message), origin)


E2B_R2 = XmlBatches("e2b-r2", KIND, case_of)
