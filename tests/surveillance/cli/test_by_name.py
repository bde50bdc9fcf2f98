from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from commands import commands

from surveillance.cli import app
from surveillance.cli.by_name import MODULES, commands_of


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_commands_that_it_is_loaded_for(module: str) -> None:
    assert tuple(commands_of(module)) == MODULES[module]


def test_every_command_is_found_by_its_name() -> None:
    group = typer.main.get_command(app)

    names = list(group.commands)  # type: ignore[attr-defined]

    assert names == [name for held in MODULES.values() for name in held]
    assert {one.split()[0] for one in commands()} == set(names)


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], ["numpy", "sqlalchemy", "surveillance.pipeline"]),
        (["load", "--help"], ["scipy", "sqlalchemy", "faust", "surveillance.pipeline"]),
        (
            ["findings", "--help"],
            ["scipy.optimize", "scipy.stats", "lxml"],
        ),
        (["replay", "--help"], ["scipy.optimize", "scipy.stats", "faust"]),
        (["matter", "--help"], ["litestar", "uvicorn", "jinja2"]),
        (["console", "--help"], ["litestar", "uvicorn", "jinja2", "faust"]),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: list[str], absent: list[str]) -> None:
    program = (
        "import sys\nfrom surveillance.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        f"sys.stderr.write(' '.join(one for one in {absent!r} if one in sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )

    assert done.stdout
    assert done.stderr == ""


def test_a_process_collects_seldom_and_a_call_leaves_its_caller_alone() -> None:
    program = (
        "import gc, sys\nfrom surveillance.cli import main\n"
        "def call(*given):\n"
        "    try: main(*given)\n"
        "    except SystemExit: pass\n"
        "    sys.stderr.write(f'{gc.get_threshold()[0]} ')\n"
        "sys.argv = ['longwatch', '--version']\n"
        "call(sys.argv[1:])\ncall()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )

    inside, alone = map(int, done.stderr.split())
    assert inside < 1_000
    assert alone > 10_000
