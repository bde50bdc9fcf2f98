"""The small columns of the inbox: cases of the latest weeks, and who shares the same cases."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from answers import Look
from decided_run import LAST, TWINS
from reading_pages import Site
from strategies import a_configuration

from surveillance.console.bars import draw_weeks, in_words
from surveillance.domain.signal import SignalOutline
from surveillance.triage.matters import Matter
from surveillance.views.recent_weeks import N_WEEKS
from surveillance.views.same_cases import SameCases

if TYPE_CHECKING:
    from reading_pages import Shown

    from surveillance.views.same_cases import Neighbour

RASH, ITCHING = (f"/m/{Matter(*pair).matter_id}" for pair in TWINS)


def weeks_of(page: Shown, link: str) -> list[int]:
    """Return the numbers behind the bars of a matter."""
    (row,) = page.tree.xpath(f"//tr[.//a[@class='open' and starts-with(@href, '{link}')]]")
    (title,) = row.xpath(".//*[local-name()='title']")
    return [int(each) for each in title.text.removeprefix("by week: ").split()]


@pytest.mark.parametrize("day", ["2024-03-20", "2024-04-03", str(LAST)])
def test_the_bars_are_the_sums_of_the_series_by_week(
    decided: Site, decided_run: Path, look: Look, day: str
) -> None:
    product, event = TWINS[0]
    of_pair = ("--from-run", decided_run, "--product", product, "--event", event)
    points = look("series", *of_pair, "--every", "day", "--as-of", day, "--json").json
    on = date.fromisoformat(day)
    monday = on - timedelta(days=on.weekday(), weeks=N_WEEKS - 1)
    wanted = [0] * N_WEEKS
    for one in points:
        wanted[(date.fromisoformat(one["on"]) - monday).days // 7] += one["n_pair_new"]

    found = weeks_of(decided.page("/inbox", view="all", at=day), RASH)

    assert found == wanted
    assert sum(found) > 0
    assert (min(found) < 0) == (day != "2024-03-20")  # a nullification came on 2024-04-03


def test_two_matters_that_rest_on_the_same_cases_name_each_other(
    decided: Site, decided_run: Path, look: Look
) -> None:
    held = [
        {
            one["case_id"]
            for one in look(
                "cases",
                "--from-run",
                decided_run,
                "--product",
                pair[0],
                "--event",
                pair[1],
                "--json",
            ).json["cases"]
        }
        for pair in TWINS
    ]
    n_shared, n_either = len(held[0] & held[1]), len(held[0] | held[1])

    page = decided.page("/inbox", view="all")

    rows = {row["Product and event"]: row for row in page.table("Matters")}
    named = {name: name.partition("same cases: ")[2] for name in rows}
    assert {name for name, found in named.items() if found} == {
        f"ALPHA product Rash term same cases: shares {n_shared} of {n_either} with ALPHA, Itching",
        f"ALPHA product Itching term same cases: shares {n_shared} of {n_either} with ALPHA, Rash",
    }
    assert page.links_to(RASH)
    assert page.links_to(ITCHING)


class Held:
    """Cases of pairs, by event."""

    def __init__(self, **cases: str) -> None:
        self._cases = cases

    def counted_cases(self, product: str, event: str, epoch: int) -> dict[str, int]:  # noqa: ARG002
        return dict.fromkeys(self._cases[event.partition(":")[2]], 1)


def an_outline(event: str, n: int, product: str = "product:P") -> SignalOutline:
    matter = Matter(product, event).matter_id
    values = (0, 0.5, n, 0, 0, True, False, True)
    return SignalOutline("S-1", matter, product, event, "detected", LAST, *values)


def nearest(cases: Held, listed: list[SignalOutline]) -> Neighbour | None:
    found = SameCases(cases, a_configuration(), listed, 9)  # type: ignore[arg-type]
    return found.of(listed[0])


def test_four_of_five_cases_are_enough_and_three_of_four_are_not() -> None:
    listed = [an_outline("pt:a", 5), an_outline("pt:b", 4)]
    enough = nearest(Held(a="12345", b="1234"), listed)

    assert enough is not None
    assert (enough.signal.event, enough.share) == ("pt:b", 0.8)
    assert nearest(Held(a="1234", b="1235"), [an_outline("pt:a", 4), listed[1]]) is None


def test_the_matter_that_shares_most_is_named_and_of_equal_ones_the_first() -> None:
    listed = [an_outline(f"pt:{name}", 5) for name in "abcd"]
    found = nearest(Held(a="12345", b="12346", c="12345", d="12345"), listed)

    assert found is not None
    assert (found.signal.event, found.share) == ("pt:c", 1.0)


def test_other_products_with_other_events_are_not_compared() -> None:
    listed = [an_outline("pt:a", 5), an_outline("pt:b", 5, "product:Q")]

    assert nearest(Held(a="12345", b="12345"), listed) is None
    same_event = [listed[0], an_outline("pt:a", 5, "product:Q")]
    assert nearest(Held(a="12345"), same_event) is not None


def test_bars_are_told_in_words_with_the_busiest_week() -> None:
    on = date(2024, 4, 24)  # a Wednesday

    assert in_words([0] * 26, on) == "none in 26 weeks"
    assert in_words([*[0] * 24, 4, -1], on) == (
        "3 in 26 weeks, -1 in the latest; most 4 in the week of 2024-04-15"
    )
    assert in_words([*[0] * 25, -2], on) == "-2 in 26 weeks, -2 in the latest"


@pytest.mark.parametrize("values", [[0] * 26, [1] * 26, [-3] * 26, [*[0] * 25, 10**9]])
def test_bars_stay_within_their_box(values: list[int]) -> None:
    text = str(draw_weeks(values, date(2024, 4, 24)))

    assert 'height="24"' in text
    for part in text.split('d="')[2:]:  # bars: each moves to its top, and goes down by its height
        bars = part.partition('"')[0]
        for bar in filter(None, bars.split("z")):
            top = float(bar.partition(" ")[2].partition("h")[0])
            height = float(bar.partition("v")[2].partition("h")[0])
            assert 0 <= top <= top + height <= 24.5
