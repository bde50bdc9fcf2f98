"""Where a run is written until it is whole, and how it takes the place of an earlier one.

A run is written in a folder inside its own directory, which one writer holds at a time, and
is moved to its place when nothing is missing from it. `run.json` lists its files, so that a
later run replaces those and nothing else: what a person put or changed there stays.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from surveillance.domain.allowed import with_allowed
from surveillance.domain.errors import Misused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

SUMMARY = "run.json"
UNFINISHED = "unfinished"  # the folder, and the status of what is in it
FINISHED = "finished"
_LOCK = "lock"
_N_BYTES_HASHED = 262_144  # of larger files the size is kept: nobody edits them
_WROTE = "give a directory that `longwatch replay` wrote"


class _OfAFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file as the run left it."""

    n_bytes: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None


class _Summary(msgspec.Struct):
    """What is asked of a `run.json` here; its other fields are for people."""

    status: Literal["unfinished", "finished"]
    written: dict[str, _OfAFile] | None = None


class Workplace:
    """A directory that one writer holds, to put a run in place there.

    Parameters
    ----------
    out : Path
        Where the run is to be: a directory that is not there, is empty, or holds an earlier
        run; a link to one is followed.

    Attributes
    ----------
    directory : Path
        Where to write it.

    Raises
    ------
    Misused
        If the directory holds something else, or another process writes there.
    """

    def __init__(self, out: Path) -> None:
        self.out = _followed(out)
        self._has_made_it = not self.out.exists()
        files_of_earlier_run(self.out)  # before anything is made in what may be another's
        self.directory = self.out / UNFINISHED
        self._lock = _hold(self.directory)
        try:
            if not (self.out / SUMMARY).exists():  # a run broke off as it was put in place
                for name in files_of_earlier_run(self.out):
                    (self.out / name).unlink()
            _clear(self.directory)
            write_summary(self.directory, {"status": UNFINISHED})
        except BaseException:  # an interrupt too: the lock would be held by nobody who writes
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and self._is_unfinished():
            with suppress(OSError):  # what ended the run is what its user must hear of
                _clear(self.directory)
                (self.directory / SUMMARY).unlink(missing_ok=True)
                self._give_up_folder()
                if self._has_made_it:
                    self.out.rmdir()
        os.close(self._lock)

    def _is_unfinished(self) -> bool:
        try:
            found = _summary(self.directory)
        except Misused:  # whatever broke off as it wrote that was not at its end
            return True
        return found is None or found.status != FINISHED

    def _give_up_folder(self) -> None:
        (self.directory / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):  # another writer has come, and its lock is in there
            self.directory.rmdir()

    def put_in_place(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Replace an earlier run by the one that was written.

        Parameters
        ----------
        summary : dict
            What `run.json` is to hold, beside the list of the files.

        Returns
        -------
        dict
            What it holds.

        Raises
        ------
        Misused
            If a person put or changed a file meanwhile where this run has one. The run stays
            where it was written, and is whole.
        """
        new = {name: _as_left(self.directory / name) for name in _files(self.directory)}
        whole = {**summary, "written": msgspec.to_builtins(new)}
        write_summary(self.directory, whole)
        try:
            old = files_of_earlier_run(self.out)
            self._refuse_in_the_way(new.keys() - old)
        except Misused as error:
            remedy = f"move it and replay again; the run is whole in {self.directory}"
            raise Misused(error.place, error.reason, remedy) from None
        self._move(sorted(new), sorted(old - new.keys()))
        for folder in {(self.out / name).parent for name in old} | set(_folders(self.directory)):
            with suppress(OSError):  # it holds files still, or is gone
                folder.rmdir()
        self._give_up_folder()
        return whole

    def _refuse_in_the_way(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if os.path.lexists(self.out / name):
                raise Misused(str(self.out / name), "was not written by a replay", "move it")

    def _move(self, new: list[str], outdated: list[str]) -> None:
        (self.out / SUMMARY).unlink(missing_ok=True)  # until it is there again, there is no run
        for name in outdated:
            (self.out / name).unlink()
        for name in new:
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / name).replace(self.out / name)
        (self.directory / SUMMARY).replace(self.out / SUMMARY)


def _followed(out: Path) -> Path:
    try:
        return out.resolve()
    except (OSError, RuntimeError) as error:
        reason = f"leads nowhere ({getattr(error, 'strerror', None) or error})"
        raise Misused(str(out), reason, "name a directory with --out") from None


def _hold(directory: Path) -> int:
    """Lock the folder against other writers; the lock ends with the process."""
    place = directory / _LOCK
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # its holder ended just now, and took it away
            lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
            if _is_locked(lock, place):
                os.ftruncate(lock, 0)
                os.write(lock, f"{os.getpid()}\n".encode())
                return lock


def _is_locked(lock: int, place: Path) -> bool:
    """Take the lock; return whether it is still that of the folder, and close it if not."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), place.stat()):
            return True
    except BlockingIOError:
        by = os.read(lock, 32).decode(errors="replace").strip()
        os.close(lock)
        raise Misused(
            str(place.parent.parent),
            f"is being written by another process ({by or 'which has just started'})",
            "wait for its end, or name another with --out",
        ) from None
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return False


def _clear(directory: Path) -> None:
    """Remove what a run that broke off left there."""
    for path in directory.iterdir():
        if path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def files_of_earlier_run(out: Path) -> set[str]:
    """Return the files that an earlier run left in a directory; others are not ours to remove.

    Raises
    ------
    Misused
        If the directory holds no run and is not empty, or a person changed a file of the run.
    """
    if not out.exists():
        return set()
    if not out.is_dir():
        raise Misused(str(out), "is a file", "name a directory with --out")
    unfinished = out / UNFINISHED
    if unfinished.exists() and not (unfinished / _LOCK).is_file():
        raise Misused(str(unfinished), "was not written by a replay", "move it")
    if all(path == unfinished for path in out.iterdir()):
        return set()
    # Where a run broke off as it was put in place, its list lies where it was written.
    summary = _summary(out) or _summary(unfinished)
    if summary is None or summary.status != FINISHED:
        raise Misused(str(out), "is not empty and holds no earlier run", "name another with --out")
    if summary.written is None:
        reason = "holds a run that does not list its files, so that they cannot be told from yours"
        raise Misused(str(out), reason, "remove it, or name another with --out")
    return {name for name, left in summary.written.items() if _is_ours(out, name, left)}


def _is_ours(out: Path, name: str, left: _OfAFile) -> bool:
    """Return whether a file of a run is still there, and within its directory."""
    path = out / name
    if not path.is_file() or not path.resolve().is_relative_to(out.resolve()):
        return False
    if _as_left(path) != left:
        reason = "was changed after the replay that wrote it"
        raise Misused(str(path), reason, "move it, or name another with --out")
    return True


def _files(directory: Path) -> list[str]:
    return [
        str(path.relative_to(directory))
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path not in {directory / _LOCK, directory / SUMMARY}
    ]


def _folders(directory: Path) -> list[Path]:
    return sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True)


def _as_left(path: Path) -> _OfAFile:
    n_bytes = path.stat().st_size
    if n_bytes > _N_BYTES_HASHED:
        return _OfAFile(n_bytes)
    return _OfAFile(n_bytes, hashlib.sha256(path.read_bytes()).hexdigest())


def _summary(directory: Path) -> _Summary | None:
    """Read `run.json`; None if there is none, `Misused` if it is not as a replay writes it."""
    place = directory / SUMMARY
    try:
        return msgspec.json.decode(place.read_bytes(), type=_Summary)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except msgspec.ValidationError as error:
        reason = f"is not as a replay writes it: {with_allowed(str(error), _Summary)}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = f"is not JSON: {error}"
    raise Misused(str(place), reason, "put it back as it was, or replay again into another --out")


def write_summary(directory: Path, summary: dict[str, Any]) -> None:
    """Write `run.json`; its status is `unfinished` until the run ends."""
    text = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    (directory / SUMMARY).write_bytes(text + b"\n")


def require_whole(directory: Path) -> None:
    """Refuse a directory that holds no run, or one that is not finished.

    Raises
    ------
    Misused
        With what is there instead.
    """
    if not directory.is_dir():
        raise Misused(str(directory), "is not a directory", _WROTE)
    summary = _summary(directory)
    if summary is not None and summary.status == FINISHED:
        return
    if (directory / UNFINISHED).is_dir() or (summary is not None and summary.status == UNFINISHED):
        reason = "holds an unfinished run: it is being written, or broke off"
        raise Misused(str(directory), reason, "wait for its end, or replay again")
    raise Misused(str(directory), f"holds no run ({SUMMARY} is not there)", _WROTE)
