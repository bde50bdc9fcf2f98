"""What a label lists and what a product is given for, from a user's files."""

import shutil
from datetime import date, timedelta
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from strategies import DAY as DAY_OF_FINDING
from strategies import a_configuration
from triaged import TriagedEpochs, a_crossing, a_finding

from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import (
    Events,
    Group,
    KnownPair,
    ListedProduct,
    Products,
    Publicity,
    Weights,
)
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import WatchFinding
from surveillance.domain.signal import Signal
from surveillance.triage.facts import Judged, facts_of
from surveillance.triage.labels import UNKNOWN, Labels, PublicLines
from surveillance.triage.matters import Matters
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


LETTER = "a letter to doctors"
PUBLIC = a_configuration(
    products=Products(
        product=(
            ListedProduct(name="DRUG ONE", platform="F", programme="PR", constructs=("K1",)),
            ListedProduct(name="DRUG TWO", platform="F", constructs=("K2",)),
        )
    ),
    events=Events(group={"liver": Group(names=("Hepatic failure",))}),
    publicity=(
        Publicity(on=DAY, by="regulator", product="drug one", event="hepatic failure", what=LETTER),
        Publicity(on=DAY, by="media", product="OTHER", what="a film about all of it"),
    ),
)


@pytest.mark.parametrize(
    ("product", "event", "is_public"),
    [
        ("product:DRUG ONE", "pt:Hepatic failure", 1.0),
        ("lot:DRUG ONE/A1", "group:liver", 1.0),
        ("construct:K1", "group:liver", 1.0),
        ("programme:PR", "group:liver", 1.0),
        ("platform:F", "group:liver", 1.0),
        ("product:DRUG TWO", "group:liver", 0.0),  # another product of the platform
        ("construct:K2", "group:liver", 0.0),
        ("product:DRUG ONE", "pt:Rash", 0.0),
        ("product:OTHER", "pt:Rash", 1.0),  # whatever the event
        ("product:THIRD", "pt:Rash", 0.0),
    ],
)
def test_what_was_made_public_is_about_a_product_and_what_it_consists_of_and_belongs_to(
    product: str, event: str, is_public: float
) -> None:
    labels = Labels(PUBLIC)

    assert labels.of(product, event, DAY).is_publicised == is_public
    assert labels.of(product, event, DAY - timedelta(days=1)).is_publicised == 0.0
    lines = PublicLines(PUBLIC, Matters(PUBLIC))
    assert (lines.latest(product, event, DAY) is not None) is bool(is_public)


def test_without_a_file_of_publicity_it_is_unknown_and_no_priority_moves() -> None:
    assert isnan(LABELS.of("product:OTHER", "pt:Rash", DAY).is_publicised)

    silent = Publicity(on=date.max, by="media", product="X", what="later than any day")
    without, with_a_file = (
        TriagedEpochs(a_configuration(publicity=lines)).signal(a_finding())
        for lines in ((), (silent,))
    )

    assert without.priority == with_a_file.priority
    assert stimulated(without) is None
    assert stimulated(with_a_file) == 0.0


def stimulated(signal: Signal) -> float | None:
    return next(part.value for part in signal.parts if part.name == "stimulated")


def test_as_much_is_taken_off_as_cases_came_lately() -> None:
    line = Publicity(on=DAY_OF_FINDING, by="media", product="P", what="a film about it")
    configuration = a_configuration(publicity=(line,))

    def found(n_before: int) -> Signal:
        return TriagedEpochs(configuration).signal(a_finding(n_pair=4, n_pair_before=n_before))

    quiet = TriagedEpochs(a_configuration()).signal(a_finding(n_pair=4, n_pair_before=1))

    assert [stimulated(found(n)) for n in (0, 1, 4)] == [1.0, 0.75, 0.0]
    assert found(1).priority < quiet.priority
    assert (
        found(4).priority
        == TriagedEpochs(a_configuration()).signal(a_finding(n_pair=4, n_pair_before=4)).priority
    )


def test_a_look_at_patients_is_not_stimulated_by_what_is_read() -> None:
    flags = Labels(PUBLIC).of("product:OTHER", "pt:Rash", DAY)

    found = parts(facts_of([Judged(a_crossing(), is_watched=False, flags=flags)]))

    assert np.isnan(found["stimulated"].value).all()
