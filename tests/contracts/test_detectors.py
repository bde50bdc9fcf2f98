"""What every detector must keep, and that every detector there is has to keep it."""

import hashlib
import importlib
import inspect
import math
import os
import pickle
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import product
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import detectors
from detectors.catalogue import CATALOGUE, Call, Description, OfTable, Watch
from detectors.catalogue.references import References
from detectors.counts import Table
from detectors.disproportionality.ic import expected_limit
from detectors.estimate import DEFINED, STATES, Estimate, PValue, Statistic
from detectors.sequential import poisson_maxsprt

ROOT = Path(__file__).parents[2]
WHOLE_VALUE = re.compile(r"\b[A-Z]\w*\(\w+=")  # as Python shows a dataclass
Found = Callable[..., object]


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(detectors.__path__, "detectors."):
        if not f"{found.name}.".startswith("detectors.catalogue."):
            yield importlib.import_module(found.name)


MODULES = {module.__name__: module for module in modules()}


def functions_and_classes() -> Iterator[tuple[str, Found]]:
    for name, module in MODULES.items():
        for inner, value in vars(module).items():
            is_either = inspect.isfunction(value) or inspect.isclass(value)
            if is_either and not inner.startswith("_") and value.__module__ == name:
                yield f"{name}.{inner}", value


def exported() -> Iterator[Found]:
    for module in MODULES.values():
        for name in getattr(module, "__all__", ()):
            if inspect.isfunction(value := getattr(module, name)):
                yield value


def used_inside(sources: Mapping[str, str]) -> set[str]:
    """Names that another name of the packages refers to; handing on is no use."""
    graph = References(sources)
    return {used for name in graph if name not in sources for used in graph[name]}


def source_of(module: ModuleType) -> str:
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


def public_detectors() -> dict[str, Found]:
    """Functions and classes that a program calls: none of these is only what others are made of."""
    inside = used_inside({name: source_of(module) for name, module in MODULES.items()})
    given_out = set(exported())
    return {
        name: value
        for name, value in functions_and_classes()
        if name not in inside or value in given_out
    }


def is_of_table(function: Found) -> bool:
    """Whether it takes a table, and nothing else without a default, and gives a result of each."""
    signature = inspect.signature(function)
    needed = [x for x in signature.parameters.values() if x.default is x.empty]
    names = {"Estimate", "Statistic", "PValue"}
    return [_name(x.annotation) for x in needed] == ["Table"] and _name(
        signature.return_annotation
    ) in names


def _name(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")


OF_TABLE: dict[str, OfTable] = {
    name: found.evaluate for name, found in CATALOGUE.items() if found.evaluate is not None
}
for each, function in functions_and_classes():
    is_new = function not in OF_TABLE.values()
    if is_new and inspect.isfunction(function) and is_of_table(function):
        OF_TABLE[each] = function
CALLS = {name: found.call for name, found in CATALOGUE.items() if found.call is not None}
WATCHES = {name: found.watch for name, found in CATALOGUE.items() if found.watch is not None}
STATEFUL = {"rng", "decide"}  # a generator that is drawn from, and a function
# BLAS and LAPACK add up as suits the processor; the last digit may differ.
NOT_BY_PROCESSOR = {"firth", "group_sequential"}
Result = Estimate | Statistic | PValue

every_description = pytest.mark.parametrize(
    "detector", list(CATALOGUE.values()), ids=list(CATALOGUE)
)
every_detector = pytest.mark.parametrize("evaluate", list(OF_TABLE.values()), ids=list(OF_TABLE))
every_call = pytest.mark.parametrize("call", list(CALLS.values()), ids=list(CALLS))
every_watch = pytest.mark.parametrize("watch", list(WATCHES.values()), ids=list(WATCHES))


def many_tables(n_pairs: int = 1_003) -> Table:
    rng = np.random.default_rng(seed=19980704)
    greatest = 10.0 ** rng.integers(0, 7, size=(4, n_pairs))
    a, b, c, d = (rng.random((4, n_pairs)) * greatest).astype(np.int64)
    return Table(a, a + b, a + c, a + b + c + d)


def part_of(table: Table, where: slice | int) -> Table:
    margins = (table.n_pair, table.n_product, table.n_event, table.n_total)
    return Table(*(values[where] for values in margins))


def arrays_of(found: Result) -> list[np.ndarray]:
    return [getattr(found, each.name) for each in fields(found)]


def numbers_of(found: Result) -> list[np.ndarray]:
    return [values for values in arrays_of(found) if values.dtype == np.float64]


def assert_same(one: Result, other: Result) -> None:
    for left, right in zip(arrays_of(one), arrays_of(other), strict=True):
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes()


def digest() -> str:
    summary = hashlib.sha256()
    for evaluate in OF_TABLE.values():
        for values in arrays_of(evaluate(many_tables())):
            summary.update(values.tobytes())
    for name in sorted(CALLS.keys() - NOT_BY_PROCESSOR):
        arguments = CALLS[name].arguments(np.random.default_rng(1))
        summary.update(pickle.dumps(plain(CALLS[name].function(**arguments))))
    for watch in WATCHES.values():
        for design in watch.designs:
            _, looks = watch.recompute(design, watch.observations)
            summary.update(repr(looks).encode())
    return summary.hexdigest()


def plain(value: object) -> object:
    """Return the numbers of a result, whatever it is made of, as bytes and plain values."""
    if isinstance(value, np.ndarray):
        return (
            value.dtype.str,
            value.shape,
            value.tolist() if value.dtype == object else (np.ascontiguousarray(value).tobytes()),
        )
    if is_dataclass(value):
        return [(each.name, plain(getattr(value, each.name))) for each in fields(value)]
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return repr(value)


def test_every_public_detector_is_in_the_catalogue() -> None:
    described = {function for found in CATALOGUE.values() for function in found.functions}

    missing = [name for name, found in public_detectors().items() if found not in described]
    assert not missing, f"no description in the catalogue names {', '.join(missing)}"


def test_a_function_that_nothing_uses_is_found_and_one_that_something_uses_is_not() -> None:
    sources = {
        "p": "from p.new import detector, part\n__all__ = ['detector']",
        "p.new": "from p.parts import other\ndef detector(): return part(other())\ndef part(): ...",
        "p.parts": "def other(): ...\ndef forgotten(x): return [other for other in x]",
    }

    assert used_inside(sources) == {"p.new.part", "p.parts.other"}


def test_every_test_look_by_look_is_tried_as_one() -> None:
    stateful = {
        vars(module)["step"]
        for module in MODULES.values()
        if {"init", "step", "recompute"} <= vars(module).keys()
    }
    only_in_part = [
        name
        for name, module in MODULES.items()
        if 0 < len({"init", "step", "recompute"} & vars(module).keys()) < 3
        and "recompute" in vars(module)
    ]

    assert stateful == {watch.step for watch in WATCHES.values()}
    assert len(stateful) >= 16
    assert only_in_part == ["detectors.sequential.alpha_spending.performance"]  # it looks itself


@every_description
def test_a_detector_is_imported_from_where_its_description_says(detector: Description) -> None:
    module, (function, *_) = MODULES[f"detectors.{detector.module}"], detector.functions

    assert function in vars(module).values()


@every_description
def test_a_detector_is_tried_in_one_way_at_least(detector: Description) -> None:
    assert detector.evaluate or detector.call


@every_call
def test_the_same_arguments_give_the_same_bits_and_are_not_changed(call: Call) -> None:
    arguments = call.arguments(np.random.default_rng(1))
    before = {name: plain(value) for name, value in arguments.items() if name not in STATEFUL}

    first = plain(call.function(**arguments))
    second = plain(call.function(**call.arguments(np.random.default_rng(1))))

    after = {name: plain(value) for name, value in arguments.items() if name not in STATEFUL}
    assert after == before
    assert first == second


@every_call
def test_other_arguments_give_another_answer(call: Call) -> None:
    first, other = (call.function(**call.arguments(np.random.default_rng(i))) for i in (1, 2))

    assert plain(first) != plain(other)


@every_description
def test_a_description_says_what_its_reader_has_to_know(detector: Description) -> None:
    assert detector.statistic
    assert detector.assumptions
    assert any(year in detector.citation for year in map(str, range(1900, 2030)))
    assert detector.characteristics
    assert detector.smallest_count >= 1


def test_the_smallest_count_of_the_ic_is_the_first_whose_lower_limit_can_exceed_zero() -> None:
    smallest = CATALOGUE["ic"].smallest_count

    assert (expected_limit([smallest - 1, smallest]) > 0).tolist() == [False, True]


@every_detector
def test_the_same_table_gives_the_same_bits(evaluate: OfTable) -> None:
    assert_same(evaluate(many_tables()), evaluate(many_tables()))


@every_detector
def test_the_table_is_not_changed(evaluate: OfTable) -> None:
    table = many_tables()

    evaluate(table)

    untouched = many_tables()
    for name in ("n_pair", "n_product", "n_event", "n_total"):
        assert_array_equal(getattr(table, name), getattr(untouched, name))


@every_detector
def test_an_element_has_the_same_bits_alone_and_anywhere_in_an_array(
    evaluate: OfTable,
) -> None:
    table = many_tables()
    whole = arrays_of(evaluate(table))

    for where in (slice(None, None, -1), slice(3, None, 7), slice(1, 6)):
        for part, values in zip(arrays_of(evaluate(part_of(table, where))), whole, strict=True):
            assert part.tobytes() == values[where].tobytes()
    for i in range(0, 1_003, 5):
        alone = arrays_of(evaluate(part_of(table, i)))
        assert [x.tobytes() for x in alone] == [x[i : i + 1].tobytes() for x in whole]


@every_detector
def test_a_number_is_finite_or_has_a_reason(evaluate: OfTable) -> None:
    small = np.arange(4)
    a, b, c, d = (x.ravel() for x in np.meshgrid(small, small, small, small))
    found = evaluate(Table(a, a + b, a + c, a + b + c + d))

    assert set(found.state.tolist()) <= set(STATES)
    for values in numbers_of(found):
        assert_array_equal(np.isfinite(values), found.state == DEFINED)


@every_detector
def test_no_pairs_give_no_numbers(evaluate: OfTable) -> None:
    for values in arrays_of(evaluate(Table([], [], [], []))):
        assert values.shape == (0,)


@every_detector
def test_huge_counts_give_finite_numbers(evaluate: OfTable) -> None:
    cell = 2**51

    found = evaluate(Table(cell, 2 * cell, 2 * cell, 4 * cell))

    assert found.state.item() == DEFINED
    assert all(np.isfinite(values) for values in numbers_of(found))


@every_detector
def test_any_shape_comes_back(evaluate: OfTable) -> None:
    found = evaluate(Table([[1], [2]], [5, 6, 7], 5, 100))

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


@every_watch
def test_a_watch_fed_at_once_or_in_pieces_ends_in_the_same_state(watch: Watch) -> None:
    for design in watch.designs:
        at_once, all_looks = watch.recompute(design, watch.observations)

        state, looks = watch.init(design), []
        for observation in watch.observations:
            state = pickle.loads(pickle.dumps(state))  # noqa: S301 - our own bytes
            state, look = watch.step(state, observation)
            looks.append(look)

        assert state == at_once
        assert tuple(looks) == tuple(all_looks)


@every_watch
def test_a_state_survives_encoding(watch: Watch) -> None:
    for design in watch.designs:
        state, _ = watch.recompute(design, watch.observations[:-1])

        encoded = msgspec.msgpack.encode(state)  # as stages store it
        decoded = msgspec.msgpack.decode(encoded, type=type(state))

        assert decoded == state
        assert len(encoded) < 400
        assert msgspec.msgpack.encode(decoded) == encoded
        last = watch.observations[-1]
        assert watch.step(decoded, last) == watch.step(state, last)


@every_watch
def test_a_step_changes_neither_state_nor_observation(watch: Watch) -> None:
    for design in watch.designs:
        state, observation = watch.init(design), watch.observations[0]
        before = pickle.dumps((state, observation))

        first, second = (watch.step(state, observation) for _ in range(2))

        assert pickle.dumps((state, observation)) == before
        assert first == second


@every_watch
def test_a_crossing_stays_and_looks_are_numbered(watch: Watch) -> None:
    for design in watch.designs:
        _, looks = watch.recompute(design, watch.observations)

        assert [look.number for look in looks] == list(range(1, len(looks) + 1))
        crossings = [look.is_crossing for look in looks]
        has_crossed = [any(crossings[: i + 1]) for i in range(len(looks))]
        assert [look.has_crossed for look in looks] == has_crossed


def refusals(watch: Watch) -> Iterator[str]:
    """Yield what a watch answers to observations of which one number is wrong."""
    first = watch.observations[0]
    numbers = [
        each.name for each in fields(first) if isinstance(getattr(first, each.name), int | float)
    ]
    for design in watch.designs:
        state, _ = watch.step(watch.init(design), first)
        for name, value in product(numbers, (-1, math.nan, math.inf, 0.5, 0, 2**60)):
            try:
                watch.step(state, replace(first, **{name: value}))
            except ValueError as error:
                yield str(error)


@every_watch
def test_a_wrong_observation_is_refused_by_the_name_of_what_is_wrong(watch: Watch) -> None:
    names = tuple(each.name for each in fields(watch.observations[0]))

    for message in refusals(watch):
        place, _, rule = message.partition(":")
        assert place.startswith(("went back", *names))
        assert rule.strip()
        assert not WHOLE_VALUE.search(message)


def test_a_huge_count_is_a_look() -> None:
    observation = poisson_maxsprt.Observation(events=2**53, expected=1.0)

    _, look = poisson_maxsprt.step(poisson_maxsprt.init(poisson_maxsprt.Design(6.0)), observation)

    assert np.isfinite(look.llr)
    assert look.is_crossing
