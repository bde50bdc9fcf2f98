"""The directory that a replay writes: what it holds, and how to read it back.

What a derived topic holds is stored once, compressed, byte for byte as on Kafka. Rows for
people's tools are cut from it on demand: a second copy would double the directory, and
could differ from the first.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Self

import msgspec

from surveillance.domain.errors import Misused
from surveillance.domain.finding import Finding, PriorFitted, WatchFinding
from surveillance.domain.refused_record import RefusedRecord
from surveillance.domain.signal import DecisionPassedOver
from surveillance.intake.inputs import refused_at_intake
from surveillance.log import topics
from surveillance.log.ticks import Tick
from surveillance.pipeline import Source
from surveillance.register.database import sqlite_url
from surveillance.register.process import RegisterProcess
from surveillance.runs.cannot_happen import Seen
from surveillance.runs.files import FACT_FILES, TICKS_FILE, TOPIC_FILES, open_packed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from surveillance.configuration.types import Configuration
    from surveillance.domain.contribution import Dispositions
    from surveillance.intake.format import Unusable
    from surveillance.log.messages import ClosedEpoch

_encode = msgspec.json.Encoder().encode
_decode_refused = msgspec.json.Decoder(RefusedRecord).decode
_decode_tick = msgspec.json.Decoder(Tick).decode


class _Provenance(msgspec.Struct, frozen=True):
    """Where a record itself says that it was read."""

    place: str | None = None


class _Placed(msgspec.Struct):
    """What a record tells of its place; the rest is skipped."""

    provenance: _Provenance = _Provenance()


_decode_placed = msgspec.json.Decoder(_Placed).decode


class RunDirectory:
    """Writes everything that an embedded run emits; takes the part of its sink.

    Parameters
    ----------
    directory : Path
        Made if it is not there; holds nothing that a run has.
    configuration : Configuration
        The one in force, which shapes the index of the cases.
    """

    def __init__(self, directory: Path, configuration: Configuration) -> None:
        self.directory = directory
        self.dispositions: dict[str, Counter[str]] = {}
        self.n_rows: Counter[str] = Counter()
        self.seen = Seen(configuration)
        self.n_findings = self.n_prior_fits = 0  # rows of one topic, which holds decisions too
        self.refused_by_code: Counter[str] = Counter()
        self.passed_over: list[DecisionPassedOver] = []
        self._stack = ExitStack()
        (directory / "topics").mkdir(parents=True, exist_ok=True)
        self._files: dict[str, IO[bytes]] = {}
        # Where the lines of the messages were read: of the next epoch, and of the one that closes.
        self._places: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._places_before = self._places
        self._register = RegisterProcess(sqlite_url(directory / "register.db"), configuration)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._stack.close()
        except BaseException:  # an interrupt too: else the register's process would live on
            self._register.abandon()
            raise
        if kind is None:
            self._register.close()
        else:
            self._register.abandon()

    def raw(
        self,
        topic: str,
        partition: int,
        offset: int,
        value: bytes,
        places: tuple[str, ...] = (),
    ) -> None:
        """Take a message of a raw topic, with the file and line of each of its lines."""
        self._places[topic, partition, offset] = places
        self._register.take_raw(topic, partition, offset, value)

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Take a tick."""
        self.line(TICKS_FILE, value)
        self._places, self._places_before = {}, self._places
        self._register.take_epoch(epoch, at, _decode_tick(value).configuration)

    def closing(self, source: Source, closing: ClosedEpoch) -> None:
        """Take what a stage emitted about an epoch."""
        output, topic = closing.output, source.writes
        if topic is not None:
            for message in closing.messages:
                self.line(TOPIC_FILES[topic], message)
            self.n_rows[topic] += len(output.rows)
        self.seen.rows(output.rows)
        if topic == topics.FINDINGS:
            self.n_findings += sum(isinstance(r, Finding | WatchFinding) for r in output.rows)
            self.n_prior_fits += sum(isinstance(row, PriorFitted) for row in output.rows)
        if topic in (topics.FINDINGS, topics.SIGNALS):
            self.passed_over += [r for r in output.rows if isinstance(r, DecisionPassedOver)]
        self._register.take(
            topic, closing.epoch, closing.messages, output.facts, output.dispositions
        )
        for fact in output.facts:
            is_refusal = fact.topic == topics.REFUSED
            self.line(
                FACT_FILES[fact.topic], self._placed(fact.value) if is_refusal else fact.value
            )
            self.n_rows[fact.topic] += 1
        if output.dispositions is not None:
            self._count(str(source), output.dispositions)

    def _placed(self, value: bytes) -> bytes:
        """Add to a record that a stage refused the file and line that it was read from."""
        record = _decode_refused(value)
        places = self._places_before.get((record.topic, record.partition, record.offset), ())
        place = places[record.line] if record.line < len(places) else ""
        if not place:
            with suppress(msgspec.DecodeError):
                place = _decode_placed(record.content_bytes).provenance.place or ""
        return _encode(msgspec.structs.replace(record, read_at=place)) if place else value

    def refuse(self, unusable: Unusable) -> None:
        """Keep an input row that never reached a log, with its reason."""
        self.refused_by_code[unusable.code] += 1
        record = refused_at_intake(unusable)
        self.line(FACT_FILES[topics.REFUSED], _encode(record))
        self._register.take_refused(record)

    def _count(self, source: str, row: Dispositions) -> None:
        counter = self.dispositions.setdefault(source, Counter())
        for name in ("applied", "superseded", "repeated", "refused", "control"):
            counter[name] += getattr(row, name)

    def line(self, name: str, value: bytes) -> None:
        """Write one line onto the end of a file of the run."""
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = self._open(name)
        file.write(value + b"\n")

    def _open(self, name: str) -> IO[bytes]:
        path = self.directory / name
        file = open_packed(path) if path.suffix == ".zst" else path.open("wb")
        return self._stack.enter_context(file)


def require_outside(directory: Path, inputs: Iterable[Path]) -> None:
    """Refuse to clear a directory that holds what is to be read."""
    for path in inputs:
        if directory.is_dir() and path.resolve().is_relative_to(directory.resolve()):
            raise Misused(
                str(path), f"lies in {directory}, which would be cleared", "name another with --out"
            )
