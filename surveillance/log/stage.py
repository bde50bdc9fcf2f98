"""What a stage is, and what is kept of it between epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

from surveillance.log.cells import Cells, nothing_stored
from surveillance.log.messages import Output

State = TypeVar("State")
Row = TypeVar("Row")
Row_contra = TypeVar("Row_contra", contravariant=True)


class Stage(Protocol[State, Row_contra]):
    """A pure fold. It holds no state and knows no clock, broker or disk.

    A stage is typed by its state and by what it takes in: a `Record` of a raw topic, or a row
    of a derived one.
    """

    @property
    def name(self) -> str:
        """The first part of the source that its output names, as in ``revise/3``."""

    @property
    def version(self) -> int:
        """Of what it keeps: a state that another version dumped is rebuilt from the log.

        Add one whenever `dump` or the cells take another form, or mean another thing.
        """

    def init(self, cells: Cells) -> State:
        """Return the state before the first item; large keyed parts of it live in `cells`."""

    def apply(self, state: State, item: Row_contra) -> None:
        """Take one item in. Nothing is emitted before `close`."""

    def close(self, state: State, epoch: int, at: int) -> Output:
        """End an epoch, and return all that the stage emits about it."""

    def dump(self, state: State) -> bytes:
        """Return the state between two epochs as bytes, without its cells."""

    def load(self, data: bytes, cells: Cells) -> State:
        """Restore a state: what it emits from here on is what the dumped one would have."""


StageFor: TypeAlias = Callable[[str], Stage[State, Row]]  # under the configuration of that hash


class ReaderState(Generic[State]):
    """What a stage keeps for one partition: stored and restored as one value.

    Parameters
    ----------
    state : State
        The state, without its cells.
    cells : Cells
        The keyed part of the state.
    dump : callable
        The stage's own `dump`.
    resume : int
        First offset that the state has not folded whole.
    epoch : int
        Last epoch closed; -1 before the first.
    """

    def __init__(
        self,
        state: State,
        cells: Cells,
        dump: Callable[[State], bytes],
        resume: int = 0,
        epoch: int = -1,
    ) -> None:
        self.state = state
        self.cells = cells
        self.resume = resume
        self.epoch = epoch
        self._dump = dump

    def dump(self) -> bytes:
        """Return the state between two epochs as bytes, without its cells."""
        return self._dump(self.state)


class Opener(Protocol):
    """Gives what is kept for a source, or the beginning."""

    def __call__(self, source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
        """Return what is kept for `source`."""


def beginning(source: str, stage: Stage[State, Row], /) -> ReaderState[State]:
    """Open a stage where nothing is kept: a run from the start of the log."""
    del source
    cells = Cells(nothing_stored)
    return ReaderState(stage.init(cells), cells, stage.dump)
