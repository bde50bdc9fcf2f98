"""Real reports: the line listing of a pair is as long as the count of its finding, on any day."""

from __future__ import annotations

import random
import time
from datetime import date
from typing import TYPE_CHECKING

import pytest
from data import public

from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.domain.finding import Finding
from surveillance.register.chosen_rows import Chosen
from surveillance.register.reader import RegisterReader
from surveillance.runs.replay import replay
from surveillance.screening.keys import Naming
from surveillance.views.line_listing import Pair, line_listing

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_DAY = date(1999, 3, 5)
N_SAMPLED = 300


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterReader]:
    year = public("vaers/1999VAERSData.zip")
    out = tmp_path_factory.mktemp("vaers") / "run"
    configurations = Configurations(read_configuration(SHIPPED / "vaers"))
    replay(
        "vaers", [year], out=out, configurations=configurations, until_day=LAST_DAY,
        clock=time.monotonic,
    )  # fmt: skip
    found = RegisterReader(f"sqlite:///{out / 'register.db'}")
    yield found
    found.close()


def sampled(reader: RegisterReader) -> list[Finding]:
    findings = [one for one in reader.findings(Chosen()) if isinstance(one, Finding)]
    return random.Random(1999).sample(findings, N_SAMPLED)


def test_the_number_of_cases_is_the_count_of_the_finding(reader: RegisterReader) -> None:
    findings = sampled(reader)
    assert len({one.on for one in findings}) > 20
    assert {one.product.partition(":")[0] for one in findings} >= {"product", "lot", "programme"}

    differing = [
        one
        for one in findings
        if reader.cases.n_counted(one.product, one.event, one.epoch) != one.n_pair
    ]
    assert differing == []


def test_a_listing_agrees_with_its_finding_in_number_and_seriousness(
    reader: RegisterReader,
) -> None:
    naming = Naming(read_configuration(SHIPPED / "vaers"))
    for one in sampled(reader)[:60]:
        found = line_listing(reader.cases, Pair(one.product, one.event, naming), one.on)
        assert (
            found.n_cases,
            sum(case.is_serious for case in found.cases),
            sum(case.is_fatal for case in found.cases),
        ) == (one.n_pair, one.n_serious, one.n_fatal)
