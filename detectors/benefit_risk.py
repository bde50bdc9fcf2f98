"""Benefit and risk together: is the harm low enough, and is enough of the effect left."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy import special

from detectors.validation import as_counts, require_between

LEAST, GREATEST = 1e-9, 1e12


@dataclass(frozen=True, kw_only=True)
class Harm:
    """Events of harm, and how many are acceptable.

    Attributes
    ----------
    events : int
        Events observed.
    patient_years : float
        Time at risk, in [0, 1e12].
    acceptable_rate : float
        Greatest rate per patient-year that the benefit is worth, in [1e-9, 1e12].
    """

    events: int
    patient_years: float
    acceptable_rate: float


@dataclass(frozen=True, kw_only=True)
class Responders:
    """Patients who still respond, and how many have to.

    Attributes
    ----------
    n_responding : int
        Patients who respond now.
    n_patients : int
        All who were looked at.
    required_share : float
        Least share that has to respond, in (0, 1).
    """

    n_responding: int
    n_patients: int
    required_share: float


@dataclass(frozen=True, kw_only=True)
class PreventedEvents:
    """Events that the therapy should prevent, and how many it still has to.

    Attributes
    ----------
    events : int
        Events observed under the therapy.
    patient_years : float
        Time under the therapy, in [0, 1e12].
    natural_rate : float
        Rate per patient-year without the therapy, in [1e-9, 1e12].
    required_effect : float
        Least share of the events that has to be prevented, in (0, 1).
    """

    events: int
    patient_years: float
    natural_rate: float
    required_effect: float


@dataclass(frozen=True)
class Gamma:
    """A prior of a rate per patient-year.

    Attributes
    ----------
    shape : float
        In [1e-9, 1e12]; may be read as earlier events.
    rate : float
        In [1e-9, 1e12]; may be read as earlier patient-years.
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        _require_proper("shape", self.shape)
        _require_proper("rate", self.rate)


@dataclass(frozen=True)
class Beta:
    """A prior of a share of patients.

    Attributes
    ----------
    successes, failures : float
        Its two shapes, in [1e-9, 1e12]; may be read as earlier patients.
    """

    successes: float
    failures: float

    def __post_init__(self) -> None:
        _require_proper("successes", self.successes)
        _require_proper("failures", self.failures)


@dataclass(frozen=True)
class Prior:
    """What was believed of harm and benefit before the data.

    Attributes
    ----------
    harm : Gamma
        Of the rate of harm.
    benefit : Beta or Gamma
        Of the share that responds, or of the rate of events under the therapy.
    """

    harm: Gamma
    benefit: Beta | Gamma


@dataclass(frozen=True, kw_only=True)
class Joint:
    """Chances that harm and benefit are acceptable.

    Attributes
    ----------
    p_harm_acceptable : float
        Chance that the rate of harm is at most the acceptable one.
    p_benefit_kept : float
        Chance that enough of the effect is left.
    p_both : float
        Chance of both, if harm and benefit are independent given the data.
    least, most : float
        Bounds of that chance whatever their dependence.
    harm_rate : float
        Posterior mean of the rate of harm.
    benefit : float
        Posterior mean of the share that responds, or of the share of events prevented.
    """

    p_harm_acceptable: float
    p_benefit_kept: float
    p_both: float
    least: float
    most: float
    harm_rate: float
    benefit: float


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """What the conclusion owes to the prior.

    Attributes
    ----------
    rows : tuple of tuple of str and Joint
        The result under each prior, in the order given.
    least, most : float
        Lowest and highest chance of both, independent, over the priors.
    is_decided_by_prior : bool
        Whether some priors reach the chance asked for and some do not.
    """

    rows: tuple[tuple[str, Joint], ...]
    least: float
    most: float
    is_decided_by_prior: bool


def joint(harm: Harm, benefit: Responders | PreventedEvents, *, prior: Prior) -> Joint:
    r"""Compute the chance that the harm is acceptable and the effect is kept.

    Parameters
    ----------
    harm : Harm
        Events of harm.
    benefit : Responders or PreventedEvents
        What is left of the effect.
    prior : Prior
        Proper priors; that of the benefit is a `Beta` for responders, a `Gamma` for events.

    Returns
    -------
    Joint
        Chances and means.

    Raises
    ------
    ValueError
        If a count, time, share or rate is out of range, or the prior of the benefit is of the wrong
        kind.

    Notes
    -----
    Conjugate and in closed form: the rate of harm has a gamma posterior, the share that responds a
    beta one, the rate of prevented events a gamma one, of which ``1 - rate / natural_rate`` is the
    effect; the natural rate is taken as known. Time or patients may be 0: then the prior answers.

    ``p_both`` is the product. The data of the two margins say nothing of their dependence: a
    patient with more editing may have more of both. ``least`` and ``most`` are the bounds of
    Frechet [1]_, which hold for any dependence. A decision should not rest on a product that the
    lower bound does not support.

    References
    ----------
    .. [1] Frechet M (1951). Sur les tableaux de correlation dont les marges sont donnees. Annales
       de l'Universite de Lyon, Section A, 14, 53-77.

    Examples
    --------
    No serious event in 10 patient-years, 4 of 5 patients respond:

    >>> found = joint(
    ...     Harm(events=0, patient_years=10.0, acceptable_rate=0.2),
    ...     Responders(n_responding=4, n_patients=5, required_share=0.5),
    ...     prior=Prior(Gamma(1.0, 1.0), Beta(1.0, 1.0)))
    >>> round(found.p_harm_acceptable, 6), round(found.p_benefit_kept, 6)
    (0.889197, 0.890625)
    """
    _require_count("harm.events", harm.events)
    _require_time("harm.patient_years", harm.patient_years)
    _require_range("harm.acceptable_rate", harm.acceptable_rate)
    shape, rate = prior.harm.shape + harm.events, prior.harm.rate + harm.patient_years
    safe = float(special.gammainc(shape, rate * harm.acceptable_rate))
    if isinstance(benefit, Responders):
        kept, mean = _responders(benefit, prior.benefit)
    else:
        kept, mean = _prevented(benefit, prior.benefit)
    return Joint(
        p_harm_acceptable=safe,
        p_benefit_kept=kept,
        p_both=safe * kept,
        least=max(0.0, safe + kept - 1.0),
        most=min(safe, kept),
        harm_rate=shape / rate,
        benefit=mean,
    )


def sensitivity(
    harm: Harm,
    benefit: Responders | PreventedEvents,
    *,
    priors: Mapping[str, Prior],
    required: float = 0.9,
) -> Sensitivity:
    """Compute the same under each of several priors.

    Parameters
    ----------
    harm : Harm
        Events of harm.
    benefit : Responders or PreventedEvents
        What is left of the effect.
    priors : mapping of str to Prior
        Named priors, at least one: such as sceptical, neutral, and that of the trial.
    required : float, default: 0.9
        Chance of both that a decision asks for, in (0, 1).

    Returns
    -------
    Sensitivity
        A row for each prior, and whether they agree.

    Raises
    ------
    ValueError
        If there is no prior, or an argument is out of range.
    """
    require_between("required", required, 0.0, 1.0)
    if not priors:
        raise ValueError("priors is empty: must name at least one")
    rows = tuple((name, joint(harm, benefit, prior=prior)) for name, prior in priors.items())
    chances = [row.p_both for _, row in rows]
    return Sensitivity(
        rows=rows,
        least=min(chances),
        most=max(chances),
        is_decided_by_prior=min(chances) < required <= max(chances),
    )


def _responders(data: Responders, prior: Beta | Gamma) -> tuple[float, float]:
    if not isinstance(prior, Beta):
        raise ValueError("prior.benefit is a Gamma: must be a Beta for responders")  # noqa: TRY004 - a wrong value of one argument for the other
    _require_count("benefit.n_responding", data.n_responding)
    _require_count("benefit.n_patients", data.n_patients)
    if data.n_responding > data.n_patients:
        rule = "must not exceed n_patients"
        raise ValueError(f"benefit.n_responding is {data.n_responding}: {rule}")
    require_between("benefit.required_share", data.required_share, 0.0, 1.0)
    a = prior.successes + data.n_responding
    b = prior.failures + (data.n_patients - data.n_responding)
    return float(special.betaincc(a, b, data.required_share)), a / (a + b)


def _prevented(data: PreventedEvents, prior: Beta | Gamma) -> tuple[float, float]:
    if not isinstance(prior, Gamma):
        raise ValueError("prior.benefit is a Beta: must be a Gamma for prevented events")  # noqa: TRY004 - a wrong value of one argument for the other
    _require_count("benefit.events", data.events)
    _require_time("benefit.patient_years", data.patient_years)
    _require_range("benefit.natural_rate", data.natural_rate)
    require_between("benefit.required_effect", data.required_effect, 0.0, 1.0)
    shape, rate = prior.shape + data.events, prior.rate + data.patient_years
    greatest = data.natural_rate * (1.0 - data.required_effect)
    return float(special.gammainc(shape, rate * greatest)), 1.0 - shape / rate / data.natural_rate


def _require_count(name: str, value: int) -> None:
    as_counts(name, value)


def _require_time(name: str, value: float) -> None:
    if not 0 <= value <= GREATEST:
        raise ValueError(f"{name} is {value}: must be from 0 to 1e12")


def _require_range(name: str, value: float) -> None:
    if not LEAST <= value <= GREATEST:
        raise ValueError(f"{name} is {value}: must be from 1e-9 to 1e12")


def _require_proper(name: str, value: float) -> None:
    if not (LEAST <= value <= GREATEST and math.isfinite(value)):
        raise ValueError(f"{name} is {value}: a proper prior has one from 1e-9 to 1e12")
