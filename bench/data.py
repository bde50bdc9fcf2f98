"""The case versions that every bench reads: simulated, in the order of their receipt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Configuration
from surveillance.log.days import DatedLine, EndOfDay, RawMessage, messages_by_day
from surveillance.log.topics import CASES
from surveillance.simulate import case_lines, national

CONFIGURATION = SHIPPED / "ucd"  # the one whose sources name simulated cases
N_PRODUCTS, N_EVENTS = 3, 2  # of every case
LINES_A_CASE = 1.6  # fewer than there are: enough cases are drawn
SEED = 1


class _Dated(msgspec.Struct):
    case_id: str
    received_on: date


_dated = msgspec.json.Decoder(_Dated).decode


def configuration() -> Configuration:
    """Return the configuration in force."""
    return read_configuration(CONFIGURATION)


def write(path: Path, n_lines: int) -> dict[str, Any]:
    """Write case versions to a file, one a line, in the order of their receipt."""
    scenario = national(
        int(n_lines / LINES_A_CASE), products_per_case=N_PRODUCTS, events_per_case=N_EVENTS
    )
    found = list(islice(case_lines(scenario, SEED), n_lines))
    found.sort(key=lambda line: _dated(line).received_on)
    path.write_bytes(b"\n".join(found))
    return {
        "n_lines": len(found),
        "bytes_a_line": sum(map(len, found)) / len(found),
        "n_cases": len({_dated(line).case_id for line in found}),
        "n_days": len({_dated(line).received_on for line in found}),
        "products": N_PRODUCTS,
        "events": N_EVENTS,
        "seed": SEED,
    }


def read(path: Path) -> list[bytes]:
    """Return the lines."""
    return path.read_bytes().split(b"\n")


def dated(lines: list[bytes]) -> Iterator[DatedLine]:
    """Give each line its day of receipt and its key, as an intake would."""
    for line in lines:
        head = _dated(line)
        yield DatedLine(head.received_on, CASES, head.case_id, line)


def by_day(lines: list[bytes], into: Configuration) -> list[RawMessage | EndOfDay]:
    """Cut the log at the end of every day of receipt."""
    return list(messages_by_day(dated(lines), into.topics))


def by_number(lines: list[bytes], into: Configuration, n: int) -> list[RawMessage | EndOfDay]:
    """Cut the log after every so many lines."""
    all_dated = list(dated(lines))
    items: list[RawMessage | EndOfDay] = []
    for start in range(0, len(all_dated), n):
        part = all_dated[start : start + n]
        items += messages_by_day((line._replace(on=part[-1].on) for line in part), into.topics)
    return items
