"""How long it takes to see that an effect is lost, and what patients who differ do to it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts are loaded when they are used
from scipy import special

from detectors.effectiveness.limits import LOWEST, Crossing, upper_crossing
from detectors.effectiveness.paths import MOST_PACED, Paths, Stretch, deadlines
from detectors.effectiveness.process import LONGEST_HORIZON, Process, wait, weighted
from detectors.effectiveness.response import LEAST_ALPHA, require_dispersion
from detectors.validation import require_between

MOST_PATIENTS = 1_000_000
LEAST_RATE, GREATEST_RATE = 1e-9, 1e9
ROOT_ERROR = 1e-12


@dataclass(frozen=True, kw_only=True)
class TimeToDetect:
    """What it takes to see a loss of effect; times NaN where `state` is not ``defined``.

    Attributes
    ----------
    state : {"defined", "not_reached", "beyond_exact"}
        Whether the power can be reached; if not, either at no length of observation whatever, or
        at none that is computed (500 events expected with the effect, 600 without).
    critical_value : float
        Log-likelihood ratio that signals.
    horizon : float
        Patient-years by which the power is reached: how long to plan the watch for.
    attained_size : float
        Type I error by the horizon if the effect is kept.
    power : float
        Chance of a signal by the horizon if the effect is lost.
    expected : float
        Mean patient-years from the loss to the signal or the horizon.
    expected_given_signal : float
        Mean patient-years from the loss to the signal, where there is one.
    limiting_power : float
        Most power that any test has, however long it observes; 1 if all patients are alike.
    """

    state: Literal["defined", "not_reached", "beyond_exact"]
    critical_value: float
    horizon: float
    attained_size: float
    power: float
    expected: float
    expected_given_signal: float
    limiting_power: float


def time_to_detect(
    *,
    n_patients: int,
    natural_rate: float,
    effect: float,
    remaining_effect: float = 0.0,
    dispersion: float = math.inf,
    alpha: float = 0.01,
    power: float = 0.9,
) -> TimeToDetect:
    r"""Compute how much observation shows that an effect on events is lost.

    Parameters
    ----------
    n_patients : int
        Patients, all followed for the same time, from 1 to 1,000,000.
    natural_rate : float
        Events per patient-year without the therapy, in [1e-9, 1e9].
    effect : float
        Share of the events that the therapy prevents, in (0, 1).
    remaining_effect : float, default: 0
        Share that it prevents after the loss, in [0, `effect`). 0 is a complete loss.
    dispersion : float, default: inf
        Shape *k* of the gamma law of the rates of patients, each drawn once; the variance of the
        number of events with mean *m* is :math:`m + m^2 / k`. Infinite: patients are alike.
    alpha : float, default: 0.01
        Type I error of the watch by the horizon, in [1e-9, 1).
    power : float, default: 0.9
        Chance to see the loss by the horizon, in (`alpha`, 1).

    Returns
    -------
    TimeToDetect
        Shortest horizon with this power, and when the signal is to be expected. States:
        ``not_reached`` where patients differ so much that no test has this power,
        ``beyond_exact`` where the boundary is too long to compute.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The watch is that of `response`: losses against those expected with the effect kept, rate ratio
    ``(1 - remaining_effect) / (1 - effect)`` after the loss, looks continuous, the effect lost from
    the start. For a given critical value the power rises with the horizon; the one with the power
    asked for is a root, and a second root finds the critical value of which the size by then is
    alpha. Both sizes are exact; nothing is simulated.

    With equal follow-up the sum of *n* gamma rates of shape *k* is a gamma rate of shape *n k*, so
    patients who differ make a single process with that dispersion. The population mean is taken as
    known; the rate of each patient is not. Then a lasting high rate may be a loss of effect or a
    patient who always had many events, and no length of observation tells which: a test that knew
    the summed rate exactly would have the power ``limiting_power``, by the lemma of Neyman and
    Pearson. A patient's own count before the therapy lowers the spread; see `biomarker` for the
    same idea on levels. With follow-up of different lengths the sum is no gamma law; the result is
    then an approximation.

    Examples
    --------
    2.4 hyperammonaemic events per patient-year without, 80 % fewer with the therapy:

    >>> found = time_to_detect(n_patients=5, natural_rate=2.4, effect=0.8)
    >>> round(found.horizon, 2), round(found.expected, 2)
    (5.21, 2.39)
    """
    _require(n_patients, natural_rate, effect, remaining_effect, alpha, power)
    require_dispersion(dispersion)
    kept_rate = natural_rate * (1.0 - effect)
    lost = Process(dispersion * n_patients, (1.0 - remaining_effect) / (1.0 - effect))
    limiting = _limiting_power(lost, alpha)
    if limiting <= power:
        return _without_time("not_reached", limiting)
    try:
        llr, paths = _boundary(lost, alpha, power)
    except ValueError:
        return _without_time("beyond_exact", limiting)
    found: Crossing = upper_crossing(paths, lost)
    return TimeToDetect(
        state="defined",
        critical_value=llr,
        horizon=paths.stretches[-1].end / kept_rate,
        attained_size=_size(paths, lost),
        power=found.chance,
        expected=found.length / kept_rate,
        expected_given_signal=found.time_at_signal / kept_rate,
        limiting_power=limiting,
    )


def _require(
    n_patients: int,
    natural_rate: float,
    effect: float,
    remaining_effect: float,
    alpha: float,
    power: float,
) -> None:
    if not 1 <= n_patients <= MOST_PATIENTS or n_patients % 1:
        raise ValueError(f"n_patients is {n_patients}: must be whole, from 1 to {MOST_PATIENTS}")
    if not LEAST_RATE <= natural_rate <= GREATEST_RATE:
        raise ValueError(f"natural_rate is {natural_rate}: must be from 1e-9 to 1e9")
    require_between("effect", effect, 0.0, 1.0)
    if not 0 <= remaining_effect < effect:
        raise ValueError(
            f"remaining_effect is {remaining_effect}: must be below effect, not below 0"
        )
    if not LEAST_ALPHA <= alpha < 1:
        raise ValueError(f"alpha is {alpha}: must be from {LEAST_ALPHA} to below 1")
    require_between("power", power, alpha, 1.0)


def _limiting_power(lost: Process, alpha: float) -> float:
    shape = lost.dispersion
    if math.isinf(shape):
        return 1.0
    greatest = float(special.gammainccinv(shape, alpha))
    return float(special.gammaincc(shape, greatest / lost.rate_ratio))


def _without_time(state: Literal["not_reached", "beyond_exact"], limiting: float) -> TimeToDetect:
    return TimeToDetect(
        state=state,
        critical_value=math.nan,
        horizon=math.nan,
        attained_size=math.nan,
        power=math.nan,
        expected=math.nan,
        expected_given_signal=math.nan,
        limiting_power=limiting,
    )


def _boundary(lost: Process, alpha: float, power: float) -> tuple[float, Paths]:
    def overspent(llr: float) -> float:
        return _size(_paths(llr, lost, power), lost) - alpha

    if overspent(LOWEST) <= 0:  # one event decides, and alpha cannot be spent
        return 0.0, _paths(LOWEST, lost, power)
    high = 1.0
    while overspent(high) > 0:
        high *= 1.5
    root = float(scipy.optimize.brentq(overspent, LOWEST, high, xtol=ROOT_ERROR)) + 2 * ROOT_ERROR
    return root, _paths(root, lost, power)


def _paths(llr: float, lost: Process, power: float) -> Paths:
    """Follow silent paths until a lost effect has been seen with the power, and no further."""
    pace = lost.rate_ratio
    stretches: list[Stretch] = []
    silent, start = np.ones(1), 0.0
    for event, end in deadlines(llr, lost.dispersion, 1):
        after = wait(silent, pace * (end - start), event)
        if weighted(after, lost.weights(len(after), end, pace)) <= 1.0 - power:
            break
        stretches.append(Stretch(start=start, end=end, before=silent, after=after, event=event))
        silent, start = after, end
        if end > LONGEST_HORIZON or pace * end > MOST_PACED:
            raise ValueError("the power is not reached in the time that is computed")

    def missing(time: float) -> float:
        masses = wait(silent, pace * (time - start), event)
        return weighted(masses, lost.weights(len(masses), time, pace)) - (1.0 - power)

    last = float(scipy.optimize.brentq(missing, start, end, xtol=ROOT_ERROR * end))
    after = wait(silent, pace * (last - start), event)
    stretches.append(Stretch(start=start, end=last, before=silent, after=after, event=event))
    return Paths(stretches=tuple(stretches), pace=pace)


def _size(paths: Paths, lost: Process) -> float:
    return max(0.0, 1.0 - paths.silent(Process(lost.dispersion)))
