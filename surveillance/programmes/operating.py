"""What the designs of a configuration do: how often they err, what they find, and when.

For a committee that chooses a design before any data. Exact values are those of the detectors.
A product of evidence over patients who differ has none: it is simulated, with a fixed seed, and
each share has its error beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.anytime import poisson, uncertain_comparator
from detectors.effectiveness import biomarker
from detectors.sequential import poisson_maxsprt
from detectors.small_population import sentinel
from surveillance.configuration.programmes import (
    Design,
    Durability,
    Excess,
    Level,
    LostEffect,
    Programme,
    Programmes,
    Reported,
    ReportedExcess,
    ReportedSentinel,
    Sentinel,
    Stratum,
    Visits,
    family_of,
)
from surveillance.domain.errors import Misconfigured
from surveillance.domain.finding import Family
from surveillance.programmes import durable
from surveillance.programmes.natural_history import upper_rate

N_SIMULATED = 1_000  # programmes
N_PATIENTS = (1, 3, 5, 10, 30)
YEARS = 10.0
YEARS_BEFORE = 1.5  # in which events are counted, where they are
_LOOKS_A_YEAR = 4
_SEED = 1
_CODE = 1_000_000  # more events than any patient has
_RATIOS = (1.0, 2.0, 3.0, 5.0, 10.0)
_SHIFTS = (0.0, 1.0, 2.0, 3.0)  # standard deviations of a value
_N_VALUES = 20  # five years of quarterly values
_N_DURABLE, _N_OTHERS = 60, 9
_TREATED = (5, 30, 900)
Method = Literal["exact", "simulated"]


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """How often a design signals in one situation, and when."""

    situation: str
    is_null: bool  # nothing is wrong: a signal is a false alarm
    n_patients: int | None = None
    known_before: float | None = None  # years in which events before the first dose were counted
    chance: float
    error: float = 0.0  # half the width of a 95 % interval, where it is simulated
    patient_years: float | None = None  # to the signal: see `time` of the whole


class Characteristics(msgspec.Struct, frozen=True, kw_only=True):
    """What one design does in the programmes that use it alike."""

    design: str
    test: str
    family: Family
    version: int
    programmes: tuple[str, ...]
    against: str  # natural history or background
    n_constructs: int
    alpha: float | None  # for a programme; for a patient where `is_of_patient`
    is_of_patient: bool = False
    parts: tuple[str, ...] = ()  # how alpha is divided
    method: Method = "exact"
    time: str = ""  # what `patient_years` is
    chances: tuple[Chance, ...] = ()
    notes: tuple[str, ...] = ()


def characteristics(
    programmes: Programmes, *, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Characteristics]:
    """Compute the operating characteristics of every design that a programme uses.

    Parameters
    ----------
    programmes : Programmes
        The file.
    progress : callable, optional
        Takes the number of designs done, and of all.

    Returns
    -------
    list of Characteristics
        One for each design, natural history and number of constructs: programmes that have
        all three alike stand together.

    Raises
    ------
    Misconfigured
        If a test cannot be run as its design has it.
    """
    alike: dict[tuple[str, str, int], list[Programme]] = {}
    for one in programmes.programme:
        for name in one.designs:
            alike.setdefault((name, *_matters(programmes.design[name], one)), []).append(one)
    found: list[Characteristics] = []
    for done, ((name, _, _), members) in enumerate(sorted(alike.items())):
        progress(done, len(alike))
        try:
            found += _of_design(programmes, name, members)
        except ValueError as error:
            raise Misconfigured(
                "programmes.toml", f"design {name!r} cannot be run ({error})", "change the design"
            ) from None
    return found


def _matters(design: Design, programme: Programme) -> tuple[str, int]:
    """Return the natural history and the number of constructs, where they matter."""
    if isinstance(design, LostEffect):
        return programme.natural_history, len(programme.construct)
    return "", _n_units(design, programme)


def _n_units(design: Design, programme: Programme) -> int:
    """Return how many units the alpha of an excess is divided over; 0 where there is none."""
    if not isinstance(design, Excess | ReportedExcess):
        return 0
    of = {"construct": len(programme.construct), "product": len(programme.products)}
    return of.get(design.level, 1)


def _of_design(
    programmes: Programmes, name: str, members: list[Programme]
) -> Iterator[Characteristics]:
    design, first = programmes.design[name], members[0]
    same = _Same(name, design, members)
    match design:
        case LostEffect():
            history = programmes.natural_history[first.natural_history]
            against = f"natural history {first.natural_history} v{history.version}"
            for stratum in history.endpoint[design.endpoint]:
                yield same.found(against + _ages(stratum), **_lost_effect(design, stratum, same.n))
        case Excess():
            yield same.found(_background(design), **_excess(design, same.n))
        case ReportedExcess():
            n_units = _n_units(design, first)
            yield same.found(_background(design), **_reported_excess(design, n_units))
        case Sentinel() | ReportedSentinel():
            yield same.found(_background(design), **_sentinel(design))
        case Level():
            yield same.found("the patient's own baseline", **_level(design))
        case Durability():
            of = programmes.biomarker[design.code]
            yield same.found("a threshold", **_durability(design, of.worse))
        case Visits():
            yield same.found("the schedule", notes=("no test: every overdue visit is shown",))


class _Same:
    """What is true of a design in all programmes that use it alike."""

    def __init__(self, name: str, design: Design, members: list[Programme]) -> None:
        self._name, self._design = name, design
        self._members = tuple(one.name for one in members)
        self._family = family_of(design)
        self.n = len(members[0].construct)

    def found(self, against: str, **values: object) -> Characteristics:
        """Make the row of the design."""
        return msgspec.convert(
            {
                "design": self._name,
                "test": str(self._design.__struct_config__.tag),
                "family": self._family,
                "version": self._design.version,
                "programmes": self._members,
                "against": against,
                "n_constructs": self.n,
                "alpha": getattr(self._design, "alpha", None),
                **values,
            },
            Characteristics,
        )


def _ages(stratum: Stratum) -> str:
    if stratum.age_from == 0 and stratum.age_until >= 130:  # noqa: PLR2004 - every age
        return ""
    return f", age {stratum.age_from:g} to {stratum.age_until:g} at the first dose"


def _background(design: Excess | Sentinel | Reported) -> str:
    return f"{design.background_per_patient_year:g} a patient-year in the background"


# Exact


def _excess(design: Excess, n_constructs: int) -> dict[str, object]:
    n_units = n_constructs if design.level == "construct" else 1
    return _planned(design, n_units, design.background_per_patient_year) | {
        "notes": (
            *_reach(design, n_units, design.background_per_patient_year),
            "events are Poisson: patients who differ make false alarms more frequent than this",
        )
    }


def _reported_excess(design: ReportedExcess, n_units: int) -> dict[str, object]:
    rate = design.background_per_patient_year * design.reported_share
    return _planned(design, n_units, rate) | {
        "notes": (
            *_reach(design, n_units, rate),
            *_assumed(design),
            "publicity that makes people report more than this share makes false alarms frequent",
        )
    }


def _assumed(design: Reported) -> Iterator[str]:
    share, delay = design.reported_share, design.reporting_delay_days
    yield f"assumed: {share:.0%} of events are reported, after {delay:g} days on average"


def _plan(design: Excess | ReportedExcess, n_units: int) -> poisson_maxsprt.Design:
    return poisson_maxsprt.Design(
        design.horizon, alpha=design.alpha / n_units, min_events=design.min_events
    )


def _reach(design: Excess | ReportedExcess, n_units: int, rate: float) -> Iterator[str]:
    detectable = poisson_maxsprt.detectable_rate_ratio(_plan(design, n_units))
    yield f"ends after {design.horizon / rate:,.0f} patient-years"
    yield f"finds {detectable:.3g} times the background with a chance of 80 %"


def _planned(design: Excess | ReportedExcess, n_units: int, rate: float) -> dict[str, object]:
    plan = _plan(design, n_units)
    of = f"each {design.level}" if n_units > 1 else f"the {design.level}"
    chances = []
    for ratio in _RATIOS:
        exact = poisson_maxsprt.operating_characteristics(plan, ratio)
        years = exact.expected_time_to_signal / rate
        situation = "no excess" if ratio == 1 else f"{ratio:g} times the background"
        chances.append(
            Chance(
                situation=situation, is_null=ratio == 1, chance=exact.power,
                patient_years=years if math.isfinite(years) else None,
            )
        )  # fmt: skip
    return {
        "parts": (f"{plan.alpha:.3g} for {of}",),
        "time": f"mean patient-years of {of} to the signal, given one",
        "chances": chances,
    }


def _sentinel(design: Sentinel | ReportedSentinel) -> dict[str, object]:
    rate = design.background_per_patient_year * getattr(design, "reported_share", 1.0)
    assumed = _assumed(design) if isinstance(design, ReportedSentinel) else ()
    days = design.window_days
    years = 1.0 if days is None else days / 365.25
    within = "in a year of each" if days is None else f"in {days} days after a dose of each"
    chances = [
        Chance(
            situation=f"the background alone shows an event {within}",
            is_null=True,
            n_patients=n,
            chance=sentinel.background(rate=rate, person_time=n * years, events=1).probability,
        )
        for n in _TREATED
    ]
    return {"chances": chances, "notes": ("no test: the first event is shown", *assumed)}


def _level(design: Level) -> dict[str, object]:
    plan = biomarker.Design(design.n_baseline, 0.0, 1.0, direction="rise", alpha=design.alpha)
    chances = []
    for shift in _SHIFTS:
        exact = biomarker.operating_characteristics(plan, shift, n_values=_N_VALUES)
        situation = "no change" if shift == 0 else f"worse by {shift:g} SD beyond the margin"
        chances.append(
            Chance(situation=situation, is_null=shift == 0, n_patients=1, chance=exact.power)
        )
    return {
        "is_of_patient": True,
        "parts": (f"{design.alpha:.3g} for each patient, beside the programme's budget",),
        "chances": chances,
        "notes": (
            f"within {_N_VALUES} values after a baseline of {design.n_baseline}",
            "SD: standard deviation of a patient's values; values are normal and independent",
        ),
    }


# Simulated


def _durability(design: Durability, worse: str) -> dict[str, object]:
    """Simulate programmes of ten of whom one changes, for two years of quarterly values."""
    sign = 1.0 if worse == "rise" else -1.0
    start = design.limit - 3 * sign * design.between_sd
    situations = {
        f"steady, 3 SD from {design.threshold:g}": 0.0,
        "would reach it after four years": 3 * sign * design.between_sd / 4,
        "would reach it after two years and a half": 3 * sign * design.between_sd / 2.5,
    }
    rng, times = np.random.default_rng(_SEED), tuple(n / 4 for n in range(1, 9))
    chances = []
    for situation, slope in situations.items():
        n_shown = 0
        for _ in range(_N_DURABLE):
            scatter = design.within_sd * rng.standard_normal((_N_OTHERS + 1, len(times)))
            lines = [start + (slope if n == 0 else 0.0) * np.array(times)
                     for n in range(_N_OTHERS + 1)]  # fmt: skip
            values = tuple(
                durable.Values(times, tuple((line + noise).tolist()))
                for line, noise in zip(lines, scatter, strict=True)
            )
            n_shown += durable.chances_of(design, worse, values)[0] >= design.at_least
        chance = n_shown / _N_DURABLE
        chances.append(Chance(situation=situation, is_null=slope == 0, n_patients=1, chance=chance))
    return {
        "method": "simulated",
        "is_of_patient": True,
        "chances": chances,
        "notes": (
            f"no test: shown from a chance of {design.at_least:.0%} on",
            f"{_N_DURABLE} programmes of {_N_OTHERS + 1}, two years of quarterly values",
            "how patients differ is taken as stated: compare more than one set of spreads",
        ),
    }


def _lost_effect(design: LostEffect, stratum: Stratum, n_constructs: int) -> dict[str, object]:
    budget = design.alpha - design.for_history
    alphas = {
        level: budget * share / (n_constructs if level == "construct" else 1)
        for level, share in design.shares.of_levels().items()
    }
    spread = "alike" if stratum.dispersion is None else f"dispersion {stratum.dispersion:g}"
    ratios = {"effect kept": 1.0, "half of it lost": (1 + 1 / design.rate_ratio_kept) / 2}
    ratios["all of it lost"] = 1 / design.rate_ratio_kept
    return {
        "method": "simulated",
        "parts": (
            f"{design.for_history:.3g} on the uncertainty of natural history",
            *(f"{alpha:.3g} for {_each(level)}" for level, alpha in alphas.items()),
        ),
        "time": f"patient-years by which half of the programmes have crossed, in {YEARS:g} years",
        "chances": [
            chance
            for years_before in (0.0, YEARS_BEFORE)
            for situation, ratio in ratios.items()
            for chance in _simulated(
                (design, stratum.rate_per_patient_year * design.rate_ratio_kept * ratio, situation),
                _numbers(stratum),
                years_before,
                (n_constructs, tuple(alphas.items())),
            )
        ],
        "notes": (
            f"no more than {design.alpha:g} false alarms at any time, however often one looks",
            f"{N_SIMULATED:,} programmes of patients treated at once ({spread}), seed {_SEED}",
            f"{_LOOKS_A_YEAR} looks a year: more looks find it sooner",
            "looks bound the ratio by what patients no longer followed may have had",
        ),
    }


def _each(level: str) -> str:
    return "each construct" if level == "construct" else "the programme"


def _numbers(stratum: Stratum) -> Stratum:
    """Return a stratum without its words, so that one that is borrowed is simulated once."""
    return msgspec.structs.replace(stratum, source="numbers alone", age_from=0.0, age_until=130.0)


def _simulated(
    what: tuple[LostEffect, float, str],
    stratum: Stratum,
    years_before: float,
    spending: tuple[int, tuple[tuple[str, float], ...]],
) -> Iterator[Chance]:
    design, rate, situation = what
    logs = _log_evidence(design, rate, stratum, years_before)
    n_constructs, alphas = spending
    for n in N_PATIENTS:
        first = _first_crossing(logs[:, :, :n], n_constructs, dict(alphas))
        found = np.isfinite(first)
        chance = float(found.mean())
        half = float(np.median(first))  # infinite where fewer than half have crossed
        yield Chance(
            situation=situation,
            is_null=rate == stratum.rate_per_patient_year * design.rate_ratio_kept,
            n_patients=n,
            known_before=years_before or None,
            chance=chance,
            error=_half_width(chance),
            patient_years=n * half if math.isfinite(half) else None,
        )


def _half_width(chance: float) -> float:
    """Return half the width of Wilson's 95 % interval."""
    z2 = 1.96**2
    spread = chance * (1 - chance) / N_SIMULATED + z2 / (4 * N_SIMULATED**2)
    return 1.96 * math.sqrt(spread) / (1 + z2 / N_SIMULATED)


def _first_crossing(
    logs: NDArray[np.float64], n_constructs: int, alphas: dict[str, float]
) -> NDArray[np.float64]:
    """Return the years to the first crossing of any test of the programme, or infinity."""
    crossed = np.zeros(logs.shape[:2], dtype=bool)  # by look and programme
    if "programme" in alphas:
        crossed |= logs.sum(axis=2) >= -math.log(alphas["programme"])
    for k in range(n_constructs if "construct" in alphas else 0):
        crossed |= logs[:, :, k::n_constructs].sum(axis=2) >= -math.log(alphas["construct"])
    years = (1 + np.argmax(crossed, axis=0)) / _LOOKS_A_YEAR
    return np.where(crossed.any(axis=0), years, math.inf)


@lru_cache(maxsize=64)
def _log_evidence(
    design: LostEffect, rate: float, stratum: Stratum, years_before: float
) -> NDArray[np.float64]:
    """Simulate patients; return the evidence of each by look and programme."""
    rng = np.random.default_rng(_SEED)
    size, k = (N_SIMULATED, max(N_PATIENTS)), stratum.dispersion
    own = np.ones(size) if k is None else rng.gamma(k, 1 / k, size)
    before = rng.poisson(stratum.rate_per_patient_year * years_before * own)
    events = np.zeros(size, dtype=np.int64)
    n_looks = round(YEARS * _LOOKS_A_YEAR)
    logs = np.empty((n_looks, *size))
    for look in range(n_looks):
        events = events + rng.poisson(rate / _LOOKS_A_YEAR * own)
        codes, place = np.unique(before * _CODE + events, return_inverse=True)
        counts = np.stack(np.divmod(codes, _CODE), axis=-1).tolist()
        values = _evidence(design, stratum, years_before, counts, (look + 1) / _LOOKS_A_YEAR)
        logs[look] = values[place.reshape(size)]
    return logs


def _evidence(
    design: LostEffect,
    stratum: Stratum,
    years_before: float,
    counts: Sequence[Sequence[int]],
    years: float,
) -> NDArray[np.float64]:
    """Return the evidence of patients by events before and after, as `lost_effect` has it."""
    limit, events = upper_rate(stratum, design.for_history), [int(n) for _, n in counts]
    if stratum.dispersion is None:
        plain = poisson.Design(
            alpha=design.alpha, prior_shape=design.ratio_shape, prior_rate=design.ratio_rate
        )
        return poisson.log_e(plain, events, limit * design.rate_ratio_kept * years)
    laws = [
        uncertain_comparator.Design(
            0,
            (stratum.dispersion / limit + years_before) / design.rate_ratio_kept,
            prior_events=stratum.dispersion + n_before,
            alpha=design.alpha,
            prior_shape=design.ratio_shape,
            prior_rate=design.ratio_rate,
        )
        for n_before, _ in counts
    ]
    return uncertain_comparator.log_e_of_each(laws, events, [years] * len(events))
