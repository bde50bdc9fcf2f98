"""Which rows make which notice, without a network, and in which words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from noticing import (
    BREACHED,
    CLOCK,
    CONFIGURATION,
    DETECTED,
    MOVED,
    REASON,
    WARNED,
    a_log,
    a_webhook,
    every_notice,
)
from register_rows import SIGNAL_ID, a_review, a_signal
from strategies import DAY

from surveillance.domain.signal import Signal
from surveillance.log.messages import Fact
from surveillance.log.topics import ALERTS, REVIEWS
from surveillance.notices.changes import KINDS, Bands, Change, changes_of, outline
from surveillance.notices.deriving import SignalEpochs
from surveillance.notices.receivers import Wanting
from surveillance.notices.wording import a_test, notice_of


def kinds(before: Signal | None, now: Signal) -> list[str]:
    old = None if before is None else outline(before)
    return [change.kind for change in changes_of(old, now, 0.5)]


@pytest.mark.parametrize(
    ("before", "changes", "found"),
    [
        (None, {}, []),
        (None, {"priority": 0.5}, ["detected"]),
        (None, {"is_sentinel": True}, ["sentinel"]),
        (DETECTED, {"priority": 0.5}, ["raised"]),
        (DETECTED, {"n": 4}, []),
        (replace(DETECTED, is_sentinel=True), {"is_sentinel": True, "n": 4}, ["sentinel"]),
        (DETECTED, {"status": "under_validation", "history": (MOVED,)}, ["moved"]),
        (DETECTED, {"reviews": (a_review(),)}, ["review_requested"]),
        (DETECTED, {"reviews": (a_review(signal_id="S-of-another"),)}, []),
        (replace(DETECTED, reviews=(a_review(),)), {"reviews": (a_review(answer="upheld"),)}, []),
        (None, {"is_sentinel": True, "reviews": (a_review(),)}, ["sentinel", "review_requested"]),
        (replace(DETECTED, clocks=(CLOCK,)), {"clocks": (WARNED,)}, ["clock_warning"]),
        (replace(DETECTED, clocks=(WARNED,)), {"clocks": (WARNED,)}, []),
        (replace(DETECTED, clocks=(WARNED,)), {"clocks": (BREACHED,)}, ["clock_breached"]),
        (replace(DETECTED, clocks=(CLOCK,)), {"clocks": (BREACHED,)}, ["clock_breached"]),
        (
            replace(DETECTED, clocks=(BREACHED,)),
            {"clocks": (replace(BREACHED, started_on=DAY + timedelta(days=99)),)},
            ["clock_breached"],
        ),
        (
            replace(DETECTED, is_open=False, n=5, history=(replace(MOVED, n=3),)),
            {"is_open": False, "n": 6, "history": (replace(MOVED, n=3),)},
            ["new_evidence"],
        ),
    ],
)
def test_a_change_of_a_signal_makes_the_notices_of_its_kinds(
    before: Signal | None,
    changes: dict[str, Any],
    found: list[str],
) -> None:
    assert kinds(before, replace(DETECTED, **changes)) == found


@pytest.mark.parametrize(
    ("before", "priority", "found"),
    [
        (None, 0.1, "new_matter"),
        ("P4", 0.1, None),
        ("P4", 0.5, "band_raised"),
        ("P1", 0.5, "band_lowered"),
        ("of another configuration", 0.5, None),
    ],
)
def test_a_matter_makes_a_notice_when_it_is_new_or_its_band_is_another(
    before: str | None, priority: float, found: str | None
) -> None:
    change = Bands(CONFIGURATION).change([a_signal(priority=priority)], before, 7)

    assert (change and change.kind) == found


def test_the_topic_of_the_signals_makes_the_notices_that_the_outward_topics_have_facts_of() -> None:
    log, epochs = a_log(), SignalEpochs(-1)
    known: dict[str, Any] = {}
    derived: list[tuple[int, str]] = []
    for offset, message in enumerate(log.messages):
        whole = epochs.take(offset, message)
        for now in whole.signals if whole else []:
            limit = CONFIGURATION.triage.alert_priority
            derived += [
                (now.epoch, one.kind) for one in changes_of(known.get(now.signal_id), now, limit)
            ]
            known[now.signal_id] = outline(now)

    assert derived == [
        (epoch, kind)
        for epoch, output in log.outputs.items()
        for fact in output.facts
        if (kind := _kind(fact)) is not None
    ]
    assert {kind for _, kind in derived} >= {"moved", "clock_warning", "clock_breached"}


def _kind(fact: Fact) -> str | None:
    if fact.topic == REVIEWS:
        return "review_requested"
    kind = fact.code.partition(":")[0]
    return None if fact.topic != ALERTS or kind == "review_opened" else kind


@pytest.mark.parametrize(
    ("wants", "is_sent"),
    [
        ({}, True),
        ({"kinds": ("moved",)}, False),
        ({"kinds": ("moved", "detected")}, True),
        ({"bands": ("P1", "P3")}, True),
        ({"bands": ("P1",)}, False),
        ({"products": ("p",)}, True),
        ({"products": ("product:P",)}, True),
        ({"products": ("Q",)}, False),
    ],
)
def test_a_receiver_gets_the_kinds_bands_and_products_that_it_wants(
    wants: dict[str, Any],
    *,
    is_sent: bool,
) -> None:
    wanting = Wanting({"desk": a_webhook(**wants)}, CONFIGURATION)

    assert bool(wanting.of(Change("detected", 7, DETECTED), "P3")) is is_sent


def test_no_notice_advises_or_names_a_cause_or_a_person_or_gives_an_internal_reason() -> None:
    for notice in (*every_notice(), a_test("n", "here")):
        words = repr(notice)

        assert not re.search(
            r"recommend|caus(e|ed|al)\b|due to|should|must|urge|a\.person", words, re.IGNORECASE
        )
        assert REASON not in words


def test_an_internal_reason_goes_to_a_receiver_that_asked_for_it() -> None:
    moved = every_notice(internal_reasons=True)[KINDS.index("moved")]

    assert REASON in moved.text
    assert moved.step is not None
    assert (moved.step.reason, moved.step.decided_by) == (REASON, None)


def test_a_decision_that_nobody_signed_is_stated_as_unsigned() -> None:
    moved = every_notice()[KINDS.index("moved")]

    assert "start_validation on 1999-02-12, unsigned" in moved.text.replace(str(DAY), "1999-02-12")


def test_every_line_of_a_notice_stays_one_line_whatever_a_name_holds() -> None:
    hostile = replace(DETECTED, product="product:P\r\nBcc: x@y.z\u2028\u202eQ\x1b[31m")
    change = Change("detected", 7, hostile)

    notice = notice_of(
        change, name="n", deployment="here", band="P1", law=CONFIGURATION.law,
        internal_reasons=False,
    )  # fmt: skip

    assert notice.title.isprintable()
    assert "Product: product:P Bcc: x@y.z Q[31m" in notice.text.split("\n")


def test_a_change_has_one_id_and_no_other_change_has_it() -> None:
    later = replace(DETECTED, epoch=8)
    changes = [
        Change("detected", 7, DETECTED), Change("raised", 7, DETECTED),
        Change("detected", 8, later), Change("clock_breached", 7, DETECTED, "a"),
        Change("clock_breached", 7, DETECTED, "b"), Change("new_matter", 7, DETECTED),
    ]  # fmt: skip

    assert len({one.event_id("here") for one in changes}) == len(changes)
    assert changes[0].event_id("here") != changes[0].event_id("there")
    assert changes[0].signal.signal_id == SIGNAL_ID
