"""Normal approximation to the information component of a BCPNN; `ic` is the measure to use."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.counts import Table
from detectors.elementary import LN2
from detectors.estimate import Estimate, first_reason, where_defined
from detectors.validation import require_between


def bcpnn_normal(table: Table, *, tail: float = 0.025) -> Estimate:
    r"""Approximate the information component and its interval by a normal posterior.

    This is what PhViD and vigipy give as BCPNN, for comparison with them. Use
    `detectors.disproportionality.ic.ic`, whose interval is exact, for anything else.

    Parameters
    ----------
    table : Table
        Counts of reports.
    tail : float, default: 0.025
        Probability beyond each limit, in (0, 0.5).

    Returns
    -------
    Estimate
        Base-2 logarithms. State: ``empty``, where there is no report at all.

    Raises
    ------
    ValueError
        If `tail` is out of range.

    Notes
    -----
    With *n* reports of the pair, margins :math:`n_1` and :math:`m_1` and total *N*, independent
    beta posteriors are taken for the product, Beta(:math:`1 + n_1, 1 + N - n_1`), the event,
    Beta(:math:`1 + m_1, 1 + N - m_1`), and the pair, Beta(:math:`1 + n, \gamma + N - n - 1`) with
    :math:`\gamma = (N + 2)^2 / ((1 + n_1)(1 + m_1))`, which makes the component 0 where there is no
    data [1]_ [2]_. Mean and variance of the logarithms of the three, differences of digamma and
    trigamma functions, give mean and variance of the component, as if pair and margins were
    independent; the limits are those of a normal distribution with that mean and variance.

    It is another quantity than the exact component. The prior is worth a whole report and not a
    half, the mean of a logarithm is taken where `ic` takes the logarithm of a mean, and the normal
    distribution is symmetric where the posterior of a small count has a long lower tail. On the
    17,189 pairs of the CAERS data the lower limits differ by 0.08 in the median and by 1.43 at
    most. The exact limit is above 0 for 257 pairs, this one for 149 of these, and for no other.

    References
    ----------
    .. [1] Bate A et al. (1998). A Bayesian neural network method for adverse drug reaction signal
       generation. European Journal of Clinical Pharmacology, 54(4), 315-321.
    .. [2] Gould AL (2003). Practical pharmacovigilance analysis strategies. Pharmacoepidemiology
       and Drug Safety, 12(7), 559-574.

    Examples
    --------
    vigipy 3.5.1 gives -0.169905871 for 3 reports of a pair among 19,917.

    >>> pair = Table(n_pair=3, n_product=3, n_event=41, n_total=19917)
    >>> round(float(bcpnn_normal(pair).lower), 9)
    -0.169905871
    """
    require_between("tail", tail, 0.0, 0.5)
    n, product, event, total = (
        values.astype(np.float64)
        for values in (table.n_pair, table.n_product, table.n_event, table.n_total)
    )
    state = first_reason(("empty", total == 0))
    pair = (1 + n, (total + 2) ** 2 / ((1 + product) * (1 + event)) + total - n - 1)
    margins = ((1 + product, 1 + total - product), (1 + event, 1 + total - event))
    mean, variance = _log_moments(*pair)
    for margin in margins:
        margin_mean, margin_variance = _log_moments(*margin)
        mean = mean - margin_mean
        variance = variance + margin_variance
    point = where_defined(mean / LN2, state)
    reach = -float(special.ndtri(tail)) * np.sqrt(variance) / LN2
    return Estimate(point=point, lower=point - reach, upper=point + reach, state=state)


def _log_moments(
    alpha: NDArray[np.float64], beta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and variance of the logarithm of a beta variable."""
    mean = special.psi(alpha) - special.psi(alpha + beta)
    variance = special.zeta(2.0, alpha) - special.zeta(2.0, alpha + beta)  # zeta(2, x): trigamma
    return np.asarray(mean), np.asarray(variance)
