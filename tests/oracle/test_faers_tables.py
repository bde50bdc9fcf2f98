"""Every count of pairs by substance and by product, beside the same counts in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.faers_quarter import write_quarter
from oracle.faers_tables import counts
from surveillance.configuration.at_hand import Configurations
from surveillance.configuration.reader import SHIPPED, read_configuration
from surveillance.configuration.types import Criteria
from surveillance.intake.inputs import Progress, lines_of
from surveillance.log.days import EndOfDay, RawMessage, messages_by_day
from surveillance.runs.in_process import Embedded
from surveillance.screening.counts import Counts
from surveillance.screening.screen import ScreenState

NUMBERS = ["n_pair", "n_product", "n_event", "n_total"]


def of_the_product(found: Counts) -> pd.DataFrame:
    """Return the pairs that stand, at the level of substance and of product."""
    places = (found.n_pair.values > 0).nonzero()[0]
    table = pd.DataFrame(
        {
            "product": [found.products.names[n] for n in found.pair_product.values[places]],
            "event": [found.events.names[n] for n in found.pair_event.values[places]],
            **dict(zip(NUMBERS, found.cells(places), strict=True)),
        }
    )
    is_level = table["product"].str.match("(substance|product):") & table["event"].str.match("pt:")
    is_combination = table["product"].str.match("substance:.* [+] ")  # which SQL does not name
    table = table[is_level & ~is_combination]
    table["product"] = table["product"].str.upper()
    table["event"] = table["event"].str.removeprefix("pt:").str.upper()
    return table


class Nowhere:
    """A sink that keeps nothing."""

    def tick(self, epoch: int, at: int, value: bytes) -> None:
        """Pass over a tick."""

    def closing(self, place: Any, closing: Any) -> None:  # noqa: ANN401
        """Pass over what was emitted."""


def counted(quarters: list[Path], spool: Path) -> Counts:
    """Send quarters through every stage, and return the counts at the end; nothing is tested."""
    shipped = read_configuration(SHIPPED / "faers")
    configuration = replace(shipped, criteria=Criteria(criterion=()))
    last: list[Counts] = []

    def keep(_place: Any, _closing: Any, state: Any) -> None:  # noqa: ANN401
        if isinstance(state, ScreenState):
            last[:] = [state.counts]

    run = Embedded(Configurations(configuration), Nowhere(), keep)
    lines = lines_of("faers", quarters, refuse=print, spool=spool, progress=Progress())
    for item in messages_by_day(lines, run.manifest):
        if isinstance(item, RawMessage):
            run.put(*item[:3])
        elif isinstance(item, EndOfDay):
            run.tick(item.at)
    return last[0]


@pytest.mark.slow
def test_every_count_by_substance_and_product_is_that_of_sql(tmp_path: Path) -> None:
    quarters = [tmp_path / f"faers_ascii_20{name}.zip" for name in ("23Q4", "24Q1", "24Q2")]
    for seed, path in enumerate(quarters, 1):  # the same numbers of cases: follow-ups abound
        write_quarter(path, 1_500, seed=seed, quarter=path.stem[-4:], first_version=3 * seed)

    found = of_the_product(counted(quarters, tmp_path / "spool"))
    expected = counts(quarters, tmp_path / "unpacked")

    keys = ["product", "event"]
    assert not found.duplicated(keys).any()
    both = expected.merge(found, on=keys, how="outer", suffixes=("", "_found"), indicator=True)
    assert both["_merge"].eq("both").all(), both[both["_merge"] != "both"].head(20).to_string()
    for name in NUMBERS:
        assert (both[name] == both[f"{name}_found"]).all(), name
    assert len(expected) > 10_000
    assert expected["n_total"].iloc[0] < 3 * 1_500
