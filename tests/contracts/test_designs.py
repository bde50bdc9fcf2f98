"""What every design takes, and that two designs of the same numbers are one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import detectors
from detectors.anytime import combine
from detectors.canonical import make_canonical
from detectors.catalogue import CATALOGUE
from detectors.sequential import binomial_maxsprt, cusum, group, poisson_maxsprt
from detectors.small_population.expected_events import Dispersion
from detectors.small_population.natural_history import BetaMixture, GammaMixture
from detectors.small_population.stopping import beta_binomial, simon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WATCHED = {
    design: watch
    for watch in (found.watch for found in CATALOGUE.values())
    if watch is not None
    for design in watch.designs
}
OTHERS: tuple[Any, ...] = (
    combine.Design(2, weights=(0.25, 0.75)),
    combine.Observation(log_e=(0.5, 1.5)),
    binomial_maxsprt.Design(4, ratio=(1.0, 2.0, 1.0, 0.5), alpha=0.2),
    cusum.Design(2.0, expected_per_look=(1.0, 2.0), looks=4, alpha=0.1),
    group.Design((0.25, 0.5, 1.0)),
    poisson_maxsprt.Design(3.0, looks=(1.0, 2.0, 3.0)),
    Dispersion((0.5, 1.5), (0.5, 0.5)),
    BetaMixture((0.5, 0.5), (1.0, 2.0), (3.0, 4.0)),
    GammaMixture((0.5, 0.5), (1.0, 2.0), (3.0, 4.0)),
    beta_binomial.Design(10, 0.2, prior=(1.0, 1.0)),
    simon.Design(1, 10, 5, 29),
)
SAMPLES = [*WATCHED, *OTHERS]
FORMS: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "array": np.array,
    "array of whole numbers where they are": lambda x: np.array(
        x, int if all(v % 1 == 0 for v in x) else float
    ),
    "series": lambda x: pd.Series(x, index=range(7, 7 + len(x))),
    "iterator": iter,
    "list of NumPy's numbers": lambda x: [np.float64(v) for v in x],
}
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "NumPy's": lambda x: np.asarray(x)[()],
    "an array of no dimension": np.asarray,
}


def design_classes() -> Iterator[Any]:
    for found in pkgutil.walk_packages(detectors.__path__, "detectors."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            is_one = inspect.isclass(value) and value.__module__ == found.name
            # The design matrix of a regression is compared as an object.
            if is_one and name == "Design" and is_dataclass(value) and "__eq__" in vars(value):
                yield value


def given(sample: Any) -> dict[str, Any]:  # noqa: ANN401 - a design
    return {f.name: getattr(sample, f.name) for f in fields(sample) if f.init}


def named(sample: Any) -> str:  # noqa: ANN401 - a design
    return f"{type(sample).__module__.removeprefix('detectors.')}.{type(sample).__name__}"


every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=named)


def test_every_design_is_tried_here() -> None:
    assert set(design_classes()) <= {type(sample) for sample in SAMPLES}


def test_every_field_that_takes_a_sequence_is_tried_with_one() -> None:
    tried = {
        (type(sample), name)
        for sample in SAMPLES
        for name, value in given(sample).items()
        if isinstance(value, tuple)
    }
    asked = {
        (kind, field.name)
        for kind in {type(sample) for sample in SAMPLES}
        for field in fields(kind)
        if field.init and "tuple" in str(field.type)
    }
    assert asked == tried


@every_sample
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_sequence_may_be_given_in_any_form(sample: Any, form: Callable[[Any], Any]) -> None:  # noqa: ANN401
    arguments = given(sample)
    changed = {k: form(v) for k, v in arguments.items() if isinstance(v, tuple) and v}

    again = type(sample)(**(arguments | changed))

    assert again == sample
    assert hash(again) == hash(sample)
    assert given(again) == arguments
    assert repr(again) == repr(sample) or form is FORMS["array of whole numbers where they are"]


@every_sample
@pytest.mark.parametrize("form", NUMBERS.values(), ids=NUMBERS)
def test_a_number_may_be_numpys(sample: Any, form: Callable[[Any], Any]) -> None:  # noqa: ANN401
    arguments = given(sample)
    changed = {k: form(v) for k, v in arguments.items() if isinstance(v, int | float)}

    again = type(sample)(**(arguments | changed))

    assert again == sample
    assert hash(again) == hash(sample)
    assert repr(again) == repr(sample)


@every_sample
def test_several_numbers_where_one_is_documented_are_refused_by_name(sample: Any) -> None:  # noqa: ANN401
    kinds = {field.name: str(field.type) for field in fields(sample)}
    for name, value in given(sample).items():
        if isinstance(value, int | float) and "tuple" not in kinds[name]:
            with pytest.raises(ValueError, match=rf"^{name} is \[.*\]: must be a single value"):
                replace(sample, **{name: np.array([value, value])})


@pytest.mark.parametrize("design", WATCHED, ids=named)
def test_a_watch_of_a_design_given_as_arrays_goes_on_as_any(design: Any) -> None:  # noqa: ANN401
    watch = WATCHED[design]
    arrays = {k: np.array(v) for k, v in given(design).items() if isinstance(v, tuple) and v}

    again = replace(design, **arrays)

    assert watch.init(again) == watch.init(design)
    assert watch.step(watch.init(again), watch.observations[0]) == watch.step(
        watch.init(design), watch.observations[0]
    )


@dataclass(frozen=True)
class _Flat:
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        make_canonical(self)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({1.0, 2.0}, "numbers is a set: must be in an order"),
        ({1.0: 2.0}, "numbers is a dict: must be in an order"),
        (np.ones((2, 2)), "numbers is nested: must be a flat sequence"),
        ([[1.0], 2.0], "numbers is nested: must be a flat sequence"),
    ],
)
def test_what_has_no_order_or_more_than_one_dimension_is_refused(
    numbers: Any,  # noqa: ANN401
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        _Flat(numbers)
