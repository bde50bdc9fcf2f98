"""A first priority: a weighted mean of parts from 0 to 1, each shown with the signal.

It orders work and implies nothing about causality. Every part can be recomputed by hand
from the fields of the signal.
"""

from __future__ import annotations

from collections.abc import Sequence

from surveillance.configuration.types import Weights
from surveillance.domain.signal import PriorityPart, Support

EVIDENCE_AT_FULL = 4.0  # bits: sixteen times what was expected counts as full evidence
SERIOUS_AT_MOST = 0.7  # a pair without deaths stays below one with


def parts(
    weights: Weights,
    *,
    evidence: float,
    n: int,
    n_serious: int,
    n_fatal: int,
    support: Sequence[Support],
    n_criteria: int,
    uncounted: frozenset[str] = frozenset(),
    is_sentinel: bool,
) -> tuple[PriorityPart, ...]:
    """Compute the parts of the priority.

    Parameters
    ----------
    weights : Weights
        Weight of each part.
    evidence : float
        Lower limit of the IC, or base-2 logarithm of the rate ratio; in bits.
    n, n_serious, n_fatal : int
        Cases or events, and how many were serious or fatal.
    support : sequence of Support
        Criteria that were ever met.
    n_criteria : int
        Criteria that every pair could meet by a disproportion or an excess.
    uncounted : frozenset of str
        Criteria outside that number: sentinel events, bare counts, and tests of a family that
        not every pair belongs to.
    is_sentinel : bool
        Whether the pair is on a list of sentinel events.

    Returns
    -------
    tuple of PriorityPart
        Evidence, severity, growth, corroboration, sentinel.
    """
    n_standing = sum(item.is_standing and item.criterion not in uncounted for item in support)
    n_first = min((item.n for item in support), default=n)
    severity = 1.0 if n_fatal else SERIOUS_AT_MOST * n_serious / n if n else 0.0
    values = (
        ("evidence", min(max(evidence / EVIDENCE_AT_FULL, 0.0), 1.0), weights.evidence),
        ("severity", severity, weights.severity),
        ("growth", 1 - n_first / n if n else 0.0, weights.growth),
        ("corroboration", min(n_standing / max(n_criteria, 1), 1.0), weights.corroboration),
        ("sentinel", float(is_sentinel), weights.sentinel),
    )
    return tuple(PriorityPart(name=name, value=max(v, 0.0), weight=w) for name, v, w in values)


def score(of: Sequence[PriorityPart]) -> float:
    """Return the weighted mean of the parts, from 0 to 1."""
    whole = sum(part.weight for part in of)
    return sum(part.value * part.weight for part in of) / whole if whole else 0.0
