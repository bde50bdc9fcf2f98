"""The formats that can be read, by name. To add one: a module, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surveillance.domain.errors import Misused
from surveillance.intake.caers import CAERS
from surveillance.intake.e2b_r2 import E2B_R2
from surveillance.intake.e2b_r3 import E2B_R3
from surveillance.intake.faers import FAERS
from surveillance.intake.maude import MAUDE
from surveillance.intake.ndjson import CASES, DECISIONS
from surveillance.intake.openfda import OPENFDA
from surveillance.intake.outcome_sheets import Outcomes
from surveillance.intake.vaers import VAERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from surveillance.intake.format import Format

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (CASES, Outcomes(), DECISIONS, VAERS, FAERS, E2B_R3, E2B_R2, OPENFDA, MAUDE, CAERS)
}


def paths(names: Sequence[Path], format: Format) -> list[Path]:  # noqa: A002 - the contract's word
    """Return the files to read, in order.

    Parameters
    ----------
    names : sequence of Path
        Files, zip files and folders, as a command gave them.
    format : Format
        Their format.

    Returns
    -------
    list of Path
        The files in the order named, with each folder replaced by the files in it that the
        format can read, sorted; each once.

    Raises
    ------
    Misused
        If nothing is named, a name does not exist, or a folder holds nothing to read.
    """
    if not names:
        raise Misused("PATH", "nothing is named", "name a file, a zip file or a folder")
    found: dict[Path, Path] = {}
    for name in names:
        for path in _at(name, format):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _at(name: Path, format_: Format) -> list[Path]:
    if not name.exists():
        raise Misused(str(name), "does not exist", "name a file, a zip file or a folder that does")
    if not name.is_dir():
        return [name]
    within = format_.within(name)
    if not within:
        raise Misused(
            str(name),
            f"holds nothing that {format_.name} reads",
            f"name a folder with {format_.reads}",
        )
    return within
