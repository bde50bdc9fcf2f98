"""Ways through the tree of an E2B(R3) message: children by name, observations by code.

Nearly everything in a message is an observation: a code that names the element, and a value.
The codes are ICH's (2.16.840.1.113883.3.989.2.1.1.19 and its neighbours) and FDA's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surveillance.intake.xml_parts import Element

CODES = "2.16.840.1.113883.3.989.2.1.1."  # of ICH's code lists
MEDDRA = "2.16.840.1.113883.6.163"


class Observed(NamedTuple):
    """An observation: its code, its value, and all of it."""

    code: str
    value: Element | None
    node: Element


def child(node: Element | None, *names: str) -> Element | None:
    """Return the first child of a name, of that the next, and so on; None if one is missing."""
    for name in names:
        if node is None:
            return None
        for each in node:  # twice as fast as a search by name: few elements have many children
            if each.tag == name:
                node = each
                break
        else:
            return None
    return node


def children(node: Element | None, name: str) -> Iterator[Element]:
    """Yield the children of a name."""
    if node is not None:
        yield from node.iterchildren(name)


def observed(holder: Element) -> Observed | None:
    """Return the observation, act or characteristic that an element holds."""
    for node in holder:
        code = value = None
        for part in node:
            tag = part.tag
            if tag == "code":
                code = part
            elif tag == "value" and value is None:
                value = part
        if code is not None:
            return Observed(code.get("code") or "", value, node)
    return None


def observations(node: Element, *names: str) -> Iterator[Observed]:
    """Yield the observations below children of these names."""
    for holder in node.iterchildren(*names):
        found = observed(holder)
        if found is not None:
            yield found


def root_of(node: Element | None) -> str:
    """Return the id that others refer to."""
    if node is None:
        return ""
    return node.get("root") or node.get("extension") or ""


def span(node: Element | None) -> dict[str, Element]:
    """Return the parts of a time span: low, high, width, period.

    A span is one interval, or an expression of several (SXPR_TS); a part is the first of its
    name in either.
    """
    parts: dict[str, Element] = {}
    if node is None:
        return parts
    for part in node:
        if part.tag == "comp":
            for inner in part:
                parts.setdefault(inner.tag, inner)
        else:
            parts.setdefault(part.tag, part)
    return parts
