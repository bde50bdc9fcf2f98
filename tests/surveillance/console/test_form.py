"""The form of a validation: on the page, in its files and from the command it is the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from answers import Look
from hostile_run import make_hostile_run
from reading_pages import Shown, Site
from small_run import PAIR

from surveillance.cli import screen
from surveillance.console import exports
from surveillance.triage.triage import signal_id
from surveillance.views.validation_form import HEADINGS
from surveillance.views.written import visible

if TYPE_CHECKING:
    from pathlib import Path

SIGNAL = signal_id(*PAIR, "safety")
FORM = f"/s/{SIGNAL}/form"
DAYS = ("1999-02-20", "1999-02-25", "1999-03-02")


def fields_of(page: Shown) -> list[tuple[str, list[str], bool]]:
    """Return the questions of a page, what is filled in, and whether it is marked as empty."""
    return [
        (
            " ".join(each.findtext("h3").split()),
            [" ".join(line.text_content().split()) for line in each.iter("li")],
            "For a person to answer" in each.text_content(),
        )
        for each in page.tree.xpath("//section[starts-with(@class, 'field')]")
    ]


@pytest.mark.parametrize("day", [*DAYS, ""])
def test_the_page_shows_every_field_of_the_command(
    site: Site, run: Path, look: Look, day: str
) -> None:
    as_of = ("--as-of", day) if day else ()
    form = look("form", "validation", SIGNAL, "--from-run", run, "--json", *as_of).json

    page = site.page(FORM, at=day)

    assert fields_of(page) == [
        (
            " ".join(one["asks"].split()),
            [" ".join(visible(line).split()) for line in one["from_log"]],
            not one["from_log"],
        )
        for one in form["fields"]
    ]
    assert any(is_empty for *_, is_empty in fields_of(page))
    headings = [each.text for each in page.tree.xpath("//main//h2")]
    assert headings == list(HEADINGS.values())
    facts = page.facts()
    status = facts["Status"]
    assert status.startswith(form["status"].replace("_", " "))
    assert ("unsigned" in status) == bool(form["unsigned"])
    assert facts.get("Unsigned decisions", "") == ", ".join(form["unsigned"])
    assert facts["Numbers of"] == form["counted_to"]
    assert facts["From the log up to epoch"] == f"{form['epoch']:,}"
    assert facts["Configuration"] == form["configuration"]
    n_filled = sum(bool(one["from_log"]) for one in form["fields"])
    assert f"{n_filled} of {len(form['fields'])} questions have entries" in page.words


@pytest.mark.parametrize("day", [*DAYS, ""])
def test_its_files_have_the_bytes_of_the_command(
    site: Site, run: Path, look: Look, tmp_path: Path, day: str
) -> None:
    as_of = ("--as-of", day) if day else ()
    file = tmp_path / "form.md"
    answer = look("form", "validation", SIGNAL, "--from-run", run, "--json", *as_of,
                  "--markdown", file)  # fmt: skip
    markdown, as_json = sorted(site.page(FORM, at=day).links_to(f"{FORM}."), reverse=True)

    assert site.client.get(markdown).content == file.read_bytes()
    assert site.client.get(as_json).text == answer.output
    assert site.client.get(as_json).headers["x-row-count"] == str(len(answer.json["fields"]))


def test_hostile_names_leave_the_files_as_the_command_has_them(tmp_path: Path, look: Look) -> None:
    run = make_hostile_run(tmp_path)
    hostile = Site(run)
    for row in look("signals", "--from-run", run, "--json").json[:12]:
        name, file = row["signal_id"], tmp_path / "form.md"
        answer = look("form", "validation", name, "--from-run", run, "--json", "--markdown", file)

        found = hostile.client.get(f"/s/{name}/form.json").content

        assert found == answer.output.encode()
        assert hostile.client.get(f"/s/{name}/form.md").content == file.read_bytes()
        assert not {"\u202e", "\x1b"} & set(found.decode())
        assert json.loads(found)["signal_id"] == name


def test_a_hidden_character_in_a_file_is_an_escape_as_the_command_has_it(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    hostile = {"reason": "a\u202eb\x1b[2J\U000e0001"}

    screen.print_json(hostile)

    made = exports._json("a.json", hostile, 1).content
    assert made == capfdbinary.readouterr().out
    assert made.isascii()
    assert json.loads(made) == hostile


def test_a_signal_leads_to_its_form_and_the_form_back_as_of_the_same_day(site: Site) -> None:
    at = DAYS[1]
    (link,) = site.page(f"/s/{SIGNAL}", at=at).links_to(FORM)

    form = site.page(link)

    assert form.status == 200
    assert form.links_to(f"/s/{SIGNAL}?at={at}")
    assert at in form.words


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/s/S-0/form", 404),
        ("/s/S-0/form.json", 404),
        ("/s/M-0/form.md", 404),
        (f"{FORM}?at=1999-01-01", 404),
        (f"{FORM}?at=x", 400),
        ("/s/%3Cscript%3E/form", 404),
    ],
)
def test_a_form_of_nothing_is_answered_with_why_and_what_to_do(
    site: Site, address: str, status: int
) -> None:
    page = site.page(address)

    assert page.status == status
    assert "What to do: " in page.words
