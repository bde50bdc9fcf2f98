"""Pages about the log itself: what was refused, what was published, and how far it goes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from surveillance.console.asked import NotThere, paged
from surveillance.console.pages import Page
from surveillance.feed.publish import FeedEntry
from surveillance.log.topics import FEED, GENERATION
from surveillance.runs.files import FACT_FILES
from surveillance.views.refused import place_of, readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.refused_record import RefusedRecord
    from surveillance.register.reader import EpochRow

N_ROWS = 50
N_CHARACTERS = 400  # of a refused record


class _Event(msgspec.Struct):
    """A CloudEvent of the feed."""

    id: str
    source: str
    time: datetime
    data: FeedEntry


class Published(NamedTuple):
    """An entry of the feed, and the line that it is."""

    at: datetime
    entry: FeedEntry
    line: bytes
    id: str  # these two: of the CloudEvent
    source: str


class Refusals(NamedTuple):
    """Refused records of one code."""

    code: str
    n: int
    remedy: str
    reason: str  # of the first


_decode_event = msgspec.json.Decoder(_Event).decode


def feed(known: Known, asked: Asked) -> Page:
    """Return the feed, the newest entry first."""
    found = published(known, asked.at)
    found.reverse()
    return Page("feed.html", "Feed", paged(found, asked, N_ROWS).values())


def published(known: Known, at: date | None) -> list[Published]:
    """Return the entries of the feed up to a day, the oldest first.

    Raises
    ------
    NotThere
        If a register alone is looked at, which does not hold the feed.
    """
    on, directory = known.day(at).on, known.source.directory
    if directory is None:
        why = f"a register holds no feed; the topic {FEED} does"
        raise NotThere(404, "The feed is not here", why, "start the console with --from-run")
    path = directory / FACT_FILES[FEED]
    lines = path.read_bytes().splitlines() if path.exists() else []  # no file: nothing published
    return [one for one in map(_published, lines) if one.at.astimezone(UTC).date() <= on]


def _published(line: bytes) -> Published:
    event = _decode_event(line)
    return Published(event.time, event.data, line, event.id, event.source)


def data(known: Known, asked: Asked) -> Page:
    """Return what was refused, by code, and what became of all that was read."""
    day = known.day(asked.at)
    records = known.refused()
    codes = Counter(one.code for one in records)
    firsts = {one.code: one for one in reversed(records)}
    code = asked.text("code")
    if code and code not in codes:
        listed = ", ".join(sorted(codes)) or "none"
        raise NotThere(404, "Nothing was refused with that code", f"there are {listed}", "go back")
    page = paged([one for one in records if one.code == code], asked, N_ROWS)
    return Page(
        "data.html",
        "Data quality",
        {
            "codes": [
                Refusals(one, n, firsts[one].remedy, firsts[one].reason)
                for one, n in codes.most_common()
            ],
            "code": code,
            "dispositions": known.reader.dispositions(day.epoch),
        }
        | page.values(list(_shown(page.rows))),
    )


def _shown(records: Sequence[RefusedRecord]) -> Iterator[tuple[RefusedRecord, str, str]]:
    for one in records:
        text = readable(one.content_bytes).text
        more = len(text) - N_CHARACTERS
        yield one, place_of(one), text[:N_CHARACTERS] + (f" … {more:,} more" if more > 0 else "")


def system(known: Known, asked: Asked) -> Page:
    """Return where the log stands: its epochs, its configuration, the place of the register."""
    day = known.day(asked.at)
    epochs: list[EpochRow] = [one for one in known.epochs() if one.epoch <= day.epoch]
    epochs.reverse()
    page = paged(epochs, asked, N_ROWS)
    changes: dict[str | None, EpochRow] = {}
    for one in epochs:
        changes[one.configuration] = one  # the first with it, as they descend
    values: dict[str, Any] = {
        "configurations": list(changes.values()),
        "generation": GENERATION,
        "place": known.place,
    }
    rows = [(one, datetime.fromtimestamp(one.at, tz=UTC)) for one in page.rows]
    return Page("system.html", "System", values | page.values(rows))
