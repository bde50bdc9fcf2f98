"""Outcomes → findings: endpoint events of treated patients against natural history.

Records stand like case versions do: the greatest version of a record counts, so order
and repetition do not matter. At each close patient-time and events are computed anew
from what stands, and every watch looks once if it has something new to look at.
"""

from __future__ import annotations

from datetime import date

import msgspec

from detectors.sequential import poisson_maxsprt as maxsprt
from surveillance.configuration.types import Configuration, Watch
from surveillance.domain.finding import Change, WatchFinding
from surveillance.domain.product import key
from surveillance.log.cells import Cells
from surveillance.log.decode import decode_outcome
from surveillance.log.lines import Disposition, Ledger, day_of, take_lines
from surveillance.log.messages import Output, Record
from surveillance.log.topics import OUTCOMES
from surveillance.programmes.patient_time import Experience, experience_of
from surveillance.programmes.records import OutcomeRules

DAYS_A_YEAR = 365.25


class Standing(msgspec.Struct, array_like=True):
    """The standing version of one record."""

    version: int
    digest: bytes  # begins with 1 where the record is nullified, which wins ties
    line: bytes


class WatchProgress(msgspec.Struct, array_like=True):
    """How far one test has come."""

    looks: int = 0
    n_events: int = 0
    person_days: int = 0
    n_emitted: int = 0  # events when the crossing was last emitted; 0 before
    stands: bool = False  # a crossing was emitted and its support was not taken back


class Watching(msgspec.Struct):
    """State of one partition."""

    records: dict[str, Standing] = {}
    progress: dict[str, WatchProgress] = {}
    changed: set[str] = set()  # programmes


class _Working:
    """The state with what does not outlive an epoch."""

    def __init__(self, kept: Watching) -> None:
        self.kept = kept
        self.ledger = Ledger()


class WatchOutcomes:
    """The stage on one partition of the outcomes.

    Parameters
    ----------
    configuration : Configuration
        Watches, with designs and natural history.
    partition : int
        The partition that is read; a programme that belongs to another is refused.
    """

    name = "watch"
    version = 1

    def __init__(self, configuration: Configuration, partition: int) -> None:
        self._digest = configuration.digest
        self._rules = OutcomeRules(configuration.topics.outcomes)
        self._place = (OUTCOMES, partition)
        self._watches = [(watch, _design(watch)) for watch in configuration.watches.watch]

    def init(self, cells: Cells) -> _Working:  # noqa: ARG002 - the protocol
        """Return the state before the first record."""
        return _Working(Watching())

    def apply(self, state: _Working, item: Record) -> None:
        """Take the lines of one message in."""
        take_lines(state.ledger, self._place, item, lambda line: self._take(state, line, item.at))

    def close(self, state: _Working, epoch: int, at: int) -> Output:
        """Compute patient-time and events anew, look once a watch, emit crossings."""
        dispositions, facts = state.ledger.close(self._place)
        rows: list[WatchFinding] = []
        if state.kept.changed:
            rows = self._look(state.kept, epoch, day_of(at))
        state.kept.changed = set()
        return Output(rows, facts, dispositions)

    def dump(self, state: _Working) -> bytes:
        """Return the state as bytes."""
        return msgspec.msgpack.encode(state.kept)

    def load(self, data: bytes, cells: Cells) -> _Working:  # noqa: ARG002 - the protocol
        """Restore the state."""
        return _Working(msgspec.msgpack.decode(data, type=Watching))

    def _take(self, state: _Working, line: bytes, at: int) -> Disposition:
        record, digest = self._rules.read(line, self._place[1], at)
        programme = record.programme_key
        new = Standing(record.version, digest, line)
        old = state.kept.records.get(record.record_id)
        if old is not None and (new.version, new.digest) <= (old.version, old.digest):
            return "repeated" if new.digest == old.digest else "superseded"
        state.kept.records[record.record_id] = new
        state.kept.changed.add(programme)
        if old is not None:
            state.kept.changed.add(decode_outcome(old.line).programme_key)
        return "applied"

    def _look(self, kept: Watching, epoch: int, on: date) -> list[WatchFinding]:
        standing = [decode_outcome(record.line) for record in kept.records.values()]
        found: list[WatchFinding] = []
        for watch, design in self._watches:
            if watch.programme not in kept.changed:
                continue
            records = [record for record in standing if record.programme_key == watch.programme]
            experience = experience_of(records, watch.endpoint, watch.level)
            for unit in sorted(experience):
                progress = kept.progress.setdefault(
                    f"{watch.name}/{watch.version}/{unit}", WatchProgress()
                )
                seen = experience[unit]
                if (seen.n_events, seen.person_days) == (progress.n_events, progress.person_days):
                    continue
                finding = self._step(watch, design, progress, unit, seen, (epoch, on))
                found += [finding] if finding else []
        return found

    def _step(
        self,
        watch: Watch,
        design: maxsprt.Design,
        progress: WatchProgress,
        unit: str,
        seen: Experience,
        when: tuple[int, date],
    ) -> WatchFinding | None:
        progress.looks += 1
        progress.n_events, progress.person_days = seen.n_events, seen.person_days
        rate = watch.rate_per_patient_year * watch.rate_ratio_under_null
        expected = rate * seen.person_days / DAYS_A_YEAR
        if expected <= 0 or expected > design.horizon:
            return None
        limit = design.boundary
        llr = float(maxsprt.log_likelihood_ratio(seen.n_events, expected))
        is_crossing = seen.n_events >= limit.min_events and llr >= limit.critical_value
        change = _change(progress, seen.n_events, is_crossing=is_crossing)
        if change is None:
            return None
        return WatchFinding(
            criterion=watch.name,
            criterion_version=watch.version,
            change=change,
            on=when[1],
            epoch=when[0],
            watch=watch.name,
            family=watch.family,
            product=key(watch.level, unit),
            event=key("pt", watch.endpoint),
            n_events=seen.n_events,
            n_patients=seen.n_patients,
            n_fatal=seen.n_fatal,
            person_days=seen.person_days,
            expected=expected,
            rate_ratio=seen.n_events / expected,
            llr=llr,
            critical_value=limit.critical_value,
            alpha=watch.alpha,
            alpha_attained=limit.attained_size,
            horizon=watch.horizon,
            looks=progress.looks,
            rate_per_patient_year=watch.rate_per_patient_year,
            rate_source=watch.rate_source,
            configuration=self._digest,
        )


def _change(progress: WatchProgress, n_events: int, *, is_crossing: bool) -> Change | None:
    """Say what is new, and keep it in `progress`; None if nothing is.

    A crossing stands however the ratio falls afterwards. It ceases only when events that
    carried it were taken back.
    """
    if is_crossing and not progress.stands:
        progress.n_emitted, progress.stands = n_events, True
        return "met"
    if is_crossing and n_events >= 2 * progress.n_emitted:
        progress.n_emitted = n_events
        return "grown"
    if progress.stands and not is_crossing and n_events < progress.n_emitted:
        progress.stands = False
        return "ceased"
    return None


def _design(watch: Watch) -> maxsprt.Design:
    return maxsprt.Design(watch.horizon, alpha=watch.alpha, min_events=watch.min_events)
