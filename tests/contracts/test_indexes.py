"""Series that are paired by position must have one index, or their labels say otherwise."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import detectors
from detectors.calibration import calibrate_p, fit_null
from detectors.catalogue import CATALOGUE
from detectors.counts import Table
from detectors.disproportionality import ebgm
from detectors.disproportionality.ic import ic
from detectors.operating import probability_of_finding
from detectors.validation import require_one_index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CALLS = {name: found.call for name, found in CATALOGUE.items() if found.call is not None}
ALONE = {"values", "by_day", "log_e", "p", "e", "counts"}
# Columns, and not paired with rows; tested products of a table of counts.
OF_COLUMNS = {"products", "maskers", "targets", "first", "second", "tested"}
# Not for callers: they are given arrays.
INSIDE = {"detectors.features.tails", "detectors.validation"}


def paired(arguments: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of one dimension and of the length that most have."""
    arrays = {
        name: np.asarray(value)
        for name, value in arguments.items()
        if isinstance(value, np.ndarray | list) and name not in OF_COLUMNS
    }
    flat = {name: value for name, value in arrays.items() if value.ndim == 1 and value.size > 1}
    lengths = [value.size for value in flat.values()]
    return {k: v for k, v in flat.items() if lengths and v.size == max(lengths, key=lengths.count)}


def pairing_calls() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    found = {}
    for name, call in CALLS.items():
        arguments = dict(call.arguments(np.random.default_rng(3)))
        if len(paired(arguments)) > 1:
            found[name] = (call.function, arguments)
    return found


OTHERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "table": (
        Table, {"n_pair": [1, 2], "n_product": [4, 5], "n_event": [6, 7], "n_total": [90, 91]}
    ),
    "ic": (ic, {"n": [1, 2], "expected": [0.5, 0.7]}),
    "score": (
        lambda **given: ebgm.score(prior=ebgm.Prior(1.0, 1.0, 2.0, 3.0, 0.3), **given),
        {"n": [1, 2], "expected": [0.5, 0.7]},
    ),
    "fit_null": (fit_null, {"log_rr": [0.1, 0.3, -0.2], "se": [0.2, 0.3, 0.4]}),
    "calibrate_p": (
        lambda **given: calibrate_p(null=fit_null([0.1, 0.3, -0.2], [0.2, 0.3, 0.4]), **given),
        {"log_rr": [0.1, 0.3], "se": [0.2, 0.3]},
    ),
}  # fmt: skip
EVERY = {**pairing_calls(), **OTHERS}
every_pairing = pytest.mark.parametrize(("function", "arguments"), EVERY.values(), ids=EVERY)


@every_pairing
def test_series_of_different_indexes_are_refused(
    function: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    names = list(paired(arguments))
    for one, other in pairwise(names):
        size = len(arguments[one])
        series = {
            one: pd.Series(arguments[one], index=range(size)),
            other: pd.Series(arguments[other], index=range(size)[::-1]),
        }
        with pytest.raises(ValueError, match="has another index than"):
            function(**(arguments | series))


@every_pairing
def test_series_of_one_index_and_a_series_beside_arrays_are_taken(
    function: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    names = list(paired(arguments))
    index = range(7, 7 + len(arguments[names[0]]))
    series = {name: pd.Series(arguments[name], index=index) for name in names}

    function(**(arguments | series))
    function(**(arguments | {names[0]: series[names[0]]}))


def test_every_public_function_of_two_arrays_looks_at_their_indexes() -> None:
    """Found in the source text: it asks itself, or hands both on to one that does."""
    asking, left_out = set(), []
    functions = {}
    for found in pkgutil.walk_packages(detectors.__path__, "detectors."):
        if found.name not in INSIDE:
            for name, value in vars(importlib.import_module(found.name)).items():
                if inspect.isfunction(value) and value.__module__ == found.name:
                    functions[name, found.name] = value
    texts = {key: inspect.getsource(value) for key, value in functions.items()}
    asking = {name for (name, _), text in texts.items() if "require_one_index(" in text}
    for _ in range(4):
        asking |= {
            name for (name, _), text in texts.items() if any(f"{one}(" in text for one in asking)
        }
    for (name, module), value in functions.items():
        arrays = [
            each.name
            for each in inspect.signature(value).parameters.values()
            if "ArrayLike" in str(each.annotation) and each.name not in OF_COLUMNS
        ]
        if len(arrays) > 1 and not name.startswith("_") and name not in asking:
            left_out.append(f"{module}.{name}")
    assert left_out == []


def test_lists_have_no_index_and_two_series_must_agree() -> None:
    one, same, other = pd.Series([1, 2]), pd.Series([3, 4]), pd.Series([1, 2], index=[1, 0])

    require_one_index(a=[1, 2], b=one, c=None, d=same, e=3.0)
    with pytest.raises(ValueError, match=r"^e has another index than b: align the two"):
        require_one_index(a=[1, 2], b=one, e=other)


def test_a_chance_over_margins_in_series_of_two_orders_is_refused() -> None:
    margins = pd.Series([50, 60]), pd.Series([70, 80], index=[1, 0])

    with pytest.raises(ValueError, match="n_event has another index than n_product"):
        probability_of_finding(
            lambda table: table.n_pair > 3, n_product=margins[0], n_event=margins[1], n_total=1_000
        )
