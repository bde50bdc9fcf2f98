"""Close an epoch of triage over 10,000 open signals: `python -m bench.triage`.

CPU time of the close and of storing the state, by how many signals moved in the epoch. The state is
stored whole, so that its share does not depend on what moved.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from statistics import median
from time import process_time
from typing import NamedTuple

import msgspec

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.finding import Finding
from surveillance.log.cells import Cells, nothing_stored
from surveillance.triage.triage import TriageFindings

N_SIGNALS = 10_000
N_MOVED = (1, 100, 1_000)
N_EPOCHS = 9
N_FIRST = 3  # cases
FIRST = date(2024, 1, 1)
AT = int(datetime(2024, 1, 1, 23, tzinfo=UTC).timestamp())


class Took(NamedTuple):
    """CPU time of an epoch, in milliseconds."""

    n_moved: int
    close_ms: float
    store_ms: float
    state_bytes: int


def a_finding(number: int, n: int) -> Finding:
    return Finding(
        criterion="ic", criterion_version=1, change="met" if n == N_FIRST else "grown",
        on=FIRST, epoch=0,
        product=f"product:P{number}", event="pt:Rash", n_pair=n, n_product=40, n_event=90,
        n_total=9_000, n_serious=2, expected=0.4, ic_lower=1.0, countries=("US", "DE"),
    )  # fmt: skip


def measure() -> list[Took]:
    stage = TriageFindings(read_configuration(SHIPPED / "e2b"))
    state = stage.init(Cells(nothing_stored))
    for number in range(N_SIGNALS):
        stage.apply(state, a_finding(number, N_FIRST))
    stage.close(state, 0, AT)
    found, epoch = [], 0
    for n_moved in N_MOVED:
        times: list[tuple[float, float]] = []
        data = b""
        for _ in range(N_EPOCHS):
            epoch += 1
            begun = process_time()
            for number in range(n_moved):
                stage.apply(state, a_finding(number, N_FIRST + epoch))
            stage.close(state, epoch, AT)
            closed = process_time()
            data = stage.dump(state)
            times.append((closed - begun, process_time() - closed))
        close, store = (median(one) for one in zip(*times, strict=True))
        found.append(Took(n_moved, 1e3 * close, 1e3 * store, len(data)))
    return found


if __name__ == "__main__":
    for took in measure():
        sys.stdout.buffer.write(msgspec.json.encode(took._asdict()) + b"\n")
