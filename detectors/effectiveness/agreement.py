"""Do the biomarker and the outcome go together: exact tests over few patients."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.validation import as_counts, as_numbers_within, refuse_where, require_one_index

GREATEST = 1e60
MOST_PATIENTS = 100
MOST_STATES = 3_000

Worse = Literal["fall", "rise"]
Scores = dict[int, int]  # number of arrangements by score


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How biomarker and outcome agree; NaN where `state` is not ``defined``.

    Attributes
    ----------
    state : str
        ``defined``; ``too_few`` below two patients; ``no_spread`` where no two patients differ in
        both; ``beyond_exact`` where the exact chance would take too long.
    n_patients : int
        Patients.
    n_comparable : int
        Pairs of patients that differ in both.
    concordance : float
        Share of these in which the patient with the worse biomarker had more events.
    p : float
        Exact chance of at least this agreement if biomarker and outcome have nothing to do with
        each other.
    least_p : float
        Smallest `p` that these values could have given: where it is not small, no agreement,
        however perfect, could have been shown.
    """

    state: str
    n_patients: int
    n_comparable: int
    concordance: float
    p: float
    least_p: float


def agreement(change: ArrayLike, events: ArrayLike, *, worse: Worse = "fall") -> Agreement:
    r"""Test whether the patients whose biomarker got worse are those who had events.

    Parameters
    ----------
    change : array_like of float, shape (n_patients,)
        Change of each patient's biomarker.
    events : array_like of whole numbers, of the same shape
        Events of each patient in the same time, or 0 and 1.
    worse : {"fall", "rise"}, default: "fall"
        Which change is the bad one.

    Returns
    -------
    Agreement
        Concordance and exact *p*. States: ``too_few``, ``no_spread``, ``beyond_exact``.

    Raises
    ------
    ValueError
        If shapes differ, a value is missing or out of range, there are more than 100 patients, or
        `worse` is neither.

    Notes
    -----
    The score is that of Kendall [1]_: concordant less discordant pairs. Its law given the values,
    all pairings of biomarkers with outcomes equally likely, is counted in whole numbers, ties
    included; *p* is the quotient of two of them. With events 0 and 1 the concordance is the area
    under the curve and the test that of Wilcoxon; with a biomarker of 0 and 1 too it is Fisher's
    exact test of the table of patients.

    Where one of the two has no ties the law is a product of Gaussian binomials; else it is counted
    over what is left of one of them, if that has at most 3,000 ways. The chance is for patients
    followed for the same time: with other times, more events are no worse outcome.

    References
    ----------
    .. [1] Kendall MG (1938). A new measure of rank correlation. Biometrika, 30(1-2), 81-93.

    Examples
    --------
    Five patients; the two whose biomarker fell most had the events:

    >>> found = agreement([-30.0, -22.0, -4.0, 1.0, 3.0], [2, 1, 0, 0, 0])
    >>> found.concordance, round(found.p, 4)
    (1.0, 0.05)
    """
    require_one_index(change=change, events=events)
    bad, outcome = _checked(change, events, worse)
    n = len(bad)
    comparable, score = _score(bad, outcome)
    if n < 2:  # noqa: PLR2004 - a pair
        return _undefined("too_few", n)
    if comparable == 0:
        return _undefined("no_spread", n)
    law = _law(bad, outcome)
    if law is None:
        return _undefined("beyond_exact", n)
    total = sum(law.values())
    return Agreement(
        state="defined",
        n_patients=n,
        n_comparable=comparable,
        concordance=(comparable + score) / (2 * comparable),
        p=float(Fraction(sum(ways for s, ways in law.items() if s >= score), total)),
        least_p=float(Fraction(law[max(law)], total)),
    )


def _checked(change: ArrayLike, events: ArrayLike, worse: str) -> tuple[list[float], list[int]]:
    moved = as_numbers_within("change", change, low=-GREATEST, high=GREATEST)
    refuse_where(np.isnan(moved), "change", moved, "must not be missing")
    counts = as_counts("events", events)
    if moved.ndim != 1 or moved.shape != counts.shape or moved.size > MOST_PATIENTS:
        shapes = f"{moved.shape} and {counts.shape}"
        raise ValueError(f"change and events have shapes {shapes}: must be one row of at most 100")
    if worse not in {"fall", "rise"}:
        raise ValueError(f"worse is {worse!r}: must be 'fall' or 'rise'")
    bad = -moved if worse == "fall" else moved
    return bad.tolist(), counts.tolist()


def _undefined(state: str, n_patients: int) -> Agreement:
    return Agreement(
        state=state,
        n_patients=n_patients,
        n_comparable=0,
        concordance=math.nan,
        p=math.nan,
        least_p=math.nan,
    )


def _score(first: Sequence[float], second: Sequence[int]) -> tuple[int, int]:
    """Count the pairs that differ in both, and concordant less discordant ones."""
    signs = [
        (first[i] > first[j]) - (first[i] < first[j])
        if second[i] > second[j]
        else (first[j] > first[i]) - (first[j] < first[i])
        for i in range(len(first))
        for j in range(i)
        if second[i] != second[j]
    ]
    return sum(map(abs, signs)), sum(signs)


def _law(first: Sequence[float], second: Sequence[int]) -> Scores | None:
    sizes = [[ways for _, ways in sorted(Counter(values).items())] for values in (first, second)]
    tied = [max(one) > 1 for one in sizes]
    if not all(tied):
        return _untied(sizes[0] if tied[0] else sizes[1])
    states = [math.prod(size + 1 for size in one) for one in sizes]
    kept, other = (0, 1) if states[0] < states[1] else (1, 0)
    return _counted(sizes[other], sizes[kept]) if states[kept] <= MOST_STATES else None


def _untied(sizes: Sequence[int]) -> Scores:
    """Count orders of groups by inversions between them, with Gaussian binomials."""
    ways, before = [1], 0
    for size in sizes:
        for i in range(1, size + 1):
            ways = _divided(_multiplied(ways, before + i), i)
        before += size
    top = len(ways) - 1
    return {top - 2 * inversions: count for inversions, count in enumerate(ways)}


def _multiplied(ways: list[int], power: int) -> list[int]:
    """Multiply a polynomial by 1 - q**power."""
    return [a - b for a, b in zip(ways + [0] * power, [0] * power + ways, strict=True)]


def _divided(ways: list[int], power: int) -> list[int]:
    """Divide a polynomial by 1 - q**power, without remainder."""
    found = list(ways)
    for i in range(power, len(found)):
        found[i] += found[i - power]
    return found[: len(found) - power]


def _counted(groups: Sequence[int], sizes: Sequence[int]) -> Scores:
    """Deal the values of one to the groups of the other, from the lowest group up."""
    laws: dict[tuple[int, ...], Scores] = {(0,) * len(sizes): {0: 1}}
    for group in groups:
        following: dict[tuple[int, ...], Scores] = {}
        for used, law in laws.items():
            left = tuple(size - u for size, u in zip(sizes, used, strict=True))
            for dealt in _deals(group, left):
                ways = math.prod(math.comb(m, k) for m, k in zip(left, dealt, strict=True))
                gain = _gain(used, dealt)
                after = tuple(u + k for u, k in zip(used, dealt, strict=True))
                scores = following.setdefault(after, {})
                for score, count in law.items():
                    scores[score + gain] = scores.get(score + gain, 0) + count * ways
        laws = following
    (law,) = laws.values()
    return law


def _deals(group: int, left: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(left) == 1:
        if group <= left[0]:
            yield (group,)
        return
    for k in range(min(group, left[0]) + 1):
        for rest in _deals(group - k, left[1:]):
            yield (k, *rest)


def _gain(used: tuple[int, ...], dealt: tuple[int, ...]) -> int:
    """Count earlier values that are lower, less those that are higher."""
    return sum(k * (sum(used[:i]) - sum(used[i + 1 :])) for i, k in enumerate(dealt))
