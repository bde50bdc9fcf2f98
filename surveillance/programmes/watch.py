"""Outcomes → findings and looks: the treated, against natural history and the background.

Records stand like case versions do: the greatest version of a record counts, so order and
repetition do not matter. At each close the programmes that have news, and those where a visit
can have become overdue, are looked at: histories are made anew from what stands, and every
design of the programme looks once. What a boundary is, and whether it was crossed, is
decided by the tests of `detectors` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import get_args

import msgspec

from surveillance.configuration.programmes import (
    Design,
    Excess,
    Level,
    LostEffect,
    Programme,
    Sentinel,
    Visits,
)
from surveillance.configuration.types import Configuration
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import N_CHANGES_MAX, Change, Family, Look, WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells
from surveillance.log.decode import decode_outcome
from surveillance.log.lines import Disposition, Ledger, day_of, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.partitioner import partition_of
from surveillance.log.topics import OUTCOMES
from surveillance.programmes import biomarkers, listed_events, lost_effect, visits
from surveillance.programmes.histories import History, histories_of
from surveillance.programmes.looking import N_NOTES_MAX, Member, Occasion
from surveillance.programmes.records import OutcomeRules

Row = Look | WatchFinding
_AFTER_THE_END = (
    "events are counted and shown as before, and no later look of this test can cross; testing on "
    "needs a new design with an error budget of its own"
)


class Standing(msgspec.Struct, array_like=True):
    """The standing version of one record."""

    version: int
    digest: bytes  # begins with 1 where the record is nullified, which wins ties
    line: bytes


class WatchProgress(msgspec.Struct, array_like=True):
    """How far one test has come."""

    looks: int = 0
    n_emitted: int = 0  # events when the crossing was last emitted; 0 before
    stands: bool = False  # a crossing was emitted and its support was not taken back
    n_seen: int = -1  # events at the last look
    last: Look | None = None  # while the crossing stands
    epoch: int = -1  # of the last look
    has_ended: bool = False  # the horizon was reached, and that was emitted


class ProgrammeState(msgspec.Struct, array_like=True):
    """What is kept of one programme, as one cell."""

    records: dict[str, Standing] = {}
    progress: dict[str, WatchProgress] = {}


class Watching(msgspec.Struct):
    """State of one partition, beside the cells."""

    changed: set[str] = set()  # programmes with news
    due: dict[str, int] = {}  # programme: day, as an ordinal, on which a visit can be overdue


class _Working:
    """The state with what does not outlive an epoch."""

    def __init__(self, kept: Watching, cells: Cells) -> None:
        self.kept, self.cells = kept, cells
        self.ledger = Ledger()
        self.open: dict[str, ProgrammeState] = {}

    def programme(self, name: str) -> ProgrammeState:
        """Return what is kept of a programme, to be changed in place."""
        if name not in self.open:
            stored = self.cells.get(name.encode())
            self.open[name] = _decode(stored) if stored else ProgrammeState()
        return self.open[name]

    def put_back(self) -> None:
        """Write what was opened to the cells."""
        for name, state in self.open.items():
            self.cells.set(name.encode(), _encode(state))
        self.open = {}


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
    version = 2

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._digest = configuration.digest
        self._n_partitions = configuration.topics.outcomes
        self._rules = OutcomeRules(configuration)
        self._place = (OUTCOMES, partition)
        self._configured = configuration.programmes
        self._by_name = {one.name: one for one in self._configured.programme}
        self._budgets = {
            (one.name, family): self._configured.budget_of(one, family)
            for one in self._configured.programme
            for family in get_args(Family)
        }
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
        return _stand(state, record, Standing(record.version, digest, line))

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
        patients = _patients(kept)
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
            )
            for look in self._looks(design, occasion):
                yield from self._emit(kept, design, occasion, look)
        yield from self._without_support(kept, epoch, on)
        self._note_due(state, programme, patients, on)

    def _platform(
        self, state: _Working, programme: Programme, design: str, own: dict[str, History]
    ) -> tuple[Member, ...]:
        return tuple(
            Member(one, own if name == programme.name else _patients(state.programme(name)))
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
            case Level():
                return biomarkers.looks(design, self._configured.biomarker[design.code], occasion)
            case Visits():
                return visits.looks(design, occasion)

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
        self, kept: ProgrammeState, design: Design, occasion: Occasion, look: Look
    ) -> Iterator[Row]:
        name = "/".join(
            (look.criterion, str(look.criterion_version), look.product, look.patient_id, look.event)
        )
        progress = kept.progress.setdefault(name, WatchProgress())
        progress.looks += 1
        change = _change(progress, look)
        look = msgspec.structs.replace(
            look,
            looks=progress.looks,
            has_crossed=progress.stands,
            alpha_budget=self._budget(look),
            n_changes=len(self._changes(look)),
        )
        if look.scale != "count" or progress.n_seen != look.n_events:
            yield look
        progress.n_seen, progress.epoch = look.n_events, occasion.epoch
        progress.last = look if progress.stands else None
        if change is not None:
            yield self._finding(design, occasion, look, change)
        if _ends(progress, look):
            yield self._as_finding(_with_end(look), "ended", {})

    def _budget(self, look: Look) -> float | None:
        """Return the budget that a look is part of; a test of one patient has its own."""
        is_part = look.alpha is not None and not look.patient_id
        return self._budgets[look.programme, look.family] if is_part else None

    def _changes(self, look: Look) -> list[str]:
        """Return the recorded changes of what a look rests on, up to its day."""
        names = {f"design.{look.design}"}
        if look.natural_history:
            names.add(f"natural_history.{self._by_name[look.programme].natural_history}")
        listed = (one for one in self._configured.change if one.what in names)
        found = sorted((one for one in listed if one.on <= look.on), key=lambda one: one.on)
        return [one.sentence for one in found]

    def _without_support(
        self, kept: ProgrammeState, epoch: int, on: date
    ) -> Iterator[WatchFinding]:
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
            yield self._as_finding(empty, "ceased", {})

    def _finding(
        self, design: Design, occasion: Occasion, look: Look, change: Change
    ) -> WatchFinding:
        extra: dict[str, object] = {"is_sentinel": isinstance(design, Sentinel)}
        if isinstance(design, LostEffect) and change != "ceased":
            extra |= _shared(design, occasion, look)
        return self._as_finding(look, change, extra)

    def _as_finding(self, look: Look, change: Change, extra: dict[str, object]) -> WatchFinding:
        values = msgspec.structs.asdict(look)
        del values["is_crossing"], values["has_crossed"]
        values |= extra
        values |= {
            "change": change,
            "rate_ratio": look.n_events / look.expected if look.expected else None,
            "changes": tuple(self._changes(look)[-N_CHANGES_MAX:]),
            "configuration": self._digest,
        }
        return WatchFinding(**values)


def _patients(kept: ProgrammeState) -> dict[str, History]:
    return histories_of(decode_outcome(record.line) for record in kept.records.values())


def _stand(state: _Working, record: OutcomeRecord, new: Standing) -> Disposition:
    """Keep the greatest version of a record; its identity is programme and record together."""
    name = record.programme_key
    records = state.programme(name).records
    old = records.get(record.record_id)
    if old is not None and (new.version, new.digest) <= (old.version, old.digest):
        return "repeated" if new.digest == old.digest else "superseded"
    records[record.record_id] = new
    state.kept.changed.add(name)
    return "applied"


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


def _ends(progress: WatchProgress, look: Look) -> bool:
    """Return whether the horizon is reached for the first time, and keep it in `progress`.

    Where a correction takes expected events back below it, the test goes on, and may end again.
    """
    is_past = look.horizon is not None and look.expected >= look.horizon
    is_new = is_past and not progress.has_ended
    progress.has_ended = is_past
    return is_new


def _with_end(look: Look) -> Look:
    crossed = "after a crossing" if look.has_crossed else "without a crossing"
    spent = f"{look.alpha_spent or 0:.3g} of {look.alpha or 0:.3g} is spent"
    reached = f"the planned horizon of {look.horizon:g} expected events was reached {crossed}"
    notes = (f"{reached}: {spent}", _AFTER_THE_END, *look.notes)
    return msgspec.structs.replace(look, notes=notes[:N_NOTES_MAX])


def _change(progress: WatchProgress, look: Look) -> Change | None:
    """Return what is new, and keep it in `progress`; None if nothing is.

    A crossing stands however the statistic falls afterwards. It ceases only when what carried
    it was taken back: fewer events, or a series that no longer crosses when computed anew.
    """
    n_events = look.n_events
    if look.is_crossing and not progress.stands:
        progress.n_emitted, progress.stands = n_events, True
        return "met"
    if look.is_crossing and n_events >= 2 * progress.n_emitted > 0:
        progress.n_emitted = n_events
        return "grown"
    is_taken_back = n_events < progress.n_emitted or bool(look.patient_id)
    if progress.stands and not look.is_crossing and is_taken_back:
        progress.stands = False
        return "ceased"
    return None
