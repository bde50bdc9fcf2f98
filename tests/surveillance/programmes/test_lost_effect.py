"""Loss of effect: the evidence is what a definition gives, and errs as seldom as alpha."""

import math
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats
from strategies import DAY, a_stratum, programmes
from treated import ENDPOINT, before, dose, end, enrolment, event, on, visit

from surveillance.configuration.programmes import LostEffect, Shares, Stratum
from surveillance.domain.finding import Look
from surveillance.domain.outcome import Ended, EndpointEvent, OutcomeRecord
from surveillance.programmes import lost_effect
from surveillance.programmes.histories import DAYS_A_YEAR, AtRisk, histories_of
from surveillance.programmes.looking import Member, Occasion
from surveillance.programmes.natural_history import upper_rate

UCD = a_stratum(
    rate_per_patient_year=2.4, n_patients=63, patient_years=94.5, dispersion=0.65
)  # Unsinn et al. 2016
KEPT = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2, alpha=0.01, for_history=0.002)


def patient(n_events: int, days: int, *baseline: Any) -> AtRisk:  # noqa: ANN401 - of a patient
    (history,) = histories_of([enrolment(baseline=baseline), dose(0)]).values()
    return AtRisk(history, days=days, n_events=n_events)


def mixture(design: LostEffect, law: tuple[float, float], n: int, years: float) -> float:
    """Likelihood ratio of negative binomials, averaged over 64 rate ratios above 1."""
    shape, rate = law
    gamma = stats.gamma(design.ratio_shape, scale=1 / design.ratio_rate)
    ratios = gamma.isf(gamma.sf(1.0) * (1 - (np.arange(64) + 0.5) / 64))
    of = [stats.nbinom.pmf(n, shape, rate / (rate + r * 0.2 * years)) for r in (1.0, *ratios)]
    return float(np.mean(of[1:]) / of[0])


@pytest.mark.parametrize("n_events", [0, 1, 3, 12])
@pytest.mark.parametrize("baseline", [(), (before(0, 300),), (before(7, 500),)])
def test_the_evidence_of_a_patient_is_a_ratio_of_negative_binomials(
    n_events: int, baseline: tuple[Any, ...]
) -> None:
    n_before = baseline[0].n_events if baseline else 0
    years_before = baseline[0].days / DAYS_A_YEAR if baseline else 0.0
    law = (0.65 + n_before, 0.65 / upper_rate(UCD, 0.002) + years_before)

    found = lost_effect.patient_evidence(KEPT, patient(n_events, 400, *baseline), UCD)

    assert math.exp(found) == pytest.approx(
        mixture(KEPT, law, n_events, 400 / DAYS_A_YEAR), rel=1e-9
    )


@pytest.mark.parametrize("baseline", [(), (before(3, 500),)])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_the_evidence_of_a_patient_has_mean_at_most_one_while_the_effect_is_kept(
    share: float, baseline: tuple[Any, ...]
) -> None:
    """Over all counts, at the limit of natural history's rate and below it."""
    n_before = baseline[0].n_events if baseline else 0
    years_before = baseline[0].days / DAYS_A_YEAR if baseline else 0.0
    shape = 0.65 + n_before
    rate = 0.65 / upper_rate(UCD, 0.002) + years_before
    mean_rate = rate / (rate + share * 0.2 * 400 / DAYS_A_YEAR)

    mean = math.fsum(
        math.exp(
            float(stats.nbinom.logpmf(n, shape, mean_rate))
            + lost_effect.patient_evidence(KEPT, patient(n, 400, *baseline), UCD)
        )
        for n in range(600)
    )

    assert mean == pytest.approx(1.0, abs=1e-6) if share == 1.0 else mean < 1.0


def looks(records: list[OutcomeRecord], day: int, design: LostEffect = KEPT) -> list[Look]:
    of = programmes(strata=(UCD,), effect=design)
    member = Member(of.programme[0], histories_of(records))
    occasion = Occasion(
        on=on(day),
        epoch=0,
        name="effect",
        own=member,
        members=lambda: (member,),
        history=of.natural_history["untreated"],
        visits=None,
    )
    return list(lost_effect.looks(design, occasion))


def test_the_parts_of_the_error_budget_add_up_to_no_more_than_it() -> None:
    records: list[OutcomeRecord] = [
        dose(0, "K1"),
        dose(0, "K2", record_id="d2", patient_id="two"),
        event(3),
    ]

    found = looks(records, 100)

    assert [look.product for look in found] == ["construct:K1", "construct:K2", "programme:P1"]
    spent = math.fsum(look.alpha or 0 for look in found) + KEPT.for_history
    assert spent == pytest.approx(KEPT.alpha)
    assert {look.alpha_family for look in found} == {0.01}
    assert all(look.boundary == pytest.approx(-math.log(look.alpha or 1)) for look in found)


def test_the_evidence_of_patients_multiplies_whatever_their_order() -> None:
    one: list[OutcomeRecord] = [dose(0), event(5), event(30)]
    two: list[OutcomeRecord] = [
        dose(50, record_id="d2", patient_id="two"),
        event(80, record_id="e2", patient_id="two"),
    ]
    only = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2, shares=Shares(construct=0))

    alone = [looks(records, 200, only)[0].statistic for records in (one, two)]
    (together,) = looks([*two, *one], 200, only)

    assert together.statistic == pytest.approx(math.fsum(alone))
    assert (together.n_patients, together.n_events) == (2, 3)


def test_a_patient_without_a_stratum_is_left_out_and_stated() -> None:
    of = programmes(strata=(a_stratum(age_until=2.0),), effect=KEPT)
    member = Member(of.programme[0], histories_of([enrolment(age_years=5.0), dose(0), event(3)]))
    occasion = Occasion(
        on=on(50), epoch=0, name="effect", own=member, members=lambda: (member,),
        history=of.natural_history["untreated"], visits=None,
    )  # fmt: skip

    found = list(lost_effect.looks(KEPT, occasion))

    assert {(look.statistic, look.expected) for look in found} == {(0.0, 0.0)}
    assert all(
        look.notes == ("not compared: 1 patients fit no stratum of natural history",)
        for look in found
    )


class Trial:
    """Programmes of a few patients who enter, miss visits and are lost, with or without effect.

    Natural history is drawn too: the rate that is known is that of 63 other patients.
    """

    def __init__(self, rng: np.random.Generator, *, n_patients: int, ratio: float) -> None:
        self.rng, self.n_patients, self.ratio = rng, n_patients, ratio
        self.stratum = self._history()

    def _history(self) -> Stratum:
        own = self.rng.gamma(0.65, 1 / 0.65, 63)
        events = int(self.rng.poisson(2.4 * 1.5 * own).sum())
        return a_stratum(
            rate_per_patient_year=max(events, 0.5) / 94.5,
            n_patients=63,
            patient_years=94.5,
            dispersion=0.65,
        )

    def has_crossed(self, design: LostEffect, *, years: int, counted_before: bool) -> bool:
        records: list[OutcomeRecord] = []
        for number in range(self.n_patients):
            records += self._course(f"p{number}", 365 * years, counted_before=counted_before)
        rises = [r for r in records if isinstance(r, EndpointEvent | Ended)]  # the evidence does
        days = sorted({(r.received_on - on(0)).days for r in rises})
        of = programmes(strata=(self.stratum,), constructs=("K1",), effect=design)
        for day in days:
            known = [r for r in records if (r.received_on - on(0)).days <= day]
            member = Member(of.programme[0], histories_of(known))
            occasion = Occasion(
                on=on(day), epoch=0, name="effect", own=member,
                members=partial(tuple[Member, ...], (member,)),
                history=of.natural_history["untreated"], visits=None,
            )  # fmt: skip
            if any(look.is_crossing for look in lost_effect.looks(design, occasion)):
                return True
        return False

    def _course(self, name: str, n_days: int, *, counted_before: bool) -> list[OutcomeRecord]:
        rng, own = self.rng, self.rng.gamma(0.65, 1 / 0.65)
        first, lost = int(rng.integers(0, 200)), int(rng.exponential(1_500))
        last = min(n_days, first + 1 + lost)
        known = {"patient_id": name}
        n_before = int(rng.poisson(2.4 * own * 500 / DAYS_A_YEAR))
        baseline = (before(n_before, 500),) if counted_before else ()
        records: list[OutcomeRecord] = [
            enrolment(
                first, record_id=f"{name} in", received_on=on(first), baseline=baseline, **known
            ),
            dose(first, "K1", record_id=f"{name} dose", received_on=on(first), **known),
        ]
        n = int(rng.poisson(2.4 * self.ratio * own * (last - first) / DAYS_A_YEAR))
        for number, day in enumerate(sorted(rng.integers(first, last, n).tolist())):
            lag = on(min(day + int(rng.poisson(7)), n_days))
            records.append(event(day, record_id=f"{name} e{number}", received_on=lag, **known))
        records += [
            visit(day, record_id=f"{name} v{day}", received_on=on(day), **known)
            for day in range(first + 90, last, 90)
            if rng.random() > 0.08
        ]
        if last < n_days:
            declared = on(min(last + 120, n_days))
            records.append(end(last, record_id=f"{name} end", received_on=declared, **known))
        return records


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("n_patients", [1, 3, 10])
@pytest.mark.parametrize("counted_before", [False, True])
def test_a_kept_effect_crosses_as_seldom_as_alpha(*, n_patients: int, counted_before: bool) -> None:
    alpha, n = 0.1, 300
    design = LostEffect(endpoint=ENDPOINT, rate_ratio_kept=0.2, alpha=alpha, for_history=0.02)
    rng = np.random.default_rng(20_260_223 + n_patients)

    crossed = sum(
        Trial(rng, n_patients=n_patients, ratio=0.2).has_crossed(
            design, years=5, counted_before=counted_before
        )
        for _ in range(n)
    )

    assert crossed / n <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / n)


def test_a_lost_effect_is_found_where_events_before_the_therapy_are_known() -> None:
    rng = np.random.default_rng(20_260_224)
    trials = [Trial(rng, n_patients=10, ratio=1.0) for _ in range(20)]

    found = sum(trial.has_crossed(KEPT, years=3, counted_before=True) for trial in trials)

    assert found >= 14


def test_days_of_trials_are_those_of_the_log() -> None:
    assert on(0) + timedelta(days=1) == on(1)
    assert on(0) + timedelta(days=4_000) > DAY
