"""What is written decodes strictly, repeats byte for byte, and holds the truth that it states."""

import hashlib
import json
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, islice
from math import sqrt
from pathlib import Path

import msgspec
import pytest

from surveillance.domain.case import CaseVersion
from surveillance.domain.outcome import EndpointEvent, FollowUp, OutcomeRecord, TreatmentGiven
from surveillance.log.decode import decode_case, decode_outcome
from surveillance.simulate import SCENARIOS, Scenario, Truth, case_lines, national, simulate
from surveillance.simulate.truth import Planted

SEED = 3
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Simulated:
    scenario: Scenario
    truth: Truth
    out: Path
    cases: list[CaseVersion]  # in order of arrival, with exact duplicates
    outcomes: list[OutcomeRecord]

    def planted(self, kind: str) -> Planted:
        return next(item for item in self.truth.planted if item.kind == kind)

    def standing_cases(self) -> list[CaseVersion]:
        greatest: dict[str, CaseVersion] = {}
        for case in self.cases:
            if case.case_id not in greatest or case.version > greatest[case.case_id].version:
                greatest[case.case_id] = case
        return [case for case in greatest.values() if case.kind != "nullification"]

    def standing_outcomes(self) -> list[OutcomeRecord]:
        ordered = sorted(self.outcomes, key=lambda record: record.version)
        greatest = {record.record_id: record for record in ordered}
        return [record for record in greatest.values() if not record.is_nullified]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    scenario, out = SCENARIOS["ucd-small"], tmp_path_factory.mktemp("ucd-small")
    truth = simulate(scenario, SEED, out)
    return Simulated(
        scenario,
        truth,
        out,
        [decode_case(line) for line in (out / "cases.ndjson").read_bytes().splitlines()],
        [decode_outcome(line) for line in (out / "outcomes.ndjson").read_bytes().splitlines()],
    )


# --- bytes


def test_a_scenario_without_treated_patients_leaves_no_file_of_outcomes(tmp_path: Path) -> None:
    alone = msgspec.structs.replace(
        SCENARIOS["ucd-small"], platform=None, excess=None, sentinel=None, lost_effect=None
    )

    truth = simulate(alone, SEED, tmp_path)

    assert truth.n_outcome_lines == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "cases.ndjson", "truth.json", "scenario.json",
    }  # fmt: skip


def test_every_line_is_the_canonical_encoding_of_what_it_decodes_to(small: Simulated) -> None:
    for name, records in (("cases", small.cases), ("outcomes", small.outcomes)):
        lines = (small.out / f"{name}.ndjson").read_bytes().splitlines()
        assert [msgspec.json.encode(record) for record in records] == lines


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(
    small: Simulated, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from surveillance.simulate import *; "
        f"simulate(SCENARIOS['ucd-small'], {SEED}, Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        check=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "4711"},
    )

    for name in ("cases.ndjson", "outcomes.ndjson", "truth.json", "scenario.json"):
        assert (tmp_path / name).read_bytes() == (small.out / name).read_bytes()


def test_another_seed_gives_another_stream() -> None:
    scenario = SCENARIOS["ucd-small"]

    assert list(islice(case_lines(scenario, 1), 50)) != list(islice(case_lines(scenario, 2), 50))


def test_the_platform_is_the_same_whatever_the_background(small: Simulated) -> None:
    larger = msgspec.structs.replace(
        small.scenario, background=msgspec.structs.replace(small.scenario.background, n_cases=3_500)
    )
    of_platform = {line for line in case_lines(larger, SEED) if b'"SIM-P-' in line}

    lines = (small.out / "cases.ndjson").read_bytes().splitlines()
    assert of_platform == {line for line in lines if b'"SIM-P-' in line}


def test_the_truth_names_the_hashes_and_numbers_of_lines(small: Simulated) -> None:
    truth = json.loads((small.out / "truth.json").read_bytes())

    assert truth["simulated"] is True
    for name in ("cases", "outcomes"):
        content = (small.out / f"{name}.ndjson").read_bytes()
        assert truth[f"{name}_sha256"] == hashlib.sha256(content).hexdigest()
        assert truth[f"n_{name[:-1]}_lines"] == content.count(b"\n")


def test_the_written_scenario_is_the_one_that_was_run(small: Simulated) -> None:
    content = (small.out / "scenario.json").read_bytes()

    assert msgspec.json.decode(content, type=Scenario) == small.scenario


def test_everything_simulated_is_called_simulated(small: Simulated) -> None:
    for case in small.cases:
        assert case.source == "simulated"
        assert case.provenance is not None
        assert case.provenance.parser == "simulated/1"
        assert case.case_id.startswith("SIM-")
        assert all(product.product.startswith("SIM-") for product in case.products)
    assert all(record.patient_id.startswith("SIM-") for record in small.outcomes)


# --- the background


def test_two_versions_with_one_number_and_date_are_the_same_bytes(small: Simulated) -> None:
    seen: dict[tuple[str, int, date], CaseVersion] = {}
    for case in small.cases:
        identity = (case.case_id, case.version, case.received_on)
        assert seen.setdefault(identity, case) == case


def test_arrival_goes_back_no_further_than_the_truth_says(small: Simulated) -> None:
    latest = date.min
    for case in small.cases:
        latest = max(latest, case.received_on)
        assert latest - case.received_on <= timedelta(days=small.truth.delay_days_max)


def test_the_mix_in_the_lines_is_the_mix_in_the_truth(small: Simulated) -> None:
    lines = [case for case in small.cases if case.case_id.startswith("SIM-B-")]
    first_seen = list({(case.case_id, case.version): case for case in lines}.values())
    arrived: dict[tuple[str, int], int] = {}
    for place, case in enumerate(lines):
        arrived.setdefault((case.case_id, case.version), place)
    mix = small.truth.mix

    assert len({case.case_id for case in lines}) == mix.n_cases
    assert len(lines) == mix.n_lines
    assert len(first_seen) == mix.n_versions == mix.n_lines - mix.n_exact_duplicates
    assert sum(case.kind == "nullification" for case in first_seen) == mix.n_nullified
    assert sum(case.kind == "reinstatement" for case in first_seen) == mix.n_reinstated
    assert sum(case.duplicate_of is not None for case in first_seen) == mix.n_duplicate_links
    n_overtaken = sum(
        arrived[case_id, version] > arrived.get((case_id, version + 1), len(lines))
        for case_id, version in arrived
    )
    assert n_overtaken == mix.n_reordered


def test_the_mix_as_written_is_within_four_standard_errors_of_the_mix_asked_for(
    small: Simulated,
) -> None:
    asked, mix = small.scenario.mix, small.truth.mix
    shares = [
        (mix.n_nullified, mix.n_cases, asked.nullified),
        (mix.n_reinstated, mix.n_cases, asked.reinstated),
        (mix.n_duplicate_links, mix.n_cases, asked.duplicate_links),
        (mix.n_exact_duplicates, mix.n_versions, asked.exact_duplicates),
        (mix.n_reordered, mix.n_versions, asked.reordered),
    ]
    for n_seen, n, share in shares:
        assert abs(n_seen / n - share) < 4 * sqrt(share * (1 - share) / n)


def test_a_duplicate_link_points_to_a_standing_case_with_the_same_content(
    small: Simulated,
) -> None:
    standing = {case.case_id: case for case in small.standing_cases()}
    linked = [case for case in standing.values() if case.duplicate_of]

    assert len(linked) == small.truth.mix.n_duplicate_links > 0  # the last version has the link
    for case in linked:
        original = standing[case.duplicate_of or ""]
        assert original.duplicate_of is None
        assert (original.products, original.patient) == (case.products, case.patient)


# --- what was planted


def test_the_excess_is_in_the_cases_as_often_as_the_truth_says(small: Simulated) -> None:
    planted = small.planted("excess")
    assert small.scenario.excess is not None
    programme, pt = small.scenario.excess.programme, small.scenario.excess.pt

    n_seen = 0
    for case in small.standing_cases():
        named = {product.programme for product in case.products}
        if programme in named and pt in {event.pt for event in case.events}:
            last = max(dose.start_on for dose in case.products[0].doses if dose.start_on)
            n_seen += last >= planted.from_on

    assert planted.events == (f"pt:{pt}",)
    assert n_seen == planted.n_planted >= 3
    assert planted.n_planted > 5 * planted.n_expected


def test_the_sentinel_event_is_one_fatal_case_and_a_death_among_the_outcomes(
    small: Simulated,
) -> None:
    planted = small.planted("sentinel")
    assert small.scenario.sentinel is not None
    cases = [
        case
        for case in small.standing_cases()
        if case.case_id.startswith("SIM-P-")
        and small.scenario.sentinel.pt in {event.pt for event in case.events}
    ]

    assert len(cases) == planted.n_planted == 1
    assert cases[0].events[0].is_fatal
    assert cases[0].products[0].construct == small.scenario.sentinel.construct
    assert cases[0].first_received_on == planted.from_on
    deaths = [
        record
        for record in small.standing_outcomes()
        if isinstance(record, EndpointEvent) and record.endpoint == "Death"
    ]
    assert any(death.occurred_on <= planted.from_on for death in deaths)


def test_the_lost_effect_is_an_excess_of_events_in_its_construct(small: Simulated) -> None:
    planted = small.planted("lost_effect")
    construct = planted.products[0].removeprefix("construct:")
    records = small.standing_outcomes()
    patients = {
        record.patient_id
        for record in records
        if isinstance(record, TreatmentGiven) and record.construct == construct
    }

    n_seen = sum(
        isinstance(record, EndpointEvent)
        and record.endpoint == "Hyperammonaemic event"
        and record.patient_id in patients
        and record.occurred_on >= planted.from_on
        for record in records
    )

    assert n_seen == planted.n_planted
    assert planted.n_planted > planted.n_expected


def test_nothing_is_planted_on_what_is_declared_null(small: Simulated) -> None:
    planted = {key for item in small.truth.planted for key in item.products}
    reported = {f"product:{product.product}" for case in small.cases for product in case.products}

    assert len(small.truth.nulls.products) == small.scenario.background.n_nulls
    assert set(small.truth.nulls.products) <= reported
    assert not planted & set(small.truth.nulls.products)
    lost = small.planted("lost_effect").products[0]
    assert {f"construct:{item.construct}" for item in small.truth.constructs} == {
        *small.truth.nulls.constructs,
        lost,
    }


# --- patients


def test_patient_time_and_events_are_those_that_the_truth_says(small: Simulated) -> None:
    records = small.standing_outcomes()
    construct_of = {r.patient_id: r.construct for r in records if isinstance(r, TreatmentGiven)}
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    n_events: Counter[str] = Counter()
    for record in records:
        who = record.patient_id
        if isinstance(record, TreatmentGiven):
            first[who] = min(record.given_on, first.get(who, record.given_on))
        elif isinstance(record, FollowUp):
            last[who] = max(record.seen_on, last.get(who, record.seen_on))
        elif isinstance(record, EndpointEvent) and record.endpoint == "Hyperammonaemic event":
            n_events[construct_of[who]] += 1
    days: Counter[str] = Counter()
    for who, construct in construct_of.items():
        days[construct] += (last[who] - first[who]).days

    for truth in small.truth.constructs:
        assert truth.n_patients == list(construct_of.values()).count(truth.construct)
        assert truth.person_days == days[truth.construct]
        assert truth.n_events == n_events[truth.construct]
        assert truth.expected_events == pytest.approx(0.48 * truth.person_days / 365.25, abs=1e-3)


def test_nothing_is_seen_before_the_first_dose_or_after_the_last_contact(
    small: Simulated,
) -> None:
    by_patient: defaultdict[str, list[OutcomeRecord]] = defaultdict(list)
    for record in small.standing_outcomes():
        by_patient[record.patient_id].append(record)

    for records in by_patient.values():
        first = min(record.given_on for record in records if isinstance(record, TreatmentGiven))
        ends = [r.seen_on for r in records if isinstance(r, FollowUp) and r.is_last]
        seen = [r.seen_on for r in records if isinstance(r, FollowUp)]
        occurred = [r.occurred_on for r in records if isinstance(r, EndpointEvent)]
        assert len(ends) <= 1
        assert max(seen) <= min(ends, default=date.max)
        assert first <= min(seen + occurred)
        assert max(occurred, default=first) <= max(seen)


def test_outcomes_arrive_by_day_of_receipt_and_end_with_the_scenario(small: Simulated) -> None:
    latest = date.min
    for record in small.outcomes:
        latest = max(latest, record.received_on)
        assert latest - record.received_on <= timedelta(days=small.truth.delay_days_max)
    assert latest <= small.truth.until_on
    assert any(record.is_nullified for record in small.outcomes)


def test_programmes_genes_and_constructs_are_the_seven_of_the_platform(small: Simulated) -> None:
    platform = small.scenario.platform
    assert platform is not None

    assert [programme.gene for programme in platform.programmes] == [
        "CPS1",
        "OTC",
        "ASS1",
        "ASL",
        "ARG1",
        "NAGS",
        "SLC25A15",
    ]
    assert all(len(programme.constructs) >= 2 for programme in platform.programmes)
    treated = {r.patient_id for r in small.outcomes if isinstance(r, TreatmentGiven)}
    assert len(treated) == sum(c.n_patients for p in platform.programmes for c in p.constructs)
    doses = Counter(
        r.patient_id for r in small.standing_outcomes() if isinstance(r, TreatmentGiven)
    )
    assert max(doses.values()) >= 3


# --- the national stream


def test_a_national_version_has_three_products_two_events_and_about_1500_bytes() -> None:
    lines = list(case_lines(national(2_000, products_per_case=3, events_per_case=2), 1))
    told = [decode_case(line) for line in lines]

    last = [max(group, key=lambda case: case.version) for group in _by_case(told)]
    told_in_full = [case for case in last if case.kind != "nullification"]
    assert {len(case.products) for case in told_in_full} == {3}
    assert {len(case.events) for case in told_in_full} == {2}
    sizes = [len(line) for line in lines if b'"nullification"' not in line]
    assert 1_400 < sum(sizes) / len(sizes) < 1_700


def _by_case(told: list[CaseVersion]) -> list[list[CaseVersion]]:
    ordered = sorted(told, key=lambda case: case.case_id)
    return [list(group) for _, group in groupby(ordered, key=lambda case: case.case_id)]


def test_progress_is_told_and_ends_at_the_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    simulate(national(500), 1, tmp_path, lambda done, whole: told.append((done, whole)))

    assert told[-1] == (500, 500)


def test_a_scenario_that_plants_on_what_is_not_there_is_refused() -> None:
    ucd = SCENARIOS["ucd"]

    with pytest.raises(ValueError, match="not on the platform"):
        Scenario(
            name="wrong",
            note="",
            from_on=ucd.from_on,
            days=10,
            background=ucd.background,
            sentinel=ucd.sentinel,
        )
