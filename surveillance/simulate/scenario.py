"""The design of a simulation: every number that shapes it, and nothing of chance."""

from collections.abc import Collection
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from surveillance.simulate.natural_history import NaturalHistory

Share = Annotated[float, Meta(ge=0, le=1)]
Days = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the parts of a scenario."""


class VersionMix(_Part, frozen=True, kw_only=True):
    """How the versions of a case follow each other, and in what disorder they arrive.

    Raises
    ------
    ValueError
        If the mean leaves no room for the nullifications and reinstatements.
    """

    mean_versions: Annotated[float, Meta(gt=1)] = 1.73  # numbered versions a case
    nullified: Share = 0.05  # of cases, ever
    reinstated: Share = 0.02  # of cases, after a nullification
    exact_duplicates: Share = 0.10  # of versions, sent once more with the same bytes
    reordered: Share = 0.05  # of versions, arriving after a later version of their case
    amendments: Share = 0.15  # of follow-ups
    duplicate_links: Share = 0.01  # of cases, a second report of another case
    gap_days_mean: Annotated[float, Meta(ge=1)] = 20.0  # from one version to the next
    gap_days_max: Count = 90
    delay_days_max: Count = 5  # arrival is never later than this after `received_on`

    def __post_init__(self) -> None:
        if self.mean_follow_ups < 0 or self.reinstated > self.nullified:
            raise ValueError("mean_versions: leaves no room for nullified and reinstated")

    @property
    def mean_follow_ups(self) -> float:
        """Follow-ups and amendments a case."""
        return self.mean_versions - 1 - self.nullified - self.reinstated


class Background(_Part, frozen=True, kw_only=True):
    """A national stream of spontaneous cases unrelated to the platform."""

    n_cases: Count
    n_products: Count = 800
    n_terms: Count = 1_000
    n_nulls: Annotated[int, Meta(ge=0)] = 20  # products without a profile of their own
    products_exponent: float = 1.05  # Zipf
    terms_exponent: float = 1.0  # Zipf
    profile_terms: Count = 20  # terms that a product has a profile for
    profile_share: Share = 0.4  # of its events come from the profile
    products_per_case: Annotated[int, Meta(ge=1, le=6)] | None = None  # None: 1 to 6
    events_per_case: Annotated[int, Meta(ge=1, le=8)] | None = None  # None: 1 to 8
    is_full: bool = False  # verbatim terms, doses, tests: about 1.5 KB a version


class Construct(_Part, frozen=True, kw_only=True):
    """A variant-specific sequence, and how many patients are treated with it."""

    name: str
    n_patients: Count


class Programme(_Part, frozen=True, kw_only=True):
    """One gene on the platform."""

    name: str
    gene: str
    product: str
    constructs: tuple[Construct, ...]


class Reaction(_Part, frozen=True, kw_only=True):
    """An adverse event of the treated: its chance at each infusion, and when it begins."""

    pt: str
    per_infusion: Share
    onset_days_max: Days
    serious: Share
    is_listed: bool = True  # in the reference safety information


class Measured(_Part, frozen=True, kw_only=True):
    """A biomarker of every patient, measured at each visit: lognormal."""

    code: str
    unit: str
    treated: Annotated[float, Meta(gt=0)]  # median under the approved effect
    untreated: Annotated[float, Meta(gt=0)]
    between_sd: Annotated[float, Meta(ge=0)]  # of logarithms, over patients
    within_sd: Annotated[float, Meta(gt=0)]  # of logarithms, over visits


class Coincident(_Part, frozen=True, kw_only=True):
    """An event that comes to the treated as often as to anybody; some of it is reported as cases.

    Publicity for a product of the same class makes more of it reported, and no more of it happen.
    """

    pt: str
    per_patient_year: Annotated[float, Meta(gt=0)]
    reported: Share
    publicity_on: date | None = None
    reported_after: Share = 0.0  # from then on


class Platform(_Part, frozen=True, kw_only=True):
    """A delivery and chemistry shared by programmes, and how its patients are followed."""

    name: str
    programmes: tuple[Programme, ...]
    natural_history: NaturalHistory | None  # None: no endpoint has a history
    reduction: Share  # of the event rate, from the first dose on
    age_at_first_dose: tuple[float, float] = (0.5, 6.0)  # years; assumed
    care_ratio_a_year: Annotated[float, Meta(gt=0)] = 1.0  # of the untreated rate, as care changes
    measured: Measured | None = None
    coincident: Coincident | None = None
    reactions: tuple[Reaction, ...]
    enrolment_days: Count = 365  # first doses are spread over these
    doses_mg_per_kg: tuple[float, ...] = (0.1, 0.3, 0.3)
    dose_gap_days: Count = 28
    later_dose: Share = 0.2  # of patients, one dose more, half a year to a year after the first
    lot_days: Count = 120  # how long a construct's lot is used
    visit_gap_days: Count = 90
    missed_visits: Share = 0.08
    lost_per_patient_year: Annotated[float, Meta(ge=0)] = 0.05
    loss_follows_events: bool = False  # who has more events is lost sooner
    lost_declared_after_days: Days = 120
    lag_days_mean: Annotated[float, Meta(ge=0)] = 7.0  # from what happened to its receipt
    corrected_events: Share = 0.04  # of endpoint events: the day is amended
    events_taken_back: Share = 0.06  # as a share of endpoint events: reported, then nullified
    reported_events: Share = 0.25  # of endpoint events, also sent as a case


class Excess(_Part, frozen=True, kw_only=True):
    """Planted: one reaction of one programme, `size` times as frequent from a day on."""

    programme: str
    pt: str
    from_on: date
    size: Annotated[float, Meta(gt=1)]


class SentinelEvent(_Part, frozen=True, kw_only=True):
    """Planted: one fatal event in the first patient of one construct."""

    construct: str
    pt: str
    after_days: Days  # from the first dose to onset
    fatal_after_days: Days  # from onset to death
    is_outcome: bool = False  # the registry records the event itself, and not the death alone


class LostEffect(_Part, frozen=True, kw_only=True):
    """Planted: in a lot, a construct or the whole platform the effect falls to nothing.

    It falls in a straight line, for every patient treated with it.
    """

    where: str  # name of a construct, a lot, or the platform
    after_days: Days  # from the first dose of each patient
    over_days: Count
    enrolment_days: Count | None = None  # of these patients, in place of the platform's
    biomarker_holds: bool = False  # what is measured stays as it was


class Scenario(_Part, frozen=True, kw_only=True):
    """Everything that shapes a simulation; the seed is the rest.

    Raises
    ------
    ValueError
        If something is planted on a platform, programme or construct that does not exist.
    """

    name: str
    note: str
    from_on: date
    days: Count  # first versions are received, and outcomes taken, on these days
    background: Background
    mix: VersionMix = VersionMix()
    platform: Platform | None = None
    excess: Excess | None = None
    sentinel: SentinelEvent | None = None
    lost_effect: LostEffect | None = None

    def __post_init__(self) -> None:
        programmes = self.platform.programmes if self.platform else ()
        names = {programme.name for programme in programmes}
        constructs = {c.name for programme in programmes for c in programme.constructs}
        names |= constructs | ({self.platform.name} if self.platform else set())
        planted = (
            self.excess and self.excess.programme,
            self.sentinel and self.sentinel.construct,
            self.lost_effect and construct_of(self.lost_effect.where, constructs),
        )
        for name in planted:
            if name is not None and name not in names:
                raise ValueError(f"{name}: planted, but not on the platform")


def construct_of(where: str, constructs: Collection[str]) -> str:
    """Return the construct of a lot; any other name as it is.

    Parameters
    ----------
    where : str
        Name of a construct, a platform, or a lot, which is a construct's name with ``-L`` and a
        number.
    constructs : collection of str
        Names of constructs.

    Examples
    --------
    >>> construct_of("SIM-OTC-01-L2", {"SIM-OTC-01"})
    'SIM-OTC-01'
    """
    construct, _, number = where.rpartition("-L")
    return construct if construct in constructs and number.isdigit() else where
