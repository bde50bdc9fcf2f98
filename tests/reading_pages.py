"""Reads the console's pages as people do: tables by their headings, facts by their names."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from litestar.testing import TestClient
from lxml import html

from surveillance.console.app import console
from surveillance.views.results import open_results

if TYPE_CHECKING:
    from pathlib import Path

    from lxml.html import HtmlElement

HERE = "http://127.0.0.1:8000"


class Site:
    """A console over a run or a register, without a server."""

    def __init__(self, run: Path | None = None, register: str | None = None) -> None:
        source = open_results(run, register)
        self.client = TestClient(console(source, "made for a test"), base_url=HERE)

    def page(self, address: str, **parameters: str) -> Shown:
        return Shown(self.client.get(address, params=parameters or None))


class Shown:
    """One page."""

    def __init__(self, response: object) -> None:
        self.status: int = response.status_code  # type: ignore[attr-defined]
        self.text: str = response.text  # type: ignore[attr-defined]
        self.content: bytes = response.content  # type: ignore[attr-defined]
        self.headers: dict[str, str] = dict(response.headers)  # type: ignore[attr-defined]
        is_page = "html" in self.headers["content-type"]
        self.tree: HtmlElement = html.fromstring(self.text if is_page else "<p>")

    @property
    def words(self) -> str:
        """All that is written on it, with spaces as one."""
        return _words(self.tree.find("body"))

    @property
    def main(self) -> str:
        """What the page is about, without its frame and without the day in its links."""
        found = re.search(r"<main.*</main>", self.text, re.DOTALL)
        assert found
        text = re.sub(r'<input type="hidden" name="at" value="[^"]*">\n?', "", found[0])
        text = re.sub(r"\?at=[0-9-]+&amp;", "?", text)
        return re.sub(r"[?]at=[0-9-]+|&amp;at=[0-9-]+", "", text)

    @property
    def links(self) -> list[str]:
        return [str(each) for each in self.tree.xpath("//@href | //@src")]

    def links_to(self, beginning: str) -> list[str]:
        return [one for one in self.links if one.startswith(beginning)]

    def table(self, caption: str) -> list[dict[str, str]]:
        """Return the rows of a table by its headings, each of which is there once."""
        (found,) = [
            each
            for each in self.tree.iter("table")
            if _squeezed(each.findtext("caption") or "").startswith(caption)
        ]
        names = [_words(each) for each in found.find("thead").iter("th", "td")]
        assert len(set(names)) == len(names), names
        rows = [row for row in found.find("tbody").iter("tr") if row.get("class") != "budget"]
        return [dict(zip(names, (_words(cell) for cell in row), strict=True)) for row in rows]

    def facts(self) -> dict[str, str]:
        """Return the facts at the head of a page by their names."""
        found = self.tree.xpath("//dl[@class='facts']/div")
        return {_squeezed(each.findtext("dt")): _words(each.find("dd")) for each in found}


def rows_of(site: Site, address: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file, which states how many there are."""
    answer = site.client.get(address)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["x-row-count"] == str(len(rows))
    return rows


def _words(element: HtmlElement) -> str:
    """Return what is written in an element; where a line breaks there is a space."""
    for each in element.iter("br"):
        each.tail = f" {each.tail or ''}"
    return _squeezed(element.text_content())


def _squeezed(text: str) -> str:
    return " ".join(text.split())
