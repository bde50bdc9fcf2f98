"""What people have seen is on the log: admitted once, and passed over where it cannot hold."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import AT, DAY, ROLES, a_configuration, encode, record
from triaged import TriagedEpochs, a_finding

from surveillance.configuration.life_cycle import shipped
from surveillance.configuration.types import Reopen
from surveillance.domain.decision import Acknowledgement, Suppression
from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.decode import decode_decision
from surveillance.triage import life_cycle
from surveillance.triage.admit import Admit
from surveillance.triage.life_cycle import why_not_taken
from surveillance.triage.matters import Matter
from surveillance.triage.reopening import TRIGGERS, StandingNumbers, comes_back, triggers

MATTER = Matter("product:P", "pt:Rash").matter_id
TODAY = life_cycle.Standing(on=DAY, band=lambda: "P4")


def seen(**changes: Any) -> Acknowledgement:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "decision_id": "A-1",
        "matter_id": MATTER,
        "up_to_epoch": 0,
        "decided_by": "first person",
        "role": "safety_scientist",
        "decided_at": datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC),
    }
    return Acknowledgement(**(values | changes))


def test_an_acknowledgement_moves_nothing() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    assert desk.close(seen()).rows == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"matter_id": "M-nowhere"}, "there is no such matter"),
        ({"role": "regulator"}, "acknowledge is not for the role regulator"),
        ({"up_to_epoch": 2}, "epoch 2 lies ahead: the log was at 1"),
    ],
)
def test_one_that_cannot_hold_is_kept_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    row = desk.passed_over(seen(**changes))

    assert (row.decision_id, row.matter_id, row.reason) == (
        "A-1", changes.get("matter_id", MATTER), reason,
    )  # fmt: skip


def test_every_role_may_acknowledge_or_may_not() -> None:
    allowed = {
        role for role, epoch in product(ROLES, (0, 1))
        if why_not_taken(
            shipped(), seen(role=role, up_to_epoch=epoch), {MATTER}, 1, TODAY
        ) is None
    }  # fmt: skip

    assert allowed == {"safety_scientist", "safety_physician", "committee_chair"}


def test_one_that_comes_with_the_first_finding_of_its_matter_holds() -> None:
    assert [
        row for row in TriagedEpochs().close(seen(), a_finding()).rows if hasattr(row, "reason")
    ] == []


def test_one_is_admitted_once_and_never_changed() -> None:
    stage = Admit(a_configuration(), 0)
    state = stage.init(Cells(nothing_stored))
    other = seen(up_to_epoch=3)

    stage.apply(state, record(encode(seen()), encode(seen()), encode(other)))

    found = stage.close(state, 0, AT)
    assert found.rows[0] == seen()
    assert [one.code for one in found.rows[1:]] == ["said_otherwise"]
    assert found.dispositions is not None
    assert (found.dispositions.repeated, found.dispositions.refused) == (1, 1)
    assert decode_decision(encode(seen())) == seen()


# Suppressions


def kept_away(**changes: Any) -> Suppression:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {
        "decision_id": "U-1",
        "matter_id": MATTER,
        "until": DAY + timedelta(days=20),
        "reason": "ten letters or more",
        "decided_by": "first person",
        "role": "safety_physician",
        "decided_at": datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC),
    }
    return Suppression(**(values | changes))


SECOND = {"approved_by": "second person", "approver_role": "committee_chair"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"until": DAY + timedelta(days=30)}, None),
        ({"until": DAY + timedelta(days=31)}, "suppress of more than 30 days needs a second"),
        ({"until": DAY + timedelta(days=31), **SECOND}, None),
        ({"until": DAY + timedelta(days=366), **SECOND}, None),
        ({"until": DAY + timedelta(days=367), **SECOND}, "suppress ends within 366 days"),
        ({"until": DAY}, "suppress until 2024-03-10 has ended already"),
        ({"role": "statistician"}, "suppress is not for the role statistician"),
        (
            {"role": "safety_scientist"},
            "suppress may only be proposed by the role",
        ),
        ({"role": "safety_scientist", **SECOND}, None),
        (
            {**SECOND, "approver_role": "regulator"},
            "suppress cannot be approved in the role regulator",
        ),
        ({"matter_id": "M-nowhere"}, "there is no such matter"),
    ],
)
def test_a_suppression_ends_and_a_long_one_takes_two_people(
    changes: dict[str, Any], reason: str | None
) -> None:
    found = why_not_taken(shipped(), kept_away(**changes), {MATTER}, 1, TODAY)

    assert (found is None) == (reason is None)
    assert ("" if found is None else found.reason).startswith(reason or "")


def test_a_suppression_moves_nothing_and_one_that_may_not_be_is_kept_with_the_reason() -> None:
    desk = TriagedEpochs()
    desk.close(a_finding())

    assert desk.close(kept_away()).rows == []
    row = desk.passed_over(kept_away(decision_id="U-2", role="regulator"))
    assert (row.decision_id, row.matter_id) == ("U-2", MATTER)


def test_nobody_is_the_second_person_of_a_suppression_of_their_own() -> None:
    with pytest.raises(ValueError, match="must be another person"):
        kept_away(approved_by="First Person", approver_role="committee_chair")


# Triggers

THEN = StandingNumbers(day=100, n=4, n_serious=2, n_fatal=0, kind=1)


@pytest.mark.parametrize(
    ("changes", "rules", "met"),
    [
        ({}, {}, []),
        ({"n": 7}, {}, []),
        ({"n": 8}, {}, ["cases"]),
        ({"n": 5}, {"case_ratio": 1.25}, ["cases"]),
        ({"n_fatal": 1}, {}, ["death"]),
        ({"n_fatal": 1}, {"first_death": False}, []),
        ({"kind": 2}, {}, ["criterion"]),
        ({"kind": 2}, {"higher_criterion": False}, []),
        ({"n_serious": 9}, {}, []),
        ({"n_serious": 4}, {"new_serious": 3}, []),
        ({"n_serious": 5}, {"new_serious": 3}, ["serious"]),
        ({"day": 189}, {"after_days": 90}, []),
        ({"day": 190}, {"after_days": 90}, ["time"]),
        ({"n": 1, "n_serious": 0}, {"case_ratio": 1.0, "new_serious": 1}, []),
    ],
)
def test_each_trigger_is_met_at_its_bound_and_not_before(
    changes: dict[str, int], rules: dict[str, Any], met: list[str]
) -> None:
    found = triggers(THEN._replace(**changes), THEN, Reopen(**rules))

    assert [name for name, is_met in found.items() if is_met] == met


numbers = st.integers(0, 9)
standings = st.builds(StandingNumbers, numbers, numbers, numbers, numbers, numbers)
rules = st.builds(
    Reopen,
    case_ratio=st.sampled_from((1.0, 1.5, 2.0)),
    new_serious=st.none() | st.integers(1, 4),
    first_death=st.booleans(),
    higher_criterion=st.booleans(),
    after_days=st.none() | st.integers(1, 9),
)


@given(st.lists(st.tuples(standings, standings), min_size=1, max_size=5), rules)
def test_many_matters_at_once_are_judged_as_each_by_itself(
    pairs: list[tuple[StandingNumbers, StandingNumbers]], chosen: Reopen
) -> None:
    now, then = (
        StandingNumbers(*map(np.array, zip(*one, strict=True))) for one in zip(*pairs, strict=True)
    )

    assert comes_back(now, then, chosen).tolist() == [
        bool(comes_back(one, other, chosen)) for one, other in pairs
    ]


@given(standings, rules)
def test_what_did_not_change_does_not_come_back(one: StandingNumbers, chosen: Reopen) -> None:
    assert not comes_back(one, one, chosen)


def test_every_trigger_is_named() -> None:
    assert list(triggers(THEN, THEN, Reopen())) == list(TRIGGERS)
    assert set(msgspec.structs.asdict(Reopen())) == {
        "version", "case_ratio", "new_serious", "first_death", "higher_criterion", "after_days",
    }  # fmt: skip
