"""What is told of a pair: a criterion newly met, grown, or met no longer."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DIGEST, SECONDS_A_DAY, a_configuration, contributions, instant

from detectors.counts import Table, TableCells
from detectors.disproportionality.chi_square import chi_square
from detectors.disproportionality.ic import ic
from detectors.disproportionality.prr import prr
from detectors.disproportionality.ror import ror
from surveillance.configuration.types import (
    Configuration,
    CountReached,
    Criteria,
    Evans,
    Listed,
    OfPair,
    Sentinel,
)
from surveillance.domain.contribution import FATAL, SERIOUS, Contribution
from surveillance.domain.finding import N_CONSTRUCTS_MAX, Finding
from surveillance.log.cells import Cells, nothing_stored
from surveillance.screening.rules import rule_of
from surveillance.screening.rules.rule import PairRule
from surveillance.screening.screen import Screen

from .test_counts import Recount

CONFIGURATION = a_configuration()
EVANS_ONLY = a_configuration(criteria=Criteria(criterion=(Evans(name="evans", min_count=3),)))
WITH_SENTINEL = a_configuration(
    criteria=Criteria(
        criterion=(
            Evans(name="evans", min_count=3),
            Sentinel(name="hepatic", products=("product:P",), events=("pt:Hepatic failure",)),
        )
    )
)
JANUARY, FEBRUARY = instant(date(2024, 1, 10)), instant(date(2024, 2, 1))


def of(product: str, event: str, n: int = 1, flags: int = 0) -> Contribution:
    return Contribution(
        n, "US", "physician", [(f"product:{product}", None)], [(f"pt:{event}", flags, None)]
    )


class PartitionTask:
    """A screen that is stored and restored at every close."""

    def __init__(self, configuration: Configuration, *, is_stored: bool = True) -> None:
        self._stage = Screen(configuration)
        self.state = self._stage.init(Cells(nothing_stored))
        self._is_stored = is_stored
        self._epoch = -1

    def close(self, at: int, *new: Contribution) -> list[Finding]:
        for row in new:
            self._stage.apply(self.state, row)
        self._epoch += 1
        said = self._stage.close(self.state, self._epoch, at)
        if self._is_stored:
            data = self._stage.dump(self.state)
            self.state = self._stage.load(data, Cells(nothing_stored))
            assert self._stage.dump(self.state) == data
        return said.rows


def told(findings: list[Finding]) -> list[tuple[str, str, str, int]]:
    return [(f.criterion, f.change, f"{f.product} {f.event}", f.n_pair) for f in findings]


BACKGROUND = tuple(of(p, e, n) for p in "QR" for e, n in (("Fever", 60), ("Rash", 1)))


def test_a_pair_is_told_when_it_is_met_and_when_its_count_has_doubled_since() -> None:
    desk = PartitionTask(EVANS_ONLY)

    assert told(desk.close(JANUARY, *BACKGROUND, of("P", "Rash", 2))) == []
    pair = "product:P pt:Rash"
    assert told(desk.close(JANUARY + 1, of("P", "Rash"))) == [("evans", "met", pair, 3)]
    assert told(desk.close(JANUARY + 2, of("P", "Rash", 2))) == []
    assert told(desk.close(JANUARY + 3, of("P", "Rash"))) == [("evans", "grown", pair, 6)]
    assert told(desk.close(JANUARY + 4, of("P", "Rash", 5))) == []
    assert told(desk.close(JANUARY + 5, of("P", "Rash"))) == [("evans", "grown", pair, 12)]


@pytest.mark.parametrize("tenths", range(11, 40))
def test_a_count_has_grown_once_it_is_exactly_the_ratio_of_what_it_was(tenths: int) -> None:
    criterion = Evans(name="evans", min_count=3)
    criteria = Criteria(criterion=(criterion,), growth_ratio=tenths / 10)
    desk = PartitionTask(a_configuration(criteria=criteria), is_stored=False)
    pair = "product:P pt:Rash"
    desk.close(JANUARY, *BACKGROUND, of("P", "Rash", 10))

    assert told(desk.close(JANUARY + 1, of("P", "Rash", tenths - 11))) == []
    assert told(desk.close(JANUARY + 2, of("P", "Rash"))) == [("evans", "grown", pair, tenths)]


def test_what_has_ceased_is_told_at_the_first_close_of_a_month_and_may_be_met_again() -> None:
    desk = PartitionTask(EVANS_ONLY)
    pair = "product:P pt:Rash"
    assert told(desk.close(JANUARY, *BACKGROUND, of("P", "Rash", 3))) == [("evans", "met", pair, 3)]

    assert desk.close(JANUARY + 1, of("P", "Rash", -1)) == []
    assert desk.close(JANUARY + SECONDS_A_DAY) == []
    assert told(desk.close(FEBRUARY)) == [("evans", "ceased", pair, 2)]
    assert desk.close(FEBRUARY + 1) == []
    assert told(desk.close(FEBRUARY + 2, of("P", "Rash"))) == [("evans", "met", pair, 3)]


def test_a_pair_that_flickers_within_a_month_is_told_once() -> None:
    desk = PartitionTask(EVANS_ONLY)
    assert len(desk.close(JANUARY, *BACKGROUND, of("P", "Rash", 3))) == 1

    assert desk.close(JANUARY + 1, of("P", "Rash", -1)) == []
    assert desk.close(JANUARY + 2, of("P", "Rash", 1)) == []
    assert desk.close(FEBRUARY) == []


def test_a_pair_whose_margins_alone_moved_is_looked_at_when_a_day_begins() -> None:
    desk = PartitionTask(EVANS_ONLY)
    assert desk.close(JANUARY, *(of(product, "Rash", 3) for product in "PQR")) == []

    assert desk.close(JANUARY + 1, of("Q", "Fever", 60), of("R", "Fever", 60)) == []
    assert told(desk.close(JANUARY + SECONDS_A_DAY)) == [("evans", "met", "product:P pt:Rash", 3)]


def test_a_sentinel_is_told_at_its_first_case() -> None:
    desk = PartitionTask(WITH_SENTINEL)

    findings = desk.close(
        JANUARY,
        of("P", "Hepatic failure", flags=SERIOUS | FATAL),
        of("Q", "Hepatic failure"),
        of("P", "Rash"),
    )

    assert told(findings) == [("hepatic", "met", "product:P pt:Hepatic failure", 1)]
    assert (findings[0].n_serious, findings[0].n_fatal) == (1, 1)
    assert findings[0].multiplicity == "not a test: every case of a listed kind is shown"


def test_a_sentinel_whose_only_case_was_taken_back_has_ceased_when_a_month_begins() -> None:
    desk = PartitionTask(WITH_SENTINEL)
    desk.close(JANUARY, *BACKGROUND, of("P", "Hepatic failure"))

    assert desk.close(JANUARY + 1, of("P", "Hepatic failure", -1)) == []
    pair = "product:P pt:Hepatic failure"
    assert told(desk.close(FEBRUARY)) == [("hepatic", "ceased", pair, 0)]
    assert told(desk.close(FEBRUARY + 1, of("P", "Hepatic failure"))) == [
        ("hepatic", "met", pair, 1)
    ]


def test_a_bare_count_is_told_when_it_is_reached_for_listed_pairs_alone() -> None:
    reached = CountReached(name="five", min_count=5, products=("product:P",), events=("pt:Rash",))
    desk = PartitionTask(a_configuration(criteria=Criteria(criterion=(reached,))))
    pair = "product:P pt:Rash"

    assert desk.close(JANUARY, of("P", "Rash", 4), of("Q", "Rash", 9), of("P", "Fever", 9)) == []
    assert told(desk.close(JANUARY + 1, of("P", "Rash"))) == [("five", "met", pair, 5)]
    assert told(desk.close(JANUARY + 2, of("P", "Rash", 5))) == [("five", "grown", pair, 10)]


def test_a_finding_can_be_read_when_every_report_was_taken_back() -> None:
    desk = PartitionTask(EVANS_ONLY)
    rows = (*BACKGROUND, of("P", "Rash", 3))
    desk.close(JANUARY, *rows)
    desk.close(JANUARY + 1, *(msgspec.structs.replace(row, weight=-row.weight) for row in rows))

    (finding,) = desk.close(FEBRUARY)

    read = msgspec.json.decode(msgspec.json.encode(finding), type=Finding)
    assert read == finding
    assert (read.change, read.n_total, read.expected, read.ic) == ("ceased", 0, 0.0, None)
    assert read.undefined["ic"] == "no_expected"


def test_another_version_of_a_criterion_tells_anew() -> None:
    first, second = (
        a_configuration(criteria=Criteria(criterion=(Evans(name="evans", version=v, min_count=3),)))
        for v in (1, 2)
    )
    stage = Screen(first)
    state = stage.init(Cells(nothing_stored))
    for row in (*BACKGROUND, of("P", "Rash", 3)):
        stage.apply(state, row)
    assert len(stage.close(state, 0, JANUARY).rows) == 1

    (again,) = Screen(second).close(state, 1, JANUARY + SECONDS_A_DAY).rows

    assert (again.change, again.criterion_version) == ("met", 2)


# Against a model by plain dictionaries


class Stand(NamedTuple):
    height: int = 0
    stands: bool = False


class Model:
    """The rules, pair by pair."""

    def __init__(self, configuration: Configuration) -> None:
        self._rules = [
            rule_of(c) for c in configuration.criteria.criterion if isinstance(c, OfPair | Listed)
        ]
        self._told: dict[tuple[str, str, str], Stand] = {}
        self._before: date | None = None

    def close(
        self, at: int, standing: list[Contribution], moved: set[tuple[str, str]]
    ) -> set[tuple[str, str, str, str]]:
        today = datetime.fromtimestamp(at, UTC).date()
        recount = Recount(standing)
        known = {key[1:] for key in self._told}
        pairs = moved if today == self._before else moved | recount.n_pair.keys() | known
        is_month = self._before is None or today.replace(day=1) > self._before
        self._before = today
        found = set()
        for rule in self._rules:
            name = rule.criterion.name
            for pair in pairs:
                change = self._one(rule, pair, recount, is_month=is_month)
                if change:
                    found.add((name, change, *pair))
        return found

    def _one(
        self, rule: PairRule, pair: tuple[str, str], recount: Recount, *, is_month: bool
    ) -> str | None:
        criterion = rule.criterion
        if isinstance(criterion, Sentinel) and pair[1] not in criterion.events:
            return None
        n = recount.n_pair[pair]
        margins = recount.n_product[pair[0]], recount.n_event[pair[1]]
        n_pair, n_product, n_event = np.array([[n], [margins[0]], [margins[1]]], np.int64)
        met = bool(rule(TableCells.from_margins(n_pair, n_product, n_event, recount.n_total))[0])
        old = self._told.get((criterion.name, *pair), Stand())
        if met and (not old.stands or n >= 2 * old.height):
            self._told[criterion.name, *pair] = Stand(n, stands=True)
            return "grown" if old.stands else "met"
        if old.stands and not met and is_month:
            self._told[criterion.name, *pair] = Stand()
            return "ceased"
        return None


steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, SECONDS_A_DAY, 20 * SECONDS_A_DAY]),
        st.lists(st.tuples(contributions, st.integers(1, 9)), max_size=4),
        st.lists(st.integers(0, 50), max_size=6),
    ),
    max_size=7,
)


@given(steps, st.booleans())
@settings(max_examples=120)
def test_the_screen_tells_what_the_rules_say_with_the_numbers_of_the_detectors(
    drawn: list[tuple[int, list[tuple[Contribution, int]], list[int]]],
    is_stored: bool,  # noqa: FBT001 - drawn
) -> None:
    desk, model = PartitionTask(CONFIGURATION, is_stored=is_stored), Model(CONFIGURATION)
    at, standing = JANUARY, list[Contribution]()
    for seconds, asserted, retracted in drawn:
        at += seconds
        new = [row for row, n in asserted for _ in range(n)]
        standing += new
        gone = [standing.pop(place % len(standing)) for place in retracted if standing]
        minus = [msgspec.structs.replace(row, weight=-1) for row in gone]
        moved = {(p, e) for row in (*new, *gone) for p, _ in row.products for e, *_ in row.events}

        findings = desk.close(at, *new, *minus)

        assert {(f.criterion, f.change, f.product, f.event) for f in findings} == model.close(
            at, standing, moved
        )
        for finding in findings:
            _check(finding, Recount(standing), at)


def _check(finding: Finding, recount: Recount, at: int) -> None:
    pair = finding.product, finding.event
    counts = (
        recount.n_pair[pair],
        recount.n_product[finding.product],
        recount.n_event[finding.event],
        recount.n_total,
    )
    assert (finding.n_pair, finding.n_product, finding.n_event, finding.n_total) == counts
    assert (finding.n_serious, finding.n_fatal) == (recount.n_serious[pair], recount.n_fatal[pair])
    countries, reporters, constructs = recount.features.get(pair, (set(), set(), set()))
    assert finding.countries == tuple(sorted(countries - {""}))
    assert finding.reporters == tuple(sorted(reporters))
    assert finding.constructs == tuple(sorted(constructs))[:N_CONSTRUCTS_MAX]
    assert finding.n_constructs == len(constructs)
    assert finding.onset_days_min == min(recount.days.get(pair, []), default=None)
    assert (finding.on, finding.configuration) == (datetime.fromtimestamp(at, UTC).date(), DIGEST)
    table = Table(*counts)
    assert finding.expected == np.nan_to_num(table.expected)
    yates = chi_square(table)
    assert _same(finding.chi_square, yates.value, finding, "chi_square", yates.state)
    for name, estimate in (
        ("prr", prr(table)),
        ("ror", ror(table)),
        ("ic", ic(table.n_pair, table.expected)),
    ):
        state = estimate.state
        assert _same(getattr(finding, name), estimate.point, finding, name, state)
        assert _same(getattr(finding, f"{name}_lower"), estimate.lower, finding, name, state)
        assert _same(getattr(finding, f"{name}_upper"), estimate.upper, finding, name, state)


def _same(
    said: float | None,
    number: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    finding: Finding,
    name: str,
    state: np.ndarray[tuple[int, ...], np.dtype[np.str_]],
) -> bool:
    if said is None:
        return finding.undefined[name] == str(state) != "defined"
    return said == pytest.approx(float(number), rel=1e-14) and name not in finding.undefined


def test_a_finding_has_the_completeness_of_the_cases_that_stand() -> None:
    task = PartitionTask(EVANS_ONLY)
    complete, poor, wrong = (
        msgspec.structs.replace(of("P", "Rash", n), completeness=score)
        for n, score in ((2, 9_000), (2, 3_000), (1, 10_000))
    )
    task.close(JANUARY, *BACKGROUND, wrong)

    (found,) = task.close(JANUARY + 60, complete, poor, msgspec.structs.replace(wrong, weight=-1))

    assert (found.product, found.n_pair) == ("product:P", 4)
    assert found.completeness == (2 * 0.9 + 2 * 0.3) / 4
    assert found.n_well_documented == 2
