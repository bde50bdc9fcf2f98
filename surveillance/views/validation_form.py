"""The form of the validation of a signal: what the log holds is filled in, the rest is for people.

A pure function of the register and the configuration at an epoch: the same log gives the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from surveillance.configuration.life_cycle import Filled, Section
from surveillance.domain.errors import Misused
from surveillance.domain.signal import Signal, Status, Step
from surveillance.register.columns import SIGNAL_ID
from surveillance.screening.keys import Naming
from surveillance.triage.labels import Labels, PublicLines
from surveillance.triage.matters import Matter, Matters
from surveillance.views.as_of import N_NAMES_A_QUERY, is_screened, signals_as_of
from surveillance.views.case_assessments import CaseAssessments
from surveillance.views.form_fills import Held, filled
from surveillance.views.line_listing import Pair, line_listing
from surveillance.views.signal_steps import steps_of
from surveillance.views.written import visible

if TYPE_CHECKING:
    from surveillance.configuration.types import Configuration
    from surveillance.views.line_listing import LineListing
    from surveillance.views.results import Results


class FormEntry(Struct, frozen=True, kw_only=True):
    """One question of the form."""

    section: Section
    code: str
    asks: str
    filled_by: Filled | None
    from_log: tuple[str, ...]  # empty where the log holds nothing about it
    epoch: int | None  # of what is filled in
    answer: None = None  # people's, in a record of their own


class ValidationForm(Struct, frozen=True, kw_only=True):
    """The form of one signal, as of a day."""

    signal_id: str
    matter_id: str
    product: str
    event: str
    status: Status
    as_of: date
    epoch: int
    counted_to: date  # day of the numbers
    configuration: str  # its hash
    fields: tuple[FormEntry, ...]
    unsigned: tuple[str, ...]  # decisions behind the status that nobody signed


class _Known(NamedTuple):
    source: Results
    configuration: Configuration
    epoch: int
    on: date


def validation_form(source: Results, subject: str, on: date | None = None) -> ValidationForm:
    """Fill in the form of a signal as far as the log does.

    Parameters
    ----------
    source : Results
        A run or a register.
    subject : str
        A signal, or a matter: the form is then of its signal with the greatest priority.
    on : date, optional
        As it stood at the end of that day; without it as it stands.

    Raises
    ------
    Misused
        If there was no such signal or matter.
    """
    configuration = source.required_configuration()
    epoch, day = source.reader.cases.epoch_on(on), on or source.reader.last_day()
    if epoch is None or day is None:
        raise Misused(subject, "was not here by that day", "name a later day")
    known = _Known(source, configuration, epoch, day)
    return _form(known, _signal(known, subject))


def _signal(known: _Known, subject: str) -> Signal:
    """Return the signal with the numbers of the day."""
    names = [subject] if SIGNAL_ID.fullmatch(subject) else []
    if subject.startswith("M-"):
        matters = Matters(known.configuration)
        pairs = known.source.reader.pairs_of_signals()
        names = [name for name, pair in pairs.items() if matters.of(*pair).matter_id == subject]
    standing = _standing(known, names)
    if not standing:
        remedy = "take one that `longwatch signals` or `longwatch ranking` lists"
        raise Misused(f"{subject!r}", "is no signal and no matter here, or was not then", remedy)
    return min(standing, key=lambda one: (-one.priority, one.signal_id))


def _form(known: _Known, signal: Signal) -> ValidationForm:
    steps = steps_of(signal, known.source.reader.steps(signal.signal_id, known.on)).values()
    made = [one for one in steps if one.decided_by is not None]
    held = _held(known, signal, made)
    return ValidationForm(
        signal_id=signal.signal_id,
        matter_id=signal.matter_id,
        product=signal.product,
        event=signal.event,
        status=signal.status,
        as_of=known.on,
        epoch=known.epoch,
        counted_to=signal.evaluated_on,
        configuration=known.configuration.digest,
        fields=tuple(
            FormEntry(
                section=one.section,
                code=one.code,
                asks=one.asks,
                filled_by=one.filled_by,
                from_log=() if one.filled_by is None else filled(one.filled_by, held),
                epoch=None if one.filled_by is None else known.epoch,
            )
            for one in known.configuration.lifecycle.form_fields
        ),
        unsigned=tuple(f"{one.action} of {one.on}" for one in made if not one.is_signed),
    )


HEADINGS: dict[Section, str] = {
    "previous_awareness": "Previous awareness",
    "strength_of_evidence": "Strength of evidence",
    "clinical_relevance": "Clinical relevance and context",
    "conclusion": "Conclusion",
}
_MEANT = re.compile(r"([\\`*_{}\[\]<>#|!~&])")  # by Markdown


def as_markdown(form: ValidationForm) -> str:
    """Return a form as Markdown, to be answered by people.

    Parameters
    ----------
    form : ValidationForm
        Filled in as far as the log does.
    """
    return "\n".join([*_head(form), *_questions(form)]) + "\n"


def _head(form: ValidationForm) -> Iterator[str]:
    yield "# Validation of a signal (GVP Module IX)"
    yield ""
    yield f"{_plain(form.product)} and {_plain(form.event)}"
    yield ""
    yield f"- signal {_plain(form.signal_id)}, matter {_plain(form.matter_id)}"
    unsigned = ", unsigned" if form.unsigned else ""
    yield f"- status at the end of {form.as_of}: {_plain(form.status)}{unsigned}"
    yield f"- from the log up to epoch {form.epoch}; numbers of {form.counted_to}"
    yield f"- configuration {form.configuration}"
    if form.unsigned:
        yield f"- unsigned decisions: {_plain(', '.join(form.unsigned))}"
    yield "- internal: it holds reasons that are not published; what is left empty is for people"
    yield "- counts of reports are no risks, and no entry concludes anything about a cause"


def _questions(form: ValidationForm) -> Iterator[str]:
    section = None
    for one in form.fields:
        if one.section != section:
            section = one.section
            yield from ("", f"## {HEADINGS[section]}")
        yield from ("", f"**{_plain(one.asks)}**", "")
        if one.from_log:
            yield f"From the log, epoch {one.epoch}:"
            yield ""
            yield from (f"- {_plain(line)}" for line in one.from_log)
            yield ""
        yield "Answer:"


def _plain(text: str) -> str:
    return _MEANT.sub(r"\\\1", visible(text))


def _held(known: _Known, signal: Signal, made: Sequence[Step]) -> Held:
    """Gather what the log holds of a signal."""
    configuration, reader = known.configuration, known.source.reader
    matters = Matters(configuration)
    root = matters.of(signal.product, signal.event)
    same, others = _related(known, matters, signal, root)
    labels = Labels(configuration)
    public = PublicLines(configuration, matters)
    standing = (
        reader.cases.standing(signal.product, signal.event, known.epoch)
        if is_screened(signal)
        else []
    )
    return Held(
        signal=signal,
        steps=tuple(made),
        of_matter=same,
        of_other_products=others,
        flags=labels.of(signal.product, signal.event, known.on),
        publicity=public.latest(signal.product, signal.event, known.on),
        listing=_listing(known, signal) if is_screened(signal) else None,
        versions={one.case_id: one.case for one in standing},
    )


def _listing(known: _Known, signal: Signal) -> LineListing:
    reader = known.source.reader
    pair = Pair(signal.product, signal.event, Naming(known.configuration))
    return line_listing(reader.cases, pair, known.on, CaseAssessments(reader))


def _related(
    known: _Known, matters: Matters, signal: Signal, root: Matter
) -> tuple[list[Signal], list[Signal]]:
    """Return other signals of the matter, and those of the same event with other products."""
    reader = known.source.reader
    same: list[str] = []
    others: list[str] = []
    for name, pair in reader.pairs_of_signals().items():
        if name == signal.signal_id:
            continue
        matter = matters.of(*pair)
        if matter == root:
            same.append(name)
        elif matter.event == root.event:
            others.append(name)
    return _standing(known, same), _standing(known, others)


def _standing(known: _Known, names: list[str]) -> list[Signal]:
    found: list[Signal] = []
    for first in range(0, len(names), N_NAMES_A_QUERY):
        some = names[first : first + N_NAMES_A_QUERY]
        found += known.source.reader.states_at(some, known.epoch).values()
    found = signals_as_of(known.source, found, known.on)
    return sorted(found, key=lambda one: (-one.priority, one.signal_id))
