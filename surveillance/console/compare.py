"""The list of one day beside that of an earlier one: what came, what went, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from surveillance.console.asked import NotThere, paged
from surveillance.console.pages import Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surveillance.console.asked import Asked
    from surveillance.console.kept import Known
    from surveillance.domain.signal import AnySignal
    from surveillance.views.day import Day
    from surveillance.views.worklist import WaitingMatter

N_ROWS = 50
KINDS = ("came", "went", "changed")


class ComparedMatter(NamedTuple):
    """A matter on two days; None where it was not on the list."""

    matter_id: str
    then: WaitingMatter | None
    now: WaitingMatter | None

    @property
    def kind(self) -> str:
        """Whether it came, went, changed, or stayed as it was."""
        if self.then is None or self.now is None:
            return "came" if self.then is None else "went"
        return "changed" if _state(self.then) != _state(self.now) else "same"

    @property
    def best(self) -> AnySignal:
        """The signal that it stands by on the later day, or stood by on the earlier."""
        one = self.now or self.then
        assert one is not None  # noqa: S101 - of two days it was on the list on one
        return one.matter.best


class ComparedRow(NamedTuple):
    """A matter on both days, and its signal on both; None where there was no signal."""

    pair: ComparedMatter
    then: AnySignal | None
    now: AnySignal | None


def compare(known: Known, asked: Asked) -> Page:
    """Return what differs between the list of a day and that of an earlier one."""
    asked.required("against")
    now, then = known.day(asked.at), known.day(asked.day("against"))
    if then.on >= now.on:
        why = f"{then.on} is not before {now.on}"
        raise NotThere(400, "There is nothing to compare", why, "choose an earlier day")
    found = _pairs(then, now)
    kind = asked.one_of("kind", KINDS)
    chosen = [one for one in found if one.kind == kind]
    page = paged(chosen, asked, N_ROWS)
    return Page(
        "compare.html",
        f"{then.on} and {now.on}",
        {
            "then": then,
            "now": now,
            "kind": kind,
            "counts": {each: sum(one.kind == each for one in found) for each in KINDS},
            "n_same": sum(one.kind == "same" for one in found),
        }
        | page.values(_rows(known, then, now, page.rows)),
    )


def _pairs(then: Day, now: Day) -> list[ComparedMatter]:
    """Return every matter of either list, by its rank on the later day, then on the earlier."""
    ids = dict.fromkeys([*now.places, *then.places])
    return [ComparedMatter(one, then.places.get(one), now.places.get(one)) for one in ids]


def _state(one: WaitingMatter) -> tuple[object, ...]:
    best = one.matter.best
    return one.band, best.n, best.n_serious, best.n_fatal, best.status, one.matter.rank.rank


def _rows(known: Known, then: Day, now: Day, pairs: Sequence[ComparedMatter]) -> list[ComparedRow]:
    names = [one.best.signal_id for one in pairs]
    before, after = (
        {one.signal_id: one for one in day.of(known.reader.states_at(names, day.epoch).values())}
        for day in (then, now)
    )
    return [
        ComparedRow(
            one,
            before.get(name),
            after.get(name),
        )
        for one, name in zip(pairs, names, strict=True)
    ]
