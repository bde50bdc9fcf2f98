"""Random logs, and a simulator that runs every stage on one with crashes and repetitions.

The simulator keeps what a broker and a disk keep: logs, and for each place every state that
was ever stored. A worker may be killed between any two messages that it writes, and may be
given any earlier state of its place. What it wrote stays.
"""

from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

from strategies import SECONDS_A_DAY, a_case, a_decision, encode, instant

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.types import Configuration
from surveillance.domain.case import Event, Kind, Product
from surveillance.domain.decision import Acknowledgement, Suppression
from surveillance.domain.outcome import EndpointEvent, FollowUp, TreatmentGiven
from surveillance.log.cells import Cells
from surveillance.log.messages import ClosedEpoch, End, Fact, decode_message
from surveillance.log.partitioner import partition_of
from surveillance.log.stage import ReaderState, Row, Stage, State
from surveillance.log.ticks import Place, Tick, Timeline
from surveillance.log.topics import CASES, DECISIONS, OUTCOMES, raw_partitions
from surveillance.pipeline import Source, open_reader, sources
from surveillance.runs.in_process import Embedded
from surveillance.triage.matters import Matter
from surveillance.triage.triage import signal_id

START = date(2024, 1, 30)
KINDS: tuple[Kind, ...] = ("initial", "follow_up", "nullification", "reinstatement")
Key = tuple[str, int, int]  # source, epoch, index; -1 for the end


class Written(NamedTuple):
    """One step of a log: a message for a raw topic, or a tick."""

    place: Place | None  # None: a tick
    value: bytes


def key_of(value: bytes) -> Key:
    message = decode_message(value)
    return message.source, message.epoch, -1 if isinstance(message, End) else message.index


# Random logs


def random_log(rng: Random, configuration: Configuration) -> list[Written]:
    """Write a log; its last tick covers all that was received."""
    return _Writer(rng, configuration).log()


class _Writer:
    def __init__(self, rng: Random, configuration: Configuration) -> None:
        self._rng = rng
        self._digest = configuration.digest
        self._n_partitions = raw_partitions(configuration.topics)
        self._ends = {topic: [0] * n for topic, n in self._n_partitions.items()}
        self._old_ticks: list[bytes] = []
        self._at = instant(START, second=80_000)
        self._steps: list[Written] = []

    def log(self) -> list[Written]:
        rng = self._rng
        silent = {place for place in self._raw_places() if rng.random() < 0.3}
        for _ in range(rng.randint(4, 22)):
            if rng.random() < 0.35:
                self._tick()
            else:
                self._receive(silent)
        self._at += rng.choice((1, SECONDS_A_DAY))
        self._write_tick(self._ends)
        return self._steps

    def _raw_places(self) -> list[Place]:
        return [(topic, p) for topic, n in self._n_partitions.items() for p in range(n)]

    def _receive(self, silent: set[Place]) -> None:
        topic = self._rng.choice((CASES, CASES, CASES, OUTCOMES, DECISIONS))
        make = {CASES: self._case, OUTCOMES: self._outcome, DECISIONS: self._decision}[topic]
        made = [make() for _ in range(self._rng.randint(1, 3))]
        place = topic, partition_of(made[0][0], self._n_partitions[topic])
        if self._rng.random() < 0.1:  # sent to the wrong partition
            place = topic, self._rng.randrange(self._n_partitions[topic])
        if place not in silent:
            self._ends[topic][place[1]] += 1
            self._steps.append(Written(place, b"\n".join(line for _, line in made)))

    def _tick(self) -> None:
        rng = self._rng
        if self._old_ticks and rng.random() < 0.3:  # a second ticker, a stuck clock, a stranger
            stray = (rng.choice(self._old_ticks), b"not a tick", b"{}", b'{"at":1')
            self._steps.append(Written(None, rng.choice(stray)))
            return
        self._at += rng.choice((0, 1, 1, 5_000, SECONDS_A_DAY, 31 * SECONDS_A_DAY))
        is_early = rng.random() < 0.2  # the cut is known before the records are here
        self._write_tick(self._ends if not is_early else self._lagging())

    def _lagging(self) -> dict[str, list[int]]:
        return {t: [max(0, n - self._rng.randint(0, 1)) for n in e] for t, e in self._ends.items()}

    def _write_tick(self, ends: dict[str, list[int]]) -> None:
        value = encode(Tick(self._at, self._digest, {t: list(e) for t, e in ends.items()}))
        self._old_ticks.append(value)
        self._steps.append(Written(None, value))

    def _case(self) -> tuple[str, bytes]:
        rng = self._rng
        case_id = f"C{rng.randrange(8)}"
        case = a_case(
            case_id,
            version=rng.randint(1, 3),
            kind=rng.choice(KINDS),
            source=rng.choice(("numbered", "numbered", "numbered", "unknown")),
            received_on=START,
            country=rng.choice((None, "US", "DE")),
            products=(Product(role="suspect", product=rng.choice("PPQ"), construct="K"),),
            events=(Event(pt=rng.choice(("Rash", "Death", "Fever")), outcome="fatal"),),
        )
        return case_id, encode(case) if rng.random() < 0.95 else b"{not json"

    def _outcome(self) -> tuple[str, bytes]:
        rng = self._rng
        patient = rng.randrange(2)
        day = START - timedelta(days=rng.randint(0, 60))
        common: dict[str, Any] = {
            "version": rng.randint(1, 3),
            "is_nullified": rng.random() < 0.1,
            "programme": "P1",
            "patient_id": f"patient {patient}",
            "received_on": START,
        }
        match rng.randrange(3):
            case 0:
                made: Any = TreatmentGiven(
                    record_id=f"t{patient}",
                    platform="F",
                    product="P",
                    construct=rng.choice(("K1", "K2")),
                    given_on=day - timedelta(days=60),
                    **common,
                )
            case 1:
                made = FollowUp(record_id=f"f{patient}", seen_on=day, **common)
            case _:
                made = EndpointEvent(
                    record_id=f"e{rng.randrange(6)}",
                    endpoint="hepatic failure",
                    occurred_on=day,
                    **common,
                )
        return "P1", encode(made)

    def _decision(self) -> tuple[str, bytes]:
        rng = self._rng
        signal = signal_id("product:P", rng.choice(("pt:Rash", "pt:Death")), "safety")
        if rng.random() < 0.3:
            return self._acknowledgement()
        decision = a_decision(
            signal,
            rng.choice(
                ("start_validation", "confirm", "refute", "close", "reopen", "uphold_review")
            ),
            decision_id=f"D{rng.randrange(9)}",
            decided_at=a_decision().decided_at.replace(month=1),
        )
        return signal, encode(decision)

    def _suppression(self, matter: str) -> Suppression:
        return Suppression(
            decision_id=f"D{self._rng.randrange(9)}",
            matter_id=matter,
            until=START + timedelta(days=self._rng.choice((0, 20, 60, 900))),
            reason="ten letters or more",
            decided_by="a person",
            role=self._rng.choice(("safety_physician", "statistician")),
            decided_at=a_decision().decided_at.replace(month=1),
        )

    def _acknowledgement(self) -> tuple[str, bytes]:
        rng = self._rng
        matter = Matter("product:P", rng.choice(("pt:Rash", "pt:Death"))).matter_id
        if rng.random() < 0.3:
            return matter, encode(self._suppression(matter))
        seen = Acknowledgement(
            decision_id=f"D{rng.randrange(9)}",
            matter_id=matter,
            up_to_epoch=rng.randrange(6),
            decided_by="a person",
            role=rng.choice(("safety_scientist", "regulator")),
            decided_at=a_decision().decided_at.replace(month=1),
        )
        return matter, encode(seen)


# What all of it should say


class Output:
    """What was said, by source, epoch and index; and the facts. Takes the part of a sink."""

    def __init__(self) -> None:
        self.messages: dict[Key, bytes] = {}
        self.facts: dict[bytes, Fact] = {}

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take nothing: the log is known."""

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        """Take what a stage said about an epoch."""
        if source.writes is not None:
            for value in closing.messages:
                self.message(value)
        for fact in closing.output.facts:
            self.facts[fact.value] = fact

    def message(self, value: bytes) -> None:
        kept = self.messages.setdefault(key_of(value), value)
        assert kept == value, "two different messages under one key"


def embedded(
    log: list[Written], configuration: Configuration
) -> tuple[Output, dict[Source, bytes]]:
    """Run the log in process; return what was said and the state that each stage ends in."""
    said = Output()
    configurations = Configurations(configuration)
    pipeline = Embedded(configurations, said)
    for place, value in log:
        if place is None:
            pipeline.take_tick(value)
        else:
            pipeline.put(*place, value)
    ends = {source: kept.dump() for source, kept in pipeline.held().items() if kept.epoch >= 0}
    return said, ends


# What a cluster with faults says


class _Stored(NamedTuple):
    resume: int
    epoch: int
    state: bytes | None
    cells: dict[bytes, bytes]


class _Worker:
    """One reader, and how far it has read the ticks and its topic."""

    def __init__(self, cluster: "Cluster", source: Source, stored: _Stored) -> None:
        self.source = source
        self.base = dict(stored.cells)
        self.timeline = Timeline(raw_partitions(cluster.configurations.current.topics))
        self._from = stored
        self.reader = open_reader(source, self._open, self.timeline, cluster.configurations)
        self.n_ticks = 0

    def _open(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        del source
        cells, stored = Cells(self.base.get), self._from
        if stored.state is None:
            return ReaderState(stage.init(cells), cells, stage.dump)
        state = stage.load(stored.state, cells)
        return ReaderState(state, cells, stage.dump, stored.resume, stored.epoch)

    def keep(self) -> _Stored:
        held = self.reader.held
        self.base.update(held.cells.drain())
        return _Stored(held.resume, held.epoch, held.dump(), dict(self.base))


class Cluster:
    """Every stage in its place, on logs that stay, with workers that do not."""

    def __init__(self, log: list[Written], configuration: Configuration, rng: Random) -> None:
        self.configurations = Configurations(configuration)
        self._rng = rng
        self._to_come = log[::-1]
        self._ticks: list[bytes] = []
        self._sources = sources(configuration.topics)
        self._topics: dict[Place, list[bytes]] = {source.place: [] for source in self._sources}
        nothing = _Stored(0, -1, None, {})
        self._stored = {source: [nothing] for source in self._sources}
        self._workers = {source: _Worker(self, source, nothing) for source in self._sources}
        self.said = Output()
        self.n_killed = self.n_repeated = 0

    def run(self) -> None:
        """Let things happen in random order, then let every worker come to the end."""
        rng = self._rng
        while self._to_come:
            if rng.random() < 0.5:
                self._write_next()
            else:
                self._work(rng.choice(self._sources), is_faulty=True)
        for _ in range(8):
            self._work(rng.choice(self._sources), is_faulty=True)
        for source in self._sources:  # those that write before readers
            self._work(source, is_faulty=False)

    def states(self) -> dict[Source, bytes]:
        """Return the state of every stage that ever spoke."""
        return {
            source: worker.reader.held.dump()
            for source, worker in self._workers.items()
            if worker.reader.held.epoch >= 0
        }

    def _write_next(self) -> None:
        place, value = self._to_come.pop()
        if place is None:
            self._ticks.append(value)
        else:
            self._topics[place].append(value)

    def _work(self, source: Source, *, is_faulty: bool) -> None:
        rng = self._rng
        worker = self._workers[source]
        if is_faulty and rng.random() < 0.15:
            worker = self._reopen(source)
        self._feed(worker, is_faulty=is_faulty)
        for closing in worker.reader.advance():
            n_written = len(closing.messages) + len(closing.output.facts)
            dies_after = rng.randint(0, n_written) if is_faulty and rng.random() < 0.2 else None
            self._write(source, closing, dies_after)
            if dies_after is not None:
                self._reopen(source)
                return
            if rng.random() < 0.7:
                self._stored[source].append(worker.keep())

    def _feed(self, worker: _Worker, *, is_faulty: bool) -> None:
        rng = self._rng
        topic, next_offset = self._topics[worker.source.place], worker.reader.next_offset
        n_ticks, n_messages = len(self._ticks), len(topic)
        if is_faulty:
            n_ticks = rng.randint(worker.n_ticks, n_ticks)
            n_messages = rng.randint(next_offset, n_messages)
            next_offset = rng.randint(0, next_offset)  # delivered again
        for epoch in range(worker.n_ticks, n_ticks):
            worker.timeline.feed(epoch, self._ticks[epoch])
        worker.n_ticks = n_ticks
        for offset in range(next_offset, n_messages):
            worker.reader.feed(offset, topic[offset])

    def _write(self, source: Source, closing: ClosedEpoch, dies_after: int | None) -> None:
        messages = closing.messages if source.writes else []
        if dies_after is not None:
            messages = messages[:dies_after]
        facts = closing.output.facts
        if dies_after is not None:
            facts = facts[: max(0, dies_after - len(messages))]
        for value in messages:
            assert source.writes is not None
            self.n_repeated += key_of(value) in self.said.messages
            self.said.message(value)
            self._topics[source.writes, 0].append(value)
        for fact in facts:
            self.said.facts[fact.value] = fact

    def _reopen(self, source: Source) -> _Worker:
        self.n_killed += 1
        stored = self._rng.choice(self._stored[source])
        self._workers[source] = _Worker(self, source, stored)
        return self._workers[source]
