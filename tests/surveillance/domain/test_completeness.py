"""How complete a report is, after vigiGrade (Bergvall et al. 2014)."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import a_case, case_versions

from surveillance.domain.case import Assessment, CaseVersion, Dose, Event, Patient, Product
from surveillance.domain.completeness import PENALTIES, Dimension, completeness, score_of

DOSED = date(2020, 1, 1)
ONSET = date(2020, 1, 5)
WHOLE: dict[str, Any] = {
    "received_on": date(2020, 2, 1),
    "reporter": "physician",
    "country": "DE",
    "patient": Patient(sex="female", age_years=40),
    "narrative_sha256": "0" * 64,
    "events": (Event(pt="Rash", onset_on=ONSET, outcome="recovered"),),
    "products": (
        Product(
            role="suspect",
            product="P",
            indications=("Pain",),
            doses=(Dose(start_on=DOSED, amount=1, unit="mg"),),
        ),
    ),
}
LACKING: dict[Dimension, dict[str, Any]] = {
    "sex": {"patient": Patient(sex="unknown", age_years=40)},
    "age": {"patient": Patient(sex="female")},
    "country": {"country": None},
    "reporter": {"reporter": "unknown"},
    "report_type": {"report_type": "unknown"},
    "comments": {"narrative_sha256": None},
    "outcome": {"events": (Event(pt="Rash", onset_on=ONSET, outcome="unknown"),)},
    "time_to_onset": {"events": (Event(pt="Rash", outcome="recovered"),)},
    "indication": {
        "products": (Product(role="suspect", product="P", doses=WHOLE["products"][0].doses),)
    },
    "dose": {
        "products": (
            Product(
                role="suspect", product="P", indications=("Pain",), doses=(Dose(start_on=DOSED),)
            ),
        )
    },
}


def whole(**changes: Any) -> CaseVersion:  # noqa: ANN401 - its fields
    return a_case(**(WHOLE | changes))


def test_a_report_that_states_everything_scores_one() -> None:
    assert completeness(whole()) == (1.0, ())


@pytest.mark.parametrize("dimension", PENALTIES)
def test_each_dimension_has_its_own_penalty(dimension: Dimension) -> None:
    found = completeness(whole(**LACKING[dimension]))

    assert found.missing == (dimension,)
    assert found.score == pytest.approx(1 - PENALTIES[dimension])


def test_penalties_multiply() -> None:
    found = completeness(whole(**LACKING["country"], **LACKING["outcome"]))

    assert found.score == pytest.approx(0.9 * 0.7)
    assert found.missing == ("outcome", "country")


def test_an_age_group_alone_costs_less_than_no_age() -> None:
    found = completeness(whole(patient=Patient(sex="female", age_group="adult")))

    assert found.score == pytest.approx(0.9)
    assert found.missing == ("age",)


@pytest.mark.parametrize(
    ("start", "onset", "penalty"),
    [
        ("2019", "2020-01", 0.0),  # whichever days, the drug came first
        ("2020-01", "2020-01", 0.1),
        ("2020", "2020-01", 0.3),
        ("2020-01", "2020", 0.3),
        ("2020-02", "2020-01", 0.0),  # it came second, which is known as well
        (None, "2020-01", 0.5),
        ("2020-01", None, 0.5),
    ],
)
def test_dates_of_a_month_or_a_year_cost_what_they_leave_open(
    start: str | None, onset: str | None, penalty: float
) -> None:
    dose = Dose(amount=1, unit="mg", dates_as_stated={"G.k.4.r.4": start} if start else None)
    product = Product(role="suspect", product="P", indications=("Pain",), doses=(dose,))
    event = Event(
        pt="Rash", outcome="recovered", dates_as_stated={"E.i.4": onset} if onset else None
    )

    found = completeness(whole(products=(product,), events=(event,)))

    assert found.score == pytest.approx(1 - penalty)


def test_a_stated_interval_makes_dates_needless() -> None:
    case = whole(
        **LACKING["time_to_onset"], assessments=(Assessment(product=0, event=0, onset_days=4),)
    )

    assert completeness(case).score == 1


def test_a_report_scores_the_mean_of_its_pairs_of_suspects() -> None:
    other = Product(role="concomitant", product="Q")
    second = Event(pt="Fever", onset_on=ONSET)

    found = completeness(
        whole(products=(*WHOLE["products"], other), events=(*WHOLE["events"], second))
    )

    assert found.score == pytest.approx((1 + 0.7) / 2)
    assert found.missing == ("outcome",)


def test_a_report_without_a_pair_states_nothing_of_one() -> None:
    found = completeness(whole(events=(), products=WHOLE["products"]))

    assert found.score == pytest.approx(0.5 * 0.7)
    assert found.missing == ("time_to_onset", "outcome")


def by_definition(case: CaseVersion) -> float:
    """Score pair by pair, each as a report of its own; the mean over the pairs."""
    products = [
        n for n, each in enumerate(case.products) if each.role in ("suspect", "interacting")
    ]
    scores = []
    for product in products:
        for event in range(len(case.events)):
            assessments = tuple(
                msgspec.structs.replace(each, product=0, event=0)
                for each in case.assessments
                if (each.product, each.event) == (product, event)
            )
            one = msgspec.structs.replace(
                case,
                products=(case.products[product],),
                events=(case.events[event],),
                assessments=assessments,
            )
            scores.append(completeness(one).score)
    return sum(scores) / len(scores)


days = st.sampled_from([None, DOSED, ONSET, date(2020, 1, 20)])
several_events = st.lists(
    st.builds(
        Event,
        pt=st.just("Rash"),
        onset_on=days,
        outcome=st.sampled_from([None, "fatal"]),
        dates_as_stated=st.sampled_from([None, None, {"E.i.4": "2020-01"}]),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
several_products = st.lists(
    st.builds(
        Product,
        role=st.sampled_from(["suspect", "interacting", "concomitant"]),
        product=st.just("P"),
        indications=st.sampled_from([(), ("Pain",)]),
        doses=st.builds(
            lambda day, text: (Dose(start_on=day, text=text),), days, st.sampled_from([None, "x"])
        ),
    ),
    max_size=3,
).map(lambda found: (Product(role="suspect", product="P"), *found))


@given(several_products, several_events, st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_the_score_is_the_mean_over_the_pairs_however_alike_they_are(
    products: tuple[Product, ...], events: tuple[Event, ...], timed: set[tuple[int, int]]
) -> None:
    assessments = tuple(
        Assessment(product=product, event=event, onset_days=1)
        for product, event in sorted(timed)
        if product < len(products) and event < len(events)
    )
    case = whole(products=products, events=events, assessments=assessments)

    assert completeness(case).score == pytest.approx(by_definition(case), rel=1e-12)
    assert score_of(case) == pytest.approx(completeness(case).score, rel=1e-12)


@given(case_versions())
def test_the_quick_score_is_the_score(case: CaseVersion) -> None:
    assert score_of(case) == pytest.approx(completeness(case).score, rel=1e-12)
