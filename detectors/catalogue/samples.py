"""Made-up arguments to try detectors on that take something else than 2x2 tables."""

from typing import Any

import numpy as np

from detectors import calibration, subgroup
from detectors.counts import Table

SHARE_HIGH = 0.1  # of pairs, in the mixture
EVENTS_AND_EXPECTED = ((0, 0.1), (2, 0.3), (2, 0.9), (3, 0.9), (4, 2.5), (4, 7.0))  # look by look


def p_values(rng: np.random.Generator) -> dict[str, Any]:
    """Make p-values, some of them small.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"p": rng.random(50) ** 3, "alpha": 0.1}


def e_values(rng: np.random.Generator) -> dict[str, Any]:
    """Make e-values, some of them large.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"e": rng.pareto(1.0, 50), "alpha": 0.1}


def controls(rng: np.random.Generator) -> dict[str, Any]:
    """Make estimates of negative controls, with a common bias.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    se = rng.uniform(0.05, 0.5, 30)
    return {"log_rr": rng.normal(0.2, 0.3, 30) + se * rng.normal(size=30), "se": se}


def estimates(rng: np.random.Generator) -> dict[str, Any]:
    """Make estimates, and the null that they give.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {**controls(rng), "null": calibration.fit_null(**controls(rng))}


def reports(rng: np.random.Generator) -> dict[str, Any]:
    """Make reports of six products, the first of which raises the event.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    reports = rng.random((400, 6)) < np.array([0.5, 0.3, 0.2, 0.2, 0.1, 0.1])
    chance = 0.05 + 0.3 * reports[:, 0]
    return {"reports": reports.astype(np.int64), "event": rng.random(400) < chance}


def reports_and_products(rng: np.random.Generator) -> dict[str, Any]:
    """Make reports, and name the products that are looked at.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {**reports(rng), "products": [0, 1, 2]}


def strata(rng: np.random.Generator) -> dict[str, Any]:
    """Make tables of eight pairs in three strata.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    a, b, c, d = rng.integers(1, 30, size=(4, 3, 8))
    return {"tables": Table(a, a + b, a + c, a + b + c + d)}


def trio(rng: np.random.Generator) -> dict[str, Any]:
    """Make five pairs of products with an event.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    groups = ("both", "first", "second", "neither")
    reports = {f"n_{group}": rng.integers(20, 60, 5) for group in groups}
    events = {f"event_{group}": rng.binomial(reports[f"n_{group}"], 0.3) for group in groups}
    return {"trio": subgroup.Trio(**reports, **events)}


def by_event_and_product(rng: np.random.Generator) -> dict[str, Any]:
    """Make a table of eight events and three products.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"counts": rng.poisson(5.0, size=(8, 3)), "n_draws": 99, "rng": np.random.default_rng(1)}


def pairs(rng: np.random.Generator) -> dict[str, Any]:
    """Make pairs whose ratios are a mixture of two gamma distributions.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    expected = rng.lognormal(0.0, 1.5, 800)
    ratio = np.where(
        rng.random(800) < SHARE_HIGH, rng.gamma(2.0, 4.0, 800), rng.gamma(6.0, 1 / 6, 800)
    )
    n = rng.poisson(expected * ratio)
    return {"n": n[n > 0], "expected": expected[n > 0]}


def by_day(rng: np.random.Generator) -> dict[str, Any]:
    """Make days to onset, for five pairs.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"by_day": rng.multinomial(12, np.full(20, 0.05), size=5)}


def by_day_and_width(rng: np.random.Generator) -> dict[str, Any]:
    """Make days to onset, and a width.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {**by_day(rng), "width_days": 3}


def by_day_and_others(rng: np.random.Generator) -> dict[str, Any]:
    """Make days to onset of pairs and of other products.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {**by_day(rng), "others_by_day": rng.multinomial(60, np.full(20, 0.05))}


def by_period(rng: np.random.Generator) -> dict[str, Any]:
    """Make reports by period, for four pairs.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"by_period": rng.integers(0, 6, size=(4, 8)), "totals": rng.integers(100, 200, 8)}


def by_source(rng: np.random.Generator) -> dict[str, Any]:
    """Make reports by source, for four pairs.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {"by_source": rng.integers(0, 6, size=(4, 5))}


def by_source_and_all(rng: np.random.Generator) -> dict[str, Any]:
    """Make reports by source, of four pairs and of all.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    return {**by_source(rng), "all_by_source": rng.integers(50, 90, 5)}


def margins(rng: np.random.Generator) -> dict[str, Any]:
    """Make margins, and a criterion.

    Parameters
    ----------
    rng : Generator
        Source of randomness.

    Returns
    -------
    dict
        Arguments by name.
    """
    n_product = rng.integers(10, 40, 4)
    return {"decide": _is_high, "n_product": n_product, "n_event": 50, "n_total": 1_000}


def _is_high(table: Table) -> Any:  # noqa: ANN401 - an array of bool
    return table.n_pair > 3 * table.expected
