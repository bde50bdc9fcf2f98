"""Counts are what a recount of the contributions says, pair by pair."""

import tracemalloc
from collections import Counter
from itertools import product
from typing import Any, NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import contributions

from surveillance.domain.contribution import FATAL, SERIOUS, Contribution
from surveillance.screening.counts import Counts

Pair = tuple[str, str]


class Batch(NamedTuple):
    """Contributions of one epoch: some asserted, some of those standing retracted."""

    asserted: list[Contribution]
    retracted: list[int]


batches = st.lists(
    st.builds(
        Batch,
        st.lists(contributions, max_size=6),
        st.lists(st.integers(0, 20), max_size=4),
    ),
    max_size=6,
)


class Recount:
    """The same by plain dictionaries over the contributions that stand."""

    def __init__(self, standing: list[Contribution]) -> None:
        self.n_total = len(standing)
        self.n_product = Counter(key for row in standing for key, _ in row.products)
        self.n_event = Counter(key for row in standing for key, *_ in row.events)
        self.n_pair: Counter[Pair] = Counter()
        self.n_serious: Counter[Pair] = Counter()
        self.n_fatal: Counter[Pair] = Counter()
        self.days: dict[Pair, list[int]] = {}
        self.features: dict[Pair, tuple[set[str], set[str], set[str]]] = {}
        for row in standing:
            for (p, start), (e, flags, onset) in product(row.products, row.events):
                self.n_pair[p, e] += 1
                self.n_serious[p, e] += bool(flags & SERIOUS)
                self.n_fatal[p, e] += bool(flags & FATAL)
                if start is not None and onset is not None and onset >= start:
                    self.days.setdefault((p, e), []).append(onset - start)
                kept = self.features.setdefault((p, e), (set(), set(), set()))
                kept[0].add(row.country)
                kept[1].add(row.reporter)
                kept[2].update(k[10:] for k, _ in row.products if k.startswith("construct:"))


def replay(drawn: list[Batch], *, is_stored: bool = False) -> tuple[Counts, list[Contribution]]:
    counts, standing = Counts(), list[Contribution]()
    for batch in drawn:
        for row in batch.asserted:
            counts.add(row)
            standing.append(row)
        for place in batch.retracted:
            if standing:
                row = standing.pop(place % len(standing))
                counts.add(msgspec.structs.replace(row, weight=-1))
        counts.settle()
        if is_stored:
            counts = Counts.load(counts.dump())
    return counts, standing


def all_pairs(counts: Counts) -> dict[Pair, int]:
    pairs = zip(counts.pair_product.values, counts.pair_event.values, strict=True)
    return {
        (counts.products.names[p], counts.events.names[e]): place
        for place, (p, e) in enumerate(pairs)
    }


@given(batches)
@settings(max_examples=150)
def test_counts_equal_a_recount_of_what_stands(drawn: list[Batch]) -> None:
    counts, standing = replay(drawn)
    should = Recount(standing)

    places = all_pairs(counts)

    assert should.n_pair.keys() <= places.keys()
    assert counts.n_total == should.n_total
    for (p, e), place in places.items():
        assert counts.place(p, e) == place
        n_pair, n_product, n_event, n_total = counts.cells(np.array([place]))
        assert (n_pair[0], n_product[0], n_event[0], n_total) == (
            should.n_pair[p, e],
            should.n_product[p],
            should.n_event[e],
            should.n_total,
        )
        assert counts.n_serious.values[place] == should.n_serious[p, e]
        assert counts.n_fatal.values[place] == should.n_fatal[p, e]
        assert 0 <= n_pair[0] <= min(n_product[0], n_event[0]) <= n_total  # I3


@given(batches)
@settings(max_examples=150)
def test_what_is_known_of_a_pair_is_what_its_standing_cases_say(drawn: list[Batch]) -> None:
    counts, standing = replay(drawn)
    should = Recount(standing)
    places = all_pairs(counts)

    about = counts.about(np.array(list(places.values()), np.int64))

    for pair, place in places.items():
        features = about[place]
        kept = should.features.get(pair, (set(), set(), set()))
        found = features.countries, features.reporters, features.constructs
        assert tuple(map(set, found)) == kept
        assert [len(set(one)) for one in found] == [len(one) for one in found]
        assert features.onset_days_min == min(should.days.get(pair, []), default=None)


@given(batches)
def test_counts_that_were_stored_and_restored_go_on_as_if_they_had_not(drawn: list[Batch]) -> None:
    assert replay(drawn)[0].dump() == replay(drawn, is_stored=True)[0].dump()


@given(batches)
def test_settling_names_the_pairs_that_moved(drawn: list[Batch]) -> None:
    counts = Counts()
    for batch in drawn:
        for row in batch.asserted:
            counts.add(row)
        moved = set(counts.settle().tolist())
        named = {
            counts.place(p, e)
            for row in batch.asserted
            for (p, _), (e, *_) in product(row.products, row.events)
        }
        assert moved == named


def test_a_pair_that_nobody_named_has_no_place() -> None:
    counts = Counts()
    counts.add(_row([("product:P", None)], [("pt:Rash", 0, None)]))
    counts.add(_row([("product:Q", None)], [("pt:Fever", 0, None)]))
    counts.settle()

    assert counts.place("product:P", "pt:Fever") is None
    assert counts.place("product:none", "pt:Fever") is None


def test_a_case_without_products_or_events_belongs_to_the_total_and_its_margin() -> None:
    counts = Counts()
    counts.add(_row([], [("pt:Rash", 0, None)]))
    counts.add(_row([("construct:K", None)], []))
    counts.settle()

    assert (counts.n_total, len(counts)) == (2, 0)
    assert counts.n_product.values.tolist() == counts.n_event.values.tolist() == [1]


def test_an_onset_before_the_first_dose_is_no_interval() -> None:
    counts = Counts()
    counts.add(_row([("product:P", 10)], [("pt:Rash", 0, 9)]))
    counts.settle()
    assert counts.about(np.array([0]))[0].onset_days_min is None

    counts.add(_row([("product:P", 10)], [("pt:Rash", 0, 10)]))
    counts.settle()
    assert counts.about(np.array([0]))[0].onset_days_min == 0


def _row(products: list[Any], events: list[Any]) -> Contribution:
    return Contribution(1, "", "unknown", products, events)


def test_a_pair_takes_little_room() -> None:
    counts, n_products, n_rows = Counts(), 40, 1_500
    tracemalloc.start()
    try:
        for row in range(n_rows):
            named = [(f"product:{(row * 7 + k) % 400}", None) for k in range(n_products)]
            counts.add(_row(named, [(f"pt:{row % 300}", 0, None)]))
            if row % 50 == 0:
                counts.settle()
        counts.settle()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(counts) > 20_000
    assert (
        held / len(counts) < 120
    )  # bytes: counts, features, the index of places, and room to grow
