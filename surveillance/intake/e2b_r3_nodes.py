"""Ways through the tree of an E2B(R3) message: children by name, observations by code.

Nearly everything in a message is an observation: a code that names the element, and a value.
The codes are ICH's (2.16.840.1.113883.3.989.2.1.1.19 and its neighbours) and FDA's.

A way is compiled once and then followed in C, which makes objects of what is at its end alone.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from lxml.etree import XPath
from lxml.objectify import ObjectPath

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


@cache
def _to_one(*names: str) -> ObjectPath:
    return ObjectPath(["", *names])


@cache
def _to_many(*names: str) -> XPath:
    return XPath("/".join(names))


def child(node: Element | None, *names: str) -> Element | None:
    """Return the first child of a name, of that the next, and so on; None if one is missing."""
    return None if node is None else _to_one(*names)(node, None)


def descendants(node: Element, *names: str) -> list[Element]:
    """Return every child of a name, of each every one of the next, and so on."""
    found: list[Element] = _to_many(*names)(node)
    return found


def children(node: Element | None, name: str) -> Iterator[Element]:
    """Yield the children of a name."""
    if node is not None:
        yield from node.iterchildren(name)


_CODE = _to_one("code[-1]")  # of several the last
_VALUE = _to_one("value")


def observed(holder: Element) -> Observed | None:
    """Return the observation, act or characteristic that an element holds."""
    for node in holder:
        code = _CODE(node, None)
        if code is not None:
            return Observed(code.get("code") or "", _VALUE(node, None), node)
    return None


def observations(node: Element, *names: str) -> list[Observed]:
    """Return the observations below children of these names."""
    holders = node.iterchildren(*names)
    return [found for holder in holders if (found := observed(holder)) is not None]


def values(node: Element, name: str) -> dict[str, Element | None]:
    """Return the values of the observations below children of a name, by code."""
    return {one.code: one.value for one in observations(node, name)}


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
