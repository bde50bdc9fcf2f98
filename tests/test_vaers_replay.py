"""Real years: every table at every month's end, and the first crossing of every rule.

Two years whenever tests are run; all eleven, which take minutes, with the campaign.

The tables are counted a second time by `oracle.vaers_tables`, which shares no code with
the product; the crossings are compared with a reference that was computed elsewhere.
"""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
import pandas as pd
import pytest
from data import public, vaers_years
from oracle.vaers_tables import canonical_tables, vaers_tables
from topic_hashes import TopicHashes, recorded

from bench.public import REFERENCE
from surveillance.cli import main
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.case import CaseVersion
from surveillance.intake.format import Read
from surveillance.intake.registry import FORMATS
from surveillance.log.days import DatedLine, RawMessage, messages_by_day
from surveillance.log.messages import ClosedEpoch
from surveillance.log.topics import CASES
from surveillance.pipeline import Source
from surveillance.runs.in_process import Embedded
from surveillance.runs.replay import replay
from surveillance.screening.counts import Counts
from surveillance.screening.screen import ScreenState

CROSSINGS = REFERENCE / "ground_truth/vaers_first_crossing_reference.csv"
PRODUCT_GROUPS = {"rotashield": "ROTASHIELD", "lymerix": "LYMERIX"}
EVENT_GROUPS = {"intussusception": "intussusc", "arthritis": "arthritis|arthralgia"}
CRITERION_OF_RULE = {
    "first_report": "first_report",
    "n_ge_3": "n_ge_3",
    "PRR>=2,chi2Yates>=4,n>=3": "evans",
    "ROR025>1,n>=3": "ror",
    "IC025>0": "ic",
}
PAIRS = {
    "rotashield-intussusception": ("rotashield", "intussusception"),
    "lymerix-arthritis": ("lymerix", "arthritis"),
}


WHOLE = 2000  # the last year
N_MONTHS = {1991: 18, WHOLE: 126}
N_REPORTS = {1991: 12_042, WHOLE: 111_014}


class Run(NamedTuple):
    """A replay of the years from 1990 to a last one."""

    last_year: int
    directory: Path
    summary: dict[str, Any]
    compared: list[date]
    topics: dict[str, str]


def differences(counts: Counts, expected: pd.DataFrame) -> list[str]:
    """Return the pairs whose four counts are not the expected ones."""
    index = cast("pd.MultiIndex", expected.index)
    products, events = index.levels
    number_of = [
        np.array([-1 if (n := names.find(name)) is None else n for name in level], np.int64)
        for names, level in ((counts.products, products), (counts.events, events))
    ]
    codes = [
        numbers[np.asarray(code)] for numbers, code in zip(number_of, index.codes, strict=True)
    ]
    wanted = codes[0] << 32 | codes[1]
    keys = counts.pair_product.values.astype(np.int64) << 32 | counts.pair_event.values
    order = np.argsort(keys)
    spots = np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)
    places = order[spots]
    found = np.column_stack([*counts.cells(places)[:3], np.full(len(places), counts.n_total)])
    is_equal = (keys[places] == wanted) & (found == expected.to_numpy()).all(axis=1)
    wrong = [str(pair) for pair in expected.index[~is_equal]]
    n_standing = int((counts.n_pair.values > 0).sum())
    return wrong if n_standing == len(expected) else [f"{n_standing} pairs, not {len(expected)}"]


def day_of(closing: ClosedEpoch) -> date:
    return datetime.fromtimestamp(closing.at, tz=UTC).date()


@pytest.fixture(
    scope="module",
    params=[1991, pytest.param(WHOLE, marks=pytest.mark.campaign)],
    ids=lambda last: f"1990 to {last}",
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    years = [path for path in vaers_years() if int(path.name[:4]) <= request.param]
    tables = vaers_tables(years, product_groups=PRODUCT_GROUPS, event_groups=EVENT_GROUPS)
    days = pd.to_datetime(tables.reports["received_on"])
    month_ends = [stamp.date() for stamp in days.groupby(days.dt.to_period("M")).max()]
    oracle = tables.over(month_ends)
    compared: list[date] = []

    hashes = TopicHashes()

    def compare(source: Source, closing: ClosedEpoch, state: Any) -> None:  # noqa: ANN401
        hashes(source, closing, state)
        if isinstance(state, ScreenState) and day_of(closing) in month_ends:
            day, expected = next(oracle)
            assert day == day_of(closing)
            assert differences(state.counts, expected) == []
            compared.append(day)

    directory = tmp_path_factory.mktemp("vaers") / "run"
    configuration = read_configuration(SHIPPED / "vaers")
    summary = replay(
        "vaers",
        years,
        out=directory,
        configurations=Configurations(configuration),
        configuration_directory=SHIPPED / "vaers",
        clock=time.monotonic,
        observe=compare,
    )
    return Run(request.param, directory, summary, compared, hashes.found())


@pytest.mark.slow
def test_every_table_at_every_month_end_is_that_of_an_independent_count(run: Run) -> None:
    assert len(run.compared) == N_MONTHS[run.last_year]


@pytest.mark.slow
def test_the_years_emit_the_topics_that_were_recorded(run: Run) -> None:
    assert run.topics == recorded(f"VAERS 1990 to {run.last_year}")


@pytest.mark.slow
def test_every_report_is_applied_and_every_row_is_accounted_for(run: Run) -> None:
    dispositions = run.summary["dispositions"]
    cases = {name: counts for name, counts in dispositions.items() if name.startswith("revise/")}

    assert sum(counts["applied"] for counts in cases.values()) == N_REPORTS[run.last_year]
    assert sum(sum(counts.values()) for counts in cases.values()) == run.summary["n_lines"]
    for file in run.summary["files"]:
        assert file["n_read"] == file["n_used"] + file["n_repeated"] + file["n_refused"]


def reference_rows() -> list[dict[str, str]]:
    with CROSSINGS.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.campaign
@pytest.mark.parametrize("run", [WHOLE], indirect=True, ids=["1990 to 2000"])
@pytest.mark.each_of("row", reference_rows, ids=lambda row: f"{row['id']}-{row['rule']}")
def test_first_crossing_is_that_of_the_reference(
    run: Run, row: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    product, event = PAIRS[row["id"]]
    command = f"findings --from-run {run.directory} --product {product} --event {event}"
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--first", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert ended.value.code == 0
    (first,) = [one for one in found if one["criterion"] == CRITERION_OF_RULE[row["rule"]]]
    assert first["first_on"] == row["date"]
    assert [first[name] for name in ("n_pair", "n_product", "n_event", "n_total")] == [
        int(row[name])
        for name in ("a_pair_reports", "n_product_reports", "n_event_reports", "N_all_reports")
    ]
    assert first["prr"] == pytest.approx(float(row["PRR"]), abs=0.005)  # printed to two digits
    assert first["chi_square"] == pytest.approx(float(row["chi2_yates"]), abs=0.005)


# A part of the years, in arrival orders and with corrections that the files do not have.


def reads_of(path: Path) -> list[Read]:
    return [read for read in FORMATS["vaers"].read(path) if isinstance(read, Read)]


def corrected(reads: Iterable[Read], rng: random.Random) -> Iterator[Read]:
    """Add follow-ups, nullifications, reinstatements and repeats to reports of one version."""
    decode, encode = msgspec.json.Decoder(CaseVersion).decode, msgspec.json.encode
    for read in reads:
        yield read
        if rng.random() < 0.1:
            yield read
        case, version = decode(read.line), 1
        for kind in _fate(rng):
            version += rng.random() < 0.9  # else the tie is broken by date and bytes
            day = date.fromordinal(case.received_on.toordinal() + rng.randrange(90))
            events = case.events[rng.randrange(2) :] or case.events
            later = msgspec.structs.replace(
                case, version=version, kind=kind, received_on=day, events=events, assessments=()
            )
            yield Read(day, read.key, encode(later))


def _fate(rng: random.Random) -> list[Any]:
    fates: tuple[list[str], ...] = (
        [],
        ["follow_up"],
        ["follow_up", "nullification"],
        ["nullification", "reinstatement"],
        ["amendment", "follow_up", "nullification"],
    )
    return rng.choices(fates, (60, 20, 8, 7, 5))[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "year"), [(1, 1990), pytest.param(2, 1999, marks=pytest.mark.campaign)]
)
def test_tables_are_right_whatever_the_order_in_a_day_and_however_cases_are_corrected(
    seed: int, year: int
) -> None:
    rng = random.Random(seed)
    reads = list(corrected(reads_of(public(f"vaers/{year}VAERSData.zip")), rng))
    rng.shuffle(reads)
    reads.sort(key=lambda read: read.received_on)
    days = sorted({read.received_on for read in reads})
    month_ends = {
        max(d for d in days if (d.year, d.month) == month)
        for month in {(d.year, d.month) for d in days}
    }
    compared = 0

    def compare(_source: Source, closing: ClosedEpoch, state: Any) -> None:  # noqa: ANN401
        nonlocal compared
        if isinstance(state, ScreenState) and day_of(closing) in month_ends:
            expected = canonical_tables(
                [read.line for read in reads],
                day_of(closing),
                product_groups=PRODUCT_GROUPS,
                event_groups=EVENT_GROUPS,
            )
            assert differences(state.counts, expected) == []
            compared += 1

    configuration = read_configuration(SHIPPED / "vaers")
    pipeline = Embedded(Configurations(configuration), Ignoring(), compare)
    for item in messages_by_day(
        (DatedLine(r.received_on, CASES, r.key, r.line) for r in reads), configuration.topics
    ):
        if isinstance(item, RawMessage):
            pipeline.put(*item[:3])
        else:
            pipeline.tick(item.at)

    assert compared == len(month_ends) >= 6


class Ignoring:
    """A sink that keeps nothing."""

    def tick(self, epoch: int, at: int, value: bytes) -> None: ...

    def closing(self, source: Source, closing: ClosedEpoch) -> None: ...
