"""`programmes.toml`: the programmes that are watched, their comparator, and how they are tested.

A programme is one gene or disease on a platform. What is true of many programmes (natural
history, designs, visit schedules) is written once and named by each. The file is meant to be
read by a physician: a design states what it tests for and how often it may be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import force_setattr, replace

from surveillance.domain.finding import Family
from surveillance.domain.names import upper
from surveillance.domain.values import Name

Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]
Source = Annotated[str, Meta(min_length=5, max_length=500)]
TestLevel = Literal["construct", "programme", "platform"]
N_CONSTRUCTS_MAX = 200
_BUDGETED: tuple[Literal["safety", "effectiveness"], ...] = ("safety", "effectiveness")


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the parts: an unknown key is an error."""


class Stratum(_Part, frozen=True, kw_only=True):
    """The rate of one endpoint in untreated patients of one age at the first dose.

    The rate was seen in `n_patients` over `patient_years`, so it is itself uncertain. Patients
    differ: the rate of each is the mean rate times a gamma factor of shape `dispersion`.
    """

    rate_per_patient_year: Positive
    n_patients: Annotated[int, Meta(ge=1)]
    patient_years: Positive  # in which the rate was seen
    dispersion: Annotated[float, Meta(ge=0.01, le=1e6)] | None = None  # None: patients alike
    age_from: Annotated[float, Meta(ge=0)] = 0.0  # years at the first dose, included
    age_until: Positive = 130.0  # not included
    source: Source

    @property
    def events(self) -> float:
        """Events that the history had, from its mean rate; need not be whole."""
        return self.rate_per_patient_year * self.patient_years


class NaturalHistory(_Part, frozen=True, kw_only=True):
    """A versioned model of untreated patients: rates of endpoints by stratum.

    Raises
    ------
    ValueError
        If two strata of an endpoint overlap, or one is empty.
    """

    version: Annotated[int, Meta(ge=1)] = 1
    population: Annotated[str, Meta(min_length=5, max_length=500)]
    care: Annotated[str, Meta(max_length=500)] = ""  # standard of care, calendar period
    endpoint: dict[Name, tuple[Stratum, ...]]

    def __post_init__(self) -> None:
        for name, strata in self.endpoint.items():
            by_age = sorted(strata, key=lambda stratum: stratum.age_from)
            for stratum in by_age:
                if stratum.age_until <= stratum.age_from:
                    raise ValueError(f"endpoint {name!r}: age_until must be above age_from")
            for one, other in pairwise(by_age):
                if other.age_from < one.age_until:
                    raise ValueError(f"endpoint {name!r}: two strata overlap at {other.age_from:g}")


class Biomarker(_Part, frozen=True, kw_only=True):
    """A measurement that stands for the effect: its unit, and which change is bad."""

    unit: Annotated[str, Meta(min_length=1, max_length=50)]  # UCUM
    worse: Literal["rise", "fall"]
    low: float | None = None  # reference range
    high: float | None = None
    factors: dict[str, Positive] = {}  # other units, and what to multiply their values by


class _Design(_Part, frozen=True, kw_only=True, tag_field="test"):
    """The base of the designs: an error budget for each programme, shared over its tests."""

    version: Annotated[int, Meta(ge=1)] = 1
    note: Annotated[str, Meta(max_length=500)] = ""


class Shares(_Part, frozen=True, kw_only=True):
    """How the error budget is divided over levels; 0 leaves a level out.

    Raises
    ------
    ValueError
        If the shares add up to nothing, or to more than 1.
    """

    construct: Annotated[float, Meta(ge=0, le=1)] = 0.5  # divided evenly over the constructs
    programme: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.construct + self.programme <= 1:
            raise ValueError("shares: construct and programme must add up to at most 1, and not 0")

    def of_levels(self) -> dict[Literal["construct", "programme"], float]:
        """Return the share of each level that has one."""
        shares: dict[Literal["construct", "programme"], float] = {
            "construct": self.construct,
            "programme": self.programme,
        }
        return {level: share for level, share in shares.items() if share}


class LostEffect(_Design, frozen=True, kw_only=True, tag="lost_effect"):
    """More endpoint events than if the approved effect were kept: evidence at any time.

    Each patient is an e-process against natural history times `rate_ratio_kept`, in which the
    patient's own factor is integrated out; patients are independent, so that evidence
    multiplies. `alpha` is the chance that any test of the programme ever crosses while the
    effect is kept. Part of it, `for_history`, is spent on the uncertainty of natural history:
    the rate that is tested against is its upper limit at that error.

    Raises
    ------
    ValueError
        If `for_history` is not a part of `alpha`.
    """

    endpoint: Name
    rate_ratio_kept: Positive  # e.g. 0.2 where an 80 % reduction was approved
    alpha: Share = 0.01
    for_history: Share = 0.002
    shares: Shares = Shares()
    ratio_shape: Annotated[float, Meta(ge=0.01, le=100)] = 4.0  # gamma density of the rate
    ratio_rate: Annotated[float, Meta(ge=0.01, le=100)] = 0.8  # ratios that are looked for

    def __post_init__(self) -> None:
        if self.for_history >= self.alpha:
            raise ValueError("for_history: must be below alpha, of which it is a part")


class Excess(_Design, frozen=True, kw_only=True, tag="excess"):
    """More events of a kind than the background brings: Poisson MaxSPRT to a planned horizon."""

    events: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)]
    name: Name  # of the events together
    background_per_patient_year: Positive
    source: Source
    window_days: Annotated[int, Meta(ge=1, le=6000)] | None = None  # after a dose; None: always
    horizon: Annotated[float, Meta(gt=0, le=500)]  # expected events, to the end of surveillance
    min_events: Annotated[int, Meta(ge=1, le=100)] = 2
    alpha: Share = 0.01
    level: TestLevel = "programme"


class Sentinel(_Design, frozen=True, kw_only=True, tag="sentinel"):
    """The first event of a listed kind in a treated patient, with its background probability."""

    events: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)]
    name: Name
    background_per_patient_year: Positive
    source: Source
    window_days: Annotated[int, Meta(ge=1, le=6000)] | None = None


class Level(_Design, frozen=True, kw_only=True, tag="biomarker"):
    """One patient's biomarker against the same patient's values under full effect.

    The first `n_baseline` values from `from_days` after the first dose on are the baseline;
    every later one is a look of an e-process in which level and spread are unknown.
    `alpha` is the chance that a patient's series ever crosses without a change.
    """

    code: Name
    from_days: Annotated[int, Meta(ge=0, le=3650)] = 28
    n_baseline: Annotated[int, Meta(ge=2, le=200)] = 3
    margin: Annotated[float, Meta(ge=0)] = 0.0
    is_log: bool = False  # take logarithms; the margin is then that of a ratio's logarithm
    alpha: Share = 0.001


class Durability(_Design, frozen=True, kw_only=True, tag="durability"):
    """The chance that a patient's biomarker soon passes a threshold: no test, each is shown.

    Each patient has a line of the values from `from_days` after the first dose on, drawn towards
    that of all patients. How patients differ is stated and not estimated: by the spread of their
    levels, of their changes a year, and of values about a line, in units of the biomarker or of
    its logarithm.

    Raises
    ------
    ValueError
        If a logarithm is asked of a threshold that has none.
    """

    code: Name
    from_days: Annotated[int, Meta(ge=0, le=3650)] = 28
    threshold: Annotated[float, Meta(ge=-1e60, le=1e60)]  # where the effect counts as lost
    ahead_days: Annotated[int, Meta(ge=1, le=3650)] = 365  # after the last value
    at_least: Share = 0.5  # the chance from which it is a finding
    is_log: bool = False
    between_sd: Annotated[float, Meta(gt=1e-6, le=1e12)]
    slope_sd: Annotated[float, Meta(gt=1e-6, le=1e12)]
    within_sd: Annotated[float, Meta(gt=1e-6, le=1e12)]

    def __post_init__(self) -> None:
        if self.is_log and self.threshold <= 0:
            raise ValueError("threshold: must be above 0 where logarithms are taken")

    @property
    def limit(self) -> float:
        """The threshold on the scale of the line."""
        return math.log(self.threshold) if self.is_log else self.threshold


class Visits(_Design, frozen=True, kw_only=True, tag="visits"):
    """Visits that are overdue, and patients lost: no test, each is shown.

    Raises
    ------
    ValueError
        If the days do not increase.
    """

    days: Annotated[tuple[int, ...], Meta(min_length=1, max_length=400)]  # after the first dose
    then_every_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    years: Annotated[float, Meta(gt=0, le=60)] = 15.0
    grace_days: Annotated[int, Meta(ge=0, le=3650)] = 45
    lost_share: Share = 0.2  # of patients: from here on the programme is a finding

    def __post_init__(self) -> None:
        if list(self.days) != sorted(set(self.days)) or self.days[0] < 1:
            raise ValueError("days: must increase, from 1 on")


class _Reported(_Design, frozen=True, kw_only=True):
    """Reports of an event, against what the background brings to all who were treated.

    Doses and patient-time are those of the outcome records, for the same product key that the
    reports count under. An event is known as a report after a delay, exponential with the mean
    `reporting_delay_days`, and only `reported_share` of the events are ever reported. With a
    share of 1 reports never seem too many because reporting improved.
    """

    event: Annotated[str, Meta(pattern=r"^(pt|group):\S.*$", max_length=260)]  # a key
    background_per_patient_year: Positive
    source: Source
    window_days: Annotated[int, Meta(ge=1, le=6000)] | None = None  # after a dose; None: always
    reporting_delay_days: Annotated[float, Meta(ge=0, le=3650)] = 0.0
    reported_share: Annotated[float, Meta(gt=0, le=1)] = 1.0


class ReportedExcess(_Reported, frozen=True, kw_only=True, tag="reported_excess"):
    """More reports than the background brings: Poisson MaxSPRT to a planned horizon."""

    horizon: Annotated[float, Meta(gt=0, le=500)]  # expected reports, to the end of surveillance
    min_events: Annotated[int, Meta(ge=1, le=100)] = 2
    alpha: Share = 0.01
    level: Literal["construct", "product", "programme", "platform"] = "programme"


class ReportedSentinel(_Reported, frozen=True, kw_only=True, tag="reported_sentinel"):
    """The first report of a listed kind, with its background probability; also by lot."""

    level: Literal["lot", "construct", "product", "programme", "platform"] = "programme"


Reported = ReportedExcess | ReportedSentinel
Series = Level | Durability
Design = (
    LostEffect | Excess | Sentinel | Level | Durability | Visits | ReportedExcess | ReportedSentinel
)


class Construct(_Part, frozen=True, kw_only=True):
    """A variant-specific sequence of a programme."""

    name: Name  # in upper case, as every name of a product
    hgvs: Annotated[str, Meta(max_length=120)] | None = None
    sequence_id: Annotated[str, Meta(max_length=120)] | None = None


class ErrorBudget(_Part, frozen=True, kw_only=True):
    """The chance of any false alarm that a programme allows itself, for each family of tests."""

    safety: Share | None = None
    effectiveness: Share | None = None


class Change(_Part, frozen=True, kw_only=True):
    """A design or natural history that was changed after data had been seen, and why.

    Every later look counts it, and every later finding shows it.
    """

    what: Annotated[str, Meta(pattern=r"^(natural_history|design)\.[a-z0-9][a-z0-9_-]{0,59}$")]
    version: Annotated[int, Meta(ge=2)]  # that came into force
    on: date
    reason: Annotated[str, Meta(min_length=10, max_length=300)]
    by: Annotated[str, Meta(min_length=2, max_length=120)]

    @property
    def sentence(self) -> str:
        """The change as a finding shows it."""
        return f"{self.what} v{self.version} since {self.on}: {self.reason} ({self.by})"


class Programme(_Part, frozen=True, kw_only=True):
    """One gene or disease on a platform, with the products that carry it.

    Raises
    ------
    ValueError
        If two constructs have one name.
    """

    name: Name
    platform: Name
    products: Annotated[tuple[Name, ...], Meta(min_length=1)]
    gene: Annotated[str, Meta(max_length=60)] | None = None
    disease: Annotated[str, Meta(max_length=250)] | None = None
    approval: Annotated[str, Meta(max_length=500)] = ""  # basis, and the external control used
    natural_history: Slug
    budget: ErrorBudget = ErrorBudget()
    designs: Annotated[tuple[Slug, ...], Meta(min_length=1)]
    construct: Annotated[tuple[Construct, ...], Meta(min_length=1, max_length=N_CONSTRUCTS_MAX)]

    def __post_init__(self) -> None:
        constructs = tuple(replace(one, name=upper(one.name)) for one in self.construct)
        _refuse_repeated("construct", (each.name for each in constructs))
        force_setattr(self, "construct", constructs)
        force_setattr(self, "name", upper(self.name))
        force_setattr(self, "platform", upper(self.platform))


class Programmes(_Part, frozen=True, kw_only=True):
    """`programmes.toml`.

    Raises
    ------
    ValueError
        If a programme names something that is not there, or two have one name; the message
        names the key.
    """

    natural_history: dict[Slug, NaturalHistory] = {}
    biomarker: dict[Name, Biomarker] = {}
    design: dict[Slug, Design] = {}
    programme: tuple[Programme, ...] = ()
    change: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        _refuse_repeated("programme", (each.name for each in self.programme))
        for name, design in self.design.items():
            if isinstance(design, Series) and design.code not in self.biomarker:
                raise ValueError(f"design.{name}: biomarker {design.code!r} is not defined")
        for programme in self.programme:
            self._refuse_missing(programme)
            self._refuse_overspent(programme)
        self._refuse_unrecorded()

    def _refuse_missing(self, programme: Programme) -> None:
        where = f"programme {programme.name!r}"
        history = self.natural_history.get(programme.natural_history)
        if history is None:
            raise ValueError(f"{where}: natural_history {programme.natural_history!r} is missing")
        for name in programme.designs:
            design = self.design.get(name)
            if design is None:
                raise ValueError(f"{where}: design {name!r} is missing")
            if isinstance(design, LostEffect) and design.endpoint not in history.endpoint:
                raise ValueError(
                    f"{where}: natural history {programme.natural_history!r} has no rate of "
                    f"{design.endpoint!r}, which design {name!r} tests"
                )

    def _refuse_overspent(self, programme: Programme) -> None:
        for family in _BUDGETED:
            budget, allotted = getattr(programme.budget, family), self.allotted(programme, family)
            if budget is not None and allotted > budget * (1 + 1e-9):
                raise ValueError(
                    f"programme {programme.name!r}: its designs are allotted {allotted:g} of a "
                    f"budget of {budget:g} for {family}"
                )

    def _refuse_unrecorded(self) -> None:
        """Refuse a version that no change explains, and a change that no version shows."""
        in_force = {f"natural_history.{name}": one for name, one in self.natural_history.items()}
        versions: dict[str, int] = {name: one.version for name, one in in_force.items()}
        versions |= {f"design.{name}": one.version for name, one in self.design.items()}
        for change in self.change:
            if change.what not in versions:
                raise ValueError(f"change: {change.what} is not defined")
        for what, version in versions.items():
            listed = [change for change in self.change if change.what == what]
            found = [change.version for change in listed]
            if found != list(range(2, version + 1)):
                raise ValueError(
                    f"{what}: is version {version}, and [[change]] lists "
                    f"{', '.join(map(str, found)) or 'no version'}: give one entry, in order, for "
                    "each version from 2 on, with on, reason and by"
                )
            if any(later.on < earlier.on for earlier, later in pairwise(listed)):
                raise ValueError(f"change: the days of {what} go back")

    def allotted(self, programme: Programme, family: Family) -> float:
        """Return the sum of the error rates that the designs of a programme are given.

        Parameters
        ----------
        programme : Programme
            One of these.
        family : {"safety", "effectiveness", "compliance"}
            Of tests.

        Returns
        -------
        float
            A design for each patient apart is no part of it: there is no end of patients.
        """
        designs = (self.design[name] for name in programme.designs)
        return math.fsum(
            design.alpha
            for design in designs
            if isinstance(design, LostEffect | Excess | ReportedExcess)
            and family_of(design) == family
        )

    def budget_of(self, programme: Programme, family: Family) -> float | None:
        """Return the budget of a programme for a family: the stated one, or what is allotted.

        Parameters
        ----------
        programme, family
            As for `allotted`.

        Returns
        -------
        float or None
            None where no test of the family has an error rate.
        """
        stated = getattr(programme.budget, family) if family in _BUDGETED else None
        return stated or self.allotted(programme, family) or None

    def spelled(self, term: Callable[[str], str]) -> Programmes:
        """Return the same with endpoints and events spelled as they are counted.

        Parameters
        ----------
        term : callable
            Gives the spelling of a term.
        """
        histories = {
            name: replace(one, endpoint={term(key): of for key, of in one.endpoint.items()})
            for name, one in self.natural_history.items()
        }
        designs = {name: _spelled(design, term) for name, design in self.design.items()}
        return replace(self, natural_history=histories, design=designs)

    def of(self, name: str) -> Programme | None:
        """Return the programme of that name, if it is configured."""
        return next((each for each in self.programme if each.name == name), None)


def family_of(design: Design) -> Family:
    """Return the family of tests that a design belongs to.

    Parameters
    ----------
    design : Design
        Any.

    Returns
    -------
    {"safety", "effectiveness", "compliance"}
        Each with an error budget of its own.
    """
    match design:
        case LostEffect() | Level() | Durability():
            return "effectiveness"
        case Excess() | Sentinel() | ReportedExcess() | ReportedSentinel():
            return "safety"
        case Visits():
            return "compliance"


def criteria_of(programmes: Programmes) -> list[str]:
    """Name the criteria of findings that the designs give: design and level.

    Parameters
    ----------
    programmes : Programmes
        The file.

    Returns
    -------
    list of str
        As in ``effect_construct``.
    """
    return [
        f"{name}_{level}" for name, design in programmes.design.items() for level in _levels(design)
    ]


def _spelled(design: Design, term: Callable[[str], str]) -> Design:
    match design:
        case LostEffect():
            return replace(design, endpoint=term(design.endpoint))
        case Excess() | Sentinel():
            return replace(design, events=tuple(map(term, design.events)), name=term(design.name))
        case _:
            return design


def _levels(design: Design) -> tuple[str, ...]:
    match design:
        case LostEffect():
            return tuple(design.shares.of_levels())
        case Excess() | ReportedExcess() | ReportedSentinel():
            return (design.level,)
        case Sentinel() | Level() | Durability():
            return ("construct",)
        case Visits():
            return ("programme", "lost")


def _refuse_repeated(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r}: is there twice")
        seen.add(name)
