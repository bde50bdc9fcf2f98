"""The Dockerfile as text: what a build and a run of it would rest on."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, arguments) with continued lines joined and comments dropped."""
    text = (ROOT / "deploy" / "container" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.partition(" ") for line in joined.splitlines()]
    return [(instruction, arguments) for instruction, _, arguments in pairs]


def last_stage() -> dict[str, str]:
    starts = [n for n, (instruction, _) in enumerate(instructions()) if instruction == "FROM"]
    return dict(instructions()[starts[-1] :])


def arguments_of(instruction: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == instruction]


def is_in_the_context(path: str) -> bool:
    """Whether .dockerignore lets the path through; its last matching line decides."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if line.startswith("#") or not line:
            continue
        if pattern == "*" or fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
            allowed = line.startswith("!")
    return allowed


def test_all_stages_have_one_base_of_a_fixed_version() -> None:
    bases = {arguments.split()[0] for arguments in arguments_of("FROM")}

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases.pop())


def test_the_image_runs_as_a_user_without_rights() -> None:
    user = last_stage()["USER"]

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)


def test_the_signal_to_stop_reaches_the_program_itself() -> None:
    assert last_stage()["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(last_stage()["ENTRYPOINT"]) == ["longwatch"]


@pytest.mark.each_of("arguments", lambda: arguments_of("RUN"), ids=lambda text: text[:40])
def test_no_step_of_the_build_goes_through_a_shell(arguments: str) -> None:
    assert all(isinstance(word, str) for word in json.loads(arguments))


def test_every_installation_is_of_locked_wheels_or_of_our_own() -> None:
    commands = [json.loads(arguments) for arguments in arguments_of("RUN")]
    pip = [command for command in commands if "pip" in command]

    assert len(pip) == 4
    for command in pip:
        locked = {"--require-hashes", "--only-binary", ":all:"} <= set(command)
        ours = "--no-deps" in command and {"--no-index", "--no-build-isolation"} & set(command)
        assert locked or ours, command


def test_what_the_build_copies_is_in_its_context() -> None:
    copied = [arguments.split()[:-1] for arguments in arguments_of("COPY") if "--" not in arguments]
    paths = [path for each in copied for path in each]

    assert paths
    assert [path for path in paths if not is_in_the_context(path)] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "path",
    [".git/config", ".env", "tests/servers.py", "configuration/products.toml", ".venv/bin/x"],
)
def test_what_the_image_has_no_use_for_is_kept_out_of_the_context(path: str) -> None:
    assert not is_in_the_context(path)
