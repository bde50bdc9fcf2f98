"""The number of cases in a listing is the count of the finding, and each line says what it is."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from strategies import AT, DAY, a_case, a_configuration, encode

from surveillance.configuration.types import Topics
from surveillance.domain.case import CaseVersion, Dose, Event, Product, Seriousness
from surveillance.domain.errors import Misused
from surveillance.domain.finding import Finding
from surveillance.register import CaseIndex, Register
from surveillance.register.chosen_rows import Chosen
from surveillance.register.reader import RegisterReader
from surveillance.screening.keys import Naming
from surveillance.views.case_history import FieldChange, case_history, differences
from surveillance.views.line_listing import LineListing, Pair, line_listing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = a_configuration(topics=Topics(cases=1))
PAIR = Pair("product:P", "pt:Rash", Naming(CONFIGURATION))
GONE = "a later version no longer names this product with this event"
FULL = a_case(
    country="DE",
    reporter="physician",
    products=(
        Product(
            role="suspect",
            product="P",
            doses=(
                Dose(start_on=DAY - timedelta(days=9), lot="L1", dose_number=1),
                Dose(start_on=DAY - timedelta(days=2), lot="L2", dose_number=2),
            ),
        ),
        Product(role="concomitant", product="Q"),
    ),
    events=(
        Event(
            pt="Rash",
            onset_on=DAY - timedelta(days=4),
            outcome="recovered",
            seriousness=Seriousness(hospitalisation=True),
        ),
        Event(pt="Death", outcome="fatal"),
    ),
)


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegisterReader]:
    """Return a register of these epochs, a day each."""
    epochs: list[list[CaseVersion]] = request.param
    url = f"sqlite:///{tmp_path / 'register.db'}"
    with Register(url, CaseIndex(CONFIGURATION)) as register:
        assert register.cases is not None
        for epoch, versions in enumerate(epochs):
            at = AT + epoch * 86_400
            register.take_epoch(epoch, at)
            for line, version in enumerate(versions):
                register.cases.take(0, epoch * 100 + line, encode(version), epoch, at)
            register.cases.close(epoch)
    found = RegisterReader(url)
    yield found
    found.close()


def listing(reader: RegisterReader, day: int) -> LineListing:
    return line_listing(reader.cases, PAIR, DAY + timedelta(days=day))


def reasons(found: LineListing) -> dict[str, str | None]:
    return {one.case_id: one.reason for one in found.not_counted}


HISTORY = [
    [a_case(), a_case("B"), a_case("C")],
    [a_case(version=2, kind="nullification"), a_case("B", version=2, duplicate_of="C")],
    [a_case("C", version=2, kind="follow_up", events=(Event(pt="Fever"),))],
    [a_case(version=3, kind="reinstatement")],
]


@pytest.mark.parametrize("reader", [HISTORY], indirect=True)
def test_what_stopped_counting_stays_on_the_listing_with_its_reason(reader: RegisterReader) -> None:
    found = [listing(reader, day) for day in range(4)]

    assert [[one.case_id for one in day.cases] for day in found] == [
        ["A", "B", "C"], ["C"], [], ["A"],
    ]  # fmt: skip
    assert [day.n_cases for day in found] == [3, 1, 0, 1]
    assert reasons(found[0]) == {}
    assert reasons(found[1]) == {"A": "nullified", "B": "duplicate of C"}
    assert reasons(found[2]) == {"A": "nullified", "B": "duplicate of C", "C": GONE}
    assert reasons(found[3]) == {"B": "duplicate of C", "C": GONE}
    assert [one.duplicates for one in found[1].cases] == [("B",)]


@pytest.mark.parametrize("reader", [HISTORY], indirect=True)
def test_before_the_first_day_nothing_is_listed(reader: RegisterReader) -> None:
    found = listing(reader, -1)
    assert (found.as_of, found.n_cases, found.cases, found.not_counted) == (None, 0, [], [])


@pytest.mark.parametrize("reader", [[[FULL]]], indirect=True)
def test_a_line_holds_what_a_reviewer_expects(reader: RegisterReader) -> None:
    (one,) = listing(reader, 0).cases

    assert (one.case_id, one.version, one.received_on, one.country, one.reporter) == (
        "A", 1, DAY, "DE", "physician",
    )  # fmt: skip
    assert [item.is_counted for item in one.products] == [True, False]
    assert one.products[0].lots == ("L1", "L2")
    assert [dose.dose_number for dose in one.products[0].doses] == [1, 2]
    assert [item.is_counted for item in one.events] == [True, False]
    assert one.events[0].seriousness == ("hospitalisation",)
    assert one.onset_days == 5
    assert (one.is_serious, one.is_fatal) == (True, False)  # the death is not of this pair


@pytest.mark.parametrize("reader", [[[FULL]]], indirect=True)
def test_without_a_configuration_the_listing_does_not_guess(reader: RegisterReader) -> None:
    (one,) = line_listing(reader.cases, Pair("product:P", "pt:Rash")).cases

    assert [item.is_counted for item in one.products] == [None, False]
    assert one.onset_days is None


@pytest.mark.parametrize("reader", [HISTORY], indirect=True)
def test_a_history_shows_what_stood_when_and_what_changed(reader: RegisterReader) -> None:
    found = case_history(reader.cases, "C")
    first, second = found.versions

    assert (first.standing, first.stood_from, first.stood_until) == (
        "stood", DAY, DAY + timedelta(days=2),
    )  # fmt: skip
    assert (second.standing, second.compared_with) == ("stands", 1)
    assert second.changes == [
        FieldChange("events[Rash].pt", "Rash", None),
        FieldChange("events[Fever].pt", None, "Fever"),
    ]
    assert found.duplicates == ("B",)


@pytest.mark.parametrize("reader", [HISTORY], indirect=True)
def test_a_history_as_of_a_day_knows_nothing_later(reader: RegisterReader) -> None:
    found = case_history(reader.cases, "C", DAY + timedelta(days=1))

    assert [(one.version, one.standing, one.stood_until) for one in found.versions] == [
        (1, "stands", None)
    ]


@pytest.mark.parametrize("reader", [HISTORY], indirect=True)
def test_a_case_that_never_came_is_refused(reader: RegisterReader) -> None:
    with pytest.raises(Misused, match="was not received"):
        case_history(reader.cases, "Z")
    with pytest.raises(Misused, match="by 2024-03-01"):
        case_history(reader.cases, "A", date(2024, 3, 1))


@pytest.mark.parametrize(
    "reader", [[[a_case(version=2)], [a_case(), a_case(version=2)]]], indirect=True
)
def test_a_late_and_a_repeated_version_are_shown(reader: RegisterReader) -> None:
    found = {one.version: one for one in case_history(reader.cases, "A").versions}

    assert (found[1].standing, found[1].compared_with) == ("superseded", 2)
    assert (found[2].standing, found[2].n_repeats) == ("stands", 1)


def test_an_event_put_in_between_is_one_change() -> None:
    terms = ("Fever", "Rash")
    before = a_case(events=tuple(Event(pt=pt) for pt in terms))
    after = a_case(version=2, events=tuple(Event(pt=pt) for pt in ("Death", *terms)))

    assert differences(before, after) == [FieldChange("events[Death].pt", None, "Death")]


def test_a_difference_holds_both_values() -> None:
    after = msgspec.structs.replace(FULL, country="FR")
    assert differences(FULL, after) == [FieldChange("country", "DE", "FR")]


def test_two_events_of_one_name_are_told_apart() -> None:
    days = (DAY, DAY - timedelta(days=1))
    before = a_case(events=tuple(Event(pt="Rash", onset_on=day) for day in days))
    after = a_case(events=(Event(pt="Rash", onset_on=DAY), Event(pt="Rash")))

    assert [change.field for change in differences(before, after)] == ["events[Rash (2)].onset_on"]


def test_the_number_of_cases_is_that_of_every_finding_of_a_run(run: Path) -> None:
    reader = RegisterReader(f"sqlite:///{run / 'register.db'}")
    findings = [one for one in reader.findings(Chosen()) if isinstance(one, Finding)]
    found = Counter(
        reader.cases.n_counted(one.product, one.event, one.epoch) == one.n_pair for one in findings
    )
    reader.close()

    assert found == {True: len(findings)}
    assert len(findings) > 10
