"""Fisher's exact test, to 12 digits however small the probability and however large the counts."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.counts import Table
from detectors.elementary import exp, log
from detectors.estimate import PValue, first_reason, where_defined
from detectors.hypergeometric import Cells, determinant, log_point, upper_sum

Reals = NDArray[np.float64]
Alternative = Literal["greater", "less", "two-sided"]

TIE = 1e-13  # ten times the rounding error of a logarithm of a point probability, per unit


def fisher(table: Table, *, alternative: Alternative = "greater", mid_p: bool = False) -> PValue:
    r"""Test independence of product and event, conditional on how often each was reported.

    Parameters
    ----------
    table : Table
        Counts of reports.
    alternative : {"greater", "less", "two-sided"}, default: "greater"
        More reports of the pair than under independence, fewer, or either.
    mid_p : bool, default: False
        Count half the probability of what is exactly as extreme as the table.

    Returns
    -------
    PValue
        Probabilities and their logarithms. State: ``empty``, where there is no report at all.

    Raises
    ------
    ValueError
        If `alternative` is something else.

    Notes
    -----
    Given the margins, the count *X* of the pair is hypergeometric under independence. The
    probability is :math:`P(X \ge a)`, :math:`P(X \le a)`, or, for both sides, the sum over the
    values of *X* that are not more probable than *a*. The mid-p value subtracts half of
    :math:`P(X = a)`, and for both sides half of the probability of every value that is as
    probable as *a* [2]_.

    Both numbers have 12 digits: the tail is summed outward from its greatest term, and where it is
    the larger one, as where *a* is below its expectation, the other is summed. Where the
    probability is below 1e-308, its logarithm still has 12 digits. With both sides, values on the
    far side that differ from :math:`P(X = a)` by less than 1e-13 :math:`(1 + |\log P(X = a)|)`,
    relatively, count as equal: ties are frequent where margins are symmetric, and rounding must not
    decide them. This is ten times the rounding error. R takes 1e-7, which joins values that differ
    where counts are large. Which neighbour is more probable is decided in whole numbers.

    Where the margins leave one table, because product or event was never reported or is in every
    report, that table is certain: the probability is 1, and 0.5 as a mid-p value. This is a fact,
    and the state is ``defined``.

    The test holds its level for any count, and wastes much of it where counts are small: a single
    report attains 0.05 only where less than about 0.05 is expected. The mid-p value wastes less and
    can exceed its level. Neither says how large the ratio is.

    References
    ----------
    .. [1] Fisher RA (1935). The logic of inductive inference. Journal of the Royal Statistical
       Society, 98(1), 39-82.
    .. [2] Lancaster HO (1961). Significance tests in discrete distributions. Journal of the
       American Statistical Association, 56(294), 223-234.

    Examples
    --------
    Of 8 cups of tea all are told right: 1 in 70.

    >>> round(float(fisher(Table(n_pair=4, n_product=4, n_event=4, n_total=8)).p * 70), 12)
    1.0

    The logarithm exists where the probability is too small for a double.

    >>> many = fisher(Table(n_pair=9000, n_product=9000, n_event=9000, n_total=18000))
    >>> float(many.p), round(float(many.log_p), 9)
    (0.0, -12471.524381319)
    """
    if alternative not in ("greater", "less", "two-sided"):
        rule = "must be 'greater', 'less' or 'two-sided'"
        raise ValueError(f"alternative is {alternative!r}: {rule}")
    state = first_reason(("empty", table.n_total == 0))
    cells = _cells_of(table)
    if alternative == "two-sided":
        p, log_p = _both_sides(cells, mid_p=mid_p)
    else:
        turn = np.full(cells.a.shape, alternative == "less")
        p, log_p = _one_side(cells.turned(turn), mid_p=mid_p)
    p, log_p = p.reshape(state.shape), log_p.reshape(state.shape)
    return PValue(p=where_defined(p, state), log_p=where_defined(log_p, state), state=state)


def _cells_of(table: Table) -> Cells:
    a, product, event, total = (
        values.ravel() for values in (table.n_pair, table.n_product, table.n_event, table.n_total)
    )
    return Cells(a, product - a, event - a, total - product - event + a)


def _one_side(cells: Cells, *, mid_p: bool) -> tuple[Reals, Reals]:
    """Give P(X >= a) and its logarithm."""
    is_lowest = np.minimum(cells.a, cells.d) == 0  # then the probability is 1
    is_below = (determinant(cells) < 0) & ~is_lowest
    is_above = ~is_below & ~is_lowest
    log_point_of_a = log_point(cells)
    log_p = np.zeros(log_point_of_a.shape)
    log_p[is_above] = log_point_of_a[is_above] + log(upper_sum(cells.where(is_above)))
    log_p[is_below] = special.log1p(-exp(log_point_of_a[is_below]) * _below(cells.where(is_below)))
    return _finished(log_p, log_point_of_a, np.full(log_p.shape, 0.5 if mid_p else 0.0))


def _below(cells: Cells) -> Reals:
    """Sum the probabilities of all values below a, in units of that of a."""
    a, b, c, d = (cell.astype(np.float64) for cell in cells)
    return a * d / ((b + 1) * (c + 1)) * upper_sum(_turned(cells.moved(-np.ones_like(cells.a))))


def _both_sides(cells: Cells, *, mid_p: bool) -> tuple[Reals, Reals]:
    """Give the sum of all probabilities that do not exceed that of a, and its logarithm."""
    cells = cells.turned(_is_rising(cells))  # so that a and all above it belong to the sum
    log_point_of_a = log_point(cells)
    steps, is_tied = _far_side(cells, log_point_of_a)
    log_p = log_point_of_a + log(upper_sum(cells))
    has_far = steps > 1
    far = cells.where(has_far).moved(-steps[has_far])
    log_far = log_point(far) + log(upper_sum(_turned(far)))
    log_p[has_far] = _log_of_sum(log_p[has_far], log_far)
    log_p[steps == 1] = 0.0  # no value is more probable than a
    weight = np.where(is_tied, 1.0, 0.5) if mid_p else np.zeros(log_p.shape)
    return _finished(log_p, log_point_of_a, weight)


def _is_rising(cells: Cells) -> NDArray[np.bool_]:
    """Say whether a + 1 is at least as probable as a, in whole numbers."""
    a, b, c, d = cells
    return np.asarray(determinant(Cells(a + 1, b, c, d + 1)) <= 0)


def _far_side(cells: Cells, log_point_of_a: Reals) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find how far below a the probabilities stop exceeding that of a (0: nowhere), and ties."""
    a, b, c, d = cells
    step = determinant(Cells(a, b + 1, c + 1, d))  # above 0 where a - 1 is more probable
    tie = TIE * (1 - log_point_of_a)
    greatest = log_point_of_a + tie
    steps = (step <= 0).astype(np.int64)  # so too where a is the least value, and certain
    is_tied, is_open = step == 0, step > 0
    lowest = np.minimum(a, d)
    is_open[is_open] = log_point(cells.where(is_open).moved(-lowest[is_open])) <= greatest[is_open]
    chosen = cells.where(is_open)
    steps[is_open] = _bisected(chosen, lowest[is_open], greatest[is_open])
    log_far = log_point(chosen.moved(-steps[is_open]))
    is_tied[is_open] = log_far >= log_point_of_a[is_open] - tie[is_open]
    return steps, is_tied


def _bisected(cells: Cells, lowest: NDArray[np.int64], greatest: Reals) -> NDArray[np.int64]:
    low, high = np.ones_like(lowest), lowest.copy()  # one step is too few, to the end is enough
    while (is_open := high - low > 1).any():
        middle = (low[is_open] + high[is_open]) // 2
        is_enough = log_point(cells.where(is_open).moved(-middle)) <= greatest[is_open]
        high[is_open] = np.where(is_enough, middle, high[is_open])
        low[is_open] = np.where(is_enough, low[is_open], middle)
    return high


def _turned(cells: Cells) -> Cells:
    return cells.turned(np.full(cells.a.shape, True))


def _log_of_sum(x: Reals, y: Reals) -> Reals:
    greater, less = np.maximum(x, y), np.minimum(x, y)
    return np.asarray(greater + special.log1p(exp(less - greater)))


def _finished(log_p: Reals, log_point_of_a: Reals, weight: Reals) -> tuple[Reals, Reals]:
    """Take off the mid-p part, `weight` times the probability of a."""
    log_p = np.minimum(log_p, 0.0)  # rounding may pass 1
    share = weight * exp(np.minimum(log_point_of_a - log_p, 0.0))
    log_p = log_p + special.log1p(-share)
    return exp(log_p), log_p
