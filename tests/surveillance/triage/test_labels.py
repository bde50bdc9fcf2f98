"""What a label lists and what a product is given for, from a user's files."""

import shutil
from datetime import date
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from strategies import a_configuration
from triaged import a_crossing, a_finding

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import (
    Events,
    Group,
    KnownPair,
    ListedProduct,
    Products,
    Weights,
)
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import WatchFinding
from surveillance.triage.facts import Judged, facts_of
from surveillance.triage.labels import UNKNOWN, Labels
from surveillance.triage.priority import parts, scores

DAY = date(2024, 6, 1)
LABELS = Labels(
    a_configuration(
        products=Products(product=(ListedProduct(name="DRUG ONE", platform="F"),)),
        events=Events(group={"liver": Group(names=("Hepatic failure",))}),
        labels=(
            KnownPair(product="platform:F", event="group:liver"),
            KnownPair(product="other", event="rash", since=DAY),
        ),
        indications=(KnownPair(product="OTHER", event="Migraine"),),
    )
)


@pytest.mark.parametrize(
    ("product", "event", "on", "is_listed"),
    [
        ("platform:F", "group:liver", DAY, 1.0),
        ("product:DRUG ONE", "pt:Hepatic failure", DAY, 1.0),  # at every level of the matter
        ("product:DRUG ONE", "pt:Rash", DAY, 0.0),
        ("product:OTHER", "pt:Rash", DAY, 1.0),
        ("product:OTHER", "pt:Rash", date(2024, 5, 31), 0.0),  # before it was written in
        ("product:THIRD", "pt:Rash", DAY, nan),  # no label is known
    ],
)
def test_a_label_holds_from_its_day_on_for_every_level_of_a_product(
    product: str, event: str, on: date, is_listed: float
) -> None:
    found = LABELS.of(product, event, on).is_listed

    assert found == is_listed or (isnan(found) and isnan(is_listed))


def test_an_indication_is_known_for_products_that_have_one() -> None:
    assert LABELS.of("product:OTHER", "pt:Migraine", DAY).is_indication == 1.0
    assert LABELS.of("product:OTHER", "pt:Rash", DAY).is_indication == 0.0
    assert isnan(LABELS.of("platform:F", "pt:Migraine", DAY).is_indication)


def test_without_files_nothing_is_known_and_facts_stay_as_they_are() -> None:
    nothing = Labels(a_configuration())
    facts = facts_of([Judged(a_finding(), is_watched=False)])

    assert nothing.of("product:OTHER", "pt:Rash", DAY) is UNKNOWN
    assert nothing.added(facts, [("product:OTHER", "pt:Rash")], DAY) is facts


def test_arrays_are_given_what_single_pairs_are() -> None:
    facts = facts_of([Judged(a_finding(), is_watched=False)] * 2)
    pairs = [("product:OTHER", "pt:Rash"), ("product:THIRD", "pt:Rash")]

    added = LABELS.added(facts, pairs, DAY)

    np.testing.assert_array_equal(added.is_listed, [1.0, nan])
    np.testing.assert_array_equal(added.is_indication, [0.0, nan])


def test_what_the_label_lists_and_what_is_treated_rank_below_what_is_neither() -> None:
    def priority(product: str, event: str) -> float:
        flags = LABELS.of(product, event, DAY)
        found = parts(facts_of([Judged(a_finding(), is_watched=False, flags=flags)]))
        return float(scores(found, Weights())[0])

    unlisted = priority("product:OTHER", "pt:Pyrexia")

    assert priority("product:OTHER", "pt:Rash") < unlisted
    assert priority("product:OTHER", "pt:Migraine") < unlisted


def strength(one: WatchFinding) -> float:
    return float(parts(facts_of([Judged(one, is_watched=False)]))["strength"].value[0])


@pytest.mark.parametrize(("chance", "value"), [(1e-4, 1.0), (1e-2, 0.5), (1.0, 0.0), (1e-9, 1.0)])
def test_an_event_shown_from_the_first_is_as_strong_as_it_is_improbable_without_the_therapy(
    chance: float, value: float
) -> None:
    shown = a_crossing(scale="count", statistic=2.0, boundary=1.0, background_probability=chance)

    assert strength(shown) == value


def test_missed_visits_have_neither_strength_nor_size() -> None:
    missed = a_crossing(
        scale="count", family="compliance", statistic=18.0, boundary=1.0, expected=0.0
    )
    found = parts(facts_of([Judged(missed, is_watched=False)]))

    assert isnan(found["strength"].value[0])
    assert isnan(found["size"].value[0])
    assert isnan(found["impact"].value[0])


@pytest.mark.parametrize(
    ("name", "content", "place", "reason"),
    [
        ("labels.csv", "product,event\nA,Rash\n", "labels.csv", "has no header"),
        ("labels.csv", "product,event,since\nA,Rash\n", "labels.csv:2", "has 2 fields"),
        ("labels.csv", "product,event,since\nA,Rash,1999\n", "labels.csv:2", "since"),
        ("labels.csv", "product,event,since\nA,,\n", "labels.csv:2", "event"),
        ("indications.csv", "product,event\n\xff", "indications.csv", "is not CSV in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str, place: str, reason: str
) -> None:
    directory = tmp_path / "configuration"
    shutil.copytree(SHIPPED / "vaers", directory)
    (directory / name).write_bytes(content.encode("latin-1"))

    with pytest.raises(Misconfigured) as raised:
        read_configuration(directory)

    assert str(raised.value).startswith(str(directory / place))
    assert reason in str(raised.value)


def test_a_label_is_part_of_the_hash_and_blank_lines_are_none(tmp_path: Path) -> None:
    directory = tmp_path / "configuration"
    shutil.copytree(SHIPPED / "vaers", directory)
    before = read_configuration(directory)
    (directory / "labels.csv").write_text("product,event,since\n\n,,\nA,Rash,2020-01-31\n", "utf-8")

    found = read_configuration(directory)

    assert found.labels == (KnownPair(product="A", event="Rash", since=date(2020, 1, 31)),)
    assert found.digest != before.digest
