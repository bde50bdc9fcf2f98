"""What a reader has to know of a detector, and how it is tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.counts import Table
from detectors.estimate import Estimate, PValue, Statistic

OfTable = Callable[[Table], Estimate | Statistic | PValue]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The parts of a test look by look, with data to try it on.

    Attributes
    ----------
    init, step, recompute : callable
        As every such test has them.
    designs : tuple
        Designs to try.
    observations : tuple
        What is observed at each look, of any of the designs.
    """

    init: Callable[..., Any]
    step: Callable[..., Any]
    recompute: Callable[..., Any]
    designs: tuple[Any, ...]
    observations: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A detector that takes something else than 2x2 tables, with data to try it on.

    Attributes
    ----------
    function : callable
        The detector.
    arguments : callable, Generator to mapping
        Makes arguments for it from random numbers.
    """

    function: Callable[..., Any]
    arguments: Callable[[np.random.Generator], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a detector is.

    Attributes
    ----------
    module : str
        Where it is imported from, below `detectors`.
    statistic : str
        What it computes.
    citation : str
        Where it is from.
    assumptions : tuple of str
        What has to hold for its numbers to mean what they say.
    smallest_count : int
        Fewest reports or events at which its result should be used.
    characteristics : str
        How often it errs, as far as that is known exactly or by simulation.
    evaluate : callable, Table to Estimate, Statistic or PValue, optional
        The statistic of every pair of a table, where it is one of a table.
    watch : Watch, optional
        The test look by look, for a sequential detector.
    call : Call, optional
        The detector itself, where it is no statistic of a table.
    also : tuple of callable
        What belongs to it besides: other public functions of the same question.
    """

    module: str
    statistic: str
    citation: str
    assumptions: tuple[str, ...]
    smallest_count: int
    characteristics: str
    evaluate: OfTable | None = None
    watch: Watch | None = None
    call: Call | None = None
    also: tuple[Callable[..., Any], ...] = ()

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """All that a program calls of it.

        Returns
        -------
        tuple of callable
            What is tried, and what belongs to it besides; the first is the detector itself.
        """
        tried: list[Callable[..., Any]] = []
        if self.evaluate and not self.evaluate.__name__.startswith("_"):  # else made to be tried
            tried.append(self.evaluate)
        if self.watch:
            tried += [self.watch.init, self.watch.step]
        if self.call:
            tried.append(self.call.function)
        return tuple(dict.fromkeys([*tried, *self.also]))
