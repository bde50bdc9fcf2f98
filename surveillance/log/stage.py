"""What a stage is, and what is kept of it between epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from surveillance.log.cells import Cells
from surveillance.log.messages import Output


class Stage(Protocol):
    """What a stage does. It holds no state and knows no clock, broker or disk."""

    name: str
    row_type: Any  # of the derived topic it reads; None on a raw topic

    # The state before the first item; large keyed parts of it live in `cells`.
    def init(self, cells: Cells) -> Any: ...

    # Take one item in: a `Record` of a raw topic, or a row of a derived one.
    def apply(self, state: Any, item: Any) -> None: ...

    # End an epoch, and return all that there is to say about it.
    def close(self, state: Any, epoch: int, at: int) -> Output: ...

    # To bytes and back, between epochs: what was said and what will be said are the same.
    def dump(self, state: Any) -> bytes: ...
    def load(self, data: bytes, cells: Cells) -> Any: ...


StageFor = Callable[[str], Stage]  # the stage under the configuration of that hash


class ReaderState:
    """What a stage keeps for one partition: stored and restored as one value."""

    def __init__(self, state: Any, cells: Cells, resume: int = 0, epoch: int = -1) -> None:
        self.state = state
        self.cells = cells
        self.resume = resume  # first offset that the state has not folded whole
        self.epoch = epoch  # last epoch closed
