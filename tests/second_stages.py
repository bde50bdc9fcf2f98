"""A second stage on a raw topic, and one on a derived topic, beside those of the pipeline.

What they emit moves no signal: rows of a kind that triage passes over. `add` is called by
tests, and in the process of a worker before its command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from surveillance.domain.contribution import Exposure
from surveillance.domain.finding import PriorFitted
from surveillance.log.lines import day_of
from surveillance.log.messages import Output, Record, rows_decoder
from surveillance.log.topics import CASES, CONTRIBUTIONS, FINDINGS, ContributionsRow
from surveillance.pipeline import STAGES, DerivedStage, RawStage, Wired

if TYPE_CHECKING:
    from surveillance.log.cells import Cells
    from surveillance.log.readers import RowsOf

BESIDE = ("tally", "echo")


class Tally:
    """Counts what it is given, and emits the count."""

    version = 1

    def __init__(self, name: str, partition: int) -> None:
        self.name, self._partition = name, partition

    def init(self, cells: Cells) -> list[int]:  # noqa: ARG002 - the protocol
        return [0]

    def apply(self, state: list[int], item: Any) -> None:  # noqa: ANN401 - whatever it is given
        state[0] += len(item.value) if isinstance(item, Record) else _size(item)

    def close(self, state: list[int], epoch: int, at: int) -> Output:
        row = PriorFitted(
            version=f"{self.name}/{self._partition} {epoch}", on=day_of(at), epoch=epoch,
            level=self.name, likelihood="none", n_pairs=state[0],
        )  # fmt: skip
        return Output([row], [])

    def dump(self, state: list[int]) -> bytes:
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes, cells: Cells) -> list[int]:  # noqa: ARG002 - the protocol
        return msgspec.msgpack.decode(data, type=list[int])


def _size(item: ContributionsRow) -> int:
    return len(item.spans) if isinstance(item, Exposure) else abs(item.weight)


def _wired() -> tuple[Wired, ...]:
    rows_of: RowsOf[ContributionsRow] = rows_decoder(ContributionsRow)
    tally: RawStage[list[int]] = RawStage("tally", CASES, FINDINGS, lambda _, p: Tally("tally", p))
    echo: DerivedStage[list[int], ContributionsRow] = DerivedStage(
        "echo", CONTRIBUTIONS, FINDINGS, lambda _, p: Tally("echo", p), rows_of
    )
    return tally, echo


def add() -> None:
    """Add both to the pipeline, for good."""
    STAGES.update({stage.name: stage for stage in _wired()})


def remove() -> None:
    """Take both out again."""
    for name in BESIDE:
        STAGES.pop(name, None)
