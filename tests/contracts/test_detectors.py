"""What every detector of the catalogue must keep."""

import hashlib
import os
import pickle
import pkgutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from detectors import disproportionality, sequential
from detectors.catalogue import CATALOGUE, Description, Watch
from detectors.counts import Table
from detectors.disproportionality.ic import expected_limit
from detectors.estimate import DEFINED, STATES, Estimate, Statistic

ROOT = Path(__file__).parents[2]
HELPERS = {"look", "poisson_paths"}  # modules of the two packages that are no detectors
WATCHES = {name: found.watch for name, found in CATALOGUE.items() if found.watch is not None}

every_detector = pytest.mark.parametrize("detector", list(CATALOGUE.values()), ids=list(CATALOGUE))
every_watch = pytest.mark.parametrize("watch", list(WATCHES.values()), ids=list(WATCHES))


def many_tables(n_pairs: int = 1_003) -> Table:
    rng = np.random.default_rng(seed=19980704)
    greatest = 10.0 ** rng.integers(0, 7, size=(4, n_pairs))
    a, b, c, d = (rng.random((4, n_pairs)) * greatest).astype(np.int64)
    return Table(a, a + b, a + c, a + b + c + d)


def part_of(table: Table, where: slice | int) -> Table:
    margins = (table.n_pair, table.n_product, table.n_event, table.n_total)
    return Table(*(values[where] for values in margins))


def arrays_of(found: Estimate | Statistic) -> list[np.ndarray]:
    return [getattr(found, each.name) for each in fields(found)]


def numbers_of(found: Estimate | Statistic) -> list[np.ndarray]:
    return [values for values in arrays_of(found) if values.dtype == np.float64]


def assert_same(one: Estimate | Statistic, other: Estimate | Statistic) -> None:
    for left, right in zip(arrays_of(one), arrays_of(other), strict=True):
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes()


def digest() -> str:
    summary = hashlib.sha256()
    for detector in CATALOGUE.values():
        for values in arrays_of(detector.evaluate(many_tables())):
            summary.update(values.tobytes())
    for watch in WATCHES.values():
        summary.update(repr(watch.design(20.0).boundary).encode())
    return summary.hexdigest()


def test_every_module_of_a_detector_is_in_the_catalogue() -> None:
    modules = {
        module.name
        for package in (disproportionality, sequential)
        for module in pkgutil.iter_modules(package.__path__)
    }

    assert modules - HELPERS == set(CATALOGUE)


@every_detector
def test_a_description_says_what_its_reader_has_to_know(detector: Description) -> None:
    assert detector.statistic
    assert detector.assumptions
    assert any(year in detector.citation for year in map(str, range(1900, 2030)))
    assert detector.smallest_count >= 1


def test_the_smallest_count_of_the_ic_is_the_first_whose_lower_limit_can_exceed_zero() -> None:
    smallest = CATALOGUE["ic"].smallest_count

    assert (expected_limit([smallest - 1, smallest]) > 0).tolist() == [False, True]


@every_detector
def test_the_same_table_gives_the_same_bits(detector: Description) -> None:
    assert_same(detector.evaluate(many_tables()), detector.evaluate(many_tables()))


@every_detector
def test_the_table_is_not_changed(detector: Description) -> None:
    table = many_tables()

    detector.evaluate(table)

    untouched = many_tables()
    for name in ("n_pair", "n_product", "n_event", "n_total"):
        assert_array_equal(getattr(table, name), getattr(untouched, name))


@every_detector
def test_an_element_has_the_same_bits_alone_and_anywhere_in_an_array(
    detector: Description,
) -> None:
    table = many_tables()
    whole = arrays_of(detector.evaluate(table))

    for where in (slice(None, None, -1), slice(3, None, 7), slice(1, 6)):
        for part, values in zip(
            arrays_of(detector.evaluate(part_of(table, where))), whole, strict=True
        ):
            assert part.tobytes() == values[where].tobytes()
    for i in range(0, 1_003, 5):
        alone = arrays_of(detector.evaluate(part_of(table, i)))
        assert [x.tobytes() for x in alone] == [x[i : i + 1].tobytes() for x in whole]


@every_detector
def test_a_number_is_finite_or_has_a_reason(detector: Description) -> None:
    small = np.arange(4)
    a, b, c, d = (x.ravel() for x in np.meshgrid(small, small, small, small))
    found = detector.evaluate(Table(a, a + b, a + c, a + b + c + d))

    assert set(found.state.tolist()) <= set(STATES)
    for values in numbers_of(found):
        assert_array_equal(np.isfinite(values), found.state == DEFINED)


@every_detector
def test_no_pairs_give_no_numbers(detector: Description) -> None:
    for values in arrays_of(detector.evaluate(Table([], [], [], []))):
        assert values.shape == (0,)


@every_detector
def test_huge_counts_give_finite_numbers(detector: Description) -> None:
    cell = 2**51

    found = detector.evaluate(Table(cell, 2 * cell, 2 * cell, 4 * cell))

    assert found.state.item() == DEFINED
    assert all(np.isfinite(values) for values in numbers_of(found))


@every_detector
def test_any_shape_comes_back(detector: Description) -> None:
    found = detector.evaluate(Table([[1], [2]], [5, 6, 7], 5, 100))

    assert {values.shape for values in arrays_of(found)} == {(2, 3)}


def test_another_processor_gives_the_same_bits() -> None:
    chosen_here = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['digest']())"
    plain = subprocess.run(
        [sys.executable, "-c", code, __file__],
        cwd=ROOT,
        env=os.environ
        | {"NPY_DISABLE_CPU_FEATURES": " ".join(chosen_here), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert plain.stdout.strip() == digest()


OBSERVED = [(0, 0.1), (2, 0.3), (2, 0.9), (3, 0.9), (4, 2.5), (4, 7.0)]


def observations_of(watch: Watch) -> list[object]:
    return [watch.observation(events=n, expected=mu) for n, mu in OBSERVED]


@every_watch
@pytest.mark.parametrize("horizon", [0.02, 6.0])
def test_a_watch_fed_at_once_or_in_pieces_ends_in_the_same_state(
    watch: Watch, horizon: float
) -> None:
    design = watch.design(horizon)
    at_once, all_looks = watch.recompute(design, observations_of(watch))

    state, looks = watch.init(design), []
    for observation in observations_of(watch):
        state = pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
        state, look = watch.step(state, observation)
        looks.append(look)

    assert state == at_once
    assert tuple(looks) == all_looks


@every_watch
@pytest.mark.parametrize("horizon", [0.02, 6.0])
def test_a_state_survives_encoding(watch: Watch, horizon: float) -> None:
    state, _ = watch.recompute(watch.design(horizon), observations_of(watch))

    encoded = msgspec.json.encode(state)
    decoded = msgspec.json.decode(encoded, type=type(state))

    assert decoded == state
    assert decoded.design.boundary == state.design.boundary
    assert len(encoded) < 400
    assert msgspec.json.encode(decoded) == encoded


@every_watch
def test_a_step_changes_neither_state_nor_observation(watch: Watch) -> None:
    state = watch.init(watch.design(6.0))
    observation = watch.observation(events=3, expected=0.2)
    before = pickle.dumps((state, observation))

    first, second = (watch.step(state, observation) for _ in range(2))

    assert pickle.dumps((state, observation)) == before
    assert first == second


@every_watch
def test_a_huge_count_is_a_look(watch: Watch) -> None:
    observation = watch.observation(events=2**53, expected=1.0)

    _, look = watch.step(watch.init(watch.design(6.0)), observation)

    assert np.isfinite(look.llr)
    assert look.is_crossing


def test_a_hundred_thousand_pairs_are_screened_in_less_than_a_third_of_a_second() -> None:
    table = many_tables(100_000)
    seconds = []

    for _ in range(3):
        start = perf_counter()
        for name in ("prr", "ror", "chi_square", "ic"):
            CATALOGUE[name].evaluate(table)
        seconds.append(perf_counter() - start)

    assert min(seconds) < 0.3  # 0.02 to 0.05 s were measured; the rest is for a busy machine
