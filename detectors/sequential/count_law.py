"""Law of the events of one look, under the null or away from it, and its log-likelihood ratio.

Poisson, negative binomial of known dispersion, or binomial: each stays in its family when looks are
added up, and each has a log-likelihood ratio that is linear in the count.
"""

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE = 1e-30  # of the likeliest count's mass: what is left out on either side
GREATEST_MEAN = 1e4
LONGEST = 2**22  # counts of one law; more would need gigabytes


@dataclass(frozen=True)
class CountLaw:
    """Law of a count with a given mean.

    Attributes
    ----------
    mean : float
        Expected count, above 0.
    dispersion : float, default: inf
        Size *r* of the negative binomial, whose variance is ``mean + mean**2 / r``; above 0.
        Infinite is Poisson.
    trials : int, default: 0
        Trials of the binomial, each with chance ``mean / trials``; 0 is no binomial.

    Raises
    ------
    ValueError
        If a value is out of range, the mean is not below the number of trials, or both a
        dispersion and trials are given.
    """

    mean: float
    _: KW_ONLY
    dispersion: float = math.inf
    trials: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.mean < math.inf:
            raise ValueError(f"mean is {self.mean}: must be above 0, and finite")
        if not self.dispersion > 0:
            raise ValueError(f"dispersion is {self.dispersion}: must be above 0")
        if self.trials < 0 or self.trials % 1 != 0:
            raise ValueError(f"trials is {self.trials}: must be whole, and not negative")
        if self.trials and self.dispersion < math.inf:
            raise ValueError(
                f"dispersion is {self.dispersion}: must be infinite where trials count"
            )
        if self.trials and not self.mean < self.trials:
            raise ValueError(f"mean is {self.mean}: must be below trials, {self.trials}")

    def over(self, looks: int) -> "CountLaw":
        """Give the law of the sum over several looks.

        Parameters
        ----------
        looks : int
            Independent looks of this law, at least 1.

        Returns
        -------
        CountLaw
            The law of their total.

        Raises
        ------
        ValueError
            If `looks` is not whole, or below 1.
        """
        if not (looks >= 1 and looks % 1 == 0):
            raise ValueError(f"looks is {looks}: must be whole, and at least 1")
        return CountLaw(
            self.mean * looks, dispersion=self.dispersion * looks, trials=self.trials * looks
        )

    def changed(self, rate_ratio: float) -> "CountLaw":
        """Give the law when the rate has changed.

        Parameters
        ----------
        rate_ratio : float
            Mean over the mean before, above 0; of a binomial, odds over the odds before.

        Returns
        -------
        CountLaw
            The law after the change.
        """
        if not 0 < rate_ratio < math.inf:
            raise ValueError(f"rate_ratio is {rate_ratio}: must be above 0, and finite")
        growth = rate_ratio
        if self.trials:
            growth = rate_ratio / (1.0 + (rate_ratio - 1.0) * self.mean / self.trials)
        return CountLaw(self.mean * growth, dispersion=self.dispersion, trials=self.trials)


def weights(law: CountLaw, rate_ratio: float) -> tuple[float, float]:
    r"""Compute the log-likelihood ratio of one count as a line.

    Parameters
    ----------
    law : CountLaw
        Law under the null.
    rate_ratio : float
        Ratio *R* of the alternative, above 0; of a binomial, a ratio of odds.

    Returns
    -------
    per_event, per_look : float
        The ratio of count *x* is ``per_event * x - per_look``. Both are positive where *R* is above
        1, and negative below.

    Notes
    -----
    With mean :math:`\mu`: Poisson :math:`x \log R - (R - 1) \mu`; negative binomial of size *r*
    :math:`x \log R - (x + r) \log\frac{r + R \mu}{r + \mu}`; binomial of *n* trials
    :math:`x \log R - n \log(1 + (R - 1) \mu / n)`, as of Steiner et al. (2000) [1]_, where *R* is a
    ratio of odds, so that no chance passes 1.

    References
    ----------
    .. [1] Steiner SH, Cook RJ, Farewell VT, Treasure T (2000). Monitoring surgical performance
       using risk-adjusted cumulative sum charts. Biostatistics, 1(4), 441-452.

    Examples
    --------
    >>> per_event, per_look = weights(CountLaw(1.0), 2.0)
    >>> round(per_event, 6), per_look
    (0.693147, 1.0)
    """
    mean, size, change = law.mean, law.dispersion, rate_ratio - 1.0
    if law.trials:
        return math.log(rate_ratio), law.trials * math.log1p(change * mean / law.trials)
    if math.isinf(size):
        return math.log(rate_ratio), change * mean
    per_event = math.log1p(change * (size / (size + rate_ratio * mean)))
    return per_event, size * math.log1p(change * (mean / (size + mean)))


@dataclass(frozen=True, eq=False)
class Masses:
    """Chances of a count, beyond which nothing is left.

    Attributes
    ----------
    at : ndarray of float64, shape (n,)
        Chance of exactly *k*.
    tail : ndarray of float64, shape (n + 1,)
        Chance of *k* or more; the last is 0.
    below : ndarray of float64, shape (n,)
        Chance of *k* or fewer.
    """

    at: NDArray[np.float64]
    tail: NDArray[np.float64]
    below: NDArray[np.float64]


def masses(law: CountLaw) -> Masses:
    """Compute the chances of each count.

    Parameters
    ----------
    law : CountLaw
        Law of the count.

    Returns
    -------
    Masses
        Chances with a relative error near 1e-14, but for what is left out: counts less than 1e-30
        times as likely as the likeliest.

    Raises
    ------
    ValueError
        If the mean is above 10,000, or more than 4 million counts are likely.

    Notes
    -----
    Ratios of neighbours are multiplied out from the likeliest count, in a fixed order: no gamma
    function, and the same bits on every processor.

    Examples
    --------
    >>> masses(CountLaw(2.0)).at[:3].round(6)
    array([0.135335, 0.270671, 0.270671])
    """
    if law.mean > GREATEST_MEAN:
        raise ValueError(f"mean is {law.mean}: must be at most {GREATEST_MEAN:g}")
    mode = _mode(law)
    below = _run(1.0 / _growth(law, np.arange(mode - 1, -1, -1, dtype=np.float64)))[::-1]
    weight = np.concatenate((below, [1.0], _run_up(law, mode)))
    at = np.concatenate((np.zeros(mode - len(below)), weight / total(weight)))
    tail = np.concatenate((np.add.accumulate(at[::-1])[::-1], [0.0]))
    return Masses(at=at, tail=tail, below=np.add.accumulate(at))


def counted(chances: Masses) -> Masses:
    """Multiply each chance by its count.

    Parameters
    ----------
    chances : Masses
        Law of a count.

    Returns
    -------
    Masses
        Parts of the mean: of exactly *k*, of *k* or more, and of *k* or fewer events.

    Examples
    --------
    >>> counted(masses(CountLaw(2.0))).tail[:3].round(6)
    array([2.      , 2.      , 1.729329])
    """
    at = np.arange(len(chances.at)) * chances.at
    tail = np.append(np.add.accumulate(at[::-1])[::-1], 0.0)
    return Masses(at=at, tail=tail, below=np.add.accumulate(at))


def total(values: NDArray[np.float64]) -> float:
    """Add up from the first to the last: a library's sum adds in the order that suits it.

    Parameters
    ----------
    values : ndarray of float64
        Numbers, in any shape.

    Returns
    -------
    float
        Their sum.
    """
    return float(np.add.accumulate(values.ravel())[-1]) if values.size else 0.0


def _growth(law: CountLaw, k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance of k + 1 over that of k."""
    if law.trials:
        return (law.trials - k) / (k + 1.0) * (law.mean / (law.trials - law.mean))
    if math.isinf(law.dispersion):
        return law.mean / (k + 1.0)
    size = law.dispersion
    return (size + k) / (k + 1.0) * (law.mean / (size + law.mean))


def _mode(law: CountLaw) -> int:
    if law.trials:
        return math.floor((law.trials + 1) * (law.mean / law.trials))
    if math.isinf(law.dispersion):
        return math.floor(law.mean)
    return math.floor(max(0.0, law.mean * (1.0 - 1.0 / law.dispersion)))


def _run(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    chances = np.multiply.accumulate(ratios)
    return chances[chances > NEGLIGIBLE]


def _run_up(law: CountLaw, mode: int) -> NDArray[np.float64]:
    reach = 64
    while reach <= LONGEST:
        k = np.arange(mode, mode + reach, dtype=np.float64)
        if law.trials:
            k = k[k < law.trials]
        found = _run(_growth(law, k))
        if len(found) < reach:
            return found
        reach *= 4
    raise ValueError(f"more than {LONGEST} counts are likely: {law}")
