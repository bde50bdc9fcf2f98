"""What is fixed before the data: one directory of TOML files, read strictly, hashed whole.

Each struct mirrors one file. The tick carries the hash of the directory, so the log
records which configuration was in force when; a finding carries it too.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr, replace

from surveillance.configuration.hierarchy import Axis, Hierarchy, TermLevel
from surveillance.configuration.law import Law, require_once
from surveillance.configuration.life_cycle import LifeCycle, shipped
from surveillance.configuration.patterns import finder
from surveillance.configuration.people import People
from surveillance.configuration.programmes import Programmes
from surveillance.configuration.work_up import WorkUpList
from surveillance.domain.case import Name
from surveillance.domain.finding import Family
from surveillance.domain.names import Spelling
from surveillance.domain.product import EventLevel, Level
from surveillance.domain.signal import Status

Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
Weight = Annotated[float, Meta(ge=0, le=100)]
Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$")]
Every = Literal["day", "month", "quarter", "year"]  # at the first close of each, in UTC
Levels = Annotated[tuple[Level, ...], Meta(min_length=1)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of the parts of a configuration: an unknown key is an error."""


class Topics(_Part, frozen=True, kw_only=True):
    """`topics.toml`: partitions of the raw topics; fixed for the life of a generation."""

    cases: Annotated[int, Meta(ge=1, le=512)] = 4
    outcomes: Annotated[int, Meta(ge=1, le=512)] = 2
    replication: Annotated[int, Meta(ge=1, le=9)] = 1
    lines_per_message: Annotated[int, Meta(ge=1, le=2_000)] = 200


class VersionRule(_Part, frozen=True, kw_only=True):
    """`sources.toml`: how the versions of one source follow each other.

    ``version`` orders by version number, then information date; ``information_date`` the
    other way round, for sources that do not number their versions (E2B). ``extract`` puts the
    day on which the source made its file first, for files that show each case as it stood then:
    a later extract stands as a whole. Between versions that are equal in all of that, the
    bytes decide, so that the result depends on no order of arrival. A source that has no rule
    is ordered by ``version``.
    """

    order: Literal["version", "information_date", "extract"] = "version"


class ListedProduct(_Part, frozen=True, kw_only=True):
    """`products.toml`: one product, the names it is reported under, and where it belongs."""

    name: Name
    aliases: tuple[Name, ...] = ()
    platform: Name | None = None
    programme: Name | None = None
    constructs: tuple[Name, ...] = ()  # so that their signals belong to the matters of the product


class Group(_Part, frozen=True, kw_only=True):
    """A set of products or of terms that a reviewer looks at as one.

    Raises
    ------
    ValueError
        If it names nothing, or its pattern cannot be matched in linear time.
    """

    names: tuple[Name, ...] = ()
    pattern: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.names and self.pattern is None:
            raise ValueError("names or pattern: a group needs one of the two")
        if self.pattern is not None:
            try:
                finder(self.pattern)
            except ValueError as error:
                raise ValueError(f"pattern: {error}") from None


class Products(_Part, frozen=True, kw_only=True):
    """`products.toml`: levels to count at, the hierarchy, and groups of products."""

    levels: tuple[Level, ...] = (
        "platform", "programme", "substance", "product", "construct", "lot",
    )  # fmt: skip
    product: tuple[ListedProduct, ...] = ()
    group: dict[Slug, Group] = {}


class Substances(_Part, frozen=True, kw_only=True):
    """`substances.toml`: how the names of active ingredients are brought together."""

    salts: tuple[Name, ...] = ()  # words left out at the end of a name
    leading: tuple[Name, ...] = ()  # words left out at its beginning
    whole: tuple[Name, ...] = ()  # names that end like a salt and are not one
    same: dict[Name, Name] = {}  # a name, and the one it is counted under
    dictionary: dict[Name, Name] = {}  # of substances.csv: reported name, substances joined by +


class KnownPair(_Part, frozen=True, kw_only=True):
    """A line of `labels.csv` or `indications.csv`: what is known of a product and an event."""

    product: Name  # a key, `level:name`, or the name of a product
    event: Name  # a key, or a preferred term
    since: date | None = None  # on which it was written into the label; None: from the first


class Holiday(_Part, frozen=True, kw_only=True):
    """`holidays.csv`: a day on which nobody works."""

    day: date
    name: Name


class Publicity(_Part, frozen=True, kw_only=True):
    """A line of `publicity.csv`: what was made public, which stimulates reports."""

    on: date
    by: Literal["media", "regulator"]
    product: Name  # a key, `level:name`, or the name of a product, programme or platform
    event: Name | None = None  # a key, or a preferred term; None: any
    what: Annotated[str, Meta(min_length=3, max_length=200)]

    @property
    def sentence(self) -> str:
        """The line as a finding shows it."""
        return f"{self.on}, {self.by}: {self.what}"


class Events(_Part, frozen=True, kw_only=True):
    """`events.toml`: groups of preferred terms."""

    group: dict[Slug, Group] = {}


class Terms(_Part, frozen=True, kw_only=True):
    """`terms.toml`: the user's own release of MedDRA, and the levels at which events count."""

    path: Annotated[str, Meta(min_length=1)]  # a folder of this directory, or an absolute path
    version: Annotated[str, Meta(min_length=1, max_length=10)] | None = None  # as it must be
    levels: tuple[TermLevel, ...] = ("hlt", "hlgt", "soc", "smq_narrow", "smq_broad")
    axis: Axis = "primary"  # or "all": under every SOC that a preferred term belongs to


class _Criterion(_Part, frozen=True, kw_only=True, tag_field="rule"):
    """The base of the criteria."""

    name: Slug
    version: Annotated[int, Meta(ge=1)] = 1
    min_count: Annotated[int, Meta(ge=1)] = 3
    multiplicity: str = "none: each pair is tested alone, at every close"


class Evans(_Criterion, frozen=True, kw_only=True, tag="evans"):
    """PRR and Yates's chi-square at or above a threshold (Evans et al. 2001)."""

    prr: Positive = 2.0
    chi_square: Positive = 4.0


class PrrLower(_Criterion, frozen=True, kw_only=True, tag="prr_lower"):
    """Lower confidence limit of the PRR above a threshold."""

    above: Positive = 1.0
    confidence_level: Share = 0.95


class RorLower(_Criterion, frozen=True, kw_only=True, tag="ror_lower"):
    """Lower confidence limit of the ROR above a threshold."""

    above: Positive = 1.0
    confidence_level: Share = 0.95


class Ema(_Criterion, frozen=True, kw_only=True, tag="ema"):
    """Lower confidence limit of the ROR above 1, with fewer cases where monitoring is additional.

    EudraVigilance's rule for its reaction monitoring reports: three cases are enough for
    substances under additional monitoring, and all others need five.

    Raises
    ------
    ValueError
        If the listed products need more cases than the others.
    """

    additional_monitoring: tuple[str, ...] = ()  # keys, `level:name`
    min_count_additional: Annotated[int, Meta(ge=1)] = 3
    min_count: Annotated[int, Meta(ge=1)] = 5
    above: Positive = 1.0
    confidence_level: Share = 0.95

    def __post_init__(self) -> None:
        if self.min_count_additional > self.min_count:
            raise ValueError("min_count_additional: must not exceed min_count")


class IcLower(_Criterion, frozen=True, kw_only=True, tag="ic_lower"):
    """Lower limit of the information component above 0, by the exact gamma quantile."""

    tail: Share = 0.025
    min_count: Annotated[int, Meta(ge=1)] = 1


class Eb05(_Criterion, frozen=True, kw_only=True, tag="eb05"):
    """Lower 5 % limit of the EBGM at or above a threshold, under the prior that stands.

    Not met by a pair with no more cases than expected, nor before the first prior.
    """

    at_least: Annotated[float, Meta(ge=1)] = 2.0
    multiplicity: str = "shrinkage to a prior over all pairs; no error rate is promised"


class Exact(_Criterion, frozen=True, kw_only=True, tag="exact"):
    """Fisher's exact test against an excess, over a family of pairs.

    The family is every product at `levels` with every preferred term, reported together or
    not. Decided at the first close of each `every`, for the whole family at once.
    """

    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.05  # a pair without an excess has p >= 1/2
    adjust: Literal["bh", "by", "e_bh"] = "e_bh"
    levels: Levels = ("product",)
    every: Every = "month"
    multiplicity: str = "over the family of one decision; not shared over decisions"


class Lrt(_Criterion, frozen=True, kw_only=True, tag="lrt"):
    """Likelihood ratio test of one product over all its events (Huang et al. 2011).

    For each listed product its preferred terms are tested step by step against the simulated
    distribution of the greatest ratio, at the first close of each `every`.
    """

    products: Annotated[tuple[str, ...], Meta(min_length=1)]  # keys, `level:name`
    alpha: Share = 0.05
    n_draws: Annotated[int, Meta(ge=99, le=100_000)] = 999
    seed: Annotated[int, Meta(ge=0)] = 1
    every: Every = "month"
    multiplicity: str = "family-wise over the events of one product, in one decision"

    def __post_init__(self) -> None:
        if (self.n_draws + 1) * self.alpha < 1:
            raise ValueError("n_draws: too few for a p as small as alpha; ask for 1 / alpha")


class Sentinel(_Criterion, frozen=True, kw_only=True, tag="sentinel"):
    """A listed kind of event that is looked at from the first case on."""

    products: tuple[str, ...]  # keys, `level:name`; `*` for every product
    events: tuple[str, ...]  # keys, `pt:...` or `group:...`
    min_count: Annotated[int, Meta(ge=1)] = 1
    multiplicity: str = "not a test: every case of a listed kind is shown"


class CountReached(_Criterion, frozen=True, kw_only=True, tag="count"):
    """A count of cases of listed pairs, whatever is expected: what naive rules look at."""

    products: tuple[str, ...]  # keys, `level:name`; `*` for every product
    events: tuple[str, ...]  # keys, `pt:...` or `group:...`
    multiplicity: str = "not a test: a count of cases"


Listed = Sentinel | CountReached
OfFamily = Exact | Lrt
OfPair = Evans | PrrLower | RorLower | Ema | IcLower | Eb05
Criterion = OfPair | OfFamily | Listed


class PriorFit(_Part, frozen=True, kw_only=True):
    """`criteria.toml`: how the prior of the EBGM follows the data.

    It is fitted on the pairs of products at `level` with preferred terms that were reported
    at least once, and used for every pair until the next fit.
    """

    level: Level = "product"
    every: Every = "month"
    likelihood: Literal["truncated_mixture", "openebgm"] = "truncated_mixture"
    min_pairs: Annotated[int, Meta(ge=50)] = 500


class Criteria(_Part, frozen=True, kw_only=True):
    """`criteria.toml`: what makes a pair a finding.

    Raises
    ------
    ValueError
        If two criteria have one name, or one needs a prior that nothing fits.
    """

    criterion: tuple[Criterion, ...]
    growth_ratio: Annotated[float, Meta(gt=1)] = 2.0  # a standing finding is emitted again
    prior: PriorFit | None = None  # without it there is no EBGM

    def __post_init__(self) -> None:
        if self.prior is None and any(isinstance(c, Eb05) for c in self.criterion):
            raise ValueError("prior: a criterion on EB05 needs a [prior] section")
        names = [c.name for c in self.criterion]
        if len(set(names)) != len(names):
            raise ValueError("criterion: names must differ")


class Weights(_Part, frozen=True, kw_only=True):
    """Weights of the parts of the priority; the score is their weighted mean.

    Equal ones are the default: none is fitted. The parts and the argument are in
    docs/decisions/0012.

    Raises
    ------
    ValueError
        If every part that can be known of any pair weighs nothing.
    """

    version: Annotated[int, Meta(ge=1)] = 1
    strength: Weight = 1.0
    size: Weight = 1.0
    severity: Weight = 1.0
    novelty: Weight = 1.0
    impact: Weight = 1.0
    trend: Weight = 1.0
    quality: Weight = 1.0
    spread: Weight = 1.0
    plausibility: Weight = 3.0  # an event that people named beforehand is to be seen
    stimulated: Weight = 1.0  # taken off
    indication: Weight = 1.0  # taken off

    def __post_init__(self) -> None:
        positive = ("strength", "size", "severity", "novelty")
        if not any(getattr(self, name) for name in positive):
            raise ValueError(f"weights: one of {', '.join(positive)} must be above 0")


class ReviewRule(_Part, frozen=True, kw_only=True):
    """When to ask people for a review for market withdrawal; every condition must hold.

    A matter is asked about once for each ground, whichever of its signals meets a rule first.
    """

    name: Slug
    is_sentinel: bool | None = None
    families: tuple[Family, ...] = ()  # empty: any
    criteria: tuple[Slug, ...] = ()  # all of these stand
    statuses: tuple[Status, ...] = ()  # empty: any
    min_cases: Annotated[int, Meta(ge=1)] = 1
    min_fatal: Annotated[int, Meta(ge=0)] = 0
    levels: tuple[Level, ...] = ()  # empty: any
    ground: Slug  # code of a legal ground in law.toml


class Reopen(_Part, frozen=True, kw_only=True):
    """When a matter that people have seen comes back on the list; any of these is enough."""

    version: Annotated[int, Meta(ge=1)] = 1
    case_ratio: Annotated[float, Meta(ge=1, le=1_000)] = 2.0  # so many times the cases seen
    new_serious: Annotated[int, Meta(ge=1)] | None = None  # so many serious cases more
    first_death: bool = True  # where none was reported when it was seen
    higher_criterion: bool = True  # a criterion of a higher kind than those met then
    after_days: Annotated[int, Meta(ge=1)] | None = None  # however it stands


class Band(_Part, frozen=True, kw_only=True):
    """A band of the list, and how soon people look at what is in it.

    A matter is in the first band of which one condition holds. A band without any takes the rest.
    """

    name: Annotated[str, Meta(pattern="^[A-Z][A-Z0-9]{0,9}$")]
    working_days: Annotated[int, Meta(ge=1, le=365)] | None = None  # None: when it is its turn
    sentinel: bool = False  # an event of a watch list
    min_fatal_unlisted: Annotated[int, Meta(ge=1)] | None = None  # of what a known label lacks
    min_priority: Annotated[float, Meta(gt=0, le=1)] | None = None

    @property
    def takes_the_rest(self) -> bool:
        """No condition is set."""
        conditions = (self.min_fatal_unlisted, self.min_priority)
        return not self.sentinel and conditions == (None, None)


BANDS = (
    Band(name="P1", working_days=1, sentinel=True, min_fatal_unlisted=1),
    Band(name="P2", working_days=5, min_priority=0.5),
    Band(name="P3", working_days=15, min_priority=0.35),
    Band(name="P4"),
)


class Budget(_Part, frozen=True, kw_only=True):
    """How many matters people can look at; what is beyond is queued by priority."""

    version: Annotated[int, Meta(ge=1)] = 1
    per_reviewer_week: Annotated[int, Meta(ge=1, le=10_000)] | None = None  # None: no limit
    reviewers: Annotated[int, Meta(ge=1, le=1_000)] = 1


WeekDay = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]  # fmt: skip


class Triage(_Part, frozen=True, kw_only=True):
    """`triage.toml`: priority, bands, budget, alerts and requests for review.

    Raises
    ------
    ValueError
        If a band could never hold a matter, or some matters would be in none.
    """

    weights: Weights = Weights()
    list_min_cases: Annotated[int, Meta(ge=1)] = 3  # below, only sentinel events are listed
    alert_priority: Annotated[float, Meta(ge=0, le=1)] = 0.5
    band: tuple[Band, ...] = BANDS
    budget: Budget = Budget()
    reopen: Reopen = Reopen()
    weekend: tuple[WeekDay, ...] = ("saturday", "sunday")
    review: tuple[ReviewRule, ...] = ()

    def __post_init__(self) -> None:
        require_once("band", [one.name for one in self.band])
        resting = [one.name for one in self.band if one.takes_the_rest]
        if not resting or resting != [one.name for one in self.band[-1:]]:
            raise ValueError("band: the last one, and no other, is without conditions")
        days = [one.working_days or 366 for one in self.band]
        if days != sorted(days):
            raise ValueError("band: a later one cannot have fewer working_days")
        if len(set(self.weekend)) == len(get_args(WeekDay)):
            raise ValueError("weekend: no working day is left")


class Feed(_Part, frozen=True, kw_only=True):
    """`feed.toml`: what is published, and the smallest count that is shown."""

    name: Slug = "longwatch"
    levels: tuple[Level, ...] = ("platform", "programme", "substance", "product", "group")
    event_levels: tuple[EventLevel, ...] = ("pt", "group")  # names of MedDRA's others are licensed
    smallest_cell: Annotated[int, Meta(ge=1, le=50)] = 3


class Names(_Part, frozen=True, kw_only=True):
    """`names.toml`: words that are no names of lots, and words that keep their capitals."""

    no_lot: tuple[Name, ...] = ()
    capitals: tuple[Annotated[str, Meta(pattern="^[^\\W_]+([ '\u2019][^\\W_]+)*$")], ...] = ()

    @property
    def spelling(self) -> Spelling:
        """The spelling under which names are counted."""
        return _spelling(self)


@lru_cache(maxsize=16)
def _spelling(names: Names) -> Spelling:
    return Spelling(no_lot=names.no_lot, capitals=names.capitals)


class Configuration(_Part, frozen=True, kw_only=True):
    """The whole directory, and its hash.

    The keys of criteria and the names of watches are spelled as they are counted, however the
    files spell them.
    """

    digest: str
    topics: Topics
    sources: dict[str, VersionRule]
    products: Products
    events: Events
    criteria: Criteria
    programmes: Programmes
    triage: Triage
    feed: Feed
    names: Names = Names()
    terms: Terms | None = None
    hierarchy: Hierarchy | None = None  # of the folder that terms.toml names
    substances: Substances = Substances()
    law: Law = Law()
    lifecycle: LifeCycle = field(default_factory=shipped)
    people: People = People()
    workup: WorkUpList = WorkUpList()
    labels: tuple[KnownPair, ...] = ()  # of labels.csv
    indications: tuple[KnownPair, ...] = ()  # of indications.csv
    holidays: tuple[Holiday, ...] = ()  # of holidays.csv
    publicity: tuple[Publicity, ...] = ()  # of publicity.csv

    def __post_init__(self) -> None:
        spelling = self.names.spelling
        criteria = tuple(_spelled(one, spelling) for one in self.criteria.criterion)
        force_setattr(self, "criteria", replace(self.criteria, criterion=criteria))
        force_setattr(self, "programmes", self.programmes.spelled(spelling.term))

    @property
    def coding(self) -> str:
        """The release of terms that events count under, in one line."""
        return "terms as reported" if self.hierarchy is None else self.hierarchy.coding


def _spelled(criterion: Criterion, spelling: Spelling) -> Criterion:
    """Return a criterion with the keys that it lists spelled as they are counted."""
    lists = ("products", "events", "additional_monitoring")
    found = {name: getattr(criterion, name) for name in lists if hasattr(criterion, name)}
    return replace(
        criterion, **{name: tuple(map(spelling.key, keys)) for name, keys in found.items()}
    )
