"""Reports of a treated product are held against what the background brings to all treated."""

import math
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from histories import Cluster, embedded, random_log
from msgspec.structs import replace
from scipy import integrate, stats
from strategies import a_configuration, instant, programmes

from detectors.sequential import poisson_maxsprt
from surveillance.configuration.programmes import Change, Reported, ReportedExcess, ReportedSentinel
from surveillance.configuration.types import Configuration, Events, Group, Publicity
from surveillance.domain.contribution import FATAL, Contribution, Exposure
from surveillance.domain.finding import Look, WatchFinding
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes.reported import Exposed, ReportLooks
from surveillance.screening.screen import Screen
from surveillance.triage.triage import signal_of

START = date(2024, 3, 4)
FIRST = START.toordinal()
SEIZURE = "pt:Seizure"


def an_excess(**changes: Any) -> ReportedExcess:  # noqa: ANN401 - its fields
    return ReportedExcess(**(_VALUES | {"horizon": 5.0, "alpha": 0.05} | changes))


def a_sentinel(**changes: Any) -> ReportedSentinel:  # noqa: ANN401 - its fields
    return ReportedSentinel(**(_VALUES | changes))


_VALUES: dict[str, Any] = {
    "event": SEIZURE,
    "background_per_patient_year": 0.02,
    "source": "made for a test",
    "level": "product",
}


def configured(design: Reported, **changes: Any) -> Configuration:  # noqa: ANN401 - its fields
    return a_configuration(programmes=programmes("P1", "P2", reports=design), **changes)


def treated(n: int, product: str = "product:P", start: int = 0, n_doses: int = 0) -> Exposure:
    return Exposure(product, n_doses or n, n, [(FIRST + start, 0, n)])


def report(
    n: int = 1, product: str = "product:P", flags: int = 0, onset: int | None = None
) -> Contribution:
    began = None if onset is None else FIRST + onset
    return Contribution(n, "US", "physician", [(product, FIRST)], [(SEIZURE, flags, began)])


class Screened:
    """A screen that is stored and restored at every close; its looks and findings alone."""

    def __init__(self, configuration: Configuration) -> None:
        self._stage = Screen(configuration, ReportLooks(configuration))
        self._state = self._stage.init(Cells(nothing_stored))
        self._epoch = -1

    def close(self, day: int, *rows: Contribution | Exposure) -> list[Look | WatchFinding]:
        for row in rows:
            self._stage.apply(self._state, row)
        self._epoch += 1
        at = instant(START + timedelta(days=day), second=80_000)
        said = self._stage.close(self._state, self._epoch, at)
        data = self._stage.dump(self._state)
        self._state = self._stage.load(data, Cells(nothing_stored))
        assert self._stage.dump(self._state) == data
        return [row for row in said.rows if isinstance(row, Look | WatchFinding)]

    def look(self, day: int, *rows: Contribution | Exposure) -> Look:
        (look,) = (row for row in self.close(day, *rows) if isinstance(row, Look))
        return look


def test_a_look_has_the_numbers_of_the_test_and_all_that_it_rests_on() -> None:
    screened = Screened(configured(an_excess(reported_share=0.5)))
    assert screened.look(0, treated(100)).n_events == 0

    look = screened.look(364, report(3, flags=FATAL))

    expected = 0.01 * 100 * 365 / 365.25
    plan = poisson_maxsprt.Design(5.0, alpha=0.05, min_events=2)
    assert (look.counts, look.family, look.scale) == ("reports", "safety", "log_likelihood_ratio")
    assert (look.n_patients, look.n_doses, look.person_days) == (100, 100, 36_500)
    assert (look.n_events, look.n_fatal, look.looks) == (3, 3, 2)
    assert look.expected == pytest.approx(expected)
    assert look.statistic == pytest.approx(3 * math.log(3 / expected) - (3 - expected))
    assert look.boundary == plan.boundary.critical_value
    assert look.alpha_spent == poisson_maxsprt.alpha_spent(plan, look.expected)
    assert (look.alpha, look.alpha_family, look.alpha_budget) == (0.05, 0.05, 0.05)
    assert look.background_probability == pytest.approx(stats.poisson.sf(2, expected))
    assert (look.reporting_delay_days, look.reported_share, look.is_crossing) == (0.0, 0.5, False)


def test_a_crossing_is_a_finding_and_what_loses_its_reports_ceases() -> None:
    screened = Screened(configured(an_excess()))
    screened.close(0, treated(100))

    crossed = screened.close(10, report(3))
    assert [(type(row).__name__, row.n_events) for row in crossed] == [
        ("Look", 3), ("WatchFinding", 3),
    ]  # fmt: skip
    finding = crossed[1]
    assert isinstance(finding, WatchFinding)
    assert (finding.change, finding.is_sentinel) == ("met", False)
    assert finding.rate_ratio == pytest.approx(3 / finding.expected)
    assert screened.close(11) == []
    ceased = screened.close(12, report(-2))[-1]
    assert isinstance(ceased, WatchFinding)
    assert ceased.change == "ceased"
    assert signal_of(finding) == signal_of(ceased)


def test_the_horizon_is_a_finding_when_time_alone_reaches_it() -> None:
    screened = Screened(configured(an_excess(horizon=1.0)))
    screened.close(0, treated(100))
    rows = [row for month in range(1, 9) for row in screened.close(31 * month)]

    (ended,) = (row for row in rows if isinstance(row, WatchFinding))
    assert ended.change == "ended"
    assert ended.expected >= 1.0


@pytest.mark.parametrize("delay", [0.5, 30.0, 400.0])
@pytest.mark.parametrize("window", [None, 60])
def test_expected_reports_are_the_events_whose_delay_has_passed(
    delay: float, window: int | None
) -> None:
    spans = [(0, 50, 3), (50, 0, 2), (200, 0, 1), (10, 20, -1)]
    exposed = Exposed()
    exposed.add(Exposure("product:P", 6, 5, [(1_000 + a, b and 1_000 + b, n) for a, b, n in spans]))
    after = 150

    def known(start: int, end: int) -> float:
        until = min(end or after, after, start + (window or after))
        if until <= start:
            return 0.0
        found, _ = integrate.quad(lambda s: 1 - math.exp(-(after - s) / delay), start, until)
        return float(found)

    should = sum(n * known(start, end) for start, end, n in spans)
    assert exposed.known_days(1_000 + after, window, delay) == pytest.approx(should, rel=1e-9)
    assert exposed.known_days(1_000 + after, window, 0.0) == exposed.days(1_000 + after, window)


def test_no_more_false_alarms_than_alpha_where_reports_come_late() -> None:
    """With delay ignored the expected count would be too high, and power lost; never too low."""
    exposed = Exposed(100, 100, {FIRST << 24 | (1 << 24) - 1: 100})
    days = [exposed.known_days(FIRST + day, None, 60.0) for day in range(1, 2_000, 7)]

    assert days == sorted(days)
    assert all(
        of < exposed.days(FIRST + day, None)
        for of, day in zip(days, range(1, 2_000, 7), strict=True)
    )


def test_the_first_report_is_shown_with_its_background_probability() -> None:
    screened = Screened(configured(a_sentinel(background_per_patient_year=2e-6)))
    screened.close(0, treated(900))

    look, finding = screened.close(89, report())

    assert isinstance(finding, WatchFinding)
    assert (finding.is_sentinel, look.scale, look.alpha) == (True, "count", None)
    p = 1 - math.exp(-2e-6 * 900 * 90 / 365.25)
    assert finding.background_probability == pytest.approx(p, rel=1e-6)


def test_a_lot_is_looked_at_as_soon_as_it_was_given() -> None:
    screened = Screened(configured(a_sentinel(level="lot")))
    lots = [treated(n, f"lot:P/{name}") for n, name in ((20, "A"), (30, "B"))]
    screened.close(0, *lots, treated(4, "lot:PQ/A"))

    look = screened.look(50, report(product="lot:P/B"), report(product="lot:PQ/A"))

    assert (look.product, look.n_patients, look.person_days) == ("lot:P/B", 30, 30 * 51)


def test_alpha_is_divided_over_constructs_and_a_platform_is_tested_once() -> None:
    screened = Screened(configured(an_excess(level="construct")))
    rows = screened.close(0, treated(9, "construct:K1"), treated(9, "construct:K2"))
    assert {row.alpha for row in rows} == {0.025}

    platform = Screened(configured(an_excess(level="platform")))
    (row,) = platform.close(0, treated(9, "platform:F"))
    assert (row.product, row.alpha) == ("platform:F", 0.05)


def test_onsets_known_to_lie_after_the_window_are_left_out_and_counted() -> None:
    screened = Screened(configured(a_sentinel(window_days=90)))
    screened.close(0, treated(10))

    look = screened.look(300, report(onset=89), report(onset=90), report(2))

    assert (look.n_events, look.person_days) == (3, 900)
    assert look.notes == ("not counted: 1 with an onset after 90 days",)


def test_after_repeated_doses_reports_count_whenever_they_began() -> None:
    screened = Screened(configured(a_sentinel(window_days=90)))
    screened.close(0, treated(1, n_doses=3))

    look = screened.look(300, report(onset=120), report())

    assert look.n_events == 2
    assert look.notes == (
        "counted whenever they began: doses were repeated, and onset is of the first one",
        "more reports than the 1 patients known to be treated",
    )


def test_a_report_of_nobody_known_to_be_treated_is_shown_and_cannot_be_tested() -> None:
    look = Screened(configured(an_excess())).look(0, report(5))

    assert (look.expected, look.statistic, look.is_crossing) == (0.0, 0.0, False)
    assert look.notes == ("more reports than the 0 patients known to be treated",)


MEDIA = Publicity(on=START + timedelta(days=100), by="media", product="F", what="a predecessor")


@pytest.mark.parametrize(
    "line",
    [
        MEDIA,
        Publicity(
            on=MEDIA.on, by="regulator", product="product:p", event="SEIZURE", what="a letter"
        ),
        Publicity(on=MEDIA.on, by="media", product="P1", event=SEIZURE, what="a broadcast"),
    ],
)
def test_publicity_is_shown_with_the_chance_of_so_many_reports_since(line: Publicity) -> None:
    screened = Screened(configured(an_excess(), publicity=(line,)))
    assert screened.look(0, treated(100)).publicity == ""
    screened.close(50, report(2))

    look = screened.look(199, report(8))

    assert look.publicity == line.sentence
    assert look.p_break == pytest.approx(stats.binom.sf(7, 10, 0.5))


@pytest.mark.parametrize(
    "line",
    [
        Publicity(on=MEDIA.on, by="media", product="Q", what="another product"),
        Publicity(on=MEDIA.on, by="media", product="F", event="Rash", what="another event"),
        Publicity(on=date(2030, 1, 1), by="media", product="F", what="what lies ahead"),
    ],
)
def test_publicity_about_something_else_is_not_shown(line: Publicity) -> None:
    screened = Screened(configured(an_excess(), publicity=(line,)))
    screened.close(0, treated(100))

    look = screened.look(199, report(8))

    assert (look.publicity, look.p_break) == ("", None)


def test_publicity_of_a_term_is_about_the_group_that_holds_it() -> None:
    groups = Events(group={"fits": Group(names=("Seizure", "Epilepsy"))})
    line = Publicity(on=MEDIA.on, by="media", product="P", event="epilepsy", what="a broadcast")
    fits = configured(an_excess(event="group:fits"), events=groups, publicity=(line,))
    screened = Screened(fits)
    screened.close(0, treated(100))

    assert screened.look(150, treated(1)).publicity == line.sentence


def test_a_recorded_change_is_shown_on_every_later_look_and_finding() -> None:
    change = Change(
        what="design.hepatic", version=2, on=START, reason="a new background rate", by="A B"
    )
    found = programmes("P1", hepatic=an_excess())
    changed = a_configuration(
        programmes=replace(found, design={"hepatic": an_excess(version=2)}, change=(change,))
    )
    rows = Screened(changed).close(5, treated(100), report(9))

    assert {type(row) for row in rows} == {Look, WatchFinding}
    assert all(row.changes == (change.sentence,) and row.n_changes == 1 for row in rows)


def test_the_budget_of_a_programme_counts_tests_of_reports() -> None:
    found = configured(an_excess(alpha=0.03)).programmes
    assert found.allotted(found.programme[0], "safety") == 0.03


OF_RASH = a_configuration(
    programmes=programmes(
        "P1",
        excess=an_excess(event="pt:Rash", background_per_patient_year=0.05),
        first=a_sentinel(event="pt:Rash"),
    )
)


@pytest.mark.parametrize("seed", range(12))
def test_a_cluster_with_faults_emits_the_bytes_of_the_embedded_pipeline(seed: int) -> None:
    log = random_log(Random(seed), OF_RASH)
    should, ends = embedded(log, OF_RASH)

    for history in range(3):
        cluster = Cluster(log, OF_RASH, Random(f"{seed} {history}"))
        cluster.run()
        assert cluster.said.messages == should.messages
        assert cluster.states() == ends


def test_the_logs_of_that_test_hold_looks_and_findings_of_reports() -> None:
    logs = [random_log(Random(seed), OF_RASH) for seed in range(12)]
    said = b"".join(value for log in logs for value in embedded(log, OF_RASH)[0].messages.values())

    assert b'"type":"look"' in said
    assert said.count(b'"counts":"reports"') > 10
    assert b'"type":"watch"' in said
