"""Time at risk and events, worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from treated import EXAMPLES, dose, event, seen, visit

from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord, TreatmentGiven


@pytest.mark.parametrize("name", EXAMPLES)
def test_time_at_risk_worked_by_hand(name: str) -> None:
    records, should = EXAMPLES[name]

    assert seen(*records) == should


def test_a_programme_pools_its_constructs_and_counts_a_patient_once() -> None:
    records: list[OutcomeRecord] = [dose(0, "K1"), dose(10, "K2"), event(9), event(10), visit(14)]

    assert seen(*records, level="programme") == {"P1": (1, 15, 2, 0)}


days = st.integers(0, 30)
records_of_one = st.lists(
    st.one_of(
        st.builds(dose, days, st.sampled_from(["K1", "K2"]), record_id=st.uuids().map(str)),
        st.builds(visit, days, is_last=st.booleans(), record_id=st.uuids().map(str)),
        st.builds(event, days, is_fatal=st.booleans(), record_id=st.uuids().map(str)),
    ),
    max_size=8,
)


@given(records_of_one.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))))
def test_the_order_of_records_does_not_matter(
    drawn: tuple[list[OutcomeRecord], list[OutcomeRecord]],
) -> None:
    assert seen(*drawn[0]) == seen(*drawn[1])


@given(records_of_one)
def test_constructs_divide_the_time_and_events_of_their_programme(
    records: list[OutcomeRecord],
) -> None:
    by_construct = seen(*records).values()
    (whole,) = seen(*records, level="programme").values() or [(0, 0, 0, 0)]

    assert tuple(map(sum, list(zip(*by_construct, strict=True))[1:])) in [whole[1:], ()]
    assert whole[2] >= whole[3] >= 0
    assert whole[1] >= 0


@given(records_of_one)
def test_time_is_the_days_from_the_first_dose_to_the_last_day_known(
    records: list[OutcomeRecord],
) -> None:
    doses = [r.given_on for r in records if isinstance(r, TreatmentGiven)]
    visits = [r for r in records if isinstance(r, FollowUp)]
    known = [r.seen_on for r in visits]
    known += [r.occurred_on for r in records if isinstance(r, EndpointEvent)]
    last = [r.seen_on for r in visits if r.is_last]
    found = seen(*records, level="programme")

    if not doses or not known:
        assert found == {}
        return
    until = min(last) if last else max(known)
    assert found["P1"][1] == max((until - min(doses)).days + 1, 0)
