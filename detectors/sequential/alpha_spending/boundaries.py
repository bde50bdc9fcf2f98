"""Boundaries of the looks so far: what follows from them is remembered for every watch."""

from functools import lru_cache

from detectors.sequential.alpha_spending.paths import START, Paths, advanced, next_boundary

Boundaries = tuple[tuple[float, int], ...]  # events expected, and the least count that crosses


def paths_of(boundaries: Boundaries) -> Paths:
    """Give the paths that have not crossed at looks whose boundaries are known.

    Parameters
    ----------
    boundaries : tuple of tuple of float and int
        For each look the events expected to date, and the least count that crosses.

    Returns
    -------
    Paths
        After the last look; remembered, or followed again.
    """
    kept = _kept(boundaries)
    if not kept:  # a state from elsewhere
        paths, before = START, 0.0
        for expected, least in boundaries:
            paths, before = advanced(paths, expected - before, least), expected
        kept.append(paths)
    return kept[0]


@lru_cache(maxsize=16_384, typed=True)  # watches that look at the same times share a boundary
def next_of(
    known: Boundaries, expected: float, allowed: float, min_events: int
) -> tuple[Boundaries, float]:
    """Find the boundary of one more look.

    Parameters
    ----------
    known : tuple of tuple of float and int
        Boundaries of the looks before.
    expected : float
        Events expected at this one, more than at the last.
    allowed : float
        Type I error that may be spent by now.
    min_events : int
        Fewest events that may cross.

    Returns
    -------
    boundaries : tuple of tuple of float and int
        Those known, and that of this look.
    spent : float
        Type I error that they have spent together.
    """
    mean = expected - (known[-1][0] if known else 0.0)
    least, following = next_boundary(paths_of(known), mean, allowed, min_events=min_events)
    boundaries = (*known, (expected, least))
    _kept(boundaries)[:] = [following]
    return boundaries, following.spent


@lru_cache(maxsize=16_384)
def _kept(boundaries: Boundaries) -> list[Paths]:
    """Give the place of the paths that these boundaries leave; empty until they are computed."""
    return [] if boundaries else [START]
