"""Patients who are no longer followed bound the estimate of an effect from both sides."""

import pytest
from strategies import a_configuration, a_stratum, encode, instant, programmes, record
from treated import ENDPOINT, dose, end, event, on, visit

from bench.study.cells import CELLS
from bench.study.history import _Drawing, _Walk
from surveillance.configuration.programmes import LostEffect
from surveillance.configuration.types import Topics
from surveillance.domain.finding import Look
from surveillance.domain.outcome import OutcomeRecord
from surveillance.log.cells import Cells, nothing_stored
from surveillance.programmes import lost_effect
from surveillance.programmes.watch import WatchOutcomes

EFFECT = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2)
ALIKE = a_stratum(rate_per_patient_year=3.0, dispersion=None)
A_DAY = 3.0 * 0.2 / 365.25  # events while the effect is kept


def looks(*records: OutcomeRecord, day: int) -> dict[str, Look]:
    of = programmes(strata=(ALIKE,), effect=EFFECT)
    stage = WatchOutcomes(a_configuration(topics=Topics(outcomes=1), programmes=of), 0)
    state, at = stage.init(Cells(nothing_stored)), instant(on(day))
    stage.apply(state, record(*map(encode, records), at=at))
    rows = stage.close(state, 0, at).rows
    return {row.product: row for row in rows if isinstance(row, Look)}


def test_a_lost_patient_may_have_had_nothing_or_what_the_untreated_have() -> None:
    look = looks(dose(0), event(50), end(100), day=300)["programme:P1"]

    assert (look.person_days, look.unseen_days) == (101, 200)
    assert look.expected == pytest.approx(101 * A_DAY)
    assert look.ratio_best == pytest.approx(1 / (301 * A_DAY))
    assert look.ratio_worst == pytest.approx((1 + 200 * 5 * A_DAY) / (301 * A_DAY))


def test_a_silent_patient_counts_like_a_lost_one_and_a_dead_one_does_not() -> None:
    silent = looks(dose(0), visit(100), day=100 + 366 + 50)["programme:P1"]
    dead = looks(dose(0), end(100, "death"), day=600)["programme:P1"]
    followed = looks(dose(0), visit(100), day=200)["programme:P1"]

    assert silent.unseen_days == 50
    for one in (dead, followed):
        assert (one.unseen_days, one.ratio_best, one.ratio_worst) == (0, None, None)


def test_time_that_is_not_seen_belongs_to_the_last_construct() -> None:
    found = looks(dose(0, "K1"), dose(50, "K2"), end(100), day=130)

    assert found["construct:K1"].unseen_days == 0
    assert found["construct:K2"].unseen_days == found["programme:P1"].unseen_days == 30


def test_in_the_scenario_of_heavy_loss_the_bounds_hold_the_truth() -> None:
    """Who has more events is lost sooner; the effect is kept, and the true ratio is 1."""
    n_events, seen, unseen = 0, 0.0, 0.0
    for seed in range(3):
        for look in _of_programmes(_Drawing(CELLS["heavy-loss"], seed)):
            assert look.ratio_best is not None
            assert look.ratio_worst is not None
            assert look.ratio_best <= look.n_events / look.expected <= look.ratio_worst
            apart = (look.ratio_worst - look.ratio_best) / 5
            n_events, seen = n_events + look.n_events, seen + look.expected
            unseen += look.expected * apart / (1 - apart)
    assert unseen > seen / 2
    assert n_events / (seen + unseen) < 1 < (n_events + 5 * unseen) / (seen + unseen)


def _of_programmes(drawing: _Drawing) -> list[Look]:
    design, day = drawing.programmes.design["effect"], drawing.cell.scenario.days
    assert isinstance(design, LostEffect)
    found: list[Look] = []
    for programme in filter(None, map(drawing.programmes.of, drawing.reported)):
        patients = drawing._histories(programme.name, day)
        occasion = _Walk(drawing, programme)._occasion("effect", day, patients)
        found += lost_effect.looks(design, occasion)
    return [look for look in found if look.product.startswith("programme:")]
