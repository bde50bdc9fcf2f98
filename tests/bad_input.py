"""Lines and files that the tests of bad input share."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

DAY = date(2024, 1, 2)


def a_line(case_id: str = "BAD", **changed: object) -> bytes:
    return json.dumps(
        {
            "case_id": case_id,
            "source": "simulated",
            "version": 1,
            "kind": "initial",
            "received_on": str(DAY),
            "products": [{"role": "suspect", "product": "P"}],
            "events": [{"pt": "Pyrexia"}],
            **changed,
        }
    ).encode()


def written(folder: Path, *lines: bytes, name: str = "cases.ndjson") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def summary_of(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((path / "run.json").read_bytes())
    return summary


GOOD = [a_line(f"G-{n}") for n in (1, 2, 3)]
