"""What the stages on raw topics share: lines in, a disposition for every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal, TypeVar

from surveillance.domain.contribution import Dispositions
from surveillance.domain.errors import Refused
from surveillance.log.messages import Fact, Record
from surveillance.log.refusals import refused_fact
from surveillance.log.ticks import Place

Disposition = Literal["applied", "superseded", "repeated", "refused", "control"]
T = TypeVar("T")


class Ledger:
    """Dispositions and refusals of one partition since the last close."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.facts: list[Fact] = []

    def close(self, place: Place) -> tuple[Dispositions, list[Fact]]:
        """Return what became of the records, and begin anew."""
        row = Dispositions(
            topic=place[0],
            partition=place[1],
            applied=self.counts["applied"],
            superseded=self.counts["superseded"],
            repeated=self.counts["repeated"],
            refused=self.counts["refused"],
            control=self.counts["control"],
        )
        facts = self.facts
        self.counts, self.facts = Counter(), []
        return row, facts


def take_lines(
    ledger: Ledger, place: Place, record: Record, take: Callable[[bytes], Disposition]
) -> None:
    """Give every line of a message to `take`, and enter what becomes of it.

    A blank line, and a message without any, is control: counted, and nothing else.
    """
    for index, line in enumerate(lines_in(record.value)):
        if is_blank(line):
            ledger.counts["control"] += 1
            continue
        try:
            disposition = take(line)
        except Refused as error:
            disposition = "refused"
            ledger.facts.append(refused_fact(place, record.offset, index, error, line, record.at))
        ledger.counts[disposition] += 1


def lines_in(value: bytes) -> list[bytes]:
    """Return the lines of a message without their ends.

    A message may hold one line or many, each ended by LF or CR LF: a CR elsewhere is space
    between the words of JSON.
    """
    return [line.removesuffix(b"\r") for line in value.removesuffix(b"\n").split(b"\n")]


def is_blank(line: bytes) -> bool:
    """Return whether a line holds no record."""
    return not line or line.isspace()


@lru_cache(maxsize=256)
def day_of(at: int) -> date:
    """Return the UTC day of an instant."""
    return datetime.fromtimestamp(at, tz=UTC).date()


def refuse_ahead(name: str, day: date, at: int) -> None:
    """Refuse a day that lies ahead of the log's own time.

    One day of grace is given: it is already tomorrow east of Greenwich.
    """
    if day.toordinal() > day_of(at).toordinal() + 1:
        raise Refused(
            "lies_ahead",
            f"{name} is {day}, and the log was at {day_of(at)}",
            "mend the date, or send the record when that day has come",
        )
