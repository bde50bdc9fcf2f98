"""Counts of products, events and pairs at case level, summed from contributions.

Names become numbers on first sight; contributions wait in flat lists until `settle`
multiplies products with events and adds everything up in arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from math import isnan
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from surveillance.domain.completeness import WELL_DOCUMENTED
from surveillance.domain.contribution import FATAL, FULL_SCORE, SERIOUS, Contribution
from surveillance.screening.keyed_sums import Ints, KeyedSums, add_up
from surveillance.screening.periods import begins

Whole = NDArray[np.signedinteger]
UNKNOWN_DAY = -1
_FEATURE_BITS = 24
_FEATURE_MASK = (1 << _FEATURE_BITS) - 1
_DAYS_BASE = 1 << 23  # features from here on are onset intervals, in days


class Names:
    """Distinct names, numbered in the order in which they were first seen."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self._numbers = {name: number for number, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, name: str) -> int:
        """Return the number of a name, a new one if it is new."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        return number

    def find(self, name: str) -> int | None:
        """Return the number of a name that was seen, else None."""
        return self._numbers.get(name)


class Growing:
    """An array of whole numbers that grows at its end.

    Parameters
    ----------
    values : ndarray of int64, optional
        Those to begin with.
    dtype : type, default: int64
        In which they are held: there are millions of pairs, and most counts are small.
    """

    def __init__(
        self, values: Ints | None = None, dtype: type[np.signedinteger] = np.int64
    ) -> None:
        self._values = np.zeros(0, dtype) if values is None else values.astype(dtype)
        self._n = len(self._values)

    @property
    def values(self) -> Whole:
        """The values so far, as a view."""
        return self._values[: self._n]

    def grow(self, n: int) -> None:
        """Append zeros until there are `n` values."""
        if n > len(self._values):
            wider = np.zeros(max(n, len(self._values) * 5 // 4, 1024), self._values.dtype)
            wider[: self._n] = self.values
            self._values = wider
        self._n = max(self._n, n)

    def dump(self) -> bytes:
        """Return the values as int64."""
        return self.values.astype(np.int64, copy=False).tobytes()


class _Waiting:
    """Contributions that came since the last `settle`, flat."""

    def __init__(self) -> None:
        self.weights: list[int] = []
        self.countries: list[int] = []
        self.reporters: list[int] = []
        self.scores: list[int] = []
        self.n_products: list[int] = []
        self.n_events: list[int] = []
        self.products: list[int] = []
        self.starts: list[int] = []
        self.events: list[int] = []
        self.flags: list[int] = []
        self.onsets: list[int] = []
        self.construct_rows: list[int] = []
        self.constructs: list[int] = []


class Features(msgspec.Struct):
    """What is known of a pair beyond its counts, for people and for ranking."""

    onset_days_min: int | None = None
    countries: list[str] = []
    reporters: list[str] = []
    constructs: list[str] = []
    n_before: int = 0  # cases at the beginning of the previous quarter
    completeness: float | None = None  # mean over the cases

    def of(self, kind: str) -> list[str]:
        """Return the list of a kind of feature."""
        if kind == "country":
            return self.countries
        return self.reporters if kind == "reporter" else self.constructs


class Past:
    """Counts of the pairs at the beginning of this quarter, and of the one before it.

    Cases that came since the latter are the recent ones: those of three to six months. Two
    copies of the counts are kept, and no history.
    """

    def __init__(self) -> None:
        self.today: date | None = None
        self._n_pair = [np.zeros(0, np.int32), np.zeros(0, np.int32)]  # the older one first
        self._n_total = [0, 0]

    @property
    def n_total(self) -> int:
        """Reports at the beginning of the previous quarter."""
        return self._n_total[0]

    def n_pair(self, places: Ints) -> Ints:
        """Return the counts of pairs at the beginning of the previous quarter."""
        counts = np.zeros(len(places), np.int64)
        known = places < len(self._n_pair[0])
        counts[known] = self._n_pair[0][places[known]]
        return counts

    def turn(self, today: date, n_pair: Whole, n_total: int) -> None:
        """Keep the counts where a quarter begins with this close."""
        if self.today is not None and begins("quarter", self.today, today):
            self._n_pair = [self._n_pair[1], n_pair.copy()]
            self._n_total = [self._n_total[1], n_total]
        self.today = today

    def dump(self) -> tuple[int, list[bytes], list[int]]:
        """Return everything, ready for msgpack."""
        day = 0 if self.today is None else self.today.toordinal()
        arrays = [array.astype(np.int64).tobytes() for array in self._n_pair]
        return day, arrays, self._n_total

    @classmethod
    def load(cls, data: tuple[int, list[bytes], list[int]]) -> Past:
        """Restore what `dump` returned."""
        past = cls()
        day, arrays, past._n_total = data
        past.today = date.fromordinal(day) if day else None
        past._n_pair = [np.frombuffer(array, np.int64).astype(np.int32) for array in arrays]
        return past


class Counts:
    """All counts, and what is needed to keep them."""

    def __init__(self) -> None:
        self.products, self.events, self.features = Names([]), Names([]), Names([])
        self.n_product, self.n_event = Growing(), Growing()
        self.n_total = 0
        self.pair_product, self.pair_event = _of_pairs(), _of_pairs()
        self.n_pair, self.n_serious, self.n_fatal = _of_pairs(), _of_pairs(), _of_pairs()
        self.n_timed = _of_pairs()  # cases with a known interval from first dose to onset
        self.score, self.n_documented = Growing(), _of_pairs()  # completeness: sum; above the limit
        self.n_total_serious, self.n_total_fatal = 0, 0
        self.product_first = Growing()  # day of the first report, as an ordinal; 0 unknown
        self.past = Past()
        self.tally = KeyedSums()
        self._n_pairs = 0
        self._index = KeyedSums()  # key of a pair → its place, from 1 on
        self._waiting = _Waiting()
        self._only: Ints | None = None  # keys of the pairs that are counted; None for all

    def __len__(self) -> int:
        return self._n_pairs

    @property
    def n_waiting(self) -> int:
        """How many contributions wait for `settle`."""
        return len(self._waiting.weights)

    def restrict(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Count only these pairs from here on, beside every margin and total.

        Parameters
        ----------
        pairs : iterable of tuple of str
            Keys of product and event.
        """
        product, event = self.products.number, self.events.number
        keys = [product(p) << 32 | event(e) for p, e in pairs]
        self._only = np.unique(np.array(keys, np.int64))

    def add(self, row: Contribution) -> None:
        """Hold one contribution until `settle`."""
        waiting = self._waiting
        number = self.products.number
        line = len(waiting.weights)
        waiting.weights.append(row.weight)
        waiting.countries.append(self.features.number(f"country:{row.country}"))
        waiting.reporters.append(self.features.number(f"reporter:{row.reporter}"))
        waiting.scores.append(row.completeness)
        waiting.n_products.append(len(row.products))
        waiting.n_events.append(len(row.events))
        for key, start in row.products:
            waiting.products.append(number(key))
            waiting.starts.append(UNKNOWN_DAY if start is None else start)
            if key.startswith("construct:"):
                waiting.construct_rows.append(line)
                waiting.constructs.append(self.features.number(key))
        number = self.events.number
        worst = 0
        for key, flags, onset in row.events:
            waiting.events.append(number(key))
            waiting.flags.append(flags)
            waiting.onsets.append(UNKNOWN_DAY if onset is None else onset)
            worst |= flags
        self.n_total_serious += row.weight * bool(worst & SERIOUS)
        self.n_total_fatal += row.weight * bool(worst & FATAL)

    def settle(self, today: date | None = None) -> Ints:
        """Add up what waits; return the places of the pairs that moved, ascending.

        Parameters
        ----------
        today : date, optional
            The day of the close: it dates the first report of a product, and the first close
            of a quarter keeps the counts as they were before it. Without it neither is known.
        """
        waiting, self._waiting = self._waiting, _Waiting()
        if today is not None:
            self.past.turn(today, self.n_pair.values, self.n_total)
        self.n_product.grow(len(self.products))
        self.product_first.grow(len(self.products))
        self.n_event.grow(len(self.events))
        if not waiting.weights:
            return np.zeros(0, np.int64)
        crossed = _Crossed(waiting)
        self.n_total += int(crossed.weights.sum())
        np.add.at(self.n_product.values, crossed.products, crossed.product_weights)
        np.add.at(self.n_event.values, crossed.events, crossed.event_weights)
        if today is not None:
            first = self.product_first.values
            first[(first == 0) & (self.n_product.values > 0)] = today.toordinal()
        keys = crossed.products[crossed.p] << 32 | crossed.events[crossed.e]
        if self._only is not None:
            keys = crossed.keep(np.isin(keys, self._only), keys)
        distinct, inverse = np.unique(keys, return_inverse=True)
        places = self._places(distinct)
        spot = places[inverse]
        weights = crossed.w.astype(np.int32)
        np.add.at(self.n_pair.values, spot, weights)
        for array, bit in ((self.n_serious, SERIOUS), (self.n_fatal, FATAL)):
            has = (crossed.flags[crossed.e] & bit) != 0
            np.add.at(array.values, spot[has], weights[has])
        scores = _ints(waiting.scores)[crossed.row]
        np.add.at(self.score.values, spot, crossed.w * scores)
        documented = scores > WELL_DOCUMENTED * FULL_SCORE
        np.add.at(self.n_documented.values, spot[documented], weights[documented])
        timed = crossed.is_timed
        np.add.at(self.n_timed.values, spot[timed], weights[timed])
        self.tally.add(*crossed.features(spot))
        return np.sort(places)

    def _places(self, keys: Ints) -> Ints:
        """Return the places of pairs, whose keys are distinct and ascend; new ones if new."""
        places = self._index.at(keys) - 1
        is_new = places < 0
        new = keys[is_new]
        if len(new):
            places[is_new] = self._n_pairs + np.arange(len(new))
            self._index.add(new, places[is_new] + 1)
            self._n_pairs += len(new)
            for array in (
                self.pair_product, self.pair_event, self.n_pair, self.n_serious, self.n_fatal,
                self.n_timed, self.score, self.n_documented,
            ):  # fmt: skip
                array.grow(self._n_pairs)
            self.pair_product.values[places] = keys >> 32
            self.pair_event.values[places] = keys & 0xFFFFFFFF
        return places

    def place(self, product: str, event: str) -> int | None:
        """Return the place of a pair, or None if no case ever named it."""
        p, e = self.products.find(product), self.events.find(event)
        if p is None or e is None:
            return None
        place = int(self._index.at(np.array([p << 32 | e], np.int64))[0]) - 1
        return None if place < 0 else place

    def cells(self, places: Ints | slice) -> tuple[Ints, Ints, Ints, int]:
        """Return n_pair, n_product, n_event and n_total of the pairs at `places`."""
        return (
            self.n_pair.values[places].astype(np.int64),  # what is computed with has room
            self.n_product.values[self.pair_product.values[places]],
            self.n_event.values[self.pair_event.values[places]],
            self.n_total,
        )

    def completeness(self, places: Ints) -> NDArray[np.float64]:
        """Return the mean completeness of the cases of pairs, in [0, 1]; NaN without a case."""
        n_pair = self.n_pair.values[places]
        mean = np.full(len(places), np.nan)
        np.divide(self.score.values[places], n_pair * FULL_SCORE, out=mean, where=n_pair > 0)
        return mean

    def n_later(self, place: int, days: int) -> int:
        """Return how many cases of a pair are known to begin so many days after a first dose."""
        low = np.array([(place << _FEATURE_BITS) + _DAYS_BASE + min(days, _DAYS_BASE - 1)])
        _, sums = self.tally.between(low, np.array([(place + 1) << _FEATURE_BITS]))
        return int(sums.sum())

    def first_report(self, place: int) -> date | None:
        """Return the day of the first report of the product of a pair, where it is known."""
        day = int(self.product_first.values[self.pair_product.values[place]])
        return date.fromordinal(day) if day else None

    def about(self, places: Ints) -> dict[int, Features]:
        """Return what is known of pairs beyond their counts, by place."""
        found = {place: Features() for place in places.tolist()}
        distinct = np.unique(places)
        before, scores = self.past.n_pair(distinct), self.completeness(distinct)
        for place, n_before, score in zip(
            distinct.tolist(), before.tolist(), scores.tolist(), strict=True
        ):
            found[place].n_before = n_before
            found[place].completeness = None if isnan(score) else score
        keys, sums = self.tally.between(distinct << _FEATURE_BITS, (distinct + 1) << _FEATURE_BITS)
        for key in keys[sums > 0].tolist():
            features, code = found[key >> _FEATURE_BITS], key & _FEATURE_MASK
            if code < _DAYS_BASE:
                kind, _, name = self.features.names[code].partition(":")
                features.of(kind).append(name)
            elif features.onset_days_min is None:  # keys ascend: the first is the least
                features.onset_days_min = code - _DAYS_BASE
        return found

    def n_countries(self, places: Ints) -> Ints:
        """Count the countries of the cases of each pair; 0 where the log knows only one."""
        numbers = [
            number
            for number, name in enumerate(self.features.names)
            if name.startswith("country:") and name != "country:"
        ]
        counted = np.zeros(len(places), np.int64)
        if len(numbers) <= 1:  # one country is not told from none: no need to look
            return counted
        keys, sums = self.tally.whole()
        keys = keys[sums > 0]
        keys = keys[np.isin(keys & _FEATURE_MASK, numbers)]
        if len(keys) and len(places):
            found, n = np.unique(keys >> _FEATURE_BITS, return_counts=True)
            spots = np.minimum(np.searchsorted(found, places), len(found) - 1)
            counted = np.where(found[spots] == places, n[spots], 0)
        return counted

    def dump(self) -> bytes:
        """Return everything, settled, as bytes."""
        keys, sums = self.tally.whole()
        arrays = (
            self.n_product, self.n_event, self.pair_product, self.pair_event, self.n_pair,
            self.n_serious, self.n_fatal, Growing(keys), Growing(sums), self.n_timed,
            self.product_first, self.score, self.n_documented,
        )  # fmt: skip
        return msgspec.msgpack.encode(
            (
                self.n_total,
                self.products.names,
                self.events.names,
                self.features.names,
                [array.dump() for array in arrays],
                (self.n_total_serious, self.n_total_fatal),
                self.past.dump(),
            )
        )

    @classmethod
    def load(cls, data: bytes) -> Counts:
        """Restore what `dump` returned."""
        n_total, products, events, features, arrays, totals, past = msgspec.msgpack.decode(data)
        counts = cls()
        counts.n_total = n_total
        counts.products, counts.events = Names(products), Names(events)
        counts.features = Names(features)
        restored = [np.frombuffer(array, np.int64) for array in arrays]
        counts.n_product, counts.n_event = Growing(restored[0]), Growing(restored[1])
        counts.pair_product, counts.pair_event = map(_of_pairs, restored[2:4])
        counts.n_pair, counts.n_serious, counts.n_fatal = map(_of_pairs, restored[4:7])
        counts.tally = KeyedSums(restored[7], restored[8])
        counts.n_timed, counts.product_first = _of_pairs(restored[9]), Growing(restored[10])
        counts.score, counts.n_documented = Growing(restored[11]), _of_pairs(restored[12])
        counts.n_total_serious, counts.n_total_fatal = totals
        counts.past = Past.load(past)
        keys = restored[2] << 32 | restored[3]
        counts._n_pairs = len(keys)
        counts._index.add(keys, np.arange(1, len(keys) + 1))
        return counts


def _of_pairs(values: Ints | None = None) -> Growing:
    return Growing(values, np.int32)


class _Crossed:
    """Contributions multiplied out: for each pair of each row, places in the flat lists."""

    def __init__(self, waiting: _Waiting) -> None:
        self.weights = _ints(waiting.weights)
        self.products, self.events = _ints(waiting.products), _ints(waiting.events)
        self.flags = _ints(waiting.flags)
        n_products, n_events = _ints(waiting.n_products), _ints(waiting.n_events)
        self.product_weights = np.repeat(self.weights, n_products)
        self.event_weights = np.repeat(self.weights, n_events)
        n_pairs = n_products * n_events
        self.row = np.repeat(np.arange(len(n_pairs)), n_pairs)
        within = np.arange(int(n_pairs.sum())) - (n_pairs.cumsum() - n_pairs)[self.row]
        by_product, by_event = np.divmod(within, n_events[self.row])
        self.p = (n_products.cumsum() - n_products)[self.row] + by_product
        self.e = (n_events.cumsum() - n_events)[self.row] + by_event
        self.w = self.weights[self.row]
        self._start, self._onset = _ints(waiting.starts)[self.p], _ints(waiting.onsets)[self.e]
        self.is_timed: NDArray[np.bool_] = (self._start != UNKNOWN_DAY) & (
            self._onset >= self._start
        )
        self._waiting = waiting

    def keep(self, chosen: NDArray[np.bool_], keys: Ints) -> Ints:
        """Drop the pairs that are not chosen; return the keys of those that are."""
        self.row, self.p, self.e, self.w = (
            each[chosen] for each in (self.row, self.p, self.e, self.w)
        )
        self._start, self._onset = self._start[chosen], self._onset[chosen]
        self.is_timed = self.is_timed[chosen]
        return keys[chosen]

    def features(self, spot: Ints) -> tuple[Ints, Ints]:
        """Return the features of every pair, as keys of the tally, and their weights."""
        waiting = self._waiting
        base = spot << _FEATURE_BITS
        parts = [
            (base + _ints(waiting.countries)[self.row], self.w),
            (base + _ints(waiting.reporters)[self.row], self.w),
            self._onsets(base),
        ]
        if waiting.constructs:
            parts.append(self._constructs(base))
        keys, weights = zip(*parts, strict=True)
        return add_up(np.concatenate(keys), np.concatenate(weights))

    def _onsets(self, base: Ints) -> tuple[Ints, Ints]:
        known, days = self.is_timed, np.minimum(self._onset - self._start, _DAYS_BASE - 1)
        return base[known] + _DAYS_BASE + days[known], self.w[known]

    def _constructs(self, base: Ints) -> tuple[Ints, Ints]:
        # Each row's constructs, for each of its pairs; rows with constructs are few.
        by_row: dict[int, list[int]] = {}
        for row, code in zip(self._waiting.construct_rows, self._waiting.constructs, strict=True):
            by_row.setdefault(row, []).append(code)
        keys: list[Any] = []
        weights: list[Any] = []
        for row, codes in by_row.items():
            first, last = np.searchsorted(self.row, (row, row + 1))
            for code in codes:
                keys.append(base[first:last] + code)
                weights.append(self.w[first:last])
        return np.concatenate(keys), np.concatenate(weights)


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)
