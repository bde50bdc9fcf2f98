"""Generate a scenario: a stream in order of arrival, and the truth beside it.

The stream is made day by day. What arrives later waits in its day; since no version follows
another by more than a fixed number of days, memory depends on cases a day, not on their number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from surveillance.simulate import planting
from surveillance.simulate.content import Calendar, SimulatedLine
from surveillance.simulate.national import National
from surveillance.simulate.scenario import Scenario
from surveillance.simulate.treated import Treated, treat
from surveillance.simulate.truth import MixCounts, Truth

Progress = Callable[[int, int], None]
_WEEKDAY_WEIGHTS = np.array([1.15, 1.15, 1.15, 1.15, 1.1, 0.7, 0.6])  # Monday first; assumed


def simulate(scenario: Scenario, seed: int, out: Path, progress: Progress | None = None) -> Truth:
    """Write a simulation to a directory.

    Parameters
    ----------
    scenario : Scenario
    seed : int
        Not negative. The same scenario and seed give the same bytes.
    out : Path
        Made if it is not there. Gets `cases.ndjson`, `outcomes.ndjson` if there are any,
        `truth.json` and `scenario.json`; files of these names are overwritten.
    progress : callable, optional
        Called once for each simulated day with background cases done, and all of them.

    Returns
    -------
    Truth
        The content of `truth.json`.
    """
    out.mkdir(parents=True, exist_ok=True)
    stream = _Stream(scenario, seed, progress)
    outcomes = stream.treated.outcomes if stream.treated else []
    with (out / "cases.ndjson").open("wb") as file:
        n_cases, cases_sha256 = _write(file, stream.lines())
    with (out / "outcomes.ndjson").open("wb") as file:
        n_outcomes, outcomes_sha256 = _write(file, (line.line for line in sorted(outcomes)))
    if n_outcomes == 0:  # an empty file is refused where it is read: it may have been cut off
        (out / "outcomes.ndjson").unlink()
    truth = Truth(
        scenario=scenario.name,
        seed=seed,
        from_on=scenario.from_on,
        until_on=stream.calendar[scenario.days - 1],
        delay_days_max=scenario.mix.delay_days_max,
        planted=stream.treated.planted if stream.treated else (),
        nulls=planting.nulls(scenario, stream.national.nulls),
        associations=tuple(planting.associations(scenario)),
        constructs=stream.treated.constructs if stream.treated else (),
        mix=stream.counts,
        n_platform_cases=stream.treated.counts.n_cases if stream.treated else 0,
        n_platform_versions=stream.treated.counts.n_versions if stream.treated else 0,
        n_case_lines=n_cases,
        n_outcome_lines=n_outcomes,
        cases_sha256=cases_sha256,
        outcomes_sha256=outcomes_sha256,
    )
    (out / "truth.json").write_bytes(_readable(truth))
    (out / "scenario.json").write_bytes(_readable(scenario))
    return truth


def case_lines(scenario: Scenario, seed: int) -> Iterator[bytes]:
    """Generate the case versions of a scenario, without newlines, in order of arrival.

    Parameters
    ----------
    scenario : Scenario
    seed : int

    Yields
    ------
    bytes
        The lines of `cases.ndjson`.
    """
    yield from _Stream(scenario, seed, None).lines()


class _Stream:
    """The cases of a scenario, and what is known once they are generated."""

    def __init__(self, scenario: Scenario, seed: int, progress: Progress | None) -> None:
        # two streams of chance: the platform stays the same whatever the background is
        national, platform = (Generator(PCG64(part)) for part in SeedSequence(seed).spawn(2))
        self._scenario, self._rng, self._progress = scenario, national, progress
        self.calendar = Calendar(scenario.from_on)
        self.counts = MixCounts()
        self.national = National(national, scenario, self.calendar, self.counts)
        self.treated: Treated | None = None
        if scenario.platform is not None:
            self.treated = treat(platform, scenario, scenario.platform, self.calendar)

    def lines(self) -> Iterator[bytes]:
        waiting: defaultdict[int, list[SimulatedLine]] = defaultdict(list)
        for line in self.treated.cases if self.treated else ():
            waiting[line.arrival].append(line)
        for day, n in enumerate(self._cases_per_day()):
            for line in self.national.day(day, n):
                waiting[line.arrival].append(line)
            yield from _in_order(waiting.pop(day, []))
            if self._progress is not None:
                self._progress(self.counts.n_cases, self._scenario.background.n_cases)
        for day in sorted(waiting):  # versions that follow the last day
            yield from _in_order(waiting[day])

    def _cases_per_day(self) -> list[int]:
        days = self._scenario.days
        weekday = (self._scenario.from_on.weekday() + np.arange(days)) % 7
        weights = _WEEKDAY_WEIGHTS[weekday]
        n = self._rng.multinomial(self._scenario.background.n_cases, weights / weights.sum())
        per_day: list[int] = n.tolist()
        return per_day


def _in_order(lines: list[SimulatedLine]) -> Iterator[bytes]:
    lines.sort()
    return (line.line for line in lines)


def _write(file: BinaryIO, lines: Iterable[bytes]) -> tuple[int, str]:
    """Write lines; return their number and the hash of the file."""
    whole, n = sha256(), 0
    for n, line in enumerate(lines, 1):  # noqa: B007 - the last number is used
        ended = line + b"\n"
        whole.update(ended)
        file.write(ended)
    return n, whole.hexdigest()


def _readable(value: Truth | Scenario) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
