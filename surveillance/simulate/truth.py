"""What is true of a simulation: what was planted, what was not, and what was generated."""

from datetime import date
from typing import Literal

from msgspec import Struct


class Planted(Struct, frozen=True, kw_only=True):
    """One thing that surveillance should find.

    It counts as found when one of `criteria` is met, on or after `from_on`, for one of
    `products` together with one of `events`.
    """

    kind: Literal["excess", "sentinel", "lost_effect"]
    level: str = ""  # that carries it, where one does: lot, construct, programme or platform
    products: tuple[str, ...]  # keys, `level:name`, the most specific first
    events: tuple[str, ...]  # keys, `pt:` or `group:`; an endpoint counts as a term
    criteria: tuple[str, ...]  # in the shipped configuration `ucd`
    from_on: date  # an excess: infusions from this day; else the day it first shows
    size: float  # rate ratio; 1 for a sentinel event, which is one case
    n_planted: int  # cases, or endpoint events from `from_on` on, in the data
    n_expected: float  # the same, had nothing been planted
    found_when: str


class Nulls(Struct, frozen=True, kw_only=True):
    """What a finding is false for, whatever its size."""

    products: tuple[str, ...]  # keys; with every event
    constructs: tuple[str, ...]  # keys; their endpoint rate is what was approved
    note: str


class Association(Struct, frozen=True, kw_only=True):
    """A pair that is neither planted nor null: a finding of it is neither true nor false.

    It holds for everything below the product in the hierarchy.
    """

    product: str
    event: str
    reason: Literal["reaction of the platform", "indication", "stimulated reporting"]


class ConstructTruth(Struct, frozen=True, kw_only=True):
    """What the outcomes hold of one construct, nullified records left out."""

    construct: str
    programme: str
    n_patients: int
    person_days: int  # from first dose to the last day seen
    n_events: int  # hyperammonaemic
    n_deaths: int
    n_lost: int  # declared lost within the scenario
    expected_events: float  # at the approved rate, over `person_days`


class MixCounts(Struct, kw_only=True):
    """The versions of the background as they were generated."""

    n_cases: int = 0
    n_versions: int = 0  # numbered; an exact duplicate is not one more
    n_lines: int = 0
    n_nullified: int = 0
    n_reinstated: int = 0
    n_exact_duplicates: int = 0
    n_reordered: int = 0
    n_duplicate_links: int = 0


class Truth(Struct, frozen=True, kw_only=True):
    """All that is known of a simulation."""

    simulated: Literal[True] = True
    scenario: str
    seed: int
    from_on: date
    until_on: date  # last day of first versions and outcomes; versions may follow
    delay_days_max: int  # arrival goes back in `received_on` by no more than this
    planted: tuple[Planted, ...]
    nulls: Nulls
    associations: tuple[Association, ...]
    constructs: tuple[ConstructTruth, ...]
    mix: MixCounts  # of the background
    n_platform_cases: int
    n_platform_versions: int
    n_case_lines: int
    n_outcome_lines: int
    cases_sha256: str
    outcomes_sha256: str
