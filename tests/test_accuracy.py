"""Areas with their limits, the matching of controls, and calibration without one's own help."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy import special

from bench import accuracy
from bench.controls import Controls, find, names_of
from bench.roc import Area, area, gain, placements
from detectors.calibration import fit_null
from detectors.counts import Table

PAGE = Path(__file__).parents[1] / "docs/validation/accuracy.md"

scores = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, math.inf, math.nan]), min_size=2)


def joined(
    positive: list[float], negative: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.array(positive + negative), np.arange(len(positive) + len(negative)) < len(positive)


@given(scores, scores)
def test_an_area_is_the_share_of_pairs_in_the_right_order(
    positive: list[float], negative: list[float]
) -> None:
    def place(score: float) -> float:
        return -1e9 if math.isnan(score) else score  # below all that the strategy draws

    found = area(*joined(positive, negative))

    points = [
        1.0 if place(p) > place(n) else 0.5 if place(p) == place(n) else 0.0
        for p in positive
        for n in negative
    ]
    assert found.value == pytest.approx(np.mean(points), abs=1e-14)
    assert found.lower <= found.value <= found.upper
    assert (found.n_positive, found.n_negative) == (len(positive), len(negative))


@given(scores, scores)
@settings(max_examples=50)
def test_the_other_way_round_the_area_is_the_rest(
    positive: list[float], negative: list[float]
) -> None:
    ahead, behind = area(*joined(positive, negative)), area(*joined(negative, positive))

    assert ahead.value + behind.value == pytest.approx(1.0, abs=1e-14)
    assert ahead.upper - ahead.value == pytest.approx(behind.value - behind.lower, abs=1e-12)


def test_an_area_without_overlap_is_one_and_has_no_width() -> None:
    assert area(*joined([3.0, 4.0], [1.0, 2.0, 2.5])) == Area(1.0, 1.0, 1.0, 2, 3)


def test_a_variance_needs_two_of_each_kind() -> None:
    assert math.isnan(area(*joined([1.0], [0.0, 2.0])).value)


def test_delong_limits_by_hand() -> None:
    # Placements of the positive 1, 1/2 and of the negative 1/2, 1: variances 1/8 each, over 2.
    found = area(*joined([3.0, 1.0], [2.0, 0.0]))

    assert_array_equal(placements(*joined([3.0, 1.0], [2.0, 0.0])).positive, [1.0, 0.5])
    half = 1.959963984540054 * math.sqrt(1 / 16 + 1 / 16)
    assert found.value == 0.75
    assert found.lower == pytest.approx(0.75 - half, abs=1e-15)
    assert found.upper == 1.0  # cut


@pytest.mark.slow
def test_delong_limits_agree_with_the_bootstrap() -> None:
    rng = np.random.default_rng(seed=1988)
    positive = np.round(rng.normal(0.8, 1.0, 60), 1)  # rounded: with ties
    negative = np.round(rng.normal(0.0, 1.0, 80), 1)
    found = area(*joined(list(positive), list(negative)))

    drawn = [
        area(*joined(list(rng.choice(positive, 60)), list(rng.choice(negative, 80)))).value
        for _ in range(4_000)
    ]

    width = (found.upper - found.lower) / (2 * 1.959963984540054)
    # 4 standard errors of a bootstrap deviation, 1 / sqrt(2 * 4000); and 1 / 60 of it for the
    # bootstrap's divisor n in place of n - 1.
    assert np.std(drawn) == pytest.approx(width, rel=4 / math.sqrt(8_000) + 1 / 60)


@pytest.mark.slow
def test_simulated_limits_cover_the_area_as_often_as_they_say() -> None:
    rng = np.random.default_rng(seed=1989)
    truth = float(special.ndtr(0.5 / math.sqrt(2)))
    n_sets = 2_000

    found = [
        area(*joined(list(rng.normal(0.5, 1.0, 95)), list(rng.normal(0.0, 1.0, 106))))
        for _ in range(n_sets)
    ]

    covered = np.mean([each.lower <= truth <= each.upper for each in found])
    # 4 standard errors, and 0.005 as the limits are approximate at this size.
    assert abs(covered - 0.95) < 4 * math.sqrt(0.0475 / n_sets) + 0.005


def test_a_gain_is_the_difference_of_two_areas_and_knows_that_they_are_paired() -> None:
    rng = np.random.default_rng(seed=5)
    is_positive = np.arange(100) < 40
    score = rng.normal(is_positive, 1.0)
    other = score + rng.normal(0.3 * is_positive, 0.2)

    more, less, none = (
        gain(one, two, is_positive)
        for one, two in ((score, other), (other, score), (score, np.exp(score)))
    )

    difference = area(other, is_positive).value - area(score, is_positive).value
    assert more.value == pytest.approx(difference, abs=1e-15)
    assert (less.value, less.lower) == pytest.approx((-more.value, -more.upper), abs=1e-15)
    assert none[:3] == (0.0, 0.0, 0.0)
    assert more.upper - more.lower < 0.3 * (area(score, is_positive).upper - 0.5)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Lithium carbonate", {"lithium carbonate"}),
        ("Naproxen sodium", {"naproxen sodium", "naproxen"}),
        ("Sodium chloride", {"sodium chloride", "sodium"}),
        ("Potassium", {"potassium"}),
        (
            "Tenofovir disoproxil fumarate",
            {"tenofovir disoproxil fumarate", "tenofovir disoproxil", "tenofovir"},
        ),
        (
            r"Amlodipine besylate\Valsartan",
            {"amlodipine besylate", "amlodipine", "valsartan"},
        ),
        ("Lisinopril and hydrochlorothiazide", {"lisinopril", "hydrochlorothiazide"}),
        ("  Estradiol /  norethindrone  ", {"estradiol", "norethindrone"}),
        ("Adalimumab-atto", {"adalimumab-atto"}),
    ],
)
def test_a_reported_name_stands_for_its_ingredients_with_and_without_salt(
    name: str, names: set[str]
) -> None:
    assert names_of(name) == names


def controls_in(rows: list[tuple[int, str, str]]) -> Controls:
    return find(pd.DataFrame(rows, columns=["CASEID", "DRUG", "AE"]))


def test_a_case_counts_once_for_a_drug_and_an_outcome() -> None:
    found = controls_in(
        [
            (1, "Naproxen sodium", "Melaena"),
            (1, "Naproxen sodium", "Haematemesis"),
            (2, "naproxen", "HAEMATEMESIS"),
            (3, "Naproxen", "Rash"),
            (4, "Rifampicin", "Rash"),  # the crosswalk's name for rifampin
            (5, "Something", "Melaena"),
            (6, "Something", "Rash"),
        ]
    )

    counts = {
        (str(drug), str(outcome)): (int(a), int(n), int(m), int(t))
        for drug, outcome, a, n, m, t in zip(
            found.drug,
            found.outcome,
            found.table.n_pair,
            found.table.n_product,
            found.table.n_event,
            found.table.n_total,
            strict=True,
        )
    }
    assert counts[("Naproxen", "HOI Upper GI #3")] == (2, 3, 3, 6)
    assert {outcome for _, outcome in counts} == {"HOI Upper GI #3"}
    assert set(found.drug) <= {"Naproxen", "Rifampin"}
    assert found.n_names == 4
    assert found.n_reports == 6


def test_every_pair_of_the_set_is_used_or_left_out_for_a_reason() -> None:
    found = controls_in([(1, "Naproxen", "Melaena"), (2, "Ibuprofen", "Renal failure")])

    flow = found.flow
    assert flow["pairs"].sum() == 399
    assert (flow["pairs"] == flow["no_term"] + flow["no_drug"] + flow["used"]).all()
    assert flow["used"].sum() == found.drug.size
    assert flow["never"].sum() == (found.table.n_pair == 0).sum()


def few_controls(n: int) -> Controls:
    zeros = np.zeros(n, dtype=np.int64)
    return Controls(
        outcome=np.full(n, "x"),
        drug=np.arange(n).astype(str),
        is_positive=np.arange(n) % 3 == 0,
        table=Table(zeros, zeros + 1, zeros + 1, zeros + 10),
        flow=pd.DataFrame(),
        n_names=0,
        n_reports=10,
    )


def test_folds_share_out_both_kinds_alike() -> None:
    controls = few_controls(33)

    fold = accuracy.folds(controls)

    for kind in (True, False):
        sizes = np.bincount(fold[controls.is_positive == kind], minlength=accuracy.N_FOLDS)
        assert np.ptp(sizes) <= 1


def test_no_control_calibrates_itself_or_its_fold() -> None:
    rng = np.random.default_rng(seed=8)
    controls = few_controls(40)
    fold, is_negative = accuracy.folds(controls), ~controls.is_positive
    log_rr, se = rng.normal(0.4, 0.5, 40), rng.uniform(0.1, 0.5, 40)
    moved = log_rr + np.where(fold == 2, 1.0, 0.0)

    before, _ = accuracy.cross_fitted(accuracy.Estimated(log_rr, se), is_negative, fold)
    after, _ = accuracy.cross_fitted(accuracy.Estimated(moved, se), is_negative, fold)

    assert_allclose(after[fold == 2] - before[fold == 2], 1.0, rtol=1e-12)  # rounding
    others = is_negative & (fold != 2)
    null = fit_null(log_rr[others], se[others])
    half = 1.959963984540054 * np.hypot(null.sd, se[fold == 2])
    assert_allclose(before[fold == 2], log_rr[fold == 2] - null.mean - half, rtol=1e-12)


def test_what_has_no_estimate_or_too_few_controls_stays_undefined() -> None:
    controls = few_controls(40)
    fold, is_negative = accuracy.folds(controls), ~controls.is_positive
    log_rr = np.where(np.arange(40) < 4, 1.0, np.nan)
    se = np.where(np.arange(40) < 4, 0.5, np.nan)

    lower, score = accuracy.cross_fitted(accuracy.Estimated(log_rr, se), is_negative, fold)

    assert np.isnan(lower).all()
    assert np.isnan(score).all()


@pytest.mark.slow
def test_the_page_is_what_the_command_writes() -> None:
    assert accuracy.report() == PAGE.read_text(encoding="utf-8")


def test_a_measure_is_apart_from_the_bar_only_beyond_its_limits() -> None:
    rng = np.random.default_rng(seed=11)
    is_positive = np.arange(200) < 100
    bar = rng.normal(is_positive, 1.0)
    scores = {
        accuracy.BAR: bar,
        "much better": bar + is_positive,
        "much worse": rng.normal(0.0, 1.0, 200),
        "the same": 2 * bar + 1,
    }

    assert accuracy._apart(scores, is_positive) == ("much better", "much worse")
    assert accuracy._apart({accuracy.BAR: bar}, is_positive) == ("none", "none")
