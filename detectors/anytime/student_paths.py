r"""Chance that evidence which knows no scale crosses by some value, by a recursion over one number.

With an unknown standard deviation evidence rests on the direction of the data alone, and on that
only through one score. Under any effect the score is a Markov chain, so that the chance of a
crossing, as a function of the score, is carried back from the last value to the first.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.elementary import exp, log

Floats = NDArray[np.float64]

ORDER: Final = 12  # nodes of a panel
NODES, WEIGHTS = special.roots_legendre(ORDER)
# Nodes that crowd at both ends of a panel, where an integrand may begin like a square root.
CROWDED = NODES * (1.5 - 0.5 * NODES * NODES)
CROWDED_WEIGHTS = WEIGHTS * 1.5 * (1.0 - NODES * NODES)
GROWTH: Final = 2.0  # of the panels away from a limit
PER_ROOT: Final = 1.6  # panels of the angle, which has a width of one over this root
TURNS: Final = 3  # later limits whose trace is followed; that of the next is sharper by far
_DEGREES = np.arange(ORDER)
_TO_SERIES = (_DEGREES[:, None] + 0.5) * WEIGHTS * special.eval_legendre(_DEGREES[:, None], NODES)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What the score can be after each value, and where it crosses; element 0 is the start.

    Attributes
    ----------
    information : tuple of float
        Square of the greatest score, 0 at the start and then rising.
    freedom : int
        Degrees of freedom of the scale at the start; each value adds one. 0 if the first value has
        to set the scale.
    highs : tuple of float
        The score crosses here and above; infinite where it cannot.
    is_two_sided : bool
        Whether it also crosses at minus `highs` and below.
    """

    information: tuple[float, ...]
    freedom: int
    highs: tuple[float, ...]
    is_two_sided: bool

    def room(self, k: int) -> tuple[float, float]:
        """Give the least and greatest score that have not crossed after value *k*."""
        edge = math.sqrt(self.information[k])
        high = min(edge, self.highs[k])
        return (-high if self.is_two_sided else -edge), high

    def increment(self, k: int) -> float:
        """Give the greatest change of the score by the value after value *k*."""
        return math.sqrt(self.information[k + 1] - self.information[k])


@dataclass(frozen=True, eq=False)
class _Panels:
    """Where a function is smooth, and the levels at which it is not."""

    breaks: Floats
    bends: Floats  # 1 where it begins like a square root at the left, -1 at the right, or 0
    levels: tuple[float, ...]

    def nodes(self) -> Floats:
        share, bend = 0.5 * (1.0 + NODES), self.bends[:, None]
        bent = np.where(bend > 0, share * share, 1.0 - (1.0 - share) * (1.0 - share))
        return self.breaks[:-1, None] + np.diff(self.breaks)[:, None] * np.where(bend, bent, share)


@dataclass(frozen=True, eq=False)
class _Function:
    """Several functions of the score, by Legendre series on panels."""

    panels: _Panels
    series: Floats  # of shape (n_functions, n_panels, ORDER)

    def at(self, scores: Floats) -> list[Floats]:
        breaks, last_panel = self.panels.breaks, len(self.panels.bends) - 1
        panel = np.clip(np.searchsorted(breaks, scores, side="right") - 1, 0, last_panel)
        low, bend = breaks[panel], self.panels.bends[panel]
        share = np.clip((scores - low) / (breaks[panel + 1] - low), 0.0, 1.0)
        bent = np.where(bend > 0, np.sqrt(share), 1.0 - np.sqrt(1.0 - share))
        x = 2.0 * np.where(bend, bent, share) - 1.0
        found = [series[:, 0][panel] for series in self.series]
        before, now = np.zeros_like(x), np.ones_like(x)
        for n in range(1, ORDER):
            before, now = now, ((2 * n - 1) * x * now - (n - 1) * before) / n
            for i, series in enumerate(self.series):
                found[i] += series[:, n][panel] * now
        return found


def crossing(chain: Chain, effect: float, *, fineness: float = 1.0) -> tuple[float, float]:
    r"""Compute the chance of a crossing, and how many values it takes.

    Parameters
    ----------
    chain : Chain
        Scores and limits.
    effect : float
        True mean in units of the standard deviation of a value.
    fineness : float, default: 1.0
        Makes panels smaller, to see the error.

    Returns
    -------
    float
        Chance of a crossing by the last value, with an absolute error below 2e-6.
    float
        Mean of the number of values where it crosses, and 0 elsewhere.

    Notes
    -----
    Let *c* be the score, :math:`I` its information and :math:`\nu` the degrees of freedom. Without
    an effect the next score is :math:`c \cos \varphi + \kappa \sin \varphi` with
    :math:`\kappa^2` the gain of information and the density of :math:`\varphi` proportional to
    :math:`\cos^{\nu - 1} \varphi`, as :math:`\sqrt{\nu} \tan \varphi` is Student's *t*. With an
    effect :math:`\delta` the law of the direction of all values has, against that without,
    the density ratio :math:`e^{-I \delta^2 / 2} G_\nu(\delta c) / G_\nu(0)`,
    :math:`G_\nu(x) = \int_0^\infty w^{\nu - 1} e^{-w^2 / 2 + x w} dw`, which depends on *c* alone:
    so the score stays a Markov chain, whose steps have the density above times the quotient of the
    ratios after and before.

    Integrals run over :math:`u = \tan(\varphi / 2)`, cut at every limit, so that only roots and
    quotients are needed. Where the next limit can just be reached the chance begins like a square
    root, and panels begin there.
    """
    last = len(chain.information) - 1
    later: _Function | None = None
    for k in range(last - 1, 0, -1):
        panels = _panels(chain, k, fineness)
        nodes = panels.nodes()
        found = _back(chain, k, nodes.ravel(), effect, later, fineness)
        values = np.array(found).reshape(2, *nodes.shape)
        later = _Function(panels, (values[:, :, None, :] * _TO_SERIES).sum(axis=-1))
    if chain.freedom > 0:
        chance, count = _back(chain, 0, np.zeros(1), effect, later, fineness)
        return float(chance[0]), float(count[0])
    return _after_first(chain, effect, later)


def log_tilt(freedom: int, x: Floats) -> Floats:
    r"""Compute how an effect changes the density of a score, on the log scale.

    Parameters
    ----------
    freedom : int
        Degrees of freedom, :math:`\nu`, at least 1.
    x : ndarray of float64, shape (n,)
        Effect times score.

    Returns
    -------
    ndarray of float64, shape (n,)
        Logarithm of :math:`G_\nu(x) / G_\nu(0)`, with an absolute error near 1e-11.
    """
    power, n_panels = freedom - 1, 12
    top = np.maximum(0.5 * (x + np.sqrt(x * x + 4.0 * power)), 0.0)
    root = np.sqrt(1.0 + power / (top * top)) if power else np.maximum(1.0, -x)
    width = 1.0 / root
    low = np.maximum(0.0, top - 9.5 * width)
    far = np.where(x < 0, 32.0 / math.sqrt(freedom), 0.0)  # the tail of a gamma density is longer
    high = top + width * (9.5 + far)
    shares = (np.arange(n_panels)[:, None] + 0.5 * (1.0 + NODES)).ravel() / n_panels
    w = low + (high - low) * shares[:, None]
    logs = w * (x - 0.5 * w) + (power * log(w) if power else 0.0)
    peak = logs.max(axis=0)
    weights = np.concatenate([WEIGHTS] * n_panels)[:, None] * (0.5 / n_panels)
    total = log((exp(logs - peak) * weights).sum(axis=0) * (high - low)) + peak
    at_zero = (0.5 * freedom - 1.0) * math.log(2.0) + float(special.gammaln(0.5 * freedom))
    return np.asarray(total - at_zero)


def _after_first(chain: Chain, effect: float, later: _Function | None) -> tuple[float, float]:
    """Take the first value, which without a scale tells by its sign alone."""
    edge = math.sqrt(chain.information[1])
    chance, count = 0.0, 0.0
    for sign in (1.0, -1.0):
        mass, score = float(special.ndtr(sign * effect)), sign * edge
        if chain.highs[1] <= (edge if chain.is_two_sided else score):
            chance, count = chance + mass, count + mass
        elif later is not None:
            more, longer = later.at(np.array([score]))
            chance, count = chance + mass * float(more[0]), count + mass * float(longer[0])
    return chance, count


def _back(
    chain: Chain, k: int, scores: Floats, effect: float, later: _Function | None, fineness: float
) -> tuple[Floats, Floats]:
    """Carry chance and number of values from after value k + 1 to after value k."""
    low, high = chain.room(k + 1)
    edge = math.sqrt(chain.information[k + 1])
    levels = later.panels.levels if later else (low, high)
    u, weights = _points(chain, k, scores, levels, effect, fineness)
    square = u * u
    cos, sin = (1.0 - square) / (1.0 + square), 2.0 * u / (1.0 + square)
    after = scores[:, None, None] * cos + chain.increment(k) * sin
    masses = weights * 2.0 / (1.0 + square) * _density(chain, k, scores, cos, after, effect)
    has_crossed = np.zeros(after.shape, dtype=np.bool_)
    if chain.highs[k + 1] < edge:
        has_crossed = (after >= high) | (after <= low if chain.is_two_sided else False)
    chance = np.where(has_crossed, masses, 0.0).sum(axis=(1, 2))
    count = (k + 1) * chance
    if later is None:
        return chance, count
    silent = np.where(has_crossed, 0.0, masses)
    more, longer = later.at(after)
    return (
        np.asarray(chance + (silent * more).sum(axis=(1, 2))),
        np.asarray(count + (silent * longer).sum(axis=(1, 2))),
    )


def _points(
    chain: Chain, k: int, scores: Floats, levels: tuple[float, ...], effect: float, fineness: float
) -> tuple[Floats, Floats]:
    """Nodes of tan(phi / 2) for each score, on panels cut where the next score meets a level."""
    freedom = chain.freedom + k
    n_even = max(
        4, math.ceil(fineness * PER_ROOT * math.sqrt(1.0 + freedom * (1.0 + effect * effect)))
    )
    cuts = [np.broadcast_to(np.linspace(-1.0, 1.0, n_even + 1), (scores.size, n_even + 1))]
    c, kappa = scores[:, None], chain.increment(k)
    for level in levels:
        square = kappa * kappa + c * c - level * level
        root, under = np.sqrt(np.maximum(square, 0.0)), level + c
        safe = np.where(under == 0.0, 1.0, under)
        for top in (kappa - root, kappa + root):
            is_met = (square >= 0.0) & (under != 0.0)
            cuts.append(np.clip(np.where(is_met, top / safe, 1.0), -1.0, 1.0))
    ends = np.sort(np.concatenate(cuts, axis=1), axis=1)
    half = 0.5 * np.diff(ends, axis=1)[..., None]
    return ends[:, :-1, None] + half * (1.0 + CROWDED), half * CROWDED_WEIGHTS


def _density(
    chain: Chain, k: int, scores: Floats, cos: Floats, after: Floats, effect: float
) -> Floats:
    """Density of the angle of the next value."""
    freedom, edge = chain.freedom + k, math.sqrt(chain.information[k + 1])
    ratio = special.gammaln(0.5 * (freedom + 1)) - special.gammaln(0.5 * freedom)
    logs = np.full(after.shape, float(ratio) - 0.5 * math.log(math.pi))
    if freedom > 1:
        logs = logs + (freedom - 1) * log(np.maximum(cos, 1e-300))
    if effect:
        before = log_tilt(freedom, effect * scores)[:, None, None]
        table = _tilt_table(freedom + 1, abs(effect) * edge)
        gain = effect * chain.increment(k)
        logs = logs + table.at(effect * after)[0] - before - 0.5 * gain * gain
    return exp(np.asarray(logs))


def _tilt_table(freedom: int, reach: float) -> _Function:
    breaks = np.linspace(-reach, reach, 2 * max(1, math.ceil(2.5 * reach)) + 1)
    panels = _Panels(breaks, np.zeros(breaks.size - 1), ())
    nodes = panels.nodes()
    values = log_tilt(freedom, nodes.ravel()).reshape(1, *nodes.shape)
    return _Function(panels, (values[:, :, None, :] * _TO_SERIES).sum(axis=-1))


def _panels(chain: Chain, k: int, fineness: float) -> _Panels:
    low, high = chain.room(k)
    turns = list(_turns(chain, k))
    levels = (low, high, *turns)
    edge, step = math.sqrt(chain.information[k]), 0.5 * chain.increment(k) / fineness
    found = {level + sign * off for level in levels for off in _steps(step, 2.0 * edge)
             for sign in (-1.0, 1.0) if low < level + sign * off < high}  # fmt: skip
    breaks = [low]
    for place in sorted(found | set(levels)):
        if place - breaks[-1] > 1e-9 * edge:  # nearer ones are the same
            breaks.append(place)
    breaks[-1] = high
    ends = np.array(breaks)
    bends = np.zeros(ends.size - 1)
    for turn in _turns(chain, k, most=1):
        at = int(np.argmin(np.abs(ends - turn)))
        bends[min(at, bends.size - 1) if turn > 0 else max(0, at - 1)] = math.copysign(1.0, turn)
    return _Panels(ends, bends, levels)


def _turns(chain: Chain, k: int, most: int = TURNS) -> Iterator[float]:
    """Scores from which a later limit can just be reached, straight on."""
    low, high = chain.room(k)
    for later in range(k + 1, min(k + 1 + most, len(chain.highs))):
        gap = chain.information[later] - chain.information[k]
        if math.isfinite(chain.highs[later]) and chain.highs[later] ** 2 > gap:
            turn = math.sqrt(chain.highs[later] ** 2 - gap)
            yield from (x for x in (turn, -turn)[: 1 + chain.is_two_sided] if low < x < high)


def _steps(first: float, reach: float) -> Iterator[float]:
    while first < reach:
        yield first
        first *= GROWTH
