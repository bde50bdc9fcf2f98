"""Outcomes → findings and looks: the treated, against natural history and the background.

Records stand like case versions do: the greatest version of a record counts, so order and
repetition do not matter. At each close the programmes that have news, and those where a visit
can have become overdue, are looked at: histories are made anew from what stands, and every
design of the programme looks once. What a boundary is, and whether it was crossed, is
decided by the tests of `detectors` alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from datetime import date
from functools import partial

import msgspec

from surveillance.configuration.programmes import (
    Biomarker,
    Design,
    Durability,
    Excess,
    Level,
    LostEffect,
    Programme,
    ReportedExcess,
    ReportedSentinel,
    Sentinel,
    Visits,
)
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import Change, Look, WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells
from surveillance.log.lines import Disposition, Ledger, day_of, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.partitioner import partition_of
from surveillance.log.topics import OUTCOMES
from surveillance.programmes import (
    biomarkers,
    carriers,
    durable,
    listed_events,
    lost_effect,
    visits,
)
from surveillance.programmes.emitting import Emitting, Progress, Row
from surveillance.programmes.histories import History, histories_of
from surveillance.programmes.looking import N_NOTES_MAX, Member, Occasion
from surveillance.programmes.packed import Standing, pack, standing, unpack
from surveillance.programmes.records import OutcomeRules

_CLAIMS = b"\0"  # before a patient in the name of a cell; no programme has an empty name
N_RECORDS_OPEN = 200_000  # in memory, some 150 MB; programmes beyond are read again


class ProgrammeState(msgspec.Struct, array_like=True):
    """What is kept of one programme, as one cell; each of its patients has another."""

    patients: list[str] = []
    progress: dict[str, Progress] = {}
    shared: list[str] = []  # patients whom another programme of this partition names too


class Watching(msgspec.Struct):
    """State of one partition, beside the cells."""

    changed: set[str] = set()  # programmes with news
    due: dict[str, int] = {}  # programme: day, as an ordinal, on which a visit can be overdue


class _Programme:
    """A programme in memory: what its cells hold, and the histories made from it."""

    def __init__(self, name: str, cells: Cells) -> None:
        self._name, self._cells = name, cells
        stored = cells.get(name.encode())
        state = _decode(zlib.decompress(stored)) if stored else ProgrammeState()
        self.progress, self.shared = state.progress, set(state.shared)
        self._records = {patient: self._stored(patient) for patient in state.patients}
        self._patient_of = {
            record: patient for patient, records in self._records.items() for record in records
        }
        self._changed: set[str] = set()  # patients whose records differ from their cells
        self._waiting = set(self._records)  # patients whose history is to be made anew
        self._histories: dict[str, History] = {}
        self.is_changed = False  # whether its own cell differs

    def stand(self, record: OutcomeRecord, new: Standing) -> Disposition:
        """Keep the greatest version of a record, under the patient that it names."""
        name, patient = record.record_id, record.patient_id
        before = self._patient_of.get(name, patient)
        old = self._records.get(before, {}).get(name)
        if old is not None and (new.version, new.digest) <= (old.version, old.digest):
            return "repeated" if new.digest == old.digest else "superseded"
        if before != patient:
            del self._records[before][name]
        self._records.setdefault(patient, {})[name] = new
        self._patient_of[name] = patient
        self._changed |= {before, patient}
        self._waiting |= {before, patient}
        self.is_changed = True
        return "applied"

    def has(self, patient: str) -> bool:
        """Return whether a record ever named a patient here."""
        return patient in self._records

    def share(self, patient: str) -> None:
        """Note that another programme names a patient too."""
        self.shared.add(patient)
        self.is_changed = True

    @property
    def n_records(self) -> int:
        """Records that stand or were taken back."""
        return len(self._patient_of)

    def standing(self) -> list[OutcomeRecord]:
        """Return the records that stand; of one that was read again, the day of receipt is lost."""
        return [
            one.record
            for records in self._records.values()
            for one in records.values()
            if one.record is not None
        ]

    def histories(self) -> dict[str, History]:
        """Return the patients with anything that stands, by name."""
        if self._waiting:
            found = dict(self._histories)
            for patient in self._waiting:
                found.pop(patient, None)
                kept = self._records[patient].values()
                found |= histories_of(one.record for one in kept if one.record is not None)
            self._histories, self._waiting = dict(sorted(found.items())), set()
        return self._histories

    def put_back(self) -> None:
        """Write what changed to the cells."""
        for patient in self._changed:
            self._cells.set(self._key(patient), pack(self._records[patient]))
        self._changed = set()
        if not self.is_changed:
            return
        self.is_changed = False
        state = ProgrammeState(sorted(self._records), self.progress, sorted(self.shared))
        self._cells.set(self._name.encode(), zlib.compress(_encode(state)))

    def _stored(self, patient: str) -> dict[str, Standing]:
        stored = self._cells.get(self._key(patient))
        return unpack(stored, self._name, patient) if stored else {}

    def _key(self, patient: str) -> bytes:
        return f"{self._name}\0{patient}".encode()


class _Working:
    """The state, with the programmes that are open in memory.

    They are a cache of the cells, and decide nothing: a programme is the same whether it was
    kept open or is read again.
    """

    def __init__(self, kept: Watching, cells: Cells) -> None:
        self.kept, self.cells = kept, cells
        self.ledger = Ledger()
        self._open: dict[str, _Programme] = {}
        self._touched: dict[str, _Programme] = {}

    def programme(self, name: str) -> _Programme:
        """Return a programme, to be changed in place."""
        found = self._touched.get(name)
        if found is None:
            found = self._open.pop(name, None) or _Programme(name, self.cells)
            self._open[name] = self._touched[name] = found
        return found

    def claim(self, name: str, patient: str) -> None:
        """Note that a programme names a patient; look at all programmes that do."""
        place = _CLAIMS + patient.encode()
        names = [*self.claims(patient), name]
        self.cells.set(place, msgspec.msgpack.encode(sorted(names)))
        if len(names) > 1:
            self.kept.changed |= set(names)
            for one in names:
                self.programme(one).share(patient)

    def claims(self, patient: str) -> list[str]:
        """Return the programmes that have named a patient."""
        stored = self.cells.get(_CLAIMS + patient.encode())
        return msgspec.msgpack.decode(stored, type=list[str]) if stored else []

    def n_shared(self, name: str, patients: Collection[str]) -> int:
        """Count patients of a programme of whom another one has records that stand."""
        return sum(
            any(who in self.programme(one).histories() for one in self.claims(who) if one != name)
            for who in self.programme(name).shared.intersection(patients)
        )

    def put_back(self) -> None:
        """Write what was touched to the cells, and close what was touched longest ago."""
        for programme in self._touched.values():
            programme.put_back()
        self._touched = {}
        n_records = sum(programme.n_records for programme in self._open.values())
        while n_records > N_RECORDS_OPEN:
            name = next(iter(self._open))
            n_records -= self._open.pop(name).n_records


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ProgrammeState).decode


class WatchOutcomes:
    """The stage on one partition of the outcomes.

    Parameters
    ----------
    configuration : Configuration
        Programmes, with natural history and designs.
    partition : int
        The partition that is read; a programme that belongs to another is refused.

    Raises
    ------
    Misconfigured
        If a design pools a platform whose programmes lie in several partitions.
    """

    name = "watch"
    version = 4

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._emitting = Emitting(configuration)
        self._n_partitions = configuration.topics.outcomes
        self._rules = OutcomeRules(configuration)
        self._place = (OUTCOMES, partition)
        self._configured = configuration.programmes
        self._by_name = {one.name: one for one in self._configured.programme}
        self._refuse_divided_platforms()

    def init(self, cells: Cells) -> _Working:
        """Return the state before the first record."""
        return _Working(Watching(), cells)

    def apply(self, state: _Working, item: Record) -> None:
        """Take the lines of one message in."""
        take_lines(state.ledger, self._place, item, lambda line: self._take(state, line, item.at))

    def close(self, state: _Working, epoch: int, at: int) -> Output:
        """Look at every programme with news; emit looks, crossings and lost support."""
        dispositions, facts = state.ledger.close(self._place)
        on, kept = day_of(at), state.kept
        today = on.toordinal()
        names = kept.changed | {name for name, day in kept.due.items() if day <= today}
        rows: list[Row] = []
        for name in sorted(names):
            if name in self._by_name:
                rows += self._look(state, self._by_name[name], epoch, on)
        kept.changed = set()
        state.put_back()
        return Output(rows, facts, dispositions)

    def dump(self, state: _Working) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state.kept)

    def load(self, data: bytes, cells: Cells) -> _Working:
        """Restore the state."""
        return _Working(msgspec.msgpack.decode(data, type=Watching), cells)

    def _take(self, state: _Working, line: bytes, at: int) -> Disposition:
        record, digest = self._rules.read(line, self._place[1], at)
        name = record.programme_key
        programme = state.programme(name)
        is_new = not programme.has(record.patient_id)
        disposition = programme.stand(record, standing(record, digest))
        if is_new and programme.has(record.patient_id):
            state.claim(name, record.patient_id)
        if disposition == "applied":
            state.kept.changed.add(name)
        return disposition

    def _refuse_divided_platforms(self) -> None:
        for name, design in self._configured.design.items():
            if not (isinstance(design, Excess) and design.level == "platform"):
                continue
            for programme in self._by_name.values():
                members = [one for one, _ in self._members(programme, name)]
                if len({partition_of(one, self._n_partitions) for one in members}) > 1:
                    raise Misconfigured(
                        "programmes.toml",
                        f"design {name!r} pools platform {programme.platform!r}, whose programmes "
                        f"lie in several of {self._n_partitions} partitions",
                        "set outcomes = 1 in topics.toml",
                    )

    def _members(self, programme: Programme, design: str) -> Iterator[tuple[str, Programme]]:
        for name, one in sorted(self._by_name.items()):
            if one.platform == programme.platform and design in one.designs:
                yield name, one

    def _look(self, state: _Working, programme: Programme, epoch: int, on: date) -> Iterator[Row]:
        kept = state.programme(programme.name)
        kept.is_changed = True
        patients = kept.histories()
        n_shared = state.n_shared(programme.name, patients)
        for name in programme.designs:
            design = self._configured.design[name]
            occasion = Occasion(
                on=on,
                epoch=epoch,
                name=name,
                own=Member(programme, patients),
                members=partial(self._platform, state, programme, name, patients),
                history=self._configured.natural_history[programme.natural_history],
                visits=self._visits(programme),
                n_shared=n_shared,
            )
            for look in self._looks(design, occasion):
                yield from self._emit(kept, design, occasion, look)
        yield from self._without_support(kept, epoch, on)
        self._note_due(state, programme, patients, on)

    def _platform(
        self, state: _Working, programme: Programme, design: str, own: dict[str, History]
    ) -> tuple[Member, ...]:
        return tuple(
            Member(one, own if name == programme.name else state.programme(name).histories())
            for name, one in self._members(programme, design)
            if partition_of(name, self._n_partitions) == self._place[1]
        )

    def _looks(self, design: Design, occasion: Occasion) -> Iterator[Look]:
        match design:
            case LostEffect():
                return lost_effect.looks(design, occasion)
            case Excess():
                return listed_events.excess_looks(design, occasion)
            case Sentinel():
                return listed_events.sentinel_looks(design, occasion)
            case Level() | Durability():
                return _of_series(design, self._configured.biomarker[design.code], occasion)
            case Visits():
                return visits.looks(design, occasion)
            case ReportedExcess() | ReportedSentinel():  # where reports are counted
                return iter(())

    def _visits(self, programme: Programme) -> Visits | None:
        designs = (self._configured.design[name] for name in programme.designs)
        return next((one for one in designs if isinstance(one, Visits)), None)

    def _note_due(
        self, state: _Working, programme: Programme, patients: dict[str, History], on: date
    ) -> None:
        schedule = self._visits(programme)
        days = [visits.next_due(schedule, one, on) for one in patients.values()] if schedule else []
        known = [day.toordinal() for day in days if day is not None]
        state.kept.due.pop(programme.name, None)
        if known:
            state.kept.due[programme.name] = min(known)

    def _emit(
        self, kept: _Programme, design: Design, occasion: Occasion, look: Look
    ) -> Iterator[Row]:
        return self._emitting.rows(
            kept.progress, look, lambda seen, change: self._extra(design, occasion, seen, change)
        )

    def _without_support(self, kept: _Programme, epoch: int, on: date) -> Iterator[WatchFinding]:
        """End what stood and has nothing left to look at: its doses or values were taken back."""
        for _, progress in sorted(kept.progress.items()):
            if progress.last is None or progress.epoch == epoch:
                continue
            empty = msgspec.structs.replace(
                progress.last, on=on, epoch=epoch, n_events=0, n_fatal=0, n_patients=0,
                person_days=0, expected=0.0, statistic=0.0, background_probability=None,
                notes=("everything that it looked at was taken back",),
            )  # fmt: skip
            progress.stands, progress.n_seen, progress.last = False, 0, None
            yield self._emitting.finding(empty, "ceased", {})

    def _extra(
        self, design: Design, occasion: Occasion, look: Look, change: Change
    ) -> dict[str, object]:
        extra: dict[str, object] = {"is_sentinel": isinstance(design, Sentinel)}
        if isinstance(design, LostEffect) and change != "ceased":
            extra |= _shared(design, occasion, look)
            extra["notes"] = (*look.notes, *self._beside(design, occasion, look))[:N_NOTES_MAX]
        return extra

    def _beside(self, design: LostEffect, occasion: Occasion, look: Look) -> Iterator[str]:
        """State what lots, sites and biomarkers show of a lost effect."""
        yield from carriers.of_doses(design, occasion, look)
        for name in occasion.own.programme.designs:
            level = self._configured.design[name]
            if isinstance(level, Level):
                of = self._configured.biomarker[level.code]
                yield from carriers.of_biomarker(design, level, of, occasion)


def _of_series(design: Level | Durability, of: Biomarker, occasion: Occasion) -> Iterator[Look]:
    if isinstance(design, Level):
        return biomarkers.looks(design, of, occasion)
    return durable.looks(design, of, occasion)


def _shared(design: LostEffect, occasion: Occasion, look: Look) -> dict[str, object]:
    """Return which level carries the excess, and what the platform shows of a construct."""
    found = lost_effect.attributed(design, occasion)
    extra: dict[str, object] = {}
    if found is not None:
        extra |= {"level_of_excess": found[0], "p_level": found[1]}
    ratios = lost_effect.shared_ratios(design, occasion)
    unit = look.product.partition(":")[2]
    if unit in ratios and look.product.startswith("construct:"):
        extra["shared_ratio"] = ratios[unit]
    return extra
