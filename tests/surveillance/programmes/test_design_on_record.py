"""What a design promised, and how it was changed, is on every look and finding."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from strategies import AT, DAY, a_configuration, an_excess, encode, programmes, record
from treated import dose, event, on

from surveillance.configuration.programmes import Change, ErrorBudget, LostEffect, Programmes
from surveillance.configuration.types import Topics
from surveillance.domain.finding import N_CHANGES_MAX, Look, WatchFinding
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes.watch import WatchOutcomes
from surveillance.triage.triage import TriageFindings

EFFECT = LostEffect(endpoint="hepatic failure", rate_ratio_kept=0.5, alpha=0.02, for_history=0.005)


class Watched:
    """A watch of one partition, close by close."""

    def __init__(self, of: Programmes) -> None:
        configuration = a_configuration(topics=Topics(outcomes=1), programmes=of)
        self.stage = WatchOutcomes(configuration, 0)
        self.state = self.stage.init(Cells(nothing_stored))
        self.epoch = -1

    def rows(self, *records: OutcomeRecord, day: int) -> list[Look | WatchFinding]:
        at = AT + ((on(0) - DAY).days + day) * 86_400
        self.stage.apply(self.state, record(*map(encode, records), at=at))
        self.epoch += 1
        return list(self.stage.close(self.state, self.epoch, at).rows)

    def ends(self, *records: OutcomeRecord, day: int) -> list[WatchFinding]:
        rows = self.rows(*records, day=day)
        return [row for row in rows if isinstance(row, WatchFinding) and row.change == "ended"]


def test_a_horizon_that_is_reached_is_a_finding_once_with_what_was_spent() -> None:
    watched = Watched(programmes(hepatic=an_excess(horizon=0.5, min_events=2)))
    assert watched.ends(dose(0), day=100) == []

    (ended,) = watched.ends(event(101), day=190)

    assert ended.alpha is not None
    assert ended.alpha_spent is not None
    assert ended.alpha_spent == pytest.approx(ended.alpha, rel=0.5)
    assert ended.alpha_spent <= ended.alpha
    assert "horizon of 0.5 expected events was reached without a crossing" in ended.notes[0]
    assert f"{ended.alpha_spent:.3g} of {ended.alpha:.3g} is spent" in ended.notes[0]
    assert "no later look of this test can cross" in ended.notes[1]
    assert watched.ends(event(195), event(196), day=200) == []


def test_a_horizon_in_the_past_is_stated_at_the_first_look() -> None:
    watched = Watched(programmes(hepatic=an_excess(horizon=0.01)))

    assert [end.looks for end in watched.ends(dose(0), event(3), day=300)] == [1]


def test_a_horizon_that_a_correction_takes_back_is_reached_again() -> None:
    watched = Watched(programmes(hepatic=an_excess(horizon=0.5)))
    assert len(watched.ends(dose(0), day=190)) == 1

    late = dose(180, record_id="dose 0 K1", version=2)

    assert watched.ends(late, day=191) == []
    assert len(watched.ends(event(365), day=380)) == 1


def test_an_end_moves_no_signal() -> None:
    watched = Watched(programmes(hepatic=an_excess(horizon=0.5)))
    (ended,) = watched.ends(dose(0), day=190)
    triage = TriageFindings(a_configuration())
    state = triage.init(Cells(nothing_stored))

    triage.apply(state, ended)

    assert list(triage.close(state, 0, AT).rows) == []


# Budgets


def test_the_parts_of_a_budget_add_up_over_designs_and_units() -> None:
    of = programmes(effect=EFFECT, hepatic=an_excess(alpha=0.03, level="construct"))
    two = {"record_id": "d2", "patient_id": "two"}

    rows = Watched(of).rows(dose(0), dose(0, "K2", **two), event(3), day=30)

    looks = [row for row in rows if isinstance(row, Look)]
    by_family = {
        family: math.fsum(look.alpha or 0 for look in looks if look.family == family)
        for family in ("safety", "effectiveness")
    }
    assert by_family["safety"] == pytest.approx(0.03)
    assert by_family["effectiveness"] + EFFECT.for_history == pytest.approx(0.02)
    assert {(look.family, look.alpha_budget) for look in looks} == {
        ("safety", 0.03),
        ("effectiveness", 0.02),
    }
    assert all(0 <= (look.alpha_spent or 0) <= (look.alpha or 0) for look in looks)


def test_designs_that_ask_for_more_than_the_budget_are_refused() -> None:
    of = programmes(one=an_excess(alpha=0.03), two=an_excess(alpha=0.03))
    (programme,) = of.programme

    with pytest.raises(
        ValueError, match=r"'P1': its designs are allotted 0.06 of a budget of 0.05"
    ):
        replace(of, programme=(replace(programme, budget=ErrorBudget(safety=0.05)),))


def test_a_budget_with_room_is_shown_on_every_look() -> None:
    of = programmes(hepatic=an_excess(alpha=0.03))
    (programme,) = of.programme
    roomy = replace(of, programme=(replace(programme, budget=ErrorBudget(safety=0.05)),))

    (look, *_) = Watched(roomy).rows(dose(0), day=3)

    assert look.alpha_budget == 0.05


# Recorded changes


def a_change(**changes: Any) -> Change:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "what": "design.effect", "version": 2, "on": on(50), "by": "committee of 20 February",
        "reason": "the margin was too wide",
    }  # fmt: skip
    return Change(**(values | changes))


def changed(*changes: Change, version: int = 2, history: int = 1) -> Programmes:
    """A programme whose test of effect, or natural history, was changed."""
    of = programmes(effect=EFFECT, hepatic=an_excess())
    untreated = replace(of.natural_history["untreated"], version=history)
    return replace(
        of,
        natural_history={"untreated": untreated},
        design={**of.design, "effect": replace(EFFECT, version=version)},
        change=changes,
    )


def test_a_change_is_on_every_look_and_finding_from_its_day_on() -> None:
    watched = Watched(changed(a_change()))

    before = watched.rows(dose(0), day=40)
    after = watched.rows(*(event(day) for day in range(41, 60)), day=60)

    assert {row.n_changes for row in before} == {0}
    assert {row.n_changes for row in after if row.design == "effect"} == {1}
    assert {row.n_changes for row in after if row.design == "hepatic"} == {0}
    findings = [row for row in after if isinstance(row, WatchFinding) and row.design == "effect"]
    assert findings
    for row in findings:
        assert row.changes == (
            "design.effect v2 since 2024-02-20: the margin was too wide (committee of 20 February)",
        )
        assert (row.design_version, row.natural_history_version) == (2, 1)


def test_the_changes_of_a_finding_are_bounded_and_their_number_is_shown() -> None:
    many = [
        a_change(version=n, on=on(n), what="natural_history.untreated", reason=f"care of year {n}")
        for n in range(2, 10)
    ]

    rows = Watched(changed(*many, version=1, history=9)).rows(
        dose(0), *(event(day) for day in range(1, 20)), day=60
    )

    findings = [row for row in rows if isinstance(row, WatchFinding) and row.design == "effect"]
    assert {(row.n_changes, len(row.changes)) for row in findings} == {(8, N_CHANGES_MAX)}
    assert all("v9" in row.changes[-1] for row in findings)
    assert {row.natural_history_version for row in findings} == {9}


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (changed, "design.effect: is version 2, and .* lists no version"),
        (lambda: changed(a_change(version=3)), "is version 2, and .* lists 3"),
        (lambda: changed(a_change(), a_change()), "is version 2, and .* lists 2, 2"),
        (lambda: changed(a_change(), version=1), "is version 1, and .* lists 2"),
        (lambda: changed(a_change(), history=2), "natural_history.untreated: is version 2"),
        (lambda: changed(a_change(), a_change(what="design.x")), "design.x is not defined"),
        (
            lambda: changed(a_change(on=on(9)), a_change(version=3, on=on(8)), version=3),
            "the days of design.effect go back",
        ),
    ],
)
def test_a_version_that_no_change_explains_is_refused(
    made: Callable[[], Programmes], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        made()
