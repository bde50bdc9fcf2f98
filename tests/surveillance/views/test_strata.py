"""Strata of a pair: each is the pair among its own reports, and together they are all reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from programme_run import make_programme_run, patient_of
from small_run import PAIR, given

from detectors.disproportionality.ic import ic
from surveillance.views.results import open_results
from surveillance.views.strata import BY, OTHERS, UNKNOWN, Reports, Stratified

PRODUCT, EVENT = (key.split(":")[1] for key in PAIR)
STANDING = [one for one in given() if one.nullified_on is None]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    run: Path = make_programme_run(tmp_path_factory.mktemp("strata"))
    reader = open_results(run, None).reader
    epoch = reader.cases.epoch_on(None)
    assert epoch is not None
    return Reports(reader.counted, epoch)


@pytest.fixture(scope="module")
def found(reports: Reports) -> Stratified:
    return reports.of(*PAIR)


def test_strata_of_each_kind_add_up_to_all_reports(reports: Reports, found: Stratified) -> None:
    pairs = [one for one in STANDING if (one.product, one.event) == (PRODUCT, EVENT)]
    wanted = (
        len(pairs),
        sum(one.product == PRODUCT for one in STANDING),
        sum(one.event == EVENT for one in STANDING),
        len(STANDING),
    )

    assert reports.n == len(STANDING)
    assert set(found.p) == set(BY)
    for by in BY:
        cells = np.array([one[2:6] for one in found.strata if one.by == by])
        assert tuple(cells.sum(axis=0)) == wanted


def test_a_stratum_is_the_pair_among_its_own_reports(found: Stratified) -> None:
    strata = {one.name: one for one in found.strata if one.by == "sex"}

    assert set(strata) == {"female", "male", UNKNOWN}
    for name, stratum in strata.items():
        sex = None if name == UNKNOWN else name
        own = [one for one in STANDING if patient_of(one.case_id)["patient"].sex == sex]
        n_product = sum(one.product == PRODUCT for one in own)
        n_event = sum(one.event == EVENT for one in own)
        n_pair = sum((one.product, one.event) == (PRODUCT, EVENT) for one in own)
        assert stratum[2:6] == (n_pair, n_product, n_event, len(own))
        expected = n_product * n_event / len(own)
        assert stratum.expected == pytest.approx(expected, rel=1e-12)
        wanted = ic(np.array([n_pair]), np.array([expected]), tail=0.025)
        assert stratum.ic_lower == pytest.approx(wanted.lower[0], rel=1e-9)


def test_ages_are_in_their_order_with_what_is_unknown_last(found: Stratified) -> None:
    names = [one.name for one in found.strata if one.by == "age"]

    assert names == ["under 2", "2 to 11", "18 to 64", "65 and older", UNKNOWN]


def test_small_strata_are_taken_together_and_none_is_lost(found: Stratified) -> None:
    names = [one.name for one in found.strata if one.by == "country"]

    assert len(names) == 8
    assert names[-1] == OTHERS


def test_a_pair_that_nobody_reported_has_strata_without_a_case(reports: Reports) -> None:
    found = reports.of(PAIR[0], "pt:Nothing")

    assert {one.n_pair for one in found.strata} == {0}
    assert {one.ic for one in found.strata} == {None}
    assert set(found.p.values()) == {None}
