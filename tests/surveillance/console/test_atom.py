"""The Atom feed holds what the log published, entry by entry."""

from __future__ import annotations

import re

import msgspec
import pytest
from lxml import etree
from reading_pages import Site

from surveillance.console import atom

NAMES = {"a": "http://www.w3.org/2005/Atom"}
DAYS = ("1999-02-10", "1999-02-25", "1999-03-02")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")  # RFC 3339


def feed(site: Site, day: str) -> etree._Element:
    shown = site.page("/feed.atom", at=day)
    assert shown.headers["content-type"].startswith("application/atom+xml")
    return etree.fromstring(shown.content)


def lines(site: Site, day: str) -> list[bytes]:
    return site.page("/feed.ndjson", at=day).content.splitlines()


@pytest.mark.parametrize("day", DAYS)
def test_every_entry_holds_a_line_of_the_log_whole_the_newest_first(site: Site, day: str) -> None:
    found = [one.text.encode() for one in feed(site, day).iterfind("a:entry/a:content", NAMES)]

    assert found == lines(site, day)[::-1]
    assert found


def test_a_reader_takes_the_content_for_text_as_json_would_have_to_be_base64(site: Site) -> None:
    for one in feed(site, DAYS[-1]).iterfind("a:entry/a:content", NAMES):
        assert one.get("type") == "text"


def test_only_the_newest_are_listed_and_the_count_of_all_is_stated(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atom, "N_ENTRIES", 2)
    whole = lines(site, DAYS[-1])

    found = feed(site, DAYS[-1])

    contents = [one.text.encode() for one in found.iterfind("a:entry/a:content", NAMES)]
    assert contents == whole[:-3:-1]
    assert f"2 of {len(whole)} entries" in found.findtext("a:subtitle", namespaces=NAMES)


@pytest.mark.parametrize("day", DAYS)
def test_what_rfc_4287_demands_is_there_once(site: Site, day: str) -> None:
    root = feed(site, day)

    assert root.tag == f"{{{NAMES['a']}}}feed"
    assert root.findtext("a:author/a:name", namespaces=NAMES)
    ids = []
    for each in (root, *root.iterfind("a:entry", NAMES)):
        for name in ("id", "title", "updated"):
            (found,) = each.findall(f"a:{name}", NAMES)
            assert found.text
        assert _INSTANT.fullmatch(each.findtext("a:updated", namespaces=NAMES))
        ids.append(each.findtext("a:id", namespaces=NAMES))
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("urn:") for one in ids)


def test_a_summary_states_what_is_published_and_no_more(site: Site) -> None:
    root = feed(site, DAYS[-1])

    for each in root.iterfind("a:entry", NAMES):
        data = msgspec.json.decode(each.findtext("a:content", namespaces=NAMES))["data"]
        summary = each.findtext("a:summary", namespaces=NAMES)
        n = f"fewer than {data['n_fewer_than']}" if data["n"] is None else f"{data['n']:,}"
        assert summary.startswith(f"{n} cases by {data['evaluated_on']}")
        assert ("unsigned" in summary) == (
            data["is_signed"] is False or data["review_is_signed"] is False
        )


def test_a_character_that_xml_has_not_is_replaced() -> None:
    root = etree.Element("root")

    atom._add(root, "title", "a\x00b\ud800c\x0bd\U0001f9ea")

    assert root[0].text == "a\ufffdb\ufffdc\ufffdd\U0001f9ea"
