from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from surveillance.configuration.life_cycle import shipped
from surveillance.configuration.types import Triage
from surveillance.domain.signal import Signal, Status
from surveillance.triage.triage import signal_id
from surveillance.views.ranking import rank_matters, rank_signals

DAY = date(1999, 2, 12)
TRIAGE = Triage()


def a_screened(
    product: str,
    matter: str,
    priority: float,
    *,
    n: int = 3,
    evidence: float = 0.7,
    status: Status = "detected",
    is_sentinel: bool = False,
) -> Signal:
    return Signal(
        signal_id=signal_id(product, "pt:E", "safety"),
        matter_id=matter,
        family="safety",
        product=product,
        event="pt:E",
        status=status,
        first_on=DAY,
        on=DAY,
        evaluated_on=DAY,
        epoch=7,
        priority=priority,
        parts=(),
        support=(),
        n=n,
        expected=0.004,
        evidence=evidence,
        is_sentinel=is_sentinel,
        is_open=shipped().is_open(status),
    )


SIGNALS = st.lists(
    st.builds(
        a_screened,
        st.integers(1, 9).map("product:P{}".format),
        st.sampled_from(("M-1", "M-2", "M-3")),
        st.sampled_from((0.1, 0.2, 0.3)),
        n=st.integers(0, 4),
        evidence=st.sampled_from((-0.5, 0.0, 0.5)),
        status=st.sampled_from(("detected", "confirmed", "not_validated")),
    ),
    unique_by=lambda one: one.signal_id,
)


@given(SIGNALS)
def test_a_matter_stands_where_the_best_of_its_listed_signals_stands(
    signals: list[Signal],
) -> None:
    listed = [
        one for one in signals if one.status != "not_validated" and one.n >= 3 and one.evidence > 0
    ]
    best = {one.matter_id: 0.0 for one in listed}
    for one in listed:
        best[one.matter_id] = max(best[one.matter_id], one.priority)

    found = rank_matters(signals, TRIAGE, DAY)

    assert {matter.best.matter_id: matter.best.priority for matter in found} == best
    for matter in found:
        own = matter.rank.priority
        assert matter.rank.rank == 1 + sum(other > own for other in best.values())
        assert matter.rank.n_tied == sum(other == own for other in best.values())
        assert matter.rank.n_ranked == len(best)
    assert sum(len(matter.signals) for matter in found) == len(listed)
    ranks = [matter.rank.rank for matter in found]
    assert ranks == sorted(ranks)


def test_a_sentinel_event_is_listed_from_the_first_case_on() -> None:
    one = a_screened("product:P", "M-1", 0.5, n=1, evidence=-2.0, is_sentinel=True)

    assert len(rank_matters([one], TRIAGE, DAY)) == 1
    assert rank_matters([a_screened("product:P", "M-1", 0.5, n=1)], TRIAGE, DAY) == []


def test_a_level_is_ranked_apart() -> None:
    signals = [a_screened("product:P", "M-1", 0.9), a_screened("lot:P/1", "M-1", 0.5)]

    found = {one.signal.product: one for one in rank_signals(signals, DAY)}

    lot = found["lot:P/1"]
    assert (lot.rank.rank, lot.rank_in_level, lot.n_in_level) == (2, 1, 1)


def test_equal_priorities_are_listed_by_name_and_share_the_rank() -> None:
    signals = [a_screened(f"product:P{number}", f"M-{number}", 0.5) for number in range(3)]

    found = rank_signals(signals, DAY)

    assert [one.signal.signal_id for one in found] == sorted(one.signal_id for one in signals)
    assert {one.rank.rank for one in found} == {1}


def test_without_a_signal_the_list_is_empty() -> None:
    assert rank_matters([], TRIAGE, DAY) == []
    assert rank_signals([], DAY) == []
