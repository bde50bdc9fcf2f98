"""The national stream: spontaneous cases of numbered products, day by day.

The first product of a case decides what its events look like: some come from a profile of the
product's own, the others from the frequencies of all terms. A *null* product has no profile;
each of its cases borrows that of another product drawn by its frequency, so its events have
exactly the overall distribution, and no pair with it is associated.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surveillance.domain.case import Reporter, Role, Sex
from surveillance.simulate import vocabulary
from surveillance.simulate.scenario import Background

N_PRODUCTS_MAX = 6
N_EVENTS_MAX = 8
N_SERIOUS = 6  # kinds of seriousness, see `content`

ROLES: tuple[Role, ...] = ("suspect", "interacting", "concomitant")
_ROLE_SHARES = (0.2, 0.02, 0.78)  # of every product but the first, which is suspect
REPORTERS: tuple[Reporter, ...] = (
    "physician",
    "pharmacist",
    "other_professional",
    "consumer",
    "lawyer",
    "unknown",
)
_REPORTER_SHARES = (0.3, 0.08, 0.15, 0.42, 0.02, 0.03)
SEXES: tuple[Sex, ...] = ("female", "male", "unknown")
_SEX_SHARES = (0.56, 0.39, 0.05)
_SERIOUS_SHARES = (0.62, 0.22, 0.03, 0.03, 0.02, 0.08)  # in the order of `content.SERIOUSNESS`

Integers = NDArray[np.int64]


class Draft(NamedTuple):
    """One case as drawn: indices into the vocabularies."""

    products: list[int]
    roles: list[int]
    events: list[int]
    seriousness: int
    outcome: float  # in [0, 1)
    country: int
    reporter: int
    sex: int
    age_years: float
    onset_days: int  # before the case was first received
    is_second_report: bool


class Tables(NamedTuple):
    """Frequencies that hold for the whole stream."""

    product: NDArray[np.float64]  # cumulative
    lender: NDArray[np.float64]  # cumulative, over products that are not null
    term: NDArray[np.float64]  # cumulative
    rank: NDArray[np.float64]  # cumulative, over the places of a profile
    profile: Integers  # shape (n_products, profile_terms): terms, the most frequent first
    is_null: NDArray[np.bool_]  # shape (n_products,)


def tables(rng: Generator, background: Background) -> Tables:
    """Draw profiles, and which products are null.

    Parameters
    ----------
    rng : Generator
    background : Background

    Returns
    -------
    Tables
        Null products are chosen among the most reported eighth, where a false finding has a
        chance to be made.
    """
    n, terms = background.n_products, background.n_terms
    is_null = np.zeros(n, dtype=np.bool_)
    is_null[rng.choice(max(n // 8, background.n_nulls), background.n_nulls, replace=False)] = True
    profile = rng.integers(0, terms, (n, background.profile_terms))
    return Tables(
        product=zipf(n, background.products_exponent),
        lender=_cumulative(np.where(is_null, 0.0, _weights(n, background.products_exponent))),
        term=zipf(terms, background.terms_exponent),
        rank=zipf(background.profile_terms, 1.0),
        profile=profile,
        is_null=is_null,
    )


def zipf(n: int, exponent: float) -> NDArray[np.float64]:
    """Return the cumulative frequencies of ranks 1 to `n`, proportional to rank^-exponent.

    Examples
    --------
    >>> zipf(2, 1.0).round(3).tolist()
    [0.667, 1.0]
    """
    return _cumulative(_weights(n, exponent))


def _weights(n: int, exponent: float) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.arange(1, n + 1, dtype=np.float64) ** -exponent
    return weights


def _cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    whole: NDArray[np.float64] = np.cumsum(weights) / weights.sum()
    whole[-1] = 1.0
    return whole


def _shares(shares: tuple[float, ...]) -> NDArray[np.float64]:
    return _cumulative(np.array(shares))


def _pick(
    rng: Generator, cumulative: NDArray[np.float64], shape: int | tuple[int, int]
) -> Integers:
    return np.searchsorted(cumulative, rng.random(shape), side="right")


_ROLE = _shares(_ROLE_SHARES)
_REPORTER = _shares(_REPORTER_SHARES)
_SEX = _shares(_SEX_SHARES)
_SERIOUS = _shares(_SERIOUS_SHARES)
_COUNTRY = _shares(vocabulary.COUNTRY_SHARES)
_N_PRODUCTS = _shares(tuple(0.5**k for k in range(N_PRODUCTS_MAX)))
_N_EVENTS = _shares(tuple(0.6**k for k in range(N_EVENTS_MAX)))


def drafts(
    rng: Generator, n: int, background: Background, known: Tables, duplicate_links: float
) -> Iterator[Draft]:
    """Draw `n` cases.

    Parameters
    ----------
    rng : Generator
    n : int
    background : Background
    known : Tables
    duplicate_links : float
        Share of cases that are a second report of another.

    Yields
    ------
    Draft
        Products differ within a case, and so do events.
    """
    products = _pick(rng, known.product, (n, background.products_per_case or N_PRODUCTS_MAX))
    n_products = _sizes(rng, n, _N_PRODUCTS, background.products_per_case)
    n_events = _sizes(rng, n, _N_EVENTS, background.events_per_case)
    events = _events(rng, products[:, 0], background, known)
    rest = _rest(rng, n, duplicate_links)
    roles = _pick(rng, _ROLE, products.shape)
    rows = zip(
        products.tolist(), roles.tolist(), events.tolist(), n_products, n_events, strict=True
    )
    for (names, parts, terms, n_p, n_e), row in zip(rows, rest, strict=True):
        chosen = _differing(names, n_p, background.products_per_case, background.n_products)
        reported = _differing(terms, n_e, background.events_per_case, background.n_terms)
        parts[0] = 0  # the first product is suspect
        yield Draft(chosen, parts, reported, *row)


def _sizes(rng: Generator, n: int, cumulative: NDArray[np.float64], fixed: int | None) -> list[int]:
    drawn: list[int] = (_pick(rng, cumulative, n) + 1).tolist()
    return drawn if fixed is None else [fixed] * n


def _events(rng: Generator, first: Integers, background: Background, known: Tables) -> Integers:
    shape = (len(first), background.events_per_case or N_EVENTS_MAX)
    lender = _pick(rng, known.lender, len(first))
    whose = np.where(known.is_null[first], lender, first)
    own = known.profile[whose[:, None], _pick(rng, known.rank, shape)]
    is_own = rng.random(shape) < background.profile_share
    return np.where(is_own, own, _pick(rng, known.term, shape))


def _differing(drawn: list[int], n: int, fixed: int | None, n_all: int) -> list[int]:
    """Return the first `n` without repetitions; where `n` is fixed, fill up from the next ranks."""
    chosen = list(dict.fromkeys(drawn[:n]))
    candidate = chosen[-1]
    while fixed is not None and len(chosen) < fixed:
        candidate = (candidate + 1) % n_all
        if candidate not in chosen:
            chosen.append(candidate)
    return chosen


def _rest(
    rng: Generator, n: int, duplicate_links: float
) -> Iterator[tuple[int, float, int, int, int, float, int, bool]]:
    return zip(
        _pick(rng, _SERIOUS, n).tolist(),
        rng.random(n).tolist(),
        _pick(rng, _COUNTRY, n).tolist(),
        _pick(rng, _REPORTER, n).tolist(),
        _pick(rng, _SEX, n).tolist(),
        np.round(np.clip(rng.normal(52, 21, n), 0, 99)).tolist(),
        np.minimum(rng.geometric(1 / 45, n), 700).tolist(),
        (rng.random(n) < duplicate_links).tolist(),
        strict=True,
    )
