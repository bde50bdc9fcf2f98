"""R's part of the bench: `peer.R` in an R of its own, if there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from bench.apart import Unfinished

SCRIPT = Path(__file__).with_name("peer.R")
MOST_SAID = 70  # characters of an error, which stands in a table


def versions(seconds: float) -> dict[str, Any]:
    """Return the versions of R and openEBGM; None for what is not there."""
    if shutil.which("Rscript") is None:
        return {"R": None, "openEBGM": None}
    return run("versions", Path("-"), Path("-"), seconds=seconds)


def run(part: str, counts: Path, out: Path, *more: float, seconds: float) -> dict[str, Any]:
    """Run one part of the script on a file of counts.

    Raises
    ------
    Unfinished
        If there is no result in the time given.
    """
    if shutil.which("Rscript") is None:
        raise Unfinished("R is not installed")
    command = ["Rscript", "--vanilla", str(SCRIPT), part, str(counts), str(out), *map(repr, more)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False, text=True)
    except subprocess.TimeoutExpired:
        raise Unfinished(f"given up after {seconds:.0f} s") from None
    if done.returncode:
        raise Unfinished(f"failed: {_reason(done.stderr)}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _reason(errors: str) -> str:
    """Leave out which call failed, and advice."""
    error = re.sub(r"^.*?Error( in .*?)? ?: ", "", " ".join(errors.split()))
    return textwrap.shorten(error, MOST_SAID, placeholder=" ...")
