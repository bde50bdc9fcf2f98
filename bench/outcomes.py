"""The watch of outcomes: bytes of state a patient, a day of many programmes, fifteen years.

`python -m bench.outcomes` prints one table. Times are of one process, in seconds of CPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from surveillance.configuration.programmes import Construct, Programme
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Configuration, Topics
from surveillance.domain.outcome import (
    Baseline,
    EndpointEvent,
    Enrolled,
    FollowUp,
    OutcomeRecord,
    TreatmentGiven,
)
from surveillance.log.cells import Cells
from surveillance.log.messages import Record
from surveillance.programmes.watch import WatchOutcomes

START = date(2010, 1, 1)
YEARS = 15
_encode = msgspec.json.Encoder().encode


def configured(n_programmes: int) -> Configuration:
    """Return the configuration that ships for the simulated platform, with many programmes."""
    found = read_configuration(SHIPPED / "ucd")
    first = found.programmes.programme[0]
    many = tuple(
        Programme(
            name=f"P{number}", platform="F", products=("P",), designs=first.designs,
            natural_history=first.natural_history,
            construct=tuple(Construct(name=f"P{number}-{k}") for k in range(3)),
        )
        for number in range(n_programmes)
    )  # fmt: skip
    programmes = replace(found.programmes, programme=many)
    topics = Topics(outcomes=1, cases=found.topics.cases)
    return replace(found, programmes=programmes, topics=topics)


def course(
    rng: np.random.Generator, programme: int, patient: int, entered: int, n_days: int
) -> Iterator[tuple[int, OutcomeRecord]]:
    """Return the records of a patient by day: three doses, visits, events of a kept effect."""
    name, who = f"P{programme}", f"P{programme}-S{patient:04}"

    def common(kind: str, day: int) -> dict[str, Any]:
        on = START + timedelta(days=day)
        return {"record_id": f"{who}-{kind}", "programme": name, "patient_id": who,
                "received_on": on}  # fmt: skip

    def on(day: int) -> date:
        return START + timedelta(days=day)

    before = Baseline(endpoint="Hyperammonaemic event", n_events=3, days=540)
    yield (
        entered,
        Enrolled(
            enrolled_on=on(entered), age_years=0.5, baseline=(before,), **common("EN", entered)
        ),
    )
    for number in range(3):
        day = entered + 28 * number
        yield day, TreatmentGiven(
            platform="F", product="P", construct=f"{name}-{patient % 3}", lot=f"L{day // 90}",
            dose_number=number + 1, dose_mg_per_kg=0.1, given_on=on(day),
            **common(f"T{number}", day),
        )  # fmt: skip
    for number, day in enumerate(range(entered + 90, n_days, 90)):
        seen = day + int(rng.integers(-20, 20))
        if 0 <= seen < n_days:
            yield seen, FollowUp(seen_on=on(seen), **common(f"V{number}", seen))
    rate = 2.4 * 0.2 * rng.gamma(0.65, 1 / 0.65) / 365.25
    passed, number = entered + rng.exponential(1 / rate), 0
    while passed < n_days:
        at = int(passed)
        yield (
            at,
            EndpointEvent(
                endpoint="Hyperammonaemic event", occurred_on=on(at), **common(f"E{number}", at)
            ),
        )
        passed, number = passed + rng.exponential(1 / rate), number + 1


class Watched:
    """A watch that is stored at every close, as in a worker."""

    def __init__(self, configuration: Configuration) -> None:
        self.stored: dict[bytes, bytes] = {}
        self.cells = Cells(self.stored.get)
        self.stage = WatchOutcomes(configuration, 0)
        self.state = self.stage.init(self.cells)
        self.epoch = -1

    def close(self, day: int, lines: Iterable[bytes]) -> int:
        """Close an epoch; return the number of rows."""
        on = START + timedelta(days=day)
        at = int(datetime(on.year, on.month, on.day, 23, tzinfo=UTC).timestamp())
        value = b"\n".join(lines)
        if value:
            self.stage.apply(self.state, Record(self.epoch + 1, value, at))
        self.epoch += 1
        output = self.stage.close(self.state, self.epoch, at)
        self.stage.dump(self.state)
        self.stored |= self.cells.drain()
        return len(list(output.rows))

    @property
    def n_bytes(self) -> int:
        """Bytes of all that is stored."""
        cells = sum(len(key) + len(value) for key, value in self.stored.items())
        return cells + len(self.stage.dump(self.state))


def by_day(records: Iterable[tuple[int, OutcomeRecord]]) -> dict[int, list[bytes]]:
    """Gather lines by the day on which they are received."""
    found: dict[int, list[bytes]] = {}
    for day, record in records:
        found.setdefault(day, []).append(_encode(record))
    return found


def fifteen_years(n_patients: int = 900, n_programmes: int = 7) -> dict[str, float]:
    """Replay fifteen years of daily ticks."""
    rng, n_days = np.random.default_rng(1), int(YEARS * 365.25)
    lines = by_day(
        one
        for patient in range(n_patients)
        for one in course(rng, patient % n_programmes, patient, int(rng.integers(0, 730)), n_days)
    )
    watched, began = Watched(configured(n_programmes)), time.process_time()
    n_rows = sum(watched.close(day, lines.get(day, ())) for day in range(n_days))
    seconds = time.process_time() - began
    return {
        "records": sum(map(len, lines.values())),
        "rows": n_rows,
        "seconds": seconds,
        "bytes a patient": watched.n_bytes / n_patients,
    }


def one_day(
    n_programmes: int = 10_000, n_patients: int = 50, n_years: int = 5, n_made: int = 200
) -> dict[str, float]:
    """Close one daily tick of many programmes, of which one in a hundred has news.

    The histories are those of `n_made` programmes, repeated under other names.
    """
    rng, n_days = np.random.default_rng(1), int(n_years * 365.25)
    watched = Watched(configured(n_programmes))
    made = [
        [one for patient in range(n_patients) for one in course(rng, 0, patient, 0, n_days)]
        for _ in range(n_made)
    ]
    for number in range(n_programmes):
        renamed = (
            _encode(record).replace(b"P0", f"P{number}".encode())
            for _, record in made[number % n_made]
        )
        watched.close(n_days, renamed)
    watched.close(n_days + 1, ())
    chosen = rng.choice(n_programmes, n_programmes // 100, replace=False)
    on = START + timedelta(days=n_days + 2)
    news = [
        _encode(
            FollowUp(record_id="NEWS", programme=f"P{number}", patient_id=f"P{number}-S0000",
                     received_on=on, seen_on=on)
        )
        for number in chosen
    ]  # fmt: skip
    began = time.process_time()
    n_rows = watched.close(n_days + 2, news)
    return {"rows": n_rows, "seconds": time.process_time() - began}


def main() -> None:
    """Print what was measured."""
    for name, found in (
        ("15 years of daily ticks, 900 patients in 7 programmes", fifteen_years()),
        ("a daily tick of 10,000 programmes of 50 patients, news in 100", one_day()),
    ):
        print(name, {key: round(value, 2) for key, value in found.items()})


if __name__ == "__main__":
    main()
