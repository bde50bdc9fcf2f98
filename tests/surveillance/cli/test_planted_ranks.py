"""Where the demo's planted signals stand on the list, as `docs/simulation.md` states it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from calling import ROOT, longwatch

if TYPE_CHECKING:
    from .conftest import Demo

pytestmark = pytest.mark.campaign
N_FIRST = 5  # what a reviewer looks at first


def planted(demo: Demo, kind: str) -> dict[str, Any]:
    """Return what was planted of a kind."""
    (found,) = [one for one in demo.truth["planted"] if one["kind"] == kind]
    return dict(found)


def signals_of(demo: Demo, kind: str) -> list[dict[str, Any]]:
    """Return the signals of what was planted, which are of one matter."""
    of, rows = planted(demo, kind), longwatch("signals", "--from-run", demo.run, "--json").json()
    found = [
        one for one in rows if one["product"] in of["products"] and one["event"] in of["events"]
    ]
    assert len({one["matter_id"] for one in found}) == 1
    return found


def crossed_on(demo: Demo, kind: str) -> date:
    """Return the day on which a criterion was first met for it, once it was planted."""
    of = planted(demo, kind)
    return min(
        date.fromisoformat(one["first_on"])
        for signal in signals_of(demo, kind)
        for one in signal["support"]
        if one["criterion"] in of["criteria"] and one["first_on"] >= of["from_on"]
    )


def places(demo: Demo, kind: str, *days: date) -> list[tuple[int, int]]:
    """Return the rank of its matter, and how many are listed, for each day on which it is."""
    asked: list[tuple[object, ...]] = [("--as-of", on) for on in days] or [()]
    rows = [
        row
        for as_of in asked
        for row in longwatch("ranking", "--from-run", demo.run, "--all", "--json", *as_of).json()
    ]
    matter = signals_of(demo, kind)[0]["matter_id"]
    return [(one["rank"], one["n_ranked"]) for one in rows if one["matter_id"] == matter]


def place(demo: Demo, kind: str, *on: date) -> tuple[int, int]:
    """Return the same of the list of one day, or of the last one."""
    (found,) = places(demo, kind, *on)
    return found


def test_the_sentinel_is_among_the_first_the_day_after_it_came_and_at_the_end(
    seeded_demo: Demo,
) -> None:
    came = crossed_on(seeded_demo, "sentinel")

    rank, n_ranked = place(seeded_demo, "sentinel", came + timedelta(days=1))

    assert came.isoformat() == planted(seeded_demo, "sentinel")["from_on"]
    assert rank <= N_FIRST < n_ranked
    assert place(seeded_demo, "sentinel")[0] <= N_FIRST


def test_the_lost_effect_is_among_the_first_from_the_day_it_crossed(seeded_demo: Demo) -> None:
    crossed = crossed_on(seeded_demo, "lost_effect")

    for days in ([crossed], [crossed + timedelta(days=1)], []):
        rank, n_ranked = place(seeded_demo, "lost_effect", *days)
        assert rank <= N_FIRST < n_ranked, days


def test_the_excess_is_among_the_first_at_some_time_and_not_at_the_end(seeded_demo: Demo) -> None:
    """It is a few cases of an event that is rarely serious: nothing is taken off this list."""
    first = crossed_on(seeded_demo, "excess")
    days = [first + timedelta(days=14 * n) for n in range(3, 18)]

    ranks = [rank for rank, _ in places(seeded_demo, "excess", *days)]

    assert min(ranks) <= N_FIRST < place(seeded_demo, "excess")[0]


def test_the_page_states_the_places_that_there_are(seeded_demo: Demo) -> None:
    page = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
    cells = [f"| {seeded_demo.truth['seed']} |"]
    for kind, after in (("sentinel", 1), ("lost_effect", 1), ("excess", None)):
        if after is not None:
            on = crossed_on(seeded_demo, kind) + timedelta(days=after)
            rank, n_ranked = place(seeded_demo, kind, on)
            cells.append(f"{ordinal(rank)} of {n_ranked:,}")
        rank, n_ranked = place(seeded_demo, kind)
        cells.append(f"{ordinal(rank)} of {n_ranked:,}")

    row = next(line for line in page.splitlines() if line.startswith(cells[0]))
    assert [one.strip() for one in row.strip("|").split("|")][1:] == cells[1:]


def ordinal(n: int) -> str:
    """Write a place as the page has it."""
    ending = "th" if 10 < n % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
