"""The smallest critical value whose type I error is at most alpha.

The size of a boundary falls with its critical value *c*, much as :math:`e^{-c}` does. So its
logarithm is nearly straight, and a curve through the sizes that are known says where to compute
the next one. Each is exact, and moves one end of a bracket.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

LOWEST = 1e-9  # not 0: there the boundary is lost in rounding
HIGHEST = 50.0  # no critical value for an alpha of 1e-9 or more is near
ROOT_ERROR = 1e-12
MARGIN = 2 * ROOT_ERROR  # the error of a root must not cost alpha
ROUNDING = 2e-15  # of a size: a sum of some hundred chances, or one minus it
NOISE = 1e-14  # from here on the sign of a difference may be that of its rounding
N_NODES = 4  # of the curve
FEW = 16  # jumps; among so few a line is no better guide than halves
PATIENCE = 12  # sizes by the curve alone; then every other one halves the bracket


class Found(NamedTuple):
    """A critical value.

    Attributes
    ----------
    value : float
        The critical value.
    size : float
        Its type I error, at most alpha.
    """

    value: float
    size: float


def smallest_within(
    size: Callable[[float], float],
    alpha: float,
    *,
    jumps: Sequence[float] = (),
    is_step: bool = False,
    highest: float = HIGHEST,
) -> Found | None:
    """Find the smallest critical value whose size is at most alpha.

    Parameters
    ----------
    size : callable, float to float
        Falls with the critical value: continuously but for `jumps`, or by these alone.
    alpha : float
        Type I error, in (0, 1).
    jumps : sequence of float, rising
        Where it steps down: at the jump the size is still that of below.
    is_step : bool, default: False
        Whether it is constant between the jumps.
    highest : float, default: 50.0
        Greatest critical value to try.

    Returns
    -------
    Found or None
        The critical value, above the exact one by at most 2e-12 and the rounding of a size, near
        4e-15 over `alpha`. None if the size at 1e-9 is already below `alpha`.

    Raises
    ------
    ValueError
        If the size at `highest` is still above `alpha`.

    Examples
    --------
    >>> found = smallest_within(lambda c: math.exp(-c), 0.05)
    >>> round(found.value, 9), round(found.size, 9)
    (2.995732274, 0.05)
    """
    search = _Search(size, alpha, highest)
    inside = [c for c in jumps if LOWEST < c < highest]
    found = search.among(inside) if is_step else search.between(inside)
    return None if found.value == LOWEST and found.size < alpha else found


class _Search:
    """A bracket, above alpha at `low` and within alpha at `high`, and the sizes that are known.

    The ends at first are assumed: they are computed only when the search comes so far.
    """

    def __init__(self, size: Callable[[float], float], alpha: float, highest: float) -> None:
        self._size, self._alpha, self._highest = size, alpha, highest
        self.low, self.high = LOWEST, highest
        self._sizes: dict[float, float] = {}
        self._beyond = max(ROOT_ERROR, ROUNDING / 8 / alpha)

    def among(self, jumps: Sequence[float]) -> Found:
        """Find the jump after which the size is within alpha."""
        ends = [LOWEST, *(c + MARGIN for c in jumps), self._highest]
        first, last = 0, len(ends) - 1
        while last - first > 1:
            near = bisect_left(ends, self._across())
            if last - first <= FEW or self._is_slow():
                near = (first + last) // 2
            i = min(max(near, first + 1), last - 1)
            first, last = (first, i) if self._is_within(ends[i]) else (i, last)
        return self._ended()

    def between(self, jumps: Sequence[float]) -> Found:
        """Find the jump, or the root between two, where the size comes to be within alpha."""
        while jumps := [c for c in jumps if c < self.high and self.low < c + MARGIN]:
            at = self._middle() if self._is_slow() else self._across()
            jump = min(jumps, key=lambda c: abs(c - at))
            sides = [side for side in (jump, jump + MARGIN) if self.low < side < self.high]
            if not sides:
                return self._ended()
            self._is_within(sides[0] if at <= jump else sides[-1])
        # Beyond a jump the size is another function.
        self._sizes = {c: s for c, s in self._sizes.items() if self.low <= c <= self.high}
        while not self._is_near():
            value = self._middle() if self._is_slow() else self._along()
            if not self._is_within(value) and self._sizes[value] - self._alpha < NOISE:
                self._beyond *= 2
        return self._ended()

    def _is_within(self, value: float) -> bool:
        self._sizes[value] = size = self._size(value)
        if size <= self._alpha:
            self.high = value
        elif value < self._highest:
            self.low = value
        else:
            raise ValueError(f"no critical value up to {value} spends {self._alpha} or less")
        return size <= self._alpha

    def _ended(self) -> Found:
        for end in (self.high, self.low):
            if end not in self._sizes:
                self._is_within(end)
        return Found(self.high, self._sizes[self.high])

    def _is_slow(self) -> bool:
        return len(self._sizes) > PATIENCE and len(self._sizes) % 2 == 0

    def _is_near(self) -> bool:
        """Tell whether the higher end is near enough to the root."""
        if self.high not in self._sizes:
            return False
        near = self.high - max(MARGIN, 2 * ROUNDING / self._alpha)
        if self._alpha - self._sizes[self.high] <= ROUNDING or self.low >= near:
            return True
        nodes = self._nodes(self._sizes)[:2]
        return self.high in {value for _, value in nodes} and _through(nodes) >= near

    def _across(self) -> float:
        """Say where to compute a size that jumps: where a line through both ends is at alpha."""
        ends = {end: self._sizes[end] for end in (self.low, self.high) if end in self._sizes}
        return self._inside([_through(self._nodes(ends))])

    def _along(self) -> float:
        """Say where to compute a smooth size: a little beyond where a curve is at alpha."""
        nodes = self._nodes(self._sizes)
        roots = [_through(nodes[:n]) for n in (N_NODES, 2)]
        if self._sizes.get(self.low, math.inf) - self._alpha < NOISE:
            roots = [max(root, self.low) for root in roots]
        return self._inside(root + self._beyond for root in roots)

    def _inside(self, wished: Iterable[float]) -> float:
        """Take the first place that is within the bracket, else an end that is only assumed."""
        if not self._sizes:
            guess = 0.5 - math.log(self._alpha)
            return guess if guess < self.high else self._middle()
        value = math.nan
        for value in wished:
            if self.low < value < self.high:
                return value
        if value <= self.low and self.low not in self._sizes:
            return self.low
        if value >= self.high and self.high not in self._sizes:
            return self.high
        return self._middle()

    def _middle(self) -> float:
        return (self.low + self.high) / 2

    def _nodes(self, sizes: dict[float, float]) -> list[tuple[float, float]]:
        """List pairs of a size, scaled to be 0 at alpha, and its value; the nearest first."""
        alpha = _scaled(self._alpha)
        scaled = {_scaled(size) - alpha: value for value, size in sizes.items() if 0 < size < 1}
        return sorted(scaled.items(), key=lambda node: abs(node[0]))


def _scaled(size: float) -> float:
    return math.log(-math.log1p(-size))  # nearly straight, for great sizes too


def _through(nodes: Sequence[tuple[float, float]]) -> float:
    """Compute where a curve through nodes is 0, by Neville's scheme; through one, a line falls."""
    if not nodes:
        return math.inf
    if len(nodes) == 1:
        return sum(nodes[0])
    at, values = [y for y, _ in nodes], [value for _, value in nodes]
    for width in range(1, len(nodes)):
        values = [
            (at[i + width] * values[i] - at[i] * values[i + 1]) / (at[i + width] - at[i])
            for i in range(len(nodes) - width)
        ]
    return values[0]
