"""Two products and one event: is the event reported more with both than each alone explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.counts import Table
from detectors.disproportionality.ic import ic
from detectors.elementary import LN2
from detectors.estimate import Estimate, PValue, first_reason, where_defined
from detectors.subgroup.trio import Trio
from detectors.subgroup.zelen import Alternative, conditional_test
from detectors.validation import require_between
from detectors.wald import two_sided_z


def omega(trio: Trio, *, tail: float = 0.025) -> Estimate:
    r"""Estimate the interaction of two products with its exact credibility interval.

    Parameters
    ----------
    trio : Trio
        Counts of reports.
    tail : float, default: 0.025
        Probability beyond each limit, in [1e-5, 0.5). The default gives Omega025 and Omega975.

    Returns
    -------
    Estimate
        Base-2 logarithms: above 0 if there are more reports than each product alone explains.
        States: ``no_joint_report``, ``no_single_report``, ``no_comparator``, ``no_background``.

    Raises
    ------
    ValueError
        If `tail` is out of range.

    Notes
    -----
    With :math:`o_{11}, o_{10}, o_{01}, o_{00}` the odds of the event on reports of both products,
    of one alone and of neither, the relative reporting rate that is expected of both is

    .. math:: g_{11} = 1 - \frac{1}{\max(o_{00}, o_{10}) + \max(o_{00}, o_{01}) - o_{00} + 1},

    an additive baseline: the odds in excess of the background add up; an apparent protection by one
    product counts as none. Then :math:`\Omega = \log_2 \frac{n_{111} + 1/2}{E_{111} + 1/2}` with
    :math:`E_{111} = g_{11} n_{11\cdot}`, and limits from the gamma distribution with shape
    :math:`n_{111} + 1/2` and rate :math:`E_{111} + 1/2`, exactly as for the information component.
    The expected count is taken as known, so the limits are too narrow where one of the products has
    few reports alone.

    Products that multiply each other's odds interact on this scale. For that baseline see
    `exact_interaction`.

    References
    ----------
    .. [1] Noren GN, Sundberg R, Bate A, Edwards IR (2008). A statistical methodology for drug-drug
       interaction surveillance. Statistics in Medicine, 27(16), 3057-3070.

    Examples
    --------
    Odds of 1/99 without, and of 1/19 with one or the other product, explain 8.7 in 100.

    >>> trio = Trio(n_both=100, n_first=1000, n_second=1000, n_neither=10000,
    ...             event_both=20, event_first=50, event_second=50, event_neither=100)
    >>> found = omega(trio)
    >>> round(float(found.point), 4), round(float(found.lower), 4)
    (1.1576, 0.4562)
    """
    state = _omega_state(trio)
    found = ic(trio.event_both, _expected(trio), tail=tail)
    point, lower, upper = (where_defined(x, state) for x in (found.point, found.lower, found.upper))
    return Estimate(point, lower, upper, state)


def omega_normal(trio: Trio, *, confidence_level: float = 0.95) -> Estimate:
    r"""Estimate the interaction of two products with an approximate interval.

    Parameters
    ----------
    trio : Trio
        Counts of reports.
    confidence_level : float, default: 0.95
        Coverage of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Base-2 logarithms, with the states of `omega` and ``no_report`` where no report of both
        products has the event.

    Raises
    ------
    ValueError
        If `confidence_level` is out of range.

    Notes
    -----
    The limits are :math:`\Omega \pm z / (\log 2 \sqrt{n_{111}})`, as they are often quoted. They
    are there for comparison with published tables only: for three reports the lower limit differs
    by 0.4 bit from that of `omega`.

    References
    ----------
    .. [1] Noren GN, Sundberg R, Bate A, Edwards IR (2008). A statistical methodology for drug-drug
       interaction surveillance. Statistics in Medicine, 27(16), 3057-3070.
    """
    require_between("confidence_level", confidence_level, 0.0, 1.0)
    reasons = _omega_state(trio)
    state = first_reason(
        *((name, reasons == name) for name in _OMEGA_REASONS), ("no_report", trio.event_both == 0)
    )
    z = two_sided_z(confidence_level)
    point = where_defined(omega(trio).point, state)
    with np.errstate(divide="ignore"):  # without a report there is a state
        half = where_defined(z / (LN2 * np.sqrt(trio.event_both.astype(np.float64))), state)
    return Estimate(point, point - half, point + half, state)


def exact_interaction(trio: Trio, *, alternative: Alternative = "greater") -> PValue:
    """Test exactly whether the odds ratio of one product depends on the other.

    Parameters
    ----------
    trio : Trio
        Counts of reports.
    alternative : "greater" or "two-sided", default: "greater"
        A greater odds ratio in company than alone, or a different one.

    Returns
    -------
    PValue
        States: ``no_report`` (no report of the first product has the event), ``too_few_strata``
        (no comparison with the second product, or none without it), ``too_many_tables``.

    Raises
    ------
    ValueError
        If `alternative` is neither.

    Notes
    -----
    The conditional test of no three-way interaction in a 2 x 2 x 2 table: given every two-way
    margin, the table has one free count, whose distribution depends on the ratio of the odds ratios
    alone. It is Zelen's test [1]_ with two strata, the reports with and without the second product;
    both products play the same part. The baseline is multiplicative, that of `omega` additive: two
    products that each double the odds and together quadruple them interact there but not here.

    References
    ----------
    .. [1] Zelen M (1971). The analysis of several 2 x 2 contingency tables. Biometrika, 58(1),
       129-137.

    Examples
    --------
    >>> trio = Trio(n_both=4, n_first=4, n_second=4, n_neither=4,
    ...             event_both=4, event_first=1, event_second=1, event_neither=1)
    >>> round(float(exact_interaction(trio).p), 6)
    0.307692
    """
    if alternative not in {"greater", "two-sided"}:
        raise ValueError(f"alternative is {alternative!r}: must be 'greater' or 'two-sided'")
    with_second = Table(
        trio.event_both,
        trio.n_both,
        trio.event_both + trio.event_second,
        trio.n_both + trio.n_second,
    )
    without = Table(
        trio.event_first,
        trio.n_first,
        trio.event_first + trio.event_neither,
        trio.n_first + trio.n_neither,
    )
    names = ("n_pair", "n_product", "n_event", "n_total")
    stack = Table(*(np.array([getattr(t, name) for t in (with_second, without)]) for name in names))
    return conditional_test(stack, alternative=alternative)


@dataclass(frozen=True, eq=False)
class Interaction:
    """Two answers to whether two products interact.

    Attributes
    ----------
    omega : Estimate
        Against an additive baseline, with the exact interval.
    p_value : PValue
        Exact, against a multiplicative baseline.
    """

    omega: Estimate
    p_value: PValue


def interaction(
    trio: Trio, *, tail: float = 0.025, alternative: Alternative = "greater"
) -> Interaction:
    """Ask for the interaction of two products on both scales.

    Parameters
    ----------
    trio : Trio
        Counts of reports.
    tail : float, default: 0.025
        Probability beyond each limit of `omega`, in [1e-5, 0.5).
    alternative : "greater" or "two-sided", default: "greater"
        Of the exact test.

    Returns
    -------
    Interaction
        What `omega` and `exact_interaction` give.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    return Interaction(omega(trio, tail=tail), exact_interaction(trio, alternative=alternative))


_OMEGA_REASONS = ("no_joint_report", "no_single_report", "no_comparator", "no_background")


def _omega_state(trio: Trio) -> NDArray[np.str_]:
    return first_reason(
        ("no_joint_report", trio.n_both == 0),
        ("no_single_report", (trio.n_first == 0) | (trio.n_second == 0)),
        ("no_comparator", trio.n_neither == 0),
        ("no_background", trio.n_neither == trio.event_neither),
    )


def _expected(trio: Trio) -> NDArray[np.float64]:
    """Expect reports of both products with the event as if odds in excess added up."""
    groups = (
        (trio.event_neither, trio.n_neither),
        (trio.event_first, trio.n_first),
        (trio.event_second, trio.n_second),
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # odds may be infinite, or have a state
        neither, first, second = (
            events.astype(np.float64) / (reports - events) for events, reports in groups
        )
        odds = np.maximum(neither, first) + (np.maximum(neither, second) - neither)
        rate = np.where(np.isinf(odds), 1.0, odds / (1 + odds))
    return np.asarray(rate * trio.n_both)
