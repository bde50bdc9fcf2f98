"""The priority: a weighted mean of parts from 0 to 1, each shown with what it came from.

It orders work and implies nothing about causality. Every part can be computed by hand from the
fields of the signal. A part whose number is not known counts for nothing: it is neither 0 nor 1,
and its weight is left out. The arguments for the parts are in docs/decisions/0012.

Parts are computed for many signals at once, from arrays, in which NaN stands for unknown.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surveillance.configuration.types import Weights
from surveillance.domain.signal import PriorityPart

Floats = NDArray[np.float64]

BITS_OF_FULL_STRENGTH = 3.0  # the lower limit: at least eight times what was expected
DIGITS_OF_FULL_STRENGTH = 4.0  # of a chance: once in ten thousand times
BITS_OF_FULL_SIZE = 4.0  # the estimate: sixteen times
BITS_OF_FULL_IMPACT = 7.0  # a hundred and twenty-seven cases beyond what was expected
SERIOUS_AT_MOST = 0.7  # a pair without deaths stays below one with
MONTHS_NEW = 24.0  # as long as periodic safety reports are due every six months
DAYS_A_MONTH = 30.4375
N_DIGITS = 4  # of a part, so that it can be checked by hand

POSITIVE = (
    "strength", "size", "severity", "novelty", "impact", "trend", "quality", "spread",
    "plausibility",
)  # fmt: skip
NEGATIVE = ("stimulated", "indication")


class Facts(NamedTuple):
    """What is known of signals, an array each, or of one signal, a number each.

    What is not known is NaN. `usual_serious` and `usual_fatal` are the shares of serious and fatal
    cases among all reports of the log; `recent_expected` is what would have come since the
    beginning of the previous quarter if the cases of the pair had come in as all reports did.
    """

    evidence: Any  # lower limit of the IC, in bits; NaN before there is one
    n: Any
    expected: Any
    n_serious: Any
    n_fatal: Any
    usual_serious: Any
    usual_fatal: Any
    months_known: Any  # since the first report of the product
    n_recent: Any
    recent_expected: Any
    completeness: Any  # mean over the cases, after vigiGrade
    n_countries: Any  # NaN for a single one: the log may hold no other
    is_watched: Any  # 1 for an event of a watch list; NaN for all others
    is_listed: Any  # 1 in the label, 0 not in it; NaN without a label
    is_indication: Any  # 1, 0; NaN where no indications are known
    is_publicised: Any  # 1 where something was made public about it, else 0; NaN without a file


class Part(NamedTuple):
    """One part for many signals, and the numbers it came from."""

    value: Floats  # from 0 to 1; NaN where unknown
    basis: Floats


def parts(facts: Facts) -> dict[str, Part]:
    """Compute the parts of the priority of many signals.

    Parameters
    ----------
    facts : Facts
        Arrays of shape (n_signals,).

    Returns
    -------
    dict of str to Part
        By name, in the order of `POSITIVE` and `NEGATIVE`.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # no case, no share: unknown
        found = _uncut(facts)
    return {name: Part(_cut(part.value), part.basis) for name, part in found.items()}


def _uncut(facts: Facts) -> dict[str, Part]:
    beyond = np.log2((facts.n + 0.5) / (facts.expected + 0.5))
    recent = np.log2((facts.n_recent + 0.5) / (facts.recent_expected + 0.5))
    excess = np.maximum(facts.n - facts.expected, 0.0)
    strength = _strength(facts)
    return {
        "strength": Part(strength / BITS_OF_FULL_STRENGTH, strength),
        "size": Part(beyond / BITS_OF_FULL_SIZE, beyond),
        "severity": _severity(facts),
        "novelty": _novelty(facts),
        "impact": Part(np.log2(1 + excess) / BITS_OF_FULL_IMPACT, excess),
        "trend": Part(recent / BITS_OF_FULL_SIZE, recent),
        "quality": Part(facts.completeness, facts.completeness),
        "spread": Part(1 - 1 / facts.n_countries, facts.n_countries),
        "plausibility": Part(facts.is_watched, facts.is_watched),
        "stimulated": _stimulated(facts),
        "indication": Part(facts.is_indication, facts.is_indication),
    }


def _strength(facts: Facts) -> Floats:
    """Return bits: the lower limit of the IC; of a watched event what its chance is worth, if more.

    No lower limit of one case can be above 0, however improbable that case is without the product.
    What is looked at from the first case on is as strong as it is improbable (0012).
    """
    evidence = np.array(facts.evidence, np.float64)
    watched = np.flatnonzero(np.equal(facts.is_watched, 1.0))
    if watched.size:
        from scipy.special import gammainc  # noqa: PLC0415 - slow to load, and seldom needed

        n, expected = np.asarray(facts.n)[watched], np.asarray(facts.expected)[watched]
        digits = -np.log10(gammainc(n, expected))  # of so many or more, by Poisson
        bits = digits * (BITS_OF_FULL_STRENGTH / DIGITS_OF_FULL_STRENGTH)
        evidence[watched] = np.fmax(evidence[watched], bits)
    return evidence


def _cut(values: Floats) -> Floats:
    cut: Floats = np.round(np.clip(values, 0.0, 1.0), N_DIGITS).astype(np.float64)
    return cut


def _severity(facts: Facts) -> Part:
    """Return how far serious and fatal cases go beyond what is usual in this log."""
    serious = _beyond_usual(facts.n_serious, facts.n, facts.usual_serious)
    fatal = _beyond_usual(facts.n_fatal, facts.n, facts.usual_fatal)
    value = SERIOUS_AT_MOST * serious + (1 - SERIOUS_AT_MOST) * fatal
    return Part(value, (facts.n_serious + facts.n_fatal) / facts.n)


def _beyond_usual(n_of_kind: Floats, n: Floats, usual: Floats) -> Floats:
    """Return the share beyond the usual one, after one usual report was added."""
    usual = np.nan_to_num(usual)
    return np.maximum((n_of_kind + usual) / (n + 1) - usual, 0.0)


def _novelty(facts: Facts) -> Part:
    """Return how new product and pair are; nothing is new about what the label lists.

    What a known label does not list stays new to some degree, however old product and pair are.
    """
    product = np.clip(1 - facts.months_known / MONTHS_NEW, 0.0, 1.0)
    pair = np.clip(facts.n_recent / facts.n, 0.0, 1.0)
    unlisted = np.where(facts.is_listed == 0, (1 + product + pair) / 3, (product + pair) / 2)
    value = np.where(facts.is_listed == 1, 0.0, unlisted)
    return Part(value, facts.months_known)


def _stimulated(facts: Facts) -> Part:
    """Return the share of the cases that are recent, of what was made public; else 0.

    Cases that had come before the last six months have not come because of what was read in them.
    """
    value = facts.is_publicised * np.clip(facts.n_recent / facts.n, 0.0, 1.0)
    return Part(value, value)


def scores(of: dict[str, Part], weights: Weights) -> Floats:
    """Return the priority of many signals, from 0 to 1.

    Parameters
    ----------
    of : dict of str to Part
        From `parts`.
    weights : Weights
        Of each part.
    """
    zeros = np.zeros(len(of["strength"].value))
    whole, above = zeros.copy(), zeros.copy()
    for name, part in of.items():
        weight = float(getattr(weights, name))
        value = weight * np.nan_to_num(part.value)
        if name in POSITIVE:
            whole += weight * ~np.isnan(part.value)
            above += value
        else:
            above -= value
    with np.errstate(over="ignore"):  # by the least of weights: cut to 0 or 1 below
        score = np.divide(above, whole, out=zeros, where=whole > 0)
    rounded: Floats = np.round(np.clip(score, 0.0, 1.0), N_DIGITS)
    return rounded


def shown(of: dict[str, Part], weights: Weights) -> list[tuple[PriorityPart, ...]]:
    """Return the parts of each signal, as it carries them.

    Parameters
    ----------
    of : dict of str to Part
        From `parts`.
    weights : Weights
        Of each part.

    Returns
    -------
    list of tuple of PriorityPart
        One for each signal.
    """
    columns = [_column(name, part, float(getattr(weights, name))) for name, part in of.items()]
    return list(zip(*columns, strict=True))


def _column(name: str, part: Part, weight: float) -> list[PriorityPart]:
    """Return one part of all signals: in columns, since there are many on a busy day."""
    basis = np.round(part.basis, N_DIGITS)
    return [
        PriorityPart(name=name, value=value, basis=seen, weight=weight)
        for value, seen in zip(_known(part.value), _known(basis), strict=True)
    ]


def _known(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - NaN
