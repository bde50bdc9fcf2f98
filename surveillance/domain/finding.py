"""Findings: the output of a detector, with everything needed to check it.

A finding is a criterion newly met, or a material change of one that stands. It implies
nothing about causality. Counts are at case level: each case once per pair.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

N_CONSTRUCTS_MAX = 20  # that a finding names
N_CHANGES_MAX = 5  # of designs and natural history that a finding shows, the latest
Change = Literal["met", "grown", "ceased", "ended"]
Family = Literal["safety", "effectiveness", "compliance"]
Counted = Literal["outcomes", "reports"]
Scale = Literal["log_e", "log_likelihood_ratio", "count", "probability"]


class Finding(Struct, frozen=True, kw_only=True, tag="pair", tag_field="type", omit_defaults=True):
    """A product-event pair that met a criterion, or changed materially since it did.

    `change` is ``met`` when the criterion is newly met, ``grown`` when the count has
    grown by the configured ratio since the last finding, ``ceased`` when the criterion
    is no longer met; an earlier finding is never retracted.

    Statistics that are undefined are absent, and ``undefined`` gives the reason.
    """

    criterion: str
    criterion_version: int
    change: Change
    on: date  # the UTC day of the epoch's tick
    epoch: int
    product: str
    event: str
    n_pair: int
    n_product: int
    n_event: int
    n_total: int
    n_serious: int = 0
    n_fatal: int = 0
    n_total_serious: int = 0  # cases with any serious event, whatever the product
    n_total_fatal: int = 0
    n_pair_before: int = 0  # at the beginning of the previous quarter, three to six months ago
    n_total_before: int = 0
    n_timed: int = 0  # cases with a known interval from first dose to onset
    completeness: float | None = None  # mean over its cases, after vigiGrade, in [0, 1]
    n_well_documented: int = 0  # cases with a completeness above 0.8
    product_first_on: date | None = None  # first report of the product in this log
    expected: float
    prr: float | None = None
    prr_lower: float | None = None
    prr_upper: float | None = None
    ror: float | None = None
    ror_lower: float | None = None
    ror_upper: float | None = None
    chi_square: float | None = None
    ic: float | None = None
    ic_lower: float | None = None
    ic_upper: float | None = None
    ebgm: float | None = None
    eb05: float | None = None
    eb95: float | None = None
    prior: str = ""  # the version of the prior that the three were computed under
    exact_p: float | None = None  # Fisher, one-sided; 0 where below the smallest double
    exact_log10_p: float | None = None
    adjusted_p: float | None = None  # over the family, where the criterion has one
    n_hypotheses: int | None = None  # of that family
    undefined: dict[str, str] = {}
    onset_days_min: int | None = None
    countries: tuple[str, ...] = ()
    reporters: tuple[str, ...] = ()
    constructs: tuple[str, ...] = ()  # the first of them by name
    n_constructs: int = 0  # all of them
    multiplicity: str = ""
    configuration: str = ""


class _Watched(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a test of outcomes saw when it looked once, with its design.

    `alpha` is this test's part of `alpha_family`, which its design has for the programme, and
    that is part of `alpha_budget`, which the programme has for all designs of the family.
    `alpha_spent` is how much of `alpha` has been used by this look: all of it from the first look
    on where evidence is valid at any time. Where `scale` is ``count`` or ``probability`` there is
    no test and no error rate; a test of one patient has its own, beside the budget.
    """

    criterion: str  # the design and the level at which it looked
    criterion_version: int
    on: date
    epoch: int
    design: str  # name in programmes.toml
    design_version: int = 1
    family: Family
    programme: str
    product: str  # key at the level of the test
    event: str  # key of the endpoint
    patient_id: str = ""  # where the test is of one patient
    counts: Counted = "outcomes"
    n_patients: int
    n_doses: int | None = None  # where reports are counted
    n_events: int  # events, or reports; values where a chance is computed from them
    n_fatal: int = 0
    person_days: int
    expected: float  # events, at the rate of the null; 0 where no rate applies
    statistic: float
    boundary: float
    scale: Scale
    alpha: float | None = None
    alpha_family: float | None = None
    alpha_budget: float | None = None
    alpha_spent: float | None = None
    horizon: float | None = None  # expected events, where the test has an end
    background_probability: float | None = None  # of so many events or more without the therapy
    natural_history: str = ""  # name and version
    natural_history_version: int | None = None
    n_changes: int = 0  # of design and natural history, recorded after data had been seen
    changes: tuple[str, ...] = ()  # the latest of them, each with its reason
    unseen_days: int = 0  # after the first dose, of patients who live and are not followed
    ratio_best: float | None = None  # rate ratio had none of them had an event in that time
    ratio_worst: float | None = None  # had they had the events of the untreated
    reporting_delay_days: float | None = None  # assumed mean of an exponential delay
    reported_share: float | None = None  # assumed, of the events that occur
    publicity: str = ""  # the latest that may have stimulated reports
    p_break: float | None = None  # of so many reports since then, were their rate as before
    source: str = ""
    looks: int = 0  # of this test, this one included
    notes: tuple[str, ...] = ()  # what was assumed or left out


class Look(_Watched, frozen=True, kw_only=True, tag="look", tag_field="type", omit_defaults=True):
    """One look of a test of outcomes, whether it crossed its boundary or not."""

    is_crossing: bool
    has_crossed: bool  # at this look or an earlier one whose support stands


class WatchFinding(
    _Watched, frozen=True, kw_only=True, tag="watch", tag_field="type", omit_defaults=True
):
    """A look that crossed its boundary for the first time, grew materially, or lost its support.

    A crossing stands however the statistic falls afterwards. ``ceased`` states that events
    which carried it were taken back; the crossing itself stays on the record. ``ended`` states
    once that a test has reached its planned horizon, whether it has crossed or not.
    """

    change: Change
    rate_ratio: float | None = None
    is_sentinel: bool = False
    level_of_excess: str = ""  # the level that most probably carries the excess
    p_level: float | None = None  # its posterior probability, given that some level carries one
    shared_ratio: float | None = None  # rate ratio of a construct, shared over the platform
    configuration: str = ""


class PriorFitted(
    Struct, frozen=True, kw_only=True, tag="prior", tag_field="type", omit_defaults=True
):
    """A fit of the prior of the EBGM, or the reason why there is none.

    The parameters are those of a mixture of two gamma distributions of the relative reporting
    ratio. They are the numbers that are used, to the last digit. A fit that failed is emitted
    with its reason; a prior that is in force stays so.
    """

    version: str
    on: date
    epoch: int
    level: str
    likelihood: str
    n_pairs: int
    alpha1: float | None = None
    beta1: float | None = None
    alpha2: float | None = None
    beta2: float | None = None
    p: float | None = None
    log_likelihood: float | None = None
    gradient_norm: float | None = None
    n_starts: int | None = None
    n_agreeing: int | None = None
    gap_between_starts: float | None = None
    boundary_hits: tuple[str, ...] = ()
    failure: str = ""
    configuration: str = ""
