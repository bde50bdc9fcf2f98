"""Figures that people take away: the numbers of the commands, and the same bytes each time."""

from __future__ import annotations

import struct
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from answers import Look
from lxml import etree
from programme_run import CONSTRUCTS, EVENTS
from reading_pages import Shown, Site, rows_of
from small_run import PAIR

from surveillance.console.figure_page import FIGURES
from surveillance.triage.triage import signal_id

SIGNAL = f"/s/{signal_id(*PAIR, 'safety')}"
PNG = b"\x89PNG\r\n\x1a\n"
EFFECT = "effect_construct|construct:K1|pt:Hepatic failure|"
FONT = "7da195a74c55bef988d0d48f9508bd5d849425c1770dba5d7bfc6ce9ed848954"


def links(page: Shown, ending: str) -> dict[str, str]:
    """Return the addresses of the files of a page's figures, by the name of the figure."""
    found = page.links_to(f"/figure{ending}?")
    return {one.split("figure=")[1].split("&")[0]: one for one in found}


def shown(site: Site, programmes: Site) -> list[tuple[Site, Shown]]:
    page = programmes.page("/programme", name="P1")
    return [
        (site, site.page(SIGNAL)),
        (programmes, programmes.page(SIGNAL)),
        (programmes, page),
    ]


def test_every_figure_is_on_a_page_and_can_be_taken_as_each_kind_of_file(
    site: Site, programmes: Site
) -> None:
    taken: set[str] = set()
    for of, page in shown(site, programmes):
        for name, address in links(page, ".svg").items():
            if name in taken:
                continue
            first, again = (of.client.get(address) for _ in range(2))
            assert first.status_code == 200, address
            assert first.content == again.content
            tree = etree.fromstring(first.content)
            assert not tree.xpath("//@*[contains(., 'http') or contains(., 'url(')]")
            assert not tree.xpath("//*[local-name()='script' or local-name()='image']")
            assert "var(" not in first.text
            bitmap, same = (of.client.get(address.replace(".svg", ".png")) for _ in range(2))
            assert bitmap.content == same.content
            assert bitmap.content.startswith(PNG)
            width, height = struct.unpack(">II", bitmap.content[16:24])
            assert (width, height) == tuple(2 * int(tree.get(side)) for side in ("width", "height"))
            assert rows_of(of, address.replace(".svg", ".csv"))
            taken.add(name)

    assert taken == set(FIGURES)


def test_a_figure_has_an_address_of_its_own_with_its_day_and_all_its_numbers(
    site: Site, programmes: Site
) -> None:
    for of, page in shown(site, programmes):
        for address in links(page, "").values():
            assert "at=" in address
            alone = of.page(address)
            rows = rows_of(of, address.replace("/figure?", "/figure.csv?"))
            if rows:
                assert len(alone.table(f"{len(rows):,} row")) == len(rows)
            else:
                assert "There are none at the end of" in alone.words
            assert alone.tree.xpath("//figcaption") == alone.tree.xpath("//figure/figcaption")
            assert "known" in alone.words


def test_cases_over_time_are_those_of_the_command(site: Site, run: Path, look: Look) -> None:
    of_pair = ("--from-run", run, "--product", PAIR[0], "--event", PAIR[1])
    wanted = look("series", *of_pair, "--json").json
    page = site.page(SIGNAL)

    for name in ("cases", "limits"):
        rows = rows_of(site, links(page, ".csv")[name])
        assert len(rows) == len(wanted)
        for row, one in zip(rows, wanted, strict=True):
            assert row["on"] == one["on"]
            for field in set(row) - {"on"}:
                assert (float(row[field]) if row[field] else None) == one[field], field


def test_a_statistic_is_that_of_every_look(programmes: Site, treated: Path, look: Look) -> None:
    of_test = ("--from-run", treated, "--product", "construct:K1", "--design", "effect")
    wanted = look("looks", *of_test, "--json").json

    rows = rows_of(programmes, f"/figure.csv?figure=statistic&name=P1&test={EFFECT}")

    assert len(rows) == len(wanted) > 5
    for row, one in zip(rows, wanted, strict=True):
        assert row["on"] == one["on"]
        for field in ("n_events", "n_patients", "expected", "statistic", "boundary"):
            assert float(row[field]) == one[field]


def test_lanes_hold_every_event_of_every_patient(programmes: Site) -> None:
    rows = rows_of(programmes, "/figure.csv?figure=patients&name=P1")

    for who in (one for one, construct in CONSTRUCTS.items() if construct != "L1"):
        first = list(CONSTRUCTS).index(who)
        days = [int(r["day_since_first_dose"]) for r in rows
                if (r["patient"], r["kind"]) == (who, "event")]  # fmt: skip
        assert days == [day - first for day in EVENTS.get(who, ())]


def test_the_font_of_bitmaps_is_the_published_one() -> None:
    content = files("surveillance.console").joinpath("fonts", "DejaVuSans.ttf").read_bytes()

    assert sha256(content).hexdigest() == FONT


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/figure?figure=nothing", "figure='nothing' is not known"),
        ("/figure?figure=cases", "No product is named"),
        ("/figure.svg?figure=cases&product=x&event=y", "'x' is not the key of a product"),
    ],
)
def test_what_is_no_figure_is_refused_with_the_reason(
    site: Site, address: str, reason: str
) -> None:
    page = site.page(address)

    assert page.status in {400, 404}
    assert reason in page.words


def test_a_figure_of_an_earlier_day_holds_nothing_later(programmes: Site) -> None:
    address = "/figure.csv?figure=patients&name=P1&at="
    then, now = (rows_of(programmes, address + day) for day in ("2024-04-01", "2024-07-10"))

    assert 0 < len(then) < len(now)
