"""The feed for readers of news: Atom (RFC 4287), with every entry as the log has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from surveillance.console.exports import File
from surveillance.console.log_pages import published
from surveillance.console.pages import name_of

if TYPE_CHECKING:
    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.console.log_pages import Published
    from surveillance.feed.publish import FeedEntry

MEDIA_TYPE = "application/atom+xml"
N_ENTRIES = 200  # the newest; the rest is in the NDJSON
_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed_atom(known: Known, asked: Asked) -> File:
    """Return the newest entries of the feed, the newest first.

    Parameters
    ----------
    known : Known
        A run.
    asked : Asked
        With the day.
    """
    found = published(known, asked.at)
    newest = found[: -N_ENTRIES - 1 : -1]
    source = newest[0].source if newest else "urn:longwatch"
    root = etree.Element(f"{{{_NAMESPACE}}}feed", nsmap={None: _NAMESPACE})
    _add(root, "id", f"{source}:feed")
    _add(root, "title", "Signals of longwatch")
    _add(
        root,
        "subtitle",
        f"The newest {len(newest):,} of {len(found):,} entries. A signal is no finding of cause.",
    )
    _add(
        root,
        "updated",
        newest[0].at.isoformat() if newest else f"{known.day(asked.at).on}T00:00:00+00:00",
    )
    _add(etree.SubElement(root, f"{{{_NAMESPACE}}}author"), "name", "longwatch")
    for one in newest:
        _entry(root, one)
    content = etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)
    return File(content, MEDIA_TYPE, "feed.atom", len(newest))


def _entry(root: etree._Element, one: Published) -> None:
    entry, about = etree.SubElement(root, f"{{{_NAMESPACE}}}entry"), one.entry
    names = f"{name_of(about.product)} and {name_of(about.event)}"
    _add(entry, "id", f"{one.source}:{one.id}")
    _add(entry, "title", f"{names}: {about.status.replace('_', ' ')}")
    _add(entry, "updated", one.at.isoformat())
    _add(entry, "summary", _summary(about))
    _add(entry, "content", one.line.decode(), type="text")  # JSON as a media type is base64 there


def _summary(about: FeedEntry) -> str:
    """Return in words what the entry holds."""
    n = f"fewer than {about.n_fewer_than}" if about.n is None else f"{about.n:,}"
    parts = [f"{n} cases by {about.evaluated_on}, first met {about.first_on}"]
    if about.review:
        parts.append(f"request for review: {about.review.replace('_', ' ')}")
    if about.ladder_step:
        parts.append(f"step: {about.ladder_step}")
    if about.is_signed is False or about.review_is_signed is False:
        parts.append("unsigned")
    return "; ".join([*parts, *([about.reason] if about.reason else [])])


def _add(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    child = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}", **attributes)
    child.text = _NOT_XML.sub("\ufffd", text)
