"""Outcomes → exposure: patients and time by product key, which counts of reports are held against.

Only doses and deaths matter here, and of them only what a denominator needs is kept. Time runs
from a dose to the next one under the same key, and ends with death: a patient whom the registry
has lost may still be reported. What is emitted are differences, so that corrections and orders
of arrival leave the same sums.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import msgspec

from surveillance.configuration.types import Configuration
from surveillance.domain.contribution import N_SPANS_MAX, Exposure
from surveillance.domain.errors import Refused
from surveillance.domain.outcome import Ended, EndpointEvent, OutcomeRecord, TreatmentGiven
from surveillance.log.cells import Cells
from surveillance.log.lines import is_blank, lines_in
from surveillance.log.messages import Output, Record
from surveillance.programmes.packed import N_DIGEST_BYTES
from surveillance.programmes.records import OutcomeRules, Weighed

KeysOf = Callable[[TreatmentGiven], tuple[str, ...]]
_SOME_DAY = date(2000, 1, 1)  # which no key depends on
_FORM = b"facts by programme, in cells"
_NOTHING = b"\x00"  # of a version that neither treats nor kills: it yields to one that does


class Fact(msgspec.Struct, array_like=True, omit_defaults=True):
    """The standing version of one record, as far as it matters here."""

    version: int
    digest: bytes
    patient: str
    day: int = 0
    names: tuple[str, ...] = ()  # of a dose: product, platform, construct, lot
    is_death: bool = False

    @property
    def rank(self) -> tuple[int, bytes]:
        """The greater one stands."""
        return self.version, self.digest


class ExposeState(msgspec.Struct):
    """State: the cells, and the programmes that have news."""

    cells: Cells
    open: dict[str, _Programme] = {}


class Expose:
    """The stage on one partition of the outcomes.

    Refused records and dispositions are those of `watch`, which reads the same lines.

    Parameters
    ----------
    configuration : Configuration
        Programmes, which decide what is refused.
    partition : int
        The partition that is read.
    keys_of : callable
        Gives the product keys that a dose counts under: those of a report that names it.
    """

    name = "expose"
    version = 1

    def __init__(self, configuration: Configuration, partition: int, keys_of: KeysOf) -> None:
        self._rules, self._partition = OutcomeRules(configuration), partition
        self._keys_of = keys_of

    def init(self, cells: Cells) -> ExposeState:
        """Return the state before the first record."""
        return ExposeState(cells)

    def apply(self, state: ExposeState, item: Record) -> None:
        """Take the lines of one message in."""
        for line in lines_in(item.value):
            if is_blank(line):
                continue
            try:
                weighed = self._rules.read(line, self._partition, item.at)
            except Refused:  # `watch` enters it among the refused records, with the reason
                continue
            self._take(state, weighed)

    def close(self, state: ExposeState, epoch: int, at: int) -> Output:  # noqa: ARG002 - the protocol
        """Emit by how much exposure has changed."""
        moved: Counter[_Item] = Counter()
        for name, programme in sorted(state.open.items()):
            moved.update(programme.moved())
            state.cells.set(name.encode(), programme.packed())
        state.open = {}
        return Output(list(_rows(moved)), [])

    def dump(self, state: ExposeState) -> bytes:  # noqa: ARG002 - all of it is in the cells
        """Return the part of the state that is not in the cells: its form alone, between epochs."""
        return _FORM

    def load(self, data: bytes, cells: Cells) -> ExposeState:
        """Restore the state.

        Raises
        ------
        ValueError
            If it is of another form.
        """
        if data != _FORM:
            raise ValueError("the state of expose is of another form")
        return ExposeState(cells)

    def _take(self, state: ExposeState, weighed: Weighed) -> None:
        fact = _fact(weighed)
        if fact.rank <= (1, _NOTHING):  # yields to every other version: most records end here
            return
        name = weighed.record.programme_key
        programme = state.open.get(name)
        if programme is None:
            programme = state.open[name] = _Programme(self._keys_of, name, state.cells)
        programme.stand(weighed.record.record_id, fact)


class _Item(NamedTuple):
    """What is counted: a dose, a patient, or a span of time under a key."""

    product: str
    kind: str
    start: int = 0
    end: int = 0


class _Programme:
    """The facts of one programme, and the exposure of its patients before the epoch."""

    def __init__(self, keys_of: KeysOf, name: str, cells: Cells) -> None:
        self._keys_of, self._name = keys_of, name
        stored = cells.get(name.encode())
        self._facts = _decode(zlib.decompress(stored)) if stored else {}
        self._of: dict[str, set[str]] = {}  # names of records by patient
        for record_id, fact in self._facts.items():
            self._of.setdefault(fact.patient, set()).add(record_id)
        self._before: dict[str, Counter[_Item]] = {}

    def stand(self, record_id: str, new: Fact) -> None:
        """Keep the greatest version of a record."""
        old = self._facts.get(record_id)
        if old is not None and new.rank <= old.rank:
            return
        self._keep_before(new.patient)
        if old is not None:
            self._keep_before(old.patient)
            self._of[old.patient].remove(record_id)
        self._facts[record_id] = new
        self._of.setdefault(new.patient, set()).add(record_id)

    def _keep_before(self, patient: str) -> None:
        if patient not in self._before:
            self._before[patient] = self._exposure(patient)

    def moved(self) -> Counter[_Item]:
        """Return what was gained less what was taken back."""
        found: Counter[_Item] = Counter()
        for patient, before in self._before.items():
            found.update(self._exposure(patient))
            found.subtract(before)
        return found

    def packed(self) -> bytes:
        """Return the facts as bytes: the same whatever order they came in."""
        return zlib.compress(_encode(dict(sorted(self._facts.items()))))

    def _exposure(self, patient: str) -> Counter[_Item]:
        own = [self._facts[name] for name in self._of.get(patient, ())]
        died = min((fact.day for fact in own if fact.is_death), default=None)
        days: dict[str, list[int]] = {}
        for fact in own:
            for key in self._keys(fact):
                days.setdefault(key, []).append(fact.day)
        found: Counter[_Item] = Counter()
        for key, given in days.items():
            found[_Item(key, "dose")] += len(given)
            found[_Item(key, "patient")] += 1
            spans = _spans(sorted(given), 0 if died is None else died + 1)
            found.update(_Item(key, "span", *span) for span in spans)
        return found

    def _keys(self, fact: Fact) -> tuple[str, ...]:
        if not fact.names:
            return ()
        product, platform, construct, lot = fact.names
        return self._keys_of(
            TreatmentGiven(
                record_id="-", programme=self._name, patient_id="-", received_on=_SOME_DAY,
                platform=platform, product=product, construct=construct, lot=lot or None,
                given_on=_SOME_DAY,
            )
        )  # fmt: skip


def _spans(days: list[int], end: int) -> Iterator[tuple[int, int]]:
    """Return the time after each dose until the next, or the end; 0 is no end."""
    for start, following in pairwise([*days, end]):
        until = min(following, end) if end and following else following
        if until == 0 or until > start:
            yield start, until


def _fact(weighed: Weighed) -> Fact:
    """Return what matters of a record; taken back, it outranks all else of its version."""
    record = weighed.record
    digest = weighed.digest[1:N_DIGEST_BYTES]
    fact = Fact(record.version, b"\x02" + digest, record.patient_id)
    if record.is_nullified:
        return fact
    if isinstance(record, TreatmentGiven):
        fact.names = (record.product, record.platform, record.construct, record.lot or "")
        fact.day = record.given_on.toordinal()
    elif (died := _died(record)) is not None:
        fact.is_death, fact.day = True, died.toordinal()
    else:
        return Fact(record.version, _NOTHING, "")  # whoever it is about: two of them are alike
    fact.digest = b"\x01" + digest
    return fact


def _died(record: OutcomeRecord) -> date | None:
    if isinstance(record, Ended) and record.kind == "death":
        return record.ended_on
    if isinstance(record, EndpointEvent) and record.is_fatal:
        return record.occurred_on
    return None


def _rows(moved: Counter[_Item]) -> Iterator[Exposure]:
    """Return a row for each key that moved, and further rows where there are many spans."""
    by_key: dict[str, list[tuple[_Item, int]]] = {}
    for item, n in sorted(moved.items()):
        if n:
            by_key.setdefault(item.product, []).append((item, n))
    for product, items in by_key.items():
        counts = {item.kind: n for item, n in items if item.kind != "span"}
        spans = [(item.start, item.end, n) for item, n in items if item.kind == "span"]
        for start in range(0, max(1, len(spans)), N_SPANS_MAX):
            of = (counts.pop("dose", 0), counts.pop("patient", 0))
            yield Exposure(product, *of, spans[start : start + N_SPANS_MAX])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Fact]).decode
