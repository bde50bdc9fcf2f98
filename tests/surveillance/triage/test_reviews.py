"""One request for review a matter and ground, asked and answered at whatever level."""

from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from strategies import DAY, LAW, a_configuration, a_decision, rows
from triaged import RULE, TriagedEpochs, a_crossing, a_finding, kinds

from surveillance.configuration.law import Ground, Law
from surveillance.configuration.reader import read_default
from surveillance.configuration.types import ListedProduct, Products, ReviewRule, Triage
from surveillance.domain.decision import Decision
from surveillance.domain.signal import DecisionPassedOver, Signal
from surveillance.log.topics import REVIEWS, SignalsRow
from surveillance.triage.triage import signal_id

PLATFORM = ListedProduct(name="P", platform="PF", programme="PG")
BALANCE = ReviewRule(name="many", min_cases=4, ground="eu_balance")
AT_LEVELS = ("product:P", "programme:PG", "platform:PF")


def epochs(*rules: ReviewRule, **changes: Any) -> TriagedEpochs:  # noqa: ANN401 - of a configuration
    triage = Triage(alert_priority=1, review=rules)
    products = Products(product=(PLATFORM,))
    return TriagedEpochs(a_configuration(triage=triage, products=products, **changes))


def signals(found: list[Any]) -> dict[str, Signal]:
    read = rows(found, SignalsRow)
    return {one.product: one for one in read if isinstance(one, Signal)}


def answer(product: str, **changes: Any) -> Decision:  # noqa: ANN401 - its fields
    values = {"signal_id": signal_id(product, "pt:Rash", "safety"), "action": "reject_review"}
    return a_decision(**(values | changes))


def deaths(*products: str, **changes: Any) -> list[Any]:  # noqa: ANN401 - fields of findings
    return [a_finding(product=product, n_fatal=1, **changes) for product in products]


def test_one_event_at_many_levels_opens_one_request_that_all_its_signals_carry() -> None:
    desk = epochs(RULE)

    first = desk.close(*deaths(*AT_LEVELS))
    later = desk.close(*deaths("lot:P/1"))

    assert [topic for topic, _ in kinds(first)].count(REVIEWS) == 1
    assert REVIEWS not in [topic for topic, _ in kinds(later)]
    carried = [one.reviews for one in (signals(first.rows) | signals(later.rows)).values()]
    assert len(carried) == 4
    assert len(set(carried)) == 1
    ((review,),) = set(carried)
    assert (review.product, review.event, review.ground) == (
        "platform:PF", "pt:Rash", "eu_harmful",
    )  # fmt: skip


def test_a_signal_that_did_not_move_is_emitted_again_when_its_matter_is_asked_about() -> None:
    desk = epochs(RULE)
    desk.close(a_finding(product="platform:PF"))

    found = signals(desk.close(*deaths("product:P")).rows)

    assert [review.ground for review in found["platform:PF"].reviews] == ["eu_harmful"]
    assert found["platform:PF"].epoch == desk.epoch


def test_two_rules_on_one_ground_ask_once_and_two_grounds_are_two_requests() -> None:
    twin = ReviewRule(name="twin", min_cases=1, ground=RULE.ground)

    found = epochs(RULE, twin, BALANCE).close(*deaths(*AT_LEVELS))

    assert [code for topic, code in kinds(found) if topic == REVIEWS] == ["fatal", "many"]


def test_an_answer_at_one_level_answers_the_matter() -> None:
    desk = epochs(RULE)
    desk.close(*deaths(*AT_LEVELS))

    found = signals(desk.close(answer("programme:PG")).rows)

    answers = {one.product: [review.answer for review in one.reviews] for one in found.values()}
    assert answers == {key: ["not_upheld"] for key in AT_LEVELS}
    assert {one.status for one in found.values()} == {"detected"}


def test_an_answer_names_the_ground_where_two_requests_wait() -> None:
    desk = epochs(RULE, BALANCE)
    desk.close(*deaths("product:P"))

    unnamed, unknown = (
        desk.passed_over(answer("product:P", decision_id=f"D-{ground}", ground=ground)).reason
        for ground in (None, "eu_lacks_efficacy")
    )
    named = signals(desk.close(answer("product:P", ground="eu_balance")).rows)["product:P"]

    assert unnamed.endswith("must name the ground: requests are open on eu_harmful, eu_balance")
    assert "no request for review is open on the ground eu_lacks_efficacy" in unknown
    assert [review.answer for review in named.reviews] == [None, "not_upheld"]


def test_two_answers_in_one_epoch_are_one_answer_and_one_that_is_passed_over() -> None:
    desk = epochs(RULE)
    desk.close(*deaths(*AT_LEVELS))

    found = desk.close(
        answer("product:P"), answer("platform:PF", decision_id="D-2", action="uphold_review")
    )

    passed = [one for one in rows(found.rows, SignalsRow) if isinstance(one, DecisionPassedOver)]
    assert [one.decision_id for one in passed] == ["D-2"]
    assert {one.reviews[0].answer for one in signals(found.rows).values()} == {"not_upheld"}


def test_safety_and_effectiveness_of_one_event_are_asked_about_apart() -> None:
    lost = ReviewRule(name="lost", families=("effectiveness",), ground="eu_lacks_efficacy")
    desk = epochs(RULE, lost)

    found = desk.close(*deaths("product:P"), a_crossing(product="product:P", event="pt:Rash"))

    assert [code for topic, code in kinds(found) if topic == REVIEWS] == ["fatal", "lost"]


@pytest.mark.parametrize(("days_before", "n_opened"), [(1, 1), (0, 1), (-1, 0)])
def test_no_request_is_opened_before_its_ground_applies(days_before: int, n_opened: int) -> None:
    day = date.fromordinal(DAY.toordinal() - days_before)
    grounds = tuple(
        replace(one, applies_from=day) if one.code == RULE.ground else one for one in LAW.ground
    )

    found = epochs(RULE, law=replace(LAW, ground=grounds)).close(*deaths("product:P"))

    assert [topic for topic, _ in kinds(found)].count(REVIEWS) == n_opened


def test_a_request_quotes_the_ground_and_recommends_nothing() -> None:
    found = epochs(RULE).close(*deaths("product:P"))

    request = msgspec.json.decode(found.facts[0].value)["data"]
    ground = next(one for one in LAW.ground if one.code == "eu_harmful")
    assert isinstance(ground, Ground)
    assert (request["citation"], request["asks"]) == (ground.citation, ground.asks)
    text = found.facts[0].value.decode().lower()
    assert not [word for word in ("recommend", "caused", "must withdraw") if word in text]


def test_every_ground_is_a_question_with_its_source_and_day() -> None:
    law: Law = read_default("law")

    assert all(one.asks.endswith("?") for one in law.ground)
    assert {one.jurisdiction for one in law.ground} == {"US", "EU"}
    ladder = [one.code for one in law.action]
    assert (ladder[0], *ladder[-2:]) == ("no_action", "suspension", "revocation")
