"""Every detector by name, with what its reader has to know before believing it.

The contract suite runs over this dictionary: a detector that is not here is not tested, and a
module that is not here fails the suite.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from detectors.counts import Table
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from detectors.estimate import Estimate, Statistic, first_reason, where_defined
from detectors.sequential import poisson_maxsprt


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The parts of a sequential test.

    Attributes
    ----------
    design : callable
        Makes a design from a horizon, `alpha` and `min_events`.
    observation : callable
        Makes an observation from `events` and `expected`.
    init, step, recompute : callable
        As every sequential test has them.
    """

    design: Callable[..., Any]
    observation: Callable[..., Any]
    init: Callable[..., Any]
    step: Callable[..., Any]
    recompute: Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a detector is.

    Attributes
    ----------
    statistic : str
        What it computes.
    citation : str
        Where it is from.
    assumptions : tuple of str
        What has to hold for its numbers to mean what they say.
    smallest_count : int
        Fewest reports or events at which its result should be used.
    evaluate : callable, Table to Estimate or Statistic
        The statistic of every pair of a table.
    watch : Watch, optional
        The test look by look, for a sequential detector.
    """

    statistic: str
    citation: str
    assumptions: tuple[str, ...]
    smallest_count: int
    evaluate: Callable[[Table], Estimate | Statistic]
    watch: Watch | None = None


def _ic_of(table: Table) -> Estimate:
    return ic(table.n_pair, table.expected)


def _llr_of(table: Table) -> Statistic:
    state = first_reason(("no_expected", table.n_total == 0))
    expected = np.where(table.n_total == 0, 0.0, table.expected)
    llr = poisson_maxsprt.log_likelihood_ratio(table.n_pair, expected)
    return Statistic(value=where_defined(llr, state), state=state)


_REPORTS_ARE_INDEPENDENT = "reports are independent, and each counts once for a pair"
_NO_DENOMINATOR = "says nothing of incidence: nobody counts the patients who were not reported"
_OTHERS_ARE_COMPARABLE = "the other products' reports stand for the event's background"

CATALOGUE = MappingProxyType(
    {
        "prr": Description(
            statistic="proportional reporting ratio with Wald limits on the log scale",
            citation="Evans, Waller and Davis (2001), Pharmacoepidemiol Drug Saf 10:483-486",
            assumptions=(
                _REPORTS_ARE_INDEPENDENT,
                _OTHERS_ARE_COMPARABLE,
                _NO_DENOMINATOR,
                "counts are large enough for the logarithm to be near normal",
                "some reports of the product lack the event; else the interval is too short",
            ),
            smallest_count=3,
            evaluate=prr,
        ),
        "ror": Description(
            statistic="reporting odds ratio with Woolf limits on the log scale",
            citation="van Puijenbroek et al. (2002), Pharmacoepidemiol Drug Saf 11:3-10",
            assumptions=(
                _REPORTS_ARE_INDEPENDENT,
                _OTHERS_ARE_COMPARABLE,
                _NO_DENOMINATOR,
                "counts are large enough for the logarithm to be near normal",
            ),
            smallest_count=3,
            evaluate=ror,
        ),
        "chi_square": Description(
            statistic="chi-square with one degree of freedom, Yates' correction",
            citation="Yates (1934), J R Stat Soc Suppl 1:217-235",
            assumptions=(
                _REPORTS_ARE_INDEPENDENT,
                _OTHERS_ARE_COMPARABLE,
                _NO_DENOMINATOR,
                "expected counts are not far below 1; use an exact test there",
                "a deficit of reports counts like an excess",
            ),
            smallest_count=3,
            evaluate=chi_square,
        ),
        "ic": Description(
            statistic="information component with exact 95 % credibility limits, in bits",
            citation="Noren, Hopstadius and Bate (2013), Stat Methods Med Res 22:57-69",
            assumptions=(
                _REPORTS_ARE_INDEPENDENT,
                _OTHERS_ARE_COMPARABLE,
                _NO_DENOMINATOR,
                "the expected count is known without error",
                "a gamma prior worth half a report, observed and expected",
            ),
            smallest_count=3,
            evaluate=_ic_of,
        ),
        "poisson_maxsprt": Description(
            statistic="maximised Poisson log-likelihood ratio against an exact sequential boundary",
            citation="Kulldorff et al. (2011), Sequential Analysis 30:58-78",
            assumptions=(
                "events follow a Poisson process under the null",
                "the expected count is known without error",
                "horizon, alpha and least count were fixed before the first look",
                "type I error equals alpha with continuous looks, and is less with fewer",
            ),
            smallest_count=1,
            evaluate=_llr_of,
            watch=Watch(
                design=poisson_maxsprt.Design,
                observation=poisson_maxsprt.Observation,
                init=poisson_maxsprt.init,
                step=poisson_maxsprt.step,
                recompute=poisson_maxsprt.recompute,
            ),
        ),
    }
)
