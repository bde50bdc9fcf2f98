"""Hurt workers and broker at random for minutes; what they emit must be what a replay emits.

    python bench/chaos.py SEED --faults N --minutes M

The first part of the log has the ticks of simulated days, some from a second ticker that is
behind; the second part is cut by `longwatch ticker` as it arrives. Exit 0: equal bytes, every
line disposed of, and something was in fact written again.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from integration.cluster import (  # noqa: E402 - found by the line above
    Cluster,
    Worker,
    dispositions,
    embedded_run,
    refuse_none,
    until,
)

from surveillance.intake.inputs import Progress, lines_of  # noqa: E402
from surveillance.log import topics  # noqa: E402
from surveillance.log.days import DatedLine, end_of  # noqa: E402
from surveillance.log.partitioner import partition_of  # noqa: E402
from surveillance.log.ticks import Tick  # noqa: E402
from surveillance.log.topics import raw_partitions  # noqa: E402
from surveillance.simulate import SCENARIOS, simulate  # noqa: E402
from surveillance.stream.clients import read_all  # noqa: E402
from surveillance.stream.local_broker import LocalBroker  # noqa: E402
from surveillance.stream.parity import Comparison, compare  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARE_DATED = 0.6  # of the time; then the ticker is live
SHARE_ODD = 0.1  # of days with a line of the worst kind, a decision, a tick that is behind
SHARE_APPROVED = 0.8  # of decisions; the others lack the second person
SECONDS_TO_SETTLE = 300.0
N_WORKERS_MAX = 3
ACTIONS = ("start_validation", "confirm", "refute", "close", "reopen", "reject_review", "wish")
SCENARIO = SCENARIOS["ucd"]
EVERY = 0.4  # seconds between two rounds


class Feeder:
    """Writes the scenario on the log, and ticks; some lines and ticks are of the worst kind."""

    def __init__(self, cluster: Cluster, data: Path, rng: random.Random) -> None:
        self._cluster, self._rng = cluster, rng
        self.log = cluster.log()
        self._days = _days(data)
        self._n_partitions = raw_partitions(cluster.topics)
        self._old: list[Tick] = []
        self.is_live = False
        self.n_lines = self.n_days = 0

    def days(self, n: int) -> bool:
        """Write so many days; return whether any are left."""
        for _ in range(n):
            lines = next(self._days, None)
            if lines is None:
                return False
            self.n_days += 1
            self._write([*lines, *self._odd_lines()])
            self._decide()
            if not self.is_live:
                self._tick(end_of(lines[0].on))
        self.log.producer.flush()
        return True

    def _write(self, lines: list[DatedLine]) -> None:
        rng = self._rng
        while lines:
            n = rng.choice((1, 1, 20))  # single lines, or as a loader batches them
            batch, lines = lines[:n], lines[n:]
            places: dict[tuple[str, int], list[bytes]] = {}
            for line in batch:
                partition = partition_of(line.key, self._n_partitions[line.topic])
                places.setdefault((line.topic, partition), []).append(line.value)
            for (topic, partition), values in places.items():
                self.log.producer.send(topic, value=b"\n".join(values), partition=partition)
                self.n_lines += len(values)

    def _odd_lines(self) -> Iterator[DatedLine]:
        rng = self._rng
        if rng.random() < SHARE_ODD:
            value = rng.choice((b"{broken", b"\xff\xfe", b"\0" * 50, b"[" * 20_000, b"x" * 300_000))
            yield DatedLine(SCENARIO.from_on, rng.choice(topics.RAW), str(rng.random()), value)

    def _decide(self) -> None:
        rng = self._rng
        if rng.random() > SHARE_ODD:
            return
        alerts = read_all(self._cluster.address, topics.ALERTS)
        subjects = [msgspec.json.decode(value)["subject"] for value in alerts] or ["S-none"]
        decision: dict[str, Any] = {
            "type": "decision",
            "decision_id": f"D{rng.randrange(200)}",
            "signal_id": rng.choice(subjects),
            "action": rng.choice(ACTIONS),
            "decided_by": "simulated person 1",
            "role": "committee_chair",
            "reason": "simulated, for a test of faults",
            "decided_at": datetime(2024, 1, 1, tzinfo=UTC),
        }
        if rng.random() < SHARE_APPROVED:
            decision |= {"approved_by": "simulated person 2", "approver_role": "committee_chair"}
        self.log.producer.send(topics.DECISIONS, value=msgspec.json.encode(decision), partition=0)

    def _tick(self, at: int) -> None:
        self._old.append(self.log.tick(at))
        if self._rng.random() < SHARE_ODD:  # a second ticker, behind the first
            stray = self._rng.choice(self._old[-5:])
            self.log.tick(stray.at, cut=stray.cut)

    def last_tick(self) -> None:
        """Cut all that was written."""
        self.log.tick(int(time.time()) + 1)


def _days(data: Path) -> Iterator[list[DatedLine]]:
    with tempfile.TemporaryDirectory(prefix="longwatch-") as spool:
        lines = lines_of(
            "folder", [data], refuse=refuse_none, spool=Path(spool), progress=Progress()
        )
        day: list[DatedLine] = []
        for line in lines:
            if day and line.on != day[0].on:
                yield day
                day = []
            day.append(line)
        yield day


class Chaos:
    """The faults, one at a time."""

    def __init__(self, cluster: Cluster, rng: random.Random) -> None:
        self._cluster, self._rng = cluster, rng
        self.done: Counter[str] = Counter()
        self.exits: list[str] = []
        self.is_settled = True
        self.workers: dict[str, Worker] = {}
        self._n_named = 0
        self._faults: list[Callable[[str], str]] = [
            self._kill, self._kill, self._pause, self._pause, self._broker,
            self._join, self._leave, self._old_disk, self._lost_disk,
        ]  # fmt: skip

    def start(self, name: str | None = None) -> str:
        """Start a worker, a new one if none is named."""
        if name is None:
            self._n_named += 1
            name = f"worker-{self._n_named}"
        self.workers[name] = self._cluster.work(name)
        return name

    def supervise(self) -> None:
        """Start again whoever ended by itself, and keep why."""
        for name, worker in list(self.workers.items()):
            if worker.code is not None:
                last = worker.printed.strip().splitlines()[-1:]
                self.exits.append(f"{name} exit {worker.code}: {' '.join(last)[-300:]}")
                print(f"         {self.exits[-1]}", flush=True)
                self.start(name)

    def hurt(self) -> str:
        """Do one thing; return what it was."""
        fault = self._rng.choice(self._faults)
        done_to = fault(self._rng.choice(sorted(self.workers)))
        self.done[done_to.split(",", maxsplit=1)[0].split(" worker")[0]] += 1
        return done_to

    def _kill(self, name: str) -> str:
        self.workers[name].kill()
        away = self._rng.choice((0, 0, 2, 12))
        time.sleep(away)
        self.start(name)
        return f"SIGKILL {name}, back after {away} s"

    def _pause(self, name: str) -> str:
        seconds = self._rng.choice((3, 12, 16))
        self.workers[name].pause()
        time.sleep(seconds)
        self.workers[name].resume()
        return f"SIGSTOP {name}, SIGCONT after {seconds} s"

    def _broker(self, _: str) -> str:
        self._cluster.broker.kill()
        start = time.monotonic()
        time.sleep(self._rng.choice((0, 3)))
        self._cluster.broker.restart()
        return f"SIGKILL of the broker, back after {time.monotonic() - start:.0f} s"

    def _join(self, name: str) -> str:
        if len(self.workers) >= N_WORKERS_MAX:
            return self._leave(name)
        return f"join of {self.start()}"

    def _leave(self, name: str) -> str:
        if len(self.workers) == 1:
            return self._join(name)
        code = self.workers.pop(name).stop()
        if code:
            self.exits.append(f"{name} exit {code} at SIGTERM")
        return f"leave of {name}"

    def _old_disk(self, name: str) -> str:
        state, kept = self._cluster.home / name, self._cluster.home / f"{name}.kept"
        self.workers[name].kill()
        if kept.exists():
            shutil.rmtree(state)
            kept.rename(state)
            done_to = f"old disk for {name}"
        else:
            shutil.copytree(state, kept)
            done_to = f"SIGKILL {name}, its disk copied"
        self.start(name)
        return done_to

    def _lost_disk(self, name: str) -> str:
        self.workers[name].kill()
        shutil.rmtree(self._cluster.home / name)
        self.start(name)
        return f"lost disk of {name}"


def run(cluster: Cluster, data: Path, rng: random.Random, n_faults: int, seconds: float) -> Chaos:
    """Feed the log and hurt the workers until the time is over and the scenario is written."""
    feeder, chaos = Feeder(cluster, data, rng), Chaos(cluster, rng)
    chaos.start()
    chaos.start()
    begin = time.monotonic()
    n_done, is_more = 0, True
    while is_more or n_done < n_faults:
        passed = time.monotonic() - begin
        if not feeder.is_live and passed > SHARE_DATED * seconds:
            feeder.is_live = True
            cluster.run("ticker", "ticker", "--every", "0.2")
            print(f"{passed:6.0f} s the ticker is live", flush=True)
        share = min(1.0, passed / seconds)
        if is_more:
            is_more = feeder.days(int(share * SCENARIO.days) - feeder.n_days)
        chaos.supervise()
        if n_done < n_faults and passed > 8 + (seconds - 8) * n_done / n_faults:
            done_to = chaos.hurt()
            n_done += 1
            print(f"{time.monotonic() - begin:6.0f} s {done_to}", flush=True)
        is_more = is_more and share < 1.0
        time.sleep(EVERY)
    settle(cluster, feeder, chaos)
    print(f"{feeder.n_lines:,} lines written", flush=True)
    return chaos


def settle(cluster: Cluster, feeder: Feeder, chaos: Chaos) -> None:
    """End the ticker, cut the rest, and wait until all of it is emitted."""
    ticker = cluster.processes.get("ticker")
    if ticker is not None:
        print(f"         ticker: exit {ticker.code or ticker.stop()}", flush=True)
    feeder.last_tick()
    epoch = cluster.last_epoch()

    def is_settled() -> bool:
        chaos.supervise()
        return cluster.is_done(epoch)

    if not until(is_settled, seconds=SECONDS_TO_SETTLE, every=2.0):
        chaos.is_settled = False
        print(f"NOT SETTLED after {SECONDS_TO_SETTLE:.0f} s", flush=True)


def verdict(cluster: Cluster, chaos: Chaos, home: Path) -> bool:
    """Compare with a replay of the log that is on the broker; print and return whether equal."""
    start = time.monotonic()
    directory = embedded_run(cluster, home / "run")
    print(f"replay of the log in process: {time.monotonic() - start:.1f} s", flush=True)
    found: Comparison = compare(
        directory, cluster.address, until=time.monotonic() + 60, clock=time.monotonic
    )
    for topic, n in found.n_messages.items():
        print(f"{topic:<20} {n:>8,} messages {found.n_repeated[topic]:>8,} written again")
    unsettled = {
        place: counted
        for place, counted in dispositions(cluster).items()
        if counted.n_lines != counted.n_disposed
    }
    n_repeated = sum(found.n_repeated.values())
    print(f"faults: {dict(chaos.done)}; ended by themselves: {len(chaos.exits)}")
    print(f"lines without disposition: {unsettled or 'none'}")
    is_equal = found.difference is None and not unsettled
    if not is_equal:
        print(f"NOT EQUAL: {found.difference}")
    elif not n_repeated:
        print("equal bytes, but nothing was written again: no fault was one")
    else:
        print(f"equal bytes, {n_repeated:,} written again")
    return is_equal and n_repeated > 0 and chaos.is_settled


def main() -> int:
    """Run, and keep everything if it failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    chosen = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="longwatch-chaos-"))
    rng = random.Random(chosen.seed)
    simulate(SCENARIO, chosen.seed, home / "data")
    with LocalBroker(home / "broker") as broker, Cluster(broker, home / "cluster") as cluster:
        cluster.make_topics()
        chaos = run(cluster, home / "data", rng, chosen.faults, chosen.minutes * 60)
        is_equal = verdict(cluster, chaos, home)
    if is_equal:
        shutil.rmtree(home)
    else:
        print(f"logs and topics are kept in {home}")
    return int(not is_equal)


if __name__ == "__main__":
    sys.exit(main())
