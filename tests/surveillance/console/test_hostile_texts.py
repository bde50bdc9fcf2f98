"""Names and texts of others come out as text: nothing of them is markup, a script or a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hostile_run import HOSTILE, VERBATIM, make_hostile_run
from lxml import html
from reading_pages import HERE, Shown, Site

TAGS = {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "nav", "form",
    "label", "input", "button", "p", "span", "strong", "code", "main", "h1", "h2", "h3", "table",
    "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "ul", "li", "dl", "dt", "dd",
    "ol", "section", "details", "summary", "figure", "figcaption", "svg", "path", "line", "text",
    "footer", "dialog", "aside", "kbd", "del", "ins", "circle",
}  # fmt: skip
SCRIPTS = 1  # the module of the console


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(make_hostile_run(tmp_path_factory.mktemp("hostile")))


def require_text(page: Shown) -> None:
    """Refuse a page on which a text has become anything else."""
    for each in page.tree.iter():
        if not isinstance(each.tag, str):
            continue
        assert each.tag in TAGS
        assert not any(name.startswith("on") or name == "style" for name in each.attrib)
        link = each.get("href") or each.get("src") or each.get("action") or "/"
        assert link.startswith(("/", "#", "?")), link
        assert not link.startswith("//")
    assert len(list(page.tree.iter("script"))) == SCRIPTS
    assert "\u202e" not in page.text
    assert "\x1b" not in page.text


def test_every_page_about_hostile_names_shows_them_as_text(hostile: Site) -> None:
    inbox = hostile.page("/inbox?view=all")
    matters = [one for one in inbox.links if one.startswith("/m/")]

    require_text(inbox)
    assert len(matters) == len(HOSTILE)
    followed = list(matters)
    for address in followed:
        page = hostile.page(address)
        assert page.status == 200
        require_text(page)
        if address.startswith("/m/"):
            wanted = ("/s/", "/product?", "/event?")
            followed += [one for one in page.links if one.startswith(wanted)]
        if address.startswith("/s/"):
            followed += [one for one in page.links if one.startswith("/cases?")][:1]
            followed += [one for one in page.links if one.startswith("/case?")][:1]


def test_a_hostile_name_is_there_to_be_read(hostile: Site) -> None:
    words = hostile.page("/inbox?view=all").words

    for name in HOSTILE[:5]:
        assert name.upper() in words
    assert "GNPEXE.HIDDEN" in words  # what reorders a name was left out where it was read


def test_the_text_of_a_case_is_text(hostile: Site) -> None:
    page = hostile.page("/case", id=f"{HOSTILE[0]}-0")

    require_text(page)
    assert "<svg onload=alert(1)>\\u202eyyy" in page.words
    assert VERBATIM not in page.text


@pytest.mark.parametrize(
    "given", [*HOSTILE, "\x00\x1b[2J", "z" * 20_000, "'; drop table signals; --", "%", "\ud800"]
)
def test_whatever_is_searched_for_comes_out_as_text(hostile: Site, given: str) -> None:
    text = given.encode(errors="replace").decode()
    for page in (hostile.page("/search", q=text), hostile.page("/inbox", q=text)):
        require_text(page)
        assert page.status in {200, 400}
    for address, name in (
        ("/inbox", "at"), ("/inbox", "view"), ("/inbox", "sort"), ("/inbox", "from"),
        ("/case", "id"), ("/product", "key"), ("/event", "key"), ("/data", "code"),
        ("/desk", "list"), ("/desk", "from"), ("/meeting", "at"),
        ("/inbox", "portfolio"), ("/inbox", "status"), ("/inbox", "after"), ("/inbox", "before"),
    ):  # fmt: skip
        page = hostile.page(address, **{name: text})
        require_text(page)
        assert page.status in {200, 400, 404}
        assert len(page.text) < 60_000


def test_an_unknown_address_is_answered_with_text(hostile: Site) -> None:
    for address in ("/m/%3Cscript%3E", "/s/%22%3E%3Cimg%20src=x%3E", "/%3Cb%3E", "/m/x/y/z"):
        page = hostile.page(address)
        assert page.status == 404
        require_text(page)
        assert "What to do" in page.words


def test_what_was_refused_is_shown_as_text(hostile: Site) -> None:
    page = hostile.page("/data", code="not_json")

    require_text(page)
    (row,) = page.table("Each with its place")
    assert row["Content"].startswith('{"case_id": "<b>refused</b>\\x1b"')


def test_no_cell_of_a_csv_file_is_a_formula(hostile: Site) -> None:
    listing = next(one for one in hostile.page("/inbox?view=all").links if one.startswith("/m/"))
    signal = next(one for one in hostile.page(listing).links if one.startswith("/s/"))
    cases = next(one for one in hostile.page(signal).links if one.startswith("/cases?"))
    for address in ("/inbox.csv?view=all", cases.replace("/cases?", "/cases.csv?")):
        text = hostile.client.get(address).text
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
        assert not [cell for cell in cells if cell.startswith("-") and not is_number(cell)]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_name_that_points_here_from_elsewhere_is_not_answered(hostile: Site) -> None:
    for host in ("elsewhere.example", "elsewhere.example:8000", "127.0.0.1.example", ""):
        answer = hostile.client.get("/inbox", headers={"host": host})
        assert answer.status_code == 421
        assert "COMMON" not in answer.text
    for host in ("127.0.0.1:8000", "localhost:1", "[::1]:8000"):
        assert hostile.client.get("/inbox", headers={"host": host}).status_code == 200
    assert html.fromstring(hostile.client.get(f"{HERE}/inbox").text) is not None
