"""A run takes its place as a whole, is held by one writer, and replaces only its own files."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from calling import ROOT, Answer, assert_refused_in_one_line, longwatch, longwatch_apart
from servers import refuse

from surveillance.domain.case import CaseVersion, Event, Product
from surveillance.domain.errors import Misused
from surveillance.register.process import RegisterProcess
from surveillance.runs.directory import RunDirectory
from surveillance.runs.workplace import UNFINISHED, Workplace, require_whole

READING = [
    ("findings", "--from-run"), ("priors", "--from-run"), ("signals", "--from-run"),
    ("ranking", "--from-run"), ("refused", "list", "--from-run"),
    ("series", "--product", "p", "--event", "e", "--from-run"),
    ("cases", "--product", "p", "--event", "e", "--from-run"), ("case", "A", "--from-run"),
    ("run", "export", "--what", "findings"), ("parity",),
]  # fmt: skip


def _cases(folder: Path, n: int) -> Path:
    file = folder / f"{n}-cases.ndjson"
    cases = (
        CaseVersion(
            case_id=f"C-{i}",
            source="vaers",
            version=1,
            kind="initial",
            received_on=date(1999, 1, 1) + timedelta(days=i // 20),
            products=(Product(role="suspect", product="AB"[i % 2]),),
            events=(Event(pt=("Pyrexia", "Rash")[i % 3 == 0]),),
        )
        for i in range(n)
    )
    file.write_bytes(b"".join(msgspec.json.encode(case) + b"\n" for case in cases))
    return file


def _held(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _replay(file: Path, out: Path) -> Answer:
    return longwatch("replay", "cases", file, "--out", out)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _cases(tmp_path_factory.mktemp("few"), 60)


@pytest.fixture(scope="module")
def replayed(few: Path) -> Path:
    assert _replay(few, few.parent / "run").code == 0
    return few.parent / "run"


@pytest.fixture
def finished(replayed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(replayed, tmp_path / "run")


def test_a_run_lists_its_files_and_leaves_nothing_else(finished: Path) -> None:
    summary = json.loads((finished / "run.json").read_bytes())

    held = _held(finished)
    assert {name: len(held[name]) for name in held if name != "run.json"} == {
        name: left["n_bytes"] for name, left in summary["written"].items()
    }
    assert not (finished / UNFINISHED).exists()


def test_a_later_run_replaces_its_own_files_and_keeps_those_of_people(
    finished: Path, tmp_path: Path
) -> None:
    (finished / "notes.txt").write_text("mine", encoding="utf-8")
    (finished / "topics" / "mine.txt").write_text("mine", encoding="utf-8")
    before = _held(finished)

    assert _replay(_cases(tmp_path, 80), finished).code == 0

    after = _held(finished)
    assert after["notes.txt"] == after["topics/mine.txt"] == b"mine"
    assert json.loads(after["run.json"])["n_lines"] == 80
    assert after["ticks.ndjson"] != before["ticks.ndjson"]


def test_files_of_the_earlier_run_that_the_later_one_lacks_are_removed(
    tmp_path: Path, few: Path
) -> None:
    out = tmp_path / "run"
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(few.read_bytes() + b"{}\n")
    assert longwatch("replay", "cases", bad, "--out", out).code == 3
    assert (out / "refused.ndjson").exists()

    assert _replay(few, out).code == 0
    assert not (out / "refused.ndjson").exists()


@pytest.mark.parametrize("name", ["configuration/criteria.toml", "ticks.ndjson"])
def test_a_file_of_a_run_that_a_person_changed_is_not_replaced(
    finished: Path, few: Path, name: str
) -> None:
    changed = (finished / name).read_bytes().replace(b"2", b"3")
    (finished / name).write_bytes(changed)
    before = _held(finished)

    assert_refused_in_one_line(_replay(few, finished), name, "was changed after the replay")
    assert _held(finished) == before


def test_a_list_that_leads_out_of_the_run_removes_nothing_there(
    finished: Path, few: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine", encoding="utf-8")
    summary = json.loads((finished / "run.json").read_bytes())
    summary["written"]["../outside.txt"] = {"n_bytes": 4}
    summary["written"][str(outside)] = {"n_bytes": 4}
    (finished / "run.json").write_text(json.dumps(summary), encoding="utf-8")

    assert _replay(few, finished).code == 0
    assert outside.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"status": "finished"}', b'{"written": 1}'])
def test_a_directory_whose_run_cannot_be_told_from_other_things_is_left_alone(
    tmp_path: Path, few: Path, content: bytes
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_bytes(content)
    (out / "feed.ndjson").write_bytes(b"mine")

    assert_refused_in_one_line(_replay(few, out), str(out))
    assert _held(out) == {"run.json": content, "feed.ndjson": b"mine"}


def test_what_a_person_put_in_the_way_meanwhile_stays_and_the_run_is_whole_beside_it(
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    with Workplace(out) as workplace:
        (workplace.directory / "feed.ndjson").write_bytes(b"ours")
        (out / "feed.ndjson").write_bytes(b"mine")
        (out / "run.json").write_bytes(b'{"status": "finished", "written": {}}')
        with pytest.raises(Misused, match="the run is whole in"):
            workplace.put_in_place({"status": "finished"})

    assert (out / "feed.ndjson").read_bytes() == b"mine"
    assert (out / UNFINISHED / "feed.ndjson").read_bytes() == b"ours"
    require_whole(out / UNFINISHED)


def test_a_run_that_broke_off_while_it_was_put_in_place_can_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    moved = Path.replace

    def breaking_off(self: Path, target: Path) -> Path:
        if self.name == "second":
            raise OSError(errno.EIO, "broke off", str(self))
        return moved(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaking_off)
        with Workplace(out) as workplace:
            (workplace.directory / "first").write_bytes(b"1")
            (workplace.directory / "second").write_bytes(b"2")
            with pytest.raises(OSError, match="broke off"):
                workplace.put_in_place({"status": "finished"})
    with pytest.raises(Misused, match="unfinished"):
        require_whole(out)

    with Workplace(out) as workplace:
        (workplace.directory / "second").write_bytes(b"3")
        workplace.put_in_place({"status": "finished"})
    assert _held(out).keys() == {"second", "run.json"}


def test_a_damaged_input_costs_neither_the_earlier_run_nor_an_empty_place(
    finished: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.ndjson.gz"
    damaged.write_bytes(b"\x1f\x8b\x08\x00damaged")
    before = _held(finished)

    assert_refused_in_one_line(_replay(damaged, finished), "damaged.ndjson.gz")
    assert _held(finished) == before
    assert_refused_in_one_line(_replay(damaged, tmp_path / "new"), "damaged.ndjson.gz")
    assert not (tmp_path / "new").exists()


def test_a_link_to_a_directory_is_followed_and_one_that_leads_nowhere_is_refused(
    finished: Path, few: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(finished)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")

    assert _replay(few, tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert _replay(few, tmp_path / "dangling").code == 0
    require_whole(tmp_path / "elsewhere")
    assert_refused_in_one_line(_replay(few, tmp_path / "loop"), "loop", "leads nowhere")


@pytest.mark.parametrize("command", READING, ids=" ".join)
@pytest.mark.parametrize("state", ["being written", "broken off", "of an earlier version", "none"])
def test_who_reads_a_run_that_is_not_whole_is_told_so(
    tmp_path: Path, command: tuple[str, ...], state: str
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    if state == "none":
        assert_refused_in_one_line(longwatch(*command, out), str(out), "holds no run")
        return
    with Workplace(out) as workplace:
        (workplace.directory / "register.db").write_bytes(b"")
        if state == "broken off":
            (out / "topics").mkdir()
        if state == "of an earlier version":
            (out / "run.json").write_bytes(b'{"status": "unfinished"}')
        assert_refused_in_one_line(longwatch(*command, out), str(out), "holds an unfinished run")
        inside = longwatch(*command, out / UNFINISHED)
        assert_refused_in_one_line(inside, UNFINISHED, "holds an unfinished run")


_DAMAGE: dict[str, dict[Any, str]] = {
    "status": {
        None: "missing required field 'status'",
        1: "got 'int' - at '$.status'",
        "Finished": "'Finished' is not allowed at '$.status': give one of finished, unfinished",
    },
    "written": {
        1: "got 'int' - at '$.written'",
        (): "got 'array' - at '$.written'",
        "a": "got 'str' - at '$.written'",
    },
    "n_bytes": {
        None: "missing required field 'n_bytes' - at '$.written[...]'",
        "7": "got 'str' - at '$.written[...].n_bytes'",
        -1: ">= 0 - at '$.written[...].n_bytes'",
    },
    "sha256": {
        7: "got 'int' - at '$.written[...].sha256'",
        "7": "'^[0-9a-f]{64}$' - at '$.written[...].sha256'",
    },
}


def _damage(run: Path, field: str, value: object) -> None:
    summary = json.loads((run / "run.json").read_bytes())
    holder = summary if field in summary else summary["written"]["ticks.ndjson"]
    holder[field] = value
    if value is None:
        del holder[field]
    (run / "run.json").write_text(json.dumps(summary), encoding="utf-8")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [(field, *each) for field, values in _DAMAGE.items() for each in values.items()],
)
def test_a_damaged_field_of_run_json_is_named_with_what_it_may_hold(
    finished: Path, few: Path, field: str, value: object, said: str
) -> None:
    _damage(finished, field, value)
    before = _held(finished)

    for answer in (longwatch("findings", "--from-run", finished), _replay(few, finished)):
        assert_refused_in_one_line(answer, str(finished / "run.json"), said, "put it back")
    assert _held(finished) == before


def test_a_run_is_whole_whatever_became_of_the_fields_that_are_for_people(finished: Path) -> None:
    for_people = json.loads((finished / "run.json").read_bytes()).keys() - {"status", "written"}
    assert len(for_people) > 15
    for field in sorted(for_people):
        _damage(finished, field, ["odd"])
        require_whole(finished)
        _damage(finished, field, None)
        require_whole(finished)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{\x00", b'{"status": "\xff"}', b"[]", b"finished"]
)
def test_a_run_json_that_is_no_object_of_json_is_said_to_be_so(
    finished: Path, content: bytes
) -> None:
    (finished / "run.json").write_bytes(content)

    answer = longwatch("findings", "--from-run", finished)
    assert_refused_in_one_line(answer, str(finished / "run.json"), "put it back as it was")
    assert "is not there" not in answer.err


def test_a_finished_run_can_be_read_while_its_successor_is_being_written(finished: Path) -> None:
    before = longwatch("findings", "--from-run", finished)
    with Workplace(finished):
        assert longwatch("findings", "--from-run", finished) == before
    assert longwatch("findings", "--from-run", finished) == before


def test_a_directory_has_one_writer(tmp_path: Path, few: Path) -> None:
    out = tmp_path / "run"
    with Workplace(out):
        answer = longwatch_apart("replay", "cases", few, "--out", out, cwd=tmp_path)

        assert_refused_in_one_line(answer, str(out), f"by another process ({os.getpid()})")
        assert (out / UNFINISHED / "run.json").exists()
    assert _replay(few, out).code == 0


@pytest.mark.slow
def test_of_two_replays_at_once_one_is_refused_and_the_other_is_whole(tmp_path: Path) -> None:
    out, sizes = tmp_path / "run", (600, 640)
    command = (sys.executable, "-m", "surveillance", "replay", "cases")
    both = [
        subprocess.Popen(
            [*command, _cases(tmp_path, n), "--out", out],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for n in sizes
    ]
    ended = [(one.communicate(timeout=300)[1], one.returncode) for one in both]

    codes = [code for _, code in ended]
    assert set(codes) <= {0, 2}
    assert 0 in codes
    if 2 in codes:  # else the one had ended before the other began
        refusal = ended[codes.index(2)][0]
        assert b"is being written by another process" in refusal
        assert json.loads((out / "run.json").read_bytes())["n_lines"] == sizes[codes.index(0)]
    require_whole(out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "line", "left"),
    [
        (signal.SIGKILL, -9, b"", "an unfinished run"),
        (signal.SIGTERM, 143, b"longwatch: terminated\n", "is not a directory"),
    ],
)
def test_a_replay_that_was_killed_is_reported_and_can_be_done_again(
    tmp_path: Path, how: signal.Signals, code: int, line: bytes, left: str
) -> None:
    out, many = tmp_path / "run", _cases(tmp_path, 20_000)
    command = (sys.executable, "-m", "surveillance", "replay", "cases", many, "--out", out)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as replay:
        until = time.monotonic() + 120
        while not (out / UNFINISHED / "register.db").exists() and time.monotonic() < until:
            time.sleep(0.05)
        replay.send_signal(how)
        assert (replay.communicate()[1], replay.returncode) == (line, code)

    assert_refused_in_one_line(longwatch("findings", "--from-run", out), left)
    assert _replay(_cases(tmp_path, 60), out).code == 0
    require_whole(out)


class _Full:
    """A file on a disk without space, which also says so as it is closed."""

    def __init__(self, *_: Any) -> None:  # noqa: ANN401 - as a file takes them
        pass

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.write(b"")


def test_a_full_disk_ends_the_replay_its_register_and_nothing_else(
    finished: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []
    began = RegisterProcess.__init__

    def noted(self: RegisterProcess, *arguments: Any) -> None:  # noqa: ANN401 - as it takes them
        began(self, *arguments)
        begun.append(self._process)

    def full(self: RunDirectory, _: str) -> Any:  # noqa: ANN401 - a file
        return self._stack.enter_context(_Full())

    monkeypatch.setattr(RegisterProcess, "__init__", noted)
    monkeypatch.setattr(RunDirectory, "_open", full)
    before = _held(finished)

    answer = _replay(few, finished)

    assert_refused_in_one_line(answer, "No space left on device", "free space")
    assert [process.is_alive() for process in begun] == [False]
    assert _held(finished) == before


_ON_A_SMALL_DISK = """
mount -t tmpfs -o size={kib}k tmpfs {place} || exit 99
{python} -m surveillance replay cases {cases} --out {place}/run
code=$?
ls {place}/run 2>/dev/null && exit 98
exit $code
"""


@pytest.mark.slow
@pytest.mark.parametrize("kib", [64, 256, 700])
def test_a_disk_that_fills_up_ends_a_replay_with_one_sentence(tmp_path: Path, kib: int) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    script = _ON_A_SMALL_DISK.format(
        kib=kib, place=place, python=sys.executable, cases=_cases(tmp_path, 8_000)
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        refuse("mounting a small disk needs user namespaces: allow unshare --user --mount")

    assert done.returncode == 2, (done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search("No space left on device|disk is full|room on the disk", done.stderr)
