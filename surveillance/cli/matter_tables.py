"""The page of one matter, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.cli.screen import print_lines, visible
from surveillance.cli.tables import ABSENT, number, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from surveillance.views.matter_page import MatterPage, SignalOfMatter

N_CASES_NAMED = 20  # of one kind, in a table; JSON has all
CAUTION = (
    "counts of reports are no risks, and a difference from what is expected is no cause; the "
    "priority orders work only"
)


def print_page(page: MatterPage) -> None:
    """Print a matter."""
    print_lines(visible(f"{page.matter_id}: {page.product} and {page.event}"), *_state(page))
    print_table("signals", _COLUMNS, [_row(one) for one in page.signals], drop=_DROP)
    print_lines(*(line for one in page.signals for line in _changes(one)))
    changed = dict.fromkeys(change for one in page.signals for change in one.changes)
    print_lines(*(visible(f"changed after data had been seen: {line}") for line in changed))
    public = {one.publicity: one for one in page.signals if one.publicity}
    print_lines(*(visible(f"lower for what was made public: {sentence}") for sentence in public))
    if page.reviews:
        rows = [
            (
                one.ground, one.rule, one.opened_on, one.answer_in_words,
                one.ladder_step or ABSENT, one.answered_on or ABSENT,
            )
            for one in page.reviews
        ]  # fmt: skip
        asked = ("ground", "asked by the rule", "opened", "answer", "step", "answered")
        print_table("requests for review", dict.fromkeys(asked, "left"), rows)
    if page.causality:
        print_lines(visible(f"causality, as people assessed it: {_causality(page)}"))
    if page.people:
        people = [
            (
                one.on, one.action, one.by, one.approved_by or ABSENT,
                "yes" if one.is_signed else "unsigned", one.signal_id or ABSENT, one.decision_id,
            )
            for one in page.people
        ]  # fmt: skip
        done = ("on", "action", "by", "approved by", "signed", "signal", "decision")
        print_table("what people did", dict.fromkeys(done, "left"), people)
    print_lines(CAUTION)


_COLUMNS = {
    "signal": "left", "product": "left", "event": "left", "status": "left", "priority": "right",
    "then": "right", "n": "right", "n then": "right", "serious": "right", "serious then": "right",
    "fatal": "right", "fatal then": "right", "expected": "right", "evidence": "right",
    "evidence then": "right", "counted to": "left",
}  # fmt: skip
_DROP = ("evidence then", "then", "expected", "counted to", "status", "signal")


def _row(one: SignalOfMatter) -> Sequence[object]:
    return (
        one.signal_id, one.product, one.event, one.status, f"{one.priority:.3f}",
        ABSENT if one.priority_then is None else f"{one.priority_then:.3f}",
        one.n, one.n_then, one.n_serious, one.n_serious_then, one.n_fatal, one.n_fatal_then,
        number(one.expected), number(one.evidence), number(one.evidence_then), one.evaluated_on,
    )  # fmt: skip


def _state(page: MatterPage) -> Iterator[str]:
    place = "not on the list" if page.rank is None else f"rank {page.rank.rank:,}"
    yield f"at the end of {page.as_of} (epoch {page.epoch}): {place}"
    if page.seen is None:
        yield "nobody has acknowledged it or decided about it: all of it is new"
    else:
        seen = page.seen
        signed = "" if seen.is_signed else ", unsigned"
        yield visible(
            f"seen by {seen.by} ({seen.action}{signed}), as it stood at the end of epoch "
            f"{seen.up_to_epoch} ({seen.on}); then is then, and new is what came later"
        )
        if seen.suppressed_until is not None:
            until = seen.suppressed_until
            yield visible(f"suppressed to the end of {until}, or to a first death: {seen.reason}")
    if page.band:
        due = f", due by {page.due_on}" if page.due_on else ""
        since = f", waiting since {page.waiting_since}" if page.waiting_since else ""
        yield f"band {page.band}{since}{due}"
    if page.back_because:
        yield f"it has come back: {', '.join(page.back_because)}"
    yield f"to acknowledge it: longwatch acknowledge {page.matter_id} --epoch {page.epoch} …"


def _causality(page: MatterPage) -> str:
    n_assessed = sum(page.causality.values())
    named = ", ".join(f"{n:,} {category}" for category, n in page.causality.items())
    return f"{n_assessed:,} of {page.n_cases:,} cases ({named})"


def _changes(one: SignalOfMatter) -> Iterator[str]:
    named = {"added": one.added, "followed up": one.followed_up, "no longer": one.no_longer}
    found = [f"{len(cases):,} {what}: {_cases(cases)}" for what, cases in named.items() if cases]
    met = ", ".join(f"{each.criterion} on {each.on}" for each in one.newly_met)
    found += [f"newly met: {met}"] if met else []
    if found:
        yield visible(f"{one.product} and {one.event}")
        yield from (visible(f"  {line}") for line in found)


def _cases(cases: Sequence[str]) -> str:
    more = len(cases) - N_CASES_NAMED
    return ", ".join(cases[:N_CASES_NAMED]) + (f" and {more:,} more" if more > 0 else "")
