"""Acknowledge E2B(R3) batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli import clock
from surveillance.cli.inputs import REFUSED_IN_PART
from surveillance.cli.screen import print_errors, print_lines
from surveillance.domain.errors import Misused
from surveillance.intake.e2b_ack import Acknowledged, Numbered, acknowledged, written
from surveillance.intake.registry import FORMATS, paths


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ack")(ack)


def ack(
    names: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="E2B(R3) batches: files, zips, folders.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Takes one *.ack for each batch.")
    ],
) -> int:
    """Write an acknowledgement of each E2B(R3) batch: AA, AE or AR; CA or CR for each message.

    A message is rejected if it cannot be read, or breaks a rule of rejection that FDA publishes
    and a message can show; those rules are applied to batches sent to ZZFDA.
    """
    found = paths(names, FORMATS["e2b"])
    out.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    unreadable: list[Misused] = []
    for path in found:
        try:
            batches = list(acknowledged(path, today=clock.today()))
        except Misused as error:  # there is nobody to answer to
            unreadable.append(error)
            if len(unreadable) == len(found):
                raise
            continue
        for shown, batch in batches:
            _write(out, shown, batch)
            counts[batch.code] += 1
            counts.update(each.code for each in batch.verdicts)
    return _summed_up(counts, unreadable, out)


def _summed_up(counts: Counter[str], unreadable: list[Misused], out: Path) -> int:
    batches = ", ".join(f"{counts[code]:,} {code}" for code in ("AA", "AE", "AR"))
    print_lines(
        f"{batches}; {counts['CA']:,} messages accepted (CA), {counts['CR']:,} rejected (CR)"
    )
    for error in unreadable:
        print_errors(f"longwatch: not answered: {error}")
    if counts["AE"] or counts["AR"]:
        print_errors(f"longwatch: some were rejected; the reasons stand in {out}")
    return REFUSED_IN_PART if counts["AE"] or counts["AR"] or unreadable else 0


def _write(out: Path, shown: str, batch: Acknowledged) -> None:
    name = shown.replace("/", "-").replace("\\", "-").lstrip(".")
    path = out / f"{name}.ack"
    if path.exists():
        raise Misused(str(path), "is there already", "name an empty folder")
    at = clock.now()
    digest = hashlib.sha256(shown.encode()).hexdigest()[:8]
    numbered = Numbered(f"{at:%Y%m%d%H%M%S%f}-{digest}", at)
    path.write_text(written(batch, numbered), encoding="utf-8")
