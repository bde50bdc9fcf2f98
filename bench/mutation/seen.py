"""What the tests do when nothing is changed: how long each takes, and what it enters."""

import sys
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from types import FrameType


@dataclass
class Entered:
    """Notes which functions of some files are entered while it is in force.

    Parameters
    ----------
    modules : mapping
        Modules by the path of their source.
    """

    modules: Mapping[str, str]
    functions: set[str] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        del event, argument
        module = self.modules.get(frame.f_code.co_filename)
        if module:
            self.functions.add(f"{module}.{outermost(frame.f_code.co_qualname)}")

    def __enter__(self) -> set[str]:
        sys.settrace(self)
        return self.functions

    def __exit__(self, *raised: object) -> None:
        sys.settrace(None)


def outermost(name: str) -> str:
    """Name the function or method within which a code object stands.

    Examples
    --------
    >>> outermost("Design.check.<locals>.<lambda>")
    'Design.check'
    """
    return name.partition(".<locals>")[0]


@dataclass(frozen=True)
class Seen:
    """Tests as they are.

    Attributes
    ----------
    names : list of str
    seconds : list of float
        CPU time of each.
    entering : dict
        For each function, by its full name, the places of the tests that enter it.
    failed : list of str
    """

    names: list[str]
    seconds: list[float]
    entering: dict[str, list[int]]
    failed: list[str]

    def of_function(self, function: str) -> list[int]:
        """List the tests that enter a function, the quickest first."""
        return self._quickest_first(set(self.entering.get(function, [])))

    def of_module(self, module: str) -> list[int]:
        """List the tests that enter a module, and its own, which may only read its constants."""
        within = [places for name, places in self.entering.items() if name.startswith(f"{module}.")]
        file = f"/test_{module.rsplit('.', 1)[-1]}.py::"
        own = {place for place, name in enumerate(self.names) if file in name}
        return self._quickest_first(own.union(*within))

    def _quickest_first(self, places: set[int]) -> list[int]:
        return sorted(places, key=lambda place: (self.seconds[place], place))

    def within(self, places: list[int], budget: float) -> tuple[list[int], float]:
        """Leave out the tests past so many CPU seconds, but for the first, and add up the rest."""
        ends = list(accumulate(self.seconds[place] for place in places))
        n_run = max(bisect_right(ends, budget), min(1, len(places)))
        return places[:n_run], ends[n_run - 1] if n_run else 0.0
