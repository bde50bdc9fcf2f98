"""One suite for every store: a save is whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec
import pytest

from surveillance.domain.errors import Misused
from surveillance.log.messages import Output
from surveillance.log.topics import GENERATION
from surveillance.stream import store as module
from surveillance.stream.store import MemoryStore, RocksStore, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from surveillance.log.cells import Cells

ROOT = Path(__file__).parents[3]
N_CELLS = 100
SOURCE = "revise/1"


class Counting:
    """A stage whose state is one number."""

    name = "counting"
    version = 1

    def init(self, cells: Cells) -> list[int]:  # noqa: ARG002 - the protocol
        return [0]

    def apply(self, state: list[int], item: int) -> None:
        state[0] += item

    def close(self, state: list[int], epoch: int, at: int) -> Output:  # noqa: ARG002 - as above
        return Output([], [])

    def dump(self, state: list[int]) -> bytes:
        return str(state[0]).encode()

    def load(self, data: bytes, cells: Cells) -> list[int]:  # noqa: ARG002 - as above
        return [int(data)]


def save(store: Store, number: int, *, source: str = SOURCE, n_cells: int = N_CELLS) -> None:
    """Store a number everywhere: in the state, the offset, the epoch and every cell."""
    held = store.open(source, Counting())
    held.state[0] = held.resume = held.epoch = number
    for key in range(n_cells):
        held.cells.set(b"%d" % key, b"%d" % number)
    store.save(source, held)


def read(store: Store, *, source: str = SOURCE) -> set[int]:
    """Return every number that is stored; one, if all that is stored belongs together."""
    held = store.open(source, Counting())
    cells = {held.cells.get(b"%d" % key) for key in range(N_CELLS)}
    return {held.state[0], held.resume, held.epoch, *(int(cell or -1) for cell in cells)}


@pytest.fixture(params=["memory", "rocks"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Return what opens the store again, as a worker that starts does."""
    if request.param == "memory":
        kept = MemoryStore()
        return lambda: kept
    opened: list[Store] = []

    def again() -> Store:
        for one in opened:
            one.close()
        opened[:] = [RocksStore(tmp_path / "store")]
        return opened[0]

    return again


def test_a_store_without_anything_gives_the_beginning(reopen: Callable[[], Store]) -> None:
    held = reopen().open(SOURCE, Counting())

    assert (held.state, held.resume, held.epoch) == ([0], 0, -1)
    assert held.cells.get(b"0") is None


def test_what_is_saved_is_there_when_the_store_is_opened_again(
    reopen: Callable[[], Store],
) -> None:
    save(reopen(), 7)

    assert read(reopen()) == {7}


def test_a_later_save_replaces_an_earlier_one_whole(reopen: Callable[[], Store]) -> None:
    save(reopen(), 7)
    save(reopen(), 8)

    assert read(reopen()) == {8}


def test_cells_that_did_not_change_stay(reopen: Callable[[], Store]) -> None:
    save(reopen(), 7)
    save(reopen(), 8, n_cells=1)

    held = reopen().open(SOURCE, Counting())
    assert held.cells.get(b"0") == b"8"
    assert held.cells.get(b"1") == b"7"


def test_cells_are_read_through_to_the_store_after_a_save(reopen: Callable[[], Store]) -> None:
    store = reopen()
    held = store.open(SOURCE, Counting())
    held.cells.set(b"A", b"1")
    store.save(SOURCE, held)

    assert held.cells.changed == {}
    assert held.cells.get(b"A") == b"1"


def test_cells_of_a_reader_that_was_thrown_away_are_not_kept(reopen: Callable[[], Store]) -> None:
    store = reopen()
    save(store, 7)
    thrown_away = store.open(SOURCE, Counting())
    thrown_away.cells.set(b"0", b"8")
    thrown_away.cells.set(b"new", b"8")
    thrown_away.state[0] = thrown_away.resume = 8

    held = store.open(SOURCE, Counting())
    store.save(SOURCE, held)

    assert read(reopen()) == {7}
    assert reopen().open(SOURCE, Counting()).cells.get(b"new") is None


def test_sources_do_not_see_each_other(reopen: Callable[[], Store]) -> None:
    store = reopen()
    save(store, 7, source="revise/1")
    save(store, 8, source="revise/10")

    assert read(store, source="revise/1") == {7}
    assert read(store, source="revise/10") == {8}
    assert store.open("revise/2", Counting()).epoch == -1


# States that another version of the program kept


class Renumbered(Counting):
    """The same stage in a later version, whose state has another form."""

    version = 2

    def load(self, data: bytes, cells: Cells) -> list[int]:
        assert data.startswith(b"number "), "a state of the version before"
        return super().load(data.removeprefix(b"number "), cells)

    def dump(self, state: list[int]) -> bytes:
        return b"number " + super().dump(state)


class Careless(Counting):
    """A later form of the stage under the version of the one before."""

    def load(self, data: bytes, cells: Cells) -> list[int]:
        first, _second = data.split(b" ")  # not enough values to unpack
        return super().load(first, cells)

    def dump(self, state: list[int]) -> bytes:
        return b"%d again" % state[0]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep what a store prints."""
    found: list[str] = []
    monkeypatch.setattr(module, "write_error", found.append)
    return found


@pytest.mark.parametrize("later", [Renumbered(), Careless()], ids=["version", "unreadable"])
def test_a_state_of_another_version_is_left_aside_and_begun_anew_with_one_line(
    reopen: Callable[[], Store], lines: list[str], later: Counting
) -> None:
    save(reopen(), 7)
    store = reopen()

    held = store.open(SOURCE, later)

    assert (held.state, held.resume, held.epoch) == ([0], 0, -1)
    assert held.cells.get(b"0") is None, "a cell of the state before"
    assert len(lines) == 1
    assert lines[0].startswith(f"longwatch: the state of {SOURCE} ")
    assert lines[0].endswith("left aside, and rebuilt from the log\n")


@pytest.mark.parametrize("later", [Renumbered(), Careless()], ids=["version", "unreadable"])
def test_a_state_that_was_rebuilt_is_kept_and_read_without_a_word(
    reopen: Callable[[], Store], lines: list[str], later: Counting
) -> None:
    save(reopen(), 7)
    store = reopen()
    held = store.open(SOURCE, later)
    held.state[0] = held.resume = held.epoch = 9
    store.save(SOURCE, held)
    lines.clear()

    again = reopen().open(SOURCE, later)

    assert (again.state, again.resume, again.epoch) == ([9], 9, 9)
    assert lines == []


def test_a_program_that_is_taken_back_goes_on_from_what_it_had_kept(
    reopen: Callable[[], Store], lines: list[str]
) -> None:
    save(reopen(), 7)
    store = reopen()
    held = store.open(SOURCE, Renumbered())
    held.state[0] = held.resume = held.epoch = 9
    store.save(SOURCE, held)
    lines.clear()

    assert read(reopen()) == {7}
    assert lines == []


def test_a_store_that_is_new_prints_nothing(reopen: Callable[[], Store], lines: list[str]) -> None:
    save(reopen(), 7, source="revise/10")
    reopen().open("revise/1", Counting())

    assert lines == []


def test_memory_that_runs_out_is_no_other_form(
    reopen: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(reopen(), 7)
    stage = Counting()

    def no_memory(*_: object) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(stage, "load", no_memory)
    with pytest.raises(MemoryError):
        reopen().open(SOURCE, stage)

    assert read(reopen()) == {7}


# What only a disk can do


def test_a_store_of_the_form_before_versions_is_left_aside(
    tmp_path: Path, lines: list[str]
) -> None:
    store = RocksStore(tmp_path)
    before = f"g{GENERATION}//h/{SOURCE}".encode()
    store._db[before] = msgspec.msgpack.encode((7, 7, b"7"))

    held = store.open(SOURCE, Counting())

    assert held.epoch == -1
    assert len(lines) == 1
    assert store._db[before] == msgspec.msgpack.encode((7, 7, b"7")), "it was to be kept"
    store.close()


@pytest.mark.parametrize("value", [b"", b"\xff", b"\x93\x07", msgspec.msgpack.encode("text")])
def test_a_value_that_is_no_state_at_all_is_left_aside(
    tmp_path: Path, lines: list[str], value: bytes
) -> None:
    store = RocksStore(tmp_path)
    save(store, 7)
    (slot,) = store.slots_of(SOURCE)
    store._db[store._key(b"h", slot)] = value
    store.close()
    store = RocksStore(tmp_path)

    assert store.open(SOURCE, Counting()).epoch == -1
    assert len(lines) == 1
    assert store._db[store._key(b"h", slot)] == value
    store.close()


def test_a_state_of_another_namespace_is_not_read(tmp_path: Path) -> None:
    store = RocksStore(tmp_path, namespace="4x2")
    save(store, 7)
    store.close()

    other = RocksStore(tmp_path, namespace="8x2")

    held = other.open(SOURCE, Counting())
    assert (held.epoch, held.cells.get(b"0")) == (-1, None)
    other.close()


def test_a_state_of_another_generation_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RocksStore(tmp_path)
    save(store, 7)
    store.close()
    monkeypatch.setattr(module, "GENERATION", GENERATION + 1)

    other = RocksStore(tmp_path)

    held = other.open(SOURCE, Counting())
    assert (held.epoch, held.cells.get(b"0")) == (-1, None)
    other.close()


def test_a_directory_in_use_is_refused_by_its_name(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)

    with pytest.raises(Misused, match="in use by another worker") as caught:
        RocksStore(tmp_path)

    assert str(tmp_path) in str(caught.value)
    store.close()


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*"])
def test_a_corrupt_directory_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    store = RocksStore(tmp_path)
    save(store, 7)
    store.close()
    for path in tmp_path.glob(name):
        path.write_bytes(b"not what was written")

    with pytest.raises(Misused, match="rebuilt from the log") as caught:
        RocksStore(tmp_path)

    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.77, 0.99])
def test_a_log_that_lost_its_end_gives_an_earlier_state_that_is_whole(
    tmp_path: Path, share: float
) -> None:
    run(tmp_path, "12")
    largest = max(tmp_path.glob("*.log"), key=lambda path: path.stat().st_size)
    os.truncate(largest, int(share * largest.stat().st_size))

    store = RocksStore(tmp_path)

    numbers = read(store) if share else {-1}
    assert len(numbers) == 1 or numbers == {0, -1}
    assert max(numbers) < 12
    store.close()


# Processes that are killed. Run as a program, this file saves 1, 2, 3 … up to a number and
# then kills itself; with "between", it does so between the drain and the write of the last.


def run(directory: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, __file__, str(directory), *arguments], check=False)
    assert done.returncode == -signal.SIGKILL


def start(directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(directory), "1000000000"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_process_killed_between_drain_and_write_leaves_the_save_before(tmp_path: Path) -> None:
    run(tmp_path, "5", "between")

    store = RocksStore(tmp_path)

    assert read(store) == {4}
    store.close()


def test_a_process_killed_in_the_middle_of_many_saves_leaves_one_that_is_whole(
    tmp_path: Path,
) -> None:
    for n_lines in (3, 40, 111):
        process = start(tmp_path)
        assert process.stdout is not None
        saved = [int(process.stdout.readline()) for _ in range(n_lines)][-1]
        process.kill()
        process.wait()
        process.stdout.close()

        store = RocksStore(tmp_path)

        (number,) = read(store)
        assert number >= saved, "a save that had returned is gone"
        store.close()


def test_a_save_is_one_write_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RocksStore(tmp_path)
    database = _Watched(store._db)
    monkeypatch.setattr(store, "_db", database)

    save(store, 7)

    assert database.n_writes == 1
    store.close()


class _Watched:
    """Counts what is written to a database, in whatever way."""

    def __init__(self, database: Any) -> None:  # noqa: ANN401 - rocksdict has no types
        self._database = database
        self.n_writes = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        self.n_writes += name in {"write", "put", "delete"}
        return getattr(self._database, name)


def main(directory: Path, last: int, *, is_between: bool) -> None:
    store = RocksStore(directory)
    first = store.open(SOURCE, Counting()).state[0] + 1
    for number in range(first, last + 1):
        if is_between and number == last:
            store._db = cast("Any", _Dying())
        save(store, number)
        print(number, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


class _Dying:
    """Has nothing stored, and takes its process with it when it is to store something."""

    def get(self, key: bytes) -> None:
        """Find nothing."""

    def keys(self, **_: object) -> list[bytes]:
        """Find nothing."""
        return []

    def write(self, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), is_between="between" in sys.argv)
