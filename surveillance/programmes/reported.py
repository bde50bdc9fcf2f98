"""Reports of a treated product against the background: observed over expected, look by look.

`screen` counts the reports, and the rows of `expose` on the same topic say who was treated, so
that both are of one epoch. An event is known only once its report has come: what is expected by a
day is thinned by the assumed delay. Whether publicity has stimulated reports is shown beside, and
decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple, Protocol

import msgspec

from detectors.features import trend
from detectors.sequential import poisson_maxsprt
from detectors.small_population import sentinel
from surveillance.configuration.groups import Groups
from surveillance.configuration.programmes import Programme, Reported, ReportedExcess
from surveillance.configuration.types import Configuration, Publicity
from surveillance.domain.contribution import Exposure
from surveillance.domain.finding import Change, Look
from surveillance.domain.names import upper
from surveillance.domain.product import key, split
from surveillance.programmes.adapter import last_look
from surveillance.programmes.emitting import Emitting, Progress, Row
from surveillance.programmes.histories import DAYS_A_YEAR

_END_BITS = 24
_NO_END = (1 << _END_BITS) - 1


class ReportsSeen(Protocol):
    """Reports of a pair."""

    @property
    def n(self) -> int:
        """How many there are."""

    @property
    def n_fatal(self) -> int:
        """How many of them are fatal."""

    @property
    def n_outside(self) -> int:
        """How many are left out: with an onset known to lie after the window."""


class Reports(Protocol):
    """Where reports are counted."""

    def __call__(self, product: str, event: str, window_days: int | None, /) -> ReportsSeen:
        """Return what is counted of a pair."""


class Exposed(msgspec.Struct, array_like=True):
    """Exposure under one product key."""

    n_doses: int = 0
    n_patients: int = 0
    spans: dict[int, int] = {}  # first day and end, packed: patients

    def add(self, row: Exposure) -> None:
        """Add what was gained or taken back."""
        self.n_doses += row.n_doses
        self.n_patients += row.n_patients
        for start, end, n in row.spans:
            place = start << _END_BITS | (end or _NO_END)
            left = self.spans.get(place, 0) + n
            if left:
                self.spans[place] = left
            else:
                del self.spans[place]

    def days(self, after: int, window_days: int | None) -> int:
        """Return patient-days before a day, within the window after a dose."""
        return sum(n * (end - start) for start, end, n in self._cut(after, window_days))

    def known_days(self, after: int, window_days: int | None, delay: float) -> float:
        """Return the same, each day weighted by the share of its events that is known by then."""
        if delay == 0:
            return float(self.days(after, window_days))
        return math.fsum(
            n * (end - start - delay * (_left(after - end, delay) - _left(after - start, delay)))
            for start, end, n in self._cut(after, window_days)
        )

    def _cut(self, after: int, window_days: int | None) -> Iterator[tuple[int, int, int]]:
        for place, n in sorted(self.spans.items()):
            start, end = place >> _END_BITS, place & _NO_END
            until = min(end, after, end if window_days is None else start + window_days)
            if until > start:
                yield start, until, n


def _left(days: int, delay: float) -> float:
    """Return the share of events that is not known so many days later."""
    return math.exp(-days / delay)


class ReportedState(msgspec.Struct):
    """State: exposure by product key, and how far each test has come."""

    exposed: dict[str, Exposed] = {}
    progress: dict[str, Progress] = {}
    n_before: dict[str, dict[str, int]] = {}  # by test and publicity: reports when it came
    moved: set[str] = set()  # keys with exposure that is new
    month: int = -1  # of the last close


class _Test(NamedTuple):
    """One test: of one product key."""

    name: str
    design: Reported
    programme: Programme
    product: str
    alpha: float | None
    publicity: tuple[Publicity, ...]

    @property
    def place(self) -> str:
        """Its name in the state, as `emitting.name_of` has it."""
        return f"{self.criterion}/{self.design.version}/{self.product}//{self.design.event}"

    @property
    def criterion(self) -> str:
        """The name of its findings' criterion."""
        return f"{self.name}_{self.design.level}"


class ReportLooks:
    """Runs the tests of reports that programmes name.

    Parameters
    ----------
    configuration : Configuration
        Programmes, publicity, and groups of events.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._emitting = Emitting(configuration)
        self._publicised = _Publicised(configuration)
        self._tests: dict[str, _Test] = {}
        self._by_lot: list[_Test] = []  # of which the lots are yet to be seen
        designs = configuration.programmes.design
        for programme in sorted(configuration.programmes.programme, key=lambda one: one.name):
            for name in programme.designs:
                design = designs[name]
                if isinstance(design, Reported):
                    self._add(name, design, programme)

    def _add(self, name: str, design: Reported, programme: Programme) -> None:
        units = _units(design, programme)
        for unit in units:
            alpha = design.alpha / len(units) if isinstance(design, ReportedExcess) else None
            lines = self._publicised.of(programme, unit, design.event)
            test = _Test(name, design, programme, unit, alpha, lines)
            if design.level == "lot":
                self._by_lot.append(test)
            else:
                self._tests.setdefault(test.place, test)  # a platform is tested once

    def init(self) -> ReportedState:
        """Return the state before the first exposure."""
        return ReportedState()

    def dump(self, state: ReportedState) -> bytes:
        """Return the state as bytes."""
        return _encode(state)

    def load(self, data: bytes) -> ReportedState:
        """Restore the state."""
        return _decode(data)

    def take(self, state: ReportedState, row: Exposure) -> None:
        """Take exposure in.

        Parameters
        ----------
        state : ReportedState
            Changed in place.
        row : Exposure
            What was gained or taken back.
        """
        exposed = state.exposed.setdefault(row.product, Exposed())
        exposed.add(row)
        state.moved.add(row.product)

    def close(self, state: ReportedState, reports: Reports, epoch: int, on: date) -> Iterator[Row]:
        """Look where reports or exposure are new, and at every test when a month begins.

        Parameters
        ----------
        state : ReportedState
            Changed in place.
        reports : callable
            Where reports are counted.
        epoch : int
            The epoch.
        on : date
            Its UTC day.

        Yields
        ------
        Look or WatchFinding
            As `watch` emits them.
        """
        month, before = 12 * on.year + on.month, state.month
        for test in self._open(state):
            exposed = state.exposed.get(test.product, _NOBODY)
            seen = reports(test.product, test.design.event, _window(test.design, exposed))
            known = state.progress.get(test.place)
            is_new = seen.n != (known.n_seen if known else 0) or test.product in state.moved
            if (is_new or month != before) and (seen.n or exposed.n_doses):
                self._note_publicity(state, test, on)
                look = _look(test, exposed, seen, on, epoch, state.n_before.get(test.place, {}))
                yield from self._emitting.rows(state.progress, look, _extra)
        state.moved, state.month = set(), month

    def _open(self, state: ReportedState) -> Iterator[_Test]:
        yield from self._tests.values()
        for test in self._by_lot:
            for lot in sorted(one for one in state.exposed if one.startswith(test.product)):
                yield test._replace(product=lot)

    def _note_publicity(self, state: ReportedState, test: _Test, on: date) -> None:
        """Keep how many reports there were when something became public."""
        for line in test.publicity:
            if line.on <= on:
                known = state.progress.get(test.place)
                kept = state.n_before.setdefault(test.place, {})
                kept.setdefault(line.sentence, known.n_seen if known else 0)


class _Publicised:
    """Which lines of `publicity.csv` are about a test."""

    def __init__(self, configuration: Configuration) -> None:
        self._spelling = configuration.names.spelling
        self._groups = Groups(configuration.events.group)
        self._lines = sorted(configuration.publicity, key=lambda line: (line.on, line.what))

    def of(self, programme: Programme, product: str, event: str) -> tuple[Publicity, ...]:
        """Return the lines about a product or what it belongs to, the earliest first."""
        names = {split(product)[1], programme.name, programme.platform}
        names |= {upper(one) for one in programme.products}
        return tuple(
            line
            for line in self._lines
            if self._name(line.product) in names and self._is_about(line.event, event)
        )

    def _name(self, given: str) -> str:
        level, name = split(given)
        return upper(name if name and level in _LEVELS else given)

    def _is_about(self, given: str | None, event: str) -> bool:
        if given is None:
            return True
        level, name = split(given)
        spelled = self._spelling.term(name if name and level == "pt" else given)
        group = split(event)[1] if event.startswith("group:") else None
        return (
            given == event
            or key("pt", spelled) == event
            or (group is not None and group in self._groups.holding(spelled))
        )


_LEVELS = ("platform", "programme", "product", "construct", "lot")
_NOBODY = Exposed()


def _units(design: Reported, programme: Programme) -> list[str]:
    """Return the product keys of a level; of lots what their keys begin with."""
    products = [upper(one) for one in programme.products]
    match design.level:
        case "lot":
            return [f"lot:{one}/" for one in products]
        case "construct":
            return [key("construct", one.name) for one in programme.construct]
        case "product":
            return [key("product", one) for one in products]
        case "programme":
            return [key("programme", programme.name)]
        case "platform":
            return [key("platform", programme.platform)]


def _window(design: Reported, exposed: Exposed) -> int | None:
    """Return the window that reports are held against: onset is known from the first dose alone."""
    return design.window_days if exposed.n_doses == exposed.n_patients else None


def _extra(look: Look, change: Change) -> dict[str, object]:
    del change
    return {"is_sentinel": look.scale == "count"}


def _look(
    test: _Test, exposed: Exposed, seen: ReportsSeen, on: date, epoch: int, n_before: dict[str, int]
) -> Look:
    design, after = test.design, on.toordinal() + 1
    rate = design.background_per_patient_year * design.reported_share
    known = exposed.known_days(after, design.window_days, design.reporting_delay_days)
    expected = rate * known / DAYS_A_YEAR
    values: dict[str, Any] = {
        "criterion": test.criterion,
        "criterion_version": design.version,
        "on": on,
        "epoch": epoch,
        "design": test.name,
        "design_version": design.version,
        "family": "safety",
        "programme": test.programme.name,
        "product": test.product,
        "event": design.event,
        "counts": "reports",
        "n_patients": exposed.n_patients,
        "n_doses": exposed.n_doses,
        "n_events": seen.n,
        "n_fatal": seen.n_fatal,
        "person_days": exposed.days(after, design.window_days),
        "expected": expected,
        "reporting_delay_days": design.reporting_delay_days,
        "reported_share": design.reported_share,
        "background_probability": _chance(expected, seen.n),
        "source": design.source,
        "notes": tuple(_notes(design, exposed, seen)),
        "has_crossed": False,
    }
    values |= _tested(test, seen.n, expected)
    values |= _stimulated(test, exposed, seen.n, after, n_before)
    return Look(**values)


def _tested(test: _Test, n: int, expected: float) -> dict[str, Any]:
    """Return what the test sees; the first report is no test."""
    design = test.design
    if not isinstance(design, ReportedExcess) or test.alpha is None:
        return {"statistic": float(n), "boundary": 1.0, "scale": "count", "is_crossing": n > 0}
    plan = poisson_maxsprt.Design(design.horizon, alpha=test.alpha, min_events=design.min_events)
    common: dict[str, Any] = {
        "alpha": test.alpha,
        "alpha_family": design.alpha,
        "horizon": design.horizon,
    }
    common |= {"scale": "log_likelihood_ratio"}
    if expected <= 0:  # of nobody known to be treated nothing is expected: it cannot be tested
        boundary = plan.boundary.critical_value
        return {**common, "statistic": 0.0, "boundary": boundary, "is_crossing": False}
    observed = poisson_maxsprt.Observation(events=n, expected=expected)
    found = last_look(poisson_maxsprt.init, poisson_maxsprt.step, plan, [observed])
    return {
        **common,
        "statistic": found.llr,
        "boundary": found.critical_value,
        "is_crossing": found.is_crossing,
        "alpha_spent": poisson_maxsprt.alpha_spent(plan, expected),
    }


def _chance(expected: float, n: int) -> float | None:
    if expected <= 0 or n == 0:
        return None
    return sentinel.background(rate=1.0, person_time=expected, events=n).probability


def _notes(design: Reported, exposed: Exposed, seen: ReportsSeen) -> Iterator[str]:
    """State what was assumed or left out."""
    if seen.n_outside:
        yield f"not counted: {seen.n_outside} with an onset after {design.window_days} days"
    if design.window_days is not None and _window(design, exposed) is None:
        yield "counted whenever they began: doses were repeated, and onset is of the first one"
    if seen.n > exposed.n_patients:
        yield f"more reports than the {exposed.n_patients} patients known to be treated"


def _stimulated(
    test: _Test, exposed: Exposed, n: int, after: int, n_before: dict[str, int]
) -> dict[str, Any]:
    """Return the latest publicity, and whether reports came more often since."""
    lines = [line for line in test.publicity if line.sentence in n_before]
    if not lines:
        return {}
    line = lines[-1]
    window = test.design.window_days
    before = exposed.days(line.on.toordinal(), window)
    days = (before, exposed.days(after, window) - before)
    counts = (min(n, n_before[line.sentence]), max(0, n - n_before[line.sentence]))
    found: dict[str, Any] = {"publicity": line.sentence}
    if all(count <= total for count, total in zip(counts, days, strict=True)):
        p = float(trend.latest(counts, days).p)
        found |= {} if math.isnan(p) else {"p_break": p}
    return found


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ReportedState).decode
