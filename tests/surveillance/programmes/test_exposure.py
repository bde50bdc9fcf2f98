"""Who was treated, and for how long: sums that no order of arrival and no correction can spoil."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import msgspec
import pytest
from strategies import a_configuration, encode, instant, programmes, record
from treated import START, dose, end, event, on, visit

from surveillance.configuration.types import Configuration, ListedProduct, Products, Topics
from surveillance.domain.contribution import N_SPANS_MAX, Exposure
from surveillance.domain.outcome import OutcomeRecord, TreatmentGiven
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes.exposure import Expose
from surveillance.programmes.reported import Exposed
from surveillance.screening.keys import Naming

ONE = a_configuration(topics=Topics(cases=1, outcomes=1))
LATE = instant(START + timedelta(days=5_000))
OPEN = 0


class Worker:
    """A stage that is stored and restored at every close, and the sums of what it emitted."""

    def __init__(self, configuration: Configuration = ONE) -> None:
        self.stage = Expose(configuration, 0, Naming(configuration).of_dose)
        self.cells = Cells(nothing_stored)
        self.sums: dict[str, Exposed] = {}
        self.rows: list[Exposure] = []
        self._epoch = -1

    def close(self, *records: OutcomeRecord) -> list[Exposure]:
        state = self.stage.load(self.stage.dump(self.stage.init(self.cells)), self.cells)
        self.stage.apply(state, record(*map(encode, records), at=LATE))
        self._epoch += 1
        said = self.stage.close(state, self._epoch, LATE)
        rows = msgspec.json.decode(encode(said.rows), type=list[Exposure])
        for row in rows:
            self.sums.setdefault(row.product, Exposed()).add(row)
        self.rows += rows
        return rows

    def of(self, product: str) -> tuple[int, int, dict[tuple[int, int], int]]:
        """Return doses, patients, and spans as days since the start."""
        found, first = self.sums.get(product, Exposed()), START.toordinal()
        spans: Counter[tuple[int, int]] = Counter()
        for place, n in found.spans.items():
            start, finish = place >> 24, place & ((1 << 24) - 1)
            spans[start - first, OPEN if finish == (1 << 24) - 1 else finish - first] += n
        return found.n_doses, found.n_patients, dict(spans)


def test_a_dose_counts_under_every_key_of_a_report_that_names_it() -> None:
    worker = Worker()

    worker.close(dose(3, lot="A1"))

    keys = ["construct:K1", "lot:P/A1", "platform:F", "product:P", "programme:P1"]
    assert [row.product for row in worker.rows] == keys
    assert all(worker.of(key) == (1, 1, {(3, OPEN): 1}) for key in keys)


def test_an_alias_counts_under_the_listed_product() -> None:
    listed = ListedProduct(name="Q", aliases=("P",), platform="G")
    worker = Worker(a_configuration(topics=ONE.topics, products=Products(product=(listed,))))

    worker.close(dose(0))

    assert worker.of("product:Q")[0] == worker.of("platform:G")[0] == 1
    assert worker.of("product:P")[0] == 0


def test_time_runs_from_dose_to_dose_and_ends_with_the_day_of_death_alone() -> None:
    worker = Worker()

    worker.close(dose(0), dose(28, "K2"), dose(28), visit(400), end(500))
    assert worker.of("construct:K1") == (2, 1, {(0, 28): 1, (28, OPEN): 1})
    assert worker.of("construct:K2") == (1, 1, {(28, OPEN): 1})
    assert worker.of("product:P") == (3, 1, {(0, 28): 1, (28, OPEN): 1})

    worker.close(event(90, is_fatal=True))
    assert worker.of("product:P") == (3, 1, {(0, 28): 1, (28, 91): 1})
    worker.close(end(10, "death"))
    assert worker.of("product:P") == (3, 1, {(0, 11): 1})


def test_what_is_taken_back_leaves_nothing_and_a_correction_moves_it() -> None:
    worker = Worker()
    worker.close(dose(0, lot="A"), dose(5, patient_id="two"))

    worker.close(dose(0, lot="B", version=2))
    assert worker.of("lot:P/A") == (0, 0, {})
    assert worker.of("lot:P/B") == (1, 1, {(0, OPEN): 1})
    worker.close(dose(0, lot="B", version=3, patient_id="two"))
    assert worker.of("product:P") == (2, 1, {(0, 5): 1, (5, OPEN): 1})
    worker.close(dose(0, version=3, is_nullified=True), dose(5, version=2, is_nullified=True))
    assert all(worker.of(row.product) == (0, 0, {}) for row in worker.rows)
    assert worker.close(dose(0, lot="B", version=3)) == []  # taken back outranks it


def test_records_that_change_nothing_emit_nothing() -> None:
    worker = Worker()
    worker.close(dose(0))

    assert worker.close(visit(30), event(40), dose(0), dose(0, construct="K9")) == []


def test_many_spans_are_several_rows_whose_counts_are_given_once() -> None:
    worker = Worker()
    many = [
        dose(day, record_id=f"{day}", patient_id=f"{day}") for day in range(2 * N_SPANS_MAX + 1)
    ]

    worker.close(*many)

    by_key = {key: list(rows) for key, rows in groupby(worker.rows, lambda row: row.product)}
    assert all(len(rows) == 3 for rows in by_key.values())
    assert worker.of("product:P")[:2] == (len(many), len(many))


def _drawn(rng: random.Random) -> list[OutcomeRecord]:
    """Draw records of few ids, whose versions and kinds disagree."""
    make: list[Any] = [
        lambda d, **c: dose(d, rng.choice(["K1", "K2"]), lot=rng.choice([None, "A"]), **c),
        visit,
        lambda d, **c: event(d, is_fatal=rng.random() < 0.5, **c),
        lambda d, **c: end(d, rng.choice(["death", "lost"]), **c),
    ]
    return [
        rng.choice(make)(
            rng.randrange(60),
            record_id=f"R{rng.randrange(4)}",
            version=rng.randint(1, 2),
            patient_id=rng.choice(["one", "two"]),
            is_nullified=rng.random() < 0.15,
        )
        for _ in range(rng.randint(1, 9))
    ]


@pytest.mark.parametrize("seed", range(60))
def test_any_order_and_any_epochs_leave_the_same_sums(seed: int) -> None:
    rng = random.Random(seed)
    drawn = _drawn(rng)
    at_once, piecemeal = Worker(), Worker()
    at_once.close(*drawn)
    shuffled = rng.sample(drawn, len(drawn))

    for one in shuffled:
        piecemeal.close(one, one)

    keys = {row.product for row in (*at_once.rows, *piecemeal.rows)}
    assert {key: at_once.of(key) for key in keys} == {key: piecemeal.of(key) for key in keys}
    assert at_once.cells.changed == piecemeal.cells.changed


def _counted(doses: Sequence[TreatmentGiven], died: date | None, look: date, window: int) -> int:
    """Count patient-days one by one."""
    days = {one.given_on + timedelta(days=n) for one in doses for n in range(window)}
    return sum(day <= look and (died is None or day <= died) for day in days)


@pytest.mark.parametrize("seed", range(30))
def test_patient_days_are_those_that_one_counts(seed: int) -> None:
    rng, worker = random.Random(seed), Worker()
    window, look, died = rng.randint(1, 90), on(rng.randrange(120)), rng.choice([None, 30, 70])
    doses = [dose(rng.randrange(100), record_id=f"{n}") for n in range(rng.randint(1, 5))]
    worker.close(*doses, *([] if died is None else [end(died, "death")]))

    found = worker.sums["product:P"].days(look.toordinal() + 1, window)

    assert found == _counted(doses, None if died is None else on(died), look, window)


def test_of_another_partition_or_an_unknown_construct_nothing_is_counted() -> None:
    worker = Worker(a_configuration(topics=ONE.topics, programmes=programmes("P1")))

    assert worker.close(dose(0, "unknown"), dose(0, programme="P2")) == []
