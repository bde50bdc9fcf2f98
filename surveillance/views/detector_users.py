"""Which parts of the product use each detector."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

NOBODY = "none"

ROLES = MappingProxyType(
    {
        "surveillance.screening.rules": "criterion {}",
        "surveillance.screening.prior": "feature prior",
        "surveillance.screening.measures": "feature measures",
        "surveillance.programmes": "watch",
        "surveillance.triage": "feature {}",
        "surveillance.views": "page {}",
    }
)  # what modules are to a reader; whatever else needs a detector gets it through one of these


def detector_users() -> dict[str, tuple[str, ...]]:
    """Find who uses each detector, in the source of the installed packages.

    Returns
    -------
    dict of str to tuple of str
        For each name in the catalogue the criteria, watches, features and pages that use it,
        directly or through other modules.
    """
    from detectors.catalogue import CATALOGUE, users  # noqa: PLC0415 - all of it, and rarely asked

    return users(CATALOGUE, sources(), ROLES)


def sources() -> dict[str, str]:
    """Read the source text of every module.

    Returns
    -------
    dict of str to str
        Text by the module's full name.
    """
    found: dict[str, str] = {}
    for package in ("detectors", "surveillance"):
        _read(package, files(package), found)
    return found


def _read(package: str, folder: Traversable, found: dict[str, str]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _read(f"{package}.{entry.name}", entry, found)
        elif entry.name.endswith(".py"):
            stem = entry.name.removesuffix(".py")
            name = package if stem == "__init__" else f"{package}.{stem}"
            found[name] = entry.read_text(encoding="utf-8")
